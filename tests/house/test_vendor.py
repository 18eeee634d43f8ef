"""The build hook takes npm packages only as pinned, and says in one line why it cannot."""

import runpy
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_FAKE_NPM = """#!/bin/sh
for last; do :; done
cp "{tarball}" "$last/thing-1.0.0.tgz"
"""


@pytest.fixture
def hook() -> SimpleNamespace:
    """Return hatch_build.py as a module nobody else shares."""
    return SimpleNamespace(**runpy.run_path(str(_ROOT / "hatch_build.py")))


@pytest.fixture
def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an npm on PATH whose every package is one tarball with one file."""
    (tmp_path / "a.js").write_text("1")
    with tarfile.open(tmp_path / "thing.tgz", "w:gz") as archive:
        archive.add(tmp_path / "a.js", "package/a.js")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(_FAKE_NPM.format(tarball=tmp_path / "thing.tgz"))
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=":")


@pytest.mark.usefixtures("fake_npm")
def test_another_content_is_not_used(hook: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(hook.VendorError, match=r"uplot@[\d.]+ has SHA-512 .*not the pinned .*not used"):
        hook.vendor(tmp_path / "vendor", _ROOT / "LICENSE")
    assert not (tmp_path / "vendor").exists()


def test_what_is_vendored_is_not_fetched_again(
    hook: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "STAMP").write_text(hook.STAMP)
    hook.vendor(tmp_path, _ROOT / "LICENSE")


def test_without_npm_it_says_what_to_install(
    hook: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(hook.VendorError, match=r"^npm is missing: install Node\.js, or `pip install .*`$"):
        hook.vendor(tmp_path / "vendor", _ROOT / "LICENSE")


def test_npms_own_words_are_passed_on(hook: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "npm error code E404\\nnpm error 404 Not found\\n"
    (tmp_path / "npm").write_text(f"#!/bin/sh\nprintf '{words}' >&2\nexit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(hook.VendorError, match=r"could not fetch uplot@.*\(code E404; 404 Not found\)"):
        hook.vendor(tmp_path / "vendor", _ROOT / "LICENSE")
