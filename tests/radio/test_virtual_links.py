"""Links of the virtual radio: how they begin, are shared and are lost."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient
from bleak.exc import BleakError

from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient

pytestmark = pytest.mark.anyio


async def test_connect_and_disconnect_are_seen_at_both_ends(device: Any, personality: Any) -> None:
    """Events name the central, except BTstack's disconnection; the client's callback is called once."""
    gone: list[BleakClient] = []
    device.advertise()
    [(found, _)] = await device.heard(1)
    client = BleakClient(found, backend=AirClient, air=device.air, disconnected_callback=gone.append)
    await client.connect()
    [(link, kind, address)] = device.of(1)
    assert kind == 1
    assert len(address) == 6
    await client.disconnect()
    assert not client.is_connected
    assert gone == [client]
    await device.until(lambda: device.of(2))
    nobody = (link, 255, bytes(6))
    assert device.of(2) == [nobody if personality.name == "btstack" else (link, kind, address)]
    await client.disconnect()
    assert gone == [client]


async def test_link_loss_at_both_ends_and_reconnect(air: Air, device: Any) -> None:
    """A lost link is an event and a callback; the same client can connect again when advertising resumes."""
    gone: list[BleakClient] = []
    device.advertise()
    client = device.client(disconnected_callback=gone.append)
    await client.connect()
    air.lose_link()
    await device.until(lambda: gone and device.of(2))
    assert not client.is_connected
    with pytest.raises(BleakError):
        await client.write_gatt_char(device.control, b"x", response=True)
    device.advertise()
    await client.connect()
    await client.write_gatt_char(device.CONTROL, b"again", response=True)
    assert device.ble.gatts_read(device.control) == b"again"
    assert air.counters.links_lost == 1
    await client.disconnect()


async def test_operation_during_link_loss(air: Air, device: Any) -> None:
    """An operation whose link is lost under it raises BleakError, not a cancellation."""
    device.advertise()
    client = device.client()
    await client.connect()
    air.silent = True
    reading = asyncio.create_task(client.read_gatt_char(device.CONTROL))
    await asyncio.sleep(0.02)
    air.lose_link()
    with pytest.raises(BleakError, match="disconnected"):
        await reading
    air.silent = False


async def test_a_connection_given_up_at_any_moment_leaves_nothing_behind(device: Any) -> None:
    """Also in the moment in which it comes about: nothing falls over, and the next one can be made."""
    for tenths_of_ms in range(0, 100, 2):
        device.advertise()
        client = device.client()
        with suppress(TimeoutError, BleakError):
            await client.connect(timeout=tenths_of_ms / 10_000)
        await client.disconnect()
    await device.until(lambda: len(device.of(1)) == len(device.of(2)))
    device.advertise()
    async with device.client() as client:
        assert client.is_connected


async def test_use_after_disconnect(device: Any) -> None:
    """Everything but disconnect raises BleakError."""
    device.advertise()
    client = device.client()
    async with client:
        characteristic = client.services.get_characteristic(device.STREAM)
    with pytest.raises(BleakError):
        await client.read_gatt_char(characteristic)
    with pytest.raises(BleakError):
        await client.start_notify(characteristic, lambda *_: None)
    with pytest.raises(BleakError):
        await client.pair()
    with pytest.raises(BleakError):
        _ = client.services


async def test_nobody_there(air: Air, device: Any) -> None:
    """Connecting to who does not advertise times out, and can be cancelled; later it works."""
    # Wherever in the attempt the timeout falls; most of these fall into the start of the central.
    for timeout_ms in range(0, 30, 2):
        async with asyncio.timeout(2):
            with pytest.raises(TimeoutError):
                await device.client(timeout=timeout_ms / 1000).connect()
        assert not air.centrals
    connecting = asyncio.create_task(device.client().connect())
    await asyncio.sleep(0.03)
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    device.advertise()
    async with device.client():
        pass
    assert air.counters.connections == 1


async def test_closing_the_air_ends_links(air: Air, device: Any) -> None:
    """A client that is connected when the air closes sees its link go."""
    gone: list[BleakClient] = []
    device.advertise()
    client = device.client(disconnected_callback=gone.append)
    await client.connect()
    await air.close()
    assert gone == [client]
    assert not client.is_connected


async def test_link_lost_while_connecting(air: Air, device: Any) -> None:
    """A connection that fails during discovery raises BleakError and never counts as a connection."""
    gone: list[BleakClient] = []

    def lose_link_at_mtu(event: int, data: tuple[Any, ...]) -> None:
        if event == 21:
            air.lose_link()

    device.ble.irq(lose_link_at_mtu)
    device.advertise()
    with pytest.raises(BleakError, match="disconnected"):
        await device.client(disconnected_callback=gone.append).connect()
    await asyncio.sleep(0.01)
    assert gone == []
    assert not air.centrals


async def test_the_device_disconnects(device: Any, personality: Any) -> None:
    """gap_disconnect ends the link after what was sent before it; of an unknown link NimBLE says False."""
    gone: list[BleakClient] = []
    received: list[bytes] = []
    device.advertise()
    async with device.client(disconnected_callback=gone.append) as client:
        await client.start_notify(device.STREAM, lambda _, data: received.append(bytes(data)))
        device.ble.gatts_notify(device.link, device.stream, b"farewell")
        assert device.ble.gap_disconnect(device.link) is True
        await device.until(lambda: gone and device.of(2))
        assert received == [b"farewell"]
        assert device.ble.gap_disconnect(device.link) is (personality.name == "btstack")


async def test_nimble_serves_four(air: Air, nimble: Any) -> None:
    """Four centrals are told apart; a connectable advert for a fifth is refused with ENOMEM."""
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(4):
            nimble.advertise()
            clients.append(await stack.enter_async_context(nimble.client()))
            await clients[-1].write_gatt_char(nimble.CONTROL, bytes([number]), response=True)
        links = [link for link, _, _ in nimble.of(1)]
        assert len(set(links)) == 4
        assert [link for link, _ in nimble.of(3)] == links
        with pytest.raises(OSError) as caught:
            nimble.advertise()
        assert caught.value.args == (12,)
        nimble.ble.gap_advertise(20_000, nimble.ADVERT, connectable=False)
        received: list[tuple[int, bytes]] = []
        for number, client in enumerate(clients):
            await client.start_notify(
                nimble.STREAM, lambda _, data, number=number: received.append((number, bytes(data)))
            )
        nimble.ble.gatts_notify(links[2], nimble.stream, b"third")
        await nimble.until(lambda: received)
        assert received == [(2, b"third")]


async def test_btstack_serves_one(btstack: Any) -> None:
    """While one central is linked a second one finds nothing to connect to."""
    btstack.advertise()
    async with btstack.client():
        btstack.advertise()
        with pytest.raises(TimeoutError):
            await btstack.client(timeout=0.1).connect()
    await btstack.until(lambda: btstack.of(2))
    btstack.advertise()
    async with btstack.client():
        pass


async def test_two_centrals_want_the_same_advert(air: Air, device: Any) -> None:
    """Only one central gets the link; the other goes on waiting."""
    device.advertise()
    connecting = [asyncio.create_task(device.client().connect()) for _ in range(2)]
    done, waiting = await asyncio.wait(connecting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0.05)
    assert [task.exception() for task in done] == [None]
    assert [task.done() for task in waiting] == [False]
    assert air.counters.connections == len(device.of(1)) == 1
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_two_devices_and_one_bridge(nimble: Any, btstack: Any) -> None:
    """One loop can hold links with two devices of different stacks."""
    nimble.advertise()
    btstack.advertise()
    async with nimble.client() as first, btstack.client() as second:
        await first.write_gatt_char(nimble.CONTROL, b"1", response=True)
        await second.write_gatt_char(btstack.CONTROL, b"2", response=True)
    assert (nimble.ble.gatts_read(nimble.control), btstack.ble.gatts_read(btstack.control)) == (b"1", b"2")


async def test_a_short_silence_only_delays(air: Air, device: Any) -> None:
    """What is sent into a silence shorter than the supervision timeout arrives after it, in order."""
    received: list[bytes] = []
    device.advertise()
    async with device.client() as client:
        await client.start_notify(device.STREAM, lambda _, data: received.append(bytes(data)))
        air.silent = True
        for number in range(10):
            device.ble.gatts_notify(device.link, device.stream, bytes([number]))
        await asyncio.sleep(0.05)
        assert received == []
        air.silent = False
        await device.until(lambda: len(received) == 10)
        assert received == [bytes([number]) for number in range(10)]
        assert client.is_connected


async def test_nimble_fills_up_in_a_silence(air: Air, nimble: Any) -> None:
    """Packets that cannot be delivered keep their buffers, also when time passes."""
    nimble.advertise()
    async with nimble.client():
        air.silent = True
        taken = 0
        with pytest.raises(OSError) as caught:
            while taken < 200:
                nimble.ble.gatts_notify(nimble.link, nimble.stream, b"x")
                taken += 1
                await asyncio.sleep(0)
        assert caught.value.args == (12,)
        assert taken == 70
        air.silent = False


async def test_a_long_silence_loses_the_link(air: Air, device: Any) -> None:
    """After the supervision timeout both ends see the link go."""
    gone: list[BleakClient] = []
    air.supervision_timeout_s = 0.05
    device.advertise()
    async with device.client(disconnected_callback=gone.append):
        air.silent = True
        await device.until(lambda: gone and device.of(2))
        air.silent = False


async def test_delay_keeps_the_order(air: Air, device: Any) -> None:
    """A delay that changes does not reorder what crosses."""
    received: list[bytes] = []
    device.advertise()
    async with device.client() as client:
        await client.start_notify(device.STREAM, lambda _, data: received.append(bytes(data)))
        start = asyncio.get_running_loop().time()
        for number, delay_s in enumerate((0.05, 0.0, 0.02)):
            air.delay_s = delay_s
            device.ble.gatts_notify(device.link, device.stream, bytes([number]))
            await asyncio.sleep(0.005)
        await device.until(lambda: len(received) == 3)
        assert asyncio.get_running_loop().time() - start >= 0.05
        air.delay_s = 0.0
    assert received == [b"\0", b"\1", b"\2"]


async def test_power_cut_and_restart(device: Any) -> None:
    """A device without power is gone for its central, sees no event, and starts over with nothing."""
    gone: list[BleakClient] = []
    device.advertise()
    async with device.client(disconnected_callback=gone.append):
        device.events.clear()
        device.bluetooth.power_cut()
        await device.until(lambda: gone)
        assert device.events == []
        assert device.ble.active() is False
        with pytest.raises(OSError) as caught:
            device.advertise()
        assert caught.value.args == (19,)
    device.ble.active(True)
    device.advertise()
    async with device.client() as client:
        assert client.services.get_service(device.SERVICE) is None


async def test_switching_off_while_starting(air: Air, device: Any) -> None:
    """Switching on and off in a row leaves the radio as last asked for."""
    for on in (False, True, False, True):
        assert device.ble.active(on) is on
    device.advertise()
    await device.heard(1)
    assert len(air.controllers) == 1


async def test_connection_parameters(air: Air, device: Any) -> None:
    """New connection parameters are event 27: interval in 1.25 ms, latency, timeout in 10 ms, status."""
    device.advertise()
    async with device.client():
        [peer] = [central for central in air.centrals if central.connections]
        [connection] = peer.connections.values()
        await connection.update_parameters(50, 50, 2, 1000)
        await device.until(lambda: device.of(27))
    assert device.of(27) == [(device.link, 40, 2, 100, 0)]


async def test_handler_exceptions_are_reported(device: Any) -> None:
    """What a handler raises goes to the loop's exception handler, and the radio goes on."""
    reported: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(context))

    def broken(event: int, data: tuple[Any, ...]) -> None:
        raise ZeroDivisionError

    device.ble.irq(broken)
    device.advertise()
    async with device.client() as client:
        await client.write_gatt_char(device.CONTROL, b"x", response=True)
    loop.set_exception_handler(None)
    assert [type(context["exception"]) for context in reported[:3]] == [ZeroDivisionError] * 3


async def test_capture(air: Air, device: Any, tmp_path: Path) -> None:
    """A capture is btsnoop and holds what was written."""
    path = tmp_path / "air.btsnoop"
    air.capture(path)
    device.advertise()
    async with device.client() as client:
        await client.write_gatt_char(device.CONTROL, b"captured text", response=True)
    await air.close()
    data = path.read_bytes()
    assert data.startswith(b"btsnoop\0")
    assert b"captured text" in data
