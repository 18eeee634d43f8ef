"""Who may connect, and when: bounds that no sequence of strangers and hosts may break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.door import (
    FIRST_SHUT_MS,
    FREE_ATTEMPTS,
    LONGEST_SHUT_MS,
    OPEN_LEAST_MS,
    REST_MS,
    Door,
)
from vigil_firmware.ticks import ticks_add

STEP_MS = 100
FIRST_TICKS = (0, (1 << 30) - 30_000)


def run(door: Door, tick_ms: int, duration_ms: int, attempts_every_ms: int = 0) -> tuple[int, list[tuple[bool, int]]]:
    """Step for so long; return the tick and how long the door was open and shut, in turns."""
    spells: list[tuple[bool, int]] = []
    for elapsed_ms in range(0, duration_ms, STEP_MS):
        tick_ms = ticks_add(tick_ms, STEP_MS)
        if attempts_every_ms and elapsed_ms % attempts_every_ms == 0 and door.is_open:
            door.failed()
        door.step(tick_ms)
        if spells and spells[-1][0] == door.is_open:
            spells[-1] = (door.is_open, spells[-1][1] + STEP_MS)
        else:
            spells.append((door.is_open, STEP_MS))
    return tick_ms, spells


@pytest.mark.parametrize("first_tick", FIRST_TICKS)
def test_strangers_who_keep_trying_are_shut_out_for_longer_each_time_up_to_a_bound(first_tick: int) -> None:
    door = Door(False, first_tick)
    _, spells = run(door, first_tick, 300_000, attempts_every_ms=200)
    shut = [duration for is_open, duration in spells[:-1] if not is_open]
    opened = [duration for is_open, duration in spells[1:-1] if is_open]
    assert shut[:4] == [FIRST_SHUT_MS, 2 * FIRST_SHUT_MS, 4 * FIRST_SHUT_MS, LONGEST_SHUT_MS]
    assert set(shut[4:]) == {LONGEST_SHUT_MS}
    assert all(OPEN_LEAST_MS <= duration <= OPEN_LEAST_MS + STEP_MS for duration in opened)


def test_a_few_failures_shut_nothing_and_a_host_that_proves_itself_clears_them() -> None:
    door, tick = Door(False, 0), 0
    for _ in range(50):
        for _ in range(FREE_ATTEMPTS - 1):
            door.failed()
        door.proved()
        tick, spells = run(door, tick, 2_000)
        assert spells == [(True, 2_000)]
    tick, _ = run(door, tick, 100_000, attempts_every_ms=200)
    door.proved()
    tick, _ = run(door, tick, 100_000)
    _, spells = run(door, tick, 6_000, attempts_every_ms=100)
    assert (False, FIRST_SHUT_MS) in spells  # it starts from the shortest again


@given(
    st.booleans(),
    st.sampled_from(FIRST_TICKS),
    st.lists(st.tuples(st.sampled_from(("failed", "proved", "rest", "wait")), st.integers(1, 300)), max_size=60),
)
def test_nothing_that_happens_keeps_a_host_out_for_longer_than_half_a_minute(
    is_silent: bool, first_tick: int, events: list[tuple[str, int]]
) -> None:
    door, tick = Door(is_silent, first_tick), first_tick
    shut_ms = 0
    for event, steps in events:
        if event == "failed":
            door.failed()
        elif event == "proved":
            door.proved()
        elif event == "rest" and door.is_open:
            door.rest(tick)
        for _ in range(steps):
            tick = ticks_add(tick, STEP_MS)
            door.step(tick)
            shut_ms = 0 if door.is_open else shut_ms + STEP_MS
            assert shut_ms <= LONGEST_SHUT_MS


@pytest.mark.parametrize("first_tick", FIRST_TICKS)
def test_after_a_link_that_nobody_heard_adverts_in_there_is_a_time_for_them(first_tick: int) -> None:
    door = Door(True, first_tick)
    door.rest(first_tick)
    assert not door.is_open
    _, spells = run(door, first_tick, REST_MS + 1_000)
    assert spells[0] == (False, REST_MS - STEP_MS)
    other = Door(False, first_tick)
    other.rest(first_tick)
    assert other.is_open


def test_a_rest_never_shortens_a_longer_time() -> None:
    door = Door(True, 0)
    tick, _ = run(door, 0, 300_000, attempts_every_ms=200)
    while door.is_open:
        tick, _ = run(door, tick, STEP_MS, attempts_every_ms=STEP_MS)
    door.rest(tick)
    _, spells = run(door, tick, 2 * LONGEST_SHUT_MS)
    assert spells[0][1] >= LONGEST_SHUT_MS - STEP_MS
