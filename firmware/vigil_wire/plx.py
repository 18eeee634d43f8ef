"""The Pulse Oximeter Service 1.0.1 (PLX): Continuous and Spot-check Measurement, and Features.

A continuous measurement, little-endian:

    flags: bit 0 fast, 1 slow, 2 measurement status, 3 device and sensor status, 4 pulse amplitude index
    SpO2 (SFLOAT, %), pulse rate (SFLOAT, bpm)
    [SpO2, pulse rate, fast]  [SpO2, pulse rate, slow]
    [measurement status, 16 bits]  [device and sensor status, 24 bits]  [pulse amplitude index, SFLOAT, %]

All of it is 20 bytes, what one notification holds before any MTU is agreed. A spot-check measurement, 19 bytes:

    flags: bit 0 timestamp, 1 measurement status, 2 device and sensor status, 3 pulse amplitude index, 4 clock not set
    SpO2 (SFLOAT, %), pulse rate (SFLOAT, bpm)  [Date Time, 7 bytes]
    [measurement status, 16 bits]  [device and sensor status, 24 bits]  [pulse amplitude index, SFLOAT, %]
"""

from vigil_wire import date_time, ieee11073, statuses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE_UUID = 0x1822
SPOT_CHECK_UUID = 0x2A5E
CONTINUOUS_UUID = 0x2A5F
FEATURES_UUID = 0x2A60

MAX_LENGTH = 20

# Bits of the features word.
MEASUREMENT_STATUS_SUPPORTED = 1 << 0
SENSOR_STATUS_SUPPORTED = 1 << 1
SPOT_CHECK_STORAGE_SUPPORTED = 1 << 2
SPOT_CHECK_TIMESTAMP_SUPPORTED = 1 << 3
PULSE_AMPLITUDE_INDEX_SUPPORTED = 1 << 6

# Bits of the measurement status.
VALIDATED = 1 << 7
FROM_STORAGE = 1 << 9

_FAST = 1 << 0
_SLOW = 1 << 1
_MEASUREMENT_STATUS = 1 << 2
_SENSOR_STATUS = 1 << 3
_PULSE_AMPLITUDE_INDEX = 1 << 4

_SPOT_TIMESTAMP = 1 << 0
_SPOT_MEASUREMENT_STATUS = 1 << 1
_SPOT_SENSOR_STATUS = 1 << 2
_SPOT_PULSE_AMPLITUDE_INDEX = 1 << 3
_SPOT_CLOCK_NOT_SET = 1 << 4


def measurement_status(pulse_rate_status: int, spo2_status: int) -> int:
    """Combine the statuses of both signals to the measurement status.

    The service has one word for both. It says what is amiss with either, and "validated" only of both.
    """
    status = statuses.PLX_STATUS[pulse_rate_status][0] | statuses.PLX_STATUS[spo2_status][0]
    return status if pulse_rate_status == spo2_status else status & ~VALIDATED


def sensor_status(pulse_rate_status: int, spo2_status: int) -> int:
    """Combine the statuses of both signals to the device and sensor status: what is amiss with either."""
    return statuses.PLX_STATUS[pulse_rate_status][1] | statuses.PLX_STATUS[spo2_status][1]


def encode_into(
    buf: bytearray,
    spo2_deci_pct: "int | None",
    pulse_rate_deci_bpm: "int | None",
    measured: "Sequence[int]",
    perfusion_centi_pct: "int | None",
) -> int:
    """Write a continuous measurement at the start of `buf`; its length is returned.

    None is sent as NaN; a missing perfusion index is left out. A value too large for an SFLOAT at its
    resolution loses its last digits: 240.0 bpm goes as 240. measured: the statuses of pulse rate, SpO2 and
    temperature, in the advert's order. ValueError for a value below zero.
    """
    buf[0] = _MEASUREMENT_STATUS | _SENSOR_STATUS
    _put(buf, 1, spo2_deci_pct, -1)
    _put(buf, 3, pulse_rate_deci_bpm, -1)
    _put_word(buf, 5, 2, measurement_status(measured[0], measured[1]))
    _put_word(buf, 7, 3, sensor_status(measured[0], measured[1]))
    if perfusion_centi_pct is None:
        return 10
    buf[0] |= _PULSE_AMPLITUDE_INDEX
    _put(buf, 10, perfusion_centi_pct, -2)
    return 12


def encode_spot_check_into(
    buf: bytearray,
    spo2_deci_pct: int,
    pulse_rate_deci_bpm: int,
    status: int,
    sensor: int,
    perfusion_centi_pct: "int | None",
    utc_day: "int | None",
    utc_day_ms: int = 0,
) -> int:
    """Write a spot-check measurement at the start of `buf`; its length is returned.

    status, sensor: bits of the measurement and of the device and sensor status. Without `utc_day` (days from
    2000-01-01) it says that the clock is not set. Values and errors as `encode_into`.
    """
    buf[0] = _SPOT_MEASUREMENT_STATUS | _SPOT_SENSOR_STATUS
    _put(buf, 1, spo2_deci_pct, -1)
    _put(buf, 3, pulse_rate_deci_bpm, -1)
    length = 5
    if utc_day is None:
        buf[0] |= _SPOT_CLOCK_NOT_SET
    else:
        buf[0] |= _SPOT_TIMESTAMP
        date_time.encode_utc_into(buf, length, utc_day, utc_day_ms)
        length += date_time.LENGTH
    _put_word(buf, length, 2, status)
    _put_word(buf, length + 2, 3, sensor)
    length += 5
    if perfusion_centi_pct is not None:
        buf[0] |= _SPOT_PULSE_AMPLITUDE_INDEX
        _put(buf, length, perfusion_centi_pct, -2)
        length += ieee11073.SFLOAT_LENGTH
    return length


def _put(buf: bytearray, start: int, value: "int | None", exponent: int) -> None:
    if value is None:
        ieee11073.encode_sfloat_special_into(buf, start, ieee11073.NAN)
        return
    if value < 0:
        raise ValueError(f"a negative reading: {value}e{exponent}")
    while value > ieee11073.SFLOAT_LIMIT:
        value = (value + 5) // 10
        exponent += 1
    ieee11073.encode_sfloat_into(buf, start, value, exponent)


def _put_word(buf: bytearray, start: int, size: int, word: int) -> None:
    for index in range(size):
        buf[start + index] = word >> 8 * index & 0xFF


class Continuous:
    """A continuous measurement, read. ValueError when it is longer or shorter than its flags say.

    A number is (mantissa, exponent) or the name of a special, as in ieee11073; what was left out is None.
    """

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        flags = data[0] if data else 0
        slow_at = 5 + (4 if flags & _FAST else 0)
        measurement_at = slow_at + (4 if flags & _SLOW else 0)
        sensor_at = measurement_at + (2 if flags & _MEASUREMENT_STATUS else 0)
        index_at = sensor_at + (3 if flags & _SENSOR_STATUS else 0)
        length = index_at + (2 if flags & _PULSE_AMPLITUDE_INDEX else 0)
        if len(data) != length:
            raise ValueError(f"PLX flags {flags} make a measurement of {length} bytes, this one has {len(data)}")
        self.spo2_pct, self.pulse_rate_bpm = _pair(data, 1)
        self.fast = _pair(data, 5) if flags & _FAST else None
        self.slow = _pair(data, slow_at) if flags & _SLOW else None
        self.measurement_status = _word(data, measurement_at, 2) if flags & _MEASUREMENT_STATUS else None
        self.sensor_status = _word(data, sensor_at, 3) if flags & _SENSOR_STATUS else None
        self.pulse_amplitude_index_pct = (
            ieee11073.decode_sfloat(data, index_at) if flags & _PULSE_AMPLITUDE_INDEX else None
        )


class SpotCheck:
    """A spot-check measurement, read. ValueError when it is longer or shorter than its flags say.

    timestamp: as vigil_wire.date_time gives it. Numbers, and what was left out, are as in `Continuous`.
    """

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        flags = data[0] if data else 0
        measurement_at = 5 + (date_time.LENGTH if flags & _SPOT_TIMESTAMP else 0)
        sensor_at = measurement_at + (2 if flags & _SPOT_MEASUREMENT_STATUS else 0)
        index_at = sensor_at + (3 if flags & _SPOT_SENSOR_STATUS else 0)
        length = index_at + (2 if flags & _SPOT_PULSE_AMPLITUDE_INDEX else 0)
        if len(data) != length:
            raise ValueError(f"PLX flags {flags} make a spot check of {length} bytes, this one has {len(data)}")
        self.spo2_pct, self.pulse_rate_bpm = _pair(data, 1)
        self.timestamp = date_time.decode(data, 5) if flags & _SPOT_TIMESTAMP else None
        self.measurement_status = _word(data, measurement_at, 2) if flags & _SPOT_MEASUREMENT_STATUS else None
        self.sensor_status = _word(data, sensor_at, 3) if flags & _SPOT_SENSOR_STATUS else None
        self.pulse_amplitude_index_pct = (
            ieee11073.decode_sfloat(data, index_at) if flags & _SPOT_PULSE_AMPLITUDE_INDEX else None
        )
        self.is_clock_set = not flags & _SPOT_CLOCK_NOT_SET


def _pair(data: "bytes | bytearray | memoryview", start: int) -> "tuple[tuple[int, int] | str, tuple[int, int] | str]":
    return ieee11073.decode_sfloat(data, start), ieee11073.decode_sfloat(data, start + 2)


def _word(data: "bytes | bytearray | memoryview", start: int, size: int) -> int:
    value = 0
    for index in range(size):
        value |= data[start + index] << 8 * index
    return value


def features(has_spot_checks: bool) -> bytes:
    """Return what Vigil's device supports: the status bits it may set, the pulse amplitude index, spot checks."""
    measurement = 0
    sensor = 0
    for measurement_bits, sensor_bits in statuses.PLX_STATUS:
        measurement |= measurement_bits
        sensor |= sensor_bits
    supported = MEASUREMENT_STATUS_SUPPORTED | SENSOR_STATUS_SUPPORTED | PULSE_AMPLITUDE_INDEX_SUPPORTED
    if has_spot_checks:
        supported |= SPOT_CHECK_STORAGE_SUPPORTED | SPOT_CHECK_TIMESTAMP_SUPPORTED
        measurement |= FROM_STORAGE
    return bytes((supported, 0, measurement & 0xFF, measurement >> 8, sensor & 0xFF, sensor >> 8, 0))


class Features:
    """Features, read: `supported` is the features word; a status word that was left out is None.

    ValueError when the data are longer or shorter than that word says.
    """

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        self.supported = _word(data, 0, 2) if len(data) >= 2 else 0
        has_measurement = self.supported & MEASUREMENT_STATUS_SUPPORTED
        has_sensor = self.supported & SENSOR_STATUS_SUPPORTED
        length = 2 + (2 if has_measurement else 0) + (3 if has_sensor else 0)
        if len(data) != length:
            raise ValueError(f"PLX features {self.supported} have {length} bytes, these have {len(data)}")
        self.measurement_status = _word(data, 2, 2) if has_measurement else None
        self.sensor_status = _word(data, length - 3, 3) if has_sensor else None
