"""One program writes a record at a time: whoever holds the lock on the file beside it.

The system drops the lock with the process, however it ends, so there is none left behind to remove.
"""

import fcntl
import os
from pathlib import Path

from vigil_host.store.opening import StoreError


class AlreadyOwned(StoreError):
    """Another program writes this record now."""


class Lease:
    """The right to write the database at `path`, until `release`. Raises AlreadyOwned, StoreError."""

    def __init__(self, path: Path) -> None:
        lock = path.with_name(path.name + ".lock")
        try:
            self._file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{lock} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            raise AlreadyOwned(
                f"{path} is locked by another program (process {owner or '?'}): end that program, then try again"
            ) from None
        except OSError as error:  # a file system without locks
            os.close(self._file)
            raise StoreError(f"{lock} cannot be locked: {error.strerror}") from error
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let others write."""
        os.close(self._file)
