"""NEWS2 sub-scores of what Vigil measures: 0 to 3, by the chart of the Royal College of Physicians (2017).

Never a total: NEWS2 also needs blood pressure, consciousness and whether oxygen is given, which Vigil does not know.
The chart has whole numbers (temperature: tenths); what lies between two of its rows has the worse one's score.

Not for the caller to forget: SpO2 on the uncalibrated curve is scored 2 points lower than read
(`vigil_firmware.alarm_signals.UNCALIBRATED_GUARD_DECI_PCT`), and temperature only at `settings.CORE_SITES`.
"""

# (bound, score): the first row counts whose bound the value is below, or above; then the next list; then 0.
_SPO2_BELOW = ((920, 3), (940, 2), (960, 1))
_SPO2_2_BELOW = ((840, 3), (860, 2), (880, 1))
_SPO2_2_ON_OXYGEN_ABOVE = ((960, 3), (940, 2), (920, 1))
_PULSE_RATE_BELOW = ((410, 3), (510, 1))
_PULSE_RATE_ABOVE = ((1300, 3), (1100, 2), (900, 1))
_TEMPERATURE_BELOW = ((3510, 3), (3610, 1))
_TEMPERATURE_ABOVE = ((3900, 2), (3800, 1))
_RESPIRATION_BELOW = ((90, 3), (120, 1))
_RESPIRATION_ABOVE = ((240, 3), (200, 2))


def spo2(deci_pct: int) -> int:
    """Sub-score on scale 1, of SpO2 in 0.1 %."""
    return _score(deci_pct, _SPO2_BELOW, ())


def spo2_scale_2(deci_pct: int, is_on_oxygen: bool) -> int:
    """Sub-score on scale 2, for whom a doctor wants at 88 to 92 %; more than that scores where oxygen is given."""
    return _score(deci_pct, _SPO2_2_BELOW, _SPO2_2_ON_OXYGEN_ABOVE if is_on_oxygen else ())


def pulse_rate(deci_bpm: int) -> int:
    """Sub-score of the pulse rate in 0.1 bpm."""
    return _score(deci_bpm, _PULSE_RATE_BELOW, _PULSE_RATE_ABOVE)


def temperature(centi_c: int) -> int:
    """Sub-score of the body's temperature in 0.01 C."""
    return _score(centi_c, _TEMPERATURE_BELOW, _TEMPERATURE_ABOVE)


def respiration(deci_per_min: int) -> int:
    """Sub-score of the respiration rate in 0.1 breaths a minute."""
    return _score(deci_per_min, _RESPIRATION_BELOW, _RESPIRATION_ABOVE)


def _score(value: int, below: "tuple[tuple[int, int], ...]", above: "tuple[tuple[int, int], ...]") -> int:
    for bound, score in below:
        if value < bound:
            return score
    for bound, score in above:
        if value > bound:
            return score
    return 0
