"""hal, wire and firmware stay within what MicroPython and CPython share, and within integers."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
# Runs on a board, or in the VM in place of one, and nowhere else: it uses what only MicroPython has.
_BOARD_ONLY = {_ROOT / "firmware/vigil_firmware/simulation/board.py"}
_FILES = sorted(
    file
    for folder in ("hal/vigil_hal", "firmware/vigil_wire", "firmware/vigil_firmware")
    for file in (_ROOT / folder).rglob("*.py")
    if file not in _BOARD_ONLY
)
# What both runtimes have. AES is in cryptolib on a board and in cryptography on a host: each is tried.
_MODULES = {
    *("array", "binascii", "collections", "errno", "gc", "hashlib", "io", "json", "os", "random", "struct", "sys"),
    *("cryptography", "cryptolib"),
    *("vigil_firmware", "vigil_hal", "vigil_wire"),
}


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node outside `if TYPE_CHECKING:` and outside annotations."""
    if isinstance(tree, ast.If) and isinstance(tree.test, ast.Name) and tree.test.id == "TYPE_CHECKING":
        for node in tree.orelse:
            yield from run_time_nodes(node)
        return
    yield tree
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield from run_time_nodes(node)


def complaint(node: ast.AST) -> str | None:
    """Say why `node` does not belong in a portable file, or None."""
    match node:
        case ast.Constant(value=float() | complex()):
            return f"the literal {node.value}: a board has single-precision floats, a test machine double"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return "a true division makes a float: use //"
        case ast.Name(id="float"):
            return "float"
        case ast.Import() if wrong := {alias.name.split(".")[0] for alias in node.names} - _MODULES:
            return f"imports {', '.join(sorted(wrong))}"
        case ast.ImportFrom(level=0) if (node.module or "").split(".")[0] not in _MODULES:
            return f"imports {node.module}"
        case ast.Match():
            return "match: MicroPython has none"
        case ast.arguments() if node.posonlyargs:
            return "positional-only arguments: MicroPython has none"
        case ast.Attribute(attr="bit_length" | "cast" | "ljust" | "rjust" | "isqrt" | "monotonic"):
            return f".{node.attr}: MicroPython has none"
        case ast.keyword(arg="signed"):
            return "signed=: MicroPython has none"
    return None


def complaints(source: str) -> list[str]:
    """Return what is wrong in `source`, each with its line."""
    found, line = [], 0
    for node in run_time_nodes(ast.parse(source)):
        line = getattr(node, "lineno", line)
        if text := complaint(node):
            found.append(f"line {line}: {text}")
    return found


@pytest.mark.parametrize("file", _FILES, ids=[file.relative_to(_ROOT).as_posix() for file in _FILES])
def test_portable(file: Path) -> None:
    assert complaints(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 0.5",
        "x = 1 / 2",
        "x /= 2",
        "x = float(1)",
        "import math",
        "from dataclasses import dataclass",
        "from __future__ import annotations",
        "def f(x, /): pass",
        "match x:\n    case 1: pass",
        "x.to_bytes(2, 'big', signed=True)",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import typing",
    ],
)
def test_what_boards_lack_is_noticed(source: str) -> None:
    assert len(complaints(source)) == 1


def test_types_may_name_anything() -> None:
    source = "if TYPE_CHECKING:\n    from typing import Any\ndef f(x: 'float') -> float: ...\ny: float\n"
    assert complaints(source) == []
