"""A journal in segment files on a real LittleFS, over a chip whose power is cut at every single program and erase."""

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from littlefs import LittleFS, lfs
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

from vigil_firmware.journal_segments import SegmentStore
from vigil_hal.simulated.flash import SOME_BITS, TEARS, PowerCut, SimulatedFlash

_spec = spec_from_file_location("journal_on_flash", Path(__file__).with_name("journal_on_flash.py"))
assert _spec is not None and _spec.loader is not None
on_flash = module_from_spec(_spec)
_spec.loader.exec_module(on_flash)

BLOCKS = 16
SEGMENTS = 3
IS_LONG = os.environ.get("VIGIL_LONG") == "1"
_EIO = -5
# As MicroPython mounts a Pico W's flash.
LAYOUT = {
    "block_size": 4096,
    "block_count": BLOCKS,
    "read_size": 32,
    "prog_size": 256,
    "cache_size": 1024,
    "lookahead_size": 32,
    "block_cycles": 100,
}


@pytest.fixture(autouse=True)
def quick_crc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spend the time on cuts."""
    on_flash.use_quick_crc(monkeypatch)


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
        lfs.file_close(self._system.fs, self._handle)


def mounted(flash: SimulatedFlash) -> LittleFS:
    return LittleFS(context=Context(flash), **LAYOUT)


def store_on(flash: SimulatedFlash) -> SegmentStore:
    """The store on what is now on the chip, as after a boot."""
    system = mounted(flash)

    return SegmentStore("journal", SEGMENTS, lambda path, mode: File(system, path, mode))


def formatted() -> SimulatedFlash:
    flash = SimulatedFlash(BLOCKS)
    system = LittleFS(context=Context(flash), mount=False, **LAYOUT)
    system.format()
    system.mount()
    system.mkdir("journal")
    system.unmount()
    return flash


def is_cut(action: Any) -> bool:
    try:
        action()
    except (PowerCut, LittleFSError):
        return True
    return False


def copied(life: Any, memory: bytes, row: Any) -> tuple[Any, SimulatedFlash]:
    flash = SimulatedFlash(BLOCKS)
    flash.memory[:] = memory
    other = life.copy(lambda: store_on(flash), row)
    flash.operations = 0
    return other, flash


def test_power_cut_at_every_operation_of_littlefs(faults: Any) -> None:
    row = faults.row("power cut, segments on LittleFS")
    flash = formatted()
    life = on_flash.Life(lambda: store_on(flash), row)
    for _ in range(3 * 3 * 138):  # three wraps
        memory = bytes(flash.memory)
        newest, before = life.journal.newest, flash.operations
        # What was not flushed is in memory alone: a life on a copy of the chip begins where all is flushed.
        if life.journal.newest == life.journal._appended:
            group(life, memory, row)
        for _ in range(7):
            life.append()
        assert life.journal.newest >= newest and flash.operations > before
        if life.number % 5 == 0:
            life.acknowledge(life.journal.newest - 100)
        if life.number > (3 * 3 * 138 if IS_LONG else 500):
            break
    life.check()


def group(life: Any, memory: bytes, row: Any) -> None:
    """Cut each operation of the next seven appends, which flush at least once."""
    for tear in TEARS if IS_LONG or life.number % 56 == 0 else (SOME_BITS,):

        def cut(operation: int, tear: int = tear) -> bool:
            other, torn = copied(life, memory, row)
            torn.cut_in(operation, tear, seed=operation + life.number)

            def appends() -> None:
                for _ in range(7):
                    other.append()

            if not is_cut(appends):
                return False
            row.tried += 1
            torn.restore()
            other.reboot()
            other.check()
            return True

        for _ in on_flash.cut_points(cut):
            pass


def test_a_cut_takes_no_more_than_half_a_minute_of_summaries(faults: Any) -> None:
    row = faults.row("cut between flushes, LittleFS: <= 6 summaries unflushed")
    flash = formatted()
    life = on_flash.Life(lambda: store_on(flash), row)
    most = 0
    for _ in range(300):
        life.append()
        newest = life.journal._appended
        other, _ = copied(life, bytes(flash.memory), row)
        row.tried += 1
        other.check()
        most = max(most, newest - other.journal.newest)
    assert most == 6
