"""Pulse rate from two independent views that must agree: beats counted in time, and how the window repeats itself.

The beats give the rate, since their mean interval is right also where beats alternate or vary. The autocorrelation says
whether it may be believed: it must have a peak at that interval, or at two of them where every second beat is alike,
and none as high at a half or a third of it, which would mean that beats were missed.
"""

from vigil_firmware.signal.beats import CAPACITY, FRACTION_BITS
from vigil_firmware.signal.buffers import zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

    from vigil_firmware.signal.beats import Beats
    from vigil_firmware.signal.periodicity import Periodicity

_BEATS_LEAST = 3
_NEAR_PERCENT = 35  # an interval this near to their median is one of the rhythm
_WHOLE_PERCENT = 20  # and what is put together must be nearer
_MOST_PERMILLE = 700  # of the intervals must be of the rhythm
_ALIKE_PERMILLE = 400
_ALIKE_TWICE_PERMILLE = 500
_MISSED_PERMILLE = 850  # of the agreement at the interval itself
_MIRRORED_PERMILLE = 930
_OFF_PERMILLE = 70  # between the two views of the interval
_SEARCHED_PERCENT = 12


class Fusion:
    """The pulse of one window of so many `beats`: `count` regular intervals took `span` 1/64 samples."""

    def __init__(self) -> None:
        self._sorted = zeros(CAPACITY)
        self._intervals = zeros(CAPACITY)  # newest first
        self.beats = 0
        self.count = 0
        self.span = 0
        self.is_sine = False

    @property
    def period(self) -> int:
        """Mean interval, in 1/64 sample."""
        return self.span // self.count

    def gather(self, beats: "Beats", length: int, most: int) -> bool:
        """Collect the intervals between up to `most` beats of the last `length` samples; whether they make a rhythm."""
        self.beats = beats.list_ages(length << FRACTION_BITS, most)
        if self.beats < _BEATS_LEAST:
            return False
        self._sort(beats.ages)
        median = self._sorted[(self.beats - 1) // 2]
        if self.beats == beats.count and self._is_off(self.beats - 2, median):
            self.beats -= 1  # the first beat of all is found before it is known how high one is
        is_overdue = beats.ages[0] > median * 8 // 5 + (5 << FRACTION_BITS)
        return not is_overdue and self._is_regular(median)

    def _sort(self, ages: "array[int]") -> None:
        """Fill `_intervals`, newest first, and `_sorted`."""
        for index in range(self.beats - 1):
            interval = ages[index + 1] - ages[index]
            self._intervals[index] = interval
            self._insert(index, interval)

    def _insert(self, index: int, interval: int) -> None:
        intervals = self._sorted
        while index > 0 and intervals[index - 1] > interval:
            intervals[index] = intervals[index - 1]
            index -= 1
        intervals[index] = interval

    def _is_off(self, index: int, median: int) -> bool:
        return abs(self._intervals[index] - median) * 100 > median * _WHOLE_PERCENT

    def _is_regular(self, median: int) -> bool:
        """Whether most intervals are near their median; those then make the rate."""
        near = median * _NEAR_PERCENT // 100
        count = self.beats - 1
        for index in range(count):
            if self._intervals[index] < median - near:
                self._mend(index, median)
        self.count = 0
        self.span = 0
        for index in range(count):
            interval = self._intervals[index]
            if abs(interval - median) < near:
                self.count += 1
                self.span += interval
        return self.count > 0 and self.count * 1000 >= count * _MOST_PERMILLE

    def _mend(self, index: int, median: int) -> None:
        """Add a short interval to the neighbour with which it makes a whole one: the beat between them was none."""
        short = self._intervals[index]
        newer = self._off_whole(index - 1, short, median)
        older = self._off_whole(index + 1, short, median)
        if min(older, newer) * 100 < median * _WHOLE_PERCENT:
            self._intervals[index] = 0
            index += 1 if older < newer else -1
            self._intervals[index] += short

    def _off_whole(self, index: int, short: int, median: int) -> int:
        """How far a short interval and its neighbour are, together, from a whole one."""
        if not 0 <= index < self.beats - 1:
            return median
        return abs(self._intervals[index] + short - median)

    def agreement(self, beats: "Beats", periodicity: "Periodicity", lag: int) -> int:
        """How well the window repeats itself after one or two intervals, in thousandths; 0 where that is not enough.

        lag: the mean interval, in 1/64 of the window's values.
        """
        agreed = periodicity.peak(lag, _SEARCHED_PERCENT)
        off = abs(periodicity.lag - lag)
        if agreed < _ALIKE_PERMILLE:
            agreed = periodicity.peak(2 * lag, _SEARCHED_PERCENT)
            off = abs(periodicity.lag - 2 * lag) >> 1
            if agreed < _ALIKE_TWICE_PERMILLE or not self._beats_are_alike(beats):
                return 0
        if off * 1000 > lag * _OFF_PERMILLE or self._missed(periodicity, lag) * 1000 > agreed * _MISSED_PERMILLE:
            return 0
        return agreed

    def _missed(self, periodicity: "Periodicity", lag: int) -> int:
        """How well the window repeats itself sooner, after a half or a third of the interval."""
        half = periodicity.near(lag >> 1)
        self.is_sine = -half >= _MIRRORED_PERMILLE
        return max(half, periodicity.near(lag // 3))

    def _beats_are_alike(self, beats: "Beats") -> bool:
        """Whether all beats of the window fall about as steeply: a second wave within each beat does not."""
        lowest = beats.height(0)
        highest = lowest
        for index in range(1, self.beats):
            height = beats.height(index)
            if height < lowest:
                lowest = height
            elif height > highest:
                highest = height
        return lowest * 2 >= highest
