"""Imports run one way: wire and hal know nothing of ours, firmware knows both, the host knows all."""

import ast
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]

# Package, its folder, and which of our packages it may import besides itself.
_RULES = (
    ("vigil_wire", "firmware/vigil_wire", set()),
    ("vigil_hal", "hal/vigil_hal", set()),
    ("vigil_firmware", "firmware/vigil_firmware", {"vigil_hal", "vigil_wire"}),
    ("vigil_host", "host/vigil_host", {"vigil_firmware", "vigil_hal", "vigil_wire"}),
)
_OURS = {package for package, _, _ in _RULES}


def imported(source: str) -> set[str]:
    """Return the top-level names of everything `source` imports, for type checking too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


@pytest.mark.parametrize(("package", "folder", "allowed"), _RULES, ids=[rule[0] for rule in _RULES])
def test_imports_run_one_way(package: str, folder: str, allowed: set[str]) -> None:
    files = sorted((_ROOT / folder).rglob("*.py"))
    assert files
    wrong = {
        str(file.relative_to(_ROOT)): sorted(ours)
        for file in files
        if (ours := imported(file.read_text(encoding="utf-8")) & (_OURS - allowed - {package}))
    }
    assert not wrong


def test_every_form_of_import_is_seen() -> None:
    source = "import vigil_hal.seams as s\ndef f():\n    from vigil_wire import crc\nfrom . import vigil_host\n"
    assert imported(source) == {"vigil_hal", "vigil_wire"}
