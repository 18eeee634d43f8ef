"""`vigil restore`: a backup in the place of the record."""

from pathlib import Path

import rich_click as click

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.config import ConfigError, default_database
from vigil_host.store import StoreError
from vigil_host.store.backup import restore


@click.command(name="restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
@click.option("--yes", is_flag=True, help="Put it in the place of a record that is there already.")
def command(file: Path, db: Path | None, yes: bool) -> None:
    """Put the backup FILE in the record's place. End the bridge first.

    What the devices still have is fetched again when the bridge next meets them; what they no longer have becomes a
    gap. A record that was there is kept beside it, under another name.

    Example: **vigil restore /mnt/stick/vigil-monday.db --yes**
    """
    with in_one_line(StoreError, ConfigError):
        target = db or default_database()
        if target.exists() and not yes:
            fail(f"{target} holds a record; --yes puts the backup in its place, and keeps it under another name")
        kept = restore(file, target)
    click.echo(f"{target} is now the backup." + (f" What was there is in {kept}." if kept else ""))
