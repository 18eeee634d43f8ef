"""What simulated accelerometers have in common: when they convert, what they feel, and what may be wrong with them."""

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.simulated.accelerometer import AccelerationSource

_TICKS_MASK = 0x3FFFFFFF


class Conversions:
    """Lives through time and calls `_convert` at each conversion, with what is felt in `_felt`, milli-g.

    `clock_error_ppm`: how much faster than nominal it converts. At any time: `is_stuck`: it converts and finds the same
    for ever. `is_stopped`: it answers and converts no more. `dead_axis`: 0, 1 or 2, which always finds `dead_milli_g`;
    None: all are well.
    """

    def __init__(
        self, source: "AccelerationSource", clock_ms: "Callable[[], int]", start_us: int | None, clock_error_ppm: int
    ) -> None:
        self.clock_error_ppm = clock_error_ppm
        self.is_stuck = False
        self.is_stopped = False
        self.dead_axis: int | None = None
        self.dead_milli_g = 0
        self._source = source
        self._clock_ms = clock_ms
        self._last_ms = clock_ms()
        self._now_us = source.start_us if start_us is None else start_us
        self._felt = array("i", [0, 0, 0])
        self._rate_hz = 0  # 0: it does not convert
        self._next_us = 0

    def _set_rate(self, rate_hz: int) -> None:
        """Convert at this rate from now on."""
        self._rate_hz = rate_hz
        self._next_us = self._interval_us() if rate_hz else 0

    def _interval_us(self) -> int:
        return 1_000_000_000 // (self._rate_hz * (1_000_000 + self.clock_error_ppm) // 1000)

    def _catch_up(self) -> None:
        """Live through the time since the last bus access."""
        now_ms = self._clock_ms()
        left_us = (now_ms - self._last_ms & _TICKS_MASK) * 1000
        self._last_ms = now_ms
        while self._rate_hz and left_us >= self._next_us:
            left_us -= self._next_us
            self._now_us += self._next_us
            self._next_us = self._interval_us()
            if not self.is_stopped and self._feel():
                self._convert()
        self._next_us -= left_us
        self._now_us += left_us

    def _feel(self) -> bool:
        if not self.is_stuck and not self._source.acceleration_into(self._now_us, self._felt):
            return False
        if self.dead_axis is not None:
            self._felt[self.dead_axis] = self.dead_milli_g
        return True

    def _convert(self) -> None:
        raise NotImplementedError
