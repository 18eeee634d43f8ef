"""Reads the ledger: readings with their time, alarms, and the count of what is there and what is not."""

import heapq
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, literal_column, or_, select

from vigil_host.store import schema
from vigil_host.store.boots import Place, Places, boots_between, untimed_boots
from vigil_host.store.ledger import Gap
from vigil_host.store.prepared import Prepared
from vigil_host.store.times import utc_ms_of
from vigil_wire import conditions, movement, statuses

# What an alarm record's integer value is divided by, by the signal that its condition watches.
_DIVISORS = {
    "spo2": 10,
    "spo2_fall": 10,
    "pulse_rate": 10,
    "respiration": 10,
    "temperature": 100,
    "temperature_change": 100,
    "rate_error": 10,
}
_VALUE_DIVISORS = {
    name: _DIVISORS.get(kind.signal, 1) for name, kind in zip(conditions.NAMES, conditions.TABLE, strict=True)
}


@dataclass(frozen=True)
class StoredDevice:
    """A device, what it is called, and what it last told of itself (`vigil_wire.link`), None before it did.

    `refused`: what it has refused since its boot, in the order of `link.REFUSALS`, as it said at `refused_utc_ms`.
    """

    id: str
    name: str
    flags: int | None
    refused: tuple[int, ...] | None
    refused_utc_ms: int | None


@dataclass(frozen=True)
class Audit:
    """Rows stored; sequence numbers absent below the highest seen of each journal; rows beyond one per key."""

    stored: int
    missing: int
    duplicates: int


@dataclass(frozen=True)
class TrendRow:
    """One vitals record. Readings are None where the device had none.

    `utc_ms` is the end of the `seconds` it covers. It is None while its boot has no time anchor: then it lies between
    `earliest_utc_ms` and `latest_utc_ms`, as far as these are known. A reading is the mean, with its least and most.
    `spo2_is_calibrated`: SpO2 was read on the board's own calibration and not on the general curve.
    `movement`: the most that the wearer moved in that time (still, moving, walking), and `position` how he lay at its
    end (lying, upright, unknown); None where nothing told it.
    """

    row_id: int
    device_id: str
    journal: int
    sequence: int
    utc_ms: int | None
    seconds: int
    quality: int
    pulse_rate_bpm: float | None
    pulse_rate_min_bpm: float | None
    pulse_rate_max_bpm: float | None
    pulse_rate_status: str
    spo2_pct: float | None
    spo2_min_pct: float | None
    spo2_max_pct: float | None
    spo2_status: str
    temperature_c: float | None
    temperature_min_c: float | None
    temperature_max_c: float | None
    temperature_status: str
    perfusion_index_pct: float | None
    respiration_per_min: float | None
    respiration_status: str
    spo2_is_calibrated: bool
    movement: str | None
    position: str | None
    battery_pct: int | None
    active: list[str] = field(default_factory=list)
    earliest_utc_ms: int | None = None
    latest_utc_ms: int | None = None


class UntimedReadings(NamedTuple):
    """The readings of a boot without a time anchor: when they can have been (None: not known), and what they span."""

    earliest_utc_ms: int | None
    latest_utc_ms: int | None
    readings: int
    spo2_min_pct: float | None
    spo2_max_pct: float | None
    pulse_rate_min_bpm: float | None
    pulse_rate_max_bpm: float | None


class GapInTime(NamedTuple):
    """Records that are to be had from nowhere, by the time between their neighbours.

    `begin_utc_ms` None: before all that is known; `records` None: nobody knows how many there were.
    """

    begin_utc_ms: int | None
    end_utc_ms: int
    records: int | None
    reason: str


@dataclass(frozen=True)
class Alarm:
    """One occurrence of an alarm condition.

    `onset_utc_ms` is when the limit was first crossed and `cleared_utc_ms` when it ended, by the device's records;
    before they are there, when the bridge heard of it. None: not known, or not over (see `active`). Where one is not
    known because of a boot without a time anchor, it lies between its `earliest` and `latest`, as far as these are
    known. `value` is the reading at the alarm, in bpm, % or degrees Celsius, where the condition is about one.
    `acknowledged_by` is None while nobody has acknowledged it, or it sounds again; `is_latched`: it is over, and kept
    until somebody does.
    """

    id: int
    device_id: str
    condition: str
    priority: str
    source: str
    active: bool
    onset_utc_ms: int | None
    cleared_utc_ms: int | None
    value: float | None
    onset_earliest_utc_ms: int | None = None
    onset_latest_utc_ms: int | None = None
    cleared_earliest_utc_ms: int | None = None
    cleared_latest_utc_ms: int | None = None
    acknowledged_utc_ms: int | None = None
    acknowledged_by: str | None = None
    is_latched: bool = False


MOST_GAPS = 100
END_OF_TIME_MS = 1 << 53

_PLACED = select(
    schema.record.c.device, schema.record.c.journal, schema.record.c.boot, schema.record.c.uptime_ms
).limit(1)

_VITALS = select(
    schema.vitals,
    schema.record.c.id,
    schema.record.c.device,
    schema.record.c.journal,
    schema.record.c.sequence,
    schema.record.c.boot,
    schema.record.c.uptime_ms,
).join(schema.record, schema.record.c.id == schema.vitals.c.record)


_SPANNED = Prepared(
    select(
        func.count(),
        func.min(schema.vitals.c.spo2_min_deci_pct),
        func.max(schema.vitals.c.spo2_max_deci_pct),
        func.min(schema.vitals.c.pulse_rate_min_deci_bpm),
        func.max(schema.vitals.c.pulse_rate_max_deci_bpm),
    )
    .join_from(schema.record, schema.vitals, schema.record.c.id == schema.vitals.c.record)
    .where(
        schema.record.c.device == bindparam("of_device"),
        schema.record.c.journal == bindparam("of_journal"),
        schema.record.c.boot == bindparam("of_boot"),
    )
)


def devices(connection: Connection) -> list[StoredDevice]:
    """See `Store.devices`."""
    found = connection.execute(select(schema.device).order_by(schema.device.c.id))
    return [
        StoredDevice(row.id, row.name, row.flags, tuple(row.refused) if row.refused else None, row.refused_utc_ms)
        for row in found
    ]


def rows_after(connection: Connection, row_id: int, limit: int) -> list[TrendRow]:
    """See `Store.rows_after`."""
    rows = connection.execute(
        _VITALS.where(schema.vitals.c.record > row_id).order_by(schema.vitals.c.record).limit(limit)
    ).all()
    places = Places(connection)
    return [_trend_row(row, places.of(row.device, row.journal, row.boot, row.uptime_ms)) for row in rows]


def newest_record(connection: Connection, device: str, kind: int) -> bytes | None:
    """See `Store.newest_record`."""
    # As a literal: SQLite takes the index of settings for nothing else.
    is_of_kind = schema.record.c.kind == literal_column(str(int(kind)))
    of_kind = select(schema.record.c.data).where(schema.record.c.device == device, is_of_kind)
    data: bytes | None = connection.execute(of_kind.order_by(schema.record.c.id.desc()).limit(1)).scalar()
    return data


def newest_row_id(connection: Connection) -> int:
    """See `Store.newest_row_id`."""
    return connection.execute(select(func.max(schema.vitals.c.record))).scalar() or 0


class _Newest:
    """Keeps the newest `limit` rows of those added, by a time and, within one, by row id."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[int, int, TrendRow]] = []

    def wants(self, at_ms: int) -> bool:
        """Whether a row of that time would be kept."""
        return len(self._heap) < self._limit or at_ms >= self._heap[0][0]

    def add(self, at_ms: int, row: TrendRow) -> None:
        """Add a row."""
        entry = (at_ms, row.row_id, row)
        if len(self._heap) < self._limit:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def rows(self) -> list[TrendRow]:
        """The rows that were kept, oldest first."""
        return [row for _, _, row in sorted(self._heap)]


def trend(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int, limit: int) -> list[TrendRow]:
    """See `Store.trend`. Newest stretch first, so that only what is asked for is read."""
    newest = _Newest(limit)
    for boot in boots_between(connection, device, from_utc_ms, to_utc_ms):
        if not newest.wants(boot.latest_utc_ms):
            break
        for first_ms, last_ms in boot.uptimes_between(from_utc_ms, to_utc_ms):
            rows = connection.execute(_vitals_of(device, boot.journal, boot.boot, first_ms, last_ms))
            for row in rows:
                utc_ms = utc_ms_of(row.uptime_ms, boot.anchors)
                assert utc_ms is not None
                if utc_ms < from_utc_ms or not newest.wants(utc_ms):
                    break  # older ones follow
                if utc_ms < to_utc_ms:
                    newest.add(utc_ms, _trend_row(row, Place(utc_ms)))
            rows.close()
    return newest.rows()


def newest_rows(connection: Connection, device: str, limit: int) -> list[TrendRow]:
    """See `Store.newest_rows`."""
    newest = _Newest(limit)
    for timed in trend(connection, device, 0, END_OF_TIME_MS, limit):
        newest.add(_shown_at(Place(timed.utc_ms)), timed)
    boots = [(_shown_at(boot.place_of(boot.extent.newest_ms)), boot) for boot in untimed_boots(connection, device)]
    for shown_at, boot in sorted(boots, key=itemgetter(0), reverse=True):
        if not newest.wants(shown_at):
            break
        extent = boot.extent
        rows = connection.execute(
            _vitals_of(device, extent.journal, extent.boot, extent.first_ms, extent.newest_ms).limit(limit)
        )
        for row in rows:
            place = boot.place_of(row.uptime_ms)
            newest.add(_shown_at(place), _trend_row(row, place))
    return newest.rows()


def untimed_between(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int) -> list[UntimedReadings]:
    """See `Store.untimed_between`."""
    found = []
    for boot in untimed_boots(connection, device):
        if not boot.may_lie_between(from_utc_ms, to_utc_ms):
            continue
        of_boot = {"of_device": device, "of_journal": boot.extent.journal, "of_boot": boot.extent.boot}
        ((readings, *values),) = _SPANNED.run(connection, **of_boot).fetchall()
        if readings:
            found.append(UntimedReadings(*boot.bounds_utc_ms(), readings, *(_scaled(value, 10) for value in values)))
    return sorted(found, key=lambda each: each.latest_utc_ms or each.earliest_utc_ms or 0, reverse=True)


def _vitals_of(device: str, journal: int, boot: int, first_ms: int, last_ms: int) -> Select[Any]:
    """The vitals of a stretch of uptime, both ends included, newest first."""
    record = schema.record.c
    return _VITALS.where(
        record.device == device,
        record.journal == journal,
        record.boot == boot,
        record.uptime_ms.between(first_ms, last_ms),
    ).order_by(record.uptime_ms.desc())


def _shown_at(place: Place) -> int:
    """Where something stands among others: if its time is not known, where it can have been first."""
    return next((at for at in place if at is not None), 0)


def alarms(connection: Connection, since_utc_ms: int | None) -> list[Alarm]:
    """Alarms that are active or ended at or after `since_utc_ms` (None: only active ones), oldest first."""
    alarm = schema.alarm
    raised, cleared = schema.record.alias("raised"), schema.record.alias("cleared")
    is_wanted: ColumnElement[bool] = alarm.c.ended_utc_ms.is_(None)
    if since_utc_ms is not None:
        is_wanted = or_(is_wanted, alarm.c.ended_utc_ms >= since_utc_ms)
    rows = connection.execute(
        select(
            alarm,
            raised.c.journal.label("raised_journal"),
            raised.c.boot.label("raised_boot"),
            raised.c.uptime_ms.label("raised_uptime_ms"),
            schema.alarm_event.c.onset_uptime_ms,
            schema.alarm_event.c.value,
            cleared.c.journal.label("cleared_journal"),
            cleared.c.boot.label("cleared_boot"),
            cleared.c.uptime_ms.label("cleared_uptime_ms"),
        )
        .outerjoin(raised, raised.c.id == alarm.c.raised_record)
        .outerjoin(schema.alarm_event, schema.alarm_event.c.record == alarm.c.raised_record)
        .outerjoin(cleared, cleared.c.id == alarm.c.cleared_record)
        .where(is_wanted)
        .order_by(alarm.c.id)
    ).all()
    places = Places(connection)
    return [_alarm(row, places) for row in rows]


def audit(connection: Connection, device: str | None) -> Audit:
    """See `Store.audit`."""
    table = schema.record
    per_key = select(table.c.device, table.c.journal, table.c.sequence, func.count().label("rows")).group_by(
        table.c.device, table.c.journal, table.c.sequence
    )
    if device is not None:
        per_key = per_key.where(table.c.device == device)
    keys = per_key.subquery()
    journals = connection.execute(
        select(
            func.sum(keys.c.rows).label("rows"),
            func.count().label("keys"),
            func.max(keys.c.sequence).label("newest"),
        ).group_by(keys.c.device, keys.c.journal)
    ).all()
    return Audit(
        stored=sum(journal.rows for journal in journals),
        missing=sum(journal.newest + 1 - journal.keys for journal in journals),
        duplicates=sum(journal.rows - journal.keys for journal in journals),
    )


def gaps(connection: Connection, device: str) -> list[Gap]:
    """See `Store.gaps`."""
    gap = schema.gap
    rows = connection.execute(
        select(gap.c.first, gap.c.last, gap.c.reason).where(gap.c.device == device).order_by(gap.c.id)
    )
    return [Gap(row.first, row.last, row.reason) for row in rows]


def gaps_between(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int) -> list[GapInTime]:
    """See `Store.gaps_between`."""
    gap = schema.gap
    rows = connection.execute(select(gap).where(gap.c.device == device).order_by(gap.c.id.desc()).limit(MOST_GAPS))
    places = Places(connection)
    found = []
    for row in rows:
        of_journal = (schema.record.c.device == device, schema.record.c.journal == row.journal)
        before = connection.execute(
            _PLACED.where(*of_journal, schema.record.c.sequence < row.first).order_by(schema.record.c.sequence.desc())
        ).first()
        after = connection.execute(
            _PLACED.where(*of_journal, schema.record.c.sequence > row.last).order_by(schema.record.c.sequence)
        ).first()
        begin = end = None
        if before is not None:
            place = places.of(*before)
            begin = place.earliest_utc_ms if place.utc_ms is None else place.utc_ms
        if after is not None:
            place = places.of(*after)
            end = place.latest_utc_ms if place.utc_ms is None else place.utc_ms
        end = row.noted_utc_ms if end is None else end
        if end >= from_utc_ms and (begin is None or begin < to_utc_ms):
            count = row.last - row.first + 1
            found.append(GapInTime(begin, end, count or None, row.reason))
    return found


def movement_names(position: int, moved: int) -> tuple[str | None, str | None]:
    """Names of a movement and a position (vigil_wire.movement); None and None where nothing tells them."""
    if moved == movement.NONE:
        return None, None
    return movement.MOVEMENT_NAMES[moved], movement.POSITION_NAMES[position]


def _trend_row(row: Row[Any], place: Place) -> TrendRow:
    moved, position = movement_names(*movement.unpack(row.movement))
    return TrendRow(
        row_id=row.id,
        device_id=row.device,
        journal=row.journal,
        sequence=row.sequence,
        utc_ms=place.utc_ms,
        seconds=row.seconds,
        quality=row.quality,
        pulse_rate_bpm=_scaled(row.pulse_rate_mean_deci_bpm, 10),
        pulse_rate_min_bpm=_scaled(row.pulse_rate_min_deci_bpm, 10),
        pulse_rate_max_bpm=_scaled(row.pulse_rate_max_deci_bpm, 10),
        pulse_rate_status=status_name(row.pulse_rate_status),
        spo2_pct=_scaled(row.spo2_mean_deci_pct, 10),
        spo2_min_pct=_scaled(row.spo2_min_deci_pct, 10),
        spo2_max_pct=_scaled(row.spo2_max_deci_pct, 10),
        spo2_status=status_name(row.spo2_status),
        temperature_c=_scaled(row.temperature_mean_centi_c, 100),
        temperature_min_c=_scaled(row.temperature_min_centi_c, 100),
        temperature_max_c=_scaled(row.temperature_max_centi_c, 100),
        temperature_status=status_name(row.temperature_status),
        perfusion_index_pct=_scaled(row.perfusion_centi_pct, 100),
        respiration_per_min=_scaled(row.respiration_mean_deci_per_min, 10),
        respiration_status=status_name(row.respiration_status),
        spo2_is_calibrated=bool(row.spo2_is_calibrated),
        movement=moved,
        position=position,
        battery_pct=row.battery_pct,
        active=conditions.names_of(row.alarm_bits),
        earliest_utc_ms=place.earliest_utc_ms,
        latest_utc_ms=place.latest_utc_ms,
    )


def _alarm(row: Row[Any], places: Places) -> Alarm:
    onset, cleared = Place(row.noticed_utc_ms), Place(row.ended_utc_ms)
    if row.raised_record is not None:
        # A boot that says that it goes on tells of no onset: it was before that.
        uptime_ms = row.raised_uptime_ms if row.onset_uptime_ms is None else row.onset_uptime_ms
        onset = places.of(row.device, row.raised_journal, row.raised_boot, uptime_ms)
    if row.cleared_record is not None:
        cleared = places.of(row.device, row.cleared_journal, row.cleared_boot, row.cleared_uptime_ms)
    return Alarm(
        id=row.id,
        device_id=row.device,
        condition=row.condition,
        priority=row.priority,
        source=row.source,
        active=row.ended_utc_ms is None,
        onset_utc_ms=onset.utc_ms,
        cleared_utc_ms=cleared.utc_ms,
        value=_scaled(row.value, _VALUE_DIVISORS.get(row.condition, 1)),
        onset_earliest_utc_ms=onset.earliest_utc_ms,
        onset_latest_utc_ms=onset.latest_utc_ms,
        cleared_earliest_utc_ms=cleared.earliest_utc_ms,
        cleared_latest_utc_ms=cleared.latest_utc_ms,
        acknowledged_utc_ms=row.acknowledged_utc_ms,
        acknowledged_by=row.acknowledged_by,
        is_latched=bool(row.is_latched),
    )


def _scaled(value: int | None, divisor: int) -> float | None:
    return None if value is None else value / divisor


def status_name(status: int) -> str:
    """Name of a measurement status, of a newer firmware's too."""
    return statuses.NAMES[status] if status < len(statuses.NAMES) else f"status_{status}"
