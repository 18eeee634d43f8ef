"""`vigil calibrate`: the curve falls, follows its pairs, holds where they are, and says how far to trust it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from vigil_host.cli import main
from vigil_host.evaluation.calibration import MOST_POINTS, calibrate
from vigil_host.evaluation.errors import EvaluationError

RATIOS = [0.4 + 0.05 * step for step in range(17)]


def published_curve(ratio: float) -> float:
    """Analog Devices AN6845."""
    return 1.5958422 * ratio * ratio - 34.6596622 * ratio + 112.6898759


def run(*args: object) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, ["calibrate", *map(str, args)], catch_exceptions=False)


def write_pairs(path: Path) -> Path:
    """Write pairs that lie on the published curve."""
    path.write_text("ratio,spo2_pct\n" + "".join(f"{ratio:.3f},{published_curve(ratio):.3f}\n" for ratio in RATIOS))
    return path


def test_pairs_on_a_parabola_give_that_parabola() -> None:
    calibration = calibrate([(ratio, published_curve(ratio)) for ratio in RATIOS])
    assert calibration.points[0][0] == 400
    assert calibration.points[-1][0] == 1200
    for ratio_milli, deci_pct in calibration.points:
        assert deci_pct == pytest.approx(10 * published_curve(ratio_milli / 1000), abs=1)
    assert calibration.rmse_pct < 1e-6 > calibration.left_out_worst_pct
    assert (calibration.pairs, calibration.ratio_least, calibration.spo2_most_pct) == (
        17,
        0.4,
        pytest.approx(published_curve(0.4)),
    )


def test_a_pair_that_was_left_out_shows_the_error_that_the_fit_hides() -> None:
    pairs = [(ratio, published_curve(ratio) + (2 if index % 2 else -2)) for index, ratio in enumerate(RATIOS)]
    calibration = calibrate(pairs)
    assert 1.5 < calibration.rmse_pct < calibration.left_out_rmse_pct < 3
    assert calibration.left_out_worst_pct > 2


@pytest.mark.parametrize("vertex", [0.5, 0.7])
def test_a_curve_whose_pairs_would_bend_it_back_is_level_there(vertex: float) -> None:
    # A peak within the readings, as the oldest curve of this kind has: it reads lower again below it.
    pairs = [(ratio, 98 - 60 * (ratio - vertex) ** 2 - 10 * ratio) for ratio in RATIOS]
    points = calibrate(pairs).points
    assert points[0][1] - points[1][1] < points[-2][1] - points[-1][1]
    assert all(after <= before for (_, before), (_, after) in pairwise(points))


@given(
    st.lists(
        st.tuples(st.floats(0.3, 1.6), st.floats(70, 100)), min_size=8, max_size=40, unique_by=lambda pair: pair[0]
    )
)
def test_the_points_never_rise_and_are_few(pairs: list[tuple[float, float]]) -> None:
    try:
        points = calibrate(pairs).points
    except EvaluationError:
        return
    assert len(points) <= MOST_POINTS
    assert all(after > before for (before, _), (after, _) in pairwise(points))
    assert all(after <= before for (_, before), (_, after) in pairwise(points))


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([(0.5, 97.0)] * 7, "7 pairs are too few"),
        ([(0.5 + index / 1000, 97.0 - index) for index in range(9)], "all ratios lie between 0.5 and 0.508"),
        ([(0.4 + index / 10, 80.0 + index) for index in range(9)], "SpO2 does not fall as the ratio rises"),
    ],
)
def test_pairs_that_carry_no_curve(pairs: list[tuple[float, float]], problem: str) -> None:
    with pytest.raises(EvaluationError, match=problem):
        calibrate(pairs)


def test_the_command_writes_the_curve_and_says_how_far_it_holds(tmp_path: Path) -> None:
    curve = tmp_path / "curve.json"
    result = run(write_pairs(tmp_path / "pairs.csv"), "--output", curve)
    assert result.exit_code == 0
    assert "17 pairs, ratio 0.400 to 1.200, SpO2 73.4 to 99.1 %" in result.stdout.replace("\n", " ")
    written = json.loads(curve.read_text())
    assert len(written["points"]) == MOST_POINTS
    assert written["left_out_rmse_pct"] < 0.01


def test_without_an_output_the_points_are_printed(tmp_path: Path) -> None:
    result = run(write_pairs(tmp_path / "pairs.csv"))
    line = result.stdout.splitlines()[-1]
    assert json.loads(line.removeprefix("points: "))[0] == [400, 991]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("ratio\n0.5\n", ":1: missing column spo2_pct"),
        ("ratio,spo2_pct\n0.5,\n", ":2: a pair needs both ratio and spo2_pct"),
        ("ratio,spo2_pct\n50,97\n", ":2: ratio 50 is not between 0 and 5"),
        ("ratio,spo2_pct\n0.5,970\n", ":2: spo2_pct 970 is not between 0 and 100"),
        ("ratio,spo2_pct\n0.5,x\n", ":2: spo2_pct 'x' is not a number"),
    ],
)
def test_problems_are_one_line(tmp_path: Path, content: str, problem: str) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(content)
    result = run(pairs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {pairs}{problem}\n"


def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    result = run(write_pairs(tmp_path / "pairs.csv"), "--output", tmp_path / "none" / "curve.json")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
