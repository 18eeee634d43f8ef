"""Simulated parts: a bus, sensors at register level, a flash chip, and the signals that the sensors feel."""
