"""The device's end of the record link on one connection: answers the host and streams records as fast as it takes them.

It knows nothing of the radio: frames come in through `receive`, and leave through `send(frame)`, which says whether the
radio took them. A frame that was not taken is kept and offered again.
"""

import struct

from vigil_firmware.ticks import DAY_MS
from vigil_wire import conditions, link, movement, settings
from vigil_wire.advert import CONTENT_LENGTH
from vigil_wire.keys import KEY_LENGTH
from vigil_wire.settings import Settings, SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from vigil_firmware.monitor import Monitor

    class Owner(Protocol):
        """What a session asks of the device that it is not the monitor's to answer."""

        @property
        def advert_counter(self) -> "tuple[int, int]":
            """Counter (high, low) of the next advert."""

        @property
        def flags(self) -> int:
            """What hosts are told of the device: link.ADDRESS_CHANGES, link.CAN_PAIR, link.FEELS_MOVEMENT."""

        @property
        def refused(self) -> "list[int]":
            """How often what was refused since boot, in the order of link.REFUSALS."""

        def change_settings(self, settings: Settings, author: bytes) -> None:
            """Put other settings in force, by the wish of `author`, and keep them."""

        def open_pairing(self) -> None:
            """Let a phone or gateway pair, for some time."""

        def rotate_key(self, device_key: bytes, asked: "LinkEnd") -> None:
            """Keep another device key and use it for all but the session that `asked`."""


_ATT_OVERHEAD = 3
_MESSAGE = 4  # where a message starts in a frame


class LinkEnd:
    """One host's session. Raises link.LinkError when the connection must be dropped."""

    def __init__(
        self,
        device_key: bytes,
        monitor: "Monitor",
        send: "Callable[[memoryview], bool]",
        owner: "Owner",
    ) -> None:
        self._session = link.Session(device_key, True)
        self._monitor = monitor
        self._send = send
        self._owner = owner
        self._frames: dict[int, memoryview] = {}  # of `out`, by their lengths: each is made once, and a link has few
        self._kept = 0  # length of the frame in `out` that the radio has not taken yet
        self._cursor = -1  # next sequence to stream, -1 before the host asked
        self._confirmed = -1  # newest sequence the host has on disk
        self._missing_to = -1  # the host must hear that records up to here are gone
        self._owes_info = False
        self._owes_counts = False
        self._owes_rotated = False
        self._live_second = -1
        self._told_alarms = -1  # the revision of the alarms that the host was told last
        self.mtu = 23
        self._bye_s = -1  # what the host must be told of the end of its turn
        self._is_over = False  # it has been told
        self.may_stay = False  # the host has said that nobody else listens
        self._tells_movement = False  # the host has said that it knows what that is
        self.is_outdated = False  # the device key is another now
        self.is_proven = False  # the host has shown that it knows the device key

    def receive(self, frame: bytearray, random: "Callable[[int], bytes]") -> None:
        """Take in one frame the host wrote."""
        if frame and frame[0] == link.HELLO:
            self._hello(frame, random)
            return
        length = self._session.open(frame, len(frame))
        self.is_proven = True
        self._monitor.note_host()
        message = frame[_MESSAGE : _MESSAGE + length]
        kind = message[0]
        if kind == link.ASK_INFO and length == 1:
            self._owes_info = True
        elif kind == link.FETCH and length == 5:
            self._fetch(struct.unpack_from("<I", message, 1)[0])
        elif kind == link.ACK and length == 5:
            self._acknowledge(struct.unpack_from("<I", message, 1)[0])
        elif kind == link.TIME and length == 7:
            self._anchor_time(struct.unpack_from("<HI", message, 1))
        elif kind == link.CURVE:
            self._take_curve(message)
        elif kind == link.SETTINGS:
            self._take_settings(message)
        elif kind == link.ALARM:
            self._command_alarms(message)
        elif kind == link.ASK_COUNTS and length == 1:
            self._owes_counts = True
        elif kind == link.ROTATE and length == 1 + KEY_LENGTH:
            self._owner.rotate_key(bytes(message[1:]), self)
            self._owes_rotated = True
        elif kind == link.PAIR and length == 1:
            self._owner.open_pairing()
        elif kind == link.STAY and length == 1:
            self.may_stay = True
        elif kind == link.ASK_MOVEMENT and length == 1:
            self._tells_movement = True
        else:
            reason = "message of type 0x%02X and %d bytes is not known" % (kind, length)
            raise link.LinkError(reason, link.UNKNOWN_MESSAGE)

    def step(self, content: bytearray, content_start: int, second: int) -> None:
        """Send what is due; `content` is the advert's content of this `second`."""
        while self._flush():
            if not self.is_proven or self._is_over or self.mtu < link.MIN_MTU:
                return
            if self._bye_s >= 0:
                self._is_over = True
                self._seal(self._pack_bye())
                continue
            if self._owes_info:
                self._owes_info = False
                self._seal(self._pack_info())
            elif self._owes_rotated:
                self._owes_rotated = False
                self._session.out[_MESSAGE] = link.ROTATED
                self._seal(1)
            elif self._owes_counts:
                self._owes_counts = False
                self._seal(link.pack_counts(self._session.out, _MESSAGE, self._owner.refused))
            elif self._monitor.alarms.revision != self._told_alarms:
                self._told_alarms = self._monitor.alarms.revision
                self._seal(self._monitor.pack_alarms(self._session.out, _MESSAGE))
            elif second != self._live_second:
                self._live_second = second
                self._seal(self._pack_live(content, content_start))
            elif self._missing_to >= 0:
                self._seal(self._pack_missing())
            else:
                length = self._pack_records()
                if length == 0:
                    return
                self._seal(length)

    def say_bye(self, wait_s: int) -> None:
        """Send nothing more but that the host may connect again after `wait_s`."""
        self._bye_s = wait_s

    def _hello(self, frame: bytearray, random: "Callable[[int], bytes]") -> None:
        if self._session.is_open:
            raise link.LinkError("a second hello in one connection", link.OUT_OF_ORDER)
        self.is_proven = False
        host_nonce = link.nonce_of_hello(frame)
        device_nonce = random(link.NONCE_LENGTH)
        self._session.begin(host_nonce, device_nonce)
        reply = link.hello(device_nonce)
        self._session.out[: len(reply)] = reply
        self._kept = len(reply)

    def _fetch(self, sequence: int) -> None:
        journal = self._monitor.journal
        self._cursor = sequence
        self._confirmed = sequence - 1
        self._missing_to = -1
        if journal.oldest > sequence:
            self._missing_to = journal.oldest - 1

    def _acknowledge(self, sequence: int) -> None:
        journal = self._monitor.journal
        if sequence <= journal.newest:  # what does not exist cannot be on a disk
            journal.acknowledge(sequence)
            self._confirmed = max(self._confirmed, sequence)

    def _anchor_time(self, utc: "tuple[int, ...]") -> None:
        day, day_ms = utc
        if day_ms >= DAY_MS:
            raise link.LinkError("a time of day of %d ms" % day_ms)
        self._monitor.anchor_time(day, day_ms)

    def _take_curve(self, message: bytearray) -> None:
        try:
            wanted = self._monitor.settings.with_curve(settings.unpack_curve(message[1:]))
        except SettingsError as error:
            raise link.LinkError("a curve that cannot be used: " + str(error)) from None
        if wanted.spo2_curve != self._monitor.settings.spo2_curve:
            self._owner.change_settings(wanted, b"")

    def _take_settings(self, message: bytearray) -> None:
        fields = message[1 : 1 + settings.FIELDS_LENGTH]
        author = bytes(message[1 + settings.FIELDS_LENGTH :])
        if len(author) > settings.AUTHOR_MOST_BYTES:
            raise link.LinkError("an author of %d bytes" % len(author))
        try:
            wanted = settings.unpack_fields(fields, self._monitor.settings.spo2_curve)
        except SettingsError as error:
            raise link.LinkError("settings that cannot be used: " + str(error)) from None
        if fields != self._monitor.settings.pack_fields():
            self._owner.change_settings(wanted, author)

    def _command_alarms(self, message: bytearray) -> None:
        command, condition, by, minutes = link.read_alarm_command(message)
        if by not in (conditions.BESIDE_WEARER, conditions.FROM_AFAR):
            raise link.LinkError("an alarm command by %d" % by)
        self._monitor.command_alarms(command, condition, by, minutes)

    def _flush(self) -> bool:
        """Offer the kept frame to the radio; whether there is none left."""
        if self._kept and self._send(self._frame(self._kept)):
            self._kept = 0
        return self._kept == 0

    def _frame(self, length: int) -> memoryview:
        frame = self._frames.get(length)
        if frame is None:
            frame = memoryview(self._session.out)[:length]
            self._frames[length] = frame
        return frame

    def _seal(self, length: int) -> None:
        self._kept = self._session.seal(length)

    def _pack_info(self) -> int:
        journal = self._monitor.journal
        uptime = self._monitor.uptime
        numbers = (journal.journal_id, self._monitor.boot, journal.oldest, journal.newest, journal.acknowledged)
        owner = self._owner
        return link.pack_info(
            self._session.out, _MESSAGE, numbers, (uptime.day, uptime.day_ms), owner.advert_counter, owner.flags
        )

    def _pack_live(self, content: bytearray, start: int) -> int:
        out = self._session.out
        out[_MESSAGE] = link.LIVE
        for index in range(CONTENT_LENGTH):
            out[_MESSAGE + 1 + index] = content[start + index]
        vitals = self._monitor.vitals
        out[_MESSAGE + 1 + CONTENT_LENGTH] = vitals.quality
        if not self._tells_movement:
            return link.LIVE_LENGTH
        code = movement.pack(vitals.position, vitals.movement)
        cadence_per_min = vitals.cadence.value_or(0)
        link.pack_movement(out, _MESSAGE + link.LIVE_LENGTH, code, vitals.activity.value_or(-1), cadence_per_min)
        return link.LIVE_WITH_MOVEMENT_LENGTH

    def _pack_bye(self) -> int:
        self._session.out[_MESSAGE] = link.BYE
        self._session.out[_MESSAGE + 1] = self._bye_s
        return link.BYE_LENGTH

    def _pack_missing(self) -> int:
        struct.pack_into("<BII", self._session.out, _MESSAGE, link.MISSING, self._cursor, self._missing_to)
        self._cursor = self._missing_to + 1
        self._confirmed = self._missing_to
        self._missing_to = -1
        return 9

    def _pack_records(self) -> int:
        """As many of the records that are due as fit one notification; 0 when none is due."""
        if self._cursor < 0:
            return 0
        journal = self._monitor.journal
        if 0 <= self._cursor < journal.oldest:  # overwritten while it waited
            self._missing_to = journal.oldest - 1
            return self._pack_missing()
        out = self._session.out
        end = _MESSAGE + min(self.mtu - _ATT_OVERHEAD, link.MAX_FRAME) - link.OVERHEAD
        position = _MESSAGE + 1
        while self._cursor <= journal.newest and self._cursor - self._confirmed <= link.WINDOW:
            length = journal.length_of(self._cursor)
            if length == 0 or position + 1 + length > end:
                break
            out[position] = length
            journal.read_into(self._cursor, out, position + 1)
            position += 1 + length
            self._cursor += 1
        if position == _MESSAGE + 1:
            if self._cursor > journal.newest or journal.length_of(self._cursor):
                return 0
            self._missing_to = journal.next_kept(self._cursor) - 1  # damaged on flash
            return self._pack_missing()
        out[_MESSAGE] = link.RECORDS
        return position - _MESSAGE
