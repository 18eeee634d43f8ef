"""Backing up, restoring, verifying and exporting a record, as its owner does it."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.host.empty_store import put_empty_store

from vigil_host.cli import main
from vigil_host.config import signing_key_file
from vigil_host.store import Store
from vigil_host.store.chain import Signer

DAY = ("2026-11-18", "2026-11-20")  # of the conftest's clock


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("VIGIL_DATA", str(folder))
    return folder


@pytest.fixture
def path(data_folder: Path, clock: Any, journal: Any, utc_ms: int) -> Iterator[Path]:
    """The bridge's record: twenty rows of one device among those of another, signed."""
    data_folder.mkdir()
    path = put_empty_store(data_folder / "vigil.db")
    with Store.open(path, clock=clock, signer=Signer.at(signing_key_file())) as store:
        store.add_device("ada", "Ada's clip")
        store.add_device("bob", "Bob's clip")
        journal.anchor(0, utc_ms)
        for number in range(1, 20):
            journal.vitals(number * 10_000)
        for data in journal.records:
            store.commit("ada", 1, [data])
            store.commit("bob", 2, [data])
    yield path


def vigil(*args: object) -> Result:
    return CliRunner().invoke(main, [*map(str, args)], catch_exceptions=False)


def public_key() -> str:
    return vigil("verify", "--public-key").stdout.strip()


def test_verify_says_that_all_is_well_or_what_is_not(path: Path) -> None:
    result = vigil("verify")
    assert result.exit_code == 0 and "40 rows, 1 signatures, 0 newest rows not signed" in result.stdout
    assert json.loads(vigil("verify", "--json").stdout)["findings"] == []
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM vitals WHERE record = 11")
        connection.execute("DELETE FROM record WHERE id = 11")
    result = vigil("verify")
    assert result.exit_code == 1 and "row 11: removed" in result.stdout


def test_an_export_proves_itself_to_who_has_the_public_key_alone(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: Any
) -> None:
    file = tmp_path / "ada.vigil"
    result = vigil("export", file, "--device", "Ada's clip", "--from", DAY[0], "--to", DAY[1])
    assert result.exit_code == 0 and result.stdout.startswith("20 records")
    key = public_key()
    path.unlink()
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "somebody else"))
    result = vigil("verify", file, "--key", key)
    assert result.exit_code == 0 and "20 records of device ada" in result.stdout
    assert json.loads(vigil("verify", file, "--key", key, "--json").stdout)["withheld"] == 20
    # Nothing of the other device but digests.
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [bytes.fromhex(line[3]) for line in lines if isinstance(line, list)] == journal.records
    assert "bob" not in file.read_text()
    assert vigil("verify", file, "--key", "00" * 32).exit_code == 1
    assert vigil("verify", file).exit_code == 1  # with no key there is nothing to believe


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:3] + lines[5:],
        lambda lines: [*lines[:3], lines[5], lines[4], lines[3], *lines[6:]],
        lambda lines: [*lines[:5], lines[3], *lines[5:]],
        lambda lines: [line.replace("0101", "0102", 1) if line.startswith("[") else line for line in lines],
        lambda lines: [*lines, lines[3]],
        lambda lines: lines[:-1],
        lambda lines: [lines[0].replace('"ada"', '"eve"'), *lines[1:]],
        lambda lines: ["[]"],
        lambda lines: [],
    ],
)
def test_a_changed_export_proves_nothing(path: Path, tmp_path: Path, change: Callable[[list[str]], list[str]]) -> None:
    file = tmp_path / "ada.vigil"
    vigil("export", file, "--device", "ada", "--from", DAY[0], "--to", DAY[1])
    before = file.read_text().splitlines()
    after = change(before)
    assert after != before
    file.write_text("\n".join(after))
    result = vigil("verify", file)
    assert result.exit_code == 1 and result.stderr.startswith("Error: ") and not result.stdout


def test_an_export_of_nothing_leaves_no_file(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "none"
    assert vigil("export", file, "--device", "ada", "--from", "2020-01-01", "--to", "2020-01-02").exit_code == 1
    assert not file.exists()


def test_a_backup_is_whole_while_the_bridge_writes(path: Path, tmp_path: Path, journal: Any) -> None:
    copy = tmp_path / "copy.db"
    with Store.open(path) as store:
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                store.commit("ada", 1, [journal.vitals(0)])

        writing = threading.Thread(target=write)
        writing.start()
        try:
            for _ in range(5):
                assert vigil("backup", copy, "--yes").exit_code == 0
                with Store.read(copy) as copied:
                    assert copied.verify([Signer.at(signing_key_file()).public_key]).findings == []
        finally:
            stop.set()
            writing.join()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["copy.db", "data"]


def test_nothing_is_overwritten_unasked(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert vigil("backup", copy).exit_code == 0
    before = copy.read_bytes(), path.read_bytes()
    for command in ("backup", "restore"):
        result = vigil(command, copy)
        assert result.exit_code == 1 and "--yes" in result.stderr
    assert (copy.read_bytes(), path.read_bytes()) == before


def test_a_record_in_use_and_a_damaged_backup_are_refused(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    vigil("backup", copy)
    with Store.open(path):
        result = vigil("restore", copy, "--yes")
        assert result.exit_code == 1 and "locked by another program" in result.stderr
    whole = copy.read_bytes()
    before = path.read_bytes()
    for bad in (whole[: len(whole) // 2], b"notes" * 4000, b""):
        copy.write_bytes(bad)
        assert vigil("restore", copy, "--yes").exit_code == 1
    assert vigil("restore", tmp_path / "nowhere", "--yes").exit_code == 1
    assert path.read_bytes() == before


def test_after_yesterdays_backup_the_device_gives_again_what_it_has(
    home: Any, data_folder: Path, tmp_path: Path, run: Callable[[Any], Any]
) -> None:
    """The rest is a gap that says so, and what was in the record before the restore is kept beside it."""
    data_folder.mkdir(exist_ok=True)
    path = home.store.path
    copy = tmp_path / "yesterday.db"

    def fill(count: int) -> None:
        for _ in range(count):
            home.device.journal.vitals(len(home.device.journal.records) * 10_000)

    async def deliver() -> None:
        newest = len(home.device.journal.records) - 1
        await home.run_session(lambda: home.device.acknowledged == newest)

    fill(30)
    run(deliver())
    assert vigil("backup", copy, "--db", path).exit_code == 0
    fill(50)
    run(deliver())
    home.store.close()
    result = vigil("restore", copy, "--db", path, "--yes")
    assert result.exit_code == 0
    (kept,) = tmp_path.glob("vigil.db.before-*Z")
    with Store.read(kept) as before:
        assert before.audit().stored == 80
    home.device.oldest = 60
    fill(5)
    with Store.open(path, clock=home.clock) as store:
        home.store = home.alerts._store = home.intake._store = store
        run(deliver())
        audit = store.audit()
        assert (audit.stored, audit.missing, audit.duplicates) == (55, 30, 0)
        (gap,) = store.gaps(home.device_id)
        assert gap[:2] == (30, 59) and "stored once" in gap.reason
        assert store.verify().findings == []
        assert [row.sequence for row in store.rows_after(0, 100)] == [*range(30), *range(60, 85)]


def test_restored_where_there_was_nothing(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    vigil("backup", copy)
    path.unlink()
    assert vigil("restore", copy).exit_code == 0
    assert vigil("verify").exit_code == 0
