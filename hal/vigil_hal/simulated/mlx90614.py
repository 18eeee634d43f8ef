"""An MLX90614 at the level of its RAM and EEPROM, fed by a signal source. What it looks at is the source's temperature.

It is only read: no sleep, no writing of the EEPROM, one zone.
"""

from vigil_hal.simulated.temperature_conversions import TemperatureConversions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, SignalSource, WritableBuffer

_AMBIENT = 0x06
_OBJECT = 0x07
_EMISSIVITY = 0x24
_SMBUS_ADDRESS = 0x2E
_CYCLE_US = 250_000
_AMBIENT_RAW = (2500 + 27315) // 2
_ERROR_FLAG = 0x8000


class SimulatedMlx90614:
    """One part; `start_us`: as in TemperatureConversions.

    `bad_pecs`: so many words to come have a wrong PEC. `has_error`: it says that its readings are in error.
    `cells`: its EEPROM, by command. `conversions.is_frozen`: it converts no more, and does not say so.
    """

    def __init__(
        self,
        source: "SignalSource",
        clock_ms: "Callable[[], int]",
        *,
        address: int = 0x5A,
        start_us: "int | None" = None,
    ) -> None:
        self.address = address
        self.bad_pecs = 0
        self.has_error = False
        self.cells = {_EMISSIVITY: 0xFFFF, _SMBUS_ADDRESS: 0xBE00 | address}
        self.conversions = TemperatureConversions(source, clock_ms, _CYCLE_US, start_us)
        self._command = 0
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: no reading, until it has converted anew."""
        self._object = 0
        self.conversions.start()

    def select(self, register: int) -> None:
        """Set the command."""
        self._command = register

    def write(self, data: "ReadableBuffer") -> None:
        """Ignore it, as what comes without a PEC."""

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer with a word, least significant byte first, its PEC, and nothing more."""
        word = self._load()
        said = bytearray((self.address << 1, self._command, self.address << 1 | 1, word & 0xFF, word >> 8))
        said.append(pec_of(said))
        if self.bad_pecs:
            self.bad_pecs -= 1
            said[5] ^= 0x10
        for i in range(len(buffer)):
            buffer[i] = said[3 + i] if i < 3 else 0xFF

    def _load(self) -> int:
        centi_c = self.conversions.newest_centi_c()
        if centi_c is not None:
            self._object = (centi_c + 27315 + 1) // 2
        error = _ERROR_FLAG if self.has_error else 0
        if self._command == _OBJECT:
            return self._object | error
        if self._command == _AMBIENT:
            return _AMBIENT_RAW | error
        return self.cells.get(self._command, 0)


def pec_of(data: "ReadableBuffer") -> int:
    """Return the remainder of the bytes, followed by eight zeros, divided by x^8 + x^2 + x + 1."""
    value = 0
    for byte in data:
        for bit in range(7, -1, -1):
            out = value >> 7 ^ byte >> bit & 1
            value = value << 1 & 0xFF
            if out:
                value ^= 0x07
    return value
