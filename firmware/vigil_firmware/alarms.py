"""Alarm conditions, evaluated once a second on the device. Words as in IEC 60601-1-8.

A physiological condition is raised when valid readings stay beyond the limit for the on-delay and cleared when valid
readings stay inside the limit, by the hysteresis, for the off-delay. A missing reading is no evidence either way: it
never clears a condition and never restarts a delay that already runs.
"""

from vigil_firmware.ticks import ticks_diff
from vigil_wire import conditions, records, statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_firmware.vitals import Measurement, Vitals
    from vigil_wire.settings import Settings

_BELOW = -1
_ABOVE = 1

# condition, measurement, side, limit, on-delay, off-delay (s), hysteresis (the measurement's unit)
_LIMITS = (
    (conditions.SPO2_LOW, "spo2", _BELOW, "spo2_low_deci_pct", "spo2_delay_s", 5, 10),
    (conditions.PULSE_RATE_LOW, "pulse_rate", _BELOW, "pulse_rate_low_deci_bpm", "pulse_rate_delay_s", 5, 20),
    (conditions.PULSE_RATE_HIGH, "pulse_rate", _ABOVE, "pulse_rate_high_deci_bpm", "pulse_rate_delay_s", 5, 20),
    (conditions.TEMPERATURE_LOW, "temperature", _BELOW, "temperature_low_centi_c", "temperature_delay_s", 30, 20),
    (conditions.TEMPERATURE_HIGH, "temperature", _ABOVE, "temperature_high_centi_c", "temperature_delay_s", 30, 20),
)
_SENSOR_OFF_MS = 5_000
_NO_READING_MS = 20_000
_SENSOR_FAULT_MS = 2_000
_TECHNICAL_OFF_MS = 1_000

NO_VALUE = records.NO_S16
_NO_EVIDENCE = 0
_FOR = 1
_AGAINST = 2


class Condition:
    """One condition: whether it is active, and for how long the evidence has pointed the other way."""

    def __init__(self, number: int, on_delay_ms: int, off_delay_ms: int) -> None:
        self.number = number
        self.on_delay_ms = on_delay_ms
        self._off_delay_ms = off_delay_ms
        self.active = False
        self._contrary = False
        self._since_ms = 0

    def weigh(self, evidence: int, now_ms: int) -> int:
        """Take one second's evidence in; RAISED or CLEARED when the condition just changed, else 0."""
        if evidence == _NO_EVIDENCE:
            return 0
        if (evidence == _FOR) == self.active:
            self._contrary = False
            return 0
        if not self._contrary:
            self._contrary = True
            self._since_ms = now_ms
        delay_ms = self._off_delay_ms if self.active else self.on_delay_ms
        if ticks_diff(now_ms, self._since_ms) < delay_ms:
            return 0
        self.active = not self.active
        self._contrary = False
        return conditions.RAISED if self.active else conditions.CLEARED

    @property
    def onset_ms(self) -> int:
        """Tick at which the evidence for the last change began."""
        return self._since_ms


class Limit:
    """A physiological limit on one measurement."""

    def __init__(self, row: "tuple[int, str, int, str, str, int, int]", settings: "Settings") -> None:
        number, self._measurement, self._side, limit, delay, off_delay_s, self._hysteresis = row
        self._limit: int = getattr(settings, limit)
        self.condition = Condition(number, getattr(settings, delay) * 1000, off_delay_s * 1000)

    def measurement(self, vitals: "Vitals") -> "Measurement":
        """The measurement this limit watches."""
        watched: Measurement = getattr(vitals, self._measurement)
        return watched

    def evidence(self, measurement: "Measurement") -> int:
        """What this second's reading says about the condition."""
        if not measurement.has_value:
            return _NO_EVIDENCE
        beyond = (measurement.value - self._limit) * self._side
        if self.condition.active:
            return _FOR if beyond > -self._hysteresis else _AGAINST
        return _FOR if beyond > 0 else _AGAINST


class Alarms:
    """All conditions of the device. `bits` has one bit for each that is active, as in the advert."""

    def __init__(self, settings: "Settings", announce: "Callable[[int, int, int, int], None]") -> None:
        """`announce(condition, event, value, onset_ms)` is called at every change; a technical one has NO_VALUE."""
        self._announce = announce
        self._sensor_off = Condition(conditions.SENSOR_OFF, _SENSOR_OFF_MS, _TECHNICAL_OFF_MS)
        self._no_reading = Condition(conditions.NO_READING, _NO_READING_MS, _TECHNICAL_OFF_MS)
        self._sensor_fault = Condition(conditions.SENSOR_FAULT, _SENSOR_FAULT_MS, _TECHNICAL_OFF_MS)
        self.bits = 0
        self.apply(settings)

    def apply(self, settings: "Settings") -> None:
        """Take new limits into use. An active condition stays active until readings clear it under the new limit."""
        self._limits = [Limit(row, settings) for row in _LIMITS]
        for limit in self._limits:
            limit.condition.active = bool(self.bits >> limit.condition.number & 1)

    def evaluate(self, vitals: "Vitals", now_ms: int) -> None:
        """Judge one second's vitals."""
        for limit in self._limits:
            measurement = limit.measurement(vitals)
            self._weigh(limit.condition, limit.evidence(measurement), measurement.value, now_ms)
        pulse = vitals.pulse_rate.status
        is_off = pulse == statuses.SENSOR_OFF
        is_fault = pulse == statuses.SENSOR_FAULT or vitals.temperature.status == statuses.SENSOR_FAULT
        is_fault = is_fault or vitals.spo2.status == statuses.SENSOR_FAULT
        has_reading = vitals.pulse_rate.has_value and vitals.spo2.has_value
        self._weigh(self._sensor_off, _FOR if is_off else _AGAINST, NO_VALUE, now_ms)
        self._weigh(self._sensor_fault, _FOR if is_fault else _AGAINST, NO_VALUE, now_ms)
        # While the sensor is known to be off or broken, that is the condition to mend; until its own alarm says so,
        # the wait for a reading goes on, so that a sensor that comes and goes is not passed over.
        if has_reading or self._sensor_off.active or self._sensor_fault.active:
            evidence = _AGAINST
        elif is_off or pulse == statuses.SENSOR_FAULT:
            evidence = _NO_EVIDENCE
        else:
            evidence = _FOR
        self._weigh(self._no_reading, evidence, NO_VALUE, now_ms)

    def _weigh(self, condition: Condition, evidence: int, value: int, now_ms: int) -> None:
        event = condition.weigh(evidence, now_ms)
        if event:
            self.bits ^= 1 << condition.number
            self._announce(condition.number, event, value, condition.onset_ms)
