"""Statements of the hot path, compiled once and given to the driver as they are.

To build, look up and wrap a statement costs several times what SQLite needs to run it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Executable, Table, bindparam, insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """A statement whose parameters are `bindparam`s, run by its text alone. What the driver raises passes as it is."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        self._statement = statement
        self._compiled: dict[Dialect, _Compiled] = {}

    def run(self, connection: Connection, **parameters: Any) -> DBAPICursor:
        """Run it once; the cursor gives its rows as tuples."""
        text, constants, names = self._for(connection.dialect)
        given = {**constants, **parameters}
        cursor = connection.connection.cursor()
        cursor.execute(text, tuple([given[name] for name in names]))
        return cursor

    def run_tuples(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Run it once for each of `rows`, if there are any, whose values are in the order of the parameters."""
        if rows:
            cursor = connection.connection.cursor()
            cursor.executemany(self._for(connection.dialect).text, rows)
            cursor.close()

    def _for(self, dialect: Dialect) -> "_Compiled":
        known = self._compiled.get(dialect)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler) and compiled.positiontup is not None
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            known = self._compiled[dialect] = _Compiled(compiled.string, constants, compiled.positiontup)
        return known


class _Compiled(NamedTuple):
    text: str
    constants: Mapping[str, Any]
    names: Sequence[str]


def insert_into(table: Table) -> Prepared:
    """An insert of whole rows, in the order of the table's columns."""
    return Prepared(insert(table).values({column.name: bindparam(column.name) for column in table.c}))
