"""What alarm conditions watch: each signal is a measurement, in its own small unit, made of one second's vitals.

The physiological signals are the vitals, as far as they may be judged. The technical ones say how the equipment is: 1
where something is so, 0 where it is not, and no value where nobody knows.
"""

from vigil_firmware.vitals import Measurement, Vitals
from vigil_wire import records, statuses
from vigil_wire.settings import CORE_SITES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_wire.conditions import Kind
    from vigil_wire.settings import Settings

# The general curve reads about 2 points too high (docs/signal.md): that much is taken off before limits are compared.
UNCALIBRATED_GUARD_DECI_PCT = 20
NO_VALUE = records.NO_S16
_MOST_S16 = 32_767
_FALL_SPAN_S = 10
_FALL_SPANS = 6
_BASELINE_SHIFT = 13  # the baseline follows with a time constant of 2^13 s, 2.3 hours
_BASELINE_LEAST_S = 1800


# Where a signal about the wearer comes from, in the vitals.
_SOURCES = {
    "spo2": "spo2",
    "spo2_fall": "spo2",
    "pulse_rate": "pulse_rate",
    "temperature": "temperature",
    "temperature_change": "temperature",
    "respiration": "respiration",
}


class Signals:
    """The signals of the newest second; see the names in `vigil_wire.conditions.TABLE`.

    Those from `rate_error` on are the caller's to fill in, with `know` or `say`.
    """

    def __init__(self, settings: "Settings") -> None:
        self.spo2 = Measurement()  # 0.1 %, with the guard taken off
        self.spo2_fall = Measurement()  # 0.1 %, below the best ten seconds of the last minute
        self.pulse_rate = Measurement()  # 0.1 bpm
        self.temperature = Measurement()  # 0.01 C, at sites that stand for the body's core only
        self.temperature_change = Measurement()  # 0.01 C, from the wearer's own baseline, at other sites
        self.respiration = Measurement()  # 0.1 breaths a minute
        self.sensor_off = Measurement()
        self.no_reading = Measurement()
        self.sensor_fault = Measurement()
        self.low_perfusion = Measurement()
        self.rate_error = Measurement()  # permille, without its sign; unknown: nobody knows, or there is no such part
        self.battery = Measurement()  # %
        self.unsent = Measurement()  # % of the journal's room, what no host has yet
        self.storage_fault = Measurement()
        self.panel_fault = Measurement()  # light, sound, display or button
        self.accelerometer_fault = Measurement()
        self.battery_fault = Measurement()
        self.bridge_silent = Measurement()  # s; unknown: none has ever been here
        self.clock_unset = Measurement()  # s
        self.restarted = Measurement()  # by the watchdog
        for fault in (self.storage_fault, self.panel_fault, self.accelerometer_fault, self.battery_fault):
            fault.say(False)
        self._fall = _Fall()
        self._baseline = _Baseline()
        self.use(settings)

    def use(self, settings: "Settings") -> None:
        """Take the settings that decide what may be judged."""
        self._spo2_warning = settings.spo2_low_deci_pct
        self._is_core = settings.temperature_site in CORE_SITES
        self._has_respiration = settings.respiration_alarms != 0

    def of(self, name: str) -> Measurement:
        """The signal of this name; always the same object."""
        signal: Measurement = getattr(self, name)
        return signal

    def is_watched(self, name: str) -> bool:
        """Whether the settings have this signal judged at all."""
        if name == "temperature":
            return self._is_core
        if name == "temperature_change":
            return not self._is_core
        return name != "respiration" or self._has_respiration

    def shown(self, kind: "Kind") -> int:
        """What a condition is about, as it is shown to people (s16); NO_VALUE where it is a plain yes or no."""
        if kind.signal in _SOURCES:
            measured: Measurement = getattr(self._vitals, _SOURCES[kind.signal])
            return measured.value_or(NO_VALUE)
        if kind.limit == 0:
            return NO_VALUE
        return min(self.of(kind.signal).value_or(NO_VALUE), _MOST_S16)

    def take(self, vitals: Vitals, is_standby: bool, is_named: bool) -> None:
        """Make the signals of one more second. `is_named`: an alarm already says why there is no reading."""
        self._vitals = vitals
        is_away = is_standby and is_off(vitals)
        if is_away:
            self._withhold_vitals()
        else:
            self._take_vitals(vitals)
        self.sensor_off.say(is_off(vitals) and not is_away)
        self.sensor_fault.say(_has_fault(vitals))
        self.low_perfusion.say(vitals.pulse_rate.status == statuses.LOW_PERFUSION)
        # Until an alarm says that the sensor is off or broken the wait for a reading goes on, so that a sensor that
        # comes and goes is not passed over.
        self.no_reading.say(not (is_named or is_away or is_read(vitals)))

    def _take_vitals(self, vitals: Vitals) -> None:
        _copy(vitals.pulse_rate, self.pulse_rate)
        spo2 = vitals.spo2
        if spo2.has_value:
            guard = 0 if vitals.spo2_is_calibrated else UNCALIBRATED_GUARD_DECI_PCT
            self.spo2.publish(spo2.value - guard, spo2.status)
        else:
            self.spo2.withhold(spo2.status)
        self._fall.take(self.spo2, self._spo2_warning, self.spo2_fall)
        temperature = vitals.temperature
        if self._is_core:
            _copy(temperature, self.temperature)
            self.temperature_change.withhold(statuses.UNAVAILABLE)
        else:
            self.temperature.withhold(statuses.UNAVAILABLE)
            if vitals.pulse_rate.has_value:  # else it may be the room's
                self._baseline.take(temperature, self.temperature_change)
            else:
                self.temperature_change.withhold(temperature.status)
        if self._has_respiration:
            _copy(vitals.respiration, self.respiration)
        else:
            self.respiration.withhold(statuses.UNAVAILABLE)

    def _withhold_vitals(self) -> None:
        """What a sensor that was taken off on purpose measures is nobody's."""
        self.spo2.withhold(statuses.STANDBY)
        self._fall.take(self.spo2, self._spo2_warning, self.spo2_fall)
        self.pulse_rate.withhold(statuses.STANDBY)
        self.temperature.withhold(statuses.STANDBY)
        self.temperature_change.withhold(statuses.STANDBY)
        self.respiration.withhold(statuses.STANDBY)


class _Fall:
    """How far SpO2 is below the best ten seconds of the last minute, where it is also below the warning limit."""

    def __init__(self) -> None:
        self._means = [0] * _FALL_SPANS  # 0: no reading in that span
        self._newest = 0
        self._second = 0
        self._sum = 0
        self._count = 0

    def take(self, spo2: Measurement, warning: int, fall: Measurement) -> None:
        if spo2.has_value:
            fall.publish(self._below_best(spo2.value) if spo2.value < warning else 0, spo2.status)
            self._sum += spo2.value
            self._count += 1
        else:
            fall.withhold(spo2.status)
        self._second += 1
        if self._second >= _FALL_SPAN_S:
            self._means[self._newest] = self._sum // self._count if self._count else 0
            self._newest = (self._newest + 1) % _FALL_SPANS
            self._second = self._sum = self._count = 0

    def _below_best(self, value: int) -> int:
        return max(max(self._means) - value, 0)


class _Baseline:
    """The wearer's usual temperature at this site, and how far from it the newest is; none in the first half hour."""

    def __init__(self) -> None:
        self._sum = 0  # the mean, times 2^_BASELINE_SHIFT
        self._count = 0

    def take(self, temperature: Measurement, change: Measurement) -> None:
        if not temperature.has_value:
            change.withhold(temperature.status)
            return
        if self._count == 0:
            self._sum = temperature.value << _BASELINE_SHIFT
        if self._count < 1 << _BASELINE_SHIFT:
            self._count += 1
        # In the beginning a plain mean, so that the first reading does not weigh for hours.
        self._sum += ((temperature.value << _BASELINE_SHIFT) - self._sum) // self._count
        if self._count < _BASELINE_LEAST_S:
            change.withhold(statuses.ACQUIRING)
        else:
            change.publish(abs(temperature.value - (self._sum >> _BASELINE_SHIFT)), temperature.status)


def is_off(vitals: Vitals) -> bool:
    """Whether the sensor touches nobody."""
    pulse = vitals.pulse_rate.status
    return pulse == statuses.SENSOR_OFF or pulse == statuses.STANDBY


def is_read(vitals: Vitals) -> bool:
    """Whether pulse and oxygen have a reading."""
    return vitals.pulse_rate.has_value and vitals.spo2.has_value


def _has_fault(vitals: Vitals) -> bool:
    fault = statuses.SENSOR_FAULT
    return vitals.pulse_rate.status == fault or vitals.spo2.status == fault or vitals.temperature.status == fault


def _copy(measurement: Measurement, signal: Measurement) -> None:
    signal.value = measurement.value
    signal.status = measurement.status
