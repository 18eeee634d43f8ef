"""`vigil alarms replay`: what limits and delays would have done."""

import dataclasses
import json
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host import alarm_profiles, words
from vigil_host.alarm_profiles import ProfileError
from vigil_host.alarm_replay import AlarmReplayError, Event, read
from vigil_host.alarm_replay import replay as replayed
from vigil_host.cli.problems import in_one_line
from vigil_wire import settings


@click.command()
@click.argument("vitals", type=click.Path(path_type=Path), metavar="VITALS.csv")
@click.option(
    "--profile",
    default=alarm_profiles.DEFAULT,
    show_default=True,
    metavar="NAME|FILE.toml",
    help="Whose limits and delays: `vigil alarms profiles` lists them.",
)
@click.option(
    "--calibrated/--uncalibrated",
    default=True,
    show_default=True,
    help="Whether the file's SpO2 is true, as a reference's is. On its uncalibrated curve a device takes 2 points off "
    "before it compares: --uncalibrated does so too.",
)
@click.option(
    "--site",
    type=click.Choice(settings.SITE_NAMES),
    default="armpit",
    show_default=True,
    help="Where the temperature was taken. Its limits are for armpit, ear, gut, mouth, rectum, eardrum and core patch.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a list of objects: time_s, condition, event, priority, reason."
)
def replay(vitals: Path, profile: str, calibrated: bool, site: str, as_json: bool) -> None:
    """Run the device's own alarm engine over VITALS.csv, second by second, and print every event with its reason.

    VITALS.csv has the columns **time_s,pulse_rate_bpm,spo2_pct,temperature_c**, the last of which may be missing: one
    row a second. An empty cell, or a second without a row, is no reading: as on a device whose sensor is on and cannot
    read. It never ends an alarm, and after 20 s it is one.

    Example: **vigil alarms replay night.csv --profile nhs-home**
    """
    with in_one_line(ProfileError, AlarmReplayError):
        present = settings.Settings(temperature_site=settings.SITE_NAMES.index(site))
        events = replayed(read(vitals), alarm_profiles.load(profile).settings(present), calibrated)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(event) for event in events]))
    elif events:
        Console().print(_table(events))
    else:
        click.echo("There would have been no alarm.")


def _table(events: list[Event]) -> Table:
    table = Table("time s", "priority", "alarm", "event", "reason", box=None)
    table.columns[0].justify = "right"
    for event in events:
        title = words.alarm(event.condition).title
        table.add_row(str(event.time_s), event.priority, title, event.event.replace("_", " "), event.reason)
    return table
