"""`vigil verify`: whether the record, or an exported part of it, is as it was stored."""

import json
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.cli.records import record_file
from vigil_host.config import ConfigError, signing_key_file
from vigil_host.store import Store, StoreError
from vigil_host.store import export as exports
from vigil_host.store.chain import Signer, SigningError


@click.command(name="verify")
@click.argument("export", required=False, type=click.Path(path_type=Path))
@click.option(
    "--key", "keys", multiple=True, metavar="PUBLIC", help="A public key to trust, besides this bridge's own."
)
@click.option("--public-key", is_flag=True, help="Print this bridge's public key, and nothing else.")
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(export: Path | None, keys: tuple[str, ...], public_key: bool, db: Path | None, as_json: bool) -> None:
    """Check the whole record: the file, every row, its place in the chain, the signatures, and that nothing is missing.

    With EXPORT, a file of **vigil export** is checked instead: no record and no bridge is needed for that, only the
    public key of the bridge that wrote it. The exit code is 1 where anything is found.

    Example: **vigil verify ada.vigil --key 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c**
    """
    with in_one_line(StoreError, ConfigError, SigningError):
        trusted = {_key(text) for text in keys}
        if public_key:
            click.echo(Signer.at(signing_key_file()).public_key.hex())
            return
        own = signing_key_file()
        if own.exists():
            trusted.add(Signer.at(own).public_key)
        if export is not None:
            _check_export(export, trusted, as_json)
            return
        with Store.read(record_file(db)) as store:
            report = store.verify(trusted)
    if as_json:
        shown = {
            "rows": report.rows,
            "checkpoints": report.checkpoints,
            "unsigned_rows": report.unsigned,
            "gaps": report.gaps,
            "head": {"row": report.head.row_id, "hash": report.head.hash.hex()},
            "findings": report.findings,
            "more_findings": report.more,
        }
        click.echo(json.dumps(shown))
    else:
        click.echo(
            f"{report.rows} rows, {report.checkpoints} signatures, {report.unsigned} newest rows not signed yet, "
            f"{report.gaps} gaps with their reason."
        )
        for finding in report.findings:
            click.echo(f"- {finding}")
        if report.more:
            click.echo(f"- and {report.more} more")
        click.echo("Something was found." if report.findings else "All is as it was stored.")
    if report.findings:
        raise SystemExit(1)


def _check_export(path: Path, trusted: set[bytes], as_json: bool) -> None:
    if not trusted:
        fail("name the public key of the bridge that wrote the file with --key")
    proof = exports.check(path, trusted)
    if as_json:
        shown = {
            "device": proof.device,
            "records": len(proof.records),
            "withheld": proof.withheld,
            "signed_utc_ms": proof.utc_ms,
            "problem": proof.problem or None,
        }
        click.echo(json.dumps(shown))
    elif not proof.problem:
        at = datetime.fromtimestamp(proof.utc_ms / 1000, UTC)
        click.echo(
            f"{len(proof.records)} records of device {proof.device}, as they were signed at {at:%Y-%m-%d %H:%M:%S} UTC."
        )
    if proof.problem:
        fail(f"{path}: {proof.problem}")


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise click.UsageError(f"{text!r} is no public key: it has 64 hexadecimal digits")
    return key
