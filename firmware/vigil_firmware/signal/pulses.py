"""What the single pulses of a window say: how large each is, and how red follows infrared in it.

Arterial blood has one colour for seconds, and beats at rest are much alike. Movement shifts tissue and veins, whose
size and colour change from step to step. The spread of both between pulses tells the two apart, once what the noise
within the pulses explains is taken off (an analysis of variance of the regression of red on infrared).
"""

from vigil_firmware.signal.beats import CAPACITY
from vigil_firmware.signal.buffers import zeros
from vigil_firmware.signal.oximetry import square_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

SLOPE_BITS = 10  # slopes of red on infrared count 1/1024
CORRELATED_PERMILLE = 800
_SLOPE_MOST = 4 << SLOPE_BITS
_OFF_MOST = 2 << SLOPE_BITS
_NOISE_FACTOR = 2  # smoothed noise is not white: neighbours share it


class Pulses:
    """The pulses of one window, from one beat's fall to the next. `start`, `add` each, `close`."""

    def __init__(self) -> None:
        self._slopes = zeros(CAPACITY, "h")
        self._energies = zeros(CAPACITY)
        self.start(self._slopes, self._slopes, self._slopes)

    def start(self, red: "array[int]", ir: "array[int]", energies: "array[int]") -> None:
        """Begin a new window: both channels' values, within 11 bits, and sums of squares of infrared's first ones."""
        self._red = red
        self._ir = ir
        self._sums = energies
        self.count = 0
        self._first = 0
        self._last = 0
        self.ir_ir = 0  # sums of products over all pulses
        self.ir_red = 0
        self.red_red = 0
        self.correlation_permille = 0
        self.slope = 0  # regression of red on infrared, in 1/1024

    def add(self, first: int, last: int) -> None:
        """Take in one pulse: the values from `first` up to, not including, `last`; one follows the other."""
        if self.count == 0:
            self._first = first
        self._last = last
        square = self._sums[last] - self._sums[first]
        product = _product(self._ir, self._red, first, last)
        self._energies[self.count] = square
        self._slopes[self.count] = slope(product, square)
        self.count += 1
        self.ir_red += product

    def slope_of(self, index: int) -> int:
        """Regression of red on infrared in one pulse, in 1/1024."""
        return self._slopes[index]

    def close(self) -> None:
        """All pulses of the window are in: judge how red and infrared go together."""
        self.ir_ir = self._sums[self._last] - self._sums[self._first]
        self.red_red = _product(self._red, self._red, self._first, self._last)
        product = square_root(self.ir_ir) * square_root(self.red_red)
        self.correlation_permille = self.ir_red // (product // 1000) if product >= 1000 else 0
        self.slope = slope(self.ir_red, self.ir_ir)

    def spread_permille(self) -> int:
        """How much size and colour differ from pulse to pulse: the sum of both."""
        return self._size_spread() + self._colour_spread()

    def _size_spread(self) -> int:
        """Mean deviation of the pulses' sizes, relative to their mean: half that of their energies.

        Steady growth is none: it makes no more than small steps, which between independent sizes are 1.4 times their
        deviations.
        """
        if self.count < 2:
            return 0
        mean = self.ir_ir // self.count
        if mean < 500:
            return 0
        deviation = 0
        for index in range(self.count):
            deviation += abs(self._energies[index] - mean)
        deviation //= self.count
        steps = self._steps() // (10 * (self.count - 1)) * 7
        return min(deviation, steps) // (mean // 500)

    def _steps(self) -> int:
        """Sum of the differences between neighbours' energies."""
        steps = 0
        for index in range(1, self.count):
            steps += abs(self._energies[index] - self._energies[index - 1])
        return steps

    def _colour_spread(self) -> int:
        """Root mean square deviation of red on infrared, relative to its mean, beyond what the noise explains."""
        if self.slope <= 0 or self.correlation_permille < CORRELATED_PERMILLE:
            return 0
        total = 0
        for index in range(self.count):
            off = min(abs(self._slopes[index] - self.slope), _OFF_MOST)
            total += off * off
        total //= self.count
        total -= _NOISE_FACTOR * (self._noise() << SLOPE_BITS) * self.count // (self._last - self._first)
        return square_root(total) * 1000 // self.slope if total > 0 else 0

    def _noise(self) -> int:
        """What red has beyond what follows infrared, in 1/1024 of infrared's energy."""
        explained = (self.ir_red >> 12) * self.slope << 2
        return slope(self.red_red - explained, self.ir_ir)


def slope(product: int, square: int) -> int:
    """Regression of one channel on another, in 1/1024 and within +-4, from the sums of products and of squares."""
    while square >> 18:
        square >>= 1
        product >>= 1
    if abs(product) >= square << 2:
        return 0 if square == 0 else _SLOPE_MOST if product > 0 else -_SLOPE_MOST
    return (product << SLOPE_BITS) // square


def _product(one: "array[int]", other: "array[int]", first: int, last: int) -> int:
    total = 0
    for index in range(first, last):
        total += one[index] * other[index]
    return total
