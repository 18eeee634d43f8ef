"""A curve from the ratio of ratios to SpO2, fitted to paired readings, and how far it can be trusted.

The curve is a parabola, the form that published curves of this kind have (Analog Devices AN6845), fitted by least
squares and kept from rising anywhere: a parabola whose vertex would lie within the readings is given it at their end.
It holds from the least to the greatest ratio that was paired, and not beyond.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, linear_regression

from vigil_host.evaluation.errors import EvaluationError, read_table

RATIO = "ratio"
SPO2 = "spo2_pct"
LEAST_PAIRS = 8
MOST_POINTS = 16

_LEAST_RATIO_SPAN = 0.1

RatioPair = tuple[float, float]
_Curve = Callable[[float], float]


@dataclass(frozen=True)
class Calibration:
    """A fitted curve. `points`: (ratio in thousandths, SpO2 in 0.1 %), ratios rising, SpO2 never rising.

    `rmse_pct` is of the fit to its own pairs; `left_out_rmse_pct` and `left_out_worst_pct` of each pair to the curve
    that was fitted without it, which is what a new reading can expect at best.
    """

    points: tuple[tuple[int, int], ...]
    pairs: int
    ratio_least: float
    ratio_most: float
    spo2_least_pct: float
    spo2_most_pct: float
    rmse_pct: float
    left_out_rmse_pct: float
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


def calibrate(pairs: Sequence[RatioPair]) -> Calibration:
    """Fit the curve. Raises EvaluationError where the pairs do not carry one."""
    if len(pairs) < LEAST_PAIRS:
        raise EvaluationError(f"{len(pairs)} pairs are too few for a curve: at least {LEAST_PAIRS}")
    ratios = [ratio for ratio, _ in pairs]
    least, most = min(ratios), max(ratios)
    if most - least < _LEAST_RATIO_SPAN:
        raise EvaluationError(
            f"all ratios lie between {least:g} and {most:g}: a curve needs readings at different saturations"
        )
    curve = _fit(pairs)
    left_out = [_fit([*pairs[:index], *pairs[index + 1 :]])(ratio) - spo2 for index, (ratio, spo2) in enumerate(pairs)]
    return Calibration(
        points=_points(curve, least, most),
        pairs=len(pairs),
        ratio_least=least,
        ratio_most=most,
        spo2_least_pct=min(spo2 for _, spo2 in pairs),
        spo2_most_pct=max(spo2 for _, spo2 in pairs),
        rmse_pct=_rms([curve(ratio) - spo2 for ratio, spo2 in pairs]),
        left_out_rmse_pct=_rms(left_out),
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
    """Points between which a device interpolates linearly, evenly spaced; rounding must not make them rise."""
    points: list[tuple[int, int]] = []
    for index in range(MOST_POINTS):
        ratio = least + (most - least) * index / (MOST_POINTS - 1)
        spo2 = round(10 * curve(ratio))
        points.append((round(1000 * ratio), min([spo2, *(height for _, height in points[-1:])])))
    return tuple(points)


def _rms(values: Sequence[float]) -> float:
    return math.sqrt(fmean(value * value for value in values))
