"""Strangers who wear the radio down: adverts go on, and who has the key gets in."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from bleak import BleakScanner
from bleak.exc import BleakError
from tests.attacks.conftest import count
from tests.attacks.home import RebootingWearable, told
from tests.attacks.table import AttackTable
from tests.radio.test_line import KEY, Visitor

from vigil_firmware.monitor import STEP_MS
from vigil_host.link.hearing import Hearing
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirScanner
from vigil_host.radio.personality import NIMBLE, Personality
from vigil_wire import advert, link

pytestmark = pytest.mark.anyio

Rounds = Callable[[int], int]
LET_IN_WITHIN_MS = 60_000
SLOW_PAUSE_S = 0.01
SHUT_MOST_MS = 30_000
HEARD_WITHIN_MS = {True: 2_500, False: 10_000}  # by whether the stack advertises during a link


class Central(Visitor):
    """A stranger, who takes every place he can get, or a host with the key."""

    def __init__(self, wearable: RebootingWearable, drawn: random.Random) -> None:
        super().__init__(wearable)
        self.drawn = drawn

    async def come_and_go(self) -> None:
        """Connect and leave."""
        async with self.client():
            self.visits += 1

    async def guess(self) -> None:
        """Connect, say a hello and nonsense, and stay as long as one is let."""
        async with self.client() as client:
            self.visits += 1
            for frame in (link.hello(self.drawn.randbytes(8)), b"\x02\0\0\0" + self.drawn.randbytes(20)):
                await client.write_gatt_char(link.CONTROL_UUID, frame, response=True)
            while client.is_connected:
                await asyncio.sleep(0.002)

    async def prove_itself(self) -> None:
        """Connect, ask for the device's info under the key, and leave when it has come."""
        frames: asyncio.Queue[bytearray] = asyncio.Queue()
        seal = link.Session(KEY, is_device=False)
        async with self.client() as client:
            await client.start_notify(link.STREAM_UUID, lambda _, frame: frames.put_nowait(bytearray(frame)))
            await client.write_gatt_char(link.CONTROL_UUID, link.hello(bytes(8)), response=True)
            seal.begin(bytes(8), link.nonce_of_hello(await self._next(client, frames)))
            seal.out[4] = link.ASK_INFO
            await client.write_gatt_char(link.CONTROL_UUID, bytes(seal.out[: seal.seal(1)]), response=True)
            frame = await self._next(client, frames)
            self.greeted += frame[4 : 4 + seal.open(frame, len(frame))][0] == link.INFO

    async def _next(self, client: Any, frames: "asyncio.Queue[bytearray]") -> bytearray:
        """The next frame, unless the device hangs up, as it does in time; this machine may be slow."""
        while frames.empty():
            if not client.is_connected:
                raise BleakError("the link was lost")
            await asyncio.sleep(0.002)
        return frames.get_nowait()


@asynccontextmanager
async def flood(wearable: RebootingWearable, *what: Callable[[], Any]) -> AsyncIterator[None]:
    """Have these done over and over; at the end each comes to its end."""
    is_over = False

    async def again(do: Callable[[], Any]) -> None:
        while not is_over:
            with suppress(BleakError, TimeoutError, link.LinkError):
                await do()
            await asyncio.sleep(0.001)

    tasks = [asyncio.create_task(again(each)) for each in what]
    yield
    is_over = True
    await wearable.live_until(lambda: all(task.done() for task in tasks))
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("how", ["idle", "come_and_go", "guess"])
async def test_a_flood_of_connections(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air, personality: Personality, how: str
) -> None:
    silence = attacks.row("flood of connections: adverts kept from listeners")
    changed = attacks.row("flood of connections: something told or changed")
    wearable = RebootingWearable(air, personality)
    await wearable.live(2)
    before = told(wearable)
    hearing, heard_ms = Hearing(KEY), [wearable.now_ms]

    def on_advert(_: Any, data: Any) -> None:
        if hearing.take(data.manufacturer_data[advert.COMPANY_ID]) is not None:
            heard_ms.append(wearable.now_ms)

    shut_ms, longest_shut_ms = 0, 0
    strangers = [Central(wearable, drawn) for _ in range(personality.connections + 1)]
    do = [getattr(stranger, how) for stranger in strangers]
    async with BleakScanner(on_advert, backend=AirScanner, air=air), flood(wearable, *do):
        for _ in range(rounds(30)):
            for _ in range(10):
                await wearable.live(0.1)
                shut_ms = 0 if wearable.device.peripheral._door.is_open else shut_ms + 100
                longest_shut_ms = max(longest_shut_ms, shut_ms)
        heard_ms.append(wearable.now_ms)
    visits = sum(stranger.visits for stranger in strangers)
    gaps = [later - earlier for earlier, later in itertools.pairwise(heard_ms)]
    for gap in gaps:
        count(silence, gap > HEARD_WITHIN_MS[personality.advertises_while_connected])
    count(silence, longest_shut_ms > SHUT_MOST_MS)
    for _ in range(visits):
        count(changed, False)
    changed.accepted += told(wearable) != before
    assert visits >= 3


async def test_a_host_with_the_key_gets_in(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air, personality: Personality
) -> None:
    """Beside strangers who leave it a place where there are four, and after them where there is one."""
    row = attacks.row("flood of connections: a host with the key kept out for a minute")
    wearable = RebootingWearable(air, personality)
    strangers = [Central(wearable, drawn) for _ in range(max(1, personality.connections - 1))]
    for _ in range(rounds(1)):
        host = Central(wearable, drawn)
        async with flood(wearable, *(stranger.guess for stranger in strangers)):
            await wearable.live(25)
            if personality is NIMBLE:
                count(row, not await is_let_in(wearable, host))
        if personality is not NIMBLE:
            count(row, not await is_let_in(wearable, host))
        await wearable.live(12)
    assert sum(stranger.visits for stranger in strangers) >= 3


async def is_let_in(wearable: RebootingWearable, host: Central) -> bool:
    """Let the host try for a minute of the device's time, which goes slower here: a host must prove itself in 5 s."""
    until_ms = wearable.now_ms + LET_IN_WITHIN_MS
    async with flood(wearable, host.prove_itself):
        while not host.greeted and wearable.now_ms < until_ms:
            wearable.now_ms += STEP_MS
            wearable.device.step(wearable.now_ms)
            await asyncio.sleep(SLOW_PAUSE_S)
    return host.greeted > 0
