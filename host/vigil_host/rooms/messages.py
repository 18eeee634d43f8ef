"""What a room bridge and the primary bridge say to each other: each message is one binary WebSocket message.

First byte the kind; numbers little-endian; text is UTF-8 and fills the rest.

    hello      01 | protocol version | room id 4 | nonce 16              room -> primary
    challenge  02 | nonce 16 | proof 32                                  primary -> room
    proof      03 | proof 32                                             room -> primary
    welcome    04 | the room's name                                      primary -> room

    tick       10 | number, u32              once a second from the primary; the room sends it back at once
    advert     11 | rssi, s8 | manufacturer data 24 | address            room -> primary
    connect    20 | link, u32 | address      to one of the adverts' devices, and subscribe to its record stream
    write      21 | link, u32 | frame        to its record control point; one at a time
    drop       22 | link, u32
    done       30 | link, u32                what was asked for, connect or write, is done
    frame      31 | link, u32 | frame        notified by the record stream
    ended      32 | link, u32 | why          there is no such link, any more or at all

A proof is HMAC-SHA256 by the key in the room's join code of "room" or "primary" (whose proof it is), the room's nonce
and the primary's: each shows the other that it has the key, and who listens to them does not learn it. There is no way
to name a characteristic: a room bridge touches the record service's two and no other.
"""

import hmac
import struct
from dataclasses import dataclass
from typing import Any

from vigil_wire.advert import MANUFACTURER_LENGTH
from vigil_wire.link import MAX_FRAME

PROTOCOL_VERSION = 1
PATH = "/rooms"
MAX_MESSAGE = 512
NONCE_LENGTH = 16
PROOF_LENGTH = 32
ROOM_ID_LENGTH = 4

# Why a connection is closed, as WebSocket close codes of our own.
WRONG_VERSION = 4000
REFUSED = 4001
OVER = 4002

HELLO = 0x01
CHALLENGE = 0x02
PROOF = 0x03
WELCOME = 0x04
TICK = 0x10
ADVERT = 0x11
CONNECT = 0x20
WRITE = 0x21
DROP = 0x22
DONE = 0x30
FRAME = 0x31
ENDED = 0x32

_MOST_TEXT = 120
_HELLO = struct.Struct(f"<BB{ROOM_ID_LENGTH}s{NONCE_LENGTH}s")
_CHALLENGE = struct.Struct(f"<B{NONCE_LENGTH}s{PROOF_LENGTH}s")
_ADVERT = struct.Struct(f"<Bb{MANUFACTURER_LENGTH}s")
_NUMBERED = struct.Struct("<BI")


class MessageError(Exception):
    """What came cannot be understood; the connection must be closed."""


@dataclass(frozen=True)
class Advert:
    """An advert that a room has heard."""

    rssi_dbm: int
    sealed: bytes
    address: str


def proof(key: bytes, whose: str, room_nonce: bytes, primary_nonce: bytes) -> bytes:
    """Return the proof of "room" or "primary" that it has the key."""
    return hmac.digest(key, whose.encode() + room_nonce + primary_nonce, "sha256")


def hello(room_id: str, nonce: bytes) -> bytes:
    """Begin: which room, and its nonce."""
    return _HELLO.pack(HELLO, PROTOCOL_VERSION, bytes.fromhex(room_id), nonce)


def version_of(message: bytes) -> int:
    """Return the protocol version in a hello, which may be of any version."""
    if len(message) < 2 or message[0] != HELLO:
        raise MessageError("that is no hello")
    return message[1]


def read_hello(message: bytes) -> tuple[str, bytes]:
    """Return the room's id and nonce."""
    room_id: bytes
    nonce: bytes
    _, _, room_id, nonce = _unpack(_HELLO, HELLO, message)
    return room_id.hex(), nonce


def challenge(nonce: bytes, proof: bytes) -> bytes:
    """Answer a hello with the primary's nonce and proof."""
    return _CHALLENGE.pack(CHALLENGE, nonce, proof)


def read_challenge(message: bytes) -> tuple[bytes, bytes]:
    """Return the primary's nonce and proof."""
    nonce: bytes
    theirs: bytes
    _, nonce, theirs = _unpack(_CHALLENGE, CHALLENGE, message)
    return nonce, theirs


def text(kind: int, said: str) -> bytes:
    """A message that is text only."""
    return bytes((kind,)) + _cut(said)


def read_text(kind: int, message: bytes) -> str:
    """Return the text of such a message."""
    if not message or message[0] != kind:
        raise MessageError("an unexpected message")
    return printable(message[1:])


def advert(heard: Advert) -> bytes:
    """Pass an advert on."""
    rssi_dbm = max(-128, min(127, heard.rssi_dbm))
    return _ADVERT.pack(ADVERT, rssi_dbm, heard.sealed) + _cut(heard.address)


def read_advert(message: bytes) -> Advert:
    """Return the advert passed on."""
    if len(message) <= _ADVERT.size:
        raise MessageError("an advert without an address")
    _, rssi_dbm, sealed = _ADVERT.unpack_from(message)
    return Advert(rssi_dbm, sealed, printable(message[_ADVERT.size :]))


def numbered(kind: int, number: int, rest: bytes = b"") -> bytes:
    """A tick, or a message about one link."""
    return _NUMBERED.pack(kind, number) + rest


def read_numbered(message: bytes) -> tuple[int, int, bytes]:
    """Return kind, number and the rest of a tick or of a message about a link."""
    if len(message) < _NUMBERED.size:
        raise MessageError("a message is cut short")
    kind, number = _NUMBERED.unpack_from(message)
    rest = message[_NUMBERED.size :]
    if kind in (WRITE, FRAME) and len(rest) > MAX_FRAME:
        raise MessageError("a frame is too long")
    return kind, number, rest


def about(kind: int, number: int, said: str) -> bytes:
    """A message about a link that ends with text."""
    return numbered(kind, number, _cut(said))


def printable(data: bytes) -> str:
    """Text as the other side sent it, fit for a log."""
    said = data.decode("utf-8", "replace")[:_MOST_TEXT]
    return "".join(character if character.isprintable() else "?" for character in said)


def _cut(said: str) -> bytes:
    return said[:_MOST_TEXT].encode()[: 3 * _MOST_TEXT]


def _unpack(layout: struct.Struct, kind: int, message: bytes) -> tuple[Any, ...]:
    if len(message) != layout.size or message[0] != kind:
        raise MessageError("an unexpected message")
    return layout.unpack(message)
