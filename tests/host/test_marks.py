"""How far adverts were heard, kept on disk: what was heard before a restart is not heard again."""

import json
import stat
from pathlib import Path

import pytest

from vigil_host.link.marks import AHEAD, Marks


def test_what_was_written_is_read_again_ahead(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks.json")
    assert marks.of("aa") is None
    marks.write({"aa": 100}, AHEAD)
    again = Marks(tmp_path / "marks.json")
    assert again.of("aa") == 100 + AHEAD
    again.write({"bb": 7}, ahead=0)
    assert (Marks(marks.path).of("aa"), Marks(marks.path).of("bb")) == (100 + AHEAD, 7)
    assert stat.S_IMODE(marks.path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["marks.json"]


def test_due_before_what_was_written_is_used_up(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks.json")
    assert marks.is_due("aa", 0)
    marks.write({"aa": 0}, AHEAD)
    assert [marks.is_due("aa", mark) for mark in (0, AHEAD // 2, AHEAD // 2 + 1)] == [False, False, True]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"aa": "x"}', '{"aa": null}'])
def test_a_file_that_cannot_be_read_is_said_and_is_like_none(tmp_path: Path, content: str, caplog: object) -> None:
    path = tmp_path / "marks.json"
    path.write_text(content)
    marks = Marks(path)
    assert marks.of("aa") is None
    assert "cannot be read" in caplog.text  # type: ignore[attr-defined]
    marks.write({"aa": 1}, ahead=0)
    assert json.loads(path.read_text()) == {"aa": 1}


def test_a_disk_that_takes_nothing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks(tmp_path / "marks.json")
    marks.write({"aa": 1}, ahead=0)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        marks.write({"aa": 50}, ahead=0)
    assert marks.of("aa") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["marks.json"]
    assert Marks(marks.path).of("aa") == 1
