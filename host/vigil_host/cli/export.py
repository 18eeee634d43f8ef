"""`vigil export`: a part of the record that can be proved to somebody else."""

import os
from datetime import datetime
from pathlib import Path

import rich_click as click

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.cli.records import device_in, record_file
from vigil_host.config import ConfigError
from vigil_host.devices import DevicesError
from vigil_host.store import Store, StoreError

_TIME = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"))


@click.command(name="export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--device", help="A device's id or name; needed where more than one is known.")
@click.option("--from", "begin", type=_TIME, required=True, help="The first instant, in this machine's time.")
@click.option("--to", "end", type=_TIME, required=True, help="The instant after the last.")
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
def command(file: Path, device: str | None, begin: datetime, end: datetime, db: Path | None) -> None:
    """Write the records of one device and time to FILE, with the signature that proves them.

    Records are among them whose time is only known to lie between two instants, where they may be of that time.

    Whoever gets FILE checks it with **vigil verify FILE --key PUBLIC**, and gets the public key from you in another
    way: **vigil verify --public-key** prints it. Rows of other devices or times are in FILE as digests only.

    Example: **vigil export ada.vigil --from 2026-11-01 --to 2026-11-08**
    """
    with in_one_line(StoreError, ConfigError, DevicesError), Store.read(record_file(db)) as store:
        device_id = device_in(store, device)
        from_utc_ms, to_utc_ms = (int(at.timestamp() * 1000) for at in (begin, end))
        try:
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            fail(f"{file} cannot be made: {error.strerror}")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                count = store.export(device_id, from_utc_ms, to_utc_ms, out)
        except BaseException:
            file.unlink()
            raise
    click.echo(f"{count} records in {file}.")
