"""The simulated flash chip: NOR rules, MicroPython's block device protocol, power cuts at every byte."""

from vigil_hal.simulated.flash import ALL, FIRST_HALF, NOTHING, SOME_BITS, PowerCut, SimulatedFlash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def content(flash: SimulatedFlash, block: int, offset: int, length: int) -> bytes:
    """Read through the protocol."""
    data = bytearray(length)
    flash.readblocks(block, data, offset)
    return bytes(data)


def write_is_cut(flash: SimulatedFlash, data: bytes, offset: int) -> bool:
    """Program in block 0; whether that ends in a power cut."""
    try:
        flash.writeblocks(0, data, offset)
    except PowerCut:
        return True
    return False


def erase_is_cut(flash: SimulatedFlash) -> bool:
    """Erase block 0; whether that ends in a power cut."""
    try:
        flash.ioctl(6, 0)
    except PowerCut:
        return True
    return False


def case_size_is_told() -> None:
    flash = SimulatedFlash(3)
    assert flash.ioctl(4, 0) == 3
    assert flash.ioctl(5, 0) == 4096
    assert flash.ioctl(3, 0) == 0
    assert content(flash, 2, 4095, 1) == b"\xff"


def case_programming_only_clears_bits() -> None:
    flash = SimulatedFlash(1)
    flash.writeblocks(0, b"\xf0\x0f", 10)
    flash.writeblocks(0, b"\x30\x0f", 10)
    try:
        flash.writeblocks(0, b"\x00\x1f", 10)
    except OSError as error:
        assert error.errno == 5
    else:
        raise AssertionError("a bit was set")
    assert content(flash, 0, 9, 4) == b"\xff\x30\x0f\xff"
    assert flash.erases == [0]


def case_only_whole_units_are_programmed() -> None:
    flash = SimulatedFlash(1, 4096, 16)
    flash.writeblocks(0, bytes(32), 16)
    for data, offset in ((bytes(16), 8), (bytes(8), 64)):
        try:
            flash.writeblocks(0, data, offset)
        except OSError as error:
            assert error.errno == 22
        else:
            raise AssertionError("part of a unit was programmed")
    assert (flash.programmed, flash.operations) == (32, 1)


def case_an_operation_is_torn_as_asked() -> None:
    for tear, torn in ((NOTHING, b"\xff" * 8), (FIRST_HALF, bytes(4) + b"\xff" * 4), (ALL, bytes(8))):
        flash = SimulatedFlash(1, 16)
        flash.cut_in(0, tear)
        assert write_is_cut(flash, bytes(8), 0)
        assert write_is_cut(flash, bytes(8), 8)
        assert content(flash, 0, 0, 16) == torn + b"\xff" * 8
    seen = set()
    for seed in range(20):
        flash = SimulatedFlash(1, 16)
        flash.writeblocks(0, b"\x0f" * 16, 0)
        flash.cut_in(1, SOME_BITS, seed)
        assert erase_is_cut(flash)
        assert all(byte & 0x0F == 0x0F for byte in flash.memory)
        seen.add(bytes(flash.memory))
    assert len(seen) == 20


def case_erasing_sets_a_whole_block_and_is_counted() -> None:
    flash = SimulatedFlash(2, 16)
    flash.writeblocks(0, bytes(16), 0)
    flash.writeblocks(1, bytes(16), 0)
    assert flash.ioctl(6, 1) == 0
    assert content(flash, 0, 0, 32) == bytes(16) + b"\xff" * 16
    assert flash.erases == [0, 1]


def case_write_without_an_offset_erases_first() -> None:
    flash = SimulatedFlash(3, 16)
    flash.writeblocks(0, bytes(48), 0)
    flash.writeblocks(1, b"\x5a" * 32)
    assert content(flash, 0, 0, 48) == bytes(16) + b"\x5a" * 32
    assert flash.erases == [0, 1, 1]


def case_beyond_the_end_is_an_error() -> None:
    flash = SimulatedFlash(2, 16)
    calls: list[Callable[[], object]] = [
        lambda: flash.readblocks(1, bytearray(2), 15),
        lambda: flash.writeblocks(2, b"\x00", 0),
        lambda: flash.writeblocks(-1, b"\x00", 0),
        lambda: flash.writeblocks(0, b"\x00"),
        lambda: flash.ioctl(6, 2),
    ]
    for call in calls:
        try:
            call()
        except OSError as error:
            assert error.errno == 22
        else:
            raise AssertionError("no error")


def case_cut_write_leaves_its_first_bytes() -> None:
    for operations in range(9):
        flash = SimulatedFlash(1, 16)
        flash.cut_after(operations)
        assert write_is_cut(flash, bytes(8), 4) == (operations < 8)
        assert content(flash, 0, 4, 12) == bytes(operations) + b"\xff" * (12 - operations)


def case_cut_erase_leaves_its_first_half() -> None:
    for operations, erased in ((0, 0), (1, 8), (2, 16)):
        flash = SimulatedFlash(1, 16)
        flash.writeblocks(0, bytes(16), 0)
        flash.cut_after(operations)
        assert erase_is_cut(flash) == (operations < 2)
        assert content(flash, 0, 0, 16) == b"\xff" * erased + bytes(16 - erased)


def case_power_stays_cut_until_restored() -> None:
    flash = SimulatedFlash(1, 16)
    flash.cut_after(1)
    assert write_is_cut(flash, bytes(2), 0)
    assert write_is_cut(flash, bytes(1), 8)
    assert content(flash, 0, 0, 2) == b"\x00\xff"
    flash.restore()
    flash.writeblocks(0, bytes(1), 8)
    assert content(flash, 0, 8, 1) == b"\x00"
