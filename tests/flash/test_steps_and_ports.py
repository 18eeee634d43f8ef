"""What `vigil flash` says it would do, and how it finds the board's port."""

import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.tools import list_ports
from tests.flash.conftest import BOARD, refused, vigil

from vigil_host.boards.description import board_ids, load
from vigil_host.flash import ports

BOARDS = [board for board in board_ids() if load(board).runs_micropython]


@pytest.mark.parametrize("board_id", BOARDS)
def test_a_dry_run_says_each_step_and_touches_nothing(board_id: str, data_folder: Path) -> None:
    done = vigil("flash", "--board", board_id, "--micropython", "image", "--dry-run", "--json")
    steps = json.loads(done.stdout)
    assert all(set(step) == {"step", "what", "why", "command"} and step["what"] and step["why"] for step in steps)
    names = [step["step"] for step in steps]
    assert names[:3] == ["port", "image", "look"]
    assert names[-5:] == ["files", "key", "register", "start", "self-test"]
    board = load(board_id)
    writes = next(step for step in steps if step["step"] == "write")
    if board.chip.port == "esp32":
        assert shlex.join(writes["command"]).endswith(
            f"write-flash --flash-mode keep --flash-freq keep --flash-size keep {board.chip.flash_offset:#x} "
            "micropython-with-partitions.bin"
        )
    else:
        assert "UF2" in writes["what"]
    assert not (data_folder / "devices.toml").exists()


def test_steps_can_be_read_too() -> None:
    told = vigil("flash", "--board", BOARD, "--dry-run", "--port", "/dev/ttyUSB7").stdout
    assert "find the board's serial port (/dev/ttyUSB7)" in told
    assert "esptool" not in told  # no image, no esptool


def test_what_cannot_be_meant() -> None:
    assert "raspberry-pi" in refused(vigil("flash", "--board", "toaster"))
    assert "runs Linux" in refused(vigil("flash", "--board", "raspberry-pi"))
    assert "name it with --board" in refused(vigil("flash", "--dry-run"))
    assert "none is named" in refused(vigil("flash", "--board", BOARD, "--sha256", "0" * 64))


def test_the_port_is_the_only_board_on_usb(monkeypatch: pytest.MonkeyPatch) -> None:
    built_in = SimpleNamespace(device="/dev/ttyS0", description="n/a", vid=None)
    first = SimpleNamespace(device="/dev/ttyUSB0", description="CP2102N", vid=0x10C4)
    second = SimpleNamespace(device="/dev/ttyACM0", description="Board in FS mode", vid=0x2E8A)
    monkeypatch.setattr(list_ports, "comports", lambda: [built_in])
    assert refused(vigil("flash", "--board", BOARD)).startswith(
        "no board is on USB: plug it in with a cable that carries"
    )
    monkeypatch.setattr(list_ports, "comports", lambda: [built_in, first])
    assert ports.find(None).name == "/dev/ttyUSB0"
    monkeypatch.setattr(list_ports, "comports", lambda: [built_in, first, second])
    said = refused(vigil("flash", "--board", BOARD))
    assert said.endswith("choose with --port: /dev/ttyACM0 (Board in FS mode), /dev/ttyUSB0 (CP2102N)")
    assert ports.find("/dev/ttyACM0").name == "/dev/ttyACM0"


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    gone = tmp_path / "ttyUSB0"
    assert refused(vigil("flash", "--board", BOARD, "--port", str(gone))) == (
        f"{gone} is not there: plug the board in, then run this again"
    )


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("[Errno 13] could not open port /dev/ttyUSB0: [Errno 13] Permission denied: '/dev/ttyUSB0'", "dialout"),
        ("Could not exclusively lock port /dev/null: [Errno 11] Resource temporarily unavailable", "is in use"),
        ("[Errno 5] Input/output error", "cannot be opened: [Errno 5]"),
    ],
)
def test_why_a_port_does_not_open_is_one_line(reason: str, expected: str) -> None:
    said = str(ports.cannot_open("/dev/null", reason))
    assert expected in said
    assert "\n" not in said
