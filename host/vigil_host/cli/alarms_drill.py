"""`vigil alarms test`: a drill through every channel, there and back."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.table import Table

from vigil_host.answers import drills, mqtt, ntfy, tokens
from vigil_host.answers.tokens import Token, Tokens, TokensError
from vigil_host.answers.ways import Asking, MqttWay, NtfyWay
from vigil_host.cli.problems import fail, in_one_line
from vigil_host.config import Config, ConfigError, load, people_file
from vigil_host.delivery import texts
from vigil_host.delivery.people import PeopleError, PeopleFile, Person
from vigil_host.delivery.services import ServiceError, Services, in_thread, name_of, refused
from vigil_host.store import StoreError
from vigil_host.store.lease import AlreadyOwned, Lease

WAIT_S = 60
_LOOK_S = 0.1
_PRESS_S = 20.0


@dataclass
class _Drill:
    """One address, and what came of the drill there. `answer`: what came of the way back; None: it was not tried."""

    url: str
    person: str
    token: Token
    can_answer: bool
    problem: str | None = None
    sent_utc_ms: int = 0
    answered_s: float | None = None
    answer: str | None = None


@click.command()
@click.option("--person", help="Only to this person.")
@click.option(
    "--people", "path", type=click.Path(path_type=Path), help="The people's file, instead of the bridge's own."
)
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="The bridge's TOML file, where it has one."
)
@click.option(
    "--wait", "wait_s", type=click.IntRange(0, 3600), default=WAIT_S, help="How many seconds to wait for answers."
)
@click.option("--answer", "plays_answer", is_flag=True, help="Answer in each person's place, as their button does.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def test(
    person: str | None, path: Path | None, config_file: Path | None, wait_s: int, plays_answer: bool, as_json: bool
) -> None:
    """Send a message that says that it is a test to every address of every person, and report each result.

    Where an address has a way to answer, the running bridge must hear the answer too: press the button, or open the
    link, within a minute (`--wait`; 0: do not wait). Fails if a message was not taken, or an answer did not come.
    Nothing is acknowledged, and no alarm is raised.

    Example: **vigil alarms test --person Ben**
    """
    with in_one_line(PeopleError, ConfigError, TokensError):
        config = load(config_file)
        people_path = path or people_file()
        known = PeopleFile(people_path, refused).list()
        asking = Asking(Tokens.at(people_file().with_name(tokens.KEY_FILE)), config.public_url)
    persons = [each for each in known.persons if person in (None, each.name)]
    if not persons:
        fail(
            "nobody is to be told of alarms yet: `vigil people add`"
            if person is None
            else f"nobody is called {person!r}"
        )
    ways = [(each, url) for each in persons for url in each.urls]
    with in_one_line(StoreError):
        done = asyncio.run(_drill(asking, config, ways, wait_s, plays_answer))
    results = [
        {
            "person": each.name,
            "service": name_of(url),
            "ok": done[url].problem is None,
            "problem": done[url].problem,
            "answered_s": done[url].answered_s,
            "answer": done[url].answer,
        }
        for each, url in ways
    ]
    without = [each.name for each in persons if not each.urls]
    if as_json:
        click.echo(json.dumps({"results": results, "without_address": without}))
    else:
        table = Table("person", "service", "result", "answer", box=None)
        for result in results:
            answer = str(result["answer"] or "")
            table.add_row(str(result["person"]), str(result["service"]), str(result["problem"] or "taken"), answer)
        Console().print(table)
        for name in without:
            click.echo(f"{name} has no address, and is told by the device and the page alone.")
    unanswered = [each for each in done.values() if each.answer and each.answered_s is None]
    if any(each.problem for each in done.values()) or unanswered or not ways:
        raise SystemExit(1)


async def _drill(
    asking: Asking, config: Config, ways: list[tuple[Person, str]], wait_s: int, plays_answer: bool
) -> dict[str, _Drill]:
    """Send to all at once, each address once, and wait for the answers."""
    now_utc_s = int(time.time())
    each_once: dict[str, _Drill] = {}
    for person, url in ways:
        can_answer = asking.way(url) is not None or asking.public_url is not None
        each_once.setdefault(url, _Drill(url, person.name, tokens.drill(now_utc_s), can_answer))
    services = Services()
    await asyncio.gather(*(_send(services, asking, each) for each in each_once.values()))
    asked = [each for each in each_once.values() if each.can_answer and each.problem is None and wait_s]
    if asked and not _is_bridge_running(config):
        for each in asked:
            each.answer = "no bridge runs here, so nobody hears an answer"
    elif asked:
        if plays_answer:
            await asyncio.gather(*(_press(asking, each) for each in asked))
        else:
            click.echo(f"Waiting {wait_s} s for answers: press the button in each message, or open its link.", err=True)
        await _wait([each for each in asked if each.answer is None], wait_s)
    return each_once


async def _send(services: Services, asking: Asking, drill: _Drill) -> None:
    title, body = texts.drill(drill.person, drill.can_answer)
    question = asking.question(drill.url, title, body, "low", asking.tokens.make(drill.token))
    drill.sent_utc_ms = int(time.time() * 1000)
    try:
        if question.to_programs:
            await services.send(question.to_programs[0], "", question.to_programs[1], "low")
        await services.send(drill.url, title, question.body, "low", question.actions)
    except ServiceError as error:
        drill.problem = str(error)


async def _press(asking: Asking, drill: _Drill) -> None:
    """Answer as the person would, through the same server."""
    way, token = asking.way(drill.url), asking.tokens.make(drill.token)

    def press() -> str | None:
        if isinstance(way, NtfyWay):
            return ntfy.publish(way, token)
        if isinstance(way, MqttWay):
            return mqtt.publish(way, token)
        return _post(asking.link(token) or "")

    try:
        async with asyncio.timeout(_PRESS_S):
            problem = await in_thread(press)
    except TimeoutError:
        problem = f"no reply within {_PRESS_S:g} s"
    if problem:
        drill.answer = f"the answer was not taken: {problem}"


def _post(link: str) -> str | None:
    """Press the button of the page behind a link; what went wrong, or None."""
    try:
        urllib.request.urlopen(urllib.request.Request(link, b"", method="POST"), timeout=_PRESS_S).close()
    except urllib.error.HTTPError as error:
        return f"HTTP status {error.code}"
    except (OSError, ValueError) as error:
        return type(error).__name__
    return None


async def _wait(asked: list[_Drill], wait_s: int) -> None:
    """Wait until the bridge has noted every answer, or it is too late."""
    path = people_file().with_name(drills.DRILLS_FILE)
    end_s = time.monotonic() + wait_s
    while True:
        for each in asked:
            at_utc_ms = drills.answered_utc_ms(path, each.token.number)
            if at_utc_ms is not None and each.answered_s is None:
                each.answered_s = max(0.0, (at_utc_ms - each.sent_utc_ms) / 1000)
                each.answer = f"answered after {each.answered_s:.0f} s"
        waiting = [each for each in asked if each.answered_s is None]
        if not waiting or time.monotonic() >= end_s:
            break
        await asyncio.sleep(_LOOK_S)
    for each in waiting:
        each.answer = f"no answer came within {wait_s} s"


def _is_bridge_running(config: Config) -> bool:
    """Whether somebody keeps the record."""
    try:
        Lease(config.database).release()
    except AlreadyOwned:
        return True
    return False
