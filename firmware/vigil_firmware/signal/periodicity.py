"""How well a window repeats itself after a lag: a normalised autocorrelation, computed only where it is asked for.

The normalisation 2 * sum(x[i] x[i+lag]) / sum(x[i]^2 + x[i+lag]^2) (McLeod and Wyvill, "A smarter way to find pitch",
ICMC 2005) is 1 for a perfect repetition at any lag.
"""

from array import array

PERMILLE = 1000
MOST_LENGTH = 128
MOST_BITS = 11  # 128 products of 11-bit values stay within 29 bits
FRACTION_BITS = 6  # lags count 1/64 of a value
_ONE = 1 << FRACTION_BITS
_LEAST_LAG = 2


class Periodicity:
    """One window, and how well it repeats itself."""

    def __init__(self) -> None:
        self._energy = array("i", [0] * (MOST_LENGTH + 1))  # sum of squares of the first values
        self._length = 0
        self._lag = 0
        self.lag = 0

    def load(self, window: "array[int]", length: int) -> None:
        """Take in a window of `length` values within 11 bits around their mean; it must stay as it is meanwhile."""
        self._window = window
        self._length = length
        energy = self._energy
        total = 0
        for index in range(length):
            value = window[index]
            total += value * value
            energy[index + 1] = total

    @property
    def energy(self) -> int:
        """Sum of squares of the window."""
        return self._energy[self._length]

    def at(self, lag: int) -> int:
        """The correlation at a lag in whole values, in thousandths; 0 where fewer than half the window overlaps."""
        length = self._length
        if lag < _LEAST_LAG or 2 * lag > length:
            return 0
        energy = self._energy
        half = (energy[length - lag] >> 1) + ((energy[length] - energy[lag]) >> 1)
        return _product(self._window, length, lag) // (half // PERMILLE) if half >= PERMILLE else 0

    def near(self, lag: int) -> int:
        """The correlation at the whole lag nearest to one in 1/64 values."""
        return self.at((lag + (_ONE >> 1)) >> FRACTION_BITS)

    def peak(self, lag: int, percent: int) -> int:
        """The peak up the hill from a lag in 1/64 values, in thousandths; 0 where it lies beyond some percent, and one.

        `self.lag` is then where it is, in 1/64 values, by a parabola through it.
        """
        slack = lag * percent // 100 + _ONE
        whole = (lag + (_ONE >> 1)) >> FRACTION_BITS
        before = self.at(whole - 1)
        value = self.at(whole)
        after = self.at(whole + 1)
        while before > value or after > value:
            if before > after:
                whole -= 1
                after = value
                value = before
                before = self.at(whole - 1)
            else:
                whole += 1
                before = value
                value = after
                after = self.at(whole + 1)
            if abs((whole << FRACTION_BITS) - lag) > slack:
                return 0
        if value <= 0 or before == after == value:
            return 0
        self.lag = (whole << FRACTION_BITS) + (before - after) * (_ONE >> 1) // (before - 2 * value + after)
        return value


def _product(window: "array[int]", length: int, lag: int) -> int:
    total = 0
    length -= lag
    last = length & ~3
    for index in range(0, last, 4):  # four at a time: on a board the loop itself costs as much as a product
        total += (
            window[index] * window[index + lag]
            + window[index + 1] * window[index + 1 + lag]
            + window[index + 2] * window[index + 2 + lag]
            + window[index + 3] * window[index + 3 + lag]
        )
    for index in range(last, length):
        total += window[index] * window[index + lag]
    return total
