"""The Current Time Service 1.1: Current Time, 10 bytes.

Date Time (7 bytes, which here is UTC), day of the week (1 Monday to 7 Sunday, 0 not known), 1/256 s, adjust reason.
"""

from vigil_wire import date_time

SERVICE_UUID = 0x1805
CURRENT_TIME_UUID = 0x2A2B

LENGTH = 10
NOT_KNOWN = bytes(LENGTH)  # year, month, day and day of the week are zero

# Adjust reason.
MANUAL = 1 << 0
EXTERNAL_REFERENCE = 1 << 1
TIME_ZONE = 1 << 2
DAYLIGHT_SAVING = 1 << 3

_SATURDAY = 6  # what 2000-01-01 was


def encode_into(buf: bytearray, utc_day: int, utc_day_ms: int, reason: int) -> int:
    """Write an instant (days from 2000-01-01, ms of the day) at the start of `buf`; its length is returned."""
    date_time.encode_utc_into(buf, 0, utc_day, utc_day_ms)
    buf[7] = (utc_day + _SATURDAY - 1) % 7 + 1
    buf[8] = utc_day_ms % 1000 * 256 // 1000
    buf[9] = reason
    return LENGTH


class CurrentTime:
    """A current time, read. ValueError when it is none.

    date, time: as vigil_wire.date_time gives them. weekday: None where it is not known.
    """

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        if len(data) != LENGTH:
            raise ValueError("a current time has 10 bytes, this one has %d" % len(data))
        self.date, self.time = date_time.decode(data, 0)
        if data[7] > 7:
            raise ValueError("no day of the week has the number %d" % data[7])
        self.weekday = data[7] or None
        self.fraction_256 = data[8]
        self.reason = data[9]
