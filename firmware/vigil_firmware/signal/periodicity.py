"""How well a window repeats itself after a lag: a normalised autocorrelation, computed only where it is asked for.

The normalisation 2 * sum(x[i] x[i+lag]) / sum(x[i]^2 + x[i+lag]^2) (McLeod and Wyvill, "A smarter way to find pitch",
ICMC 2005) is 1 for a perfect repetition at any lag.
"""

from vigil_firmware.signal.buffers import zeros
from vigil_firmware.signal.conditioning import MOST_LENGTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

PERMILLE = 1000
MOST_BITS = 11  # 128 products of 11-bit values stay within 29 bits
FRACTION_BITS = 6  # lags count 1/64 of a value
_ONE = 1 << FRACTION_BITS
_LEAST_LAG = 2


class Periodicity:
    """One window, and how well it repeats itself. `energies[n]`: the sum of squares of its first n values."""

    def __init__(self) -> None:
        self.energies = zeros(MOST_LENGTH + 1)
        self._length = 0
        self._begin(0)
        self.lag = 0  # of the last peak, in 1/64 values

    def load(self, window: "array[int]", length: int) -> None:
        """Take in a window of `length` values within 11 bits around their mean; it must stay as it is meanwhile."""
        self._window = window
        self._length = length
        _accumulate(window, length, self.energies)

    def at(self, lag: int) -> int:
        """The correlation at a lag in whole values, in thousandths; 0 where fewer than half the window overlaps."""
        half = self._half_energy(lag) // PERMILLE
        return _product(self._window, self._length - lag, lag) // half if half else 0

    def near(self, lag: int) -> int:
        """Roughly the correlation at the whole lag nearest to one in 1/64 values, from every second product."""
        lag = (lag + (_ONE >> 1)) >> FRACTION_BITS
        half = self._half_energy(lag) // PERMILLE
        return 2 * _half_product(self._window, self._length - lag, lag) // half if half else 0

    def _half_energy(self, lag: int) -> int:
        """Half the energy of what overlaps at a lag, front and back; 0 where that is less than half the window."""
        length = self._length
        if lag < _LEAST_LAG or 2 * lag > length:
            return 0
        energies = self.energies
        return (energies[length - lag] >> 1) + ((energies[length] - energies[lag]) >> 1)

    def peak(self, lag: int, percent: int) -> int:
        """The peak up the hill from a lag in 1/64 values, in thousandths; 0 where it lies beyond some percent, and one.

        `self.lag` is then where it is, by a parabola through it.
        """
        self._begin((lag + (_ONE >> 1)) >> FRACTION_BITS)
        slack = lag * percent // 100 + _ONE
        while self._before > self._value or self._after > self._value:
            self._climb()
            if abs((self._whole << FRACTION_BITS) - lag) > slack:
                return 0
        return self._refine()

    def _begin(self, whole: int) -> None:
        self._whole = whole
        self._before = self.at(whole - 1)
        self._value = self.at(whole)
        self._after = self.at(whole + 1)

    def _climb(self) -> None:
        """One lag further towards the higher neighbour."""
        value = self._value
        if self._before > self._after:
            self._whole -= 1
            self._value = self._before
            self._after = value
            self._before = self.at(self._whole - 1)
        else:
            self._whole += 1
            self._value = self._after
            self._before = value
            self._after = self.at(self._whole + 1)

    def _refine(self) -> int:
        value = self._value
        curve = self._before - 2 * value + self._after
        if value <= 0 or curve == 0:
            return 0
        self.lag = (self._whole << FRACTION_BITS) + (self._before - self._after) * (_ONE >> 1) // curve
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


def _half_product(window: "array[int]", length: int, lag: int) -> int:
    total = 0
    for index in range(0, length, 2):
        total += window[index] * window[index + lag]
    return total
