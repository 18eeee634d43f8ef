"""Takes the slow part out of one optical channel: a baseline tracker and a short smoother.

The baseline (DC) is a one-pole low-pass, y += (x - y) / 16, whose complement passes what is faster than 0.25 Hz at 25
samples a second: a 25 bpm pulse and its harmonics. The smoother (1, 2, 1) / 4 has its zero at half the sample rate.
"""

from array import array

_DC_SHIFT = 4
_FRACTION_BITS = 8  # 18-bit counts with 8 fraction bits stay within 30 bits


class Channel:
    """The last `length` pulsatile (AC) values of one channel in a ring, and its baseline (DC), in raw counts."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.ac = array("i", [0] * length)
        self.restart()

    def restart(self) -> None:
        """Forget everything: the next sample starts a new baseline."""
        self.count = 0
        self._next = 0
        self._dc = 0
        self._previous = 0
        self._before = 0

    @property
    def dc(self) -> int:
        """Baseline, raw counts."""
        return self._dc >> _FRACTION_BITS

    def add(self, sample: int) -> None:
        """Take one raw sample in."""
        scaled = sample << _FRACTION_BITS
        if self.count == 0:
            self._dc = scaled
        self._dc += (scaled - self._dc) >> _DC_SHIFT
        ac = sample - (self._dc >> _FRACTION_BITS)
        self.ac[self._next] = (self._before + 2 * self._previous + ac) >> 2
        self._before = self._previous
        self._previous = ac
        self._next += 1
        if self._next == self.length:
            self._next = 0
        self.count += 1

    def copy_window(self, out: "array[int]") -> int:
        """Copy the window, oldest first, into `out` around its mean; the largest magnitude in it is returned."""
        ac = self.ac
        length = self.length
        total = 0
        for index in range(length):
            total += ac[index]
        mean = total // length
        position = self._next
        most = 0
        for index in range(length):
            value = ac[position] - mean
            out[index] = value
            if value < 0:
                value = -value
            if value > most:
                most = value
            position += 1
            if position == length:
                position = 0
        return most


def remove_wander(window: "array[int]", length: int, period: int) -> int:
    """Take from each value the mean over one `period` (1/256 sample) around it; what breathing adds goes, beats stay.

    In place. Values nearer to an end than half a period have no such mean: how many are left, from index 0 on, is
    returned.
    """
    half = period >> 9
    span = 2 * half + 1
    total = 0
    for index in range(span):
        total += window[index]
    left = length - 2 * half
    for index in range(left):
        oldest = window[index]
        window[index] = window[index + half] - (total + half) // span
        if index + span < length:
            total += window[index + span] - oldest
    return left
