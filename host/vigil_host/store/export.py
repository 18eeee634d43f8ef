"""Part of a record as a file that somebody else can check without trusting whoever hands it over.

One JSON value on each line: the beginning, the rows of the chain one after another, and the checkpoint that signs them.

    {"vigil_export": 1, "device": id, "first": id of the first row, "previous": hash of the row before it}
    [journal, sequence, received_utc_ms, bytes]       a row of the device
    "digest"                                          a row that is withheld, because nobody asked for it
    {"row": id, "utc_ms": ..., "public_key": ..., "signature": ...}

Bytes are in hexadecimal. What is hashed and signed is in `chain.py`.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, and_, func, or_, select

from vigil_host.store import chain, schema
from vigil_host.store.boots import boots_between
from vigil_host.store.chain import Head
from vigil_host.store.opening import StoreError

_PAGE = 5000


def write(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int, file: TextIO) -> int:
    """Write the device's records with from <= UTC < to, and the anchors their time needs; returns how many.

    Raises StoreError where there are none, or none that is signed yet.
    """
    record = schema.record
    wanted = _wanted(connection, device, from_utc_ms, to_utc_ms)
    ids = [row[0] for row in connection.execute(select(record.c.id).where(wanted).order_by(record.c.id))]
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
    chosen = set(ids)
    for row in _rows(connection, ids[0], signed.record):
        if row.id in chosen:
            _put(file, [row.journal, row.sequence, row.received_utc_ms, row.data.hex()])
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
                    journal, sequence, received_utc_ms, data = line
                    proof.records.append(bytes.fromhex(data))
                    digest = chain.digest(row_id, proof.device, journal, sequence, received_utc_ms, proof.records[-1])
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
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, StopIteration, AttributeError, OverflowError, struct.error) as error:
        raise StoreError(f"{path} is no exported record of Vigil") from error
    return proof


def _wanted(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int) -> Any:
    record, anchor = schema.record, schema.anchor
    conditions = []
    for boot in boots_between(connection, device, from_utc_ms, to_utc_ms):
        before = (
            select(func.max(anchor.c.record))
            .where(anchor.c.device == device, anchor.c.journal == boot.journal, anchor.c.boot == boot.boot)
            .where(anchor.c.uptime_ms <= boot.first_ms)
            .scalar_subquery()
        )
        in_span = and_(
            record.c.journal == boot.journal,
            record.c.boot == boot.boot,
            record.c.uptime_ms.between(boot.first_ms, boot.last_ms),
        )
        conditions.append(or_(in_span, record.c.id == before))
    return and_(record.c.device == device, or_(False, *conditions))


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
