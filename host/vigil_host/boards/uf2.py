"""UF2, the files that a Pico takes: blocks of 512 bytes, each with 256 of the flash and where they go.

A block: magic 0A324655, magic 9E5D5157, flags (2000: it has a family), address, length, its number, the number of
blocks, family, data (476), magic 0AB16F30. Source: Microsoft's UF2 specification. The files of an RP2350 may begin with
a lone block of the family "absolute", against an error of that chip (RP2350-E10; recalled): it is kept as it is.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from vigil_host.boards.chips import CHIPS
from vigil_host.boards.description import Board
from vigil_host.boards.problems import ImageError

BLOCK_BYTES = 512
FLASH_START = 0x10000000
PAYLOAD_BYTES = 256
_MAGICS = (0x0A324655, 0x9E5D5157)
_LAST_MAGIC = 0x0AB16F30
_HAS_FAMILY = 0x2000
_ABSOLUTE = 0xE48BFF57
_BLOCK = struct.Struct("<8I476sI")


@dataclass(frozen=True)
class Uf2Block:
    """One block: the first address of its data, the data, its family, and its place among how many."""

    address: int
    data: bytes
    family: int
    number: int
    count: int


def is_uf2(image: bytes) -> bool:
    """Whether a file begins as a UF2 file does."""
    return len(image) >= BLOCK_BYTES and struct.unpack_from("<II", image) == _MAGICS


def read(image: bytes) -> list[Uf2Block]:
    """The blocks of a UF2 file; raises ImageError."""
    if not is_uf2(image):
        raise ImageError("this is no UF2 file: for this board MicroPython comes as one, with the name's end .uf2")
    if len(image) % BLOCK_BYTES:
        raise ImageError(f"this UF2 file is cut off: {len(image)} bytes are not whole blocks of {BLOCK_BYTES}")
    blocks = []
    for start in range(0, len(image), BLOCK_BYTES):
        first, second, flags, address, length, number, count, family, data, last = _BLOCK.unpack_from(image, start)
        if (first, second, last) != (*_MAGICS, _LAST_MAGIC) or length > len(data):
            raise ImageError(f"this UF2 file is damaged: block {start // BLOCK_BYTES} is none")
        blocks.append(Uf2Block(address, data[:length], family if flags & _HAS_FAMILY else 0, number, count))
    return blocks


def write(blocks: Iterable[Uf2Block]) -> bytes:
    """The file of these blocks."""
    return b"".join(
        _BLOCK.pack(
            *_MAGICS, _HAS_FAMILY, each.address, len(each.data), each.number, each.count, each.family, each.data,
            _LAST_MAGIC,
        )
        for each in blocks
    )  # fmt: skip


def check(image: bytes, board: Board) -> list[Uf2Block]:
    """The blocks of a whole MicroPython for this board that leaves its files alone; raises ImageError."""
    blocks = read(image)
    family = board.chip.uf2_family
    ours = [each for each in blocks if each.family == family]
    if not ours:
        names = {chip.uf2_family: name for name, chip in CHIPS.items() if chip.uf2_family is not None}
        found = next((each.family for each in blocks if each.family != _ABSOLUTE), _ABSOLUTE)
        raise ImageError(
            f"this image is for {names.get(found, f'family {found:#010x}')}, and {board.name} has {board.chip_name}"
        )
    strange = [each.family for each in blocks if each.family not in (family, _ABSOLUTE)]
    if strange:
        raise ImageError(f"this image holds blocks of another family too, {strange[0]:#010x}: it is not taken apart")
    if [each.number for each in ours] != list(range(ours[0].count)):
        raise ImageError(f"this UF2 file is cut off: it has {len(ours)} of {ours[0].count} blocks: fetch it again")
    end = max(each.address + len(each.data) for each in ours) - FLASH_START
    if min(each.address for each in ours) < FLASH_START or end > board.files_offset:
        raise ImageError(f"this image ends at {end:#x}, and the files of {board.name} begin at {board.files_offset:#x}")
    return blocks


def with_files(blocks: Iterable[Uf2Block], files: bytes, board: Board) -> bytes:
    """A UF2 file of these blocks, and of the board's file system behind them; without blocks, of the files alone."""
    family = board.chip.uf2_family
    assert family is not None
    kept = [each for each in blocks if each.family != family]
    data = [(each.address, each.data) for each in blocks if each.family == family]
    for start in range(0, len(files), PAYLOAD_BYTES):
        data.append((FLASH_START + board.files_offset + start, files[start : start + PAYLOAD_BYTES]))
    numbered = (Uf2Block(address, part, family, number, len(data)) for number, (address, part) in enumerate(data))
    return write([*kept, *numbered])
