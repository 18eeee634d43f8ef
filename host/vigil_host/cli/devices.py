"""`vigil devices`: the devices this bridge knows."""

import asyncio
import contextlib
import dataclasses
import datetime
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host.cli import setup_code
from vigil_host.cli.problems import fail, in_one_line
from vigil_host.cli.records import record_file
from vigil_host.clock import Clock
from vigil_host.config import ConfigError, default_database, devices_file
from vigil_host.curve_file import CurveError, read_curve
from vigil_host.devices import DEFAULT_WEARER, PAIRING_WISH_S, Devices, DevicesError, KnownDevice
from vigil_host.protection import Protection, protection_of
from vigil_host.store import Store, StoreError
from vigil_wire import keys, link


@click.group(name="devices", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON; null: not known yet.")
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
@click.pass_context
def command(context: click.Context, as_json: bool, db: Path | None) -> None:
    """List the devices this bridge knows and how each is protected, or add, change or remove one.

    A running bridge follows within seconds.

    Example: **vigil devices add --code 000G4-0R40M-30E20-9185G-R38E1-WXKE --wearer Ada**
    """
    if context.invoked_subcommand:
        return
    with _problems():
        known = Devices(devices_file()).list()
        protections = _protections(known, db)
    if as_json:
        click.echo(json.dumps([_as_json(each, protections[each.id]) for each in known]))
        return
    if not known:
        click.echo("No device is known yet: `vigil devices add --code CODE --wearer NAME`.")
        return
    Console().print(_table(known, protections))
    for each in known:
        if each.listen_only:
            click.echo(f"{each.name} is only listened to: another computer keeps its record.")
        _echo_refused(each, protections[each.id])
    click.echo("Adverts are always encrypted and the record link sealed, with the device's key.")
    click.echo("Services: Bluetooth's standard ones. An address changes every 15 min, or stays.")


@command.command()
@click.option("--code", required=True, help="The setup code the device showed at its first start.")
@click.option("--wearer", default=DEFAULT_WEARER, show_default=True, help="Who wears it.")
@click.option("--name", help="What to call it.")
@click.option("--listen-only", is_flag=True, help="Another computer keeps its record: hear it, never connect with it.")
def add(code: str, wearer: str, name: str | None, listen_only: bool) -> None:
    """Make a device known.

    Example: **vigil devices add --code 000G4-0R40M-30E20-9185G-R38E1-WXKE --wearer Ada**
    """
    with _problems():
        device = Devices(devices_file()).add(code, wearer, name, listen_only)
    click.echo(f"Added {device.name} ({device.id}), worn by {device.wearer}.")


@command.command()
@click.argument("name")
@click.option("--wearer", default=DEFAULT_WEARER, show_default=True, help="Who is to wear it.")
def new(name: str, wearer: str) -> None:
    """Draw a key for a board that is about to be flashed, make it known as NAME, and show its setup code, once.

    Example: **vigil devices new "Ada's clip" --wearer Ada**
    """
    with _problems():
        device = Devices(devices_file()).new(name, wearer)
    click.echo(f"Added {device.name} ({device.id}), worn by {device.wearer}.")
    click.echo("Its setup code, for the board that is to be flashed, a secret, shown only now:")
    setup_code.show(keys.setup_code(device.key))


@command.command()
@click.argument("device")
def rotate(device: str) -> None:
    """Replace the key of DEVICE (its id or name) by a new one, and show the new setup code, once.

    The bridge gives the new key to the device when they next meet. Until the device has shown that it has it, both keys
    are kept and listened for, so that neither is lost to the other whatever fails. Its record goes on as it was.

    Example: **vigil devices rotate "Ada's clip"**
    """
    with _problems():
        rotated = Devices(devices_file()).rotate(device)
    assert rotated.next_key is not None
    click.echo(f"The new setup code of {rotated.name} ({rotated.id}), a secret, shown only now:")
    setup_code.show(keys.setup_code(rotated.next_key))
    click.echo("The bridge gives the new key to the device when they next meet, then forgets the")
    click.echo("old one. Until then it hears both, and `vigil devices` says that one waits.")
    click.echo("Another computer that listens to this device must be given the new code:")
    click.echo("`vigil devices remove` and `vigil devices add` there.")


@command.command()
@click.argument("state", type=click.Choice(["on", "off"]))
def keyring(state: str) -> None:
    """Keep the devices' keys in this user's system keyring (on), or in the devices file (off), as at first.

    A bridge that starts without anybody logged in, as a service does, usually has no keyring.

    Example: **vigil devices keyring on**
    """
    with _problems():
        devices = Devices(devices_file())
        devices.keep_keys(in_keyring=state == "on")
    click.echo(f"The devices' keys are in {'the system keyring' if state == 'on' else devices.path}.")


@command.command()
@click.argument("device")
@click.argument("name")
def rename(device: str, name: str) -> None:
    """Call DEVICE (its id or name) NAME from now on.

    Example: **vigil devices rename 7a718bab "Ada's clip"**
    """
    with _problems():
        renamed = Devices(devices_file()).rename(device, name)
    click.echo(f"{renamed.id} is now called {renamed.name}.")


@command.command()
@click.argument("device")
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="CURVE.toml")
@click.option("--default", "to_default", is_flag=True, help="Back to the default curve, which is not calibrated.")
def calibrate(device: str, file: Path | None, to_default: bool) -> None:
    """Have DEVICE (its id or name) use the SpO2 curve in CURVE.toml, which `vigil calibrate` writes for its board.

    The bridge gives it to the device when it next connects; the device keeps it, and says so in its record.

    Example: **vigil devices calibrate "Ada's clip" curve.toml**
    """
    if (file is None) is not to_default:
        fail("name the curve's file, or --default, and not both")
    with _problems():
        curve = read_curve(file) if file else ()
        calibrated = Devices(devices_file()).calibrate(device, curve)
    which = f"the curve in {file}" if file else "the default curve"
    click.echo(f"{calibrated.name} ({calibrated.id}) gets {which} when the bridge is next connected with it.")


@command.command()
@click.argument("device")
@click.option("--here", is_flag=True, help="Pair this Linux computer, and ask for the passkey here.")
@click.option("--db", type=click.Path(path_type=Path), help="The record's file, instead of the bridge's own.")
def pair(device: str, here: bool, db: Path | None) -> None:
    """Have DEVICE (its id or name) let a phone or gateway pair for its standard services, for two minutes.

    The running bridge tells it to, over its sealed link. Vigil itself needs no pairing.

    Example: **vigil devices pair "Ada's clip"**
    """
    with _problems():
        devices = Devices(devices_file())
        known = devices.get(device)
        protection = _protections([known], db)[known.id]
    reason = _why_not_to_pair(known, protection)
    if reason:
        fail(reason)
    if here:
        _pair_here(devices, known)
    elif asyncio.run(_open_pairing(devices, known)):
        click.echo(f"{known.name} lets a phone or gateway pair for two minutes. There, in an app such as")
        click.echo('nRF Connect, connect with "Vigil", choose to pair or bond, and type the six digits')
        click.echo("that the device prints on its serial port.")
    else:
        fail(_NOT_OPENED.format(known.name))


@command.command()
@click.argument("device")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(device: str, yes: bool) -> None:
    """Forget DEVICE (its id or name) and its key. What it recorded stays in the record.

    Example: **vigil devices remove 7a718bab**
    """
    with _problems():
        devices = Devices(devices_file())
        known = devices.get(device)
        if not yes:
            click.confirm(
                f"Forget {known.name} ({known.id}) and its key? The bridge will no longer hear it", abort=True
            )
        devices.remove(known.id)
    click.echo(f"Removed {known.name} ({known.id}).")


_NOT_OPENED = (
    "the bridge did not reach {}: see that it runs and that the device is near, or press the device's button, "
    "which opens pairing too"
)
_LOOK_S = 0.2
_WISH_MARGIN_S = 5.0
"""For the bridge to take out a wish that came true in the last moment."""


def _why_not_to_pair(device: KnownDevice, protection: Protection) -> str | None:
    """Why nothing would come of pairing with this device, in one line."""
    if protection.can_pair is None or protection.standard_services is None:
        return f"the bridge has not met {device.name} yet, so it is not known whether it can pair"
    if not protection.can_pair:
        return f"{device.name} cannot pair: MicroPython for its board (Pico W) has no pairing"
    if protection.standard_services == "off":
        return f"{device.name} has its standard services off: there is nothing to pair for"
    if protection.standard_services == "open":
        return f"the standard services of {device.name} are open: everybody hears them, and nobody needs to pair"
    return None


async def _open_pairing(devices: Devices, device: KnownDevice) -> bool:
    """Leave the wish for the running bridge, and wait; whether it came true. Raises DevicesError."""
    click.echo("Waiting for the bridge ...")
    clock = Clock()
    devices.ask_pairing(device.id, clock.utc_ms())
    end_s = clock.monotonic() + PAIRING_WISH_S + _WISH_MARGIN_S
    try:
        while clock.monotonic() < end_s:
            await clock.sleep(_LOOK_S)
            devices.reload()
            if devices.get(device.id).pair_before is None:
                return True
    finally:
        is_unheard = devices.forget_pairing(device.id)
    return not is_unheard


def _pair_here(devices: Devices, device: KnownDevice) -> None:
    if sys.platform != "linux":
        fail("only Linux lets programs pair: pair from this system's own settings, after `vigil devices pair`")
    from vigil_host.cli.passkey import ask_passkey
    from vigil_host.link.bluez_pairing import PairingError, pair_here

    async def open_pairing() -> None:
        if not await _open_pairing(devices, device):
            click.echo(f"No: {_NOT_OPENED.format(device.name)}.")
            click.echo("Trying all the same ...")

    click.echo(f"Looking for {device.name} ...")
    with _problems(), in_one_line(PairingError):
        address = asyncio.run(pair_here(device, open_pairing, ask_passkey))
    click.echo(f"This computer is paired with {device.name} ({address}), and trusts it.")


def _protections(known: Sequence[KnownDevice], db: Path | None) -> dict[str, Protection]:
    """What the devices file tells, and the record too where it can be read."""
    if db is None and not default_database().exists():
        return protection_of(known, None)
    try:
        with Store.read(record_file(db)) as store:
            return protection_of(known, store)
    except StoreError as error:
        click.echo(f"Not all is known: {error}", err=True)
        return protection_of(known, None)


def _as_json(device: KnownDevice, protection: Protection) -> dict[str, object]:
    said = {
        name: value.isoformat() if name.endswith("_since") and value else value
        for name, value in dataclasses.asdict(protection).items()
    }
    always = {"adverts": "encrypted", "record_link": "sealed"}
    mine = {"id": device.id, "name": device.name, "wearer": device.wearer, "listen_only": device.listen_only}
    return {**mine, **always, **said}


def _table(known: Sequence[KnownDevice], protections: dict[str, Protection]) -> Table:
    table = Table("id", "name", "wearer", "key since", "services", "address", box=None)
    unknown = "not known"
    for each in known:
        protection = protections[each.id]
        key_since = protection.key_since.isoformat() if protection.key_since else unknown
        if protection.next_key_since:
            key_since += "\nnew one waits"
        services = protection.standard_services or unknown
        if protection.can_pair is False:
            services += "\ncannot pair"
        address = {True: "changes", False: "stays", None: unknown}[protection.changes_address]
        table.add_row(each.id, each.name, each.wearer, key_since, services, address)
    return table


def _echo_refused(device: KnownDevice, protection: Protection) -> None:
    """Say what the device has refused, if anything: who tries to get in can be seen here."""
    if not protection.refused or not any(protection.refused.values()) or protection.refused_utc_ms is None:
        return
    said = datetime.datetime.fromtimestamp(protection.refused_utc_ms / 1000)
    click.echo(f"{device.name} has refused since it was switched on, as it said at {said:%Y-%m-%d %H:%M}:")
    for number, words in zip(protection.refused.values(), link.REFUSALS, strict=True):
        if number:
            click.echo(f"{number:>7} {words}")


def _problems() -> contextlib.AbstractContextManager[None]:
    return in_one_line(DevicesError, ConfigError, CurveError)
