"""What Linux offers of the seams in `vigil_hal.seams`, and MicroPython does not need: I2C and GPIO of this computer."""
