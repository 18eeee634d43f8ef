"""The device's own UTC: what an anchor says, across midnights and 300 days, and what counts as an adjustment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.utc_clock import UtcClock
from vigil_wire import uptime_time

DAY_MS = 86_400_000
DAYS = st.integers(0, 300)
OF_DAY = st.integers(0, DAY_MS - 1)


@given(st.tuples(DAYS, OF_DAY), st.tuples(st.integers(0, 65_000), OF_DAY), st.tuples(DAYS, OF_DAY))
def test_it_agrees_with_the_records_times(
    uptime: tuple[int, int], utc: tuple[int, int], later: tuple[int, int]
) -> None:
    clock = UtcClock()
    assert not clock.is_set
    clock.anchor(*uptime, *utc)
    assert clock.is_set
    clock.read(*later)
    assert (clock.day, clock.day_ms) == uptime_time.utc_of(later, [(*uptime, *utc)])


@given(st.tuples(DAYS, OF_DAY), st.integers(-3 * DAY_MS, 3 * DAY_MS))
def test_a_correction_of_more_than_a_minute_is_an_adjustment(uptime: tuple[int, int], by_ms: int) -> None:
    clock = UtcClock()
    clock.anchor(*uptime, 9000, 1)
    assert clock.adjustments == 1
    days, day_ms = divmod(9000 * DAY_MS + 1 + by_ms, DAY_MS)
    clock.anchor(*uptime, days, day_ms)
    assert clock.adjustments == (2 if abs(by_ms) > 60_000 else 1)
    clock.read(*uptime)
    assert (clock.day, clock.day_ms) == (days, day_ms)


@pytest.mark.parametrize("days", [-9000, -3, 3, 50_000])
def test_a_jump_of_years_is_one_adjustment(days: int) -> None:
    clock = UtcClock()
    clock.anchor(0, 0, 9000, 0)
    clock.anchor(0, 0, 9000 + days, 0)
    assert clock.adjustments == 2
