"""`vigil people`: who is told of alarms, and how."""

import contextlib
import json

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host.cli.problems import in_one_line
from vigil_host.config import ConfigError, people_file
from vigil_host.delivery.people import ROLES, PeopleError, PeopleFile, Person, quiet_minutes
from vigil_host.delivery.services import name_of, refused


@click.group(name="people", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List the people who are told of alarms, in on-call order, or add or remove one, or change who is on call first.

    A running bridge follows within seconds. Addresses are secret, and shown by their kind only. Ladders, channels and
    all else are in the file people.toml itself; a change made here leaves out its comments.

    Example: **vigil people add Ben --role caregiver --url ntfys://ntfy.example/ben-phone**
    """
    if context.invoked_subcommand:
        return
    with _problems():
        known = _file().list().persons
    if as_json:
        click.echo(json.dumps([_as_json(each) for each in known]))
        return
    if not known:
        click.echo("Nobody is told of alarms yet: `vigil people add NAME --role ROLE --url ADDRESS`.")
        return
    table = Table("name", "role", "by", "quiet", "whose alarms", box=None)
    for each in known:
        services = ", ".join(map(name_of, each.urls)) or "device and page alone"
        role = each.role + (", emergency contact" if each.is_emergency else "")
        table.add_row(each.name, role, services, each.quiet_hours or "never", ", ".join(each.wearers) or "everybody's")
    Console().print(table)


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option(
    "--url", "urls", multiple=True, help="An address as Apprise knows it, or a channel's name; may be repeated."
)
@click.option("--quiet-hours", help='As "22:00-07:00"; high priority is told all the same.')
@click.option("--wearer", "wearers", multiple=True, help="Only alarms of this wearer; may be repeated.")
@click.option("--emergency", is_flag=True, help="An emergency contact, told when nobody else has answered.")
def add(
    name: str, role: str, urls: tuple[str, ...], quiet_hours: str | None, wearers: tuple[str, ...], emergency: bool
) -> None:
    """Have NAME told of alarms, last in on-call order.

    Example: **vigil people add Ada --role patient --url ntfys://ntfy.example/ada --quiet-hours 22:00-07:00**
    """
    with _problems():
        quiet = None if quiet_hours is None else quiet_minutes(quiet_hours)
        _file().add(Person(name, role, urls, quiet, wearers, emergency))
    click.echo(f"{name} is told of alarms. Try it: `vigil alarms test --person {name!r}`.")


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Tell NAME of no alarm any more.

    Example: **vigil people remove Ben**
    """
    with _problems():
        _file().remove(name)
    click.echo(f"{name} is told of alarms no more.")


@command.command(name="on-call")
@click.argument("name")
def on_call(name: str) -> None:
    """Make NAME the first on call; the others follow in the order they had.

    Example: **vigil people on-call Ben**
    """
    with _problems():
        _file().put_on_call(name)
    click.echo(f"{name} is the first on call.")


def _file() -> PeopleFile:
    return PeopleFile(people_file(), refused)


def _as_json(person: Person) -> dict[str, object]:
    return {
        "name": person.name,
        "role": person.role,
        "services": [name_of(url) for url in person.urls],
        "quiet_hours": person.quiet_hours,
        "wearers": list(person.wearers),
        "emergency": person.is_emergency,
    }


def _problems() -> contextlib.AbstractContextManager[None]:
    return in_one_line(PeopleError, ConfigError)
