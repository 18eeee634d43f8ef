"""Wall-clock time as a pure function of the journal: an uptime of one boot, and that boot's time anchors, give UTC.

Instants and spans are (days, milliseconds of the day), UTC days from 2000-01-01, so that all integers stay small on a
board. An anchor is (uptime day, uptime ms, UTC day, UTC ms), as a time anchor record has it.

Between two anchors that agree, the drift of the device's clock is spread evenly. Two that differ by more than any clock
drifts disagree because the bridge's clock was set in between: then each counts from its own instant on, so that a
wrong clock moves nothing that was before it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Instant = tuple[int, int]
    Anchor = tuple[int, int, int, int]

DAY_MS = 86_400_000
DAY_S = 86_400
DRIFT_PPM_MOST = 500  # a board's crystal has 10 to 100
LINK_DELAY_MS = 2_000  # by which an anchor may be late
_SPAN_DAYS_MOST = 300  # 2^25 seconds are 388


def plus(one: "Instant", other: "Instant") -> "Instant":
    """The sum of an instant and a span."""
    return _whole(one[0] + other[0], one[1] + other[1])


def minus(one: "Instant", other: "Instant") -> "Instant":
    """The difference of two instants; its days are negative where `one` is the earlier."""
    return _whole(one[0] - other[0], one[1] - other[1])


def utc_of(uptime: "Instant", anchors: "Sequence[Anchor]") -> "Instant | None":
    """UTC of an uptime, or None where its boot has no anchor. `anchors` are that boot's, by uptime."""
    if not anchors:
        return None
    index = 0
    while index + 1 < len(anchors) and anchors[index + 1][:2] <= uptime:
        index += 1
    anchor = anchors[index]
    since = minus(uptime, anchor[:2])
    utc = plus(anchor[2:], since)
    if since[0] >= 0 and index + 1 < len(anchors):
        following = anchors[index + 1]
        span = minus(following[:2], anchor[:2])
        correction = _correction_ms(since, span, minus(following[2:], anchor[2:]))
        utc = _whole(utc[0], utc[1] + correction)
    return utc


def bounds_of(
    uptime: "Instant", newest: "Instant", before: "Instant | None", after: "Instant | None"
) -> "tuple[Instant | None, Instant | None]":
    """The earliest and the latest UTC of an uptime in a boot that has no anchor.

    `newest` is the last uptime that this boot is known to have reached; `before` and `after` are the UTC of the last
    record before the boot and of the first one after it; None: not known, and so is that bound.
    """
    earliest = None if before is None else plus(before, uptime)
    latest = None if after is None else minus(after, minus(newest, uptime))
    return earliest, latest


def _correction_ms(since: "Instant", span: "Instant", utc_span: "Instant") -> int:
    """What the drift over `span` amounts to `since` its start; 0 where the two anchors disagree."""
    drift_days, drift_ms = minus(utc_span, span)
    if drift_days == -1:
        drift_ms -= DAY_MS
    elif drift_days:
        return 0
    span_s = _seconds(span)
    if span[0] >= _SPAN_DAYS_MOST or span_s == 0:
        return 0
    if abs(drift_ms) > LINK_DELAY_MS + span_s * DRIFT_PPM_MOST // 1000:
        return 0
    share = _share(abs(drift_ms), _seconds(since), span_s)
    return share if drift_ms >= 0 else -share


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
