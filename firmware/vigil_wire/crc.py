"""CRC-16/CCITT-FALSE (polynomial 0x1021, initial 0xFFFF): guards journal records, settings and setup codes."""

_NIBBLES = (
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
    0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
)  # fmt: skip


def crc16(data: "bytes | bytearray | memoryview", length: int, start: int = 0xFFFF) -> int:
    """CRC of the first `length` bytes; pass a previous result as `start` to go on with it."""
    return crc16_of(data, 0, length, start)


def crc16_of(data: "bytes | bytearray | memoryview", first: int, end: int, start: int) -> int:
    """CRC of the bytes from `first` up to, not including, `end`, going on from `start`."""
    for index in range(first, end):
        start ^= data[index] << 8
        start = (start << 4 & 0xFFFF) ^ _NIBBLES[start >> 12]
        start = (start << 4 & 0xFFFF) ^ _NIBBLES[start >> 12]
    return start


def flipped_bit(difference: int, bits: int) -> int:
    """Which one bit, flipped, makes a CRC differ by `difference` from the one behind its data, high byte first.

    Counted back from the CRC's lowest bit over `bits` bits of CRC and data; -1 where no single bit does. The
    polynomial finds every two flipped bits in up to 4 KiB: they are never taken for one.
    """
    power = 1
    for index in range(bits):
        if power == difference:
            return index
        power <<= 1
        if power > 0xFFFF:
            power = power & 0xFFFF ^ 0x1021
    return -1
