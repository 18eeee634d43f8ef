"""`vigil evaluate`: which seconds count, what is said of the errors, and what it says of files that it cannot use."""

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.host.command_line import refused

from vigil_hal.simulated.patient import parse_patient
from vigil_host.cli import main
from vigil_host.evaluation.errors import EvaluationError, errors_of, paired, read_reference

SECONDS = 24
PULSE_BPM = 72
PATIENT = [
    "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,noise_pct,contact",
    f"0,{PULSE_BPM},97,2.0,0.02,1",
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finger of 72 bpm and 97 % at 25 samples a second, beside it a reference that knows."""
    patient, counts, lines = parse_patient(PATIENT, "patient"), [0, 0], ["time_s,red,ir"]
    for number in range(SECONDS * 25 + 1):
        patient.sample_into(number * 40_000, counts)
        lines.append(f"{number / 25:.2f},{counts[0]},{counts[1]}")
    path = tmp_path_factory.mktemp("recordings") / "finger.csv"
    path.write_text("\n".join(lines) + "\n")
    rows = [f"{second},{PULSE_BPM},97" for second in range(SECONDS + 1)]
    path.with_suffix(".reference.csv").write_text("time_s,hr_bpm,spo2_pct\n" + "\n".join(rows) + "\n")
    return path


def evaluate(*args: object) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, ["evaluate", *map(str, args)], catch_exceptions=False)


def test_errors_are_those_of_what_was_published() -> None:
    errors = errors_of([(61.0, 60.0), (58.0, 60.0), (None, 60.0), (72.0, 60.0)], off_by=10)
    assert (errors.seconds, errors.published, errors.coverage_pct) == (4, 3, 75)
    assert errors.mae == 5
    assert errors.rmse == pytest.approx(math.sqrt(149 / 3))
    assert errors.bias == pytest.approx(11 / 3)
    assert errors.p95 == 12
    assert errors.off_pct == pytest.approx(100 / 3)


def test_p95_is_exceeded_by_one_in_twenty() -> None:
    errors = errors_of([(float(size), 0.0) for size in range(1, 101)], off_by=95)
    assert (errors.p95, errors.off_pct) == (95, 5)


def test_off_by_exactly_the_limit_is_not_off() -> None:
    assert errors_of([(70.0, 60.0)], off_by=10).off_pct == 0


def test_nothing_published_is_no_error_and_no_coverage() -> None:
    errors = errors_of([(None, 60.0)] * 3, off_by=10)
    assert (errors.coverage_pct, errors.mae, errors.bias, errors.off_pct) == (0, None, None, None)


def test_each_second_of_the_reference_counts_and_no_other() -> None:
    pairs = paired({5: 60.0, 6: 61.0}, {4: 60.0, 5: 60.0})
    assert pairs == {4: (None, 60.0), 5: (60.0, 60.0)}


def test_the_reference_is_averaged_over_four_seconds_either_way() -> None:
    reference = {second: float(second) for second in range(20)}
    reference[14] = 1000.0
    pairs = paired({}, reference)
    assert pairs[9] == (None, 9.0)
    assert pairs[10][1] == pytest.approx((sum(range(6, 14)) + 1000) / 9)
    assert pairs[0] == (None, 2.0)  # what there is of it


def test_an_empty_cell_of_a_reference_is_no_reading(tmp_path: Path) -> None:
    path = tmp_path / "reference.csv"
    path.write_text("time_s,hr_bpm,spo2_pct,note\n1.2,60,97,a\n2,,96,\n\n")
    assert read_reference(path) == {"hr_bpm": {1: 60.0}, "spo2_pct": {1: 97.0, 2: 96.0}}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("hr_bpm\n60\n", ":1: missing column time_s"),
        ("time_s,pulse\n1,60\n", ": there is no reading in a column hr_bpm or spo2_pct"),
        ("time_s,hr_bpm\n1,60\n2,sixty\n", ":3: hr_bpm 'sixty' is not a number"),
        ("time_s,hr_bpm\n1,nan\n", ":2: hr_bpm 'nan' is not a number"),
        ("time_s,hr_bpm\n,60\n", ":2: there is no time"),
        ("", ":1: missing column time_s"),
        ("\udcff", ": is not CSV text"),
    ],
)
def test_a_reference_that_cannot_be_used(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "reference.csv"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(EvaluationError) as caught:
        read_reference(path)
    assert str(caught.value) == f"{path}{problem}"


def test_the_reference_beside_a_recording_is_found(recording: Path) -> None:
    result = evaluate(recording, "--json")
    assert result.exit_code == 0
    quantities = json.loads(result.stdout)[str(recording)]
    assert set(quantities) == {"hr_bpm", "spo2_pct"}
    pulse, spo2 = quantities["hr_bpm"], quantities["spo2_pct"]
    assert pulse["seconds"] == SECONDS + 1
    assert 70 < pulse["coverage_pct"] < 80  # the first five seconds have none
    assert pulse["mae"] < 2 > spo2["mae"]
    assert (pulse["off_by"], pulse["off_pct"], spo2["off_by"], spo2["off_pct"]) == (10, 0, 4, 0)


def test_another_reference_can_be_named(recording: Path, tmp_path: Path) -> None:
    reference = tmp_path / "other.csv"
    reference.write_text("time_s,hr_bpm\n" + "".join(f"{second},{PULSE_BPM + 20}\n" for second in range(12, 20)))
    quantities = json.loads(evaluate(recording, "--reference", reference, "--json").stdout)[str(recording)]
    assert set(quantities) == {"hr_bpm"}
    assert quantities["hr_bpm"]["bias"] == pytest.approx(-20, abs=2)
    assert (quantities["hr_bpm"]["off_pct"], quantities["hr_bpm"]["coverage_pct"]) == (100, 100)


def test_several_recordings_are_also_summed_up(recording: Path) -> None:
    result = evaluate(recording, recording.with_name("finger.csv"), recording)
    assert result.exit_code == 0
    assert "pulse rate" in result.stdout
    assert "SpO2" in result.stdout


def test_spo2_is_left_out_where_it_means_nothing(recording: Path, tmp_path: Path) -> None:
    copy = tmp_path / "camera.csv"
    copy.write_text(recording.read_text())
    copy.with_suffix(".reference.csv").write_text(recording.with_suffix(".reference.csv").read_text())
    copy.with_suffix(".toml").write_text("spo2_from_red_ir_is_meaningful = false\n")
    assert set(json.loads(evaluate(copy, "--json").stdout)[str(copy)]) == {"hr_bpm"}
    copy.with_suffix(".reference.csv").write_text("time_s,spo2_pct\n10,97\n")
    assert "means nothing in this recording" in refused(evaluate(copy))
    copy.with_suffix(".toml").write_text("= 1\n")
    assert refused(evaluate(copy)).startswith(f"{copy.with_suffix('.toml')}: ")


def test_the_plot_is_drawn(recording: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot = tmp_path / "agreement.png"
    assert evaluate(recording, "--json", "--plot", plot).exit_code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_plot_of_a_kind_that_cannot_be_drawn(recording: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = evaluate(recording, "--plot", tmp_path / "agreement.xyz")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_the_plot_without_matplotlib(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigil_host.cli.evaluate.find_spec", lambda name: None)
    assert "pip install 'vigil-vitals[plot]'" in refused(evaluate(recording, "--plot", "out.png"))


def test_problems_are_one_line(recording: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.csv"
    alone.write_text(recording.read_text())
    assert refused(evaluate(alone)).startswith(f"{alone}: it has no reference")
    assert refused(evaluate(tmp_path / "none.csv")) == f"{tmp_path / 'none.csv'}: No such file or directory"
    assert "one reference cannot be that of 2" in refused(evaluate(alone, recording, "--reference", alone))
    reference = tmp_path / "none.csv"
    assert refused(evaluate(alone, "--reference", reference)) == f"{reference}: No such file or directory"
    alone.with_suffix(".reference.csv").write_text("time_s,hr_bpm\n1,60\n")
    alone.write_text("time_s,red\n")
    assert "missing column ir" in refused(evaluate(alone))
