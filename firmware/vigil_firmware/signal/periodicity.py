"""How well a window repeats itself after each lag: a normalised autocorrelation.

The normalisation 2 * sum(x[i] x[i+lag]) / sum(x[i]^2 + x[i+lag]^2) (McLeod and Wyvill, "A smarter way to find pitch",
ICMC 2005) is 1 for a perfect repetition at any lag.
"""

from array import array

PERMILLE = 1000
_MOST_BITS = 10  # 200 products of 10-bit values stay within 28 bits
_FIRST_LAG = 3
_LAST_LAG = 64


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
    """The autocorrelation of the newest window, and its peaks."""

    def __init__(self) -> None:
        self._correlation = array("i", [0] * (_LAST_LAG + 1))
        self._last_lag = 0
        self.lag = 0

    def correlate(self, window: "array[int]", length: int) -> None:
        """Take in a window of `length` values within 10 bits around their mean."""
        self._last_lag = min(_LAST_LAG, length // 2)
        energy = 0
        for index in range(length):
            energy += window[index] * window[index]
        front = energy  # sum of squares of the first length - lag values
        back = energy  # and of the last
        for lag in range(1, self._last_lag + 1):
            value = window[length - lag]
            front -= value * value
            value = window[lag - 1]
            back -= value * value
            if lag >= _FIRST_LAG:
                half_energy = ((front >> 1) + (back >> 1)) // PERMILLE
                self._correlation[lag] = _product(window, length, lag) // half_energy if half_energy else 0

    def peak_near(self, first: int, last: int) -> int:
        """The highest peak among the lags from `first` to `last`, in thousandths; 0 where there is none.

        `lag` is then where it is, in 1/64 sample, by a parabola through it.
        """
        correlation = self._correlation
        highest = 0
        for lag in range(max(first, _FIRST_LAG + 1), min(last + 1, self._last_lag)):
            value = correlation[lag]
            if value > highest and correlation[lag - 1] <= value > correlation[lag + 1]:
                highest = value
                before = correlation[lag - 1]
                after = correlation[lag + 1]
                self.lag = (lag << 6) + (before - after) * 32 // (before - 2 * value + after)
        return highest

    def at(self, lag: int) -> int:
        """The correlation at a lag in samples, in thousandths; 0 beyond the window's lags."""
        return self._correlation[lag] if _FIRST_LAG <= lag <= self._last_lag else 0


def _product(window: "array[int]", length: int, lag: int) -> int:
    total = 0
    for index in range(length - lag):
        total += window[index] * window[index + lag]
    return total
