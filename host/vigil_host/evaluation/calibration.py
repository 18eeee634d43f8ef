"""A curve from the ratio of ratios to SpO2, fitted to paired readings, and how far it can be trusted.

The curve is a parabola, the form that published curves of this kind have (Analog Devices AN6845), fitted by least
squares and kept from rising anywhere: a parabola whose vertex would lie within the readings is given it at their end.
It holds from the least to the greatest ratio that was paired, and not beyond.

Pairs come from a table, or from a recording and its reference: one for each window of the device in which the
reference stood still, because an oximeter is late by some ten seconds.
"""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, linear_regression

from vigil_firmware.simulation.replay import replay
from vigil_hal.simulated.recording import open_recording
from vigil_host.evaluation.errors import (
    SPO2,
    EvaluationError,
    Readings,
    read_reference,
    read_table,
    spo2_is_meaningful,
)
from vigil_wire.settings import CURVE_POINTS_MOST, CURVE_RATIO_SPAN_MILLI, SettingsError, check_curve

RATIO = "ratio"
LEAST_PAIRS = 8

_WINDOW_S = 8  # of the device: closer pairs share samples
_STEADY_BEFORE_S = 15
_STEADY_AFTER_S = 4
_STEADY_PCT = 2.0

RatioPair = tuple[float, float]
_Curve = Callable[[float], float]


@dataclass(frozen=True)
class Calibration:
    """A fitted curve. `points`: (ratio in thousandths, SpO2 in 0.1 %), as a device can use them.

    `arms_pct` (root mean square of the differences) and `worst_pct` are of the fit to its own pairs;
    `left_out_arms_pct` and `left_out_worst_pct` of each pair to the curve that was fitted without it, which is what a
    new reading can expect at best.
    """

    points: tuple[tuple[int, int], ...]
    pairs: int
    ratio_least: float
    ratio_most: float
    spo2_least_pct: float
    spo2_most_pct: float
    arms_pct: float
    worst_pct: float
    left_out_arms_pct: float
    left_out_worst_pct: float


def read_pairs(path: Path) -> list[RatioPair]:
    """Read `ratio,spo2_pct`: the device's ratio of ratios and a reference's SpO2 at the same time.

    Raises EvaluationError, one line that names the file.
    """
    pairs: list[RatioPair] = []
    for line, row in read_table(path, (RATIO, SPO2)):
        if len(row) < 2:
            raise EvaluationError(f"{path}:{line}: a pair needs both {RATIO} and {SPO2}")
        if not 0 < row[RATIO] < 5:
            raise EvaluationError(f"{path}:{line}: {RATIO} {row[RATIO]:g} is not between 0 and 5")
        if not 0 < row[SPO2] <= 100:
            raise EvaluationError(f"{path}:{line}: {SPO2} {row[SPO2]:g} is not between 0 and 100")
        pairs.append((row[RATIO], row[SPO2]))
    return pairs


def pairs_in(path: Path) -> list[RatioPair]:
    """Pairs from a table `ratio,spo2_pct`, or from a recording with NAME.reference.csv beside it.

    Raises EvaluationError, RecordingError.
    """
    try:
        heading = path.open(encoding="utf-8-sig", errors="replace").readline()
    except OSError as error:
        raise EvaluationError(f"{path}: {error.strerror}") from None
    if "time_s" not in heading.strip().split(","):
        return read_pairs(path)
    if not spo2_is_meaningful(path):
        raise EvaluationError(f"{path}: SpO2 means nothing in this recording (see its TOML)")
    reference = read_reference(path.with_suffix(".reference.csv")).get(SPO2, {})
    lines: list[str] = []
    replay(open_recording(str(path)), lines.append)
    ratios = {int(row["time_s"]): int(row["ratio_milli"]) / 1000 for row in csv.DictReader(lines) if row["ratio_milli"]}
    return _steady_pairs(ratios, reference)


def _steady_pairs(ratios: Readings, reference: Readings) -> list[RatioPair]:
    pairs: list[RatioPair] = []
    next_s = 0
    for second, ratio in sorted(ratios.items()):
        seconds = range(second - _STEADY_BEFORE_S, second + _STEADY_AFTER_S + 1)
        near = [reference[other] for other in seconds if other in reference]
        if second >= next_s and len(near) == len(seconds) and max(near) - min(near) <= _STEADY_PCT:
            pairs.append((ratio, fmean(near)))
            next_s = second + _WINDOW_S
    return pairs


def calibrate(pairs: Sequence[RatioPair]) -> Calibration:
    """Fit the curve. Raises EvaluationError where the pairs do not carry one."""
    if len(pairs) < LEAST_PAIRS:
        raise EvaluationError(f"{len(pairs)} pairs are too few for a curve: at least {LEAST_PAIRS}")
    ratios = [ratio for ratio, _ in pairs]
    least, most = min(ratios), max(ratios)
    if 1000 * (most - least) < CURVE_RATIO_SPAN_MILLI:
        raise EvaluationError(f"all ratios lie between {least:g} and {most:g}: a curve needs readings over 0.3")
    curve = _fit(pairs)
    left_out = [_fit([*pairs[:index], *pairs[index + 1 :]])(ratio) - spo2 for index, (ratio, spo2) in enumerate(pairs)]
    points = _points(curve, least, most)
    try:
        check_curve(points)
    except SettingsError as error:
        raise EvaluationError(f"no device can use a curve from these pairs: {error}") from None
    differences = [curve(ratio) - spo2 for ratio, spo2 in pairs]
    return Calibration(
        points=points,
        pairs=len(pairs),
        ratio_least=least,
        ratio_most=most,
        spo2_least_pct=min(spo2 for _, spo2 in pairs),
        spo2_most_pct=max(spo2 for _, spo2 in pairs),
        arms_pct=_rms(differences),
        worst_pct=max(abs(difference) for difference in differences),
        left_out_arms_pct=_rms(left_out),
        left_out_worst_pct=max(abs(difference) for difference in left_out),
    )


def _fit(pairs: Sequence[RatioPair]) -> _Curve:
    """Fit the parabola, or where it would rise the one that is level at that end, or the straight line."""
    middle = fmean(ratio for ratio, _ in pairs)
    x = [ratio - middle for ratio, _ in pairs]
    y = [spo2 for _, spo2 in pairs]
    slope, height = linear_regression(x, y)
    if slope >= 0:
        raise EvaluationError("SpO2 does not fall as the ratio rises: are red and infrared swapped, or the columns?")
    # The square's part that no line explains is independent of the line: it can be fitted to the rest alone.
    square_slope, square_height = linear_regression(x, [value * value for value in x])
    bend = [value * value - square_slope * value - square_height for value in x]
    power = sum(value * value for value in bend)
    curvature = sum(one * other for one, other in zip(bend, y, strict=True)) / power if power > 1e-12 else 0.0

    def rise(at: float) -> float:
        return slope + curvature * (2 * at - square_slope)

    for end, sign in ((min(x), -1), (max(x), 1)):
        if rise(end) > 0:
            pull, level = linear_regression([(value - end) ** 2 for value in x], y)
            if pull * sign > 0:
                return lambda ratio: level + pull * (ratio - middle - end) ** 2
            curvature = 0.0
    return lambda ratio: (
        height
        + slope * (ratio - middle)
        + curvature * ((ratio - middle) ** 2 - square_slope * (ratio - middle) - square_height)
    )


def _points(curve: _Curve, least: float, most: float) -> tuple[tuple[int, int], ...]:
    """Points between which a device goes straight, evenly spaced; one that rounding leaves level is left out."""
    points: list[tuple[int, int]] = []
    for index in range(CURVE_POINTS_MOST):
        ratio = least + (most - least) * index / (CURVE_POINTS_MOST - 1)
        spo2 = round(10 * curve(ratio))
        if not points or spo2 < points[-1][1]:
            points.append((round(1000 * ratio), spo2))
    return tuple(points)


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(fmean(value * value for value in values))
