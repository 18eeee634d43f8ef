"""Live state: never older than it looks, never a number without a reason."""

from collections.abc import Callable
from typing import Any

import pytest

from vigil_host.devices import KnownDevice
from vigil_host.live import Live, LiveView
from vigil_wire import conditions, statuses
from vigil_wire.advert import Content


@pytest.fixture
def live(clock: Any) -> Live:
    return Live(lambda: [KnownDevice("d", "Band", "Ada", bytes(16))], clock)


def view_of(live: Live) -> LiveView:
    (view,) = live.snapshot()
    return view


def test_never_heard(live: Live) -> None:
    view = view_of(live)
    assert (view.device_name, view.wearer_name, view.link, view.age_s) == ("Band", "Ada", "silent", None)
    assert (view.pulse_rate_bpm, view.pulse_rate_status, view.last_pulse_rate_bpm) == (None, "stale", None)


def test_a_fresh_advert(live: Live, content: Callable[..., Content]) -> None:
    live.update("d", content(alarm_bits=1 << conditions.SPO2_LOW), "advert", -61)
    view = view_of(live)
    assert (view.pulse_rate_bpm, view.spo2_pct, view.temperature_c) == (72.0, 97.0, 36.6)
    assert (view.perfusion_index_pct, view.battery_pct, view.rssi_dbm) == (2.5, 80, -61)
    assert (view.link, view.age_s, view.pulse_rate_status) == ("adverts", 0.0, "validated")
    assert view.active == ["spo2_low"]


@pytest.mark.parametrize(("age_s", "value", "status"), [(4.9, 72.0, "validated"), (5.0, None, "stale")])
def test_stale_after_five_seconds(
    live: Live, clock: Any, content: Callable[..., Content], age_s: float, value: float | None, status: str
) -> None:
    live.update("d", content(), "advert", -61)
    clock.now_s += age_s
    view = view_of(live)
    assert (view.pulse_rate_bpm, view.pulse_rate_status) == (value, status)
    assert (view.spo2_pct is None, view.temperature_c is None, view.battery_pct is None) == (value is None,) * 3
    assert view.last_pulse_rate_bpm == 72.0
    assert view.last_pulse_rate_age_s == pytest.approx(age_s)


def test_records_alone_do_not_make_a_value_live(live: Live, clock: Any, content: Callable[..., Content]) -> None:
    live.set_connected("d", True)
    live.update("d", content(), "link")
    clock.now_s += 14.0
    live.heard("d")
    clock.now_s += 14.0
    view = view_of(live)
    assert (view.link, view.pulse_rate_bpm, view.pulse_rate_status) == ("connected", None, "stale")
    assert live.silence_s("d") == 14.0


def test_silent_after_fifteen_seconds(live: Live, clock: Any, content: Callable[..., Content]) -> None:
    live.update("d", content(), "advert", -61)
    clock.now_s += 14.9
    assert view_of(live).link == "adverts"
    clock.now_s += 0.1
    assert view_of(live).link == "silent"


def test_a_status_without_a_reading_outweighs_a_number(live: Live, content: Callable[..., Content]) -> None:
    live.update("d", content(pulse_rate=720, status=statuses.VALIDATED), "link")
    live.update("d", content(pulse_rate=990, status=statuses.SENSOR_OFF), "link")
    view = view_of(live)
    assert (view.pulse_rate_bpm, view.pulse_rate_status, view.last_pulse_rate_bpm) == (None, "sensor_off", 72.0)


def test_quality_is_the_links_and_only_while_there_is_a_pulse(
    live: Live, clock: Any, content: Callable[..., Content]
) -> None:
    live.update("d", content(), "advert")
    assert view_of(live).quality is None
    live.update("d", content(), "link", quality=93)
    clock.now_s += 1
    live.update("d", content(), "advert")
    assert view_of(live).quality == 93
    live.update("d", content(status=statuses.POOR_SIGNAL), "advert")
    assert view_of(live).quality is None
    for _ in range(3):  # the link has gone, adverts go on
        clock.now_s += 2
        live.update("d", content(), "advert")
    view = view_of(live)
    assert (view.pulse_rate_bpm, view.quality) == (72.0, None)


def test_a_status_of_a_newer_firmware(live: Live, content: Callable[..., Content]) -> None:
    live.update("d", content(status=15), "link")
    assert view_of(live).spo2_status == "status_15"
