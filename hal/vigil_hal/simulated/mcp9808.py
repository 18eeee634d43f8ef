"""An MCP9808 at register level, fed by a signal source. No alert pin, no locks."""

from vigil_hal.simulated.temperature_conversions import TemperatureConversions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, SignalSource, WritableBuffer

_CONFIG = 1
_UPPER, _LOWER, _CRITICAL = 2, 3, 4
_TEMPERATURE = 5
_MAKER = 6
_DEVICE = 7
_RESOLUTION = 8
_SHUTDOWN = 0x0100
_WRITABLE = 0x07FF
_CYCLES_US = (30_000, 65_000, 130_000, 250_000)  # by resolution


class SimulatedMcp9808:
    """One part; `start_us`: as in TemperatureConversions.

    `conversions.is_frozen`: it converts no more, and does not say so.
    """

    def __init__(
        self,
        source: "SignalSource",
        clock_ms: "Callable[[], int]",
        *,
        address: int = 0x18,
        maker_id: int = 0x0054,
        device_id: int = 0x0400,
        start_us: "int | None" = None,
    ) -> None:
        self.address = address
        self.maker_id = maker_id
        self.device_id = device_id
        self.conversions = TemperatureConversions(source, clock_ms, _CYCLES_US[3], start_us)
        self._pointer = 0
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: power-on values, and conversion begins anew."""
        self._words = [0, 0, 0, 0, 0, 0, self.maker_id, self.device_id]
        self._resolution = 3
        self.conversions.cycle_us = _CYCLES_US[3]
        self.conversions.start()

    def select(self, register: int) -> None:
        """Set the register pointer."""
        self._pointer = register & 0x0F

    def write(self, data: "ReadableBuffer") -> None:
        """Store a word, most significant byte first, or the resolution, which is one byte."""
        self._catch_up()
        if self._pointer == _RESOLUTION and len(data):
            self._resolution = data[0] & 3
            self.conversions.cycle_us = _CYCLES_US[self._resolution]
        elif len(data) < 2:
            return
        elif self._pointer == _CONFIG:
            self._set_config((data[0] << 8 | data[1]) & _WRITABLE)
        elif _UPPER <= self._pointer <= _CRITICAL:
            self._words[self._pointer] = (data[0] << 8 | data[1]) & 0x1FFC

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer with the selected register, repeated."""
        self._catch_up()
        if self._pointer == _RESOLUTION:
            word = self._resolution << 8 | self._resolution
        else:
            word = self._words[self._pointer] if self._pointer < len(self._words) else 0
        for i in range(len(buffer)):
            buffer[i] = word & 0xFF if i & 1 else word >> 8

    def _set_config(self, value: int) -> None:
        is_off = bool(self._words[_CONFIG] & _SHUTDOWN)
        self._words[_CONFIG] = value
        if value & _SHUTDOWN:
            self.conversions.stop()
        elif is_off:
            self.conversions.start()

    def _catch_up(self) -> None:
        centi_c = self.conversions.newest_centi_c()
        if centi_c is None:
            return
        sixteenths = (centi_c * 4 + 12) // 25 & ~((1 << 3 - self._resolution) - 1)
        flags = 0
        if sixteenths >= _signed(self._words[_CRITICAL]):
            flags |= 0x8000
        if sixteenths > _signed(self._words[_UPPER]):
            flags |= 0x4000
        if sixteenths < _signed(self._words[_LOWER]):
            flags |= 0x2000
        self._words[_TEMPERATURE] = flags | sixteenths & 0x1FFF


def _signed(sixteenths: int) -> int:
    return sixteenths - 0x2000 if sixteenths & 0x1000 else sixteenths
