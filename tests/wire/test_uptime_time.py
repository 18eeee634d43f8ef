"""UTC from uptime and anchors: drift is spread, a jump of the bridge's clock moves nothing before it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from vigil_wire.uptime_time import DAY_MS, bounds_of, utc_of

BASE_DAY = 9_800


def days(ms: int) -> tuple[int, int]:
    return divmod(ms, DAY_MS)


def anchor(uptime_ms: int, utc_ms: int) -> tuple[int, int, int, int]:
    return (*days(uptime_ms), *days(BASE_DAY * DAY_MS + utc_ms))


def utc_ms(uptime_ms: int, *anchors: tuple[int, int, int, int]) -> int | None:
    """Milliseconds since the base day."""
    found = utc_of(days(uptime_ms), anchors)
    if found is None:
        return None
    assert 0 <= found[1] < DAY_MS
    return (found[0] - BASE_DAY) * DAY_MS + found[1]


def test_no_anchor_no_time() -> None:
    assert utc_ms(5) is None


def test_before_the_first_and_after_the_last_anchor_the_clock_runs_as_it_is() -> None:
    only = anchor(10_000, 500_000)
    assert [utc_ms(uptime, only) for uptime in (0, 10_000, 40_000_000_000)] == [490_000, 500_000, 40_000_490_000]


@given(st.integers(1000, 300 * DAY_MS - 1), st.integers(-500, 500), st.integers(0, 1000))
def test_drift_is_spread_between_two_anchors(span_ms: int, drift_ppm: int, permille: int) -> None:
    drift_ms = span_ms * drift_ppm // 1_000_000
    first, second = anchor(7_000, 90_000), anchor(7_000 + span_ms, 90_000 + span_ms + drift_ms)
    since = span_ms * permille // 1000
    exact = 90_000 + since + drift_ms * since // span_ms
    found = utc_ms(7_000 + since, first, second)
    assert found is not None and abs(found - exact) <= 2 + abs(drift_ms) * 1000 // span_ms
    assert utc_ms(7_000 + span_ms, first, second) == 90_000 + span_ms + drift_ms


@given(
    st.integers(60_000, 20 * DAY_MS),
    st.one_of(st.integers(-400 * DAY_MS, -600_000 * 2), st.integers(600_000 * 2, 400 * DAY_MS)),
    st.integers(0, 1000),
)
def test_a_jump_of_the_bridges_clock_moves_nothing_before_it(span_ms: int, jump_ms: int, permille: int) -> None:
    first, wrong = anchor(0, 0), anchor(span_ms, span_ms + jump_ms)
    since = (span_ms - 1) * permille // 1000
    if abs(jump_ms) > 2_000 + span_ms // 2000:
        assert utc_ms(since, first, wrong) == utc_ms(since, first)
    assert utc_ms(span_ms + 5, first, wrong) == span_ms + jump_ms + 5


def test_a_clock_put_right_again_counts_from_there_on() -> None:
    anchors = anchor(0, 0), anchor(1_000_000, 99_000_000_000), anchor(2_000_000, 2_000_010)
    assert [utc_ms(uptime, *anchors) for uptime in (999_999, 1_000_001, 2_000_000)] == [
        999_999,
        99_000_000_001,
        2_000_010,
    ]


def test_time_goes_on_between_anchors_that_agree() -> None:
    anchors = anchor(0, 0), anchor(DAY_MS, DAY_MS + 4_000), anchor(2 * DAY_MS, 2 * DAY_MS + 8_000)
    times = [utc_ms(uptime, *anchors) for uptime in range(0, 2 * DAY_MS, 777_777)]
    assert all(later > earlier for earlier, later in itertools.pairwise(times))


def test_a_boot_that_met_no_bridge_lies_between_its_neighbours() -> None:
    before, after = (BASE_DAY, 1_000), (BASE_DAY, 100_000)
    assert bounds_of((0, 5_000), (0, 60_000), before, after) == ((BASE_DAY, 6_000), (BASE_DAY, 45_000))
    assert bounds_of((0, 5_000), (0, 60_000), None, after) == (None, (BASE_DAY, 45_000))
    assert bounds_of((0, 5_000), (0, 60_000), before, None) == ((BASE_DAY, 6_000), None)
