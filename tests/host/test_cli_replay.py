"""`vigil replay`: its rows, and what it says of a recording or an output that it cannot use."""

import csv
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.host.command_line import refused

from vigil_hal.simulated.patient import built_in_patient
from vigil_host.cli import main

COLUMNS = (
    "time_s,pulse_rate_bpm,pulse_rate_status,spo2_pct,spo2_status,perfusion_index_pct,"
    "temperature_c,temperature_status,respiration_per_min,respiration_status,respiration_quality,"
    "ratio_milli,quality,alarms"
)
SECONDS = 20


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of the built-in patient at 25 samples a second, without a temperature."""
    patient, counts, lines = built_in_patient(), [0, 0], ["time_s,red,ir"]
    for number in range(SECONDS * 25 + 1):
        patient.sample_into(number * 40_000, counts)
        lines.append(f"{number / 25:.2f},{counts[0]},{counts[1]}")
    path = tmp_path_factory.mktemp("recording") / "well.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def replay(*args: object) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, ["replay", *map(str, args)], catch_exceptions=False)


def test_one_row_a_second_with_exactly_these_columns(recording: Path) -> None:
    result = replay(recording)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == COLUMNS
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [int(row["time_s"]) for row in rows] == list(range(1, SECONDS + 1))
    assert (rows[0]["pulse_rate_bpm"], rows[0]["pulse_rate_status"]) == ("", "acquiring")
    newest = rows[-1]
    assert abs(float(newest["pulse_rate_bpm"]) - 72) < 2
    assert abs(float(newest["spo2_pct"]) - 97.5) < 1
    assert all(newest[name].partition(".")[2].__len__() == 1 for name in ("pulse_rate_bpm", "spo2_pct"))
    assert {(row["temperature_c"], row["temperature_status"], row["alarms"]) for row in rows} == {
        ("", "unavailable", "")
    }


def test_output_goes_to_the_file_that_is_named(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "shown.csv"
    result = replay(recording, "--output", out)
    assert (result.exit_code, result.output) == (0, "")
    assert out.read_text() == replay(recording).stdout


@pytest.mark.vm
def test_both_runtimes_give_the_same_bytes(recording: Path, tmp_path: Path) -> None:
    out, beats, beats_here = tmp_path / "shown.csv", tmp_path / "beats.csv", tmp_path / "beats_here.csv"
    assert replay(recording, "--vm", "micropython", "--output", out, "--intervals", beats).exit_code == 0
    assert out.read_bytes() == replay(recording, "--intervals", beats_here).stdout_bytes
    assert beats.read_bytes() == beats_here.read_bytes()


def test_intervals_are_those_of_the_pulse(recording: Path, tmp_path: Path) -> None:
    beats = tmp_path / "beats.csv"
    result = replay(recording, "--intervals", beats)
    assert (result.exit_code, result.stdout) == (0, replay(recording).stdout)
    rows = list(csv.DictReader(io.StringIO(beats.read_text())))
    assert list(rows[0]) == ["time_s", "interval_ms", "quality"]
    assert 14 <= len(rows) <= 18
    for earlier, later in itertools.pairwise(rows):
        assert abs(float(later["time_s"]) - float(earlier["time_s"]) - int(later["interval_ms"]) / 1000) < 0.002
    assert all(abs(int(row["interval_ms"]) - 833) <= 30 and 0 < int(row["quality"]) <= 100 for row in rows)


def test_the_recording_and_the_rows_are_not_overwritten_by_the_intervals(recording: Path, tmp_path: Path) -> None:
    before = recording.read_bytes()
    assert refused(replay(recording, "--intervals", recording)).startswith(f"{recording}: this is the recording itself")
    out = tmp_path / "shown.csv"
    assert refused(replay(recording, "--output", out, "--intervals", out)).startswith(f"{out}: ")
    assert recording.read_bytes() == before


@pytest.fixture
def curve(tmp_path: Path) -> Path:
    """A curve that reads some points lower than the default one."""
    path = tmp_path / "curve.toml"
    path.write_text("spo2_curve = [[350, 980], [1200, 700]]")
    return path


def test_a_boards_own_curve_changes_spo2_alone(recording: Path, curve: Path) -> None:
    plain = list(csv.DictReader(io.StringIO(replay(recording).stdout)))
    own = list(csv.DictReader(io.StringIO(replay(recording, "--calibration", curve).stdout)))
    assert [{**row, "spo2_pct": ""} for row in own] == [{**row, "spo2_pct": ""} for row in plain]
    for row in own[-5:]:
        assert float(row["spo2_pct"]) == pytest.approx(98 - (int(row["ratio_milli"]) - 350) * 28 / 850, abs=0.06)


@pytest.mark.vm
def test_both_runtimes_use_the_boards_own_curve(recording: Path, curve: Path) -> None:
    shown = replay(recording, "--vm", "micropython", "--calibration", curve)
    assert (shown.exit_code, shown.stdout_bytes) == (0, replay(recording, "--calibration", curve).stdout_bytes)


def test_a_curve_that_cannot_be_used_is_one_line(recording: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("spo2_curve = [[400, 990], [500, 760]]")
    assert refused(replay(recording, "--calibration", bad)) == f"{bad}: spo2_curve: its ratios span 100, less than 300"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("time_s,red\n0,1\n", ":1: missing column ir"),
        ("time_s,red,ir\n0,100,100\n0.04,abc,100\n", ":3: red 'abc' is not a whole number"),
        ("time_s,red,ir\n0,100,100\nnan,100,100\n", ":3: time_s 'nan' is not a time in seconds"),
        ("time_s,red,ir\n0,100,100\n1,1,1\n0.5,1,1\n", ":4: time_s '0.5' is not later than the line before"),
        ("time_s,red,ir\n0,262144,1\n", ":2: red 262144 is outside 18 bits (0 to 262143)"),
        ("time_s,red,ir\n0,1,-1\n", ":2: ir -1 is outside 18 bits (0 to 262143)"),
        ("time_s,red,ir\n0,1\n", ":2: 2 cells where the first line names 3 columns"),
        ("", ":1: the file is empty"),
        ("time_s,red,ir\n", ":1: there is no row below the names of the columns"),
        (b"\xff\xfe\x00\x80", ": is not text"),
    ],
)
@pytest.mark.parametrize("vm", ["cpython", "micropython"])
def test_a_bad_recording_is_one_line_and_no_output(tmp_path: Path, content: str | bytes, problem: str, vm: str) -> None:
    bad, out = tmp_path / "bad.csv", tmp_path / "shown.csv"
    bad.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refused(replay(bad, "--vm", vm, "--output", out)).startswith(f"{bad}{problem}")
    assert not out.exists()


def test_an_output_that_was_there_survives_a_bad_recording(tmp_path: Path) -> None:
    bad, out = tmp_path / "bad.csv", tmp_path / "shown.csv"
    bad.write_text("time_s,red,ir\n0,x,1\n")
    out.write_text("precious")
    refused(replay(bad, "--output", out))
    assert out.read_text() == "precious"


def test_an_interrupted_replay_leaves_the_old_output(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_source: Any, write: Callable[[str], object], *_: object) -> None:
        write("half a row")
        raise KeyboardInterrupt

    monkeypatch.setattr("vigil_host.cli.replay.replay", interrupted)
    out = tmp_path / "shown.csv"
    out.write_text("precious")
    assert replay(recording, "--output", out).exit_code == 1
    assert [(path, path.read_text()) for path in tmp_path.iterdir()] == [(out, "precious")]


def test_files_that_cannot_be_read_or_written(recording: Path, tmp_path: Path) -> None:
    assert refused(replay(tmp_path / "none.csv")) == f"{tmp_path / 'none.csv'}: No such file or directory"
    assert refused(replay(tmp_path)) == f"{tmp_path}: Is a directory"
    nowhere = tmp_path / "none" / "shown.csv"
    assert refused(replay(recording, "--output", nowhere)) == f"{nowhere}: No such file or directory"
    if Path("/dev/full").exists():
        assert refused(replay(recording, "--output", "/dev/full")) == "/dev/full: No space left on device"


def test_the_recording_is_not_overwritten_by_its_output(recording: Path, tmp_path: Path) -> None:
    before = recording.read_bytes()
    link = tmp_path / "link.csv"
    link.symlink_to(recording)
    for out in (recording, link):
        assert refused(replay(recording, "--output", out)).startswith(f"{out}: this is the recording itself")
    assert recording.read_bytes() == before


def test_a_gap_is_warned_of_once_and_replayed_as_silence(recording: Path, tmp_path: Path) -> None:
    lines = recording.read_text().splitlines()
    gapped = tmp_path / "gapped.csv"
    gapped.write_text("\n".join(line for line in lines if line[:2] not in {"12", "13", "14"}) + "\n")
    result = replay(gapped)
    assert result.exit_code == 0
    (warning,) = result.stderr.splitlines()
    assert warning.startswith(f"Warning: {gapped}, line 302: nothing was recorded from 11.96 s to 15 s;")
    rows = {int(row["time_s"]): row for row in csv.DictReader(io.StringIO(result.stdout))}
    assert rows[11]["pulse_rate_bpm"]
    assert (rows[14]["pulse_rate_bpm"], rows[14]["pulse_rate_status"]) == ("", "sensor_fault")


def test_help_has_an_example() -> None:
    result = replay("--help")
    assert result.exit_code == 0
    assert "Example: vigil replay finger.csv --output shown.csv" in result.stdout
