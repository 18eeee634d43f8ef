"""The signal path: samples in, one judged set of vitals a second out.

A value is published only when its window deserves it: the sensor on the finger, eight seconds (at first, and after a
disturbance, five) without a hole or a clipped sample, enough perfusion, beats and periodicity that agree. Otherwise the
measurements carry the reason.
"""

from array import array

from vigil_firmware.signal import oximetry
from vigil_firmware.signal.beats import FRACTION_BITS, Beats
from vigil_firmware.signal.conditioning import Channel, remove_wander
from vigil_firmware.signal.fusion import Fusion
from vigil_firmware.signal.periodicity import Periodicity, likeness_permille, shift_for
from vigil_hal.max30102 import REFERENCE_LED_CODE
from vigil_wire import statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.signal.motion import Motion
    from vigil_firmware.vitals import Vitals

WINDOW = 200  # 8 s at 25 samples a second
SHORT_WINDOW = 125  # 5 s: the first estimate, and the first after a disturbance
_CONTACT_LEAST = (
    20_000  # infrared counts at the reference LED code: an open sensor sees a few hundred to a few thousand
)
_CLIPPED = 262_000  # of 262,143
_CONTACT_CHANGE_SAMPLES = 12  # half a second on the other side of the threshold
_PERFUSION_LEAST_CENTI_PCT = 15
_CORRELATED_PERMILLE = 800
_LIKENESS_PERMILLE = 350  # of the window, without its wander, and itself one repetition later
_PULSE_LEAST_DECI_BPM = 250
_PULSE_MOST_DECI_BPM = 2400
_SPO2_MOST_DECI_PCT = 1000


class PulseOximeter:
    """Keeps one window of both channels and judges it once a second. `motion`: set where there is an accelerometer."""

    def __init__(self) -> None:
        self._red = Channel(WINDOW)
        self._ir = Channel(WINDOW)
        self._window_red = array("i", [0] * WINDOW)
        self._window_ir = array("i", [0] * WINDOW)
        self._falling = Beats(1)
        self._rising = Beats(-1)
        self._periodicity = Periodicity()
        self._fusion = Fusion()
        self.motion: Motion | None = None
        self._contact_least = _CONTACT_LEAST
        self.in_contact = False
        self._contrary = 0
        self._since_clipped = 0

    def restart(self) -> None:
        """Begin a new window: samples were lost, or the sensor was taken off or put on."""
        self._red.restart()
        self._ir.restart()
        self._falling.restart()
        self._rising.restart()
        self._since_clipped = WINDOW
        if self.motion is not None:
            self.motion.restart()

    def rescale(self, red_before: int, red_after: int, ir_before: int, ir_after: int) -> None:
        """Go on with samples of another scale: the LED codes changed, and what is added from now on was lit by them."""
        self._contact_least = _CONTACT_LEAST * ir_after // REFERENCE_LED_CODE
        self.restart()

    def add(self, red: int, ir: int) -> None:
        """Take one sample (raw 18-bit counts) in."""
        if (ir >= self._contact_least) != self.in_contact:
            self._contrary += 1
            if self._contrary >= _CONTACT_CHANGE_SAMPLES:
                self.in_contact = not self.in_contact
                self._contrary = 0
                self.restart()
        else:
            self._contrary = 0
        self._since_clipped += 1
        if red >= _CLIPPED or ir >= _CLIPPED:
            self._since_clipped = 0
        motion = self.motion
        if motion is not None:
            motion.clean(red, ir)
            red = motion.red
            ir = motion.ir
        self._red.add(red)
        self._ir.add(ir)
        self._falling.add(self._ir.smooth)
        self._rising.add(self._ir.smooth)

    def judge(self, vitals: "Vitals", rate_milli_hz: int) -> None:
        """Publish into `vitals` what the window supports, at the measured sample rate, or the reason it does not.

        A rate of 0 is not known yet: no pulse rate can then be told.
        """
        reason = self._unusable()
        if reason == statuses.UNAVAILABLE and rate_milli_hz == 0:
            reason = statuses.ACQUIRING
        if reason == statuses.UNAVAILABLE:
            reason = self._judge_pulse(vitals, WINDOW, rate_milli_hz, statuses.VALIDATED)
            if reason == statuses.POOR_SIGNAL or reason == statuses.ACQUIRING:
                reason = self._judge_pulse(vitals, SHORT_WINDOW, rate_milli_hz, statuses.EARLY_ESTIMATE)
        if reason == statuses.UNAVAILABLE:
            self._judge_spo2(vitals)
            return
        vitals.pulse_rate.withhold(reason)
        vitals.spo2.withhold(reason)
        vitals.quality = 0
        if reason != statuses.LOW_PERFUSION:
            vitals.perfusion.withhold(reason)

    def _unusable(self) -> int:
        """Why no window can be judged at all; UNAVAILABLE when one can."""
        if not self.in_contact:
            return statuses.SENSOR_OFF
        if self._ir.count < SHORT_WINDOW:
            return statuses.ACQUIRING
        if self._since_clipped < WINDOW:
            return statuses.POOR_SIGNAL
        return statuses.UNAVAILABLE

    def _judge_pulse(self, vitals: "Vitals", length: int, rate_milli_hz: int, status: int) -> int:
        """Publish perfusion and pulse rate from the last `length` samples; the reason for none, or UNAVAILABLE."""
        if self._ir.count < length:
            return statuses.ACQUIRING
        shift = self._load_window(length)
        self._steady = length
        if self._publish_perfusion(vitals, shift) < _PERFUSION_LEAST_CENTI_PCT:
            return statuses.LOW_PERFUSION
        self._periodicity.correlate(self._window_ir, length)
        self._fusion.fuse(self._systoles(), self._periodicity, length)
        if self._fusion.interval_count == 0:
            return statuses.POOR_SIGNAL
        pulse_rate = (rate_milli_hz * 600 // 1000 * self._fusion.interval_count << FRACTION_BITS) // self._fusion.span
        if not _PULSE_LEAST_DECI_BPM <= pulse_rate <= _PULSE_MOST_DECI_BPM:
            return statuses.OUT_OF_RANGE
        self._steady = remove_wander(self._window_red, length, self._fusion.period)
        remove_wander(self._window_ir, length, self._fusion.period)
        if self._publish_perfusion(vitals, shift) < _PERFUSION_LEAST_CENTI_PCT:
            return statuses.LOW_PERFUSION
        # A slow wander is like itself at every short lag, and noise on it makes peaks: without it, only a pulse does.
        likeness = likeness_permille(self._window_ir, self._steady, (self._fusion.repeat + 32) >> FRACTION_BITS)
        if likeness < _LIKENESS_PERMILLE:
            return statuses.POOR_SIGNAL
        if self.motion is not None and self.motion.is_doubtful(self._fusion.period):
            return statuses.POOR_SIGNAL
        vitals.pulse_rate.publish(pulse_rate, status)
        vitals.quality = min(100, likeness // 10)
        self._status = status
        return statuses.UNAVAILABLE

    def _systoles(self) -> Beats:
        """The beats of the steeper direction, which is systole: the light falls, unless a channel is inverted."""
        return self._falling if self._falling.level >= self._rising.level else self._rising

    def _load_window(self, length: int) -> int:
        """Copy the last `length` samples of both channels into the windows, within 10 bits; by how much is returned."""
        most = max(self._red.copy_window(self._window_red, length), self._ir.copy_window(self._window_ir, length))
        shift = shift_for(most)
        _shift(self._window_red, shift, length)
        _shift(self._window_ir, shift, length)
        return shift

    def _publish_perfusion(self, vitals: "Vitals", shift: int) -> int:
        """Publish perfusion from the steady part of the infrared window, and return it in 0.01 %."""
        length = self._steady
        self._ac_ir = oximetry.root_sum_square(self._window_ir, length)
        # Peak to peak of a sine is 2.8284 times its root mean square, here the root of the sum over that of the length.
        scale = 28_284 * 16 // oximetry.square_root(length << 8)
        perfusion = ((self._ac_ir << shift) * scale // self._ir.dc) if self._ac_ir << shift < 1 << 18 else 0xFFFE
        vitals.perfusion.publish(min(perfusion, 0xFFFE), statuses.VALIDATED)
        return perfusion

    def _judge_spo2(self, vitals: "Vitals") -> None:
        self._ac_red = oximetry.root_sum_square(self._window_red, self._steady)
        is_moving = self.motion is not None and self.motion.is_moving  # then only infrared is clean
        if is_moving or self._ac_red == 0 or self._red.dc == 0 or not self._channels_agree():
            vitals.spo2.withhold(statuses.POOR_SIGNAL)
            return
        ratio = oximetry.ratio_of_ratios_milli(self._ac_red, self._red.dc, self._ac_ir, self._ir.dc)
        if not oximetry.RATIO_LEAST_MILLI <= ratio <= oximetry.RATIO_MOST_MILLI:
            vitals.spo2.withhold(statuses.OUT_OF_RANGE)
            return
        spo2 = oximetry.spo2_deci_pct(ratio)
        if spo2 > _SPO2_MOST_DECI_PCT:
            vitals.spo2.publish(_SPO2_MOST_DECI_PCT, statuses.QUESTIONABLE)
        else:
            vitals.spo2.publish(spo2, self._status)

    def _channels_agree(self) -> bool:
        """Whether red and infrared carry the same pulse: correlation of 0.8 or more."""
        product = oximetry.sum_product(self._window_red, self._window_ir, self._steady)
        return product // self._ac_red >= self._ac_ir * _CORRELATED_PERMILLE // 1000


def _shift(window: "array[int]", shift: int, length: int) -> None:
    for index in range(length):
        window[index] >>= shift
