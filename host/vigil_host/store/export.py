"""Part of a record as a file that somebody else can check without trusting whoever hands it over.

One JSON value on each line: the beginning, the rows of the chain one after another, and the checkpoint that signs them.

    {"vigil_export": 1, "device": id, "first": id of the first row, "previous": hash of the row before it}
    [journal, sequence, received_utc_ms, bytes, utc_ms, earliest_utc_ms, latest_utc_ms]       a row of the device
    "digest"                                          a row that is withheld, because nobody asked for it
    {"row": id, "utc_ms": ..., "public_key": ..., "signature": ...}

Bytes are in hexadecimal. What is hashed and signed is in `chain.py`. The last three of a row are its time, which
follows from the bytes of the rows in the file: `utc_ms`, or where no time anchor tells it (null), the bounds it lies
between (null: not known). Rows that other rows' times follow from are in the file whatever their own time is.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import ColumnElement, Connection, Table, and_, select

from vigil_host.store import chain, schema
from vigil_host.store.boots import Extent, Place, Places, boots_between, untimed_boots, untimed_of
from vigil_host.store.chain import Head
from vigil_host.store.ledger import Arrival, arrival_of
from vigil_host.store.opening import StoreError
from vigil_host.store.times import MS_PER_DAY, Anchor, utc_ms_of
from vigil_wire import records

_PAGE = 5000


def write(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int, file: TextIO) -> int:
    """Write the device's records that have, or may have, from <= UTC < to, and what their time needs; returns how many.

    Raises StoreError where there are none, or none that is signed yet.
    """
    record = schema.record
    chosen = _wanted(connection, device, from_utc_ms, to_utc_ms)
    ids = sorted(chosen)
    if not ids:
        raise StoreError("there is no record of that device and time")
    checkpoint = schema.checkpoint
    signed = connection.execute(
        select(checkpoint).where(checkpoint.c.record >= ids[-1]).order_by(checkpoint.c.record).limit(1)
    ).first()
    if signed is None:
        raise StoreError("the newest records are not signed yet: that is done every hour, and when the bridge ends")
    previous = connection.execute(select(record.c.hash).where(record.c.id == ids[0] - 1)).scalar() or chain.GENESIS
    _put(file, {"vigil_export": 1, "device": device, "first": ids[0], "previous": previous.hex()})
    places = Places(connection)
    for row in _rows(connection, ids[0], signed.record):
        if row.id in chosen:
            place = places.of(device, row.journal, row.boot, row.uptime_ms)
            _put(file, [row.journal, row.sequence, row.received_utc_ms, row.data.hex(), *place])
        else:
            digest = chain.digest(row.id, row.device, row.journal, row.sequence, row.received_utc_ms, row.data)
            _put(file, digest.hex())
    end = {name: getattr(signed, name) for name in ("public_key", "signature")}
    _put(file, {"row": signed.record, "utc_ms": signed.utc_ms} | {name: value.hex() for name, value in end.items()})
    return len(ids)


@dataclass
class Proof:
    """What an exported file holds; `problem` is empty where every row in it is as the signer had it at `utc_ms`."""

    device: str = ""
    records: list[bytes] = field(default_factory=list)
    withheld: int = 0
    utc_ms: int = 0
    problem: str = ""


def check(path: Path, public_keys: set[bytes]) -> Proof:
    """Check an exported file against the signer's public key; raises StoreError where it cannot be read."""
    proof = Proof()
    arrivals: list[tuple[int, Arrival]] = []
    times: list[Place] = []
    try:
        with path.open(encoding="utf-8") as file:
            lines = (json.loads(line) for line in file)
            begin = next(lines)
            proof.device, row_id, head = begin["device"], begin["first"], bytes.fromhex(begin["previous"])
            end: dict[str, Any] = {}
            for line in lines:
                if isinstance(line, dict):
                    end = line
                    break
                if isinstance(line, str):
                    digest = bytes.fromhex(line)
                    proof.withheld += 1
                else:
                    journal, sequence, received_utc_ms, data, *place = line
                    proof.records.append(bytes.fromhex(data))
                    digest = chain.digest(row_id, proof.device, journal, sequence, received_utc_ms, proof.records[-1])
                    arrivals.append((journal, arrival_of(proof.records[-1])))
                    times.append(Place(*place))
                head = chain.follow(head, digest)
                row_id += 1
            key, signature = bytes.fromhex(end["public_key"]), bytes.fromhex(end["signature"])
            proof.utc_ms = end["utc_ms"]
            if row_id - 1 != end["row"] or not chain.is_signed(key, signature, Head(end["row"], head), proof.utc_ms):
                proof.problem = "a row was changed, added or left out: the signature is not that of these rows"
            elif key not in public_keys:
                proof.problem = f"signed with another key than the one given: {key.hex()}"
            elif any(True for _ in lines):
                proof.problem = "there is more in the file than was signed"
            elif times != _times(arrivals):
                proof.problem = (
                    "a time is not what the rows say: the file was changed, or a row that it needs is missing"
                )
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, StopIteration, AttributeError, OverflowError, struct.error) as error:
        raise StoreError(f"{path} is no exported record of Vigil") from error
    return proof


def _wanted(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int) -> set[int]:
    """Ids of the rows to write: those that are or may be of the span, and those that their time follows from."""
    record = schema.record.c
    found: set[int] = set()
    for boot in boots_between(connection, device, from_utc_ms, to_utc_ms):
        of_boot = (device, boot.journal, boot.boot)
        uptimes = []
        for first_ms, last_ms in boot.uptimes_between(from_utc_ms, to_utc_ms):
            rows = select(record.id, record.uptime_ms).where(
                _of(schema.record, of_boot), record.uptime_ms.between(first_ms, last_ms)
            )
            for row_id, uptime_ms in connection.execute(rows):
                utc_ms = utc_ms_of(uptime_ms, boot.anchors)
                if utc_ms is not None and from_utc_ms <= utc_ms < to_utc_ms:
                    found.add(row_id)
                    uptimes.append(uptime_ms)
        if uptimes:
            found |= _anchors_around(connection, of_boot, min(uptimes), max(uptimes))
    beside = {}
    for untimed in untimed_boots(connection, device):
        if untimed.may_lie_between(from_utc_ms, to_utc_ms):
            of_boot = (device, untimed.extent.journal, untimed.extent.boot)
            found |= set(connection.execute(select(record.id).where(_of(schema.record, of_boot))).scalars())
            beside[untimed.beside[0]] = untimed.beside
    for extent in {extent for extents in beside.values() for extent in extents}:
        of_boot = (device, extent.journal, extent.boot)
        ends = (extent.first_ms, extent.newest_ms)
        rows = select(record.id).where(_of(schema.record, of_boot), record.uptime_ms.in_(ends))
        found |= set(connection.execute(rows).scalars())
        for uptime_ms in ends:
            found |= _anchors_around(connection, of_boot, uptime_ms, uptime_ms)
    return found


def _anchors_around(connection: Connection, of_boot: tuple[str, int, int], first_ms: int, last_ms: int) -> set[int]:
    """Ids of the anchors that the times of a stretch of uptime follow from."""
    anchor = schema.anchor.c
    rows = connection.execute(select(anchor.record, anchor.uptime_ms).where(_of(schema.anchor, of_boot))).all()
    before = max((row.uptime_ms for row in rows if row.uptime_ms <= first_ms), default=0)
    after = min((row.uptime_ms for row in rows if row.uptime_ms > last_ms), default=last_ms)
    return {row.record for row in rows if before <= row.uptime_ms <= after}


def _of(table: Table, of_boot: tuple[str, int, int]) -> ColumnElement[bool]:
    device, journal, boot = of_boot
    return and_(table.c.device == device, table.c.journal == journal, table.c.boot == boot)


def _times(records_of: Sequence[tuple[int, Arrival]]) -> list[Place]:
    """The times of records, each with its journal, by these records alone."""
    anchors: dict[tuple[int, int], list[Anchor]] = {}
    extents: dict[tuple[int, int], Extent] = {}
    for journal, arrival in sorted(records_of, key=lambda each: (each[0], each[1].uptime_ms, each[1].sequence)):
        boot = (journal, arrival.boot)
        fields = arrival.fields if arrival.kind == records.TIME_ANCHOR else None
        if fields is not None:
            utc = (fields["utc_day"] or 0, fields["utc_day_ms"] or 0)
            anchors.setdefault(boot, []).append((*divmod(arrival.uptime_ms, MS_PER_DAY), *utc))
        first = extents.get(boot, Extent(journal, arrival.sequence, arrival.boot, arrival.uptime_ms, 0))
        extents[boot] = first._replace(newest_ms=arrival.uptime_ms)
    untimed = {
        (each.extent.journal, each.extent.boot): each
        for each in untimed_of(sorted(extents.values()), anchors, lambda extent: anchors[extent.journal, extent.boot])
    }
    return [
        untimed[journal, arrival.boot].place_of(arrival.uptime_ms)
        if (journal, arrival.boot) in untimed
        else Place(utc_ms_of(arrival.uptime_ms, anchors[journal, arrival.boot]))
        for journal, arrival in records_of
    ]


def _rows(connection: Connection, first: int, last: int) -> Iterator[Any]:
    record = schema.record
    while first <= last:
        page = connection.execute(
            select(record).where(record.c.id.between(first, min(first + _PAGE - 1, last))).order_by(record.c.id)
        )
        yield from page
        first += _PAGE


def _put(file: TextIO, value: Any) -> None:
    file.write(json.dumps(value, separators=(",", ":")) + "\n")
