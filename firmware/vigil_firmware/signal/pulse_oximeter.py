"""The signal path: samples in, one judged set of vitals a second out.

A value is published only when its window deserves it: the sensor on the finger, eight seconds (at first, and after a
disturbance, five) without a hole or a clipped sample, enough perfusion, beats and periodicity that agree. Otherwise the
measurements carry the reason.
"""

from array import array

from vigil_firmware.signal import conditioning, oximetry
from vigil_firmware.signal.beats import CAPACITY, FRACTION_BITS, Beats
from vigil_firmware.signal.fusion import Fusion
from vigil_firmware.signal.pulses import CORRELATED_PERMILLE, SLOPE_BITS, Pulses
from vigil_firmware.signal.quality import Steadiness
from vigil_firmware.signal.periodicity import MOST_BITS, MOST_LENGTH, Periodicity
from vigil_hal.max30102 import REFERENCE_LED_CODE
from vigil_wire import statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.vitals import Vitals

WINDOW = 200  # 8 s at 25 samples a second
LONG_WINDOW = 250  # 10 s, which no value's past exceeds: for a slow pulse
SHORT_WINDOW = 125  # 5 s: the first estimate, and the first after a disturbance
_SLOW = 28 << FRACTION_BITS  # below 54 bpm the slow beats are believed
_SLOW_STRIDE = 3
_VERY_SLOW = 38 << FRACTION_BITS  # below 39 bpm eight seconds hold too few beats
_FAST = 14 << FRACTION_BITS  # above 107 bpm every sample counts
_CONTACT_LEAST = (
    20_000  # infrared counts at the reference LED code: an open sensor sees a few hundred to a few thousand
)
_CLIPPED = 262_000  # of 262,143
_CONTACT_CHANGE_SAMPLES = 12  # half a second on the other side of the threshold
_PERFUSION_LEAST_CENTI_PCT = 15
_CORRELATED_PERMILLE = 800
_NEW_PERMILLE = 550
_NEW_FEW_PERMILLE = 650
_NEW_FEWEST_PERMILLE = 800
_CONTINUED_PERMILLE = 420
_CONTINUES_S = 5
_PULSE_LEAST_DECI_BPM = 220
_PULSE_MOST_DECI_BPM = 2550
_SPO2_MOST_DECI_PCT = 1000
_COUNT_MOST = 1 << 20


class PulseOximeter:
    """Keeps ten seconds of both channels and judges them once a second."""

    def __init__(self) -> None:
        self._red = array("i", [0] * conditioning.RING)
        self._ir = array("i", [0] * conditioning.RING)
        self._window_red = array("i", [0] * MOST_LENGTH)
        self._window_ir = array("i", [0] * MOST_LENGTH)
        self._beats = Beats(1)
        self._slow_beats = Beats(_SLOW_STRIDE)
        self._periodicity = Periodicity()
        self._fusion = Fusion()
        self._pulses = Pulses()
        self._steadiness = Steadiness()
        self._contact_least = _CONTACT_LEAST
        self.in_contact = False
        self._contrary = 0
        self._since_published_s = _CONTINUES_S + 1
        self._published_period = 0
        self.restart()

    def restart(self) -> None:
        """Begin a new window: samples were lost, or the sensor was taken off or put on."""
        self._count = 0  # samples since the restart
        self._clean_from = 0  # the count after the newest clipped sample
        self._beats.restart()
        self._slow_beats.restart()
        self._sum = 0
        self._summed = 0

    def rescale(self, red_before: int, red_after: int, ir_before: int, ir_after: int) -> None:
        """Go on with samples of another scale: the LED codes changed, and what is added from now on was lit by them."""
        self._contact_least = _CONTACT_LEAST * ir_after // REFERENCE_LED_CODE
        self.restart()

    def add(self, red: int, ir: int) -> None:
        """Take one sample (raw 18-bit counts) in."""
        if (ir >= self._contact_least) != self.in_contact:
            self._doubt_contact()
        elif self._contrary:
            self._contrary = 0
        count = self._count
        slot = count & conditioning.RING - 1
        self._red[slot] = red
        self._ir[slot] = ir
        self._count = count + 1
        if red >= _CLIPPED or ir >= _CLIPPED:
            self._clean_from = count + 1
        self._beats.add(ir)
        self._sum += ir
        self._summed += 1
        if self._summed == _SLOW_STRIDE:
            self._slow_beats.add(self._sum)
            self._sum = self._summed = 0

    def _doubt_contact(self) -> None:
        self._contrary += 1
        if self._contrary >= _CONTACT_CHANGE_SAMPLES:
            self.in_contact = not self.in_contact
            self._contrary = 0
            self.restart()
            self._steadiness.restart()

    def judge(self, vitals: "Vitals", rate_milli_hz: int) -> None:
        """Publish into `vitals` what the window supports, at the measured sample rate, or the reason it does not.

        A rate of 0 is not known yet: no pulse rate can then be told.
        """
        if self._count >= _COUNT_MOST:
            self._count -= _COUNT_MOST >> 1
            self._clean_from = max(self._clean_from - (_COUNT_MOST >> 1), 0)
        clean = self._count - self._clean_from
        self._since_published_s = min(self._since_published_s + 1, _CONTINUES_S + 1)
        reason = self._unusable(clean)
        if reason == statuses.UNAVAILABLE and rate_milli_hz == 0:
            reason = statuses.ACQUIRING
        if reason == statuses.UNAVAILABLE:
            reason = self._judge_pulse(vitals, min(clean, LONG_WINDOW), rate_milli_hz)
        if reason == statuses.UNAVAILABLE:
            self._judge_spo2(vitals)
            return
        vitals.pulse_rate.withhold(reason)
        vitals.spo2.withhold(reason)
        vitals.quality = 0
        if reason != statuses.LOW_PERFUSION:
            vitals.perfusion.withhold(reason)

    def _unusable(self, clean: int) -> int:
        """Why no window can be judged at all; UNAVAILABLE when one can."""
        if not self.in_contact:
            return statuses.SENSOR_OFF
        if clean < SHORT_WINDOW:
            return statuses.ACQUIRING if self._clean_from == 0 else statuses.POOR_SIGNAL
        return statuses.UNAVAILABLE

    def _judge_pulse(self, vitals: "Vitals", clean: int, rate_milli_hz: int) -> int:
        """Publish perfusion and pulse rate; the reason for none, or UNAVAILABLE."""
        fusion = self._fusion
        reason = statuses.POOR_SIGNAL
        self._status = statuses.VALIDATED
        if clean >= WINDOW:
            reason = self._try(vitals, self._beats, WINDOW, CAPACITY)
        if reason == statuses.POOR_SIGNAL:
            self._status = statuses.EARLY_ESTIMATE
            reason = self._try(vitals, self._beats, SHORT_WINDOW, CAPACITY)
        if reason == statuses.POOR_SIGNAL:
            reason = self._try(vitals, self._slow_beats, clean, CAPACITY)
        if reason == statuses.POOR_SIGNAL:
            reason = self._try(vitals, self._slow_beats, clean, 3)
        if reason != statuses.UNAVAILABLE:
            return reason
        pulse_rate = (rate_milli_hz * 600 // 1000 * fusion.count << FRACTION_BITS) // fusion.span
        if not _PULSE_LEAST_DECI_BPM <= pulse_rate <= _PULSE_MOST_DECI_BPM:
            return statuses.OUT_OF_RANGE
        vitals.pulse_rate.publish(pulse_rate, self._status)
        self._since_published_s = 0
        self._published_period = fusion.period
        return statuses.UNAVAILABLE

    def _try(self, vitals: "Vitals", beats: Beats, length: int, most: int) -> int:
        """Judge the last `length` samples by up to `most` beats."""
        fusion = self._fusion
        if not fusion.gather(beats, length, most):
            return statuses.POOR_SIGNAL
        if most < CAPACITY:
            length = min(length, (beats.age(most - 1) >> FRACTION_BITS) + 30)
        if beats is self._slow_beats and fusion.period < (_SLOW if most == CAPACITY else _VERY_SLOW):
            return statuses.POOR_SIGNAL
        if most == CAPACITY and length == WINDOW and fusion.period > _VERY_SLOW:
            length = min(self._count - self._clean_from, LONG_WINDOW)
            if not fusion.gather(beats, length, most):
                return statuses.POOR_SIGNAL
        period = fusion.period
        stride = 1 if period < _FAST else 2
        self._load(min(length // stride, MOST_LENGTH - 1), stride, period)
        if self._publish_perfusion(vitals) < _PERFUSION_LEAST_CENTI_PCT:
            return statuses.LOW_PERFUSION
        agreement = fusion.agreement(beats, self._periodicity, period // stride)
        if agreement < self._needed(period):
            return statuses.POOR_SIGNAL
        self._split(beats, length // stride, stride)
        if self._pulses.count == 0 or self._is_lamp(fusion.is_sine, period):
            return statuses.POOR_SIGNAL
        if not self._steadiness.admit(self._pulses, vitals.perfusion.value, self._ratio(), period > _VERY_SLOW):
            return statuses.ERRATIC
        vitals.quality = min(100, agreement // 10)
        return statuses.UNAVAILABLE

    def _needed(self, period: int) -> int:
        """Least agreement, in thousandths: less for the rhythm that was published a moment ago than for a new one."""
        if self._since_published_s <= _CONTINUES_S and abs(period - self._published_period) * 8 <= period:
            return _CONTINUED_PERMILLE
        count = self._fusion.count
        return _NEW_PERMILLE if count > 3 else _NEW_FEW_PERMILLE if count == 3 else _NEW_FEWEST_PERMILLE

    def _is_lamp(self, is_sine: bool, period: int) -> bool:
        """Whether the light is as a lamp's flicker is: as strong in both channels, which share it, and a sine.

        Above 107 bpm the smoothing leaves every wave a sine; there equal baselines count instead.
        """
        pulses = self._pulses
        if abs(pulses.red_red - pulses.ir_ir) * 8 > pulses.ir_ir:
            return False
        return abs(self._dc_red - self._dc_ir) * 32 < self._dc_ir if period < _FAST else is_sine

    def _split(self, beats: Beats, length: int, stride: int) -> None:
        """Let `_pulses` see the beats of the window, one by one."""
        pulses = self._pulses
        pulses.start()
        lost = (length - self._values) >> 1
        first = -1
        for index in range(self._fusion.beats - 1, -1, -1):
            last = length - 1 - lost - (beats.age(index) >> FRACTION_BITS) // stride
            if last > self._values:
                break
            if first >= 0:
                pulses.add(self._window_red, self._window_ir, first, last)
            first = last
        pulses.close()

    def _ratio(self) -> int:
        """R in thousandths where red follows infrared; otherwise -1."""
        pulses = self._pulses
        if pulses.correlation_permille < CORRELATED_PERMILLE:
            return -1
        return (pulses.slope * 1000 >> SLOPE_BITS) * ((self._dc_ir << 10) // self._dc_red) >> 10

    def _load(self, length: int, stride: int, period: int) -> None:
        """Load both windows, `_values` long, without their wander and within 11 bits."""
        newest = self._count - 1
        period = (period // stride + 32) >> FRACTION_BITS
        self._dc_red = conditioning.load(self._red, newest, self._window_red, length, stride) >> 1
        self._dc_ir = conditioning.load(self._ir, newest, self._window_ir, length, stride) >> 1
        conditioning.remove_wander(self._window_red, length, period)
        left = conditioning.remove_wander(self._window_ir, length, period)
        bits = max(conditioning.bits_in(self._window_red, left), conditioning.bits_in(self._window_ir, left)) - MOST_BITS
        if bits > 0:
            conditioning.shift(self._window_red, left, bits)
            conditioning.shift(self._window_ir, left, bits)
        else:
            bits = 0
        self._periodicity.load(self._window_ir, left)
        self._bits = bits
        self._values = left

    def _publish_perfusion(self, vitals: "Vitals") -> int:
        """Publish perfusion from the infrared window, and return it in 0.01 %."""
        length = self._values
        self._ac_ir = oximetry.square_root(self._periodicity.energy)
        # Peak to peak of a sine is 2.8284 times its root mean square, here the root of the sum over that of the length;
        # values are sums of two samples.
        scale = 14_142 * 16 // oximetry.square_root(length << 8)
        ac = self._ac_ir << self._bits
        perfusion = (ac * scale // self._dc_ir) if ac < 1 << 17 else 0xFFFE
        vitals.perfusion.publish(min(perfusion, 0xFFFE), statuses.VALIDATED)
        return perfusion

    def _judge_spo2(self, vitals: "Vitals") -> None:
        pulses = self._pulses
        if pulses.correlation_permille < CORRELATED_PERMILLE:
            vitals.spo2.withhold(statuses.POOR_SIGNAL)
            return
        ratio = oximetry.ratio_of_ratios_milli(
            oximetry.square_root(pulses.red_red), self._dc_red, oximetry.square_root(pulses.ir_ir), self._dc_ir
        )
        if not oximetry.RATIO_LEAST_MILLI <= ratio <= oximetry.RATIO_MOST_MILLI:
            vitals.spo2.withhold(statuses.OUT_OF_RANGE)
            return
        spo2 = oximetry.spo2_deci_pct(ratio)
        if spo2 > _SPO2_MOST_DECI_PCT:
            vitals.spo2.publish(_SPO2_MOST_DECI_PCT, statuses.QUESTIONABLE)
        else:
            vitals.spo2.publish(spo2, self._status)
