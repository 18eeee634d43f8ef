"""A journal in segment files on a real LittleFS, over a chip whose power is cut at every single program and erase."""

import os
from typing import Any

from littlefs.errors import LittleFSError
from tests.faults import journal_on_flash as on_flash
from tests.faults.littlefs_on_flash import BLOCKS, formatted, store_on

from vigil_hal.simulated.flash import SOME_BITS, TEARS, PowerCut, SimulatedFlash

IS_LONG = os.environ.get("VIGIL_LONG") == "1"


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
