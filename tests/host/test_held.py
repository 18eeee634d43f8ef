"""Held values: shown for ten seconds after the quality was lost, and after nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_host import held
from vigil_host.devices import KnownDevice
from vigil_host.live import Live, LiveView
from vigil_wire import statuses
from vigil_wire.advert import Content

QUALITY_LOST = (statuses.LOW_PERFUSION, statuses.POOR_SIGNAL, statuses.ERRATIC)
OTHER = [code for code in range(len(statuses.NAMES)) if code not in QUALITY_LOST and not statuses.has_value(code)]
CODE = st.integers(0, 15)  # also those of a newer firmware


@pytest.fixture
def live(clock: Any) -> Live:
    return Live(lambda: [KnownDevice(name, "Band", "Ada", bytes(16)) for name in "de"], clock)


def view_of(live: Live, device: int = 0) -> LiveView:
    return live.snapshot()[device]


def held_in(view: LiveView) -> tuple[float | None, float | None, float | None]:
    assert view.pulse_rate_bpm is view.spo2_pct is None
    return view.held_pulse_rate_bpm, view.held_spo2_pct, view.held_temperature_c


@given(CODE, st.floats(0, 100), st.floats(0, 100))
def test_only_lost_quality_is_ever_held(status: int, gap_s: float, age_s: float) -> None:
    if held.may_show(status, age_s):
        assert status in QUALITY_LOST
        assert age_s <= 10
    if held.goes_on(status, gap_s):
        assert status in QUALITY_LOST or statuses.has_value(status)
        assert gap_s <= 3


@pytest.mark.parametrize("status", QUALITY_LOST)
def test_the_last_value_is_held_for_ten_seconds_and_is_no_reading(
    live: Live, clock: Any, content: Callable[..., Content], status: int
) -> None:
    live.update("d", content(pulse_rate=824), "advert")
    assert view_of(live).held_pulse_rate_bpm is None  # there is a reading
    for age_s in range(1, 15):
        clock.now_s += 1
        live.update("d", content(status=status), "advert")
        view = view_of(live)
        assert held_in(view)[:2] == ((82.4, 97.0) if age_s <= 10 else (None, None))
        assert (view.pulse_rate_status, view.last_pulse_rate_age_s) == (statuses.NAMES[status], age_s)
    live.update("d", content(pulse_rate=900), "advert")
    assert (view_of(live).pulse_rate_bpm, view_of(live).held_pulse_rate_bpm) == (90.0, None)


def test_a_held_value_ends_between_two_words_of_the_device_too(
    live: Live, clock: Any, content: Callable[..., Content]
) -> None:
    live.update("d", content(), "advert")
    for _ in range(3):
        clock.now_s += 3
        live.update("d", content(status=statuses.POOR_SIGNAL), "advert")
    assert held_in(view_of(live))[0] == 72.0
    clock.now_s += 1.1
    assert held_in(view_of(live)) == (None, None, None)


@pytest.mark.parametrize("status", OTHER, ids=lambda code: statuses.NAMES[code])
def test_nothing_is_held_after_contact_was_lost_a_fault_or_a_restart(
    live: Live, clock: Any, content: Callable[..., Content], status: int
) -> None:
    live.update("d", content(), "advert")
    clock.now_s += 1
    live.update("d", content(status=status), "advert")
    assert held_in(view_of(live)) == (None, None, None)
    clock.now_s += 1
    live.update("d", content(status=statuses.POOR_SIGNAL), "advert")  # on the skin again, and not well
    assert held_in(view_of(live)) == (None, None, None)


def test_nothing_is_held_across_a_time_in_which_the_device_was_not_heard(
    live: Live, clock: Any, content: Callable[..., Content]
) -> None:
    live.update("d", content(), "advert")
    clock.now_s += 3.1
    live.update("d", content(status=statuses.POOR_SIGNAL), "advert")
    assert held_in(view_of(live)) == (None, None, None)


def test_nothing_is_held_once_the_device_is_not_heard(live: Live, clock: Any, content: Callable[..., Content]) -> None:
    live.update("d", content(), "advert")
    clock.now_s += 1
    live.update("d", content(status=statuses.POOR_SIGNAL), "advert")
    clock.now_s += 5
    view = view_of(live)
    assert view.pulse_rate_status == "stale"
    assert held_in(view) == (None, None, None)


def test_one_signal_is_held_beside_another_that_is_live_and_never_for_another_device(
    live: Live, clock: Any, content: Callable[..., Content]
) -> None:
    live.update("d", content(), "advert")
    clock.now_s += 1
    live.update("d", content(spo2_status=statuses.POOR_SIGNAL), "advert")
    live.update("e", content(status=statuses.POOR_SIGNAL), "advert")
    view = view_of(live)
    assert (view.pulse_rate_bpm, view.held_pulse_rate_bpm) == (72.0, None)
    assert (view.spo2_pct, view.held_spo2_pct) == (None, 97.0)
    assert held_in(view_of(live, 1)) == (None, None, None)
