"""NEWS2 sub-scores of a device's readings: on the scale that its profile says, never better than is known."""

from vigil_host import alarm_profiles
from vigil_host.sub_scores import sub_scores
from vigil_wire.settings import SITE_NAMES, Settings

CURVE = ((400, 990), (700, 900), (1100, 760))
MOUTH = SITE_NAMES.index("mouth")


def scores(settings: Settings | None, **readings: float) -> dict[str, int | None]:
    """The sub-scores of these readings; what is not named is not read."""
    none = dict.fromkeys(("spo2_pct", "pulse_rate_bpm", "temperature_c", "respiration_per_min"))
    return sub_scores(settings, **{**none, **readings})


def test_each_reading_has_its_own_and_there_is_no_total() -> None:
    found = scores(
        Settings(CURVE, temperature_site=MOUTH),
        spo2_pct=95,
        pulse_rate_bpm=115,
        temperature_c=39.1,
        respiration_per_min=8,
    )
    assert found == {"spo2": 1, "pulse_rate": 2, "temperature": 2, "respiration": 3}


def test_no_reading_is_no_score_and_never_zero() -> None:
    assert set(scores(Settings(CURVE, temperature_site=MOUTH)).values()) == {None}


def test_uncalibrated_oxygen_is_scored_two_points_lower() -> None:
    assert scores(Settings(CURVE), spo2_pct=97)["spo2"] == 0
    assert scores(Settings(), spo2_pct=97)["spo2"] == 1
    assert scores(Settings(), spo2_pct=98)["spo2"] == 0


def test_the_profile_says_which_scale() -> None:
    scale_2 = alarm_profiles.load("scale-2").settings(Settings(CURVE))
    assert scores(scale_2, spo2_pct=89)["spo2"] == 0
    assert scores(Settings(CURVE), spo2_pct=89)["spo2"] == 3


def test_temperature_counts_only_where_it_is_the_bodys_core() -> None:
    for name in SITE_NAMES:
        found = scores(Settings(temperature_site=SITE_NAMES.index(name)), temperature_c=34.0)["temperature"]
        assert found == (None if name in ("unsaid", "body", "finger", "toe", "skin") else 3)


def test_what_depends_on_settings_is_not_scored_without_them() -> None:
    found = scores(None, spo2_pct=89, pulse_rate_bpm=72, temperature_c=36.6, respiration_per_min=16)
    assert found == {"spo2": None, "pulse_rate": 0, "temperature": None, "respiration": 0}


def test_a_child_has_none_because_the_chart_is_for_people_of_16_and_older() -> None:
    child = alarm_profiles.load("child-4-12").settings(Settings(CURVE, temperature_site=MOUTH))
    found = scores(child, spo2_pct=95, pulse_rate_bpm=115, temperature_c=39.1, respiration_per_min=20)
    assert set(found.values()) == {None}
