"""Which record and which device in it a command is about."""

from pathlib import Path

from vigil_host.config import default_database
from vigil_host.devices import DevicesError
from vigil_host.store import Store, StoreError


def record_file(db: Path | None) -> Path:
    """The record's file: `db`, or the bridge's own. Raises StoreError where there is none, and ConfigError."""
    path = db or default_database()
    if not path.exists():
        raise StoreError(f"{path}: there is no record yet; `vigil bridge` or `vigil demo --db FILE` makes one")
    return path


def device_in(store: Store, device: str | None) -> str:
    """The id of the device that is meant; DevicesError where that is not clear."""
    stored = store.devices()
    if device is None and len(stored) == 1:
        return stored[0].id
    meant = [each.id for each in stored if device in (each.id, each.name)]
    if len(meant) == 1:
        return meant[0]
    names = ", ".join(f"{each.id} ({each.name})" for each in stored) or "none"
    raise DevicesError(f"say which device with --device; in this record: {names}")
