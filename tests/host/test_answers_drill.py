"""`vigil alarms test`, there and back: beside a bridge that hears, through real HTTP."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.host.ntfy import NtfyServer
from tests.host.test_answers import until

from vigil_host.alerts import Alerts
from vigil_host.answers.answers import Answers
from vigil_host.answers.tokens import Tokens
from vigil_host.answers.ways import Asking
from vigil_host.cli import main
from vigil_host.clock import Clock
from vigil_host.delivery import people
from vigil_host.delivery.services import refused
from vigil_host.events import Events
from vigil_host.live import Live
from vigil_host.store import Store
from vigil_host.web.access import Access
from vigil_host.web.app import create_app
from vigil_host.web.server import WebServer


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Iterator[NtfyServer]:
    with NtfyServer() as server:
        yield server


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_people(folder: Path, **urls: str) -> None:
    text = "".join(f'[[person]]\nname = "{name}"\nrole = "caregiver"\nurls = ["{url}"]\n' for name, url in urls.items())
    (folder / "people.toml").write_text(text)


@contextmanager
def bridge(folder: Path, port: int = 0) -> Iterator[None]:
    """What of a bridge hears answers, in a thread of its own; with a page on `port`, where it is not 0."""
    known, problems = people.read(folder / "people.toml", refused)
    assert problems == []
    ready, ended = threading.Event(), threading.Event()

    async def acknowledge(alarm_id: int, by: str) -> bool:
        raise AssertionError("a drill acknowledges nothing")

    async def run() -> None:
        public_url = f"http://127.0.0.1:{port}" if port else None
        asking = Asking(Tokens.at(folder / "answer-key"), public_url)
        with Store.open(folder / "vigil.db") as store:
            answers = Answers(store, asking, Clock(), acknowledge, lambda: known, folder / "drill-answers.json")
            events, live = Events(), Live(list, Clock())
            app = create_app(
                store,
                live,
                Alerts(store, live, events, Clock()),
                events,
                access=Access(),
                limits=lambda device_id: {},
                answers=answers,
            )
            page = WebServer(app, port=port)
            if port:
                await page.start()
            hearing = asyncio.create_task(answers.run())
            ready.set()
            await until(ended.is_set)
            hearing.cancel()
            await asyncio.wait((hearing,))
            if port:
                await page.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield
    finally:
        ended.set()
        thread.join()


def drill(*options: str) -> tuple[int, list[dict[str, Any]]]:
    done = CliRunner().invoke(main, ["alarms", "test", "--json", *options], catch_exceptions=False)
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return done.exit_code, results


def test_the_way_back_is_proved_without_a_person(folder: Path, server: NtfyServer) -> None:
    write_people(folder, ada=server.url("ada"))
    with bridge(folder):
        exit_code, (result,) = drill("--answer", "--wait", "20")
    assert (exit_code, result["ok"]) == (0, True)
    assert result["answer"].startswith("answered after ") and 0 <= result["answered_s"] < 20
    (message, _answer) = server.taken
    assert "TEST" in message.body and "Please answer it" in message.body


def test_a_person_presses_the_button(folder: Path, server: NtfyServer) -> None:
    write_people(folder, ada=server.url("ada"))

    def person() -> None:
        asyncio.run(until(lambda: bool(server.taken)))
        server.press(server.taken[0])

    pressing = threading.Thread(target=person)
    pressing.start()
    with bridge(folder):
        exit_code, (result,) = drill("--wait", "20")
    pressing.join()
    assert (exit_code, result["answered_s"] is not None) == (0, True)


def test_no_answer_and_no_bridge_are_said(folder: Path, server: NtfyServer) -> None:
    write_people(folder, ada=server.url("ada"))
    exit_code, (result,) = drill("--answer")
    assert exit_code == 1 and "no bridge runs" in result["answer"]
    with bridge(folder):
        exit_code, (result,) = drill("--wait", "1")
    assert (exit_code, result["ok"], result["answer"]) == (1, True, "no answer came within 1 s")


def test_an_answer_that_the_server_refuses_is_said(folder: Path, server: NtfyServer) -> None:
    write_people(folder, ada=server.url("ada"))
    way = Asking(Tokens.at(folder / "answer-key")).way(server.url("ada"))
    assert way is not None
    with bridge(folder):
        server.refusing.add(way.topic)
        exit_code, (result,) = drill("--answer", "--wait", "5")
    assert (exit_code, result["answer"]) == (1, "the answer was not taken: HTTP status 403")


def test_a_link_is_a_way_back_for_what_has_none(folder: Path, server: NtfyServer, free_port: int) -> None:
    write_people(folder, ada=f"json://127.0.0.1:{server.port}/ada?:topic=ada")
    config = folder / "vigil.toml"
    config.write_text(f'[web]\npublic_url = "http://127.0.0.1:{free_port}"\n')
    with bridge(folder, free_port):
        exit_code, (result,) = drill("--answer", "--wait", "20", "--config", str(config))
    assert (exit_code, result["ok"]) == (0, True)
    assert result["answer"].startswith("answered after ")
