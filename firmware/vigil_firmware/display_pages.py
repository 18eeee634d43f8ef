"""What a small display says: the values, or an alarm with its cause first. docs/display.md shows each picture.

    values                  alarm                   alarm, its value lost

    14:05 UTC  YB100%       Low oxygen              Low oxygen
    SpO2 %  Pulse           (twice as high)         (twice as high)
     9 7     7 2            MEDIUM alarm +2         MEDIUM alarm +2
     9 7     7 2   (big)     9 1   SpO2 %           --     SpO2 %
     9 7     7 2             9 1   (big)            --     no signal
    +-4 uncalibrated         9 1                    --     for 40 s
    36.7 C PI 2.1% |        +-4 uncalibrated        last 91 % +-4
    (what else there is)    PAUSED 95 s             acknowledged

A value that is not measured now never stands where values do: there are dashes, and the last one is called that, with
its age. Values come back while nothing is active, or only what is of low priority and silenced. A display that is 32
pixels high has the gist of it on four rows. Nothing here makes an object, but for the words of a condition.
"""

from vigil_hal.glyphs import BATTERY, BLANK, BRIDGE, DEGREE, HEART, NO_BRIDGE, SIGNAL_0, SILENT
from vigil_wire import conditions, records
from vigil_wire.conditions import HIGH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.monitor import Monitor
    from vigil_firmware.vitals import Measurement
    from vigil_hal.seams import Display

FREE_ROW = 7  # of the values: empty while there is no standby and no condition to name
_MOVE_S = 240  # what is always lit at one place burns in
_FEW_ROWS = 4  # of a display that is 32 pixels high
_RIGHT = 8  # the column where the right half begins
_BESIDE = 7  # the column beside big figures
_NEVER = -1
_MINUS = 45

_SPO2 = 0
_PULSE = 1
_TEMPERATURE = 2
_RESPIRATION = 3
_SIGNALS = 4
_LABELS = ("SpO2 ", "Pulse ", "", "Breaths ")
_UNITS = (" %", " bpm", "", " /min")  # a temperature's has a symbol
_HEADS = ("SpO2 %", "Pulse bpm", "Temp. ", "Breaths/m")
_ABOUT = {
    "spo2": _SPO2, "spo2_fall": _SPO2, "pulse_rate": _PULSE, "temperature": _TEMPERATURE,
    "temperature_change": _TEMPERATURE, "respiration": _RESPIRATION,
}  # fmt: skip
# Why there is no reading, by its status (vigil_wire.statuses).
_REASONS = (
    "no sensor", "", "", "", "measuring ...", "sensor is off", "weak blood flow", "poor signal", "erratic signal",
    "out of range", "sensor fault", "not watched",
)  # fmt: skip
# What a display calls each condition (vigil_wire.conditions), by its number: at most 16 characters.
TEXTS = (
    "Low oxygen", "Slow pulse", "Fast pulse", "Low temperature", "High temperature", "Sensor is off", "No reading",
    "Sensor fault", "VERY LOW OXYGEN", "OXYGEN FALLING", "VERY SLOW PULSE", "VERY FAST PULSE", "VERY COLD",
    "VERY HOT", "SLOW BREATHING", "Fast breathing", "Warmer or colder", "Weak blood flow", "Sensor off speed",
    "Battery low", "Battery empty", "Memory filling", "Memory fault", "Light or sound", "Clock is not set",
    "It was restarted", "No bridge", "Motion sensor", "Battery unknown",
)  # fmt: skip
_PRIORITIES = ("", "LOW", "MEDIUM", "HIGH")
_BRIDGE_SILENT_S = 900  # as the condition "No bridge" has it


class Pages:
    """Writes into a display what a monitor knows; who has it shows it."""

    def __init__(self, display: "Display", monitor: "Monitor") -> None:
        self._display = display
        self._monitor = monitor
        self._last = [0] * _SIGNALS  # the newest readings
        self._last_s = [_NEVER] * _SIGNALS  # and the second of each

    def remember(self) -> None:
        """Keep this second's readings."""
        for index in range(_SIGNALS):
            measurement = self._measurement(index)
            if measurement.has_value:
                self._last[index] = measurement.value
                self._last_s[index] = self._monitor.second

    def write_notice(self, text: str) -> None:
        """One line of words."""
        self._display.fill(0)
        self._heading(text, False)

    def write_passkey(self, passkey: int) -> None:
        """Six digits, for a phone that pairs."""
        display = self._display
        display.fill(0)
        self._put(0, 0, "Code for pairing")
        for column in range(12, 0, -2):
            display.figure(passkey % 10, column, 1 if display.rows == _FEW_ROWS else 3)
            passkey //= 10

    def write_values(self) -> None:
        """All that is measured."""
        display = self._display
        display.fill(0)
        if display.rows == _FEW_ROWS:
            self._write_figures(0)
            self._put(6, 0, "%")
            display.at(14, 0)
            display.symbol(HEART)
            display.at(0, 3)
            if not (self._say_standby() or self._say_top() or self._say_reason()):
                self._say_degrees()
                self._put(_BESIDE, 3, "" if self._monitor.vitals.spo2_is_calibrated else "uncal+-4")
            return
        moved = self._monitor.second // _MOVE_S & 1
        self._write_status()
        self._put(0, 4 if moved else 1, "SpO2 %  Pulse")
        self._write_figures(2 - moved)
        display.at(0, 5)
        if not self._say_reason():
            self._say_calibration()
        self._write_small()
        display.at(0, FREE_ROW)
        if not self._say_standby():
            self._say_top()

    def write_alarm(self, number: int, more: int, now_ms: int) -> None:
        """One condition, and how many `more` there are."""
        display = self._display
        priority = self._monitor.alarms.priority_of(number)
        display.fill(0)
        self._heading(TEXTS[number], priority == HIGH)
        display.at(0, 2)
        if display.rows == _FEW_ROWS:
            self._say_about(conditions.TABLE[number].signal)
        else:
            self._say_priority(priority, more)
            self._write_about(conditions.TABLE[number].signal)
        display.at(0, display.rows - 1)
        if not self._say_state(number, now_ms) and display.rows == _FEW_ROWS:
            self._say_priority(priority, more)

    # Groups of rows.

    def _heading(self, text: str, is_inverse: bool) -> None:
        self._put(0, 0, text)
        self._display.heading(0, is_inverse)

    def _write_status(self) -> None:
        """The clock, whether a sound is silenced, whether a bridge was there, and the battery."""
        display = self._display
        monitor = self._monitor
        display.at(0, 0)
        self._say_clock()
        display.at(9, 0)
        display.symbol(SILENT if monitor.alarms.audible < monitor.alarms.visible else BLANK)
        display.symbol(BRIDGE if 0 <= monitor.bridge_silent_s < _BRIDGE_SILENT_S else NO_BRIDGE)
        if monitor.has_battery:
            display.symbol(BATTERY)
            self._say_charge()
            display.text("%")

    def _write_figures(self, row: int) -> None:
        """SpO2 on the left, pulse on the right."""
        self._write_figure_of(_SPO2, 0, row)
        self._write_figure_of(_PULSE, _RIGHT, row)

    def _write_figure_of(self, index: int, column: int, row: int) -> None:
        if self._measurement(index).has_value:
            self._display.figures(self._rounded(index), 3, column, row)
        else:
            self._display.no_figures(2, column + 2, row)

    def _write_small(self) -> None:
        """Temperature, perfusion index and how good the signal is."""
        display = self._display
        vitals = self._monitor.vitals
        display.at(0, 6)
        self._say_degrees()
        if vitals.perfusion.has_value:
            self._put(_BESIDE, 6, "PI ")
            self._say_tenths((vitals.perfusion.value + 5) // 10)
            display.text("%")
        if vitals.pulse_rate.has_value:
            display.at(15, 6)
            display.symbol(SIGNAL_0 + min(vitals.quality // 20, 4))

    def _write_about(self, signal: str) -> None:
        """What an alarm is about, on four rows."""
        index = _ABOUT.get(signal, _NEVER)
        if index == _NEVER and signal == "battery":
            self._write_charge()
        elif index == _NEVER:
            self._write_lines()
        elif self._measurement(index).has_value:
            self._write_big(index)
        else:
            self._write_lost(index)

    def _write_big(self, index: int) -> None:
        display = self._display
        self._put_head(index)
        tenths = (self._last[index] + 5) // 10
        if index != _TEMPERATURE:
            self._write_figure_of(index, 0, 3)
        elif 0 <= tenths < 1000:
            display.figures(tenths // 10, 2, 0, 3)
            display.point(4, 3)
            display.figure(tenths % 10, 5, 3)
        else:
            display.at(0, 4)
            self._say_number(index)
        display.at(0, 6)
        if index == _SPO2:
            self._say_calibration()

    def _write_lost(self, index: int) -> None:
        display = self._display
        display.no_figures(2, 2, 3)
        self._put_head(index)
        self._put(_BESIDE, 4, "no signal")
        if self._last_s[index] != _NEVER:
            self._put(_BESIDE, 5, "for ")
            self._say_age(index)
            self._put(0, 6, "last ")
            self._say_number(index)
            self._say_unit(index)

    def _put_head(self, index: int) -> None:
        """What the big figures are."""
        self._put(_BESIDE, 3, _HEADS[index])
        if index == _TEMPERATURE:
            self._say_unit(index)

    def _write_charge(self) -> None:
        charge = self._monitor.battery_pct
        if charge != records.NO_U8:
            self._display.figures(charge, 3, 0, 3)
        self._put(_BESIDE, 3, "% charge")

    def _write_lines(self) -> None:
        """All values, for an alarm that is about none of them."""
        display = self._display
        self._write_line(_SPO2, 3)
        self._write_line(_PULSE, 4)
        display.at(0, 5)
        self._say_degrees()
        display.at(0, 6)
        if self._measurement(_RESPIRATION).has_value:
            self._write_line(_RESPIRATION, 6)
        elif not self._measurement(_SPO2).has_value and self._last_s[_SPO2] != _NEVER:
            display.text("lost ")
            self._say_age(_SPO2)
            display.text(" ago")

    def _write_line(self, index: int, row: int) -> None:
        self._put(0, row, _LABELS[index])
        if self._measurement(index).has_value:
            self._say_number(index)
            self._say_unit(index)
            return
        self._display.text("--")
        if self._last_s[index] != _NEVER:
            self._display.text(" was ")
            self._say_number(index)

    # Parts of a row, where it is written at.

    def _put(self, column: int, row: int, text: str) -> None:
        self._display.at(column, row)
        self._display.text(text)

    def _say_clock(self) -> None:
        display = self._display
        utc = self._monitor.utc
        if not utc.is_set:
            display.text("--:-- UTC")
            return
        utc.read(self._monitor.uptime.day, self._monitor.uptime.day_ms)
        self._say_hours(utc.day_ms // 60_000, 2)
        display.text(" UTC")

    def _say_hours(self, minutes: int, least_digits: int) -> None:
        display = self._display
        display.number(minutes // 60, least_digits)
        display.text(":")
        display.number(minutes % 60, 2)

    def _say_charge(self) -> None:
        charge = self._monitor.battery_pct
        if charge == records.NO_U8:
            self._display.text("--")
        else:
            self._display.number(charge)

    def _say_reason(self) -> bool:
        """Why SpO2 or pulse is missing; False where neither is."""
        vitals = self._monitor.vitals
        if not vitals.spo2.has_value:
            self._display.text(_REASONS[vitals.spo2.status])
        elif not vitals.pulse_rate.has_value:
            self._display.text(_REASONS[vitals.pulse_rate.status])
        else:
            return False
        return True

    def _say_calibration(self) -> None:
        if not self._monitor.vitals.spo2_is_calibrated:
            self._display.text("+-4 uncalibrated")

    def _say_degrees(self) -> None:
        if self._monitor.has_thermometer:
            self._say_number_or_dashes(_TEMPERATURE)
            self._say_unit(_TEMPERATURE)

    def _say_number(self, index: int) -> None:
        """The newest reading."""
        if index == _TEMPERATURE:
            self._say_tenths((self._last[index] + 5) // 10)
        else:
            self._display.number(self._rounded(index))

    def _say_number_or_dashes(self, index: int) -> None:
        if self._measurement(index).has_value:
            self._say_number(index)
        else:
            self._display.text("--")

    def _say_tenths(self, tenths: int) -> None:
        display = self._display
        if tenths < 0:
            display.symbol(_MINUS)
            tenths = -tenths
        display.number(tenths // 10)
        display.text(".")
        display.number(tenths % 10)

    def _say_unit(self, index: int) -> None:
        self._display.text(_UNITS[index])
        if index == _TEMPERATURE:
            self._display.symbol(DEGREE)
            self._display.text("C")
        if index == _SPO2 and not self._monitor.vitals.spo2_is_calibrated:
            self._display.text(" +-4")

    def _say_age(self, index: int) -> None:
        """For how long there has been no reading: at most five characters."""
        display = self._display
        seconds = self._monitor.second - self._last_s[index]
        if seconds < 100:
            display.number(seconds)
            display.text(" s")
        elif seconds < 6_000:
            display.number(seconds // 60)
            display.text("min")
        else:
            display.number(min(seconds // 3_600, 99))
            display.text(" h")

    def _say_about(self, signal: str) -> None:
        """What an alarm is about, on one row."""
        display = self._display
        index = _ABOUT.get(signal, _NEVER)
        if index == _NEVER and signal == "battery":
            self._say_charge()
            display.text(" % charge")
        elif index == _NEVER:
            self._say_gist()
        elif self._measurement(index).has_value:
            display.text(_LABELS[index])
            self._say_number(index)
            self._say_unit(index)
        elif self._last_s[index] == _NEVER:
            display.text("no signal")
        else:
            self._say_lost(index)

    def _say_lost(self, index: int) -> None:
        display = self._display
        display.text("-- ")
        self._say_age(index)
        display.text(" ago ")
        self._say_number(index)

    def _say_gist(self) -> None:
        """SpO2 and pulse."""
        display = self._display
        self._say_number_or_dashes(_SPO2)
        display.text("% " if self._monitor.vitals.spo2_is_calibrated else "%+-4 ")
        self._say_number_or_dashes(_PULSE)
        display.text(" bpm")

    def _say_priority(self, priority: int, more: int) -> None:
        display = self._display
        display.text(_PRIORITIES[priority])
        display.text(" alarm")
        if more > 0:
            display.text(" +")
            display.number(more)

    def _say_state(self, number: int, now_ms: int) -> bool:
        """What is done about the alarm; False where nothing is."""
        display = self._display
        alarms = self._monitor.alarms
        if self._say_standby():
            return True
        if alarms.acknowledged_bits >> number & 1:
            display.text("acknowledged")
        elif alarms.audible < alarms.visible:
            display.text("PAUSED ")
            display.number(alarms.pause_left_s(now_ms))
            display.text(" s")
        elif alarms.latched_bits >> number & 1:
            display.text("is over now")
        else:
            return False
        return True

    def _say_standby(self) -> bool:
        alarms = self._monitor.alarms
        if not alarms.is_standby:
            return False
        self._display.text("STANDBY ")
        self._say_hours((alarms.standby_left_ms + 59_999) // 60_000, 1)
        return True

    def _say_top(self) -> bool:
        top = self._monitor.alarms.top
        if top < 0:
            return False
        self._display.text(TEXTS[top])
        return True

    def _rounded(self, index: int) -> int:
        return (self._last[index] + 5) // 10

    def _measurement(self, index: int) -> "Measurement":
        vitals = self._monitor.vitals
        if index == _SPO2:
            return vitals.spo2
        if index == _PULSE:
            return vitals.pulse_rate
        return vitals.temperature if index == _TEMPERATURE else vitals.respiration
