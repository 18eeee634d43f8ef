"""Live state: never older than it looks, never a number without a reason."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from vigil_host.devices import KnownDevice
from vigil_host.live import Live, LiveView
from vigil_wire import conditions, link, movement, statuses
from vigil_wire.advert import NO_U8, Content
from vigil_wire.link import Movement


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


def test_charge_that_is_not_told_any_more_is_no_charge(live: Live, content: Callable[..., Content]) -> None:
    live.update("d", content(battery=NO_U8), "advert", -61)
    assert (view_of(live).battery_pct, view_of(live).last_battery_pct) == (None, None), "it may have no gauge"
    live.update("d", content(battery=80), "advert", -61)
    assert (view_of(live).battery_pct, view_of(live).last_battery_pct) == (80, 80)
    live.update("d", content(battery=NO_U8), "advert", -61)
    assert (view_of(live).battery_pct, view_of(live).last_battery_pct) == (None, 80)


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


@pytest.fixture
def row(store: Any, device_id: str, journal: Any, utc_ms: int) -> Callable[..., Any]:
    """Make a record that was written `age_s` ago, as the store gives it, for the device of these tests."""

    def make(respiration: int | None, age_s: float = 0.0) -> Any:
        journal.anchor(0, utc_ms)
        journal.vitals(int(50_000 - age_s * 1000), respiration_deci_per_min=respiration)
        store.commit(device_id, journal.id, journal.records)
        return dataclasses.replace(store.rows_after(0, 100)[-1], device_id="d")

    return make


@pytest.mark.parametrize(
    ("age_s", "value", "status"), [(0, 14.2, "validated"), (24, 14.2, "validated"), (26, None, "no_record")]
)
def test_respiration_lasts_two_records_and_five_seconds(
    live: Live, clock: Any, content: Callable[..., Content], row: Any, age_s: float, value: float | None, status: str
) -> None:
    clock.now_s += 50
    live.update_record(row(142))
    clock.now_s += age_s
    live.update("d", content(), "link")
    view = view_of(live)
    assert (view.respiration_per_min, view.respiration_status) == (value, status)
    assert (view.last_respiration_per_min, view.last_respiration_age_s) == (14.2, pytest.approx(age_s))


def test_respiration_of_an_old_record_is_never_live(
    live: Live, clock: Any, content: Callable[..., Content], row: Any
) -> None:
    clock.now_s += 50
    live.update("d", content(), "link")
    live.update_record(row(142, age_s=30))
    assert (view_of(live).respiration_per_min, view_of(live).respiration_status) == (None, "no_record")
    live.update_record(row(150))
    live.update_record(row(142, age_s=5))  # comes late: what is newer stays
    assert view_of(live).respiration_per_min == 15.0
    live.update_record(dataclasses.replace(row(180), utc_ms=None))
    assert view_of(live).respiration_per_min == 15.0


def test_respiration_is_taken_away_by_a_record_without_it_and_by_silence(
    live: Live, clock: Any, content: Callable[..., Content], row: Any
) -> None:
    clock.now_s += 50
    live.update("d", content(), "link")
    live.update_record(row(142))
    live.update_record(row(None))
    assert (view_of(live).respiration_per_min, view_of(live).respiration_status) == (None, "poor_signal")
    live.update_record(row(142))
    assert view_of(live).respiration_per_min == 14.2
    clock.now_s += 15
    assert (view_of(live).respiration_per_min, view_of(live).respiration_status) == (None, "no_record")


def test_a_status_of_a_newer_firmware(live: Live, content: Callable[..., Content]) -> None:
    live.update("d", content(status=15), "link")
    assert view_of(live).spo2_status == "status_15"


def told(position: int, moved: int, activity_milli_g: int = 12, cadence_per_min: int = 0) -> Movement:
    """How a wearer moves, as a live message tells it."""
    message = bytearray(link.LIVE_WITH_MOVEMENT_LENGTH)
    code = movement.pack(position, moved)
    link.pack_movement(message, link.LIVE_LENGTH, code, activity_milli_g, cadence_per_min)
    return Movement(message)


def test_movement_is_live_for_five_seconds_and_nothing_is_said_after(
    live: Live, clock: Any, content: Callable[..., Content]
) -> None:
    assert (view_of(live).movement, view_of(live).position) == (None, None)
    live.update("d", content(), "link", quality=90, movement=told(movement.LYING, movement.STILL))
    clock.now_s += 4
    live.update("d", content(), "advert")
    view = view_of(live)
    assert (view.movement, view.position, view.activity_milli_g, view.cadence_per_min) == ("still", "lying", 12, None)
    clock.now_s += 2
    live.update("d", content(), "advert")
    view = view_of(live)
    assert (view.movement, view.position, view.activity_milli_g) == (None, None, None)


def test_accelerometer_that_is_lost_leaves_nothing_though_the_record_had_it(
    live: Live, content: Callable[..., Content], row: Any, clock: Any
) -> None:
    clock.now_s += 50
    live.update_record(dataclasses.replace(row(142), movement="still", position="lying"))
    live.update("d", content(), "advert")
    assert (view_of(live).movement, view_of(live).position) == ("still", "lying")
    live.update("d", content(), "link", quality=90, movement=told(movement.UNKNOWN, movement.NONE, -1))
    view = view_of(live)
    assert (view.movement, view.position, view.activity_milli_g) == (None, None, None)
