"""What is said over the air and kept in the journal: byte formats shared by the device and its host.

Everything here runs unchanged on CPython and MicroPython, in integers, and imports nothing else of Vigil's.
"""
