"""When a simulated thermometer converts, and what it then feels: what those of one register for all have in common."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import SignalSource

_TICKS_MASK = 0x3FFFFFFF


class TemperatureConversions:
    """A converter that ends a conversion each `cycle_us` while it runs.

    It begins at the instant `start_us` of the source (default: the source's first). While the source has no
    temperature, or `is_frozen`, no conversion ends.
    """

    def __init__(
        self, source: "SignalSource", clock_ms: "Callable[[], int]", cycle_us: int, start_us: "int | None" = None
    ) -> None:
        self.is_frozen = False
        self.cycle_us = cycle_us
        self._source = source
        self._clock_ms = clock_ms
        self._last_ms = clock_ms()
        self._now_us = source.start_us if start_us is None else start_us
        self._left_us = cycle_us  # of the conversion under way
        self._is_running = True
        self._is_single = False

    @property
    def is_running(self) -> bool:
        """Whether it converts."""
        return self._is_running

    def start(self, *, single: bool = False) -> None:
        """Begin a conversion now; after a single one it stops."""
        self._live()
        self._left_us = self.cycle_us
        self._is_running = True
        self._is_single = single

    def stop(self) -> None:
        """Convert no more."""
        self._live()
        self._is_running = False

    def newest_centi_c(self) -> "int | None":
        """Return what the newest conversion since the last call felt; None when none has ended."""
        return self._live()

    def _live(self) -> "int | None":
        now_ms = self._clock_ms()
        passed_us = (now_ms - self._last_ms & _TICKS_MASK) * 1000
        self._last_ms = now_ms
        newest = None
        if self._is_running and passed_us >= self._left_us:
            since_us = 0 if self._is_single else (passed_us - self._left_us) % self.cycle_us
            ended_us = self._now_us + (self._left_us if self._is_single else passed_us - since_us)
            newest = None if self.is_frozen else self._source.temperature_centi_c(ended_us)
            self._left_us = self.cycle_us - since_us
            self._is_running = not self._is_single
        else:
            self._left_us -= passed_us
        self._now_us += passed_us
        return newest
