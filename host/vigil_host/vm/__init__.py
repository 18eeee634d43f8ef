"""Runs the firmware on MicroPython inside this machine."""
