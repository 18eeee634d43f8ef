"""The driver of the MAX30102 beside micropython-max30102, on the same simulated part, inside MicroPython.

    python benchmarks/driver.py

The other driver is no Python package that pip could install: its archive is fetched once into the user's cache.
"""

import json
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from vigil_host.vm.runner import MicroPythonVm

PEER = "micropython-max30102"
PEER_VERSION = "0.4.2"
SECONDS = 30  # as in driver_in_vm.py
LOST_AT_MS = (20, 50, 100, 200, 600)


def fetched() -> dict[str, bytes]:
    """The other driver's modules by name; {} and a line on stdout where it cannot be had."""
    folder = user_cache_path("vigil") / "benchmarks"
    archive = folder / f"{PEER}-{PEER_VERSION}.tar.gz"
    if not archive.exists():
        if not find_spec("unearth"):
            print(f"{PEER} is left out: pip install unearth, which fetches it")
            return {}
        command = [sys.executable, "-m", "unearth", f"{PEER}=={PEER_VERSION}", "--no-binary", "--download", folder]
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command, capture_output=True, text=True)
        if not archive.exists():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"{PEER} is left out: it could not be fetched ({reason})")
            return {}
    modules: dict[str, bytes] = {}
    with tarfile.open(archive) as files:
        for member in files:
            path = Path(member.name)
            content = files.extractfile(member)
            if content is not None and path.suffix == ".py" and path.parent.name == "max30102":
                modules[f"max30102/{path.name}"] = content.read()
    return modules


def main() -> None:
    """Measure and print one row for each figure; end with exit code 1 where ours is not what it should be."""
    program = Path(__file__).with_name("driver_in_vm.py")
    result = MicroPythonVm(timeout_s=300).run(program, files_in=fetched(), files_out=["results.json"]).check()
    results = json.loads(result.files["results.json"])
    ours, theirs = results["vigil"], results.get("peer")
    wrong = False
    print(f"{'':58}{'Vigil':>24}{PEER + ' ' + PEER_VERSION if theirs else '':>28}")
    for name, wanted, cell in figures():
        wrong |= cell(ours) != wanted if wanted is not None else False
        print(f"{name:58}{cell(ours):>24}{cell(theirs) if theirs else '':>28}")
    sys.exit(wrong)


def figures():
    """Name, what Vigil's cell must be (None: it only informs), and how a cell is made of what was measured."""
    for period in map(str, LOST_AT_MS):
        yield f"lost of 1500 samples, 50/s, loop of {period} ms", "0, says 0", lambda r, p=period: _lost(r["loops"][p])
    yield (
        "values as the part measured them",
        "yes",
        lambda r: "yes" if r["loops"]["20"]["true_values"] else "no, shifted",
    )
    for period in ("20", "100"):
        name = f"each sample that arrives, loop of {period} ms"
        yield f"{name}: transactions", None, lambda r, p=period: f"{_per_sample(r, p, 'transactions_per_s'):.1f}"
        yield f"{name}: bytes", None, lambda r, p=period: f"{_per_sample(r, p, 'bytes_per_s'):.0f}"
    yield "full FIFO, 32 samples: one call takes", "32, says 0 lost", lambda r: _taken(r["full"])
    yield "overflow, 50 samples: one call takes", "32, says 18 lost", lambda r: _taken(r["overflow"])
    yield "die at -5.5 C reads", "-5.5", lambda r: f"{r['die_c']:g}"
    yield (
        "brown-out",
        "noticed",
        lambda r: "noticed" if r["brown_out"]["noticed"] else f"not noticed, {r['brown_out']['got']} samples",
    )
    yield "heap bytes for each sample, bus not counted", "0", lambda r: f"{r['heap_bytes']:g}"


def _lost(loop: dict) -> str:
    said = "" if loop["said_lost"] is None else f", says {loop['said_lost']}"
    return f"{loop['made'] - loop['got']}{said}"


def _taken(pause: dict) -> str:
    return f"{pause['got']}" + ("" if pause["said_lost"] is None else f", says {pause['said_lost']} lost")


def _per_sample(results: dict, period: str, what: str) -> float:
    loop = results["loops"][period]
    return loop[what] * SECONDS / (loop["got"] or 1)


if __name__ == "__main__":
    main()
