"""The boot drive of a Pico: a small USB drive that takes a UF2 file and is gone when it has it all.

It is known by its file INFO_UF2.TXT, whose Board-ID is RPI-RP2 (RP2040) or RP2350.
"""

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import serial

from vigil_host.boards.description import Board
from vigil_host.flash.problems import FlashError

TOUCH_BAUD = 1200
"""A port that is opened and closed at this speed has MicroPython on a Pico start its boot loader."""
BOOTSEL = "unplug the board, hold its BOOTSEL button, plug it in, and let go of the button"
_BOARD_IDS = {"rp2040": "RPI-RP2", "rp2350": "RP2350"}
_INFO = "INFO_UF2.TXT"
_LOOK_S = 0.25
_PIECE_BYTES = 32 << 10
# The drive goes as soon as it has the last block, maybe before the system has closed the file.
_GONE = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.EBADF)


def touch(port: str) -> None:
    """Have MicroPython on this port start the boot loader; where it does not, the drive does not come."""
    with contextlib.suppress(OSError, ValueError):  # the port goes while it is open
        serial.serial_for_url(port, baudrate=TOUCH_BAUD).close()


def wait_for(board: Board, named: Path | None, within_s: float) -> Path:
    """The boot drive of this board, as named or where the system mounts drives; FlashError where there is none."""
    end_s = time.monotonic() + within_s
    while True:
        for folder in [named] if named else mounted():
            if _is_drive(folder, board):
                return folder
        if time.monotonic() >= end_s:
            where = f"{named} is not the boot drive of a {board.name}" if named else "no boot drive has come"
            raise FlashError(
                f"{where}: {BOOTSEL}, then run this again; where drives are not mounted by themselves, mount it and "
                "name the folder with --drive"
            )
        time.sleep(_LOOK_S)


def mounted() -> list[Path]:
    """Where drives are mounted: by the system's own list on Linux, else under /Volumes."""
    table = Path("/proc/mounts")
    if table.exists():
        rows = (line.split(" ") for line in table.read_text(encoding="utf-8").splitlines())
        return [
            Path(re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), row[1])) for row in rows if row[2] == "vfat"
        ]
    return [*_folders(Path("/Volumes"))]


def copy(drive: Path, content: bytes, progress: Callable[[int], None]) -> None:
    """Put the UF2 file onto the drive; `progress` gets the bytes of each piece. FlashError where that fails."""
    written = 0
    try:
        with (drive / "vigil.uf2").open("wb") as file:
            for start in range(0, len(content), _PIECE_BYTES):
                written = start + file.write(content[start : start + _PIECE_BYTES])
                file.flush()
                progress(written - start)
            with contextlib.suppress(OSError):
                os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in _GONE or written < len(content):
            raise FlashError(
                f"{drive} did not take the image ({error.strerror}): {BOOTSEL}, then run this again"
            ) from None


def _is_drive(folder: Path, board: Board) -> bool:
    """Whether this is the boot drive of a board of this kind; another kind's is a FlashError."""
    try:
        info = (folder / _INFO).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    found = re.search(r"^Board-ID:\s*(\S+)", info, re.MULTILINE)
    wanted = _BOARD_IDS[board.chip_name]
    if found and found[1] != wanted and found[1] in _BOARD_IDS.values():
        raise FlashError(
            f"the boot drive at {folder} is of an {found[1]}, and {board.name} has {wanted}: choose --board"
        )
    return bool(found and found[1] == wanted)


def _folders(parent: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (folder for folder in parent.iterdir() if folder.is_dir())
