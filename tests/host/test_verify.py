"""What is changed in the record after its commit is found, and named."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.host.empty_store import put_empty_store

from vigil_host.store import Gap, Store, StoreError, chain
from vigil_host.store.chain import Signer, SigningError
from vigil_host.store.ledger import OVERWRITTEN

ROWS = 30


@pytest.fixture
def signer() -> Signer:
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
def path(tmp_path: Path, clock: Any, signer: Signer, journal: Any, utc_ms: int, mocker: Any) -> Iterator[Path]:
    """A record of thirty rows, with a checkpoint at row 12, 24 and, from the closing, 30."""
    mocker.patch.object(chain, "SIGN_ROWS", 12)
    path = put_empty_store(tmp_path / "vigil.db")
    with Store.open(path, clock=clock, signer=signer) as store:
        store.add_device("d", "Device")
        for number in range(ROWS):
            if number == 3:
                data = journal.anchor(number * 10_000, utc_ms)
            elif number == 7:
                data = journal.alarm(1, number * 10_000)
            else:
                data = journal.vitals(number * 10_000, 700 + number, respiration_deci_per_min=140 + number)
            store.commit("d", 1, [data])
        assert store.verify([signer.public_key]).findings == []
    yield path


def changed(path: Path, signer: Signer, *statements: str) -> list[str]:
    """Findings after the file was changed behind the store's back."""
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    with Store.read(path) as store:
        return store.verify([signer.public_key]).findings


def test_nothing_is_found_where_nothing_was_changed(path: Path, signer: Signer) -> None:
    with Store.read(path) as store:
        report = store.verify([signer.public_key])
    assert (report.findings, report.rows, report.checkpoints, report.unsigned) == ([], ROWS, 3, 0)


def test_an_edited_row(path: Path, signer: Signer) -> None:
    sql = "UPDATE record SET data = substr(data, 1, 20) || x'FF' || substr(data, 22) WHERE id = 5"
    findings = changed(path, signer, sql)
    assert any(finding.startswith("row 5 (device d, journal 1, sequence 4): edited") for finding in findings)
    assert not any(finding.startswith("row 6 ") for finding in findings)


def test_text_in_the_place_of_a_number(path: Path, signer: Signer) -> None:
    findings = changed(path, signer, "UPDATE record SET received_utc_ms = 'never', boot = 'x' WHERE id = 5")
    assert any(finding.startswith("row 5 (") for finding in findings)


@pytest.mark.parametrize("column", ["received_utc_ms", "journal", "boot", "uptime_ms", "kind"])
def test_an_edited_column(path: Path, signer: Signer, column: str) -> None:
    findings = changed(path, signer, f"UPDATE record SET {column} = {column} + 1 WHERE id = 5")
    assert any(finding.startswith("row 5 (") for finding in findings)


def test_an_edited_reading(path: Path, signer: Signer) -> None:
    """What a page shows is the decoded row: an edit there must not pass because the bytes are whole."""
    finding, *rollups = changed(path, signer, "UPDATE vitals SET spo2_mean_deci_pct = 990 WHERE record = 9")
    assert finding.startswith("row 9 (device d, journal 1, sequence 8): edited in the table vitals")
    assert rollups and all(finding.startswith("device d, journal 1, boot 1: roll-up") for finding in rollups)


def test_edited_alarms_anchors_and_rollups(path: Path, signer: Signer) -> None:
    findings = changed(
        path,
        signer,
        "UPDATE alarm_event SET priority = 0",
        "DELETE FROM anchor",
        "UPDATE rollup SET spo2_min = 960 WHERE span_s = 3600",
    )
    assert [finding.split(":")[0] for finding in findings] == [
        "row 4 (device d, journal 1, sequence 3)",
        "row 8 (device d, journal 1, sequence 7)",
        "device d, journal 1, boot 1",
    ]


def test_a_removed_row(path: Path, signer: Signer) -> None:
    findings = changed(path, signer, "DELETE FROM vitals WHERE record = 6", "DELETE FROM record WHERE id = 6")
    assert "row 6: removed, before row 7 (device d, journal 1, sequence 6)" in findings
    assert "device d, journal 1: sequences 5 to 5 are missing without a reason" in findings


def test_rows_removed_from_the_end(path: Path, signer: Signer) -> None:
    findings = changed(path, signer, "DELETE FROM vitals WHERE record > 27", "DELETE FROM record WHERE id > 27")
    assert "rows 28 to 30: removed from the end" in findings
    assert "checkpoint 3 (row 30): signed, and no longer there" in findings


def test_reordered_rows(path: Path, signer: Signer) -> None:
    findings = changed(
        path,
        signer,
        "UPDATE record SET id = 99 WHERE id = 10",
        "UPDATE record SET id = 10 WHERE id = 11",
        "UPDATE record SET id = 11 WHERE id = 99",
    )
    assert any(finding.startswith("row 10 (device d, journal 1, sequence 10)") for finding in findings)
    assert any(finding.startswith("row 11 (device d, journal 1, sequence 9)") for finding in findings)


def test_an_inserted_row(path: Path, signer: Signer) -> None:
    findings = changed(
        path,
        signer,
        "INSERT INTO record SELECT 31, device, 2, sequence, kind, boot, uptime_ms, received_utc_ms, data, hash "
        "FROM record WHERE id = 1",
    )
    assert any(finding.startswith("row 31 (device d, journal 2, sequence 0): edited, inserted") for finding in findings)


def test_a_chain_written_anew_lacks_the_signature(path: Path, signer: Signer) -> None:
    """Somebody who hashes everything again after an edit is found by the checkpoints."""
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE record SET received_utc_ms = received_utc_ms + 1 WHERE id = 20")
        head = chain.GENESIS
        columns = "id, device, journal, sequence, received_utc_ms, data"
        for row in connection.execute(f"SELECT {columns} FROM record ORDER BY id").fetchall():
            head = chain.follow(head, chain.digest(*row))
            connection.execute("UPDATE record SET hash = ? WHERE id = ?", (head, row[0]))
    assert changed(path, signer) == [
        "checkpoint 2 (row 24): rows 13 to 24 are not those that were signed",
        "checkpoint 3 (row 30): rows 25 to 30 are not those that were signed",
    ]


def test_another_key_is_not_trusted(path: Path, signer: Signer) -> None:
    stranger = Signer(Ed25519PrivateKey.generate())
    with Store.read(path) as store:
        findings = store.verify([stranger.public_key]).findings
    assert len(findings) == 3 and all("which is not trusted here" in finding for finding in findings)
    (finding,) = changed(path, signer, "UPDATE checkpoint SET utc_ms = utc_ms + 1 WHERE id = 2")
    assert finding == "checkpoint 2 (row 24): its signature is wrong"


def test_a_missing_sequence_needs_a_reason(path: Path, signer: Signer, journal: Any) -> None:
    with Store.open(path, signer=signer) as store:
        later = [journal.vitals(number * 10_000) for number in range(ROWS, ROWS + 10)]
        store.commit("d", 1, later[4:6])
        missing = "device d, journal 1: sequences 30 to 33 are missing without a reason"
        assert store.verify([signer.public_key]).findings == [missing]
        store.note_gap("d", 1, Gap(30, 31, OVERWRITTEN))
        missing = "device d, journal 1: sequences 32 to 33 are missing without a reason"
        assert store.verify([signer.public_key]).findings == [missing]
        store.commit("d", 1, later[2:4])
        assert store.verify([signer.public_key]).findings == []


def test_damage_to_the_file_is_found(path: Path, signer: Signer) -> None:
    whole = path.read_bytes()
    with sqlite3.connect(path) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_record_device_journal_boot_uptime_ms'"
        ).fetchone()[0]
    at = whole.index(b"d\x01", root * 4096 - 400, root * 4096)  # a key of that index
    path.write_bytes(whole[: at + 2] + bytes((whole[at + 2] ^ 1,)) + whole[at + 3 :])
    with Store.read(path) as store:
        assert any("integrity_check" in finding for finding in store.verify([signer.public_key]).findings)


def test_a_change_by_another_program_stops_the_store(path: Path, signer: Signer, journal: Any) -> None:
    """A running store never signs what it has not written itself."""
    with Store.open(path, signer=signer) as store:
        sent = [journal.vitals(number * 10_000) for number in range(ROWS, ROWS + 2)]
        store.commit("d", 1, sent[:1])
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE record SET hash = x'00' WHERE id = (SELECT max(id) FROM record)")
        with pytest.raises(StoreError, match="changed by another program"):
            store.commit("d", 1, sent[1:])


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing-key.pem"
    first = Signer.at(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.at(path).public_key == first.public_key
    assert [entry.name for entry in tmp_path.iterdir()] == ["signing-key.pem"]
    path.write_text("no key")
    with pytest.raises(SigningError, match="holds no Ed25519"):
        Signer.at(path)
    assert path.read_text() == "no key"
