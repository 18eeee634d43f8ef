"""A plot's columns: gaps stay gaps, and a dip outlives the thinning."""

from vigil_host.store import TrendRow
from vigil_host.store.rollups import Rollup
from vigil_host.web import trend

HOUR_MS = 3_600_000


def row(end_s: float, spo2_pct: float | None = 97.0, least: float | None = None, utc: bool = True) -> TrendRow:
    return TrendRow(
        row_id=1,
        device_id="a",
        journal=1,
        sequence=1,
        utc_ms=int(end_s * 1000) if utc else None,
        seconds=10,
        quality=90,
        pulse_rate_bpm=None,
        pulse_rate_min_bpm=None,
        pulse_rate_max_bpm=None,
        pulse_rate_status="sensor_off",
        spo2_pct=spo2_pct,
        spo2_min_pct=spo2_pct if least is None else least,
        spo2_max_pct=spo2_pct,
        spo2_status="validated",
        temperature_c=36.5,
        temperature_min_c=36.4,
        temperature_max_c=36.6,
        temperature_status="validated",
        perfusion_index_pct=2.0,
        respiration_per_min=14.2,
        respiration_status="validated",
        spo2_is_calibrated=False,
        movement=None,
        position=None,
        battery_pct=80,
    )


def test_each_row_of_a_short_range_is_a_point() -> None:
    found = trend.columns([row(10), row(20), row(30)], 0, 600_000)
    assert found["time_utc_ms"] == [10_000, 20_000, 30_000]
    assert found["spo2_pct"] == {"mean": [97.0] * 3, "low": [97.0] * 3, "high": [97.0] * 3}
    assert found["temperature_c"]["low"] == [36.4] * 3
    assert found["respiration_per_min"]["mean"] == [14.2] * 3


def test_missing_rows_leave_a_gap_inside_the_missing_time() -> None:
    found = trend.columns([row(10), row(20), row(60), row(70)], 0, 600_000)
    assert found["time_utc_ms"] == [10_000, 20_000, 35_000, 60_000, 70_000]
    assert found["spo2_pct"]["mean"] == [97.0, 97.0, None, 97.0, 97.0]


def test_a_row_a_little_late_is_no_gap() -> None:
    assert len(trend.columns([row(10), row(21.5), row(30)], 0, 600_000)["time_utc_ms"]) == 3


def test_a_row_without_a_reading_is_a_gap_of_that_reading_alone() -> None:
    found = trend.columns([row(10), row(20, None), row(30)], 0, 600_000)
    assert found["spo2_pct"]["mean"] == [97.0, None, 97.0]
    assert found["temperature_c"]["mean"] == [36.5] * 3
    assert found["pulse_rate_bpm"]["mean"] == [None] * 3


def test_a_day_is_thinned_and_its_shortest_dip_is_still_there() -> None:
    rows = [row(end_s, 97.0, 82.5 if end_s == 40_000 else None) for end_s in range(10, 86_400, 10)]
    found = trend.columns(rows, 0, 24 * HOUR_MS)
    assert len(found["time_utc_ms"]) <= trend.MAX_POINTS + 1
    assert min(found["spo2_pct"]["low"]) == 82.5
    assert None not in found["spo2_pct"]["mean"]


def test_thinning_keeps_gaps() -> None:
    rows = [row(end_s) for end_s in range(10, 86_400, 10) if not 30_000 < end_s < 31_000]
    mean = trend.columns(rows, 0, 24 * HOUR_MS)["spo2_pct"]["mean"]
    assert mean.count(None) == 1


def test_rows_whose_time_is_not_known_have_no_place() -> None:
    assert trend.columns([row(10, utc=False)], 0, 600_000)["time_utc_ms"] == []


def test_columns_have_one_length_and_rising_times() -> None:
    rows = [row(30), row(10), row(200), row(20, None)]
    found = trend.columns(rows, 0, 600_000)
    times = found.pop("time_utc_ms")
    assert times == sorted(times)
    assert {len(column) for reading in found.values() for column in reading.values()} == {len(times)}


def test_a_trend_of_rollups_has_the_same_columns() -> None:
    def minute(number: int, spo2: int | None = 970, least: int = 970) -> Rollup:
        of_spo2 = (0, 0, None, None) if spo2 is None else (60, spo2 * 60, least, 990)
        return Rollup(number * 60_000, 60, 720 * 60, 700, 750, *of_spo2, 60, 3650 * 60, 3640, 3660, 0, 0, None, None)

    rollups = [minute(0), minute(1), minute(2, None), minute(10), minute(11, 950, 825)]
    found = trend.columns_of_rollups(rollups, 60, 0, 720_000)
    assert found["time_utc_ms"] == [30_000, 90_000, 150_000, 390_000, 630_000, 690_000]
    assert found["spo2_pct"]["mean"] == [97.0, 97.0, None, None, 97.0, 95.0]
    assert found["spo2_pct"]["low"] == [97.0, 97.0, None, None, 97.0, 82.5]
    assert found["pulse_rate_bpm"]["high"][:3] == [75.0] * 3
    assert found["temperature_c"]["mean"][0] == 36.5
    assert found["respiration_per_min"]["mean"] == [None] * 6
    # Thinned: every point covers ten minutes, and the shortest dip is still there.
    day = [minute(number, 970, 825 if number == 700 else 970) for number in range(7200)]
    found = trend.columns_of_rollups(day, 60, 0, 7200 * 60_000)
    assert len(found["time_utc_ms"]) == trend.MAX_POINTS
    assert min(found["spo2_pct"]["low"]) == 82.5
    assert set(found["spo2_pct"]["mean"]) == {97.0}
