"""What the running firmware holds stays small, its code from files too; benchmarks/memory.py measures all."""

import ast
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from vigil_firmware import device
from vigil_host.boards.file_set import sources
from vigil_host.boards.memory import FROM_FILES_KIB, FROM_FILES_WITHOUT_SERVICES_KIB
from vigil_host.vm.runner import MicroPythonVm
from vigil_wire.settings import SERVICES_OFF, SERVICES_OPEN

_ROOT = Path(__file__).resolve().parents[2]
_MOST_BYTES = 32 * 1024  # of 96 KiB; the frozen firmware's modules take 57 of them
_MOST_FROM_FILES_BYTES = 192 * 1024  # docs/boards.md says what boards have


@pytest.fixture(scope="module")
def memory() -> SimpleNamespace:
    """Return benchmarks/memory.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(_ROOT / "benchmarks"))
        return SimpleNamespace(**runpy.run_path(str(_ROOT / "benchmarks/memory.py")))


def test_a_built_and_linked_device_takes_its_share(vm: MicroPythonVm, memory: SimpleNamespace) -> None:
    taken = memory.measured(vm, memory._IN_CALLS, seconds=30)
    parts = [*memory.PACKAGES, "main", "built", "run"]
    assert taken["all"] == sum(taken[part] for part in parts)
    assert all(taken[part] > 0 for part in parts)
    assert taken["built"] + taken["run"] <= _MOST_BYTES
    assert taken["all"] <= _MOST_FROM_FILES_BYTES
    assert taken["largest"] <= memory.MOST_BLOCK_BYTES


@pytest.mark.parametrize(
    ("services", "told_kib"), [(SERVICES_OPEN, FROM_FILES_KIB), (SERVICES_OFF, FROM_FILES_WITHOUT_SERVICES_KIB)]
)
def test_who_flashes_a_board_is_told_what_is_measured(
    vm: MicroPythonVm, memory: SimpleNamespace, services: int, told_kib: int
) -> None:
    """The smallest heap to live in is a few per cent more than what is held in it at last."""
    held_kib = memory.measured(vm, memory._IN_CALLS, seconds=5, services=services)["all"] / 1024
    assert held_kib < told_kib < 1.14 * held_kib, "run benchmarks/memory.py on a native VM: boards/memory.py"


def test_what_only_the_start_needs_is_gone_after_it(vm: MicroPythonVm, memory: SimpleNamespace) -> None:
    ended = memory.lived(vm, memory._IN_CALLS, 0, []).check()
    assert not set(device._OF_THE_START) & set(json.loads(ended.files["results.json"])["modules"])


def test_nothing_that_stays_holds_what_only_the_start_needs() -> None:
    start = set(device._OF_THE_START)
    modules = {path.removesuffix(".py").replace("/", "."): source for path, source in sources().items()}
    assert start <= set(modules)
    for name in modules.keys() - start:
        for node in ast.parse(modules[name]).body:
            if isinstance(node, ast.ImportFrom):
                imported = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
                assert not start & imported, f"{name} imports for good what only the start needs"
