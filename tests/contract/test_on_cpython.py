"""Every contract case on CPython. The modules `cases_*.py` are portable; the vm tier runs the same ones."""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest


def _cases() -> list[Callable[[], None]]:
    cases: list[Callable[[], None]] = []
    for file in sorted(Path(__file__).parent.glob("cases_*.py")):
        spec = spec_from_file_location(file.stem, file)
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        cases += [value for name, value in vars(module).items() if name.startswith("case_")]
    return cases


@pytest.mark.parametrize("case", _cases(), ids=lambda case: f"{case.__module__}.{case.__name__}")
def test_case(case: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a case may leave files, as it may in the VM
    case()
