"""`vigil backup`: a copy of the record."""

from pathlib import Path

import rich_click as click

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.cli.records import record_file
from vigil_host.config import ConfigError
from vigil_host.store import StoreError
from vigil_host.store.backup import backup


@click.command(name="backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
@click.option("--yes", is_flag=True, help="Replace FILE where it is there already.")
def command(file: Path, db: Path | None, yes: bool) -> None:
    """Copy the whole record to FILE, as it is at this moment; the bridge may go on.

    The key that signs the record is not in it: keep a copy of that apart.

    Example: **vigil backup /mnt/stick/vigil-monday.db**
    """
    if file.exists() and not yes:
        fail(f"{file} is there already; --yes replaces it")
    with in_one_line(StoreError, ConfigError):
        rows = backup(record_file(db), file)
    click.echo(f"{rows} rows in {file}.")
