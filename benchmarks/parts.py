"""What each part costs: time on its bus, heap, and how much longer it makes the device's longest step.

    python benchmarks/parts.py

Bus time is counted on the simulated bus, at the clock that the part allows at most: bytes with their acknowledges,
starts and stops. A 1-Wire bus counts its slots. The longest step is compared with that of the same device without the
part, in the same run. A part is added by a row in parts_in_vm.py; a driver without one is a figure that is missed.
"""

import json
import sys
from pathlib import Path

from device import TIMEOUT_S, light
from vigil_host.boards.drivers import drivers
from vigil_host.vm.runner import MicroPythonVm

# Name, result, and the most that it may be. A step is due each 100 ms.
FIGURES = (
    ("bus, us for each reading", "us", 20_000),
    ("bus, permille of the time", "permille", 25),
    ("heap bytes for each reading", "heap_bytes", 0),
    ("longest step, ratio to the one without it", "longest", 1.25),
)
ACCELEROMETER_LONGEST = 1.5  # what it feels is taken out of the light, sample by sample


def measured() -> dict[str, dict[str, float]]:
    """The results of each part, by its name."""
    folder = Path(__file__).parent
    files = {"light.bin": light(), "device_in_vm.py": (folder / "device_in_vm.py").read_bytes()}
    vm = MicroPythonVm(timeout_s=TIMEOUT_S)
    done = vm.run(folder / "parts_in_vm.py", files_in=files, files_out=["results.json"]).check()
    results = json.loads(done.files["results.json"])
    for result in results.values():
        result["permille"] = result["us"] / result["ms"]
    return results


def main() -> None:
    """Measure and print one row for each figure of each part; end with exit code 1 where one is not reached."""
    results = measured()
    missed = False
    print(f"{'':60}{'asked':>10}{'ok':>5}{'measured':>12}")
    for part, driver in drivers().items():
        if part not in results:
            missed = True
            print(f"{part + ' (' + driver.kind + ')':60}{'a row':>10}{'NO':>5}")
            continue
        for name, key, most in FIGURES:
            if key not in results[part]:
                continue
            if key == "longest" and driver.kind == "accelerometer":
                most = ACCELEROMETER_LONGEST
            value = results[part][key]
            ok = "yes" if value <= most else "NO"
            missed |= ok == "NO"
            print(f"{part + ', ' + name:60}{f'<= {most}':>10}{ok:>5}{value:>12.{2 if key == 'longest' else 1}f}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
