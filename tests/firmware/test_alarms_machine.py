"""The alarm engine driven with anything, in any order, beside a simple model of what must hold of it at every second.

The model knows limits, delays and silences by its own clock, not by the engine's state: it counts how long a reading
has been beyond a limit, and until when an acknowledgement or a pause may silence a condition.
"""

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from vigil_firmware.alarms import Alarms
from vigil_firmware.ticks import ticks_add
from vigil_firmware.vitals import Vitals
from vigil_wire import conditions, statuses
from vigil_wire.conditions import AT_DEVICE, BESIDE_WEARER, FROM_AFAR, HIGH, NONE
from vigil_wire.settings import PROFILE_SCALE_2, Settings

IS_LONG = os.environ.get("VIGIL_LONG") == "1"
AGAIN_MS = 300_000
UNREAD_MOST_MS = 21_000
GUARD = 20
EMERGENCIES = (
    (conditions.SPO2_VERY_LOW, "spo2", -1, "spo2_very_low_deci_pct", "spo2_emergency_delay_s", 30),
    (conditions.PULSE_RATE_VERY_LOW, "pulse", -1, "pulse_rate_very_low_deci_bpm", "pulse_rate_emergency_delay_s", 150),
    (conditions.PULSE_RATE_VERY_HIGH, "pulse", 1, "pulse_rate_very_high_deci_bpm", "pulse_rate_emergency_delay_s", 150),
    (conditions.TEMPERATURE_VERY_HIGH, "temperature", 1, "temperature_very_high_centi_c", "temperature_delay_s", 50),
)
SOURCES = {
    conditions.TEMPERATURE_LOW: "temperature",
    conditions.TEMPERATURE_VERY_LOW: "temperature",
    conditions.TEMPERATURE_HIGH: "temperature",
    conditions.TEMPERATURE_VERY_HIGH: "temperature",
    conditions.RESPIRATION_LOW: "respiration",
    conditions.RESPIRATION_HIGH: "respiration",
    conditions.PULSE_RATE_LOW: "pulse",
    conditions.PULSE_RATE_VERY_LOW: "pulse",
    conditions.PULSE_RATE_HIGH: "pulse",
    conditions.PULSE_RATE_VERY_HIGH: "pulse",
    conditions.SPO2_LOW: "spo2",
    conditions.SPO2_VERY_LOW: "spo2",
    conditions.SPO2_FALLING: "spo2",
}
WHY_UNREAD = (conditions.SENSOR_OFF, conditions.NO_READING, conditions.SENSOR_FAULT)
SETTINGS: tuple[dict[str, int], ...] = (
    {"latching": 1},
    {},
    {"temperature_site": 1, "latching": 1},
    {"temperature_site": 1, "temperature_delay_s": 5},
    {"spo2_low_deci_pct": 950, "spo2_very_low_deci_pct": 930, "spo2_emergency_delay_s": 0},
    {"spo2_very_low_deci_pct": 830, "profile": PROFILE_SCALE_2, "audio_pause_s": 30},
    {"pulse_rate_very_low_deci_bpm": 450, "pulse_rate_emergency_delay_s": 3, "respiration_alarms": 0},
)
WELL = {"spo2": 975, "pulse": 720, "temperature": 3670, "respiration": 150}
SECONDS = st.sampled_from([1, 1, 2, 4, 7, 12, 22, 35])
NO_VALUES = (statuses.SENSOR_OFF, statuses.POOR_SIGNAL, statuses.ACQUIRING, statuses.SENSOR_FAULT)
BY = st.sampled_from([AT_DEVICE, BESIDE_WEARER, FROM_AFAR])
NUMBERS = st.sampled_from(
    [conditions.ALL] * 4 + [row[0] for row in EMERGENCIES] + [*conditions.RISING, conditions.SPO2_LOW]
)


class Machine(RuleBasedStateMachine):
    """An engine, its wearer and everybody who presses buttons."""

    @initialize(first=st.sampled_from([0, (1 << 30) - 20_000]), values=st.sampled_from(SETTINGS))
    def begin(self, first: int, values: Any) -> None:
        self.now_ms = first
        self.time_ms = 0  # the model's: it never goes back
        self.settings = Settings(**values)
        self.raised: set[int] = set()
        self.heard: list[tuple[int, int]] = []
        self.is_first = True
        self.beyond_since_ms: dict[int, int] = {}
        self.latest: dict[str, int | None] = {}
        self.acknowledged: dict[int, tuple[int, int | None]] = {}  # when, at what value
        self.paused: set[int] = set()
        self.paused_until_ms = 0
        self.unread_ms = 0
        self.alarms = Alarms(self.settings, self._hear)
        self._go_on(1, WELL, 0, statuses.VALIDATED, True)

    # What happens.

    @rule(
        seconds=SECONDS,
        spo2=st.sampled_from([None, 800, 855, 885, 905, 925, 945, 975]),
        pulse=st.sampled_from([None, 300, 395, 430, 720, 1210, 1310, 1480]),
        temperature=st.sampled_from([None, 3380, 3670, 3900, 3990, 4060]),
        respiration=st.sampled_from([None, 60, 150, 300]),
        why=st.sampled_from(NO_VALUES),
        belief=st.sampled_from([statuses.VALIDATED, statuses.VALIDATED, statuses.QUESTIONABLE]),
        calibrated=st.booleans(),
    )
    def wear(self, seconds: int, why: int, belief: int, calibrated: bool, **values: Any) -> None:
        self._go_on(seconds, values, why, belief, calibrated)

    @rule(spo2=st.sampled_from([800, 825, 855, 895]), calibrated=st.booleans())
    def lack_oxygen(self, spo2: int, calibrated: bool) -> None:
        self._go_on(12, {**WELL, "spo2": spo2}, 0, statuses.VALIDATED, calibrated)

    @rule(pulse=st.sampled_from([300, 380, 1350, 1520]))
    def have_an_extreme_pulse(self, pulse: int) -> None:
        self._go_on(12, {**WELL, "pulse": pulse}, 0, statuses.VALIDATED, True)

    @rule()
    def be_well(self) -> None:
        self._go_on(40, WELL, 0, statuses.VALIDATED, True)
        unfinished = self.alarms.bits & ~self.alarms.latched_bits & conditions.mask_of(tuple(SOURCES))
        assert unfinished & ~conditions.mask_of(tuple(n for n in SOURCES if SOURCES[n] == "temperature")) == 0
        assert not self.alarms.is_standby or not self.was_off

    @rule(seconds=SECONDS, why=st.sampled_from(NO_VALUES))
    def lose(self, seconds: int, why: int) -> None:
        self._go_on(seconds, dict.fromkeys(WELL), why, 0, True)

    @rule(seconds=st.sampled_from([1, 2, 5, 25]), jump_ms=st.sampled_from([0, 0, 60_000, 118_000, 297_000]))
    def stay(self, seconds: int, jump_ms: int) -> None:
        """Go on as before, for longer than the seconds that are judged."""
        self.turn_the_clock(jump_ms)
        self._go_on(seconds, *self.last)

    @rule(back_ms=st.sampled_from([0, -3_600_000]))
    def acknowledge_and_wait(self, back_ms: int) -> None:
        """As long as an acknowledgement holds, and a little longer."""
        self.acknowledge(conditions.ALL, AT_DEVICE)
        self.turn_the_clock(back_ms)
        self.turn_the_clock(296_000)
        self._go_on(5, *self.last)

    @rule(gone_s=st.integers(1, 4), back_s=st.integers(1, 3))
    def come_and_go(self, gone_s: int, back_s: int) -> None:
        for _ in range(30 // (gone_s + back_s)):
            self.lose(gone_s, statuses.SENSOR_OFF)
            self.lose(back_s, statuses.ACQUIRING)

    @rule()
    def get_over_it(self) -> None:
        self.lack_oxygen(800, True)
        self._go_on(7, WELL, 0, statuses.VALIDATED, True)
        self.restart()

    @rule(number=NUMBERS, by=BY)
    def acknowledge(self, number: int, by: int) -> None:
        before = self._levels()
        active = [each for each in self._active() if number in (each, conditions.ALL)]
        assert self.alarms.acknowledge(number, by, self.now_ms) == bool(active)
        if by == FROM_AFAR:
            assert self._levels() == before
            return
        for each in active:
            self._note_acknowledged(each)

    @rule()
    def pause(self) -> None:
        sounding = {each for each in self._active() if each not in self.acknowledged}
        assert self.alarms.pause_audio(self.now_ms) == bool(sounding)
        if sounding:
            self.paused = sounding
            self.paused_until_ms = self.time_ms + self.settings.audio_pause_s * 1000

    @rule(which=st.booleans())
    def resume(self, which: bool) -> None:
        if which:
            self.alarms.resume_audio(self.now_ms)
            self.paused = set()
        else:
            self.alarms.end_standby(self.now_ms)
            assert not self.alarms.is_standby

    @rule(minutes=st.sampled_from([0, 1, 60, 480, 481]), by=BY)
    def stand_by(self, minutes: int, by: int) -> None:
        about = [each for each in self._active() if each in conditions.PHYSIOLOGICAL]
        before = self._levels()
        if not self.alarms.begin_standby(minutes, by, self.now_ms):
            assert not 1 <= minutes <= 480 or by == FROM_AFAR
            assert self._levels() == before
            return
        assert by != FROM_AFAR or not about
        self.was_off = False
        for each in about:
            self._note_acknowledged(each)

    @rule(values=st.sampled_from(SETTINGS))
    def set(self, values: Any) -> None:
        before = self.alarms.bits
        self.settings = Settings(**values)
        self.alarms.apply(self.settings)
        assert self.alarms.bits & ~before == 0
        for number in conditions.PHYSIOLOGICAL:
            if SOURCES.get(number) in ("spo2", "pulse"):
                assert (self.alarms.bits ^ before) >> number & 1 == 0
        self.beyond_since_ms = {}

    @rule()
    def restart(self) -> None:
        before, heard = self.alarms.pack(), len(self.heard)
        old = self.alarms
        self.alarms = Alarms(self.settings, self._hear)
        assert self.alarms.restore(before, self.now_ms)
        assert len(self.heard) == heard
        assert self._state() == (old.bits, old.latched_bits, old.visible, old.is_standby, self._priorities(old))
        assert self.alarms.audible >= old.audible
        assert self.alarms.acknowledged_bits & ~old.acknowledged_bits == 0
        self.acknowledged = {
            each: (self.time_ms, None)
            for each in self.acknowledged
            if self.alarms.priority_of(each) != HIGH and each in self._active()
        }
        self.paused = set()
        self.beyond_since_ms = {}
        self.unread_ms = 0
        self.is_first = True

    @rule(jump_ms=st.sampled_from([-3_600_000, -5_000, 5_000, 120_000, 299_000, 3_600_000]))
    def turn_the_clock(self, jump_ms: int) -> None:
        self.now_ms = ticks_add(self.now_ms, jump_ms)
        self.jumped_ms = jump_ms
        self._go_on(1, *self.last)

    @precondition(lambda self: not self.is_first)
    @rule(
        name=st.sampled_from(["battery", "unsent", "bridge_silent"]),
        value=st.sampled_from([None, 5, 50, 999]),
    )
    def look_at_equipment(self, name: str, value: int | None) -> None:
        self.alarms.signals.of(name).know(value)

    # What must hold.

    @invariant()
    def all_say_the_same(self) -> None:
        alarms = self.alarms
        assert self.raised == set(self._active())
        assert (alarms.acknowledged_bits | alarms.latched_bits) & ~alarms.bits == 0
        shown = [each for each in self._active() if not alarms.bits >> conditions.COVERED_BY.get(each, 29) & 1]
        assert alarms.visible == max([alarms.priority_of(each) for each in shown], default=NONE)
        assert alarms.audible <= alarms.visible
        assert (alarms.top == -1) == (alarms.bits == 0)
        if alarms.bits:
            assert alarms.top in shown
            assert alarms.priority_of(alarms.top) == alarms.visible
            if alarms.audible == alarms.visible:
                assert not alarms.acknowledged_bits >> alarms.top & 1

    @invariant()
    def an_emergency_is_silent_only_for_a_reason_and_for_a_time(self) -> None:
        loud = {each for each in self._active() if self.alarms.priority_of(each) == HIGH and not self._is_excused(each)}
        assert (self.alarms.audible == HIGH) == bool(loud), conditions.names_of(conditions.mask_of(tuple(loud)))

    # How.

    jumped_ms = 0
    was_off = False

    def _hear(self, number: int, event: int, priority: int, value: int, onset_ms: int) -> None:
        self.heard.append((number, event))
        if number == conditions.ALL:
            return
        if event == conditions.RAISED:
            assert number not in self.raised
            self.raised.add(number)
        else:
            assert number in self.raised
        if event == conditions.CLEARED:
            self.raised.remove(number)
            self.beyond_since_ms.pop(number, None)
        if event in (conditions.RAISED, conditions.CLEARED, conditions.RISEN, conditions.SOUNDS_AGAIN):
            self.acknowledged.pop(number, None)
            self.paused.discard(number)

    def _go_on(self, seconds: int, values: Any, why: int, belief: int, calibrated: bool) -> None:
        self.last = (values, why, belief, calibrated)
        vitals = Vitals()
        vitals.spo2_is_calibrated = calibrated
        for name, measurement in (
            ("spo2", vitals.spo2),
            ("pulse", vitals.pulse_rate),
            ("temperature", vitals.temperature),
            ("respiration", vitals.respiration),
        ):
            if values[name] is None:
                measurement.withhold(why)
            else:
                measurement.publish(values[name], belief)
        # What the limits are compared with; nothing where the sensor is off on purpose.
        self.latest = dict(values)
        if values["spo2"] is not None and not calibrated:
            self.latest["spo2"] = values["spo2"] - GUARD
        is_sure = belief == statuses.VALIDATED
        is_off = values["pulse"] is None and why == statuses.SENSOR_OFF
        is_read = values["pulse"] is not None and values["spo2"] is not None
        for _ in range(seconds):
            self._second(vitals, is_sure, is_off, is_read)

    def _second(self, vitals: Vitals, is_sure: bool, is_off: bool, is_read: bool) -> None:
        self.now_ms = ticks_add(self.now_ms, 1000)
        passed_ms = 0 if self.is_first else max(1000 + self.jumped_ms, 0)
        self.time_ms += passed_ms
        self.is_first = False
        self.jumped_ms = 0
        self.was_off |= is_off
        heard = len(self.heard)
        self.alarms.evaluate(vitals, self.now_ms)
        for number, event in self.heard[heard:]:
            if event in (conditions.CLEARED, conditions.LATCHED) and number in SOURCES:
                assert is_sure and self.latest[SOURCES[number]] is not None, "a lost signal cleared it"
        self._unsilence()
        is_away = self.alarms.is_standby and is_off
        for row in EMERGENCIES:
            self._expect(row, is_sure, is_away)
        is_told = any(self.alarms.bits >> number & 1 for number in WHY_UNREAD)
        self.unread_ms = 0 if is_read or is_told or is_away else self.unread_ms + min(passed_ms, 1000)
        assert self.unread_ms <= UNREAD_MOST_MS, "nobody is watched and nothing says so"
        self.an_emergency_is_silent_only_for_a_reason_and_for_a_time()

    def _expect(self, row: Any, is_sure: bool, is_away: bool) -> None:
        """That what has been beyond a limit for the delay is active."""
        number, source, side, limit, delay, _ = row
        value = self.latest[source]
        is_watched = source != "temperature" or self.settings.temperature_site == 1
        if value is None or is_away or not is_watched:
            return
        if (value - getattr(self.settings, limit)) * side > 0:
            since_ms = self.beyond_since_ms.setdefault(number, self.time_ms)
            if self.time_ms - since_ms >= getattr(self.settings, delay) * 1000:
                assert self.alarms.bits >> number & 1, f"{conditions.name_of(number)} is not raised"
        elif is_sure:
            self.beyond_since_ms.pop(number, None)

    def _unsilence(self) -> None:
        """End the silences that are over."""
        if self.time_ms >= self.paused_until_ms:
            self.paused = set()
        for number, (at_ms, _) in list(self.acknowledged.items()):
            is_high = self.alarms.priority_of(number) == HIGH
            if is_high and (self.time_ms - at_ms >= AGAIN_MS or self._is_worse(number)):
                self.acknowledged.pop(number)

    def _is_worse(self, number: int) -> bool:
        for row in EMERGENCIES:
            if row[0] == number:
                value, before = self.latest[row[1]], self.acknowledged[number][1]
                is_watched = row[1] != "temperature" or self.settings.temperature_site == 1
                return is_watched and value is not None and before is not None and (value - before) * row[2] >= row[5]
        return False

    def _note_acknowledged(self, number: int) -> None:
        if number not in self._active():
            return
        value = None
        for each, source, _, limit, _, _ in EMERGENCIES:
            if each == number:
                value = self.latest.get(source)
                value = getattr(self.settings, limit) if value is None else value
        self.acknowledged[number] = (self.time_ms, value)

    def _is_excused(self, number: int) -> bool:
        return number in self.acknowledged or number in self.paused

    def _active(self) -> list[int]:
        return [number for number in range(len(conditions.TABLE)) if self.alarms.bits >> number & 1]

    def _levels(self) -> tuple[int, ...]:
        alarms = self.alarms
        return alarms.bits, alarms.acknowledged_bits, alarms.audible, alarms.visible, int(alarms.is_standby)

    def _state(self) -> tuple[Any, ...]:
        alarms = self.alarms
        return alarms.bits, alarms.latched_bits, alarms.visible, alarms.is_standby, self._priorities(alarms)

    @staticmethod
    def _priorities(alarms: Alarms) -> list[int]:
        return [alarms.priority_of(number) for number in conditions.RISING]


TestAlarms = Machine.TestCase
TestAlarms.settings = settings(
    max_examples=5_000 if IS_LONG else 60,
    stateful_step_count=60 if IS_LONG else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
