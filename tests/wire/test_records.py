"""Journal records: every kind there and back, and none where there is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import movement, records, statuses
from vigil_wire.settings import AUTHOR_MOST_BYTES, LENGTH

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
DAY_MS = st.integers(0, 86_399_999)
VALUES = st.lists(st.integers(0, 3000), max_size=60)
STATUS = st.integers(0, len(statuses.NAMES) - 1)


def header(kind: int, sequence: int = 7, boot: int = 2, day: int = 1, day_ms: int = 5) -> bytearray:
    buf = bytearray(records.MAX_LENGTH)
    records.pack_header(buf, sequence, kind, boot, day, day_ms)
    return buf


def vitals(summary: records.Summary, measured: tuple[int, int, int, int] = (1, 1, 1, 1), alarm_bits: int = 0) -> bytes:
    buf = header(records.VITALS)
    return bytes(buf[: summary.pack(buf, measured, 90, 80, 250, alarm_bits, 0)])


def every_kind() -> dict[int, bytes]:
    """Return one whole record of each kind."""
    made = {records.VITALS: vitals(records.Summary())}
    buf = header(records.ALARM)
    made[records.ALARM] = bytes(buf[: records.pack_alarm(buf, 0, 1, 3, 865, 4, 99)])
    buf = header(records.BOOT)
    made[records.BOOT] = bytes(buf[: records.pack_boot(buf, 1, (0, 1, 0), 5)])
    buf = header(records.TIME_ANCHOR)
    made[records.TIME_ANCHOR] = bytes(buf[: records.pack_time_anchor(buf, 9800, 12345)])
    buf = header(records.SETTINGS)
    made[records.SETTINGS] = bytes(buf[: records.pack_settings(buf, bytearray(b"settings"), b"Ada")])
    buf = header(records.LOSS)
    made[records.LOSS] = bytes(buf[: records.pack_loss(buf, 3, 6)])
    return made


def test_every_kind_has_a_name_and_fits() -> None:
    made = every_kind()
    assert made.keys() == records.KIND_NAMES.keys()
    assert max(map(len, made.values())) <= records.MAX_LENGTH
    for kind, data in made.items():
        assert records.Record(data).kind == kind


def test_header_bytes() -> None:
    buf = header(records.LOSS, 0x01020304, 0x0506, 0x0708, 86_399_999)
    records.pack_loss(buf, 1, 2)
    assert buf[: records.LOSS_LENGTH] == bytes.fromhex("04030201 06 0605 0807 FF5B2605 01000000 02000000")


@given(U32, U16, U16, DAY_MS)
def test_header_round_trip(sequence: int, boot: int, day: int, day_ms: int) -> None:
    buf = header(records.TIME_ANCHOR, sequence, boot, day, day_ms)
    data = bytes(buf[: records.pack_time_anchor(buf, 1, 2)])
    record = records.Record(data)
    assert (record.sequence, record.kind, record.boot) == (sequence, records.TIME_ANCHOR, boot)
    assert (record.day, record.day_ms) == (day, day_ms)
    assert record.data == data


@given(U8, U8, U8, st.integers(-0x7FFF, 0x7FFF), U16, DAY_MS)
def test_alarm_round_trip(
    condition: int, event: int, priority: int, value: int, onset_day: int, onset_day_ms: int
) -> None:
    buf = header(records.ALARM)
    assert records.pack_alarm(buf, condition, event, priority, value, onset_day, onset_day_ms) == 24
    assert records.Record(buf[:24]).fields == {
        "condition": condition,
        "event": event,
        "priority": priority,
        "value": value,
        "onset_day": onset_day,
        "onset_day_ms": onset_day_ms,
    }


@given(U8, U8, U8, U8, st.integers(0, (1 << 30) - 1))
def test_boot_round_trip(cause: int, major: int, minor: int, patch: int, alarm_bits: int) -> None:
    buf = header(records.BOOT)
    length = records.pack_boot(buf, cause, (major, minor, patch), alarm_bits)
    expected = {"reset_cause": cause, "major": major, "minor": minor, "patch": patch, "alarm_bits": alarm_bits}
    assert records.Record(buf[:length]).fields == expected


@given(U16, DAY_MS)
def test_time_anchor_round_trip(utc_day: int, utc_day_ms: int) -> None:
    buf = header(records.TIME_ANCHOR)
    length = records.pack_time_anchor(buf, utc_day, utc_day_ms)
    assert records.Record(buf[:length]).fields == {"utc_day": utc_day, "utc_day_ms": utc_day_ms}


@given(U32, U32)
def test_loss_round_trip(first: int, last: int) -> None:
    buf = header(records.LOSS)
    length = records.pack_loss(buf, first, last)
    assert records.Record(buf[:length]).fields == {"first": first, "last": last}


@given(st.binary(min_size=LENGTH, max_size=LENGTH), st.binary(max_size=AUTHOR_MOST_BYTES))
def test_settings_round_trip(packed: bytes, author: bytes) -> None:
    buf = header(records.SETTINGS)
    length = records.pack_settings(buf, bytearray(packed), author)
    assert len(buf) == records.MAX_LENGTH
    record = records.Record(buf[:length])
    assert record.fields == {"length": LENGTH + len(author)}
    assert record.data[records.HEADER_LENGTH :] == packed + author


@given(
    st.integers(0, 255),
    VALUES,
    VALUES,
    st.lists(st.integers(-2000, 6000), max_size=60),
    VALUES,
    st.tuples(STATUS, STATUS, STATUS, STATUS),
    st.integers(0, 100),
    U8,
    U16,
    st.integers(0, (1 << 24) - 1),
    st.booleans(),
    st.integers(0, movement.MOST),
)
def test_vitals_round_trip(
    seconds: int,
    pulse_rates: list[int],
    spo2s: list[int],
    temperatures: list[int],
    respirations: list[int],
    measured: tuple[int, int, int, int],
    quality: int,
    battery: int,
    perfusion: int,
    alarm_bits: int,
    is_calibrated: bool,
    moves: int,
) -> None:
    summary = records.Summary()
    summary.seconds = seconds
    for spread, values in (
        (summary.pulse_rate, pulse_rates),
        (summary.spo2, spo2s),
        (summary.temperature, temperatures),
        (summary.respiration, respirations),
    ):
        for value in values:
            spread.add(value)
    buf = header(records.VITALS)
    flags = (records.SPO2_CALIBRATED if is_calibrated else 0) | moves << records.MOVEMENT_SHIFT
    length = summary.pack(buf, measured, quality, battery, perfusion, alarm_bits, flags)
    assert length == records.VITALS_LENGTH == 48
    fields = records.Record(buf[:length]).fields
    expected = {
        "seconds": seconds,
        "pulse_rate_seconds": len(pulse_rates),
        "spo2_seconds": len(spo2s),
        "quality": quality,
        "pulse_rate_status": measured[0],
        "spo2_status": measured[1],
        "temperature_status": measured[2],
        "battery_pct": None if battery == records.NO_U8 else battery,
        "perfusion_centi_pct": None if perfusion == records.NO_U16 else perfusion,
        "alarm_bits": alarm_bits,
        "respiration_status": measured[3],
        "spo2_is_calibrated": is_calibrated,
        "movement": moves,
    }
    for name, values in (
        ("pulse_rate_{}_deci_bpm", pulse_rates),
        ("spo2_{}_deci_pct", spo2s),
        ("temperature_{}_centi_c", temperatures),
        ("respiration_{}_deci_per_min", respirations),
    ):
        mean = fields.pop(name.format("mean"))
        if values:
            assert mean is not None
            assert abs(2 * mean * len(values) - 2 * sum(values)) <= len(values)  # rounded to the nearest
        else:
            assert mean is None
        if values is respirations:
            continue
        expected[name.format("min")] = min(values, default=None)
        expected[name.format("max")] = max(values, default=None)
    assert fields == expected


def test_a_summary_starts_again() -> None:
    summary = records.Summary()
    summary.seconds = 60
    for spread in (summary.pulse_rate, summary.spo2, summary.temperature, summary.respiration):
        spread.add(500)
    summary.start()
    assert vitals(summary) == vitals(records.Summary())


def test_zero_is_a_value_and_none_is_none() -> None:
    names = ("pulse_rate_{}_deci_bpm", "spo2_{}_deci_pct", "temperature_{}_centi_c")
    fields = [name.format(which) for name in names for which in ("mean", "min", "max")]
    fields.append("respiration_mean_deci_per_min")
    summary = records.Summary()
    nothing = records.Record(vitals(summary)).fields
    assert [nothing[field] for field in fields] == [None] * 10
    for spread in (summary.pulse_rate, summary.spo2, summary.temperature, summary.respiration):
        spread.add(0)
    zeros = records.Record(vitals(summary)).fields
    assert [zeros[field] for field in fields] == [0] * 10

    buf = header(records.ALARM)
    for value, read in ((0, 0), (records.NO_S16, None)):
        length = records.pack_alarm(buf, 6, 1, 1, value, 0, 0)
        assert records.Record(buf[:length]).fields["value"] == read


@pytest.mark.parametrize("kind", [kind for kind in records.KIND_NAMES if kind != records.SETTINGS])
def test_truncation_is_noticed(kind: int) -> None:
    data = every_kind()[kind]
    for length in range(len(data)):
        message = (
            "at least 13 bytes" if length < records.HEADER_LENGTH else f"{records.KIND_NAMES[kind]}.* is cut short"
        )
        with pytest.raises(records.RecordError, match=message):
            records.Record(data[:length])


def test_a_settings_record_has_a_whole_header() -> None:
    data = every_kind()[records.SETTINGS]
    for length in range(records.HEADER_LENGTH):
        with pytest.raises(records.RecordError, match="at least 13 bytes"):
            records.Record(data[:length])


def test_an_unknown_kind_is_named() -> None:
    for kind in set(range(256)) - records.KIND_NAMES.keys():
        with pytest.raises(records.RecordError, match=f"record 7 is of unknown kind {kind}"):
            records.Record(header(kind))


@given(st.binary(max_size=records.MAX_LENGTH))
def test_noise_is_read_or_refused(data: bytes) -> None:
    try:
        record = records.Record(data)
    except records.RecordError:
        return
    assert record.kind in records.KIND_NAMES
