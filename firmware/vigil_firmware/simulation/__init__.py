"""A device of simulated parts, for replay, demo and tests, on CPython and in the MicroPython VM; not for boards."""
