"""NEWS2 sub-scores of the readings that are shown now: one for each, never a total, and none that would mislead."""

from dataclasses import dataclass, field

from vigil_firmware.alarm_signals import UNCALIBRATED_GUARD_DECI_PCT
from vigil_host.live import LiveView
from vigil_wire import news2, settings
from vigil_wire.settings import Settings

_CHILD = settings.PROFILE_NAMES.index("child")


@dataclass(frozen=True)
class Scores:
    """The scores by signal, and the scale of SpO2's; `scale` None: nothing is scored here."""

    scale: int | None = None
    by_signal: dict[str, int] = field(default_factory=dict)


def scores(view: LiveView, in_force: Settings | None) -> Scores:
    """Score a device's readings by its settings: these say which scale is the wearer's, and where the sensor sits.

    Nothing is scored while they are not known, nor of a child: the chart is for people of 16 and older.
    """
    if in_force is None or in_force.profile == _CHILD:
        return Scores()
    is_scale_2 = in_force.profile == settings.PROFILE_SCALE_2
    found = {}
    if view.spo2_pct is not None:
        spo2 = round(view.spo2_pct * 10) - (0 if in_force.spo2_curve else UNCALIBRATED_GUARD_DECI_PCT)
        found["spo2"] = news2.spo2_scale_2(spo2, is_on_oxygen=False) if is_scale_2 else news2.spo2(spo2)
    if view.pulse_rate_bpm is not None:
        found["pulse_rate"] = news2.pulse_rate(round(view.pulse_rate_bpm * 10))
    if view.respiration_per_min is not None:
        found["respiration"] = news2.respiration(round(view.respiration_per_min * 10))
    if view.temperature_c is not None and in_force.temperature_site in settings.CORE_SITES:
        found["temperature"] = news2.temperature(round(view.temperature_c * 100))
    return Scores(2 if is_scale_2 else 1, found)
