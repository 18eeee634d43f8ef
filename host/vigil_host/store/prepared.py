"""Statements of the hot path, compiled once and given to the driver as they are.

To build, look up and wrap a statement costs several times what SQLite needs to run it.
"""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Executable, Table, bindparam, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """A statement whose parameters are `bindparam`s, run by its text alone. What the driver raises passes as it is."""

    def __init__(self, statement: Executable) -> None:
        assert isinstance(statement, ClauseElement)
        compiled = statement.compile(dialect=sqlite.dialect())
        assert isinstance(compiled, SQLCompiler) and compiled.positiontup is not None
        self._text = compiled.string
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._names = compiled.positiontup

    def run(self, connection: Connection, **parameters: Any) -> sqlite3.Cursor:
        """Run it once; the cursor gives its rows as tuples."""
        given = {**self._constants, **parameters}
        return driver_of(connection).execute(self._text, [given[name] for name in self._names])

    def run_tuples(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Run it once for each of `rows`, if there are any, whose values are in the order of the parameters."""
        if rows:
            driver_of(connection).executemany(self._text, rows)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """What is under SQLAlchemy's connection."""
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def insert_into(table: Table) -> Prepared:
    """An insert of whole rows, in the order of the table's columns."""
    return Prepared(insert(table).values({column.name: bindparam(column.name) for column in table.c}))
