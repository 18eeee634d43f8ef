"""Alarm conditions: when they are raised and cleared, and what a missing reading may not do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.alarms import NO_VALUE, Alarms
from vigil_firmware.ticks import ticks_add, ticks_diff
from vigil_firmware.vitals import Vitals
from vigil_wire import conditions, records, statuses
from vigil_wire.conditions import CLEARED, RAISED
from vigil_wire.settings import Settings

_SPO2 = conditions.SPO2_LOW
_PULSE_HIGH = conditions.PULSE_RATE_HIGH


class Ward:
    """Alarms judged once a second on vitals that the test says."""

    def __init__(self, first_tick: int = 0, **settings: int) -> None:
        self.first_tick = self.now_ms = first_tick
        self.events: list[tuple[int, int, int, int]] = []  # second, condition, event, value
        self.onsets: list[int] = []  # second
        self.alarms = Alarms(Settings(**settings), self._announce)

    def _announce(self, condition: int, event: int, value: int, onset_ms: int) -> None:
        self.events.append((self.second, condition, event, value))
        self.onsets.append(ticks_diff(onset_ms, self.first_tick) // 1000)

    @property
    def second(self) -> int:
        """Seconds that were judged."""
        return ticks_diff(self.now_ms, self.first_tick) // 1000

    def see(
        self,
        seconds: int = 1,
        *,
        spo2: int | None = 970,
        pulse: int | None = 720,
        temperature: int | None = 3670,
        why: int = statuses.POOR_SIGNAL,
        why_temperature: int = statuses.UNAVAILABLE,
    ) -> None:
        """Show the same vitals for some seconds; None is no reading, because of `why`."""
        vitals = Vitals()
        for measurement, value, reason in (
            (vitals.spo2, spo2, why),
            (vitals.pulse_rate, pulse, why),
            (vitals.temperature, temperature, why_temperature),
        ):
            if value is None:
                measurement.withhold(reason)
            else:
                measurement.publish(value, statuses.VALIDATED)
        for _ in range(seconds):
            self.now_ms = ticks_add(self.now_ms, 1000)
            self.alarms.evaluate(vitals, self.now_ms)

    def off(self, seconds: int = 1, why: int = statuses.SENSOR_OFF) -> None:
        """Show no reading for some seconds."""
        self.see(seconds, spo2=None, pulse=None, why=why)


@pytest.mark.parametrize(
    ("condition", "low", "inside", "delay_s", "off_s"),
    [
        (_SPO2, {"spo2": 899}, {"spo2": 910}, 10, 5),
        (conditions.PULSE_RATE_LOW, {"pulse": 499}, {"pulse": 520}, 10, 5),
        (_PULSE_HIGH, {"pulse": 1201}, {"pulse": 1180}, 10, 5),
        (conditions.TEMPERATURE_LOW, {"temperature": 3499}, {"temperature": 3520}, 60, 30),
        (conditions.TEMPERATURE_HIGH, {"temperature": 3851}, {"temperature": 3830}, 60, 30),
    ],
)
def test_limit_has_its_delays_and_its_hysteresis(
    first_tick: int, condition: int, low: Any, inside: Any, delay_s: int, off_s: int
) -> None:
    ward = Ward(first_tick)
    (value,) = low.values()
    (cleared_at,) = inside.values()
    ward.see(5)
    ward.see(delay_s, **low)
    assert ward.events == []
    ward.see(1, **low)
    assert ward.events == [(5 + delay_s + 1, condition, RAISED, value)]
    assert ward.onsets == [6]
    assert ward.alarms.bits == 1 << condition
    just_inside = dict.fromkeys(inside, cleared_at + (1 if value > cleared_at else -1))
    ward.see(200, **just_inside)  # within the hysteresis
    assert len(ward.events) == 1
    ward.see(off_s, **inside)
    assert len(ward.events) == 1
    ward.see(1, **inside)
    assert ward.events[1][1:] == (condition, CLEARED, cleared_at)
    assert ward.onsets[1] == ward.second - off_s
    assert ward.alarms.bits == 0


def test_reading_at_the_limit_is_inside(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(100, spo2=900, pulse=500)
    ward.see(100, pulse=1200, temperature=3850)
    ward.see(100, temperature=3500)
    assert ward.events == []


def test_one_reading_inside_starts_the_delay_anew(first_tick: int) -> None:
    ward = Ward(first_tick)
    for _ in range(10):
        ward.see(9, spo2=850)
        ward.see(1)
    assert ward.events == []


def test_delay_of_zero_raises_at_the_first_reading(first_tick: int) -> None:
    ward = Ward(first_tick, spo2_delay_s=0)
    ward.see(1, spo2=850)
    assert ward.events == [(1, _SPO2, RAISED, 850)]


def test_missing_readings_do_not_restart_a_delay(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(6, spo2=850)
    ward.see(3, spo2=None)
    ward.see(2, spo2=850)
    assert ward.events == [(11, _SPO2, RAISED, 850)]
    assert ward.onsets == [1]


def test_missing_readings_never_raise_and_never_clear(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(6, spo2=850)
    ward.see(15, spo2=None)
    assert ward.events == []
    ward.see(1, spo2=850)
    assert [event[1:3] for event in ward.events] == [(_SPO2, RAISED)]
    ward.off(600)
    assert ward.alarms.bits & 1 << _SPO2
    assert (_SPO2, CLEARED) not in [event[1:3] for event in ward.events]


def test_sensor_off_has_its_own_condition_and_no_reading_stays_quiet(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(10)
    ward.off(60)
    assert ward.events == [(16, conditions.SENSOR_OFF, RAISED, NO_VALUE)]
    assert ward.onsets == [11]
    ward.see(2)
    assert ward.events[1:] == [(72, conditions.SENSOR_OFF, CLEARED, NO_VALUE)]


@pytest.mark.parametrize("why", [statuses.POOR_SIGNAL, statuses.LOW_PERFUSION, statuses.ACQUIRING, statuses.ERRATIC])
def test_any_other_lack_is_no_reading_after_twenty_seconds(first_tick: int, why: int) -> None:
    ward = Ward(first_tick)
    ward.off(20, why)
    assert ward.events == []
    ward.off(1, why)
    assert ward.events == [(21, conditions.NO_READING, RAISED, NO_VALUE)]
    ward.see(2)
    assert ward.events[1:] == [(23, conditions.NO_READING, CLEARED, NO_VALUE)]


@pytest.mark.parametrize("missing", [{"spo2": None}, {"pulse": None}])
def test_one_of_pulse_and_spo2_alone_is_no_reading(missing: Any) -> None:
    ward = Ward()
    ward.see(21, **missing)
    assert ward.events == [(21, conditions.NO_READING, RAISED, NO_VALUE)]


@pytest.mark.parametrize("why", [statuses.SENSOR_OFF, statuses.SENSOR_FAULT])
@pytest.mark.parametrize(("gone_s", "back_s"), [(3, 3), (1, 1), (4, 1), (1, 7)])
def test_sensor_that_comes_and_goes_is_not_passed_over(first_tick: int, why: int, gone_s: int, back_s: int) -> None:
    ward = Ward(first_tick)
    for _ in range(60 // (gone_s + back_s)):
        ward.off(gone_s, why)
        ward.off(back_s, statuses.ACQUIRING)
    assert ward.events
    assert ward.events[0][0] <= 30


def test_fault_of_the_oximeter(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.off(60, statuses.SENSOR_FAULT)
    assert ward.events == [(3, conditions.SENSOR_FAULT, RAISED, NO_VALUE)]
    ward.see(2)
    assert ward.alarms.bits == 0


def test_fault_of_the_thermometer_alone() -> None:
    ward = Ward()
    ward.see(60, temperature=None, why_temperature=statuses.SENSOR_FAULT)
    assert ward.events == [(3, conditions.SENSOR_FAULT, RAISED, NO_VALUE)]


def test_device_without_a_thermometer_has_no_alarm_about_it() -> None:
    ward = Ward()
    ward.see(600, temperature=None, why_temperature=statuses.UNAVAILABLE)
    assert ward.events == []


def test_new_settings_keep_what_is_active(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(11, spo2=880)
    ward.alarms.apply(Settings(spo2_low_deci_pct=860))
    assert ward.alarms.bits == 1 << _SPO2
    ward.see(5, spo2=880)
    assert ward.alarms.bits == 1 << _SPO2
    ward.see(1, spo2=880)  # readings clear it, under the new limit
    assert [event[1:3] for event in ward.events] == [(_SPO2, RAISED), (_SPO2, CLEARED)]
    assert ward.alarms.bits == 0


@given(
    st.lists(
        st.tuples(
            st.integers(1, 30),
            st.one_of(st.none(), st.sampled_from([850, 895, 905, 915, 970])),
            st.one_of(st.none(), st.sampled_from([400, 510, 525, 720, 1190, 1210, 1500])),
            st.one_of(st.none(), st.sampled_from([3400, 3510, 3670, 3840, 3900])),
            st.sampled_from([statuses.SENSOR_OFF, statuses.POOR_SIGNAL, statuses.SENSOR_FAULT, statuses.ACQUIRING]),
            st.booleans(),
        ),
        max_size=40,
    ),
    st.sampled_from([0, (1 << 30) - 7_000]),
)
def test_each_condition_is_raised_and_cleared_in_turn_and_bits_say_so(story: Any, first_tick: int) -> None:
    ward = Ward(first_tick, spo2_delay_s=3, pulse_rate_delay_s=0, temperature_delay_s=9)
    for seconds, spo2, pulse, temperature, why, change in story:
        if change:
            ward.alarms.apply(Settings(spo2_low_deci_pct=910 - seconds, spo2_delay_s=3, pulse_rate_delay_s=0))
        ward.see(seconds, spo2=spo2, pulse=pulse, temperature=temperature, why=why)
        sums = 0
        for _, condition, event, _ in ward.events:
            sums += (1 << condition) * (1 if event == RAISED else -1)
        assert sums == ward.alarms.bits
    for number in range(len(conditions.NAMES)):
        mine = [event for _, condition, event, _ in ward.events if condition == number]
        assert mine == [RAISED, CLEARED] * (len(mine) // 2) + [RAISED] * (len(mine) % 2)
    for (second, condition, event, value), onset in zip(ward.events, ward.onsets, strict=True):
        assert 0 < onset <= second
        assert (value == NO_VALUE) == (condition >= conditions.PHYSIOLOGICAL_COUNT), event


def test_monitor_journals_each_event_once_with_its_onset(make_rig: Any, first_tick: int) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1", "12,72,85,2,36.7,0.02,1", "40,72,97,2,36.7,0.02,1", first_tick=first_tick)
    rig.run(70)
    events = [record for record in rig.records() if record.kind == records.ALARM]
    fields = [record.fields for record in events]
    assert [(each["condition"], each["event"]) for each in fields] == [(_SPO2, RAISED), (_SPO2, CLEARED)]
    assert fields[0]["priority"] == conditions.HIGH
    assert 840 <= fields[0]["value"] <= 900
    crossed = next(second for second, spo2 in enumerate(rig.column("spo2"), 1) if spo2 is not None and spo2 < 900)
    assert fields[0]["onset_day_ms"] == crossed * 1000
    assert events[0].day_ms == fields[0]["onset_day_ms"] + 10_000
    bits = rig.column("bits")
    assert bits.index(1) + 1 == events[0].day_ms // 1000


def test_onset_before_midnight_of_the_uptime(make_rig: Any) -> None:
    rig = make_rig(settings=Settings(spo2_delay_s=10))
    rig.monitor.uptime.day, rig.monitor.uptime.day_ms = 0, 86_400_000 - 13_000
    rig.source.is_silent = True
    rig.monitor._now_ms = 5_000
    rig.monitor.uptime.day, rig.monitor.uptime.day_ms = 1, 2_000
    rig.monitor._announce(_SPO2, RAISED, 850, ticks_add(0, 0))
    record = rig.records()[-1]
    assert (record.fields["onset_day"], record.fields["onset_day_ms"]) == (0, 86_397_000)
