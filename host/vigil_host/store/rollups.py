"""Roll-ups: the vitals of each minute, hour and day of a boot's uptime, summed up for plots of long times.

They are kept in the transaction that stores the records, so they are never behind, and are the same in whatever order
records come. `rebuild` makes all of them anew from the records.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
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
    type_coerce,
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


def add(
    connection: Connection, device: str, journal: int, vitals: Iterable[tuple[int, int, Mapping[str, Any]]]
) -> None:
    """Add vitals that are new, each as its boot, its uptime in ms and its fields."""
    minutes: dict[tuple[int, int], list[Any]] = {}
    for boot, uptime_ms, fields in vitals:
        key = (boot, uptime_ms // (MINUTE_S * 1000))
        into = minutes.get(key)
        if into is None:
            into = minutes[key] = [0, 0, None, None] * len(_SOURCES)
        at = 0
        for seconds_name, mean_name, least_name, most_name in _SOURCES.values():
            mean = fields[mean_name]
            if mean is not None:
                seconds = fields[seconds_name]
                _put(into, at, seconds, mean * seconds, fields[least_name], fields[most_name])
            at += 4
    sums = {MINUTE_S: minutes}
    for shorter_s, span_s in pairwise(SPANS_S):
        spans = sums[span_s] = {}
        for (boot, number), one in sums[shorter_s].items():
            into = spans.setdefault((boot, number * shorter_s // span_s), [0, 0, None, None] * len(_SOURCES))
            for at in range(0, len(one), 4):
                _put(into, at, *one[at : at + 4])
    names = (*_KEY, *_VALUES)
    _ADD.run_many(
        connection,
        (
            dict(zip(names, (device, journal, boot, span_s, number, *into), strict=True))
            for span_s, spans in sums.items()
            for (boot, number), into in spans.items()
        ),
    )


def _put(into: list[Any], at: int, seconds: int, total: int, least: int | None, most: int | None) -> None:
    into[at] += seconds
    into[at + 1] += total
    if least is not None and (into[at + 2] is None or least < into[at + 2]):
        into[at + 2] = least
    if most is not None and (into[at + 3] is None or most > into[at + 3]):
        into[at + 3] = most


def rebuild(connection: Connection) -> None:
    """Make all roll-ups anew from the records."""
    connection.execute(delete(schema.rollup))
    for span_s in SPANS_S:
        connection.execute(insert(schema.rollup).from_select([*_KEY, *_VALUES], _summed_up(span_s)))


def differing(connection: Connection) -> list[str]:
    """Roll-ups that are not what the records say, in words."""
    found = set()
    stored = select(*(schema.rollup.c[name] for name in (*_KEY, *_VALUES)))
    for span_s in SPANS_S:
        right, there = _summed_up(span_s), stored.where(schema.rollup.c.span_s == span_s)
        for one, other in ((right, there), (there, right)):
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
        rows = _OF_BOOT.run(
            connection,
            of_device=device,
            of_journal=boot.journal,
            of_boot=boot.boot,
            of_span_s=span_s,
            first=uptimes[0] // span_ms,
            last=uptimes[1] // span_ms,
        )
        for number, *values in rows.fetchall():
            begin = utc_ms_of(number * span_ms, boot.anchors)
            if begin is not None and from_utc_ms <= begin < to_utc_ms:
                found.append(Rollup(begin, *values))
    return sorted(found)


def _summed_up(span_s: int) -> Select[Any]:
    """The roll-ups of one span, as the records have them."""
    record, vitals = schema.record, schema.vitals
    number = type_coerce(record.c.uptime_ms // (span_s * 1000), Integer)
    values = []
    for seconds_name, mean_name, least_name, most_name in _SOURCES.values():
        mean = vitals.c[mean_name]
        seconds = case((mean.is_not(None), vitals.c[seconds_name]), else_=0)
        values += [
            func.sum(seconds),
            func.coalesce(func.sum(mean * vitals.c[seconds_name]), 0),
            func.min(vitals.c[least_name]),
            func.max(vitals.c[most_name]),
        ]
    key = (record.c.device, record.c.journal, record.c.boot)
    return (
        select(*key, literal(span_s), number, *values)
        .join(vitals, vitals.c.record == record.c.id)
        .group_by(*key, number)
    )


def _adding() -> Any:
    new = upsert(schema.rollup).values({name: bindparam(name) for name in (*_KEY, *_VALUES)})
    table, more = schema.rollup.c, new.excluded
    values: dict[str, Any] = {}
    for signal in schema.ROLLED_UP:
        for what in ("seconds", "sum"):
            values[f"{signal}_{what}"] = table[f"{signal}_{what}"] + more[f"{signal}_{what}"]
        least, most = f"{signal}_min", f"{signal}_max"
        values[least] = case((or_(table[least].is_(None), more[least] < table[least]), more[least]), else_=table[least])
        values[most] = case((or_(table[most].is_(None), more[most] > table[most]), more[most]), else_=table[most])
    return new.on_conflict_do_update(index_elements=_KEY, set_=values)


_ADD = Prepared(_adding())
_OF_BOOT = Prepared(
    select(schema.rollup.c.number, *(schema.rollup.c[name] for name in _VALUES)).where(
        schema.rollup.c.device == bindparam("of_device"),
        schema.rollup.c.journal == bindparam("of_journal"),
        schema.rollup.c.boot == bindparam("of_boot"),
        schema.rollup.c.span_s == bindparam("of_span_s"),
        schema.rollup.c.number.between(bindparam("first"), bindparam("last")),
    )
)
