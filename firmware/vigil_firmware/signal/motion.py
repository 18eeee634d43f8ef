"""Takes out of the light what moves with an accelerometer, and says when what is left should not be believed.

The light of a moving finger is taken to be its pulse and a sum of the acceleration's recent past along two axes, each
time with a weight (a finite impulse response filter). The weights are those of least squares, from the correlations of
the last 20 s: they follow how the movement gets into the light, and not the pulse, which does not keep step with it.

The two parts have clocks of their own. What comes in the same step is taken to be of the same time, on average: a
slow loop keeps the reading position in the acceleration as far behind its newest sample as it should be.
"""

from array import array

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import Accelerometer

_LIGHT_MILLI_HZ = 25_000
_FRACTION_BITS = 6  # of a sample
# The light is given back this many samples late, so that the acceleration that it answers to has come, though that was
# drained a step of 200 ms later.
_LATE = 9
_LIGHT_RING = 16
_RING = 32
_BEHIND = 7  # samples of light: those that wait to be cleaned, and a reserve
_LOOP_SHIFT = 3

_TAPS = 6  # every second sample: 80 ms apart. Where each counts, they are written out: loops take half as long again.
_STEADY_SHIFT = 4  # baselines follow in 0.64 s: what is faster than 0.25 Hz stays
_ACCELERATION_MOST = 1023  # 2 milli-g each. Sums of 256 products stay within 30 bits.
_LIGHT_SHIFT = 3
_LIGHT_MOST = 2047  # 8 counts each
_ARTEFACT_MOST = 1 << 18
_FORGET_EVERY = 32  # updates, an eighth
_FORGET_SHIFT = 3
_WEIGHT_BITS = 10
_WEIGHT_MOST = (1 << 15) - 1
_MATRIX_MOST = 1023
_MATRIX_SHIFT = 6  # at least
_RIDGE = 6  # of up to 1023 on the diagonal: what the correlations cannot tell apart gets little weight

_ACTIVE_MILLI_G = 40  # mean change from drain to drain, sum of three axes; a part's noise makes 15
_HOLD_DRAINS = 80  # 8 s after the last movement: as long as the window of the signal path
_SHARE_BITS = 8
_SHARE_SHIFT = 6  # 64 updates, 5 s
_REMOVED_MOST = 4  # times what is kept
_HISTORY = 256
_COMPARED = 50  # every second sample of 4 s
_LONGEST = (_HISTORY - 2 * _COMPARED) << _FRACTION_BITS
_IN_STEP_PERMILLE = 500
_IN_STEP_PARTS = 16  # of a period, on either side, where it repeats less


class Motion:
    """One accelerometer and one finger.

    `feel` takes a drain of the accelerometer in, and `clean` a sample of the light, which it gives back in `red` and
    `ir` nine samples late. While the wearer moves (`is_moving`) infrared is cleaned; red is only as late, and no ratio
    of both may be used. `activity` is how much he moves, in 1/16 milli-g of change in 100 ms.
    """

    def __init__(self) -> None:
        self._axes = (array("h", bytes(2 * _RING)), array("h", bytes(2 * _RING)), array("h", bytes(2 * _RING)))
        self._energies = array("i", bytes(4 * 3))
        self._red = array("i", bytes(4 * _LIGHT_RING))
        self._ir = array("i", bytes(4 * _LIGHT_RING))
        self._one = Axis()
        self._two = Axis()
        self._one.link(self._two)
        self._two.link(self._one)
        self._history = array("b", bytes(_HISTORY))  # of the first axis, 16 milli-g each
        self.red = 0
        self.ir = 0
        self._written = 0  # slot of the newest acceleration
        self.begin(_LIGHT_MILLI_HZ)
        self.restart()

    def begin(self, rate_milli_hz: int) -> None:
        """The accelerometer starts, at this sample rate."""
        self._step = (rate_milli_hz << _FRACTION_BITS) // _LIGHT_MILLI_HZ  # of it for one sample of light
        self._behind = _BEHIND * self._step
        self.stop()

    def stop(self) -> None:
        """The accelerometer is lost: the wearer is not known to move."""
        self._is_felt = False
        self.is_moving = False
        self._hold = 0
        self.activity = 0

    def restart(self) -> None:
        """The light starts anew: samples were lost, or its scale is another."""
        self._count = 0
        self._is_filled = False
        self._relearn()

    def feel(self, accelerometer: "Accelerometer", count: int) -> None:
        """Take in the `count` samples of one drain, before the light of the same step."""
        if count == 0:
            return
        self._before = self._written
        for index in range(count):
            self._take(accelerometer.x[index], accelerometer.y[index], accelerometer.z[index])
        self._behind += count << _FRACTION_BITS
        self._behind += (_BEHIND * self._step - self._behind) >> _LOOP_SHIFT
        if self._behind > _RING - 2 << _FRACTION_BITS:
            self._behind = _RING - 2 << _FRACTION_BITS
        if self._is_felt:
            self._judge_activity()
        self._is_felt = True

    def clean(self, red: int, ir: int) -> None:
        """Take one raw sample of the light in, and put that of nine samples ago into `red` and `ir`."""
        if not self._is_filled:
            self._fill(red, ir)
        now = self._count = (self._count + 1) & (_LIGHT_RING - 1)
        self._red[now] = red
        self._ir[now] = ir
        now = (now - _LATE) & (_LIGHT_RING - 1)
        self.red = self._red[now]
        self.ir = self._ir[now]
        if self._behind > self._step:
            self._behind -= self._step
        if self.is_moving:
            self._clean()

    def is_doubtful(self, period: int) -> bool:
        """Whether a pulse of this period (1/64 sample) should not be believed, because the wearer moves.

        Where much was taken out of the light, the rest of the movement may be as large as the pulse. Where two beats
        take as long as the movement, a quarter of that is much. Where one beat does, nothing can tell them apart.
        """
        if not self.is_moving:
            return False
        if self._removed > self._kept * _REMOVED_MOST or self._is_in_step(period):
            return True
        return self._removed > self._kept and self._is_in_step(2 * period)

    def _is_in_step(self, period: int) -> bool:
        """Whether the movement has this period, or one within some percent, or an even part of it."""
        repeats = self.repeats_permille(period)
        if repeats < _IN_STEP_PERMILLE:
            return False
        if self._recorded < _HISTORY:
            return True  # the window begins with light from which nothing was taken yet: a rate of both is near enough
        slack = max(period // _IN_STEP_PARTS, 1 << _FRACTION_BITS)
        return repeats >= self.repeats_permille(period - slack) and repeats >= self.repeats_permille(period + slack)

    def repeats_permille(self, period: int) -> int:
        """How well the acceleration repeats itself after a period (1/64 sample); 0 where it has not gone on for two."""
        if period > _LONGEST:
            return 0
        lag = (period + 32) >> _FRACTION_BITS
        if self._recorded < 2 * lag:
            return 0  # and the window is that of a finger at rest, nearly all of it
        count = min(_COMPARED, (self._recorded - lag) >> 1)
        return self._repeats(self._at, self._at - lag, count)

    def _repeats(self, now: int, then: int, count: int) -> int:
        energy = self._product(now, now, count)
        energy = (energy + self._product(then, then, count)) >> 1
        return self._product(now, then, count) * 1000 // energy if energy else 0

    def _product(self, now: int, then: int, count: int) -> int:
        """Sum of the products of every second value up to two places of the history."""
        history = self._history
        total = 0
        while count:
            total += history[now & 255] * history[then & 255]
            now -= 2
            then -= 2
            count -= 1
        return total

    # Accelerometer

    def _take(self, x: int, y: int, z: int) -> None:
        slot = self._written = (self._written + 1) & (_RING - 1)
        self._axes[0][slot] = x
        self._axes[1][slot] = y
        self._axes[2][slot] = z

    def _judge_activity(self) -> None:
        """Follow how much the axes change from drain to drain, and tell whether that is a movement."""
        change = self._change(self._axes[0], 0) + self._change(self._axes[1], 1) + self._change(self._axes[2], 2)
        self.activity += ((change << 4) - self.activity) >> 3
        if self.activity >= _ACTIVE_MILLI_G << 4:
            self._hold = _HOLD_DRAINS
            if not self.is_moving:
                self.is_moving = True
                self._choose()
        elif self._hold:
            self._hold -= 1
            self.is_moving = self._hold > 0

    def _change(self, values: "array[int]", axis: int) -> int:
        change = abs(values[self._written] - values[self._before])
        self._energies[axis] += ((change << 4) - self._energies[axis]) >> 4
        return change

    def _choose(self) -> None:
        """Use the two axes that move most."""
        energies = self._energies
        least = 0
        for axis in range(3):
            if energies[axis] < energies[least]:
                least = axis
        self._one.index = (least + 1) % 3
        self._two.index = (least + 2) % 3
        self._relearn()

    # Light

    def _fill(self, red: int, ir: int) -> None:
        for slot in range(_LIGHT_RING):
            self._red[slot] = red
            self._ir[slot] = ir
        self._is_filled = True

    def _relearn(self) -> None:
        self._one.restart()
        self._two.restart()
        self._at = 0
        self._recorded = 0  # samples
        self._removed = 0  # mean magnitude of what is taken out of the light, counts
        self._kept = 0  # and of what is left
        self._dc = 0
        self._turn = 0
        self._row = 0
        self._matrix_shift = _MATRIX_SHIFT

    def _clean(self) -> None:
        self._read(self._one)
        self._read(self._two)
        self._at = (self._at + 1) & (_HISTORY - 1)
        self._history[self._at] = self._one.value >> 3
        if self._recorded < _HISTORY:
            self._recorded += 1
        artefact = (self._one.filtered() + self._two.filtered()) >> _WEIGHT_BITS - _LIGHT_SHIFT
        if not -_ARTEFACT_MOST < artefact < _ARTEFACT_MOST:
            artefact = 0  # more than the part's full scale: the weights are wrong
        if self._at & 1:
            self._learn(artefact)
        self.ir -= artefact

    def _read(self, axis: "Axis") -> None:
        """Give an axis its value at the reading position, in 2 milli-g: on the line between two samples."""
        values = self._axes[axis.index]
        slot = self._written - (self._behind >> _FRACTION_BITS)
        value = values[slot & (_RING - 1)]
        older = values[(slot - 1) & (_RING - 1)]
        value += (older - value) * (self._behind & 63) >> _FRACTION_BITS
        axis.add(value >> 1)

    def _learn(self, artefact: int) -> None:
        """At every second sample of the light: find out how it follows the movement."""
        if self._dc == 0:
            self._dc = self.ir << 8
        self._dc += ((self.ir << 8) - self._dc) >> _STEADY_SHIFT - 1
        light = self.ir - (self._dc >> 8)
        self._removed += ((abs(artefact) << _SHARE_BITS) - self._removed) >> _SHARE_SHIFT
        self._kept += ((abs(light - artefact) << _SHARE_BITS) - self._kept) >> _SHARE_SHIFT
        light = min(max(light >> _LIGHT_SHIFT, -_LIGHT_MOST), _LIGHT_MOST)
        self._one.correlate(light)
        self._two.correlate(light)
        self._solve()
        self._turn += 1
        if self._turn == _FORGET_EVERY:
            self._turn = 0
            self._one.forget()
            self._two.forget()
            self._matrix_shift = _MATRIX_SHIFT

    def _solve(self) -> None:
        """One row of a Gauss-Seidel iteration, which goes on all the time."""
        while max(self._one.own[0], self._two.own[0]) >> self._matrix_shift > _MATRIX_MOST:
            self._matrix_shift += 1
        self._row = (self._row + 1) % (2 * _TAPS)
        axis = self._two if self._row & 1 else self._one
        axis.solve(self._row >> 1, self._matrix_shift)


class Axis:
    """One axis: its last values, how they go with each other, with the other axis and with the light, and weights."""

    def __init__(self) -> None:
        self.index = 0
        self.value = 0
        self.taps = array("i", bytes(4 * _TAPS))  # of this sample, the newest first
        self._between = array("i", bytes(4 * _TAPS))  # of the next
        self.own = array("i", bytes(4 * _TAPS))  # sum of products of the value now and those before
        self.ahead = array("i", bytes(4 * _TAPS))  # of the value now and the other's before
        self._with_light = array("i", bytes(4 * _TAPS))
        self.weights = array("i", bytes(4 * _TAPS))
        self._other = self

    def link(self, other: "Axis") -> None:
        """Say which the other axis is."""
        self._other = other

    def restart(self) -> None:
        """Forget everything but which axis it is."""
        self._is_started = False
        for lag in range(_TAPS):
            self.taps[lag] = self._between[lag] = self.weights[lag] = 0
            self.own[lag] = self.ahead[lag] = self._with_light[lag] = 0

    def add(self, value: int) -> None:
        """Take the next value in, without its baseline."""
        if not self._is_started:
            self._dc = value << 8
            self._is_started = True
        self._dc += ((value << 8) - self._dc) >> _STEADY_SHIFT
        value -= self._dc >> 8
        if value > _ACCELERATION_MOST:
            value = _ACCELERATION_MOST
        elif value < -_ACCELERATION_MOST:
            value = -_ACCELERATION_MOST
        self.value = value
        taps = self._between
        self._between = self.taps
        self.taps = taps
        taps[5] = taps[4]
        taps[4] = taps[3]
        taps[3] = taps[2]
        taps[2] = taps[1]
        taps[1] = taps[0]
        taps[0] = value

    def filtered(self) -> int:
        """The sum of the last values by their weights."""
        taps = self.taps
        weights = self.weights
        total = taps[0] * weights[0] + taps[1] * weights[1] + taps[2] * weights[2]
        return total + taps[3] * weights[3] + taps[4] * weights[4] + taps[5] * weights[5]

    def correlate(self, light: int) -> None:
        """Add the products of now."""
        _add_products(self.own, self.taps, self.value)
        _add_products(self.ahead, self._other.taps, self.value)
        _add_products(self._with_light, self.taps, light)

    def forget(self) -> None:
        """Let the past fade."""
        for lag in range(_TAPS):
            self.own[lag] -= self.own[lag] >> _FORGET_SHIFT
            self.ahead[lag] -= self.ahead[lag] >> _FORGET_SHIFT
            self._with_light[lag] -= self._with_light[lag] >> _FORGET_SHIFT

    def solve(self, row: int, shift: int) -> None:
        """Make one weight right, all others given."""
        pull = self._with_light[row]
        pull = pull >> shift - _WEIGHT_BITS if shift >= _WEIGHT_BITS else pull << _WEIGHT_BITS - shift
        pull -= _after(self.own, self.weights, row, shift)
        pull -= _before(self.own, self.weights, row, shift)
        pull -= _after(self.ahead, self._other.weights, row, shift)
        pull -= _before(self._other.ahead, self._other.weights, row, shift)
        pull -= _RIDGE * self.weights[row]
        pull = self.weights[row] + pull // ((self.own[0] >> shift) + _RIDGE)
        self.weights[row] = min(max(pull, -_WEIGHT_MOST), _WEIGHT_MOST)


def _add_products(into: "array[int]", taps: "array[int]", value: int) -> None:
    into[0] += taps[0] * value
    into[1] += taps[1] * value
    into[2] += taps[2] * value
    into[3] += taps[3] * value
    into[4] += taps[4] * value
    into[5] += taps[5] * value


def _after(products: "array[int]", weights: "array[int]", row: int, shift: int) -> int:
    """A row of a matrix by the weights, from its diagonal on."""
    total = 0
    for column in range(row, _TAPS):
        total += (products[column - row] >> shift) * weights[column]
    return total


def _before(products: "array[int]", weights: "array[int]", row: int, shift: int) -> int:
    """A row of a matrix by the weights, up to its diagonal."""
    total = 0
    for column in range(row):
        total += (products[row - column] >> shift) * weights[column]
    return total
