"""Whether the wearer lies or is upright (sits, stands), by where gravity points on an accelerometer at the trunk.

It needs to know which axis of the accelerometer points to the head, and does not guess it: a sensor on a finger or a
wrist tells how the hand is held, and nothing of the wearer.
"""

from vigil_firmware.signal.oximetry import square_root
from vigil_wire import movement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# How much of gravity is along the axis to the head, in thousandths: the cosine of the trunk's angle from the vertical.
_UPRIGHT_LEAST = 766  # within 40 degrees
_LYING_MOST = 500  # 60 degrees and more; as far below the horizontal: 30
_UPSIDE_DOWN = -766  # worn the wrong way round, more likely than a wearer who stands on his head
_SQUARE_LEAST = 640_000  # 0.8 g
_SQUARE_MOST = 1_440_000  # 1.2 g
_HOLD_S = 5


class Position:
    """`is_now` is the position that has held for five seconds. `head` is as `seams.Accelerometer.head` has it."""

    def __init__(self, head: int) -> None:
        self._axis = abs(head) - 1
        self._sign = 1 if head > 0 else -1
        self._is_known = head != 0
        self.lose()

    def lose(self) -> None:
        """Nothing tells it any more."""
        self.is_now = movement.UNKNOWN
        self._next = movement.UNKNOWN
        self._held_s = 0

    def judge(self, gravity_milli_g: "Sequence[int]") -> None:
        """Take in where gravity points, once a second."""
        seen = self._seen(gravity_milli_g) if self._is_known else movement.UNKNOWN
        if seen == self.is_now:
            self._held_s = 0
            return
        self._held_s = self._held_s + 1 if seen == self._next else 1
        self._next = seen
        if self._held_s >= _HOLD_S:
            self.is_now = seen

    def _seen(self, gravity_milli_g: "Sequence[int]") -> int:
        square = 0
        for each in gravity_milli_g:
            square += each * each
        if not _SQUARE_LEAST <= square <= _SQUARE_MOST:
            return movement.UNKNOWN
        up = self._sign * gravity_milli_g[self._axis] * 1000 // square_root(square)
        if up >= _UPRIGHT_LEAST:
            return movement.UPRIGHT
        if abs(up) <= _LYING_MOST:
            return movement.LYING
        return movement.UNKNOWN if up <= _UPSIDE_DOWN else self.is_now
