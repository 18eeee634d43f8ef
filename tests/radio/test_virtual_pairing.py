"""Pairing over the virtual radio."""

from typing import Any

import pytest
from bleak.exc import BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode
from bumble.pairing import PairingDelegate

from vigil_host.radio.bluetooth import UUID

pytestmark = pytest.mark.anyio

READ, READ_ENCRYPTED, READ_AUTHENTICATED = 0x0002, 0x0200, 0x0400
ENCRYPTED, AUTHENTICATED = "2a37", "2a38"
PASSKEY = 123456


class Person(PairingDelegate):
    """Somebody at the central's keyboard who reads what the device displays."""

    def __init__(self, passkey: int) -> None:
        """Know the passkey."""
        super().__init__(PairingDelegate.KEYBOARD_INPUT_ONLY)
        self.passkey = passkey

    async def get_number(self) -> int:
        """Type it."""
        return self.passkey


class Secrets:
    """An application that keeps bonds and displays passkeys."""

    def __init__(self, device: Any) -> None:
        """Take the place of the device's handler and offer protected values."""
        self.device = device
        self.kept: dict[tuple[int, bytes], bytes] = {}
        device.ble.irq(self.on_event)
        characteristics = (
            (UUID(0x2A37), READ | READ_ENCRYPTED),
            (UUID(0x2A38), READ | READ_AUTHENTICATED),
        )
        device.ble.gatts_register_services(((UUID(0x180D), characteristics),))
        device.advertise()

    def on_event(self, event: int, data: tuple[Any, ...]) -> Any:
        """Keep or return a secret, answer a passkey; log everything else."""
        if event == 30:
            kind, key, value = data
            self.kept[kind, bytes(key)] = bytes(value)
            return True
        if event == 29:
            kind, _, key = data
            return self.kept.get((kind, bytes(key)))
        if event == 31:
            link, action, _ = data
            assert action == 3
            self.device.ble.gap_passkey(link, action, PASSKEY)
        self.device.events.append((event, data))
        return None


async def refusal(client: Any, uuid: str) -> BleakGATTProtocolErrorCode:
    """Return the code with which a read is refused."""
    with pytest.raises(BleakGATTProtocolError) as caught:
        await client.read_gatt_char(uuid)
    return caught.value.code


async def test_protected_values_are_refused_without_pairing(device: Any) -> None:
    """Each flag has its own refusal."""
    Secrets(device)
    async with device.client() as client:
        assert await refusal(client, ENCRYPTED) == BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION
        assert await refusal(client, AUTHENTICATED) == BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION


async def test_just_works_encrypts_and_does_not_authenticate(nimble: Any) -> None:
    """Even where mitm was asked for, a central without input or output pairs; it is not authenticated."""
    Secrets(nimble)
    nimble.ble.config(bond=True, mitm=True, le_secure=True, io=0)
    async with nimble.client() as client:
        await client.pair()
        await nimble.until(lambda: nimble.of(28))
        assert nimble.of(28) == [(nimble.link, True, False, True, 16)]
        assert await client.read_gatt_char(ENCRYPTED) == b""
        assert await refusal(client, AUTHENTICATED) == BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION


async def test_passkey_authenticates_and_the_bond_lasts(nimble: Any) -> None:
    """A typed passkey authenticates; the same client reconnects encrypted from the stored secret."""
    application = Secrets(nimble)
    nimble.ble.config(bond=True, mitm=True, le_secure=True, io=0)
    client = nimble.client(pairing_delegate=Person(PASSKEY))
    async with client:
        await client.pair()
        assert await client.read_gatt_char(AUTHENTICATED) == b""
        assert nimble.of(28) == [(nimble.link, True, True, True, 16)]
    assert len(application.kept) == 1
    await nimble.until(lambda: nimble.of(2))
    nimble.events.clear()
    nimble.advertise()
    async with client:
        assert await client.read_gatt_char(AUTHENTICATED) == b""
        assert nimble.of(28) == [(nimble.link, True, True, True, 16)]
        assert nimble.of(31) == []


async def test_wrong_passkey(nimble: Any) -> None:
    """A wrong passkey fails the pairing and leaves the link in clear."""
    application = Secrets(nimble)
    nimble.ble.config(bond=True, mitm=True, le_secure=True, io=0)
    async with nimble.client(pairing_delegate=Person(PASSKEY + 1)) as client:
        with pytest.raises(BleakError):
            await client.pair()
        assert await refusal(client, ENCRYPTED) == BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION
    assert application.kept == {}


async def test_btstack_refuses_to_pair(btstack: Any) -> None:
    """A pairing request is refused and nothing is encrypted."""
    Secrets(btstack)
    async with btstack.client() as client:
        with pytest.raises(BleakError):
            await client.pair()
        assert await refusal(client, ENCRYPTED) == BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION
        assert btstack.of(28) == []
