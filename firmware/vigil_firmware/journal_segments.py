"""The journal's store in files of 4 KiB on a mounted file system: boards whose firmware owns the whole flash.

Made for LittleFS, where a file is, after a cut, as it was at its last flush, and a flush costs about one erase.
Summaries are therefore flushed in groups; whatever else is appended is flushed at once.
"""

import os

from vigil_firmware.journal_frames import HEADER, mark_of, u16
from vigil_firmware.journal_nor import SLOT_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

GROUP_MS = 30_000
SEGMENT_BYTES = 4096
_FSYNC = getattr(os, "fsync", None)  # MicroPython has none: there, a flush is what makes a file last
_ENOENT = (2, 44)  # MicroPython's WebAssembly port numbers its errors as Emscripten does


class SegmentStore:
    """A store of `sectors` files `folder/0`, `folder/1`, ..., each made when it is first needed.

    Where there are segments already, their number is what it was. `open_file` is `open`, or another file system's.
    """

    mark_bytes = 0  # a frame is written in one piece: to go back in a file costs LittleFS a copy of the block
    shared_unit = 1
    slot_bytes = SLOT_BYTES
    sector_bytes = SEGMENT_BYTES

    def __init__(
        self, folder: str, sectors: int, open_file: "Callable[[str, str], Any]" = open, group_ms: int = GROUP_MS
    ) -> None:
        self._folder = folder
        self._open_file = open_file
        self.group_ms = group_ms
        self._written: Any = None  # the file that is appended to, kept open: to open one takes memory
        self._written_sector = -1
        self._reading: Any = None
        self._reading_sector = -1
        self.sectors = self._sectors_there(sectors)

    def read(self, sector: int, offset: int, buf: "bytearray | memoryview") -> None:
        """Fill `buf`; what was never written reads as erased."""
        file = self._written if sector == self._written_sector else self._reader(sector)
        count = 0
        if file is not None:
            file.seek(offset)
            count = file.readinto(buf) or 0
        while count < len(buf):
            buf[count] = 0xFF
            count += 1

    def program(self, sector: int, offset: int, data: memoryview) -> None:
        """Write within a segment; a cut may undo it until `flush`."""
        if not data:
            return
        if sector != self._written_sector:
            self._go_on_in(sector)
        try:
            self._written.seek(offset)
            self._written.write(data)
        except OSError:
            self._abandon()
            raise

    def erase(self, sector: int) -> None:
        """Make the segment an empty file."""
        if sector == self._written_sector:
            self._close()
        self._close_reader(sector)
        self._open_file(self._path(sector), "wb").close()

    def flush(self) -> bool:
        """Make what was written outlast a cut."""
        if self._written is None:
            return False
        try:
            self._written.flush()
            if _FSYNC is not None and self._open_file is open:
                _FSYNC(self._written.fileno())
        except OSError:
            self._abandon()
            raise
        return False

    def _sectors_there(self, sectors: int) -> int:
        header = bytearray(5)
        for sector in (0, 1):  # one of them may be empty
            self.read(sector, 0, header)
            if mark_of(header[0]) == HEADER:
                return u16(header, 3)
        return sectors

    def _reader(self, sector: int) -> "Any":
        if sector != self._reading_sector:
            self._close_reader(self._reading_sector)
            self._reading = self._open(sector, "rb")
            self._reading_sector = sector
        return self._reading

    def _open(self, sector: int, mode: str) -> "Any":
        try:
            return self._open_file(self._path(sector), mode)
        except OSError as error:
            if error.args[0] in _ENOENT:
                return None
            raise

    def _path(self, sector: int) -> str:
        return "%s/%d" % (self._folder, sector)

    def _close(self) -> None:
        if self._written is not None:
            self.flush()
            self._written.close()
        self._written = None
        self._close_reader(self._written_sector)
        self._written_sector = -1

    def _go_on_in(self, sector: int) -> None:
        self._close()
        self._close_reader(sector)
        self._written = self._open(sector, "r+b") or self._open_file(self._path(sector), "w+b")
        self._written_sector = sector

    def _abandon(self) -> None:
        """Let go of a file that failed: to LittleFS its later flushes do nothing, and seem to go well."""
        file = self._written
        self._written = None
        self._written_sector = -1
        try:
            file.close()
        except OSError:
            pass  # the same error again: the caller raises the first

    def _close_reader(self, sector: int) -> None:
        """Close what is read, where it is this segment."""
        if sector == self._reading_sector:
            if self._reading is not None:
                self._reading.close()
            self._reading = None
            self._reading_sector = -1
