"""`vigil alarms replay`: the real engine over a clinician's file, every event with its reason, mistakes in one line."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from tests.host.command_line import refused

from vigil_host import alarm_replay
from vigil_host.alarm_replay import Row
from vigil_host.cli import main
from vigil_wire.settings import Settings

RECORDINGS = Path(os.environ.get("VIGIL_RECORDINGS") or Path(__file__).parents[1] / "data")
REFERENCES = sorted(RECORDINGS.glob("uw_*.reference.csv"))  # what clinical oximeters showed during desaturations
HEADER = "time_s,pulse_rate_bpm,spo2_pct,temperature_c\n"
DELAYS_S = (0, 5, 10, 15, 30)
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of vitals."""

    def write(text: str) -> Path:
        file = tmp_path / "vitals.csv"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def spans(*parts: tuple[int, object, object, object]) -> str:
    """A file: for so many seconds each, these readings; "" is none."""
    readings = [part[1:] for part in parts for _ in range(part[0])]
    return HEADER + "".join(f"{second},{p},{s},{t}\n" for second, (p, s, t) in enumerate(readings))


def replay(file: Path, *options: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["alarms", "replay", str(file), *options], catch_exceptions=False)


def events(file: Path, *options: str) -> list[tuple[Any, ...]]:
    """What the command prints as JSON, without reasons."""
    result = replay(file, "--json", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    return [(e["time_s"], e["condition"], e["event"], e["priority"]) for e in json.loads(result.stdout)]


def test_low_oxygen_is_an_alarm_after_its_delay_and_ends_after_its_off_delay(write: Write) -> None:
    file = write(spans((20, 72, 97, 36.6), (40, 72, 87, 36.6), (30, 72, 96, 36.6)))
    assert [event for event in events(file) if event[1] == "spo2_very_low"] == [
        (30, "spo2_very_low", "raised", "high"),
        (65, "spo2_very_low", "cleared", "high"),
    ]
    assert (50, "spo2_low", "raised", "medium") in events(file)


def test_a_reason_is_a_sentence_with_the_limit_and_for_how_long(write: Write) -> None:
    file = write(spans((20, 72, 97, 36.6), (15, 72, 87, 36.6), (10, 72, 97, 36.6)))
    found = {(e["condition"], e["event"]): e["reason"] for e in json.loads(replay(file, "--json").stdout)}
    assert found["spo2_very_low", "raised"] == "SpO2 87.0 % below 88 % for 10 s"
    assert found["spo2_very_low", "cleared"] == "SpO2 97.0 % not below 89 % for 5 s"
    assert found["spo2_falling", "raised"] == "SpO2 87.0 % more than 8 points below the last minute's best for 1 s"
    assert set(json.loads(replay(file, "--json").stdout)[0]) == {"time_s", "condition", "event", "priority", "reason"}


def test_pulse_and_temperature_are_judged_too(write: Write) -> None:
    file = write(spans((15, 135.4, 97, 39.8), (60, 45, 97, 39.8)))
    found = {e["condition"]: e["reason"] for e in json.loads(replay(file, "--json").stdout) if e["event"] == "raised"}
    assert found["pulse_rate_very_high"] == "pulse 135.4 bpm above 130 bpm for 10 s"
    assert found["pulse_rate_low"] == "pulse 45.0 bpm below 50 bpm for 30 s"
    assert found["temperature_very_high"] == "temperature 39.80 °C above 39.5 °C for 60 s"
    assert "temperature_very_high" not in {event[1] for event in events(file, "--site", "finger")}


def test_no_reading_never_ends_an_alarm_and_becomes_one_itself(write: Write) -> None:
    file = write(spans((20, 72, 87, ""), (100, "", "", ""), (3, 72, 97, "")))
    found = events(file)
    assert (10, "spo2_very_low", "raised", "high") in found
    assert (40, "no_reading", "raised", "low") in found and (40, "no_reading", "risen", "high") in found
    assert not [event for event in found if event[2] == "cleared" and event[1].startswith("spo2")]


def test_a_second_without_a_row_is_no_reading(write: Write) -> None:
    rows = "".join(f"{second},72,97,\n" for second in (*range(10), *range(100, 110)))
    assert events(write(HEADER + rows)) == [
        (30, "no_reading", "raised", "low"),
        (69, "no_reading", "risen", "medium"),  # the sixtieth second without
        (101, "no_reading", "cleared", "low"),
    ]


def test_times_that_are_not_quite_whole_and_more_than_one_a_second(write: Write) -> None:
    jittery = "".join(f"{second + (-0.03, 0.04, 0.0)[second % 3]:.2f},72,97,\n" for second in range(1, 60))
    assert events(write(HEADER + jittery)) == []
    twice = "".join(f"{half / 2},72,{87 if half > 40 else 97},\n" for half in range(80))
    assert (31, "spo2_very_low", "raised", "high") in events(write(HEADER + twice))


def test_a_file_that_begins_late_and_passes_the_wrap_of_the_tick(write: Write) -> None:
    begin = (1 << 30) // 1000 - 5
    rows = "".join(f"{begin + second},72,87,\n" for second in range(40))
    assert (begin + 10, "spo2_very_low", "raised", "high") in events(write(HEADER + rows))


def test_what_is_not_calibrated_is_taken_as_two_points_lower(write: Write) -> None:
    file = write(spans((60, 72, 93, 36.6)))
    assert events(file) == events(file, "--calibrated") == []
    assert events(file, "--uncalibrated") == [(30, "spo2_low", "raised", "medium")]
    assert (
        "SpO2 93.0 % (uncalibrated: taken as 91.0 %) below 92 % for 30 s"
        in replay(file, "--uncalibrated", "--json").stdout
    )


def test_another_profile_and_one_of_ones_own(write: Write, tmp_path: Path) -> None:
    file = write(spans((60, 72, 94, 36.6)))
    assert events(file) == []
    assert events(file, "--profile", "nhs-home") == [(30, "spo2_low", "raised", "medium")]
    own = tmp_path / "own.toml"
    own.write_text('title = "Own"\nversion = 1\n[limits]\nspo2_low_pct = 96\nspo2_delay_s = 3\n')
    assert events(file, "--profile", str(own)) == [(3, "spo2_low", "raised", "medium")]
    assert "there is no profile 'nurse'" in refused(replay(file, "--profile", "nurse"))


def test_what_latches_says_so(write: Write) -> None:
    file = write(spans((20, 72, 87, 36.6), (20, 72, 97, 36.6)))
    result = replay(file, "--profile", "opioid-night", "--json")
    latched = [e for e in json.loads(result.stdout) if e["event"] == "latched" and e["condition"] == "spo2_very_low"]
    assert latched[0]["reason"] == "SpO2 97.0 % not below 91 % for 5 s; it stays until it is acknowledged"


def test_for_people_it_is_a_table_or_one_sentence(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert replay(write(spans((60, 72, 97, 36.6)))).stdout == "There would have been no alarm.\n"
    text = replay(write(spans((60, 72, 87, 36.6)))).stdout
    assert "Very low oxygen" in text and "SpO2 87.0 % below 88 % for 10 s" in text


def test_a_file_may_have_no_temperature_and_a_mark_of_its_encoding(write: Write) -> None:
    file = write("\ufefftime_s,pulse_rate_bpm,spo2_pct\n" + "".join(f"{second},72,87\n" for second in range(15)))
    assert (10, "spo2_very_low", "raised", "high") in events(file)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ", line 1: the columns are time_s,pulse_rate_bpm,spo2_pct,temperature_c, not nothing"),
        ("time_s,pulse,spo2_pct\n", ", line 1: the columns are time_s,pulse_rate_bpm,spo2_pct,temperature_c, not time"),
        (HEADER, ": there is no row in it"),
        (f"{HEADER}0,72,97\n", ", line 2: there are 3 cells, not 4"),
        (f"{HEADER}0,72,97,\n1,seventy,97,\n", ", line 3: pulse_rate_bpm is 'seventy', which is no number"),
        (f"{HEADER}0,72,nan,\n", ", line 2: spo2_pct is 'nan', which is no number; where there is no reading, leave"),
        (f"{HEADER}0,72,inf,\n", ", line 2: spo2_pct is 'inf', which is no number"),
        (f"{HEADER}0,-72,97,\n", ", line 2: pulse_rate_bpm -72 is not 10 to 350 bpm"),
        (
            f"{HEADER}0,0,97,\n",
            ", line 2: pulse_rate_bpm 0 is not 10 to 350 bpm; where there is no reading, leave it e",
        ),
        (f"{HEADER}0,72,0.97,\n", ", line 2: spo2_pct 0.97 is not 10 to 100 %"),
        (f"{HEADER}0,72,97,98.6\n", ", line 2: temperature_c 98.6 is not 10 to 50 °C"),
        (f"{HEADER}-1,72,97,\n", ", line 2: time_s is negative"),
        (f"{HEADER},72,97,\n", ", line 2: time_s is empty"),
        (f"{HEADER}5,72,97,\n4,72,97,\n", ", line 3: time_s 4 is not after 5, the one before"),
        (f"{HEADER}5,72,97,\n5,72,97,\n", ", line 3: time_s 5 is not after 5, the one before"),
        (f"{HEADER}5,72,97,\n86406,72,97,\n", ", line 3: there is no row for more than a day: is time_s in seconds?"),
    ],
)
def test_a_mistake_is_one_line_that_says_where(write: Write, text: str, problem: str) -> None:
    file = write(text)
    assert refused(replay(file)).startswith(f"{file}{problem}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert refused(replay(tmp_path / "none.csv")) == f"{tmp_path / 'none.csv'}: No such file or directory"
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\xff\xfe")
    assert "this is no CSV text" in refused(replay(tmp_path / "picture.csv"))


def counts(rows: list[Row]) -> list[int]:
    """How many alarms of SpO2 below 90 % there are with each delay."""
    found = []
    for delay_s in DELAYS_S:
        settings = Settings(spo2_low_deci_pct=900, spo2_delay_s=delay_s)
        raised = [event.condition for event in alarm_replay.replay(rows, settings, True) if event.event == "raised"]
        found.append(raised.count("spo2_low"))
    return found


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda path: path.name.partition(".")[0])
def test_a_longer_delay_never_makes_more_alarms_on_real_desaturations(reference: Path) -> None:
    with reference.open(encoding="utf-8") as file:
        cells = [(row["time_s"], row["spo2_pct"]) for row in csv.DictReader(file)]
    rows = [Row(float(time_s), 72, float(spo2_pct) if spo2_pct else None) for time_s, spo2_pct in cells]
    found = counts(rows)
    assert found == sorted(found, reverse=True)
    if any(row.spo2_pct is not None and row.spo2_pct < 90 for row in rows):
        assert found[0] >= 1


@given(st.lists(st.one_of(st.none(), st.integers(880, 920)), min_size=1, max_size=120))
def test_a_longer_delay_never_makes_more_alarms(spo2_deci_pct: list[int | None]) -> None:
    rows = [Row(second, 72, None if value is None else value / 10) for second, value in enumerate(spo2_deci_pct)]
    found = counts(rows)
    assert found == sorted(found, reverse=True)
