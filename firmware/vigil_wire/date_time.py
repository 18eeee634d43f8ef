"""The Date Time of the Bluetooth GATT: year (16 bits, little-endian), month, day, hours, minutes, seconds.

It names no time zone. A year, month or day of 0 on the air means "not known": None here.
"""

LENGTH = 7

_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def encode_into(
    buf: bytearray,
    start: int,
    date: "tuple[int | None, int | None, int | None]",
    time: "tuple[int, int, int]",
) -> None:
    """Write year, month and day, hours, minutes and seconds at `start`; ValueError for one out of range."""
    _check(date, time)
    year = date[0] or 0
    buf[start] = year & 0xFF
    buf[start + 1] = year >> 8
    buf[start + 2] = date[1] or 0
    buf[start + 3] = date[2] or 0
    for index in range(3):
        buf[start + 4 + index] = time[index]


def encode_utc_into(buf: bytearray, start: int, utc_day: int, utc_day_ms: int) -> None:
    """Write an instant, as days from 2000-01-01 and milliseconds of the day, at `start`."""
    year = 2000
    while utc_day >= 365 + _is_leap(year):
        utc_day -= 365 + _is_leap(year)
        year += 1
    month = 0
    while utc_day >= _MONTH_DAYS[month] + (month == 1 and _is_leap(year)):
        utc_day -= _MONTH_DAYS[month] + (month == 1 and _is_leap(year))
        month += 1
    buf[start] = year & 0xFF
    buf[start + 1] = year >> 8
    buf[start + 2] = month + 1
    buf[start + 3] = utc_day + 1
    utc_day_s = utc_day_ms // 1000
    buf[start + 4] = utc_day_s // 3600
    buf[start + 5] = utc_day_s // 60 % 60
    buf[start + 6] = utc_day_s % 60


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def decode(
    data: "bytes | bytearray | memoryview", start: int
) -> "tuple[tuple[int | None, int | None, int | None], tuple[int, int, int]]":
    """Read (year, month, day) and (hours, minutes, seconds) at `start`; ValueError for no such time."""
    if len(data) < start + LENGTH:
        raise ValueError("a date and time is cut short")
    date = (data[start] | data[start + 1] << 8) or None, data[start + 2] or None, data[start + 3] or None
    time = data[start + 4], data[start + 5], data[start + 6]
    _check(date, time)
    return date, time


def _check(date: "tuple[int | None, int | None, int | None]", time: "tuple[int, int, int]") -> None:
    year, month, day = date
    hours, minutes, seconds = time
    if (
        not (year is None or 1582 <= year <= 9999)
        or not (month is None or 1 <= month <= 12)
        or not (day is None or 1 <= day <= 31)
        or not (0 <= hours <= 23 and 0 <= minutes <= 59 and 0 <= seconds <= 59)
    ):
        raise ValueError(f"no such date and time: {date} {time}")
