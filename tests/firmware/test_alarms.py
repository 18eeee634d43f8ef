"""The alarm engine: when conditions are raised and cleared, what silences them, and what may not."""

from typing import Any

import pytest

from vigil_firmware.alarms import NO_VALUE, SOUND_AGAIN_MS, STANDBY_MOST_MIN, STATE_LENGTH, Alarms
from vigil_firmware.ticks import ticks_add, ticks_diff
from vigil_firmware.vitals import Vitals
from vigil_wire import conditions, link, records, statuses
from vigil_wire.conditions import (
    ACKNOWLEDGED,
    AT_DEVICE,
    AUDIO_PAUSED,
    AUDIO_RESUMED,
    BESIDE_WEARER,
    CLEARED,
    FROM_AFAR,
    HIGH,
    LATCHED,
    LOW,
    MEDIUM,
    NO_READING,
    NONE,
    PULSE_RATE_HIGH,
    PULSE_RATE_LOW,
    PULSE_RATE_VERY_HIGH,
    PULSE_RATE_VERY_LOW,
    RAISED,
    RESPIRATION_HIGH,
    RESPIRATION_LOW,
    RISEN,
    SENSOR_FAULT,
    SENSOR_OFF,
    SOUNDS_AGAIN,
    SPO2_FALLING,
    SPO2_LOW,
    SPO2_VERY_LOW,
    STANDBY_BEGUN,
    STANDBY_ENDED,
    TEMPERATURE_CHANGE,
    TEMPERATURE_HIGH,
    TEMPERATURE_LOW,
    TEMPERATURE_VERY_HIGH,
    TEMPERATURE_VERY_LOW,
)
from vigil_wire.settings import CORE_SITES, SITE_NAMES, Settings

ARMPIT, SKIN = 1, 11
MINUTE_S = 60
AGAIN_S = SOUND_AGAIN_MS // 1000


class Ward:
    """Alarms judged once a second on vitals that the test says."""

    def __init__(self, first_tick: int = 0, **settings: int) -> None:
        self.first_tick = self.now_ms = first_tick
        self.events: list[tuple[int, int, int, int]] = []  # second, condition, event, value
        self.onsets: list[int] = []  # second
        self.priorities: list[int] = []
        settings.setdefault("temperature_site", ARMPIT)
        self.settings = Settings((), **settings)
        self.alarms = Alarms(self.settings, self._announce)

    def _announce(self, condition: int, event: int, priority: int, value: int, onset_ms: int) -> None:
        self.events.append((self.second, condition, event, value))
        self.onsets.append(ticks_diff(onset_ms, self.first_tick) // 1000)
        self.priorities.append(priority)

    @property
    def second(self) -> int:
        """Seconds that were judged."""
        return ticks_diff(self.now_ms, self.first_tick) // 1000

    def of(self, *numbers: int) -> list[tuple[int, int]]:
        """(second, event) of what was told of some conditions."""
        return [(second, event) for second, condition, event, _ in self.events if condition in numbers]

    def told(self, *numbers: int) -> list[int]:
        """What was told of some conditions."""
        return [event for _, event in self.of(*numbers)]

    def active(self) -> list[str]:
        """The names of what is active."""
        return conditions.names_of(self.alarms.bits)

    def see(
        self,
        seconds: int = 1,
        *,
        spo2: int | None = 970,
        pulse: int | None = 720,
        temperature: int | None = 3670,
        respiration: int | None = 150,
        why: int = statuses.POOR_SIGNAL,
        why_temperature: int = statuses.UNAVAILABLE,
        belief: int = statuses.VALIDATED,
        calibrated: bool = True,
    ) -> None:
        """Show the same vitals for some seconds; None is no reading, because of `why`."""
        vitals = Vitals()
        vitals.spo2_is_calibrated = calibrated
        for measurement, value, reason in (
            (vitals.spo2, spo2, why),
            (vitals.pulse_rate, pulse, why),
            (vitals.respiration, respiration, why),
            (vitals.temperature, temperature, why_temperature),
        ):
            if value is None:
                measurement.withhold(reason)
            else:
                measurement.publish(value, belief)
        for _ in range(seconds):
            self.now_ms = ticks_add(self.now_ms, 1000)
            self.alarms.evaluate(vitals, self.now_ms)

    def off(self, seconds: int = 1, why: int = statuses.SENSOR_OFF) -> None:
        """Show no reading for some seconds."""
        self.see(seconds, spo2=None, pulse=None, respiration=None, why=why)

    def acknowledge(self, number: int = conditions.ALL, by: int = AT_DEVICE) -> bool:
        """Acknowledge now."""
        return self.alarms.acknowledge(number, by, self.now_ms)

    def restart(self) -> None:
        """Go on in an engine of its own, as after a restart."""
        packed = self.alarms.pack()
        assert len(packed) == STATE_LENGTH
        self.alarms = Alarms(self.settings, self._announce)
        assert self.alarms.restore(packed, self.now_ms)


@pytest.mark.parametrize(
    ("condition", "beyond", "inside", "delay_s", "off_s"),
    [
        (SPO2_LOW, {"spo2": 919}, {"spo2": 930}, 30, 5),
        (SPO2_VERY_LOW, {"spo2": 879}, {"spo2": 890}, 10, 5),
        (PULSE_RATE_LOW, {"pulse": 499}, {"pulse": 520}, 30, 5),
        (PULSE_RATE_VERY_LOW, {"pulse": 399}, {"pulse": 420}, 10, 5),
        (PULSE_RATE_HIGH, {"pulse": 1201}, {"pulse": 1180}, 30, 5),
        (PULSE_RATE_VERY_HIGH, {"pulse": 1301}, {"pulse": 1280}, 10, 5),
        (TEMPERATURE_LOW, {"temperature": 3499}, {"temperature": 3520}, 60, 30),
        (TEMPERATURE_VERY_LOW, {"temperature": 3399}, {"temperature": 3420}, 60, 30),
        (TEMPERATURE_HIGH, {"temperature": 3851}, {"temperature": 3830}, 60, 30),
        (TEMPERATURE_VERY_HIGH, {"temperature": 3951}, {"temperature": 3930}, 60, 30),
        (RESPIRATION_LOW, {"respiration": 89}, {"respiration": 100}, 30, 5),
        (RESPIRATION_HIGH, {"respiration": 251}, {"respiration": 240}, 30, 5),
    ],
)
def test_limit_has_its_delays_and_its_hysteresis(
    first_tick: int, condition: int, beyond: Any, inside: Any, delay_s: int, off_s: int
) -> None:
    ward = Ward(first_tick)
    ((name, value),) = beyond.items()
    cleared_at = inside[name]
    limit = value + (1 if value < cleared_at else -1)
    ward.see(5, **{name: limit})  # a reading at the limit is inside
    ward.see(delay_s, **beyond)
    assert ward.of(condition) == []
    ward.see(1, **beyond)
    assert [(second, kind, shown) for second, number, kind, shown in ward.events if number == condition] == [
        (5 + delay_s + 1, RAISED, value)
    ]
    assert ward.onsets[-1] == 6
    assert ward.alarms.bits >> condition & 1
    assert ward.alarms.audible == ward.alarms.visible == conditions.PRIORITIES[condition]
    ward.see(200, **{name: cleared_at + (1 if value > cleared_at else -1)})  # within the hysteresis
    assert ward.told(condition) == [RAISED]
    ward.see(off_s, **inside)
    assert ward.told(condition) == [RAISED]
    ward.see(1, **inside)
    assert ward.of(condition)[1] == (ward.second, CLEARED)
    assert ward.onsets[-1] == ward.second - off_s
    assert not ward.alarms.bits >> condition & 1


def test_two_levels_and_the_worse_one_speaks_for_both(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(31, spo2=900)
    assert (ward.active(), ward.alarms.audible, ward.alarms.top) == (["spo2_low"], MEDIUM, SPO2_LOW)
    ward.see(11, spo2=870)
    assert ward.active() == ["spo2_low", "spo2_very_low"]
    assert (ward.alarms.audible, ward.alarms.top) == (HIGH, SPO2_VERY_LOW)
    ward.acknowledge(SPO2_VERY_LOW)
    assert (ward.alarms.audible, ward.alarms.visible) == (NONE, HIGH)
    ward.see(6, spo2=900)
    assert (ward.active(), ward.alarms.audible) == (["spo2_low"], MEDIUM)


def test_one_reading_inside_starts_the_delay_anew(first_tick: int) -> None:
    ward = Ward(first_tick)
    for _ in range(10):
        ward.see(9, spo2=850)
        ward.see(1)
    assert ward.told(SPO2_LOW, SPO2_VERY_LOW) == []


def test_delay_of_zero_raises_at_the_first_reading(first_tick: int) -> None:
    ward = Ward(first_tick, spo2_emergency_delay_s=0)
    ward.see(1, spo2=850)
    assert ward.events == [(1, SPO2_VERY_LOW, RAISED, 850)]


def test_falling_oxygen_does_not_wait_for_the_delay(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(20)
    ward.see(1, spo2=880)
    assert ward.told(SPO2_FALLING) == []
    ward.see(1, spo2=880)
    assert ward.events == [(22, SPO2_FALLING, RAISED, 880)]
    assert ward.alarms.audible == HIGH


@pytest.mark.parametrize("spo2", [895, 925])
def test_no_fall_by_too_little_or_above_the_warning_limit(spo2: int) -> None:
    ward = Ward(spo2_fall_deci_pct=80)
    ward.see(20, spo2=970 if spo2 < 920 else 999)
    ward.see(20, spo2=spo2)
    assert ward.told(SPO2_FALLING) == []


def test_no_fall_from_before_a_standby() -> None:
    ward = Ward()
    ward.see(60)
    ward.off()
    ward.alarms.begin_standby(60, AT_DEVICE, ward.now_ms)
    ward.off(70)
    ward.see(5, spo2=880)
    assert ward.told(SPO2_FALLING) == []


def test_two_points_are_taken_off_what_is_not_calibrated(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(60, spo2=900, calibrated=True)
    assert ward.active() == ["spo2_low"]
    ward.see(11, spo2=899, calibrated=False)
    assert ward.events[-1] == (71, SPO2_VERY_LOW, RAISED, 899)  # people are shown what was measured
    ward.see(60, spo2=949, calibrated=False)
    assert ward.active() == ["spo2_low"] or ward.active() == []
    ward = Ward()
    ward.see(60, spo2=940, calibrated=False)
    assert ward.active() == []
    ward.see(31, spo2=939, calibrated=False)
    assert ward.active() == ["spo2_low"]


@pytest.mark.parametrize("site", range(len(SITE_NAMES)), ids=SITE_NAMES)
def test_temperature_limits_are_for_sites_that_stand_for_the_core(site: int) -> None:
    ward = Ward(temperature_site=site)
    ward.see(62, temperature=3999)
    assert ward.active() == (["temperature_high", "temperature_very_high"] if site in CORE_SITES else [])


def test_elsewhere_a_change_from_the_wearers_own_baseline_is_told(first_tick: int) -> None:
    ward = Ward(first_tick, temperature_site=SKIN)
    ward.see(1700, temperature=3250)
    ward.see(90, temperature=3450)  # too early to know
    ward.see(100, temperature=3250)
    assert ward.events == []
    ward.see(256, temperature=3500)
    assert ward.told(TEMPERATURE_CHANGE) == [RAISED]
    assert ward.alarms.visible == LOW


def test_another_site_ends_what_no_longer_means_anything() -> None:
    ward = Ward()
    ward.see(62, temperature=3990)
    ward.alarms.apply(Settings(temperature_site=SKIN))
    assert ward.alarms.bits == 0
    assert (ward.alarms.audible, ward.alarms.visible, ward.alarms.top) == (NONE, NONE, -1)
    assert ward.told(TEMPERATURE_HIGH) == ward.told(TEMPERATURE_VERY_HIGH) == [RAISED, CLEARED]


def test_respiration_can_be_left_out() -> None:
    ward = Ward(respiration_alarms=0)
    ward.see(60, respiration=60)
    assert ward.events == []
    ward.see(60, respiration=None)
    assert ward.events == []  # it is not always available, and nothing is wrong then


# A lost signal


def test_missing_readings_do_not_restart_a_delay(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(6, spo2=850)
    ward.see(3, spo2=None)
    ward.see(2, spo2=850)
    assert ward.events == [(11, SPO2_VERY_LOW, RAISED, 850)]
    assert ward.onsets == [1]


def test_evidence_of_a_week_ago_begins_no_delay(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(1, spo2=850)
    week_ms = 7 * 86_400_000
    vitals = Vitals()
    for _ in range(week_ms // 3_600_000):
        ward.now_ms = ticks_add(ward.now_ms, 3_600_000)
        ward.alarms.evaluate(vitals, ward.now_ms)
    ward.see(10, spo2=850)
    assert ward.told(SPO2_VERY_LOW) == []
    ward.see(1, spo2=850)
    assert ward.told(SPO2_VERY_LOW) == [RAISED]


@pytest.mark.parametrize("why", [statuses.SENSOR_OFF, statuses.POOR_SIGNAL, statuses.SENSOR_FAULT, statuses.ACQUIRING])
def test_a_lost_signal_never_clears(first_tick: int, why: int) -> None:
    ward = Ward(first_tick)
    ward.see(31, spo2=850)
    ward.off(600, why)
    assert ward.told(SPO2_LOW, SPO2_VERY_LOW) == [RAISED, RAISED]
    assert ward.alarms.audible == HIGH
    for _ in range(20):  # and it counts for no off-delay
        ward.see(1, spo2=970)
        ward.off(1, why)
        ward.see(1, spo2=850)
    assert ward.told(SPO2_VERY_LOW) == [RAISED]


@pytest.mark.parametrize("belief", [statuses.QUESTIONABLE, statuses.EARLY_ESTIMATE])
def test_a_reading_that_is_not_sure_is_no_evidence_that_all_is_well(first_tick: int, belief: int) -> None:
    ward = Ward(first_tick)
    ward.see(8, spo2=850)
    ward.see(2, spo2=970, belief=belief)  # nor does it stop a delay that runs
    ward.see(1, spo2=850, belief=belief)
    assert ward.told(SPO2_VERY_LOW) == [RAISED]
    ward.see(600, spo2=970, belief=belief)
    assert ward.told(SPO2_VERY_LOW) == [RAISED]
    ward.see(6, spo2=970)
    assert ward.told(SPO2_VERY_LOW) == [RAISED, CLEARED]


def test_an_acknowledgement_beside_the_wearer_ends_it_once_the_sensor_is_off(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(31, spo2=850)
    ward.off(10)
    ward.acknowledge(by=FROM_AFAR)
    assert ward.told(SPO2_VERY_LOW) == [RAISED, ACKNOWLEDGED]
    ward.acknowledge()
    assert ward.told(SPO2_VERY_LOW) == [RAISED, ACKNOWLEDGED, ACKNOWLEDGED, CLEARED]
    assert ward.active() == ["sensor_off"]


def test_an_acknowledgement_while_the_sensor_is_worn_ends_nothing() -> None:
    ward = Ward()
    ward.see(31, spo2=850)
    ward.off(10, statuses.POOR_SIGNAL)
    ward.acknowledge()
    assert ward.told(SPO2_VERY_LOW) == [RAISED, ACKNOWLEDGED]
    ward.restart()
    ward.acknowledge()  # before anything is known of the sensor
    assert CLEARED not in ward.told(SPO2_VERY_LOW)


# Nobody is watched


def test_sensor_off_has_its_own_condition_and_no_reading_stays_quiet(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(10)
    ward.off(30)
    assert ward.events == [(16, SENSOR_OFF, RAISED, NO_VALUE)]
    assert ward.onsets == [11]
    ward.see(2)
    assert ward.events[1:] == [(42, SENSOR_OFF, CLEARED, NO_VALUE)]


@pytest.mark.parametrize("why", [statuses.POOR_SIGNAL, statuses.LOW_PERFUSION, statuses.ACQUIRING, statuses.ERRATIC])
def test_any_other_lack_is_no_reading_after_twenty_seconds(first_tick: int, why: int) -> None:
    ward = Ward(first_tick)
    ward.off(20, why)
    assert ward.events == []
    ward.off(1, why)
    assert ward.events == [(21, NO_READING, RAISED, NO_VALUE)]
    ward.see(2)
    assert ward.events[1:] == [(23, NO_READING, CLEARED, NO_VALUE)]


@pytest.mark.parametrize("missing", [{"spo2": None}, {"pulse": None}])
def test_one_of_pulse_and_spo2_alone_is_no_reading(missing: Any) -> None:
    ward = Ward()
    ward.see(21, **missing)
    assert ward.events == [(21, NO_READING, RAISED, NO_VALUE)]


@pytest.mark.parametrize("why", [statuses.SENSOR_OFF, statuses.SENSOR_FAULT])
@pytest.mark.parametrize(("gone_s", "back_s"), [(3, 3), (1, 1), (4, 1), (1, 7)])
def test_sensor_that_comes_and_goes_is_not_passed_over(first_tick: int, why: int, gone_s: int, back_s: int) -> None:
    ward = Ward(first_tick)
    for _ in range(60 // (gone_s + back_s)):
        ward.off(gone_s, why)
        ward.off(back_s, statuses.ACQUIRING)
    assert ward.events
    assert ward.events[0][0] <= 30


@pytest.mark.parametrize(
    ("number", "why"), [(SENSOR_OFF, statuses.SENSOR_OFF), (NO_READING, statuses.POOR_SIGNAL)], ids=["off", "poor"]
)
def test_it_rises_to_medium_after_a_minute_and_sounds_again(first_tick: int, number: int, why: int) -> None:
    ward = Ward(first_tick)
    ward.off(22, why)
    assert ward.alarms.audible == LOW
    ward.acknowledge()
    assert ward.alarms.audible == NONE
    ward.off(37, why)
    assert ward.alarms.audible == NONE
    ward.off(2, why)
    assert ward.told(number) == [RAISED, ACKNOWLEDGED, RISEN]
    assert ward.alarms.audible == ward.alarms.priority_of(number) == MEDIUM
    ward.see(3)
    ward.off(22, why)
    assert ward.alarms.priority_of(number) == LOW


def test_it_rises_also_where_the_reason_changes_all_the_time(first_tick: int) -> None:
    ward = Ward(first_tick)
    for _ in range(5):
        ward.off(10)
        ward.off(5, statuses.ACQUIRING)
    assert ward.told(SENSOR_OFF)[-3:] == [RAISED, RISEN, CLEARED]
    assert MEDIUM in ward.priorities


@pytest.mark.parametrize(
    "last",
    [{"spo2": 910}, {"spo2": 860}, {"pulse": 500}, {"pulse": 1200}, {"spo2": 929, "calibrated": False}],
)
@pytest.mark.parametrize("why", [statuses.SENSOR_OFF, statuses.POOR_SIGNAL, statuses.SENSOR_FAULT])
def test_it_is_high_at_once_where_the_last_readings_were_close_to_an_emergency(last: Any, why: int) -> None:
    ward = Ward()
    ward.see(15, **last)
    ward.off(22, why)
    number = SENSOR_OFF if why == statuses.SENSOR_OFF else NO_READING
    assert ward.told(number) == [RAISED, RISEN]
    assert ward.alarms.priority_of(number) == ward.alarms.audible == HIGH


@pytest.mark.parametrize("last", [{"spo2": 920}, {"pulse": 510}, {"pulse": 1190}])
def test_it_is_low_where_they_were_not(last: Any) -> None:
    ward = Ward()
    ward.see(15, **last)
    ward.off(22)
    assert ward.alarms.audible == LOW


def test_fault_of_the_oximeter(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.off(60, statuses.SENSOR_FAULT)
    assert ward.events == [(3, SENSOR_FAULT, RAISED, NO_VALUE)]
    ward.see(2)
    assert ward.alarms.bits == 0


def test_a_broken_thermometer_is_told_and_hides_no_lost_pulse() -> None:
    ward = Ward()
    ward.see(60, temperature=None, why_temperature=statuses.SENSOR_FAULT)
    assert ward.events == [(3, SENSOR_FAULT, RAISED, NO_VALUE)]
    ward.acknowledge()
    ward.see(21, spo2=None, pulse=None, temperature=None, why_temperature=statuses.SENSOR_FAULT)
    assert ward.active() == ["no_reading", "sensor_fault"]
    assert ward.alarms.audible == LOW


def test_device_without_a_thermometer_has_no_alarm_about_it() -> None:
    ward = Ward()
    ward.see(600, temperature=None, why_temperature=statuses.UNAVAILABLE)
    assert ward.events == []


# Acknowledgements and pauses


def test_an_acknowledgement_silences_one_condition_for_five_minutes(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(40, spo2=850, pulse=1350)
    ward.acknowledge(SPO2_VERY_LOW)
    assert (ward.alarms.audible, ward.alarms.top) == (HIGH, PULSE_RATE_VERY_HIGH)
    ward.acknowledge(PULSE_RATE_VERY_HIGH)
    assert (ward.alarms.audible, ward.alarms.visible) == (NONE, HIGH)
    ward.see(AGAIN_S - 1, spo2=850, pulse=1350)
    assert ward.alarms.audible == NONE
    ward.see(1, spo2=850, pulse=1350)
    assert ward.alarms.audible == HIGH
    assert ward.told(SPO2_VERY_LOW) == [RAISED, ACKNOWLEDGED, SOUNDS_AGAIN]


def test_one_of_medium_priority_stays_silent_until_it_gets_worse() -> None:
    ward = Ward()
    ward.see(31, spo2=910)
    ward.acknowledge()
    ward.see(3 * AGAIN_S, spo2=900)
    assert ward.alarms.audible == NONE
    ward.see(1, spo2=880)
    assert ward.told(SPO2_LOW) == [RAISED, ACKNOWLEDGED, SOUNDS_AGAIN]


@pytest.mark.parametrize(
    ("bad", "not_yet", "worse"),
    [
        ({"spo2": 870}, {"spo2": 841}, {"spo2": 840}),
        ({"pulse": 390}, {"pulse": 241}, {"pulse": 240}),
        ({"pulse": 1350}, {"pulse": 1499}, {"pulse": 1500}),
        ({"temperature": 3960}, {"temperature": 4009}, {"temperature": 4010}),
    ],
)
def test_it_sounds_at_once_when_it_gets_worse(first_tick: int, bad: Any, not_yet: Any, worse: Any) -> None:
    ward = Ward(first_tick)
    ward.see(62, **bad)
    ward.acknowledge()
    ward.see(10, **not_yet)
    assert ward.alarms.audible == NONE
    ward.see(1, **worse)
    assert ward.alarms.audible == HIGH


def test_it_got_worse_while_nobody_could_see_it() -> None:
    ward = Ward()
    ward.see(31, spo2=870)
    ward.off(5, statuses.POOR_SIGNAL)
    ward.acknowledge()  # where it was is not known now: the limit counts
    ward.see(1, spo2=851)
    assert ward.alarms.audible == NONE
    ward.see(1, spo2=850)
    assert ward.alarms.audible == HIGH


def test_from_afar_silences_nothing(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(31, spo2=850)
    before = ward.alarms.audible, ward.alarms.visible, ward.alarms.acknowledged_bits
    assert ward.acknowledge(by=FROM_AFAR)
    assert (ward.alarms.audible, ward.alarms.visible, ward.alarms.acknowledged_bits) == before == (HIGH, HIGH, 0)
    assert ward.events[-1][2:] == (ACKNOWLEDGED, FROM_AFAR)


def test_nothing_active_is_nothing_to_acknowledge() -> None:
    ward = Ward()
    ward.see(5)
    assert not ward.acknowledge()
    assert not ward.acknowledge(SPO2_LOW, BESIDE_WEARER)
    assert not ward.acknowledge(29)
    assert not ward.alarms.pause_audio(ward.now_ms)
    assert ward.events == []


def test_raised_again_after_an_acknowledgement_it_sounds(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(11, spo2=850)
    ward.acknowledge()
    ward.see(6)
    ward.see(11, spo2=850)
    assert ward.told(SPO2_VERY_LOW) == [RAISED, ACKNOWLEDGED, CLEARED, RAISED]
    assert ward.alarms.audible == HIGH


def test_a_pause_silences_what_sounds_and_ends_by_itself(first_tick: int) -> None:
    ward = Ward(first_tick, audio_pause_s=120)
    ward.see(31, spo2=850)
    assert ward.alarms.pause_audio(ward.now_ms)
    assert (ward.alarms.audible, ward.alarms.visible) == (NONE, HIGH)
    assert ward.alarms.pause_left_s(ward.now_ms) == 120
    ward.see(119, spo2=850)
    assert ward.alarms.audible == NONE
    ward.see(1, spo2=850)
    assert ward.alarms.audible == HIGH
    assert ward.alarms.pause_left_s(ward.now_ms) == 0
    assert ward.told(conditions.ALL) == [AUDIO_PAUSED, AUDIO_RESUMED]


def test_a_pause_mutes_nothing_new_and_nothing_higher(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(31, pulse=1250)
    ward.alarms.pause_audio(ward.now_ms)
    ward.see(11, pulse=1250, spo2=850)
    assert (ward.alarms.audible, ward.alarms.top) == (HIGH, SPO2_VERY_LOW)
    ward = Ward(first_tick)
    ward.see(31, spo2=900)
    ward.alarms.pause_audio(ward.now_ms)
    ward.see(11, spo2=860)
    assert ward.alarms.audible == HIGH
    ward = Ward(first_tick)
    ward.off(30)
    ward.alarms.pause_audio(ward.now_ms)
    assert ward.alarms.audible == NONE
    ward.off(31)
    assert ward.alarms.audible == MEDIUM


def test_a_pause_can_be_ended() -> None:
    ward = Ward()
    ward.see(31, spo2=850)
    ward.alarms.pause_audio(ward.now_ms)
    ward.alarms.resume_audio(ward.now_ms)
    assert ward.alarms.audible == HIGH
    ward.alarms.resume_audio(ward.now_ms)
    assert ward.told(conditions.ALL) == [AUDIO_PAUSED, AUDIO_RESUMED]


# Latching


def test_latching_keeps_what_is_over_until_it_is_acknowledged(first_tick: int) -> None:
    ward = Ward(first_tick, latching=1)
    ward.see(11, spo2=850)
    ward.see(600)
    assert ward.told(SPO2_VERY_LOW) == [RAISED, LATCHED]
    assert (ward.alarms.audible, ward.alarms.latched_bits) == (HIGH, 1 << SPO2_VERY_LOW)
    ward.acknowledge(by=FROM_AFAR)
    assert ward.alarms.audible == HIGH
    ward.acknowledge()
    assert ward.told(SPO2_VERY_LOW) == [RAISED, LATCHED, ACKNOWLEDGED, ACKNOWLEDGED, CLEARED]
    assert ward.alarms.bits == ward.alarms.latched_bits == 0


def test_latched_and_so_again(first_tick: int) -> None:
    ward = Ward(first_tick, latching=1)
    ward.see(11, spo2=850)
    ward.see(60)
    ward.see(1, spo2=850)
    assert ward.told(SPO2_VERY_LOW) == [RAISED, LATCHED, SOUNDS_AGAIN]
    assert ward.alarms.latched_bits == 0
    ward.acknowledge()
    ward.see(60)
    assert ward.told(SPO2_VERY_LOW)[3:] == [ACKNOWLEDGED, CLEARED]  # somebody knows of it


def test_without_latching_and_below_high_priority_nothing_latches() -> None:
    for settings, spo2 in (({"latching": 0}, 850), ({"latching": 1}, 910)):
        ward = Ward(**settings)
        ward.see(31, spo2=spo2)
        ward.see(6)
        assert ward.alarms.bits == 0


# Standby


def test_standby_the_sensor_is_taken_off_on_purpose_and_nothing_sounds(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(30)
    assert ward.alarms.begin_standby(120, AT_DEVICE, ward.now_ms)
    ward.see(30)
    ward.off(110 * MINUTE_S)
    assert ward.alarms.is_standby
    assert ward.told(conditions.ALL) == [STANDBY_BEGUN]
    assert len(ward.events) == 1
    ward.see(1)  # worn again
    assert not ward.alarms.is_standby
    assert ward.told(conditions.ALL) == [STANDBY_BEGUN, STANDBY_ENDED]


def test_standby_ends_when_its_time_is_over_and_the_sensor_is_missed(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.off(6)
    ward.alarms.begin_standby(STANDBY_MOST_MIN, AT_DEVICE, ward.now_ms)
    ward.off(STANDBY_MOST_MIN * MINUTE_S - 1)
    assert ward.active() == []
    ward.off(7)
    assert ward.told(conditions.ALL) == [STANDBY_BEGUN, STANDBY_ENDED]
    assert ward.active() == ["sensor_off"]


def test_standby_ends_when_the_sensor_is_not_taken_off_within_a_minute() -> None:
    ward = Ward()
    ward.see(5)
    ward.alarms.begin_standby(60, BESIDE_WEARER, ward.now_ms)
    ward.see(59)
    assert ward.alarms.is_standby
    ward.see(1)
    assert not ward.alarms.is_standby


def test_standby_ends_by_contact_without_a_reading_too() -> None:
    ward = Ward()
    ward.off(5)
    ward.alarms.begin_standby(60, AT_DEVICE, ward.now_ms)
    ward.off(60)
    ward.off(4, statuses.ACQUIRING)
    ward.off(1)
    assert ward.alarms.is_standby
    ward.off(5, statuses.ACQUIRING)
    assert not ward.alarms.is_standby


def test_while_the_sensor_is_still_worn_standby_hides_no_alarm() -> None:
    ward = Ward()
    ward.see(5)
    ward.alarms.begin_standby(60, AT_DEVICE, ward.now_ms)
    ward.see(11, spo2=850)
    assert ward.alarms.audible == HIGH


def test_standby_from_afar_not_while_in_alarm(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(31, spo2=850)
    assert not ward.alarms.begin_standby(60, FROM_AFAR, ward.now_ms)
    assert (ward.alarms.audible, ward.alarms.is_standby) == (HIGH, False)
    ward = Ward(first_tick)
    ward.see(31, spo2=900)
    ward.see(6, spo2=935)
    ward.see(1, spo2=905)
    ward.off(10)
    assert ward.alarms.visible == HIGH  # the sensor is off, and the last readings were bad
    assert not ward.alarms.begin_standby(60, FROM_AFAR, ward.now_ms)
    assert ward.alarms.begin_standby(60, BESIDE_WEARER, ward.now_ms)
    ward = Ward(first_tick)
    ward.off(30)
    assert ward.alarms.begin_standby(60, FROM_AFAR, ward.now_ms)


def test_standby_beside_the_wearer_acknowledges_what_is_about_them() -> None:
    ward = Ward()
    ward.see(31, spo2=850)
    ward.off(10)
    ward.alarms.begin_standby(60, BESIDE_WEARER, ward.now_ms)
    ward.off(AGAIN_S + 10)
    assert ward.told(SPO2_VERY_LOW) == [RAISED, ACKNOWLEDGED, CLEARED]
    assert ward.alarms.bits == 0


@pytest.mark.parametrize("minutes", [0, -1, STANDBY_MOST_MIN + 1, 65_535])
def test_standby_has_its_bounds(minutes: int) -> None:
    ward = Ward()
    assert not ward.alarms.begin_standby(minutes, AT_DEVICE, 0)
    assert not ward.alarms.is_standby


# Restarts, settings, clocks


def test_a_restart_clears_nothing_and_makes_nothing_quieter(first_tick: int) -> None:
    ward = Ward(first_tick, latching=1)
    ward.see(11, pulse=1350)
    ward.see(6)  # latched
    ward.see(31, spo2=850, respiration=300)
    ward.acknowledge(SPO2_VERY_LOW)
    ward.acknowledge(RESPIRATION_HIGH)
    ward.off(70)
    before = ward.alarms.bits, ward.alarms.latched_bits, ward.alarms.visible, ward.alarms.top
    events = len(ward.events)
    ward.restart()
    assert (ward.alarms.bits, ward.alarms.latched_bits, ward.alarms.visible, ward.alarms.top) == before
    assert ward.alarms.acknowledged_bits == 1 << RESPIRATION_HIGH  # what is high sounds
    assert ward.alarms.priority_of(SENSOR_OFF) == HIGH
    ward.off(10)
    assert len(ward.events) == events
    ward.see(31)
    assert ward.told(SENSOR_OFF)[-1] == CLEARED
    assert ward.told(RESPIRATION_HIGH) == [RAISED, ACKNOWLEDGED, CLEARED]


def test_a_restart_un_acknowledges_what_has_risen_to_high(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(15, spo2=900)
    ward.off(10)
    ward.acknowledge()
    assert ward.alarms.audible == NONE
    ward.restart()
    assert ward.alarms.audible == HIGH


def test_after_a_restart_it_still_sounds_when_it_gets_worse() -> None:
    ward = Ward()
    ward.see(31, spo2=910)
    ward.acknowledge()
    ward.restart()
    ward.see(5, spo2=910)
    assert ward.alarms.audible == NONE
    ward.see(1, spo2=885)
    assert ward.alarms.audible == MEDIUM


def test_after_a_restart_it_is_known_how_the_wearer_was() -> None:
    ward = Ward()
    ward.see(15, spo2=905)
    ward.restart()
    ward.off(6)
    assert ward.alarms.audible == HIGH


def test_standby_goes_on_after_a_restart(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.off(10)
    ward.alarms.begin_standby(60, AT_DEVICE, ward.now_ms)
    ward.off(10 * MINUTE_S)
    ward.restart()
    ward.off(49 * MINUTE_S)
    assert ward.alarms.is_standby
    ward.off(MINUTE_S + 1)
    assert not ward.alarms.is_standby


@pytest.mark.parametrize("packed", [b"", bytes(STATE_LENGTH), b"\x01" * (STATE_LENGTH - 1), b"\xff" * STATE_LENGTH])
def test_bytes_that_are_no_state_change_nothing(packed: bytes) -> None:
    ward = Ward()
    ward.see(11, spo2=850)
    before = ward.alarms.pack()
    assert not ward.alarms.restore(packed, ward.now_ms)
    assert ward.alarms.pack() == before


def test_new_settings_keep_what_is_active(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(11, spo2=865)
    ward.alarms.apply(Settings(temperature_site=ARMPIT, spo2_very_low_deci_pct=850))
    assert ward.active() == ["spo2_very_low"]
    ward.see(5, spo2=865)
    assert ward.active() == ["spo2_very_low"]
    ward.see(1, spo2=865)  # readings clear it, under the new limit
    assert ward.told(SPO2_VERY_LOW) == [RAISED, CLEARED]


def test_a_clock_that_is_put_back_lengthens_no_silence(first_tick: int) -> None:
    ward = Ward(first_tick)
    ward.see(31, spo2=850)
    ward.acknowledge()
    ward.see(100, spo2=850)
    ward.now_ms = ticks_add(ward.now_ms, -3_600_000)
    ward.see(AGAIN_S - 98, spo2=850)
    assert ward.alarms.audible == HIGH
    ward.alarms.pause_audio(ward.now_ms)
    ward.see(60, spo2=850)
    ward.now_ms = ticks_add(ward.now_ms, -3_600_000)
    ward.see(61, spo2=850)
    assert ward.alarms.audible == HIGH


def test_a_clock_that_is_put_back_or_forward_loses_no_alarm(first_tick: int) -> None:
    for jump_ms in (-3_600_000, 3_600_000):
        ward = Ward(first_tick)
        ward.see(5, spo2=850)
        ward.now_ms = ticks_add(ward.now_ms, jump_ms)
        ward.see(8, spo2=850)
        assert ward.active() == ["spo2_very_low"] or jump_ms > 0
        ward.now_ms = ticks_add(ward.now_ms, jump_ms)
        ward.see(2)  # an hour of two readings is no off-delay
        assert "spo2_very_low" in ward.active()


# The equipment


def test_a_restart_by_the_watchdog_is_told_until_somebody_has_seen_it() -> None:
    ward = Ward()
    ward.alarms.signals.restarted.say(True)
    ward.see(600)
    assert ward.active() == ["restarted"]
    ward.acknowledge()
    assert ward.told(conditions.RESTARTED) == [RAISED, LATCHED, ACKNOWLEDGED, CLEARED]
    ward.see(10)
    assert ward.active() == []


@pytest.mark.parametrize(
    ("name", "well", "ill", "condition", "delay_s", "priority"),
    [
        ("battery", 20, 19, "battery_low", 60, LOW),
        ("battery", 20, 7, "battery_critical", 30, MEDIUM),
        ("unsent", 80, 81, "journal_nearly_full", 60, LOW),
        ("storage_fault", 0, 1, "storage_fault", 10, MEDIUM),
        ("accelerometer_fault", 0, 1, "accelerometer_fault", 10, LOW),
        ("battery_fault", 0, 1, "battery_fault", 10, LOW),
        ("bridge_silent", 900, 901, "bridge_not_seen", 0, LOW),
        ("clock_unset", 600, 601, "clock_unset", 0, LOW),
        ("rate_error", 50, 51, "wrong_sample_rate", 60, LOW),
    ],
)
def test_what_the_equipment_lacks(name: str, well: int, ill: int, condition: str, delay_s: int, priority: int) -> None:
    ward = Ward()
    signal = ward.alarms.signals.of(name)
    signal.know(well)
    ward.see(100)
    assert ward.active() == []
    signal.know(ill)
    ward.see(delay_s)
    assert condition not in ward.active()
    ward.see(1)
    assert condition in ward.active()
    assert ward.alarms.visible == priority
    signal.know(None)
    ward.see(100)
    assert condition in ward.active()  # not to know is no evidence
    signal.know(99 if name == "battery" else 0)
    ward.see(61)
    assert ward.active() == []


def test_weak_blood_flow_is_told_and_covered_by_no_reading() -> None:
    ward = Ward()
    ward.off(40, statuses.LOW_PERFUSION)
    assert ward.active() == ["low_perfusion", "no_reading"]
    assert ward.alarms.top == NO_READING


# In the monitor


def test_monitor_lets_restarts_make_no_standby_longer(make_rig: Any) -> None:
    saved: list[bytes] = []
    rig = make_rig("0,72,97,2,36.7,0.02,0")
    rig.monitor._save_alarms = saved.append
    rig.run(5)
    rig.monitor.command_alarms(link.BEGIN_STANDBY, conditions.ALL, FROM_AFAR, 60)
    left = []
    for _ in range(5):
        rig.monitor.alarms.standby_left_ms -= 10 * MINUTE_S * 1000
        rig.run(1)
        again = Alarms(Settings(), lambda *_: None)
        assert again.restore(saved[-1], 0)
        left.append(again.standby_left_ms // 60_000)
    assert left == [50, 40, 30, 20, 10]


def test_monitor_journals_each_event_once_with_its_onset(make_rig: Any, first_tick: int) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1", "12,72,86,2,36.7,0.02,1", "40,72,97,2,36.7,0.02,1", first_tick=first_tick)
    rig.run(75)
    events = [record for record in rig.records() if record.kind == records.ALARM]
    fields = [record.fields for record in events if record.fields["condition"] == SPO2_VERY_LOW]
    assert [each["event"] for each in fields] == [RAISED, CLEARED]
    assert fields[0]["priority"] == HIGH
    assert 850 <= fields[0]["value"] <= 900
    crossed = next(second for second, spo2 in enumerate(rig.column("spo2"), 1) if spo2 is not None and spo2 < 900)
    assert fields[0]["onset_day_ms"] == crossed * 1000
    (raised,) = [each for each in events if each.fields == fields[0]]
    assert raised.day_ms == fields[0]["onset_day_ms"] + 10_000
    bits = rig.column("bits")
    assert [each >> SPO2_VERY_LOW & 1 for each in bits].index(1) + 1 == raised.day_ms // 1000


@pytest.mark.parametrize(
    ("ago_ms", "day", "day_ms"), [(5_000, 3, 86_397_000), (2 * 86_400_000, 2, 2_000), (0, 4, 2_000)]
)
def test_onset_before_midnight_of_the_uptime(make_rig: Any, ago_ms: int, day: int, day_ms: int) -> None:
    rig = make_rig()
    rig.source.is_silent = True
    rig.monitor._now_ms = 5_000
    rig.monitor.uptime.day, rig.monitor.uptime.day_ms = 4, 2_000
    rig.monitor._announce(SPO2_LOW, RAISED, MEDIUM, 850, ticks_add(5_000, -ago_ms))
    record = rig.records()[-1]
    assert (record.fields["onset_day"], record.fields["onset_day_ms"]) == (day, day_ms)
