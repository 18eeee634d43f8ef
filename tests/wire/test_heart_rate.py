"""The Heart Rate Service's payloads: published vectors, what fits a notification, and no reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import heart_rate

# NordicSemiconductor/Android-BLE-Common-Library, HeartRateMeasurementDataCallbackTest; read the same by tshark 4.0.17.
PUBLISHED = [
    ("00 55", 85, None, None, []),
    ("04 FF", 255, False, None, []),
    ("1E 55 3200 2100", 85, True, 50, [33]),
    ("1F 0101 3201 0100 0201 FFFF", 257, True, 306, [1, 258, 65535]),
    ("16 48 0004", 72, True, None, [1024]),
]


def encoded(pulse_rate: int | None, intervals: tuple[int, ...] = ()) -> bytes:
    buf = bytearray(b"\xaa" * heart_rate.MAX_LENGTH)
    length = heart_rate.encode_into(buf, pulse_rate, intervals, len(intervals))
    assert buf[length:] == b"\xaa" * (heart_rate.MAX_LENGTH - length)
    return bytes(buf[:length])


@pytest.mark.parametrize(("wire", "rate", "has_contact", "energy", "intervals"), PUBLISHED)
def test_published_measurements_are_read(
    wire: str, rate: int, has_contact: bool | None, energy: int | None, intervals: list[int]
) -> None:
    data = bytes.fromhex(wire)
    read = heart_rate.Measurement(data)
    assert (read.rate_bpm, read.has_contact, read.energy_kj, read.intervals) == (rate, has_contact, energy, intervals)
    for length in (0, 1):
        with pytest.raises(ValueError, match="does not have"):
            heart_rate.Measurement(data[:length])
    with pytest.raises(ValueError, match="does not have"):
        heart_rate.Measurement(data + b"\0")


@pytest.mark.parametrize("wire", ["17 0101", "10 48", "10 48 04", "00 48 0004", "08 48 32"])
def test_a_length_that_is_not_what_the_flags_say_is_refused(wire: str) -> None:
    with pytest.raises(ValueError, match="does not have"):
        heart_rate.Measurement(bytes.fromhex(wire))


@pytest.mark.parametrize(
    ("pulse_rate", "intervals", "wire"),
    [
        (720, (1000,), "16 48 0004"),
        (724, (), "06 48"),
        (725, (), "06 49"),
        (2554, (), "06 FF"),
        (2555, (250,), "17 0001 0001"),
        (600, (1000, 500, 2000), "16 3C 0004 0002 0008"),
    ],
)
def test_what_the_device_sends(pulse_rate: int, intervals: tuple[int, ...], wire: str) -> None:
    assert encoded(pulse_rate, intervals) == bytes.fromhex(wire)


@pytest.mark.parametrize("intervals", [(), (1000,)])
def test_no_reading_is_no_contact_and_no_number_or_interval_from_before(intervals: tuple[int, ...]) -> None:
    assert encoded(None, intervals) == bytes.fromhex("04 00")
    assert heart_rate.Measurement(encoded(None, intervals)).has_contact is False


def test_as_many_intervals_as_fit_one_notification_and_the_newest_of_them() -> None:
    many = tuple(range(300, 312))
    for rate, room in ((720, 9), (2600, 8)):
        data = encoded(rate, many)
        assert len(data) <= heart_rate.MAX_LENGTH == 20
        sent = heart_rate.Measurement(data).intervals
        assert [round(each * 1000 / 1024) for each in sent] == list(many[-room:])


@given(st.integers(5, 0xFFFF), st.lists(st.integers(1, 60_000), max_size=8))
def test_round_trip(pulse_rate: int, intervals: list[int]) -> None:
    read = heart_rate.Measurement(encoded(pulse_rate, tuple(intervals)))
    assert abs(read.rate_bpm * 10 - pulse_rate) <= 5
    assert (read.has_contact, read.energy_kj) == (True, None)
    assert len(read.intervals) == len(intervals)
    assert all(abs(sent * 1000 / 1024 - true) <= 0.5 for sent, true in zip(read.intervals, intervals, strict=True))


@pytest.mark.parametrize(("pulse_rate", "intervals"), [(0, ()), (4, ()), (-720, ()), (720, (0,)), (720, (64_000,))])
def test_what_the_layout_does_not_hold_is_refused(pulse_rate: int, intervals: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"a pulse rate|an interval"):
        encoded(pulse_rate, intervals)


def test_location() -> None:
    assert heart_rate.encode_location(heart_rate.FINGER) == b"\x03"
    assert heart_rate.LOCATION_NAMES[heart_rate.decode_location(b"\x03")] == "finger"
    for data in (b"", b"\x07", b"\1\1"):
        with pytest.raises(ValueError, match="body sensor location"):
            heart_rate.decode_location(data)
    with pytest.raises(ValueError, match="number 7"):
        heart_rate.encode_location(7)


def test_uuids() -> None:
    assert (heart_rate.SERVICE_UUID, heart_rate.MEASUREMENT_UUID, heart_rate.LOCATION_UUID) == (0x180D, 0x2A37, 0x2A38)
