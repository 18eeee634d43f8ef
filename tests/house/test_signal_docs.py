"""docs/signal.md tells the whole signal path, in pictures that its tool can draw."""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_TEXT = (_ROOT / "docs/signal.md").read_text(encoding="utf-8")
_LARGEST_BYTES = 80_000  # all of them are read on a phone


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    """Return tools/signal_plots.py, which reads the inner state of the signal path."""
    pytest.importorskip("matplotlib")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(_ROOT / "benchmarks"))  # which the tool adds, and this takes away again
        return SimpleNamespace(**runpy.run_path(str(_ROOT / "tools/signal_plots.py")))


def test_every_picture_can_be_drawn_again(tool: SimpleNamespace, tmp_path: Path) -> None:
    for name in tool.PICTURES:
        drawn = tool.draw(name, tmp_path).read_bytes()
        assert 5_000 < len(drawn) <= _LARGEST_BYTES, name


def test_a_picture_is_the_same_to_the_byte(tool: SimpleNamespace, tmp_path: Path) -> None:
    first = tool.draw("signal-periodicity", tmp_path).read_bytes()
    assert tool.draw("signal-periodicity", tmp_path).read_bytes() == first


def test_the_text_shows_every_picture(tool: SimpleNamespace) -> None:
    shown = re.findall(r"\]\(images/(signal-[a-z0-9]+)\.png\)", _TEXT)
    assert sorted(shown) == sorted(tool.PICTURES)
    assert not [name for name in shown if not (_ROOT / f"docs/images/{name}.png").is_file()]


@pytest.mark.parametrize(
    "module", sorted((_ROOT / "firmware/vigil_firmware/signal").glob("[a-z]*.py")), ids=lambda m: m.stem
)
def test_the_text_names_every_module(module: Path) -> None:
    assert f"`{module.stem}`" in _TEXT
