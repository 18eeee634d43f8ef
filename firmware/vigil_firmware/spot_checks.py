"""Spot checks, as a fingertip oximeter takes them: put on, settled, one number with its time.

One is taken when SpO2 and pulse rate have both been validated for ten seconds in a row: the first time after the sensor
was put on, and while it is worn again each hour. The newest 24 are kept in RAM, with their uptime, so that one from
before the clock was set gets its time too. They are a copy for gateways: the record has every second of them.
"""

from array import array

from vigil_wire import statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.ticks import Uptime
    from vigil_firmware.vitals import Vitals

SETTLED_S = 10
EVERY_S = 3600
KEPT = 24

_SPO2, _PULSE_RATE, _PERFUSION, _DAY, _DAY_MS = range(5)
_FIELDS = 5
_NO_PERFUSION = -1


class SpotChecks:
    """The newest spot checks, numbered from `oldest` to before `following`; `look_at` one, then read its attributes."""

    def __init__(self) -> None:
        self._kept = array("i", [0] * (KEPT * _FIELDS))
        self.oldest = 0
        self.following = 0
        self._settled_s = 0
        self._is_due = True
        self._since_s = 0
        self.spo2_deci_pct = 0
        self.pulse_rate_deci_bpm = 0
        self.perfusion_centi_pct: int | None = None
        self.uptime_day = 0
        self.uptime_day_ms = 0

    def judge(self, vitals: "Vitals", uptime: "Uptime") -> bool:
        """Take one second in; whether a spot check was taken."""
        pulse_rate = vitals.pulse_rate
        self._since_s += 1
        if pulse_rate.status == statuses.SENSOR_OFF or self._since_s >= EVERY_S:
            self._is_due = True
        if pulse_rate.status != statuses.VALIDATED or vitals.spo2.status != statuses.VALIDATED:
            self._settled_s = 0
            return False
        self._settled_s += 1
        if self._settled_s < SETTLED_S or not self._is_due:
            return False
        self._is_due = False
        self._since_s = 0
        self._keep(vitals, uptime)
        return True

    @property
    def count(self) -> int:
        """How many are kept."""
        return self.following - self.oldest

    def clear(self) -> None:
        """Forget all."""
        self.oldest = self.following

    def look_at(self, number: int) -> None:
        """Set the attributes to those of one that is kept."""
        start = number % KEPT * _FIELDS
        kept = self._kept
        self.spo2_deci_pct = kept[start + _SPO2]
        self.pulse_rate_deci_bpm = kept[start + _PULSE_RATE]
        perfusion = kept[start + _PERFUSION]
        self.perfusion_centi_pct = None if perfusion == _NO_PERFUSION else perfusion
        self.uptime_day = kept[start + _DAY]
        self.uptime_day_ms = kept[start + _DAY_MS]

    def _keep(self, vitals: "Vitals", uptime: "Uptime") -> None:
        start = self.following % KEPT * _FIELDS
        kept = self._kept
        kept[start + _SPO2] = vitals.spo2.value
        kept[start + _PULSE_RATE] = vitals.pulse_rate.value
        kept[start + _PERFUSION] = vitals.perfusion.value_or(_NO_PERFUSION)
        kept[start + _DAY] = uptime.day
        kept[start + _DAY_MS] = uptime.day_ms
        self.following += 1
        self.oldest = max(self.oldest, self.following - KEPT)
