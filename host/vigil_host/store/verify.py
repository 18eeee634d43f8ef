"""Looks for anything in the record that is not as it was committed."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, LargeBinary, Row, cast, func, select

from vigil_host.store import chain, ledger, rollups, schema
from vigil_host.store.chain import Head
from vigil_wire import records

MOST_FINDINGS = 50


@dataclass
class Report:
    """What was looked at, and what was found: `findings` is empty where all is well.

    `unsigned` counts the newest rows that no checkpoint covers yet, `gaps` the noted gaps, `more` the findings beyond
    those listed.
    """

    rows: int = 0
    checkpoints: int = 0
    unsigned: int = 0
    gaps: int = 0
    head: Head = chain.EMPTY
    findings: list[str] = field(default_factory=list)
    more: int = 0

    def find(self, finding: str) -> None:
        """Add a finding."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)
        else:
            self.more += 1


def verify(connection: Connection, public_keys: set[bytes]) -> Report:
    """Check the file, the chain, the signatures (by one of `public_keys`), what was decoded, and every sequence."""
    report = Report()
    for pragma in ("integrity_check", "foreign_key_check"):
        for row in connection.exec_driver_sql(f"PRAGMA {pragma}"):
            if tuple(row) != ("ok",):
                report.find(f"SQLite's {pragma}: {', '.join(str(value) for value in row)}")
    _check_rows(connection, report)
    _check_checkpoints(connection, public_keys, report)
    _check_sequences(connection, report)
    for finding in rollups.differing(connection):
        report.find(finding)
    return report


def _check_rows(connection: Connection, report: Report) -> None:
    """The chain, the columns beside the bytes, and the tables decoded from them."""
    vitals, alarm_events, anchors = (
        _Decoded(connection, table) for table in (schema.vitals, schema.alarm_event, schema.anchor)
    )
    head = chain.EMPTY
    for row_id, device, journal, sequence, kind, boot, uptime_ms, received_utc_ms, data, chained in _rows(connection):
        where = f"row {row_id} (device {device}, journal {journal}, sequence {sequence})"
        if row_id != head.row_id + 1:
            missing = f"rows {head.row_id + 1} to {row_id - 1}" if row_id > head.row_id + 2 else f"row {row_id - 1}"
            report.find(f"{missing}: removed, before {where}")
        elif _hash_after(head, row_id, device, journal, sequence, received_utc_ms, data) != chained:
            report.find(f"{where}: edited, inserted or moved: it is not what was chained after row {head.row_id}")
        head = Head(row_id, chained)
        report.rows += 1
        arrival = ledger.arrival_of(data) if len(data) >= records.HEADER_LENGTH else None
        if arrival is None or arrival[:4] != (sequence, kind, boot, uptime_ms):
            report.find(f"{where}: its columns are not what its bytes say")
            continue
        # What is of a kind or layout that this program does not know was never decoded by it.
        if kind == records.VITALS:
            if (row := ledger.vitals_row(row_id, data)) is not None:
                vitals.compare(row, where, report)
        elif (fields := arrival.fields) is None:
            continue
        elif kind == records.ALARM:
            alarm_events.compare(ledger.alarm_event_row(row_id, fields), where, report)
        elif kind == records.TIME_ANCHOR:
            anchors.compare(ledger.anchor_row(row_id, device, journal, arrival, fields), where, report)
    for decoded in (vitals, alarm_events, anchors):
        decoded.end(report)
    used = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'record'").scalar() or 0
    if used > head.row_id:
        report.find(f"rows {head.row_id + 1} to {used}: removed from the end")
    report.head = head


def _hash_after(head: Head, *row: Any) -> bytes | None:
    """What the hash of the row, by what `chain.digest` takes, must be; None where a column holds what no record has."""
    try:
        digest = chain.digest(*row)
    except (struct.error, TypeError, AttributeError):
        return None
    return chain.follow(head.hash, digest)


class _Decoded:
    """One table of decoded records, read beside the records, both by row id."""

    def __init__(self, connection: Connection, table: Any) -> None:
        self._name = table.name
        self._rows = _paged(connection, select(table), table.c.record)
        self._next: Sequence[Any] | None = next(self._rows, None)

    def compare(self, right: Sequence[Any], where: str, report: Report) -> None:
        """Check that the next row is `right`."""
        while self._next is not None and self._next[0] < right[0]:
            self._surplus(report)
        if self._next is None or self._next[0] != right[0]:
            report.find(f"{where}: not in the table {self._name}")
            return
        if tuple(self._next) != tuple(right):
            report.find(f"{where}: edited in the table {self._name}: that is not what its bytes say")
        self._next = next(self._rows, None)

    def end(self, report: Report) -> None:
        """Check that there are no more rows."""
        while self._next is not None:
            self._surplus(report)

    def _surplus(self, report: Report) -> None:
        assert self._next is not None
        report.find(f"row {self._next[0]}: in the table {self._name}, and its record is no such one")
        self._next = next(self._rows, None)


def _check_checkpoints(connection: Connection, public_keys: set[bytes], report: Report) -> None:
    table, record = schema.checkpoint, schema.record
    signed = removed = 0
    for row in connection.execute(
        select(table, record.c.hash.label("now")).outerjoin(record, record.c.id == table.c.record).order_by(table.c.id)
    ):
        report.checkpoints += 1
        if row.id != report.checkpoints + removed:
            report.find(f"checkpoint {row.id - 1}: removed")
            removed = row.id - report.checkpoints
        name = f"checkpoint {row.id} (row {row.record})"
        if not chain.is_signed(row.public_key, row.signature, Head(row.record, row.hash), row.utc_ms):
            report.find(f"{name}: its signature is wrong")
        elif row.public_key not in public_keys:
            report.find(f"{name}: signed with the key {row.public_key.hex()}, which is not trusted here")
        elif row.now is None:
            report.find(f"{name}: signed, and no longer there")
        elif row.now != row.hash:
            report.find(f"{name}: rows {signed + 1} to {row.record} are not those that were signed")
        signed = max(signed, row.record)
    report.unsigned = max(report.head.row_id - signed, 0)
    if public_keys and report.unsigned >= chain.SIGN_ROWS:
        report.find(f"rows {signed + 1} to {report.head.row_id}: not signed, though they are {report.unsigned}")


def _check_sequences(connection: Connection, report: Report) -> None:
    """Every number below the newest of a journal is stored, or in a gap that says why not."""
    record, gap = schema.record, schema.gap
    report.gaps = connection.execute(select(func.count()).select_from(gap)).scalar_one()
    before = func.lag(record.c.sequence, 1, -1).over(
        partition_by=(record.c.device, record.c.journal), order_by=record.c.sequence
    )
    pairs = select(record.c.device, record.c.journal, record.c.sequence, before.label("before")).subquery()
    holes = connection.execute(
        select(pairs)
        .where(pairs.c.sequence > pairs.c.before + 1)
        .order_by(pairs.c.device, pairs.c.journal, pairs.c.sequence)
    ).all()
    for hole in holes:
        wanted, end = hole.before + 1, hole.sequence
        noted = connection.execute(
            select(gap.c.first, gap.c.last)
            .where(gap.c.device == hole.device, gap.c.journal == hole.journal)
            .order_by(gap.c.first)
        ).all()
        for first, last in [*noted, (end, end)]:
            if first > wanted and wanted < end:
                numbers = f"sequences {wanted} to {min(first, end) - 1}"
                report.find(f"device {hole.device}, journal {hole.journal}: {numbers} are missing without a reason")
            wanted = max(wanted, last + 1)


def _rows(connection: Connection) -> Iterator[Any]:
    """All records; bytes that were overwritten with text come as bytes too."""
    columns = (cast(column, LargeBinary) if column.name in ("data", "hash") else column for column in schema.record.c)
    return _paged(connection, select(*columns), schema.record.c.id)


def _paged(connection: Connection, query: Any, key: Any, size: int = 5000) -> Iterator[Row[Any]]:
    """Rows in the order of `key`, their first column, without holding all of them."""
    last = -1
    while True:
        page = connection.execute(query.where(key > last).order_by(key).limit(size)).all()
        yield from page
        if len(page) < size:
            return
        last = page[-1][0]
