"""Pulse intervals: the times from beat to beat that were accepted in the newest judged second, in buffers made once."""

from vigil_firmware.signal.buffers import zeros

CAPACITY = 8  # at 250 bpm five beats end in a second


class Intervals:
    """`count` intervals, oldest first; nothing beyond `count` means anything.

    `interval_ms`: from one beat to the next. `age_ms`: how long before the judged instant the later of the two was.
    `quality`: 0-100, as that of the vitals. An interval is here once, in the second in which it was accepted.
    """

    def __init__(self) -> None:
        self.count = 0
        self.interval_ms = zeros(CAPACITY)
        self.age_ms = zeros(CAPACITY)
        self.quality = zeros(CAPACITY)

    def clear(self) -> None:
        """Forget all: a new second is judged, or there is nothing to judge."""
        self.count = 0

    def add(self, interval_ms: int, age_ms: int, quality: int) -> None:
        """Take the next newer interval in; when there is no room for it, it is left out."""
        if self.count == CAPACITY:
            return
        self.interval_ms[self.count] = interval_ms
        self.age_ms[self.count] = age_ms
        self.quality[self.count] = quality
        self.count += 1
