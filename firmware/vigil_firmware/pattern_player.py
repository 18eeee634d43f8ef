"""Plays a pattern: when a light or a buzzer is on.

Each edge is counted from the one before as it happened. So an edge that comes late makes that pulse or pause longer,
and never one shorter than the pattern says, by more than half a tick.
"""

from vigil_firmware.ticks import ticks_diff

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TICK_MS = 20  # how often `tick` should be called
_EARLY_MS = TICK_MS // 2  # an edge goes to the tick that is nearest
_IDLE = -1


class PatternPlayer:
    """`level` is 1 while the pattern is on. `tick` may interrupt the other methods, as a timer's callback does."""

    def __init__(self, now_ms: int) -> None:
        self.level = 0
        self.ended_ms = now_ms
        self._pattern: Sequence[int] = ()
        self._is_repeated = False
        self._edge_ms = now_ms
        self._at = _IDLE

    @property
    def is_playing(self) -> bool:
        """Whether a pattern is under way."""
        return self._at != _IDLE

    def begin(self, pattern: "Sequence[int]", is_repeated: bool, now_ms: int) -> None:
        """Play on and off times in ms, from on, instead of what is played now."""
        self._at = _IDLE  # first: a tick may come between any two lines
        self._pattern = pattern
        self._is_repeated = is_repeated
        self._edge_ms = now_ms
        self.level = 1
        self._at = 0

    def stop(self, now_ms: int) -> None:
        """Be off."""
        self._at = _IDLE
        self.level = 0
        self.ended_ms = now_ms

    def tick(self, now_ms: int) -> None:
        """Go on to what is due."""
        at = self._at
        if at == _IDLE or ticks_diff(now_ms, self._edge_ms) + _EARLY_MS < self._pattern[at]:
            return
        self._edge_ms = now_ms
        at += 1
        if at < len(self._pattern):
            self.level = 1 - (at & 1)
            self._at = at
        elif self._is_repeated:
            self.level = 1
            self._at = 0
        else:
            self.stop(now_ms)
