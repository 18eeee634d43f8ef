"""Bonds over the virtual radio: made while pairing is open, kept, and never replaced by a stranger.

On the simulated stack and, where VIGIL_MICROPYTHON names a MicroPython with NimBLE, on the real one.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakError, BleakGATTProtocolError
from bumble.pairing import PairingDelegate
from tests.radio.native_wearable import NativeWearable, need_native

from vigil_firmware.monitor import STEP_MS
from vigil_hal.simulated.patient import parse_patient
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import NIMBLE
from vigil_host.simulated_device import simulated_device
from vigil_wire.settings import SERVICES_BONDED, Settings

pytestmark = pytest.mark.anyio

SCRIPT = (
    "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact",
    "0,72,97.5,2,36.7,0.02,1",
)
MANUFACTURER = "00002a29-0000-1000-8000-00805f9b34fb"


class Wearable:
    """A bonded device, stepped in the background fifty times as fast as its clock says."""

    def __init__(self, air: Air) -> None:
        self.air = air
        self.now_ms = 0
        self.lines: list[str] = []
        self.bluetooth = VirtualBluetooth(air, NIMBLE)
        patient = parse_patient([*SCRIPT], "script")
        settings = Settings(standard_services=SERVICES_BONDED)
        self.device = simulated_device(
            bytes(16), patient, settings, self.bluetooth, self.lines.append, lambda: self.now_ms
        )

    async def live(self, seconds: float) -> None:
        """Let so much of the device's own time go by."""
        for _ in range(round(seconds * 1000 / STEP_MS)):
            self.now_ms += STEP_MS
            self.device.step(self.now_ms)
            await asyncio.sleep(0.002)

    async def live_until(self, condition: Callable[[], object]) -> None:
        """Let the device live on until `condition` holds."""
        async with asyncio.timeout(10):
            while not condition():
                await self.live(STEP_MS / 1000)

    async def open_pairing(self) -> None:
        """Let a phone pair."""
        self.device.peripheral.open_pairing()

    async def bonds(self) -> bytes:
        """The bonds on flash."""
        return self.device.storage.bonds

    @property
    def passkeys(self) -> list[int]:
        """All that were shown."""
        return [int(line.split()[2]) for line in self.lines if "passkey" in line]

    def central(self, person: PairingDelegate | None = None, like: Any = None) -> Any:
        """A central of its own, or one that has taken the address of another."""
        address = ":".join(f"{byte:02X}" for byte in self.bluetooth.BLE().config("mac")[1])
        client = BleakClient(address, backend=AirClient, air=self.air, pairing_delegate=person)
        if like is not None:
            client._backend._own_address = like._backend._own_address
        return client

    async def doing(self, what: Any) -> Any:
        """Do what a central does while the device lives on."""
        task = asyncio.ensure_future(what)
        await self.live_until(task.done)
        return task.result()


@pytest.fixture(params=["simulated", "native"])
async def wearable(request: pytest.FixtureRequest, air: Air) -> Wearable | NativeWearable:
    """A bonded device."""
    if request.param == "simulated":
        return Wearable(air)
    need_native(NIMBLE)
    return await NativeWearable(air, {"standard_services": SERVICES_BONDED}, [*SCRIPT], bytes(16)).started()


class Reader(PairingDelegate):
    """Somebody who reads the passkey on the device and types it."""

    def __init__(self, wearable: Wearable | NativeWearable) -> None:
        super().__init__(PairingDelegate.KEYBOARD_INPUT_ONLY)
        self.wearable = wearable

    async def get_number(self) -> int:
        """Wait for it, and type."""
        while not self.wearable.passkeys:
            await asyncio.sleep(0.002)
        return self.wearable.passkeys[-1]


async def bonded(wearable: Wearable | NativeWearable) -> Any:
    """Pair a phone while pairing is open, and return it, disconnected."""
    await wearable.live(1)
    before = await wearable.bonds()
    await wearable.open_pairing()
    phone = wearable.central(Reader(wearable))
    await wearable.doing(phone.connect())
    await wearable.doing(phone.pair())
    await wearable.live(0.5)
    assert await reads(wearable, phone)
    await wearable.doing(phone.disconnect())
    assert await wearable.bonds() != before
    await wearable.live(130)  # and pairing is closed
    wearable.lines.clear()
    return phone


async def reads(wearable: Wearable | NativeWearable, client: Any) -> bool:
    """Whether the client reads what only trusted ones may."""
    try:
        return bool(await wearable.doing(client.read_gatt_char(MANUFACTURER)) == b"Vigil")
    except BleakGATTProtocolError:
        return False


async def test_a_bond_made_while_pairing_was_open_is_trusted_later(wearable: Wearable | NativeWearable) -> None:
    phone = await bonded(wearable)
    await wearable.doing(phone.connect())
    assert await reads(wearable, phone)
    await wearable.live(20)
    assert phone.is_connected
    assert wearable.passkeys == []
    await wearable.doing(phone.disconnect())


async def test_pairing_is_refused_while_it_is_not_open(wearable: Wearable | NativeWearable) -> None:
    await wearable.live(1)
    before = await wearable.bonds()  # the stack's own key
    client = wearable.central(Reader(wearable))
    await wearable.doing(client.connect())
    with pytest.raises((BleakError, asyncio.CancelledError)):
        await wearable.doing(client.pair())
    await wearable.live(1)
    assert not client.is_connected
    assert wearable.passkeys == []
    assert "it asked to pair, and pairing is not open" in wearable.lines[-1]
    assert await wearable.bonds() == before


@pytest.mark.parametrize("is_open", [False, True])
async def test_who_pairs_without_a_passkey_under_a_bonded_address_is_dropped_and_the_bond_stays(
    wearable: Wearable | NativeWearable, is_open: bool
) -> None:
    phone = await bonded(wearable)
    bonds = await wearable.bonds()
    if is_open:
        await wearable.open_pairing()
    stranger = wearable.central(like=phone)
    await wearable.doing(stranger.connect())
    await wearable.doing(stranger.pair())
    await wearable.live(0.5)
    assert not stranger.is_connected
    assert wearable.lines[-1] == "link: dropped a connection: it is not authenticated"
    assert await wearable.bonds() == bonds
    await wearable.doing(phone.connect())
    assert await reads(wearable, phone)
    await wearable.doing(phone.disconnect())


async def test_who_breaks_off_while_pairing_under_a_bonded_address_leaves_the_bond(
    wearable: Wearable | NativeWearable,
) -> None:
    phone = await bonded(wearable)
    stranger = wearable.central(Reader(wearable), like=phone)
    await wearable.doing(stranger.connect())
    pairing = asyncio.ensure_future(stranger.pair())  # outside the window: no passkey comes
    await wearable.live(0.5)
    assert not stranger.is_connected
    with pytest.raises((BleakError, asyncio.CancelledError)):
        await wearable.doing(pairing)
    await wearable.doing(phone.connect())
    assert await reads(wearable, phone)
    await wearable.doing(phone.disconnect())
