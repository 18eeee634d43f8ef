"""Statements of the hot path, compiled once: to build and look up a statement costs more than to run it."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Executable, Table, bindparam, insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """A statement whose parameters are `bindparam`s, run by its text alone."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        self._statement = statement
        self._compiled: dict[Dialect, tuple[str, tuple[str, ...]]] = {}

    def run(self, connection: Connection, **parameters: Any) -> CursorResult[*tuple[Any, ...]]:
        """Run it once."""
        text, names = self._text(connection.dialect)
        return connection.exec_driver_sql(text, tuple(parameters[name] for name in names))

    def run_many(self, connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run it once for each of `rows`, if there are any."""
        text, names = self._text(connection.dialect)
        given = [tuple(row[name] for name in names) for row in rows]
        if given:
            connection.exec_driver_sql(text, given)

    def run_tuples(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Run it once for each of `rows`, if there are any, whose values are in the order of the parameters."""
        if rows:
            connection.exec_driver_sql(self._text(connection.dialect)[0], rows)

    def _text(self, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
        known = self._compiled.get(dialect)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler) and compiled.positiontup is not None
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            assert not constants, f"a statement that is prepared has no constants: {constants}"
            known = self._compiled[dialect] = (compiled.string, tuple(compiled.positiontup))
        return known


def insert_into(table: Table) -> Prepared:
    """An insert of whole rows, in the order of the table's columns."""
    return Prepared(insert(table).values({column.name: bindparam(column.name) for column in table.c}))
