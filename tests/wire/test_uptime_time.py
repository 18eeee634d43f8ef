"""UTC from uptime and anchors: drift is spread, a jump of the bridge's clock moves nothing before it."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire.uptime_time import DAY_MS, FINE_MS, SPREAD_DAYS_MOST, bounds_of, doubt_ms, drift_between, utc_of

BASE_DAY = 9_800
SMALL = 1 << 30


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


@given(st.integers(1000, SPREAD_DAYS_MOST * DAY_MS - 1), st.integers(-500, 500), st.integers(0, 1000))
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


_STEPS = st.integers(0, 20_000) | st.integers(0, 3 * DAY_MS) | st.integers(0, 400 * DAY_MS)
_ERRORS = (
    st.integers(-3_000, 3_000) | st.integers(-2 * DAY_MS, 2 * DAY_MS) | st.integers(-9_000 * DAY_MS, 9_000 * DAY_MS)
)
_WALKS = st.lists(st.tuples(_STEPS, _ERRORS), min_size=1, max_size=6)


def walk(steps: list[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """Anchors one after another, each with an error of the bridge's clock."""
    uptimes = itertools.accumulate(step for step, _ in steps)
    return [anchor(uptime, uptime + error) for uptime, (_, error) in zip(uptimes, steps, strict=True)]


@given(_WALKS, st.integers(0, 6), st.integers(0, 1200 * DAY_MS))
def test_what_lies_before_an_anchor_is_never_moved_by_those_after_it(
    steps: list[tuple[int, int]], count: int, uptime_ms: int
) -> None:
    anchors = walk(steps)
    known = anchors[: max(1, count)]
    newest = known[-1][0] * DAY_MS + known[-1][1]
    if uptime_ms < newest:
        assert utc_ms(uptime_ms, *known) == utc_ms(uptime_ms, *anchors)
    else:  # counted from the newest anchor, until the next one shares out the drift
        now, later = utc_ms(uptime_ms, *known), utc_ms(uptime_ms, *anchors[: len(known) + 1])
        if uptime_ms < sum(step for step, _ in steps[: len(known) + 1]):
            assert now is not None and later is not None
            assert abs(now - later) <= doubt_ms(days(uptime_ms - newest))


@given(_WALKS, st.lists(st.integers(0, 1200 * DAY_MS), min_size=1, max_size=8), st.integers(1, 5_000))
def test_along_anchors_that_agree_time_never_goes_back(
    steps: list[tuple[int, int]], uptimes: list[int], ms: int
) -> None:
    anchors = walk(steps)
    jumps = [later[:2] for one, later in itertools.pairwise(anchors) if drift_between(one, later) is None]
    edges = [day * DAY_MS + day_ms + by for day, day_ms, _, _ in anchors for by in (-1, 0, 1)]
    for uptime in [*uptimes, *(edge for edge in edges if edge >= 0)]:
        if not any(days(uptime) < jump <= days(uptime + ms) for jump in jumps):
            earlier, later = utc_ms(uptime, *anchors), utc_ms(uptime + ms, *anchors)
            assert earlier is not None and later is not None and earlier <= later


def by_the_written_rule(uptime_ms: int, anchors: list[tuple[int, int]]) -> int:
    """As docs/record.md has it, in milliseconds."""
    index = max((at for at, (uptime, _) in enumerate(anchors) if uptime <= uptime_ms), default=0)
    (u_a, t_a), following = anchors[index], anchors[index + 1 : index + 2]
    utc = t_a + uptime_ms - u_a
    for u_b, t_b in following if u_a <= uptime_ms else []:
        drift = (t_b - t_a) - (u_b - u_a)
        if t_b >= t_a and u_b - u_a < 250 * DAY_MS and abs(drift) <= 2000 + (u_b - u_a) // 2000:
            unit = 1000 if u_b - u_a >= 1 << 24 else 1
            share = abs(drift) * ((uptime_ms - u_a) // unit) // ((u_b - u_a) // unit)
            utc += share if drift >= 0 else -share
    return utc


@given(_WALKS, st.integers(0, 1200 * DAY_MS))
def test_the_rule_is_as_it_is_written_down(steps: list[tuple[int, int]], uptime_ms: int) -> None:
    anchors = walk(steps)
    in_ms = [(day * DAY_MS + day_ms, (utc_day - BASE_DAY) * DAY_MS + ms) for day, day_ms, utc_day, ms in anchors]
    assert utc_ms(uptime_ms, *anchors) == by_the_written_rule(uptime_ms, in_ms)


class Small(int):
    """A number that fails where a result of it is none of a board's small integers."""


def _checked(name: str) -> Callable[..., Small]:
    operate = getattr(int, name)

    def checked(*numbers: int) -> Small:
        found = operate(*numbers)
        assert -SMALL <= found < SMALL, f"{name}{numbers} is {found}"
        return Small(found)

    return checked


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "floordiv", "mod", "neg", "abs", "rshift", "and"):
    setattr(Small, f"__{_name}__", _checked(f"__{_name}__"))


def check_small(anchors: list[tuple[int, int, int, int]], uptime_ms: int) -> None:
    """Assert that no integer on the way outgrows a board's small ones."""
    day, day_ms = map(Small, days(uptime_ms))
    found = utc_of((day, day_ms), [tuple(map(Small, each)) for each in anchors])
    assert found is not None and isinstance(found[0], Small)
    bounds_of((day, day_ms), (Small(day + 1), day_ms), found, found)


@given(_WALKS, st.integers(0, 1200 * DAY_MS))
def test_integers_stay_small(steps: list[tuple[int, int]], uptime_ms: int) -> None:
    check_small(walk(steps), uptime_ms)


@pytest.mark.parametrize("span_ms", [SPREAD_DAYS_MOST * DAY_MS - 1, FINE_MS - 1])
def test_integers_stay_small_where_the_most_drift_is_shared_over_the_longest_span(span_ms: int) -> None:
    anchors = [anchor(0, 0), anchor(span_ms, span_ms + doubt_ms(days(span_ms)))]
    for part in range(4001):
        check_small(anchors, (span_ms - 1) * part // 4000)


def test_a_boot_that_met_no_bridge_lies_between_its_neighbours() -> None:
    """Each bound is a little further out, for the drift of what was counted."""
    before, after = (BASE_DAY, 1_000), (BASE_DAY, 100_000)
    assert bounds_of((0, 6_000), (0, 60_000), before, after) == ((BASE_DAY, 6_997), (BASE_DAY, 46_027))
    assert bounds_of((0, 6_000), (0, 60_000), None, after) == (None, (BASE_DAY, 46_027))
    assert bounds_of((0, 6_000), (0, 60_000), before, None) == ((BASE_DAY, 6_997), None)
    assert bounds_of((0, 6_000), (0, 60_000), None, None) == (None, None)


def test_bounds_that_contradict_each_other_are_none() -> None:
    assert bounds_of((0, 6_000), (0, 60_000), (BASE_DAY, 41_000), (BASE_DAY, 100_000)) == (None, None)
