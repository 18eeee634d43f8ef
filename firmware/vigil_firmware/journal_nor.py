"""The journal's store on raw NOR flash, through MicroPython's extended block device: an esp32 partition, a Linux file.

`unit` is what the part programs at once, in bytes. Of 1, each frame takes what it needs. Of 256 (the page of most
NOR, and what rp2.Flash asks for), the page is programmed again with what is in it and more bits cleared, as the parts
permit.

Of 16 (parts with a check code of their own, which must not be programmed twice but to zeros), frames follow each other
all the same, so a unit holds the end of one and the start of the next. It is programmed when it is full: the newest
frame's last bytes wait in memory for the next frame, or for `flush`, which fills the unit up with zeros.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import BlockDevice

SLOT_BYTES = 29  # a packed vitals record with its mark, sum and CRC
_HEADER_BYTES = 32
_SHARED_UNIT = 16
_SHARED_GROUP_MS = 10_000  # summaries this far apart do not wait: there is room enough for them
_SYNC = 3
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6
_EIO = 5


class NorStore:
    """A store of all the blocks of a device. What was programmed is kept, but for what of a unit of 16 still waits."""

    def __init__(self, blocks: "BlockDevice", unit: int = 1) -> None:
        """Raises ValueError for another program unit."""
        if unit not in (1, _SHARED_UNIT, 256):
            raise ValueError("a program unit of %d bytes is not known" % unit)
        self._blocks = blocks
        self.sectors = blocks.ioctl(_BLOCK_COUNT, 0) or 0
        self.sector_bytes = blocks.ioctl(_BLOCK_SIZE, 0) or 0
        self._zeros = memoryview(bytearray(_HEADER_BYTES))
        self._has_pages = unit == 256
        self._page = bytearray(unit)
        self._seen = bytearray(unit)
        self._held = 0  # bytes of `_page` that wait, with the erased ones before them
        self._held_sector = 0
        self._held_first = 0  # the offset of their unit
        self.slot_bytes = SLOT_BYTES
        self.mark_bytes = 1
        self.shared_unit = 1
        self.group_ms = 0
        if unit == _SHARED_UNIT:
            self.mark_bytes = 0
            self.shared_unit = unit
            self.group_ms = _SHARED_GROUP_MS

    def read(self, sector: int, offset: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`."""
        self._blocks.readblocks(sector, buf, offset)
        if self._held and sector == self._held_sector:
            offset = self._held_first - offset
            for index in range(self._held):
                if 0 <= offset + index < len(buf):
                    buf[offset + index] = self._page[index]

    def program(self, sector: int, offset: int, data: memoryview) -> None:
        """Write within a sector."""
        if self.shared_unit == 1:
            self._program_now(sector, offset, data)
            return
        self._held_sector = sector
        for index in range(len(data)):
            self._hold(offset + index, data[index])

    def erase(self, sector: int) -> None:
        """Erase. The header goes first: a cut in the middle leaves no header over what it left of the rest."""
        self._program_now(sector, 0, self._zeros)
        self._blocks.ioctl(_ERASE, sector)

    def flush(self) -> bool:
        """Program what waits, and have the device write what it may still hold; whether the next slot is begun."""
        is_begun = self._held > 0
        if is_begun:
            for index in range(self._held, _SHARED_UNIT):
                self._page[index] = 0
            self._program_held()
        self._blocks.ioctl(_SYNC, 0)
        return is_begun

    def _hold(self, offset: int, byte: int) -> None:
        """Take a byte into the unit that waits, and program that when it is full."""
        index = offset % _SHARED_UNIT
        if self._held == 0:
            for before in range(index):
                self._page[before] = 0xFF
        self._page[index] = byte
        self._held = index + 1
        self._held_first = offset - index
        if self._held == _SHARED_UNIT:
            self._program_held()

    def _program_held(self) -> None:
        """Program a unit and read it back: a worn cell does not say that it failed."""
        self._held = 0
        self._blocks.writeblocks(self._held_sector, self._page, self._held_first)
        self._blocks.readblocks(self._held_sector, self._seen, self._held_first)
        if self._seen != self._page:
            raise OSError(_EIO, "it does not hold what was written")

    def _program_now(self, sector: int, offset: int, data: memoryview) -> None:
        if not self._has_pages:
            self._blocks.writeblocks(sector, data, offset)
            return
        first = offset - offset % 256
        while first < offset + len(data):
            self._program_page(sector, first, offset, data)
            first += 256

    def _program_page(self, sector: int, first: int, offset: int, data: memoryview) -> None:
        self._blocks.readblocks(sector, self._page, first)
        offset -= first
        for index in range(len(data)):
            if 0 <= offset < 256:
                self._page[offset] = data[index]
            offset += 1
        self._blocks.writeblocks(sector, self._page, first)
