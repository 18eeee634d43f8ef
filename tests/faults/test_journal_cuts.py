"""A journal on raw NOR: the power is cut in every single program and erase, and again at recovery; bits flip."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.faults import journal_on_flash as on_flash

from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_hal.simulated.flash import FIRST_HALF, NOTHING, SOME_BITS, TEARS, SimulatedFlash
from vigil_wire import records

SECTORS = 3
SECTOR_BYTES = 512
WRAPS = 3
IS_LONG = os.environ.get("VIGIL_LONG") == "1"


def on(memory: bytes, unit: int, sector_bytes: int = SECTOR_BYTES) -> SimulatedFlash:
    """A chip with this content."""
    flash = SimulatedFlash(SECTORS, sector_bytes, unit)
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
        assert not life.journal.fault
    life.reboot()
    life.check()


def cut_at_every_operation(life: Any, flash: SimulatedFlash, again: bool, row: Any, again_row: Any) -> None:
    """Cut the power in each operation of the life's next append, torn in each way, and go on from what is left."""
    memory = bytes(flash.memory)

    def cut(operation: int, tear: int) -> bool:
        copied, torn = copy_on(life, memory, flash.unit, row)
        live_until_one_waits(copied)
        torn.cut_in(torn.operations + operation, tear, seed=operation * 4 + life.number)
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


def live_until_one_waits(life: Any) -> None:
    """Where summaries wait, every other time: the first one after a reboot does not, the next may."""
    if life.journal._store.shared_unit > 1 and life.number % 2:
        life.append()
        life.append()


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


@pytest.mark.parametrize(("unit", "acknowledging"), [(1, False), (1, True), (16, False), (256, True)])
def test_power_cut_at_every_operation(faults: Any, unit: int, acknowledging: bool) -> None:
    row = faults.row(f"power cut, NOR, program unit {unit}")
    again_row = faults.row(f"power cut during recovery, NOR, unit {unit}")
    flash = blank(unit)
    life = life_on(flash, row)
    while flash.erases[0] < WRAPS:
        cut_at_every_operation(life, flash, IS_LONG or life.number % (20 if unit == 256 else 6) == 0, row, again_row)
        life.append()
        if acknowledging and life.number % 7 == 0:
            life.acknowledge(life.journal.newest - 2)
    life.check()
    assert row.failures + again_row.failures == 0


def test_power_cut_after_every_byte_of_a_unit(faults: Any) -> None:
    row = faults.row("power cut after every byte, NOR, unit 16")
    flash = blank(16)
    life = life_on(flash, row)
    for _ in range(SECTOR_BYTES // 29):

        def cut(bytes_programmed: int, memory: bytes = bytes(flash.memory)) -> bool:
            copied, torn = copy_on(life, memory, 16, row)
            live_until_one_waits(copied)
            torn.cut_after(bytes_programmed)
            if not on_flash.is_cut(copied.append):
                return False
            row.tried += 1
            torn.restore()
            copied.reboot()
            go_on(copied)
            return True

        for _ in on_flash.cut_points(cut):
            pass
        life.append()
    life.check()


def test_a_cut_takes_no_more_than_one_summary_where_frames_share_units(faults: Any) -> None:
    row = faults.row("cut between appends, NOR, unit 16: <= 1 summary")
    flash = SimulatedFlash(SECTORS, 2 * SECTOR_BYTES, 16)
    life = life_on(flash, row)
    waiting = []
    for number in range(300):
        life.append()
        kept = {sequence: life.read(sequence) for sequence in range(life.journal.oldest, life.journal.newest + 1)}
        reopened = Journal(NorStore(on(bytes(flash.memory), 16, 2 * SECTOR_BYTES), 16), 1)
        out = bytearray(records.MAX_LENGTH)
        row.tried += 1
        row.lost += sum(bytes(out[: reopened.read_into(number, out, 0)]) != kept[number] for number in kept)
        waiting.append(life.journal._appended - life.journal.newest)
        assert on_flash.is_summary(number) or waiting[-1] == 0
    assert max(waiting) == 1


@pytest.mark.parametrize("unit", [1, 16, 256])
def test_a_flipped_bit_in_any_record(faults: Any, unit: int) -> None:
    row = faults.row(f"one flipped bit, NOR, program unit {unit}")
    flash = blank(unit)
    life = life_on(flash, row)
    for _ in range(24):
        life.append()
    memory = bytes(flash.memory)
    first = life.journal.oldest
    for bit in range(0, SECTOR_BYTES * 2 * 8, 1 if IS_LONG else 5 if unit == 1 else 11):
        if memory[bit // 8 - bit // 8 % 29 : bit // 8 + 40].count(0xFF) > 60:
            continue  # where nothing is written
        flipped = bytearray(memory)
        flipped[bit // 8] ^= 1 << bit % 8
        copied, _ = copy_on(life, bytes(flipped), unit, row)
        row.tried += 1
        copied.check()
        row.lost += sum(not copied.read(sequence) for sequence in range(first, life.journal.newest + 1))


def test_a_ring_full_of_what_nobody_has_fetched(faults: Any) -> None:
    row = faults.row("full ring: told exactly, records")
    for unit in (1, 16, 256):
        flash = blank(unit)
        life = life_on(flash, row)
        for number in range(600 if IS_LONG else 200):
            life.append()
            if number == 30:
                life.acknowledge(25)
            if number % 20 == 19:
                life.check()
        row.tried += life.number


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from((1, 16, 256)))
def test_any_life(faults: Any, data: st.DataObject, unit: int) -> None:
    row = faults.row("any sequence of appends, marks, reads, reboots, cuts")
    flash = blank(unit)
    life = life_on(flash, row)
    row.tried += 1
    for _ in range(data.draw(st.integers(1, 12))):
        action = data.draw(st.sampled_from(("append", "append", "acknowledge", "reboot", "read", "cut")))
        if action == "append":
            for _ in range(data.draw(st.integers(1, 12))):
                life.append()
        elif action == "acknowledge":
            life.acknowledge(data.draw(st.integers(-1, life.journal.newest + 2)))
        elif action == "reboot":
            life.reboot()
        elif action == "read":
            sequence = data.draw(st.integers(-1, life.journal.newest + 2))
            assert life.read(sequence) in (b"", life.promised.get(sequence))
        else:
            flash.cut_in(
                flash.operations + data.draw(st.integers(0, 12)), data.draw(st.sampled_from(TEARS)), life.number
            )
            for _ in range(12):
                if on_flash.is_cut(life.append):
                    break
            flash.restore()
            life.reboot()
            life.check()
    life.check()
