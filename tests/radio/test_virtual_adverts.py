"""Adverts of the virtual radio, as a bleak scanner hears them."""

import asyncio
from typing import Any

import pytest
from bleak import BleakScanner
from bleak.exc import BleakError

from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirScanner

pytestmark = pytest.mark.anyio


async def test_31_bytes_arrive_whole(air: Air, device: Any) -> None:
    """The longest advert is heard with its manufacturer data intact."""
    assert len(device.ADVERT) == 31
    device.advertise()
    [(found, advert)] = await device.heard(1)
    assert found.address == device.address
    assert advert.manufacturer_data == {0xFFFF: bytes(range(24))}
    assert advert.rssi == -50


async def test_renewed_payload_is_heard(air: Air, device: Any) -> None:
    """Every renewal while advertising reaches the scanner, in order."""
    seen: list[bytes] = []
    async with BleakScanner(
        lambda _, advert: seen.append(advert.manufacturer_data[0xFFFF]), backend=AirScanner, air=air
    ):
        for number in range(5):
            device.advertise(device.FLAGS + bytes([4, 0xFF, 0xFF, 0xFF, number]))
            await device.until(lambda number=number: seen and seen[-1] == bytes([number]))
    assert sorted(set(seen)) == [bytes([number]) for number in range(5)]
    assert seen == sorted(seen)


async def test_every_field_that_bleak_knows(air: Air, device: Any) -> None:
    """Name, service UUIDs, service data and power are decoded; the scan response only when asked for."""
    uuid128 = bytes(range(16))
    data = device.FLAGS + b"\x03\x03\x22\x18" + b"\x04\x16\x0f\x18\x64" + b"\x02\x0a\xfc"
    response = b"\x06\x09Vigil" + b"\x11\x07" + uuid128
    device.ble.gap_advertise(device.INTERVAL_US, data, resp_data=response)
    [(found, active)] = await device.heard(1)
    assert found.name == active.local_name == "Vigil"
    assert active.service_uuids == [
        "00001822-0000-1000-8000-00805f9b34fb",
        "0f0e0d0c-0b0a-0908-0706-050403020100",
    ]
    assert active.service_data == {"0000180f-0000-1000-8000-00805f9b34fb": b"\x64"}
    assert active.tx_power == -4
    [(_, passive)] = await device.heard(1, scanning_mode="passive")
    assert passive.local_name is None
    assert passive.service_uuids == ["00001822-0000-1000-8000-00805f9b34fb"]


async def test_service_filter(air: Air, device: Any) -> None:
    """A filter on another service hears nothing."""
    device.advertise(device.FLAGS + b"\x03\x03\x22\x18")
    assert len(await device.heard(1, service_uuids=["00001822-0000-1000-8000-00805f9b34fb"])) == 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await device.heard(1, service_uuids=["0000180d-0000-1000-8000-00805f9b34fb"])


async def test_stop_and_resume_with_the_previous_data(air: Air, device: Any) -> None:
    """An interval of None stops; data of None keeps what was advertised before."""
    device.advertise()
    await device.heard(1)
    device.ble.gap_advertise(None)
    count = air.counters.adverts
    await asyncio.sleep(0.06)
    assert air.counters.adverts == count
    device.advertise(None)
    [(_, advert)] = await device.heard(1)
    assert advert.manufacturer_data == {0xFFFF: bytes(range(24))}


async def test_nimble_refuses_32_bytes_and_stops(air: Air, nimble: Any) -> None:
    """NimBLE raises -18, having already stopped the advert before."""
    nimble.advertise()
    await nimble.heard(1)
    with pytest.raises(OSError) as caught:
        nimble.advertise(bytes(32))
    assert caught.value.args == (-18,)
    count = air.counters.adverts
    await asyncio.sleep(0.05)
    assert air.counters.adverts == count


async def test_btstack_accepts_32_bytes_and_keeps_the_old(air: Air, btstack: Any) -> None:
    """BTstack says nothing; the air keeps the previous data."""
    btstack.advertise()
    btstack.advertise(bytes(32))
    [(_, advert)] = await btstack.heard(1)
    assert advert.manufacturer_data == {0xFFFF: bytes(range(24))}


async def test_advert_stops_at_a_connection(air: Air, device: Any) -> None:
    """Neither stack goes on advertising by itself, during the link or after it."""
    device.advertise()
    async with device.client():
        count = air.counters.adverts
        await asyncio.sleep(0.05)
        assert air.counters.adverts == count
    await device.until(lambda: device.of(2))
    await asyncio.sleep(0.05)
    assert air.counters.adverts == count


async def test_nimble_advertises_during_a_link(air: Air, nimble: Any) -> None:
    """Restarted after the connection, NimBLE is heard by others."""
    nimble.advertise()
    async with nimble.client():
        nimble.advertise()
        await nimble.heard(2)


async def test_btstack_is_silent_during_a_link(air: Air, btstack: Any) -> None:
    """BTstack accepts every call and is heard again only when advertising is restarted after the link."""
    btstack.advertise()
    async with btstack.client():
        count = air.counters.adverts
        for _ in range(5):
            btstack.advertise()
            await asyncio.sleep(0.02)
        assert air.counters.adverts == count
    await btstack.until(lambda: btstack.of(2))
    await asyncio.sleep(0.05)
    assert air.counters.adverts == count
    btstack.advertise()
    await btstack.heard(1)


async def test_not_connectable(air: Air, device: Any) -> None:
    """An advert that does not accept connections is heard, and connecting to it times out."""
    device.ble.gap_advertise(device.INTERVAL_US, device.ADVERT, connectable=False)
    await device.heard(1)
    with pytest.raises(TimeoutError):
        await device.client(timeout=0.1).connect()
    assert not [event for event, _ in device.events if event == 1]  # a central has connected


async def test_random_address(air: Air, device: Any) -> None:
    """addr_mode 1 draws a new static random address, which is on the air and can be connected to."""
    public = device.address
    device.ble.config(addr_mode=1)
    kind, address = device.ble.config("mac")
    assert kind == 1
    assert address[0] >= 0xC0
    assert device.address != public
    device.advertise()
    [(found, _)] = await device.heard(1)
    assert found.address == device.address
    async with device.client() as client:
        assert client.is_connected


async def test_private_addresses(nimble: Any, btstack: Any) -> None:
    """NimBLE draws a resolvable and a non-resolvable address; BTstack has neither."""
    for mode, bits in ((2, 0b01), (3, 0b00)):
        before = nimble.address
        nimble.ble.config(addr_mode=mode)
        assert nimble.ble.config("mac")[1][0] >> 6 == bits
        assert nimble.address != before
        with pytest.raises(OSError) as caught:
            btstack.ble.config(addr_mode=mode)
        assert caught.value.args == (22,)


async def test_two_devices(air: Air, nimble: Any, btstack: Any) -> None:
    """Two devices on one air are told apart by address."""
    nimble.advertise(nimble.FLAGS + b"\x04\xff\xff\xff\x01")
    btstack.advertise(nimble.FLAGS + b"\x04\xff\xff\xff\x02")
    found = {device.address: advert.manufacturer_data[0xFFFF] for device, advert in await nimble.heard(6)}
    assert found == {nimble.address: b"\x01", btstack.address: b"\x02"}


async def test_silence_loses_adverts(air: Air, device: Any) -> None:
    """Nothing is heard while the air is silent."""
    device.advertise()
    await device.heard(1)
    air.silent = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await device.heard(1)
    await device.until(lambda: air.counters.adverts_lost > 2)
    air.silent = False
    await device.heard(1)


async def test_a_scanner_starts_once(air: Air) -> None:
    """Starting twice is an error, stopping twice is not; a scanner may start again."""
    scanner = BleakScanner(backend=AirScanner, air=air)
    await scanner.start()
    with pytest.raises(BleakError):
        await scanner.start()
    await scanner.stop()
    await scanner.stop()
    await scanner.start()
