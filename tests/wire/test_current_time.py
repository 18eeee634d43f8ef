"""Current Time against a published vector, the calendar, and back."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import current_time


def encoded(utc: datetime.datetime, reason: int = 0) -> bytes:
    since = utc - datetime.datetime(2000, 1, 1)
    buf = bytearray(b"\xaa" * current_time.LENGTH)
    day_ms = since.seconds * 1000 + since.microseconds // 1000
    assert current_time.encode_into(buf, since.days, day_ms, reason) == current_time.LENGTH
    return bytes(buf)


def test_published() -> None:
    # im97mori-github/JavaBLEUtil, CurrentTimeTest
    read = current_time.CurrentTime(bytes.fromhex("2E06 01 01 17 3B 3B 01 FF 01"))
    assert (read.date, read.time) == ((1582, 1, 1), (23, 59, 59))
    assert (read.weekday, read.fraction_256, read.reason) == (1, 255, current_time.MANUAL)


def test_encoded() -> None:
    thursday = datetime.datetime(2024, 6, 6, 12, 4, 44, 500_000)
    assert encoded(thursday, current_time.EXTERNAL_REFERENCE) == bytes.fromhex("E807 06 06 0C 04 2C 04 80 02")


@given(st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2179, 6, 6)), st.integers(0, 15))
def test_round_trip(utc: datetime.datetime, reason: int) -> None:
    read = current_time.CurrentTime(encoded(utc, reason))
    assert (read.date, read.time) == ((utc.year, utc.month, utc.day), (utc.hour, utc.minute, utc.second))
    assert read.weekday == utc.isoweekday()
    assert 0 <= utc.microsecond // 1000 - read.fraction_256 * 1000 / 256 < 4
    assert read.reason == reason


def test_a_time_that_is_not_known() -> None:
    read = current_time.CurrentTime(current_time.NOT_KNOWN)
    assert (read.date, read.weekday) == ((None, None, None), None)


@pytest.mark.parametrize("wire", ["", "E807 06 06 0C 04 2C 04 80", "E807 06 06 0C 04 2C 04 80 02 00"])
def test_of_any_other_length_is_refused(wire: str) -> None:
    with pytest.raises(ValueError, match="has 10 bytes"):
        current_time.CurrentTime(bytes.fromhex(wire))


@pytest.mark.parametrize("wire", ["E807 06 06 0C 04 2C 08 80 02", "E807 0D 06 0C 04 2C 04 80 02"])
def test_no_such_time(wire: str) -> None:
    with pytest.raises(ValueError, match=r"no such date|day of the week"):
        current_time.CurrentTime(bytes.fromhex(wire))


def test_uuids() -> None:
    assert (current_time.SERVICE_UUID, current_time.CURRENT_TIME_UUID) == (0x1805, 0x2A2B)
