"""Reads what is known of alarms and settings for people who look: each event, who was told, what is snoozed."""

from dataclasses import dataclass

from sqlalchemy import Connection, literal_column, or_, select

from vigil_host.store import schema
from vigil_host.store.boots import Place, Places
from vigil_wire import conditions, records

MOST_EVENTS = 400


@dataclass(frozen=True)
class AlarmEvent:
    """What one alarm record tells: `event` is a name of `conditions.EVENT_NAMES`, `value` as the record has it.

    `alarm_id` is the occurrence it is about; None where it is about no condition in particular, as a pause is.
    """

    device_id: str
    alarm_id: int | None
    event: str
    priority: str
    value: int | None
    place: Place


@dataclass(frozen=True)
class StoredSettings:
    """The newest settings record of a device, and when the device wrote it."""

    record: bytes
    place: Place


@dataclass(frozen=True)
class Told:
    """The newest message about an alarm to one person: when an address of theirs took it, None: none has yet.

    `is_pending`: it is still tried; `has_failed`: it was tried in vain.
    """

    alarm_id: int
    person: str
    sent_utc_ms: int | None
    is_pending: bool
    has_failed: bool


@dataclass(frozen=True)
class Snooze:
    """Nobody is told of a condition of a wearer, as somebody has asked for."""

    wearer: str
    condition: str
    by: str
    until_utc_ms: int


def told(connection: Connection, alarm_ids: list[int]) -> list[Told]:
    """See `Store.told`."""
    message, way = schema.message.c, schema.delivery.c
    mine, same = schema.telling.alias(), schema.telling.alias()  # of an alarm that came back soon: one episode
    rows = connection.execute(
        select(mine.c.alarm, message.id, message.person, way.sent_utc_ms, way.next_ms, way.attempts)
        .join(same, same.c.episode == mine.c.episode)
        .join(schema.message, message.alarm == same.c.alarm)
        .join(schema.delivery, way.message == message.id)
        .where(mine.c.alarm.in_(alarm_ids), message.kind == "alarm")
        .order_by(message.id)
    ).all()
    newest = {(row.alarm, row.person): row.id for row in rows}
    found = []
    for (alarm_id, person), message_id in newest.items():
        ways = [row for row in rows if row.alarm == alarm_id and row.id == message_id]
        before = [row.sent_utc_ms for row in rows if (row.alarm, row.person) == (alarm_id, person)]
        found.append(
            Told(
                alarm_id,
                person,
                max((at for at in before if at is not None), default=None),
                any(row.next_ms is not None for row in ways),
                any(row.attempts > 0 for row in ways) and all(row.sent_utc_ms is None for row in ways),
            )
        )
    return found


def snoozes(connection: Connection, now_utc_ms: int) -> list[Snooze]:
    """See `Store.snoozes`."""
    snooze = schema.snooze.c
    rows = connection.execute(
        select(schema.wearer.c.name, snooze.condition, snooze.by, snooze.until_ms)
        .join(schema.wearer, schema.wearer.c.id == snooze.wearer)
        .where(snooze.until_ms > now_utc_ms)
        .order_by(snooze.until_ms)
    )
    newest = {(row.name, row.condition): Snooze(row.name, row.condition, row.by, row.until_ms) for row in rows}
    return list(newest.values())


def alarm_events(connection: Connection, since_utc_ms: int) -> list[AlarmEvent]:
    """See `Store.alarm_events`."""
    alarm, event, record = schema.alarm.c, schema.alarm_event.c, schema.record.c
    occurrences: dict[tuple[str, str], list[tuple[int, int | None, int]]] = {}
    for row in connection.execute(
        select(alarm.device, alarm.condition, alarm.raised_record, alarm.cleared_record, alarm.id)
        .where(alarm.raised_record.is_not(None), or_(alarm.ended_utc_ms.is_(None), alarm.ended_utc_ms >= since_utc_ms))
        .order_by(alarm.raised_record)
    ):
        occurrences.setdefault((row.device, row.condition), []).append((row.raised_record, row.cleared_record, row.id))
    rows = connection.execute(
        select(schema.alarm_event, record.device, record.journal, record.boot, record.uptime_ms, record.received_utc_ms)
        .join(schema.record, record.id == event.record)
        .order_by(event.record.desc())
        .limit(MOST_EVENTS)
    ).all()
    places = Places(connection)
    found = []
    for row in reversed(rows):
        is_of_all = row.condition == conditions.ALL
        alarm_id = None
        for raised, cleared, occurrence in occurrences.get((row.device, conditions.name_of(row.condition)), []):
            if raised <= row.record and (cleared is None or row.record <= cleared):
                alarm_id = occurrence
        if alarm_id is None and (not is_of_all or row.received_utc_ms < since_utc_ms):
            continue
        found.append(
            AlarmEvent(
                device_id=row.device,
                alarm_id=alarm_id,
                event=conditions.EVENT_NAMES.get(row.event, f"event_{row.event}"),
                priority=conditions.PRIORITY_NAMES[min(row.priority, conditions.HIGH)],
                value=row.value,
                place=places.of(row.device, row.journal, row.boot, row.uptime_ms),
            )
        )
    return found


def newest_settings(connection: Connection, device: str) -> StoredSettings | None:
    """See `Store.newest_settings`."""
    record = schema.record.c
    row = connection.execute(
        select(record.data, record.journal, record.boot, record.uptime_ms)
        .where(record.device == device, record.kind == literal_column(str(records.SETTINGS)))  # as the index has it
        .order_by(record.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return StoredSettings(row.data, Places(connection).of(device, row.journal, row.boot, row.uptime_ms))
