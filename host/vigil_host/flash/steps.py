"""The steps of flashing a board, as data: what a dry run shows, and what is announced while they are done."""

from dataclasses import dataclass
from pathlib import Path

from vigil_host.boards import partition_table
from vigil_host.boards.description import SECTOR_BYTES, Board, Partition
from vigil_host.flash import esptool_process, uf2_drive

ERASED = ("vigil", "vfs")
PATCHED = Path("micropython-with-partitions.bin")


def erased_bytes(partition: Partition) -> int:
    """A file system without its first two blocks counts as none. A journal is a ring: all of it must go."""
    return partition.size if partition.label == "vigil" else 2 * SECTOR_BYTES


@dataclass(frozen=True)
class Step:
    """One step: its short name, what is done, why, and the process it starts or what is said to the board."""

    step: str
    what: str
    why: str
    command: tuple[str, ...] = ()


def plan(board: Board, port: str, source: str | None, simulated: bool) -> list[Step]:
    """All steps for this board; `source` is the MicroPython image, None: the one on the board stays."""
    steps = [Step("port", f"find the board's serial port ({port})", "everything else goes over it")]
    if source is not None:
        steps.append(
            Step("image", f"check {source}: its SHA-256, its chip, whether it is whole", "a wrong image starts nothing")
        )
    steps.append(
        Step("look", "stop what runs on the board, and ask what it is and which files it has", "it may hold somebody's",
             ("Ctrl-C", "raw REPL"))
    )  # fmt: skip
    if source is not None:
        steps += _esp32(board, port) if board.chip.port == "esp32" else _rp2(board, port)
    sensors = "simulated sensors" if simulated else "the sensors of its board.json"
    return [
        *steps,
        Step("memory", "ask how much memory there is beside Bluetooth", "with too little Vigil would not start"),
        Step("files", f"copy the files whose SHA-256 differs, main.py last; {sensors}", "so it can go on after a cut"),
        Step(
            "key",
            "give it a key and the default settings, unless it has some",
            "a key is drawn once for each board; a new device begins an empty record",
        ),
        Step("register", "make the device known to this computer's bridge", "or nobody would hear it"),
        Step("start", "start the board", "what was copied is to run", ("Ctrl-D",)),
        Step("self-test", "read what the board says of itself after three seconds", "to see that it works"),
    ]  # fmt: skip


def _esp32(board: Board, port: str) -> list[Step]:
    def esptool(*arguments: str) -> tuple[str, ...]:
        return tuple(esptool_process.command(port, esptool_process.FAST_BAUD, *arguments))

    table = (f"{partition_table.TABLE_OFFSET:#x}", f"{partition_table.TABLE_BYTES:#x}")
    at = board.chip.flash_offset
    return [
        Step("chip", "ask the chip which it is", f"{board.name} has {board.chip_name}",
             tuple(esptool_process.command(port, esptool_process.SLOW_BAUD, "flash-id"))),
        Step("partitions", "read the partition table that is there", "if it is another one, files and journal move",
             esptool("read-flash", *table, "partitions.bin")),
        *(
            Step(f"erase {each.label}", f"if it is, erase {each.label} or its first blocks, after asking",
                 "what is left of something else must not be taken for its content",
                 esptool(*esptool_process.erase_arguments(each.offset, erased_bytes(each))))
            for each in board.partitions if each.label in ERASED
        ),
        Step("compare", "compare the flash with the image", "what is there already is not written again",
             esptool(*esptool_process.verify_arguments(at, PATCHED))),
        Step("write", "if they differ, write MicroPython and this board's partition table, slowly where fast fails",
             "the journal needs a partition of its own, and the firmware a MicroPython that was tried",
             esptool(*esptool_process.write_arguments(at, PATCHED))),
    ]  # fmt: skip


def _rp2(board: Board, port: str) -> list[Step]:
    return [
        Step("boot drive", "unless this MicroPython is there, have the board show its boot drive",
             f"where that fails: {uf2_drive.BOOTSEL}", (f"open {port} at {uf2_drive.TOUCH_BAUD} baud",)),
        Step("write", "copy the UF2 file onto that drive", "so MicroPython comes onto a Pico; files on it stay"),
    ]  # fmt: skip
