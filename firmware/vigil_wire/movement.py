"""How a wearer moves and lies, as an accelerometer tells it: codes that device and host share.

A *position* is that of the trunk, a *movement* is how much there is of it. Both together fit the three bits that a
vitals record has left: a walking wearer is upright, and nobody walks whose position is not known.
"""

UNKNOWN = 0
LYING = 1
UPRIGHT = 2
POSITION_NAMES = ("unknown", "lying", "upright")

NONE = 0  # nothing that tells it
STILL = 1
MOVING = 2
WALKING = 3
MOVEMENT_NAMES = ("none", "still", "moving", "walking")

_PAIRS = (
    (UNKNOWN, NONE),
    (UNKNOWN, STILL),
    (UNKNOWN, MOVING),
    (LYING, STILL),
    (LYING, MOVING),
    (UPRIGHT, STILL),
    (UPRIGHT, MOVING),
    (UPRIGHT, WALKING),
)
MOST = len(_PAIRS) - 1


def pack(position: int, movement: int) -> int:
    """One number below 8 for both. Without a movement there is no position; who walks and is not upright moves."""
    if movement == NONE:
        return 0
    if movement == WALKING:
        if position == UPRIGHT:
            return 7
        movement = MOVING
    return position * 2 + movement


def unpack(code: int) -> "tuple[int, int]":
    """Position and movement of a number below 8."""
    return _PAIRS[code]
