"""A real LittleFS over a simulated chip, as MicroPython mounts a Pico W's, and the journal's segment files on it."""

import faulthandler
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from littlefs import LittleFS, lfs
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

from vigil_firmware.journal_segments import SegmentStore
from vigil_hal.simulated.flash import PowerCut, SimulatedFlash

if TYPE_CHECKING:
    from tests.faults.table import Row  # the benchmark of the journal has no tests

BLOCKS = 16
SEGMENTS = 3
_EIO = -5
# A commit that fails leaves its program cache behind, and the next one, to another place, takes it over. LittleFS has
# an assert against that. The wheel is built with it, and then the process ends; boards are built with LFS2_NO_ASSERT.
_ASSERT_OF_NO_BOARD = b"pcache->block == "
# As MicroPython mounts a Pico W's flash.
LAYOUT = {
    "block_size": 4096,
    "read_size": 32,
    "prog_size": 256,
    "cache_size": 1024,
    "lookahead_size": 32,
    "block_cycles": 100,
}


class Context(UserContext):
    """LittleFS's way to the chip."""

    def __init__(self, flash: SimulatedFlash) -> None:
        super().__init__(buffer=bytearray())
        self.flash = flash

    def read(self, cfg: Any, block: int, off: int, size: int) -> bytearray:
        data = bytearray(size)
        self.flash.readblocks(block, data, off)
        return data

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        try:
            self.flash.writeblocks(block, data, off)
        except PowerCut:
            return _EIO
        return 0

    def erase(self, cfg: Any, block: int) -> int:
        try:
            self.flash.ioctl(6, block)
        except PowerCut:
            return _EIO
        return 0


class File:
    """An open file, as MicroPython has it. Left open when the power goes; the library's own would then be closed."""

    def __init__(self, system: LittleFS, path: str, mode: str) -> None:
        self._system = system
        try:
            self._handle = lfs.file_open(system.fs, path, mode)
        except LittleFSError as error:
            if error.code == LittleFSError.Error.LFS_ERR_NOENT:
                raise OSError(2, path) from None
            raise

    def seek(self, offset: int) -> None:
        lfs.file_seek(self._system.fs, self._handle, offset, 0)

    def readinto(self, buf: Any) -> int:
        data = lfs.file_read(self._system.fs, self._handle, len(buf))
        buf[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> None:
        lfs.file_write(self._system.fs, self._handle, bytes(data))

    def flush(self) -> None:
        lfs.file_sync(self._system.fs, self._handle)

    def close(self) -> None:
        """As in MicroPython: closed whatever comes of it, and a second time does nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            lfs.file_close(self._system.fs, handle)


def layout(flash: SimulatedFlash) -> dict[str, int]:
    return LAYOUT | {"block_count": len(flash.erases)}


def mounted(flash: SimulatedFlash) -> LittleFS:
    return LittleFS(context=Context(flash), **layout(flash))


def store_on(flash: SimulatedFlash, segments: int = SEGMENTS) -> SegmentStore:
    """The store on what is now on the chip, as after a boot."""
    system = mounted(flash)

    return SegmentStore("journal", segments, lambda path, mode: File(system, path, mode))


def formatted(blocks: int = BLOCKS) -> SimulatedFlash:
    flash = SimulatedFlash(blocks)
    system = LittleFS(context=Context(flash), mount=False, **layout(flash))
    system.format()
    system.mount()
    system.mkdir("journal")
    system.unmount()
    return flash


def is_lived_through(trial: "Callable[[Row], None]", row: "Row") -> bool:
    """Run a trial in a process of its own and add what it counted to `row`; False where the assert ended it."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryFile() as said:

        def live() -> None:
            faulthandler.disable()
            os.dup2(said.fileno(), 2)
            counted = type(row)()
            trial(counted)
            sender.send(counted)

        process = context.Process(target=live)
        process.start()
        sender.close()
        try:
            row.add(receiver.recv())
        except EOFError:
            process.join()
            said.seek(0)
            words = said.read()
            assert process.exitcode == -signal.SIGABRT and _ASSERT_OF_NO_BOARD in words, words.decode()
            return False
        finally:
            receiver.close()
        process.join()
    return True
