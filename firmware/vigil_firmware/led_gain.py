"""Which LED currents keep both channels in range: a policy that sees levels and proposes codes, and touches no bus.

A level is a channel's mean over a second or so, which hides the pulse. From an eighth to 85 % of full scale nothing is
done: every change costs the signal something. A level outside, twice in a row, moves its code towards half of full
scale, by a factor of two at most, or of four where the level tells little: clipped, or nearly dark. After a move both
are left alone for some seconds, because fingers move too. Without a finger nothing is done.
"""

from vigil_hal.max30102 import REFERENCE_LED_CODE

_LEAST = 32_768
_MOST = 222_822
_TARGET = 131_072
_NEARLY_DARK = 16_384
_CLIPPED = 250_000  # a mean, of a pulse whose peaks are cut off
_FINGER_LEAST = 20_000  # infrared counts at the reference code; an open sensor sees a few hundred to a few thousand
_FACTOR_MOST = 2
_FACTOR_MOST_UNSURE = 4
_CODE_LEAST = 6  # below, ambient light that the part leaves in would pass for a finger
_CODE_MOST = 255
_OUTSIDE_IN_A_ROW = 2
_REST = 5  # levels after a move


class LedGain:
    """The LED codes in use, and what they should be. `red` and `ir` are codes, 0.2 mA a step."""

    def __init__(self) -> None:
        self.red = REFERENCE_LED_CODE
        self.ir = REFERENCE_LED_CODE
        self._outside = 0
        self._resting = 0

    def judge(self, red_level: int, ir_level: int) -> bool:
        """Take one level of each channel, in 18-bit counts under the codes in use; True when the codes changed.

        Called about once a second.
        """
        if self._resting:
            self._resting -= 1
            return False
        if ir_level * REFERENCE_LED_CODE // self.ir < _FINGER_LEAST:
            self._outside = 0
            return False
        red = _better(self.red, red_level)
        ir = _better(self.ir, ir_level)
        if red == self.red and ir == self.ir:
            self._outside = 0
            return False
        self._outside += 1
        if self._outside < _OUTSIDE_IN_A_ROW:
            return False
        self.red = red
        self.ir = ir
        self._outside = 0
        self._resting = _REST
        return True


def _better(code: int, level: int) -> int:
    """Return the code that brings a level into range; the same one where it is, or where there is no better."""
    if _LEAST <= level <= _MOST:
        return code
    if level >= _CLIPPED:
        code //= _FACTOR_MOST_UNSURE
    elif level > _MOST:
        code = max(code * _TARGET // level, code // _FACTOR_MOST)
    elif level < _NEARLY_DARK:
        code *= min(_FACTOR_MOST_UNSURE, _TARGET // (level + 1))
    else:
        code = min(code * _TARGET // level, code * _FACTOR_MOST)
    return max(_CODE_LEAST, min(code, _CODE_MOST))
