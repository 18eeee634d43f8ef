"""A monitor whose vitals a test says, at the side of its wearer: with light, sound, display and button."""

from collections.abc import Callable
from typing import Any

from vigil_firmware.button import Button
from vigil_firmware.indicators import Indicators
from vigil_firmware.ticks import ticks_diff
from vigil_hal.simulated.panel import SimulatedPanel, pulses
from vigil_wire import conditions, statuses
from vigil_wire.conditions import HIGH, LOW, MEDIUM

TEST_OVER_S = 5
VERY_LOW = 850  # SpO2 in 0.1 %, of high priority after ten seconds
LOW_SPO2 = 930  # of medium priority after thirty, as the general curve's guard is taken off


class Bedside:
    """A monitor whose vitals the test says, with a panel that it watches; `run` is the board's loop and its timer."""

    def __init__(self, make_rig: Any, first_tick: int = 0, timer_ms: int = 20) -> None:
        self.rig = make_rig(first_tick=first_tick)
        self.monitor = self.rig.monitor
        self.alarms = self.monitor.alarms
        self.timer_ms = timer_ms
        self.parts = SimulatedPanel(self.rig.now)
        self.indicators = Indicators(self.parts.panel, self.monitor, self.rig.now())
        self.pairings = 0
        assert self.parts.panel.button is not None
        self.button = Button(self.parts.panel.button, self.alarms, self._pair, self.rig.now())
        self.show()

    def _pair(self) -> None:
        self.pairings += 1

    def show(self, spo2: int | None = 970, pulse: int | None = 720, why: int = statuses.SENSOR_OFF) -> None:
        """From now on the monitor has these readings; None is none, because of `why`."""
        vitals = self.monitor.vitals
        vitals.temperature.publish(3670, statuses.VALIDATED)
        for measurement, value in ((vitals.spo2, spo2), (vitals.pulse_rate, pulse)):
            if value is None:
                measurement.withhold(why)
            else:
                measurement.publish(value, statuses.VALIDATED)

    def run(self, seconds: float, late: Callable[[int], bool] = lambda ms: False) -> None:
        """Let time pass. `late`: whether the interpreter is blocked at this elapsed ms, so that nothing runs."""
        until_ms = self.rig.elapsed_ms + round(seconds * 1000)
        is_tick_due = is_step_due = is_second_due = False
        while self.rig.elapsed_ms < until_ms:
            self.rig.elapsed_ms += 1
            ms = self.rig.elapsed_ms
            is_tick_due |= self.timer_ms > 0 and ms % self.timer_ms == 0
            is_step_due |= ms % 100 == 0
            is_second_due |= ms % 1000 == 0
            if late(ms):
                continue
            if is_tick_due:
                is_tick_due = False
                self.indicators.tick(self.rig.now())
                self.button.contact.tick(self.rig.now())
            if is_step_due:
                is_step_due = False
                if is_second_due:
                    is_second_due = False
                    self.monitor.take(self.rig.now())
                self.button.step(self.rig.now())
                self.indicators.step(self.rig.now())

    def until(self, reached: Callable[[], bool], most_s: int = 60) -> None:
        """Run on to the step at which this is so."""
        for _ in range(most_s * 10):
            if reached():
                return
            self.run(0.1)
        raise AssertionError("it did not come to that")

    def begin(self, priority: int) -> None:
        """Let an alarm of this priority begin, after the self-test."""
        self.run(TEST_OVER_S)
        self.show(*{HIGH: (VERY_LOW, 720), MEDIUM: (LOW_SPO2, 720), LOW: (None, None)}[priority])
        if priority == LOW:
            self.until(lambda: self.alarms.bits >> conditions.SENSOR_OFF & 1 == 1)
        self.until(lambda: self.alarms.audible == priority)
        assert self.alarms.visible == priority

    def press(self, for_ms: int = 150) -> None:
        """Press the button and see what comes of it."""
        self.parts.button.press(self.rig.now(), for_ms)
        self.run(max(for_ms + 150, 300) / 1000)

    def tones(self, since_ms: int = 0) -> list[tuple[int, int]]:
        """(elapsed ms at its beginning, its length) of each tone that began at `since_ms` or later."""
        tones = pulses(self.parts.buzzer.changes)
        assert {hz for _, _, hz in tones} <= {650}
        found = [(ticks_diff(at_ms, self.rig.first_tick), length) for at_ms, length, _ in tones]
        return [tone for tone in found if tone[0] >= since_ms]

    def bursts(self, since_ms: int = 0) -> list[list[tuple[int, int]]]:
        """The tones, where more than 1.5 s of silence part two bursts."""
        bursts: list[list[tuple[int, int]]] = []
        for at_ms, length in self.tones(since_ms):
            if bursts and at_ms - sum(bursts[-1][-1]) <= 1_500:
                bursts[-1].append((at_ms, length))
            else:
                bursts.append([(at_ms, length)])
        return bursts

    @property
    def now_ms(self) -> int:
        """Elapsed ms."""
        elapsed: int = self.rig.elapsed_ms
        return elapsed

    @property
    def is_sounding(self) -> bool:
        """Whether the buzzer sounds at this instant."""
        return bool(self.parts.buzzer.changes) and self.parts.buzzer.changes[-1][1] > 0

    @property
    def lines(self) -> list[str]:
        """What can be read on the display, once all was sent that it is to say."""
        return self.parts.oled.lines()

    def events(self) -> list[tuple[int, int]]:
        """(condition, event) of each alarm record."""
        events: list[tuple[int, int]] = self.rig.alarm_events()
        return events
