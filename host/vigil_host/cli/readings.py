"""`vigil readings`: what is in the record.

A reading whose boot has no time anchor is shown with the bounds of its time, where it can have been first.
"""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host import words
from vigil_host.cli.problems import in_one_line
from vigil_host.cli.records import device_in, record_file
from vigil_host.config import ConfigError
from vigil_host.devices import DevicesError
from vigil_host.limits import limits_in
from vigil_host.store import Store, StoreError
from vigil_host.store.queries import END_OF_TIME_MS, TrendRow
from vigil_wire import records


@click.command(name="readings")
@click.option("--device", help="A device's id or name; needed where more than one is known.")
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="How many readings.")
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list, oldest first; null means no reading.")
def command(device: str | None, last: int, db: Path | None, as_json: bool) -> None:
    """Show the newest readings in the record, oldest first, in this machine's time. A dash means no reading.

    "Time between" two instants: the device met no bridge from one start to the next, so no more is known. In JSON
    these readings have earliest_utc_ms and latest_utc_ms, and utc_ms is null.

    Example: **vigil readings --last 60 --json**
    """
    with in_one_line(StoreError, ConfigError, DevicesError), Store.read(record_file(db)) as store:
        device_id = device_in(store, device)
        rows = store.newest_rows(device_id, last)
        untimed = store.untimed_between(device_id, 0, END_OF_TIME_MS)
        settings = store.newest_record(device_id, records.SETTINGS)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in rows]))
    elif rows:
        Console().print(_table(rows))
        unknown = sum(each.readings for each in untimed if (each.earliest_utc_ms, each.latest_utc_ms) == (None, None))
        unknown -= sum((row.utc_ms, row.earliest_utc_ms, row.latest_utc_ms) == (None, None, None) for row in rows)
        if unknown:
            click.echo(f"Not listed: {unknown} whose time is unknown; a larger --last has them, before all others.")
        if settings:
            click.echo(f"SpO2: {words.spo2_curve(bool(limits_in(settings).get('spo2_is_calibrated')))}.")
    else:
        click.echo("There is no reading.")


def _table(rows: list[TrendRow]) -> Table:
    headings = ["time", "SpO2 %", "pulse bpm", "temperature °C", "perfusion %", "breaths /min", "quality", "alarms"]
    has_movement = any(row.movement for row in rows)
    if has_movement:
        headings.insert(-1, "movement")
    table = Table(*headings, box=None)
    for row in rows:
        cells = [
            words.time(_local(row.utc_ms), _local(row.earliest_utc_ms), _local(row.latest_utc_ms)),
            _cell(row.spo2_pct, 1, row.spo2_status),
            _cell(row.pulse_rate_bpm, 1, row.pulse_rate_status),
            _cell(row.temperature_c, 2, row.temperature_status),
            "-" if row.perfusion_index_pct is None else f"{row.perfusion_index_pct:.2f}",
            _cell(row.respiration_per_min, 1, row.respiration_status),
            str(row.quality),
            ", ".join(row.active),
        ]
        if has_movement:
            cells.insert(-1, words.movement(row.movement, row.position, None).lower() or "-")
        table.add_row(*cells)
    return table


def _local(utc_ms: int | None) -> str | None:
    if utc_ms is None:
        return None
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _cell(value: float | None, decimals: int, status: str) -> str:
    return f"- {status.replace('_', ' ')}" if value is None else f"{value:.{decimals}f}"
