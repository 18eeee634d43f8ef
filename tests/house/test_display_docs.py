"""docs/display.md shows what the firmware shows: its pictures are drawn again and compared, pixel by pixel."""

import re
import runpy
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_TEXT = (_ROOT / "docs/display.md").read_text(encoding="utf-8")


def test_every_picture_is_what_the_firmware_shows_and_is_in_the_text() -> None:
    image = pytest.importorskip("PIL.Image")
    drawn = dict(runpy.run_path(str(_ROOT / "tools/display_pictures.py"))["pictures"]())
    for name, picture in drawn.items():
        with image.open(_ROOT / f"docs/images/display-{name}.png") as kept:
            assert kept.size == picture.size and kept.convert("1").tobytes() == picture.tobytes(), (
                f"{name}: run python tools/display_pictures.py, and look at it"
            )
    assert set(re.findall(r"\]\(images/display-([a-z0-9-]+)\.png\)", _TEXT)) == {*drawn}
