"""Room bridges over real WebSockets: what they hear counts once, what they carry is the device's own.

A room that is slow, wrong or hostile costs nothing but that room.
"""

import asyncio
import logging
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from tests.host.running import running, running_room
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from vigil_host.bridge import Bridge
from vigil_host.clock import Clock
from vigil_host.devices import Devices, KnownDevice
from vigil_host.link import session as session_module
from vigil_host.link.adapter import InRoom
from vigil_host.link.listener import SETTLE_S, Listener
from vigil_host.link.ways import TAKEN_S, WAY_LASTS_S
from vigil_host.page import page_of
from vigil_host.rooms import messages, primary
from vigil_host.rooms import room as room_module
from vigil_host.rooms.known import KnownRoom, KnownRooms, RoomsError
from vigil_host.rooms.primary import RoomClient
from vigil_host.rooms.room import Room, websocket_url
from vigil_host.web.access import Access
from vigil_host.web.picture import Picture
from vigil_wire import advert, keys, link

HERE = BLEDevice("C0:FF:EE:00:00:01", None, None)


class House:
    """A primary bridge with its page, whose own radio hears `air` only."""

    def __init__(self, home: Any, air: Any, folder: Path, key: bytes) -> None:
        self.home = home
        self.air = air
        self.far = type(air)()  # heard in the rooms and not by the primary's own radio
        self.devices = Devices(folder / "devices.toml")
        self.devices.add(keys.setup_code(key), "Ada", "Band")
        self.known = KnownRooms(folder / "rooms.toml")
        self.own_clients = 0
        self.address = ""
        self.port = 0

    @asynccontextmanager
    async def primary(self) -> AsyncIterator[Bridge]:
        """Run it."""
        bridge = Bridge(self.home.store, self.devices, self.air.scanner, self._own_client, known_rooms=self.known)
        async with page_of(bridge, self.home.store, Access(), "127.0.0.1", self.port) as self.address:
            self.port = int(self.address.rstrip("/").rpartition(":")[2])
            async with running(bridge):
                await asyncio.sleep(0.05)
                yield bridge

    @asynccontextmanager
    async def room(self, known: KnownRoom, air: Any = None, client: Any = None) -> AsyncIterator[Room]:
        """Run a room bridge."""
        room = Room(self.address, known.key, (air or self.far).scanner, client or self.home.device.client)
        async with running_room(room):
            yield room

    def _own_client(self, device: BLEDevice, disconnected: Callable[[Any], None]) -> Any:
        self.own_clients += 1
        return self.home.device.client(device, disconnected)


@pytest.fixture
def house(home: Any, air: Any, tmp_path: Path, key: bytes) -> House:
    return House(home, air, tmp_path, key)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that takes seconds takes a tenth of that."""
    for name in ("TICK_S", "SILENT_S", "LATE_S", "GREETING_S", "WRITE_S"):
        monkeypatch.setattr(primary, name, getattr(primary, name) / 10)
    monkeypatch.setattr(room_module, "SILENT_S", room_module.SILENT_S / 10)


def connected(bridge: Bridge) -> list[str]:
    assert bridge.rooms is not None
    return [room.name for room in bridge.rooms.views() if room.connected]


async def greeted(house: House, known: KnownRoom) -> ClientConnection:
    """A program of the test's own that has the join code and says what it likes."""
    websocket = await connect(websocket_url(house.address), proxy=None)
    nonce = bytes(messages.NONCE_LENGTH)
    await websocket.send(messages.hello(known.id, nonce))
    theirs, proof = messages.read_challenge(await received(websocket))
    assert proof == messages.proof(known.key, "primary", nonce, theirs)
    await websocket.send(bytes((messages.PROOF,)) + messages.proof(known.key, "room", nonce, theirs))
    assert messages.read_text(messages.WELCOME, await received(websocket)) == known.name
    return websocket


async def received(websocket: ClientConnection) -> bytes:
    async with asyncio.timeout(5):
        message = await websocket.recv()
    assert isinstance(message, bytes)
    return message


async def closing(websocket: ClientConnection) -> tuple[int, str]:
    """Code and reason with which the primary closes."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await received(websocket)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def test_what_only_a_room_hears_is_live_and_stored(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any
) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        device = house.home.device
        for number in range(300):
            device.journal.vitals(number * 10_000)
        async with house.primary() as bridge, house.room(bedroom) as room:
            await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
            house.far.advertise(key, content_bytes(newest=299))
            await until(lambda: device.acknowledged == 299, 20.0)
            (view,) = bridge.live.snapshot()
            assert (view.link, view.room, view.rssi_dbm, view.pulse_rate_bpm) == ("connected", "Bedroom", -60, 72.0)
            device.journal.vitals(3_000_000)
            device.clients[0].stream()
            await until(lambda: device.acknowledged == 300)
            assert (device.sessions, house.own_clients, bridge.received) == (1, 0, 301)
        assert not device.clients[0].is_up
        audit = house.home.store.audit()
        assert (audit.stored, audit.missing, audit.duplicates) == (301, 0, 0)

    run(scenario())


def test_one_advert_heard_by_everybody_counts_once(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any, mocker: Any
) -> None:
    async def scenario() -> None:
        rooms = [house.known.add(name) for name in ("Bedroom", "Kitchen")]
        house.home.device.refuse = 99
        async with house.primary() as bridge, house.room(rooms[0]) as one, house.room(rooms[1]) as two:
            await until(lambda: one._joined and two._joined)
            house.far.advertise(key, content_bytes())
            await until(lambda: bridge.live.snapshot()[0].age_s is not None)
            heard = mocker.spy(bridge.alerts, "hear")
            forwarded = mocker.spy(bridge.rooms, "_heard")
            sealed = house.far.advertise(key, content_bytes())
            house.air.repeat(sealed)
            await asyncio.sleep(0.1)
            house.far.repeat(sealed)  # a repetition is not even forwarded
            await asyncio.sleep(0.1)
            assert heard.call_count == 1
            assert forwarded.call_count <= 2

    run(scenario())


def test_the_way_to_a_device(clock: Any, air: Any, key: bytes, content_bytes: Any, run: Any) -> None:
    """Its own radio first; a room that is more than 10 dB stronger; never again at once a way that did not last."""
    bedroom, kitchen = (BLEDevice(f"room {n}", None, InRoom(str(n), n)) for n in ("bedroom", "kitchen"))
    sealer, counter = advert.AdvertSealer(key), iter(range(1000))

    async def scenario() -> None:
        class Intake:
            def hear(self, *_: Any, **__: Any) -> None:
                pass

            hear_unconfirmed = hear

        listener = Listener(Intake(), clock, air.scanner)  # type: ignore[arg-type]
        listener.follow([KnownDevice(keys.device_id(key), "Band", "Ada", key)])

        async def way(*heard: tuple[BLEDevice, int]) -> BLEDevice:
            waiting = asyncio.create_task(listener.next_advert(keys.device_id(key)))
            await asyncio.sleep(0)
            sealer.seal(content_bytes(), 0, 0, next(counter))
            for device, rssi_dbm in heard:
                listener.hear(device, bytes(sealer.advert[7:]), rssi_dbm)
            return await waiting

        far_s = max(TAKEN_S, WAY_LASTS_S)
        assert await way((HERE, -70), (bedroom, -61)) is HERE
        assert clock.slept == []
        clock.now_s += far_s
        assert await way((bedroom, -59), (HERE, -70)) is bedroom
        assert clock.slept == [SETTLE_S]
        assert await way((bedroom, -50), (kitchen, -90), (HERE, -95)) is HERE  # the bedroom's did not last
        assert await way((bedroom, -50), (kitchen, -90), (HERE, -95)) is kitchen
        assert await way((bedroom, -50), (kitchen, -90), (HERE, -95)) is bedroom  # all were tried: the strongest
        clock.now_s += far_s
        assert await way((kitchen, -90)) is kitchen  # those that no longer hear it are none
        assert await way((kitchen, -90)) is kitchen

    run(scenario())


def test_a_wrong_join_code_a_removed_room_and_another_version_are_refused_in_words(
    house: House, run: Any, until: Any, caplog: pytest.LogCaptureFixture, mocker: Any
) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        stranger = KnownRoom("00000000", "x", bytes(16))
        async with house.primary() as bridge:
            async with house.room(stranger):
                await until(lambda: "no room of this bridge has that join code" in caplog.text)
            async with house.room(bedroom) as room:
                await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
                house.known.remove("Bedroom")
                await until(lambda: "this room was removed" in caplog.text)
                await until(lambda: caplog.text.count("no room of this bridge has that join code") >= 2)
                assert connected(bridge) == []
            kitchen = house.known.add("Kitchen")
            mocker.patch.object(messages, "hello", lambda *args: b"\x01\x09" + bytes(20))
            async with house.room(kitchen):
                await until(lambda: "speaks version 9 and this bridge 1: update the older one" in caplog.text)
            async with connect(websocket_url(house.address), proxy=None) as websocket:  # the id without the key
                await websocket.send(bytes((1, 1)) + bytes.fromhex(kitchen.id) + bytes(16))
                await received(websocket)
                await websocket.send(bytes((messages.PROOF,)) + bytes(32))
                assert (await closing(websocket))[0] == messages.REFUSED
            assert connected(bridge) == []

    run(scenario())


def test_an_impostor_of_the_primary_gets_nothing(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    said: list[bytes] = []

    async def impostor(websocket: Any) -> None:
        said.append(await websocket.recv())
        await websocket.send(messages.challenge(bytes(16), os.urandom(32)))
        async for message in websocket:
            said.append(message)

    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        async with serve(impostor, "127.0.0.1", 0) as server:
            house.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with house.room(bedroom):
                house.far.advertise(key, content_bytes())
                await until(lambda: "this is not the bridge that made the join code" in caplog.text)

    run(scenario())
    assert [message[0] for message in said] == [messages.HELLO]


def test_an_address_where_no_bridge_is(house: House, run: Any, until: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        async with house.primary():
            page, house.address = house.address, house.address + "elsewhere"
            async with house.room(bedroom):
                await until(lambda: "no Vigil bridge that takes rooms answers there (HTTP status 4" in caplog.text)
            house.address = page
        async with house.room(bedroom):
            await until(lambda: "nothing answers there: is the bridge running" in caplog.text)
            await until(lambda: "joining again in 1.0 s" in caplog.text)

    run(scenario())


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("192.168.1.20", "ws://192.168.1.20:8765/rooms"),
        ("http://vigil.local:8765/", "ws://vigil.local:8765/rooms"),
        ("https://vigil.example/home/", "wss://vigil.example/home/rooms"),
        ("http://[fe80::1]:8765", "ws://[fe80::1]:8765/rooms"),
    ],
)
def test_addresses(address: str, url: str) -> None:
    assert websocket_url(address) == url


@pytest.mark.parametrize("address", ["", "ftp://x/", "http://", "http://x:y/", "http://x/?a=1", "http://a@b/"])
def test_no_addresses(address: str) -> None:
    with pytest.raises(RoomsError, match="is not the address of a bridge's page"):
        websocket_url(address)


def test_without_the_primary_a_room_drops_its_links_and_joins_again(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any
) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        device = house.home.device
        device.journal.vitals(0)
        async with asyncio.timeout(20):
            async with house.primary() as bridge:
                rooming = house.room(bedroom)
                room = await rooming.__aenter__()
                await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
                house.far.advertise(key, content_bytes())
                await until(lambda: device.acknowledged == 0)
                assert device.clients[0].is_up
            await until(lambda: not device.clients[0].is_up, 3.0)
            device.journal.vitals(10_000)
            async with house.primary() as bridge:
                await until(lambda: room._joined and connected(bridge) == ["Bedroom"], 10.0)
                house.far.advertise(key, content_bytes())
                await until(lambda: device.acknowledged == 1)
            await rooming.__aexit__(None, None, None)

    run(scenario())


@pytest.mark.usefixtures("impatient")
def test_a_primary_that_hangs_is_a_primary_that_is_gone(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It keeps the connection open, and neither reads nor ticks: the room drops its links all the same."""

    async def hanging(websocket: Any) -> None:
        hello = await websocket.recv()
        _, nonce = messages.read_hello(hello)
        proof = messages.proof(bedroom.key, "primary", nonce, bytes(16))
        await websocket.send(messages.challenge(bytes(16), proof))
        await websocket.recv()
        await websocket.send(messages.text(messages.WELCOME, "Bedroom"))
        heard = messages.read_advert(await websocket.recv())
        assert heard.rssi_dbm == -60
        await websocket.send(messages.numbered(messages.CONNECT, 1, heard.address.encode()))
        await asyncio.sleep(10)

    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        async with serve(hanging, "127.0.0.1", 0) as server:
            house.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with house.room(bedroom):
                await until(lambda: "joined as room Bedroom" in caplog.text)
                for _ in range(5):
                    house.far.advertise(key, content_bytes())
                await until(lambda: house.home.device.sessions == 1)
                await until(lambda: not house.home.device.clients[0].is_up, 8)
                await until(lambda: "nothing came for" in caplog.text)

    bedroom = house.known.add("Bedroom")
    run(scenario())


@pytest.mark.usefixtures("impatient")
def test_a_room_that_hangs_is_a_room_that_is_gone(house: House, run: Any, until: Any, caplog: Any) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        async with house.primary() as bridge:
            websocket = await greeted(house, bedroom)
            assert connected(bridge) == ["Bedroom"]
            code, reason = await closing(websocket)
            assert code == messages.OVER and "has said nothing for" in reason
            assert connected(bridge) == []

    run(scenario())


@pytest.mark.usefixtures("impatient")
def test_what_may_have_waited_on_the_way_is_not_live(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any
) -> None:
    """Adverts that come while the room is late with its answers are dropped; one that never answers is parted with."""

    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        house.home.device.refuse = 99
        sealer = advert.AdvertSealer(key)

        def heard(counter: int) -> bytes:
            sealer.seal(content_bytes(pulse_rate=700 + counter), 0, 0, counter)
            return messages.advert(messages.Advert(-60, bytes(sealer.advert[7:]), HERE.address))

        async with house.primary() as bridge:
            websocket = await greeted(house, bedroom)
            await websocket.send(heard(0))
            await websocket.send(heard(1))
            await until(lambda: bridge.live.snapshot()[0].pulse_rate_bpm == 70.1)
            await asyncio.sleep(0.45)
            await websocket.send(heard(2))
            await asyncio.sleep(0.05)
            assert bridge.live.snapshot()[0].pulse_rate_bpm == 70.1
            with pytest.raises(ConnectionClosed):
                while True:
                    await websocket.send(heard(3))
                    await asyncio.sleep(0.01)
            assert bridge.live.snapshot()[0].pulse_rate_bpm == 70.1

    run(scenario())


def test_a_room_that_floods_costs_only_itself(house: House, run: Any, until: Any) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        house.home.device.refuse = 99
        async with house.primary() as bridge:
            assert bridge.rooms is not None
            taken: list[bytes] = []
            bridge.rooms._heard = lambda device, sealed, rssi: taken.append(sealed)
            websocket = await greeted(house, bedroom)
            for counter in range(1, 3000):
                await websocket.send(messages.advert(messages.Advert(-20, counter.to_bytes(24), f"{counter}")))
            await until(lambda: len(taken) >= primary.MOST_ADVERTS)
            await asyncio.sleep(0.1)
            assert len(taken) == primary.MOST_ADVERTS
            await websocket.close()
            for garbage in (b"\xff" * 9, b"\x20", bytes((messages.ADVERT,)) * 5, b"x" * 4000, "text"):
                websocket = await greeted(house, bedroom)
                await websocket.send(garbage)
                code, _ = await closing(websocket)
                assert code in (messages.OVER, 1009)
            async with house.room(bedroom) as room:  # and the room may come back
                await until(lambda: room._joined and connected(bridge) == ["Bedroom"])

    run(scenario())


def test_a_room_can_forge_replay_and_hold_back_nothing_unseen(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any, mocker: Any, caplog: Any
) -> None:
    """It holds the link itself: damaged, repeated and swapped frames end the session, and no record is wrong."""
    mocker.patch.object(primary, "WRITE_S", 0.3)

    def tampering(device: BLEDevice, disconnected: Callable[[Any], None]) -> Any:
        client = house.home.device.client(device, disconnected)
        start_notify, fate, held = client.start_notify, fates.pop(0) if fates else "", []

        async def start(characteristic: str, callback: Any) -> None:
            seen = 0

            def tamper(sender: Any, frame: bytearray) -> None:
                nonlocal seen
                seen += 1
                if seen == 8 and fate == "forged":
                    frame[7] ^= 1
                if seen == 8 and fate == "swapped":
                    held.append(frame)
                    return
                callback(sender, frame)
                if seen == 8 and fate == "replayed":
                    callback(sender, frame)
                for each in held:
                    callback(sender, each)
                held.clear()

            await start_notify(characteristic, tamper)

        client.start_notify = start
        if fate == "held":
            client.write_gatt_char = lambda *_, **__: asyncio.sleep(60)
        return client

    fates = ["forged", "swapped", "replayed", "held"]

    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        device = house.home.device
        for number in range(200):
            device.journal.vitals(number * 10_000)
        async with house.primary() as bridge, house.room(bedroom, client=tampering) as room:
            await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
            for _ in range(200):
                house.far.advertise(key, content_bytes())
                await asyncio.sleep(0.1)
                if device.acknowledged == 199:
                    break
            assert (device.acknowledged, device.sessions) == (199, 5)
        audit = house.home.store.audit()
        assert (audit.stored, audit.missing, audit.duplicates) == (200, 0, 0)

    run(scenario())
    for reason in ("is forged or damaged", "expected, another came", "its bridge does not answer"):
        assert reason in caplog.text


def test_live_frames_that_a_room_delays_end_the_session(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any, mocker: Any, caplog: Any
) -> None:
    """Each comes whole and in order, only later than it should: nothing but the device's own answers can show that."""
    mocker.patch.object(session_module, "PROBE_PERIOD_S", 0.1)
    mocker.patch.object(session_module, "LATE_S", 0.2)
    delay_s = 0.0

    def delaying(device: BLEDevice, disconnected: Callable[[Any], None]) -> Any:
        client = house.home.device.client(device, disconnected)
        start_notify = client.start_notify

        async def start(characteristic: str, callback: Any) -> None:
            await start_notify(
                characteristic,
                lambda *frame: asyncio.get_running_loop().call_later(delay_s, callback, *frame),
            )

        client.start_notify = start
        return client

    async def scenario() -> None:
        nonlocal delay_s
        bedroom = house.known.add("Bedroom")
        device = house.home.device
        device.journal.vitals(0)

        def say(pulse_rate: int) -> None:
            device.clients[0].send(bytes((link.LIVE,)) + content_bytes(pulse_rate=pulse_rate) + b"\x50")

        async with house.primary() as bridge, house.room(bedroom, client=delaying) as room:
            await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
            house.far.advertise(key, content_bytes())
            await until(lambda: device.acknowledged == 0)
            for number in range(10):
                say(800 + number)
                await asyncio.sleep(0.05)
            assert bridge.live.snapshot()[0].pulse_rate_bpm == 80.9
            delay_s = 0.5
            for number in range(10):
                say(900 + number)
                await asyncio.sleep(0.05)
            await until(lambda: "through the room bridge comes too late" in caplog.text, 2.0)
            assert not bridge.live.snapshot()[0].connected
            assert bridge.live.snapshot()[0].pulse_rate_bpm == 80.9

    run(scenario())


def test_only_the_record_service_of_what_is_heard_can_be_reached(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any
) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        async with house.primary() as bridge, house.room(bedroom) as room:
            await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
            assert bridge.rooms is not None
            where = InRoom(bedroom.id, bedroom.name)
            make = bridge.rooms.clients_beside(house._own_client)
            client = make(BLEDevice("AA:BB:CC:DD:EE:FF", None, where), lambda _: None)
            with pytest.raises(BleakError, match="Bedroom: the device is not heard here"):
                await client.connect()
            client = make(BLEDevice(HERE.address, None, where), lambda _: None)
            assert isinstance(client, RoomClient)
            other = link.SERVICE_UUID.replace("0001", "0009", 1)
            with pytest.raises(BleakError, match="nothing else"):
                await client.start_notify(other, lambda *_: None)
            with pytest.raises(BleakError, match="nothing else"):
                await client.write_gatt_char(other, b"", response=True)
            with pytest.raises(BleakError, match="not connected"):
                await client.write_gatt_char(link.CONTROL_UUID, b"", response=True)
            elsewhere = make(BLEDevice(HERE.address, None, InRoom("00000000", "Attic")), lambda _: None)
            with pytest.raises(BleakError, match="Attic: its bridge has not joined"):
                await elsewhere.connect()
            await elsewhere.disconnect()
        assert house.home.device.sessions == 0

    run(scenario())


def test_one_link_to_a_device_and_few_in_all(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any
) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        devices = [BLEDevice(f"AA:BB:CC:DD:EE:{number:02X}", None, None) for number in range(9)]
        async with house.primary() as bridge, house.room(bedroom) as room:
            await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
            for device in devices:
                house.far.repeat(b"\x80" * 24, device)
            assert bridge.rooms is not None
            make = bridge.rooms.clients_beside(house._own_client)
            lost: list[Any] = []

            def client(number: int) -> Any:
                where = InRoom(bedroom.id, bedroom.name)
                return make(BLEDevice(devices[number].address, None, where), lost.append)

            first = client(0)
            await first.connect()
            again = client(0)
            await again.connect()
            assert lost == [first]
            assert [each.is_up for each in house.home.device.clients] == [False, True]
            for number in range(1, room_module.MOST_LINKS):
                await client(number).connect()
            with pytest.raises(BleakError, match="too many links"):
                await client(room_module.MOST_LINKS).connect()
            await again.disconnect()
            assert [each.is_up for each in house.home.device.clients][:2] == [False, False]
            await client(room_module.MOST_LINKS).connect()

    run(scenario())


def test_only_adverts_of_vigils_layout_leave_the_room_and_none_that_waited(
    house: House, key: bytes, content_bytes: Any, run: Any, until: Any, mocker: Any
) -> None:
    clock = Clock()

    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        house.home.device.refuse = 99
        async with house.primary() as bridge, house.room(bedroom) as room:
            await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
            assert bridge.rooms is not None
            for data in (b"", b"\x80" * 23, b"\x80" * 25, b"\x7f" * 24):
                house.far.repeat(data)
            assert not room._heard and not room._adverts
            for number in range(1000):  # more than may wait, and more devices than are remembered
                address = BLEDevice(f"AA:{number}", None, None)
                room._on_advert(address, AdvertisementData(None, {0xFFFF: b"\x80" * 24}, {}, [], None, -60, ()))
            assert (len(room._adverts), len(room._heard)) == (room_module.MOST_ADVERTS, room_module.MOST_DEVICES)
            mocker.patch.object(clock, "monotonic", lambda: 0.0)
            room._clock = clock
            room._joined._clock = mocker.Mock(monotonic=lambda: room_module.ADVERT_LASTS_S)  # type: ignore[union-attr]
            house.far.advertise(key, content_bytes())
            await asyncio.sleep(0.1)
            assert len(room._adverts) == 0
            assert bridge.live.snapshot()[0].age_s is None

    run(scenario())


def test_a_browser_cannot_join(house: House, run: Any) -> None:
    async def scenario() -> None:
        async with house.primary():
            with pytest.raises(InvalidStatus, match="403"):
                await connect(websocket_url(house.address), proxy=None, origin="http://evil.example")  # type: ignore[arg-type]

    run(scenario())


@pytest.mark.usefixtures("impatient")
def test_strangers_who_say_nothing_are_closed_and_few(house: House, run: Any) -> None:
    async def scenario() -> None:
        async with house.primary():
            waiting = [await connect(websocket_url(house.address), proxy=None) for _ in range(primary.MOST_GREETINGS)]
            await asyncio.sleep(0.05)
            one_more = await connect(websocket_url(house.address), proxy=None)
            assert await closing(one_more) == (messages.OVER, "too many at once: try again later")
            for websocket in waiting:
                assert (await closing(websocket))[0] == messages.REFUSED

    run(scenario())


def test_the_page_names_the_rooms(house: House, key: bytes, content_bytes: Any, run: Any, until: Any) -> None:
    async def scenario() -> None:
        bedroom = house.known.add("Bedroom")
        house.known.add("Kitchen")
        house.home.device.refuse = 99
        async with house.primary() as bridge, house.room(bedroom) as room:
            assert bridge.rooms is not None
            await until(lambda: room._joined and connected(bridge) == ["Bedroom"])
            house.far.advertise(key, content_bytes())
            await until(lambda: bridge.live.snapshot()[0].age_s is not None)
            now = Picture(bridge.live, bridge.alerts, lambda _: {}, Clock(), bridge.rooms.views).now()
            assert now["devices"][0]["link_text"] == "Heard by broadcast in Bedroom"
            assert now["rooms_text"] == "Bedroom: connected, Kitchen: not connected"
            assert [room["age_s"] is None for room in now["rooms"]] == [False, True]

    run(scenario())


def test_rooms_and_their_secrets(tmp_path: Path) -> None:
    rooms = KnownRooms(tmp_path / "rooms.toml")
    assert rooms.list() == []
    bedroom = rooms.add('Ada\'s "bed"')
    rooms.add("Kitchen")
    assert KnownRooms(rooms.path).list()[0] == bedroom
    assert stat.S_IMODE(rooms.path.stat().st_mode) == 0o600
    assert bedroom.key.hex() not in repr(bedroom)
    with pytest.raises(RoomsError, match="called 'Kitchen' already"):
        rooms.add("Kitchen")
    with pytest.raises(RoomsError, match="1 to 32 printable"):
        rooms.add("two\nlines")
    rooms.remove(bedroom.id)
    with pytest.raises(RoomsError, match="no room is called"):
        rooms.remove(bedroom.id)
    assert [room.name for room in rooms.list()] == ["Kitchen"]
    rooms.path.write_text("[[room]]\nname = 'x'\n")
    with pytest.raises(RoomsError, match="has no 'key'"):
        rooms.list()
