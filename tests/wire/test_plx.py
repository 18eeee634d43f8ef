"""The Pulse Oximeter Service's payloads: published vectors, as Wireshark reads them, and back."""

import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import ieee11073, plx, statuses

ALL_VALID = (statuses.VALIDATED, statuses.VALIDATED, statuses.VALIDATED)
STATUS = st.integers(0, len(statuses.NAMES) - 1)

# Payloads that tshark 4.0.17 decodes to these values.
CONTINUOUS = [
    ("00 6200 4800", (98, 0), (72, 0)),
    ("00 CFF3 4800", (975, -1), (72, 0)),
    ("00 FF07 FF07", ieee11073.NAN, ieee11073.NAN),
    ("00 0008 0008", ieee11073.NRES, ieee11073.NRES),
    ("00 FE07 0208", ieee11073.PLUS_INFINITY, ieee11073.MINUS_INFINITY),
]
EVERYTHING = "1F 6200 4800 6100 4B00 6300 4600 8000 200000 19F0"
# StanfordSpezi/SpeziBluetooth, PLXTests
SPEZI_FULL = "1F DEF3 CAF3 CAF3 5AF5 D4F3 B2F2 2001 000000 7AE3"
SPEZI_SPOT_CHECK = "0F ACF3 BEF5 E8070B1D170839 2040 220000 66E3"


def encoded(
    spo2: int | None,
    pulse_rate: int | None,
    measured: tuple[int, int, int] = ALL_VALID,
    perfusion: int | None = None,
) -> bytes:
    buf = bytearray(b"\xaa" * plx.MAX_LENGTH)
    return bytes(buf[: plx.encode_into(buf, spo2, pulse_rate, measured, perfusion)])


def value(number: tuple[int, int] | str | None) -> Fraction:
    assert isinstance(number, tuple)
    return Fraction(number[0]) * Fraction(10) ** number[1]


@pytest.mark.parametrize(("wire", "spo2", "pulse_rate"), CONTINUOUS)
def test_continuous_as_wireshark_reads_it(
    wire: str, spo2: tuple[int, int] | str, pulse_rate: tuple[int, int] | str
) -> None:
    measurement = plx.Continuous(bytes.fromhex(wire))
    assert (measurement.spo2_pct, measurement.pulse_rate_bpm) == (spo2, pulse_rate)
    assert measurement.fast is measurement.slow is None
    assert measurement.measurement_status is measurement.sensor_status is None
    assert measurement.pulse_amplitude_index_pct is None


def test_continuous_with_every_field_as_wireshark_reads_it() -> None:
    data = bytes.fromhex(EVERYTHING)
    assert len(data) == plx.MAX_LENGTH == 20
    measurement = plx.Continuous(data)
    assert (measurement.spo2_pct, measurement.pulse_rate_bpm) == ((98, 0), (72, 0))
    assert measurement.fast == ((97, 0), (75, 0))
    assert measurement.slow == ((99, 0), (70, 0))
    assert measurement.measurement_status == 1 << 7  # validated
    assert measurement.sensor_status == 1 << 5  # low perfusion
    assert measurement.pulse_amplitude_index_pct == (25, -1)


def test_continuous_as_another_vendor_writes_it() -> None:
    # StanfordSpezi/SpeziBluetooth, PLXTests
    simplest = plx.Continuous(bytes.fromhex("00 E8F3 84F3"))
    assert (value(simplest.spo2_pct), value(simplest.pulse_rate_bpm)) == (100, 90)
    simple = plx.Continuous(bytes.fromhex("1C 5F00 5A00 2000 000000 57F0"))
    assert (value(simple.spo2_pct), value(simple.pulse_rate_bpm)) == (95, 90)
    assert (simple.measurement_status, simple.sensor_status) == (1 << 5, 0)  # ongoing
    assert value(simple.pulse_amplitude_index_pct) == Fraction("8.7")
    full = plx.Continuous(bytes.fromhex(SPEZI_FULL))
    assert (value(full.spo2_pct), value(full.pulse_rate_bpm)) == (99, 97)
    assert full.fast is not None and full.slow is not None
    assert [value(number) for number in (*full.fast, *full.slow)] == [97, 137, 98, 69]
    assert full.measurement_status == 1 << 5 | 1 << 8  # ongoing, fully qualified
    assert value(full.pulse_amplitude_index_pct) == Fraction("8.9")
    # What of these a device of ours sends is the same to the byte.
    assert encoded(1000, 900)[1:5] == bytes.fromhex("E8F3 84F3")
    assert encoded(990, 970, ALL_VALID, 890)[1:5] + encoded(990, 970, ALL_VALID, 890)[-2:] == bytes.fromhex(
        "DEF3 CAF3 7AE3"
    )


def spot_check(
    spo2: int, pulse_rate: int, status: int, sensor: int, perfusion: int | None, utc: datetime.datetime | None
) -> bytes:
    buf = bytearray(b"\xaa" * plx.MAX_LENGTH)
    day, day_ms = None, 0
    if utc is not None:
        since = utc - datetime.datetime(2000, 1, 1)
        day, day_ms = since.days, since.seconds * 1000
    length = plx.encode_spot_check_into(buf, spo2, pulse_rate, status, sensor, perfusion, day, day_ms)
    return bytes(buf[:length])


def test_spot_check_as_another_vendor_writes_it() -> None:
    # equipment malfunction and low perfusion, ongoing and questionable
    data = spot_check(940, 1470, 1 << 5 | 1 << 14, 1 << 1 | 1 << 5, 870, datetime.datetime(2024, 11, 29, 23, 8, 57))
    assert data == bytes.fromhex(SPEZI_SPOT_CHECK)
    read = plx.SpotCheck(data)
    assert (value(read.spo2_pct), value(read.pulse_rate_bpm)) == (94, 147)
    assert read.timestamp == ((2024, 11, 29), (23, 8, 57))
    assert (read.measurement_status, read.sensor_status) == (1 << 5 | 1 << 14, 1 << 1 | 1 << 5)
    assert value(read.pulse_amplitude_index_pct) == Fraction("8.7")
    assert read.is_clock_set


@pytest.mark.parametrize(
    ("wire", "timestamp", "status", "index", "is_clock_set"),
    [
        ("01 6200 4000 EA070918 0E1E05", ((2026, 9, 24), (14, 30, 5)), None, None, True),
        ("1F 6200 4000 EA0709180E1E05 8000 200000 19F0", ((2026, 9, 24), (14, 30, 5)), 1 << 7, (25, -1), False),
        ("00 6200 4000", None, None, None, True),
        ("10 6200 4000", None, None, None, False),
    ],
)
def test_spot_check_as_wireshark_reads_it(
    wire: str, timestamp: object, status: int | None, index: object, is_clock_set: bool
) -> None:
    read = plx.SpotCheck(bytes.fromhex(wire))
    assert (read.spo2_pct, read.pulse_rate_bpm) == ((98, 0), (64, 0))
    assert (read.timestamp, read.measurement_status) == (timestamp, status)
    assert (read.pulse_amplitude_index_pct, read.is_clock_set) == (index, is_clock_set)


def test_spot_check_without_a_time_says_that_the_clock_is_not_set() -> None:
    data = spot_check(975, 723, plx.VALIDATED | plx.FROM_STORAGE, 0, None, None)
    assert data == bytes.fromhex("16 CFF3 D3F2 8002 000000")
    read = plx.SpotCheck(data)
    assert (read.timestamp, read.is_clock_set) == (None, False)


@given(
    st.integers(0, 1000),
    st.integers(0, 3000),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFFFF),
    st.none() | st.integers(0, 2000),
    st.none() | st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2099, 12, 31)),
)
def test_spot_check_round_trip(
    spo2: int, pulse_rate: int, status: int, sensor: int, perfusion: int | None, utc: datetime.datetime | None
) -> None:
    data = spot_check(spo2, pulse_rate, status, sensor, perfusion, utc)
    assert len(data) <= 19
    read = plx.SpotCheck(data)
    assert value(read.spo2_pct) == Fraction(spo2, 10)
    assert abs(value(read.pulse_rate_bpm) - Fraction(pulse_rate, 10)) <= Fraction(1, 2)
    assert (read.measurement_status, read.sensor_status) == (status, sensor)
    expected = utc and ((utc.year, utc.month, utc.day), (utc.hour, utc.minute, utc.second))
    assert (read.timestamp, read.is_clock_set) == (expected, utc is not None)
    assert (read.pulse_amplitude_index_pct is None) == (perfusion is None)


@pytest.mark.parametrize("wire", [SPEZI_SPOT_CHECK, "00 6200 4800", "02 6200 4800 8000"])
def test_spot_check_of_any_other_length_is_refused(wire: str) -> None:
    data = bytes.fromhex(wire)
    plx.SpotCheck(data)
    for length in range(len(data)):
        with pytest.raises(ValueError, match="make a spot check of"):
            plx.SpotCheck(data[:length])
    with pytest.raises(ValueError, match="make a spot check of"):
        plx.SpotCheck(data + b"\0")


def test_fast_or_slow_alone() -> None:
    fast = plx.Continuous(bytes.fromhex("01 6200 4800 6100 4B00"))
    assert (fast.fast, fast.slow) == (((97, 0), (75, 0)), None)
    slow = plx.Continuous(bytes.fromhex("02 6200 4800 6300 4600"))
    assert (slow.fast, slow.slow) == (None, ((99, 0), (70, 0)))


@pytest.mark.parametrize("wire", [EVERYTHING, "00 6200 4800", "04 6200 4800 8000", "18 6200 4800 200000 19F0"])
def test_continuous_of_any_other_length_is_refused(wire: str) -> None:
    data = bytes.fromhex(wire)
    plx.Continuous(data)
    for length in range(len(data)):
        with pytest.raises(ValueError, match="make a measurement of"):
            plx.Continuous(data[:length])
    with pytest.raises(ValueError, match="make a measurement of"):
        plx.Continuous(data + b"\0")


@pytest.mark.parametrize(
    ("spo2", "pulse_rate", "wire"),
    [
        (975, 723, "CFF3 D3F2"),
        (1000, 2045, "E8F3 FDF7"),
        (980, 2400, "D4F3 F000"),  # 240.0 bpm needs a mantissa of 2400: sent as 240
        (980, 2054, "D4F3 CD00"),  # 205.4 -> 205
        (980, 2055, "D4F3 CE00"),  # 205.5 -> 206
        (0, 0, "00F0 00F0"),
        (None, 723, "FF07 D3F2"),
        (975, None, "CFF3 FF07"),
    ],
)
def test_exponents_are_chosen_for_resolution(spo2: int | None, pulse_rate: int | None, wire: str) -> None:
    assert encoded(spo2, pulse_rate)[1:5] == bytes.fromhex(wire)


def test_a_whole_measurement() -> None:
    low_perfusion = (statuses.VALIDATED, statuses.LOW_PERFUSION, statuses.UNAVAILABLE)
    assert encoded(None, 723, low_perfusion, 25) == bytes.fromhex("1C FF07 D3F2 0080 200000 19E0")
    assert encoded(975, 723) == bytes.fromhex("0C CFF3 D3F2 8000 000000")


@given(
    st.none() | st.integers(0, 0xFFFE),
    st.none() | st.integers(0, 0xFFFE),
    st.tuples(STATUS, STATUS, STATUS),
    st.none() | st.integers(0, 0xFFFE),
)
def test_round_trip(
    spo2: int | None, pulse_rate: int | None, measured: tuple[int, int, int], perfusion: int | None
) -> None:
    data = encoded(spo2, pulse_rate, measured, perfusion)
    assert len(data) <= plx.MAX_LENGTH
    measurement = plx.Continuous(data)
    for number, sent, unit in (
        (measurement.spo2_pct, spo2, 10),
        (measurement.pulse_rate_bpm, pulse_rate, 10),
        (measurement.pulse_amplitude_index_pct, perfusion, 100),
    ):
        if sent is None:
            assert number in (ieee11073.NAN, None)
        elif sent <= ieee11073.SFLOAT_LIMIT:
            assert value(number) == Fraction(sent, unit)
        else:
            assert abs(value(number) / Fraction(sent, unit) - 1) < Fraction(1, 300)
    assert measurement.measurement_status == plx.measurement_status(*measured[:2])
    assert measurement.sensor_status == plx.sensor_status(*measured[:2])
    assert measurement.fast is measurement.slow is None


def test_a_negative_reading_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        encoded(-1, 700)
    with pytest.raises(ValueError, match="negative"):
        encoded(970, -1)


# PLX 1.0.1's own names; tshark 4.0.17 has the same bits.
MEASUREMENT = {
    "ongoing": 5,
    "early estimate": 6,
    "validated": 7,
    "unavailable": 13,
    "questionable": 14,
    "invalid": 15,
}
SENSOR = {
    "signal processing irregularity": 2,
    "poor signal": 4,
    "low perfusion": 5,
    "erratic signal": 6,
    "questionable pulse": 8,
    "signal analysis ongoing": 9,
    "unconnected to user": 11,
    "malfunctioning": 14,
    "disconnected": 15,
}
SAID = {
    statuses.UNAVAILABLE: ({"unavailable"}, {"disconnected"}),
    statuses.VALIDATED: ({"validated"}, set()),
    statuses.EARLY_ESTIMATE: ({"early estimate"}, set()),
    statuses.QUESTIONABLE: ({"questionable"}, {"questionable pulse"}),
    statuses.ACQUIRING: ({"ongoing"}, {"signal analysis ongoing"}),
    statuses.SENSOR_OFF: ({"unavailable"}, {"unconnected to user"}),
    statuses.LOW_PERFUSION: ({"invalid"}, {"low perfusion"}),
    statuses.POOR_SIGNAL: ({"invalid"}, {"poor signal"}),
    statuses.ERRATIC: ({"invalid"}, {"erratic signal"}),
    statuses.OUT_OF_RANGE: ({"invalid"}, {"signal processing irregularity"}),
    statuses.SENSOR_FAULT: ({"unavailable"}, {"malfunctioning"}),
    statuses.STANDBY: ({"unavailable"}, {"unconnected to user"}),
}


def said(pulse_rate: int, spo2: int) -> tuple[set[str], set[str]]:
    """The status words of a measurement that was sent, by the names of the bits in it."""
    read = plx.Continuous(encoded(None, None, (pulse_rate, spo2, statuses.VALIDATED)))
    assert read.measurement_status is not None and read.sensor_status is not None
    words = (
        {name for name, bit in MEASUREMENT.items() if read.measurement_status >> bit & 1},
        {name for name, bit in SENSOR.items() if read.sensor_status >> bit & 1},
    )
    assert read.measurement_status == sum(1 << MEASUREMENT[name] for name in words[0])
    assert read.sensor_status == sum(1 << SENSOR[name] for name in words[1])
    return words


@pytest.mark.parametrize("status", range(len(statuses.NAMES)), ids=lambda code: statuses.NAMES[code])
def test_each_reason_by_the_services_own_names(status: int) -> None:
    assert said(status, status) == SAID[status]


@pytest.mark.parametrize(
    ("pulse_rate", "spo2", "measurement", "sensor"),
    [
        (statuses.VALIDATED, statuses.LOW_PERFUSION, {"invalid"}, {"low perfusion"}),
        (statuses.VALIDATED, statuses.EARLY_ESTIMATE, {"early estimate"}, set()),
        (statuses.VALIDATED, statuses.QUESTIONABLE, {"questionable"}, {"questionable pulse"}),
        (statuses.POOR_SIGNAL, statuses.LOW_PERFUSION, {"invalid"}, {"poor signal", "low perfusion"}),
        (statuses.ERRATIC, statuses.ACQUIRING, {"invalid", "ongoing"}, {"erratic signal", "signal analysis ongoing"}),
        (statuses.UNAVAILABLE, statuses.SENSOR_FAULT, {"unavailable"}, {"disconnected", "malfunctioning"}),
    ],
)
def test_several_reasons_are_all_said_whichever_signal_they_are_of(
    pulse_rate: int, spo2: int, measurement: set[str], sensor: set[str]
) -> None:
    assert said(pulse_rate, spo2) == said(spo2, pulse_rate) == (measurement, sensor)


@given(STATUS, STATUS)
def test_validated_is_said_only_of_both(pulse_rate: int, spo2: int) -> None:
    measurement, sensor = plx.measurement_status(pulse_rate, spo2), plx.sensor_status(pulse_rate, spo2)
    assert bool(measurement & 1 << 7) == (pulse_rate == spo2 == statuses.VALIDATED)
    for code in (pulse_rate, spo2):
        expected_measurement, expected_sensor = statuses.PLX_STATUS[code]
        if code != statuses.VALIDATED:
            assert measurement & expected_measurement == expected_measurement
        assert sensor & expected_sensor == expected_sensor


@pytest.mark.parametrize(("has_spot_checks", "supported"), [(False, 0b0100_0011), (True, 0b0100_1111)])
def test_features_of_the_device_cover_all_it_sends(has_spot_checks: bool, supported: int) -> None:
    features = plx.Features(plx.features(has_spot_checks))
    assert features.supported == supported
    assert features.measurement_status is not None
    assert features.sensor_status is not None
    for measurement, sensor in statuses.PLX_STATUS:
        assert measurement & ~features.measurement_status == 0
        assert sensor & ~features.sensor_status == 0
    assert bool(features.measurement_status & 1 << 9) == has_spot_checks  # data from measurement storage
    assert features.measurement_status & 0x1F == features.sensor_status >> 16 == 0  # reserved


@pytest.mark.parametrize(
    ("wire", "supported", "measurement", "sensor"),
    [
        ("7C00", 0x7C, None, None),
        ("0100 E0FF", 1, 0xFFE0, None),
        ("0200 FFFF01", 2, None, 0x1FFFF),
        ("4300 E0FF 21436F", 0x43, 0xFFE0, 0x6F4321),
        ("A300 4010 800100", 0xA3, 1 << 6 | 1 << 12, 1 << 7 | 1 << 8),  # StanfordSpezi/SpeziBluetooth, PLXTests
    ],
)
def test_features(wire: str, supported: int, measurement: int | None, sensor: int | None) -> None:
    data = bytes.fromhex(wire)
    features = plx.Features(data)
    assert features.supported == supported
    assert (features.measurement_status, features.sensor_status) == (measurement, sensor)
    for length in range(len(data)):
        with pytest.raises(ValueError, match="bytes"):
            plx.Features(data[:length])
    with pytest.raises(ValueError, match="bytes"):
        plx.Features(data + b"\0")


def test_features_that_announce_status_words_must_have_them() -> None:
    # Wireshark shows these two bytes without complaint; bits 0 and 1 promise five more.
    with pytest.raises(ValueError, match="have 7 bytes, these have 2"):
        plx.Features(bytes.fromhex("7F00"))


def test_uuids() -> None:
    assert (plx.SERVICE_UUID, plx.SPOT_CHECK_UUID) == (0x1822, 0x2A5E)
    assert (plx.CONTINUOUS_UUID, plx.FEATURES_UUID) == (0x2A5F, 0x2A60)
