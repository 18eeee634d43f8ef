"""Stand-ins for MicroPython's images, which no registry has: the same frames around nothing."""

import hashlib
import struct
from collections.abc import Sequence
from functools import cache

from vigil_host.boards import partition_table, uf2
from vigil_host.boards.description import Board, Partition

_STOCK = (
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, 0x10000, 0x1F0000),
)


def esp_part(chip_id: int, data: bytes, flash_code: int = 2) -> bytes:
    """A bootloader or an app of one segment; `flash_code` 2 is 4 MiB."""
    header = struct.pack("<BBBBI", 0xE9, 1, 2, flash_code << 4, 0x40080000)
    header += struct.pack("<B3sHBHHIB", 0xEE, b"", chip_id, 0, 0, 0xFFFF, 0, 1)
    body = header + struct.pack("<II", 0x3F400020, len(data)) + data
    checksum = 0xEF
    for byte in data:
        checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    return body + hashlib.sha256(body).digest()


def esp_image(board: Board, app_bytes: int = 5000, chip_id: int | None = None, flash_code: int = 3) -> bytes:
    """A whole image as MicroPython comes for this board."""
    chip_id = board.chip.image_id if chip_id is None else chip_id
    assert chip_id is not None
    offset = board.chip.flash_offset
    image = esp_part(chip_id, _content(900), flash_code).ljust(0x8000 - offset, b"\xff")
    image += partition_table.encode(_STOCK)
    image = image.ljust(0x10000 - offset, b"\xff")
    return image + esp_part(chip_id, _content(app_bytes), flash_code)


@cache
def _content(length: int) -> bytes:
    return bytes(place * place // 3 & 0xFF for place in range(length))


def uf2_image(family: int, pages: int = 40, with_absolute: bool = False, start: int = 0x10000000) -> bytes:
    """A UF2 file of so many pages of 256 bytes."""
    first = [uf2.Uf2Block(0x10FFFF00, b"\xef" * 256, 0xE48BFF57, 0, 2)] if with_absolute else []
    return uf2.write([*first, *uf2_pages(family, [bytes([page]) * 256 for page in range(pages)], start)])


def uf2_pages(family: int, pages: Sequence[bytes], start: int) -> list[uf2.Uf2Block]:
    """The blocks of these pages, one after another."""
    return [uf2.Uf2Block(start + 256 * number, page, family, number, len(pages)) for number, page in enumerate(pages)]
