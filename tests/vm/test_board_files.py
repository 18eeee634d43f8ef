"""The files that go onto a board, in the real MicroPython: its bytecode loads, its file system mounts."""

import __future__

import ast
import builtins
import dis
import os
import re
from pathlib import Path
from types import CodeType

import pytest

from vigil_firmware.simulation.replay import replay
from vigil_hal.simulated.recording import open_recording
from vigil_host.assets import asset
from vigil_host.boards.description import load
from vigil_host.boards.file_set import compiled, file_set, sources
from vigil_host.boards.file_system import pack
from vigil_host.boards.image import provisioned
from vigil_host.vm.native import NativeMicroPython
from vigil_host.vm.runner import MicroPythonVm

_DATA = Path(__file__).resolve().parents[1] / "data"
_NATIVE = os.environ.get("VIGIL_MICROPYTHON", "")
_REPLAYED_LINES = 900  # half a minute
_IMPORTED = """
import sys
sys.path.insert(0, "board")  # before the sources
compiled = 0
for name in sys.argv[1:]:
    __import__(name)
    compiled += sys.modules[name].__file__.endswith(".mpy")
print(compiled)
"""

_REPLAYED = """
import sys
sys.path.insert(0, "board")
from vigil_firmware.signal import pulse_oximeter
from vigil_firmware.simulation import replay
replay.replay_file("in.csv", "out.csv", "intervals.csv")
print(replay.__file__, pulse_oximeter.__file__)
"""

_PINS = """
import sys
import bluetooth
bluetooth.BLE.active = lambda radio, on: None
import machine, main

def bus(number, *, sda, scl, freq):
    print(number, sda._id, scl._id, freq)
    sys.exit(0)

machine.I2C = bus
main.panel(None)
print(*(pin for _, pin, _ in machine.pin_writes))
main.start()
"""

_RADIO = """
import sys
import bluetooth

class Radio:
    def active(self, on):
        print(on, [name for name in sys.modules if name.startswith("vigil_")])
        if len(sys.argv) > 1:
            raise OSError(19)

bluetooth.BLE = Radio
import main
print("vigil_firmware.device" in sys.modules)
"""

_ADC = """
import bluetooth
bluetooth.BLE.active = lambda radio, on: None
import main

class Adc:
    def __init__(self, counts):
        self.counts = counts

    def read_u16(self):
        return self.counts

print(*(main.PlainAdc(Adc(counts)).read_uv() for counts in (0, 1, 32768, 65535)))
"""


@pytest.mark.parametrize("fails", [False, True])
def test_the_radio_has_its_memory_before_vigil_is_loaded(vm: MicroPythonVm, fails: bool) -> None:
    files = {"main.py": Path("firmware/board/main.py").read_bytes()}
    said = vm.run(_RADIO, ["fails"] * fails, files_in=files).check().stdout.splitlines()
    trouble = ["vigil: Bluetooth does not start at once: [Errno 19] ENODEV"] * fails
    assert said == ["True []", *trouble, "True"]


def test_a_port_without_calibrated_readings_tells_microvolts(vm: MicroPythonVm) -> None:
    files = {"main.py": Path("firmware/board/main.py").read_bytes()}
    assert vm.run(_ADC, files_in=files).check().stdout == "0 50 1650025 3300000\n"


def test_micropython_loads_the_bytecode(vm: MicroPythonVm, tmp_path: Path) -> None:
    program = tmp_path / "imports.py"
    program.write_text(_IMPORTED)
    files = compiled(load("esp32-devkitc").chip.architecture)
    names = [path.removesuffix(".mpy").replace("/", ".") for path in files if not path.endswith("__init__.mpy")]
    files = {f"board/{path}": content for path, content in files.items()}
    assert vm.run(program, names, files_in=files).check().stdout.split() == [str(len(names))]


def test_constants_are_there_where_main_names_them(vm: MicroPythonVm) -> None:
    files = {f"board/{path}": content for path, content in compiled("xtensawin").items()}
    program = """
import sys
sys.path.insert(0, "board")
from vigil_firmware import monitor
print(monitor.STEP_MS, hasattr(monitor, "SENSE_MS"), hasattr(monitor, "_STANDBY_PART_MS"))
"""
    assert vm.run(program, files_in=files).check().stdout == "100 False False\n"


def names_in(code: CodeType) -> tuple[set[str], set[str]]:
    """Return what it reads of its module, and what it binds."""
    read, bound = set(), set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            read.add(step.argval)
        elif step.opname in ("STORE_GLOBAL", "STORE_NAME"):
            bound.add(step.argval)
        elif isinstance(step.argval, CodeType):
            inner_read, inner_bound = names_in(step.argval)
            read, bound = read | inner_read, bound | inner_bound
    return read, bound


def test_no_name_is_lost_on_the_way_to_the_board() -> None:
    without_annotations = __future__.annotations.compiler_flag
    for path, source in sources().items():
        read, bound = names_in(compile(source, path, "exec", without_annotations))
        assert read - bound - set(dir(builtins)) - {"__name__", "__annotations__"} == set(), path


def test_no_attribute_is_lost_or_taken_for_another_on_the_way_to_the_board() -> None:
    """Also where a class has those of one that it extends, which is in another module."""
    trees = {path: ast.parse(source) for path, source in sources().items()}
    originals = {path: ast.parse(asset(path).read_text()) for path in trees}
    bound, bound_before = ({path: attributes(tree) for path, tree in each.items()} for each in (trees, originals))
    for path, tree in trees.items():
        homes = [
            home for home, other in originals.items()
            for node in other.body if isinstance(node, ast.ClassDef) and node.name in extended(originals[path])
        ]  # fmt: skip
        long = {name for name in attributes(tree, read=True) if re.fullmatch(r"_[a-z]\w*", name)}
        assert long <= bound[path].union(*(bound[home] for home in homes)), path
        for home in homes:
            assert len(bound[path] & bound[home]) == len(bound_before[path] & bound_before[home]), (path, home)


def extended(tree: ast.Module) -> set[str]:
    """Return the names of the classes that a module's classes extend."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {base.id for node in classes for base in node.bases if isinstance(base, ast.Name)}


def attributes(tree: ast.Module, *, read: bool = False) -> set[str]:
    """Return the attributes that are read in a module, or those that are bound: methods, and what is assigned to."""
    kind = ast.Load if read else ast.Store
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, kind)}
    if not read:
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        found |= {node.name for each in classes for node in each.body if isinstance(node, ast.FunctionDef)}
    return found


def test_the_boards_sources_replay_as_ours_do(vm: MicroPythonVm, tmp_path: Path) -> None:
    file = "vigil_firmware/simulation/replay.py"
    program = asset(file).read_text()
    files = {f"board/{path}": source.encode() for path, source in {**sources(program), file: program}.items()}
    recording = tmp_path / "in.csv"
    recording.write_text("".join((_DATA / "uw_desaturation_1_low.csv").open().readlines()[:_REPLAYED_LINES]))
    files["in.csv"] = recording.read_bytes()
    done = vm.run(_REPLAYED, files_in=files, files_out=["out.csv"]).check()
    rows: list[str] = []
    replay(open_recording(str(recording)), rows.append)
    assert done.files["out.csv"] == "".join(rows).encode()
    assert len(rows) > 20
    assert done.stdout == "board/vigil_firmware/simulation/replay.py board/vigil_firmware/signal/pulse_oximeter.py\n"


@pytest.mark.parametrize(
    ("board_id", "outputs", "bus"), [("esp32-c3-xiao", "10 5", "0 6 7 400000"), ("pico-2-w", "15 13", "0 4 5 400000")]
)
def test_main_takes_its_pins_from_the_boards_own_file(vm: MicroPythonVm, board_id: str, outputs: str, bus: str) -> None:
    files = {path: content for path, content in file_set(load(board_id)).items() if "/" not in path}
    assert vm.run(_PINS, files_in=files).check().stdout.split("\n")[:2] == [outputs, bus]


@pytest.mark.skipif(not _NATIVE, reason="VIGIL_MICROPYTHON names no MicroPython; the WebAssembly build has no LittleFS")
@pytest.mark.parametrize(("board_id", "program_bytes"), [("esp32-devkitc", 32), ("pico-w", 256)])
def test_micropython_mounts_the_file_system(board_id: str, program_bytes: int) -> None:
    board = load(board_id)
    image = pack({**file_set(board), **provisioned(bytes(16))}, board)
    program = Path(__file__).with_name("mount_in_vm.py")
    runtime = NativeMicroPython(Path(_NATIVE), timeout_s=60)
    done = runtime.run(program, [program_bytes], files_in={"files.bin": image}).check()
    modules = [path for path in file_set(board) if path.endswith(".mpy") and not path.endswith("__init__.mpy")]
    assert done.stdout.split() == [str(len(modules)), "10000"]
