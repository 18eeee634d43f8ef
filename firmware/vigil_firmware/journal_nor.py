"""The journal's store on raw NOR flash, through MicroPython's extended block device: an esp32 partition, a Linux file.

`unit` is what the part programs at once, in bytes. Of 1, each frame takes what it needs. Of 16 (parts with a check code
of their own, which must not be programmed twice but to zeros), frames are multiples of 16. Of 256 (the page of most
NOR, and what rp2.Flash asks for), the page is programmed again with what is in it and more bits cleared, as the parts
permit.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import BlockDevice

SLOT_BYTES = 29  # a packed vitals record with its mark, sum and CRC
_ALIGNED_SLOT_BYTES = 32
_HEADER_BYTES = 32
_SYNC = 3
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6


class NorStore:
    """A store of all the blocks of a device. What was programmed is kept: there is nothing to flush."""

    group_ms = 0

    def __init__(self, blocks: "BlockDevice", unit: int = 1) -> None:
        """Raises ValueError for another program unit."""
        if unit not in (1, 16, 256):
            raise ValueError("a program unit of %d bytes is not known" % unit)
        self._blocks = blocks
        self.sectors = blocks.ioctl(_BLOCK_COUNT, 0) or 0
        self.sector_bytes = blocks.ioctl(_BLOCK_SIZE, 0) or 0
        self.slot_bytes = _ALIGNED_SLOT_BYTES if unit == 16 else SLOT_BYTES
        self.mark_bytes = 16 if unit == 16 else 1
        self._zeros = memoryview(bytearray(_HEADER_BYTES))
        self._has_pages = unit == 256
        self._page = bytearray(unit)

    def read(self, sector: int, offset: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`."""
        self._blocks.readblocks(sector, buf, offset)

    def program(self, sector: int, offset: int, data: memoryview) -> None:
        """Write within a sector."""
        if not self._has_pages:
            self._blocks.writeblocks(sector, data, offset)
            return
        first = offset - offset % 256
        while first < offset + len(data):
            self._program_page(sector, first, offset, data)
            first += 256

    def erase(self, sector: int) -> None:
        """Erase. The header goes first: a cut in the middle leaves no header over what it left of the rest."""
        self.program(sector, 0, self._zeros)
        self._blocks.ioctl(_ERASE, sector)

    def flush(self) -> None:
        """Have the device write what it may still hold."""
        self._blocks.ioctl(_SYNC, 0)

    def _program_page(self, sector: int, first: int, offset: int, data: memoryview) -> None:
        self._blocks.readblocks(sector, self._page, first)
        offset -= first
        for index in range(len(data)):
            if 0 <= offset < 256:
                self._page[offset] = data[index]
            offset += 1
        self._blocks.writeblocks(sector, self._page, first)
