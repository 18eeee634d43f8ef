"""Sending: to real servers on this machine, one of HTTP and one of SMTP."""

import asyncio
import email
import socket
import time
from email.message import Message
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from tests.host.ntfy import NtfyServer

from vigil_host.delivery.services import ServiceError, Services, name_of


class Mailbox:
    """Keeps what is mailed to it."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"


def send(services: Services, url: str, priority: str = "high") -> str | None:
    async def run() -> None:
        await services.send(url, "Title", "Body of it", priority)

    try:
        asyncio.run(run())
    except ServiceError as error:
        return str(error)
    return None


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port: int = closed.getsockname()[1]
    return port


def test_mail() -> None:
    mailbox = Mailbox()
    port = closed_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        fields = "from=vigil@home.example&to=ben@home.example&smtp=127.0.0.1&mode=insecure"
        assert send(Services(), f"mailto://127.0.0.1:{port}?{fields}") is None
    finally:
        controller.stop()
    mail = mailbox.mails[-1]
    assert (mail["Subject"], mail["To"]) == ("Title", "ben@home.example")
    assert "Body of it" in str(mail.as_string())


def test_nothing_waits_between_two_messages() -> None:
    with NtfyServer() as server:
        services = Services()
        started_s = time.monotonic()
        for _ in range(4):
            assert send(services, server.url("ada")) is None
        assert time.monotonic() - started_s < 5  # as Apprise comes, it waits 5.5 s before each but the first
        assert [each.headers["X-Priority"] for each in server.taken] == ["max"] * 4
        assert send(services, server.url("ada"), "medium") is None
        assert send(services, server.url("ada") + "?priority=min", "high") is None
        assert [each.headers.get("X-Priority") for each in server.taken[4:]] == ["high", "min"]


def test_what_goes_wrong_is_said_without_the_address() -> None:
    with NtfyServer() as server:
        server.refusing = {"s3crettopic"}
        url = f"ntfy://s3cretuser:s3cretpass@127.0.0.1:{server.port}/s3crettopic"
        problem = send(Services(), url)
        assert problem and "403" in problem
        assert "s3cret" not in problem and "127.0.0.1" not in problem
    port = closed_port()
    problem = send(Services(), f"ntfy://s3cretuser:s3cretpass@127.0.0.1:{port}/s3crettopic")
    assert problem and "s3cret" not in problem and str(port) not in problem


def test_one_that_hangs_holds_one_thread_and_is_free_again_when_it_ends() -> None:
    async def run(server: NtfyServer) -> None:
        services = Services(answer_s=0.2)
        url = server.url("slow")
        with pytest.raises(ServiceError, match="did not answer within"):
            await services.send(url, "1", "1", "high")
        assert not services.is_busy(url)  # it is tried, and fails at once
        with pytest.raises(ServiceError, match="still hangs"):
            await services.send(url, "2", "2", "high")
        assert server.asked == ["slow"]
        server.hanging = set()
        server.released.set()
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.05)
                try:
                    await services.send(url, "3", "3", "high")
                except ServiceError:
                    continue
                break

    with NtfyServer() as server:
        server.hanging = {"slow"}
        asyncio.run(run(server))
        assert server.titles() == ["3"]


def test_names_tell_addresses_apart_and_nothing_else() -> None:
    names = {name_of(f"ntfy://ben:secret@host/{topic}") for topic in ("one", "two")}
    assert len(names) == 2
    assert all(name.startswith("ntfy-") and "secret" not in name and len(name) == 11 for name in names)
