"""Writes what follows from each boards/*/board.toml: board.json, wiring.svg, parts of its README.md and docs/boards.md.

Run it after changing a board.toml; a test says when that was forgotten.
"""

from pathlib import Path

from vigil_host.boards.description import board_ids, load
from vigil_host.boards.page import with_page_part
from vigil_host.boards.picture import draw
from vigil_host.boards.power import with_power_part
from vigil_host.boards.wiring import board_json

_PAGE = Path(__file__).resolve().parent.parent / "docs/boards.md"
_BOARDS = Path(__file__).resolve().parent.parent / "boards"


def files() -> dict[Path, str]:
    """Return what each generated file should hold."""
    found = {_PAGE: with_power_part(_PAGE.read_text(encoding="utf-8"))}
    for board in map(load, board_ids()):
        page = _BOARDS / board.id / "README.md"
        found[_BOARDS / board.id / "board.json"] = board_json(board).decode()
        found[_BOARDS / board.id / "wiring.svg"] = draw(board)
        found[page] = with_page_part(page.read_text(encoding="utf-8"), board)
    return found


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
