"""What a button's presses mean. It is made for people who are frightened: see why below each line.

    press                            while something sounds: its sound is paused (two minutes, or as set)
    press again, 2 s later or more   while it is paused: all that is active is acknowledged, at the device
    hold for 3 s                     standby for 8 h begins (the sensor comes off on purpose), or ends
    press three times in 3 s         while nothing of medium or high priority is active: pairing opens for two minutes

* What is paused or acknowledged sounds again: after the pause, after five minutes (high priority), when it gets worse;
  and what is new sounds at once. So whoever presses in fear gets silence for a moment, and no more.
* Presses in a row only pause. An acknowledgement says that somebody has looked, and takes a press of its own, later.
* A press in the first second of a sound was meant for what was before it, and does nothing.
* Holding does not begin standby while an alarm about the wearer, or one of high priority, is active that nobody has
  acknowledged: who clings to the button, or lies on it, switches nothing off. Standby while the sensor is worn ends by
  itself.
* A press counts when it begins, so that the sound stops at once; who goes on to hold has paused it too, no more.
* Pairing, which lets a phone in, is the one that is hard to do by accident.
* A button that is held for ever, or stuck, or was down when the power came, has made one press and one hold, or none.
"""

from vigil_firmware.alarms import STANDBY_MOST_MIN
from vigil_firmware.pattern_player import TICK_MS
from vigil_firmware.ticks import ticks_diff
from vigil_wire import conditions
from vigil_wire.conditions import HIGH, MEDIUM, NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_firmware.alarms import Alarms
    from vigil_hal.seams import Input

HOLD_MS = 3_000
LOOK_MS = 2_000  # from a pause to a press that acknowledges
TOO_SOON_MS = 1_000  # after a sound has begun
PAIR_PRESSES = 3
PAIR_WITHIN_MS = 3_000
_STEADY_MS = 30  # a level counts when it was read for so long: a contact bounces for less
_PHYSIOLOGICAL_BITS = conditions.mask_of(conditions.PHYSIOLOGICAL)


class Contact:
    """A button's pin without its bounces. `tick` may interrupt the rest: it only counts, `take_press` takes."""

    def __init__(self, pin: "Input", now_ms: int) -> None:
        self.fault = ""
        self._pin = pin
        self.is_down = True  # until it was seen up: one that is down at first is no press
        self._is_held = True  # this press has been one
        self._down_ms = now_ms
        self._raw = True
        self._raw_ms = now_ms
        self._presses = 0  # that began; only `tick` writes it
        self._taken = 0
        self._pressed_ms = now_ms

    def tick(self, now_ms: int) -> None:
        """Read the pin. Two or more such reads, within which it stays, make a press."""
        try:
            raw = not self._pin.value()
            self.fault = ""
        except OSError as error:
            self.fault = "the button cannot be read (errno %s)" % error.errno
            return
        if raw != self._raw:
            self._raw = raw
            self._raw_ms = now_ms
        elif raw != self.is_down and ticks_diff(now_ms, self._raw_ms) + TICK_MS // 2 >= _STEADY_MS:
            self._down_ms = now_ms
            self._is_held = False
            self.is_down = raw
            if raw:
                self._presses = (self._presses + 1) & 0xFFFF

    def take_press(self) -> bool:
        """Whether there was a press that was not taken yet."""
        untaken = (self._presses - self._taken) & 0xFFFF
        if not untaken:
            return False
        self._taken = (self._taken + 1) & 0xFFFF
        return True

    def take_hold(self, now_ms: int) -> bool:
        """Whether it has been down for long; once for each press."""
        if self._is_held or not self.is_down or ticks_diff(now_ms, self._down_ms) < HOLD_MS:
            return False
        self._is_held = True
        return True


class Button:
    """Does what the presses mean. `done` counts what they did; see the table above."""

    def __init__(self, pin: "Input", alarms: "Alarms", open_pairing: "Callable[[], None]", now_ms: int) -> None:
        self.contact = Contact(pin, now_ms)
        self.done = 0
        self._alarms = alarms
        self._open_pairing = open_pairing
        self._sounding = 0  # conditions that nobody acknowledged
        self._audible = NONE
        self._is_new = False  # what sounds began only now
        self._heard_ms = now_ms
        self._paused_ms = now_ms
        self._presses = 0
        self._first_ms = now_ms

    def step(self, now_ms: int) -> None:
        """Do what is due. Call it after the alarms were judged."""
        self._listen(now_ms)
        if self._presses and ticks_diff(now_ms, self._first_ms) > PAIR_WITHIN_MS:
            self._presses = 0
        while self.contact.take_press():
            self._press(now_ms)
        if self.contact.take_hold(now_ms):
            self._hold(now_ms)

    def _listen(self, now_ms: int) -> None:
        alarms = self._alarms
        sounding = alarms.bits & ~alarms.acknowledged_bits
        if sounding & ~self._sounding or alarms.audible > self._audible:
            self._is_new = True
            self._heard_ms = now_ms
        elif self._is_new and ticks_diff(now_ms, self._heard_ms) >= TOO_SOON_MS:
            self._is_new = False
        self._sounding = sounding
        self._audible = alarms.audible

    def _press(self, now_ms: int) -> None:
        alarms = self._alarms
        if alarms.audible != NONE:
            if not self._is_new and alarms.pause_audio(now_ms):
                self._paused_ms = now_ms
                self._presses = 0
                self._tell(now_ms)
        elif alarms.pause_left_s(now_ms) and self._has_unanswered():
            if ticks_diff(now_ms, self._paused_ms) >= LOOK_MS:
                alarms.acknowledge(conditions.ALL, conditions.AT_DEVICE, now_ms)
                self._presses = 0
                self._tell(now_ms)
        elif alarms.visible < MEDIUM:
            self._count_for_pairing(now_ms)

    def _has_unanswered(self) -> bool:
        return self._alarms.bits & ~self._alarms.acknowledged_bits != 0

    def _count_for_pairing(self, now_ms: int) -> None:
        if not self._presses:
            self._first_ms = now_ms
        self._presses += 1
        if self._presses == PAIR_PRESSES:
            self._presses = 0
            self._open_pairing()
            self._tell(now_ms)

    def _hold(self, now_ms: int) -> None:
        alarms = self._alarms
        if alarms.is_standby:
            alarms.end_standby(now_ms)
            self._tell(now_ms)
        elif not self._must_be_answered() and alarms.begin_standby(STANDBY_MOST_MIN, conditions.AT_DEVICE, now_ms):
            self._tell(now_ms)

    def _must_be_answered(self) -> bool:
        """Whether something is active that nobody acknowledged, and that standby must not silence."""
        alarms = self._alarms
        unanswered = alarms.bits & ~alarms.acknowledged_bits
        for number in range(len(conditions.TABLE)):
            if unanswered >> number & 1 and alarms.priority_of(number) == HIGH:
                return True
        return unanswered & _PHYSIOLOGICAL_BITS != 0

    def _tell(self, now_ms: int) -> None:
        self.done = (self.done + 1) & 0xFF
        self._listen(now_ms)
