"""A room bridge that was taken over: it has the join code, and with it can forge, replay and change nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import count as count_from
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakScanner
from tests.attacks.conftest import count, spoil
from tests.attacks.home import Log, heard_adverts
from tests.attacks.table import AttackTable
from tests.host.test_rooms import greeted, received
from tests.radio.test_line import KEY, OTHER_KEY, WELL, Home, Wearable, settled
from tests.radio.test_rooms import House
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from vigil_host.link.troubles import Trouble
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirScanner
from vigil_host.radio.personality import NIMBLE
from vigil_host.rooms import messages
from vigil_host.rooms.primary import MOST_ADVERTS
from vigil_host.rooms.room import Room
from vigil_wire import advert, link

pytestmark = pytest.mark.anyio

Rounds = Callable[[int], int]
HERE = "C0:FF:EE:00:00:01"


@pytest.fixture
async def house(air: Air, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A house whose device only its rooms reach, and which tries again at once."""
    monkeypatch.setattr("vigil_host.link.reconnect.FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr("vigil_host.link.reconnect.LONGEST_BACKOFF_S", 0.01)
    for trouble in ("LINK", "NOT_KNOWN"):
        monkeypatch.setattr(f"vigil_host.link.troubles.{trouble}", Trouble(0.01, 0.01, "it failed"))
    home = Home(air, tmp_path)
    async with Air() as elsewhere:
        yield House(home, air, elsewhere, tmp_path)
    home.store.close()


def as_heard(sealed: bytes) -> bytes:
    """The message with which a room passes an advert on."""
    return messages.advert(messages.Advert(-60, sealed, HERE))


async def answer_tick(websocket: ClientConnection) -> None:
    """Send the primary's next tick back, as a room does."""
    while (tick := await received(websocket))[0] != messages.TICK:
        pass
    await websocket.send(tick)


async def test_adverts_from_a_room_that_lies(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air, house: House, mocker: Any, monkeypatch: Any
) -> None:
    replayed = attacks.row("room bridge taken over: adverts replayed")
    forged = attacks.row("room bridge taken over: adverts forged")
    monkeypatch.setattr("vigil_host.rooms.primary.TICK_S", 0.1)
    wearable = Wearable(air, NIMBLE, WELL)
    async with heard_adverts(air) as adverts:
        await wearable.live(12)
    content = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(content, 0, (1, 1, 1), 0, (720, 970, 3660, 25, 80, 9))
    genuine, sealer = advert.AdvertSealer(KEY), advert.AdvertSealer(OTHER_KEY)
    async with house.primary() as bridge:
        websocket = await greeted(house, house.known.add("Bedroom"))
        hear = mocker.spy(bridge._intake, "hear")
        unconfirmed = mocker.spy(bridge._intake, "hear_unconfirmed")

        high, low = wearable.device.peripheral.advert_counter
        numbers = count_from(high << 20 | low)
        followed = bridge._listener._followed
        async with asyncio.timeout(5):
            while house.home.device_id not in followed:
                await asyncio.sleep(0.01)
                followed = bridge._listener._followed

        async def say(sealed: list[bytes]) -> int:
            """How many of these count, before a new and genuine one at the end, which does."""
            before = hear.call_count + unconfirmed.call_count
            for start in range(0, len(sealed), MOST_ADVERTS):
                for each in sealed[start : start + MOST_ADVERTS]:
                    await websocket.send(as_heard(each))
                await answer_tick(websocket)  # the primary takes no more between two of its ticks
            number = next(numbers)
            genuine.seal(content, 0, number >> 20, number & 0xFFFFF)
            newest = bytes(genuine.advert[7:])
            async with asyncio.timeout(5):
                while followed[house.home.device_id].mark != number:
                    await websocket.send(as_heard(newest))
                    await answer_tick(websocket)
            return int(hear.call_count + unconfirmed.call_count - before - 1)

        assert await say(adverts) == len(adverts)  # once they count
        again = [*adverts, *drawn.sample(adverts, len(adverts))] * rounds(1)
        replayed.tried += len(again)
        replayed.accepted += await say(again)
        lies = []
        for number in range(100 * rounds(1)):
            sealer.seal(content, 0, 0, number)
            spoilt = bytearray(drawn.choice(adverts))
            spoilt[drawn.randrange(len(spoilt))] ^= 1 << drawn.randrange(8)
            lies += [bytes(sealer.advert[7:]), bytes(spoilt) if bytes(spoilt) not in adverts else bytes(24)]
        forged.tried += len(lies)
        forged.by_chance += len(lies) / 2**32
        forged.accepted += await say(lies)
        await websocket.close()


async def test_messages_of_a_room_that_make_no_sense(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, house: House
) -> None:
    """It costs the room its connection, at most; the primary goes on, and takes other rooms."""
    row = attacks.row("room bridge taken over: nonsense: fell over or stopped")
    genuine = [
        as_heard(bytes(24)),
        messages.numbered(messages.TICK, 1),
        messages.numbered(messages.DONE, 1),
        messages.numbered(messages.FRAME, 1, bytes(40)),
        messages.about(messages.ENDED, 1, "gone"),
        messages.hello("01020304", bytes(16)),
    ]
    async with house.primary() as bridge:
        known = house.known.add("Bedroom")
        websocket = await greeted(house, known)
        for _ in range(rounds(60)):
            try:
                await websocket.send(spoil(drawn.choice(genuine), drawn))
                await asyncio.sleep(0.002)
            except ConnectionClosed:
                websocket = await greeted(house, known)
            count(row, False)
        with suppress(ConnectionClosed):
            await websocket.close()
        last = await greeted(house, known)
        row.crashed += bridge._running is None or bridge._running.done()
        await last.close()


async def test_frames_that_a_room_changes(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air, house: House
) -> None:
    """It carries the record link and changes what it carries: what is stored is the device's, to the byte."""
    row = attacks.row("room bridge taken over: frames of the record link changed")
    wearable = Wearable(air, NIMBLE, WELL)
    await wearable.live(1)
    for number in range(100):
        wearable.device.monitor.anchor_time(9_000, number)
    changes = 3 * rounds(1)

    def change(frame: bytes) -> bytes:
        if row.tried >= changes or frame[0] == link.HELLO or drawn.random() < 0.5:
            return frame
        row.tried += 1
        return spoil(frame, drawn)[: link.MAX_FRAME] or b"\x00"

    async with house.primary() as bridge:
        room = Room(
            house.address,
            house.known.add("Bedroom").key,
            lambda heard: BleakScanner(heard, backend=AirScanner, air=air),
            Log(change).client(air),
        )
        running = asyncio.create_task(room.run())
        async with asyncio.timeout(30 + 5 * changes):
            while wearable.journal.acknowledged <= 100:
                await wearable.live(0.1)
                stored, kept = house.home.stored(), wearable.kept()
                row.accepted += any(data != kept.get(sequence) for sequence, data in stored.items())
        await settled(wearable, house.home)
        assert bridge.received >= 100
        running.cancel()
        await asyncio.wait((running,))
    assert row.tried == changes
    row.accepted += house.home.stored() != wearable.kept() or house.home.store.gaps(house.home.device_id) != []
