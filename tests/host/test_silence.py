"""When a device is silent: soon where its adverts get through, later where they do not, never for somebody's turn."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_host.devices import KnownDevice
from vigil_host.live import Live
from vigil_host.silence import LEAST_S, MOST_S, SHOWN, TURN_S, UNKNOWN_S, Silence

EVENTS = st.lists(st.tuples(st.sampled_from(["advert", "spoke", "link_ended"]), st.floats(0, 200)), max_size=120)


class Ear:
    """Hears one device, and notes when it would have been called silent."""

    def __init__(self) -> None:
        self.silence = Silence()
        self.now_s = 0.0
        self.heard_s = 0.0
        self.called: list[float] = []  # how long it was unheard, each time

    def advert(self, gap_s: float) -> None:
        self._after(gap_s)
        self.silence.advert(self.now_s)

    def spoke(self, gap_s: float) -> None:
        self._after(gap_s)
        self.silence.spoke()

    def _after(self, gap_s: float) -> None:
        self.now_s += gap_s
        if self.now_s - self.heard_s >= self.silence.allowed_s:
            self.called.append(self.now_s - self.heard_s)
        self.heard_s = self.now_s

    def hear_during_link(self) -> None:
        """Adverts and live messages in turn, as of a stack that goes on advertising."""
        for _ in range(SHOWN + 2):
            self.spoke(0.5)
            self.advert(0.5)
        self.silence.link_ended()


@given(EVENTS)
def test_whatever_is_heard_the_allowance_has_bounds(events: list[tuple[str, float]]) -> None:
    silence, now_s = Silence(), 0.0
    for event, gap_s in events:
        now_s += gap_s
        if event == "advert":
            silence.advert(now_s)
        else:
            getattr(silence, event)()
        assert 5 <= silence.allowed_s <= 60


@given(st.lists(st.floats(0.9, 1.1), min_size=60, max_size=60))
def test_where_every_advert_is_heard_silence_is_noticed_within_seconds(gaps: list[float]) -> None:
    ear = Ear()
    ear.hear_during_link()
    for gap_s in gaps:
        ear.advert(gap_s)
    assert ear.silence.allowed_s <= 6


@given(st.floats(1.0, 11.0), st.lists(st.floats(0.8, 1.2), min_size=100, max_size=100))
def test_an_adapter_that_swallows_most_is_learned(period_s: float, jitter: list[float]) -> None:
    ear = Ear()
    for share in jitter[:70]:
        ear.advert(share * period_s)
    before = len(ear.called)
    assert ear.silence.allowed_s >= min(3.5 * period_s, MOST_S)
    for share in jitter[70:]:
        ear.advert(share * period_s)
    assert len(ear.called) == before
    ear.advert(TURN_S + MOST_S)
    assert len(ear.called) == before + 1


TURNS = st.lists(st.tuples(st.floats(0.1, 10.0), st.integers(10, 14)), min_size=1, max_size=30)


@given(TURNS, st.booleans())
def test_a_device_whose_link_somebody_else_holds_is_never_called_silent(
    turns: list[tuple[float, int]], is_own: bool
) -> None:
    """Each turn takes its adverts away for up to ten seconds, from the first one on, whatever was heard before."""
    ear = Ear()
    for turn_s, adverts in turns:
        for _ in range(adverts):
            ear.advert(1.0)
        if is_own:  # this bridge's own link now and then: no advert is heard in it, as nobody hears any
            for _ in range(9):
                ear.spoke(1.0)
            ear.silence.link_ended()
            for _ in range(adverts):
                ear.advert(1.0)
        ear.advert(turn_s)
    assert ear.called == []
    assert 12 <= ear.silence.allowed_s <= 16  # turns are not learned as if the adapter swallowed adverts


def test_turns_are_not_taken_for_an_adapter_that_swallows_most() -> None:
    """Where every second advert is lost, one gap in six is a turn."""
    ear = Ear()
    for _ in range(30):
        ear.advert(10.0)
        for _ in range(5):
            ear.advert(2.0)
    assert (ear.called, ear.silence.allowed_s) == ([], 20.0)


def test_an_adapter_that_swallows_nearly_everything() -> None:
    ear = Ear()
    for _ in range(20):
        ear.advert(30.0)
    assert ear.silence.allowed_s == 60


@given(st.integers(60, 10**6), st.integers(0, 59))
def test_a_walk_out_of_reach_changes_nothing(away_s: int, when: int) -> None:
    ear = Ear()
    for _ in range(60):
        ear.advert(1.0)
    before = ear.silence.allowed_s
    for second in range(60):
        ear.advert(away_s if second == when else 1.0)
    assert (ear.silence.allowed_s, ear.called) == (before, [away_s])


def test_late_adverts_at_the_begin_of_a_link_show_nothing() -> None:
    ear = Ear()
    for _ in range(30):
        for _ in range(3):
            ear.spoke(0.5)
            ear.advert(0.5)
        ear.silence.link_ended()
        for _ in range(20):
            ear.advert(1.0)
            assert ear.silence.allowed_s >= 12


def test_a_gap_as_of_a_turn_takes_back_what_was_shown() -> None:
    """Another board may have been given the same key."""
    ear = Ear()
    ear.hear_during_link()
    for _ in range(10):
        ear.advert(1.0)
    assert ear.silence.allowed_s == LEAST_S
    ear.advert(9.0)
    ear.advert(1.0)
    assert ear.silence.allowed_s >= 12


@pytest.mark.parametrize("lost", [0.0, 0.1, 0.3, 0.5])
def test_adverts_lost_by_chance_do_not_make_it_silent(lost: float) -> None:
    """A fixed 15 s would, of half of them lost, be wrong about once a day."""
    ear, chance, gap_s = Ear(), random.Random(20261123), 0.0
    for _ in range(86_400):
        gap_s += 1.0
        if chance.random() >= lost:
            ear.advert(gap_s)
            gap_s = 0.0
    assert ear.called == []
    assert ear.silence.allowed_s <= 45


def test_live_state_goes_by_it(clock: Any, content: Callable[..., Any]) -> None:
    live = Live(lambda: [KnownDevice("d", "Band", "Ada", bytes(16))], clock)
    live.set_connected("d", True)
    for _ in range(SHOWN + 10):
        clock.now_s += 0.5
        live.update("d", content(), "link")
        clock.now_s += 0.5
        live.update("d", content(), "advert")
    clock.now_s += LEAST_S - 0.1
    assert (live.is_silent("d"), live.snapshot()[0].link) == (False, "connected")
    clock.now_s += 0.2
    assert (live.is_silent("d"), live.snapshot()[0].link) == (True, "silent")
    live.heard("d")  # a record
    assert not live.is_silent("d")
    live.set_connected("d", False)
    clock.now_s += UNKNOWN_S
    live.update("d", content(), "advert")
    assert live.snapshot()[0].link == "adverts"
