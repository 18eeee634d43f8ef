"""A room bridge lost in the middle of a fetch, at any frame and in any way: nothing is lost, doubled or changed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from vigil_host.clock import Clock
from vigil_host.link.adapter import InRoom
from vigil_host.link.session import Session
from vigil_host.rooms.known import KnownRoom, KnownRooms
from vigil_host.rooms.messages import PATH
from vigil_host.rooms.primary import Rooms
from vigil_host.rooms.room import Room
from vigil_host.store import Store
from vigil_host.web.server import WebServer

NOTHING = {"lost": 0, "duplicated": 0, "corrupted": 0}
ADDRESS = "C0:FF:EE:00:00:01"
CUTS = range(1, 60, 2)


class OneAdvert:
    """A scanner that hears the device once."""

    def __init__(self, heard: Callable[[BLEDevice, AdvertisementData], None]) -> None:
        self._heard = heard

    async def start(self) -> None:
        sealed = AdvertisementData(None, {0xFFFF: b"\x80" * 24}, {}, [], None, -60, ())
        self._heard(BLEDevice(ADDRESS, None, None), sealed)

    async def stop(self) -> None:
        pass


class Streams:
    """What a page's application has and this one does without."""

    def close(self) -> None:
        pass


async def one_session(bridge: Any, rooms: Rooms, known: KnownRoom, address: str, cut: int, in_which_way: int) -> None:
    """Fetch through a room that is gone after so many frames: stopped, killed, or cut off from the primary."""
    room = Room(address, known.key, OneAdvert, bridge.wire.client)  # type: ignore[arg-type]
    running = asyncio.create_task(room.run())

    def to_host(number: int, frame: bytes) -> list[bytes]:
        if number == cut:
            if in_which_way == 0:
                running.cancel()
            elif in_which_way == 1:
                room._joined._websocket.transport.abort()  # type: ignore[union-attr]
                running.cancel()
            else:
                room._joined._websocket.transport.abort()  # type: ignore[union-attr]
        return [frame]

    bridge.wire.to_host = to_host
    async with asyncio.timeout(5):
        while not any(view.connected for view in rooms.views()):
            await asyncio.sleep(0.002)
    session = Session(bridge.known, bridge.intake, bridge.clock, rooms.clients_beside(bridge.wire.client))
    journal = bridge.wire.journal
    fetching = asyncio.create_task(session.run(BLEDevice(ADDRESS, None, InRoom(known.id, known.name))))
    async with asyncio.timeout(10):
        while not fetching.done() and journal.acknowledged < journal.newest:
            await asyncio.sleep(0.002)
    for task in (fetching, running):
        task.cancel()
        await asyncio.wait((task,))
    bridge.wire.to_host = lambda number, frame: [frame]
    async with asyncio.timeout(5):
        while any(view.connected for view in rooms.views()):
            await asyncio.sleep(0.002)


def test_a_room_bridge_lost_in_the_middle_of_a_fetch(
    tmp_path: Path,
    faults: Any,
    make_journal: Any,
    make_wire: Any,
    make_bridge: Any,
    append: Any,
    cost: Any,
) -> None:
    async def scenario(store: Store) -> None:
        journal = make_journal()
        bridge = make_bridge(store, make_wire(journal), Clock())
        known_rooms = KnownRooms(tmp_path / "rooms.toml")
        known = known_rooms.add("Bedroom")
        rooms = Rooms(known_rooms, lambda *_: None, bridge.clock)
        app = Starlette(routes=[WebSocketRoute(PATH, rooms.serve)])
        app.state.streams = Streams()
        server = WebServer(app)
        address = await server.start()
        interrupted = 0
        for number, cut in enumerate(CUTS):
            for _ in range(60):
                append(journal)
            await one_session(bridge, rooms, known, address, cut, number % 3)
            is_interrupted = journal.acknowledged < journal.newest
            interrupted += is_interrupted
            price = cost(store, journal, journal.acknowledged)
            faults.count("room bridge lost in the middle of a fetch", int(is_interrupted), **price)
            assert price == NOTHING
        await one_session(bridge, rooms, known, address, -1, 0)
        await server.close()
        assert interrupted >= len(CUTS) // 2
        assert journal.acknowledged == journal.newest
        assert cost(store, journal, journal.newest) == NOTHING

    with Store.open(tmp_path / "vigil.db") as store:
        asyncio.run(scenario(store))
