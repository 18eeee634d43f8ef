"""A journal on raw NOR whose power is cut: at every single program and erase, torn in every way, and again at recovery."""

from binascii import crc_hqx
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from vigil_firmware import journal_frames
from vigil_firmware.journal_nor import NorStore
from vigil_hal.simulated.flash import FIRST_HALF, NOTHING, SOME_BITS, TEARS, SimulatedFlash

_spec = spec_from_file_location("journal_on_flash", Path(__file__).with_name("journal_on_flash.py"))
assert _spec is not None and _spec.loader is not None
on_flash = module_from_spec(_spec)
_spec.loader.exec_module(on_flash)

SECTORS = 3
SECTOR_BYTES = 512
WRAPS = 3


@pytest.fixture(autouse=True)
def quick_crc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute the same CRC in C: tests/wire/test_crc.py compares them."""
    monkeypatch.setattr(
        journal_frames, "crc16_of", lambda data, first, end, start: crc_hqx(bytes(data[first:end]), start)
    )


def on(memory: bytes, unit: int) -> SimulatedFlash:
    """A chip with this content."""
    flash = SimulatedFlash(SECTORS, SECTOR_BYTES, unit)
    flash.memory[:] = memory
    return flash


def blank(unit: int) -> SimulatedFlash:
    return SimulatedFlash(SECTORS, SECTOR_BYTES, unit)


def life_on(flash: SimulatedFlash, row: Any) -> Any:
    return on_flash.Life(lambda: NorStore(flash, flash.unit), row)


def copy_on(life: Any, memory: bytes, unit: int, row: Any) -> tuple[Any, SimulatedFlash]:
    flash = on(memory, unit)
    copied = life.copy(lambda: NorStore(flash, unit), row)
    flash.operations = 0
    return copied, flash


def go_on(life: Any) -> None:
    """Live on after a recovery: all must be there, and stay there."""
    life.check()
    for _ in range(2):
        life.append()
    life.reboot()
    life.check()


def cut_at_every_operation(life: Any, flash: SimulatedFlash, again: bool, row: Any, again_row: Any) -> None:
    """Cut the power in each operation of the life's next append, torn in each way, and go on from what is left."""
    memory = bytes(flash.memory)

    def cut(operation: int, tear: int) -> bool:
        copied, torn = copy_on(life, memory, flash.unit, row)
        torn.cut_in(operation, tear, seed=operation * 4 + life.number)
        if not on_flash.is_cut(copied.append):
            return False
        row.tried += 1
        torn.restore()
        if again and tear in (FIRST_HALF, SOME_BITS):
            cut_recovery(copied, bytes(torn.memory), flash.unit, again_row, life.number)
        copied.reboot()
        go_on(copied)
        return True

    for tear in TEARS:
        for _ in on_flash.cut_points(lambda operation, tear=tear: cut(operation, tear)):
            pass


def cut_recovery(life: Any, memory: bytes, unit: int, row: Any, seed: int) -> None:
    """Cut the power in each operation of opening the journal, too."""
    for tear in (SOME_BITS, NOTHING):

        def cut(operation: int, tear: int = tear) -> bool:
            flash = on(memory, unit)
            flash.cut_in(operation, tear, seed=seed + operation)
            opened = life.__class__.__new__(life.__class__)
            opened.__dict__.update(life.__dict__)
            opened.promised, opened.row = dict(life.promised), row
            opened.open_store = lambda: NorStore(flash, unit)
            if not on_flash.is_cut(opened.reboot):
                return False
            row.tried += 1
            flash.restore()
            opened.reboot()
            go_on(opened)
            return True

        for _ in on_flash.cut_points(cut):
            pass


@pytest.mark.parametrize("unit", [1, 16, 256])
@pytest.mark.parametrize("acknowledging", [False, True])
def test_power_cut_at_every_operation(faults: Any, unit: int, acknowledging: bool) -> None:
    row = faults.row(f"power cut, NOR, program unit {unit}")
    again_row = faults.row(f"power cut during recovery, NOR, unit {unit}")
    flash = blank(unit)
    life = life_on(flash, row)
    while flash.erases[0] < WRAPS:
        cut_at_every_operation(life, flash, life.number % (2 if unit == 1 else 10) == 0, row, again_row)
        life.append()
        if acknowledging and life.number % 7 == 0:
            life.acknowledge(life.journal.newest - 2)
    life.check()
    assert row.failures + again_row.failures == 0
