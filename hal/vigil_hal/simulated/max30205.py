"""A MAX30205 at register level, fed by a signal source. No alert pin."""

from vigil_hal.simulated.temperature_conversions import TemperatureConversions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, SignalSource, WritableBuffer

_TEMPERATURE = 0
_CONFIG = 1
_HYSTERESIS = 2
_CYCLE_US = 50_000
_ONE_SHOT = 0x80
_EXTENDED = 0x20
_SHUTDOWN = 0x01


class SimulatedMax30205:
    """One part; `start_us`: as in TemperatureConversions.

    `kept_bits`: of a limit; fewer than 16 make it an LM75. `conversions.is_frozen`: it converts no more, and does not
    say so.
    """

    def __init__(
        self,
        source: "SignalSource",
        clock_ms: "Callable[[], int]",
        *,
        address: int = 0x48,
        kept_bits: int = 16,
        start_us: "int | None" = None,
    ) -> None:
        self.address = address
        self.conversions = TemperatureConversions(source, clock_ms, _CYCLE_US, start_us)
        self._kept = 0xFFFF << 16 - kept_bits & 0xFFFF
        self._pointer = 0
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: power-on values, and conversion begins anew."""
        self._words = [0x0000, 0, 0x4B00, 0x5000]
        self._config = 0
        self.conversions.start()

    def select(self, register: int) -> None:
        """Set the register pointer, which has two bits."""
        self._pointer = register & 3

    def write(self, data: "ReadableBuffer") -> None:
        """Store a configuration, or a limit, most significant byte first."""
        self._catch_up()
        if self._pointer == _CONFIG and len(data):
            self._set_config(data[0])
        elif self._pointer >= _HYSTERESIS and len(data) >= 2:
            self._words[self._pointer] = (data[0] << 8 | data[1]) & self._kept

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer with the selected register, repeated."""
        self._catch_up()
        word = self._config << 8 | self._config if self._pointer == _CONFIG else self._words[self._pointer]
        for i in range(len(buffer)):
            buffer[i] = word & 0xFF if i & 1 else word >> 8

    def _set_config(self, value: int) -> None:
        self._config = value & ~_ONE_SHOT
        if not value & _SHUTDOWN:
            self.conversions.start()
        elif value & _ONE_SHOT:
            self.conversions.start(single=True)
        else:
            self.conversions.stop()

    def _catch_up(self) -> None:
        centi_c = self.conversions.newest_centi_c()
        if centi_c is not None:
            if self._config & _EXTENDED:
                centi_c -= 6400
            self._words[_TEMPERATURE] = (centi_c * 64 + 12) // 25 & 0xFFFF
