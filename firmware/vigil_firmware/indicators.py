"""Alarm signals at the device: shows `Monitor.alarms` with light, sound, vibration and display.

The light shows the highest priority that is active, acknowledged or not. The sound is that of the highest priority that
is audible, over and over; low priority sounds once, when it begins. Vibration goes with the sound. While something of
medium or high priority is active and silent, a short tone reminds of it every two minutes.

`step` decides what is shown, each 100 ms, in the device's loop. `tick` makes the edges of pulses: it does little, and a
board calls it from a timer each `pattern_player.TICK_MS`, because a step may last longer than a pulse. The timer's
callback runs between two bytecodes of the step, so an edge waits only for what is one call into MicroPython: a garbage
collection, a transaction on the bus, an erased sector of flash (45 ms as a rule, 400 ms at worst). Where nothing calls
`tick`, the steps alone make patterns that still keep to their limits, if they come on time.

A part that raises OSError is named in `fault` and tried again; it stops nothing else.
"""

from vigil_firmware import alarm_patterns
from vigil_firmware.pattern_player import PatternPlayer
from vigil_firmware.ticks import ticks_diff
from vigil_hal.light import OFF
from vigil_wire.conditions import HIGH, LOW, MEDIUM, NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.alarm_display import AlarmDisplay
    from vigil_firmware.monitor import Monitor
    from vigil_hal.panel import Panel
    from vigil_hal.seams import Output

_RETRY_MS = 500
_EIO = 5
_TEST_NOTICE = "Signal test"
_UNKNOWN = -1


class OutputPart:
    """A light, a buzzer or a motor that is told its level when that changes, and again when it did not take it."""

    def __init__(self, name: str, output: "Output | None") -> None:
        self.fault = ""
        self._name = name
        self._output = output
        self._level = _UNKNOWN
        self._is_waiting = False  # to try again
        self._failed_ms = 0

    def set(self, level: int, now_ms: int) -> None:
        """Switch it to this level."""
        output = self._output
        if output is None or level == self._level:
            return
        if self._is_waiting and ticks_diff(now_ms, self._failed_ms) < _RETRY_MS:
            return
        errno = _switch(output, level)
        self._is_waiting = errno != 0
        if errno:
            self._level = _UNKNOWN
            self._failed_ms = now_ms
            self.fault = "the %s fails (errno %d); check its wiring" % (self._name, errno)
        else:
            self._level = level
            self.fault = ""


def _switch(output: "Output", level: int) -> int:
    """Switch it; the error's number where it does not take that, else 0."""
    try:
        output.value(level)
        return 0
    except OSError as error:
        return error.errno or _EIO


def _display_on(panel: "Panel", monitor: "Monitor") -> "AlarmDisplay | None":
    """What writes on the display; its module is in memory only where there is one."""
    if panel.display is None:
        return None
    from vigil_firmware.alarm_display import AlarmDisplay

    return AlarmDisplay(panel.display, monitor)


class Indicators:
    """All of a device's alarm signals. They are tried once when the power comes, and when a host asks for it."""

    def __init__(self, panel: "Panel", monitor: "Monitor", now_ms: int) -> None:
        self._monitor = monitor
        self._light = OutputPart("light", panel.light)
        self._buzzer = OutputPart("buzzer", panel.buzzer)
        self._vibration = OutputPart("vibration motor", panel.vibration)
        self._display = _display_on(panel, monitor)
        self._sound = PatternPlayer(now_ms)
        self._flash = PatternPlayer(now_ms)
        self._colour = OFF
        self._shown = NONE  # the priority that the light shows
        self._sounding = NONE  # the priority whose bursts go on
        self._sounded_bits = 0  # what was heard since it began
        self._is_silenced = False
        self._reminded_ms = now_ms
        self._testing = HIGH  # the priority that is tried now; NONE: no test
        self._is_test_begun = False
        self._is_ticking = False

    @property
    def fault(self) -> str:
        """What does not work, or ""."""
        display = "" if self._display is None else self._display.fault
        return self._buzzer.fault or self._light.fault or self._vibration.fault or display

    @property
    def is_testing(self) -> bool:
        """Whether the signals are being tried."""
        return self._testing != NONE

    def step(self, now_ms: int) -> None:
        """Take on what the alarms say now."""
        monitor = self._monitor
        audible = monitor.alarms.audible
        if monitor.must_try_signals:
            monitor.must_try_signals = False
            self._testing = HIGH
            self._is_test_begun = False
        if audible >= MEDIUM:
            self._testing = NONE  # what sounds in earnest is test enough
        if self._testing:
            self._test(now_ms)
        else:
            self._sound_alarms(audible, now_ms)
            self._remind(now_ms)
        self._show_priority(self._testing or monitor.alarms.visible, now_ms)
        if self._display is not None:
            self._display.step(now_ms, _TEST_NOTICE if self._testing else "")
        self.tick(now_ms)

    def tick(self, now_ms: int) -> None:
        """Make the edges that are due. It may interrupt `step`, and itself there."""
        if self._is_ticking:
            return
        self._is_ticking = True
        try:
            self._sound.tick(now_ms)
            self._flash.tick(now_ms)
            self._buzzer.set(self._sound.level, now_ms)
            self._vibration.set(self._sound.level, now_ms)
            self._light.set(self._colour if self._flash.level else OFF, now_ms)
        finally:
            self._is_ticking = False

    def confirm(self, now_ms: int) -> None:
        """Let it be felt and heard that the button has done something, where no alarm sounds."""
        if self._monitor.alarms.audible < MEDIUM and not self._testing:
            self._sound.begin(alarm_patterns.DONE, False, now_ms)
            self.tick(now_ms)

    def switch_off(self, now_ms: int) -> None:
        """Make light and sound end, before nobody steps any more."""
        self._sound.stop(now_ms)
        self._flash.stop(now_ms)
        self.tick(now_ms)

    def _sound_alarms(self, audible: int, now_ms: int) -> None:
        alarms = self._monitor.alarms
        sound = self._sound
        unanswered = alarms.bits & ~alarms.acknowledged_bits
        self._sounded_bits &= unanswered
        if audible < self._sounding and alarms.visible > audible:
            sound.stop(now_ms)  # somebody silenced it; one that ended by itself sounds to the end of its burst
        if audible >= MEDIUM:
            if audible > self._sounding or self._is_burst_due(audible, now_ms):
                sound.begin(alarm_patterns.BURSTS[audible], False, now_ms)
        elif audible == LOW and unanswered & ~self._sounded_bits and not sound.is_playing:
            self._sounded_bits = unanswered
            sound.begin(alarm_patterns.BURSTS[LOW], False, now_ms)
        self._sounding = audible

    def _is_burst_due(self, priority: int, now_ms: int) -> bool:
        sound = self._sound
        return not sound.is_playing and ticks_diff(now_ms, sound.ended_ms) >= alarm_patterns.BURST_GAPS_MS[priority]

    def _remind(self, now_ms: int) -> None:
        alarms = self._monitor.alarms
        if alarms.visible < MEDIUM or alarms.audible >= MEDIUM:
            self._is_silenced = False
        elif not self._is_silenced:
            self._is_silenced = True
            self._reminded_ms = now_ms
        elif ticks_diff(now_ms, self._reminded_ms) >= alarm_patterns.REMINDER_MS:
            self._reminded_ms = now_ms
            self._sound.begin(alarm_patterns.REMINDER, False, now_ms)

    def _show_priority(self, priority: int, now_ms: int) -> None:
        if priority == self._shown:
            return
        self._shown = priority
        self._colour = alarm_patterns.COLOURS[priority]
        if priority == NONE:
            self._flash.stop(now_ms)
        else:
            self._flash.begin(alarm_patterns.FLASHES[priority], True, now_ms)

    def _test(self, now_ms: int) -> None:
        """Go through the priorities from high to low, each as it would be in earnest."""
        if not self._is_test_begun:
            self._is_test_begun = True
            self._sounding = NONE
            self._sound.begin(alarm_patterns.TESTS[self._testing], False, now_ms)
        elif not self._sound.is_playing and ticks_diff(now_ms, self._sound.ended_ms) >= alarm_patterns.TEST_GAP_MS:
            self._testing -= 1
            if self._testing:
                self._sound.begin(alarm_patterns.TESTS[self._testing], False, now_ms)
