"""Alarm profiles: Vigil's own say where each figure is from, and a file with a mistake is one clear line."""

from pathlib import Path

import pytest

from vigil_host import alarm_profiles
from vigil_host.alarm_profiles import LIMITS, NAMES, ProfileError, load
from vigil_wire import settings
from vigil_wire.settings import Settings

CURVE = ((400, 990), (700, 900), (1100, 760))


def written(folder: Path, text: str) -> Path:
    """A profile's file: a title and version, and `text`."""
    file = folder / "ada.toml"
    file.write_text(f'title = "Ada"\nversion = 3\n{text}', encoding="utf-8")
    return file


def test_the_adult_profile_is_what_a_device_starts_with() -> None:
    assert load("adult").settings().pack() == Settings().pack()


def test_a_profile_can_set_all_that_is_not_the_devices_own() -> None:
    own = {"summary_interval_s", "standard_services", "temperature_site", "profile", "profile_version"}
    assert {limit.setting for limit in LIMITS.values()} == {field[0] for field in settings.FIELDS} - own


@pytest.mark.parametrize("name", NAMES)
def test_each_profile_can_be_used_and_says_where_every_figure_is_from(name: str) -> None:
    profile = load(name)
    assert settings.unpack(profile.settings().pack()).values() == profile.settings().values()
    assert settings.PROFILE_NAMES[profile.settings().profile] == profile.device_name == NAMES[name]
    assert set(profile.sources) == set(LIMITS)
    assert profile.title and profile.for_whom and profile.notes
    assert alarm_profiles.own_profile_of(profile.settings()) == profile


def test_every_profile_of_the_devices_has_a_file() -> None:
    assert {*NAMES.values(), alarm_profiles.CUSTOM} == set(settings.PROFILE_NAMES)
    files = {file.stem for file in Path(alarm_profiles.__file__).parent.glob("*.toml")}
    assert files == set(NAMES)


def test_what_the_nhs_and_scale_2_ask_for() -> None:
    nhs, scale_2 = load("nhs home").settings(), load("scale-2").settings()
    assert (nhs.spo2_low_deci_pct, nhs.spo2_very_low_deci_pct) == (950, 930)  # 94 or less; 92 or less
    assert (scale_2.spo2_low_deci_pct, scale_2.spo2_very_low_deci_pct) == (880, 840)  # 87 or less; 83 or less


def test_the_night_after_opioids_latches_and_says_what_it_cannot_see() -> None:
    profile = load("opioid-night")
    assert profile.settings().latching == profile.settings().respiration_alarms == 1
    assert "Respiration is not always available" in profile.notes


def test_the_devices_own_settings_stay_whatever_the_profile() -> None:
    present = Settings(CURVE, summary_interval_s=10, standard_services=settings.SERVICES_OFF, temperature_site=6)
    taken = load("nhs-home").settings(present)
    assert taken.spo2_curve == CURVE
    assert (taken.summary_interval_s, taken.standard_services, taken.temperature_site) == (10, settings.SERVICES_OFF, 6)


def test_a_file_of_ones_own_changes_a_base(tmp_path: Path) -> None:
    text = 'base = "nhs-home"\n[limits]\nspo2_low_pct = 94\npulse_rate_low_bpm = 45.0\nlatching = true\n'
    profile = load(str(written(tmp_path, text)))
    taken = profile.settings()
    assert (profile.title, taken.profile, taken.profile_version) == ("Ada", 0, 3)
    assert (taken.spo2_low_deci_pct, taken.pulse_rate_low_deci_bpm, taken.latching) == (940, 450, 1)
    assert taken.spo2_very_low_deci_pct == load("nhs-home").settings().spo2_very_low_deci_pct
    assert "spo2_low_pct" not in profile.sources  # the base's would be of another figure


def test_only_a_file_on_scale_2_goes_below_85(tmp_path: Path) -> None:
    limits = "[limits]\nspo2_low_pct = 86\nspo2_very_low_pct = 82\n"
    taken = load(str(written(tmp_path, f'base = "scale-2"\n{limits}'))).settings()
    assert (taken.profile, taken.spo2_very_low_deci_pct) == (settings.PROFILE_SCALE_2, 820)
    with pytest.raises(ProfileError, match=r"spo2_very_low_pct below 85 is for those under NEWS2 scale 2 only"):
        load(str(written(tmp_path, limits)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[limits]\nspo2_lo_pct = 90", "limits.spo2_lo_pct is not a limit: did you mean spo2_low_pct?"),
        ("[limits]\nxyz = 90", "limits.xyz is not a limit: `vigil alarms profiles adult` lists them"),
        ("limit = 5", "limit is not a key that a profile has"),
        ("[limits]\nspo2_low_pct = 79", "limits.spo2_low_pct is a whole number from 80 to 99, not 79"),
        ("[limits]\nspo2_low_pct = 90.5", "limits.spo2_low_pct is a whole number from 80 to 99, not 90.5"),
        ("[limits]\nspo2_low_pct = nan", "limits.spo2_low_pct is a whole number from 80 to 99, not NaN"),
        ("[limits]\nspo2_low_pct = true", "limits.spo2_low_pct is a whole number from 80 to 99, not true"),
        ('[limits]\nspo2_low_pct = "90"', "limits.spo2_low_pct is a whole number from 80 to 99, not '90'"),
        (
            "[limits]\ntemperature_high_c = 38.55",
            "limits.temperature_high_c is a multiple of 0.1 from 36 to 42, not 38.55",
        ),
        ("[limits]\nlatching = 1", "limits.latching is true or false, not 1"),
        ("[limits]\nspo2_low_pct = 88", "spo2_very_low_pct must be below spo2_low_pct"),
        ("[limits]\npulse_rate_low_bpm = 125", "limits.pulse_rate_low_bpm is a whole number from 25 to 90, not 125"),
        ("[limits]\npulse_rate_high_bpm = 130", "pulse_rate_high_bpm must be below pulse_rate_very_high_bpm"),
        ("limits = 5", "limits is a table, not 5"),
        ('base = "grown-up"', "base is one of adult, nhs-home, "),
        ('[sources]\nspo2_low_pct = "a friend"', 'sources.spo2_low_pct is text that begins with one of "Read: ", '),
        ("[limits", "Expected "),
    ],
)
def test_a_file_with_a_mistake_is_one_line_that_names_it(tmp_path: Path, text: str, problem: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ProfileError) as caught:
        load(str(file))
    assert str(caught.value).startswith(f"{file}: {problem}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version = 1", "title is missing"),
        ('title = "Ada"', "version is a whole number from 1 to 255, not 0"),
        ('title = "Ada"\nversion = 1.5', "version is a whole number from 1 to 255, not "),
        ('title = "Ada"\nversion = 256', "version is a whole number from 1 to 255, not 256"),
        ("title = 5\nversion = 1", "title is text, not 5"),
    ],
)
def test_a_file_says_what_it_is(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "ada.toml"
    file.write_text(text)
    with pytest.raises(ProfileError) as caught:
        load(str(file))
    assert str(caught.value).startswith(f"{file}: {problem}")


def test_a_profile_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there is no profile 'nurse': it is one of adult, nhs-home, "):
        load("nurse")
    with pytest.raises(ProfileError, match=r"none\.toml: No such file or directory"):
        load(str(tmp_path / "none.toml"))


def test_a_single_limit_makes_it_custom_and_scale_2_stays_that() -> None:
    adult = Settings(CURVE, temperature_site=6)
    taken = alarm_profiles.changed(adult, dict([alarm_profiles.limit_in("spo2_low_pct=90")]))
    assert (taken.profile, taken.spo2_low_deci_pct, taken.temperature_site) == (0, 900, 6)
    assert taken.spo2_curve == CURVE
    scale_2 = alarm_profiles.changed(load("scale-2").settings(), dict([alarm_profiles.limit_in("latching=true")]))
    assert (scale_2.profile, scale_2.latching) == (settings.PROFILE_SCALE_2, 1)
    assert alarm_profiles.changed(adult, {}).pack() == adult.pack()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("spo2_low_pct=60", "spo2_low_pct is a whole number from 80 to 99, not 60"),
        ("spo2_low_pct", "spo2_low_pct is a whole number from 80 to 99, not nothing"),
        ("spo2_low_pct=9 0", "spo2_low_pct is a whole number from 80 to 99, not 9 0"),
        ("spo2=90", "there is no limit 'spo2': spo2_low_pct, "),
    ],
)
def test_a_single_limit_that_cannot_be(text: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        alarm_profiles.limit_in(text)
    assert str(caught.value).startswith(problem)


def test_single_limits_that_cross() -> None:
    with pytest.raises(ProfileError, match="these limits: spo2_very_low_pct must be below spo2_low_pct"):
        alarm_profiles.changed(Settings(), {"spo2_low_deci_pct": 880})
