"""Writes of any length and content to everything that can be written, by a stranger whom open services let stay."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.exc import BleakError
from tests.attacks.conftest import count, spoil
from tests.attacks.home import told
from tests.attacks.table import AttackTable
from tests.radio.test_standard_services import RACP, SPOT_CHECK, Wearable

from vigil_host.radio.air import Air
from vigil_host.radio.personality import NIMBLE, Personality
from vigil_wire import link, racp
from vigil_wire.settings import SERVICES_OPEN

pytestmark = pytest.mark.anyio

Rounds = Callable[[int], int]
REQUESTS = [bytes.fromhex(each) for each in ("0101", "0201", "0300", "0401")]
LENGTHS = (0, 1, 2, 3, 20, 21, 100, 243, 244, 245, 400, 512)


def wrong(genuine: list[bytes], drawn: random.Random) -> bytes:
    """Something that is none of the genuine."""
    while True:
        made = spoil(drawn.choice(genuine), drawn) if drawn.random() < 0.6 else drawn.randbytes(drawn.choice(LENGTHS))
        if made not in genuine and made[:2] not in genuine:
            return made


async def write(client: Any, place: Any, data: bytes) -> None:
    """Write to a characteristic or a descriptor; that it is refused is what should be."""
    backend = client._backend
    to = backend.write_gatt_descriptor if isinstance(place, BleakGATTDescriptor) else backend.write_gatt_char
    with suppress(BleakError):
        async with asyncio.timeout(2):
            await (to(place, data) if isinstance(place, BleakGATTDescriptor) else to(place, data, True))


async def test_writes_to_client_configurations(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air, personality: Personality
) -> None:
    row = attacks.row("oversize or malformed write to client configurations")
    wearable = Wearable(air, personality, SERVICES_OPEN)
    await wearable.live(3)
    before = told(wearable)
    for _ in range(rounds(1)):
        async with wearable.central() as client:
            places = [
                place
                for service in client.services
                if not service.uuid.startswith(("00001800-", "00001801-"))  # the stack's own
                for each in service.characteristics
                for place in each.descriptors
            ]
            assert len(places) >= 4
            for place in places * 2:
                await write(client, place, drawn.randbytes(drawn.choice(LENGTHS)))
                count(row, False)
            await wearable.live(1)
            assert client.is_connected
        await wearable.live(11)
    row.accepted += told(wearable) != before


async def test_writes_to_the_record_control(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air, personality: Personality
) -> None:
    """Each ends that connection, and no other's; nothing is told and nothing changed."""
    row = attacks.row("oversize or malformed write to the record control point")
    wearable = Wearable(air, personality, SERVICES_OPEN)
    await wearable.live(3)
    before = told(wearable)
    genuine = [link.hello(bytes(8))]
    for _ in range(rounds(4)):
        heard: list[bytes] = []
        async with wearable.central() as client:
            control = client.services.get_characteristic(link.CONTROL_UUID)
            await client.start_notify(link.STREAM_UUID, lambda _, frame, heard=heard: heard.append(bytes(frame)))
            if drawn.random() < 0.5:
                await write(client, control, genuine[0])
                await wearable.live(0.1)
            for _ in range(drawn.choice((1, 40))):  # or more than a device keeps waiting
                frame = wrong(genuine, drawn)
                is_hello = len(frame) == link.HELLO_LENGTH and frame[:2] == genuine[0][:2]
                await write(client, control, b"" if is_hello else frame)
            await wearable.live(0.5)
            await asyncio.sleep(0.02)
            is_told = any(frame[0] != link.HELLO for frame in heard)
            count(row, client.is_connected or is_told or told(wearable) != before)
        await wearable_lets_in(wearable)
    assert sum(wearable.device.peripheral.refused) > 0


async def wearable_lets_in(wearable: Wearable) -> None:
    """Wait until its door is open."""
    await wearable.live(0.3)
    while not wearable.device.peripheral._door.is_open:
        await wearable.live(0.5)


async def test_writes_to_the_record_access_control_point(
    attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air
) -> None:
    """Each is answered with its error, or not at all; no record is given, counted or deleted."""
    row = attacks.row("oversize or malformed write to the record access control point")
    wearable = Wearable(air, NIMBLE, SERVICES_OPEN)
    await wearable.live(30)
    checks = wearable.device.peripheral._standard._spot_checks
    assert checks.count == 1
    async with wearable.central() as client:
        answers: list[bytes] = []
        reported: list[bytes] = []
        await client.start_notify(RACP, lambda _, value: answers.append(bytes(value)))
        await client.start_notify(SPOT_CHECK, lambda _, value: reported.append(bytes(value)))
        await wearable.live(1)
        reported.clear()
        place = client.services.get_characteristic(RACP)
        for _ in range(rounds(40)):
            await write(client, place, wrong(REQUESTS, drawn))
            await wearable.live(0.2)
            count(row, False)
        await wearable.live(2)
        codes = [racp.Answer(each) for each in answers]
        row.accepted += len(reported) + sum(each.code in (None, racp.SUCCESS) for each in codes)
        assert checks.count == 1 and len(codes) > 20
        await client.write_gatt_char(RACP, REQUESTS[0], response=True)
        await wearable.live(1)
        await asyncio.sleep(0.02)
        assert len(reported) == 1  # and a right one is answered as ever
