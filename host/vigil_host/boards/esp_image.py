"""Whether an image for an ESP32 is whole, MicroPython's or one made of it, and for the chip it is to run on.

Such a file holds the bootloader at the chip's flash offset, a partition table at 0x8000 and the app at 0x10000.
Bootloader and app are images of Espressif's format: a header of 24 bytes (E9, number of segments, mode, size and speed
of the flash, entry, ..., chip id at byte 12, whether a SHA-256 follows at byte 23), segments of address, length and
data, then zeros and the XOR of all data and EF as the last byte of sixteen, then the SHA-256. Source: esptool's
documentation, Firmware Image Format.
"""

import hashlib
import struct
from dataclasses import dataclass

from vigil_host.boards import partition_table, uf2
from vigil_host.boards.chips import CHIPS
from vigil_host.boards.description import APP_ALIGNMENT, Board
from vigil_host.boards.problems import ImageError

_MAGIC = 0xE9
_HEADER_BYTES = 24
_CHIP_ID = 12
_HAS_SHA256 = 23
_CHECKSUM_START = 0xEF
_FLASH_MIB = {0: 1, 1: 2, 2: 4, 3: 8, 4: 16, 5: 32, 6: 64, 7: 128}


@dataclass(frozen=True)
class _Image:
    chip_id: int
    flash_bytes: int
    end: int


def check(image: bytes, board: Board) -> None:
    """Raise ImageError unless `image` is a whole MicroPython for this board that leaves its other partitions alone."""
    start = board.chip.flash_offset
    wanted = f"{board.firmware.image if board.firmware else ''}-VERSION.bin"
    if image[:1] != bytes([_MAGIC]):
        raise ImageError(f"this is no image for an ESP32 (it does not begin with E9): {wanted} is needed")
    bootloader = _parse(image, 0, "bootloader")
    if bootloader.chip_id != board.chip.image_id:
        names = {chip.image_id: name for name, chip in CHIPS.items() if chip.image_id is not None}
        other = names.get(bootloader.chip_id, f"chip {bootloader.chip_id}")
        raise ImageError(f"this image is for {other}, and {board.name} has {board.chip_name}: {wanted} is needed")
    table = image[partition_table.TABLE_OFFSET - start :][: partition_table.TABLE_BYTES]
    if table[:2] != partition_table.MAGIC:
        raise ImageError(f"this image has no partition table at 0x8000, as an app alone has none: {wanted} is needed")
    app = _parse(image, APP_ALIGNMENT - start, "app")
    if app.chip_id != bootloader.chip_id:
        raise ImageError("the bootloader and the app of this image are for two chips: fetch it again")
    factory = next(each for each in board.partitions if each.label == "factory")
    if start + len(image) > factory.end:
        raise ImageError(
            f"this image ends at {start + len(image):#x}, and the factory partition of {board.name} at "
            f"{factory.end:#x}: an older or smaller MicroPython is needed"
        )
    if bootloader.flash_bytes < board.partitions[-1].end:
        raise ImageError(
            f"this image is for {bootloader.flash_bytes >> 20} MiB of flash, and the partitions of {board.name} end "
            f"at {board.partitions[-1].end:#x}"
        )


def chip_of(image: bytes) -> str:
    """The name of the chip an image from `vigil image` with MicroPython is for; raises ImageError for any other."""
    if uf2.is_uf2(image):
        raise ImageError(
            "this is an image for a Pico: hold BOOTSEL while you plug the Pico in, and copy the file onto the drive "
            "that appears"
        )
    esp32 = {name: chip for name, chip in CHIPS.items() if chip.port == "esp32"}
    found = [name for name, chip in esp32.items() if _chip_id(image, chip.flash_offset) == chip.image_id]
    if not found:
        raise ImageError("this is no image with MicroPython for an ESP32: `vigil image --micropython ...` makes one")
    partitions = partition_table.decode(image[partition_table.TABLE_OFFSET :][: partition_table.TABLE_BYTES])
    if "vigil" not in (each.label for each in partitions):
        raise ImageError("this is MicroPython without Vigil: `vigil image --micropython ...` puts them together")
    if len(image) != partitions[-1].end:
        raise ImageError(f"this image is cut off: it has {len(image)} of {partitions[-1].end} bytes: make it again")
    return found[0]


def _chip_id(image: bytes, start: int) -> int | None:
    """For which chip the image is that begins at `start`; None where none does."""
    header = image[start : start + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES or header[0] != _MAGIC:
        return None
    return int.from_bytes(header[_CHIP_ID : _CHIP_ID + 2], "little")


def _parse(data: bytes, start: int, what: str) -> _Image:
    """The image that begins at `start`; raises ImageError where it is cut off or damaged."""
    cut = ImageError(f"this image is cut off within its {what}, at {len(data)} bytes: fetch it again")
    header = data[start : start + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        raise cut
    if header[0] != _MAGIC:
        raise ImageError(f"this image has no {what} where it should be: fetch it again")
    at = start + _HEADER_BYTES
    checksum = _CHECKSUM_START
    for _ in range(header[1]):
        if at + 8 > len(data):
            raise cut
        (length,) = struct.unpack_from("<I", data, at + 4)
        segment = data[at + 8 : at + 8 + length]
        if len(segment) < length:
            raise cut
        checksum ^= _xor(segment)
        at += 8 + length
    at += 16 - (at - start) % 16
    end = at + (32 if header[_HAS_SHA256] else 0)
    if end > len(data):
        raise cut
    is_whole = not header[_HAS_SHA256] or hashlib.sha256(data[start:at]).digest() == data[at:end]
    if data[at - 1] != checksum or not is_whole:
        raise ImageError(f"the {what} of this image is damaged, its sum is wrong: fetch it again")
    (chip_id,) = struct.unpack_from("<H", header, _CHIP_ID)
    return _Image(chip_id, _FLASH_MIB.get(header[3] >> 4, 0) << 20, end)


def _xor(data: bytes) -> int:
    """All bytes XORed: in halves, as whole numbers, for speed."""
    value, length = int.from_bytes(data, "little"), len(data)
    while length > 1:
        half = (length + 1) // 2
        value = value >> 8 * half ^ value & (1 << 8 * half) - 1
        length = half
    return value
