"""What lay people are told: words for all there is and for nothing else, plain, never a diagnosis."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from vigil_host import languages, words
from vigil_host.alerts import DEVICE_SILENT, RADIO_DEAF
from vigil_host.delivery.outbox import BRIDGE_RESTARTED, DELIVERY_FAILING
from vigil_host.languages import Alarm
from vigil_host.live import NO_RECORD
from vigil_host.own_conditions import ANSWERS_UNHEARD, CLOCK_WRONG, LINK_STALE, NOT_ADVERTISING
from vigil_wire import conditions, settings, statuses

BRIDGES_OWN = {
    DEVICE_SILENT,
    RADIO_DEAF,
    LINK_STALE,
    ANSWERS_UNHEARD,
    NOT_ADVERTISING,
    BRIDGE_RESTARTED,
    DELIVERY_FAILING,
    CLOCK_WRONG,
}
CONDITIONS = {*conditions.NAMES, *BRIDGES_OWN}
STATUSES = {*statuses.NAMES, words.STALE, NO_RECORD}
ENGLISH = languages.load(languages.ENGLISH)
TABLE = languages.table(languages.ENGLISH)
MEASURED = {
    "spo2": "spo2",
    "spo2_fall": "spo2",
    "pulse_rate": "pulse_rate",
    "temperature": "temperature",
    "temperature_change": "temperature",
    "respiration": "respiration",
}
DIAGNOSES = re.compile(
    r"hypox|brady|tachy|fever|hypotherm|apn(o|)ea|overdos|attack|sepsis|arrhythm|infect|pneumon|fibrillat|shock|covid",
    re.IGNORECASE,
)
HIGHEST_GRADE = 7.0


def said(condition: str, profile: str = "adult", number: str | None = "112", calibrated: bool = True) -> Alarm:
    """The words for a condition in English."""
    return ENGLISH.alarm(
        condition, profile=profile, emergency_number=number, is_calibrated=calibrated, has_cooled=False
    )


def grade(text: str) -> float:
    """The school grade that a text needs, by Flesch and Kincaid (1975), with syllables counted by their vowels."""
    sentences = max(len(re.findall(r"[.!?:;]", text)), 1)
    found = re.findall(r"[A-Za-z']+", text)
    syllables = sum(max(len(re.findall(r"[aeiouy]+", re.sub(r"(?<!l)e$", "", word.lower()))), 1) for word in found)
    return 0.39 * len(found) / sentences + 11.8 * syllables / len(found) - 15.59


def sentences() -> Iterator[str]:
    """Every sentence there is for people, each with its advice."""
    for condition in CONDITIONS:
        for profile in settings.PROFILE_NAMES:
            yield f"{said(condition, profile).meaning} {said(condition, profile).advice}"
    for name in STATUSES:
        yield f"{ENGLISH.status(name).meaning} {ENGLISH.status(name).advice}"
    yield f"{said('condition_29').meaning} {said('condition_29').advice}"


def test_every_condition_and_status_has_words_and_nothing_else_has() -> None:
    assert set(ENGLISH.conditions()) == CONDITIONS
    assert set(ENGLISH.statuses()) == STATUSES
    assert set(ENGLISH.names("priority")) == set(conditions.PRIORITY_NAMES[1:])
    assert set(TABLE["profile"]) <= set(settings.PROFILE_NAMES)
    for profile in TABLE["profile"].values():
        assert set(profile) == {"source", "do"}
        assert set(profile["do"]) <= CONDITIONS


@pytest.mark.parametrize("condition", sorted(CONDITIONS))
def test_an_alarm_has_all_its_words(condition: str) -> None:
    entry = TABLE["alarm"][condition]
    assert set(entry) - {"signal"} == {"title", "meaning", "do"}
    assert 0 < len(entry["title"]) <= 20
    assert entry["meaning"].endswith(".") and entry["meaning"].count(".") == 1 and len(entry["meaning"].split()) <= 16
    assert entry["do"].endswith(".")
    expected = None
    if condition in conditions.NAMES:
        expected = MEASURED.get(conditions.TABLE[conditions.NAMES.index(condition)].signal)
    assert entry.get("signal") == expected


@pytest.mark.parametrize("name", sorted(STATUSES))
def test_a_status_has_all_its_words(name: str) -> None:
    status = TABLE["status"][name]
    assert set(status) == {"short", "meaning", "do"}
    assert status["meaning"].endswith(".") and status["meaning"].count(".") == 1
    assert status["do"].endswith(".")


def test_what_wakes_people_says_to_go_there() -> None:
    high = [
        name for name, kind in zip(conditions.NAMES, conditions.TABLE, strict=True) if kind.priority == conditions.HIGH
    ]
    for condition in high:
        for profile in settings.PROFILE_NAMES:
            assert re.match(r"Go (to the|now)", said(condition, profile).advice), (condition, profile)


def test_a_reader_of_twelve_can_read_it() -> None:
    assert grade("There is an insufficiency of peripheral arterial oxygenation.") > HIGHEST_GRADE  # it can tell
    hard = {text: grade(text) for text in sentences() if grade(text) > HIGHEST_GRADE}
    assert not hard


def test_nothing_is_a_diagnosis() -> None:
    assert not [text for text in sentences() if DIAGNOSES.search(text)]


def test_a_profile_says_what_to_do_and_who_says_so() -> None:
    nhs = said("spo2_very_low", "nhs home")
    assert "call 999 or go to A&E" in nhs.advice and nhs.advice_source == "NHS COVID Oximetry@home"
    assert "call 111 or your GP" in said("spo2_low", "nhs home").advice
    assert said("pulse_rate_low", "nhs home") == said("pulse_rate_low")
    assert said("spo2_very_low").advice_source is None


def test_the_emergency_number_is_the_one_that_was_set() -> None:
    assert "call 112." in said("spo2_very_low").advice
    assert "call your emergency number." in said("spo2_very_low", number=None).advice
    assert not [text for text in sentences() if "{" in text]


def test_oxygen_that_is_not_calibrated_says_so_wherever_it_is_meant() -> None:
    for condition in CONDITIONS:
        is_about_oxygen = said(condition).signal == "spo2"
        assert ("uncalibrated, ±4" in said(condition, calibrated=False).meaning) == is_about_oxygen
        assert "uncalibrated" not in said(condition).meaning


def test_a_thermometer_that_cooled_speaks_for_a_sensor_that_is_off() -> None:
    for condition in CONDITIONS:
        cooled = ENGLISH.alarm(condition, profile="adult", emergency_number=None, is_calibrated=True, has_cooled=True)
        assert ("has cooled" in cooled.meaning) == (condition == "sensor_off")


def test_what_is_not_known_is_still_shown() -> None:
    assert said("condition_29").title == "Condition 29"
    assert "look at the device" in said("condition_29").meaning
    assert ENGLISH.status("status_15").short == "No reading (status 15)"
    assert said("spo2_low", "profile_9") == said("spo2_low")


def test_another_language_is_one_more_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "en.toml").write_bytes((languages._FOLDER / "en.toml").read_bytes())
    (tmp_path / "de.toml").write_text('[alarm.spo2_low]\ntitle = "Wenig Sauerstoff"\n', encoding="utf-8")
    monkeypatch.setattr(languages, "_FOLDER", tmp_path)
    languages.load.cache_clear()
    try:
        alarm = languages.load("de").alarm(
            "spo2_low", profile="adult", emergency_number=None, is_calibrated=True, has_cooled=False
        )
        assert (alarm.title, alarm.meaning) == ("Wenig Sauerstoff", said("spo2_low").meaning)
        assert languages.load("fr").status("validated") == ENGLISH.status("validated")
    finally:
        languages.load.cache_clear()


@pytest.mark.parametrize("code", languages.codes())
def test_a_language_has_no_word_that_english_has_not(code: str) -> None:
    def keys(table: dict[str, Any], path: str = "") -> set[str]:
        here = {f"{path}{key}" for key in table}
        return here.union(*(keys(value, f"{path}{key}.") for key, value in table.items() if isinstance(value, dict)))

    assert keys(languages.table(code)) <= keys(TABLE)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "C.UTF-8"}, "c"),
        ({"LC_ALL": "fr", "LANG": "de_DE"}, "fr"),
    ],
)
def test_the_machine_says_which_language(variables: dict[str, str], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert languages.of_this_machine() == code
    assert (
        languages.load(code)
        .alarm("spo2_low", profile="adult", emergency_number=None, is_calibrated=True, has_cooled=False)
        .meaning
    )
