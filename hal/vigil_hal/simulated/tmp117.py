"""A TMP117 at register level, fed by a signal source. Continuous conversion only; no alerts, no EEPROM."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, SignalSource, WritableBuffer

_TEMPERATURE = 0x00
_CONFIG = 0x01
_LIMITS = (0x02, 0x03)
_OFFSET = 0x07
_DEVICE_ID = 0x0F

_POWER_ON_CONFIG = 0x0220  # continuous, 1 s, averages of 8
_POWER_ON_TEMPERATURE = 0x8000
_DATA_READY = 0x2000
_SOFT_RESET = 0x0002
_WRITABLE = 0x0FFC
_MODE_MASK = 0x0400  # set in shutdown (01) and one-shot (11), clear in continuous (00, 10)
# Conversion cycle by CONV[2:0], and the least that averages of 1, 8, 32 or 64 need, in microseconds.
_CYCLES_US = (15500, 125000, 250000, 500000, 1000000, 4000000, 8000000, 16000000)
_LEAST_US = (15500, 125000, 500000, 1000000)
_TICKS_MASK = 0x3FFFFFFF


class SimulatedTmp117:
    """One part. It is constructed at the instant `start_us` of the source (default: the source's first).

    While the source has no temperature the part ends no conversion.
    """

    def __init__(
        self,
        source: "SignalSource",
        clock_ms: "Callable[[], int]",
        *,
        address: int = 0x48,
        device_id: int = 0x0117,
        start_us: int | None = None,
    ) -> None:
        self.address = address
        self.device_id = device_id
        self._source = source
        self._clock_ms = clock_ms
        self._last_ms = clock_ms()
        self._now_us = source.start_us if start_us is None else start_us
        self._pointer = 0
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: power-on values, and conversion begins anew."""
        self._temperature = _POWER_ON_TEMPERATURE
        self._offset = 0
        self._limits = [0x6000, 0x8000]
        self._set_config(_POWER_ON_CONFIG)

    def select(self, register: int) -> None:
        """Set the register pointer."""
        self._pointer = register

    def write(self, data: "ReadableBuffer") -> None:
        """Store one 16-bit word, most significant byte first."""
        self._catch_up()
        if len(data) < 2:
            return
        value = data[0] << 8 | data[1]
        if self._pointer == _CONFIG:
            if value & _SOFT_RESET:
                self.brown_out()
            else:
                self._set_config(value & _WRITABLE)
        elif self._pointer == _OFFSET:
            self._offset = value
        elif self._pointer in _LIMITS:
            self._limits[self._pointer - _LIMITS[0]] = value

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer with the selected word, repeated."""
        self._catch_up()
        word = self._load()
        for i in range(len(buffer)):
            buffer[i] = word & 0xFF if i & 1 else word >> 8

    def _load(self) -> int:
        if self._pointer == _TEMPERATURE:
            self._config &= ~_DATA_READY
            return self._temperature
        if self._pointer == _CONFIG:
            config = self._config
            self._config &= ~_DATA_READY
            return config
        if self._pointer == _OFFSET:
            return self._offset
        if self._pointer in _LIMITS:
            return self._limits[self._pointer - _LIMITS[0]]
        return self.device_id if self._pointer == _DEVICE_ID else 0

    def _set_config(self, value: int) -> None:
        self._config = value
        self._converting = not value & _MODE_MASK
        self._cycle_us = max(_CYCLES_US[value >> 7 & 7], _LEAST_US[value >> 5 & 3])
        self._next_us = self._cycle_us

    def _catch_up(self) -> None:
        """Live through the time since the last bus access."""
        now_ms = self._clock_ms()
        left_us = (now_ms - self._last_ms & _TICKS_MASK) * 1000
        self._last_ms = now_ms
        if self._converting:
            while left_us >= self._next_us:
                left_us -= self._next_us
                self._now_us += self._next_us
                self._next_us = self._cycle_us
                self._convert()
            self._next_us -= left_us
        self._now_us += left_us

    def _convert(self) -> None:
        centi_c = self._source.temperature_centi_c(self._now_us)
        if centi_c is None:
            return
        steps = (centi_c * 32 + 12) // 25 + self._offset  # 7.8125 m°C each
        self._temperature = steps & 0xFFFF
        self._config |= _DATA_READY
