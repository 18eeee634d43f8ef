"""The device's own idea of UTC since this boot: an uptime plus what the newest time anchor says.

Only for stamps that leave the device in clear. The record's times are made of all anchors (vigil_wire.uptime_time).
"""

from vigil_firmware.ticks import DAY_MS

ADJUSTED_MS = 60_000  # Current Time Service: a smaller correction is no adjustment


class UtcClock:
    """Give it each time anchor; `read` says what UTC an uptime was, in `day` (from 2000-01-01) and `day_ms`."""

    def __init__(self) -> None:
        self.is_set = False
        self.adjustments = 0  # how often it was set, or corrected by more than a minute
        self.day = 0
        self.day_ms = 0
        self._offset_day = 0
        self._offset_ms = 0

    def anchor(self, uptime_day: int, uptime_ms: int, utc_day: int, utc_ms: int) -> None:
        """At this uptime it was this instant."""
        if self.is_set:
            self.read(uptime_day, uptime_ms)
            days = utc_day - self.day
            # Two days are past 2^27 ms: more would be past the integers that stay small.
            is_far = not -2 <= days <= 2 or abs(days * DAY_MS + utc_ms - self.day_ms) > ADJUSTED_MS
        else:
            is_far = True
        if is_far:
            self.adjustments += 1
        self.is_set = True
        self._offset_day = utc_day - uptime_day
        self._offset_ms = utc_ms - uptime_ms

    def read(self, uptime_day: int, uptime_ms: int) -> None:
        """Set `day` and `day_ms` to the UTC of this uptime; they mean nothing unless `is_set`."""
        self.day = uptime_day + self._offset_day
        self.day_ms = uptime_ms + self._offset_ms
        if self.day_ms < 0:
            self.day -= 1
            self.day_ms += DAY_MS
        elif self.day_ms >= DAY_MS:
            self.day += 1
            self.day_ms -= DAY_MS
