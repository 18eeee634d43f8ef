"""A LittleFS image of a board's files, as the board's own MicroPython would have written it.

Its options are those of MicroPython's `vfs.VfsLfs2`: read and program size 32, 256 to program on rp2 (its `_boot.py`),
look-ahead 32, a cache of four times the larger of the two. The version on the flash is 2.0, which every MicroPython
mounts; littlefs itself would write 2.1. Source: MicroPython's extmod/vfs_lfsx.c.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath

from littlefs import LittleFS
from littlefs.errors import LittleFSError

from vigil_host.boards.description import SECTOR_BYTES, Board
from vigil_host.boards.problems import ImageError

_DISK_VERSION = 0x00020000
_SMALLEST_BYTES = 32
_RP2_PROGRAM_BYTES = 256
_NO_SPACE = -28


def pack(files: Mapping[str, bytes], board: Board) -> bytes:
    """The whole file system of the board with these files in it; raises ImageError where there is no room."""
    system = _system(board)
    folders = {str(folder) for path in files for folder in PurePosixPath(path).parents if str(folder) != "."}
    try:
        for folder in sorted(folders):
            system.mkdir(folder)
        for path, content in files.items():
            with system.open(path, "wb") as file:
                file.write(content)
    except LittleFSError as error:
        if error.code != _NO_SPACE:
            raise
        raise ImageError(f"the files of {board.name} have no room in {board.files_bytes // 1024} KiB") from None
    system.unmount()
    return bytes(system.context.buffer)


def unpack(image: bytes, board: Board) -> dict[str, bytes]:
    """The files of an image, by path; raises LittleFSError where it cannot be mounted."""
    system = _system(board, image)
    files = {}
    for folder, _, names in system.walk("/"):
        for name in names:
            path = str(PurePosixPath(folder, name)).lstrip("/")
            with system.open(path, "rb") as file:
                files[path] = file.read()
    return files


def used_bytes(image: bytes, board: Board) -> int:
    """How much of the flash an image's files take, in whole blocks."""
    return int(_system(board, image).used_block_count) * SECTOR_BYTES


def _system(board: Board, image: bytes | None = None) -> LittleFS:
    """A mounted file system of the board's size: this image's, or a new one."""
    program = _RP2_PROGRAM_BYTES if board.chip.port == "rp2" else _SMALLEST_BYTES
    system = LittleFS(
        mount=False, block_size=SECTOR_BYTES, block_count=board.files_bytes // SECTOR_BYTES,
        read_size=_SMALLEST_BYTES, prog_size=program, cache_size=4 * program, lookahead_size=_SMALLEST_BYTES,
        disk_version=_DISK_VERSION,
    )  # fmt: skip
    if image is None:
        system.format()
    else:
        system.context.buffer[:] = image
    system.mount()
    return system
