"""Nothing of one machine is in the repository: no registry, no private folder, no large file."""

import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_LARGEST_BYTES = 600 * 1024
# In parts, so that this file does not name them itself.
_REGISTRIES = re.compile(
    "|".join(
        re.escape(f"{name}.{domain}")
        for name, domain in (
            ("registry", "npmjs"),
            ("registry", "yarnpkg"),
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("proxy", "golang"),
            ("deb", "debian"),
            ("piwheels", "org"),
        )
    )
)
_PRIVATE_FOLDER = re.compile(r"(?<![\w./:-])/(?:home|Users|root|work)/[\w.-]+")


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Return every file that is, or is about to be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout: which files are tracked is not known")
    return [_ROOT / name for name in listed.split("\0") if name and (_ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """Return file, line number and match of each line of text that has `pattern`."""
    found = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{file.relative_to(_ROOT)}:{number}: {match[0]}")
    return found


def test_no_file_names_a_registry(files: list[Path]) -> None:
    assert lines_with(_REGISTRIES, files) == []


def test_no_lock_file_says_where_from(files: list[Path]) -> None:
    locks = [file for file in files if file.name.endswith("package-lock.json")]
    assert lines_with(re.compile(r'"resolved": "http'), locks) == []


def test_no_file_names_a_private_folder(files: list[Path]) -> None:
    assert lines_with(_PRIVATE_FOLDER, files) == []


def test_no_large_file(files: list[Path]) -> None:
    large = {str(file.relative_to(_ROOT)): file.stat().st_size for file in files}
    assert {name: size for name, size in large.items() if size > _LARGEST_BYTES} == {}


@pytest.mark.parametrize("text", ["/" + "home/ann/vigil", "x=/" + "root/.cache", "open('/" + "work/main/a')"])
def test_private_folders_are_recognised(text: str) -> None:
    assert _PRIVATE_FOLDER.search(text)


@pytest.mark.parametrize("text", ["docs/home/start.md", "https://vigil.example/home/page", "../plans/notes"])
def test_ordinary_paths_are_not_private(text: str) -> None:
    assert not _PRIVATE_FOLDER.search(text)
