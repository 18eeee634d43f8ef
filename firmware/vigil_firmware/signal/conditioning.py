"""Prepares one optical channel for judgement: the newest seconds at the rate that suits the pulse, without their wander.

Pairs of samples are summed (a zero at half the sample rate); of a slow pulse every second pair is kept, which is 12.5
values a second. From each value the mean over one whole beat around it is taken: what breathing, pressure and the LEDs
add goes, and the shape of the beats stays, because a mean over a whole period holds no trace of the pulse.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

RING = 256  # samples kept of each channel, the last ten seconds in use
_MASK = RING - 1


def load(ring: "array[int]", newest: int, window: "array[int]", length: int, stride: int) -> int:
    """Fill `window` with the last `length` sums of two samples, `stride` samples apart, oldest first.

    `newest` is where the ring's newest sample lies. Their mean, twice the baseline (DC) in raw counts, is returned, and
    taken from each.
    """
    position = newest - (length - 1) * stride
    total = 0
    first = 2 * ring[position & _MASK]
    for index in range(length):
        value = ring[position & _MASK] + ring[position - 1 & _MASK] - first
        window[index] = value
        total += value
        position += stride
    return first + total // length


def remove_wander(window: "array[int]", length: int, period: int) -> int:
    """Take from each value the mean over `period` values around it. In place; how many are left, from 0 on, is returned.

    Values nearer to an end than half a period have no such mean.
    """
    half = period >> 1
    span = 2 * half + 1
    total = half
    for index in range(span):
        total += window[index]
    left = length - 2 * half - 1
    for index in range(left):
        oldest = window[index]
        window[index] = window[index + half] - total // span
        total += window[index + span] - oldest
    window[left] = window[left + half] - total // span
    return left + 1


def bits_in(window: "array[int]", length: int) -> int:
    """How many bits the magnitudes of the values take."""
    used = 0
    for index in range(0, length - 1, 2):
        value = window[index]
        other = window[index + 1]
        used |= value ^ (value >> 29) | other ^ (other >> 29)
    value = window[length - 1]
    used |= value ^ (value >> 29)
    bits = 0
    while used >> bits:
        bits += 1
    return bits


def shift(window: "array[int]", length: int, bits: int) -> None:
    """Divide the values by a power of two."""
    window[length] = 0  # may be beyond the end
    for index in range(0, length, 2):
        window[index] >>= bits
        window[index + 1] >>= bits
