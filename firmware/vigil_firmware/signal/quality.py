"""Whether the light changes as a pulse changes it, or as movement does.

Vessels widen, and blood loses oxygen, over many seconds; a step or a tap changes the size and the colour of what looks
like a pulse at once, and differs from the next step. So size and colour are compared with those that were trusted
before, and their spread within the window counts as well. What jumped stays distrusted until the reference, which
follows slowly, has come near it. A sensor just put on has no reference: until some windows were trusted, less spread
is allowed.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.signal.pulses import Pulses

_TRUST_MOST = 60
# Spreads of finger recordings at rest: 90 in the median, 150 in the worst twentieth. Under rhythmic motion: 250 to 450.
_SPREAD_FIRST = 138
_SPREAD_MOST = 400
# Each of these alone would be reason enough, but for the colour: a saturation that falls fast must be seen.
# Parts of them add up.
_SPREAD_SHARE = 600
_SIZE_SHARE = 2000  # three times as large, or as small
_GROWTH_MOST = 100 * _SIZE_SHARE
_RATIO_SHARE = 350  # some 12 points of SpO2
_RATIO_JUMP_MOST = 650
_DRIFT_SIZE_PERMILLE = 15
_DRIFT_RATIO = 3


class Steadiness:
    """Size (perfusion, 0.01 %) and colour (ratio of ratios, thousandths) of the pulses that were trusted."""

    def __init__(self) -> None:
        self.spread = 0  # of the pulses weighed last, permille
        self.restart()

    def restart(self) -> None:
        """Forget: the sensor was put on anew."""
        self._size = -1
        self._ratio = -1
        self._trust = 0

    def admit(self, pulses: "Pulses", size: int, ratio: int, is_slow: bool) -> bool:
        """Whether the pulses of this window may be trusted. `ratio`: -1 where red does not follow infrared.

        `is_slow`: they are slower than anybody moves, and too few to tell their spread from that of breathing.
        """
        self.spread = pulses.spread_permille()
        jump = self._jump(size, ratio) + self.spread * 1000 // _SPREAD_SHARE
        if self.spread > self._most(is_slow) or jump > 1000:
            self._trust = max(self._trust - 1, 0)
            self._drift(size, ratio)
            return False
        self._trust = min(self._trust + 1, _TRUST_MOST)
        self._follow(size, ratio)
        return True

    def _most(self, is_slow: bool) -> int:
        """The spread that is allowed."""
        if is_slow:
            return _SPREAD_MOST
        return _SPREAD_FIRST + (_SPREAD_MOST - _SPREAD_FIRST) * self._trust // _TRUST_MOST

    def _jump(self, size: int, ratio: int) -> int:
        """How far both are from what was trusted; 1000 is reason enough to distrust them."""
        jump = _growth_permille(self._size, size) * 1000 // _SIZE_SHARE if self._size > 0 else 0
        if ratio >= 0 and self._ratio >= 0:
            change = abs(ratio - self._ratio) * 1000 // _RATIO_SHARE
            jump += min(change, _RATIO_JUMP_MOST)
        return jump

    def _follow(self, size: int, ratio: int) -> None:
        self._size = size if self._size < 0 else self._size + ((size - self._size) >> 3)
        if ratio >= 0:
            self._ratio = ratio if self._ratio < 0 else self._ratio + ((ratio - self._ratio) >> 3)

    def _drift(self, size: int, ratio: int) -> None:
        if self._size > 0:
            self._size = _nearer(self._size, size, self._size * _DRIFT_SIZE_PERMILLE // 1000 + 1)
        if ratio >= 0 and self._ratio >= 0:
            self._ratio = _nearer(self._ratio, ratio, _DRIFT_RATIO)


def _growth_permille(one: int, other: int) -> int:
    """By how much the larger is larger than the smaller; no more than a board's small integers bear."""
    growth = abs(one - other) * 1000 // max(min(one, other), 1)
    return min(growth, _GROWTH_MOST)


def _nearer(value: int, target: int, step: int) -> int:
    """`value`, moved towards `target` by at most `step`."""
    if target > value + step:
        return value + step
    if target < value - step:
        return value - step
    return target
