"""Date Time against published vectors, and back."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import date_time

Date = tuple[int | None, int | None, int | None]
Time = tuple[int, int, int]


@pytest.mark.parametrize(
    ("wire", "date", "time"),
    [
        # NordicSemiconductor/Android-BLE-Common-Library, DateTimeDataCallbackTest
        ("E207 04 11 0F 33 00", (2018, 4, 17), (15, 51, 0)),
        ("0000 00 00 12 1A 20", (None, None, None), (18, 26, 32)),
    ],
)
def test_published(wire: str, date: Date, time: Time) -> None:
    assert date_time.decode(bytes.fromhex(wire), 0) == (date, time)
    buf = bytearray(b"\xaa" * date_time.LENGTH)
    date_time.encode_into(buf, 0, date, time)
    assert buf == bytes.fromhex(wire)


@given(
    st.tuples(st.none() | st.integers(1582, 9999), st.none() | st.integers(1, 12), st.none() | st.integers(1, 31)),
    st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)),
    st.integers(0, 4),
)
def test_round_trip(date: Date, time: Time, start: int) -> None:
    buf = bytearray(b"\xaa" * 12)
    date_time.encode_into(buf, start, date, time)
    assert date_time.decode(buf, start) == (date, time)
    assert buf[:start] + buf[start + 7 :] == b"\xaa" * 5


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ((1581, 1, 1), (0, 0, 0)),
        ((10000, 1, 1), (0, 0, 0)),
        ((0, 1, 1), (0, 0, 0)),
        ((2018, 13, 1), (0, 0, 0)),
        ((2018, 0, 1), (0, 0, 0)),
        ((2018, 1, 32), (0, 0, 0)),
        ((2018, 1, 1), (24, 0, 0)),
        ((2018, 1, 1), (0, 60, 0)),
        ((2018, 1, 1), (0, 0, 60)),
        ((2018, 1, 1), (0, 0, -1)),
    ],
)
def test_out_of_range_is_not_sent(date: Date, time: Time) -> None:
    buf = bytearray(7)
    with pytest.raises(ValueError, match="no such date and time"):
        date_time.encode_into(buf, 0, date, time)
    assert buf == bytes(7)


@pytest.mark.parametrize("wire", ["2D06 04 11 0F3300", "E207 0D 11 0F3300", "E207 04 20 0F3300", "E207 04 11 183300"])
def test_out_of_range_is_not_read(wire: str) -> None:
    with pytest.raises(ValueError, match="no such date and time"):
        date_time.decode(bytes.fromhex(wire), 0)


@given(st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2179, 6, 6)))
def test_an_instant_is_the_calendars(utc: datetime.datetime) -> None:
    since = utc - datetime.datetime(2000, 1, 1)
    buf = bytearray(b"\xaa" * 9)
    date_time.encode_utc_into(buf, 1, since.days, since.seconds * 1000 + utc.microsecond // 1000)
    assert date_time.decode(buf, 1) == ((utc.year, utc.month, utc.day), (utc.hour, utc.minute, utc.second))
    assert buf[0] == buf[8] == 0xAA


@pytest.mark.parametrize(
    "date", ["2000-01-01", "2000-02-29", "2000-12-31", "2099-12-31", "2100-02-28", "2100-03-01", "2104-02-29"]
)
def test_days_at_which_calendars_go_wrong(date: str) -> None:
    day = datetime.date.fromisoformat(date)
    buf = bytearray(7)
    date_time.encode_utc_into(buf, 0, (day - datetime.date(2000, 1, 1)).days, 86_399_999)
    assert date_time.decode(buf, 0) == ((day.year, day.month, day.day), (23, 59, 59))


def test_truncated() -> None:
    with pytest.raises(ValueError, match="cut short"):
        date_time.decode(bytes.fromhex("E20704110F33"), 0)
