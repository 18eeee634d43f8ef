"""Flashes one board, step by step. Each step looks at what is there first, so that all of it may be run again."""

import json
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vigil_host.boards import frozen, image, memory, partition_table, uf2
from vigil_host.boards.description import Board
from vigil_host.boards.file_set import file_set, simulated_sensors
from vigil_host.boards.problems import ImageError
from vigil_host.devices import Devices
from vigil_host.flash import esptool_process, files, micropython_image, ports, uf2_drive
from vigil_host.flash.problems import FlashError
from vigil_host.flash.same_board import SameBoard
from vigil_host.flash.serial_board import NoAnswer, SerialBoard
from vigil_host.flash.steps import ERASED, PATCHED, erased_bytes
from vigil_wire import keys

_RETURN_S = 30.0
"""Time for a board to be back after it was written: MicroPython makes its file system at its first start."""
_DRIVE_S = 15.0
_SELF_TEST_S = 40.0
_RETRY_S = 0.5
SELF_TEST = "vigil: self-test: "
_FAILED = "fault: the monitor failed"


class Talk(Protocol):
    """How the person in front of it is told, asked and kept waiting."""

    def step(self, step: str, done: str) -> None:
        """Say what came of a step."""

    def confirm(self, question: str) -> bool:
        """Ask; whether the answer was yes."""

    def progress(self, what: str, total: float) -> AbstractContextManager[Callable[[float], None]]:
        """Show a bar; what is yielded takes how much more of `total` is done."""


@dataclass(frozen=True)
class Wish:
    """What is to come onto the board. `drive`: where its boot drive is mounted; None: it is looked for."""

    micropython: bytes | None
    simulated: bool
    name: str | None
    wearer: str
    drive: Path | None = None


@dataclass
class Outcome:
    """What came of it; `self_test` is "good", or the board's own words."""

    board: str
    port: str
    micropython: str = "kept"
    copied: int = 0
    removed: int = 0
    kept: int = 0
    device: str = ""
    name: str = ""
    wearer: str = ""
    is_new_key: bool = False
    self_test: str = ""


class Flashing:
    """One board on its way; FlashError, ImageError and DevicesError are one line each."""

    def __init__(self, board: Board, port: str, wish: Wish, devices: Devices, talk: Talk) -> None:
        self._board = board
        self._port = port
        self._wish = wish
        self._same = SameBoard(devices)
        self._talk = talk
        self._outcome = Outcome(board.id, port)

    def run(self) -> Outcome:
        """Do all steps."""
        board, wish = self._board, self._wish
        if wish.micropython is not None:
            micropython_image.check(wish.micropython, board)
            self._talk.step("image", f"a whole MicroPython for {board.chip_name}")
        wanted = self._wanted_files()  # what cannot be compiled is noticed before anything is written
        found = self._look()
        if wish.micropython is not None:
            if board.chip.port == "esp32":
                self._write_esp32(wish.micropython, found)
            else:
                self._write_rp2(wish.micropython, found)
        with self._connected() as serial_board:
            found = self._checked(serial_board.ask("survey"))
            room = serial_board.ask("room")
            wanted = self._without_frozen(wanted, room["frozen"])
            self._check_memory(room["heap_bytes"], is_frozen=room["frozen"] == frozen.mark())
            self._copy(serial_board, wanted, found)
            self._give_key(serial_board, found["unique_id"])
            self._talk.step("start", "the board starts")
            self._test(serial_board)
        return self._outcome

    def _wanted_files(self) -> dict[str, bytes]:
        board = self._board
        wanted = file_set(board)
        if self._wish.simulated:
            pins = {**json.loads(wanted["board.json"]), "sensors": "simulated"}
            wanted = {**wanted, **simulated_sensors(board.chip.architecture)}
            wanted["board.json"] = json.dumps(pins).encode() + b"\n"
        return wanted

    def _without_frozen(self, wanted: dict[str, bytes], mark: str) -> dict[str, bytes]:
        """The files that are wanted beside what is frozen into the board's MicroPython, by its mark."""
        if not mark:
            return wanted
        if mark == frozen.mark():
            self._talk.step("frozen", "Vigil is in this MicroPython: its packages are no files")
            return {path: content for path, content in wanted.items() if not files.is_of_packages(path)}
        if not self._talk.confirm(
            "Another version of Vigil is frozen into this MicroPython, and files of this one would take memory. Better "
            "build MicroPython anew from what `vigil freeze` makes. Go on with files?"
        ):
            raise FlashError("no files were changed: the board keeps its Vigil")
        return wanted

    def _check_memory(self, heap_bytes: int, is_frozen: bool) -> None:
        """Ask before files go onto a board that has too little memory to run them."""
        needed_kib = memory.needed_by(self._board, is_frozen=is_frozen, is_simulated=self._wish.simulated)
        has_kib = heap_bytes // 1024
        if has_kib >= needed_kib:
            self._talk.step("memory", f"{has_kib} KiB, of which Vigil needs {needed_kib}")
        elif not self._talk.confirm(
            f"The board has {has_kib} KiB of memory beside Bluetooth, and Vigil needs {needed_kib}: it would not "
            f"start. Better {memory.advice(is_frozen=is_frozen)}. Go on all the same?"
        ):
            raise FlashError("no files were changed: the board has too little memory")

    def _look(self) -> dict[str, Any] | None:
        """What is on the board; None where no MicroPython answers, which an image mends."""
        if self._wish.micropython is not None and not ports.is_there(self._port):
            self._talk.step("look", "there is no port yet")
            return None
        try:
            with SerialBoard(self._port) as serial_board:
                found: dict[str, Any] = self._checked(serial_board.ask("survey"))
        except NoAnswer:
            if self._wish.micropython is None:
                raise
            self._talk.step("look", "no MicroPython answers")
            return None
        self._talk.step("look", f"{found['machine']}, MicroPython {found['version']}, {len(found['files'])} files")
        return found

    def _checked(self, found: dict[str, Any]) -> dict[str, Any]:
        """What a board has said, if it is of the kind that is to be flashed."""
        board = self._board
        chip = chip_of(found)
        if found["platform"] != board.chip.port or (chip and chip != board.chip_name):
            raise FlashError(
                f"the board on {self._port} is a {found['machine']}, and {board.name} has {board.chip_name}: choose "
                "another with --board"
            )
        return found

    def _write_esp32(self, micropython: bytes, found: dict[str, Any] | None) -> None:
        board, port = self._board, self._port
        esptool_process.check_installed()
        chip = esptool_process.detect(port)
        if chip.name != board.chip_name:
            raise FlashError(
                f"the chip on {port} is an {chip.name}, and {board.name} has {board.chip_name}: choose another with "
                "--board"
            )
        if chip.flash_mib and chip.flash_mib << 20 < board.partitions[-1].end:
            raise FlashError(
                f"the board has {chip.flash_mib} MiB of flash, and {board.name} needs more: choose another"
            )
        self._talk.step("chip", f"{chip.name}, {chip.mac}")
        with tempfile.TemporaryDirectory(prefix="vigil-") as folder:
            patched = Path(folder, PATCHED)
            patched.write_bytes(micropython_image.with_partitions(micropython, board))
            self._erase_moved(found)
            at = board.chip.flash_offset
            if esptool_process.is_written(port, at, patched):
                self._talk.step("write", "this MicroPython is there already")
                return
            with self._talk.progress("MicroPython", 100) as advance:
                done = 0.0

                def percent(now: float) -> None:
                    nonlocal done
                    if now > done:
                        advance(now - done)
                        done = now

                esptool_process.run(port, *esptool_process.write_arguments(at, patched), percent=percent)
        self._outcome.micropython = "written"
        self._talk.step("write", "MicroPython and the partition table are written")

    def _erase_moved(self, found: dict[str, Any] | None) -> None:
        """Where the partitions are not as they are to be, erase the journal and what makes files, if allowed."""
        board, port = self._board, self._port
        table = esptool_process.read(port, partition_table.TABLE_OFFSET, partition_table.TABLE_BYTES)
        try:
            there = partition_table.decode(table)
        except ImageError:
            there = []
        if there == list(board.partitions):
            self._talk.step("partitions", "they are as they should be: files and journal stay")
            return
        if there and (found is None or set(found["files"]) - {"boot.py"}):
            holds = f"{len(found['files'])} files" if found else "another program, and maybe files"
            if not self._talk.confirm(
                f"The board holds {holds}. The new partitions erase them, and the board's journal. Go on?"
            ):
                raise FlashError("nothing was changed: the board keeps its files")
        for each in board.partitions:
            if each.label in ERASED:
                esptool_process.run(port, *esptool_process.erase_arguments(each.offset, erased_bytes(each)))
        self._talk.step("erase", "the journal and the first blocks of the files are erased")

    def _write_rp2(self, micropython: bytes, found: dict[str, Any] | None) -> None:
        board = self._board
        if found and _holds(micropython, found["version"]):
            self._talk.step("write", "this MicroPython is there already")
            return
        if found:
            uf2_drive.touch(self._port)
        drive = uf2_drive.wait_for(board, self._wish.drive, _DRIVE_S)
        self._talk.step("boot drive", str(drive))
        with self._talk.progress("MicroPython", len(micropython)) as advance:
            uf2_drive.copy(drive, micropython, advance)
        self._outcome.micropython = "written"
        self._talk.step("write", "MicroPython is written")

    @contextmanager
    def _connected(self) -> Iterator[SerialBoard]:
        """The board, which may have to start first; FlashError where it does not answer in time."""
        is_new = self._outcome.micropython == "written"
        end_s = time.monotonic() + (_RETURN_S if is_new else 0)
        with ExitStack() as stack:
            while True:
                try:
                    port = self._port if ports.is_there(self._port) or not is_new else ports.find(None).name
                    serial_board = stack.enter_context(SerialBoard(port))
                    break
                except FlashError:
                    if time.monotonic() >= end_s:
                        raise
                time.sleep(_RETRY_S)
            self._outcome.port = port
            yield serial_board

    def _copy(self, serial_board: SerialBoard, wanted: dict[str, bytes], found: dict[str, Any]) -> None:
        there = {path: digest for path, (digest, _) in found["files"].items()}
        difference = files.difference(wanted, there)
        self._check_room(difference, wanted, found)
        if difference.remove:
            serial_board.run(f"import os\nfor path in {list(difference.remove)!r}: os.remove('/' + path)")
        needless = files.needless_folders(found["folders"], wanted)
        if needless:
            serial_board.run(f"import os\nfor path in {needless!r}: os.rmdir('/' + path)")
        missing = [
            folder for folder in files.folders(difference.write) if not any(p.startswith(f"{folder}/") for p in there)
        ]
        for folder in missing:
            serial_board.run(_MAKE_FOLDER.format(f"/{folder}"))
        total = sum(len(wanted[path]) for path in difference.write)
        with self._talk.progress(f"{len(difference.write)} files", total) as advance:
            for path in difference.write:
                serial_board.write(f"/{path}", wanted[path], advance)
        outcome = self._outcome
        outcome.copied, outcome.removed, outcome.kept = len(difference.write), len(difference.remove), difference.kept
        after = {path: digest for path, (digest, _) in serial_board.ask("survey")["files"].items()}
        left = files.difference(wanted, after)
        if left.write or left.remove:
            raise FlashError(f"{len(left.write)} files are not on the board as they were sent: run this again")
        self._talk.step("files", f"{outcome.copied} copied, {outcome.kept} there already, {outcome.removed} removed")

    def _check_room(self, difference: files.Difference, wanted: dict[str, bytes], found: dict[str, Any]) -> None:
        """Refuse what would not fit before anything is changed."""
        block, sizes = found["block_bytes"], {path: size for path, (_, size) in found["files"].items()}
        needed = sum(files.blocks_bytes(len(wanted[path]), block) for path in difference.write)
        freed = sum(
            files.blocks_bytes(sizes[path], block) for path in {*difference.remove, *difference.write} & {*sizes}
        )
        if needed - freed > found["free_bytes"]:
            raise FlashError(
                f"the board's file system is full: {(needed - freed + 1023) // 1024} KiB more are needed, "
                f"{found['free_bytes'] // 1024} KiB are free; remove files of your own, then run this again"
            )

    def _give_key(self, serial_board: SerialBoard, unique_id: str) -> None:
        key = bytes.fromhex(serial_board.ask("key"))
        if not key:
            key = self._same.former_key(unique_id) or self._new_key(serial_board)
            serial_board.run(_MAKE_FOLDER.format("/vigil"))
            for path, content in image.provisioned(key).items():  # the key's blocks come last
                serial_board.write(f"/{path}", content, lambda _: None)
            if bytes.fromhex(serial_board.ask("key")) != key:
                raise FlashError(
                    "the board does not keep its key: run this again, and if it stays so, take another board"
                )
            self._outcome.is_new_key = True
        self._talk.step("key", "given" if self._outcome.is_new_key else "the board has one already, which stays")
        device = self._same.register(unique_id, key, self._wish.name, self._wish.wearer)
        self._outcome.device, self._outcome.name, self._outcome.wearer = device.id, device.name, device.wearer
        self._talk.step("register", f"{device.name} ({device.id}), worn by {device.wearer}")

    @staticmethod
    def _new_key(serial_board: SerialBoard) -> bytes:
        """A key for a device that is new: what the board recorded as another one must not become its record."""
        serial_board.ask("forget_records")
        return secrets.token_bytes(keys.KEY_LENGTH)

    def _test(self, serial_board: SerialBoard) -> None:
        lines = serial_board.soft_reset(lambda line: line.startswith((SELF_TEST, _FAILED)), _SELF_TEST_S)
        last = lines[-1] if lines else ""
        if last.startswith(SELF_TEST):
            self._outcome.self_test = last.removeprefix(SELF_TEST)
        else:
            self._outcome.self_test = last or "the board said nothing"
        self._talk.step("self-test", self._outcome.self_test)


_MAKE_FOLDER = """\
import os
try:
    os.mkdir({0!r})
except OSError:
    os.stat({0!r})
"""


def chip_of(found: dict[str, Any]) -> str:
    """The chip, as board.toml has it, by what MicroPython calls its board ("... with ESP32S3"); "": unsaid."""
    said = str(found["machine"]).rpartition(" with ")[2].lower().replace("-", "")
    return said if said.startswith(("esp32", "rp2")) and " " not in said else ""


def _holds(micropython: bytes, version: str) -> bool:
    """Whether a UF2 image is of the version that a board says it has."""
    blocks = uf2.read(micropython)
    return version.encode() in b"".join(block.data for block in sorted(blocks, key=lambda block: block.address))
