"""Roll-ups: the vitals of each minute, hour and day of a boot's uptime, summed up for plots of long times.

They are the same in whatever order records come. The records after `rolled_up.record`, some hundred at most, are not in
them yet, because to write three rows with every record would cost as much as the record; who reads adds those records.
"""

from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Integer,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from vigil_host.store import schema
from vigil_host.store.boots import boots_between
from vigil_host.store.prepared import Prepared
from vigil_host.store.times import utc_ms_of

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86_400
SPANS_S = (MINUTE_S, HOUR_S, DAY_S)

# Of each signal, in the vitals: seconds with a value (or, where they are not counted, all), mean, least and most.
_SOURCES = {
    "pulse_rate": (
        "pulse_rate_seconds",
        "pulse_rate_mean_deci_bpm",
        "pulse_rate_min_deci_bpm",
        "pulse_rate_max_deci_bpm",
    ),
    "spo2": ("spo2_seconds", "spo2_mean_deci_pct", "spo2_min_deci_pct", "spo2_max_deci_pct"),
    "temperature": ("seconds", "temperature_mean_centi_c", "temperature_min_centi_c", "temperature_max_centi_c"),
    "respiration": ("seconds", *("respiration_mean_deci_per_min",) * 3),
}
_OVER: dict[str, Any] = {"seconds": func.sum, "sum": func.sum, "min": func.min, "max": func.max}
_VALUES = [column.name for column in schema.rollup.c][5:]
_KEY = [column.name for column in schema.rollup.primary_key]


class Rollup(NamedTuple):
    """One span at its place in time; of each signal seconds, sum of value times seconds, least and most."""

    begin_utc_ms: int
    pulse_rate_seconds: int
    pulse_rate_sum: int
    pulse_rate_min: int | None
    pulse_rate_max: int | None
    spo2_seconds: int
    spo2_sum: int
    spo2_min: int | None
    spo2_max: int | None
    temperature_seconds: int
    temperature_sum: int
    temperature_min: int | None
    temperature_max: int | None
    respiration_seconds: int
    respiration_sum: int
    respiration_min: int | None
    respiration_max: int | None


def bring_up_to_date(connection: Connection) -> None:
    """Add the records that are not in the roll-ups yet."""
    _ADD.run(connection)
    _SET_ROLLED_UP.run(connection)


def _put(into: list[Any], at: int, seconds: int, total: int, least: int | None, most: int | None) -> None:
    into[at] += seconds
    into[at + 1] += total
    if least is not None and (into[at + 2] is None or least < into[at + 2]):
        into[at + 2] = least
    if most is not None and (into[at + 3] is None or most > into[at + 3]):
        into[at + 3] = most


def rebuild(connection: Connection) -> None:
    """Make all roll-ups anew from all records."""
    connection.execute(delete(schema.rollup))
    connection.execute(insert(schema.rollup).from_select([*_KEY, *_VALUES], _summed_up()))


def differing(connection: Connection) -> list[str]:
    """Roll-ups that are not what the records say, in words."""
    found = set()
    right = _summed_up(schema.record.c.id <= _ROLLED_UP).subquery()
    stored = select(*(schema.rollup.c[name] for name in (*_KEY, *_VALUES)))
    for one, other in ((select(right), stored), (stored, select(right))):
        found |= {tuple(row)[:5] for row in connection.execute(one.except_(other))}
    return [
        f"device {device}, journal {journal}, boot {boot}: roll-up {number} of {span_s} s differs from its rows"
        for device, journal, boot, span_s, number in sorted(found, key=str)
    ]


def between(connection: Connection, device: str, from_utc_ms: int, to_utc_ms: int, span_s: int) -> list[Rollup]:
    """Roll-ups of one device that begin at from <= UTC < to, oldest first."""
    span_ms = span_s * 1000
    found: list[Rollup] = []
    for boot in boots_between(connection, device, from_utc_ms, to_utc_ms):
        uptimes = boot.uptimes_around(from_utc_ms, to_utc_ms)
        if uptimes is None:
            continue
        wanted = {
            "of_device": device,
            "of_journal": boot.journal,
            "of_boot": boot.boot,
            "of_span_s": span_s,
            "first": uptimes[0] // span_ms,
            "last": uptimes[1] // span_ms,
        }
        rows = {number: sums for number, *sums in _OF_BOOT.run(connection, **wanted).fetchall()}
        for number, *more in _BEHIND_OF_BOOT.run(connection, **wanted).fetchall():
            into = rows.setdefault(number, [0, 0, None, None] * len(_SOURCES))
            for at in range(0, len(more), 4):
                _put(into, at, *more[at : at + 4])
        for number, sums in rows.items():
            begin = utc_ms_of(number * span_ms, boot.anchors)
            if begin is not None and from_utc_ms <= begin < to_utc_ms:
                found.append(Rollup(begin, *sums))
    return sorted(found)


def _summed_up(*where: ColumnElement[bool]) -> CompoundSelect[Any]:
    """The roll-ups as the records have them, or as those of them `where` something is so."""
    record, vitals = schema.record, schema.vitals
    sums: list[ColumnElement[Any]] = []
    for seconds_name, mean_name, least_name, most_name in _SOURCES.values():
        mean, seconds = vitals.c[mean_name], vitals.c[seconds_name]
        sums += [
            func.sum(case((mean.is_not(None), seconds), else_=0)),
            func.coalesce(func.sum(mean * seconds), 0),
            func.min(vitals.c[least_name]),
            func.max(vitals.c[most_name]),
        ]
    spans = [
        _grouped(record, MINUTE_S, record.c.uptime_ms // (MINUTE_S * 1000), sums)
        .join(vitals, vitals.c.record == record.c.id)
        .where(*where)
    ]
    for shorter_s, span_s in pairwise(SPANS_S):  # the longer ones from the shorter: a tenth of the work
        part = spans.pop().cte(f"of_{shorter_s}_s")
        sums = [_OVER[name.rsplit("_", 1)[1]](part.c[name]) for name in _VALUES]
        spans += [select(part), _grouped(part, span_s, part.c.number // (span_s // shorter_s), sums)]
    return union_all(*spans)


def _grouped(rows: FromClause, span_s: int, number: ColumnElement[int], sums: list[ColumnElement[Any]]) -> Select[Any]:
    of_boot, number = (rows.c.device, rows.c.journal, rows.c.boot), type_coerce(number, Integer)
    columns = zip((*_KEY, *_VALUES), (*of_boot, literal(span_s), number, *sums), strict=True)
    return select(*(what.label(name) for name, what in columns)).group_by(*of_boot, number)


def _of_boot(table: FromClause) -> Select[Any]:
    """Some roll-ups of one boot."""
    return select(table.c.number, *(table.c[name] for name in _VALUES)).where(
        table.c.device == bindparam("of_device"),
        table.c.journal == bindparam("of_journal"),
        table.c.boot == bindparam("of_boot"),
        table.c.span_s == bindparam("of_span_s"),
        table.c.number.between(bindparam("first"), bindparam("last")),
    )


def _adding() -> Any:
    new = upsert(schema.rollup).from_select([*_KEY, *_VALUES], select(_BEHIND).where(true()))
    table, more = schema.rollup.c, new.excluded
    added: dict[str, Any] = {}
    for signal in schema.ROLLED_UP:
        for what in ("seconds", "sum"):
            added[f"{signal}_{what}"] = table[f"{signal}_{what}"] + more[f"{signal}_{what}"]
        least, most = f"{signal}_min", f"{signal}_max"
        added[least] = case((or_(table[least].is_(None), more[least] < table[least]), more[least]), else_=table[least])
        added[most] = case((or_(table[most].is_(None), more[most] > table[most]), more[most]), else_=table[most])
    return new.on_conflict_do_update(index_elements=_KEY, set_=added)


_ROLLED_UP = select(schema.rolled_up.c.record).scalar_subquery()
_BEHIND = _summed_up(schema.record.c.id > _ROLLED_UP).subquery()  # what the records add that are not rolled up yet
_ADD = Prepared(_adding())
_SET_ROLLED_UP = Prepared(
    update(schema.rolled_up).values(record=select(func.coalesce(func.max(schema.record.c.id), 0)).scalar_subquery())
)
_OF_BOOT = Prepared(_of_boot(schema.rollup))
_BEHIND_OF_BOOT = Prepared(_of_boot(_BEHIND))
