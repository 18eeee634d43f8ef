"""Faults of a sensor, each with one line that says what happened, where, and what to do."""

_ETIMEDOUT = 110
_NEWLIB_ETIMEDOUT = 116  # newlib's number, which some ports raise


class SensorFault(Exception):
    """A sensor cannot be used as it should. `str()` is fit for a log or a serial port."""


class NotAnswering(SensorFault):
    """Nobody acknowledges at the address, or the bus is stuck."""


class WrongPart(SensorFault):
    """Something else answers at the address."""


class ConfigRefused(SensorFault):
    """The part did not take its configuration."""


def not_answering(part: str, address: int, error: OSError) -> NotAnswering:
    """Return the fault that an error of the bus means for a part."""
    where = f"{part} at 0x{address:02X}"
    if error.errno in (_ETIMEDOUT, _NEWLIB_ETIMEDOUT):
        return NotAnswering(f"{where}: the I2C bus is stuck (timed out); check SDA and SCL for a short")
    return NotAnswering(f"{where} does not answer (errno {error.errno}); check its power and wiring")


def lost_configuration(part: str, address: int) -> ConfigRefused:
    """Return the fault of a part whose configuration is not what it was set to."""
    return ConfigRefused(f"{part} at 0x{address:02X} lost its configuration: its supply failed; check its wiring")
