"""The fault table: what was tried, and what it cost. Tests of this tier add rows; `make faults` prints them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest


@dataclass
class Row:
    """One kind of fault: how many were tried, and how many records each way of failing took."""

    tried: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupted: int = 0

    @property
    def failures(self) -> int:
        """How many records went wrong."""
        return self.lost + self.duplicated + self.corrupted


@dataclass
class FaultTable:
    """All rows, by kind."""

    rows: dict[str, Row] = field(default_factory=dict)

    def row(self, kind: str) -> Row:
        """Return the row of a kind, made when it is new."""
        return self.rows.setdefault(kind, Row())


_TABLE = FaultTable()


@pytest.fixture
def faults() -> Iterator[FaultTable]:
    """Return the table; the test fails where it ends with anything lost, duplicated or corrupted."""
    yield _TABLE
    wrong = {kind: row for kind, row in _TABLE.rows.items() if row.failures}
    assert not wrong


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if not _TABLE.rows:
        return
    width = max(len(kind) for kind in _TABLE.rows)
    terminalreporter.section("faults")
    terminalreporter.write_line(f"{'kind':{width}}{'tried':>10}{'lost':>8}{'duplicated':>12}{'corrupted':>11}")
    for kind, row in _TABLE.rows.items():
        line = f"{kind:{width}}{row.tried:>10,}{row.lost:>8}{row.duplicated:>12}{row.corrupted:>11}"
        terminalreporter.write_line(line, red=row.failures > 0)
