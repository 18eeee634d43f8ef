"""Attributes of the virtual radio, as a bleak client uses them."""

import asyncio
from typing import Any

import pytest
from bleak.exc import BleakGATTProtocolError, BleakGATTProtocolErrorCode

from vigil_host.radio.air import Air
from vigil_host.radio.bluetooth import UUID

pytestmark = pytest.mark.anyio

READ, WRITE, NOTIFY, INDICATE = 0x02, 0x08, 0x10, 0x20


async def test_mtu_and_discovery(device: Any) -> None:
    """The MTU becomes 247, and what was registered is discovered with its handles and properties."""
    device.advertise()
    async with device.client() as client:
        assert client.mtu_size == 247
        assert device.of(21) == [(device.link, 247)]
        service = client.services.get_service(device.SERVICE)
        assert service is not None
        found = {item.uuid: (item.handle, item.properties) for item in service.characteristics}
        assert found == {
            device.STREAM: (device.stream, ["notify"]),
            device.CONTROL: (device.control, ["read", "write-without-response", "write", "indicate"]),
        }
        stream = service.get_characteristic(device.STREAM)
        assert stream is not None
        assert stream.max_write_without_response_size == 244
        assert [item.handle for item in stream.descriptors] == [device.stream + 1]


async def test_the_devices_mtu_limits(device: Any) -> None:
    """A smaller MTU set on the device is what both agree on."""
    device.ble.config(mtu=100)
    device.advertise()
    async with device.client() as client:
        assert client.mtu_size == 100


async def test_write_reaches_the_handler(device: Any) -> None:
    """A write with or without response raises event 3; both values can be read from either side."""
    device.advertise()
    async with device.client() as client:
        await client.write_gatt_char(device.CONTROL, b"one", response=True)
        assert device.of(3) == [(device.link, device.control)]
        assert device.ble.gatts_read(device.control) == b"one"
        await client.write_gatt_char(device.CONTROL, b"two", response=False)
        await device.until(lambda: len(device.of(3)) == 2)
        assert await client.read_gatt_char(device.CONTROL) == b"two"
        device.ble.gatts_write(device.control, bytes(range(200)) * 2)
        assert await client.read_gatt_char(device.CONTROL) == bytes(range(200)) * 2


async def test_remote_writes_are_truncated(device: Any) -> None:
    """A value takes 20 bytes from a remote, silently, until its buffer is set."""
    device.advertise()
    async with device.client() as client:
        await client.write_gatt_char(device.CONTROL, bytes(range(30)), response=True)
        assert device.ble.gatts_read(device.control) == bytes(range(20))
        device.ble.gatts_set_buffer(device.control, 300)
        assert device.ble.gatts_read(device.control) == b""
        await client.write_gatt_char(device.CONTROL, bytes(280), response=True)
        assert device.ble.gatts_read(device.control) == bytes(280)


async def test_append_collects_writes(device: Any) -> None:
    """An appending buffer collects writes until the device reads it."""
    device.ble.gatts_set_buffer(device.control, 5, True)
    device.advertise()
    async with device.client() as client:
        for part in (b"ab", b"cd", b"ef"):
            await client.write_gatt_char(device.CONTROL, part, response=True)
        assert device.ble.gatts_read(device.control) == b"abcde"
        assert device.ble.gatts_read(device.control) == b""


async def test_refusals_carry_the_att_code(device: Any) -> None:
    """What the flags do not allow is refused with the code of the specification."""
    device.advertise()
    async with device.client() as client:
        with pytest.raises(BleakGATTProtocolError) as caught:
            await client.read_gatt_char(device.STREAM)
        assert caught.value.code is BleakGATTProtocolErrorCode.READ_NOT_PERMITTED
        with pytest.raises(BleakGATTProtocolError) as caught:
            await client.write_gatt_char(device.STREAM, b"x", response=True)
        assert caught.value.code is BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED
        assert device.of(3) == []


async def test_descriptors(device: Any) -> None:
    """Descriptors have handles and values of their own."""
    services = ((UUID(0x1809), ((UUID(0x2A21), READ, ((UUID(0x2906), READ | WRITE),)),)),)
    ((interval, valid_range),) = device.ble.gatts_register_services(services)
    device.ble.gatts_write(valid_range, b"\x01\x02")
    device.advertise()
    async with device.client() as client:
        assert valid_range > interval
        assert await client.read_gatt_descriptor(valid_range) == b"\x01\x02"
        await client.write_gatt_descriptor(valid_range, b"\x03")
        assert device.ble.gatts_read(valid_range) == b"\x03"


async def test_200_notifications_in_order(device: Any) -> None:
    """Notifications reach the callback complete and in order."""
    received: list[bytes] = []
    device.advertise()
    async with device.client() as client:
        await client.start_notify(device.STREAM, lambda _, data: received.append(bytes(data)))
        for number in range(200):
            device.ble.gatts_notify(device.link, device.stream, number.to_bytes(2, "little"))
            if number % 50 == 49:
                await device.until(lambda number=number: len(received) == number + 1)
        assert received == [number.to_bytes(2, "little") for number in range(200)]
        await client.stop_notify(device.STREAM)
        device.ble.gatts_notify(device.link, device.stream, b"late")
        await asyncio.sleep(0.02)
        assert len(received) == 200


async def test_notification_of_the_value(device: Any) -> None:
    """Without data the value itself is sent; what exceeds the MTU is cut off."""
    received: list[bytes] = []
    device.ble.gatts_write(device.stream, bytes(300))
    device.advertise()
    async with device.client() as client:
        await client.start_notify(device.STREAM, lambda _, data: received.append(bytes(data)))
        device.ble.gatts_notify(device.link, device.stream)
        await device.until(lambda: received)
    assert received == [bytes(244)]


async def test_notifies_whoever_did_not_subscribe(air: Air, device: Any) -> None:
    """The client configuration is not looked at: the packet goes out."""
    device.advertise()
    async with device.client():
        before = air.counters.acl
        device.ble.gatts_notify(device.link, device.stream, b"x")
        await asyncio.sleep(0.02)
        assert air.counters.acl == before + 1


async def test_nimble_runs_out_of_buffers(nimble: Any) -> None:
    """NimBLE takes 70 in a row, then raises ENOMEM until some have gone out; none that it took is lost."""
    received: list[bytes] = []
    nimble.advertise()
    async with nimble.client() as client:
        await client.start_notify(nimble.STREAM, lambda _, data: received.append(bytes(data)))
        for number in range(70):
            nimble.ble.gatts_notify(nimble.link, nimble.stream, bytes([number]))
        for send in (nimble.ble.gatts_notify, nimble.ble.gatts_indicate):
            with pytest.raises(OSError) as caught:
                send(nimble.link, nimble.stream, b"too many")
            assert caught.value.args == (12,)
        await nimble.until(lambda: len(received) == 70)
        nimble.ble.gatts_notify(nimble.link, nimble.stream, b"again")
        await nimble.until(lambda: received[-1] == b"again")


async def test_btstack_queues_all(btstack: Any) -> None:
    """BTstack queues 500 in a row and delivers them in order."""
    received: list[bytes] = []
    btstack.advertise()
    async with btstack.client() as client:
        await client.start_notify(btstack.STREAM, lambda _, data: received.append(bytes(data)))
        for number in range(500):
            btstack.ble.gatts_notify(btstack.link, btstack.stream, number.to_bytes(2, "little"))
        await btstack.until(lambda: len(received) == 500)
    assert received == [number.to_bytes(2, "little") for number in range(500)]


async def test_errors_after_the_disconnection(device: Any, personality: Any) -> None:
    """Notifying or indicating to a link that has gone raises what the stack raises."""
    device.advertise()
    async with device.client():
        pass
    await device.until(lambda: device.of(2))
    for send in (device.ble.gatts_notify, device.ble.gatts_indicate):
        with pytest.raises(OSError) as caught:
            send(device.link, device.stream, b"x")
        assert caught.value.args == ({"nimble": 107, "btstack": 22}[personality.name],)


async def test_indications_are_confirmed_one_at_a_time(device: Any) -> None:
    """Each indication arrives and raises event 20 with status 0, in order."""
    received: list[bytes] = []
    device.advertise()
    async with device.client() as client:
        await client.start_notify(device.CONTROL, lambda _, data: received.append(bytes(data)))
        for text in (b"a", b"b", b"c"):
            device.ble.gatts_indicate(device.link, device.control, text)
        await device.until(lambda: len(device.of(20)) == 3)
        assert received == [b"a", b"b", b"c"]
        assert device.of(20) == [(device.link, device.control, 0)] * 3


async def test_indication_cut_off_by_the_link(air: Air, device: Any) -> None:
    """An indication whose link is lost ends with a status that is not 0, before the disconnection."""
    device.advertise()
    async with device.client():
        air.silent = True
        device.ble.gatts_indicate(device.link, device.control, b"x")
        air.lose_link()
        await device.until(lambda: device.of(2))
        assert [event for event, _ in device.events][-2:] == [20, 2]
        assert device.of(20)[0][2] != 0
        air.silent = False


async def test_notification_from_a_write_handler_comes_first(device: Any) -> None:
    """A notification sent while a write is handled arrives before the write is answered."""
    order: list[str] = []
    device.advertise()

    def answer(event: int, data: tuple[Any, ...]) -> None:
        if event == 3 and data[1] == device.control:
            device.ble.gatts_notify(data[0], device.stream, b"x")

    async with device.client() as client:
        await client.start_notify(device.STREAM, lambda *_: order.append("notified"))
        device.ble.irq(answer)
        await client.write_gatt_char(device.CONTROL, b"go", response=True)
        order.append("answered")
    assert order == ["notified", "answered"]


async def test_send_update(nimble: Any, btstack: Any) -> None:
    """NimBLE tells only those who subscribed; BTstack has no such thing."""
    received: list[bytes] = []
    nimble.advertise()
    async with nimble.client() as client:
        nimble.ble.gatts_write(nimble.stream, b"unheard", True)
        await client.start_notify(nimble.STREAM, lambda _, data: received.append(bytes(data)))
        nimble.ble.gatts_write(nimble.stream, b"heard", True)
        await nimble.until(lambda: received)
    assert received == [b"heard"]
    with pytest.raises(OSError) as caught:
        btstack.ble.gatts_write(btstack.stream, b"x", True)
    assert caught.value.args == (95,)


async def test_only_btstack_shows_subscriptions(device: Any, personality: Any) -> None:
    """BTstack raises a write event on the handle after the value when a client subscribes."""
    device.advertise()
    async with device.client() as client:
        await client.start_notify(device.STREAM, lambda *_: None)
        if personality.name == "btstack":
            assert device.of(3) == [(device.link, device.stream + 1)]
            assert device.ble.gatts_read(device.stream + 1) == b"\x01\x00"
        else:
            assert device.of(3) == []


def _services(count: int) -> tuple[Any, ...]:
    """Services of 62 bytes each in BTstack's table: 10, and 13 + 8 + 10 and 13 + 8 for the values."""
    return tuple(
        (UUID(0xFF00 + number), ((UUID(0xAA00 + number), NOTIFY), (UUID(0xBB00 + number), READ)))
        for number in range(count)
    )


async def test_nimble_table_grows(nimble: Any) -> None:
    """Any number of services gets distinct, increasing handles and is discovered."""
    handles = [handle for service in nimble.ble.gatts_register_services(_services(20)) for handle in service]
    assert handles == sorted(set(handles))
    nimble.advertise()
    async with nimble.client() as client:
        assert set(handles) <= set(client.services.characteristics)


async def test_btstack_table_overflows_silently(btstack: Any) -> None:
    """512 bytes, less 65, hold seven such services and an eighth's bare name; the rest share one handle."""
    services = btstack.ble.gatts_register_services(_services(11))
    fitting = [handle for service in services[:7] for handle in service]
    beyond = {handle for service in services[7:] for handle in service}
    assert fitting == sorted(set(fitting))
    assert len(beyond) == 1
    assert not beyond & set(fitting)
    btstack.advertise()
    async with btstack.client() as client:
        uuids = {service.uuid[4:8] for service in client.services}
        assert {f"ff{number:02x}" for number in range(7)} <= uuids
        assert not {f"ff{number:02x}" for number in range(8, 11)} & uuids
        assert not beyond & set(client.services.characteristics)


async def test_registration_while_advertising(nimble: Any, btstack: Any) -> None:
    """NimBLE refuses with EBUSY while advertising or connected; BTstack does not look."""
    for device in (nimble, btstack):
        device.advertise()
    with pytest.raises(OSError) as caught:
        nimble.ble.gatts_register_services(_services(1))
    assert caught.value.args == (16,)
    btstack.ble.gatts_register_services(_services(1))
    async with nimble.client():
        with pytest.raises(OSError) as caught:
            nimble.ble.gatts_register_services(_services(1))
        assert caught.value.args == (16,)
    nimble.ble.gap_advertise(None)
    await nimble.until(lambda: nimble.of(2))
    nimble.ble.gatts_register_services(_services(1))


async def test_unknown_handles(device: Any) -> None:
    """A handle that is not in the table raises EINVAL."""
    ble = device.ble
    for call, arguments in ((ble.gatts_read, ()), (ble.gatts_write, (b"",)), (ble.gatts_set_buffer, (10,))):
        with pytest.raises(OSError) as caught:
            call(999, *arguments)
        assert caught.value.args == (22,)


async def test_device_name(device: Any) -> None:
    """The GAP service shows the configured name, also after services have been registered."""
    device.ble.config(gap_name="Vigil")
    device.ble.gatts_register_services(_services(1))
    assert device.ble.config("gap_name") == b"Vigil"
    device.advertise()
    async with device.client() as client:
        assert await client.read_gatt_char("2a00") == b"Vigil"
