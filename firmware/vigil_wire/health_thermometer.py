"""The Health Thermometer Service 1.0: Temperature Measurement, Temperature Type and Measurement Interval.

A measurement: flags (bit 0 Fahrenheit, 1 timestamp, 2 type), FLOAT, [Date Time, 7 bytes], [type]. The type is in the
measurement or in the characteristic, not in both. The interval: 16 bits, s.
"""

from vigil_wire import date_time, ieee11073

SERVICE_UUID = 0x1809
MEASUREMENT_UUID = 0x2A1C
TYPE_UUID = 0x2A1D
INTERVAL_UUID = 0x2A21

MAX_LENGTH = 13

CELSIUS = "C"
FAHRENHEIT = "F"

BODY = 2

SITE_NAMES = {
    1: "armpit",
    2: "body",
    3: "ear",
    4: "finger",
    5: "gastrointestinal tract",
    6: "mouth",
    7: "rectum",
    8: "toe",
    9: "tympanum",
}

_FAHRENHEIT = 1 << 0
_TIMESTAMP = 1 << 1
_TYPE = 1 << 2


def encode_into(
    buf: bytearray,
    temperature_centi_c: "int | None",
    site: "int | None",
    utc_day: "int | None" = None,
    utc_day_ms: int = 0,
) -> int:
    """Write a measurement in Celsius at the start of `buf`; its length is returned.

    No temperature is sent as NaN; a site or a time that is None is left out. ValueError for a number that is no site.
    """
    buf[0] = 0
    if temperature_centi_c is None:
        ieee11073.encode_float_special_into(buf, 1, ieee11073.NAN)
    else:
        ieee11073.encode_float_into(buf, 1, temperature_centi_c, -2)
    length = 5
    if utc_day is not None:
        buf[0] |= _TIMESTAMP
        date_time.encode_utc_into(buf, length, utc_day, utc_day_ms)
        length += date_time.LENGTH
    if site is not None:
        buf[0] |= _TYPE
        buf[length] = _checked(site)
        length += 1
    return length


class Measurement:
    """A temperature measurement, read. ValueError when it is longer or shorter than its flags say.

    temperature: (mantissa, exponent) or the name of a special, in `unit` ("C" or "F"); timestamp: as
    vigil_wire.date_time gives it; site: a key of SITE_NAMES. What was left out is None.
    """

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        flags = data[0] if data else 0
        site_at = 5 + (date_time.LENGTH if flags & _TIMESTAMP else 0)
        length = site_at + (1 if flags & _TYPE else 0)
        if len(data) != length:
            raise ValueError(f"a temperature with flags {flags} has {length} bytes, this one has {len(data)}")
        self.unit = FAHRENHEIT if flags & _FAHRENHEIT else CELSIUS
        self.temperature = ieee11073.decode_float(data, 1)
        self.timestamp = date_time.decode(data, 5) if flags & _TIMESTAMP else None
        self.site = _checked(data[site_at]) if flags & _TYPE else None


def encode_type(site: int) -> bytes:
    """Return the value of the Temperature Type characteristic; ValueError for a number that is no site."""
    return bytes((_checked(site),))


def decode_type(data: "bytes | bytearray | memoryview") -> int:
    """Read the value of the Temperature Type characteristic; ValueError when it is none."""
    if len(data) != 1:
        raise ValueError(f"a temperature type has 1 byte, this one has {len(data)}")
    return _checked(data[0])


def encode_interval(interval_s: int) -> bytes:
    """Return the value of the Measurement Interval characteristic; ValueError where it does not fit."""
    if not 0 <= interval_s <= 0xFFFF:
        raise ValueError(f"a measurement interval of {interval_s} s")
    return bytes((interval_s & 0xFF, interval_s >> 8))


def decode_interval(data: "bytes | bytearray | memoryview") -> int:
    """Read the value of the Measurement Interval characteristic, s (0: not periodic); ValueError when it is none."""
    if len(data) != 2:
        raise ValueError(f"a measurement interval has 2 bytes, this one has {len(data)}")
    return data[0] | data[1] << 8


def _checked(site: int) -> int:
    if not 1 <= site <= len(SITE_NAMES):
        raise ValueError(f"no temperature site has the number {site}")
    return site
