"""A day of a journal on raw NOR: the power is cut in every single program and erase of it, and again at recovery."""

import os
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from random import Random

import pytest
from tests.faults import journal_on_flash as on_flash
from tests.faults.journal_on_flash import Life
from tests.faults.table import FaultTable, Row

from vigil_firmware.journal_nor import NorStore
from vigil_firmware.ticks import DAY_MS
from vigil_hal.simulated.flash import FIRST_HALF, NOTHING, SOME_BITS, TEARS, SimulatedFlash
from vigil_wire import conditions, records

SECTORS, SECTOR_BYTES = 3, 512  # so small that it wraps hundreds of times
SUMMARY_MS = 5_000
BEGIN_MS = 18 * 3_600_000  # of uptime: midnight comes once
Step = Callable[[Life], None]


def summary(life: Life, at_ms: int) -> None:
    number = at_ms // SUMMARY_MS
    length = on_flash.write_summary(life.journal, number)
    keep(life, records.VITALS, length, at_ms)


def keep(life: Life, kind: int, length: int, at_ms: int) -> None:
    life.keep(kind, length, *divmod(at_ms, DAY_MS))


def alarm(life: Life, at_ms: int, condition: int, event: int) -> None:
    payload = (condition, event, conditions.PRIORITIES[condition], 860, *divmod(at_ms - 10_000, DAY_MS))
    keep(life, records.ALARM, records.pack_alarm(life.journal.buf, *payload), at_ms)


def boot(life: Life, at_ms: int) -> None:
    """Without a cut: a watchdog."""
    life.reboot()
    life.boot += 1
    keep(life, records.BOOT, records.pack_boot(life.journal.buf, 3, (0, 1, 0), 0), at_ms)
    keep(life, records.SETTINGS, records.pack_settings(life.journal.buf, bytearray(range(52)), b"Ada"), at_ms)


def anchor(life: Life, at_ms: int) -> None:
    payload = divmod(9_800 * DAY_MS + at_ms, DAY_MS)
    keep(life, records.TIME_ANCHOR, records.pack_time_anchor(life.journal.buf, *payload), at_ms)


def day() -> Iterator[Step]:
    """What happens, in order: 17,280 summaries and, at random, all else that a day brings."""
    dice = Random(24)
    active: set[int] = set()
    is_near = True
    for at_ms in range(BEGIN_MS + SUMMARY_MS, BEGIN_MS + DAY_MS + SUMMARY_MS, SUMMARY_MS):
        yield lambda life, at_ms=at_ms: summary(life, at_ms)
        if dice.random() < 1 / 3_000:
            active.clear()
            yield lambda life, at_ms=at_ms: boot(life, at_ms + 1)
        if dice.random() < 1 / 120:
            condition = dice.randrange(len(conditions.NAMES))
            event = conditions.CLEARED if condition in active else conditions.RAISED
            active ^= {condition}
            yield lambda life, at_ms=at_ms, c=condition, e=event: alarm(life, at_ms + 2, c, e)
        if dice.random() < 1 / 200:
            is_near = not is_near
        if is_near and at_ms % 3_600_000 == 0:
            yield lambda life, at_ms=at_ms: anchor(life, at_ms + 3)
        if is_near and dice.random() < 0.5:
            yield lambda life: life.acknowledge(life.journal.newest)


class Moment:
    """What a life and its chip are at one moment, so that all that is tried on them can be taken back."""

    def __init__(self, life: Life, flash: SimulatedFlash) -> None:
        self._life = life
        self._flash = flash
        self._memory = bytes(flash.memory)
        self._promised = dict(life.promised)
        self._trying = dict(life.trying)
        self._of_life = dict(vars(life))
        self._of_journal = {
            name: bytes(value) if isinstance(value, bytearray) else value for name, value in vars(life.journal).items()
        }

    def come_back(self) -> None:
        """Be there again, with power."""
        life, flash = self._life, self._flash
        flash.restore()
        flash.memory[:] = self._memory
        flash.operations = 0
        vars(life).update(self._of_life)
        life.promised = dict(self._promised)
        life.trying = dict(self._trying)
        for name, value in self._of_journal.items():
            if isinstance(value, bytes):
                getattr(life.journal, name)[:] = value
            else:
                setattr(life.journal, name, value)


@pytest.mark.soak
def test_power_cut_at_every_operation_of_a_day(faults: FaultTable) -> None:
    row = faults.row("power cut, a scripted day, NOR")
    again = faults.row("power cut during recovery, a scripted day, NOR")
    parts = os.cpu_count() or 1
    with get_context("fork").Pool(parts) as pool:
        found = pool.starmap(cut_a_share, [(number, parts) for number in range(parts)], 1)
    for of_row, of_again in found:
        row.add(of_row)
        again.add(of_again)
    assert row.tried > len(TEARS) * 2 * DAY_MS // SUMMARY_MS  # body and mark of each summary, and all the rest
    assert again.tried > row.tried


def cut_a_share(number: int, parts: int) -> tuple[Row, Row]:
    """Live through the day and try the cuts in one step of `parts`; what they have cost."""
    row, again = Row(), Row()
    flash = SimulatedFlash(SECTORS, SECTOR_BYTES)
    life = Life(lambda: NorStore(flash), row)
    turns = 0
    for index, step in enumerate(day()):
        if index % parts == number:
            cut_everywhere(life, flash, step, row, again)
        before = life.journal.oldest
        step(life)
        turns += life.journal.oldest != before
        life.trying = {}
        life.forget()
    assert turns > 300 * SECTORS, "the ring has not wrapped often"
    return row, again


def cut_everywhere(life: Life, flash: SimulatedFlash, step: Step, row: Row, again: Row) -> None:
    """Cut the power in each operation of the next step, torn in each way."""
    before = Moment(life, flash)
    before.come_back()
    operation = 0
    while True:
        for tear in TEARS:
            flash.cut_in(operation, tear, seed=row.tried)
            is_cut = on_flash.is_cut(lambda: step(life))
            if not is_cut:
                before.come_back()
                return
            row.tried += 1
            flash.restore()
            if tear == SOME_BITS:
                cut_recovery(life, flash, again)
            life.reboot()
            life.check()
            live_on(life)
            before.come_back()
        operation += 1


def cut_recovery(life: Life, flash: SimulatedFlash, again: Row) -> None:
    """Cut the power in each operation of the recovery, too."""
    before = Moment(life, flash)
    life.row = again
    operation = 0
    while True:
        flash.operations = 0
        flash.cut_in(operation, (NOTHING, FIRST_HALF, SOME_BITS)[operation % 3], seed=again.tried)
        is_cut = on_flash.is_cut(life.reboot)
        if is_cut:
            again.tried += 1
            flash.restore()
            life.reboot()
            live_on(life)
        before.come_back()
        if not is_cut:
            return
        life.row = again
        operation += 1


def live_on(life: Life) -> None:
    """Append after the recovery: all must be there, and stay there."""
    life.append()
    life.reboot()
    life.check()
