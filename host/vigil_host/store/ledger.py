"""Puts records into the ledger: every one exactly once, decoded beside its bytes, gaps with their reason.

Every function runs inside the store's transaction.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from operator import lt
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from vigil_host.store import alarms, chain, rollups, schema
from vigil_host.store.alarms import AlarmRecord, LiveBits
from vigil_host.store.chain import Head
from vigil_host.store.prepared import Prepared, insert_into
from vigil_host.store.times import DEVICE_EPOCH_MS, from_days
from vigil_wire import records
from vigil_wire.records import Record, RecordError

ROWS_BEHIND = 128
"""Roll-ups and `journal.stored_to` are brought up to date every so many records: with each, they would cost as much as
the record itself. Who reads them adds what came since."""
_HEADER = struct.Struct("<IBHHI")  # sequence, kind, boot, uptime day, ms of the day: as in every version

OVERWRITTEN = "overwritten on the device before the bridge had them"
HAD_ONCE = "stored once, but not in this database, and gone from the device"
REPLACED = "lost with the device's memory, which was replaced or erased"
CHANGED = "sent again with other content; what came first is kept"


class Gap(NamedTuple):
    """Sequence numbers, both ends included, that are known to be had from nowhere, and why.

    Where last = first - 1, records from `first` on may have been, and nobody knows how many.
    """

    first: int
    last: int
    reason: str


class CommitResult(NamedTuple):
    """What a commit did: ids of the new rows, how many records were stored already, whether alarms changed."""

    new_rows: list[int]
    duplicates: int
    alarms_changed: bool


class Arrival(NamedTuple):
    """A record as it came: what its header says, and its bytes."""

    sequence: int
    kind: int
    boot: int
    uptime_ms: int
    data: bytes

    @property
    def fields(self) -> dict[str, int | None] | None:
        """Its payload by name; None: a newer firmware wrote it, in a way that is not understood here."""
        try:
            return Record(self.data).fields
        except RecordError:
            return None


def arrival_of(data: bytes) -> Arrival:
    """Read the header of a record, which is the same in every version; RecordError where there is none."""
    if len(data) < records.HEADER_LENGTH:
        raise RecordError(f"a record has at least {records.HEADER_LENGTH} bytes, this one has {len(data)}")
    sequence, kind, boot, day, day_ms = _HEADER.unpack_from(data)
    return Arrival(sequence, kind, boot, from_days(day, day_ms), data)


def commit(
    connection: Connection,
    device: str,
    journal: int,
    arrivals: Sequence[Arrival],
    gaps: Iterable[Gap],
    live: LiveBits | None,
    now_utc_ms: int,
    head: Head,
    newest: int,
) -> tuple[CommitResult, Head]:
    """Store what is new of `arrivals`, chained to `head`, and `gaps`; see `Store.commit`. Returns the new head too.

    newest: what `newest_sequence` gives.
    """
    found = list(gaps)
    fresh, changed_numbers, goes_on = _apart(connection, device, journal, arrivals, newest)
    found += [Gap(number, number, CHANGED) for number in changed_numbers]
    found += _losses(connection, device, journal, fresh, found)
    before = head.row_id
    numbered = list(enumerate(fresh, before + 1))
    head = _insert(connection, device, journal, numbered, now_utc_ms, head)
    if found:
        note_gaps(connection, device, journal, found, now_utc_ms)
    anchors = _decode(connection, device, journal, numbered)
    if found or not goes_on or any(arrival.sequence % ROWS_BEHIND == 0 for arrival in fresh):
        advance(connection, device, journal, now_utc_ms)
    if head.row_id // ROWS_BEHIND != before // ROWS_BEHIND:
        rollups.bring_up_to_date(connection)
    of_alarms = [
        AlarmRecord(row_id, journal, arrival.sequence, arrival.kind, fields)
        for row_id, arrival in numbered
        if arrival.kind in (records.ALARM, records.BOOT) and (fields := arrival.fields) is not None
    ]
    changed = bool(of_alarms) and alarms.apply_records(connection, device, of_alarms, now_utc_ms)
    if changed and live is not None:
        alarms.apply_live(connection, device, live, now_utc_ms)
    new_rows = [row_id for row_id, _ in numbered]
    return CommitResult(new_rows, len(arrivals) - len(fresh), changed or anchors), head


def newest(connection: Connection) -> Head:
    """The head of the hash chain."""
    row = _NEWEST.run(connection).fetchone()
    return chain.EMPTY if row is None else Head(row[0], row[1])


def newest_sequence(connection: Connection, device: str, journal: int) -> int:
    """The highest sequence number that is stored of a journal, -1 where there is none."""
    row = _NEWEST_SEQUENCE.run(connection, of_device=device, of_journal=journal).fetchone()
    return -1 if row is None or row[0] is None else row[0]


def note_gaps(connection: Connection, device: str, journal: int, gaps: Iterable[Gap], now_utc_ms: int) -> None:
    """Store gaps; one that is stored already keeps its first reason."""
    rows = [{"device": device, "journal": journal, "noted_utc_ms": now_utc_ms, **gap._asdict()} for gap in gaps]
    if rows:
        connection.execute(upsert(schema.gap).on_conflict_do_nothing(), rows)


def meet(connection: Connection, device: str, journal: int, newest_told: int | None, now_utc_ms: int) -> None:
    """Note that the device has this journal now, and how far it goes; see `Store.meet`."""
    advance(connection, device, journal, now_utc_ms)
    table, gap = schema.journal, schema.gap
    is_this = (table.c.device == device, table.c.id == journal)
    if newest_told is not None:
        connection.execute(update(table).where(*is_this).values(newest_told=newest_told))
    replaced = {
        row.journal: row.first
        for row in connection.execute(
            select(gap.c.journal, gap.c.first).where(gap.c.device == device, gap.c.reason == REPLACED)
        )
    }
    if journal in replaced:  # it is back, with what it has
        connection.execute(
            delete(gap).where(gap.c.device == device, gap.c.journal == journal, gap.c.reason == REPLACED)
        )
        connection.execute(update(table).where(*is_this).values(stored_to=replaced[journal] - 1))
        advance(connection, device, journal, now_utc_ms)
    for row in connection.execute(select(table).where(table.c.device == device, table.c.id != journal)).all():
        if row.id not in replaced:
            first = _reached(connection, device, row.id, row.stored_to) + 1
            last = first - 1 if row.newest_told is None else max(row.newest_told, first - 1)
            note_gaps(connection, device, row.id, [Gap(first, last, REPLACED)], now_utc_ms)
            advance(connection, device, row.id, now_utc_ms)


def _losses(
    connection: Connection, device: str, journal: int, fresh: Sequence[Arrival], gaps: Sequence[Gap]
) -> list[Gap]:
    """What records of a loss name that is neither here nor in a gap: a device may tell of it twice."""
    table, gap = schema.record, schema.gap
    losses: list[Gap] = []
    for arrival in fresh:
        fields = arrival.fields if arrival.kind == records.LOSS else None
        if fields is None:
            continue
        wanted, last = fields["first"] or 0, fields["last"] or 0
        of_gaps = select(gap.c.first, gap.c.last).where(
            gap.c.device == device, gap.c.journal == journal, gap.c.first <= last, gap.c.last >= wanted
        )
        of_records = select(table.c.sequence, table.c.sequence).where(
            table.c.device == device, table.c.journal == journal, table.c.sequence.between(wanted, last)
        )
        known = [(each.first, each.last) for each in (*gaps, *losses)] + [(each.sequence,) * 2 for each in fresh]
        known += [(row[0], row[-1]) for query in (of_gaps, of_records) for row in connection.execute(query)]
        for begin, end in [*sorted(known), (last + 1, last + 1)]:
            if wanted <= last and wanted < begin:
                losses.append(Gap(wanted, min(begin - 1, last), OVERWRITTEN))
            wanted = max(wanted, end + 1)
    return losses


def stored_to(connection: Connection, device: str, journal: int) -> int | None:
    """Newest sequence number up to which all is stored or a noted gap; None where number 0 is neither."""
    known = _STORED_TO.run(connection, of_device=device, of_journal=journal).fetchone()
    reached = -1 if known is None else _reached(connection, device, journal, known[0])
    return None if reached < 0 else reached


def advance(connection: Connection, device: str, journal: int, now_utc_ms: int) -> None:
    """Bring `journal.stored_to` up to date."""
    known = _STORED_TO.run(connection, of_device=device, of_journal=journal).fetchone()
    if known is None:
        values = {"device": device, "id": journal, "met_utc_ms": now_utc_ms, "stored_to": -1}
        connection.execute(insert(schema.journal).values(values))
    before: int = -1 if known is None else known[0]
    reached = _reached(connection, device, journal, before)
    if reached != before:
        _SET_STORED_TO.run(connection, of_device=device, of_journal=journal, reached=reached)


def _reached(connection: Connection, device: str, journal: int, number: int) -> int:
    """The last number from `number` on up to which all is stored or a noted gap, where that is so of `number`."""
    while True:
        wanted = _after_stored(connection, device, journal, number + 1)
        last = _GAP_OVER.run(connection, of_device=device, of_journal=journal, wanted=wanted, again=wanted).fetchone()
        if last is None or last[0] is None:
            return wanted - 1
        number = last[0]


def _after_stored(connection: Connection, device: str, journal: int, wanted: int) -> int:
    """The first number from `wanted` on that is not stored."""
    stored: int
    stored, most = _STORED_COUNT.run(connection, of_device=device, of_journal=journal, wanted=wanted).fetchone()
    if stored == 0 or stored == most - wanted + 1:  # as nearly always: none of what is to come, or all of it
        return wanted + stored
    found = _STORED_FROM.run(connection, of_device=device, of_journal=journal, wanted=wanted)
    while (row := found.fetchone()) is not None and row[0] == wanted:
        wanted += 1
    found.close()  # also where rows are left: an open one would hold back the commit's checkpoint
    return wanted


def _apart(
    connection: Connection, device: str, journal: int, arrivals: Sequence[Arrival], newest: int
) -> tuple[list[Arrival], list[int], bool]:
    """What is not stored yet; numbers that came with other content than is stored; whether it follows a stored one."""
    if not arrivals:
        return [], [], False
    numbers = [arrival.sequence for arrival in arrivals]
    least = numbers[0]
    if least > newest and all(map(lt, numbers, numbers[1:])):  # as nearly always: nothing is to be looked up
        return list(arrivals), [], 0 <= newest == least - 1
    least = min(numbers)
    there = _STORED_BETWEEN.run(connection, of_device=device, of_journal=journal, least=least - 1, most=max(numbers))
    stored: dict[int, bytes] = dict(there.fetchall())
    goes_on = least - 1 in stored
    fresh: list[Arrival] = []
    changed: list[int] = []
    for arrival in arrivals:
        if arrival.sequence not in stored:
            stored[arrival.sequence] = arrival.data
            fresh.append(arrival)
        elif stored[arrival.sequence] != arrival.data:
            changed.append(arrival.sequence)
    return fresh, changed, goes_on


def _insert(
    connection: Connection,
    device: str,
    journal: int,
    numbered: Sequence[tuple[int, Arrival]],
    now_utc_ms: int,
    head: Head,
) -> Head:
    """Insert records that are not there yet, chained to `head`; the new head is returned."""
    rows = []
    last = head.hash
    for row_id, (sequence, kind, boot, uptime_ms, data) in numbered:
        last = chain.follow(last, chain.digest(row_id, device, journal, sequence, now_utc_ms, data))
        rows.append((row_id, device, journal, sequence, kind, boot, uptime_ms, now_utc_ms, data, last))
    _INSERT_RECORD.run_tuples(connection, rows)
    return Head(numbered[-1][0], last) if numbered else head


def vitals_row(row_id: int, data: bytes) -> tuple[Any, ...] | None:
    """What the vitals table has of a record; None where it is not understood."""
    try:
        return (row_id, *records.vitals_of(data))
    except ValueError:
        return None


def alarm_event_row(row_id: int, fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the table of alarm events has of a record."""
    onset = from_days(fields["onset_day"], fields["onset_day_ms"])
    return (row_id, fields["condition"], fields["event"], fields["priority"], fields["value"], onset)


def anchor_row(row_id: int, device: str, journal: int, arrival: Arrival, fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the table of anchors has of a record."""
    utc_ms = DEVICE_EPOCH_MS + from_days(fields["utc_day"], fields["utc_day_ms"])
    return (row_id, device, journal, arrival.sequence, arrival.boot, arrival.uptime_ms, utc_ms)


def _decode(connection: Connection, device: str, journal: int, fresh: Sequence[tuple[int, Arrival]]) -> bool:
    """Write what the payloads of new records say into their tables; says whether a time anchor was among them."""
    vitals: list[tuple[Any, ...]] = []
    alarm_events: list[tuple[Any, ...]] = []
    anchors: list[tuple[Any, ...]] = []
    for row_id, arrival in fresh:
        if arrival.kind == records.VITALS:
            row = vitals_row(row_id, arrival.data)
            if row is not None:
                vitals.append(row)
        elif (fields := arrival.fields) is None:
            continue
        elif arrival.kind == records.ALARM:
            alarm_events.append(alarm_event_row(row_id, fields))
        elif arrival.kind == records.TIME_ANCHOR:
            anchors.append(anchor_row(row_id, device, journal, arrival, fields))
    _INSERT_VITALS.run_tuples(connection, vitals)
    _INSERT_ALARM_EVENT.run_tuples(connection, alarm_events)
    _INSERT_ANCHOR.run_tuples(connection, anchors)
    return bool(anchors)


_OF_RECORD = (
    schema.record.c.device == bindparam("of_device"),
    schema.record.c.journal == bindparam("of_journal"),
)
_OF_JOURNAL = (schema.journal.c.device == bindparam("of_device"), schema.journal.c.id == bindparam("of_journal"))
_NEWEST = Prepared(select(schema.record.c.id, schema.record.c.hash).order_by(schema.record.c.id.desc()).limit(1))
_NEWEST_SEQUENCE = Prepared(select(func.max(schema.record.c.sequence)).where(*_OF_RECORD))
_STORED_TO = Prepared(select(schema.journal.c.stored_to).where(*_OF_JOURNAL))
_SET_STORED_TO = Prepared(update(schema.journal).where(*_OF_JOURNAL).values(stored_to=bindparam("reached")))
_STORED_FROM = Prepared(
    select(schema.record.c.sequence)
    .where(*_OF_RECORD, schema.record.c.sequence >= bindparam("wanted"))
    .order_by(schema.record.c.sequence)
)
_STORED_COUNT = Prepared(
    select(func.count(), func.max(schema.record.c.sequence)).where(
        *_OF_RECORD, schema.record.c.sequence >= bindparam("wanted")
    )
)
_STORED_BETWEEN = Prepared(
    select(schema.record.c.sequence, schema.record.c.data).where(
        *_OF_RECORD, schema.record.c.sequence.between(bindparam("least"), bindparam("most"))
    )
)
_GAP_OVER = Prepared(
    select(func.max(schema.gap.c.last)).where(
        schema.gap.c.device == bindparam("of_device"),
        schema.gap.c.journal == bindparam("of_journal"),
        schema.gap.c.first <= bindparam("wanted"),
        schema.gap.c.last >= bindparam("again"),
    )
)
_INSERT_RECORD = insert_into(schema.record)
_INSERT_VITALS = insert_into(schema.vitals)
_INSERT_ALARM_EVENT = insert_into(schema.alarm_event)
_INSERT_ANCHOR = insert_into(schema.anchor)
