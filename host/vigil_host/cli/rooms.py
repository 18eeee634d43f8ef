"""`vigil rooms`: the rooms whose bridges may join this one."""

import contextlib
import json

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host.cli.problems import in_one_line
from vigil_host.config import ConfigError, rooms_file
from vigil_host.rooms.known import KnownRooms, RoomsError


@click.group(name="rooms", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List, add or remove the rooms whose bridges may join this one. A running bridge follows within seconds.

    A room bridge is another computer that lends its radio: see `vigil bridge --forward-to`. Which rooms are connected
    is on the page.

    Example: **vigil rooms add Bedroom**
    """
    if context.invoked_subcommand:
        return
    with _problems():
        known = KnownRooms(rooms_file()).list()
    if as_json:
        click.echo(json.dumps([{"id": each.id, "name": each.name} for each in known]))
        return
    if not known:
        click.echo("No room may join yet: `vigil rooms add NAME`.")
        return
    table = Table("id", "name", box=None)
    for each in known:
        table.add_row(each.id, each.name)
    Console().print(table)


@command.command()
@click.argument("name")
def add(name: str) -> None:
    """Let the bridge of the room NAME join, and print its join code.

    Example: **vigil rooms add Bedroom**
    """
    with _problems():
        room = KnownRooms(rooms_file()).add(name)
    click.echo(f"{room.name} may join. Its join code, which is a secret:\n\n    {room.join_code}\n")
    click.echo("Give it to the computer in that room, with the address that `vigil bridge --lan` prints here:")
    click.echo("\n    vigil bridge --forward-to ADDRESS")


@command.command()
@click.argument("room")
def remove(room: str) -> None:
    """Let the bridge of ROOM (its id or name) join no more.

    Example: **vigil rooms remove Bedroom**
    """
    with _problems():
        removed = KnownRooms(rooms_file()).remove(room)
    click.echo(f"Removed {removed.name} ({removed.id}): its join code is worth nothing now.")


def _problems() -> contextlib.AbstractContextManager[None]:
    return in_one_line(RoomsError, ConfigError)
