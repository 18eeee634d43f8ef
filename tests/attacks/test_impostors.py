"""Devices and hosts that are none: another key at the genuine address, another protocol, a session played back."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakError
from tests.attacks.conftest import count
from tests.attacks.home import (
    Impostor,
    Log,
    RebootingWearable,
    beyond_greeting,
    heard_adverts,
    overheard_bridge,
    told,
)
from tests.attacks.table import AttackTable
from tests.radio.test_line import KEY, OTHER_KEY, Home, settled

from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient
from vigil_host.radio.personality import NIMBLE, Personality
from vigil_wire import advert, link

pytestmark = pytest.mark.anyio

Rounds = Callable[[int], int]


@pytest.fixture
def home(air: Air, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A home that knows the wearable and tries again at once."""
    monkeypatch.setattr("vigil_host.link.troubles.Trouble.wait_s", lambda trouble, times_before: 0.01)
    home = Home(air, tmp_path)
    yield home
    home.store.close()


@asynccontextmanager
async def relaying(impostor: Impostor, first: int) -> AsyncIterator[None]:
    """The genuine device's newest adverts, which nobody has heard yet, come from the impostor."""
    sealer, content = advert.AdvertSealer(KEY), bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(content, 0, (1, 1, 1), 0, (720, 970, 3660, 25, 80, 9))

    async def relay() -> None:
        counter = first
        while True:
            sealer.seal(content, 0, counter >> 20, counter & 0xFFFFF)
            impostor.advertise(bytes(sealer.advert[7:]))
            counter += 1
            await asyncio.sleep(0.03)

    task = asyncio.create_task(relay())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await impostor.rest()


async def visited(impostor: Impostor, times: int) -> None:
    """Wait until a bridge has connected so often, or was taken in."""
    async with asyncio.timeout(20 + times):
        while len(impostor.sessions) < times and not any(map(beyond_greeting, impostor.sessions)):
            await asyncio.sleep(0.01)


def hello_then(device_key: bytes | None, version: int = link.PROTOCOL_VERSION) -> Callable[[bytes, int], list[bytes]]:
    """Answers of a device: a hello of that version, and after it an info that is sealed with that key, if any."""
    session = link.Session(device_key or bytes(16), True)

    def answers(frame: bytes, number: int) -> list[bytes]:
        if number == 0:
            nonce = os.urandom(link.NONCE_LENGTH)
            session.begin(frame[2:10], nonce)
            return [bytes((link.HELLO, version)) + nonce]
        if device_key is None:
            return []
        length = link.pack_info(session.out, 4, (7, 1, 0, 100, 50), (0, 5000), (0, 9), 0)
        return [bytes(session.out[: session.seal(length)])]

    return answers


async def test_a_device_with_another_key_at_the_genuine_ones_address(
    attacks: AttackTable, rounds: Rounds, air: Air, home: Home, personality: Personality
) -> None:
    """It relays adverts, so the bridge connects; it learns a nonce and that somebody asks, and is believed nothing."""
    row = attacks.row("device with another key at the genuine one's address")
    wearable = RebootingWearable(air, personality)
    wearable.bluetooth.power_cut()
    impostor = Impostor(air, personality, wearable, hello_then(OTHER_KEY))
    log = Log()
    async with overheard_bridge(home, log) as bridge, relaying(impostor, 1000):
        await visited(impostor, rounds(3))
        (view,) = bridge.live.snapshot()
        assert bridge.received == 0 and not view.connected
    for session in impostor.sessions:
        count(row, beyond_greeting(session))
    row.accepted += len(home.stored())


@pytest.mark.parametrize("version", [0, 2, 255])
async def test_a_device_of_another_protocol_version(
    attacks: AttackTable, rounds: Rounds, air: Air, home: Home, version: int
) -> None:
    """It has the key, even; the bridge says its hello and nothing more."""
    row = attacks.row("device downgraded: another protocol version in its hello")
    wearable = RebootingWearable(air, NIMBLE)
    wearable.bluetooth.power_cut()
    impostor = Impostor(air, NIMBLE, wearable, hello_then(KEY, version))
    async with overheard_bridge(home, Log()), relaying(impostor, 1000):
        await visited(impostor, rounds(2))
    for session in impostor.sessions:
        count(row, session[1:])
    assert home.stored() == {}


async def test_a_host_of_another_protocol_version(
    attacks: AttackTable, rounds: Rounds, air: Air, personality: Personality
) -> None:
    """It has the key, even; the device does not answer it, and drops it."""
    row = attacks.row("host downgraded: another protocol version in its hello")
    wearable = RebootingWearable(air, personality)
    await wearable.live(2)
    before = told(wearable)
    for version in (0, 2, 255)[: rounds(3)]:
        answers = await say(wearable, [bytes((link.HELLO, version)) + bytes(8), sealed_question()])
        count(row, answers or told(wearable) != before)
    assert wearable.device.peripheral.refused[link.OTHER_VERSION] == 3


def sealed_question() -> bytes:
    """What a host with the key would ask next, if the device had answered its nonce with zeros."""
    session = link.Session(KEY, False)
    session.begin(bytes(8), bytes(8))
    session.out[4] = link.ASK_INFO
    return bytes(session.out[: session.seal(1)])


async def say(wearable: RebootingWearable, frames: list[bytes]) -> list[bytes]:
    """Connect as a stranger, write these until dropped, and return what the device notified."""
    heard: list[bytes] = []
    client = BleakClient(wearable.address, backend=AirClient, air=wearable.air, timeout=8)

    async def talk() -> None:
        with suppress(BleakError):
            await client.connect()
            await client.start_notify(link.STREAM_UUID, lambda _, frame: heard.append(bytes(frame)))
            for frame in frames:
                await client.write_gatt_char(link.CONTROL_UUID, frame, response=True)
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        await client.disconnect()

    task = asyncio.create_task(talk())
    await wearable.live_until(task.done)
    await task
    await wearable.live(0.2)
    return heard


async def recorded(wearable: RebootingWearable, home: Home) -> tuple[Log, list[bytes], int]:
    """All frames of one session, all adverts from before it to after it, and how many until the bridge was ended."""
    log = Log()
    async with heard_adverts(wearable.air) as adverts:
        await wearable.live(8)
        async with overheard_bridge(home, log):
            await wearable.live_until(lambda: wearable.journal.acknowledged >= 8)
            await settled(wearable, home)
            until_end = len(adverts)
        await wearable.live_until(lambda: not wearable.device.peripheral.connection_count)
        await wearable.live(13)  # a Pico W lets nobody connect at first
    assert len(log.to_device) >= 5 and len(log.to_host) > 3 and len(adverts) > 15
    return log, adverts, until_end


@pytest.mark.parametrize("reboots", [False, True])
async def test_a_hosts_recorded_session_played_back_to_the_device(
    attacks: AttackTable, rounds: Rounds, air: Air, home: Home, personality: Personality, reboots: bool
) -> None:
    row = attacks.row("host's recorded session played back, device rebooted or not")
    wearable = RebootingWearable(air, personality)
    log, _, _ = await recorded(wearable, home)
    if reboots:
        wearable.boot()
        await wearable.live(2)
    before = told(wearable)
    for first in range(rounds(2)):  # whole; without its hello; and so on
        frames = log.to_device[first % len(log.to_device) :]
        answers = await say(wearable, frames)
        is_answered = any(frame[0] != link.HELLO for frame in answers)
        count(row, is_answered or told(wearable) != before)
    assert sum(wearable.device.peripheral.refused) > 0


@pytest.mark.parametrize("reboots", [False, True])
async def test_a_devices_recorded_adverts_and_session_played_back_to_the_bridge(
    attacks: AttackTable,
    rounds: Rounds,
    air: Air,
    home: Home,
    personality: Personality,
    drawn: random.Random,
    mocker: Any,
    reboots: bool,
) -> None:
    adverts_row = attacks.row("device's recorded adverts played back on the air, bridge restarted")
    frames_row = attacks.row("device's recorded session played back to a bridge")
    wearable = RebootingWearable(air, personality)
    log, adverts, until_end = await recorded(wearable, home)
    if reboots:  # and one that has rebooted has been heard since
        wearable.boot()
        async with overheard_bridge(home, Log()):
            before = wearable.journal.acknowledged
            await wearable.live_until(lambda: wearable.journal.acknowledged > before)
            await settled(wearable, home)
    wearable.bluetooth.power_cut()
    stored = home.stored()

    impostor = Impostor(air, personality, wearable, lambda frame, number: log.to_host if number == 0 else [])
    async with overheard_bridge(home, Log()) as bridge:
        hear = mocker.spy(bridge._intake, "hear")
        unconfirmed = mocker.spy(bridge._intake, "hear_unconfirmed")
        old = adverts if reboots else adverts[:until_end]  # the bridge has heard these, or later ones
        for sealed in [*old, *drawn.sample(old, len(old))]:
            impostor.advertise(sealed)
            await asyncio.sleep(0.003)
            count(adverts_row, False)
        adverts_row.accepted += hear.call_count + unconfirmed.call_count
        hear.reset_mock()
        high, low = wearable.device.peripheral.advert_counter
        async with relaying(impostor, (high << 20 | low) + 50):
            await visited(impostor, rounds(3))
        by_link = [call for call in hear.call_args_list if call.args[2] == "link"]
        frames_row.tried += len(log.to_host) * len(impostor.sessions)
        frames_row.accepted += len(by_link) + sum(bool(beyond_greeting(each)) for each in impostor.sessions)
    frames_row.accepted += home.stored() != stored
