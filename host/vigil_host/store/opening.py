"""Opens the database file: its connections, its schema version, and one clear line where it cannot be had.

SQLite in WAL mode with `synchronous=FULL`: a commit that returned survives a power cut. Exactly one connection writes
and checkpoints; readers are `query_only` and never checkpoint, because SQLite before 3.51.3 can damage a database when
two connections do so at once.
"""

import os
import sqlite3
from pathlib import Path
from threading import RLock

from sqlalchemy import URL, Connection, Engine, QueuePool, StaticPool, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError

from vigil_host.store.prepared import driver_of
from vigil_host.store.schema import REVISION

_NEWER = "was written by a newer version of Vigil: update Vigil, or use another database"
_NOT_OURS = "is not a Vigil database: give another file name"

# What SQLite's result codes mean for the person who reads the line.
_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another program: end that program, then try again",
    sqlite3.SQLITE_LOCKED: "is locked by another program: end that program, then try again",
    sqlite3.SQLITE_READONLY: "is read-only: give write permission on the file and on its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: does its folder exist, and may this user write there?",
    sqlite3.SQLITE_NOTADB: _NOT_OURS,
    sqlite3.SQLITE_CORRUPT: "is damaged: restore a backup; what is in the file is left as it is",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
}


class StoreError(Exception):
    """The database cannot be used; the message is one line that names the file and says what to do."""


class ErrorsNamed:
    """Turns what the database driver raises within into a StoreError about `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, DBAPIError | sqlite3.Error):
            raise _named(self._path, error) from error


def _named(path: Path, error: DBAPIError | sqlite3.Error) -> StoreError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return StoreError(f"{path} {_REASONS.get(code, f'cannot be used: {cause}')}")


def make_file(path: Path) -> None:
    """Make the file, for this user only, where it is missing; raises StoreError where it cannot be written."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except PermissionError as error:
        raise StoreError(f"{path} {_REASONS[sqlite3.SQLITE_READONLY]}") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {error.strerror}") from error


def writer(path: Path, busy_timeout_s: float) -> Engine:
    """Return the engine whose one connection writes, in a `Transaction`."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=StaticPool,
        connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
    )
    _configure(engine, ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"))
    return engine


class Transaction:
    """Everything done on the writer's connection within, or nothing; on the way out it is on disk.

    Threads take turns, by the `lock`. What the driver raises becomes a StoreError about `path`. It may be used again
    and again, and is begun and ended at the driver: SQLAlchemy's own way there takes as long as a live record's commit.
    """

    def __init__(self, path: Path, connection: Connection, lock: RLock) -> None:
        self._path = path
        self._connection = connection
        self._driver = driver_of(connection)
        self._lock = lock

    def __enter__(self) -> Connection:
        self._lock.acquire()
        try:
            self._driver.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._give_up(error)
            raise
        return self._connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            try:
                self._driver.commit()
            except BaseException as failed:
                self._give_up(failed)
                raise
            self._lock.release()
        else:
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        try:
            self._driver.rollback()
        finally:
            self._lock.release()
        if isinstance(error, DBAPIError | sqlite3.Error):
            raise _named(self._path, error) from error


def content_of(connection: Connection) -> int:
    """A number that is another one when another connection has changed anything."""
    number: int = driver_of(connection).execute("PRAGMA data_version").fetchone()[0]
    return number


def reader(path: Path, busy_timeout_s: float) -> Engine:
    """Return the engine for reading, from any thread."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
    )
    _configure(engine, ("query_only=ON", "wal_autocheckpoint=0"))

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")  # all that is read until the end is of one moment

    return engine


def _configure(engine: Engine, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where sqlite3 guesses
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def migrate(connection: Connection, path: Path) -> None:
    """Bring the schema to this program's version, in the caller's transaction; raises StoreError."""
    version = _version(connection, path)
    if version == REVISION:
        return
    # Imported here: a database that is up to date, as it nearly always is, does not pay for it.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(f"{path} {_NEWER}")
    command.upgrade(config, "head")


def check(connection: Connection, path: Path) -> None:
    """Raise StoreError unless the schema is this program's version."""
    version = _version(connection, path)
    if version is None:
        raise StoreError(f"{path} {_NOT_OURS}")
    if version > REVISION:
        raise StoreError(f"{path} {_NEWER}")
    if version < REVISION:
        raise StoreError(f"{path} was written by an older version of Vigil: start the bridge once to update it")


def check_file(path: Path) -> None:
    """Raise StoreError unless the file is a whole record of this program's version or an older one."""
    if not path.is_file():
        raise StoreError(f"{path} does not exist")
    engine = create_engine(URL.create("sqlite", database=str(path)))
    try:
        with ErrorsNamed(path), engine.connect() as connection:
            version = _version(connection, path)
            if version is None:
                raise StoreError(f"{path} {_NOT_OURS}")
            if version > REVISION:
                raise StoreError(f"{path} {_NEWER}")
            if connection.execute(text("PRAGMA integrity_check(1)")).scalar() != "ok":
                raise StoreError(f"{path} is damaged: use another backup")
    finally:
        engine.dispose()


def _version(connection: Connection, path: Path) -> str | None:
    """The schema version, or None for an empty database; raises StoreError for another program's."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "schema_version" not in tables:
        raise StoreError(f"{path} {_NOT_OURS}")
    version: str | None = connection.execute(text("SELECT version_num FROM schema_version")).scalar()
    return version
