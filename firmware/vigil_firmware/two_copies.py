"""One small blob kept in two alternating flash blocks, so that a cut at any instant leaves the old one or the new one.

Each block: length (u16), generation (u16), the blob, CRC-16 over all of it. The valid copy of the newer generation
counts; a write goes to the other block. Generations wrap at 2^16 and are compared as neighbours.
"""

import struct

from vigil_wire.crc import crc16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import BlockDevice

_HEADER = "<HH"
_HEADER_LENGTH = 4
_ERASE = 6
_SYNC = 3


class TwoCopies:
    """A blob of up to `most_bytes` in blocks `first_block` and `first_block + 1` of a block device."""

    def __init__(self, blocks: "BlockDevice", first_block: int, most_bytes: int = 128) -> None:
        self._blocks = blocks
        self._first_block = first_block
        self._most_bytes = most_bytes
        self._current = 1
        self._generation = 0

    def read(self) -> "bytearray | None":
        """The newest blob that was written whole; None when there is none."""
        newest = None
        buf = bytearray(_HEADER_LENGTH + self._most_bytes + 2)
        for copy in (0, 1):
            found = self._read_copy(copy, buf)
            if found is not None and (newest is None or (found[0] - self._generation) & 0xFFFF < 0x8000):
                self._generation, newest = found
                self._current = copy
        return newest

    def write(self, blob: "bytes | bytearray") -> None:
        """Make `blob` the newest; the previous one stays readable until this one is whole."""
        length = _HEADER_LENGTH + len(blob)
        self.read()
        buf = bytearray(length + 2)
        struct.pack_into(_HEADER, buf, 0, len(blob), (self._generation + 1) & 0xFFFF)
        buf[_HEADER_LENGTH:length] = blob
        struct.pack_into("<H", buf, length, crc16(buf, length))
        block = self._first_block + 1 - self._current
        self._blocks.ioctl(_ERASE, block)
        self._blocks.writeblocks(block, buf, 0)
        self._blocks.ioctl(_SYNC, 0)

    def _read_copy(self, copy: int, buf: bytearray) -> "tuple[int, bytearray] | None":
        self._blocks.readblocks(self._first_block + copy, buf, 0)
        blob_length, generation = struct.unpack_from(_HEADER, buf, 0)
        length = _HEADER_LENGTH + blob_length
        if length + 2 > len(buf) or struct.unpack_from("<H", buf, length)[0] != crc16(buf, length):
            return None
        return generation, bytearray(buf[_HEADER_LENGTH:length])
