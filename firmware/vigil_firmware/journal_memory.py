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
        self._memory = [bytearray(sector_bytes) for _ in range(sectors)]  # a board may have no such piece for them all

    def read(self, sector: int, offset: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`."""
        memory = self._memory[sector]
        for index in range(len(buf)):
            buf[index] = memory[offset + index] ^ 0xFF  # kept inverted: fresh memory reads as erased

    def program(self, sector: int, offset: int, data: memoryview) -> None:
        """Write within a sector."""
        memory = self._memory[sector]
        for index in range(len(data)):
            memory[offset + index] = data[index] ^ 0xFF

    def erase(self, sector: int) -> None:
        """Erase."""
        memory = self._memory[sector]
        for index in range(self.sector_bytes):
            memory[index] = 0

    def flush(self) -> bool:
        """Nothing outlasts a cut."""
        return False
