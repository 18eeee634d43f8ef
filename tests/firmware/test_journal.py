"""The journal: nothing is renumbered, what is gone is known to be gone, and a reboot changes nothing."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware import journal_frames
from vigil_firmware.device import Device
from vigil_firmware.journal import Journal, JournalError
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.journal_opening import open_journal
from vigil_firmware.journal_segments import SegmentStore
from vigil_firmware.storage import BLOCK_COUNT
from vigil_hal.file_blocks import FileFlash
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_wire import conditions, records

SUMMARY_MS = 5000
IS_LONG = os.environ.get("VIGIL_LONG") == "1"


def keep(journal: Journal, payload: bytes, kind: int = records.SETTINGS, day: int = 1, day_ms: int = 2000) -> int:
    """Append a record of some payload."""
    end = records.HEADER_LENGTH + len(payload)
    journal.buf[records.HEADER_LENGTH : end] = payload
    return journal.append(kind, end, 3, day, day_ms)


def summary(journal: Journal, number: int) -> int:
    """Append the `number`th summary."""
    gathered = records.Summary()
    gathered.seconds = 5
    for second in range(5):
        gathered.pulse_rate.add(700 + (number + second) % 60)
        gathered.spo2.add(970 + (number - second) % 7)
        gathered.temperature.add(3660 + number % 50)
    length = gathered.pack(journal.buf, (1, 1, 1, 4), 90, 80, 250, 0, 0)
    return journal.append(records.VITALS, length, 3, number // 17280, number % 17280 * SUMMARY_MS)


def read(journal: Journal, sequence: int) -> bytes:
    """Return a record's bytes."""
    out = bytearray(records.MAX_LENGTH + 2)
    length = journal.read_into(sequence, out, 2)
    assert length == journal.length_of(sequence)
    return bytes(out[2 : 2 + length])


def losses(journal: Journal) -> list[tuple[Any, Any]]:
    """The ranges that are told to be lost, oldest first."""
    found = [read(journal, sequence) for sequence in range(journal.oldest, journal.newest + 1)]
    told = [records.Record(data).fields for data in found if data and data[4] == records.LOSS]
    return [(fields["first"], fields["last"]) for fields in told]


@pytest.fixture(params=["memory", "unit 1", "unit 16", "unit 256", "file", "segments"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Journal]:
    """Return what opens a journal of three sectors on each store, the same one each time (in memory: a new one)."""
    name = request.param
    if name == "memory":
        return lambda: Journal(MemoryStore(3), 7)
    if name == "file":
        return lambda: Journal(NorStore(FileFlash(str(tmp_path / "nor"), 3)), 7)
    if name == "segments":
        return lambda: Journal(SegmentStore(str(tmp_path), 3), 7)
    unit = int(name.split()[1])
    flash = SimulatedFlash(3, 4096, unit)
    return lambda: Journal(NorStore(flash, unit), 7)


def test_empty_journal(reopen: Callable[[], Journal]) -> None:
    journal = reopen()
    assert (journal.oldest, journal.newest, journal.acknowledged) == (-1, -1, -1)
    for sequence in (-1, 0, 1):
        assert read(journal, sequence) == b""
    journal.acknowledge(0)
    assert journal.acknowledged == -1


def test_the_ring_keeps_the_newest_through_reboots(reopen: Callable[[], Journal], request: Any) -> None:
    journal = reopen()
    is_kept = "memory" not in request.node.name
    appended: dict[int, bytes] = {}
    for number in range(700):
        if number == 650:
            keep(journal, b"at once")  # segments keep at once what is no summary
            appended[journal.newest] = read(journal, journal.newest)
        if is_kept and number in (3, 200, 650):
            newest = journal.newest
            journal = reopen()
            assert (journal.journal_id, max(newest, journal.newest)) == (7, journal.newest)
            appended = {sequence: data for sequence, data in appended.items() if sequence <= journal.newest}
        sequence = summary(journal, number)
        assert sequence not in appended
        appended[sequence] = bytes(journal.buf[: records.VITALS_LENGTH])
    journal.flush()
    for again in (journal, reopen()) if is_kept else (journal,):
        assert again.newest == max(appended)
        assert 2 * 120 < again.newest - again.oldest < 3 * 140
        assert losses(again)[-1] == (0, again.oldest - 1)
        for sequence in range(again.oldest, again.newest + 1):
            data = read(again, sequence)
            if data[4] != records.LOSS:
                assert data == appended[sequence]
        for sequence in (again.oldest - 1, again.newest + 1):
            assert read(again, sequence) == b""


@given(st.lists(st.binary(max_size=records.MAX_LENGTH - records.HEADER_LENGTH), max_size=120), st.data())
def test_whatever_is_appended_is_read(payloads: list[bytes], data: st.DataObject) -> None:
    flash = SimulatedFlash(4, 512)
    journal = Journal(NorStore(flash), 7)
    kinds = {}
    for payload in payloads:
        kind = data.draw(st.sampled_from((records.SETTINGS, records.VITALS)))
        day = data.draw(st.integers(0, 1))
        sequence = keep(journal, payload, kind, day)
        kinds[sequence] = (kind, day, payload)
    for again in (journal, Journal(NorStore(flash), 8)):
        for sequence in range(max(again.oldest, 0), again.newest + 1):
            found = read(again, sequence)
            if sequence in kinds:
                kind, day, payload = kinds[sequence]
                record = bytearray(records.HEADER_LENGTH)
                records.pack_header(record, sequence, kind, 3, day, 2000)
                assert found == bytes(record) + payload
            else:
                assert found[4] == records.LOSS


@pytest.mark.parametrize(("marks", "expected"), [([3], 3), ([3, 1], 3), ([99], -1), ([0, 5, 5, 2], 5), ([-1], -1)])
def test_acknowledged_rises_and_stays_below_the_newest(marks: list[int], expected: int) -> None:
    journal = Journal(MemoryStore(3), 7)
    for _ in range(6):
        keep(journal, b"")
    for mark in marks:
        journal.acknowledge(mark)
    assert journal.acknowledged == expected


def test_acknowledged_records_stay_readable_and_go_without_a_loss() -> None:
    flash = SimulatedFlash(3)
    journal = Journal(NorStore(flash), 7)
    for number in range(1000):
        journal.acknowledge(summary(journal, number))
    assert read(journal, journal.oldest)
    assert journal.newest - journal.oldest > 2 * 120
    assert losses(journal) == []
    assert journal.newest == 999


def test_the_mark_survives_a_reboot_with_little_wear() -> None:
    flash = SimulatedFlash(3)
    journal = Journal(NorStore(flash), 7)
    for number in range(300):
        sequence = summary(journal, number)
        journal.acknowledge(sequence)
        again = Journal(NorStore(flash), 7)
        assert sequence - 12 < again.acknowledged <= sequence
    with_marks = flash.programmed
    alone = SimulatedFlash(3)
    journal = Journal(NorStore(alone), 7)
    for number in range(300):
        summary(journal, number)
    assert with_marks < alone.programmed * 1.1


def test_a_journal_that_nobody_acknowledged_is_so_after_a_reboot_too() -> None:
    """A first start tries out whether the flash takes anything, before there is anything to acknowledge."""
    flash = SimulatedFlash(4, 4096, 1)
    open_journal((lambda: NorStore(flash, 1),), lambda count: bytes(count), print)
    journal = open_journal((lambda: NorStore(flash, 1),), lambda count: bytes(count), print)
    keep(journal, b"a")
    assert (journal.acknowledged, journal.newest) == (-1, 0)
    journal.acknowledge(0)
    assert journal.acknowledged == 0


def test_a_loss_names_exactly_what_no_host_has() -> None:
    journal = Journal(NorStore(SimulatedFlash(4)), 7)
    while journal.newest < 200:
        summary(journal, journal.newest + 1)
    journal.acknowledge(150)
    while journal.oldest <= 151:
        summary(journal, journal.newest + 1)
    assert losses(journal) == [(151, journal.oldest - 1)]


def test_wear_is_even() -> None:
    flash = SimulatedFlash(8)
    journal = Journal(NorStore(flash), 7)
    for number in range(8000):
        summary(journal, number)
    assert max(flash.erases) - min(flash.erases) <= 1


def test_an_alarm_event_never_waits_for_an_erase() -> None:
    flash = SimulatedFlash(3)
    journal = Journal(NorStore(flash), 7)
    for number in range(2000):
        before = sum(flash.erases)
        summary(journal, number)
        assert sum(flash.erases) - before <= 1
        if number % 3 == 0:
            before = sum(flash.erases)
            keep(journal, bytes(12), records.ALARM)
            assert sum(flash.erases) == before


def test_opening_reads_little() -> None:
    reads = {}
    for sectors in (16, 64, 256):
        flash = SimulatedFlash(sectors)
        journal = Journal(NorStore(flash), 7)
        for number in range(sectors * 70 + 60):
            summary(journal, number)
        flash.reads = 0
        assert Journal(NorStore(flash), 7).newest == journal.newest
        reads[sectors] = flash.reads
    assert reads[256] <= reads[16] + 8


def test_two_days_fit_in_a_mebibyte() -> None:
    unit = 16  # the one where frames have to share units for it; `make bench` prints the hours of each
    flash = SimulatedFlash(256, 4096, unit)
    journal = Journal(NorStore(flash, unit), 7)
    two_days = 48 * 3600 * 1000 // SUMMARY_MS
    for number in range(two_days + 500):  # and alarms, anchors, settings
        summary(journal, number)
    assert journal.oldest == 0
    assert losses(journal) == []


FRAME_BITS = 29 * 8
DAMAGED = range(1, 7)  # of twelve summaries; the first one, of two slots, says the boot and the day of the others
pairs_of_bits = st.lists(st.integers(0, FRAME_BITS - 1), max_size=2, unique=True)


def twelve_summaries(unit: int) -> tuple[SimulatedFlash, Journal, list[bytes]]:
    """Keep them on a flash; the records as they were."""
    flash = SimulatedFlash(3, 512, unit)
    journal = Journal(NorStore(flash, unit), 7)
    for number in range(12):
        summary(journal, number)
    journal.flush()
    return flash, journal, [read(journal, sequence) for sequence in range(12)]


@pytest.mark.parametrize("unit", [1, 16])
@given(flips=st.lists(pairs_of_bits, min_size=len(DAMAGED), max_size=len(DAMAGED)))
def test_one_flipped_bit_is_put_right_and_two_are_never_taken_for_a_record(flips: list[list[int]], unit: int) -> None:
    flash, journal, kept = twelve_summaries(unit)
    for sequence, bits in zip(DAMAGED, flips, strict=True):
        for bit in bits:
            flash.memory[61 + 29 * sequence + bit // 8] ^= 1 << bit % 8
    journal._out_sequence = -1
    for sequence in range(12):
        is_whole = sequence not in DAMAGED or len(flips[sequence - DAMAGED[0]]) < 2
        assert read(journal, sequence) == kept[sequence] or (not is_whole and not read(journal, sequence))


@pytest.mark.parametrize("unit", [1, 16])
def test_damage_is_taken_for_a_record_by_chance_alone(unit: int) -> None:
    """Sum and CRC have 24 bits; of the CRC's differences, one says that all is well, and one for each bit mends it."""
    flash, journal, kept = twelve_summaries(unit)
    memory = bytes(flash.memory)
    dice = random.Random(unit)
    tries = 20_000 if IS_LONG else 400
    taken = 0
    for _ in range(tries):
        for sequence in DAMAGED:
            for position in dice.sample(range(29), dice.randint(3, 29)):
                flash.memory[61 + 29 * sequence + position] = dice.getrandbits(8)
        journal._out_sequence = -1
        taken += sum(read(journal, sequence) not in (b"", kept[sequence]) for sequence in DAMAGED)
        flash.memory[:] = memory
    assert taken <= 5 + 3 * tries * len(DAMAGED) * FRAME_BITS // 2**24


@pytest.mark.parametrize("length", [0, 12, 29, 255])
def test_damage_that_passes_for_a_record_stops_nothing(length: int) -> None:
    flash = SimulatedFlash(3, 512)
    journal = Journal(NorStore(flash), 7)
    for payload in (b"before", b"damaged", b"after"):
        keep(journal, payload)
    frame = flash.memory[61:90]
    frame[25] = length
    place = journal_frames.Place()
    place.sequence = 1
    journal_frames.seal(frame, 29, place.start(journal_frames.RECORD_1))
    flash.memory[61:90] = frame
    for opened in (journal, Journal(NorStore(flash), 7)):
        found = [read(opened, sequence) for sequence in range(3)]
        assert not found[1] and [data[records.HEADER_LENGTH :] for data in found] == [b"before", b"", b"after"]


@pytest.mark.parametrize("unit", [1, 16, 256])
@pytest.mark.parametrize("flips", [0x41, 0x18])
def test_damage_to_one_record_takes_no_other(unit: int, flips: int) -> None:
    """Frames that share a unit are no exception, and what lies between them takes none."""
    flash = SimulatedFlash(3, 4096, unit)
    journal = Journal(NorStore(flash, unit), 7)
    keep(journal, b"boot and day", records.BOOT, 0)
    starts = []
    for number in range(4):
        for length in (0, 10 + 17 * number):
            starts.append(32 + 29 * journal._slot)
            keep(journal, bytes(length), records.ALARM, 0) if length else summary(journal, number)
    journal.flush()
    kept = [read(journal, sequence) for sequence in range(9)]
    for position in range(starts[0], 32 + 29 * journal._slot):
        flash.memory[position] ^= flips
        again = Journal(NorStore(flash_of(flash), unit), 8)
        flash.memory[position] ^= flips
        damaged = [
            1 + index
            for index, start in enumerate(starts)
            if start <= position < start + 29 * journal_frames.slots_of(flash.memory[start])
        ]
        assert all(read(again, sequence) == kept[sequence] for sequence in range(9) if sequence not in damaged)


def flash_of(other: SimulatedFlash) -> SimulatedFlash:
    """Another chip with the same content."""
    flash = SimulatedFlash(len(other.erases), other.block_size, other.unit)
    flash.memory[:] = other.memory
    return flash


def test_a_sector_whose_header_is_gone_leaves_the_others() -> None:
    flash = SimulatedFlash(5, 512)
    journal = Journal(NorStore(flash), 7)
    for number in range(40):
        summary(journal, number)
    flash.memory[512:530] = bytes(18)
    again = Journal(NorStore(flash), 7)
    assert (again.journal_id, again.newest) == (7, journal.newest)
    gone = [sequence for sequence in range(40) if not read(again, sequence)]
    assert gone == list(range(gone[0], gone[0] + 14))
    assert again.next_kept(gone[0]) == gone[-1] + 1
    assert keep(again, b"") == journal.newest + 1


def test_another_layout_is_refused_and_kept() -> None:
    flash = SimulatedFlash(4)
    keep(Journal(NorStore(flash), 7), b"a record")
    before = bytes(flash.memory)
    with pytest.raises(JournalError, match="slots of 29 bytes, not 2 with 4 and 29"):
        Journal(NorStore(flash, 16), 8)
    assert flash.memory == before


@pytest.mark.parametrize(("interval_s", "waiting_most"), [(1, 1), (5, 1), (9, 1), (10, 0), (60, 0)])
def test_one_summary_waits_where_frames_share_units_and_for_less_than_ten_seconds(
    interval_s: int, waiting_most: int
) -> None:
    flash = SimulatedFlash(3, 4096, 16)
    journal = Journal(NorStore(flash, 16), 7)
    waiting = []
    for number in range(100):
        length = records.Summary().pack(journal.buf, (1, 1, 1, 4), 90, 80, 250, 0, 0)
        journal.append(records.VITALS, length, 3, 0, number * interval_s * 1000 + 20_000)
        waiting.append(journal._appended - journal.newest)
    assert max(waiting) == waiting_most
    keep(journal, bytes(12), records.ALARM)
    assert journal.newest == Journal(NorStore(flash, 16), 7).newest == journal._appended


def test_grouped_summaries_wait_for_no_longer_than_half_a_minute(tmp_path: Path) -> None:
    journal = Journal(SegmentStore(str(tmp_path), 3), 7)
    keep(journal, b"boot", records.BOOT, 0, 0)
    for number in range(1, 400):
        sequence = summary(journal, number)
        assert sequence - journal.newest <= 6  # six summaries are half a minute
        assert Journal(SegmentStore(str(tmp_path), 3), 7).newest >= journal.newest
    keep(journal, bytes(12), records.ALARM)
    assert journal.newest == Journal(SegmentStore(str(tmp_path), 3), 7).newest > sequence


class Broken(SimulatedFlash):
    """A chip that takes nothing."""

    def writeblocks(self, block: int, data: Any, offset: int | None = None) -> None:
        raise OSError(5, "broken")


def test_the_first_store_that_can_be_written_is_used() -> None:
    lines: list[str] = []
    good = SimulatedFlash(3)

    def random(count: int) -> bytes:
        return b"\x01\x02\x03\xff"

    stores = (lambda: NorStore(Broken(3)), lambda: NorStore(good))
    assert open_journal(stores, random, lines.append).journal_id == 0x3F030201
    assert lines == ["storage: this journal cannot be used: [Errno 5] broken"]
    keep(open_journal(stores[1:], random, lines.append), b"kept")
    assert open_journal(stores[1:], bytes, lines.append).newest == 0
    lines.clear()
    journal = open_journal(stores[:1], random, lines.append)
    assert keep(journal, b"") == 0
    assert "in memory" in lines[-1]


def test_a_flash_that_fails_stops_neither_measuring_nor_alarms(make_rig: Any, bluetooth: Any) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1", "30,72,80,2,36.7,0.02,1")
    lines: list[str] = []
    chip = SimulatedFlash(4)
    device = Device(
        rig.bus,
        None,
        None,
        SimulatedFlash(BLOCK_COUNT),
        (lambda: NorStore(chip),),
        bluetooth,
        lambda count: bytes(range(count)),
        lines.append,
        1,
        rig.now(),
    )
    kept = device.monitor.journal.newest
    chip.fail_in(chip.operations, 1_000_000)
    for _ in range(900):
        rig.elapsed_ms += 100
        device.step(rig.now())
    monitor = device.monitor
    assert monitor.vitals.pulse_rate.has_value and monitor.second == 90
    low = conditions.mask_of((conditions.SPO2_LOW, conditions.SPO2_VERY_LOW))
    assert monitor.alarms.bits == low | 1 << conditions.STORAGE_FAULT
    assert [line for line in lines if "fault" in line] == ["fault: the journal's flash: [Errno 5] the chip failed"]
    assert monitor.journal.newest == kept and read(monitor.journal, kept)
    chip.restore()
    for _ in range(120):
        rig.elapsed_ms += 100
        device.step(rig.now())
    assert lines[-1] == "fault: cleared"
    lost = losses(monitor.journal)
    assert lost[0][0] == kept + 1 and len(lost) == 1
    assert monitor.journal.newest > lost[0][1]


def test_a_torn_mark_is_never_another_mark() -> None:
    marks = (journal_frames.HEADER, journal_frames.VITALS, *journal_frames.RECORD_MARKS[1:])
    for mark in marks:
        for torn in range(256):
            if torn & mark == mark:  # some of the bits are cleared
                assert journal_frames.mark_of(torn) in (mark, journal_frames.BLANK, journal_frames.GARBAGE)
