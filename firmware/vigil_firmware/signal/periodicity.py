"""How well a window repeats itself after a lag: a normalised autocorrelation, computed only where it is asked for.

The normalisation 2 * sum(x[i] x[i+lag]) / sum(x[i]^2 + x[i+lag]^2) (McLeod and Wyvill, "A smarter way to find pitch",
ICMC 2005) is 1 for a perfect repetition at any lag.
"""

from array import array

from vigil_firmware.signal.conditioning import MOST_LENGTH

PERMILLE = 1000
MOST_BITS = 11  # 128 products of 11-bit values stay within 29 bits
FRACTION_BITS = 6  # lags count 1/64 of a value
_ONE = 1 << FRACTION_BITS
_LEAST_LAG = 2


class Periodicity:
    """One window, and how well it repeats itself."""

    def __init__(self) -> None:
        self._energies = array("i", [0] * (MOST_LENGTH + 1))  # sums of squares of the first values
        self._length = 0
        self.lag = 0  # of the last peak, in 1/64 values

    def load(self, window: "array[int]", length: int) -> None:
        """Take in a window of `length` values within 11 bits around their mean; it must stay as it is meanwhile."""
        self._window = window
        self._length = length
        _accumulate(window, length, self._energies)

    @property
    def energy(self) -> int:
        """Sum of squares of the window."""
        return self._energies[self._length]

    def at(self, lag: int) -> int:
        """The correlation at a lag in whole values, in thousandths; 0 where fewer than half the window overlaps."""
        length = self._length
        if lag < _LEAST_LAG or 2 * lag > length:
            return 0
        energies = self._energies
        half = (energies[length - lag] >> 1) + ((energies[length] - energies[lag]) >> 1)
        return _product(self._window, length - lag, lag) // (half // PERMILLE) if half >= PERMILLE else 0

    def near(self, lag: int) -> int:
        """The correlation at the whole lag nearest to one in 1/64 values."""
        return self.at((lag + (_ONE >> 1)) >> FRACTION_BITS)

    def peak(self, lag: int, percent: int) -> int:
        """The peak up the hill from a lag in 1/64 values, in thousandths; 0 where it lies beyond some percent, and one.

        `self.lag` is then where it is, by a parabola through it.
        """
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
            if abs((whole << FRACTION_BITS) - lag) > lag * percent // 100 + _ONE:
                return 0
        return self._refine(whole, before, value, after)

    def _refine(self, whole: int, before: int, value: int, after: int) -> int:
        curve = before - 2 * value + after
        if value <= 0 or curve == 0:
            return 0
        self.lag = (whole << FRACTION_BITS) + (before - after) * (_ONE >> 1) // curve
        return value


def _accumulate(window: "array[int]", length: int, energies: "array[int]") -> None:
    total = 0
    for index in range(length):
        value = window[index]
        total += value * value
        energies[index + 1] = total


def _product(window: "array[int]", length: int, lag: int) -> int:
    total = 0
    for index in range(length):
        total += window[index] * window[index + lag]
    return total
