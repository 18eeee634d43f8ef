"""Attacks on pairing and on the standard services: nobody without the passkey is told anything, and no bond is lost."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from bleak.exc import BleakError
from bumble.pairing import PairingDelegate
from tests.attacks.conftest import count
from tests.attacks.table import AttackTable
from tests.radio.test_bonds import Wearable, bonded, reads
from tests.radio.test_standard_services import Wearable as Offering

from vigil_host.radio.air import Air
from vigil_host.radio.personality import NIMBLE, Personality
from vigil_wire import link
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OFF, SERVICES_OPEN

pytestmark = pytest.mark.anyio

Rounds = Callable[[int], int]
PASSKEYS = 1_000_000
# What any Bluetooth device tells, in its GAP and GATT services: a neutral name and the shape of its table.
PUBLIC = ("00002a00-", "00002a01-", "00002a05-", "00002b29-", "00002b2a-")


class Guesser(PairingDelegate):
    """A stranger who sees no passkey and types one."""

    def __init__(self, drawn: random.Random) -> None:
        super().__init__(PairingDelegate.KEYBOARD_INPUT_ONLY)
        self.drawn = drawn

    async def get_number(self) -> int:
        """Guess."""
        return self.drawn.randrange(PASSKEYS)


async def door_open(wearable: Any) -> None:
    """Live until who comes finds the door open: after a few rounds it is shut for longer than a round lasts."""
    while not wearable.device.peripheral._door.is_open:
        await wearable.live(1)


async def gains(wearable: Any, client: Any) -> bool:
    """Whether the client is told anything, or reads anything, that is not for everybody."""
    heard: list[bytes] = []
    with suppress(BleakError, asyncio.CancelledError):
        for characteristic in list(client.services.characteristics.values()):
            if {"notify", "indicate"} & set(characteristic.properties):
                await client.start_notify(characteristic, lambda _, value: heard.append(bytes(value)))
    with suppress(BleakError, asyncio.CancelledError):
        for characteristic in list(client.services.characteristics.values()):
            if "read" in characteristic.properties and not characteristic.uuid.startswith(PUBLIC):
                with suppress(BleakError):
                    heard.append(bytes(await client.read_gatt_char(characteristic)))
    await wearable.live(6)
    await asyncio.sleep(0.02)
    return bool(heard)


async def test_pairing_just_works_under_a_bonded_address(attacks: AttackTable, rounds: Rounds, air: Air) -> None:
    row = attacks.row("paired Just Works over a good bond")
    wearable = Wearable(air)
    phone = await bonded(wearable)
    bonds = wearable.device.storage.bonds
    for number in range(rounds(2)):
        if number % 2:
            wearable.device.peripheral.open_pairing()
        stranger = wearable.central(like=phone)
        await wearable.doing(stranger.connect())
        with suppress(BleakError, asyncio.CancelledError):
            await wearable.doing(stranger.pair())
        is_told = stranger.is_connected and await gains(wearable, stranger)
        await wearable.doing(stranger.disconnect())
        await wearable.doing(phone.connect())
        is_phone_trusted = await reads(wearable, phone)
        await wearable.doing(phone.disconnect())
        count(row, is_told or wearable.device.storage.bonds != bonds or not is_phone_trusted)


async def test_guessing_the_passkey(attacks: AttackTable, rounds: Rounds, drawn: random.Random, air: Air) -> None:
    """A new one is drawn for each try, and there are few tries before the door shuts."""
    row = attacks.row("passkey guessed while pairing is open")
    wearable = Wearable(air)
    await wearable.live(1)
    bonds = wearable.device.storage.bonds
    for _ in range(rounds(2)):
        wearable.device.peripheral.open_pairing()
        stranger = wearable.central(Guesser(drawn))
        await wearable.doing(stranger.connect())
        with suppress(BleakError, asyncio.CancelledError):
            await wearable.doing(stranger.pair())
        is_told = stranger.is_connected and await gains(wearable, stranger)
        await wearable.doing(stranger.disconnect())
        count(row, is_told or wearable.device.storage.bonds != bonds)
        row.by_chance += 1 / PASSKEYS
    assert len(wearable.passkeys) == row.tried


@pytest.mark.parametrize("services", [SERVICES_OFF, SERVICES_BONDED])
@pytest.mark.parametrize("pairs", [False, True])
async def test_subscribing_without_a_bond(
    attacks: AttackTable, rounds: Rounds, air: Air, personality: Personality, services: int, pairs: bool
) -> None:
    row = attacks.row("subscribed to everything, read everything, without a bond")
    wearable = Offering(air, personality, services)
    await wearable.live(9)
    for _ in range(rounds(1)):
        await door_open(wearable)
        async with wearable.central() as stranger:
            offered = len(stranger.services.characteristics)
            if pairs:
                with suppress(BleakError, asyncio.CancelledError):
                    await stranger.pair()
            is_told = stranger.is_connected and await gains(wearable, stranger)
            for _ in range(offered):
                count(row, False)
            row.accepted += is_told
        await wearable.live(11)
    assert offered > (10 if services == SERVICES_BONDED and personality is NIMBLE else 2)


async def test_open_services_would_tell_such_a_stranger(air: Air, personality: Personality) -> None:
    """So that the attacks above are ones that could have had success."""
    wearable = Offering(air, personality, SERVICES_OPEN)
    await wearable.live(15)
    async with wearable.central() as stranger:
        assert await gains(wearable, stranger)


async def test_subscribing_to_the_record_stream(
    attacks: AttackTable, rounds: Rounds, air: Air, personality: Personality
) -> None:
    row = attacks.row("listened on the record stream after a hello, without the key")
    wearable = Offering(air, personality, SERVICES_BONDED)
    await wearable.live(9)
    for _ in range(rounds(1)):
        heard: list[bytes] = []
        await door_open(wearable)
        async with wearable.central() as stranger:
            await stranger.start_notify(link.STREAM_UUID, lambda _, frame, heard=heard: heard.append(bytes(frame)))
            await stranger.write_gatt_char(link.CONTROL_UUID, link.hello(bytes(8)), response=True)
            await wearable.live(6)
            await asyncio.sleep(0.02)
        assert heard
        count(row, [frame for frame in heard if frame[0] != link.HELLO])
        await wearable.live(11)
