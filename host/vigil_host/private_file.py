"""Files that only their owner may read, replaced in one step: the old content or the new, whatever happens."""

import os
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Put `text` in place of what `path` holds, on disk when this returns. Raises OSError; the old file then stays."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
