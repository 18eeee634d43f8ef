"""NEWS2 sub-scores beside the readings of a device: 0 to 3, None where there is nothing to score, and never a total."""

from vigil_firmware.alarm_signals import UNCALIBRATED_GUARD_DECI_PCT
from vigil_wire import news2
from vigil_wire.settings import CORE_SITES, PROFILE_NAMES, PROFILE_SCALE_2, Settings

_PROFILE_CHILD = PROFILE_NAMES.index("child")


def sub_scores(
    settings: Settings | None,
    *,
    spo2_pct: float | None,
    pulse_rate_bpm: float | None,
    temperature_c: float | None,
    respiration_per_min: float | None,
) -> dict[str, int | None]:
    """Return the sub-score of each live reading, by the name of its signal. `settings`: in force, None: not known.

    They say which scale is for SpO2, whether it is calibrated and where the temperature is taken: without them neither
    is scored. Scale 2 is scored as for somebody who is given no oxygen. A child has no scores: the chart is for people
    of 16 and older.
    """
    scores: dict[str, int | None] = {"spo2": None, "pulse_rate": None, "temperature": None, "respiration": None}
    if settings is not None and settings.profile == _PROFILE_CHILD:
        return scores
    if pulse_rate_bpm is not None:
        scores["pulse_rate"] = news2.pulse_rate(round(pulse_rate_bpm * 10))
    if respiration_per_min is not None:
        scores["respiration"] = news2.respiration(round(respiration_per_min * 10))
    if settings is None:
        return scores
    if spo2_pct is not None:
        guard = 0 if settings.spo2_curve else UNCALIBRATED_GUARD_DECI_PCT
        spo2 = round(spo2_pct * 10) - guard
        is_scale_2 = settings.profile == PROFILE_SCALE_2
        scores["spo2"] = news2.spo2_scale_2(spo2, is_on_oxygen=False) if is_scale_2 else news2.spo2(spo2)
    if temperature_c is not None and settings.temperature_site in CORE_SITES:
        scores["temperature"] = news2.temperature(round(temperature_c * 100))
    return scores
