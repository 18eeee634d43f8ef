"""Simulated pins, buzzer and button: what they did when, for a test to read, with faults on demand.

Each keeps the newest of what it did, in the order of time. `is_broken`: while True every call raises OSError(EIO).
"""

from vigil_hal.buzzer import ToneBuzzer
from vigil_hal.light import RgbLight
from vigil_hal.panel import Panel
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.ssd1306 import SimulatedSsd1306
from vigil_hal.ssd1306 import Ssd1306

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_EIO = 5
_KEPT_MOST = 2_000
_MASK = (1 << 30) - 1
_HALF = 1 << 29


class _Part:
    def __init__(self, clock_ms: "Callable[[], int]") -> None:
        self._clock_ms = clock_ms
        self.is_broken = False
        self.calls = 0  # also those that were refused

    def _answer(self) -> int:
        """The tick; OSError from a broken part."""
        self.calls += 1
        if self.is_broken:
            raise OSError(_EIO, "broken")
        return self._clock_ms()


class SimulatedPin(_Part):
    """An output pin. `changes`: (tick, level) of each change, the first one from 0."""

    def __init__(self, clock_ms: "Callable[[], int]") -> None:
        super().__init__(clock_ms)
        self.level = 0
        self.changes: list[tuple[int, int]] = []

    def value(self, level: "int | None" = None) -> "int | None":
        """Set the level, or return it."""
        now_ms = self._answer()
        if level is None:
            return self.level
        level = 1 if level else 0
        if level != self.level:
            self.level = level
            _keep(self.changes, (now_ms, level))
        return None


class SimulatedPwm(_Part):
    """A pin with PWM. `changes`: (tick, Hz) when a wave begins or becomes another, (tick, 0) when it ends."""

    def __init__(self, clock_ms: "Callable[[], int]") -> None:
        super().__init__(clock_ms)
        self._hz = 5_000
        self._duty = 0
        self.changes: list[tuple[int, int]] = []

    def freq(self, hz: "int | None" = None) -> "int | None":
        """Set the frequency, or return it."""
        now_ms = self._answer()
        if hz is None:
            return self._hz
        self._hz = hz
        self._note(now_ms)
        return None

    def duty_u16(self, duty: "int | None" = None) -> "int | None":
        """Set the duty, or return it."""
        now_ms = self._answer()
        if duty is None:
            return self._duty
        self._duty = duty
        self._note(now_ms)
        return None

    def _note(self, now_ms: int) -> None:
        hz = self._hz if 0 < self._duty < 65_535 else 0  # always high makes no sound
        before = self.changes[-1][1] if self.changes else 0
        if hz != before:
            _keep(self.changes, (now_ms, hz))


class SimulatedLeds:
    """Three LEDs. `changes`: (tick, colour) of each change that lasted, colours as in vigil_hal.light."""

    def __init__(self, clock_ms: "Callable[[], int]") -> None:
        self.pins = [_Led(clock_ms, self._note) for _ in range(3)]
        self.changes: list[tuple[int, int]] = []

    @property
    def colour(self) -> int:
        """What is lit now."""
        return self.pins[0].level | self.pins[1].level << 1 | self.pins[2].level << 2

    def _note(self, now_ms: int) -> None:
        if self.changes and self.changes[-1][0] == now_ms:
            self.changes.pop()
        before = self.changes[-1][1] if self.changes else 0
        if self.colour != before:
            _keep(self.changes, (now_ms, self.colour))


class _Led(SimulatedPin):
    def __init__(self, clock_ms: "Callable[[], int]", note: "Callable[[int], None]") -> None:
        super().__init__(clock_ms)
        self._note = note

    def value(self, level: "int | None" = None) -> "int | None":
        """Set the level, or return it."""
        found = super().value(level)
        self._note(self._clock_ms())
        return found


class SimulatedButton(_Part):
    """A button to ground, with a pull-up: 0 while it is pressed. It bounces for some ms at each edge."""

    def __init__(self, clock_ms: "Callable[[], int]", bounce_ms: int = 0) -> None:
        super().__init__(clock_ms)
        self.bounce_ms = bounce_ms
        self._edges: list[tuple[int, int]] = []

    def press(self, at_ms: int, for_ms: int) -> None:
        """Press it at a tick to come, and let it go."""
        self._edges.append((at_ms, 0))
        self._edges.append(((at_ms + for_ms) & _MASK, 1))

    def value(self) -> int:
        """The level at this instant."""
        now_ms = self._answer()
        level = 1
        # Edges that are long over are wrong again half a period of the tick later: a test is shorter.
        for at_ms, after in self._edges:
            since_ms = _since(now_ms, at_ms)
            if since_ms < 0:
                break
            level = after
            if since_ms < self.bounce_ms and since_ms & 2:
                level = 1 - after
        return level


class SimulatedPanel:
    """A device's panel with everything: `panel` is what a device is given, the rest is what a test reads."""

    def __init__(self, clock_ms: "Callable[[], int]") -> None:
        self.leds = SimulatedLeds(clock_ms)
        self.buzzer = SimulatedPwm(clock_ms)
        self.vibration = SimulatedPin(clock_ms)
        self.oled = SimulatedSsd1306()
        self.display_bus = SimulatedI2C(self.oled)
        self.button = SimulatedButton(clock_ms)
        light = RgbLight(self.leds.pins[0], self.leds.pins[1], self.leds.pins[2])
        self.panel = Panel(light, ToneBuzzer(self.buzzer), self.vibration, Ssd1306(self.display_bus), self.button)


def pulses(changes: "list[tuple[int, int]]", since: int = 0) -> "list[tuple[int, int, int]]":
    """(tick at its beginning, length in ms, level) of each stretch in `changes`, from `since` on, that is over."""
    found = []
    for index in range(since, len(changes) - 1):
        at_ms, level = changes[index]
        if level:
            found.append((at_ms, _since(changes[index + 1][0], at_ms), level))
    return found


def _keep(changes: "list[tuple[int, int]]", change: "tuple[int, int]") -> None:
    if len(changes) >= _KEPT_MOST:
        del changes[: _KEPT_MOST // 2]
    changes.append(change)


def _since(later_ms: int, earlier_ms: int) -> int:
    return ((later_ms - earlier_ms + _HALF) & _MASK) - _HALF
