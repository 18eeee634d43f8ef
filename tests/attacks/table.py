"""The table of attacks: how often each was tried, what was accepted or fell over, and what chance would let in."""

from dataclasses import dataclass


@dataclass
class Row:
    """One kind of attack. `by_chance`: how many a MIC of so many bits would let pass if all were guesses."""

    tried: int = 0
    accepted: int = 0
    crashed: int = 0
    by_chance: float = 0.0

    @property
    def successes(self) -> int:
        """How often the attack did what it was to do, or harm."""
        return self.accepted + self.crashed

    def add(self, other: "Row") -> None:
        """Take in what was tried elsewhere."""
        self.tried += other.tried
        self.accepted += other.accepted
        self.crashed += other.crashed
        self.by_chance += other.by_chance


class AttackTable:
    """Rows by kind, in the order in which they were first counted."""

    def __init__(self, rows: dict[str, Row] | None = None) -> None:
        self.rows: dict[str, Row] = rows or {}

    def row(self, kind: str) -> Row:
        """The row of a kind, made when it is new."""
        return self.rows.setdefault(kind, Row())

    def add(self, other: "AttackTable") -> None:
        """Take in what was tried elsewhere."""
        for kind, row in other.rows.items():
            self.row(kind).add(row)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was accepted and nothing fell over."""
        return not any(row.successes for row in self.rows.values())

    def lines(self) -> list[str]:
        """The table as text."""
        width = max((len(kind) for kind in self.rows), default=0)
        head = f"{'attack':<{width}} {'tried':>9} {'accepted':>8} {'crashed':>7} {'expected by chance':>18}"
        return [
            head,
            *(
                f"{kind:<{width}} {row.tried:>9,} {row.accepted:>8} {row.crashed:>7} {row.by_chance:>18.1e}"
                for kind, row in self.rows.items()
            ),
        ]
