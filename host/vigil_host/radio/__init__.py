"""A radio without hardware: virtual air, MicroPython's `bluetooth` at one end of it, bleak at the other."""
