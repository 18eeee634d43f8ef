"""The signal path: samples in, one judged set of vitals a second out.

A value is published only when its window deserves it: the sensor on the finger, eight seconds without a hole or a
clipped sample, enough perfusion, a window that repeats itself. Otherwise the measurements carry the reason.
"""

from array import array

from vigil_firmware.signal import oximetry
from vigil_firmware.signal.conditioning import Channel, remove_wander
from vigil_firmware.signal.periodicity import Periodicity, likeness_permille, shift_for
from vigil_wire import statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.vitals import Vitals

WINDOW = 200  # 8 s at 25 samples a second
_CONTACT_LEAST = 20_000  # infrared counts: an open sensor sees a few hundred to a few thousand
_CLIPPED = 262_000  # of 262,143
_CONTACT_CHANGE_SAMPLES = 12  # half a second on the other side of the threshold
_PERFUSION_LEAST_CENTI_PCT = 15
_PERIODIC_PERMILLE = 600
_LIKENESS_PERMILLE = 500  # of two neighbouring periods without the wander
_CORRELATED_PERMILLE = 800
_PULSE_LEAST_DECI_BPM = 250
_PULSE_MOST_DECI_BPM = 2400
_SPO2_MOST_DECI_PCT = 1000


class PulseOximeter:
    """Keeps one window of both channels and judges it once a second."""

    def __init__(self) -> None:
        self._red = Channel(WINDOW)
        self._ir = Channel(WINDOW)
        self._window_red = array("i", [0] * WINDOW)
        self._window_ir = array("i", [0] * WINDOW)
        self._periodicity = Periodicity(WINDOW)
        self.in_contact = False
        self._contrary = 0
        self._since_clipped = 0

    def restart(self) -> None:
        """Begin a new window: samples were lost, or the sensor was taken off or put on."""
        self._red.restart()
        self._ir.restart()
        self._since_clipped = WINDOW

    def rescale(self, red_before: int, red_after: int, ir_before: int, ir_after: int) -> None:
        """Go on with samples of another scale: the LED codes changed, and what is added from now on was lit by them."""
        self.restart()

    def add(self, red: int, ir: int) -> None:
        """Take one sample (raw 18-bit counts) in."""
        if (ir >= _CONTACT_LEAST) != self.in_contact:
            self._contrary += 1
            if self._contrary >= _CONTACT_CHANGE_SAMPLES:
                self.in_contact = not self.in_contact
                self._contrary = 0
                self.restart()
        else:
            self._contrary = 0
        self._red.add(red)
        self._ir.add(ir)
        self._since_clipped += 1
        if red >= _CLIPPED or ir >= _CLIPPED:
            self._since_clipped = 0

    def judge(self, vitals: "Vitals", rate_milli_hz: int) -> None:
        """Publish into `vitals` what the window supports, at the measured sample rate, or the reason it does not."""
        reason = self._unusable()
        if reason == statuses.UNAVAILABLE:
            reason = self._judge_pulse(vitals, rate_milli_hz)
        if reason == statuses.UNAVAILABLE:
            self._judge_spo2(vitals)
            return
        vitals.pulse_rate.withhold(reason)
        vitals.spo2.withhold(reason)
        vitals.quality = 0
        if reason != statuses.LOW_PERFUSION:
            vitals.perfusion.withhold(reason)

    def _unusable(self) -> int:
        """Why the window cannot be judged at all; UNAVAILABLE when it can."""
        if not self.in_contact:
            return statuses.SENSOR_OFF
        if self._ir.count < WINDOW:
            return statuses.ACQUIRING
        if self._since_clipped < WINDOW:
            return statuses.POOR_SIGNAL
        return statuses.UNAVAILABLE

    def _judge_pulse(self, vitals: "Vitals", rate_milli_hz: int) -> int:
        """Publish perfusion and pulse rate; the reason where there is none, else UNAVAILABLE."""
        most = max(self._red.copy_window(self._window_red), self._ir.copy_window(self._window_ir))
        shift = shift_for(most)
        _shift(self._window_red, shift)
        _shift(self._window_ir, shift)
        if self._publish_perfusion(vitals, WINDOW, shift) < _PERFUSION_LEAST_CENTI_PCT:
            return statuses.LOW_PERFUSION
        self._periodicity.find(self._window_ir)
        if self._periodicity.peak_permille < _PERIODIC_PERMILLE:
            return statuses.POOR_SIGNAL
        pulse_rate = rate_milli_hz * 600 // 1000 * 256 // self._periodicity.period
        if not _PULSE_LEAST_DECI_BPM <= pulse_rate <= _PULSE_MOST_DECI_BPM:
            return statuses.OUT_OF_RANGE
        period = self._periodicity.period
        self._steady = remove_wander(self._window_red, WINDOW, period)
        remove_wander(self._window_ir, WINDOW, period)
        if self._publish_perfusion(vitals, self._steady, shift) < _PERFUSION_LEAST_CENTI_PCT:
            return statuses.LOW_PERFUSION
        # A slow wander is like itself at every short lag, and noise on it makes peaks: without it, only a pulse does.
        likeness = likeness_permille(self._window_ir, self._steady, (period + 128) >> 8)
        if likeness < _LIKENESS_PERMILLE:
            return statuses.POOR_SIGNAL
        vitals.pulse_rate.publish(pulse_rate, statuses.VALIDATED)
        vitals.quality = min(100, likeness // 10)
        return statuses.UNAVAILABLE

    def _publish_perfusion(self, vitals: "Vitals", length: int, shift: int) -> int:
        """Publish perfusion from the first `length` values of the infrared window, and return it in 0.01 %."""
        self._ac_ir = oximetry.root_sum_square(self._window_ir, length)
        # Peak to peak of a sine is 2.8284 times its root mean square, here the root of the sum over that of the length.
        scale = 28_284 * 16 // oximetry.square_root(length << 8)
        perfusion = ((self._ac_ir << shift) * scale // self._ir.dc) if self._ac_ir << shift < 1 << 18 else 0xFFFE
        vitals.perfusion.publish(min(perfusion, 0xFFFE), statuses.VALIDATED)
        return perfusion

    def _judge_spo2(self, vitals: "Vitals") -> None:
        self._ac_red = oximetry.root_sum_square(self._window_red, self._steady)
        if self._ac_red == 0 or self._red.dc == 0 or not self._channels_agree():
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
            vitals.spo2.publish(spo2, statuses.VALIDATED)

    def _channels_agree(self) -> bool:
        """Whether red and infrared carry the same pulse: correlation of 0.8 or more."""
        product = oximetry.sum_product(self._window_red, self._window_ir, self._steady)
        return product // self._ac_red >= self._ac_ir * _CORRELATED_PERMILLE // 1000


def _shift(window: "array[int]", shift: int) -> None:
    for index in range(WINDOW):
        window[index] >>= shift
