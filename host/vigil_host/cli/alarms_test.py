"""`vigil alarms test`: a drill through every channel."""

import asyncio
import json
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host.cli.problems import fail, in_one_line
from vigil_host.config import ConfigError, people_file
from vigil_host.delivery import texts
from vigil_host.delivery.people import PeopleError, PeopleFile, Person
from vigil_host.delivery.services import ServiceError, Services, name_of, refused


@click.command()
@click.option("--person", help="Only to this person.")
@click.option(
    "--people", "path", type=click.Path(path_type=Path), help="The people's file, instead of the bridge's own."
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def test(person: str | None, path: Path | None, as_json: bool) -> None:
    """Send a message that says that it is a test to every address of every person, and report each result.

    Fails if one of them did not take it. Nothing is acknowledged, and no alarm is raised.

    Example: **vigil alarms test --person Ben**
    """
    with in_one_line(PeopleError, ConfigError):
        known = PeopleFile(path or people_file(), refused).list()
    persons = [each for each in known.persons if person in (None, each.name)]
    if not persons:
        fail(
            "nobody is to be told of alarms yet: `vigil people add`"
            if person is None
            else f"nobody is called {person!r}"
        )
    ways = [(each, url) for each in persons for url in each.urls]
    problems = asyncio.run(_send(ways))
    results = [
        {"person": each.name, "service": name_of(url), "ok": problem is None, "problem": problem}
        for (each, url), problem in zip(ways, problems, strict=True)
    ]
    without = [each.name for each in persons if not each.urls]
    if as_json:
        click.echo(json.dumps({"results": results, "without_address": without}))
    else:
        table = Table("person", "service", "result", box=None)
        for result in results:
            table.add_row(str(result["person"]), str(result["service"]), str(result["problem"] or "taken"))
        Console().print(table)
        for name in without:
            click.echo(f"{name} has no address, and is told by the device and the page alone.")
    if any(problems) or not ways:
        raise SystemExit(1)


async def _send(ways: list[tuple[Person, str]]) -> list[str | None]:
    """Send to all at once, each address once; what was wrong with each, or None."""
    services = Services()

    async def send(person: Person, url: str) -> str | None:
        try:
            await services.send(url, *texts.drill(person.name), priority="low")
        except ServiceError as error:
            return str(error)
        return None

    first = {url: person for person, url in reversed(ways)}
    done = dict(zip(first, await asyncio.gather(*(send(each, url) for url, each in first.items())), strict=True))
    return [done[url] for _person, url in ways]
