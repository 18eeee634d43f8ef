"""What a maker installs on a board is complete: mip listing, pins."""

import ast
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from vigil_host.boards.description import load

_ROOT = Path(__file__).resolve().parents[2]


def test_package_json_lists_what_is_there() -> None:
    expected = runpy.run_path(str(_ROOT / "tools/mip_package.py"))["text"]()
    found = (_ROOT / "firmware/package.json").read_text(encoding="utf-8")
    assert found == expected, "run: python tools/mip_package.py"


def test_package_json_holds_a_whole_monitor() -> None:
    listing = json.loads((_ROOT / "firmware/package.json").read_text(encoding="utf-8"))
    sources = dict(listing["urls"])
    assert {"main.py", "boot.py", "vigil_hal/__init__.py", "vigil_wire/__init__.py"} <= set(sources)
    assert not [name for name in sources if "simulat" in name]
    assert not [source for source in sources.values() if not (_ROOT / "firmware" / source).is_file()]


@pytest.mark.parametrize("board_id", ["esp32-devkitc", "pico-w"])
def test_main_without_a_board_json_uses_the_pins_of_these_boards(board_id: str) -> None:
    told = json.loads((_ROOT / "boards" / board_id / "board.json").read_text(encoding="utf-8"))
    assert main_constant("I2C_HZ") == told.pop("i2c_hz")
    assert list(main_constant("PARTS")) == told.pop("parts")
    assert main_constant("PINS")[load(board_id).chip.port] == told


def main_constant(name: str) -> Any:
    """Return a constant of firmware/board/main.py, which cannot be imported on a host."""
    tree = ast.parse((_ROOT / "firmware/board/main.py").read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    return next(
        ast.literal_eval(node.value)
        for node in assigned
        if isinstance(node.targets[0], ast.Name) and node.targets[0].id == name
    )
