"""Alarm occurrences: one row each, whoever tells of it first.

The device's alarm records say when a condition was raised and cleared; adverts and live frames carry the same
conditions as bits, often sooner, sometimes while no record can be fetched. Both speak of the same occurrences, so
what comes second completes the row of what came first.

Which of two tellings is the newer one is decided by sequence number: content names the newest record of its moment, in
16 bits. Every function here runs inside the store's transaction.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, ScalarSelect, exists, func, insert, select, update

from vigil_host.store import schema
from vigil_wire import conditions, records

DEVICE = "device"
BRIDGE = "bridge"
DEVICE_BUTTON = "the button on the device"
BESIDE_WEARER = "somebody beside the wearer"
FROM_AFAR = "somebody from afar"
_ACKNOWLEDGERS = {
    conditions.AT_DEVICE: DEVICE_BUTTON,
    conditions.BESIDE_WEARER: BESIDE_WEARER,
    conditions.FROM_AFAR: FROM_AFAR,
}


_BEYOND_ADVERTS = conditions.NAMES[conditions.ADVERT_BITS :]
"""Conditions that live content has no bits for: records alone tell of them."""
_UNACKNOWLEDGED: dict[str, Any] = {"acknowledged_utc_ms": None, "acknowledged_by": None}


class LiveBits(NamedTuple):
    """Alarm bits of a content, and the newest record of that moment (low 16 bits of its sequence number).

    `lingering` bits are not cleared yet, though the content is without them: adverts clear a condition together.
    """

    bits: int
    newest_sequence_low: int
    lingering: int = 0


class AlarmRecord(NamedTuple):
    """A new alarm or boot record: its row id, its header's names and its payload."""

    row_id: int
    journal: int
    sequence: int
    kind: int
    fields: dict[str, int | None]


def apply_records(connection: Connection, device: str, new: Iterable[AlarmRecord], now_utc_ms: int) -> bool:
    """Bring the rows in line with new alarm and boot records, in sequence order; says whether any came."""
    came = False
    for entry in sorted(new, key=lambda entry: (entry.journal, entry.sequence)):
        came = True
        if entry.kind == records.BOOT:
            _take_boot(connection, device, entry, now_utc_ms)
        elif entry.fields["event"] == conditions.RAISED:
            _raised(connection, device, entry, now_utc_ms)
        elif entry.fields["event"] == conditions.CLEARED:
            _cleared(connection, device, entry, now_utc_ms)
        else:
            _changed(connection, device, entry, now_utc_ms)
    return came


def apply_live(connection: Connection, device: str, live: LiveBits, now_utc_ms: int) -> bool:
    """Raise and clear by what was heard, where no record is newer; says whether a row changed."""
    changed = False
    journal, newest = _expanded(connection, device, live.newest_sequence_low)
    active = {row.condition: row for row in _active(connection, device, DEVICE)}
    heard = conditions.names_of(live.bits | live.lingering)
    for name, row in active.items():
        is_newer = row.journal == journal and row.raised_sequence is not None and row.raised_sequence > newest
        if name not in heard and name not in _BEYOND_ADVERTS and not is_newer:
            _set(connection, row.id, ended_utc_ms=now_utc_ms)
            changed = True
    for number in range(conditions.ADVERT_BITS):
        if not live.bits >> number & 1 or conditions.name_of(number) in active:
            continue
        if _last_cleared(connection, device, journal, conditions.name_of(number)) > newest:
            continue
        known = number < len(conditions.PRIORITIES)
        priority = conditions.PRIORITIES[number] if known else conditions.MEDIUM
        changed = True
        if _taken_over(connection, device, conditions.name_of(number), heard_sequence=newest):
            continue
        connection.execute(
            insert(schema.alarm).values(
                device=device,
                condition=conditions.name_of(number),
                priority=conditions.PRIORITY_NAMES[priority],
                source=DEVICE,
                noticed_utc_ms=now_utc_ms,
                heard_sequence=newest,
            )
        )
    return changed


def set_bridge_condition(
    connection: Connection, device: str, condition: str, priority: str | None, now_utc_ms: int
) -> bool:
    """Raise one of the bridge's own conditions with `priority`, or clear it (None); says whether a row changed."""
    active = [row for row in _active(connection, device, BRIDGE) if row.condition == condition]
    if priority is None:
        for row in active:
            _set(connection, row.id, ended_utc_ms=now_utc_ms)
        return bool(active)
    if active or any(row.condition == condition for row in _active(connection, device, DEVICE)):
        return False
    connection.execute(
        insert(schema.alarm).values(
            device=device,
            condition=condition,
            priority=priority,
            source=BRIDGE,
            noticed_utc_ms=now_utc_ms,
        )
    )
    return True


def acknowledge(connection: Connection, alarm_id: int, by: str, now_utc_ms: int) -> bool:
    """Note that a person has acknowledged an alarm; False where it is over or acknowledged already."""
    done = connection.execute(
        update(schema.alarm)
        .where(
            schema.alarm.c.id == alarm_id,
            schema.alarm.c.ended_utc_ms.is_(None),
            schema.alarm.c.acknowledged_utc_ms.is_(None),
        )
        .values(acknowledged_utc_ms=now_utc_ms, acknowledged_by=by)
    )
    return done.rowcount > 0


def unacknowledge(connection: Connection, alarm_id: int) -> None:
    """Note that an alarm is to be acknowledged again."""
    _set(connection, alarm_id, **_UNACKNOWLEDGED)


def _raised(connection: Connection, device: str, entry: AlarmRecord, now_utc_ms: int) -> None:
    """A raised record completes the oldest row that was heard of at or after it, else makes one."""
    condition = conditions.name_of(entry.fields["condition"] or 0)
    priority = _priority(entry)
    for row in _heard_only(connection, device, condition):
        if _low16(row.heard_sequence - entry.sequence) >= -1:  # content may go out just before its record is written
            _set(connection, row.id, raised_record=entry.row_id, priority=priority)
            return
    for row in _active(connection, device, DEVICE):
        if row.condition == condition:  # raised again, and the end in between is lost
            _set(connection, row.id, ended_utc_ms=now_utc_ms)
    if _taken_over(connection, device, condition, raised_record=entry.row_id, priority=priority):
        return
    connection.execute(
        insert(schema.alarm).values(
            device=device,
            condition=condition,
            priority=priority,
            source=DEVICE,
            noticed_utc_ms=now_utc_ms,
            raised_record=entry.row_id,
        )
    )


def _taken_over(connection: Connection, device: str, condition: str, **values: Any) -> bool:
    """Make what the bridge had raised itself the device's own, which tells of it only now; whether there was any."""
    for row in _active(connection, device, BRIDGE):
        if row.condition == condition:
            _set(connection, row.id, source=DEVICE, **values)
            return True
    return False


def _cleared(connection: Connection, device: str, entry: AlarmRecord, now_utc_ms: int) -> None:
    """A cleared record ends the newest occurrence of its boot before it; or, that being over, tells of one itself."""
    condition = conditions.name_of(entry.fields["condition"] or 0)
    this_boot = _boot_of(entry)
    row = connection.execute(
        select(schema.alarm.c.id, schema.alarm.c.cleared_record)
        .join(schema.record, schema.record.c.id == schema.alarm.c.raised_record)
        .where(
            schema.alarm.c.device == device,
            schema.alarm.c.condition == condition,
            schema.record.c.journal == entry.journal,
            func.coalesce(schema.alarm.c.boot, schema.record.c.boot) == this_boot,
            schema.record.c.sequence < entry.sequence,
        )
        .order_by(schema.record.c.sequence.desc())
        .limit(1)
    ).first()
    ended = func.coalesce(schema.alarm.c.ended_utc_ms, now_utc_ms)
    if row is not None and row.cleared_record is None:
        _set(connection, row.id, cleared_record=entry.row_id, ended_utc_ms=ended)
        return
    for heard in reversed(_heard_only(connection, device, condition)):
        if _low16(heard.heard_sequence - entry.sequence) <= 0:
            _set(
                connection,
                heard.id,
                raised_record=entry.row_id,
                cleared_record=entry.row_id,
                ended_utc_ms=ended,
            )
            return
    connection.execute(
        insert(schema.alarm).values(
            device=device,
            condition=condition,
            priority=_priority(entry),
            source=DEVICE,
            noticed_utc_ms=now_utc_ms,
            raised_record=entry.row_id,
            ended_utc_ms=now_utc_ms,
            cleared_record=entry.row_id,
        )
    )


def _changed(connection: Connection, device: str, entry: AlarmRecord, now_utc_ms: int) -> None:
    """What else a record tells of a condition that is active: another priority, latched, acknowledged or not."""
    number, event = entry.fields["condition"], entry.fields["event"]
    if number is None or number == conditions.ALL:
        return
    values: dict[str, Any] = {}
    if event == conditions.RISEN:
        values = {"priority": _priority(entry), **_UNACKNOWLEDGED}
    elif event == conditions.LATCHED:
        values = {"is_latched": 1}
    elif event == conditions.SOUNDS_AGAIN:
        values = {"is_latched": 0, **_UNACKNOWLEDGED}
    elif event == conditions.ACKNOWLEDGED:
        by = _ACKNOWLEDGERS.get(entry.fields["value"] or 0, DEVICE_BUTTON)
        values = {"acknowledged_utc_ms": now_utc_ms, "acknowledged_by": by}
    for row in _active(connection, device, DEVICE):
        if values and row.condition == conditions.name_of(number):
            if event == conditions.ACKNOWLEDGED and row.acknowledged_by is not None and by != DEVICE_BUTTON:
                continue  # by a person whose name is known here: this is what the device says of it
            _set(connection, row.id, **values)


def _take_boot(connection: Connection, device: str, boot: AlarmRecord, now_utc_ms: int) -> None:
    """A boot says what goes on from before it; it ends all else that was active, and begins what nobody has told of."""
    going_on = set(conditions.names_of(boot.fields["alarm_bits"] or 0))
    _end_before_boot(connection, device, boot, now_utc_ms, going_on)
    active = _active(connection, device, DEVICE)
    for row in active:
        if row.condition in going_on:
            # Of one that was only heard of so far, the record of its beginning is lost, or a cut came before it.
            raised = boot.row_id if row.raised_record is None else row.raised_record
            _set(connection, row.id, boot=_boot_of(boot), raised_record=raised)
    for name in going_on - {row.condition for row in active}:
        if _went_on(connection, device, name, boot) or _taken_over(connection, device, name, raised_record=boot.row_id):
            continue
        number = conditions.NAMES.index(name) if name in conditions.NAMES else None
        priority = conditions.MEDIUM if number is None else conditions.PRIORITIES[number]
        connection.execute(
            insert(schema.alarm).values(
                device=device,
                condition=name,
                priority=conditions.PRIORITY_NAMES[priority],
                source=DEVICE,
                noticed_utc_ms=now_utc_ms,
                raised_record=boot.row_id,
            )
        )


def _went_on(connection: Connection, device: str, condition: str, boot: AlarmRecord) -> bool:
    """Note that the newest occurrence, whose end was heard of, went on over a boot before; whether there is one."""
    row = connection.execute(
        select(schema.alarm.c.id, schema.alarm.c.cleared_record)
        .join(schema.record, schema.record.c.id == schema.alarm.c.raised_record)
        .where(
            schema.alarm.c.device == device,
            schema.alarm.c.condition == condition,
            schema.record.c.journal == boot.journal,
            schema.record.c.sequence < boot.sequence,
        )
        .order_by(schema.record.c.sequence.desc())
        .limit(1)
    ).first()
    if row is None or row.cleared_record is not None:
        return False
    _set(connection, row.id, boot=_boot_of(boot))
    return True


def _end_before_boot(
    connection: Connection, device: str, boot: AlarmRecord, now_utc_ms: int, going_on: set[str]
) -> None:
    """End what was active before a boot and is not among `going_on`."""
    for row in _active(connection, device, DEVICE):
        if row.condition in going_on:
            continue
        if row.raised_sequence is None:
            before = _low16(row.heard_sequence - boot.sequence) < 0
        else:
            before = row.journal != boot.journal or row.raised_sequence < boot.sequence
        if before:
            _set(connection, row.id, cleared_record=boot.row_id, ended_utc_ms=now_utc_ms)
    for alarm_id in _heard_to_end(connection, device, boot, going_on):
        _set(connection, alarm_id, cleared_record=boot.row_id)


def _heard_to_end(connection: Connection, device: str, boot: AlarmRecord, going_on: set[str]) -> list[int]:
    """Occurrences whose end was heard of, after this boot as it turns out: no record between says of another end.

    A boot between over which they went on is none.
    """
    raised, between, gap = schema.record.alias("raised"), schema.record.alias("between"), schema.gap
    is_other_boot = exists().where(
        between.c.device == device,
        between.c.journal == boot.journal,
        between.c.sequence > raised.c.sequence,
        between.c.sequence < boot.sequence,
        between.c.kind == records.BOOT,
        between.c.boot > func.coalesce(schema.alarm.c.boot, raised.c.boot),
    )
    is_gap = exists().where(
        gap.c.device == device,
        gap.c.journal == boot.journal,
        gap.c.last > raised.c.sequence,
        gap.c.first < boot.sequence,
    )
    found = connection.execute(
        select(schema.alarm.c.id)
        .join(raised, raised.c.id == schema.alarm.c.raised_record)
        .where(
            schema.alarm.c.device == device,
            schema.alarm.c.source == DEVICE,
            schema.alarm.c.ended_utc_ms.is_not(None),
            schema.alarm.c.cleared_record.is_(None),
            raised.c.journal == boot.journal,
            raised.c.sequence < boot.sequence,
            schema.alarm.c.condition.not_in(going_on),
            ~is_other_boot,
            ~is_gap,
        )
    )
    return list(found.scalars())


def _active(connection: Connection, device: str, source: str) -> list[Row[Any]]:
    return list(
        connection.execute(
            select(schema.alarm, schema.record.c.journal, schema.record.c.sequence.label("raised_sequence"))
            .outerjoin(schema.record, schema.record.c.id == schema.alarm.c.raised_record)
            .where(
                schema.alarm.c.device == device,
                schema.alarm.c.source == source,
                schema.alarm.c.ended_utc_ms.is_(None),
            )
        )
    )


def _heard_only(connection: Connection, device: str, condition: str) -> list[Row[Any]]:
    """Occurrences of which no record has come yet, oldest first."""
    return list(
        connection.execute(
            select(schema.alarm)
            .where(
                schema.alarm.c.device == device,
                schema.alarm.c.condition == condition,
                schema.alarm.c.source == DEVICE,
                schema.alarm.c.raised_record.is_(None),
                schema.alarm.c.heard_sequence.is_not(None),
            )
            .order_by(schema.alarm.c.id)
        )
    )


def _last_cleared(connection: Connection, device: str, journal: int | None, condition: str) -> int:
    """Sequence number in `journal` of the record that ended the last occurrence, -1 where there is none."""
    row = connection.execute(
        select(schema.record.c.journal, schema.record.c.sequence)
        .select_from(schema.alarm)
        .outerjoin(schema.record, schema.record.c.id == schema.alarm.c.cleared_record)
        .where(
            schema.alarm.c.device == device,
            schema.alarm.c.condition == condition,
            schema.alarm.c.source == DEVICE,
        )
        .order_by(schema.alarm.c.id.desc())
        .limit(1)
    ).first()
    if row is None or row.sequence is None or row.journal != journal:
        return -1
    return int(row.sequence)


def _expanded(connection: Connection, device: str, sequence_low: int) -> tuple[int | None, int]:
    """The device's journal and the whole of a sequence number, as the one nearest to the newest stored."""
    stored = connection.execute(
        select(schema.record.c.journal, schema.record.c.sequence)
        .where(schema.record.c.device == device)
        .order_by(schema.record.c.id.desc())
        .limit(1)
    ).first()
    if stored is None:
        return None, sequence_low
    return stored.journal, stored.sequence + _low16(sequence_low - stored.sequence)


def _boot_of(entry: AlarmRecord) -> ScalarSelect[int]:
    """The boot of a record."""
    return select(schema.record.c.boot).where(schema.record.c.id == entry.row_id).scalar_subquery()


def _priority(entry: AlarmRecord) -> str:
    return conditions.PRIORITY_NAMES[min(entry.fields["priority"] or 0, conditions.HIGH)]


def _low16(difference: int) -> int:
    """A difference of sequence numbers of which one is known in 16 bits only, as a signed number."""
    return ((difference + 0x8000) & 0xFFFF) - 0x8000


def _set(connection: Connection, alarm_id: int, **values: Any) -> None:
    connection.execute(update(schema.alarm).where(schema.alarm.c.id == alarm_id).values(**values))
