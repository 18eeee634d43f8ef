"""A curve's file: what comes out of it can be given to a device, or there is one line that says why not."""

from pathlib import Path

import pytest

from vigil_host.curve_file import CurveError, as_toml, read_curve

CURVE = ((400, 990), (700, 900), (1100, 760))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "curve.toml"
    file.write_text(as_toml(CURVE))
    assert read_curve(file) == CURVE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ": there is no spo2_curve in it"),
        ("spo2_curve = []", ": there is no spo2_curve in it"),
        ("spo2_curve = [", ": "),
        ("spo2_curve = 5", ": spo2_curve is not a list of [ratio in thousandths, SpO2 in 0.1 %]"),
        ("spo2_curve = [[400, 990, 1], [1100, 760]]", ": spo2_curve is not a list of"),
        ("spo2_curve = [[0.4, 99.0], [1.1, 76.0]]", ": spo2_curve has a number that is not whole"),
        ("spo2_curve = [[400, true], [1100, 760]]", ": spo2_curve has a number that is not whole"),
        ("spo2_curve = [[400, 990], [1100, 990]]", ": spo2_curve: SpO2 990 of point 2 is not below the one before"),
    ],
)
def test_a_file_without_a_curve_that_can_be_used_is_one_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "curve.toml"
    file.write_text(text)
    with pytest.raises(CurveError) as caught:
        read_curve(file)
    assert str(caught.value).startswith(f"{file}{problem}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CurveError, match="No such file"):
        read_curve(tmp_path / "none.toml")
