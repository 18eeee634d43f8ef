"""Journal records: what the device keeps and the host stores, one byte format for flash and air.

A record is a header and a payload, little-endian:

    0..3   sequence number        4      kind
    5..6   boot number            7..8   uptime, whole days      9..12  uptime, milliseconds of the day
    13..   payload, by kind

Uptime is the device's own; UTC follows from the time anchors in the same journal. A sequence number is used once in
the life of a journal (named by its 4-byte journal id), so (device, journal id, sequence) names a record for ever.

    vitals (1)         seconds covered, seconds with pulse rate, seconds with SpO2, quality 0-100,
                       statuses: pulse rate, SpO2, temperature, battery %,
                       pulse rate mean/min/max (0.1 bpm), SpO2 mean/min/max (0.1 %), temperature mean/min/max (0.01 C),
                       perfusion index (0.01 %), alarm bits (24; the first 16 conditions only),
                       respiration rate mean (0.1/min), its status, flags (bit 0: SpO2 on the board's own calibration;
                       bits 1 to 3: how the wearer moves and lies, as vigil_wire.movement has it; 0: nothing tells it)
    alarm (2)          condition, event (vigil_wire.conditions), priority, value in the signal's unit or as the event
                       says, onset: day and millisecond at which the limit was first crossed
    boot (3)           reset cause, firmware version (major, minor, patch), alarm bits (32) that go on from before it
    time anchor (4)    UTC: days since 2000-01-01, milliseconds of the day; the header's uptime is the same instant
    settings (5)       the packed settings now in force, and who has set them (UTF-8; empty: nobody but the program)
    loss (6)           first and last sequence number of records overwritten before a host had them

"No value" is 0xFFFF (rates, SpO2, perfusion), -0x8000 (temperature, alarm value) and 0xFF (battery): never zero.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

VITALS = 1
ALARM = 2
BOOT = 3
TIME_ANCHOR = 4
SETTINGS = 5
LOSS = 6
KIND_NAMES = {
    VITALS: "vitals",
    ALARM: "alarm",
    BOOT: "boot",
    TIME_ANCHOR: "time_anchor",
    SETTINGS: "settings",
    LOSS: "loss",
}

VITALS_NAMES = (
    "seconds",
    "pulse_rate_seconds",
    "spo2_seconds",
    "quality",
    "pulse_rate_status",
    "spo2_status",
    "temperature_status",
    "alarm_bits",
    "battery_pct",
    "pulse_rate_mean_deci_bpm",
    "pulse_rate_min_deci_bpm",
    "pulse_rate_max_deci_bpm",
    "spo2_mean_deci_pct",
    "spo2_min_deci_pct",
    "spo2_max_deci_pct",
    "temperature_mean_centi_c",
    "temperature_min_centi_c",
    "temperature_max_centi_c",
    "perfusion_centi_pct",
    "respiration_mean_deci_per_min",
    "respiration_status",
    "spo2_is_calibrated",
    "movement",
)

HEADER_LENGTH = 13
MAX_LENGTH = 80
NO_U16 = 0xFFFF
NO_S16 = -0x8000
NO_U8 = 0xFF
SPO2_CALIBRATED = 1  # bits of a vitals record's flags
MOVEMENT_SHIFT = 1
_MOVEMENT_MASK = 7

_HEADER = "<IBHHI"
_VITALS = "<BBBBBBBBHHHHHHhhhHBHHBB"
_ALARM = "<BBBhHI"
_BOOT = "<BBBBHH"
_TIME_ANCHOR = "<HI"
_LOSS = "<II"
VITALS_LENGTH = HEADER_LENGTH + struct.calcsize(_VITALS)
ALARM_LENGTH = HEADER_LENGTH + struct.calcsize(_ALARM)
BOOT_LENGTH = HEADER_LENGTH + struct.calcsize(_BOOT)
TIME_ANCHOR_LENGTH = HEADER_LENGTH + struct.calcsize(_TIME_ANCHOR)
LOSS_LENGTH = HEADER_LENGTH + struct.calcsize(_LOSS)


def pack_header(buf: bytearray, sequence: int, kind: int, boot: int, day: int, day_ms: int) -> None:
    """Write the header at the start of `buf`."""
    struct.pack_into(_HEADER, buf, 0, sequence, kind, boot, day, day_ms)


def pack_alarm(
    buf: bytearray, condition: int, event: int, priority: int, value: int, onset_day: int, onset_day_ms: int
) -> int:
    """Write an alarm event's payload after the header; the record's length is returned."""
    struct.pack_into(_ALARM, buf, HEADER_LENGTH, condition, event, priority, value, onset_day, onset_day_ms)
    return ALARM_LENGTH


def pack_boot(buf: bytearray, reset_cause: int, version: "tuple[int, int, int]", alarm_bits: int) -> int:
    """Write a boot's payload after the header; the record's length is returned."""
    halves = (alarm_bits & 0xFFFF, alarm_bits >> 16)
    struct.pack_into(_BOOT, buf, HEADER_LENGTH, reset_cause, version[0], version[1], version[2], halves[0], halves[1])
    return BOOT_LENGTH


def pack_time_anchor(buf: bytearray, utc_day: int, utc_day_ms: int) -> int:
    """Write a time anchor's payload after the header; the record's length is returned."""
    struct.pack_into(_TIME_ANCHOR, buf, HEADER_LENGTH, utc_day, utc_day_ms)
    return TIME_ANCHOR_LENGTH


def pack_settings(buf: bytearray, packed: bytearray, author: bytes) -> int:
    """Write the settings in force, and who has set them, after the header; the record's length is returned."""
    end = HEADER_LENGTH + len(packed)
    buf[HEADER_LENGTH:end] = packed
    buf[end : end + len(author)] = author
    return end + len(author)


def pack_loss(buf: bytearray, first: int, last: int) -> int:
    """Write a loss's payload after the header; the record's length is returned."""
    struct.pack_into(_LOSS, buf, HEADER_LENGTH, first, last)
    return LOSS_LENGTH


class Summary:
    """The vitals of one summary interval, gathered second by second without allocating."""

    def __init__(self) -> None:
        self.pulse_rate = Spread()
        self.spo2 = Spread()
        self.temperature = Spread()
        self.respiration = Spread()
        self.start()

    def start(self) -> None:
        """Begin a new interval."""
        self.seconds = 0
        self.pulse_rate.start()
        self.spo2.start()
        self.temperature.start()
        self.respiration.start()

    def pack(
        self,
        buf: bytearray,
        statuses: "Sequence[int]",
        quality: int,
        battery: int,
        perfusion: int,
        alarm_bits: int,
        flags: int,
    ) -> int:
        """Write the payload after the header; the record's length is returned.

        statuses: pulse rate, SpO2, temperature, respiration, as they stand at the end of the interval, as do `flags`.
        """
        pulse_rate = self.pulse_rate
        spo2 = self.spo2
        temperature = self.temperature
        struct.pack_into(
            _VITALS,
            buf,
            HEADER_LENGTH,
            self.seconds,
            pulse_rate.count,
            spo2.count,
            quality,
            statuses[0],
            statuses[1],
            statuses[2],
            battery,
            pulse_rate.mean(NO_U16),
            pulse_rate.least(NO_U16),
            pulse_rate.most(NO_U16),
            spo2.mean(NO_U16),
            spo2.least(NO_U16),
            spo2.most(NO_U16),
            temperature.mean(NO_S16),
            temperature.least(NO_S16),
            temperature.most(NO_S16),
            perfusion,
            alarm_bits & 0xFF,
            alarm_bits >> 8,
            self.respiration.mean(NO_U16),
            statuses[3],
            flags,
        )
        return VITALS_LENGTH


class Spread:
    """Count, mean, least and most of the values of one signal in an interval."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Forget all values."""
        self.count = 0
        self._sum = 0
        self._least = 0
        self._most = 0

    def add(self, value: int) -> None:
        """Take one more value in."""
        if self.count == 0 or value < self._least:
            self._least = value
        if self.count == 0 or value > self._most:
            self._most = value
        self._sum += value
        self.count += 1

    def mean(self, none: int) -> int:
        """Mean, rounded, or `none` where there was no value."""
        return (self._sum + self.count // 2) // self.count if self.count else none

    def least(self, none: int) -> int:
        """Smallest value, or `none` where there was no value."""
        return self._least if self.count else none

    def most(self, none: int) -> int:
        """Largest value, or `none` where there was no value."""
        return self._most if self.count else none


class RecordError(ValueError):
    """A record's bytes do not make sense: too short for its kind, or of a kind this program does not know."""


class Record:
    """A record, read. `fields` holds the payload by name; None stands where the device had no value."""

    def __init__(self, data: "bytes | bytearray | memoryview") -> None:
        if len(data) < HEADER_LENGTH:
            raise RecordError("a record has at least %d bytes, this one has %d" % (HEADER_LENGTH, len(data)))
        self.sequence, self.kind, self.boot, self.day, self.day_ms = struct.unpack_from(_HEADER, data, 0)
        read = _READERS.get(self.kind)
        if read is None:
            raise RecordError("record %d is of unknown kind %d" % (self.sequence, self.kind))
        try:
            self.fields = read(data)
        except (ValueError, RuntimeError):
            raise RecordError("record %d (%s) is cut short" % (self.sequence, KIND_NAMES[self.kind])) from None
        self.data = bytes(data)


def _unpack(layout: str, data: "bytes | bytearray | memoryview") -> "tuple[int, ...]":
    if len(data) < HEADER_LENGTH + struct.calcsize(layout):
        raise ValueError
    return struct.unpack_from(layout, data, HEADER_LENGTH)


def vitals_of(data: "bytes | bytearray | memoryview") -> "tuple[int | None, ...]":
    """The payload of a vitals record, in the order of `VITALS_NAMES`; ValueError where it is cut short."""
    # In one piece, without a call for each value: a host reads millions of them.
    if len(data) < VITALS_LENGTH:
        raise ValueError
    (
        seconds, pulse_rate_seconds, spo2_seconds, quality, pulse_rate_status, spo2_status, temperature_status, battery,
        pulse_rate_mean, pulse_rate_min, pulse_rate_max, spo2_mean, spo2_min, spo2_max,
        temperature_mean, temperature_min, temperature_max, perfusion, alarm_bits_low, alarm_bits_high,
        respiration_mean, respiration_status, flags,
    ) = struct.unpack_from(_VITALS, data, HEADER_LENGTH)  # fmt: skip
    return (
        seconds,
        pulse_rate_seconds,
        spo2_seconds,
        quality,
        pulse_rate_status,
        spo2_status,
        temperature_status,
        alarm_bits_low | alarm_bits_high << 8,
        None if battery == NO_U8 else battery,
        None if pulse_rate_mean == NO_U16 else pulse_rate_mean,
        None if pulse_rate_min == NO_U16 else pulse_rate_min,
        None if pulse_rate_max == NO_U16 else pulse_rate_max,
        None if spo2_mean == NO_U16 else spo2_mean,
        None if spo2_min == NO_U16 else spo2_min,
        None if spo2_max == NO_U16 else spo2_max,
        None if temperature_mean == NO_S16 else temperature_mean,
        None if temperature_min == NO_S16 else temperature_min,
        None if temperature_max == NO_S16 else temperature_max,
        None if perfusion == NO_U16 else perfusion,
        None if respiration_mean == NO_U16 else respiration_mean,
        respiration_status,
        flags & SPO2_CALIBRATED,
        flags >> MOVEMENT_SHIFT & _MOVEMENT_MASK,
    )


def _read_vitals(data: "bytes | bytearray | memoryview") -> "dict[str, int | None]":
    return dict(zip(VITALS_NAMES, vitals_of(data)))


def _read_alarm(data: "bytes | bytearray | memoryview") -> "dict[str, int | None]":
    condition, event, priority, value, onset_day, onset_day_ms = _unpack(_ALARM, data)
    return {
        "condition": condition,
        "event": event,
        "priority": priority,
        "value": None if value == NO_S16 else value,
        "onset_day": onset_day,
        "onset_day_ms": onset_day_ms,
    }


def _read_boot(data: "bytes | bytearray | memoryview") -> "dict[str, int | None]":
    cause, major, minor, patch, low, high = _unpack(_BOOT, data)
    return {"reset_cause": cause, "major": major, "minor": minor, "patch": patch, "alarm_bits": low | high << 16}


def _read_time_anchor(data: "bytes | bytearray | memoryview") -> "dict[str, int | None]":
    utc_day, utc_day_ms = _unpack(_TIME_ANCHOR, data)
    return {"utc_day": utc_day, "utc_day_ms": utc_day_ms}


def _read_settings(data: "bytes | bytearray | memoryview") -> "dict[str, int | None]":
    return {"length": len(data) - HEADER_LENGTH}


def _read_loss(data: "bytes | bytearray | memoryview") -> "dict[str, int | None]":
    first, last = _unpack(_LOSS, data)
    return {"first": first, "last": last}


_READERS = {
    VITALS: _read_vitals,
    ALARM: _read_alarm,
    BOOT: _read_boot,
    TIME_ANCHOR: _read_time_anchor,
    SETTINGS: _read_settings,
    LOSS: _read_loss,
}
