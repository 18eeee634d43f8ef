"""The whole line through a room bridge: the device is in the room's reach, and the primary bridge is out of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from tests.host.running import running, running_room
from tests.radio.test_line import Home, Wearable, settled

from vigil_host.bridge import Bridge
from vigil_host.page import page_of
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient, AirScanner
from vigil_host.radio.personality import Personality
from vigil_host.rooms.known import KnownRoom, KnownRooms
from vigil_host.rooms.room import Room
from vigil_host.web.access import Access

pytestmark = pytest.mark.anyio

WELL = "0,72,97.5,2,36.7,0.02,1"


class House:
    """A primary bridge whose own radio is on an air of its own, and rooms on that of the device."""

    def __init__(self, home: Home, air: Air, elsewhere: Air, folder: Path) -> None:
        self.home = home
        self.air = air
        self.elsewhere = elsewhere
        self.known = KnownRooms(folder / "rooms.toml")
        self.address = ""

    @asynccontextmanager
    async def primary(self) -> AsyncIterator[Bridge]:
        """Run the primary bridge with its page."""
        bridge = Bridge(
            self.home.store,
            self.home.devices,
            lambda heard: BleakScanner(heard, backend=AirScanner, air=self.elsewhere),
            lambda device, gone: BleakClient(device, gone, backend=AirClient, air=self.elsewhere),
            known_rooms=self.known,
            is_alone=True,  # the device's time flies: turns would be over before anything is said
        )
        page = page_of(bridge, self.home.store, Access(), "127.0.0.1", 0)
        async with page as self.address, running(bridge):
            yield bridge

    @asynccontextmanager
    async def room(self, known: KnownRoom) -> AsyncIterator[None]:
        """Run a room bridge."""
        room = Room(
            self.address,
            known.key,
            lambda heard: BleakScanner(heard, backend=AirScanner, air=self.air),
            lambda device, gone: BleakClient(device, gone, backend=AirClient, air=self.air),
        )
        async with running_room(room):
            yield


@pytest.fixture
async def house(air: Air, tmp_path: Path) -> AsyncIterator[House]:
    home = Home(air, tmp_path)
    async with Air() as elsewhere:
        yield House(home, air, elsewhere, tmp_path)
    home.store.close()


@pytest.fixture
async def wearable(air: Air, personality: Personality) -> Wearable:
    return Wearable(air, personality, WELL)


async def test_a_device_that_only_a_room_reaches_is_live_and_wholly_recorded(house: House, wearable: Wearable) -> None:
    async with house.primary() as bridge, house.room(house.known.add("Bedroom")):
        await wearable.live(12)
        (view,) = bridge.live.snapshot()
        assert view.room == "Bedroom"
        await wearable.live_until(lambda: wearable.journal.acknowledged >= 12)
        await wearable.live(5)
        await settled(wearable, house.home)
        (view,) = bridge.live.snapshot()
        assert (view.link, view.room) == ("connected", "Bedroom")
        assert abs((view.pulse_rate_bpm or 0) - 72) < 2
        assert wearable.device.peripheral.connection_count == 1
        assert house.elsewhere.counters.connections == 0
    assert house.home.stored() == wearable.kept()
    assert house.home.store.gaps(house.home.device_id) == []
    await wearable.live_until(lambda: not wearable.device.peripheral.connection_count)


@pytest.fixture
async def full(wearable: Wearable) -> Wearable:
    """A wearable with more to fetch than comes in a moment."""
    await wearable.live(1)
    for number in range(400):
        wearable.device.monitor.anchor_time(9_000, number)
    return wearable


async def fetched(house: House, wearable: Wearable) -> None:
    """Let the device live until all it had is stored, and see that it is, once."""
    assert not house.home.has_all_of(wearable)
    async with asyncio.timeout(20):
        while wearable.journal.acknowledged <= 400:
            await wearable.live(0.1)
    await settled(wearable, house.home)
    assert house.home.stored() == wearable.kept()
    assert house.home.store.gaps(house.home.device_id) == []


async def test_a_link_lost_in_the_middle_of_a_fetch_is_made_again_by_the_same_room(
    house: House, full: Wearable
) -> None:
    async with house.primary(), house.room(house.known.add("Bedroom")):
        await full.live_until(lambda: 0 < len(house.home.stored()) < 300)
        house.air.lose_link()
        await fetched(house, full)
    assert house.air.counters.connections == 2


async def test_a_room_lost_in_the_middle_of_a_fetch_is_replaced_by_another(house: House, full: Wearable) -> None:
    bedroom, kitchen = (house.known.add(name) for name in ("Bedroom", "Kitchen"))
    async with house.primary() as bridge, AsyncExitStack() as stack:
        async with house.room(bedroom):
            await full.live_until(lambda: 0 < len(house.home.stored()) < 300)
            assert bridge.live.snapshot()[0].room == "Bedroom"
            await stack.enter_async_context(house.room(kitchen))
        await fetched(house, full)
        assert bridge.live.snapshot()[0].room == "Kitchen"


async def test_nobody_but_the_primary_has_a_link_to_the_device_for_long(house: House, wearable: Wearable) -> None:
    """The primary is gone: the room lets go, and the device is free for a bridge that hears it itself."""
    async with AsyncExitStack() as primary:
        await primary.enter_async_context(house.primary())
        async with house.room(house.known.add("Bedroom")):
            await wearable.live_until(lambda: wearable.journal.acknowledged > 0)
            await primary.aclose()
            await wearable.live_until(lambda: not wearable.device.peripheral.connection_count)
            async with house.home.bridge():
                before = wearable.journal.acknowledged
                await wearable.live_until(lambda: wearable.journal.acknowledged > before + 3)
