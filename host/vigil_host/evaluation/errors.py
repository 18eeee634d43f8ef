"""How far what the device shows is from a reference: which seconds are compared, and what is said of the errors.

Every second of the reference counts, and one without a reading lowers the coverage. The reference is averaged from 4 s
before to 4 s after each second, which allows for the delay of the oximeters that it comes from.
"""

import csv
import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigil_firmware.simulation.replay import replay
from vigil_hal.simulated.recording import open_recording

REFERENCE_HALF_S = 4

# A quantity's name is its column in a reference.
PULSE_RATE = "hr_bpm"
SPO2 = "spo2_pct"
OFF_BY = {PULSE_RATE: 10.0, SPO2: 4.0}
_SHOWN_AS = {PULSE_RATE: "pulse_rate_bpm", SPO2: "spo2_pct"}

Readings = dict[int, float]  # by second
Pair = tuple[float | None, float]  # what was shown, None for no reading, and the reference


class EvaluationError(Exception):
    """There is nothing to compare; the message is one line."""


@dataclass(frozen=True)
class Errors:
    """Errors of the published values, in the quantity's own unit; None where nothing was published.

    `seconds`: how many the reference has; `published`: how many of them have a value; `bias`: published minus
    reference; `p95`: 95th percentile of the absolute error; `off_pct`: share of the published that is off by more
    than `off_by`.
    """

    seconds: int
    published: int
    coverage_pct: float
    mae: float | None
    rmse: float | None
    bias: float | None
    p95: float | None
    off_by: float
    off_pct: float | None


def errors_of(pairs: Sequence[Pair], off_by: float) -> Errors:
    """Sum up pairs. Raises EvaluationError when there is none."""
    if not pairs:
        raise EvaluationError("the reference has no reading")
    differences = [shown - true for shown, true in pairs if shown is not None]
    sizes = sorted(abs(difference) for difference in differences)
    count = len(sizes)
    return Errors(
        seconds=len(pairs),
        published=count,
        coverage_pct=100 * count / len(pairs),
        mae=sum(sizes) / count if count else None,
        rmse=math.sqrt(sum(size * size for size in sizes) / count) if count else None,
        bias=sum(differences) / count if count else None,
        p95=sizes[math.ceil(0.95 * count) - 1] if count else None,
        off_by=off_by,
        off_pct=100 * sum(size > off_by for size in sizes) / count if count else None,
    )


def paired(shown: Readings, reference: Readings) -> dict[int, Pair]:
    """Pair each second of the reference with what was shown then."""
    pairs: dict[int, Pair] = {}
    for second in sorted(reference):
        near = range(second - REFERENCE_HALF_S, second + REFERENCE_HALF_S + 1)
        values = [reference[other] for other in near if other in reference]
        pairs[second] = (shown.get(second), sum(values) / len(values))
    return pairs


def evaluate(recording: Path, reference: Path | None) -> dict[str, list[Pair]]:
    """Replay a recording; returns the pairs of every quantity that its reference has.

    `reference` None: NAME.reference.csv beside it. SpO2 is left out where NAME.toml denies that it means anything.
    Raises RecordingError, EvaluationError.
    """
    if reference is None:
        reference = recording.with_suffix(".reference.csv")
        if not reference.exists():
            raise EvaluationError(f"{recording}: it has no reference: {reference.name} beside it, or --reference FILE")
    true = read_reference(reference)
    if not spo2_is_meaningful(recording):
        true.pop(SPO2, None)
    if not true:
        raise EvaluationError(f"{reference}: it has SpO2 only, which means nothing in this recording (see its TOML)")
    lines: list[str] = []
    replay(open_recording(str(recording)), lines.append)
    rows = list(csv.DictReader(lines))
    pairs: dict[str, list[Pair]] = {}
    for name, readings in true.items():
        column = _SHOWN_AS[name]
        shown = {int(row["time_s"]): float(row[column]) for row in rows if row[column]}
        pairs[name] = list(paired(shown, readings).values())
    return pairs


def read_reference(path: Path) -> dict[str, Readings]:
    """Read the columns `hr_bpm` and `spo2_pct`, where there, of a reference file; an empty cell is no reading.

    Raises EvaluationError, one line that names the file.
    """
    columns: dict[str, Readings] = {name: {} for name in OFF_BY}
    for line, row in read_table(path, ("time_s",), tuple(OFF_BY)):
        if "time_s" not in row:
            raise EvaluationError(f"{path}:{line}: there is no time")
        for name, readings in columns.items():
            if name in row:
                readings[math.floor(row["time_s"])] = row[name]
    found = {name: readings for name, readings in columns.items() if readings}
    if not found:
        raise EvaluationError(f"{path}: there is no reading in a column {' or '.join(OFF_BY)}")
    return found


def read_table(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> Iterable[tuple[int, dict[str, float]]]:
    """Yield line number and numbers of each row of a CSV file; an empty cell is left out, other columns are ignored.

    Raises EvaluationError for a file that cannot be read, a column that is missing and a cell that is no number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in required if name not in (table.fieldnames or ())]
            if missing:
                raise EvaluationError(f"{path}:1: missing column {', '.join(missing)}")
            for row in table:
                cells = {name: text for name in (*required, *optional) if (text := (row.get(name) or "").strip())}
                yield table.line_num, {name: _number(f"{path}:{table.line_num}", name, cells[name]) for name in cells}
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror}") from None
    except (UnicodeError, csv.Error):
        raise EvaluationError(f"{path}: is not CSV text") from None


def _number(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise EvaluationError(f"{where}: {name} '{text}' is not a number")
    return value


def description_of(recording: Path) -> dict[str, Any]:
    """Read NAME.toml beside a recording; {} where there is none. Raises EvaluationError."""
    path = recording.with_suffix(".toml")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise EvaluationError(f"{path}: {error}") from None


def spo2_is_meaningful(recording: Path) -> bool:
    """Whether red and infrared of a recording were measured so that their ratio is one of an oximeter."""
    return description_of(recording).get("spo2_from_red_ir_is_meaningful", True) is not False
