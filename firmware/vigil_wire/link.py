"""The record link: what host and device say to each other over the record service, sealed end to end.

Two characteristics carry it: the host writes frames to `CONTROL`, the device notifies frames on `STREAM`.

    hello   01 | protocol version | 8-byte nonce                 once each way, in clear
    sealed  02 | frame counter, 3 bytes | message | MIC 8        everything else

The session key is HKDF-SHA256(link key, salt host nonce | device nonce, info "session" | version): fresh for every
connection, and nobody without the device key can make or read a frame. The first sealed frame of each side proves to
the other that it knows the key: mutual authentication. Who changes a hello on the way changes the key. AES-CCM, nonce
= direction | nine zeros | counter. Counters start at 0 and must rise by exactly one, so that a replayed, reflected,
reordered or dropped frame ends the session instead of passing.

Messages, little-endian, first byte the type:

    host -> device                                    device -> host
    10 fetch   sequence to start from (u32)           90 info     journal id (u32), boot (u16), oldest, newest and
    11 ack     newest sequence on disk (u32)                      acknowledged sequence (u32 each), uptime day (u16),
    12 time    UTC day since 2000 (u16), ms (u32)                 ms of day (u32), the next advert's counter (5), flags
    13 info                                           91 records  (length u8, record) ...
    14 curve   the board's SpO2 curve (24)            92 live     advert content (15), quality 0-100 (u8); where the
                                                                  host has said `movement`: as vigil_wire.movement has
                                                                  it (u8), activity (milli-g, u16), steps a minute (u8)
    15 counts                                         93 missing  first, last sequence (u32) the device no longer has
    16 rotate  the next device key (16)               94 rotated
    17 stay                                           95 counts   what was refused, by kind (u16 each; `REFUSALS`)
    18 pair                                           96 bye      seconds after which to connect again (u8)
    19 settings  fields (28), who asks (UTF-8, 0-15)  97 alarms   active, acknowledged, latched conditions (u32 each),
    1A alarm   command, condition, by, minutes (u16)              priorities of conditions.RISING, in two bits each,
    1B movement                                                   first one lowest (u8), audio paused for s (u8),
                                                                  standby for min (u16)

The flags of `info`: bit 0, the device changes its address every fifteen minutes; bit 1, its radio can pair; bit 2, it
has an accelerometer. A host that knows what that flag means says `movement`, in each session, and live messages are
longer from then on. A host or a device from before there was this says nothing, and hears what it always did. In a
live message an activity of 0xFFFF is none, and so is a cadence of 0.

`curve` is as `vigil_wire.settings` packs it. The device checks it, keeps it, and journals the settings it then has;
where it is the one in force already, nothing happens.

`rotate` replaces the device key. The device has the new one on flash before it says `rotated`; from then on its adverts
and every new connection are under it, while this session goes on under the key it was begun with. Other sessions end.
So a host writes the new key down before it sends it, keeps both until it has heard the device under the new one or been
told `rotated`, and then forgets the old: whenever the power fails, the device has one of the two. The advert counter
goes on. The identity that follows from the key (`keys.device_id`) is another, but a host goes on to call the device by
the one it first had. Who has the old key and records this very session reads the new key in it.

`settings` replaces all settings but the curve (`Settings.pack_fields`); it is like `curve` otherwise. The record that
the device then writes says who asked.

`alarm` is what a button does, from a host. Commands: 1 acknowledge a condition (0xFF: all), 2 pause the audio, 3 end
the pause, 4 begin standby for `minutes`, 5 end it, 6 try every light and sound. `by` is 1 (somebody beside the wearer)
or 2 (from afar); from afar an acknowledgement is noted and silences nothing, and the audio cannot be paused. What came
of it is in the records, and in `alarms`, which the device sends whenever anything in it has changed, and at first.

`pair` opens pairing for two minutes, as the device's button does, for a phone or gateway that is to be bonded.

A device whose adverts nobody hears during a link (a Pico W) ends each session after nine seconds, says `bye` a second
before that, and lets nobody connect for the time it says, so that other listeners hear its adverts. A host that knows
that nobody else listens says `stay`, in each session, and keeps its session.

After `fetch` the device streams records from there on and goes on with new ones as they come; at most `WINDOW` records
are under way beyond the newest acknowledged one.
"""

import struct

from vigil_wire import conditions, keys, movement
from vigil_wire.aes import Aes
from vigil_wire.ccm import Ccm

SERVICE_UUID = "5a6d0001-7669-6769-6c76-6974616c7300"
CONTROL_UUID = "5a6d0002-7669-6769-6c76-6974616c7300"
STREAM_UUID = "5a6d0003-7669-6769-6c76-6974616c7300"

PROTOCOL_VERSION = 1
HELLO = 0x01
SEALED = 0x02
HELLO_LENGTH = 10
NONCE_LENGTH = 8
MIC_LENGTH = 8
OVERHEAD = 4 + MIC_LENGTH
MAX_FRAME = 244  # ATT MTU 247 less three
MIN_MTU = 100  # smaller, and a record would not fit a notification
WINDOW = 64

FETCH = 0x10
ACK = 0x11
TIME = 0x12
ASK_INFO = 0x13
CURVE = 0x14
ASK_COUNTS = 0x15
ROTATE = 0x16
STAY = 0x17
PAIR = 0x18
SETTINGS = 0x19
ALARM = 0x1A
ASK_MOVEMENT = 0x1B
INFO = 0x90
RECORDS = 0x91
LIVE = 0x92
MISSING = 0x93
ROTATED = 0x94
COUNTS = 0x95
BYE = 0x96
ALARMS = 0x97
BYE_LENGTH = 2
LIVE_LENGTH = 17
LIVE_WITH_MOVEMENT_LENGTH = 21

# Commands of an alarm message.
ACKNOWLEDGE = 1
PAUSE_AUDIO = 2
RESUME_AUDIO = 3
BEGIN_STANDBY = 4
END_STANDBY = 5
TRY_SIGNALS = 6

# Flags of an info message.
ADDRESS_CHANGES = 1
CAN_PAIR = 2
FEELS_MOVEMENT = 4

_SESSION = b"session" + bytes((PROTOCOL_VERSION,))
_TO_DEVICE = 0
_TO_HOST = 1
_INFO = "<BIHIIIHIHBHB"
_ALARMS = "<BHHHHHHBBH"
ALARMS_LENGTH = struct.calcsize(_ALARMS)
_ALARM = "<BBBBH"
_MOVEMENT = "<BHB"
_NO_ACTIVITY = 0xFFFF
_NO_SEQUENCE = 0xFFFFFFFF


# Kinds of what a device refuses, as it counts them since its boot.
FORGED = 0
OUT_OF_ORDER = 1
MALFORMED = 2
OTHER_VERSION = 3
UNKNOWN_MESSAGE = 4
UNPROVEN = 5
TURNED_AWAY = 6
REFUSALS = (
    "forged or damaged frames",
    "frames replayed or out of order",
    "frames and messages of a wrong length or content",
    "hellos of another protocol version",
    "unknown messages",
    "connections that never proved that they know the key",
    "connections turned away unheard",
)
_COUNTS_LENGTH = 1 + 2 * len(REFUSALS)


class LinkError(Exception):
    """The other side cannot be trusted or understood; the connection must be dropped. Says why, and its kind."""

    def __init__(self, reason: str, kind: int = MALFORMED) -> None:
        super().__init__(reason)
        self.kind = kind


class Session:
    """One side's end of a session: `seal` what goes out, `open` what comes in, in buffers made once."""

    def __init__(self, device_key: bytes, is_device: bool) -> None:
        self._link_key = keys.derive(device_key, keys.LINK)
        self._outward = bytearray(13)
        self._inward = bytearray(13)
        self._outward[0] = _TO_HOST if is_device else _TO_DEVICE
        self._inward[0] = _TO_DEVICE if is_device else _TO_HOST
        self.out = bytearray(MAX_FRAME)
        self.is_open = False

    def begin(self, host_nonce: "bytes | bytearray", device_nonce: "bytes | bytearray") -> None:
        """Draw the session key from both nonces and start both counters at 0; LinkError unless both have 8 bytes."""
        if len(host_nonce) != NONCE_LENGTH or len(device_nonce) != NONCE_LENGTH:
            raise LinkError("a nonce has 8 bytes")
        nonces = bytes(host_nonce) + bytes(device_nonce)
        self._ccm = Ccm(Aes(keys.hkdf_sha256(self._link_key, nonces, _SESSION, keys.KEY_LENGTH)), MIC_LENGTH)
        self._sent = 0
        self._received = 0
        self.is_open = True

    def seal(self, length: int) -> int:
        """Seal the message in `out[4:4 + length]` where it stands; the length of the frame in `out` is returned."""
        if not self.is_open:
            raise LinkError("the session is not open")
        self._number(self._outward, self._sent)
        self._sent += 1
        self.out[0] = SEALED
        for index in range(3):
            self.out[1 + index] = self._outward[10 + index]
        self._ccm.seal(self._outward, b"", self.out, 4, length)
        return length + OVERHEAD

    def open(self, frame: bytearray, length: int) -> int:
        """Open the first `length` bytes of `frame` in place; its message is then `frame[4:4 + result]`.

        Raises LinkError, and ends the session, for a frame that is forged, damaged, replayed, out of order or short.
        """
        was_open = self.is_open
        self.is_open = False  # and stays so unless this frame is right
        if not OVERHEAD < length <= MAX_FRAME or frame[0] != SEALED:
            raise LinkError("not a sealed frame of this session")
        if not was_open:
            raise LinkError("the session is not open", OUT_OF_ORDER)
        self._number(self._inward, self._received)
        for index in range(3):
            if frame[1 + index] != self._inward[10 + index]:
                raise LinkError("frame %d expected, another came" % self._received, OUT_OF_ORDER)
        if not self._ccm.open(self._inward, b"", frame, 4, length - OVERHEAD):
            raise LinkError("frame %d is forged or damaged" % self._received, FORGED)
        self._received += 1
        self.is_open = True
        return length - OVERHEAD

    def _number(self, nonce: bytearray, counter: int) -> None:
        if counter >> 24:
            raise LinkError("this session has used up its frame counter")
        nonce[10] = counter & 0xFF
        nonce[11] = counter >> 8 & 0xFF
        nonce[12] = counter >> 16


class Info:
    """What the device says of itself and its journal. Sequence numbers are None while there is no such record."""

    def __init__(self, message: "bytes | bytearray | memoryview") -> None:
        if len(message) != struct.calcsize(_INFO):
            raise LinkError("an info message has %d bytes, this one has %d" % (struct.calcsize(_INFO), len(message)))
        _, self.journal_id, self.boot, oldest, newest, acknowledged, self.day, self.day_ms, *counter, self.flags = (
            struct.unpack(_INFO, message)
        )
        self.advert_counter = counter[0] | counter[1] << 16 | counter[2] << 24
        self.oldest = None if oldest == _NO_SEQUENCE else oldest
        self.newest = None if newest == _NO_SEQUENCE else newest
        self.acknowledged = None if acknowledged == _NO_SEQUENCE else acknowledged


def pack_info(
    buf: bytearray,
    start: int,
    journal: "tuple[int, int, int, int, int]",
    uptime: "tuple[int, int]",
    advert_counter: "tuple[int, int]",
    flags: int,
) -> int:
    """Write an info message at `start`; its length is returned.

    journal: id, boot number, oldest, newest and acknowledged sequence number (-1: there is none). uptime: day, ms of
    the day. advert_counter: high and low, as `vigil_wire.advert` has it. flags: of those above.
    """
    journal_id, boot, oldest, newest, acknowledged = journal
    high, low = advert_counter
    struct.pack_into(
        _INFO,
        buf,
        start,
        INFO,
        journal_id,
        boot,
        oldest & _NO_SEQUENCE,
        newest & _NO_SEQUENCE,
        acknowledged & _NO_SEQUENCE,
        uptime[0],
        uptime[1],
        low & 0xFFFF,
        low >> 16 | (high & 15) << 4,
        high >> 4,
        flags,
    )
    return struct.calcsize(_INFO)


def hello(nonce: bytes) -> bytes:
    """A hello frame that offers `nonce` (eight bytes)."""
    return bytes((HELLO, PROTOCOL_VERSION)) + nonce


def nonce_of_hello(frame: "bytes | bytearray | memoryview") -> bytes:
    """The nonce in a hello frame; LinkError when it is none, or of another protocol version."""
    if len(frame) != HELLO_LENGTH or frame[0] != HELLO:
        raise LinkError("not a hello frame")
    if frame[1] != PROTOCOL_VERSION:
        raise LinkError("protocol version %d, this side speaks %d" % (frame[1], PROTOCOL_VERSION), OTHER_VERSION)
    return bytes(frame[2:10])


def fetch(sequence: int) -> bytes:
    """A message that asks for all records from `sequence` on."""
    return struct.pack("<BI", FETCH, sequence)


def acknowledge(sequence: int) -> bytes:
    """A message that says every record up to `sequence` is on disk."""
    return struct.pack("<BI", ACK, sequence)


def set_time(utc_day: int, utc_day_ms: int) -> bytes:
    """A message that gives the time: days since 2000-01-01 UTC, milliseconds of that day."""
    return struct.pack("<BHI", TIME, utc_day, utc_day_ms)


def set_curve(packed: "bytes | bytearray") -> bytes:
    """A message that gives the board's own SpO2 curve, as `settings.pack_curve` has it."""
    return bytes((CURVE,)) + packed


def set_settings(fields: "bytes | bytearray", author: bytes) -> bytes:
    """A message that gives all settings but the curve, as `Settings.pack_fields` has them, and who wants them so."""
    return bytes((SETTINGS,)) + fields + author


def alarm_command(command: int, condition: int, by: int, minutes: int = 0) -> bytes:
    """A message that does what a button does; condition: conditions.ALL where the command is about none."""
    return struct.pack(_ALARM, ALARM, command, condition, by, minutes)


def read_alarm_command(message: "bytes | bytearray | memoryview") -> "tuple[int, int, int, int]":
    """Command, condition, by whom, and minutes of an alarm message; LinkError where it is of another length."""
    if len(message) != struct.calcsize(_ALARM):
        raise LinkError("an alarm message has %d bytes, not %d" % (struct.calcsize(_ALARM), len(message)))
    _, command, condition, by, minutes = struct.unpack(_ALARM, message)
    return command, condition, by, minutes


def pack_alarms(
    buf: bytearray, start: int, bits: "tuple[int, int, int]", rising: int, paused_s: int, standby_min: int
) -> int:
    """Write an alarms message at `start`; its length is returned. bits: active, acknowledged, latched."""
    active, acknowledged, latched = bits
    struct.pack_into(
        _ALARMS,
        buf,
        start,
        ALARMS,
        active & 0xFFFF,
        active >> 16,
        acknowledged & 0xFFFF,
        acknowledged >> 16,
        latched & 0xFFFF,
        latched >> 16,
        rising,
        paused_s,
        standby_min,
    )
    return ALARMS_LENGTH


class AlarmState:
    """An alarms message, read: which conditions are active, acknowledged and latched, one bit each.

    `priorities` are those of conditions.RISING. LinkError where it is of another length.
    """

    def __init__(self, message: "bytes | bytearray | memoryview") -> None:
        if len(message) != ALARMS_LENGTH:
            raise LinkError("an alarms message has %d bytes, this one has %d" % (ALARMS_LENGTH, len(message)))
        values = struct.unpack(_ALARMS, message)
        self.active, self.acknowledged, self.latched = (values[1 + 2 * n] | values[2 + 2 * n] << 16 for n in range(3))
        rising, self.audio_paused_s, self.standby_min = values[7:]
        self.priorities = [rising >> 2 * index & 3 for index in range(len(conditions.RISING))]


def pack_movement(buf: bytearray, start: int, code: int, activity_milli_g: int, cadence_per_min: int) -> None:
    """Write the end of a live message: `code` as `vigil_wire.movement.pack` has it, an activity of -1 is none."""
    struct.pack_into(_MOVEMENT, buf, start, code, activity_milli_g & _NO_ACTIVITY, min(cadence_per_min, 255))


class Movement:
    """How a wearer moves and lies, read from the end of a live message; LinkError where it makes no sense.

    `position` and `movement` are codes of `vigil_wire.movement`; None: no activity, no cadence.
    """

    def __init__(self, message: "bytes | bytearray | memoryview") -> None:
        code, activity_milli_g, cadence_per_min = struct.unpack_from(_MOVEMENT, message, LIVE_LENGTH)
        if code > movement.MOST:
            raise LinkError("a live message with a movement of %d" % code)
        self.position, self.movement = movement.unpack(code)
        self.activity_milli_g = None if activity_milli_g == _NO_ACTIVITY else activity_milli_g
        self.cadence_per_min = cadence_per_min or None


def rotate(device_key: "bytes | bytearray") -> bytes:
    """A message that gives the next device key; LinkError unless it has 16 bytes."""
    if len(device_key) != keys.KEY_LENGTH:
        raise LinkError("a device key has %d bytes, not %d" % (keys.KEY_LENGTH, len(device_key)))
    return bytes((ROTATE,)) + device_key


def missing_range(message: "bytes | bytearray | memoryview") -> "tuple[int, int]":
    """First and last sequence number of a `missing` message."""
    if len(message) != 9:
        raise LinkError("a missing message has 9 bytes, this one has %d" % len(message))
    _, first, last = struct.unpack("<BII", message)
    return first, last


def records_in(message: "bytes | bytearray | memoryview") -> "list[bytes]":
    """The raw records in a `records` message; LinkError when the lengths in it do not add up."""
    found = []
    position = 1
    while position < len(message):
        end = position + 1 + message[position]
        if end > len(message):
            raise LinkError("a records message is cut short")
        found.append(bytes(message[position + 1 : end]))
        position = end
    return found


def pack_counts(buf: bytearray, start: int, counts: "list[int]") -> int:
    """Write a counts message at `start`; its length is returned. Counts beyond 16 bits stay at the most there is."""
    buf[start] = COUNTS
    for kind in range(len(REFUSALS)):
        struct.pack_into("<H", buf, start + 1 + 2 * kind, min(counts[kind], 0xFFFF))
    return _COUNTS_LENGTH


def counts_in(message: "bytes | bytearray | memoryview") -> "tuple[int, ...]":
    """What a device has refused since its boot, in the order of `REFUSALS`."""
    if len(message) != _COUNTS_LENGTH:
        raise LinkError("a counts message has %d bytes, this one has %d" % (_COUNTS_LENGTH, len(message)))
    return struct.unpack("<%dH" % len(REFUSALS), message[1:])
