"""The Heart Rate Service 1.0: Heart Rate Measurement and Body Sensor Location.

A measurement, little-endian:

    flags: bit 0 rate of 16 bits, 1 contact detected, 2 contact is watched, 3 energy expended, 4 intervals
    rate (8 or 16 bits, bpm)  [energy expended, 16 bits, kJ]  [interval, 16 bits, 1/1024 s] ... oldest first

Ours has 20 bytes at most, what one notification holds before any MTU is agreed. The intervals are from pulse to pulse;
the service calls them RR-intervals, after the electrocardiogram's.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SERVICE_UUID = 0x180D
MEASUREMENT_UUID = 0x2A37
LOCATION_UUID = 0x2A38

MAX_LENGTH = 20

LOCATION_NAMES = ("other", "chest", "wrist", "finger", "hand", "ear lobe", "foot")
FINGER = 3

_WIDE_RATE = 1 << 0
_CONTACT_DETECTED = 1 << 1
_CONTACT_WATCHED = 1 << 2
_ENERGY = 1 << 3
_INTERVALS = 1 << 4


def encode_into(
    buf: bytearray, pulse_rate_deci_bpm: "int | None", intervals_ms: "Sequence[int]" = (), interval_count: int = 0
) -> int:
    """Write a measurement at the start of `buf`; its length is returned.

    `intervals_ms`: the first `interval_count` of them count, oldest first; where not all fit, the newest are sent.
    ValueError for a rate or an interval that the layout does not hold.
    """
    # The layout has no code for "no reading". Contact not detected and a rate of 0 is what other sensors send, and
    # nobody takes it for a pulse; to send nothing would leave the last rate on a phone's screen as if it were live.
    if pulse_rate_deci_bpm is None:
        buf[0] = _CONTACT_WATCHED
        buf[1] = 0
        return 2
    rate = (pulse_rate_deci_bpm + 5) // 10
    if not 0 < rate <= 0xFFFF:
        raise ValueError("a pulse rate of %d tenths of a beat" % pulse_rate_deci_bpm)
    buf[0] = _CONTACT_WATCHED | _CONTACT_DETECTED
    buf[1] = rate & 0xFF
    length = 2
    if rate > 0xFF:
        buf[0] |= _WIDE_RATE
        buf[2] = rate >> 8
        length = 3
    room = (MAX_LENGTH - length) // 2
    for index in range(max(0, interval_count - room), interval_count):
        interval = (intervals_ms[index] * 128 + 62) // 125  # 1024 / 1000
        if not 0 < interval <= 0xFFFF:
            raise ValueError("an interval of %d ms" % intervals_ms[index])
        buf[0] |= _INTERVALS
        buf[length] = interval & 0xFF
        buf[length + 1] = interval >> 8
        length += 2
    return length


class Measurement:
    """A measurement, read. ValueError when it is longer or shorter than its flags say.

    rate_bpm: as it was sent. has_contact: None where the sensor does not watch it. energy_kj: None where it was left
    out. intervals: in 1/1024 s, oldest first.
    """

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        flags = data[0] if data else 0
        energy_at = 3 if flags & _WIDE_RATE else 2
        intervals_at = energy_at + (2 if flags & _ENERGY else 0)
        over = len(data) - intervals_at
        if over < 0 or over % 2 or bool(over) != bool(flags & _INTERVALS):
            raise ValueError("a heart rate measurement with flags %d does not have %d bytes" % (flags, len(data)))
        self.rate_bpm = _word(data, 1) if flags & _WIDE_RATE else data[1]
        self.has_contact = bool(flags & _CONTACT_DETECTED) if flags & _CONTACT_WATCHED else None
        self.energy_kj = _word(data, energy_at) if flags & _ENERGY else None
        self.intervals = [_word(data, start) for start in range(intervals_at, len(data), 2)]


def _word(data: "bytes | bytearray | memoryview", start: int) -> int:
    return data[start] | data[start + 1] << 8


def encode_location(location: int) -> bytes:
    """Return the value of the Body Sensor Location characteristic; ValueError for a number that is no location."""
    return bytes((_checked(location),))


def decode_location(data: "bytes | bytearray | memoryview") -> int:
    """Read the value of the Body Sensor Location characteristic; ValueError when it is none."""
    if len(data) != 1:
        raise ValueError("a body sensor location has 1 byte, this one has %d" % len(data))
    return _checked(data[0])


def _checked(location: int) -> int:
    if location >= len(LOCATION_NAMES):
        raise ValueError("no body sensor location has the number %d" % location)
    return location
