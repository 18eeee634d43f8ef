"""Block devices made of files: for boards whose firmware owns the whole flash, and for Linux.

`FileBlocks` keeps a file for each block, written whole, which then takes the place of the old one: a cut leaves one or
the other. `FileFlash` is one file that stands for a NOR chip, written in place.
"""

import os

_BLOCK_LENGTH = 4096
_SYNC = 3
_BLOCK_COUNT = 4
_BLOCK_SIZE = 5
_ERASE = 6
_ENOENT = 2
_EINVAL = 22

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import ReadableBuffer, WritableBuffer


class FileBlocks:
    """Blocks 0 to `count` - 1 of 4096 bytes, kept as `folder/block0` and so on; a transfer stays within one block.

    Only what was written is stored: the rest reads 0xFF. Raises OSError(EINVAL) beyond a block or the last of them.
    """

    def __init__(self, folder: str, count: int) -> None:
        self._folder = folder
        self._count = count
        try:
            os.mkdir(folder)
        except OSError:
            os.stat(folder)  # there already; anything else is the caller's to know

    def readblocks(self, block: int, buffer: "WritableBuffer", offset: int = 0) -> None:
        """Fill the buffer from a byte offset in a block on."""
        self._check(len(buffer), offset)
        stored = self._load(block)[offset : offset + len(buffer)]
        buffer[: len(stored)] = stored
        for index in range(len(stored), len(buffer)):
            buffer[index] = 0xFF

    def writeblocks(self, block: int, data: "ReadableBuffer", offset: "int | None" = None) -> None:
        """Write from a byte offset on, where it must have been erased; without an offset the block is erased first."""
        stored = bytearray() if offset is None else bytearray(self._load(block))
        offset = offset or 0
        self._check(len(data), offset)
        while len(stored) < offset + len(data):
            stored.append(0xFF)
        stored[offset : offset + len(data)] = data
        self._save(block, stored)

    def ioctl(self, operation: int, argument: int) -> "int | None":
        """Operations: 3 sync, 4 number of blocks, 5 bytes per block, 6 erase block `argument`."""
        if operation == _BLOCK_COUNT:
            return self._count
        if operation == _BLOCK_SIZE:
            return _BLOCK_LENGTH
        if operation == _ERASE:
            self._save(argument, bytearray())
            return 0
        return 0 if operation == _SYNC else None

    def _check(self, length: int, offset: int) -> None:
        if offset < 0 or offset + length > _BLOCK_LENGTH:
            raise OSError(_EINVAL)

    def _path(self, block: int) -> str:
        if not 0 <= block < self._count:
            raise OSError(_EINVAL)
        return f"{self._folder}/block{block}"

    def _load(self, block: int) -> bytes:
        try:
            with open(self._path(block), "rb") as file:
                return file.read()
        except OSError as error:
            # MicroPython's WebAssembly port numbers its errors as Emscripten does: 44.
            if error.args[0] in (_ENOENT, 44):
                return b""
            raise

    def _save(self, block: int, data: bytearray) -> None:
        path = self._path(block)
        with open(path + ".new", "wb") as file:
            file.write(data)
            file.flush()
            if hasattr(os, "fsync"):  # MicroPython has none: there, closing a file is what makes it last
                os.fsync(file.fileno())
        os.rename(path + ".new", path)


class FileFlash:
    """Blocks 0 to `count` - 1 of 4096 bytes in the file `path`, which is made where there is none.

    A write is on the disk when it returns. Raises OSError(EINVAL) beyond the last block.
    """

    def __init__(self, path: str, count: int) -> None:
        self._count = count
        try:
            self._file = open(path, "r+b")  # noqa: SIM115 - the flash is the open file, until the program ends
        except OSError as error:
            if error.args[0] not in (_ENOENT, 44):
                raise
            self._file = open(path, "w+b")  # noqa: SIM115 - as above
        self._file.seek(0, 2)
        for _ in range(self._file.tell(), count * _BLOCK_LENGTH, _BLOCK_LENGTH):
            self._file.write(b"\xff" * _BLOCK_LENGTH)
        self._sync()

    def readblocks(self, block: int, buffer: "WritableBuffer", offset: int = 0) -> None:
        """Fill the buffer from a byte offset in a block on."""
        self._seek(block, offset, len(buffer))
        self._file.readinto(buffer)

    def writeblocks(self, block: int, data: "ReadableBuffer", offset: "int | None" = None) -> None:
        """Write from a byte offset in a block on; without an offset the blocks are erased first, which is the same."""
        self._seek(block, offset or 0, len(data))
        self._file.write(data)
        self._sync()

    def ioctl(self, operation: int, argument: int) -> "int | None":
        """Operations: 3 sync, 4 number of blocks, 5 bytes per block, 6 erase block `argument`."""
        if operation == _BLOCK_COUNT:
            return self._count
        if operation == _BLOCK_SIZE:
            return _BLOCK_LENGTH
        if operation == _ERASE:
            self.writeblocks(argument, b"\xff" * _BLOCK_LENGTH, 0)
            return 0
        return 0 if operation == _SYNC else None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _seek(self, block: int, offset: int, length: int) -> None:
        start = block * _BLOCK_LENGTH + offset
        if block < 0 or offset < 0 or start + length > self._count * _BLOCK_LENGTH:
            raise OSError(_EINVAL)
        self._file.seek(start)

    def _sync(self) -> None:
        self._file.flush()
        if hasattr(os, "fsync"):
            os.fsync(self._file.fileno())
