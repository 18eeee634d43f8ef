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
        self.smooth = 0  # the newest sample, smoothed, baseline and all

    @property
    def dc(self) -> int:
        """Baseline, raw counts."""
        return self._dc >> _FRACTION_BITS

    def add(self, sample: int) -> None:
        """Take one raw sample in."""
        if self.count == 0:
            self._dc = sample << _FRACTION_BITS
            self._previous = self._before = sample
        self._dc += ((sample << _FRACTION_BITS) - self._dc) >> _DC_SHIFT
        self.smooth = (self._before + 2 * self._previous + sample) >> 2
        self._before = self._previous
        self._previous = sample
        self.ac[self._next] = self.smooth - (self._dc >> _FRACTION_BITS)
        self._next += 1
        if self._next == self.length:
            self._next = 0
        self.count += 1

    def copy_window(self, out: "array[int]", length: int) -> int:
        """Copy the last `length` values, oldest first and around their mean, into `out`; the largest is returned."""
        total = 0
        position = (self._next - length) % self.length
        for index in range(length):
            out[index] = self.ac[position]
            total += out[index]
            position += 1
            if position == self.length:
                position = 0
        return _centre(out, length, total // length)


def _centre(values: "array[int]", length: int, mean: int) -> int:
    """Take the mean from each value; the largest magnitude left is returned."""
    most = 0
    for index in range(length):
        value = values[index] - mean
        values[index] = value
        if value < 0:
            value = -value
        if value > most:
            most = value
    return most


def remove_wander(window: "array[int]", length: int, period: int) -> int:
    """Take from each value the mean over one `period` (1/64 sample) around it; what breathing adds goes, beats stay.

    In place. Values nearer to an end than half a period have no such mean: how many are left, from index 0 on, is
    returned.
    """
    half = period >> 7
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
