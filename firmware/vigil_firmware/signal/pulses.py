"""What the single pulses of a window say: how large each is, and how red follows infrared in it.

Arterial blood has one colour for seconds, and beats at rest are much alike. Movement shifts tissue and veins, whose
size and colour change from step to step. The spread of both between pulses tells the two apart, once what the noise
within the pulses explains is taken off (an analysis of variance of the regression of red on infrared).
"""

from array import array

from vigil_firmware.signal.beats import CAPACITY
from vigil_firmware.signal.oximetry import square_root

SLOPE_BITS = 10  # slopes of red on infrared count 1/1024
CORRELATED_PERMILLE = 800
_SLOPE_MOST = 4 << SLOPE_BITS
_OFF_MOST = 2 << SLOPE_BITS
_NOISE_FACTOR = 2  # smoothed noise is not white: neighbours share it


class Pulses:
    """The pulses of one window, from one beat's fall to the next. `start`, `add` each, `close`."""

    def __init__(self) -> None:
        self._slopes = array("i", [0] * CAPACITY)
        self._energies = array("i", [0] * CAPACITY)
        self.start()

    def start(self) -> None:
        """Begin a new window."""
        self.count = 0
        self.values = 0
        self.ir_ir = 0  # sums of products over all pulses
        self.ir_red = 0
        self.red_red = 0
        self.correlation_permille = 0
        self.slope = 0  # regression of red on infrared, in 1/1024

    def add(self, red: "array[int]", ir: "array[int]", first: int, last: int) -> None:
        """Take in one pulse: the values, within 11 bits, from `first` up to, not including, `last`."""
        square = _product(ir, ir, first, last)
        product = _product(ir, red, first, last)
        self._energies[self.count] = square
        self._slopes[self.count] = slope(product, square)
        self.count += 1
        self.values += last - first
        self.ir_ir += square
        self.ir_red += product
        self.red_red += _product(red, red, first, last)

    def slope_of(self, index: int) -> int:
        """Regression of red on infrared in one pulse, in 1/1024."""
        return self._slopes[index]

    def close(self) -> None:
        """All pulses of the window are in: judge how red and infrared go together."""
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
        steps = 0
        for index in range(self.count):
            energy = self._energies[index]
            deviation += abs(energy - mean)
            if index:
                steps += abs(energy - self._energies[index - 1])
        return min(deviation // self.count, steps // (self.count - 1) * 7 // 10) // (mean // 500)

    def _colour_spread(self) -> int:
        """Root mean square deviation of red on infrared, relative to its mean, beyond what the noise explains."""
        mean = self.slope
        if mean <= 0 or self.correlation_permille < CORRELATED_PERMILLE:
            return 0
        total = 0
        for index in range(self.count):
            off = min(abs(self._slopes[index] - mean), _OFF_MOST)
            total += off * off
        # What is left of red's energy, relative to that of infrared, spread over the pulses.
        noise = slope(self.red_red - ((self.ir_red >> 12) * mean << 2), self.ir_ir)
        total = total // self.count - _NOISE_FACTOR * (noise << SLOPE_BITS) * self.count // self.values
        return square_root(total) * 1000 // mean if total > 0 else 0


def slope(product: int, square: int) -> int:
    """Regression of one channel on another, in 1/1024 and within +-4, from the sums of products and of squares."""
    while square >> 19:
        square >>= 1
        product >>= 1
    if square == 0:
        return 0
    return max(-_SLOPE_MOST, min(_SLOPE_MOST, (product << SLOPE_BITS) // square))


def _product(one: "array[int]", other: "array[int]", first: int, last: int) -> int:
    total = 0
    for index in range(first, last):
        total += one[index] * other[index]
    return total
