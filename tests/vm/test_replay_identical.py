"""One source, two runtimes, the same bytes: every recording replayed on CPython and on MicroPython.

More recordings are taken from the folder that VIGIL_RECORDINGS names: the first minutes of each, or with VIGIL_LONG=1
all, of which an hour takes two VMs about a minute.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from vigil_firmware.simulation.replay import replay
from vigil_hal.simulated.recording import open_recording
from vigil_host.vm.runner import MicroPythonVm

_DATA = Path(__file__).resolve().parents[1] / "data"
_MORE = os.environ.get("VIGIL_RECORDINGS", "")
_LONG = os.environ.get("VIGIL_LONG") == "1"
_TIMEOUT_S = 300
_LINES_MOST = 12_000


def _recordings() -> list[object]:
    files = [file for file in _DATA.glob("*.csv") if not file.name.endswith(".reference.csv")]
    more = [file for file in Path(_MORE).glob("*.csv") if not file.name.endswith(".reference.csv")] if _MORE else []
    longest_first = sorted([*files, *more], key=lambda file: (-file.stat().st_size, file.name))
    return [pytest.param(file, id=file.stem) for file in longest_first]


def _content(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines if _LONG or file.parent == _DATA else lines[:_LINES_MOST])


def _in_vm(file: Path) -> tuple[bytes, bytes]:
    result = MicroPythonVm(timeout_s=_TIMEOUT_S).run(
        "vigil_firmware.simulation.replay:replay_file",
        ["in.csv", "out.csv", "intervals.csv"],
        files_in={"in.csv": _content(file).encode()},
        files_out=["out.csv", "intervals.csv"],
    )
    files = result.check().files
    return files["out.csv"], files["intervals.csv"]


@pytest.fixture(scope="module")
def outputs(request: pytest.FixtureRequest) -> Iterator[dict[Path, Future[tuple[bytes, bytes]]]]:
    """What the VM writes for each file that was chosen to be tested: one VM on each processor that is free."""
    chosen = [item for item in request.session.items if item.name.startswith("test_replay_is_identical[")]
    is_among_workers = "PYTEST_XDIST_WORKER" in os.environ
    with ThreadPoolExecutor(1 if is_among_workers else os.cpu_count()) as pool:
        yield {file: pool.submit(_in_vm, file) for file in (item.callspec.params["file"] for item in chosen)}
        pool.shutdown(cancel_futures=True)


@pytest.mark.timeout(_TIMEOUT_S)
@pytest.mark.parametrize("file", _recordings())
def test_replay_is_identical(outputs: dict[Path, "Future[tuple[bytes, bytes]]"], file: Path, tmp_path: Path) -> None:
    rows: list[str] = []
    intervals: list[str] = []
    played = tmp_path / "in.csv"
    played.write_text(_content(file), encoding="utf-8")
    replay(open_recording(str(played)), rows.append, 0, intervals.append)
    written, written_intervals = outputs[file].result()
    assert written.decode().splitlines() == "".join(rows).splitlines()
    assert written == "".join(rows).encode()
    assert written_intervals == "".join(intervals).encode()
    assert len(rows) > 60


def test_there_are_recordings() -> None:
    assert len(_recordings()) >= 3
    assert not _MORE or len(_recordings()) > 3
