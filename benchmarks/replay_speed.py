"""How much faster than real time `vigil replay` is, on CPython and in the MicroPython VM, whole command each.

Uses the longest recording in VIGIL_RECORDINGS, by default tests/data. Aim on two cores: 200 and 20 times.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vigil_hal.simulated.recording import open_recording

AIMS = {"cpython": 200, "micropython": 20}


def main() -> None:
    """Print one line for each runtime, and whether both wrote the same bytes."""
    folder = Path(os.environ.get("VIGIL_RECORDINGS", "tests/data"))
    files = [path for path in folder.glob("*.csv") if not path.name.endswith(".reference.csv")]
    if not files:
        sys.exit(f"{folder} has no recording")
    recording = max(files, key=lambda path: path.stat().st_size)
    source = open_recording(str(recording))
    duration_s = (source.end_us - source.start_us) / 1e6
    outputs = []
    with tempfile.TemporaryDirectory() as scratch:
        for vm, aim in AIMS.items():
            output = Path(scratch) / f"{vm}.csv"
            begun = time.perf_counter()
            subprocess.run(
                ["vigil", "replay", recording, "--vm", vm, "--output", output],
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
                check=True,
            )
            took_s = time.perf_counter() - begun
            print(
                f"{recording.name} {duration_s:.0f} s on {vm}: {took_s:.1f} s, {duration_s / took_s:.0f}x (aim {aim}x)"
            )
            outputs.append(output.read_bytes())
    print("both wrote the same bytes" if outputs[0] == outputs[1] else "the two runtimes DIFFER")


if __name__ == "__main__":
    main()
