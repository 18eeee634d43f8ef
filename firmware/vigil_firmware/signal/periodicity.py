"""Pulse rate from how well a window repeats itself: a normalised autocorrelation and its first strong peak.

The normalisation 2 * sum(x[i] x[i+lag]) / sum(x[i]^2 + x[i+lag]^2) (McLeod and Wyvill, "A smarter way to find pitch",
ICMC 2005) is 1 for a perfect repetition at any lag. The shortest lag whose peak comes within 85 % of the highest is the
period, and a parabola through that peak gives its fraction. Where a shorter lag has a peak of half the highest or more,
it may be the true one (beats that alternate) or not (a second wave in each beat): neither is published.
"""

from array import array

PERMILLE = 1000
_MOST_BITS = 10  # 200 products of 10-bit values stay within 28 bits
_FIRST_LAG = 3  # a pulse faster than any to be published is found, and refused, instead of half of it
_LAST_LAG = 64
_ALMOST_HIGHEST_PERMILLE = 850
_RIVAL_PERMILLE = 500


def shift_for(most: int) -> int:
    """How far values up to `most` must be shifted right to fit in 10 bits."""
    shift = 0
    while most >> shift >> _MOST_BITS:
        shift += 1
    return shift


def likeness_permille(window: "array[int]", length: int, lag: int) -> int:
    """How well `length` values, within 11 bits, repeat themselves after `lag` of them; 0 where there is nothing."""
    product = 0
    energy = 0
    for index in range(length - lag):
        one = window[index]
        other = window[index + lag]
        product += one * other
        energy += (one * one + other * other) >> 1
    return product // (energy // PERMILLE) if energy >= PERMILLE else 0


class Periodicity:
    """Finds the period of a window of `length` samples."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._correlation = array("i", [0] * (_LAST_LAG + 1))
        self.peak_permille = 0  # how well the window repeats itself at the period found
        self.period = 0  # in 1/256 sample; 0: none found

    def find(self, window: "array[int]") -> None:
        """Set `period` and `peak_permille` from a window of values within 10 bits."""
        self._correlate(window)
        self._choose()

    def _correlate(self, window: "array[int]") -> None:
        length = self._length
        energy = 0
        for index in range(length):
            energy += window[index] * window[index]
        front = energy  # sum of squares of the first length - lag values
        back = energy  # and of the last
        for lag in range(1, _LAST_LAG + 1):
            value = window[length - lag]
            front -= value * value
            value = window[lag - 1]
            back -= value * value
            if lag >= _FIRST_LAG:
                half_energy = ((front >> 1) + (back >> 1)) // PERMILLE
                product = self._product(window, lag)
                self._correlation[lag] = product // half_energy if half_energy else 0

    def _product(self, window: "array[int]", lag: int) -> int:
        total = 0
        for index in range(self._length - lag):
            total += window[index] * window[index + lag]
        return total

    def _choose(self) -> None:
        correlation = self._correlation
        highest = 0
        for lag in range(_FIRST_LAG + 1, _LAST_LAG):
            value = correlation[lag]
            if value > highest and correlation[lag - 1] <= value > correlation[lag + 1]:
                highest = value
        self.peak_permille = 0
        self.period = 0
        if highest == 0:
            return
        enough = highest * _ALMOST_HIGHEST_PERMILLE // PERMILLE
        rival = highest * _RIVAL_PERMILLE // PERMILLE
        for lag in range(_FIRST_LAG + 1, _LAST_LAG):
            value = correlation[lag]
            if value >= rival and correlation[lag - 1] <= value > correlation[lag + 1]:
                if value >= enough:
                    before = correlation[lag - 1]
                    after = correlation[lag + 1]
                    self.peak_permille = value
                    self.period = (lag << 8) + (before - after) * 128 // (before - 2 * value + after)
                return
