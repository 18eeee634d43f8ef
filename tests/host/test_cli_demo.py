"""`vigil demo`: its summary, its exit codes, and what it says of what it cannot use."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.host.command_line import refused

from vigil_hal.simulated.patient import built_in_patient
from vigil_host.cli import main
from vigil_host.store import Store
from vigil_host.store.queries import Audit

KEYS = {"received", "stored", "missing", "duplicates", "alarms"}
VIGIL = Path(sys.executable).with_name("vigil")


def demo(*args: object) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, ["demo", *map(str, args)], catch_exceptions=False)


def summary(text: str) -> dict[str, Any]:
    """The JSON object that is all of `text`, with nothing missing."""
    found: dict[str, Any] = json.loads(text)
    assert found.keys() == KEYS
    assert (found["missing"], found["duplicates"]) == (0, 0)
    return found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A record without rows."""
    path = tmp_path / "vigil.db"
    Store.open(path).close()
    return path


def test_a_recording_is_what_the_sensor_feels(tmp_path: Path) -> None:
    patient, counts, lines = built_in_patient(), [0, 0], ["time_s,red,ir"]
    for number in range(200):
        patient.sample_into(number * 40_000, counts)
        lines.append(f"{number / 25:.2f},{counts[0]},{counts[1]}")
    recording = tmp_path / "well.csv"
    recording.write_text("\n".join(lines))
    result = demo("--headless", "--for", 1, "--recording", recording)
    assert result.exit_code == 0
    assert "0 missing, 0 stored twice." in result.stdout


def test_json_summary_counts_what_is_in_the_record_and_tells_the_alarms(tmp_path: Path) -> None:
    script, kept = tmp_path / "off.csv", tmp_path / "kept.db"
    script.write_text("time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,noise_pct,contact\n0,72,97,2,0,0\n")
    # The alarm is due after 6 s; a busy machine may start late.
    result = demo("--headless", "--for", 15, "--json", "--patient", script, "--db", kept)
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("vigil: device ")
    found = summary(result.stdout)
    assert found["received"] >= found["stored"] >= 7
    connection = sqlite3.connect(kept)
    assert connection.execute("SELECT COUNT(*) FROM record").fetchone() == (found["stored"],)
    connection.close()
    (alarm,) = found["alarms"]
    assert alarm.keys() == {"condition", "priority", "onset_s", "cleared_s"}
    assert (alarm["condition"], alarm["priority"], alarm["cleared_s"]) == ("sensor_off", "low", None)
    assert 0 <= alarm["onset_s"] < 4


@pytest.mark.parametrize(("missing", "duplicates"), [(1, 0), (0, 1)])
def test_a_record_that_is_not_whole_is_exit_code_1(mocker: Any, missing: int, duplicates: int) -> None:
    mocker.patch.object(Store, "audit", return_value=Audit(3, missing, duplicates))
    result = demo("--headless", "--for", 0.2, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["missing"], found["duplicates"]) == (missing, duplicates)


def test_ctrl_c_and_sigterm_end_it_with_the_summary(tmp_path: Path) -> None:
    command = [VIGIL, "demo", "--port", "0", "--json"]
    running = {
        number: subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    for number, process in running.items():
        assert process.stderr is not None
        said = process.stderr.readline() + process.stderr.readline()
        assert "Vigil demo: http://127.0.0.1:" in said
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        summary(out)


@pytest.mark.parametrize("vm", ["cpython", "micropython"])
@pytest.mark.parametrize(
    ("option", "content", "problem"),
    [
        ("--patient", "time_s,pulse_rate_bpm\n0,1\n", ":1: missing column spo2_pct, perfusion_pct, noise_pct, contact"),
        (
            "--patient",
            "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,noise_pct,contact\n0,72,97,2,0,1\n5,72,197,2,0,1\n",
            ":3: spo2_pct '197' is not a number from 50 to 100 with up to 1 decimals",
        ),
        ("--recording", "time_s,red,ir\n0,1,1\n0,1,1\n", ":3: time_s '0' is not later than the line before"),
    ],
)
def test_a_bad_script_or_recording_is_one_line(
    tmp_path: Path, option: str, content: str, problem: str, vm: str
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(content)
    result = demo("--headless", "--for", 5, "--json", option, bad, "--vm", vm)
    assert refused(result).startswith(f"{bad}{problem}")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    none = tmp_path / "none"
    assert refused(demo("--patient", none)) == f"{none}: No such file or directory"
    assert refused(demo("--recording", tmp_path)) == f"{tmp_path}: Is a directory"
    assert refused(demo("--headless", "--db", none / "x.db")).startswith(f"{none / 'x.db'} cannot be opened")


def test_recording_and_patient_exclude_each_other() -> None:
    result = demo("--recording", "a.csv", "--patient", "b.csv")
    assert result.exit_code == 2
    assert "--recording and --patient exclude each other" in result.stderr


def test_a_busy_port_is_one_line() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = refused(demo("--port", port, "--for", 5))
    assert said.startswith(f"port {port} on 127.0.0.1 is in use by another program")
    assert "--port" in said


@pytest.fixture
def locked(database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A record that another program is writing."""
    monkeypatch.setattr(Store, "open", partial(Store.open, busy_timeout_s=0.1))
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield database
    other.close()


def test_a_locked_record_is_one_line(locked: Path) -> None:
    assert refused(demo("--headless", "--for", 5, "--db", locked)).startswith(f"{locked} is locked by another program")


def test_a_read_only_record_is_one_line(database: Path, mocker: Any) -> None:
    system = mocker.patch("vigil_host.store.opening.os", wraps=os)  # root may write everywhere
    system.open.side_effect = PermissionError(13, "Permission denied")
    assert refused(demo("--headless", "--for", 5, "--db", database)).startswith(f"{database} is read-only")


def test_a_record_of_a_newer_version_is_one_line_and_stays_as_it_was(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE schema_version SET version_num = '9999'")
    connection.close()
    said = refused(demo("--headless", "--for", 5, "--db", database))
    assert said.startswith(f"{database} was written by a newer version of Vigil")
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT version_num FROM schema_version").fetchall() == [("9999",)]
    connection.close()


def test_a_file_that_is_no_record_is_one_line_and_stays_as_it_was(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ada, ...\n" * 50)
    before = letter.read_bytes()
    assert refused(demo("--headless", "--for", 5, "--db", letter)).startswith(f"{letter} is not a Vigil database")
    assert letter.read_bytes() == before
