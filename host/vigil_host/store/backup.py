"""Copies a record whole: out of a running bridge, and back into its place."""

import os
import sqlite3
import time
from pathlib import Path

from vigil_host.store.lease import Lease
from vigil_host.store.opening import StoreError, check_file


def backup(source: Path, target: Path) -> int:
    """Copy the record as it is at this moment, also while a bridge writes it; returns the number of its rows.

    The file appears at `target`, for its owner alone, once it is whole and on disk. Raises StoreError.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            rows = _copy(source, part)
            _to_disk(part)
            part.replace(target)
            _to_disk(target.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied to {target}: {error}") from error
    return rows


def restore(copy: Path, target: Path) -> Path | None:
    """Put a backup in the place of the record at `target`; returns where the record that was there is kept now.

    Raises StoreError where the backup is damaged or no record, and AlreadyOwned while a bridge writes the record; the
    record is then as it was.
    """
    check_file(copy)
    lease = Lease(target)
    try:
        return _restore(copy, target)
    finally:
        lease.release()


def _restore(copy: Path, target: Path) -> Path | None:
    part = target.with_name(f"{target.name}.{os.getpid()}.restored")
    backup(copy, part)
    try:
        kept = None
        if target.exists():
            kept = target.with_name(f"{target.name}.before-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
            if kept.exists():
                raise StoreError(f"{kept} is there already: try again in a second")
            for suffix in ("-wal", "-shm", ""):  # what the last bridge had not yet written into the file goes along
                beside = target.with_name(target.name + suffix)
                if beside.exists():
                    beside.replace(kept.with_name(kept.name + suffix))
        part.replace(target)
        _to_disk(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be replaced: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return kept


def _copy(source: Path, part: Path) -> int:
    reading = sqlite3.connect(source)
    try:
        for pragma in ("query_only=ON", "wal_autocheckpoint=0"):  # the bridge alone writes and checkpoints
            reading.execute(f"PRAGMA {pragma}")
        writing = sqlite3.connect(part, isolation_level=None)
        try:
            reading.backup(writing)  # all pages in one step: one moment of the record
            writing.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
            (rows,) = writing.execute("SELECT count(*) FROM record").fetchone()
            (state,) = writing.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            writing.close()
    finally:
        reading.close()
    if state != "ok":
        raise StoreError(f"{source} is damaged, and so would its copy be: {state}")
    return int(rows)


def _to_disk(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
