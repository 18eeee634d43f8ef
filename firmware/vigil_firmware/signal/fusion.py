"""Pulse rate from two independent views that must agree: beats counted in time, and how the window repeats itself.

The beats give the rate, since their mean interval is right also where beats alternate or vary. The autocorrelation says
whether it may be believed: it must have a peak at that interval, or at two of them where every second beat is alike,
and none as high at a half or a third of it, which would mean that beats were missed.
"""

from array import array

from vigil_firmware.signal.beats import CAPACITY, FRACTION_BITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.signal.beats import Beats
    from vigil_firmware.signal.periodicity import Periodicity

_BEATS_LEAST = 3
_REGULAR_PERMILLE = 700  # of the intervals, within 35 % of their median
_ALIKE_PERMILLE = 400
_ALIKE_TWICE_PERMILLE = 500
_MISSED_PERMILLE = 850  # of the agreement at the interval itself
_OVERTONES_SEEN = 10 << FRACTION_BITS
_MIRRORED_PERMILLE = 930
_OFF_PERMILLE = 70  # between the two views of the interval


class Fusion:
    """The pulse of one window. `interval_count` intervals took `span` 1/64 samples; 0 where the views do not agree."""

    def __init__(self) -> None:
        self._intervals = array("i", [0] * CAPACITY)
        self.interval_count = 0
        self.span = 0
        self.agreement_permille = 0
        self.repeat = 0  # 1/64 samples after which the window repeats itself: one interval or two

    @property
    def period(self) -> int:
        """Mean interval, in 1/64 sample."""
        return self.span // self.interval_count

    def fuse(self, beats: "Beats", periodicity: "Periodicity", length: int) -> None:
        """Judge the last `length` samples, whose beats are in `beats` and whose autocorrelation is in `periodicity`."""
        self.agreement_permille = 0
        if self._gather(beats, length) and self._is_regular(beats):
            self.agreement_permille = self._agreement(beats, periodicity)
        if self.agreement_permille == 0:
            self.interval_count = 0

    def _gather(self, beats: "Beats", length: int) -> bool:
        """Collect the intervals between the beats of the window, sorted; whether there are enough."""
        limit = length << FRACTION_BITS
        count = 0
        while count < beats.count and beats.age(count) < limit:
            count += 1
        self.interval_count = count - 1
        if count < _BEATS_LEAST:
            return False
        self.span = beats.age(count - 1) - beats.age(0)
        for index in range(count - 1):
            self._insert(index, beats.age(index + 1) - beats.age(index))
        return True

    def _insert(self, count: int, interval: int) -> None:
        intervals = self._intervals
        while count > 0 and intervals[count - 1] > interval:
            intervals[count] = intervals[count - 1]
            count -= 1
        intervals[count] = interval

    def _is_regular(self, beats: "Beats") -> bool:
        """Whether most intervals are near their median and the newest beat is not overdue."""
        median = self._intervals[self.interval_count // 2]
        most = median * 35 // 100
        regular = 0
        for index in range(self.interval_count):
            if abs(self._intervals[index] - median) < most:
                regular += 1
        is_overdue = beats.age(0) > median * 8 // 5 + (5 << FRACTION_BITS)
        return not is_overdue and regular * 1000 >= self.interval_count * _REGULAR_PERMILLE

    def _agreement(self, beats: "Beats", periodicity: "Periodicity") -> int:
        """How well the window repeats itself at the mean interval, or at twice that; 0 where that is not enough."""
        period = self.period
        shorter = max(_near(periodicity, period // 2, 12), _near(periodicity, period // 3, 12))
        twice = _near(periodicity, 2 * period, 10)
        off_twice = abs(periodicity.lag - 2 * period)
        once = _near(periodicity, period, 12)
        off_once = abs(periodicity.lag - period)
        if shorter * 1000 > max(once, twice) * _MISSED_PERMILLE:
            return 0
        if _is_sine(periodicity, period):
            return 0
        if once >= _ALIKE_PERMILLE:
            self.repeat = period
            return once if off_once * 1000 <= period * _OFF_PERMILLE else 0
        is_near = off_twice * 500 <= period * _OFF_PERMILLE
        if twice >= _ALIKE_TWICE_PERMILLE and is_near and self._beats_are_alike(beats):
            self.repeat = 2 * period
            return twice
        return 0

    def _beats_are_alike(self, beats: "Beats") -> bool:
        """Whether all beats of the window fall about as steeply: a second wave within each beat does not."""
        lowest = highest = beats.height(0)
        for index in range(self.interval_count + 1):
            lowest = min(lowest, beats.height(index))
            highest = max(highest, beats.height(index))
        return lowest * 2 >= highest


def _is_sine(periodicity: "Periodicity", period: int) -> bool:
    """Whether the window is a pure sine, as a lamp's flicker is: then half a period on it is its own mirror image.

    A pulse has overtones; above 150 bpm the smoother has taken them away, and nothing can be said.
    """
    half = (period + (1 << FRACTION_BITS)) >> FRACTION_BITS + 1
    return period > _OVERTONES_SEEN and -periodicity.at(half) >= _MIRRORED_PERMILLE


def _near(periodicity: "Periodicity", period: int, percent: int) -> int:
    """The highest peak within some percent, and a sample, of a lag in 1/64 sample."""
    slack = period * percent // 100 + (1 << FRACTION_BITS)
    return periodicity.peak_near(period - slack + 63 >> FRACTION_BITS, period + slack >> FRACTION_BITS)
