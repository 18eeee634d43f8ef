"""The journal's store in memory: where nothing can be written, and for replays. A reboot empties it."""

from vigil_firmware.journal_nor import SLOT_BYTES


class MemoryStore:
    """A store of `sectors` in memory that is taken once."""

    group_ms = 0
    mark_bytes = 1
    shared_unit = 1
    slot_bytes = SLOT_BYTES

    def __init__(self, sectors: int, sector_bytes: int = 4096) -> None:
        self.sectors = sectors
        self.sector_bytes = sector_bytes
        self._memory = bytearray(sectors * sector_bytes)

    def read(self, sector: int, offset: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`."""
        start = sector * self.sector_bytes + offset
        for index in range(len(buf)):
            buf[index] = self._memory[start + index] ^ 0xFF  # kept inverted: fresh memory reads as erased

    def program(self, sector: int, offset: int, data: memoryview) -> None:
        """Write within a sector."""
        start = sector * self.sector_bytes + offset
        for index in range(len(data)):
            self._memory[start + index] = data[index] ^ 0xFF

    def erase(self, sector: int) -> None:
        """Erase."""
        start = sector * self.sector_bytes
        for index in range(self.sector_bytes):
            self._memory[start + index] = 0

    def flush(self) -> bool:
        """Nothing outlasts a cut."""
        return False
