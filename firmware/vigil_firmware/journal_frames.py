"""How the journal writes one thing to flash so that a torn or damaged one is never taken for a whole one.

A frame is one, two or three *slots* long. Its first byte is a mark, which says what it is and how long. Marks are words
of the [8,4,4] extended Hamming code: one flipped bit is put right, and a mark that was only half programmed is none.
The mark is programmed after everything else, so a frame with a mark is whole. From the mark on:

    content, 0xFF up to the last four bytes, a byte that is never 0, the sum of all before (8 bits), CRC-16 (high first)

The CRC covers all but the mark. It starts from what the reader must know already (mark, sequence number and, for packed
vitals, boot and day), so that a frame is valid in its own place only. One flipped bit is put right by the CRC, if the
sum then agrees. A frame whose last four bytes are 0 has been given up, whatever its mark.
"""

from vigil_wire.crc import crc16_of, flipped_bit

BLANK = 0xFF
DEAD = 0x00
GARBAGE = 0x01  # what `mark_of` calls a byte that is no mark
HEADER = 0x69
VITALS = 0x0F
RECORD_1 = 0x33
RECORD_2 = 0x3C
RECORD_3 = 0x55
ACKNOWLEDGED = 0x5A

SLOTS_MOST = 3
_TAIL = 4  # the byte that is never 0, sum, CRC
RECORD_MARKS = (BLANK, RECORD_1, RECORD_2, RECORD_3)  # by slots

_CRC_START = 0xFFFF


def _nearest_marks() -> bytearray:
    nearest = bytearray(256)
    for byte in range(256):
        nearest[byte] = GARBAGE
    for mark in (BLANK, DEAD, HEADER, VITALS, RECORD_1, RECORD_2, RECORD_3, ACKNOWLEDGED):
        nearest[mark] = mark
        for bit in range(8):
            nearest[mark ^ 1 << bit] = mark
    return nearest


_NEAREST = _nearest_marks()


def mark_of(byte: int) -> int:
    """The mark that a byte is, or was before one of its bits flipped; GARBAGE where there is none."""
    return _NEAREST[byte]


def slots_of(mark: int) -> int:
    """How many slots the frame of a mark takes; 1 for what is no frame."""
    if mark == RECORD_2:
        return 2
    return 3 if mark == RECORD_3 else 1


class Place:
    """Where in the journal a frame is: what its CRC starts from. Set all three, then ask for `start`."""

    def __init__(self) -> None:
        self.sequence = 0
        self.boot = 0
        self.day = 0
        self._known = bytearray(9)

    def start(self, mark: int) -> int:
        """The CRC to start from. Only packed vitals depend on boot and day: other records say their own."""
        known = self._known
        put_u32(known, 0, self.sequence)
        known[4] = mark
        put_u16(known, 5, self.boot if mark == VITALS else 0)
        put_u16(known, 7, self.day if mark == VITALS else 0)
        return crc16_of(known, 0, 9, _CRC_START)


def fill(frame: bytearray, first: int, length: int) -> None:
    """Set what the content leaves free to 0xFF, up to the end of `length` bytes."""
    for index in range(first, length):
        frame[index] = 0xFF


def seal(frame: bytearray, length: int, start: int) -> None:
    """Write sum and CRC at the end of a frame of `length` bytes."""
    frame[length - 3] = _sum(frame, length - 3)
    crc = crc16_of(frame, 1, length - 2, start)
    frame[length - 2] = crc >> 8
    frame[length - 1] = crc & 0xFF


def is_whole(frame: bytearray, length: int, start: int) -> bool:
    """Whether a frame is what was sealed; one flipped bit is put right. The caller has put right the mark."""
    difference = crc16_of(frame, 1, length - 2, start) ^ (frame[length - 2] << 8 | frame[length - 1])
    if difference:
        bit = flipped_bit(difference, (length - 1) * 8)
        if bit < 0:
            return False
        frame[length - 1 - (bit >> 3)] ^= 1 << (bit & 7)
    return _sum(frame, length - 3) == frame[length - 3]


def is_given_up(frame: bytearray, length: int) -> bool:
    """Whether the end of a frame of `length` bytes has been overwritten with zeros."""
    total = 0
    for index in range(length - _TAIL, length):
        total += frame[index]
    return total == 0


def put_u16(buf: bytearray, start: int, value: int) -> None:
    """Write 16 bits, little-endian."""
    buf[start] = value & 0xFF
    buf[start + 1] = value >> 8 & 0xFF


def put_u32(buf: bytearray, start: int, value: int) -> None:
    """Write 32 bits, little-endian; `value` is small enough for a board's integer."""
    put_u16(buf, start, value)
    put_u16(buf, start + 2, value >> 16)


def u16(buf: bytearray, start: int) -> int:
    """Read 16 bits."""
    return buf[start] | buf[start + 1] << 8


def u32(buf: bytearray, start: int) -> int:
    """Read 32 bits."""
    return u16(buf, start) | u16(buf, start + 2) << 16


def _sum(frame: bytearray, length: int) -> int:
    total = 0
    for index in range(length):
        total += frame[index]
    return total & 0xFF
