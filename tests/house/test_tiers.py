"""A tier that cannot run here is named, with what adds it; where all are required the run fails. Tables are printed.

That holds as well where workers run the tests.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in `folder`, on a machine that has no program at all."""
    (folder / "empty.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-c", "empty.ini", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env={"PATH": str(folder), **environment}, capture_output=True, text=True)


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """Return a folder with one browser test, one soak test and one plain test, all of which pass."""
    shutil.copy(_CONFTEST, tmp_path)
    for name, source in {
        "browser/test_page.py": "def test_page(): pass\n",
        "test_rest.py": "import pytest\ndef test_plain(): pass\n@pytest.mark.soak\ndef test_soak(): pass\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


def test_a_tier_left_out_is_named(tests: Path) -> None:
    done = run(tests)
    assert "tiers left out: browser (1 tests)" in done.stdout
    assert "sudo apt-get install chromium" in done.stdout
    assert "1 passed, 1 skipped, 1 deselected" in done.stdout
    assert done.returncode == 0


def test_a_tier_left_out_fails_where_all_are_required(tests: Path) -> None:
    assert run(tests, VIGIL_REQUIRE_ALL_TIERS="1").returncode == 1


def test_no_tier_left_out_is_said_too(tests: Path) -> None:
    (tests / "chromium").write_text("#!/bin/sh\n")
    (tests / "chromium").chmod(0o755)
    done = run(tests, VIGIL_REQUIRE_ALL_TIERS="1")
    assert "tiers left out: none" in done.stdout
    assert done.returncode == 0


def test_soak_tests_run_when_asked_for(tests: Path) -> None:
    assert "1 passed, 2 deselected" in run(tests, "-m", "soak", VIGIL_LONG="1").stdout


TABLES = """
class Table:
    def __init__(self, lost): self.lost = lost
    @property
    def is_clean(self): return not self.lost
    def lines(self): return [f"fault lost {self.lost}"]
    def add(self, other): self.lost += other.lost
"""
FILLED = """
from tables import Table
def test_table(printed_tables): printed_tables.append(Table(LOST))
"""


@pytest.fixture
def lossy(tests: Path) -> Path:
    """The same, and two files that fill a table with losses."""
    (tests / "tables.py").write_text(TABLES)
    (tests / "test_one.py").write_text(FILLED.replace("LOST", "17"))
    (tests / "test_two.py").write_text(FILLED.replace("LOST", "4"))
    return tests


def test_a_table_that_is_not_clean_fails_the_run(lossy: Path) -> None:
    done = run(lossy, "test_one.py")
    assert "\nfault lost 17\n" in done.stdout
    assert "1 passed" in done.stdout
    assert done.returncode == 1


def test_workers_hand_over_their_tables_and_what_was_left_out(lossy: Path) -> None:
    done = run(lossy, "-n", "2", "--dist", "loadfile")
    assert "\nfault lost 21\n" in done.stdout
    assert "tiers left out: browser (1 tests)" in done.stdout
    assert "3 passed, 1 skipped" in done.stdout
    assert done.returncode == 1


def test_a_tier_that_a_worker_left_out_fails_where_all_are_required(tests: Path) -> None:
    assert run(tests, "-n", "1").returncode == 0
    assert run(tests, "-n", "1", VIGIL_REQUIRE_ALL_TIERS="1").returncode == 1
