"""What must outlast a power cut: blobs in two copies, keys, settings, and counters that never repeat."""

import itertools
import random as chances
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.storage import BLOCK_COUNT, RESERVED_SHIFT, Storage, provision
from vigil_firmware.two_copies import TwoCopies
from vigil_hal.file_blocks import FileBlocks
from vigil_hal.simulated.flash import PowerCut, SimulatedFlash
from vigil_wire.settings import Settings

_BLOCK = 512


def flash_with(*blobs: bytes) -> SimulatedFlash:
    """A chip on which these blobs were written, one after the other."""
    flash = SimulatedFlash(2, _BLOCK)
    for blob in blobs:
        TwoCopies(flash, 0).write(blob)
    return flash


def is_cut(flash: SimulatedFlash, blob: bytes, operations: int) -> bool:
    """Write `blob` with the power failing after some operations; whether it failed before the write was over."""
    flash.cut_after(operations)
    try:
        TwoCopies(flash, 0).write(blob)
    except PowerCut:
        return True
    finally:
        flash.restore()
    return False


@pytest.mark.parametrize("before", [[], [b"one"], [b"one", b"two"], [b"one", b"two", b"three"]])
def test_cut_at_every_operation_leaves_the_old_or_the_new(before: list[bytes]) -> None:
    old = before[-1] if before else None
    for operations in itertools.count():
        flash = flash_with(*before)
        cut = is_cut(flash, b"the new", operations)
        found = TwoCopies(flash, 0).read()
        assert found in ((old, b"the new") if cut else (b"the new",))
        if not cut:
            assert operations > len(b"the new")
            return


def test_cut_during_the_write_after_a_cut_leaves_one_too() -> None:
    for first, second in itertools.product(range(18), range(18)):
        flash = flash_with(b"one", b"two")
        is_cut(flash, b"three", first)
        between = TwoCopies(flash, 0).read()
        assert between in (b"two", b"three")
        is_cut(flash, b"four!", second)
        assert TwoCopies(flash, 0).read() in (between, b"four!")
        TwoCopies(flash, 0).write(b"five")
        assert TwoCopies(flash, 0).read() == b"five"


@given(st.integers(0, 2 * _BLOCK * 8 - 1))
def test_flipped_bit_never_passes(bit: int) -> None:
    flash = flash_with(b"the old", b"the new")
    flash.memory[bit // 8] ^= 1 << bit % 8
    assert TwoCopies(flash, 0).read() in (b"the new", b"the old")


@given(st.lists(st.integers(0, 12 * 8 - 1), min_size=2, max_size=3, unique=True))
def test_damage_to_both_copies_is_nothing_and_not_something_else(bits: list[int]) -> None:
    flash = flash_with(b"the old", b"the new")
    for copy, bit in itertools.product((0, _BLOCK), bits):
        flash.memory[copy + bit // 8] ^= 1 << bit % 8
    assert TwoCopies(flash, 0).read() in (None, b"the old", b"the new")


@pytest.mark.parametrize("fill", [0x00, 0xFF, 0x55])
def test_chip_that_holds_anything_else_is_empty(fill: int) -> None:
    flash = SimulatedFlash(2, _BLOCK)
    flash.memory[:] = bytes([fill]) * len(flash.memory)
    assert TwoCopies(flash, 0).read() is None


def test_generation_wraps() -> None:
    flash = SimulatedFlash(2, _BLOCK)
    copies = TwoCopies(flash, 0)
    copies._generation = 0xFFFC
    for number in range(12):
        copies.write(b"%d" % number)
        assert TwoCopies(flash, 0).read() == b"%d" % number


def test_longest_blob_fits() -> None:
    assert TwoCopies(flash_with(b"", bytes(range(128))), 0).read() == bytes(range(128))


def test_wear_is_shared() -> None:
    flash = flash_with(*[b"%d" % number for number in range(10)])
    assert flash.erases == [5, 5]


def random_bytes(count: int) -> bytes:
    """The same as on every run."""
    return chances.Random(count).randbytes(count)


def test_first_boot_makes_a_key_that_stays() -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    first = Storage(flash, random_bytes)
    again = Storage(flash, lambda count: bytes(count))
    assert (first.is_new, again.is_new) == (True, False)
    assert first.device_key == again.device_key == random_bytes(16)
    assert (first.boot, again.boot) == (1, 2)
    assert first.problem == again.problem == ""


def test_a_cut_while_the_key_is_replaced_leaves_the_old_or_the_new() -> None:
    old, new = random_bytes(16), b"the next one's 16"[:16]
    for operations in itertools.count():
        flash = SimulatedFlash(BLOCK_COUNT, 1024)
        storage = Storage(flash, random_bytes)
        flash.cut_after(operations)
        try:
            storage.rotate_key(new)
            is_cut = False
        except PowerCut:
            is_cut = True
        finally:
            flash.restore()
        assert storage.device_key == (old if is_cut else new)
        again = Storage(flash, random_bytes)
        assert again.device_key in ((old, new) if is_cut else (new,))
        assert not again.is_new
        if not is_cut:
            assert operations > 2 * 16
            return


@pytest.mark.parametrize("block", [4, 5])
def test_damage_to_either_copy_of_the_key_brings_no_other_back(block: int) -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    storage = Storage(flash, random_bytes)
    storage.rotate_key(bytes(16))
    damage(flash, block)
    assert Storage(flash, random_bytes).device_key == bytes(16)


def test_settings_outlast_a_boot() -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    storage = Storage(flash, random_bytes)
    assert vars(storage.settings) == vars(Settings())
    storage.save_settings(Settings(spo2_low_deci_pct=900))
    assert storage.settings.spo2_low_deci_pct == 900
    assert Storage(flash, random_bytes).settings.spo2_low_deci_pct == 900


def test_settings_that_cannot_be_written_are_in_force_until_the_next_boot() -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    storage = Storage(flash, random_bytes)
    flash.fail_in(flash.operations, 1)
    storage.save_settings(Settings(spo2_low_deci_pct=900))
    assert "the chip failed" in storage.fault
    assert storage.settings.spo2_low_deci_pct == 900
    assert Storage(flash, random_bytes).settings.spo2_low_deci_pct == Settings().spo2_low_deci_pct
    storage.save_settings(Settings(spo2_low_deci_pct=900))
    assert storage.fault == ""
    assert Storage(flash, random_bytes).settings.spo2_low_deci_pct == 900


def test_settings_of_another_version_are_told_and_replaced() -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    Storage(flash, random_bytes)._settings_copies.write(b"\x07 from tomorrow")
    storage = Storage(flash, random_bytes)
    assert "the defaults are in force" in storage.problem
    assert vars(storage.settings) == vars(Settings())


def counter(storage: Storage) -> int:
    """The first advert counter that the device may use."""
    return storage.advert_high << 20 | storage.advert_low


def test_boot_number_and_adverts_never_repeat_across_cuts_at_every_operation() -> None:
    """What a device used before the power failed is never used again."""
    flash = SimulatedFlash(BLOCK_COUNT, 1024)
    boots: list[int] = []
    used = -1
    for operations in range(180):
        flash.cut_after(operations % 60)
        try:
            storage = Storage(flash, random_bytes)
            boots.append(storage.boot)
            assert counter(storage) > used
            used = counter(storage) + (1 << RESERVED_SHIFT) - 1
            flash.cut_after(operations % 17)
            storage.reserve_adverts()
            assert counter(storage) > used
            used = counter(storage) + (1 << RESERVED_SHIFT) - 1
        except PowerCut:
            continue
        finally:
            flash.restore()
    assert len(boots) > 20
    assert len(set(boots)) == len(boots)


def damage(flash: SimulatedFlash, block: int) -> None:
    """Flip a bit of what is kept in a block."""
    flash.memory[block * 4096 + 4] ^= 1


COUNTERS = 2  # the first of their two blocks


@pytest.mark.parametrize("reservations", [0, 1, 2, 3])
@pytest.mark.parametrize("block", [COUNTERS, COUNTERS + 1])
def test_damage_to_either_copy_of_the_counters_repeats_no_advert(reservations: int, block: int) -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    Storage(flash, random_bytes)
    storage = Storage(flash, random_bytes)
    for _ in range(reservations):
        storage.reserve_adverts()
    last = counter(storage) + (1 << RESERVED_SHIFT) - 1
    damage(flash, block)
    again = Storage(flash, random_bytes)
    assert counter(again) > last
    assert again.problem == ""


def test_counters_lost_from_both_copies_go_on_from_a_random_number_and_say_so() -> None:
    starts = set()
    for seed in range(200):
        source = chances.Random(seed)
        flash = SimulatedFlash(BLOCK_COUNT)
        key = Storage(flash, source.randbytes).device_key
        damage(flash, COUNTERS)
        damage(flash, COUNTERS + 1)
        storage = Storage(flash, source.randbytes)
        assert (storage.device_key, storage.is_new) == (key, False)
        assert "the advert counter is lost" in storage.problem
        assert storage.advert_high < 1 << 18
        starts.add(counter(storage))
        assert counter(Storage(flash, source.randbytes)) > counter(storage)  # and from then on as ever
    assert len(starts) == 200
    assert min(starts) < 1 << 34 < 3 << 36 < max(starts) < 1 << 38


def test_a_new_key_starts_without_a_word_and_a_given_one_at_random() -> None:
    assert counter(Storage(SimulatedFlash(BLOCK_COUNT), random_bytes)) == 1 << RESERVED_SHIFT
    starts = set()
    for seed in range(5):
        flash = SimulatedFlash(BLOCK_COUNT)
        provision(flash, bytes(16), Settings())  # as an image does that is written again and again
        source = chances.Random(seed)
        storage = Storage(flash, source.randbytes)
        assert (storage.device_key, storage.boot, storage.problem) == (bytes(16), 1, "")
        starts.add(counter(storage))
        assert counter(Storage(flash, source.randbytes)) > counter(storage)
    assert len(starts) == 5


@pytest.mark.parametrize(
    ("boot", "newest", "expected"),
    [
        (1, 0, 1),
        (1, 1, 2),
        (1, 700, 701),
        (9, 3, 9),
        (0xFFFF, 0xFFFE, 0xFFFF),
        (1, 0xFFFF, 1),
        (0, 0xFFFF, 0),
        (5, 5, 6),
        (0xFFFF, 0xFFFF, 0),
    ],
)
def test_boot_is_above_the_newest_in_the_journal_and_stays_so(boot: int, newest: int, expected: int) -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    storage = Storage(flash, random_bytes)
    storage.boot = boot
    storage.reserve_adverts()
    before = counter(storage)
    assert storage.pass_boot(newest) == (expected != boot)
    assert storage.boot == expected
    assert (counter(storage) > before) == (expected != boot)
    assert Storage(flash, random_bytes).boot == (expected + 1) & 0xFFFF


@pytest.mark.parametrize("reserved", [0, 62, 63, 64, (1 << 25) - 3])
def test_reserved_counters_follow_on(reserved: int) -> None:
    storage = Storage(SimulatedFlash(BLOCK_COUNT), random_bytes)
    storage._reserved = reserved
    for number in range(1, 3):
        storage.reserve_adverts()
        assert counter(storage) == reserved + number << RESERVED_SHIFT
        assert 0 <= storage.advert_high < 1 << 19
        assert 0 <= storage.advert_low < 1 << 20


def test_boot_number_wraps_within_its_field() -> None:
    flash = SimulatedFlash(BLOCK_COUNT)
    storage = Storage(flash, random_bytes)
    storage.boot = 0xFFFF
    storage.reserve_adverts()
    assert Storage(flash, random_bytes).boot == 0


@pytest.fixture(params=["flash", "files"])
def blocks(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return each block device, of 4 blocks of 4096 bytes."""
    return SimulatedFlash(4) if request.param == "flash" else FileBlocks(str(tmp_path / "blocks"), 4)


def content(blocks: Any, block: int, offset: int, length: int) -> bytes:
    """Read through the protocol."""
    data = bytearray(length)
    blocks.readblocks(block, data, offset)
    return bytes(data)


def test_block_device_is_erased_at_first(blocks: Any) -> None:
    assert (blocks.ioctl(4, 0), blocks.ioctl(5, 0), blocks.ioctl(3, 0)) == (4, 4096, 0)
    assert content(blocks, 3, 0, 4096) == b"\xff" * 4096


def test_block_device_keeps_what_is_written(blocks: Any) -> None:
    blocks.writeblocks(1, b"vigil", 100)
    blocks.writeblocks(1, memoryview(b"monitor"), 105)
    blocks.writeblocks(2, bytes(4096))
    assert content(blocks, 1, 98, 16) == b"\xff\xffvigilmonitor\xff\xff"
    assert content(blocks, 2, 4090, 6) == bytes(6)
    assert content(blocks, 0, 0, 4096) == b"\xff" * 4096
    view = memoryview(bytearray(5))
    blocks.readblocks(1, view, 100)
    assert view == b"vigil"


def test_block_device_erases_one_block(blocks: Any) -> None:
    blocks.writeblocks(1, b"vigil", 0)
    blocks.writeblocks(2, b"monitor", 0)
    assert blocks.ioctl(6, 1) == 0
    assert content(blocks, 1, 0, 8) == b"\xff" * 8
    assert content(blocks, 2, 0, 7) == b"monitor"


def test_block_device_erases_first_without_an_offset(blocks: Any) -> None:
    blocks.writeblocks(1, bytes(4096), 0)
    blocks.writeblocks(1, b"\x5a" * 4096)
    assert content(blocks, 1, 0, 4096) == b"\x5a" * 4096


@pytest.mark.parametrize(("block", "offset", "length"), [(4, 0, 1), (-1, 0, 1), (3, 4095, 2), (3, -1, 1), (3, 4096, 1)])
def test_block_device_ends(blocks: Any, block: int, offset: int, length: int) -> None:
    with pytest.raises(OSError) as read:
        blocks.readblocks(block, bytearray(length), offset)
    with pytest.raises(OSError) as written:
        blocks.writeblocks(block, bytes(length), offset)
    assert read.value.errno == written.value.errno == 22 or read.value.args[0] == written.value.args[0] == 22


def test_block_device_serves_the_whole_storage(tmp_path: Path) -> None:
    folder = str(tmp_path / "vigil")
    first = Storage(FileBlocks(folder, BLOCK_COUNT), random_bytes)
    first.save_settings(Settings(spo2_low_deci_pct=950))
    again = Storage(FileBlocks(folder, BLOCK_COUNT), bytes)
    assert again.device_key == first.device_key
    assert again.settings.spo2_low_deci_pct == 950
    assert (again.boot, counter(again)) == (2, 3 << RESERVED_SHIFT)


def test_files_cut_short_leave_the_old_block(tmp_path: Path, mocker: Any) -> None:
    blocks = FileBlocks(str(tmp_path), 2)
    blocks.writeblocks(0, b"old", 0)
    mocker.patch("os.rename", side_effect=PowerCut)
    with pytest.raises(PowerCut):
        blocks.writeblocks(0, b"new", 0)
    assert content(blocks, 0, 0, 3) == b"old"


def test_files_are_on_disk_before_they_take_the_old_ones_place(tmp_path: Path, mocker: Any) -> None:
    order = mocker.Mock()
    mocker.patch("os.fsync", side_effect=order.sync)
    mocker.patch("os.rename", side_effect=order.rename)
    FileBlocks(str(tmp_path), 2).writeblocks(0, b"new", 0)
    assert [call[0] for call in order.mock_calls] == ["sync", "rename"]


def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        FileBlocks(str(tmp_path / "no" / "such"), 2)
