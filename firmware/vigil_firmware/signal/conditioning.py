"""Prepares the newest seconds of one optical channel for judgement: at the rate that suits the pulse, without wander.

Pairs of samples are summed (a zero at half the sample rate); of a slow pulse every second pair is kept, which is 12.5
values a second. From each value the mean over one whole beat around it is taken: what breathing, pressure and the LEDs
add goes, and the shape of the beats stays, because a mean over a whole period holds no trace of the pulse.
"""

from vigil_firmware.signal.buffers import rescaled, zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

RING = 256  # sums kept, of which the last ten seconds are used
MOST_LENGTH = 128


class Channel:
    """Sums of the last samples and each one's predecessor in `ring`, and the window that was loaded from them.

    `window`: its values; `length`: how many there are; `dc`: the channel's baseline, raw counts.
    """

    def __init__(self) -> None:
        self.ring = zeros(RING)
        self.window = zeros(MOST_LENGTH)
        self.length = 0
        self.dc = 0

    def load(self, start: int, length: int, stride: int, span: int) -> None:
        """Load `length` sums, `stride` apart from place `start` of the ring on, less a running mean.

        `span`: over how many values, an odd number. The window has no value within half of that of its ends.
        """
        self.length = length
        _gather(self, start, stride)
        self.length = length - span
        self.dc = self._subtract_mean(span)

    def _subtract_mean(self, span: int) -> int:
        """The baseline before and after the window, in mean, is returned."""
        total = _sum(self.window, span)
        newest = _subtract(self.window, span, self.length, total)
        return (total + newest) // (4 * span)

    def rescale(self, before: int, after: int) -> None:
        """Make the samples what they would have been under another LED code."""
        if before == after:
            return
        ring = self.ring
        for index in range(RING):
            ring[index] = rescaled(ring[index], before, after)


def _gather(channel: Channel, position: int, stride: int) -> None:
    ring = channel.ring
    window = channel.window
    for index in range(channel.length):
        window[index] = ring[position & 255]
        position += stride


def _sum(window: "array[int]", length: int) -> int:
    total = 0
    for index in range(length):
        total += window[index]
    return total


def _subtract(window: "array[int]", span: int, left: int, total: int) -> int:
    """Move the window to its start by half a span, less the mean over the span.

    `total`: the first sum over the span; the last is returned.
    """
    half = span >> 1
    total -= window[0]  # from here on without the oldest value, which is about to be overwritten
    for index in range(left):
        window[index] = window[index + half] - (window[index] + total) // span
        total += window[index + span]
        total -= window[index + 1]
    return total + window[left]


def mean(ring: "array[int]", last: int, length: int) -> int:
    """Mean of the `length` samples up to place `last` of a ring of sums, in raw counts."""
    total = 0
    for index in range(0, length, 2):
        total += ring[last - index & 255]
    return total // max(length + 1 & ~1, 1)


def bits_of(one: "array[int]", other: "array[int]", length: int) -> int:
    """How many bits the magnitudes of both windows' first values take."""
    used = 0
    for index in range(length):
        used |= one[index] ^ (one[index] >> 29)
        used |= other[index] ^ (other[index] >> 29)
    length = 0
    while used >> length:
        length += 1
    return length


def shift(one: "array[int]", other: "array[int]", length: int, bits: int) -> None:
    """Divide both windows' first values by a power of two."""
    for index in range(length):
        one[index] >>= bits
        other[index] >>= bits
