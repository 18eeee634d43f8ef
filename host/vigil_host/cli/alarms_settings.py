"""`vigil alarms profiles`, `show`, `set` and `number`: which limits there are, which are in force, and other ones."""

import contextlib
import json
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host import alarm_profiles, emergency_number, words
from vigil_host.alarm_profiles import LIMITS, NAMES, ProfileError
from vigil_host.cli.problems import fail, in_one_line
from vigil_host.cli.records import record_file
from vigil_host.config import ConfigError, devices_file
from vigil_host.devices import Devices, DevicesError, KnownDevice
from vigil_host.limits import author_in, settings_in
from vigil_host.store import Store, StoreError
from vigil_wire import records, settings
from vigil_wire.settings import Settings, SettingsError

_DB = click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")


@click.command()
@click.argument("name", required=False, metavar="[NAME|FILE.toml]")
def profiles(name: str | None) -> None:
    """List the profiles, or explain one: each limit, and where its figure comes from.

    A profile of your own is a TOML file: **title**, **version**, **base** (the profile it changes) and a table
    **[limits]** with what is to be other than there.

    Example: **vigil alarms profiles nhs-home**
    """
    with in_one_line(ProfileError):
        if name is None:
            table = Table("profile", "title", "for whom", box=None)
            for each in map(alarm_profiles.load, NAMES):
                table.add_row(each.name, each.title, each.for_whom)
            Console().print(table)
            return
        profile = alarm_profiles.load(name)
    table = Table("limit", "value", "source", box=None)
    for key, limit in LIMITS.items():
        table.add_row(key, limit.said(profile.values[limit.setting]), profile.sources.get(key, "-"))
    click.echo(f"{profile.title} (version {profile.version})")
    for text in filter(None, (profile.for_whom, profile.notes)):
        click.echo(" ".join(text.split()))
    Console().print(table)


@click.command()
@click.argument("device")
@_DB
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(device: str, db: Path | None, as_json: bool) -> None:
    """Show the limits in force on DEVICE (its id or name), and who set them, as its record says.

    Example: **vigil alarms show "Ada's clip"**
    """
    with _problems():
        known = Devices(devices_file()).get(device)
        present, author = _in_force(known, db)
        wish = _wish(known, present)
    limits = {key: limit.said(getattr(present, limit.setting)) for key, limit in LIMITS.items()}
    site = settings.SITE_NAMES[present.temperature_site]
    if as_json:
        said = {
            "device": known.id,
            "profile": settings.PROFILE_NAMES[present.profile],
            "profile_version": present.profile_version,
            "set_by": author or None,
            "temperature_site": site,
            "spo2_is_calibrated": bool(present.spo2_curve),
            "limits": {key: json.loads(value) for key, value in limits.items()},
            "waiting": _differences(present, wish),
        }
        click.echo(json.dumps(said))
        return
    click.echo(f"Profile: {_named(present)}. Set by: {author or 'nobody yet, it came so'}.")
    table = Table("limit", "value", "allowed", box=None)
    for key, value in limits.items():
        table.add_row(key, value, LIMITS[key].allowed)
    Console().print(table)
    is_core = present.temperature_site in settings.CORE_SITES
    judged = "its limits count" if is_core else "its limits are off, a change from what is usual is told"
    click.echo(f"Temperature is taken at: {site}; {judged}. SpO2: {words.spo2_curve(bool(present.spo2_curve))}.")
    if waiting := _differences(present, wish):
        click.echo(f"Waiting until the bridge is next connected, by {known.settings_by}: {', '.join(waiting)}.")


@click.command(name="set")
@click.argument("device")
@click.option("--by", "author", required=True, metavar="WHO", help="Who wants it, in 15 bytes: the record keeps it.")
@click.option("--profile", metavar="NAME|FILE.toml", help="All limits of a profile: `vigil alarms profiles`.")
@click.option("--limit", "single", multiple=True, metavar="KEY=VALUE", help="One limit, more than once if need be.")
@click.option("--site", type=click.Choice(settings.SITE_NAMES), help="Where the thermometer is.")
@_DB
def change(
    device: str, author: str, profile: str | None, single: tuple[str, ...], site: str | None, db: Path | None
) -> None:
    """Have DEVICE (its id or name) use other limits. The bridge gives them to it when they are next connected.

    Example: **vigil alarms set "Ada's clip" --profile nhs-home --limit pulse_rate_low_bpm=45 --by "Dr. Example"**
    """
    if not (profile or single or site):
        fail("say what is to change: --profile, --limit or --site")
    with _problems():
        devices = Devices(devices_file())
        known = devices.get(device)
        before = _wish(known, _in_force(known, db)[0])
        wanted = alarm_profiles.load(profile).settings(before) if profile else before
        wanted = alarm_profiles.changed(wanted, dict(alarm_profiles.limit_in(each) for each in single))
        if site:
            values = wanted.values() | {"temperature_site": settings.SITE_NAMES.index(site)}
            wanted = Settings(wanted.spo2_curve, **values)
        if wanted.pack() == before.pack():
            click.echo(f"{known.name} ({known.id}) has these limits already, or gets them.")
            return
        devices.want_settings(known.id, wanted, author)
    name = f"{known.name} ({known.id})"
    click.echo(f"{name} gets the profile {_named(wanted)} when the bridge is next connected with it:")
    for line in _differences(before, wanted):
        click.echo(f"  {line}")


@click.command()
@click.argument("digits", required=False, metavar="[NUMBER]")
def number(digits: str | None) -> None:
    """Set the NUMBER to call in an emergency, which alarm texts then name; without one, show it.

    Example: **vigil alarms number 112**
    """
    with _problems():
        if digits is not None:
            emergency_number.write(digits)
        found = emergency_number.read()
    click.echo(f"In an emergency, alarm texts say: call {found or 'your emergency number'}.")


def _in_force(known: KnownDevice, db: Path | None) -> tuple[Settings, str]:
    """The settings that a device recorded last, and who set them ("": nobody). Raises SettingsError."""
    with Store.read(record_file(db)) as store:
        record = store.newest_record(known.id, records.SETTINGS)
    if record is None:
        raise SettingsError(f"{known.name} ({known.id}) has not told its settings yet: let the bridge meet it first")
    try:
        return settings_in(record), author_in(record)
    except SettingsError as error:
        raise SettingsError(f"{known.name} ({known.id}) told its settings in another version: {error}") from None


def _wish(known: KnownDevice, present: Settings) -> Settings:
    """The settings that a device is to have; those it has where nobody asked for others."""
    if known.settings is None:
        return present
    return settings.unpack_fields(known.settings, present.spo2_curve)


def _named(present: Settings) -> str:
    """The profile in force: one of Vigil's own only where all its limits are."""
    own = alarm_profiles.own_profile_of(present)
    if own:
        return f"{own.name} (version {own.version})"
    said = f"{settings.PROFILE_NAMES[present.profile]} (version {present.profile_version})"
    return said if settings.PROFILE_NAMES[present.profile] == alarm_profiles.CUSTOM else f"{said}, with other limits"


def _differences(present: Settings, wanted: Settings) -> list[str]:
    lines = []
    for key, limit in LIMITS.items():
        before, after = getattr(present, limit.setting), getattr(wanted, limit.setting)
        if before != after:
            lines.append(f"{key}: {limit.said(before)} -> {limit.said(after)}")
    if present.temperature_site != wanted.temperature_site:
        sites = settings.SITE_NAMES
        lines.append(f"temperature taken at: {sites[present.temperature_site]} -> {sites[wanted.temperature_site]}")
    return lines


def _problems() -> contextlib.AbstractContextManager[None]:
    return in_one_line(ProfileError, StoreError, ConfigError, DevicesError, SettingsError)
