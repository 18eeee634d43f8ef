"""One image for a board: MicroPython, the partition table, and the files with settings and a key of its own."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from vigil_firmware import storage
from vigil_hal.file_blocks import FileBlocks
from vigil_host.boards import esp_image, frozen, partition_table, uf2
from vigil_host.boards.description import FIRST_PARTITION, Board
from vigil_host.boards.file_set import file_set
from vigil_host.boards.file_system import pack
from vigil_host.boards.problems import ImageError
from vigil_wire.settings import Settings

_STORAGE_FOLDER = "vigil"  # main.py's STORAGE_FOLDER, without its slash


def check(board: Board, micropython: bytes) -> None:
    """Raise ImageError unless this is a whole MicroPython for the board."""
    if board.chip.port == "esp32":
        esp_image.check(micropython, board)
    elif board.chip.port == "rp2":
        uf2.check(micropython, board)
    else:
        raise ImageError(f"{board.name} runs Linux: there is nothing to flash")


def build(board: Board, device_key: bytes, micropython: bytes | None) -> bytes:
    """The image for a board that is to have this key; raises ImageError.

    ESP32: the flash from address 0 on; without `micropython` the file system alone, for `board.files_offset`. Pico: a
    UF2 file, without `micropython` of the file system alone. Where Vigil is frozen into `micropython`, its packages are
    no files.
    """
    is_frozen = False
    if micropython is not None:
        check(board, micropython)
        is_frozen = _has_vigil(board, micropython)
    files = pack({**file_set(board, is_frozen=is_frozen), **provisioned(device_key)}, board)
    if board.chip.port == "rp2":
        return uf2.with_files(uf2.read(micropython) if micropython else (), files, board)
    if micropython is None:
        return files
    regions = {board.chip.flash_offset: micropython, board.files_offset: files}
    image = bytearray(_placed(regions, board.partitions[-1].end))
    table = partition_table.encode(board.partitions).ljust(FIRST_PARTITION - partition_table.TABLE_OFFSET, b"\xff")
    image[partition_table.TABLE_OFFSET : FIRST_PARTITION] = table  # in place of MicroPython's own
    return bytes(image)


def _has_vigil(board: Board, micropython: bytes) -> bool:
    """Whether this Vigil is frozen into an image that was checked; raises ImageError where it is another."""
    content = micropython
    if board.chip.port == "rp2":
        blocks = sorted(uf2.read(micropython), key=lambda block: block.address)
        content = b"".join(block.data for block in blocks)
    found = frozen.mark_in(content)
    if found and found != frozen.mark():
        raise ImageError(
            "another version of Vigil is frozen into this MicroPython: build it anew from what `vigil freeze` makes"
        )
    return bool(found)


def provisioned(device_key: bytes, settings: Settings | None = None) -> dict[str, bytes]:
    """The files that give a board its key and its settings (default: the default ones), by their paths on the board."""
    with tempfile.TemporaryDirectory() as folder:
        storage.provision(FileBlocks(folder, storage.BLOCK_COUNT), device_key, settings or Settings())
        return {f"{_STORAGE_FOLDER}/{path.name}": path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _placed(regions: Mapping[int, bytes], end: int) -> bytes:
    """Erased flash with these regions in it, each at its address; raises ImageError where two overlap."""
    image = bytearray(b"\xff" * end)
    last = 0
    for start, content in sorted(regions.items()):
        if start < last or start + len(content) > end:
            raise ImageError(f"what begins at {start:#x} has no room there")
        last = start + len(content)
        image[start:last] = content
    return bytes(image)
