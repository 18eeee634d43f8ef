"""What of a module MicroPython's compiler is told to be constant, and what not."""

import json
import re

import pytest

from vigil_host.assets import asset
from vigil_host.boards.constants import with_constants


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        (b"_RATE_HZ = 50  # a second", b"_RATE_HZ = const(50)  # a second"),
        (b"_MASK = (1 << 4) - 1", b"_MASK = const((1 << 4) - 1)"),
        (b"_BELOW = -1", b"_BELOW = const(-1)"),
        ("_FAR = 5  # 5 µm".encode(), "_FAR = const(5)  # 5 µm".encode()),
        (b"STEP_MS = 100", b"STEP_MS = const(100)"),
        (b"_A = 1\n_B = _A * 2", b"_A = const(1)\n_B = const(_A * 2)"),
    ],
)
def test_sums_of_integers_are(line: bytes, marked: bytes) -> None:
    assert with_constants(line) == marked


@pytest.mark.parametrize(
    "text",
    [
        b"_NAME = 'x'",
        b"_IS_ON = True",
        b"_HALF = 1 / 2",
        b"_OTHER = elsewhere.VALUE",
        b"_LENGTH = len(b'ab')",
        b"count = 5",
        b"_LONG = (\n    1\n)",
        b"_COUNT = 0\ndef f():\n    global _COUNT\n    _COUNT = 1",
        b"_A = _B = 1",
        b"def f():\n    _A = 1",
        b"_A = 1\ndef f(_A):\n    return _A",
    ],
)
def test_nothing_else_is(text: bytes) -> None:
    assert with_constants(text) == text


def test_no_module_reads_the_private_constants_of_another() -> None:
    paths = [path for path, _ in json.loads(asset("firmware/package.json").read_text(encoding="utf-8"))["urls"]]
    for path in paths:
        text = asset(path if "/" in path else f"firmware/board/{path}").read_text(encoding="utf-8")
        assert re.findall(r"\b(?!self|cls)\w+\._[A-Z][A-Z0-9_]+\b|import .*\b_[A-Z][A-Z0-9_]+\b", text) == [], path
