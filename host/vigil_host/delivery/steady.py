"""The escalation's own time: the machine's time of day as it was at the start, going on at the pace of its other clock.

So a time of day that jumps, either way, neither brings a step forward nor puts one off. A restart takes the time of day
again, but never goes back before what was written last: a step is not taken twice. A clock that was an hour behind or
ahead then costs, at most, that every step that is due meanwhile is taken at once, as one.
"""

from vigil_host.clock import Clock


class SteadyTime:
    """Milliseconds that only go on, through restarts too."""

    def __init__(self, clock: Clock, written_ms: int) -> None:
        self._clock = clock
        self._from_ms = max(clock.utc_ms(), written_ms)
        self._from_s = clock.monotonic()

    def now_ms(self) -> int:
        """Return the time now."""
        return self._from_ms + int((self._clock.monotonic() - self._from_s) * 1000)
