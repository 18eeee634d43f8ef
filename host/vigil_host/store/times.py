"""Milliseconds, in which the record keeps uptimes and UTC since 1970, and the instants of `vigil_wire.uptime_time`."""

from collections.abc import Sequence

from vigil_wire import uptime_time

MS_PER_DAY = uptime_time.DAY_MS
DEVICE_EPOCH_MS = 946_684_800_000
"""2000-01-01 UTC, from which the device counts days, in milliseconds since 1970."""

Instant = tuple[int, int]
Anchor = tuple[int, int, int, int]
"""Uptime day and ms, UTC day and ms, as `uptime_time` has it."""


def from_days(day: int, day_ms: int) -> int:
    """Milliseconds in `day` whole days and `day_ms` more."""
    return day * MS_PER_DAY + day_ms


def to_days(utc_ms: int) -> Instant:
    """Days since 2000-01-01 UTC, and milliseconds of that day: what the device is told."""
    return divmod(utc_ms - DEVICE_EPOCH_MS, MS_PER_DAY)


def since_1970(utc: Instant | None) -> int | None:
    """The inverse of `to_days`; None stays None."""
    return None if utc is None else DEVICE_EPOCH_MS + from_days(*utc)


def utc_ms_of(uptime_ms: int, anchors: Sequence[Anchor]) -> int | None:
    """UTC (ms since 1970) of an uptime, or None where its boot has no anchor."""
    return since_1970(uptime_time.utc_of(divmod(uptime_ms, MS_PER_DAY), anchors))
