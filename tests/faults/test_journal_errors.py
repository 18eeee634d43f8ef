"""A journal whose flash fails while it is open: an error once, for a while, in one sector for good, or unsaid.

The owner is never stopped, what was promised stays, no number is used for two things, and what is lost is told.
"""

import functools
import itertools
import os
from pathlib import Path
from typing import Any

import pytest
from littlefs.errors import LittleFSError
from tests.faults import journal_on_flash as on_flash
from tests.faults import littlefs_on_flash as on_littlefs

from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.journal_segments import SegmentStore
from vigil_hal.simulated.flash import ALL, FIRST_HALF, NOTHING, SOME_BITS, SimulatedFlash

SECTORS = 5
SECTOR_BYTES = 512
EIO = 5
IS_LONG = os.environ.get("VIGIL_LONG") == "1"
UNITS = [1, 16, 256]


@pytest.fixture(autouse=True)
def many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_flash, "WAITING_MOST", 80)  # records that are lost use up their numbers, too


def life_on(flash: SimulatedFlash, row: Any) -> Any:
    return on_flash.Life(lambda: NorStore(flash, flash.unit), row)


def copy_of(life: Any, memory: bytes, unit: int) -> tuple[Any, SimulatedFlash]:
    flash = SimulatedFlash(SECTORS, SECTOR_BYTES, unit)
    flash.memory[:] = memory
    other = life.copy(lambda: NorStore(flash, unit), life.row)
    flash.operations = 0
    return other, flash


def go_on(life: Any) -> None:
    """Live on, with and without a reboot: all must be there, and stay there."""
    life.check()
    for _ in range(3):
        life.append()
    life.check()
    life.reboot()
    life.check()
    life.append()
    life.check()


def appended(life: Any) -> None:
    """Append, and count it as lost if it cannot be read at once, or, where summaries wait for the next one, then."""
    journal = life.journal
    waiting = [journal._appended] if journal.newest < journal._appended and not journal.fault else []
    may_wait = on_flash.is_summary(life.number) and journal._store.shared_unit > 1
    life.append()
    life.row.lost += journal.newest < journal._appended - may_wait
    life.row.lost += sum(not life.read(sequence) for sequence in [*waiting, journal.newest])


@pytest.mark.parametrize("unit", UNITS)
def test_an_error_once_costs_no_record(faults: Any, unit: int) -> None:
    row = faults.row("flash error once, in any operation, NOR")
    flash = SimulatedFlash(SECTORS, SECTOR_BYTES, unit)
    life = life_on(flash, row)
    while flash.erases[0] < 2:
        if is_of_interest(life, 19):
            for tear in (NOTHING, FIRST_HALF, SOME_BITS, ALL):
                fail_each(life, flash, tear)
        life.append()
        if life.number % 7 == 0:
            life.acknowledge(life.journal.newest - 5)
    life.check()


def is_of_interest(life: Any, every: int) -> bool:
    """Choose the appends to try: all near the end of every other sector, some of the others."""
    journal = life.journal
    is_at_an_end = journal._number % 2 == 1 and journal._slots - journal._slot < 4
    return IS_LONG or is_at_an_end or life.number % every == 0


def fail_each(life: Any, flash: SimulatedFlash, tear: int) -> None:
    """Let each operation of the next append fail."""
    memory = bytes(flash.memory)
    operation = 0
    while True:
        other, failing = copy_of(life, memory, flash.unit)
        if other.journal._store.shared_unit > 1:
            other.append()  # the first one after a reboot does not wait, this one may
            other.append()
        before = failing.operations
        failing.fail_in(before + operation, 1, tear)
        appended(other)
        if failing.operations <= before + operation:
            return
        life.row.tried += 1
        assert other.journal.fault
        appended(other)
        assert not other.journal.fault
        go_on(other)
        operation += 1


@pytest.mark.parametrize("unit", UNITS if IS_LONG else [16])
def test_an_error_and_then_a_cut(faults: Any, unit: int) -> None:
    row = faults.row("flash error, then a power cut, NOR")
    flash = SimulatedFlash(SECTORS, SECTOR_BYTES, unit)
    life = life_on(flash, row)
    while flash.erases[0] < 2:
        if is_of_interest(life, 61):
            memory = bytes(flash.memory)
            for operation in range(4):
                for tear in (NOTHING, SOME_BITS, ALL) if IS_LONG else (SOME_BITS,):
                    cut_after_error(life, memory, operation, tear, unit)
        life.append()
    life.check()


def cut_after_error(life: Any, memory: bytes, operation: int, tear: int, unit: int) -> None:
    """Cut each operation after the one that fails, of two appends."""

    def cut(later: int) -> bool:
        other, failing = copy_of(life, memory, unit)
        failing.fail_in(operation, 1, tear)
        failing.cut_in(operation + 1 + later, tear, seed=later)

        def appends() -> None:
            other.append()
            other.append()

        if not on_flash.is_cut(appends):
            return False
        life.row.tried += 1
        failing.restore()
        other.reboot()
        leave_to_the_link(other)
        go_on(other)
        return True

    for _ in on_flash.cut_points(cut):
        pass


def leave_to_the_link(life: Any) -> None:
    """Ask for no record of the loss of one sector, where a cut came before it: the link tells what cannot be read."""
    gone = [number for number in life.promised if number > life.acknowledged and not life.read(number)]
    gone = untold(life, gone)
    assert len(gone) <= life.journal._slots
    for number in gone:
        del life.promised[number]


@pytest.mark.parametrize(("unit", "is_fetched"), [(1, True), (16, False), (256, False)])
def test_a_chip_that_takes_nothing_for_a_while(faults: Any, unit: int, is_fetched: bool) -> None:
    row = faults.row("flash takes nothing for a while, NOR")
    flash = SimulatedFlash(SECTORS, SECTOR_BYTES, unit)
    life = life_on(flash, row)
    while flash.erases[0] < 2:
        if is_of_interest(life, 43):
            for count in (2, 3, 5, 9, 40) if IS_LONG else (3, 9, 40):
                fail_for_a_while(life, flash, count)
        life.append()
        if is_fetched:
            life.acknowledge(life.journal.newest)
    life.check()


def fail_for_a_while(life: Any, flash: SimulatedFlash, count: int) -> None:
    """Let some operations fail: what is there stays, what is lost is told."""
    other, failing = copy_of(life, bytes(flash.memory), flash.unit)
    promised = [number for number in other.promised if number >= other.journal.oldest]
    failing.fail_in(0, count)
    while failing.operations < count:
        before = other.journal._appended
        other.append()
        assert other.journal._appended > before  # lost ones use up their numbers
        life.row.lost += sum(not other.read(number) for number in promised if number >= other.journal.oldest)
        if IS_LONG or other.number % 4 == 0:
            reopened = other.copy(other.open_store, life.row)  # a reboot now
            assert reopened.journal.newest >= other.journal.newest
            leave_to_the_link(reopened)
            reopened.check()
    life.row.tried += 1
    appended(other)
    after = max(promised, default=-1) + 1
    assert not untold(other, [number for number in range(after, before + 1) if not other.read(number)])
    go_on(other)


def untold(life: Any, numbers: list[int]) -> list[int]:
    """Those numbers that no record of a loss names."""
    if not numbers:
        return []
    journal = life.journal
    found = [life.read(sequence) for sequence in range(max(journal.oldest, 0), journal.newest + 1)]
    told = [on_flash.records.Record(data).fields for data in found if data and data[4] == on_flash.records.LOSS]
    return [n for n in numbers if not any(fields["first"] <= n <= fields["last"] for fields in told)]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("worn", [(0,), (1,), (2,), (4,), (1, 2), (4, 0), (0, 1, 2), (2, 3, 4)])
def test_sectors_that_cannot_be_erased(faults: Any, unit: int, worn: tuple[int, ...]) -> None:
    row = faults.row("sectors that cannot be erased, NOR: records")
    flash = SimulatedFlash(SECTORS, 2 * SECTOR_BYTES, unit)  # so long that there are summaries enough to look ahead
    life = life_on(flash, row)
    while life.number < 500:
        if life.number == 60:
            for block in worn:
                flash.wear_out(block)
        row.tried += 1
        appended(life)
        if life.number % 5 == 0:
            life.acknowledge(life.journal.newest - 20)
        if life.number % 11 == 0:
            life.reboot()
            life.check()


def test_the_newest_sector_is_found_whatever_was_left_out(faults: Any) -> None:
    row = faults.row("newest sector, some left out: rings")
    places = 8
    writer = Journal(NorStore(SimulatedFlash(places, SECTOR_BYTES)), 7)
    headers = {}
    for number in range(-places, 30):
        writer._make_header(max(number, 0))
        headers[number] = bytes(writer._header) if number >= 0 else b"\xff" * 32
    for head, first, count in itertools.product(range(30), range(places), range(4)):
        left_out = {(first + index) % places for index in range(count)} - {head % places}
        for erased, is_blank in itertools.product((0, 1, 3), (True, False)):
            flash = SimulatedFlash(places, SECTOR_BYTES)
            for number in range(head + erased + 1 - places, head + 1):
                place = number % places
                older = -1 if is_blank else number - places
                flash.memory[place * SECTOR_BYTES : place * SECTOR_BYTES + 32] = headers[
                    max(older, -places) if place in left_out else max(number, -places)
                ]
            row.tried += 1
            row.lost += Journal(NorStore(flash), 1)._number != head


@pytest.mark.parametrize("unit", UNITS)
def test_bits_that_are_stuck_without_a_word(faults: Any, unit: int) -> None:
    row = faults.row("bits stuck without a word, NOR: records")
    for position in range(3, SECTOR_BYTES, 1 if IS_LONG else 7):
        flash = SimulatedFlash(SECTORS, SECTOR_BYTES, unit)
        life = life_on(flash, row)
        flash.stick(SECTOR_BYTES + position, 0x5A)
        flash.stick(SECTOR_BYTES + position + 1, 0x18)
        for _ in range(70):
            row.tried += 1
            appended(life)
        life.check()
        life.reboot()
        life.check()


class File(on_littlefs.File):
    """A file of MicroPython's: what goes wrong is an OSError."""

    def _do(self, action: Any, *arguments: Any) -> Any:
        try:
            return action(*arguments)
        except LittleFSError as error:
            raise OSError(-error.code, "LittleFS") from None

    def __init__(self, system: Any, path: str, mode: str) -> None:
        self._do(super().__init__, system, path, mode)

    def seek(self, offset: int) -> None:
        self._do(super().seek, offset)

    def readinto(self, buf: Any) -> Any:
        return self._do(super().readinto, buf)

    def write(self, data: Any) -> None:
        self._do(super().write, data)

    def flush(self) -> None:
        self._do(super().flush)

    def close(self) -> None:
        self._do(super().close)


class Context(on_littlefs.Context):
    """LittleFS's way to a chip that says when it fails."""

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        return self._tried(super().prog, cfg, block, off, data)

    def erase(self, cfg: Any, block: int) -> int:
        return self._tried(super().erase, cfg, block)

    def _tried(self, action: Any, *arguments: Any) -> int:
        try:
            return int(action(*arguments))
        except OSError:
            return -EIO


def segments_on(flash: SimulatedFlash) -> SegmentStore:
    system = on_littlefs.LittleFS(context=Context(flash), **on_littlefs.layout(flash))
    return SegmentStore("journal", on_littlefs.SEGMENTS, lambda path, mode: File(system, path, mode))


@pytest.mark.parametrize("count", [1, 12])
def test_errors_beneath_littlefs(faults: Any, count: int) -> None:
    row = faults.row("flash errors beneath LittleFS")
    ended = faults.row("flash errors that an assert ended, which no board has")
    flash = on_littlefs.formatted()
    life = on_flash.Life(lambda: segments_on(flash), row)
    for _ in range(500 if IS_LONG else 40):
        if life.journal.newest == life.journal._appended:
            for operation in range(12) if IS_LONG else (0, 5):
                trial = functools.partial(fail_beneath, life, bytes(flash.memory), operation, count)
                if not IS_LONG:
                    trial(row)
                elif not on_littlefs.is_lived_through(trial, row):
                    ended.tried += 1
        for _ in range(7):
            life.append()
        if life.number % 5 == 0:
            life.acknowledge(life.journal.newest - 100)
    life.check()
    assert ended.tried * 100 <= row.tried


def test_a_segment_that_never_got_onto_the_chip(faults: Any) -> None:
    """The next ones fail until it is the turn of the one that holds the newest records."""
    row = faults.row("flash errors beneath LittleFS, where a segment begins")
    flash = on_littlefs.formatted()
    life = on_flash.Life(lambda: segments_on(flash), row)
    while life.journal._number < 4 or life.journal._slots - life.journal._slot > 4:
        life.append()
        life.acknowledge(life.journal.newest - 100)
    life.journal.flush()
    for operation, count in itertools.product((0, 1, 2), (10, 11, 12, 13)):
        fail_beneath(life, bytes(flash.memory), operation, count, row)


def fail_beneath(life: Any, memory: bytes, operation: int, count: int, row: Any) -> None:
    """Let some operations of the chip fail, from one on."""
    failing = SimulatedFlash(on_littlefs.BLOCKS)
    failing.memory[:] = memory
    lived = life.copy(lambda: segments_on(failing), row)
    failing.fail_in(failing.operations + operation, count)
    row.tried += 1
    live_through(lived, failing)
    failing.restore()
    lived.journal.flush()
    go_on(lived)


def live_through(life: Any, flash: SimulatedFlash) -> None:
    """Append a while; an alarm event is never lost where the store works again at the second try."""
    seen, newest = b"", -1
    for _ in range(24):
        life.append()
        journal = life.journal
        if IS_LONG or life.number % 5 == 0:
            if seen != flash.memory:  # else it is as it was
                seen = bytes(flash.memory)
                left = SimulatedFlash(on_littlefs.BLOCKS)
                left.memory[:] = seen
                reopened = life.copy(lambda left=left: segments_on(left), life.row)
                newest = reopened.journal.newest
                reopened.check()
            assert newest >= journal.newest
        if not journal.fault and not on_flash.is_summary(life.number - 1):
            life.row.lost += not life.read(journal.newest)


def test_a_full_file_system_is_gone_through_the_ring(tmp_path: Path) -> None:
    room = [100]

    class Full:
        """A file on a disk with room for so many more writes."""

        def __init__(self, path: str, mode: str) -> None:
            self._file = Path(path).open(mode)  # noqa: SIM115 - it stays open, as a file of the store does

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def write(self, data: Any) -> None:
            if room[0] == 0:
                raise OSError(28, "no space left")
            room[0] -= 1
            self._file.write(data)

    store = SegmentStore(str(tmp_path), 3, Full)
    life = on_flash.Life(lambda: store, _Row())
    for _ in range(150):
        life.append()
    assert "no space left" in life.journal.fault
    assert all(life.read(number) for number in life.promised)
    room[0] = 1000
    life.append()
    life.append()
    assert not life.journal.fault
    life.journal.flush()
    life.check()
    assert life.row.lost == life.row.corrupted == life.row.duplicated == 0


class _Row:
    lost = duplicated = corrupted = tried = 0
