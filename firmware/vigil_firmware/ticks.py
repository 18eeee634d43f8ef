"""Arithmetic on MicroPython's millisecond tick, which wraps at 2^30 (12.4 days), and uptime that does not wrap.

`time.ticks_diff` is missing on CPython; this is the same on both runtimes.
"""

PERIOD = 1 << 30
_MASK = PERIOD - 1
_HALF = PERIOD >> 1
DAY_MS = 86_400_000


def ticks_add(tick_ms: int, delta_ms: int) -> int:
    """The tick `delta_ms` after (before, when negative) `tick_ms`."""
    return (tick_ms + delta_ms) & _MASK


def ticks_diff(later_ms: int, earlier_ms: int) -> int:
    """Signed milliseconds from `earlier_ms` to `later_ms`; right while they are within 6.2 days."""
    return ((later_ms - earlier_ms + _HALF) & _MASK) - _HALF


class Uptime:
    """Time since boot as whole days and milliseconds of the day: two integers that stay small on a board."""

    def __init__(self, now_ms: int) -> None:
        self._tick_ms = now_ms
        self.day = 0
        self.day_ms = 0

    def advance(self, now_ms: int) -> None:
        """Move on to tick `now_ms`; called at least once in 6.2 days."""
        self.day_ms += ticks_diff(now_ms, self._tick_ms)
        self._tick_ms = now_ms
        while self.day_ms >= DAY_MS:
            self.day_ms -= DAY_MS
            self.day += 1
