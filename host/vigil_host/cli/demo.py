"""`vigil demo`: the whole line in real time, with no hardware."""

import asyncio
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import rich_click as click

from vigil_hal.simulated.table import TableError
from vigil_host.cli.problems import check_readable, in_one_line
from vigil_host.cli.until_stopped import run_until_stopped
from vigil_host.config import DEFAULT_PORT
from vigil_host.demo import Demo
from vigil_host.devices import Devices
from vigil_host.store import Store, StoreError
from vigil_host.vm.runner import VmError
from vigil_host.web.server import PortError


@click.command(name="demo")
@click.option(
    "--recording", type=click.Path(path_type=Path), help="Feed the sensor a recording (CSV), again and again."
)
@click.option(
    "--patient", type=click.Path(path_type=Path), help="Feed the sensor a scripted patient (CSV of key frames)."
)
@click.option(
    "--vm",
    type=click.Choice(["cpython", "micropython"]),
    default="cpython",
    show_default=True,
    help="What runs the firmware; micropython runs the board's own main.py.",
)
@click.option("--headless", is_flag=True, help="Serve no page.")
@click.option("--for", "seconds", type=click.FloatRange(min=0, min_open=True), help="End after this many seconds.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free port."
)
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Keep the record in this file.")
@click.option(
    "--json", "as_json", is_flag=True, help="End with one JSON object that says what was received and stored."
)
def command(
    recording: Path | None,
    patient: Path | None,
    vm: str,
    headless: bool,
    seconds: float | None,
    port: int,
    db: Path | None,
    as_json: bool,
) -> None:
    """Show the whole line on this machine: a wearable on simulated air, the bridge, and its page.

    The built-in patient desaturates, recovers, takes the sensor off, sits up and walks, within four minutes.

    Example: **vigil demo --headless --for 60 --json**
    """
    if recording and patient:
        raise click.UsageError("--recording and --patient exclude each other")
    source = recording or patient
    if source:
        check_readable(source)
    with (
        in_one_line(StoreError, PortError, VmError, TableError),
        tempfile.TemporaryDirectory(prefix="vigil-demo-") as folder,
        Store.open(db or Path(folder) / "demo.db") as store,
    ):
        demo = Demo(store, Devices(Path(folder) / "devices.toml"), "recording" if recording else "patient", source)
        started = time.time()
        run_until_stopped(_run(demo, vm, None if headless else port, seconds))
        summary = _summary(demo, store, started)
    click.echo(json.dumps(summary) if as_json else _in_words(summary))
    if summary["missing"] or summary["duplicates"]:
        raise SystemExit(1)


async def _run(demo: Demo, vm: str, port: int | None, seconds: float | None) -> None:
    async with contextlib.AsyncExitStack() as stack:
        if port is not None:
            address = await stack.enter_async_context(demo.page(port))
            click.echo(f"Vigil demo: {address}  (Ctrl-C ends it)", err=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await demo.run(vm, lambda line: click.echo(line, err=True))


def _summary(demo: Demo, store: Store, started: float) -> dict[str, Any]:
    audit = store.audit(demo.device_id)

    def since_start(utc_ms: int | None) -> float | None:
        return None if utc_ms is None else round(utc_ms / 1000 - started, 1)

    alarms = [
        {
            "condition": alarm.condition,
            "priority": alarm.priority,
            "onset_s": since_start(alarm.onset_utc_ms),
            "cleared_s": since_start(alarm.cleared_utc_ms),
        }
        for alarm in store.alarms_since(int(started * 1000))
        if alarm.device_id == demo.device_id
    ]
    return {
        "received": demo.bridge.received,
        "stored": audit.stored,
        "missing": audit.missing,
        "duplicates": audit.duplicates,
        "alarms": alarms,
    }


def _in_words(summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['received']} records received, {summary['stored']} stored, "
        f"{summary['missing']} missing, {summary['duplicates']} stored twice."
    ]
    for alarm in summary["alarms"]:
        end = "still active" if alarm["cleared_s"] is None else f"cleared at {alarm['cleared_s']:g} s"
        begin = "from an unknown time" if alarm["onset_s"] is None else f"from {alarm['onset_s']:g} s"
        lines.append(f"{alarm['condition']} ({alarm['priority']}): {begin}, {end}")
    return "\n".join(lines)
