"""The alarm engine: which conditions hold, and which of them sound. Words as in IEC 60601-1-8.

It is given one second's vitals at a time, on the device and, over what it received, on the bridge. What conditions
there are, and what they watch, is data: `vigil_wire.conditions.TABLE`.

* A missing reading is no evidence, and one that is not sure is none that all is well: it never clears a condition,
  never stops a delay that runs, and counts for no off-delay. A condition about the wearer ends by valid readings within
  its limit, or by an acknowledgement beside the wearer once the sensor is off.
* An acknowledgement silences one condition. One of high priority sounds again after five minutes, and each when it gets
  worse. A pause of the audio, timed, silences what sounds now: not what begins or rises after.
* Nobody is watched while there is no reading: that condition rises, after a minute to medium; and to high at once where
  the last readings were in alarm, or close to the limits of an emergency.
* A restart clears nothing and makes nothing quieter: `pack` and `restore`.
"""

import struct

from vigil_firmware.alarm_signals import Signals, is_off, is_read
from vigil_firmware.ticks import DAY_MS, ticks_add, ticks_diff
from vigil_wire import conditions, records, statuses
from vigil_wire.conditions import HIGH, LOW, MEDIUM, NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_firmware.vitals import Measurement, Vitals
    from vigil_wire.settings import Settings

    # Called at every change: condition (conditions.ALL: none in particular), event, priority, value, onset tick.
    Announce = Callable[[int, int, int, int, int], None]

NO_VALUE = records.NO_S16
SOUND_AGAIN_MS = 300_000
STANDBY_MOST_MIN = 480

_NO_EVIDENCE = 0
_FOR = 1
_AGAINST = 2
_NOT_CONTRARY = -1  # no reading says that it should change
_MEDIUM_AFTER_MS = 60_000  # without a reading
_FORGOTTEN_MS = DAY_MS  # what was seen so long before the next reading begins no alarm
_WORRY_SPO2_DECI_PCT = 30
_WORRY_PULSE_DECI_BPM = 100
_ELAPSED_MOST_MS = 2_000  # one second's reading stands for no more
_TAKE_OFF_MS = 60_000  # to take the sensor off after standby has begun
_CONTACT_MS = 5_000  # of contact without a reading end a standby
_MINUTE_MS = 60_000
_PHYSIOLOGICAL_BITS = conditions.mask_of(conditions.PHYSIOLOGICAL)
_STATE = "<BHHHHHHBHB"
_STATE_VERSION = 1
_WAS_OFF = 1
_IS_WORRYING = 2
STATE_LENGTH = struct.calcsize(_STATE)


class Condition:
    """One condition: whether it is active and sounds, and for how long the evidence has pointed the other way.

    There are many: with more than twelve attributes each takes half as much memory again.
    """

    def __init__(self, number: int, settings: "Settings") -> None:
        self.number = number
        self.kind = conditions.TABLE[number]
        self.priority = self.kind.priority
        self.is_active = False
        self.is_latched = False  # over, and kept until it is acknowledged
        self.is_acknowledged = False
        self.onset_ms = 0  # tick at which the evidence for the last change began
        self._contrary_ms = _NOT_CONTRARY  # of an active one: for how long readings were within its limit
        self._acknowledged_ms = 0
        self._acknowledged_value = 0
        self.use(settings)

    def use(self, settings: "Settings") -> None:
        """Take limit and delay, which settings may have."""
        self._settings = settings
        self._limit = _setting(self.kind.limit, settings)  # here, for each second wants it

    def judge(self, signal: "Measurement", elapsed_ms: int, now_ms: int) -> int:
        """Take one second's reading in; the event that it makes, or 0."""
        evidence = self._evidence(signal)
        if evidence == _NO_EVIDENCE:
            self._forget(now_ms)
            return 0
        if evidence == _FOR and self.is_latched:
            self.is_latched = False
            self.is_acknowledged = False
            return conditions.SOUNDS_AGAIN
        if (evidence == _FOR) == self.is_active or self.is_latched:
            self._contrary_ms = _NOT_CONTRARY
            return 0
        if self._contrary_ms == _NOT_CONTRARY:
            self.onset_ms = now_ms
            self._contrary_ms = 0
        elif self.is_active:
            self._contrary_ms += elapsed_ms
        if self.is_active:
            return self._end() if self._contrary_ms >= self.kind.off_delay * 1000 else 0
        on_delay_ms = _setting(self.kind.on_delay, self._settings) * 1000
        return self._begin() if ticks_diff(now_ms, self.onset_ms) >= on_delay_ms else 0

    def acknowledge(self, signal: "Measurement", now_ms: int) -> None:
        """Silence it, from now on and where its signal stands."""
        self.is_acknowledged = True
        self._acknowledged_ms = now_ms
        self._acknowledged_value = signal.value if signal.has_value else self._limit

    def must_sound_again(self, signal: "Measurement", now_ms: int) -> bool:
        """Whether it was acknowledged too long ago, or is worse by now; then it no longer is acknowledged."""
        if not self.is_acknowledged:
            return False
        is_due = self.priority == HIGH and ticks_diff(now_ms, self._acknowledged_ms) >= SOUND_AGAIN_MS
        if is_due or self._is_worse(signal):
            self.is_acknowledged = False
        return not self.is_acknowledged

    def shift(self, by_ms: int) -> None:
        """Go on as if nothing had happened when the clock was turned."""
        self.onset_ms = ticks_add(self.onset_ms, by_ms)
        self._acknowledged_ms = ticks_add(self._acknowledged_ms, by_ms)

    def clear(self) -> None:
        """End it."""
        self.is_active = self.is_latched = self.is_acknowledged = False
        self._contrary_ms = _NOT_CONTRARY
        self.priority = self.kind.priority

    def restore(self, priority: int, is_latched: bool, is_acknowledged: bool, now_ms: int) -> None:
        """Go on as it was before a restart, but with sound if it is of high priority."""
        self.is_active = True
        self.priority = priority
        self.is_latched = is_latched
        self.is_acknowledged = is_acknowledged and priority != HIGH
        self.onset_ms = self._acknowledged_ms = now_ms
        self._acknowledged_value = self._limit

    def _evidence(self, signal: "Measurement") -> int:
        """What this second's reading says."""
        if not statuses.has_value(signal.status):
            return _NO_EVIDENCE
        beyond = (signal.value - self._limit) * self.kind.side
        if beyond > 0 or (self.is_active and not self.is_latched and beyond > -self.kind.hysteresis):
            return _FOR
        return _AGAINST if signal.status == statuses.VALIDATED else _NO_EVIDENCE

    def _forget(self, now_ms: int) -> None:
        """Let go of evidence that is too old to be told by ticks."""
        if self._contrary_ms != _NOT_CONTRARY and ticks_diff(now_ms, self.onset_ms) >= _FORGOTTEN_MS:
            self._contrary_ms = _NOT_CONTRARY

    def _begin(self) -> int:
        self.is_active = True
        self._contrary_ms = _NOT_CONTRARY
        return conditions.RAISED

    def _end(self) -> int:
        latches = self.kind.latches
        must_stay = latches == conditions.ALWAYS or latches == self._settings.latching == conditions.IF_SET
        if must_stay and not self.is_acknowledged:
            self.is_latched = True
            self._contrary_ms = _NOT_CONTRARY
            return conditions.LATCHED
        self.clear()
        return conditions.CLEARED

    def _is_worse(self, signal: "Measurement") -> bool:
        if not self.kind.worse_by or not statuses.has_value(signal.status):
            return False
        return (signal.value - self._acknowledged_value) * self.kind.side >= self.kind.worse_by


class Alarms:
    """All conditions of a device.

    `bits`, `acknowledged_bits`, `latched_bits`: one bit for each condition that is so; those who show them may read
    `visible` (the highest active priority), `audible` (the highest that sounds) and `top` (the number of the condition
    to name first, -1 where there is none). Of `signals` those of the equipment are the caller's to fill in. `revision`
    is another number after every change.
    """

    def __init__(self, settings: "Settings", announce: "Announce") -> None:
        self._announce_to = announce
        self.revision = 0
        self.signals = Signals(settings)
        self._conditions = [Condition(number, settings) for number in range(len(conditions.TABLE))]
        self._watched = [self.signals.of(kind.signal) for kind in conditions.TABLE]
        self.bits = 0
        self.acknowledged_bits = 0
        self.latched_bits = 0
        self.visible = NONE
        self.audible = NONE
        self.top = -1
        self.standby_left_ms = 0  # 0: no standby
        self._was_off = False  # since standby began
        self._contact_ms = 0  # since then, without a reading
        self._pause_ms = 0  # how long the audio is paused from _paused_ms on; 0: it is not
        self._paused_ms = 0
        self._paused_bits = 0
        self._is_worrying = False  # the last readings were
        self._unread_ms = 0  # without a reading, but for standby
        self._is_off = False  # the sensor, now
        self._now_ms = 0
        self._is_evaluated = False
        self._settings = settings

    @property
    def is_standby(self) -> bool:
        """Whether the sensor is off on purpose."""
        return self.standby_left_ms > 0

    def apply(self, settings: "Settings") -> None:
        """Take new limits into use. What is active stays so until readings clear it, or nothing watches it any more."""
        self._settings = settings
        self.signals.use(settings)
        for condition in self._conditions:
            condition.use(settings)
            if condition.is_active and not self.signals.is_watched(condition.kind.signal):
                condition.clear()
                self._tell(condition, conditions.CLEARED, NO_VALUE, self._now_ms)
        self._rank()

    def evaluate(self, vitals: "Vitals", now_ms: int) -> None:
        """Judge one second's vitals."""
        elapsed_ms = self._elapsed(now_ms)
        self._is_off = is_off(vitals)
        if self.standby_left_ms:
            self._mind_standby(vitals.pulse_rate, elapsed_ms)
        self.signals.take(vitals, self.is_standby, self._is_named(vitals))
        self._judge(min(elapsed_ms, _ELAPSED_MOST_MS))
        self.signals.restarted.say(False)  # an event, not a state
        self._count_unread(vitals, elapsed_ms)
        self._worry(vitals)
        self._rise()
        self._mind_silence()
        self._rank()

    def priority_of(self, number: int) -> int:
        """The priority that a condition has now."""
        return self._conditions[number].priority

    def acknowledge(self, number: int, by: int, now_ms: int) -> bool:
        """Acknowledge a condition (conditions.ALL: each) that is active; whether there was one.

        `by`: conditions.AT_DEVICE, BESIDE_WEARER or FROM_AFAR; the last is noted only, and silences nothing here.
        """
        found = False
        for condition in self._conditions:
            if condition.is_active and number in (conditions.ALL, condition.number):
                found = True
                self._acknowledge(condition, by, now_ms)
        self._rank()
        return found

    def pause_audio(self, now_ms: int) -> bool:
        """Silence for the time that is set what sounds now; whether anything did."""
        sounding = 0
        for condition in self._conditions:
            if condition.is_active and not condition.is_acknowledged:
                sounding |= 1 << condition.number
        if not sounding:
            return False
        self._paused_bits = sounding
        self._paused_ms = now_ms
        self._pause_ms = self._settings.audio_pause_s * 1000
        self._announce(conditions.ALL, conditions.AUDIO_PAUSED, self.visible, self._settings.audio_pause_s, now_ms)
        self._rank()
        return True

    def resume_audio(self, now_ms: int) -> None:
        """End a pause of the audio."""
        if self._pause_ms:
            self._pause_ms = self._paused_bits = 0
            self._announce(conditions.ALL, conditions.AUDIO_RESUMED, self.visible, NO_VALUE, now_ms)
            self._rank()

    def pause_left_s(self, now_ms: int) -> int:
        """For how long the audio is paused yet."""
        return max(self._pause_ms - ticks_diff(now_ms, self._paused_ms), 0) // 1000 if self._pause_ms else 0

    def begin_standby(self, minutes: int, by: int, now_ms: int) -> bool:
        """Take note that the sensor is taken off on purpose, for so long at most; whether that may be.

        Not from afar while an alarm is about the wearer or of high priority; who is beside them acknowledges by it what
        is about them.
        """
        if not 1 <= minutes <= STANDBY_MOST_MIN:
            return False
        if by == conditions.FROM_AFAR and (self.bits & _PHYSIOLOGICAL_BITS or self.visible == HIGH):
            return False
        if self.bits & _PHYSIOLOGICAL_BITS:
            for number in conditions.PHYSIOLOGICAL:
                self.acknowledge(number, by, now_ms)
        self.standby_left_ms = minutes * _MINUTE_MS
        self._was_off = self._is_off
        self._contact_ms = 0
        self._announce(conditions.ALL, conditions.STANDBY_BEGUN, self.visible, minutes, now_ms)
        return True

    def end_standby(self, now_ms: int) -> None:
        """Watch again."""
        if self.standby_left_ms:
            self.standby_left_ms = 0
            self._announce(conditions.ALL, conditions.STANDBY_ENDED, self.visible, NO_VALUE, now_ms)

    def pack(self) -> bytearray:
        """What a restart must not lose."""
        rising = 0
        for number in conditions.RISING:
            rising = rising << 4 | self._conditions[number].priority
        minutes = (self.standby_left_ms + _MINUTE_MS - 1) // _MINUTE_MS
        halves = _halves(self.bits) + _halves(self.acknowledged_bits) + _halves(self.latched_bits)
        flags = (_WAS_OFF if self._was_off else 0) | (_IS_WORRYING if self._is_worrying else 0)
        return bytearray(struct.pack(_STATE, _STATE_VERSION, *halves, rising, minutes, flags))

    def restore(self, packed: "bytes | bytearray", now_ms: int) -> bool:
        """Go on from what `pack` gave before a restart; False, and nothing changed, where these bytes are not that."""
        if len(packed) != STATE_LENGTH or packed[0] != _STATE_VERSION:
            return False
        values = struct.unpack(_STATE, packed)
        bits, acknowledged, latched = (values[1 + 2 * n] | values[2 + 2 * n] << 16 for n in range(3))
        rising, minutes, flags = values[7:]
        for condition in reversed(self._conditions):
            mask = 1 << condition.number
            priority = condition.priority
            if condition.number in conditions.RISING:
                priority = max(rising & 15, LOW)
                rising >>= 4
            if bits & mask:
                condition.restore(priority, bool(latched & mask), bool(acknowledged & mask), now_ms)
        self.standby_left_ms = min(minutes, STANDBY_MOST_MIN) * _MINUTE_MS
        self._was_off = bool(flags & _WAS_OFF)
        self._is_worrying = bool(flags & _IS_WORRYING or bits & _PHYSIOLOGICAL_BITS)
        self._note_bits()
        self._rank()
        return True

    def _acknowledge(self, condition: Condition, by: int, now_ms: int) -> None:
        signal = self._watched[condition.number]
        if by != conditions.FROM_AFAR:
            condition.acknowledge(signal, now_ms)
        self._tell(condition, conditions.ACKNOWLEDGED, by, now_ms)
        if by != conditions.FROM_AFAR and (condition.is_latched or self._is_without_sensor(condition, signal)):
            condition.clear()
            self._tell(condition, conditions.CLEARED, NO_VALUE, now_ms)

    def _is_without_sensor(self, condition: Condition, signal: "Measurement") -> bool:
        """Whether a condition about the wearer can get no readings: the sensor is off, or there is none."""
        if not (self._is_evaluated and _PHYSIOLOGICAL_BITS >> condition.number & 1) or signal.has_value:
            return False
        return self._is_off or signal.status == statuses.UNAVAILABLE

    def _elapsed(self, now_ms: int) -> int:
        """Take the time; how many ms since it was taken last. A clock that is put back has stood still."""
        elapsed_ms = ticks_diff(now_ms, self._now_ms) if self._is_evaluated else 0
        self._is_evaluated = True
        self._now_ms = now_ms
        if elapsed_ms >= 0:
            return elapsed_ms
        self._paused_ms = ticks_add(self._paused_ms, elapsed_ms)
        for condition in self._conditions:
            condition.shift(elapsed_ms)
        return 0

    def _is_named(self, vitals: "Vitals") -> bool:
        """Whether an alarm says why there is no reading; that of a fault is not enough after worrying readings."""
        if self.bits >> conditions.SENSOR_OFF & 1:
            return True
        is_broken = vitals.pulse_rate.status == statuses.SENSOR_FAULT
        if vitals.pulse_rate.has_value:  # it is SpO2 alone that the fault takes
            is_broken = vitals.spo2.status == statuses.SENSOR_FAULT
        return is_broken and not self._is_worrying and self.bits >> conditions.SENSOR_FAULT & 1 != 0

    def _judge(self, elapsed_ms: int) -> None:
        for condition in self._conditions:
            event = condition.judge(self._watched[condition.number], elapsed_ms, self._now_ms)
            if event:
                self._tell_judged(condition, event)

    def _tell_judged(self, condition: Condition, event: int) -> None:
        self._tell(condition, event, self.signals.shown(condition.kind), condition.onset_ms)

    def _count_unread(self, vitals: "Vitals", elapsed_ms: int) -> None:
        if is_read(vitals) or (self.standby_left_ms and self._is_off):
            self._unread_ms = 0
        else:
            self._unread_ms = min(self._unread_ms + elapsed_ms, _MEDIUM_AFTER_MS)

    def _mind_standby(self, pulse: "Measurement", elapsed_ms: int) -> None:
        """End it when its time is over, when the sensor is worn again, and when it was not taken off in time."""
        self.standby_left_ms = max(self.standby_left_ms - elapsed_ms, 0)
        if self._is_off:
            self._was_off = True
            self._contact_ms = 0
        elif pulse.status != statuses.SENSOR_FAULT:
            self._contact_ms += elapsed_ms
        patience_ms = _CONTACT_MS if self._was_off else _TAKE_OFF_MS
        is_worn = self._contact_ms >= patience_ms or (self._was_off and pulse.has_value)
        if is_worn or not self.standby_left_ms:
            self.standby_left_ms = 0
            self._announce(conditions.ALL, conditions.STANDBY_ENDED, self.visible, NO_VALUE, self._now_ms)

    def _worry(self, vitals: "Vitals") -> None:
        """Note whether the newest reading is in alarm or close to the limits of an emergency."""
        if self.bits & _PHYSIOLOGICAL_BITS:
            self._is_worrying = True
        elif is_read(vitals):
            settings = self._settings
            pulse = vitals.pulse_rate.value
            low = settings.pulse_rate_very_low_deci_bpm + _WORRY_PULSE_DECI_BPM
            high = settings.pulse_rate_very_high_deci_bpm - _WORRY_PULSE_DECI_BPM
            spo2 = self._watched[conditions.SPO2_VERY_LOW].value
            is_close = spo2 <= settings.spo2_very_low_deci_pct + _WORRY_SPO2_DECI_PCT
            self._is_worrying = is_close or pulse <= low or pulse >= high

    def _rise(self) -> None:
        """Let what says that nobody is watched rise."""
        wanted = LOW
        if self._is_worrying:
            wanted = HIGH
        elif self._unread_ms >= _MEDIUM_AFTER_MS:
            wanted = MEDIUM
        for number in conditions.RISING:
            condition = self._conditions[number]
            if condition.is_active and wanted > condition.priority:
                condition.priority = wanted
                condition.is_acknowledged = False
                self._tell(condition, conditions.RISEN, NO_VALUE, self._now_ms)

    def _mind_silence(self) -> None:
        """End what silences a condition when it may no longer."""
        if self._pause_ms and ticks_diff(self._now_ms, self._paused_ms) >= self._pause_ms:
            self.resume_audio(self._now_ms)
        for condition in self._conditions:
            if condition.is_active and condition.must_sound_again(self._watched[condition.number], self._now_ms):
                self._tell(condition, conditions.SOUNDS_AGAIN, self.signals.shown(condition.kind), self._now_ms)

    def _rank(self) -> None:
        """Find what is to be shown and what is to sound. One that is covered by a worse one does neither."""
        self.visible = self.audible = NONE
        self.top = -1
        rank = -1
        for condition in self._conditions:
            if not condition.is_active or self._is_covered(condition.number):
                continue
            priority = condition.priority
            is_silent = condition.is_acknowledged or self._paused_bits >> condition.number & 1
            self.visible = max(self.visible, priority)
            if not is_silent:
                self.audible = max(self.audible, priority)
            if 2 * priority + (not is_silent) > rank:
                rank = 2 * priority + (not is_silent)
                self.top = condition.number

    def _is_covered(self, number: int) -> bool:
        worse = conditions.COVERED_BY.get(number)
        return worse is not None and self._conditions[worse].is_active

    def _tell(self, condition: Condition, event: int, value: int, onset_ms: int) -> None:
        if event not in (conditions.LATCHED, conditions.ACKNOWLEDGED):
            self._paused_bits &= ~(1 << condition.number)
        self._note_bits()
        self._announce(condition.number, event, condition.priority, value, onset_ms)

    def _announce(self, number: int, event: int, priority: int, value: int, onset_ms: int) -> None:
        self.revision = (self.revision + 1) & 0xFFFF
        self._announce_to(number, event, priority, value, onset_ms)

    def _note_bits(self) -> None:
        self.bits = self.acknowledged_bits = self.latched_bits = 0
        for condition in self._conditions:
            mask = 1 << condition.number
            if condition.is_active:
                self.bits |= mask
            if condition.is_acknowledged:
                self.acknowledged_bits |= mask
            if condition.is_latched:
                self.latched_bits |= mask


def _setting(value: "int | str", settings: "Settings") -> int:
    """A number of the table, or the setting that it names."""
    if isinstance(value, str):
        named: int = getattr(settings, value)
        return named
    return value


def _halves(bits: int) -> "tuple[int, int]":
    return bits & 0xFFFF, bits >> 16
