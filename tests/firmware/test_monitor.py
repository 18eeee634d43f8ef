"""The monitor: what it keeps in the journal, what it does with its thermometer, and when it judges."""

from typing import Any

import pytest

from vigil_wire import conditions, records
from vigil_wire.settings import LENGTH, Settings, unpack


def test_journal_begins_with_the_boot_and_the_settings(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick, settings=Settings(spo2_low_deci_pct=900))
    boot, settings = rig.records()
    assert (boot.kind, boot.boot, boot.fields["reset_cause"]) == (records.BOOT, 3, 1)
    assert settings.kind == records.SETTINGS
    assert unpack(settings.data[records.HEADER_LENGTH :]).spo2_low_deci_pct == 900


def test_one_judgement_a_second(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(20)
    assert rig.column("second") == list(range(1, 21))
    assert (rig.monitor.uptime.day, rig.monitor.uptime.day_ms) == (0, 20_000)


@pytest.mark.parametrize("interval_s", [1, 5, 60])
def test_summaries_cover_every_second_once(make_rig: Any, first_tick: int, interval_s: int) -> None:
    rig = make_rig(first_tick=first_tick, settings=Settings(summary_interval_s=interval_s))
    rig.run(60)
    summaries = [each for each in rig.records() if each.kind == records.VITALS]
    assert [each.fields["seconds"] for each in summaries] == [interval_s] * (60 // interval_s)
    assert [each.day_ms for each in summaries] == [1000 * interval_s * n for n in range(1, 60 // interval_s + 1)]
    pulse = [value for value in rig.column("pulse_rate") if value is not None]
    assert sum(each.fields["pulse_rate_seconds"] for each in summaries) == len(pulse)
    assert max(each.fields["pulse_rate_max_deci_bpm"] or 0 for each in summaries) == max(pulse)
    if interval_s == 1:
        assert [each.fields["pulse_rate_mean_deci_bpm"] for each in summaries] == rig.column("pulse_rate")
        assert [each.fields["temperature_mean_centi_c"] for each in summaries] == rig.column("temperature")


def test_summary_without_a_reading_holds_no_number(make_rig: Any) -> None:
    rig = make_rig("0,72,97,2,,0.02,0")
    rig.run(10)
    fields = [each for each in rig.records() if each.kind == records.VITALS][-1].fields
    for name in ("pulse_rate_mean_deci_bpm", "spo2_min_deci_pct", "temperature_max_centi_c", "perfusion_centi_pct"):
        assert fields[name] is None
    assert fields["pulse_rate_seconds"] == 0


def test_temperature_is_the_patients(make_rig: Any, first_tick: int) -> None:
    rig = make_rig("0,72,97,2,38.25,0.02,1", first_tick=first_tick)
    rig.run(10)
    assert all(abs(value - 3825) <= 1 for value in rig.column("temperature")[1:])


def test_thermometer_that_stops_converting(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(10)
    rig.source.has_temperature = False
    rig.run(20)
    status = rig.column("temperature_status")
    assert set(status[16:]) == {"sensor_fault"}
    assert "validated" not in status[11:]
    assert "no readings" in rig.monitor.thermometer_fault
    assert rig.column("bits")[-1] == 1 << conditions.SENSOR_FAULT
    rig.source.has_temperature = True
    rig.run(10)
    assert rig.column("temperature_status")[-1] == "validated"
    assert rig.column("bits")[-1] == 0


def test_thermometer_that_goes_and_comes_back(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(12)
    rig.bus.nak(0x48)
    rig.run(5)
    assert rig.column("temperature_status")[12:] == ["sensor_fault"] * 5
    assert rig.column("temperature")[12:] == [None] * 5
    assert "TMP117 at 0x48" in rig.monitor.thermometer_fault
    assert rig.shown[-1]["pulse_rate_status"] == "validated"
    assert rig.shown[-1]["bits"] == 1 << conditions.SENSOR_FAULT
    rig.bus.release(0x48)
    rig.run(4)
    assert rig.shown[-1]["temperature_status"] == "validated"
    assert rig.shown[-1]["bits"] == 0
    assert rig.monitor.thermometer_fault == ""


def test_thermometer_without_a_new_value_is_not_shown_as_live(make_rig: Any) -> None:
    rig = make_rig()
    rig.run(12)
    rig.source.has_temperature = False
    rig.run(5)
    assert rig.column("temperature")[13:] == [None] * 4


def test_late_steps_are_made_up_for(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(12)
    rig.run(3, step_ms=3000)
    rig.run(5)
    assert rig.monitor.second == 20


def test_new_settings_are_journalled_and_used(make_rig: Any) -> None:
    rig = make_rig()
    rig.monitor.apply(Settings(summary_interval_s=1), b"Ada")
    before = rig.journal.newest
    rig.run(4)
    assert [each.kind for each in rig.records()[before + 1 :]] == [records.VITALS] * 4
    kept = rig.records()[before].data[records.HEADER_LENGTH :]
    assert unpack(kept[:LENGTH]).summary_interval_s == 1
    assert kept[LENGTH:] == b"Ada"


def test_time_anchor_ties_utc_to_uptime(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(3)
    rig.monitor.anchor_time(9_500, 43_200_000)
    anchor = rig.records()[-1]
    assert anchor.kind == records.TIME_ANCHOR
    assert (anchor.day, anchor.day_ms) == (0, 3000)
    assert anchor.fields == {"utc_day": 9_500, "utc_day_ms": 43_200_000}
