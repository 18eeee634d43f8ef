"""`vigil calibrate`: the curve falls, follows its pairs, holds where they are, and says how far to trust it."""

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.signal.calibration import Curve
from vigil_hal.simulated.patient import parse_patient
from vigil_host.cli import main
from vigil_host.curve_file import read_curve
from vigil_host.evaluation.calibration import calibrate, pairs_in
from vigil_host.evaluation.errors import EvaluationError
from vigil_wire.settings import CURVE_POINTS_MOST, check_curve

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
    assert calibration.arms_pct < 1e-6 > calibration.left_out_worst_pct
    assert (calibration.pairs, calibration.ratio_least, calibration.spo2_most_pct) == (
        17,
        0.4,
        pytest.approx(published_curve(0.4)),
    )


def test_a_pair_that_was_left_out_shows_the_error_that_the_fit_hides() -> None:
    pairs = [(ratio, published_curve(ratio) + (2 if index % 2 else -2)) for index, ratio in enumerate(RATIOS)]
    calibration = calibrate(pairs)
    assert 1.5 < calibration.arms_pct < calibration.left_out_arms_pct < 3
    assert calibration.left_out_worst_pct > 2


@pytest.mark.parametrize("vertex", [0.5, 0.7])
def test_a_curve_whose_pairs_would_bend_it_back_is_level_there(vertex: float) -> None:
    # A peak within the readings, as the oldest curve of this kind has: it reads lower again below it.
    pairs = [(ratio, 104 - 60 * (ratio - vertex) ** 2 - 10 * ratio) for ratio in RATIOS]
    points = calibrate(pairs).points
    assert points[0][1] - points[1][1] < points[-2][1] - points[-1][1]
    assert all(after <= before for (_, before), (_, after) in pairwise(points))


@given(
    st.lists(
        st.tuples(st.floats(0.3, 1.6), st.floats(70, 100)), min_size=8, max_size=40, unique_by=lambda pair: pair[0]
    )
)
def test_a_device_can_use_every_curve_that_is_given(pairs: list[tuple[float, float]]) -> None:
    try:
        points = calibrate(pairs).points
    except EvaluationError:
        return
    check_curve(points)


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([(0.5, 97.0)] * 7, "7 pairs are too few"),
        ([(0.5 + index / 40, 97.0 - index) for index in range(9)], "all ratios lie between 0.5 and 0.7"),
        ([(0.4 + index / 20, 99.0 - index) for index in range(9)], "goes from 990 to 910, and must from 950 or more"),
        ([(0.6 + index / 20, 92.0 - 2 * index) for index in range(9)], "goes from 920 to 760, and must from 950"),
        ([(0.4 + index / 10, 80.0 + index) for index in range(9)], "SpO2 does not fall as the ratio rises"),
    ],
)
def test_pairs_that_carry_no_curve(pairs: list[tuple[float, float]], problem: str) -> None:
    with pytest.raises(EvaluationError, match=problem):
        calibrate(pairs)


def test_the_command_writes_the_curve_and_says_how_far_it_holds(tmp_path: Path) -> None:
    curve = tmp_path / "curve.toml"
    result = run(write_pairs(tmp_path / "pairs.csv"), "--output", curve)
    assert result.exit_code == 0
    said = result.stdout.replace("\n", " ")
    assert "17 pairs, ratio 0.400 to 1.200, SpO2 73.4 to 99.1 %" in said
    assert "Arms 0.00 points, worst residual 0.0" in said
    points = read_curve(curve)
    assert len(points) == CURVE_POINTS_MOST
    assert (points[0], points[-1]) == ((400, 991), (1200, 734))
    trust = tomllib.loads(curve.read_text())["trust"]
    assert (trust["pairs"], trust["ratio_least"], trust["ratio_most"]) == (17, 0.4, 1.2)
    assert trust["left_out_arms_pct"] < 0.01


def test_without_an_output_the_curve_is_printed(tmp_path: Path) -> None:
    result = run(write_pairs(tmp_path / "pairs.csv"))
    printed = tomllib.loads(result.stdout.splitlines()[-1])
    assert printed["spo2_curve"][0] == [400, 991]


def write_recording(path: Path, spo2: "list[int]", hold_s: int) -> Path:
    """Write what a simulated wearer shows the sensor, whose SpO2 is held at each of some levels, and a reference."""
    rows = ["time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"]
    for index, level in enumerate(spo2):
        rows += [f"{index * hold_s},72,{level},2,36.7,0,1", f"{(index + 1) * hold_s - 5},72,{level},2,36.7,0,1"]
    patient, counts, lines = parse_patient(rows, "script"), [0, 0], ["time_s,red,ir"]
    for number in range(len(spo2) * hold_s * 25):
        patient.sample_into(number * 40_000, counts)
        lines.append(f"{number / 25:.2f},{counts[0]},{counts[1]}")
    path.write_text("\n".join(lines) + "\n")
    reference = [f"{second},{spo2[second // hold_s]}" for second in range(len(spo2) * hold_s)]
    path.with_suffix(".reference.csv").write_text("time_s,spo2_pct\n" + "\n".join(reference) + "\n")
    return path


def test_a_recording_with_its_reference_gives_the_curve_of_its_wearer(tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "levels.csv", [98, 94, 90, 86, 82, 78, 74], hold_s=45)
    pairs = pairs_in(recording)
    assert 14 <= len(pairs) <= 28  # a pair for each window of 8 s in which the reference stood still
    assert {round(spo2) for _, spo2 in pairs} == {98, 94, 90, 86, 82, 78, 74}
    own = Curve(calibrate(pairs).points)
    for spo2 in (95, 90, 85, 80):
        ratio = next(ratio for ratio in range(300, 1600) if published_curve(ratio / 1000) <= spo2)
        assert own.spo2_deci_pct(ratio) == pytest.approx(10 * spo2, abs=6)
    assert run(recording).exit_code == 0


def test_a_recording_whose_colours_mean_nothing_is_refused(tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "camera.csv", [97], hold_s=12)
    recording.with_suffix(".toml").write_text("spo2_from_red_ir_is_meaningful = false")
    result = run(recording)
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: {recording}: SpO2 means nothing in this recording (see its TOML)\n",
    )


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
    result = run(write_pairs(tmp_path / "pairs.csv"), "--output", tmp_path / "none" / "curve.toml")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
