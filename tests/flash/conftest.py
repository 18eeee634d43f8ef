"""Boards to be flashed: a real MicroPython behind a socket, a recorded esptool, images that are whole and small."""

import hashlib
import json
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from vigil_host.boards import partition_table, uf2
from vigil_host.boards.description import FIRST_PARTITION, Board, Partition
from vigil_host.cli import main
from vigil_host.vm.socket_board import SocketBoard

BOARD = "esp32-devkitc"
_APP = 0x10000
_STOCK = (
    Partition("nvs", 1, 2, 0x9000, 0x6000),
    Partition("phy_init", 1, 1, 0xF000, 0x1000),
    Partition("factory", 0, 0, 0x10000, 0x1F0000),
    Partition("vfs", 1, 0x81, 0x200000, 0x200000),
)
# What the wiring of an ESP32-DevKitC brings: sensors and gauge, on a simulated bus that feels the built-in patient.
WIRED = """
import machine, time
from vigil_firmware.simulation.parts import Parts, endless_source
_source = endless_source("patient", "")
machine.attach_i2c(Parts(_source, _source.has_temperature, time.ticks_ms).bus)
"""


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, and a wide terminal."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def no_nagle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that sends at once, as a serial port does: else each short write waits 40 ms for the one before."""
    connect = socket.create_connection

    def connect_at_once(*args: Any, **named: Any) -> socket.socket:
        connected = connect(*args, **named)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    monkeypatch.setattr(socket, "create_connection", connect_at_once)


@pytest.fixture
def flash(tmp_path: Path) -> Path:
    """What is on the flash of a board with MicroPython: an empty file system."""
    folder = tmp_path / "flash"
    folder.mkdir()
    return folder


@pytest.fixture
def bare(flash: Path) -> Iterator[SocketBoard]:
    """A board with MicroPython, nothing else, and no sensor."""
    with SocketBoard(flash) as board:
        yield board


def vigil(*args: str) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, args, catch_exceptions=False)


def refused(result: Result) -> str:
    """The one error line of a command that failed and printed nothing on stdout."""
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert result.stderr.splitlines()[-1] == line
    return line.removeprefix("Error: ")


def files_in(folder: Path) -> dict[str, bytes]:
    """The files under a folder, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def esp32_image(board: Board, chip_id: int | None = None) -> bytes:
    """A whole image as MicroPython has them, with a tiny bootloader and app, and its own partition table."""
    wanted = board.chip.image_id if chip_id is None else chip_id
    assert wanted is not None
    start = board.chip.flash_offset
    image = _part(wanted, b"bootloader").ljust(partition_table.TABLE_OFFSET - start, b"\xff")
    image += partition_table.encode(_STOCK).ljust(FIRST_PARTITION - partition_table.TABLE_OFFSET, b"\xff")
    return image.ljust(_APP - start, b"\xff") + _part(wanted, b"MicroPython" * 100)


def _part(chip_id: int, data: bytes) -> bytes:
    data = data.ljust((len(data) + 3) // 4 * 4, b"\0")
    header = (
        struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40080000) + bytes(4) + struct.pack("<H", chip_id) + bytes(9) + b"\1"
    )
    body = header + struct.pack("<II", 0x3FFF0000, len(data)) + data
    checksum = 0xEF
    for byte in data:
        checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    return body + hashlib.sha256(body).digest()


def uf2_image(board: Board, version: str = "v1.28.0 on 2026-04-06") -> bytes:
    """A whole UF2 file that names its version, as MicroPython's do."""
    family = board.chip.uf2_family
    assert family is not None
    data = (b"\0" * 100 + b"MicroPython " + version.encode()).ljust(1024, b"\0")
    parts = [data[start : start + 256] for start in range(0, len(data), 256)]
    return uf2.write(
        uf2.Uf2Block(uf2.FLASH_START + 256 * number, part, family, number, len(parts))
        for number, part in enumerate(parts)
    )


class RecordedEsptool:
    """The recorded esptool's board, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write_flash(b"")
        self.is_a("ESP32", "ESP32-D0WD-V3")

    def write_flash(self, content: bytes, at: int = 0) -> None:
        """Put this onto a flash that is otherwise erased."""
        (self.folder / "flash.bin").write_bytes((b"\xff" * at + content).ljust(4 << 20, b"\xff"))

    def is_a(self, chip: str, full: str) -> None:
        """Be this chip."""
        (self.folder / "chip.json").write_text(json.dumps({"chip": chip, "full": full}))

    def fails(self, verb: str, said: str, often: int = 9) -> None:
        """Have this verb fail so often, with these words."""
        (self.folder / "fails.json").write_text(json.dumps({verb: [said, often]}))

    @property
    def flash(self) -> bytes:
        """What is on the flash."""
        return (self.folder / "flash.bin").read_bytes()

    @property
    def calls(self) -> list[list[str]]:
        """The argument lists, from the verb on."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)[8:] for line in lines]

    @property
    def bauds(self) -> list[str]:
        """At which speed each was made."""
        return [json.loads(line)[3] for line in (self.folder / "calls.jsonl").read_text().splitlines()]


@pytest.fixture
def esptool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedEsptool:
    """`python -m esptool` is the recorded one."""
    folder = tmp_path / "esptool"
    folder.mkdir()
    recorded = str(Path(__file__).parent / "recorded")
    monkeypatch.setenv("PYTHONPATH", recorded)
    monkeypatch.setenv("RECORDED_ESPTOOL", str(folder))
    monkeypatch.syspath_prepend(recorded)
    return RecordedEsptool(folder)


@pytest.fixture
def image_file(tmp_path: Path) -> Callable[[bytes, str], Path]:
    """Return a function that makes a file of an image."""

    def make(content: bytes, name: str = "micropython.bin") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make
