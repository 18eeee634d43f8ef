"""Sources from files, and what only CPython can check of them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_hal.simulated.patient import PatientError, open_patient
from vigil_hal.simulated.recording import LATE_US, RecordingError, open_recording, parse_recording
from vigil_hal.simulated.table import parse_decimal


def test_recording_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbftime_s,red,ir\r\n0.000,1,2\r\n0.033,3,4\r\n0.133,5,6\r\n")
    recording = open_recording(str(file))
    out = [0, 0]
    assert recording.sample_into(133_000, out)
    assert out == [3, 4]


def test_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"time_s,red,ir\n\xff\xfe\x80,1,1\n")
    with pytest.raises(RecordingError, match=r"a\.csv: is not text"):
        open_recording(str(file))


def test_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        open_recording(str(tmp_path))


def test_patient_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,noise_pct,contact\n0,60,98,2,0,1\n")
    assert open_patient(str(file)).end_us is None
    with pytest.raises(PatientError, match=r"missing\.csv: cannot be read"):
        open_patient(str(tmp_path / "missing.csv"))


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_decimal_numbers_are_exact(value: int, decimals: int) -> None:
    digits = f"{abs(value):0{decimals + 1}d}"
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    if len(text.partition(".")[0]) <= 12:
        assert parse_decimal("-" * (value < 0) + text, decimals) == value


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_none(text: str) -> None:
    value = parse_decimal(text, 3)
    assert value is None or isinstance(value, int)


@given(
    st.lists(
        st.tuples(st.integers(1, 600_000), st.integers(0, 262_143), st.integers(0, 262_143)),
        min_size=2,
        max_size=30,
    ),
    st.integers(20_000, 400_000),
)
def test_interpolation_stays_between_its_neighbours(rows: list[tuple[int, int, int]], step_us: int) -> None:
    lines, times, time_us = ["time_s,red,ir"], [], 0
    for after_us, red, ir in rows:
        time_us += after_us
        times.append(time_us)
        lines.append(f"{time_us // 1_000_000}.{time_us % 1_000_000:06d},{red},{ir}")
    recording = parse_recording(lines, "a.csv")
    out = [0, 0]
    for at_us in range(times[0], times[-1] + 1 - LATE_US, step_us):
        i = max(i for i, row_us in enumerate(times) if row_us <= at_us)
        following = rows[min(i + 1, len(rows) - 1)]
        in_gap = at_us > times[i] and following[0] > 500_000
        assert recording.sample_into(at_us + LATE_US, out) is not in_gap
        if not in_gap:
            for value, a, b in zip(out, rows[i][1:], following[1:], strict=True):
                assert min(a, b) <= value <= max(a, b)
