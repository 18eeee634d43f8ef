"""The ledger: exactly once, in whatever order and however often records come; and a clear line where it cannot be."""

import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from vigil_host.store import Gap, Store, StoreError, ledger, schema
from vigil_host.store.ledger import CHANGED, OVERWRITTEN
from vigil_wire import records

_NUMBERS = itertools.count()
_FEWER = settings(max_examples=settings().max_examples * 2 // 5)  # every example waits for the disk


def read(path: Path, sql: str) -> list[Any]:
    """Look into the file past the store."""
    with sqlite3.connect(path) as connection:
        return connection.execute(sql).fetchall()


def test_overlapping_batches_are_stored_once(store: Store, device_id: str, journal: Any, journal_id: int) -> None:
    sent = [journal.vitals(number * 10_000) for number in range(8)]
    assert len(store.commit(device_id, journal_id, sent[:5]).new_rows) == 5
    second = store.commit(device_id, journal_id, sent[2:])
    assert (len(second.new_rows), second.duplicates) == (3, 3)
    assert store.commit(device_id, journal_id, [*sent, *sent]).duplicates == 16
    audit = store.audit()
    assert (audit.stored, audit.missing, audit.duplicates) == (8, 0, 0)
    assert [row.sequence for row in store.rows_after(0, 100)] == list(range(8))


@_FEWER
@given(deliveries=st.lists(st.lists(st.integers(0, 19), max_size=12), max_size=5), data=st.data())
def test_any_order_and_any_repetition_give_the_same_ledger(
    deliveries: list[list[int]], data: st.DataObject, shared_store: Store, make_journal: Any, utc_ms: int
) -> None:
    store = shared_store
    journal = make_journal()
    device = f"device {next(_NUMBERS)}"
    store.add_device(device, "Device")
    for number in range(20):
        if number in (3, 11):
            journal.restart()
        elif number in (5, 15):
            journal.anchor(number * 10_000, utc_ms + number * 10_000 + 3)
        else:
            journal.vitals(number * 10_000)
    new: list[int] = []
    for delivery in deliveries:
        new += store.commit(device, journal.id, [journal.records[number] for number in delivery]).new_rows
    came = {number for delivery in deliveries for number in delivery}
    assert len(new) == len(came) == store.audit(device).stored
    assert store.audit(device).missing == (max(came) + 1 - len(came) if came else 0)
    assert store.audit(device).duplicates == 0
    missing = next(number for number in range(21) if number not in came)
    assert store.highest(device, journal.id) == (missing - 1 if missing else None)
    # Once everything has come, nothing tells in which order it came.
    rest = data.draw(st.permutations(range(20)))
    new += store.commit(device, journal.id, [journal.records[number] for number in rest]).new_rows
    assert store.audit(device).stored == 20
    times = {row.sequence: row.utc_ms for row in store.rows_after(min(new) - 1, 20)}
    assert times[4] == utc_ms + 40_000 + 3  # boot 2, from its anchor at number 5
    assert times[12] == utc_ms + 120_000 + 3
    assert times[0] is None  # boot 1 has no anchor
    assert len(times) == 16


def test_resumes_after_what_is_stored_or_known_to_be_gone(
    store: Store, device_id: str, journal: Any, journal_id: int
) -> None:
    sent = [journal.vitals(number) for number in range(10)]
    assert store.highest(device_id, journal_id) is None
    store.commit(device_id, journal_id, sent[2:4])
    assert store.highest(device_id, journal_id) is None
    store.commit(device_id, journal_id, sent[6:8], [Gap(0, 1, OVERWRITTEN)])
    assert store.highest(device_id, journal_id) == 3
    store.note_gap(device_id, journal_id, Gap(4, 5, OVERWRITTEN))
    assert store.highest(device_id, journal_id) == 7
    assert store.audit().missing == 4
    assert store.gaps(device_id) == [Gap(0, 1, OVERWRITTEN), Gap(4, 5, OVERWRITTEN)]


_RANGES = st.tuples(st.integers(0, 25), st.integers(0, 6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@_FEWER
@given(stored=st.sets(st.integers(0, 20)), gaps=st.lists(_RANGES, max_size=4))
def test_resumes_at_the_first_number_that_is_neither_stored_nor_a_gap(
    stored: set[int], gaps: list[tuple[int, int]], shared_store: Store, make_journal: Any
) -> None:
    device = f"device {next(_NUMBERS)}"
    shared_store.add_device(device, "Device")
    journal = make_journal()
    sent = [journal.restart() for _ in range(21)]
    shared_store.commit(device, 1, [sent[number] for number in stored], [Gap(*gap, OVERWRITTEN) for gap in gaps])
    covered = stored | {number for first, last in gaps for number in range(first, last + 1)}
    wanted = next(number for number in range(100) if number not in covered)
    assert shared_store.highest(device, 1) == (wanted - 1 if wanted else None)


def test_a_loss_record_is_a_gap(store: Store, device_id: str, journal: Any, journal_id: int) -> None:
    store.commit(device_id, journal_id, [journal.vitals(0), journal.loss(4, 9)])
    assert store.gaps(device_id) == [Gap(4, 9, OVERWRITTEN)]


def test_a_loss_that_is_told_again_while_it_grows_is_one_gap(store: Store, device_id: str, make_journal: Any) -> None:
    """The device tells it from its own mark on, which may be behind: what is stored is no gap."""
    journal = make_journal(1)
    sent = [journal.vitals(number) for number in range(10)] + [journal.loss(2, last) for last in (4, 6, 8)]
    store.commit(device_id, 1, sent[:3])
    store.commit(device_id, 1, sent[9:], [Gap(3, 8, OVERWRITTEN)])
    assert store.gaps(device_id) == [Gap(3, 8, OVERWRITTEN)]
    assert store.highest(device_id, 1) == 12


@_FEWER
@given(
    stored=st.sets(st.integers(0, 20)),
    gaps=st.lists(_RANGES, max_size=2),
    losses=st.lists(_RANGES, max_size=4),
    together=st.integers(0, 4),
)
def test_each_lost_record_is_told_once(
    stored: set[int],
    gaps: list[tuple[int, int]],
    losses: list[tuple[int, int]],
    together: int,
    shared_store: Store,
    make_journal: Any,
) -> None:
    device = f"device {next(_NUMBERS)}"
    shared_store.add_device(device, "Device")
    journal = make_journal()
    sent = [journal.restart() for _ in range(40)]
    lost = [journal.loss(*each) for each in losses]
    shared_store.commit(device, 1, [sent[number] for number in stored])
    before = [Gap(*each, OVERWRITTEN) for each in gaps]
    shared_store.commit(device, 1, lost[:together], before)
    shared_store.commit(device, 1, lost[together:])
    noted = shared_store.gaps(device)
    told = [number for gap in noted if gap not in before for number in range(gap.first, gap.last + 1)]
    covered = stored | {number for first, last in gaps for number in range(first, last + 1)}
    assert sorted(told) == sorted({number for first, last in losses for number in range(first, last + 1)} - covered)


def test_other_content_under_a_used_number_is_said(store: Store, device_id: str, journal: Any, journal_id: int) -> None:
    first = journal.vitals(0, pulse_rate_deci_bpm=700)
    journal.records.clear()
    other = journal.vitals(0, pulse_rate_deci_bpm=800)
    store.commit(device_id, journal_id, [first])
    assert store.commit(device_id, journal_id, [other]).new_rows == []
    assert store.gaps(device_id) == [Gap(0, 0, CHANGED)]
    assert [row.pulse_rate_bpm for row in store.rows_after(0, 10)] == [70.0]


def test_journals_and_devices_are_apart(store: Store, device_id: str, journal: Any) -> None:
    store.add_device("other", "Other")
    data = journal.vitals(0)
    for device, journal_id in ((device_id, 1), (device_id, 2), ("other", 1)):
        assert store.commit(device, journal_id, [data]).duplicates == 0
    assert store.audit().stored == 3
    assert store.audit("other").stored == 1


def test_a_kind_of_a_newer_firmware_is_kept_as_it_came(store: Store, device_id: str, journal: Any) -> None:
    data = bytearray(journal.vitals(0))
    data[4] = 200
    assert len(store.commit(device_id, 1, [bytes(data)]).new_rows) == 1
    assert store.highest(device_id, 1) == 0
    assert store.rows_after(0, 10) == []
    assert read(store.path, "SELECT kind, data FROM record") == [(200, bytes(data))]


def test_less_than_a_header_is_refused_whole(store: Store, device_id: str, journal: Any) -> None:
    with pytest.raises(records.RecordError):
        store.commit(device_id, 1, [journal.vitals(0), b"short"])
    assert store.audit().stored == 0


def test_the_table_of_vitals_has_a_records_values_in_their_order() -> None:
    assert [column.name for column in schema.vitals.c] == ["record", *records.VITALS_NAMES]


def test_no_value_is_never_zero(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.vitals(0, None, None)])
    (row,) = store.rows_after(0, 10)
    assert (row.pulse_rate_bpm, row.spo2_pct, row.temperature_c) == (None, None, None)
    assert row.temperature_status == "unavailable"
    assert (row.respiration_per_min, row.respiration_status) == (None, "poor_signal")


def test_respiration_and_whose_calibration_it_was_are_kept(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.vitals(0, respiration_deci_per_min=143, flags=records.SPO2_CALIBRATED)])
    (row,) = store.rows_after(0, 10)
    assert (row.respiration_per_min, row.respiration_status, row.spo2_is_calibrated) == (14.3, "validated", True)


def test_movement_and_position_are_kept_and_none_is_made_up(store: Store, device_id: str, journal: Any) -> None:
    for code in range(8):
        journal.vitals(code * 1000, flags=code << records.MOVEMENT_SHIFT | records.SPO2_CALIBRATED)
    store.commit(device_id, 1, journal.records)
    rows = store.rows_after(0, 10)
    assert [(row.position, row.movement) for row in rows] == [
        (None, None),
        ("unknown", "still"),
        ("unknown", "moving"),
        ("lying", "still"),
        ("lying", "moving"),
        ("upright", "still"),
        ("upright", "moving"),
        ("upright", "walking"),
    ]
    assert all(row.spo2_is_calibrated for row in rows)


def test_time_comes_with_the_anchor_and_stays(store: Store, device_id: str, journal: Any, utc_ms: int) -> None:
    store.commit(device_id, 1, [journal.vitals(10_000)])
    assert store.rows_after(0, 1)[0].utc_ms is None
    assert store.trend(device_id, 0, 2**50, 10) == []
    assert store.commit(device_id, 1, [journal.anchor(12_000, utc_ms)]).alarms_changed
    assert store.rows_after(0, 1)[0].utc_ms == utc_ms - 2000
    store.commit(device_id, 1, [journal.anchor(20_000, utc_ms + 9000), journal.vitals(21_000)])
    assert [row.utc_ms for row in store.rows_after(0, 9)] == [utc_ms - 2000, utc_ms + 10_000]
    journal.restart()
    store.commit(device_id, 1, [journal.records[-1], journal.vitals(5)])
    assert store.rows_after(0, 9)[-1].utc_ms is None  # another boot, another anchor


def test_trend_is_what_lies_in_the_span(store: Store, device_id: str, journal: Any, utc_ms: int) -> None:
    journal.anchor(0, utc_ms)
    for number in range(1, 11):
        journal.vitals(number * 1000)
    journal.restart()
    journal.anchor(0, utc_ms + 11_000)
    for number in range(10):
        journal.vitals(number * 1000)
    store.commit(device_id, 1, journal.records)
    everything = store.trend(device_id, 0, 2**50, 100)
    assert [row.utc_ms for row in everything] == [utc_ms + 1000 * number for number in range(1, 21)]
    some = store.trend(device_id, utc_ms + 9000, utc_ms + 13_000, 100)
    assert [row.utc_ms for row in some] == [utc_ms + 1000 * number for number in range(9, 13)]
    assert store.trend(device_id, 0, 2**50, 3) == everything[-3:]
    assert store.trend("nobody", 0, 2**50, 3) == []


def test_rows_after_goes_on_where_it_was_left(store: Store, device_id: str, journal: Any) -> None:
    assert store.newest_row_id() == 0
    store.commit(device_id, 1, [journal.vitals(number) for number in range(5)])
    assert store.newest_row_id() == 5
    first = store.rows_after(0, 2)
    rest = store.rows_after(first[-1].row_id, 100)
    assert [row.sequence for row in (*first, *rest)] == [0, 1, 2, 3, 4]


def test_the_newest_record_of_a_kind(store: Store, device_id: str, journal: Any) -> None:
    assert store.newest_record(device_id, records.VITALS) is None
    sent = [journal.vitals(0), journal.vitals(1), journal.restart()]
    store.commit(device_id, 1, sent)
    assert store.newest_record(device_id, records.VITALS) == sent[1]
    assert store.newest_record("nobody", records.VITALS) is None


def test_a_wearer_has_the_device_from_one_instant_to_another(store: Store, clock: Any) -> None:
    sql = "SELECT wearer.name, from_utc_ms, to_utc_ms FROM assignment JOIN wearer ON wearer.id = wearer"
    began = clock.utc_ms()
    assert read(store.path, sql) == [("Wearer", began, None)]
    (known,) = read(store.path, "SELECT id FROM device")
    clock.now_s += 60
    store.add_device(known[0], "Renamed")
    assert read(store.path, sql) == [("Wearer", began, None)]
    store.add_device(known[0], "Renamed", "Ada")
    assert read(store.path, sql) == [("Wearer", began, began + 60_000), ("Ada", began + 60_000, None)]
    assert read(store.path, "SELECT name FROM device") == [("Renamed",)]


def test_a_commit_survives_a_power_cut_by_design(store: Store) -> None:
    with store._writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    with store._reading() as connection:
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 0


def test_a_failed_commit_leaves_nothing(store: Store, device_id: str, journal: Any, mocker: Any) -> None:
    mocker.patch.object(ledger, "_decode", side_effect=RuntimeError("cut"))
    with pytest.raises(RuntimeError):
        store.commit(device_id, 1, [journal.vitals(0)])
    assert store.audit().stored == 0


def test_what_is_asked_of_the_writer_is_done_in_order(
    store: Store, device_id: str, journal: Any, run: Callable[[Any], Any]
) -> None:
    async def ask() -> list[Any]:
        import asyncio

        sent = [journal.vitals(number) for number in range(20)]
        return await asyncio.gather(*(store.on_writer(store.commit, device_id, 1, [data]) for data in sent))

    results = run(ask())
    assert [result.new_rows for result in results] == [[number] for number in range(1, 21)]


def test_the_database_is_for_its_owner_alone(store: Store) -> None:
    assert store.path.stat().st_mode & 0o777 == 0o600


def test_a_reader_reads_while_the_writer_writes(store: Store, device_id: str, journal: Any) -> None:
    with Store.read(store.path) as reader:
        store.commit(device_id, 1, [journal.vitals(0)])
        assert reader.audit().stored == 1
        with pytest.raises(StoreError, match="reading only"):
            reader.commit(device_id, 1, [])


def test_migrations_and_schema_agree(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    Store.open(tmp_path / "vigil.db").close()
    engine = create_engine(f"sqlite:///{tmp_path}/vigil.db")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "schema_version"})
        assert compare_metadata(context, schema.metadata) == []
        assert context.get_current_revision() == schema.REVISION
        migrated = {
            row[0]: " ".join(row[1].replace('"', "").split())
            for row in connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOTNULL"
            )
        }
    engine.dispose()
    fresh = create_engine("sqlite://")
    schema.metadata.create_all(fresh)
    with fresh.connect() as connection:
        made = {
            row[0]: " ".join(row[1].replace('"', "").split())
            for row in connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOTNULL"
            )
        }
    fresh.dispose()
    assert migrated == made


def test_a_database_of_the_first_version_is_kept_and_says_that_it_had_no_respiration(
    tmp_path: Path, device_id: str, journal: Any
) -> None:
    path = tmp_path / "vigil.db"
    with Store.open(path) as store:
        store.add_device(device_id, "Clip")
        store.commit(device_id, 1, [journal.vitals(0, respiration_deci_per_min=143)])
    with sqlite3.connect(path) as connection:
        for column in ("respiration_mean_deci_per_min", "respiration_status", "spo2_is_calibrated", "movement"):
            connection.execute(f"ALTER TABLE vitals DROP COLUMN {column}")
        connection.execute("ALTER TABLE record DROP COLUMN hash")
        for column in ("flags", "refused", "refused_utc_ms"):
            connection.execute(f"ALTER TABLE device DROP COLUMN {column}")
        for column in ("boot", "acknowledged_utc_ms", "acknowledged_by", "is_latched"):
            connection.execute(f"ALTER TABLE alarm DROP COLUMN {column}")
        for table in (
            *("checkpoint", "journal", "rollup", "rolled_up"),
            *("delivery", "message", "snooze", "telling"),
        ):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DROP INDEX ix_record_settings")
        connection.execute("UPDATE schema_version SET version_num = '0001'")
    with pytest.raises(StoreError, match="start the bridge once"):
        Store.read(path)
    with Store.open(path) as store:
        store.commit(device_id, 1, [journal.vitals(1, respiration_deci_per_min=150)])
        before, after = store.rows_after(0, 10)
        assert store.highest(device_id, 1) == 1
        # The chain, the journals and the roll-ups begin with what was there; the emptied column is what was done here.
        assert [finding for finding in store.verify().findings if "in the table vitals" not in finding] == []
    assert (before.pulse_rate_bpm, before.respiration_per_min, before.respiration_status) == (72.0, None, "unavailable")
    assert (after.respiration_per_min, after.respiration_status) == (15.0, "validated")


def message_of(path: Path) -> str:
    """The line that opening `path` fails with."""
    with pytest.raises(StoreError) as caught:
        Store.open(path, busy_timeout_s=0.05)
    line = str(caught.value)
    assert str(path) in line and "\n" not in line
    return line


def test_a_locked_database(tmp_path: Path, journal: Any) -> None:
    path = tmp_path / "vigil.db"
    with Store.open(path, busy_timeout_s=0.05) as store:
        store.add_device("d", "Device")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert "locked by another program" in message_of(path)
        with pytest.raises(StoreError, match="locked by another program"):
            store.commit("d", 1, [journal.vitals(0)])
        other.execute("ROLLBACK")
        other.close()
        assert len(store.commit("d", 1, journal.records).new_rows) == 1


def test_a_read_only_database() -> None:
    folder = Path(tempfile.mkdtemp())
    path = folder / "vigil.db"
    Store.open(path).close()
    path.chmod(0o444)
    folder.chmod(0o555)
    try:
        assert "read-only" in _as_nobody(path)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def _as_nobody(path: Path) -> str:
    """What opening fails with for a user to whom permissions apply, as they do not to root."""
    if os.geteuid():
        return message_of(path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            line = message_of(path)
        except BaseException as error:
            line = repr(error)
        os.write(writing, line.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        line = pipe.read()
    os.waitpid(child, 0)
    return line


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "vigil.db"
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version_num = '9999'")
    assert "newer version of Vigil" in message_of(path)
    with pytest.raises(StoreError, match="newer version"):
        Store.read(path)
    assert read(path, "SELECT version_num FROM schema_version") == [("9999",)]


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and long enough to be taken for a database's header, which they are not\n" * 20)
    before = path.read_bytes()
    assert "not a Vigil database" in message_of(path)
    assert path.read_bytes() == before


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "not a Vigil database" in message_of(path)


def test_no_folder_and_a_folder(tmp_path: Path) -> None:
    assert "cannot be opened" in message_of(tmp_path / "nowhere" / "vigil.db")
    assert "cannot be opened" in message_of(tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        Store.read(tmp_path / "vigil.db")
    assert not (tmp_path / "vigil.db").exists()


def test_the_newest_settings_are_found_by_their_index(store: Store, device_id: str) -> None:
    with store._reading() as connection:
        connection.exec_driver_sql("SELECT 1")
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN SELECT data FROM record WHERE device = ? AND kind = {records.SETTINGS} "
            "ORDER BY id DESC LIMIT 1",
            (device_id,),
        ).all()
    assert "ix_record_settings" in str(plan)
