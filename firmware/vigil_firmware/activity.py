"""How much the wearer moves, and whether in steps: of an accelerometer's samples, whatever way it is worn.

Gravity is each axis' slow mean. What is left, as a root mean square over the second, is the activity. Steps are counted
where the magnitude of the acceleration crosses its own mean, by some of its usual swing; a cadence is told when eight
intervals in a row are alike, at 50 to 187 a minute.

An accelerometer that is wired wrong, or is another part than its driver takes it for, does not feel gravity as 1 g:
over ten seconds the mean square of a wearer's acceleration is near that, however he moves.
"""

from vigil_firmware.signal.oximetry import square_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import Accelerometer

_GRAVITY_SHIFT = 5  # 1.28 s at 25 samples a second
_FINE_BITS = 6
_AWAY_MOST = 4095  # milli-g of one axis
_SQUARE_MOST = 1 << 24
_SAMPLES_MOST = 60  # of one second: their squares stay within 30 bits
_SAMPLES_LEAST = 15
_LEVEL_MOST = 0xFFFE

_UNIT_BITS = 10  # squares of milli-g are divided by 1024: 1 g is 976, and 1 milli-g more about 2
_ONE_G = 1_000_000 >> _UNIT_BITS
_MEAN_SHIFT = 8  # 10 s
_LEAST = _ONE_G * 49 // 100  # of 0.7 g, squared
_MOST = _ONE_G * 170 // 100  # of 1.3 g: more than a wearer who walks fast, less than any numbers of 2 g at most
_LEAST_AGAIN = _ONE_G * 64 // 100
_MOST_AGAIN = _ONE_G * 140 // 100

_SMOOTH_SHIFT = 1
_SWING_SHIFT = 5
_SWING_LEAST = 60  # 30 milli-g
_INTERVALS = 8
_SHORTEST = 8  # samples: 187 steps a minute
_LONGEST = 30  # 50 a minute
_UNLIKE_PERCENT = 15  # of the mean interval, on the average


class Activity:
    """`feel` takes a drain in, `judge` ends a second.

    `level_milli_g`: the activity of that second; -1: too few samples came. `cadence_per_min`: steps a minute; 0: none.
    `is_plausible`: whether it feels gravity as 1 g. `gravity_milli_g`: along its three axes.
    """

    def __init__(self) -> None:
        self.gravity_milli_g = [0, 0, 0]
        self._axes = (_Slow(), _Slow(), _Slow())
        self._steps = _Steps()
        self.is_plausible = True
        self._mean = _ONE_G << _MEAN_SHIFT
        self.restart()

    def restart(self) -> None:
        """The accelerometer starts anew. Whether it is plausible is kept."""
        self.level_milli_g = -1
        self.cadence_per_min = 0
        self._sum = 0
        self._count = 0
        for axis in self._axes:
            axis.is_started = False
        self._steps.restart()

    def feel(self, accelerometer: "Accelerometer", count: int) -> None:
        """Take in the `count` samples of one drain."""
        for index in range(count):
            self._take(accelerometer.x[index], accelerometer.y[index], accelerometer.z[index])

    def judge(self, rate_milli_hz: int) -> None:
        """End a second; `rate_milli_hz` is the accelerometer's."""
        self.level_milli_g = -1
        if self._count >= _SAMPLES_LEAST:
            self.level_milli_g = min(square_root(self._sum // self._count), _LEVEL_MOST)
        self._sum = self._count = 0
        self.cadence_per_min = self._steps.cadence_per_min(rate_milli_hz)
        for axis in range(3):
            self.gravity_milli_g[axis] = self._axes[axis].mean
        mean = self._mean >> _MEAN_SHIFT
        if self.is_plausible:
            self.is_plausible = _LEAST <= mean <= _MOST
        else:
            self.is_plausible = _LEAST_AGAIN <= mean <= _MOST_AGAIN

    def _take(self, x: int, y: int, z: int) -> None:
        self._leave_gravity(x, y, z)
        square = (x * x + y * y + z * z) >> _UNIT_BITS
        self._mean += square - (self._mean >> _MEAN_SHIFT)
        self._steps.take(square)

    def _leave_gravity(self, x: int, y: int, z: int) -> None:
        axes = self._axes
        x = axes[0].away_squared(x)
        x += axes[1].away_squared(y)
        x += axes[2].away_squared(z)
        if self._count < _SAMPLES_MOST:
            self._count += 1
            self._sum += min(x, _SQUARE_MOST)


class _Slow:
    """One axis: its slow mean, milli-g."""

    def __init__(self) -> None:
        self.is_started = False
        self.mean = 0
        self._fine = 0

    def away_squared(self, value: int) -> int:
        """Take a value in; the square of how far it is from the mean."""
        if not self.is_started:
            self.is_started = True
            self._fine = value << _FINE_BITS
        self._fine += ((value << _FINE_BITS) - self._fine) >> _GRAVITY_SHIFT
        self.mean = self._fine >> _FINE_BITS
        away = min(abs(value - self.mean), _AWAY_MOST)
        return away * away


class _Steps:
    """Finds steps in the square of the acceleration's magnitude."""

    def __init__(self) -> None:
        self._intervals = bytearray(_INTERVALS)  # samples
        self._slow = 0
        self._smooth = 0
        self._known = 0
        self._newest = 0
        self._since = 0
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self._is_started = False
        self._is_high = False
        self._swing = 0
        self._forget()

    def take(self, square: int) -> None:
        """Take one sample in."""
        square <<= _FINE_BITS
        if not self._is_started:
            self._is_started = True
            self._slow = self._smooth = square
        self._slow += (square - self._slow) >> _GRAVITY_SHIFT
        self._smooth += (square - self._smooth) >> _SMOOTH_SHIFT
        away = self._smooth - self._slow
        self._swing += (abs(away) - self._swing) >> _SWING_SHIFT
        if self._since < 255:
            self._since += 1
        if self._is_high:
            self._is_high = away > 0
        elif away > max(self._swing - (self._swing >> 2), _SWING_LEAST << _FINE_BITS):
            self._is_high = True
            self._step()
        elif self._since > 2 * _LONGEST:
            self._forget()

    def cadence_per_min(self, rate_milli_hz: int) -> int:
        """Steps a minute, by the last eight; 0 where they are not alike, or none."""
        if self._known < _INTERVALS or self._since > _LONGEST:
            return 0
        total = 0
        for interval in self._intervals:
            total += interval
        if not _SHORTEST * _INTERVALS <= total <= _LONGEST * _INTERVALS or self._are_unlike(total):
            return 0
        return rate_milli_hz * 60 // 1000 * _INTERVALS // total

    def _are_unlike(self, total: int) -> bool:
        unlike = 0
        for interval in self._intervals:
            unlike += abs(interval * _INTERVALS - total)
        return unlike * 100 > total * _INTERVALS * _UNLIKE_PERCENT

    def _step(self) -> None:
        if self._known < _INTERVALS:
            self._known += 1
        self._newest = (self._newest + 1) % _INTERVALS
        self._intervals[self._newest] = self._since
        self._since = 0

    def _forget(self) -> None:
        self._known = 0
        self._newest = 0
        self._since = 0
