"""Turns vitals rows into the columns of a plot: few enough to draw, with every gap kept and no dip averaged away."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from vigil_host.store import TrendRow
from vigil_host.store.rollups import Rollup

MAX_POINTS = 720
_LATE = 1.5  # a row this many times its own length after the one before it leaves a gap

# Column of the answer: a row's mean, least and most.
_READINGS = {
    "spo2_pct": ("spo2_pct", "spo2_min_pct", "spo2_max_pct"),
    "pulse_rate_bpm": ("pulse_rate_bpm", "pulse_rate_min_bpm", "pulse_rate_max_bpm"),
    "respiration_per_min": ("respiration_per_min", "respiration_per_min", "respiration_per_min"),
    "temperature_c": ("temperature_c", "temperature_min_c", "temperature_max_c"),
}

# What a roll-up's values are divided by, in the order they have there.
_DIVISORS = {"pulse_rate_bpm": 10, "spo2_pct": 10, "temperature_c": 100, "respiration_per_min": 10}


def columns(rows: Iterable[TrendRow], from_utc_ms: int, to_utc_ms: int) -> dict[str, Any]:
    """Columns `time_utc_ms` and, for each reading, `mean`, `low` and `high`, all of one length.

    Where the range holds more than `MAX_POINTS` rows, those of one bucket become one point: the mean of the means, the
    least and the most of all. None stands where there was no reading; a stretch without rows has one point of Nones.
    A row whose time is not known has no place in a plot.
    """
    bucket_ms = max(1, (to_utc_ms - from_utc_ms) // MAX_POINTS)
    times: list[int] = []
    readings: dict[str, dict[str, list[float | None]]] = {
        name: {"mean": [], "low": [], "high": []} for name in _READINGS
    }
    for time_utc_ms, group in _points(rows, from_utc_ms, bucket_ms):
        times.append(time_utc_ms)
        for name, (mean, low, high) in _READINGS.items():
            into = readings[name]
            into["mean"].append(_mean(_known(group, mean)))
            into["low"].append(min(_known(group, low), default=None))
            into["high"].append(max(_known(group, high), default=None))
    return {"time_utc_ms": times, **readings}


def columns_of_rollups(rollups: Iterable[Rollup], span_s: int, from_utc_ms: int, to_utc_ms: int) -> dict[str, Any]:
    """The same columns from roll-ups of `span_s` seconds, oldest first; a mean counts each second with a value once."""
    span_ms = span_s * 1000
    bucket_ms = max(span_ms, (to_utc_ms - from_utc_ms) // MAX_POINTS)
    times: list[int] = []
    readings: dict[str, dict[str, list[float | None]]] = {
        name: {"mean": [], "low": [], "high": []} for name in _READINGS
    }
    ended: int | None = None
    for _, found in groupby(rollups, key=lambda rollup: (rollup[0] - from_utc_ms) // bucket_ms):
        group = list(found)
        first = group[0].begin_utc_ms
        if ended is not None and first - ended > max(bucket_ms, span_ms):
            times.append((ended + first) // 2)
            for into in readings.values():
                for column in into.values():
                    column.append(None)
        ended = group[-1].begin_utc_ms + span_ms
        times.append((first + ended) // 2)
        columns_of_group = list(zip(*group, strict=True))
        for at, (name, divisor) in enumerate(_DIVISORS.items()):
            seconds, total, least, most = columns_of_group[1 + 4 * at : 5 + 4 * at]
            count = sum(seconds)
            into = readings[name]
            into["mean"].append(round(sum(total) / count / divisor, 2) if count else None)
            into["low"].append(min((value / divisor for value in least if value is not None), default=None))
            into["high"].append(max((value / divisor for value in most if value is not None), default=None))
    return {"time_utc_ms": times, **readings}


def _points(rows: Iterable[TrendRow], from_utc_ms: int, bucket_ms: int) -> Iterator[tuple[int, Sequence[TrendRow]]]:
    """Each point's time and rows; no rows where a gap is."""
    timed = sorted(((row.utc_ms, row) for row in rows if row.utc_ms is not None), key=itemgetter(0))
    ended: int | None = None
    for _, found in groupby(timed, key=lambda pair: (pair[0] - from_utc_ms) // bucket_ms):
        group = list(found)
        (first_end, first), (last_end, _) = group[0], group[-1]
        covered_ms = first.seconds * 1000
        if ended is not None and first_end - covered_ms - ended > max(bucket_ms, _LATE * covered_ms):
            yield (ended + first_end - covered_ms) // 2, ()
        yield (first_end + last_end) // 2, [row for _, row in group]
        ended = last_end


def _known(group: Sequence[TrendRow], name: str) -> list[float]:
    return [value for row in group if (value := getattr(row, name)) is not None]


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None
