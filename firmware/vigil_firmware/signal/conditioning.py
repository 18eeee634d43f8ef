"""Prepares the newest seconds of one optical channel for judgement: at the rate that suits the pulse, without wander.

Pairs of samples are summed (a zero at half the sample rate); of a slow pulse every second pair is kept, which is 12.5
values a second. From each value the mean over one whole beat around it is taken: what breathing, pressure and the LEDs
add goes, and the shape of the beats stays, because a mean over a whole period holds no trace of the pulse.
"""

from array import array

RING = 256  # samples kept, of which the last ten seconds are used
MOST_LENGTH = 128


class Channel:
    """The last samples of one channel in `ring`, and the window that was loaded from them.

    `window`: its values; `length`: how many there are; `dc`: the channel's baseline, raw counts.
    """

    def __init__(self) -> None:
        self.ring = array("i", [0] * RING)
        self.window = array("i", [0] * MOST_LENGTH)
        self.length = 0
        self.dc = 0

    def load(self, newest: int, length: int, stride: int, period: int) -> None:
        """Load `length` sums of two samples, `stride` samples apart, less the mean over `period` (in values).

        `newest` is where the ring's newest sample lies. The window has no value within half a period of its ends.
        """
        span = period | 1
        self.length = length - span
        _gather(self.ring, newest - (length - 1) * stride, self.window, length, stride)
        total = _sum(self.window, span)
        self.dc = _sum(self.window, length) // (2 * length)
        _subtract(self.window, span, self.length, total)

    def bits(self) -> int:
        """How many bits the magnitudes of the window's values take."""
        used = _union(self.window, self.length)
        bits = 0
        while used >> bits:
            bits += 1
        return bits

    def shift(self, bits: int) -> None:
        """Divide the window's values by a power of two."""
        window = self.window
        for index in range(self.length):
            window[index] >>= bits

    def rescale(self, before: int, after: int) -> None:
        """Make the samples what they would have been under another LED code."""
        ring = self.ring
        for index in range(RING):
            ring[index] = ring[index] * after // before


def _gather(ring: "array[int]", position: int, window: "array[int]", length: int, stride: int) -> None:
    for index in range(length):
        window[index] = ring[position & 255] + ring[position - 1 & 255]
        position += stride


def _sum(window: "array[int]", length: int) -> int:
    total = 0
    for index in range(length):
        total += window[index]
    return total


def _subtract(window: "array[int]", span: int, left: int, total: int) -> None:
    """Move the window to its start by half a span, less the mean over the span, whose first sum is `total`."""
    half = span >> 1
    for index in range(left):
        oldest = window[index]
        window[index] = window[index + half] - total // span
        total += window[index + span] - oldest


def _union(window: "array[int]", length: int) -> int:
    used = 0
    for index in range(length):
        value = window[index]
        used |= value ^ (value >> 29)
    return used
