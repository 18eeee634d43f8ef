"""A vitals record in 25 bytes instead of 48, without loss: how the journal keeps it on flash.

What a summary holds of an ordinary wearer needs few bits, so each value gets as many as it needs, least significant bit
first, one after the other, in the order of `_PLAIN` and then of `_SPREADS`; the last bit is 1. A record that does not
come back to the byte (a value beyond its bits) is not packed at all. Sequence number, kind, boot and day are not in it:
the journal knows them.
"""

from vigil_wire import records

LENGTH = 25
_FLAGS = 47

# Offset in the record, bytes, bits. All bits set stand for all bits of the record's value set: "no value", which only
# flags do not have. Flat, since on a board each tuple of three takes 32 bytes; made of a list, which is not kept.
# fmt: off
_PLAIN = bytes([
    9, 2, 16,  # milliseconds of the day
    11, 2, 11,
    13, 1, 6,  # seconds covered, with pulse rate, with SpO2
    14, 1, 6,
    15, 1, 6,
    16, 1, 7,  # quality
    17, 1, 4,  # statuses
    18, 1, 4,
    19, 1, 4,
    20, 1, 7,  # battery
    39, 2, 12,  # perfusion index
    41, 1, 8,  # alarm bits, the first sixteen
    42, 2, 8,
    44, 2, 10,  # respiration rate
    46, 1, 4,
    _FLAGS, 1, 4,
])
# fmt: on
_PLAIN_END = 48
# Offset of a mean that its least and its most follow, bits of the mean, bits of each distance from it, what the mean's
# code starts at, "no value".
_SPREADS = (
    (21, 12, 9, 0, 0xFFFF),  # pulse rate
    (27, 10, 8, 0, 0xFFFF),  # SpO2
    (33, 12, 7, 2000, 0x8000),  # temperature
)


class VitalsPacker:
    """Packs and unpacks, in memory that is taken once."""

    def __init__(self) -> None:
        self._record = bytearray(0)
        self._data = bytearray(0)
        self._position = 0
        self._held = 0  # bits in `_pending`, which belong before `_position`
        self._pending = 0
        self._back = bytearray(records.VITALS_LENGTH)
        self._packed = bytearray(LENGTH)

    def pack(self, record: bytearray, length: int, out: bytearray, start: int) -> bool:
        """Put a vitals record at `out[start:]`; False, with nothing written, where it cannot be packed."""
        if length != records.VITALS_LENGTH:
            return False
        self._record = record
        self._open(self._packed, 0)
        self._put_all()
        if not self._comes_back(record):
            return False
        for index in range(LENGTH):
            out[start + index] = self._packed[index]
        return True

    def unpack(self, data: bytearray, start: int, record: bytearray) -> None:
        """Fill in a vitals record from its milliseconds of the day on."""
        self._record = record
        self._open(data, start)
        for at in range(0, _PLAIN_END, 3):
            self._take_plain(at)
        for spread in _SPREADS:
            self._take_spread(spread)

    def _comes_back(self, record: bytearray) -> bool:
        back = self._back
        for index in range(records.HEADER_LENGTH):
            back[index] = record[index]
        self.unpack(self._packed, 0, back)
        different = 0
        for index in range(records.VITALS_LENGTH):
            different |= back[index] ^ record[index]
        return different == 0

    def _put_all(self) -> None:
        for at in range(0, _PLAIN_END, 3):
            self._put_plain(at)
        for spread in _SPREADS:
            self._put_spread(spread)
        self._put(1, 1)

    def _put_plain(self, at: int) -> None:
        value = _word(self._record, _PLAIN[at], _PLAIN[at + 1])
        self._put(value, _PLAIN[at + 2])

    def _put_spread(self, spread: "tuple[int, int, int, int, int]") -> None:
        mean = _word(self._record, spread[0], 2)
        if mean == spread[4]:
            self._put((1 << spread[1]) - 1, spread[1])
            self._put(0, spread[2] * 2)
            return
        self._put(mean - spread[3], spread[1])
        other = _word(self._record, spread[0] + 2, 2)
        self._put(mean - other, spread[2])
        other = _word(self._record, spread[0] + 4, 2)
        self._put(other - mean, spread[2])

    def _take_plain(self, at: int) -> None:
        code = self._take(_PLAIN[at + 2])
        if code == (1 << _PLAIN[at + 2]) - 1 and _PLAIN[at] != _FLAGS:
            code = (1 << _PLAIN[at + 1] * 8) - 1
        _set_word(self._record, _PLAIN[at], _PLAIN[at + 1], code)

    def _take_spread(self, spread: "tuple[int, int, int, int, int]") -> None:
        mean = self._take(spread[1])
        less = self._take(spread[2])
        more = self._take(spread[2])
        if mean == (1 << spread[1]) - 1:
            mean = spread[4]
        else:
            mean += spread[3]
        _set_word(self._record, spread[0], 2, mean)
        less = mean - less
        _set_word(self._record, spread[0] + 2, 2, less)
        more = mean + more
        _set_word(self._record, spread[0] + 4, 2, more)

    def _open(self, data: bytearray, start: int) -> None:
        self._data = data
        self._position = start
        self._held = 0
        self._pending = 0

    def _put(self, value: int, bits: int) -> None:
        """Add the low `bits` of `value`."""
        self._pending |= (value & (1 << bits) - 1) << self._held
        self._held += bits
        while self._held >= 8:
            self._data[self._position] = self._pending & 0xFF
            self._pending >>= 8
            self._position += 1
            self._held -= 8

    def _take(self, bits: int) -> int:
        while self._held < bits:
            self._pending |= self._data[self._position] << self._held
            self._position += 1
            self._held += 8
        value = self._pending & (1 << bits) - 1
        self._pending >>= bits
        self._held -= bits
        return value


def _word(record: bytearray, offset: int, length: int) -> int:
    return record[offset] | record[offset + 1] << 8 if length == 2 else record[offset]


def _set_word(record: bytearray, offset: int, length: int, value: int) -> None:
    record[offset] = value & 0xFF
    if length == 2:
        record[offset + 1] = value >> 8 & 0xFF
