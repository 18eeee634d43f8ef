"""The bridge as a whole, against devices and air that are stand-ins."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.device import BLEDevice
from tests.host.running import running as running_from_now
from tests.host.running import wait_for

from vigil_host import bridge as bridge_module
from vigil_host import private_file
from vigil_host.bridge import Bridge
from vigil_host.clock import Clock
from vigil_host.devices import Devices
from vigil_host.store import Store, StoreError
from vigil_wire import conditions, keys
from vigil_wire.settings import pack_curve


@pytest.fixture
def devices(tmp_path: Path, key: bytes) -> Devices:
    devices = Devices(tmp_path / "devices.toml")
    devices.add(keys.setup_code(key), "Ada", "Band")
    return devices


@pytest.fixture
def bridge_of(home: Any, air: Any, devices: Devices) -> Callable[..., Bridge]:
    """Make a bridge whose only reachable device is the home's."""

    def make(**how: Any) -> Bridge:
        return Bridge(home.store, devices, air.scanner, home.device.client, **how)

    return make


@asynccontextmanager
async def running(air: Any, bridge: Bridge) -> AsyncIterator[Bridge]:
    async with running_from_now(bridge):
        await wait_for(lambda: len(air.scanners) > 0)
        yield bridge


def test_from_the_air_to_the_store(
    home: Any, air: Any, bridge_of: Any, key: bytes, content_bytes: Any, run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        for number in range(10):
            home.device.journal.vitals(number * 10_000)
        async with running(air, bridge_of()) as bridge:
            kinds = bridge.events.subscribe()
            air.advertise(key, content_bytes(alarm_bits=1 << conditions.SPO2_LOW, newest=9))
            await until(lambda: home.device.acknowledged == 9)
            (view,) = bridge.live.snapshot()
            assert (view.device_name, view.wearer_name, view.link) == ("Band", "Ada", "connected")
            assert view.pulse_rate_bpm == 72.0
            await until(lambda: [alarm.condition for alarm in bridge.alerts.active()] == ["spo2_low"])
            assert bridge.received == home.stored() == 10
        assert {kind async for kind in kinds} == {"row", "live", "alarms"}
        assert not home.device.clients[0].is_up
        assert air.scanners == []

    run(scenario())


@pytest.mark.parametrize("is_the_whole_bridge", [False, True])
def test_connects_only_with_devices_whose_record_it_keeps(
    home: Any,
    air: Any,
    devices: Devices,
    bridge_of: Any,
    key: bytes,
    content_bytes: Any,
    run: Any,
    until: Any,
    mocker: Any,
    is_the_whole_bridge: bool,
) -> None:
    """And raises nothing of its own about the others, whose limits it does not know."""
    devices.remove("Band")
    device = devices.add(keys.setup_code(key), "Ada", "Band", listen_only=not is_the_whole_bridge)
    recheck, own = mocker.spy(bridge_module, "Recheck"), mocker.spy(bridge_module, "OwnConditions")

    async def scenario() -> None:
        home.device.journal.vitals(0)
        async with running(air, bridge_of(listen_only=is_the_whole_bridge)) as bridge:
            for _ in range(5):
                air.advertise(key, content_bytes(alarm_bits=1 << conditions.SPO2_LOW))
            await until(lambda: [alarm.condition for alarm in bridge.alerts.active()] == ["spo2_low"])
            (view,) = bridge.live.snapshot()
            assert (view.link, view.pulse_rate_bpm) == ("adverts", 72.0)
            assert home.device.clients == [] and bridge.received == 0
            is_elsewhere = recheck.call_args.args[2]
            assert is_elsewhere is not None and is_elsewhere(device.id) and is_elsewhere == own.call_args.args[4]

    run(scenario())


def test_comes_back_when_the_link_is_lost(
    home: Any, air: Any, bridge_of: Any, key: bytes, content_bytes: Any, run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        home.device.journal.vitals(0)
        async with running(air, bridge_of()):
            air.advertise(key, content_bytes())
            await until(lambda: home.device.acknowledged == 0)
            home.device.clients[0].drop()
            home.device.journal.vitals(10_000)
            await until(lambda: air.advertise(key, content_bytes()) and home.device.acknowledged == 1)

    run(scenario())


def test_a_restarted_bridge_goes_on_where_it_was(
    home: Any, air: Any, bridge_of: Any, key: bytes, content_bytes: Any, run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        for end in (3, 6):
            while len(home.device.journal.records) < end:
                home.device.journal.vitals(0)
            async with running(air, bridge_of()):
                air.advertise(key, content_bytes())
                await until(lambda end=end: home.device.acknowledged == end - 1)
        assert home.device.fetched == [0, 3]
        assert home.stored() == 6

    run(scenario())


def test_devices_come_and_go_while_it_runs(
    home: Any,
    air: Any,
    bridge_of: Any,
    devices: Devices,
    content_bytes: Any,
    run: Callable[[Any], Any],
    until: Any,
    mocker: Any,
) -> None:
    async def scenario() -> None:
        mocker.patch.object(bridge_module, "DEVICES_PERIOD_S", 0.02)
        other = bytes((9,)) * 16
        async with running(air, bridge_of()) as bridge:
            added = Devices(devices.path).add(keys.setup_code(other), name="Other")
            await until(lambda: len(bridge.live.snapshot()) == 2)
            await asyncio.sleep(0.05)
            air.advertise(other, content_bytes(), BLEDevice("DD:DD:DD:DD:DD:DD", None, None))
            assert bridge.live.snapshot()[1].pulse_rate_bpm == 72.0
            await until(lambda: home.device.sessions == 1)
            Devices(devices.path).remove(added.id)
            await until(lambda: len(bridge.live.snapshot()) == 1)
            await asyncio.sleep(0.05)
            assert not home.device.clients[0].is_up
            devices.path.write_text("nonsense = [")
            await asyncio.sleep(0.05)
            assert len(bridge.live.snapshot()) == 1

    run(scenario())


def test_a_new_curve_is_brought_by_a_new_session(
    home: Any,
    air: Any,
    bridge_of: Any,
    devices: Devices,
    key: bytes,
    content_bytes: Any,
    run: Callable[[Any], Any],
    until: Any,
    mocker: Any,
) -> None:
    async def scenario() -> None:
        mocker.patch.object(bridge_module, "DEVICES_PERIOD_S", 0.02)
        home.device.journal.vitals(0)
        async with running(air, bridge_of()):
            air.advertise(key, content_bytes())
            await until(lambda: home.device.acknowledged == 0)
            assert home.device.curves == []  # which curve it has is the device's own matter until one is given
            curve = ((400, 990), (1100, 760))
            Devices(devices.path).calibrate("Band", curve)
            await until(lambda: not home.device.clients[0].is_up)
            told = [bytes(pack_curve(curve))]
            await until(lambda: air.advertise(key, content_bytes()) and home.device.curves == told)
            Devices(devices.path).rename("Band", "Clip")
            await asyncio.sleep(0.1)
            assert home.device.sessions == 2

    run(scenario())


def test_what_it_cannot_go_on_after_is_raised_plainly(
    bridge_of: Any, run: Callable[[Any], Any], store: Store, mocker: Any
) -> None:
    mocker.patch.object(store, "add_device", side_effect=StoreError("the disk is full"))
    with pytest.raises(StoreError, match="the disk is full"):
        run(bridge_of().run())


def test_cancelling_it_cancels_it(bridge_of: Any, air: Any, run: Callable[[Any], Any], until: Any) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(bridge_of().run())
        await until(lambda: bool(air.scanners))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert air.scanners == []

    run(scenario())


def test_a_device_heard_under_its_next_key_is_greeted_with_that_and_keeps_it_alone(
    home: Any,
    air: Any,
    bridge_of: Any,
    devices: Devices,
    content_bytes: Any,
    run: Callable[[Any], Any],
    until: Any,
    mocker: Any,
) -> None:
    """Although its one advert is not believed yet: the session proves it."""

    async def scenario() -> None:
        mocker.patch.object(bridge_module, "DEVICES_PERIOD_S", 0.02)
        home.device.key = devices.rotate("Band").possible_keys[1]
        async with running(air, bridge_of()):
            air._counters[home.device.key] = 7
            air.advertise(home.device.key, content_bytes())
            await until(lambda: Devices(devices.path).get("Band").possible_keys == (home.device.key,))
            await asyncio.sleep(0.1)
            assert home.device.sessions == 1
            assert home.device.clients[0].is_up

    run(scenario())


def test_a_wish_to_pair_reaches_the_device_once_and_is_taken_out(
    home: Any,
    air: Any,
    bridge_of: Any,
    devices: Devices,
    content_bytes: Any,
    run: Callable[[Any], Any],
    until: Any,
    mocker: Any,
) -> None:
    """One that has lapsed does not: the bridge was not connected in time."""

    async def scenario() -> None:
        mocker.patch.object(bridge_module, "DEVICES_PERIOD_S", 0.02)
        devices.ask_pairing("Band", Clock().utc_ms() - 60_000)
        async with running(air, bridge_of()):
            air.advertise(home.device.key, content_bytes())
            await until(lambda: bool(home.device.fetched))
            await asyncio.sleep(0.1)
            home.device.clients[0].stream_live()
            await asyncio.sleep(0.1)
            assert home.device.pairings == 0
            Devices(devices.path).ask_pairing("Band", Clock().utc_ms())
            while Devices(devices.path).get("Band").pair_before is not None:
                home.device.clients[0].stream_live()
                await asyncio.sleep(0.02)
            assert (home.device.pairings, home.device.sessions) == (1, 1)
            assert not Devices(devices.path).forget_pairing(home.device_id)

    run(scenario())


def test_a_file_that_cannot_be_written_keeps_both_keys_until_it_can(
    home: Any,
    air: Any,
    bridge_of: Any,
    devices: Devices,
    content_bytes: Any,
    run: Callable[[Any], Any],
    until: Any,
    mocker: Any,
    caplog: Any,
) -> None:
    async def scenario() -> None:
        mocker.patch.object(bridge_module, "DEVICES_PERIOD_S", 0.02)
        new = devices.rotate("Band").possible_keys[1]
        home.device.key = new
        full = mocker.patch.object(private_file, "replace", side_effect=OSError(28, "No space left on device"))
        async with running(air, bridge_of()):
            air.advertise(new, content_bytes())
            await until(lambda: "No space left" in caplog.text)
            assert Devices(devices.path).get("Band").next_key == new
            mocker.stop(full)
            await until(lambda: Devices(devices.path).get("Band").possible_keys == (new,))

    run(scenario())
