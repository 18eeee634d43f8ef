"""SpO2 from the ratio of ratios R = (AC red / DC red) / (AC infrared / DC infrared), found in two ways.

What is shown of it is decided here too.

Once from the root mean square over the window, which averages noise away; once as the median over its beats, which a
single knock does not move. Where the two differ a knock or noise is in one of them; where the beats differ among
themselves, something other than blood moves the light. Neither gives a value.
"""

from vigil_firmware.signal.buffers import zeros
from vigil_firmware.signal.calibration import OUTSIDE, Curve
from vigil_wire import statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from vigil_firmware.vitals import Vitals
    from vigil_wire.settings import Points

CAPACITY = 48  # at 250 bpm ten seconds hold 42 beats
BEATS_LEAST = 2
# How far the two ratios may differ, and the beats from their median. Measured on desaturation recordings at rest: the
# dispersion is under 43 in three windows of four; under rhythmic motion it is over 80 in three of four. A knock that
# moves SpO2 by more than 3 points moves the two ratios apart by more than 80.
_DIFFER_MOST_PERMILLE = 80
_DISPERSION_MOST_PERMILLE = 80
_FULL_DECI_PCT = 1000
_OVER_MOST_DECI_PCT = 1025  # what noise makes of a saturation of 100 %; beyond, something is wrong

SWAPPED_RATIO_MILLI = 1350  # 69 %: standards ask for readings down to 70 %
_RIGHT_RATIO_MILLI = 700
_PROOF_S = 30
SWAPPED_FAULT = (
    "red and infrared seem exchanged on this oximeter, so it gives no SpO2;"
    " if they are not, the wearer's SpO2 is below 69 %: look at the wearer, then start the device again"
)


def square_root(value: int) -> int:
    """Integer square root, rounded down, of a value below 2^30."""
    root = 0
    bit = 1 << 28
    while bit > value:
        bit >>= 2
    while bit:
        if value >= root + bit:
            value -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root


def ratio_of_ratios_milli(ac_red: int, dc_red: int, ac_ir: int, dc_ir: int) -> int:
    """R in thousandths. AC values at most 2^15 in a common unit, DC values 18-bit counts, all above zero."""
    ac_ratio = min((ac_red << 14) // ac_ir, (1 << 17) - 1)  # 8, and so below: more than levels in range can make
    dc_ratio = min((dc_ir << 10) // dc_red, 1 << 13)
    return (ac_ratio * dc_ratio >> 10) * 1000 >> 14


class BeatRatios:
    """R of each beat of a window, in any one unit, below 2^15: the median, and how much it differs from beat to beat.

    `restart`, `add` each in turn, `median`. From beat to beat, and not from the median: a saturation that falls fast
    makes the beats of a window differ too, but each is near the one before.
    """

    def __init__(self) -> None:
        self._ratios = zeros(CAPACITY, "h")  # sorted
        self.dispersion_permille = 0  # mean step from beat to beat, times 0.6, relative to the median
        self.restart()

    def restart(self) -> None:
        """Forget all beats."""
        self.count = 0
        self._last = 0
        self._steps = 0  # sum of them

    def add(self, ratio: int) -> None:
        """Take in a beat's R; 0 where red does not follow infrared: it must not make the others look more alike."""
        if self.count == CAPACITY:
            return
        ratio = max(ratio, 0)
        _insert(self._ratios, self.count, ratio)
        if self.count:
            self._steps += abs(ratio - self._last)
        self._last = ratio
        self.count += 1

    def median(self) -> int:
        """The median R; 0: none. `dispersion_permille` is then theirs."""
        self.dispersion_permille = 0
        if self.count == 0:
            return 0
        middle = _median(self._ratios, self.count)
        if middle == 0:
            self.dispersion_permille = 1000
        elif self.count > 1:
            # Steps between independent values of one spread are 1.7 times their median distance from their median.
            self.dispersion_permille = self._steps * 600 // (self.count - 1) // middle
        return middle


def _insert(values: "array[int]", count: int, value: int) -> None:
    """Put a value into the `count` sorted ones."""
    while count > 0 and values[count - 1] > value:
        values[count] = values[count - 1]
        count -= 1
    values[count] = value


def _median(values: "array[int]", count: int) -> int:
    middle = values[count // 2]
    if count % 2 == 0:
        middle = (middle + values[count // 2 - 1]) >> 1
    return middle


class ChannelOrder:
    """Whether red is red: on some clones the dies are exchanged, and R becomes 1 / R.

    An exchanged part answers every register as a good one does, a part that lights its red driver alone shows the
    same counts either way, and without a finger there is nothing to compare: only the pulse can tell, or an eye, which
    sees a red glow when red alone is lit. With a pulse, a healthy wearer (R 0.4 to 0.7) shows 1.4 to 2.5 on an
    exchanged part. The same R on a good part means a saturation under 69 %, which nobody has for long; and a healthy R
    on an exchanged part means one under 66 %. So thirty more seconds of one kind than of the other decide, once, until
    the device restarts.

    What it cannot tell: an exchanged part on somebody at 80 % (R near 1) reads about right, between 66 and 88 % it
    shows some other low value, which alarms as well; below, it looks healthy, until the wearer has recovered.
    And a wearer who is under 69 % from the start is taken for an exchanged part: the fault says so.
    """

    def __init__(self) -> None:
        self._evidence_s = 0
        self.is_proven = False  # red is red
        self.is_swapped = False

    def weigh(self, ratio_milli: int) -> None:
        """Take in the R of one more second that had a good window."""
        if self.is_proven or self.is_swapped:
            return
        if ratio_milli > SWAPPED_RATIO_MILLI:
            self._evidence_s += 1
        elif ratio_milli < _RIGHT_RATIO_MILLI:
            self._evidence_s -= 1
        self.is_swapped = self._evidence_s >= _PROOF_S
        self.is_proven = self._evidence_s <= -_PROOF_S


class Oximetry:
    """Publishes SpO2 from both ratios, or the reason there is none.

    `beats` takes each beat in. `fault`: why this part can give no SpO2 at all; "" while it can.
    """

    def __init__(self) -> None:
        self.beats = BeatRatios()
        self.fault = ""
        self._order = ChannelOrder()
        self._curve = Curve()

    def use_curve(self, points: "Points") -> None:
        """Go on with a board's own curve; with none, with the default."""
        self._curve = Curve(points)

    def judge(self, vitals: "Vitals", ratio_milli: int, beats_milli: int, status: int) -> None:
        """Publish R and SpO2 under `status`, from the window's R (-1: none) and the median of its beats'."""
        vitals.spo2_is_calibrated = self._curve.is_own
        if not self._is_believable(ratio_milli, beats_milli):
            vitals.ratio.withhold(statuses.POOR_SIGNAL)
            vitals.spo2.withhold(statuses.SENSOR_FAULT if self.fault else statuses.POOR_SIGNAL)
            return
        vitals.ratio.publish(ratio_milli, status)
        self._order.weigh(ratio_milli)
        if self._order.is_swapped:
            self.fault = SWAPPED_FAULT
            vitals.spo2.withhold(statuses.SENSOR_FAULT)
        elif ratio_milli > SWAPPED_RATIO_MILLI and not self._order.is_proven:
            vitals.spo2.withhold(statuses.OUT_OF_RANGE)
        else:
            self._publish(vitals, self._curve.spo2_deci_pct(ratio_milli), status)

    def _is_believable(self, ratio_milli: int, beats_milli: int) -> bool:
        """Whether the beats are alike and the two ratios agree."""
        if ratio_milli < 0 or self.beats.count < BEATS_LEAST or beats_milli == 0:
            return False
        if self.beats.dispersion_permille > _DISPERSION_MOST_PERMILLE:
            return False
        return abs(ratio_milli - beats_milli) * 1000 <= ratio_milli * _DIFFER_MOST_PERMILLE

    def _publish(self, vitals: "Vitals", spo2: int, status: int) -> None:
        if spo2 == OUTSIDE or spo2 > _OVER_MOST_DECI_PCT:
            vitals.spo2.withhold(statuses.OUT_OF_RANGE)
        elif spo2 > _FULL_DECI_PCT:
            vitals.spo2.publish(_FULL_DECI_PCT, statuses.QUESTIONABLE)
        else:
            vitals.spo2.publish(spo2, status)
