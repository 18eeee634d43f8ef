"""A replayed recording: exact columns, a row a second, from what was there by then."""

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil_firmware.simulation.replay import COLUMNS, replay, replay_file
from vigil_hal.simulated.patient import parse_patient
from vigil_hal.simulated.recording import parse_recording
from vigil_wire import conditions, statuses

_DATA = Path(__file__).resolve().parents[1] / "data"
_FRAME_US = 33_333


def recording(
    seconds: int,
    *,
    start_us: int = 0,
    gap: tuple[int, int] = (0, 0),
    temperature: Callable[[int], str] | None = None,
    bpm: int = 72,
) -> list[str]:
    """Lines of a recording at 30 Hz of a patient, with a gap from one second to another."""
    head = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,noise_pct,contact"
    patient = parse_patient([head, f"0,{bpm},96,2,0.02,1"], "patient")
    lines, out = ["time_s,red,ir" + (",temperature_c" if temperature else "")], [0, 0]
    for time_us in range(0, seconds * 1_000_000 + 1, _FRAME_US):
        patient.sample_into(time_us, out)
        if gap[0] * 1_000_000 < time_us < gap[1] * 1_000_000:
            continue
        at_us = start_us + time_us
        cells = [f"{at_us // 1_000_000}.{at_us % 1_000_000:06d}", str(out[0]), str(out[1])]
        lines.append(",".join([*cells, temperature(time_us // 1_000_000)] if temperature else cells))
    return lines


def replayed(lines: Iterable[str], first_tick_ms: int = 0) -> list[str]:
    """What a replay writes."""
    written: list[str] = []
    replay(parse_recording(lines, "test.csv"), written.append, first_tick_ms)
    return written


def table(written: Iterable[str]) -> list[dict[str, str]]:
    """The rows by column."""
    return list(csv.DictReader(io.StringIO("".join(written))))


def test_columns_and_rows_are_exact() -> None:
    written = replayed(recording(20))
    assert written[0] == COLUMNS + "\n"
    assert COLUMNS == (
        "time_s,pulse_rate_bpm,pulse_rate_status,spo2_pct,spo2_status,perfusion_index_pct,"
        "temperature_c,temperature_status,respiration_per_min,respiration_status,respiration_quality,"
        "ratio_milli,quality,alarms"
    )
    assert written[3] == "3,,acquiring,,acquiring,,,unavailable,,acquiring,,,0,\n"
    rows = table(written)
    assert [row["time_s"] for row in rows] == [str(second) for second in range(1, 20)]
    for row in rows[9:]:
        assert row["pulse_rate_status"] == row["spo2_status"] == "validated"
        for name, decimals in (("pulse_rate_bpm", 1), ("spo2_pct", 1), ("perfusion_index_pct", 2)):
            assert len(row[name].partition(".")[2]) == decimals
        assert abs(float(row["pulse_rate_bpm"]) - 72) < 1.5
        assert abs(float(row["spo2_pct"]) - 96) < 1
        assert row["alarms"] == ""
        assert abs(int(row["ratio_milli"]) - 494) < 30  # where AN6845 reads 96 %


def test_empty_cell_and_status_say_the_same() -> None:
    valued = {statuses.NAMES[code] for code in range(len(statuses.NAMES)) if statuses.has_value(code)}
    for row in table(replayed(recording(60, gap=(20, 30), temperature=lambda second: "" if second > 40 else "37.1"))):
        for name, status in (
            ("pulse_rate_bpm", "pulse_rate_status"),
            ("spo2_pct", "spo2_status"),
            ("temperature_c", "temperature_status"),
            ("ratio_milli", "spo2_status"),
            ("respiration_per_min", "respiration_status"),
        ):
            assert (row[name] != "") == (row[status] in valued), row
        assert (int(row["quality"]) > 0) == (row["pulse_rate_bpm"] != ""), row
        assert int(row["quality"]) <= 100


def test_gap_is_a_part_that_delivers_nothing() -> None:
    rows = {int(row["time_s"]): row for row in table(replayed(recording(60, gap=(20, 32))))}
    for second in range(22, 37):
        assert rows[second]["pulse_rate_bpm"] == ""
    for second in range(22, 32):
        assert rows[second]["pulse_rate_status"] == "sensor_fault"
    for second in range(25, 32):
        assert rows[second]["alarms"] == "sensor_fault"
    for second in range(43, 60):
        assert (rows[second]["pulse_rate_status"], rows[second]["alarms"]) == ("validated", "")


def test_no_temperature_in_the_file_is_unavailable_and_no_alarm() -> None:
    for row in table(replayed(recording(120))):
        assert (row["temperature_c"], row["temperature_status"]) == ("", "unavailable")
        assert row["alarms"] == ""


@pytest.mark.parametrize(("text", "shown"), [("36.65", 36.65), ("41", 41.0), ("-0.4", -0.4), ("0.05", 0.05)])
def test_temperature_has_two_decimals(text: str, shown: float) -> None:
    row = table(replayed(recording(5, temperature=lambda _: text)))[-1]
    assert float(row["temperature_c"]) == pytest.approx(shown, abs=0.011)
    assert len(row["temperature_c"].partition(".")[2]) == 2
    assert row["temperature_c"].startswith("-") == (shown < 0)


def test_alarms_are_sorted_and_joined() -> None:
    rows = table(replayed(recording(100, bpm=150, temperature=lambda _: "39.9")))
    assert rows[-1]["alarms"] == "pulse_rate_high;pulse_rate_very_high"
    assert [name for name in rows[-1]["alarms"].split(";") if name not in conditions.NAMES] == []


@pytest.mark.parametrize("first_tick", [1, 1 << 29, (1 << 30) - 1, (1 << 30) - 12_345, (1 << 30) - 61_000])
def test_rows_do_not_depend_on_the_tick(first_tick: int) -> None:
    lines = recording(62, gap=(30, 33), temperature=lambda second: f"{36 + second % 3}.2")
    assert replayed(lines, first_tick) == replayed(lines)


@settings(max_examples=12)
@given(
    st.integers(2, 24),
    st.integers(0, 262_143),
    st.sampled_from([0, 1, 999, 250_900, 33_000, 7_100_001]),
    st.sampled_from(["change", "cut", "gap"]),
)
def test_no_row_knows_what_comes_after_it(second: int, count: int, start_us: int, how: str) -> None:
    lines = recording(26, start_us=start_us)
    changed, until_us = [lines[0]], start_us - start_us % 1_000_000 + second * 1_000_000
    for line in lines[1:]:
        time_s = line.partition(",")[0]
        if round(float(time_s) * 1e6) <= until_us:
            changed.append(line)
        elif how == "change":
            changed.append(f"{time_s},{count},{262_143 - count}")
        elif how == "gap" and float(time_s) > until_us / 1e6 + 0.7:
            changed.append(line)
    before, after = table(replayed(lines)), table(replayed(changed))
    limit = until_us // 1_000_000
    known = [row for row in before if int(row["time_s"]) <= limit]
    if how == "cut" and float(changed[-1].partition(",")[0]) < limit:
        known.pop()  # the shorter file ends before that second
    assert [row for row in after if int(row["time_s"]) <= limit][: len(known)] == known


@pytest.mark.parametrize("start_us", [0, 1, 250_900, 999_999, 7_000_300])
def test_no_row_asks_for_an_instant_after_its_own(start_us: int) -> None:
    source = parse_recording(recording(6, start_us=start_us), "test.csv")
    asked, sample_into = [0], source.sample_into
    source.sample_into = lambda time_us, out: asked.append(time_us) or sample_into(time_us, out)  # type: ignore

    def write(row: str) -> None:
        if row[0].isdigit():
            assert (
                int(row.partition(",")[0]) * 1_000_000 - 11_000 <= max(asked) <= int(row.partition(",")[0]) * 1_000_000
            )

    replay(source, write)
    assert len(asked) > 400


@pytest.mark.parametrize(
    ("start_us", "first"), [(0, 1), (500_000, 1), (1_000_000, 2), (3_999_000, 4), (720_033_000, 721)]
)
def test_rows_are_the_files_own_seconds(start_us: int, first: int) -> None:
    rows = table(replayed(recording(12, start_us=start_us)))
    assert [int(row["time_s"]) for row in rows] == list(range(first, first + len(rows)))
    assert len(rows) in (11, 12)


@pytest.mark.parametrize("lines", [["0,1,1"], ["0,1,1", "0.9,1,1"], ["5.5,1,1", "5.6,1,1"]])
def test_file_shorter_than_a_second_has_a_heading_and_no_row(lines: list[str]) -> None:
    assert replayed(["time_s,red,ir", *lines]) == [COLUMNS + "\n"]


def test_file_of_a_few_seconds_has_its_rows() -> None:
    rows = table(replayed(recording(4)))
    assert [row["pulse_rate_bpm"] for row in rows] == ["", "", ""]


def test_replay_from_file_to_file(tmp_path: Path) -> None:
    lines = recording(15)
    (tmp_path / "in.csv").write_text("\n".join(lines))
    replay_file(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_text() == "".join(replayed(lines))


@pytest.mark.parametrize("name", ["uw_desaturation_1_rest", "uw_desaturation_1_low"])
def test_real_recording_agrees_with_the_clinical_monitors(name: str) -> None:
    rows = table(replayed((_DATA / f"{name}.csv").read_text().splitlines()))
    with (_DATA / f"{name}.reference.csv").open() as file:
        reference = {int(row["time_s"]): float(row["hr_bpm"]) for row in csv.DictReader(file) if row["hr_bpm"]}
    errors, comparable = [], 0
    for row in rows[9:]:
        around = [reference[t] for t in range(int(row["time_s"]) - 4, int(row["time_s"]) + 5) if t in reference]
        comparable += bool(around)
        if around and row["pulse_rate_bpm"]:
            errors.append(abs(float(row["pulse_rate_bpm"]) - sum(around) / len(around)))
    assert len(errors) >= 0.8 * comparable > 40
    assert sum(errors) / len(errors) < 2
    assert max(errors) < 10


def test_real_recording_with_irregular_frames_is_near_its_chest_strap() -> None:
    rows = table(replayed((_DATA / "welltory_01_rest.csv").read_text().splitlines()))
    rates = [float(row["pulse_rate_bpm"]) for row in rows if row["pulse_rate_bpm"]]
    assert len(rates) > 15
    assert abs(sum(rates) / len(rates) - 54.5) < 4
