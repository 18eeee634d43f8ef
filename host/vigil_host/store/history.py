"""Reads what device records tell of alarms and settings, event by event, for people who look back."""

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

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
        .where(record.device == device, record.kind == records.SETTINGS)
        .order_by(record.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return StoredSettings(row.data, Places(connection).of(device, row.journal, row.boot, row.uptime_ms))
