"""How long a device may go unheard before it is silent: learned from how often its adverts get through.

A device makes a new advert each second. Most adapters hear nearly all of them, and then five seconds without one mean
something; some swallow most, and then they mean nothing. So a few times the longest usual gap is allowed.

On a stack that is silent during a link (a Pico W), somebody else's link takes the adverts away for up to ten seconds,
and they are then back for ten. No advert tells which stack a device has. What shows that it has another one is an
advert heard while it speaks over this bridge's own link. Until that is shown, such a turn is allowed on top.
"""

import math
from collections import deque

UNKNOWN_S = 15.0
"""Allowed before enough gaps are known."""
LEAST_S = 5.0
MOST_S = 60.0
TURN_S = 10.0
"""A link of nine seconds at most, and a second until the next advert."""
LONGEST_TURN_GAP_S = 12.0
"""A turn, and an advert before and after it that was not heard."""
REST_S = 5.0
"""From the first to the last advert heard between two turns: of ten seconds, less what was not heard at either end."""

GAPS = 60
LEAST_GAPS = 10
USUAL_SHARE = 0.9
"""So many of the last gaps are no longer than the longest usual one: a walk out of reach is one among sixty."""
TIMES = 5.0
SHOWN = 10
"""Adverts within one link, each between two messages of it, that show what is heard during links: any delay of the way
they take is over before."""


class Silence:
    """One device's gaps, from when it is heard, in seconds of a clock that never goes back."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=GAPS)
        self._advert_s: float | None = None
        self._turn_ended_s: float | None = None
        self._has_spoken_since = False  # since the last advert
        self._was_heard_since = False  # since it last spoke
        self._shown = 0
        self.allowed_s = UNKNOWN_S
        """Unheard for so long, the device is silent."""

    def advert(self, now_s: float) -> None:
        """Take in that an advert was heard, one that had not been heard before."""
        if self._advert_s is not None and (self._is_shown() or not self._has_spoken_since):
            self._take_gap(self._advert_s, now_s)
        self._advert_s = now_s
        self._has_spoken_since = False
        self._was_heard_since = True

    def spoke(self) -> None:
        """Take in that the device said something over this bridge's link, which so was up until now."""
        if self._was_heard_since and self._shown < SHOWN:
            self._shown += 1
            self._learn()
        self._was_heard_since = False
        self._has_spoken_since = True

    def link_ended(self) -> None:
        """Take in that this bridge's link is over."""
        self._was_heard_since = False
        if not self._is_shown():
            self._shown = 0

    def _take_gap(self, from_s: float, to_s: float) -> None:
        gap_s = to_s - from_s
        if gap_s > LEAST_S:  # also after it was shown: another board may have the device's key now
            self._shown = 0
        may_be_turn = LEAST_S < gap_s <= LONGEST_TURN_GAP_S
        if may_be_turn and (self._turn_ended_s is None or from_s - self._turn_ended_s >= REST_S):
            self._turn_ended_s = to_s
        else:
            self._gaps.append(gap_s)
        self._learn()

    def _is_shown(self) -> bool:
        return self._shown == SHOWN

    def _learn(self) -> None:
        if len(self._gaps) < LEAST_GAPS:
            return
        usual_s = sorted(self._gaps)[math.ceil(USUAL_SHARE * len(self._gaps)) - 1]
        turn_s = 0.0 if self._is_shown() else TURN_S
        self.allowed_s = min(max(TIMES * usual_s, LEAST_S) + turn_s, MOST_S)
