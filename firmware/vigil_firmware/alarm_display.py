"""What a small display says: four lines of sixteen characters, with the cause of an alarm first.

    Low oxygen        the condition to name first
    SpO2 91 % +-4     what it is about; "last 91 % +-4" when that is no longer measured
    uncalibrated      or: no signal
    PAUSED 95 s +2    or: acknowledged, is over now, STANDBY 7:59; +2: two more conditions are active

While nothing is active, or only what is of low priority and silenced: SpO2, pulse and temperature, "--" where there is
no reading; then the standby, the condition, or "uncalibrated". Lines are new strings, made once a second at most.
"""

from vigil_wire import conditions, records
from vigil_wire.conditions import LOW, NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.monitor import Monitor
    from vigil_firmware.vitals import Measurement
    from vigil_hal.seams import Display

LINES = 4
COLUMNS = 16
_LINE_PIXELS = 16  # from line to line: room for a bigger font
_UNCALIBRATED = "uncalibrated"
_NO_SIGNAL = "no signal"
_RETRY_S = 10  # a display that did not answer costs time at each try
_NEVER = -1

_SPO2 = 0
_PULSE = 1
_TEMPERATURE = 2
_RESPIRATION = 3
_LABELS = ("SpO2 ", "Pulse ", "", "Breaths ")
_NUMBERS = ("%d %%", "%d bpm", "", "%d /min")
_MEASURED = ("spo2", "pulse_rate", "temperature", "respiration")
_ABOUT = {
    "spo2": _SPO2, "spo2_fall": _SPO2, "pulse_rate": _PULSE, "temperature": _TEMPERATURE,
    "temperature_change": _TEMPERATURE, "respiration": _RESPIRATION,
}  # fmt: skip


class AlarmDisplay:
    """Keeps a display up to date: it is written once a second at most, and only when it says something else."""

    def __init__(self, display: "Display", monitor: "Monitor") -> None:
        self.fault = ""
        self._display = display
        self._monitor = monitor
        self._last = [_NEVER] * len(_MEASURED)  # the newest readings
        self._second = _NEVER
        self._revision = _NEVER
        self._notice = ""
        self._more = 0
        self._retry_s = 0
        self._shown = [""] * LINES
        self._lines = [""] * LINES

    def step(self, now_ms: int, notice: str) -> None:
        """Show what is so now, or `notice` where it is not empty."""
        monitor = self._monitor
        is_second = monitor.second != self._second
        if not is_second and monitor.alarms.revision == self._revision and notice == self._notice:
            return
        self._notice = notice
        if is_second:
            self._second = monitor.second
            self._retry_s = max(self._retry_s - 1, 0)
            self._remember()
        if monitor.alarms.revision != self._revision:
            self._revision = monitor.alarms.revision
            self._more = self._count() - 1
        self._compose(now_ms, notice)
        if self._lines != self._shown and not self._retry_s:
            self._write()

    def _remember(self) -> None:
        for index in range(len(_MEASURED)):
            measurement = self._measurement(index)
            if measurement.has_value:
                self._last[index] = measurement.value

    def _count(self) -> int:
        """How many conditions are active that are not covered by a worse one."""
        bits = self._monitor.alarms.bits
        count = 0
        for number in range(len(conditions.TABLE)):
            worse = conditions.COVERED_BY.get(number)
            if bits >> number & 1 and (worse is None or not bits >> worse & 1):
                count += 1
        return count

    def _compose(self, now_ms: int, notice: str) -> None:
        lines = self._lines
        alarms = self._monitor.alarms
        for index in range(LINES):
            lines[index] = ""
        if notice:
            lines[0] = notice
        elif alarms.visible <= LOW and alarms.audible == NONE:
            self._compose_values(alarms.top, now_ms)
        else:
            kind = conditions.TABLE[alarms.top]
            lines[0] = kind.text
            self._compose_about(kind.signal)
            state = self._state(alarms.top, now_ms)
            if self._more > 0:
                state = "%s +%d" % (state, self._more) if state else "+%d more" % self._more
            lines[3] = state

    def _compose_values(self, top: int, now_ms: int) -> None:
        lines = self._lines
        lines[0] = self._named(_SPO2) if self._has_value(_SPO2) else "SpO2 --"
        lines[1] = self._named(_PULSE) if self._has_value(_PULSE) else "Pulse --"
        if self._monitor.has_thermometer:
            lines[2] = self._number(_TEMPERATURE) if self._has_value(_TEMPERATURE) else "-- C"
        if self._monitor.alarms.is_standby:
            lines[3] = self._state(top, now_ms)
        elif top >= 0:
            lines[3] = conditions.TABLE[top].text
        elif self._has_value(_SPO2) and self._is_uncalibrated(_SPO2):
            lines[3] = _UNCALIBRATED

    def _compose_about(self, signal: str) -> None:
        lines = self._lines
        index = _ABOUT.get(signal, _NEVER)
        if index != _NEVER and self._has_value(index):
            lines[1] = self._named(index)
            lines[2] = _UNCALIBRATED if self._is_uncalibrated(index) else ""
        elif index != _NEVER:
            lines[1] = "" if self._last[index] == _NEVER else "last " + self._number(index)
            lines[2] = _NO_SIGNAL
        elif signal == "battery" and self._monitor.battery_pct != records.NO_U8:
            lines[1] = "%d %%" % self._monitor.battery_pct

    def _named(self, index: int) -> str:
        return _LABELS[index] + self._number(index)

    def _number(self, index: int) -> str:
        """The newest reading, in at most 10 characters."""
        value = (self._last[index] + 5) // 10
        if index == _TEMPERATURE:
            return "%d.%d C" % (value // 10, value % 10)
        if index == _SPO2 and self._is_uncalibrated(index):
            return "%d %% +-4" % value
        return _NUMBERS[index] % value

    def _is_uncalibrated(self, index: int) -> bool:
        return index == _SPO2 and not self._monitor.vitals.spo2_is_calibrated

    def _has_value(self, index: int) -> bool:
        return self._measurement(index).has_value

    def _state(self, top: int, now_ms: int) -> str:
        alarms = self._monitor.alarms
        if alarms.is_standby:
            minutes = (alarms.standby_left_ms + 59_999) // 60_000
            return "STANDBY %d:%02d" % (minutes // 60, minutes % 60)
        if alarms.audible < alarms.visible:
            if alarms.acknowledged_bits >> top & 1:
                return "acknowledged"
            return "PAUSED %d s" % alarms.pause_left_s(now_ms)
        return "is over now" if alarms.latched_bits >> top & 1 else ""

    def _measurement(self, index: int) -> "Measurement":
        measurement: Measurement = getattr(self._monitor.vitals, _MEASURED[index])
        return measurement

    def _write(self) -> None:
        display = self._display
        try:
            display.fill(0)
            for index in range(LINES):
                display.text(self._lines[index], 0, index * _LINE_PIXELS)
            display.show()
        except OSError as error:
            self.fault = "the display does not answer (errno %s); check its wiring" % error.errno
            self._retry_s = _RETRY_S
            return
        self.fault = ""
        for index in range(LINES):
            self._shown[index] = self._lines[index]
