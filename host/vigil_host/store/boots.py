"""Which boots of a device lie in a stretch of time, with their anchors: so that only their rows are read."""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select

from vigil_host.store import schema
from vigil_host.store.prepared import Prepared
from vigil_host.store.times import Anchor


class Boot(NamedTuple):
    """A boot, its anchors (sorted), and the uptimes (both ends included) that can lie in the stretch asked for."""

    journal: int
    boot: int
    anchors: list[Anchor]
    first_ms: int
    last_ms: int


def boots_between(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int) -> list[Boot]:
    """Boots of which some uptime may lie in from <= UTC < to, whatever their anchors say; none without an anchor."""
    anchor, record = schema.anchor, schema.record
    offset = anchor.c.utc_ms - anchor.c.uptime_ms
    known = connection.execute(
        select(anchor.c.journal, anchor.c.boot, func.min(offset).label("least"), func.max(offset).label("most"))
        .where(anchor.c.device == device)
        .group_by(anchor.c.journal, anchor.c.boot)
    ).all()
    found = []
    for journal, boot, least, most in known:
        if least >= to_utc_ms:
            continue
        newest = connection.execute(
            select(func.max(record.c.uptime_ms)).where(
                record.c.device == device, record.c.journal == journal, record.c.boot == boot
            )
        ).scalar_one()
        if newest is not None and newest + most >= from_utc_ms:
            rows = _ANCHORS.run(connection, of_device=device, of_journal=journal, of_boot=boot)
            anchors = sorted(map(Anchor._make, rows.fetchall()))
            first_ms, last_ms = max(0, from_utc_ms - most), min(newest, to_utc_ms - least)
            found.append(Boot(journal, boot, anchors, first_ms, last_ms))
    return found


_ANCHORS = Prepared(
    select(schema.anchor.c.uptime_ms, schema.anchor.c.sequence, schema.anchor.c.utc_ms).where(
        schema.anchor.c.device == bindparam("of_device"),
        schema.anchor.c.journal == bindparam("of_journal"),
        schema.anchor.c.boot == bindparam("of_boot"),
    )
)
