"""The page over real HTTP: its port, its errors, and a stream that resumes."""

import asyncio
import json
import socket
from typing import Any

import pytest
from starlette.applications import Starlette

from vigil_host.web.access import Access
from vigil_host.web.app import create_app
from vigil_host.web.server import PortError, WebServer


@pytest.fixture
def app(home: Any) -> Starlette:
    return create_app(home.store, home.live, home.alerts, home.events, access=Access(), limits=lambda device_id: {})


def port_of(address: str) -> int:
    return int(address.rstrip("/").rpartition(":")[2])


async def ask(address: str, path: str, **headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(address))
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await writer.drain()
    return reader, writer


async def read_until(reader: asyncio.StreamReader, mark: bytes) -> bytes:
    async with asyncio.timeout(5):
        return await reader.readuntil(mark)


def test_any_free_port_and_a_quiet_end(app: Starlette, run: Any, capfd: Any) -> None:
    async def scenario() -> None:
        server = WebServer(app)
        address = await server.start()
        assert address.startswith("http://127.0.0.1:") and port_of(address) > 0
        reader, writer = await ask(address, "/healthz")
        assert (await read_until(reader, b"}")).startswith(b"HTTP/1.1 200")
        writer.close()
        await server.close()
        with pytest.raises(ConnectionRefusedError):
            await ask(address, "/healthz")

    run(scenario())
    assert capfd.readouterr() == ("", "")


def test_an_open_stream_does_not_hold_up_the_end(app: Starlette, run: Any) -> None:
    async def scenario() -> None:
        server = WebServer(app)
        reader, writer = await ask(await server.start(), "/api/events")
        await read_until(reader, b"event: alarms")
        async with asyncio.timeout(2):
            await server.close()
        writer.close()

    run(scenario())


def test_a_busy_port_is_said_in_one_line(app: Starlette, run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortError, match=f"port {port} on 127.0.0.1 is in use .* --port") as caught:
            run(WebServer(app, port=port).start())
    assert "\n" not in str(caught.value)


def test_the_port_is_free_again_at_once(app: Starlette, run: Any) -> None:
    async def scenario() -> None:
        server = WebServer(app)
        address = await server.start()
        reader, writer = await ask(address, "/api/events")
        await read_until(reader, b"event: live")
        await server.close()
        writer.close()
        again = WebServer(app, port=port_of(address))
        assert await again.start() == address
        await again.close()

    run(scenario())


@pytest.mark.parametrize(
    ("host", "port", "said"), [("127.0.0.1", 70_000, "no port 70000"), ("192.0.2.7", 0, "no address 192.0.2.7")]
)
def test_a_place_that_is_none_is_said(app: Starlette, run: Any, host: str, port: int, said: str) -> None:
    with pytest.raises(PortError, match=said):
        run(WebServer(app, host, port).start())


def test_every_address_is_given_as_one_that_others_can_reach(app: Starlette, run: Any) -> None:
    async def scenario() -> None:
        server = WebServer(app, "0.0.0.0")
        address = await server.start()
        await server.close()
        assert "0.0.0.0" not in address

    run(scenario())


def test_a_browser_that_comes_back_gets_each_row_once(app: Starlette, home: Any, run: Any) -> None:
    journal = home.device.journal
    journal.anchor(0)

    def add(count: int) -> list[int]:
        for _ in range(count):
            journal.vitals(len(journal.records) * 10_000)
        return home.store.commit(home.device_id, journal.id, journal.records[-count:]).new_rows

    async def rows(address: str, last: int, path: str, **headers: str) -> list[int]:
        reader, writer = await ask(address, path, **headers)
        found: list[int] = []
        head = await read_until(reader, b"\r\n\r\n")
        assert b"text/event-stream" in head and b"cache-control: no-store" in head.lower()
        while not found or found[-1] < last:
            line = (await read_until(reader, b"\n")).decode().strip()
            if line.startswith("id: "):
                found.append(int(line[4:]))
                assert (await read_until(reader, b"\n")).strip() == b"event: row"
                data = (await read_until(reader, b"\n")).decode().removeprefix("data: ")
                assert json.loads(data)["row_id"] == found[-1]
        writer.close()
        return found

    async def scenario() -> None:
        expected = add(5)
        server = WebServer(app)
        address = await server.start()
        came = await rows(address, expected[2], "/api/events?after=0")
        came = came[:3]
        expected += add(3)
        came += await rows(address, expected[-1], "/api/events?after=0", **{"Last-Event-ID": str(came[-1])})
        assert came == expected
        await server.close()

    run(scenario())
