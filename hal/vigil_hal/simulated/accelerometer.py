"""An accelerometer at the level of its seam, fed by a signal source. No particular part: it has no registers."""

from array import array

from vigil_hal.faults import NotAnswering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence
    from typing import Protocol

    class AccelerationSource(Protocol):
        """What the part feels."""

        @property
        def start_us(self) -> int:
            """The first instant that the source knows."""

        def acceleration_into(self, __time_us: int, __out: "MutableSequence[int]") -> bool:
            """Set out[0], out[1], out[2] = acceleration along three axes in milli-g; False where there is none."""


CAPACITY = 32
_RATE_MILLI_HZ = 25_000
_AVERAGED = 4
_MOST_MILLI_G = 16_000
_TICKS_MASK = 0x3FFFFFFF


class SimulatedAccelerometer:
    """One part. It is constructed at the instant `start_us` of the source, and delivers means of four conversions.

    `clock_error_ppm`: how much faster than nominal it converts. What can go wrong, at any time:
    `is_faulty`: it does not answer. `is_silent`: it answers and delivers nothing. `is_stuck`: the same sample for ever.
    `feels_gravity_only`: as if nobody moved, though somebody does.
    """

    def __init__(
        self, source: "AccelerationSource", clock_ms: "Callable[[], int]", *, clock_error_ppm: int = 0, head: int = 0
    ) -> None:
        self.clock_error_ppm = clock_error_ppm
        self.is_faulty = False
        self.is_silent = False
        self.is_stuck = False
        self.feels_gravity_only = False
        self.rate_milli_hz = _RATE_MILLI_HZ
        self.head = head
        self.x = array("h", [0] * CAPACITY)
        self.y = array("h", [0] * CAPACITY)
        self.z = array("h", [0] * CAPACITY)
        self._source = source
        self._clock_ms = clock_ms
        self._last_ms = clock_ms()
        self._now_us = source.start_us
        self._next_us = 0  # until the next conversion
        self._felt = array("i", [0, 0, 0])
        self._sum = array("i", [0, 0, 0])
        self._summed = 0
        self._count = 0

    def probe(self) -> None:
        """Check that it answers. Raises NotAnswering."""
        if self.is_faulty:
            raise NotAnswering("the simulated accelerometer does not answer; it was told not to")

    def configure(self) -> None:
        """Throw away what waits. Raises NotAnswering."""
        self.probe()
        self._live()
        self._count = 0

    def drain(self) -> int:
        """Take the samples since the last drain, the newest 32 of them. Raises NotAnswering."""
        self.probe()
        self._live()
        count = 0 if self.is_silent else self._count
        self._count = 0
        return count

    def _live(self) -> None:
        """Live through the time since the last call."""
        now_ms = self._clock_ms()
        left_us = (now_ms - self._last_ms & _TICKS_MASK) * 1000
        self._last_ms = now_ms
        interval_us = 1_000_000_000 // (_RATE_MILLI_HZ * _AVERAGED // 1000 * (1_000_000 + self.clock_error_ppm) // 1000)
        while left_us >= self._next_us:
            left_us -= self._next_us
            self._now_us += self._next_us
            self._next_us = interval_us
            self._convert()
        self._next_us -= left_us
        self._now_us += left_us

    def _convert(self) -> None:
        if not self.is_stuck and not self._source.acceleration_into(self._now_us, self._felt):
            return
        if self.feels_gravity_only:
            self._felt[0] = self._felt[1] = 0
            self._felt[2] = 1000
        for axis in range(3):
            self._sum[axis] += self._felt[axis]
        self._summed += 1
        if self._summed == _AVERAGED:
            self._deliver()

    def _deliver(self) -> None:
        if self._count == CAPACITY:
            self._count -= 1
            for samples in (self.x, self.y, self.z):
                for index in range(self._count):
                    samples[index] = samples[index + 1]
        for axis, samples in enumerate((self.x, self.y, self.z)):
            samples[self._count] = min(max(self._sum[axis] // _AVERAGED, -_MOST_MILLI_G), _MOST_MILLI_G)
            self._sum[axis] = 0
        self._summed = 0
        self._count += 1
