"""The signal path: samples in, one judged set of vitals a second out.

A value is published only when its window deserves it: the sensor on the finger, eight seconds (at first, and after a
disturbance, five; of a slow pulse up to ten) without a hole or a clipped sample, enough perfusion, beats and
periodicity that agree, and pulses that are alike. Otherwise the measurements carry the reason.
"""

from vigil_firmware.signal import conditioning, oximetry
from vigil_firmware.signal.beats import CAPACITY, FRACTION_BITS, Beats
from vigil_firmware.signal.buffers import rescaled
from vigil_firmware.signal.conditioning import MOST_LENGTH, RING, Channel
from vigil_firmware.signal.fusion import Fusion
from vigil_firmware.signal.intervals import Intervals
from vigil_firmware.signal.oximetry import Oximetry
from vigil_firmware.signal.periodicity import MOST_BITS, Periodicity
from vigil_firmware.signal.pulses import CORRELATED_PERMILLE, SLOPE_BITS, Pulses
from vigil_firmware.signal.quality import Steadiness
from vigil_firmware.signal.respiration import Respiration
from vigil_hal.max30102 import REFERENCE_LED_CODE
from vigil_wire import statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from vigil_firmware.signal.motion import Motion
    from vigil_firmware.vitals import Vitals

WINDOW = 200  # 8 s at 25 samples a second
LONG_WINDOW = 250  # 10 s, which no value's past exceeds: for a slow pulse
SHORT_WINDOW = 125  # 5 s: the first estimate, and the first after a disturbance
_FAST = 14 << FRACTION_BITS  # above 107 bpm every sample counts
_SLOW = 28 << FRACTION_BITS  # below 54 bpm the slow beats are believed
_VERY_SLOW = 38 << FRACTION_BITS  # below 39 bpm eight seconds hold too few beats
_SLOW_STRIDE = 3
_FEWEST_BEATS = 3
_CONTACT_LEAST = (
    20_000  # infrared counts at the reference LED code: an open sensor sees a few hundred to a few thousand
)
_CLIPPED = 262_000  # of 262,143
_CONTACT_CHANGE_SAMPLES = 12  # half a second on the other side of the threshold
_PERFUSION_LEAST_CENTI_PCT = 15
# How well a window must repeat itself: a new rhythm, also one of three intervals or two, and one just published.
_NEW_PERMILLE = 550
_NEW_FEW_PERMILLE = 650
_NEW_FEWEST_PERMILLE = 800
_CONTINUED_PERMILLE = 420
_CONTINUES_S = 5
_FORGOTTEN_S = 60
_PULSE_LEAST_DECI_BPM = 220
_PULSE_MOST_DECI_BPM = 2550
_SPO2_CORRELATED_PERMILLE = 900  # of red and infrared
_SETTLED = 6 << FRACTION_BITS  # a younger beat may still give way to a higher one
_INTERVAL_OFF_PERCENT = 35  # of the mean interval
_COUNT_MOST = 1 << 20
_COUNT_LESS = _SLOW_STRIDE * RING << 10  # places in the ring and thirds of slow values stay what they are


class PulseOximeter:
    """Keeps ten seconds of both channels and judges them once a second. `intervals` are those of the newest second.

    `motion`: set where there is an accelerometer.
    """

    def __init__(self) -> None:
        self.motion: Motion | None = None
        self._red = Channel()
        self._ir = Channel()
        self._red_ring = self._red.ring
        self._ir_ring = self._ir.ring
        self._beats = Beats(1)
        self._slow_beats = Beats(_SLOW_STRIDE)
        self._periodicity = Periodicity()
        self._fusion = Fusion()
        self._pulses = Pulses()
        self.oximetry = Oximetry()
        self._steadiness = Steadiness()
        self.intervals = Intervals()
        self._respiration = Respiration()
        self._beats_taken = 0
        self._contact_least = _CONTACT_LEAST
        self.in_contact = False
        self._contrary = 0
        self._since_published_s = _FORGOTTEN_S
        self._published_period = 0
        self.restart()

    def restart(self) -> None:
        """Begin a new window: samples were lost, or the sensor was taken off or put on."""
        self._count = 0  # samples since the restart
        self._clean_from = 0  # the count after the newest clipped sample
        self._judged_at = 0  # the count at the last judgement
        self._last_red = 0
        self._last_ir = 0
        self._beats.restart()
        self._slow_beats.restart()
        self._respiration.restart()
        if self.motion is not None:
            self.motion.restart()

    def rescale(self, red_before: int, red_after: int, ir_before: int, ir_after: int) -> None:
        """Go on with samples of another scale: the LED codes changed, and what is added from now on was lit by them."""
        self._contact_least = _CONTACT_LEAST * ir_after // REFERENCE_LED_CODE
        self._respiration.restart()
        if red_before == 0 or ir_before == 0:
            self.restart()
            return
        if self.motion is not None:
            self.motion.restart()
        self._red.rescale(red_before, red_after)
        self._ir.rescale(ir_before, ir_after)
        self._last_red = rescaled(self._last_red, red_before, red_after)
        self._last_ir = rescaled(self._last_ir, ir_before, ir_after)
        self._beats.rescale(ir_before, ir_after)
        self._slow_beats.rescale(ir_before, ir_after)

    def add(self, red: int, ir: int) -> None:
        """Take one sample (raw 18-bit counts) in."""
        if (ir >= self._contact_least) != self.in_contact:
            self._doubt_contact()
        elif self._contrary:
            self._contrary = 0
        if red >= _CLIPPED or ir >= _CLIPPED:
            self._clean_from = self._count + 1
        motion = self.motion
        if motion is not None:
            motion.clean(red, ir)
            red = motion.red
            ir = motion.ir
        slot = self._count & 255
        self._red_ring[slot] = red + self._last_red
        self._last_red = red
        pair = ir + self._last_ir
        self._ir_ring[slot] = pair
        self._last_ir = ir
        self._count += 1
        self._beats.add(pair)
        if self._count % 3 == 0:
            ir += self._ir_ring[slot - 1]
            self._slow_beats.add(ir)
            if self._beats.seen != self._beats_taken:
                self._take_beat()

    def _doubt_contact(self) -> None:
        self._contrary += 1
        if self._contrary >= _CONTACT_CHANGE_SAMPLES:
            self.in_contact = not self.in_contact
            self._contrary = 0
            self.restart()
            self._steadiness.restart()

    def _take_beat(self) -> None:
        """Pass on the beat before the newest, which may still be replaced by a higher one, for breathing."""
        beats = self._beats
        self._beats_taken = beats.seen
        if beats.count > 2:
            interval = beats.age(2) - beats.age(1)
            self._respiration.add(interval, beats.height(1), self._baseline(interval >> FRACTION_BITS))

    def _baseline(self, length: int) -> int:
        """Mean of infrared over the interval of so many samples that ended with the beat before the newest."""
        length = min(length, RING - 1)
        last = self._count - 1 - (self._beats.age(1) >> FRACTION_BITS)
        return conditioning.mean(self._ir_ring, last, length)

    def judge(self, vitals: "Vitals", rate_milli_hz: int) -> None:
        """Publish into `vitals` what the window supports, at the measured sample rate, or the reason it does not.

        A rate of 0 is not known yet: no pulse rate can then be told.
        """
        self._since_published_s = min(self._since_published_s + 1, _FORGOTTEN_S)
        self.intervals.clear()
        reason = self._judge_pulse(vitals, rate_milli_hz)
        if reason == statuses.UNAVAILABLE:
            self._judge_spo2(vitals)
            self._accept_intervals(rate_milli_hz, vitals.quality)
        else:
            vitals.pulse_rate.withhold(reason)
            vitals.spo2.withhold(reason)
            vitals.ratio.withhold(reason)
            vitals.quality = 0
            if reason != statuses.LOW_PERFUSION:
                vitals.perfusion.withhold(reason)
        self._judged_at = self._count
        if self._count >= _COUNT_MOST:
            self._count -= _COUNT_LESS
            self._judged_at = self._count
            self._clean_from = max(self._clean_from - _COUNT_LESS, 0)

    def judge_respiration(self, vitals: "Vitals", rate_milli_hz: int) -> None:
        """Publish respiration into `vitals`, whose pulse is judged: apart from `judge`, so that no step is long."""
        self._respiration.judge(vitals, rate_milli_hz)

    def _judge_pulse(self, vitals: "Vitals", rate_milli_hz: int) -> int:
        """Publish perfusion and pulse rate; the reason for none, or UNAVAILABLE."""
        if not self.in_contact:
            return statuses.SENSOR_OFF
        self._clean = min(self._count - self._clean_from - 1, LONG_WINDOW)  # the first pair is none
        if self._clean < SHORT_WINDOW:
            return statuses.POOR_SIGNAL if self._clean_from else statuses.ACQUIRING
        if rate_milli_hz == 0:
            return statuses.ACQUIRING
        reason = self._search(vitals)
        if reason != statuses.UNAVAILABLE:
            return reason
        return self._publish_pulse_rate(vitals, rate_milli_hz)

    def _publish_pulse_rate(self, vitals: "Vitals", rate_milli_hz: int) -> int:
        fusion = self._fusion
        pulse_rate = (rate_milli_hz * 600 // 1000 * fusion.count << FRACTION_BITS) // fusion.span
        if not _PULSE_LEAST_DECI_BPM <= pulse_rate <= _PULSE_MOST_DECI_BPM:
            return statuses.OUT_OF_RANGE
        vitals.pulse_rate.publish(pulse_rate, self._status)
        self._since_published_s = 0
        self._published_period = fusion.period
        return statuses.UNAVAILABLE

    def _search(self, vitals: "Vitals") -> int:
        """Look for a pulse, in the usual window first."""
        reason = statuses.POOR_SIGNAL
        self._status = statuses.VALIDATED
        self._used = self._beats
        if self._clean >= WINDOW:
            reason = self._try(vitals, WINDOW, CAPACITY)
        if reason == statuses.POOR_SIGNAL:
            self._status = statuses.EARLY_ESTIMATE
            reason = self._try(vitals, SHORT_WINDOW, CAPACITY)
        if reason == statuses.POOR_SIGNAL:
            self._used = self._slow_beats
            reason = self._try(vitals, self._clean, CAPACITY)
        if reason == statuses.POOR_SIGNAL:
            reason = self._try(vitals, self._clean, _FEWEST_BEATS)
        return reason

    def _try(self, vitals: "Vitals", length: int, most: int) -> int:
        """Judge the last `length` samples by up to `most` beats; the reason for no pulse, or UNAVAILABLE."""
        fusion = self._fusion
        if not fusion.gather(self._used, length, most) or not self._may_be_slow(most):
            return statuses.POOR_SIGNAL
        if most < CAPACITY:
            length = min(length, (self._used.ages[most - 1] + (fusion.period >> 1)) >> FRACTION_BITS)
        elif length == WINDOW and fusion.period > _VERY_SLOW:
            length = self._clean
            if not fusion.gather(self._used, length, most):
                return statuses.POOR_SIGNAL
        self._load(length)
        return self._weigh(vitals)

    def _may_be_slow(self, most: int) -> bool:
        """Whether the rhythm may be that of the beats in use: slow beats are blind to a fast pulse."""
        if self._used is self._beats:
            return True
        return self._fusion.period >= (_SLOW if most == CAPACITY else _VERY_SLOW)

    def _load(self, length: int) -> None:
        """Load the last `length` samples of both channels, without their wander, and split them into pulses."""
        self._stride = 1 if self._fusion.period < _FAST else 2
        stride = self._stride
        length = min(length // stride, MOST_LENGTH - 1)
        start = self._count - 1 - (length - 1) * stride
        span = (self._fusion.period // stride + 32) >> FRACTION_BITS | 1
        self._red.load(start, length, stride, span)
        self._ir.load(start, length, stride, span)
        self._limit(self._red.window, self._ir.window, self._ir.length)
        self._periodicity.load(self._ir.window, self._ir.length)
        self._split(length - 1 - (span >> 1))

    def _limit(self, red: "array[int]", ir: "array[int]", length: int) -> None:
        """Divide both windows by the power of two, 2 to `_bits`, that makes them fit in 11 bits."""
        self._bits = max(conditioning.bits_of(red, ir, length) - MOST_BITS, 0)
        if self._bits:
            conditioning.shift(red, ir, length, self._bits)

    def _split(self, end: int) -> None:
        """Let `_pulses` see the beats of the window one by one. `end`: where in it the newest sample would be."""
        pulses = self._pulses
        pulses.start(self._red.window, self._ir.window, self._periodicity.energies)
        first = -1
        for index in range(self._fusion.beats - 1, -1, -1):
            last = end - (self._used.ages[index] >> FRACTION_BITS) // self._stride
            if last > self._ir.length:
                break
            if first >= 0:
                pulses.add(first, last)
            first = last
        pulses.close()

    def _weigh(self, vitals: "Vitals") -> int:
        """Whether the loaded window holds a pulse that may be believed: the reason for none, or UNAVAILABLE."""
        if self._publish_perfusion(vitals) < _PERFUSION_LEAST_CENTI_PCT:
            return statuses.LOW_PERFUSION
        period = self._fusion.period
        agreement = self._fusion.agreement(self._used, self._periodicity, period // self._stride)
        if agreement < self._needed(period) or self._pulses.count == 0 or self._is_lamp(period):
            return statuses.POOR_SIGNAL
        if self._is_moving():
            return self._weigh_in_motion(vitals, agreement)
        if not self._steadiness.admit(self._pulses, vitals.perfusion.value, self._ratio(), period > _VERY_SLOW):
            return statuses.ERRATIC
        vitals.quality = min(100, agreement // 10, 100 - self._steadiness.spread // 10)
        return statuses.UNAVAILABLE

    def _weigh_in_motion(self, vitals: "Vitals", agreement: int) -> int:
        """As `_weigh`, for light from which the movement was taken: the accelerometer says whether to believe it."""
        period = self._fusion.period
        if self.motion is not None and self.motion.is_doubtful(period):
            return statuses.ERRATIC
        if self._since_published_s < _FORGOTTEN_S and self._is_half_or_double(period):
            return statuses.ERRATIC
        vitals.quality = min(100, agreement // 10)
        return statuses.UNAVAILABLE

    def _is_half_or_double(self, period: int) -> bool:
        """Whether the pulse would be half or twice what it was: a step falls between beats, or covers every other."""
        before = self._published_period
        return abs(2 * period - before) * 8 < before or abs(period - 2 * before) * 8 < period

    def _is_moving(self) -> bool:
        return self.motion is not None and self.motion.is_moving

    def _needed(self, period: int) -> int:
        """Least agreement, in thousandths: less for the rhythm that was published a moment ago than for a new one."""
        if self._since_published_s <= _CONTINUES_S and abs(period - self._published_period) * 8 <= period:
            return _CONTINUED_PERMILLE
        count = self._fusion.count
        return _NEW_PERMILLE if count > 3 else _NEW_FEW_PERMILLE if count == 3 else _NEW_FEWEST_PERMILLE

    def _is_lamp(self, period: int) -> bool:
        """Whether the light is as a lamp's flicker is: as strong in both channels, which share it, and a sine.

        Above 107 bpm the smoothing leaves every wave a sine; there equal baselines count instead.
        """
        pulses = self._pulses
        if abs(pulses.red_red - pulses.ir_ir) > pulses.ir_ir >> 3:
            return False
        if period < _FAST:
            return abs(self._red.dc - self._ir.dc) * 32 < self._ir.dc
        return self._fusion.is_sine

    def _ratio(self) -> int:
        """R in thousandths where red follows infrared; otherwise -1."""
        pulses = self._pulses
        if pulses.correlation_permille < CORRELATED_PERMILLE:
            return -1
        return self._ratio_of(pulses.slope)

    def _ratio_of(self, slope: int) -> int:
        """R in thousandths of a regression of red on infrared, in 1/1024."""
        return (slope * 1000 >> SLOPE_BITS) * min((self._ir.dc << 10) // max(self._red.dc, 1), 1 << 13) >> 10

    def _publish_perfusion(self, vitals: "Vitals") -> int:
        """Publish perfusion from the infrared window, and return it in 0.01 %."""
        # Peak to peak of a sine is 2.8284 times its root mean square, here the root of the sum over that of the length;
        # values are sums of two samples.
        scale = 14_142 * 16 // oximetry.square_root(self._ir.length << 8)
        ac = oximetry.square_root(self._periodicity.energies[self._ir.length]) << self._bits
        perfusion = (ac * scale // max(self._ir.dc, 1)) if ac < 1 << 17 else 0xFFFE
        vitals.perfusion.publish(min(perfusion, 0xFFFE), statuses.VALIDATED)
        return perfusion

    def _judge_spo2(self, vitals: "Vitals") -> None:
        beats = self.oximetry.beats
        beats.restart()
        for index in range(self._pulses.count):
            beats.add(self._pulses.slope_of(index))
        ratio = self._ratio_of(beats.median())
        self.oximetry.judge(vitals, self._window_ratio(), ratio, self._status)

    def _window_ratio(self) -> int:
        """R in thousandths from the root mean squares of the window; -1 where red does not follow infrared."""
        if self._pulses.correlation_permille < _SPO2_CORRELATED_PERMILLE or self._red.dc == 0:
            return -1
        if self._is_moving():
            return -1  # only infrared is clean
        ac_red = oximetry.square_root(self._pulses.red_red)
        ac_ir = oximetry.square_root(self._pulses.ir_ir)
        return oximetry.ratio_of_ratios_milli(ac_red, self._red.dc, ac_ir, self._ir.dc)

    def _accept_intervals(self, rate_milli_hz: int, quality: int) -> None:
        """Take over the intervals whose last beat has settled since the last judgement."""
        until = _SETTLED + (self._count - self._judged_at << FRACTION_BITS)
        index = self._used.list_ages(until, CAPACITY - 1)
        while index > 0:
            index -= 1
            if self._used.ages[index] >= _SETTLED and index + 1 < self._used.count:
                self._accept(index, rate_milli_hz, quality)

    def _accept(self, index: int, rate_milli_hz: int, quality: int) -> None:
        age = self._used.age(index)
        interval = self._used.age(index + 1) - age
        if self._is_regular(interval):
            # 1/64 sample at r mHz is 15,625/r ms.
            age = (age + self._used.delay) * 15_625 // rate_milli_hz
            interval = interval * 15_625 // rate_milli_hz
            self.intervals.add(interval, age, quality)

    def _is_regular(self, interval: int) -> bool:
        period = self._fusion.period
        return abs(interval - period) * 100 <= period * _INTERVAL_OFF_PERCENT
