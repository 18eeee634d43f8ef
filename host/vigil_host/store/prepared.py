"""Statements of the hot path, compiled once and given to the driver as they are.

To build, look up and wrap a statement costs several times what SQLite needs to run it.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Table, bindparam, insert
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """A statement whose parameters are `bindparam`s, run by its text alone. What the driver raises passes as it is."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        self._statement = statement
        self._compiled: dict[Dialect, tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]] = {}

    def run(self, connection: Connection, **parameters: Any) -> DBAPICursor:
        """Run it once; the cursor gives its rows as tuples."""
        text, in_order = self._text(connection.dialect)
        cursor = connection.connection.cursor()
        cursor.execute(text, in_order(parameters))
        return cursor

    def run_tuples(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Run it once for each of `rows`, if there are any, whose values are in the order of the parameters."""
        if rows:
            cursor = connection.connection.cursor()
            cursor.executemany(self._text(connection.dialect)[0], rows)
            cursor.close()

    def _text(self, dialect: Dialect) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
        known = self._compiled.get(dialect)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler) and compiled.positiontup is not None
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            assert not constants, f"a statement that is prepared has no constants: {constants}"
            known = self._compiled[dialect] = (compiled.string, _values_of(compiled.positiontup))
        return known


def _values_of(names: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda parameters: tuple(parameters[name] for name in names)


def insert_into(table: Table) -> Prepared:
    """An insert of whole rows, in the order of the table's columns."""
    return Prepared(insert(table).values({column.name: bindparam(column.name) for column in table.c}))
