"""What the device's alarm engine would have done with vitals that somebody recorded, one reading a second.

The file is CSV with the columns `time_s,pulse_rate_bpm,spo2_pct,temperature_c`; the last may be missing. An empty cell
is no reading: the sensor is taken to be on and still measuring, so that an alarm says in time that nobody is watched.
A second without a row is no reading either, a second with several has the newest.
"""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vigil_firmware.alarm_signals import UNCALIBRATED_GUARD_DECI_PCT
from vigil_firmware.alarms import Alarms
from vigil_firmware.ticks import PERIOD, ticks_diff
from vigil_firmware.vitals import Measurement, Vitals
from vigil_wire import conditions, statuses
from vigil_wire.conditions import Kind
from vigil_wire.settings import Settings

LONGEST_GAP_S = 86_400
_TIME = "time_s"
_LEAVE_EMPTY = "where there is no reading, leave it empty"


@dataclass(frozen=True)
class _Quantity:
    """A column: the measurement it is of, what people call it, its unit, its divisor, and what can be a reading."""

    signal: str
    name: str
    unit: str
    divisor: int
    least: float
    most: float


_COLUMNS = {
    "pulse_rate_bpm": _Quantity("pulse_rate", "pulse", "bpm", 10, 10, 350),
    "spo2_pct": _Quantity("spo2", "SpO2", "%", 10, 10, 100),
    "temperature_c": _Quantity("temperature", "temperature", "°C", 100, 10, 50),
}
_QUANTITIES = {quantity.signal: quantity for quantity in _COLUMNS.values()}


class AlarmReplayError(Exception):
    """The file cannot be replayed; the message is one line that names it, the line and what is wrong."""


@dataclass(frozen=True)
class Row:
    """One row of the file; a reading that is not there is None."""

    time_s: float
    pulse_rate_bpm: float | None
    spo2_pct: float | None
    temperature_c: float | None = None


@dataclass(frozen=True)
class Event:
    """What happened to an alarm, when by the file's own time, and why."""

    time_s: int
    condition: str
    event: str
    priority: str
    reason: str


def read(path: Path) -> list[Row]:
    """Read a file of vitals. Raises AlarmReplayError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_rows(path, csv.reader(file)))
    except OSError as error:
        raise AlarmReplayError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise AlarmReplayError(f"{path}: this is no CSV text: {error}") from None


def replay(rows: Iterable[Row], settings: Settings, is_calibrated: bool) -> list[Event]:
    """Run the engine over each second of `rows`, from the first to the last."""
    events: list[Event] = []
    second = 0
    vitals = Vitals()
    vitals.spo2_is_calibrated = is_calibrated

    def announce(number: int, event: int, priority: int, value: int, onset_ms: int) -> None:
        kind = conditions.TABLE[number]
        held_s = ticks_diff(_tick(second), onset_ms) // 1000
        reason = _reason(kind, event, priority, value, held_s, settings, is_calibrated)
        names = (conditions.EVENT_NAMES[event], conditions.PRIORITY_NAMES[priority])
        events.append(Event(second, conditions.NAMES[number], *names, reason))

    engine = Alarms(settings, announce)
    for second, row in _seconds(rows):
        _take(vitals.pulse_rate, row.pulse_rate_bpm, _QUANTITIES["pulse_rate"])
        _take(vitals.spo2, row.spo2_pct, _QUANTITIES["spo2"])
        _take(vitals.temperature, row.temperature_c, _QUANTITIES["temperature"])
        engine.evaluate(vitals, _tick(second))
    return events


def _tick(second: int) -> int:
    return second * 1000 % PERIOD


def _take(measurement: Measurement, value: float | None, quantity: _Quantity) -> None:
    if value is None:
        measurement.withhold(statuses.ACQUIRING)
    else:
        measurement.publish(round(value * quantity.divisor), statuses.VALIDATED)


def _seconds(rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    """Each whole second, with the newest row nearest to it, or one without readings."""
    newest: Row | None = None
    newest_s = 0
    for row in rows:
        second = math.floor(row.time_s + 0.5)
        if newest is not None and second > newest_s:
            yield newest_s, newest
            yield from ((missing, Row(missing, None, None)) for missing in range(newest_s + 1, second))
        newest, newest_s = row, second
    if newest is not None:
        yield newest_s, newest


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[Row]:
    header = [name.strip() for name in next(lines, [])]
    wanted = [_TIME, *_COLUMNS]
    if sorted(header) not in (sorted(wanted), sorted(wanted[:-1])):
        raise AlarmReplayError(
            f"{path}, line 1: the columns are {','.join(wanted)}, not {','.join(header) or 'nothing'}"
        )
    before_s = None
    for number, cells in enumerate(lines, 2):
        where = f"{path}, line {number}"
        if not cells:
            continue
        if len(cells) != len(header):
            raise AlarmReplayError(f"{where}: there are {len(cells)} cells, not {len(header)}")
        row = dict(zip(header, cells, strict=True))
        time_s = _number(where, _TIME, row.pop(_TIME))
        if time_s is None or time_s < 0:
            raise AlarmReplayError(f"{where}: time_s is {'empty' if time_s is None else 'negative'}")
        if before_s is not None and time_s <= before_s:
            raise AlarmReplayError(f"{where}: time_s {time_s:g} is not after {before_s:g}, the one before")
        if before_s is not None and time_s - before_s > LONGEST_GAP_S:
            raise AlarmReplayError(f"{where}: there is no row for more than a day: is time_s in seconds?")
        before_s = time_s
        yield Row(time_s, **{column: _reading(where, column, cell) for column, cell in row.items()})
    if before_s is None:
        raise AlarmReplayError(f"{path}: there is no row in it")


def _reading(where: str, column: str, cell: str) -> float | None:
    value = _number(where, column, cell)
    quantity = _COLUMNS[column]
    if value is not None and not quantity.least <= value <= quantity.most:
        allowed = f"{quantity.least:g} to {quantity.most:g} {quantity.unit}"
        raise AlarmReplayError(
            f"{where}: {column} {cell.strip()} is not {allowed}; where there is no reading, leave it empty"
        )
    return value


def _number(where: str, column: str, cell: str) -> float | None:
    text = cell.strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AlarmReplayError(
            f"{where}: {column} is {text!r}, which is no number; where there is no reading, leave it empty"
        )
    return value


def _reason(
    kind: Kind, event: int, priority: int, value: int, held_s: int, settings: Settings, is_calibrated: bool
) -> str:
    """A sentence that says why, with the limit that counted and for how long."""
    begins = event in (conditions.RAISED, conditions.SOUNDS_AGAIN)
    lasted_s = held_s if event == conditions.RAISED else 0 if begins else kind.off_delay
    lasted = f" for {lasted_s} s" if lasted_s else ""
    if kind.signal == "no_reading":
        if event == conditions.RISEN:
            why = "the last were in alarm or close to it" if priority == conditions.HIGH else "for a minute by now"
            return f"still no reading of both pulse and SpO2, and {why}"
        return f"no reading of both pulse and SpO2{lasted}" if begins else "both pulse and SpO2 are read again"
    quantity = _QUANTITIES[{"spo2_fall": "spo2", "temperature_change": "temperature"}.get(kind.signal, kind.signal)]
    decimals = 1 if quantity.divisor == 10 else 2
    said = f"{quantity.name} {value / quantity.divisor:.{decimals}f} {quantity.unit}"
    if quantity.signal == "spo2" and not is_calibrated:
        said += f" (uncalibrated: taken as {(value - UNCALIBRATED_GUARD_DECI_PCT) / quantity.divisor:.1f} %)"
    limit = getattr(settings, kind.limit) if isinstance(kind.limit, str) else kind.limit
    if not begins:
        limit -= kind.side * kind.hysteresis
    bound = f"{limit / quantity.divisor:g}"
    if kind.signal == "spo2_fall":
        where = f"more than {bound} points below the last minute's best" if begins else "no longer falling"
    elif kind.signal == "temperature_change":
        where = f"{'more than' if begins else 'within'} {bound} {quantity.unit} from what is usual"
    elif kind.side == conditions.BELOW:
        where = f"{'below' if begins else 'not below'} {bound} {quantity.unit}"
    else:
        where = f"{'above' if begins else 'not above'} {bound} {quantity.unit}"
    kept = "; it stays until it is acknowledged" if event == conditions.LATCHED else ""
    return f"{said} {where}{lasted}{kept}"
