"""Puts records into the ledger: every one exactly once, decoded beside its bytes, gaps with their reason.

Every function runs inside the store's transaction.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from vigil_host.store import alarms, schema
from vigil_host.store.alarms import AlarmRecord, LiveBits
from vigil_host.store.times import DEVICE_EPOCH_MS, from_days
from vigil_wire import records
from vigil_wire.records import Record, RecordError

_HEADER = struct.Struct("<IBHHI")  # sequence, kind, boot, uptime day, ms of the day: as in every version

OVERWRITTEN = "overwritten on the device before the bridge had them"
CHANGED = "sent again with other content; what came first is kept"


class Gap(NamedTuple):
    """Sequence numbers, both ends included, that are known to be had from nowhere, and why."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True)
class CommitResult:
    """What a commit did: ids of the new rows, how many records were stored already, whether alarms changed."""

    new_rows: list[int]
    duplicates: int
    alarms_changed: bool


class Arrival(NamedTuple):
    """A record as it came: what its header says, its payload by name (None: unknown here), its bytes."""

    sequence: int
    kind: int
    boot: int
    uptime_ms: int
    fields: dict[str, int | None] | None
    data: bytes


def arrival_of(data: bytes) -> Arrival:
    """Read a record. One that a newer firmware wrote is not understood, but kept: its header has not changed.

    Raises RecordError where there is not even a header.
    """
    if len(data) < records.HEADER_LENGTH:
        raise RecordError(f"a record has at least {records.HEADER_LENGTH} bytes, this one has {len(data)}")
    sequence, kind, boot, day, day_ms = _HEADER.unpack_from(data)
    try:
        fields = Record(data).fields
    except RecordError:
        fields = None
    return Arrival(sequence, kind, boot, from_days(day, day_ms), fields, data)


def commit(
    connection: Connection,
    device: str,
    journal: int,
    arrivals: Sequence[Arrival],
    gaps: Iterable[Gap],
    live: LiveBits | None,
    now_utc_ms: int,
) -> CommitResult:
    """Store what is new of `arrivals`, and `gaps`; see `Store.commit`."""
    row_ids = _insert(connection, device, journal, arrivals, now_utc_ms)
    unseen = dict(row_ids)
    fresh = [(unseen.pop(arrival.sequence), arrival) for arrival in arrivals if arrival.sequence in unseen]
    found = list(gaps)
    if len(fresh) < len(arrivals):
        found += _changed(connection, device, journal, arrivals)
    found += [
        Gap(arrival.fields["first"] or 0, arrival.fields["last"] or 0, OVERWRITTEN)
        for _, arrival in fresh
        if arrival.kind == records.LOSS and arrival.fields is not None
    ]
    note_gaps(connection, device, journal, found, now_utc_ms)
    anchors = _decode(connection, device, journal, fresh)
    changed = alarms.apply_records(
        connection,
        device,
        (
            AlarmRecord(row_id, journal, arrival.sequence, arrival.kind, arrival.fields)
            for row_id, arrival in fresh
            if arrival.kind in (records.ALARM, records.BOOT) and arrival.fields is not None
        ),
        now_utc_ms,
    )
    if changed and live is not None:
        alarms.apply_live(connection, device, live, now_utc_ms)
    return CommitResult(sorted(row_ids.values()), len(arrivals) - len(fresh), changed or anchors)


def note_gaps(connection: Connection, device: str, journal: int, gaps: Iterable[Gap], now_utc_ms: int) -> None:
    """Store gaps; one that is stored already keeps its first reason."""
    rows = [{"device": device, "journal": journal, "noted_utc_ms": now_utc_ms, **gap._asdict()} for gap in gaps]
    if rows:
        connection.execute(upsert(schema.gap).on_conflict_do_nothing(), rows)


def contiguous(connection: Connection, device: str, journal: int) -> int | None:
    """Newest sequence number up to which all is stored or a noted gap; None where number 0 is neither."""
    table = schema.record
    where = (table.c.device == device, table.c.journal == journal)
    newest, count = connection.execute(select(func.max(table.c.sequence), func.count()).where(*where)).one()
    end = 0 if newest is None else newest + 1
    noted = connection.execute(
        select(schema.gap.c.first, schema.gap.c.last)
        .where(schema.gap.c.device == device, schema.gap.c.journal == journal)
        .order_by(schema.gap.c.first)
    )
    gaps = merged([(row.first, row.last) for row in noted])
    for first, last in gaps:
        within = table.c.sequence.between(first, last)
        stored = connection.execute(select(func.count()).where(*where, within)).scalar_one()
        count += max(min(last, end - 1) - first + 1, 0) - stored
    holes: list[tuple[int, int]] = []
    if count < end:  # something is missing that no gap explains: look at every record
        before = func.lag(table.c.sequence, 1, -1).over(order_by=table.c.sequence)
        pairs = select(table.c.sequence, before.label("before")).where(*where).subquery()
        rows = connection.execute(select(pairs).where(pairs.c.sequence > pairs.c.before + 1).order_by(pairs.c.sequence))
        holes = [(row.before + 1, row.sequence - 1) for row in rows]
    reached = first_uncovered(holes, end, gaps) - 1
    return None if reached < 0 else reached


def merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges, both ends included, with those that touch or overlap made one."""
    found: list[tuple[int, int]] = []
    for first, last in ranges:
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def first_uncovered(holes: Sequence[tuple[int, int]], end: int, gaps: Sequence[tuple[int, int]]) -> int:
    """Return the first number that is in a hole, or `end` or beyond, and in no gap; gaps are sorted and merged."""
    for first, last in (*holes, (end, None)):
        wanted = first
        for gap_first, gap_last in gaps:
            if gap_first <= wanted <= gap_last:
                wanted = gap_last + 1
        if last is None or wanted <= last:
            return wanted
    raise AssertionError("the last range has no end")


def _insert(
    connection: Connection, device: str, journal: int, arrivals: Sequence[Arrival], now_utc_ms: int
) -> dict[int, int]:
    """Insert the records that are not there yet; returns row ids by sequence number."""
    if not arrivals:
        return {}
    table = schema.record
    rows = [
        {
            "device": device,
            "journal": journal,
            "sequence": arrival.sequence,
            "kind": arrival.kind,
            "boot": arrival.boot,
            "uptime_ms": arrival.uptime_ms,
            "received_utc_ms": now_utc_ms,
            "data": arrival.data,
        }
        for arrival in arrivals
    ]
    inserted = connection.execute(upsert(table).on_conflict_do_nothing().returning(table.c.sequence, table.c.id), rows)
    return {row.sequence: row.id for row in inserted}


def _changed(connection: Connection, device: str, journal: int, arrivals: Sequence[Arrival]) -> list[Gap]:
    """What came under a sequence number whose stored record has other content: it is lost, and must be said."""
    table = schema.record
    stored = {
        row.sequence: row.data
        for row in connection.execute(
            select(table.c.sequence, table.c.data).where(
                table.c.device == device,
                table.c.journal == journal,
                table.c.sequence.in_({arrival.sequence for arrival in arrivals}),
            )
        )
    }
    return [
        Gap(arrival.sequence, arrival.sequence, CHANGED)
        for arrival in arrivals
        if stored[arrival.sequence] != arrival.data
    ]


def _decode(connection: Connection, device: str, journal: int, fresh: Sequence[tuple[int, Arrival]]) -> bool:
    """Write what the payloads of new records say into their tables; says whether a time anchor was among them."""
    rows: dict[int, list[dict[str, Any]]] = {records.VITALS: [], records.ALARM: [], records.TIME_ANCHOR: []}
    for row_id, arrival in fresh:
        fields: dict[str, Any] | None = arrival.fields
        if fields is None:
            continue
        if arrival.kind == records.VITALS:
            rows[records.VITALS].append({"record": row_id, **fields})
        elif arrival.kind == records.ALARM:
            onset = from_days(fields.pop("onset_day"), fields.pop("onset_day_ms"))
            rows[records.ALARM].append({"record": row_id, "onset_uptime_ms": onset, **fields})
        elif arrival.kind == records.TIME_ANCHOR:
            rows[records.TIME_ANCHOR].append(
                {
                    "record": row_id,
                    "device": device,
                    "journal": journal,
                    "sequence": arrival.sequence,
                    "boot": arrival.boot,
                    "uptime_ms": arrival.uptime_ms,
                    "utc_ms": DEVICE_EPOCH_MS + from_days(fields["utc_day"], fields["utc_day_ms"]),
                }
            )
    for table, kind in (
        (schema.vitals, records.VITALS),
        (schema.alarm_event, records.ALARM),
        (schema.anchor, records.TIME_ANCHOR),
    ):
        if rows[kind]:
            connection.execute(insert(table), rows[kind])
    return bool(rows[records.TIME_ANCHOR])
