"""One source, two runtimes, the same bytes: every recording replayed on CPython and on MicroPython.

More recordings are taken from the folder that VIGIL_RECORDINGS names: the short ones first, as many as make up half an
hour in all; the others are left to the soak run.
"""

import os
from pathlib import Path

import pytest
from vigil_firmware.simulation.replay import replay
from vigil_hal.simulated.recording import open_recording
from vigil_host.vm.runner import MicroPythonVm

_DATA = Path(__file__).resolve().parents[1] / "data"
_MORE = os.environ.get("VIGIL_RECORDINGS", "")
_MOST_BYTES = 1_400_000  # about half an hour, which takes the VM a minute
_TIMEOUT_S = 300


def _recordings() -> list[object]:
    files = [file for file in _DATA.glob("*.csv") if not file.name.endswith(".reference.csv")]
    more = [file for file in Path(_MORE).glob("*.csv") if not file.name.endswith(".reference.csv")] if _MORE else []
    total, found = 0, [pytest.param(file, id=file.stem) for file in sorted(files)]
    for file in sorted(more, key=lambda file: (file.stat().st_size, file.name)):
        total += file.stat().st_size
        marks = [pytest.mark.soak] if total > _MOST_BYTES else []
        found.append(pytest.param(file, id=file.stem, marks=marks))
    return found


@pytest.mark.timeout(_TIMEOUT_S)
@pytest.mark.parametrize("file", _recordings())
def test_replay_is_identical(file: Path) -> None:
    rows: list[str] = []
    replay(open_recording(str(file)), rows.append)
    vm = MicroPythonVm(timeout_s=_TIMEOUT_S)
    result = vm.run(
        "vigil_firmware.simulation.replay:replay_file",
        ["in.csv", "out.csv"],
        files_in={"in.csv": file.read_bytes()},
        files_out=["out.csv"],
    ).check()
    assert result.files["out.csv"].decode().splitlines() == "".join(rows).splitlines()
    assert result.files["out.csv"] == "".join(rows).encode()
    assert len(rows) > 60


def test_there_are_recordings() -> None:
    assert len(_recordings()) >= 3
    assert not _MORE or len(_recordings()) > 3
