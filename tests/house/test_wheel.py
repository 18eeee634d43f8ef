"""An installed wheel is whole: far from the checkout it finds every data file, and the command runs."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PROBE = """
from pathlib import Path
from vigil_host.assets import AssetMissing, asset
for path in (
    "boards/esp32-devkitc/board.toml", "boards/esp32-devkitc/README.md", "boards/pico-w/board.json",
    "firmware/board/main.py", "firmware/board/boot.py", "firmware/package.json",
    "vendor/uplot/uPlot.iife.min.js", "vendor/uplot/uPlot.min.css", "vendor/uplot/LICENSE",
    "vendor/micropython/micropython.mjs", "vendor/micropython/micropython.wasm", "vendor/micropython/LICENSE",
    "vendor/esp-web-tools/install-button.js", "vendor/esp-web-tools/LICENSE",
    "vigil_hal/seams.py", "vigil_wire/ccm.py", "vigil_firmware/monitor.py",
):
    print(asset(path))
try:
    asset("boards/no-such-board/board.toml")
except AssetMissing as error:
    assert "boards/no-such-board/board.toml" in str(error)
else:
    raise AssertionError("a file that is not there was found")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist of the checkout, and the wheel built from that sdist without npm."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(_ROOT)]
    run(command, folder, path="")  # no npm: the vendored files must travel in the sdist
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `bin` folder of a fresh environment with the wheel in it.

    To spare the download, its dependencies are read from the environment of the tests: as a plain folder of
    the path, in which the editable installation of the checkout is not in force.
    """
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    wheel = next(built.glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--no-deps", "--quiet"]
    run([*pip, str(wheel)], folder)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def run(command: list[str], cwd: Path, path: str | None = None) -> str:
    """Run `command` away from the checkout, and return its output; a failure shows it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PATH"] = path
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_assets_are_found_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    found = run([str(installed / "python"), "-c", _PROBE], tmp_path).split()
    assert not [path for path in found if not Path(path).is_relative_to(installed.parent)]


def test_the_command_runs(installed: Path, tmp_path: Path) -> None:
    assert "demo" in run([str(installed / "vigil"), "--help"], tmp_path)


def test_profiles_and_words_are_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    assert "child-4-12" in run([str(installed / "vigil"), "alarms", "profiles"], tmp_path)
    (tmp_path / "vitals.csv").write_text("time_s,pulse_rate_bpm,spo2_pct\n0,72,97\n")
    assert "no alarm" in run([str(installed / "vigil"), "alarms", "replay", "vitals.csv"], tmp_path)


def test_the_archives_hold_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        tops = {name.split("/")[0] for name in wheel.namelist()}
    packages = {"vigil_hal", "vigil_wire", "vigil_firmware", "vigil_host"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = [name.split("/", 1)[1] for name in sdist.getnames()]
    assert not [name for name in names if name.startswith((".venv", ".typings", ".git/"))]
