"""Empty databases: the store itself makes one, and the others are copies of it, which take a hundredth of the time."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from vigil_host.store import Store


@cache
def _content() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "vigil.db")
        Store.open(path).close()
        return path.read_bytes()


def put_empty_store(path: Path) -> Path:
    """Make a database at `path` with its tables and nothing in it; returns the path."""
    path.touch(0o600)
    path.write_bytes(_content())
    return path
