"""The wrapping tick, and uptime that does not wrap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.ticks import DAY_MS, PERIOD, Uptime, ticks_add, ticks_diff

_TICKS = st.integers(0, PERIOD - 1)
_DELTAS = st.integers(-PERIOD // 2, PERIOD // 2 - 1)


@given(_TICKS, _DELTAS)
def test_difference_undoes_addition(tick: int, delta: int) -> None:
    later = ticks_add(tick, delta)
    assert 0 <= later < PERIOD
    assert ticks_diff(later, tick) == delta


@given(_TICKS, st.integers(0, PERIOD // 2 - 1))
def test_intermediate_values_stay_within_a_small_integer_as_time_goes_on(earlier: int, elapsed: int) -> None:
    later = ticks_add(earlier, elapsed)
    assert -PERIOD <= later - earlier + PERIOD // 2 < PERIOD
    assert ticks_diff(later, earlier) == elapsed


@given(_TICKS, st.lists(st.integers(0, PERIOD // 2 - 1), max_size=40))
def test_uptime_is_the_sum_of_all_steps(first: int, steps: list[int]) -> None:
    uptime, now = Uptime(first), first
    for step in steps:
        now = ticks_add(now, step)
        uptime.advance(now)
    assert uptime.day * DAY_MS + uptime.day_ms == sum(steps)
    assert 0 <= uptime.day_ms < DAY_MS


@pytest.mark.parametrize("days", [12, 13, 25, 400])
def test_uptime_goes_on_across_every_wrap(days: int) -> None:
    uptime, now = Uptime(PERIOD - 1), PERIOD - 1
    for _ in range(days * 4):
        now = ticks_add(now, DAY_MS // 4)
        uptime.advance(now)
    assert (uptime.day, uptime.day_ms) == (days, 0)
