"""`vigil devices`: the devices this bridge knows."""

import contextlib
import json
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.config import ConfigError, devices_file
from vigil_host.curve_file import CurveError, read_curve
from vigil_host.devices import DEFAULT_WEARER, Devices, DevicesError


@click.group(name="devices", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, add, rename, calibrate or remove the devices this bridge knows. A running bridge follows within seconds.

    Example: **vigil devices add --code 000G4-0R40M-30E20-9185G-R38E1-WXKE --wearer Ada**
    """
    if context.invoked_subcommand:
        return
    with _problems():
        known = Devices(devices_file()).list()
    if as_json:
        click.echo(json.dumps([{"id": each.id, "name": each.name, "wearer": each.wearer} for each in known]))
        return
    if not known:
        click.echo("No device is known yet: `vigil devices add --code CODE --wearer NAME`.")
        return
    table = Table("id", "name", "wearer", box=None)
    for each in known:
        table.add_row(each.id, each.name, each.wearer)
    Console().print(table)


@command.command()
@click.option("--code", required=True, help="The setup code the device showed at its first start.")
@click.option("--wearer", default=DEFAULT_WEARER, show_default=True, help="Who wears it.")
@click.option("--name", help="What to call it.")
def add(code: str, wearer: str, name: str | None) -> None:
    """Make a device known.

    Example: **vigil devices add --code 000G4-0R40M-30E20-9185G-R38E1-WXKE --wearer Ada**
    """
    with _problems():
        device = Devices(devices_file()).add(code, wearer, name)
    click.echo(f"Added {device.name} ({device.id}), worn by {device.wearer}.")


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


def _problems() -> contextlib.AbstractContextManager[None]:
    return in_one_line(DevicesError, ConfigError, CurveError)
