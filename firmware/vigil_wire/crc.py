"""CRC-16/CCITT-FALSE (polynomial 0x1021, initial 0xFFFF): guards journal records, settings and setup codes."""

_NIBBLES = (
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
    0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF,
)  # fmt: skip


def crc16(data: "bytes | bytearray | memoryview", length: int, start: int = 0xFFFF) -> int:
    """CRC of the first `length` bytes; pass a previous result as `start` to go on with it."""
    crc = start
    for index in range(length):
        byte = data[index]
        crc = (crc << 4 & 0xFFFF) ^ _NIBBLES[crc >> 12 ^ byte >> 4]
        crc = (crc << 4 & 0xFFFF) ^ _NIBBLES[crc >> 12 ^ byte & 15]
    return crc
