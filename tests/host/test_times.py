"""Wall-clock time in the record: a pure function of its bytes, which nothing that comes later changes."""

import itertools
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil_host.store import Store, StoreError, TrendRow, UntimedReadings, chain, export
from vigil_host.store.chain import Signer
from vigil_host.store.rollups import MINUTE_S
from vigil_host.store.times import MS_PER_DAY, to_days
from vigil_wire import conditions
from vigil_wire.uptime_time import doubt_ms, drift_between

_NUMBERS = itertools.count()
_FEWER = settings(max_examples=settings().max_examples * 2 // 5)  # every example waits for the disk
_SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
_HOUR_MS = 3_600_000


class Entry(NamedTuple):
    """A record to write: time since the one before it; None for a reading, else how wrong an anchor's UTC is."""

    step_ms: int
    error_ms: int | None


class Boot(NamedTuple):
    """A boot to write: time since the end of the one before it, and its records."""

    wait_ms: int
    entries: list[Entry]


class Written(NamedTuple):
    """A record that was written: its boot and uptime, the true UTC, and an anchor as the wire has it."""

    boot: int
    uptime_ms: int
    true_utc_ms: int
    anchor: tuple[int, int, int, int] | None


_STEPS = st.integers(1, 20_000) | st.integers(1, 3 * MS_PER_DAY)
# The delay of the link, a leap second, daylight saving time, and a clock that was set to any year.
_ERRORS = (
    st.integers(-2_000, 2_000) | st.sampled_from([-1000, 1000, -_HOUR_MS, _HOUR_MS]) | st.integers(-(10**11), 10**11)
)


def boots_with(errors: st.SearchStrategy[int], most: int = 5) -> st.SearchStrategy[list[Boot]]:
    """Every other boot without an anchor."""
    reading = st.builds(Entry, _STEPS, st.none())
    entry = reading | st.builds(Entry, _STEPS, errors)
    entries = st.lists(reading, min_size=1, max_size=3) | st.lists(entry, min_size=3, max_size=9)
    return st.lists(st.builds(Boot, _STEPS, entries), min_size=1, max_size=most)


def write(journal: Any, boots: list[Boot], utc_ms: int, drift_ppm: int = 0) -> list[Written]:
    """Write the records of `boots` into the journal, and say what they are, by sequence number."""
    written = []
    for number, boot in enumerate(boots):
        utc_ms += boot.wait_ms
        journal.restart()
        written.append(Written(number, 0, utc_ms, None))
        began = utc_ms
        for entry in boot.entries:
            utc_ms += entry.step_ms
            uptime_ms = (utc_ms - began) * (1_000_000 + drift_ppm) // 1_000_000
            anchor = None
            if entry.error_ms is None:
                journal.vitals(uptime_ms)
            else:
                journal.anchor(uptime_ms, utc_ms + entry.error_ms)
                anchor = (*divmod(uptime_ms, MS_PER_DAY), *to_days(utc_ms + entry.error_ms))
            written.append(Written(number, uptime_ms, utc_ms, anchor))
    return written


def new_device(store: Store) -> str:
    device = f"timed {next(_NUMBERS)}"
    store.add_device(device, "Device")
    return device


def rows_of(store: Store, device: str) -> list[TrendRow]:
    """All rows of a device in the order of their records."""
    return sorted(store.newest_rows(device, 10**6), key=lambda row: row.sequence)


@_FEWER
@given(entries=st.lists(st.builds(Entry, _STEPS, st.none() | _ERRORS), min_size=2, max_size=12))
def test_what_lies_before_an_anchor_never_changes_whatever_follows(
    entries: list[Entry], shared_store: Store, make_journal: Any, utc_ms: int
) -> None:
    """And what is newer than the last anchor, once, by no more than the drift."""
    journal, device = make_journal(), new_device(shared_store)
    written = write(journal, [Boot(1, entries)], utc_ms)
    before: dict[int, int] = {}
    newest_anchor = 0
    for sequence, data in enumerate(journal.records):
        shared_store.commit(device, 1, [data])
        now = {row.sequence: row.utc_ms for row in rows_of(shared_store, device) if row.utc_ms is not None}
        for number, time in before.items():
            if number < newest_anchor:
                assert now[number] == time
            else:
                since_ms = written[number].uptime_ms - written[newest_anchor].uptime_ms
                assert abs(now[number] - time) <= doubt_ms(divmod(since_ms, MS_PER_DAY))
        before = now
        if written[sequence].anchor is not None:
            newest_anchor = sequence


@_FEWER
@given(boots=boots_with(_ERRORS), data=st.data())
def test_a_trend_is_what_lies_in_it_in_its_order(
    boots: list[Boot], data: st.DataObject, shared_store: Store, make_journal: Any, utc_ms: int
) -> None:
    journal, device = make_journal(), new_device(shared_store)
    written = write(journal, boots, utc_ms)
    shared_store.commit(device, 1, journal.records)
    rows = [row for row in rows_of(shared_store, device) if row.utc_ms is not None]
    for one, other in itertools.pairwise(rows):
        between = written[one.sequence : other.sequence + 1]
        anchors = [each.anchor for each in written if each.anchor and each.boot == between[0].boot]
        jumps = [later for earlier, later in itertools.pairwise(anchors) if drift_between(earlier, later) is None]
        if between[0].boot == between[-1].boot and not any(each.anchor in jumps for each in between):
            assert one.utc_ms <= other.utc_ms
    times = sorted(row.utc_ms for row in rows)
    edges = [time + by for time in times for by in (-1, 0, 1)] or [0]
    first, end = sorted(data.draw(st.tuples(st.sampled_from(edges), st.sampled_from(edges))))
    inside = [time for time in times if first <= time < end]
    limit = data.draw(st.integers(1, 20))
    assert [row.utc_ms for row in shared_store.trend(device, first, end, limit)] == inside[-limit:]
    everything = shared_store.rollups(device, 0, 2**50, MINUTE_S)
    assert sum(each.spo2_seconds for each in everything) == len(times)
    some = [each for each in everything if first <= each.begin_utc_ms < end]
    assert shared_store.rollups(device, first, end, MINUTE_S) == some


@_FEWER
@given(
    boots=boots_with(st.integers(-2_000, 0), 6),
    drift_ppm=st.integers(-490, 490),
    data=st.data(),
)
def test_a_reading_without_an_anchor_was_between_its_bounds(
    boots: list[Boot], drift_ppm: int, data: st.DataObject, shared_store: Store, make_journal: Any, utc_ms: int
) -> None:
    """Whatever the drift of the device, the delay of the anchors, and what of the journal is lost."""
    journal, device = make_journal(), new_device(shared_store)
    written = write(journal, boots, utc_ms, drift_ppm)
    lost = data.draw(st.sets(st.integers(0, len(written) - 1), max_size=len(written) // 2))
    shared_store.commit(device, 1, [each for number, each in enumerate(journal.records) if number not in lost])
    timed = [number for number, each in enumerate(written) if each.anchor and number not in lost]
    for row in rows_of(shared_store, device):
        true_utc_ms = written[row.sequence].true_utc_ms
        if row.utc_ms is not None:
            assert abs(row.utc_ms - true_utc_ms) <= 2_001 + 22 * MS_PER_DAY // 2000
            assert (row.earliest_utc_ms, row.latest_utc_ms) == (None, None)
            continue
        assert (row.earliest_utc_ms is None) == all(number > row.sequence for number in timed)
        assert (row.latest_utc_ms is None) == all(number < row.sequence for number in timed)
        assert row.earliest_utc_ms is None or row.earliest_utc_ms <= true_utc_ms
        assert row.latest_utc_ms is None or true_utc_ms <= row.latest_utc_ms


@pytest.fixture(scope="module")
def signed_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for many examples, in which every commit is signed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(chain, "SIGN_ROWS", 1)
        with Store.open(tmp_path_factory.mktemp("signed") / "vigil.db", signer=_SIGNER) as store:
            yield store


def exported(store: Store, device: str, first: int, end: int, path: Path) -> list[list[Any]]:
    """The rows of an export that proves itself, without when they were received, by sequence number."""
    file = StringIO()
    store.export(device, first, end, file)
    path.write_text(file.getvalue())
    assert export.check(path, {_SIGNER.public_key}).problem == ""
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    return sorted([row[1], *row[3:]] for row in rows if isinstance(row, list))


@_FEWER
@given(boots=boots_with(_ERRORS), data=st.data())
def test_the_same_bytes_are_exported_with_the_same_times(
    boots: list[Boot],
    data: st.DataObject,
    signed_store: Store,
    make_journal: Any,
    utc_ms: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """In whatever order they came; and a file has all that its times follow from, whatever part of the record it is."""
    journal, device, other = make_journal(), new_device(signed_store), new_device(signed_store)
    write(journal, boots, utc_ms)
    signed_store.commit(device, 1, journal.records)
    order = data.draw(st.permutations(journal.records))
    for part in (order[::2], order):
        signed_store.commit(other, 1, part)
    path = tmp_path_factory.getbasetemp() / "part.vigil"
    whole = exported(signed_store, device, 0, 2**50, path)
    assert whole == exported(signed_store, device, 0, 2**50, path) == exported(signed_store, other, 0, 2**50, path)
    assert [bytes.fromhex(row[1]) for row in whole] == journal.records
    by_sequence = {row[0]: row for row in whole}
    for row in rows_of(signed_store, device):
        assert by_sequence[row.sequence][2:] == [row.utc_ms, row.earliest_utc_ms, row.latest_utc_ms]
    times = [time for row in whole for time in row[2:] if time is not None] or [0]
    first, end = sorted(data.draw(st.tuples(st.sampled_from(times), st.sampled_from(times))))
    try:
        part = exported(signed_store, device, first, end + 1, path)
    except StoreError:
        part = []
    assert [row for row in part if row != by_sequence[row[0]]] == []
    for row in whole:
        _, _, utc_time, earliest, latest = row
        if utc_time is None:
            may_be = (earliest is None or earliest <= end) and (latest is None or latest >= first)
        else:
            may_be = first <= utc_time <= end
        assert row in part or not may_be


def test_a_clock_set_forward_and_back_hides_no_row(store: Store, device_id: str, journal: Any, utc_ms: int) -> None:
    """Three rows an hour; in the second hour, the bridge was a day ahead, in the third, a day behind."""
    minutes = range(5, 60, 25)
    errors_ms = (0, MS_PER_DAY, -MS_PER_DAY, 0)
    for hour, error_ms in enumerate(errors_ms):
        if hour == 3:
            journal.restart()
        began_ms = hour % 3 * _HOUR_MS
        journal.anchor(began_ms, utc_ms + hour * _HOUR_MS + error_ms)
        for minute in minutes:
            journal.vitals(began_ms + minute * 60_000)
    store.commit(device_id, 1, journal.records)
    times = [row.utc_ms for row in store.newest_rows(device_id, 100)]
    assert times == [
        utc_ms + hour * _HOUR_MS + errors_ms[hour] + minute * 60_000 for hour in (2, 0, 3, 1) for minute in minutes
    ]
    for first, end in itertools.combinations(sorted({time + by for time in times for by in (0, 1)}), 2):
        inside = [time for time in times if first <= time < end]
        for limit in (1, 7, 100):
            assert [row.utc_ms for row in store.trend(device_id, first, end, limit)] == inside[-limit:]


def test_boots_without_an_anchor_bound_one_another(
    signed_store: Store, journal: Any, utc_ms: int, tmp_path: Path
) -> None:
    """Three of an hour each in four hours: each has an hour and a little to lie in; an export has what that needs."""
    device = new_device(signed_store)
    journal.anchor(0, utc_ms)
    for _ in range(3):
        journal.restart()
        journal.vitals(_HOUR_MS // 2)
        journal.vitals(_HOUR_MS)
    journal.restart()
    journal.anchor(0, utc_ms + 4 * _HOUR_MS)
    signed_store.commit(device, 1, journal.records)
    last, middle, first = signed_store.untimed_between(device, 0, 2**50)
    for number, each in enumerate((first, middle, last)):
        drifted = _HOUR_MS // 2000
        assert each.earliest_utc_ms == utc_ms - 2_000 + number * (_HOUR_MS - drifted)
        assert each.latest_utc_ms == utc_ms + 4 * _HOUR_MS + 2_000 - (2 - number) * (_HOUR_MS - drifted)
    whole = exported(signed_store, device, 0, 2**50, tmp_path / "whole")
    part = exported(signed_store, device, first.earliest_utc_ms, middle.earliest_utc_ms, tmp_path / "part")
    assert [row for row in part if row not in whole] == []
    # All of the first boot, both ends of the other two, and the anchors.
    assert [row[0] for row in part] == [0, 1, 2, 3, 4, 6, 7, 9, 10, 11]


def test_a_time_that_was_changed_in_an_export_is_found(
    signed_store: Store, journal: Any, utc_ms: int, tmp_path: Path
) -> None:
    device = new_device(signed_store)
    write(journal, [Boot(1, [Entry(1, None), Entry(5000, 0)])], utc_ms)
    signed_store.commit(device, 1, journal.records)
    path = tmp_path / "part.vigil"
    exported(signed_store, device, 0, 2**50, path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[2][4] += 1
    path.write_text("\n".join(map(json.dumps, lines)))
    assert "a time is not what the rows say" in export.check(path, {_SIGNER.public_key}).problem


@pytest.fixture
def lost_boot(store: Store, device_id: str, journal: Any, utc_ms: int) -> Store:
    """A day in which the second of three boots met no bridge: two readings and an alarm."""
    journal.anchor(0, utc_ms)
    journal.vitals(10_000)
    journal.restart()
    journal.vitals(10_000, 650, 955)
    journal.alarm(conditions.RAISED, 15_000, onset_ms=12_000)
    journal.alarm(conditions.CLEARED, 18_000, onset_ms=12_000)
    journal.vitals(20_000, 1104, 846)
    journal.restart()
    journal.anchor(0, utc_ms + _HOUR_MS)
    journal.vitals(10_000)
    store.commit(device_id, 1, journal.records)
    return store


# By a last record 10 s after its anchor and a first one at its anchor, each within 2 s and the drift.
_BEFORE, _AFTER = 10_000 - 2_005, _HOUR_MS + 2_000


def test_readings_of_a_boot_that_met_no_bridge_are_listed_with_their_bounds(
    lost_boot: Store, device_id: str, utc_ms: int
) -> None:
    rows = lost_boot.newest_rows(device_id, 10)
    assert [row.utc_ms for row in rows] == [utc_ms + 10_000, None, None, utc_ms + _HOUR_MS + 10_000]
    assert [(row.earliest_utc_ms, row.latest_utc_ms) for row in rows[1:3]] == [
        (utc_ms + _BEFORE + 10_000 - 5, utc_ms + _AFTER - 10_000 + 5),
        (utc_ms + _BEFORE + 20_000 - 10, utc_ms + _AFTER),
    ]
    assert lost_boot.newest_rows(device_id, 2) == rows[2:]
    assert lost_boot.rows_after(0, 10) == rows
    assert [row.utc_ms for row in lost_boot.trend(device_id, 0, 2**50, 10)] == [rows[0].utc_ms, rows[3].utc_ms]
    said = UntimedReadings(utc_ms + _BEFORE, utc_ms + _AFTER, 2, 84.6, 95.5, 65.0, 110.4)
    assert lost_boot.untimed_between(device_id, 0, 2**50) == [said]
    assert lost_boot.untimed_between(device_id, utc_ms + 60_000, utc_ms + 120_000) == [said]
    assert lost_boot.untimed_between(device_id, 0, said.earliest_utc_ms) == []
    assert lost_boot.untimed_between(device_id, utc_ms + _AFTER + 1, 2**50) == []


def test_an_alarm_of_a_boot_that_met_no_bridge_is_listed_with_its_bounds(lost_boot: Store, utc_ms: int) -> None:
    (alarm,) = lost_boot.alarms_since(0)
    assert (alarm.condition, alarm.value, alarm.active) == ("spo2_low", 86.5, False)
    assert (alarm.onset_utc_ms, alarm.cleared_utc_ms) == (None, None)
    assert alarm.onset_earliest_utc_ms == utc_ms + _BEFORE + 12_000 - 6
    assert alarm.onset_latest_utc_ms == utc_ms + _AFTER - 8_000 + 4
    assert alarm.cleared_earliest_utc_ms == utc_ms + _BEFORE + 18_000 - 9
    assert alarm.cleared_latest_utc_ms == utc_ms + _AFTER - 2_000 + 1


def test_what_met_no_bridge_before_or_after_has_one_bound_or_none(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    journal.vitals(10_000)
    store.commit(device_id, 1, journal.records)
    (row,) = store.newest_rows(device_id, 10)
    assert (row.utc_ms, row.earliest_utc_ms, row.latest_utc_ms) == (None, None, None)
    assert store.untimed_between(device_id, 5, 6)[0].readings == 1  # it may have been at any time
    journal.restart()
    journal.anchor(0, utc_ms)
    journal.restart()
    journal.vitals(10_000)
    store.commit(device_id, 1, journal.records)
    first, last = store.newest_rows(device_id, 10)
    assert (first.earliest_utc_ms, first.latest_utc_ms) == (None, utc_ms + 2_000)
    assert (last.earliest_utc_ms, last.latest_utc_ms) == (utc_ms - 2_000 + 10_000 - 5, None)


def test_a_clock_that_was_wrong_on_one_side_leaves_no_bound_rather_than_a_wrong_one(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    journal.anchor(0, utc_ms + MS_PER_DAY)
    journal.restart()
    journal.vitals(10_000)
    journal.restart()
    journal.anchor(0, utc_ms + 60_000)
    store.commit(device_id, 1, journal.records)
    (row,) = store.newest_rows(device_id, 10)
    assert (row.utc_ms, row.earliest_utc_ms, row.latest_utc_ms) == (None, None, None)


def test_a_gap_beside_a_boot_without_a_time_is_between_its_bounds(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    journal.anchor(0, utc_ms)
    journal.restart()
    journal.vitals(10_000)
    journal.vitals(20_000)
    journal.vitals(30_000)
    journal.restart()
    journal.anchor(0, utc_ms + 60_000)
    store.commit(device_id, 1, [*journal.records[:3], journal.loss(3, 3), *journal.records[4:]])
    (gap,) = store.gaps_between(device_id, 0, 2**50)
    assert gap[:3] == (utc_ms - 2_000 + 10_000 - 5, utc_ms + 62_000, 1)


def test_days_since_2000() -> None:
    assert to_days(946_684_800_000 + 2 * 86_400_000 + 7) == (2, 7)
