"""Wall-clock time as a pure function of the journal: uptime plus the time anchors of the same boot.

The device counts uptime; a time anchor record says which UTC instant an uptime was. Nothing else makes a time: not the
moment of arrival, not the host's clock at the moment of reading.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

MS_PER_DAY = 86_400_000
DEVICE_EPOCH_MS = 946_684_800_000
"""2000-01-01 UTC, from which the device counts days, in milliseconds since 1970."""


class Anchor(NamedTuple):
    """At `uptime_ms` of a boot it was `utc_ms` (since 1970). `sequence` orders anchors of one uptime."""

    uptime_ms: int
    sequence: int
    utc_ms: int


class Stretch(NamedTuple):
    """Uptimes from `first` up to, not including, `end` (None: without end), in UTC when `offset_ms` is added."""

    first: int
    end: int | None
    offset_ms: int


def from_days(day: int, day_ms: int) -> int:
    """Milliseconds in `day` whole days and `day_ms` more."""
    return day * MS_PER_DAY + day_ms


def to_days(utc_ms: int) -> tuple[int, int]:
    """Days since 2000-01-01 UTC, and milliseconds of that day: what the device is told."""
    return divmod(utc_ms - DEVICE_EPOCH_MS, MS_PER_DAY)


def utc_of(uptime_ms: int, anchors: Sequence[Anchor]) -> int | None:
    """UTC (ms since 1970) of an uptime, or None where its boot has no anchor.

    `anchors` are all those of that boot, sorted. The newest one not after the uptime counts; before the first one,
    the first. So a later anchor never moves a time that an earlier one has given.
    """
    if not anchors:
        return None
    index = bisect_right(anchors, uptime_ms, key=lambda anchor: anchor.uptime_ms) - 1
    anchor = anchors[max(index, 0)]
    return anchor.utc_ms + uptime_ms - anchor.uptime_ms


def stretches(anchors: Sequence[Anchor]) -> list[Stretch]:
    """The same function as `utc_of`, as its straight stretches, oldest first."""
    found = []
    for index, anchor in enumerate(anchors):
        first = anchor.uptime_ms if index else 0
        end = anchors[index + 1].uptime_ms if index + 1 < len(anchors) else None
        if end is None or end > first:
            found.append(Stretch(first, end, anchor.utc_ms - anchor.uptime_ms))
    return found
