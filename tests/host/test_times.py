"""Wall-clock time is a pure function of the journal."""

from hypothesis import given
from hypothesis import strategies as st

from vigil_host.store.times import Anchor, stretches, to_days, utc_of

_UPTIMES = st.integers(0, 10**9)
_ANCHORS = st.lists(st.builds(Anchor, _UPTIMES, st.integers(0, 10**6), st.integers(10**12, 2 * 10**12)), min_size=1)


def test_no_anchor_no_time() -> None:
    assert utc_of(5000, []) is None


def test_before_between_and_after_anchors() -> None:
    anchors = [Anchor(1000, 3, 50_000), Anchor(2000, 9, 51_100)]
    assert [utc_of(uptime, anchors) for uptime in (0, 1000, 1999, 2000, 2500)] == [
        49_000,
        50_000,
        50_999,
        51_100,
        51_600,
    ]


@given(_ANCHORS, _UPTIMES)
def test_a_later_anchor_never_moves_a_time(anchors: list[Anchor], uptime: int) -> None:
    anchors.sort()
    earlier = [anchor for anchor in anchors if anchor.uptime_ms <= uptime]
    assert utc_of(uptime, anchors) == utc_of(uptime, earlier or anchors[:1])


@given(_ANCHORS, _UPTIMES)
def test_stretches_are_the_same_function(anchors: list[Anchor], uptime: int) -> None:
    anchors.sort()
    within = [
        uptime + stretch.offset_ms
        for stretch in stretches(anchors)
        if stretch.first <= uptime and (stretch.end is None or uptime < stretch.end)
    ]
    assert within == [utc_of(uptime, anchors)]


def test_days_since_2000() -> None:
    assert to_days(946_684_800_000 + 2 * 86_400_000 + 7) == (2, 7)
