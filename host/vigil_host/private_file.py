"""Files that only their owner may read, made or replaced in one step: the old content or the new, whatever happens."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let no other program that asks so too change what is in `path`'s folder meanwhile; waits for it. Raises OSError.

    For reading, changing and replacing a file that several programs change: what one has written, none may undo.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def make(path: Path, content: bytes) -> None:
    """Make the file, on disk when this returns; one that somebody has made meanwhile stays as it is. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        _write(part, content)
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)


def replace(path: Path, text: str) -> None:
    """Put `text` in place of what `path` holds, on disk when this returns. Raises OSError; then it is old or new."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(fresh, text.encode())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # or a power cut might bring the old file back
    finally:
        os.close(folder)


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
