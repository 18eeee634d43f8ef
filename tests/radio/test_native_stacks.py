"""The firmware on MicroPython's real Bluetooth stacks: needs VIGIL_MICROPYTHON, built with NimBLE or with BTstack."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakGATTProtocolErrorCode
from tests.radio.native_wearable import NativeWearable, native_stack, need_native
from tests.radio.test_bonds import Reader
from tests.radio.test_line import FALLING, KEY, WELL, Home, listening
from tests.radio.test_standard_services import (
    ABOUT,
    HARDWARE,
    HEART_RATE,
    PLX,
    PLX_FEATURES,
    RACP,
    SPOT_CHECK,
    TEMPERATURE,
    heard_by,
    is_silent,
    readable_of,
    refusals,
    told_by,
)

from vigil_firmware.peripheral import ADDRESS_PERIOD_MS
from vigil_host.radio.air import Air
from vigil_host.radio.personality import BTSTACK, NIMBLE
from vigil_wire import conditions, heart_rate, link, plx, racp
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OFF, SERVICES_OPEN

pytestmark = pytest.mark.anyio

HEADING = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"
Start = Callable[..., Awaitable[NativeWearable]]


@pytest.fixture
async def start(air: Air) -> AsyncIterator[Start]:
    """Start a wearable with its standard services off, bonded or open; nothing in it may raise."""
    started: list[NativeWearable] = []

    async def start(services: int, *frames: str) -> NativeWearable:
        settings = {"summary_interval_s": 1, "standard_services": services}
        started.append(NativeWearable(air, settings, [HEADING, *(frames or (WELL,))], KEY))
        return await started[-1].started()

    yield start
    for wearable in started:
        assert not [line for line in wearable.lines if "Traceback" in line or "rror" in line]


async def until(wearable: NativeWearable, expression: str, times_as_fast: int = 3) -> None:
    """Let the device live on until an expression holds there, so slowly that a host can prove itself in time."""
    async with asyncio.timeout(30):
        while not await wearable.ask(expression):
            await wearable.live(0.1, times_as_fast)


async def settled(wearable: NativeWearable) -> None:
    """Let the device stand still, but for its radio, until all it has is acknowledged."""
    async with asyncio.timeout(10):
        while await wearable.ask("(device.step(Clock.now_ms), journal.newest - journal.acknowledged)[1]"):
            await asyncio.sleep(0.01)


async def kept(wearable: NativeWearable) -> dict[int, bytes]:
    """The records in the journal, by sequence number."""
    found = await wearable.ask("kept()")
    return {int(sequence): bytes.fromhex(record) for sequence, record in found.items()}


@asynccontextmanager
async def connected(wearable: NativeWearable, person: Any = None) -> AsyncIterator[BleakClient]:
    """A central that is connected, while the device lives on."""
    client = wearable.central(person)
    await wearable.doing(client.connect())
    yield client
    if client.is_connected:
        await wearable.doing(client.disconnect())


async def test_adverts_are_heard_and_say_what_was_measured(air: Air, start: Start) -> None:
    need_native(NIMBLE, BTSTACK)
    wearable = await start(SERVICES_OFF, *FALLING)
    async with listening(air) as heard:
        await wearable.live(13, 10)
        measured = await wearable.ask("[device.monitor.vitals.spo2.value, device.monitor.vitals.pulse_rate.value]")
        await asyncio.sleep(0.3)
        assert [heard[-1].spo2_deci_pct, heard[-1].pulse_rate_deci_bpm] == measured
        await until(wearable, f"device.monitor.alarms.bits >> {conditions.SPO2_FALLING} & 1", 10)
        await asyncio.sleep(0.3)
        assert heard[-1].alarm_bits == await wearable.ask("device.monitor.alarms.bits")


async def test_every_record_is_stored_once_to_the_byte(air: Air, start: Start, tmp_path: Path) -> None:
    need_native(NIMBLE, BTSTACK)
    wearable = await start(SERVICES_OFF)
    home = Home(air, tmp_path)
    await wearable.live(20)
    async with home.bridge() as bridge:
        await until(wearable, "journal.acknowledged >= 25")
        await settled(wearable)
        (view,) = bridge.live.snapshot()
        assert view.link == "connected"
        assert view.spo2_pct == await wearable.ask("device.monitor.vitals.spo2.value") / 10
    assert home.stored() == await kept(wearable)
    assert home.store.gaps(home.device_id) == []
    home.store.close()


async def test_a_silence_that_fills_the_stack_loses_no_record(air: Air, start: Start, tmp_path: Path) -> None:
    need_native(NIMBLE, BTSTACK)
    wearable = await start(SERVICES_OFF)
    home = Home(air, tmp_path)
    await wearable.live(5)
    async with home.bridge():
        await until(wearable, "journal.acknowledged >= 5")
        air.silent = True
        for _ in range(16 if native_stack() is BTSTACK else 30):  # one message a second goes out
            await wearable.live(5, 100)
            waits = await wearable.ask("device.peripheral._connections[0].end._kept > 0")
            if waits:
                break
        assert waits == (native_stack() is NIMBLE)  # it has said ENOMEM; BTstack takes all
        air.silent = False
        await until(wearable, "journal.acknowledged > 60")
        await settled(wearable)
    assert air.counters.connections == 1
    assert home.stored() == await kept(wearable)
    assert home.store.gaps(home.device_id) == []
    home.store.close()


async def test_adverts_take_nothing_from_the_heap(start: Start) -> None:
    need_native(NIMBLE, BTSTACK)
    wearable = await start(SERVICES_OFF)
    await wearable.live(15)
    assert await wearable.ask("radio_bytes(50)") == 0


async def test_a_passkey_opens_the_standard_services_and_nothing_else_does(start: Start) -> None:
    need_native(NIMBLE)
    wearable = await start(SERVICES_BONDED)
    await wearable.live(15)
    async with connected(wearable) as stranger:
        untold = await heard_by(stranger)
        assert await refusals(stranger) == {BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION}
        await wearable.live(3, 10)
        assert is_silent(untold)
    await wearable.open_pairing()
    async with connected(wearable, Reader(wearable)) as phone:  # type: ignore[arg-type]
        told = await heard_by(phone)
        await wearable.doing(phone.pair())
        await wearable.live(6, 10)
        assert (await phone.read_gatt_char(next(iter(ABOUT)))).decode() == "Vigil"
        await asyncio.sleep(0.1)
        spo2, pulse_rate = await wearable.ask(
            "[device.monitor.vitals.spo2.value, device.monitor.vitals.pulse_rate.value]"
        )
        assert plx.Continuous(told[PLX][-1]).spo2_pct == (spo2, -1)
        assert heart_rate.Measurement(told[HEART_RATE][-1]).rate_bpm == (pulse_rate + 5) // 10
        assert told[TEMPERATURE]
        await wearable.live(20, 20)
        told[SPOT_CHECK].clear()
        await phone.write_gatt_char(RACP, b"\1\1", response=True)
        await wearable.live(2, 10)
        await asyncio.sleep(0.1)
        assert [racp.Answer(each).code for each in told[RACP]] == [racp.SUCCESS]
        kept_status = plx.VALIDATED | plx.FROM_STORAGE
        assert [plx.SpotCheck(each).measurement_status for each in told[SPOT_CHECK]] == [kept_status]


async def test_open_services_are_all_there_and_tell_everybody(start: Start) -> None:
    need_native(NIMBLE, BTSTACK)
    stack = native_stack()
    assert stack
    wearable = await start(SERVICES_OPEN)
    await wearable.live(15)
    async with connected(wearable) as client:
        there = {each.uuid for each in client.services.characteristics.values()}
        assert there >= {*told_by(stack), *readable_of(stack), link.CONTROL_UUID, link.STREAM_UUID}
        told = await heard_by(client)
        await wearable.live(6, 10)
        await asyncio.sleep(0.1)
        spo2 = await wearable.ask("device.monitor.vitals.spo2.value")
        assert plx.Continuous(told[PLX][-1]).spo2_pct == (spo2, -1)
        assert told[TEMPERATURE]
        assert plx.Features(await client.read_gatt_char(PLX_FEATURES)).supported == (0x4F if stack is NIMBLE else 0x43)
        for uuid in readable_of(stack):
            assert await client.read_gatt_char(uuid) or uuid == HARDWARE


async def test_the_address_is_drawn_anew_and_the_device_goes_on(air: Air, start: Start) -> None:
    need_native(NIMBLE)
    wearable = await start(SERVICES_OFF)
    await wearable.live(1)
    addresses = [wearable.address]
    for _ in range(2):
        await wearable.ask(f"setattr(Clock, 'now_ms', Clock.now_ms + {ADDRESS_PERIOD_MS})")
        await wearable.live(1)
        addresses.append(wearable.address)
    assert len(set(addresses)) == 3
    assert all(int(address[:2], 16) & 0xC0 == 0xC0 for address in addresses)
    async with listening(air) as heard, connected(wearable):
        await wearable.live(2, 10)
    assert heard


async def test_a_pico_w_says_that_it_cannot_offer_bonded_services(start: Start) -> None:
    need_native(BTSTACK)
    wearable = await start(SERVICES_BONDED)
    assert [line for line in wearable.lines if "a board with BTstack cannot pair" in line]
    await wearable.live(1)
    async with connected(wearable) as client:
        there = {each.uuid for each in client.services.characteristics.values()}
        assert link.STREAM_UUID in there and PLX not in there
