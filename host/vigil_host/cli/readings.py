"""`vigil readings`: what is in the record."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host.cli.problems import in_one_line
from vigil_host.cli.records import device_in, record_file
from vigil_host.config import ConfigError
from vigil_host.devices import DevicesError
from vigil_host.limits import limits_in
from vigil_host.store import Store, StoreError
from vigil_host.store.queries import TrendRow
from vigil_host.web import words
from vigil_wire import records

_END_OF_TIME_MS = 1 << 53


@click.command(name="readings")
@click.option("--device", help="A device's id or name; needed where more than one is known.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many readings.")
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list, oldest first; null means no reading.")
def command(device: str | None, last: int, db: Path | None, as_json: bool) -> None:
    """Show the newest readings in the record, oldest first, in this machine's time. A dash means no reading.

    Example: **vigil readings --last 60 --json**
    """
    with in_one_line(StoreError, ConfigError, DevicesError), Store.read(record_file(db)) as store:
        device_id = device_in(store, device)
        rows = store.trend(device_id, 0, _END_OF_TIME_MS, last)
        settings = store.newest_record(device_id, records.SETTINGS)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in rows]))
    elif rows:
        Console().print(_table(rows))
        if settings:
            click.echo(f"SpO2: {words.spo2_curve(bool(limits_in(settings).get('spo2_is_calibrated')))}.")
    else:
        click.echo("There is no reading with a known time.")


def _table(rows: list[TrendRow]) -> Table:
    headings = ("time", "SpO2 %", "pulse bpm", "temperature °C", "perfusion %", "breaths /min", "quality", "alarms")
    table = Table(*headings, box=None)
    for row in rows:
        assert row.utc_ms is not None
        at = datetime.fromtimestamp(row.utc_ms / 1000, UTC).astimezone()
        table.add_row(
            at.strftime("%Y-%m-%d %H:%M:%S"),
            _cell(row.spo2_pct, 1, row.spo2_status),
            _cell(row.pulse_rate_bpm, 1, row.pulse_rate_status),
            _cell(row.temperature_c, 2, row.temperature_status),
            "-" if row.perfusion_index_pct is None else f"{row.perfusion_index_pct:.2f}",
            _cell(row.respiration_per_min, 1, row.respiration_status),
            str(row.quality),
            ", ".join(row.active),
        )
    return table


def _cell(value: float | None, decimals: int, status: str) -> str:
    return f"- {status.replace('_', ' ')}" if value is None else f"{value:.{decimals}f}"
