"""What the attacks share: the table they fill, how often each is tried, and ways to spoil a message."""

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.attacks.table import AttackTable, Row
from tests.radio.conftest import air as air
from tests.radio.conftest import anyio_backend as anyio_backend
from tests.radio.conftest import personality as personality

KEY = bytes(range(16))
_LONG = os.environ.get("VIGIL_LONG") == "1"


@pytest.fixture(scope="session")
def attack_table(printed_tables: list[Any]) -> AttackTable:
    """The table that is printed at the end of the run."""
    table = AttackTable()
    printed_tables.append(table)
    return table


@pytest.fixture
def attacks(attack_table: AttackTable) -> Iterator[AttackTable]:
    """The table; the test fails where something was accepted or fell over in it."""
    before = {kind: row.successes for kind, row in attack_table.rows.items()}
    yield attack_table
    red = {kind: row for kind, row in attack_table.rows.items() if row.successes > before.get(kind, 0)}
    assert not red, "\n".join(AttackTable(red).lines())


@pytest.fixture(scope="session")
def times() -> Callable[[int], int]:
    """How often to try: so often, and two hundred times that in a long run."""
    return lambda count: count * (200 if _LONG else 1)


@pytest.fixture(scope="session")
def rounds() -> Callable[[int], int]:
    """How often to try what takes a radio and seconds: so often, and twenty times that in a long run."""
    return lambda count: count * (20 if _LONG else 1)


@pytest.fixture
def drawn() -> random.Random:
    """Draws that are the same in every short run, and new in each long one."""
    return random.Random(None if _LONG else 20)


def spoil(data: bytes, drawn: random.Random) -> bytes:
    """Change a message in one of the ways in which they get changed; never into itself."""
    while True:
        spoilt = bytearray(data)
        way = drawn.randrange(6)
        place = drawn.randrange(len(data)) if data else 0
        if way == 0 and data:
            spoilt[place] ^= 1 << drawn.randrange(8)
        elif way == 1 and data:
            spoilt[place] = drawn.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
        elif way == 2:
            del spoilt[place:]
        elif way == 3:
            spoilt += drawn.randbytes(drawn.randrange(1, 20))
        elif way == 4 and data:
            end = min(len(data), place + drawn.randrange(1, 9))
            spoilt[place:end] = drawn.randbytes(end - place)
        else:
            spoilt = bytearray(drawn.randbytes(drawn.randrange(0, 2 * len(data) + 2)))
        if bytes(spoilt) != data:
            return bytes(spoilt)


def count(row: Row, success: object) -> None:
    """Count one try that has been made, and whether the attack had success."""
    row.tried += 1
    row.accepted += bool(success)


def attempt(
    row: Row, try_it: Callable[[], object], refusal: type[Exception] | tuple[type[Exception], ...] = ()
) -> object:
    """Count one try: what is returned that is not None or False was accepted, and only `refusal` may be raised."""
    row.tried += 1
    try:
        result = try_it()
    except refusal:
        return None
    except Exception as error:
        row.crashed += 1
        raise AssertionError(f"fell over: {error!r}") from error
    if result is not None and result is not False:
        row.accepted += 1
    return result
