"""`vigil flash` on a real MicroPython behind a socket: what is on the board after it, and whenever it is cut short."""

import json
import shutil
import time
from pathlib import Path

import pytest
from tests.flash.conftest import BOARD, WIRED, files_in, refused, vigil

from vigil_host.boards import frozen, memory
from vigil_host.boards.description import load
from vigil_host.boards.file_set import file_set, simulated_sensors
from vigil_host.flash import files, serial_board
from vigil_host.flash.problems import FlashError
from vigil_host.flash.serial_board import SerialBoard
from vigil_host.vm.socket_board import POWER_ON, SOFT_RESET, WATCHDOG_RESET, SocketBoard

pytestmark = pytest.mark.vm

HOLDS_S = 2.5
# A heap of which another program has taken 20 KiB for as long as it ran.
SMALL = """
import sys

class Gc:
    collect = staticmethod(lambda: 0)
    mem_alloc = staticmethod(lambda: 20 << 10)
    mem_free = staticmethod(lambda: {free} << 10)

sys.modules["gc"] = Gc
"""
# An ESP32's: 64 KiB of heap, which can grow by the 30 and 21 KiB of two regions.
GROWING = (
    SMALL.format(free=44 + 30)
    + """
class Esp32:
    HEAP_DATA = 4
    idf_heap_info = staticmethod(lambda kind: [(99, 40 << 10, 30 << 10, 0), (99, 25 << 10, 21 << 10, 0)])

sys.modules["esp32"] = Esp32
"""
)
EMPTY_BUS = """
import machine
from vigil_hal.simulated.bus import SimulatedI2C
machine.attach_i2c(SimulatedI2C())
"""


def install(flash: Path, *, simulated: bool = True, **replaced: str) -> None:
    """Put the file set onto a flash, as if it had been copied; `replaced` are constants of main.py."""
    board = load(BOARD)
    wanted = file_set(board)
    if simulated:
        wanted = {**wanted, **simulated_sensors(board.chip.architecture)}
        wanted["board.json"] = json.dumps({**json.loads(wanted["board.json"]), "sensors": "simulated"}).encode() + b"\n"
    main = wanted["main.py"].decode()
    for name, value in replaced.items():
        assert main.count(f"\n{name} = ") == 1
        before, _, rest = main.partition(f"\n{name} = ")
        main = f"{before}\n{name} = {value}\n{rest.partition(chr(10))[2]}"
    wanted["main.py"] = main.encode()
    for path, content in wanted.items():
        (flash / path).parent.mkdir(parents=True, exist_ok=True)
        (flash / path).write_bytes(content)


def test_from_a_bare_board_to_one_that_says_it_is_well(flash: Path, data_folder: Path) -> None:
    (flash / "mine.txt").write_bytes(b"the owner's own")
    (flash / "vigil_hal").mkdir()
    (flash / "vigil_hal" / "max30102.py").write_bytes(b"raise Exception('the old driver that mip left')")
    (flash / "vigil" / "journal").mkdir(parents=True)
    (flash / "vigil" / "journal" / "0").write_bytes(b"what somebody else's device recorded")
    with SocketBoard(flash, setup=WIRED) as board:
        first = vigil("flash", "--board", BOARD, "--port", board.url, "--wearer", "Ada", "--name", "clip", "--json")
        assert first.exit_code == 0, first.stderr
        wanted = file_set(load(BOARD))
        on_board = files_in(flash)
        assert {path: on_board[path] for path in wanted} == wanted
        assert on_board["mine.txt"] == b"the owner's own"
        assert "vigil_hal/max30102.py" not in on_board
        assert b"somebody else" not in on_board.get("vigil/journal/0", b"")
        outcome = json.loads(first.stdout)
        assert (outcome["copied"], outcome["removed"], outcome["kept"]) == (len(wanted), 1, 0)
        assert (outcome["name"], outcome["wearer"], outcome["self_test"]) == ("clip", "Ada", "good")
        (device,) = json.loads(vigil("devices", "--json").stdout)
        assert device["id"] == outcome["device"]
        kept = {path: content for path, content in on_board.items() if path.startswith("vigil/block4")}

        second = vigil("flash", "--board", BOARD, "--port", board.url, "--json")
        again = json.loads(second.stdout)
        assert (again["copied"], again["removed"], again["kept"]) == (0, 0, len(wanted))
        assert (again["device"], again["is_new_key"], again["self_test"]) == (device["id"], False, "good")
        assert {path: files_in(flash)[path] for path in kept} == kept
        assert board.starts == [POWER_ON, SOFT_RESET, SOFT_RESET]
    assert "key" not in json.dumps(outcome).replace("is_new_key", "")


def erase(flash: Path) -> None:
    for path in flash.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_cable_that_is_pulled_out_and_files_that_are_erased_give_no_second_device(flash: Path) -> None:
    wanted = file_set(load(BOARD))
    with SocketBoard(flash, setup=WIRED) as board:
        board.unplug_after(90_000)
        assert "plug it in and run this again" in refused(vigil("flash", "--board", BOARD, "--port", board.url))
        assert "main.py" not in files_in(flash)  # half a firmware does not start
        board.wait_for(lambda told: "unplugged" in told)
        resumed = json.loads(vigil("flash", "--board", BOARD, "--port", board.url, "--json").stdout)
        assert 5 < resumed["copied"] < len(wanted)
        assert resumed["copied"] + resumed["kept"] == len(wanted)
        erase(flash)
        board.press_reset()
        board.wait_for(lambda told: told == {"start": 2})
        erase(flash)  # what the firmware has written meanwhile, too
        anew = json.loads(vigil("flash", "--board", BOARD, "--port", board.url, "--json").stdout)
        assert (anew["device"], anew["is_new_key"], anew["copied"]) == (resumed["device"], True, len(wanted))
    assert len(json.loads(vigil("devices", "--json").stdout)) == 1


def test_a_board_with_simulated_sensors_needs_none_and_says_so(flash: Path) -> None:
    install(flash)
    with SocketBoard(flash) as board:
        done = vigil("flash", "--port", board.url, "--sensors", "simulated")  # the board by its chip
        assert done.exit_code == 0, done.stderr
        assert "worn by Simulated patient" in done.stderr
        assert "works. Start `vigil bridge`" in done.stdout
        found = vigil("doctor", "--port", board.url)
        assert "Sensors: simulated: what this board tells is about nobody" in found.stdout


def test_a_board_whose_sensors_do_not_answer_says_so(flash: Path) -> None:
    install(flash, simulated=False)
    with SocketBoard(flash, setup=EMPTY_BUS) as board:
        done = vigil("flash", "--board", BOARD, "--port", board.url)
        assert done.exit_code == 1
        assert "which is not well: MAX30102" in done.stdout
        assert f"vigil doctor --port {board.url}" in done.stdout


def test_a_board_with_vigil_frozen_in_gets_its_readable_files_only(flash: Path, tmp_path: Path) -> None:
    install(flash)  # what is in files would count instead of what is frozen
    frozen.write(tmp_path / "frozen")
    with SocketBoard(flash, frozen=tmp_path / "frozen") as board:
        arguments = ("flash", "--board", BOARD, "--port", board.url, "--sensors", "simulated", "--json")
        outcome = json.loads(vigil(*arguments).stdout)
        assert outcome["self_test"] == "good"
        assert {path for path in files_in(flash) if not path.startswith("vigil/")} == {
            "boot.py", "main.py", "board.json",
        }  # fmt: skip
        with SerialBoard(board.url) as line:
            assert "/builtin/" in line.run("import vigil_firmware.device as at\nprint(at.__file__)")


def test_a_board_with_another_vigil_frozen_in_is_left_as_it_was_unless_that_is_meant(
    flash: Path, tmp_path: Path
) -> None:
    (tmp_path / "frozen").mkdir()
    (tmp_path / "frozen" / "vigil_frozen.py").write_text('SOURCES = "vigil-sources-of-another-version"\n')
    with SocketBoard(flash, frozen=tmp_path / "frozen") as board:
        arguments = ("flash", "--board", BOARD, "--port", board.url, "--sensors", "simulated")
        said = refused(vigil(*arguments))
        assert said.startswith("Another version of Vigil is frozen into this MicroPython, ")
        assert said.endswith("--yes is yes")
        assert files_in(flash) == {}
        assert vigil(*arguments, "--yes").exit_code == 0
        assert "vigil_firmware/device.mpy" in files_in(flash)


@pytest.mark.parametrize(("setup", "has_kib"), [(SMALL.format(free=100), 120), (GROWING, 115)])
def test_a_board_with_too_little_memory_is_left_as_it_was_unless_that_is_meant(
    flash: Path, setup: str, has_kib: int
) -> None:
    with SocketBoard(flash, setup=setup) as board:
        arguments = ("flash", "--board", BOARD, "--port", board.url)
        said = refused(vigil(*arguments))
        needed_kib = memory.needed_by(load(BOARD), is_frozen=False)
        assert said.startswith(f"The board has {has_kib} KiB of memory beside Bluetooth, and Vigil needs {needed_kib}:")
        assert "PSRAM" in said and "`vigil freeze`" in said and said.endswith("--yes is yes")
        assert files_in(flash) == {}
        vigil(*arguments, "--yes")
        assert "main.py" in files_in(flash)


def test_a_board_with_little_memory_can_do_with_vigil_frozen_in(flash: Path, tmp_path: Path) -> None:
    frozen.write(tmp_path / "frozen")
    with SocketBoard(flash, frozen=tmp_path / "frozen", setup=SMALL.format(free=76)) as board:
        done = vigil("flash", "--board", BOARD, "--port", board.url, "--sensors", "simulated")
        needed_kib = memory.needed_by(load(BOARD), is_frozen=True, is_simulated=True)
        assert f"96 KiB, of which Vigil needs {needed_kib}" in done.stderr
        assert done.exit_code == 0
        found = {each["subject"]: each for each in json.loads(vigil("doctor", "--port", board.url, "--json").stdout)}
        assert found["Memory"]["found"] == f"96 KiB beside Bluetooth, of which Vigil needs {needed_kib}"
        assert found["Memory"]["verdict"] == "good"


def test_a_full_file_system_is_left_as_it_was(flash: Path) -> None:
    (flash / "mine.bin").write_bytes(bytes(100_000))
    before = files_in(flash)
    with SocketBoard(flash, capacity_bytes=400 << 10) as board:
        said = refused(vigil("flash", "--board", BOARD, "--port", board.url))
        assert said.startswith("the board's file system is full: ")
        assert "remove files of your own, then run this again" in said
        assert files_in(flash) == before
        with SerialBoard(board.url) as line, pytest.raises(FlashError, match="full at /more"):
            line.write("/more", bytes(400 << 10), lambda _: None)


def test_another_chip_than_that_of_the_board_is_refused(flash: Path) -> None:
    with SocketBoard(flash, machine="Generic ESP32S3 module with ESP32S3") as board:
        said = refused(vigil("flash", "--board", BOARD, "--port", board.url))
        assert "is a Generic ESP32S3 module with ESP32S3, and ESP32-DevKitC has esp32" in said
    assert files_in(flash) == {}


def test_a_line_on_which_nothing_answers(monkeypatch: pytest.MonkeyPatch, flash: Path) -> None:
    monkeypatch.setattr(serial_board, "_INTERRUPT_S", 0.1)
    (flash / "main.py").write_bytes(b"while True: pass")  # Ctrl-C does not reach it
    with SocketBoard(flash) as board:
        said = refused(vigil("flash", "--board", BOARD, "--port", board.url))
        assert said.startswith("no MicroPython answers on socket://")
        assert "press the board's reset button" in said


def test_the_watchdog_bites_a_program_that_hangs(bare: SocketBoard) -> None:
    with SerialBoard(bare.url) as line, pytest.raises(FlashError):
        line.run("import machine\nmachine.WDT(timeout=200)\nwhile True: pass", within_s=2)
    bare.wait_for(lambda told: told == {"start": WATCHDOG_RESET})
    assert {"bitten": 200} in bare.told


@pytest.mark.parametrize(("after_s", "timeout_ms"), [(0.5, 0), (5.0, 1000)])
def test_the_watchdog_is_fed_during_maintenance_and_not_begun_in_it(
    flash: Path, after_s: float, timeout_ms: int
) -> None:
    install(flash, WATCHDOG_MS="1_000")
    with SocketBoard(flash) as board:
        time.sleep(after_s)  # the watchdog has a clock of its own
        with SerialBoard(board.url) as line:
            assert int(line.run("import machine\nprint(machine.WDT._timeout_ms)")) == timeout_ms
            end_s = time.monotonic() + HOLDS_S
            while time.monotonic() < end_s:
                line.run("pass")
                time.sleep(0.02)
        assert board.starts == [POWER_ON]


def test_main_py_goes_first_and_comes_last() -> None:
    wanted = {"boot.py": b"1", "main.py": b"2", "vigil_hal/a.mpy": b"3"}
    found = {
        "main.py": "another",
        "boot.py": "another",
        "vigil_hal/a.py": "old",
        "lib/vigil_wire/b.py": "old",
        "x": "own",
    }
    difference = files.difference(wanted, found)
    assert difference.remove == ("main.py", "vigil_hal/a.py", "lib/vigil_wire/b.py")
    assert difference.write == ("boot.py", "vigil_hal/a.mpy", "main.py")
