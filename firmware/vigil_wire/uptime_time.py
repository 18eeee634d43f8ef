"""Wall-clock time as a pure function of the journal: an uptime of one boot, and that boot's time anchors, give UTC.

Instants and spans are (days, milliseconds of the day), UTC days from 2000-01-01, so that all integers stay small on a
board. An anchor is (uptime day, uptime ms, UTC day, UTC ms), as a time anchor record has it.

Between two anchors that agree, the drift of the device's clock is spread evenly. Two that differ by more than any clock
drifts disagree because the bridge's clock was set in between: then each counts from its own instant on, so that a
wrong clock moves nothing that was before it. Along anchors that agree, a later uptime is never an earlier UTC.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Instant = tuple[int, int]
    Anchor = tuple[int, int, int, int]

DAY_MS = 86_400_000
DAY_S = 86_400
DRIFT_MS_MOST = 43_200  # in a day: 500 ppm; a board's crystal has 10 to 100
DRIFT_ONE_IN = 2_000  # the same as a fraction
LINK_DELAY_MS = 2_000  # by which an anchor may be late
SPREAD_DAYS_MOST = 250  # keeps `_share` within 30 bits
FINE_MS = 1 << 24  # the drift over a shorter span (4.7 h) is shared out by the millisecond, over a longer by the second


def plus(one: "Instant", other: "Instant") -> "Instant":
    """The sum of an instant and a span."""
    return _whole(one[0] + other[0], one[1] + other[1])


def minus(one: "Instant", other: "Instant") -> "Instant":
    """The difference of two instants; its days are negative where `one` is the earlier."""
    return _whole(one[0] - other[0], one[1] - other[1])


def utc_of(uptime: "Instant", anchors: "Sequence[Anchor]") -> "Instant | None":
    """UTC of an uptime, or None where its boot has no anchor. `anchors` are that boot's, by uptime and sequence."""
    if not anchors:
        return None
    index, end = 0, len(anchors)
    while end - index > 1:  # the newest one not after the uptime, or the first
        middle = (index + end) >> 1
        if anchors[middle][:2] <= uptime:
            index = middle
        else:
            end = middle
    anchor = anchors[index]
    since = minus(uptime, anchor[:2])
    utc = plus(anchor[2:], since)
    if since[0] >= 0 and index + 1 < len(anchors):
        following = anchors[index + 1]
        drift_ms = drift_between(anchor, following)
        if drift_ms:
            share = _share_of(abs(drift_ms), since, minus(following[:2], anchor[:2]))
            utc = _whole(utc[0], utc[1] + (share if drift_ms > 0 else -share))
    return utc


def drift_between(anchor: "Anchor", following: "Anchor") -> "int | None":
    """Milliseconds by which UTC gained on the uptime between two anchors; None where they disagree."""
    span = minus(following[:2], anchor[:2])
    utc_span = minus(following[2:], anchor[2:])
    drift_days, drift_ms = minus(utc_span, span)
    if drift_days == -1:
        drift_ms -= DAY_MS
    elif drift_days:
        return None
    if utc_span[0] < 0 or span[0] >= SPREAD_DAYS_MOST or abs(drift_ms) > doubt_ms(span):
        return None
    return drift_ms


def doubt_ms(span: "Instant") -> int:
    """The most by which a time can be wrong that is counted over `span` from an anchor."""
    return LINK_DELAY_MS + _drift_most_ms(span)


def bounds_of(
    uptime: "Instant", newest: "Instant", before: "Instant | None", after: "Instant | None"
) -> "tuple[Instant | None, Instant | None]":
    """The earliest and the latest UTC of an uptime in a boot that has no anchor.

    `newest` is the last uptime that this boot is known to have reached; `before` is the earliest that the last record
    before the boot can have been written and `after` the latest for the first one after it; None: not known, and so
    is that bound. Both are unknown where they contradict each other: then a bridge's clock was wrong.
    """
    earliest = latest = None
    if before is not None:
        earliest = minus(plus(before, uptime), (0, _drift_most_ms(uptime)))
    if after is not None:
        rest = minus(newest, uptime)
        latest = plus(minus(after, rest), (0, _drift_most_ms(rest)))
    if earliest is not None and latest is not None and latest < earliest:
        return None, None
    return earliest, latest


def _drift_most_ms(span: "Instant") -> int:
    return span[0] * DRIFT_MS_MOST + span[1] // DRIFT_ONE_IN


def _share_of(amount: int, since: "Instant", span: "Instant") -> int:
    """The part of `amount` that belongs to `since`, of all of `span`."""
    if span[0] == 0 and span[1] < FINE_MS:
        return _share(amount, since[1], span[1])
    return _share(amount, _seconds(since), _seconds(span))


def _share(amount: int, part: int, whole: int) -> int:
    """`amount * part // whole` without a product beyond 30 bits: five bits of `part` (below 2^25) at a time."""
    quotient = remainder = 0
    for shift in (20, 15, 10, 5, 0):
        remainder = remainder * 32 + amount * (part >> shift & 31)
        quotient = quotient * 32 + remainder // whole
        remainder %= whole
    return quotient


def _seconds(span: "Instant") -> int:
    return span[0] * DAY_S + span[1] // 1000


def _whole(day: int, day_ms: int) -> "Instant":
    return day + day_ms // DAY_MS, day_ms % DAY_MS
