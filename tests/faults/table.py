"""The table of faults: how often each was tried, and what it cost."""

from dataclasses import dataclass


@dataclass
class Row:
    """One kind of fault: times it was tried; records lost after they were acknowledged, there twice, or changed."""

    tried: int = 0
    lost: int = 0
    duplicated: int = 0
    corrupted: int = 0

    @property
    def failures(self) -> int:
        """How many records went wrong."""
        return self.lost + self.duplicated + self.corrupted

    def add(self, other: "Row") -> None:
        """Take in what was found elsewhere."""
        self.tried += other.tried
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.corrupted += other.corrupted


class FaultTable:
    """Rows by kind, in the order in which they were first counted."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def row(self, kind: str) -> Row:
        """The row of a kind, made when it is new."""
        return self.rows.setdefault(kind, Row())

    def count(self, kind: str, tried: int = 1, lost: int = 0, duplicated: int = 0, corrupted: int = 0) -> None:
        """Add to a kind of fault."""
        self.row(kind).add(Row(tried, lost, duplicated, corrupted))

    def add(self, other: "FaultTable") -> None:
        """Take in what was found elsewhere."""
        for kind, row in other.rows.items():
            self.row(kind).add(row)

    @property
    def is_clean(self) -> bool:
        """Whether no fault cost anything."""
        return not any(row.failures for row in self.rows.values())

    def lines(self) -> list[str]:
        """The table as text."""
        width = max((len(kind) for kind in self.rows), default=0)
        head = f"{'fault':<{width}} {'tried':>9} {'lost':>6} {'duplicated':>10} {'corrupted':>9}"
        return [
            head,
            *(
                f"{kind:<{width}} {row.tried:>9,} {row.lost:>6} {row.duplicated:>10} {row.corrupted:>9}"
                for kind, row in self.rows.items()
            ),
        ]
