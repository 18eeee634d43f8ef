"""A bleak 3.1 backend over virtual air.

`BleakScanner(backend=AirScanner, air=air)` and `BleakClient(device, backend=AirClient, air=air)`. Each
scanner and each client is a central of its own, with its own address and, for a client, its own bonds.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Literal, TypeVar, cast

from bleak.args import SizedBuffer
from bleak.assigned_numbers import CharacteristicPropertyName
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError
from bumble import core, hci
from bumble.att import ATT_PDU, ATT_RESPONSES, ATT_Error
from bumble.core import AdvertisingData
from bumble.device import Advertisement, Connection, Device, Peer
from bumble.gatt_client import CharacteristicProxy, Client
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate

from vigil_host.radio.air import Air

MTU = 247

_TURNS_UNDER_WAY = 20  # of the event loop: more than a packet takes from one end of the air to the other

_T = TypeVar("_T")
_BASE_UUID = "0000{:04x}-0000-1000-8000-00805f9b34fb"
_PROPERTIES = {
    0x01: "broadcast",
    0x02: "read",
    0x04: "write-without-response",
    0x08: "write",
    0x10: "notify",
    0x20: "indicate",
    0x40: "authenticated-signed-writes",
    0x80: "extended-properties",
}


def _uuid_text(uuid: core.UUID) -> str:
    data = uuid.to_bytes()
    if len(data) == 2:
        return _BASE_UUID.format(int.from_bytes(data, "little"))
    text = data[::-1].hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


async def _abandon(task: asyncio.Future[Any]) -> None:
    """Cancel a task until it has ended, also when cancelled; Bumble's wait_for can swallow that (Python 3.11)."""
    is_cancelled = False
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait((task,), timeout=0.01)
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError


class AirScanner(BaseBleakScanner):
    """Hears every advert on the air, also those that repeat the last one."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: Literal["active", "passive"] = "active",
        *,
        air: Air,
        **_: Any,
    ) -> None:
        """`scanning_mode` passive hears no scan responses."""
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"
        self._air = air
        self._central: Device | None = None

    async def start(self) -> None:
        """Start to scan; raise BleakError when already scanning."""
        if self._central is not None:
            raise BleakError("Scanner is already running")
        self.seen_devices = {}
        self._central = await self._air.add_central("scanner")
        self._central.on(Device.EVENT_ADVERTISEMENT, self._on_advertisement)
        await self._central.start_scanning(active=self._active)

    async def stop(self) -> None:
        """Stop, if scanning."""
        central, self._central = self._central, None
        if central is not None:
            self._air.remove_central(central)

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        data = _advertisement_data(advertisement)
        if self._central is None or not self.is_allowed_uuid(data.service_uuids):
            return
        address = advertisement.address
        text = address.to_string(False)
        device = self.create_or_update_device(text, text, data.local_name, address, data)
        self.call_detection_callbacks(device, data)


def _advertisement_data(advertisement: Advertisement) -> AdvertisementData:
    kind = AdvertisingData.Type
    name: str | None = None
    manufacturer_data: dict[int, bytes] = {}
    service_data: dict[str, bytes] = {}
    service_uuids: list[str] = []
    tx_power: int | None = None
    for ad_type, value in advertisement.data.ad_structures:
        if ad_type in (kind.COMPLETE_LOCAL_NAME, kind.SHORTENED_LOCAL_NAME):
            name = value.decode(errors="replace")
        elif ad_type == kind.MANUFACTURER_SPECIFIC_DATA:
            manufacturer_data[int.from_bytes(value[:2], "little")] = value[2:]
        elif ad_type in (kind.SERVICE_DATA_16_BIT_UUID, kind.SERVICE_DATA_128_BIT_UUID):
            size = 2 if ad_type == kind.SERVICE_DATA_16_BIT_UUID else 16
            service_data[_uuid_text(core.UUID.from_bytes(value[:size]))] = value[size:]
        elif ad_type in _UUID_LIST_SIZES:
            size = _UUID_LIST_SIZES[ad_type]
            for start in range(0, len(value) - size + 1, size):
                service_uuids.append(_uuid_text(core.UUID.from_bytes(value[start : start + size])))
        elif ad_type == kind.TX_POWER_LEVEL:
            tx_power = int.from_bytes(value[:1], "little", signed=True)
    return AdvertisementData(
        local_name=name,
        manufacturer_data=manufacturer_data,
        service_data=service_data,
        service_uuids=service_uuids,
        tx_power=tx_power,
        rssi=advertisement.rssi,
        platform_data=(advertisement,),
    )


_UUID_LIST_SIZES: dict[int, int] = {
    AdvertisingData.Type.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    AdvertisingData.Type.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
    AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
}


def _bear_cancellation(client: Client) -> None:
    """Have a GATT client leave out the answer to a request whose task was cancelled meanwhile."""
    take = client.on_gatt_pdu

    def on_gatt_pdu(pdu: ATT_PDU) -> None:
        is_answer = pdu.op_code in ATT_RESPONSES
        if not is_answer or (client.pending_response is not None and not client.pending_response.done()):
            take(pdu)

    client.on_gatt_pdu = on_gatt_pdu  # type: ignore[method-assign, assignment]  # Bumble calls it by this name


class AirClient(BaseBleakClient):
    """A central with one connection. Raises what bleak's own backends raise.

    Not connected, or the link lost meanwhile: BleakError. An ATT error: BleakGATTProtocolError. No device
    heard within the timeout: TimeoutError.
    """

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        air: Air,
        pairing_delegate: PairingDelegate | None = None,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        services: Any = None,
        **_: Any,
    ) -> None:
        """`pairing_delegate` enters and compares passkeys; without one, pairing is Just Works."""
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._air = air
        self._address = address_or_ble_device.details if isinstance(address_or_ble_device, BLEDevice) else None
        self._name = address_or_ble_device.name if isinstance(address_or_ble_device, BLEDevice) else None
        self._pairing_delegate = pairing_delegate
        self._own_address = air.new_addresses()[1]
        self._bonds = MemoryKeyStore()
        self._central: Device | None = None
        self._connection: Connection | None = None
        self._peer: Peer | None = None
        self._gone: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        """The advertised name, or the address."""
        return self._name or self.address

    @property
    def mtu_size(self) -> int:
        """The negotiated MTU; 23 while not connected."""
        return self._connection.att_mtu if self._connection else 23

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._connection is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        """Connect, exchange the MTU, encrypt with a bond or pair if asked to, and discover everything."""
        if self._connection is not None:
            raise BleakError("Client is already connected")
        address = self._address or self._air.address_of(self.address)
        timeout: float = kwargs.get("timeout", self._timeout)
        task = asyncio.ensure_future(self._connect(address, pair))
        try:
            await asyncio.wait((task,), timeout=timeout)
            if not task.done():
                raise TimeoutError
            task.result()
        except BaseException:
            await _abandon(task)
            self._release()
            raise

    async def _connect(self, address: hci.Address, pair: bool) -> None:
        central = await self._air.add_central("client", self._own_address)
        self._central = central
        central.keystore = self._bonds
        central.pairing_config_factory = lambda _: PairingConfig(
            mitm=self._pairing_delegate is not None,
            delegate=self._pairing_delegate,
            identity_address_type=PairingConfig.AddressType.RANDOM,
        )
        connecting = asyncio.ensure_future(central.connect_le(address, timeout=None))
        try:
            connection = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # Bumble falls over a connection that comes about while it gives up: what is under way is let arrive first.
            self._air.remove_central(central)
            for _ in range(_TURNS_UNDER_WAY):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)
            await _abandon(connecting)
            raise
        self._connection = connection
        self._gone = asyncio.get_running_loop().create_future()
        connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        peer = self._peer = Peer(connection)
        _bear_cancellation(peer.gatt_client)
        await self._request(peer.request_mtu(MTU))
        if await self._bonds.get(str(address)):
            await self._request(connection.encrypt())
        elif pair:
            await self._request(connection.pair())
        await self._request(peer.discover_all())  # type: ignore[no-untyped-call]  # Bumble leaves it untyped
        self.services = self._collect(peer)

    def _collect(self, peer: Peer) -> BleakGATTServiceCollection:
        found = BleakGATTServiceCollection()
        for service in peer.services:
            bleak_service = BleakGATTService(service, service.handle, _uuid_text(service.uuid))
            found.add_service(bleak_service)
            for characteristic in service.characteristics:
                properties = [name for bit, name in _PROPERTIES.items() if characteristic.properties & bit]
                bleak_characteristic = BleakGATTCharacteristic(
                    characteristic,
                    characteristic.handle,
                    _uuid_text(characteristic.uuid),
                    cast(list[CharacteristicPropertyName], properties),
                    lambda: self.mtu_size - 3,
                    bleak_service,
                )
                found.add_characteristic(bleak_characteristic)
                for descriptor in characteristic.descriptors:
                    text = _uuid_text(descriptor.type)
                    found.add_descriptor(BleakGATTDescriptor(descriptor, descriptor.handle, text, bleak_characteristic))
        return found

    def _on_disconnection(self, _: int) -> None:
        was_connected = self.services is not None
        self._connection = self._peer = None
        self.services = None
        if self._gone and not self._gone.done():
            self._gone.set_result(None)
        if was_connected and self._disconnected_callback:
            self._disconnected_callback()

    async def disconnect(self) -> None:
        """Drop the link, if there is one; the disconnected callback is called."""
        connection = self._connection
        if connection is not None and self._gone is not None:
            gone = self._gone
            await connection.disconnect()
            await gone
        self._release()

    def _release(self) -> None:
        central, self._central = self._central, None
        if central is not None:
            self._air.remove_central(central)
        self._connection = self._peer = None
        self.services = None

    async def _request(self, operation: Coroutine[Any, Any, _T]) -> _T:
        """Await an operation of the link; when the link goes first, raise BleakError."""
        assert self._gone is not None
        task = asyncio.ensure_future(operation)
        try:
            await asyncio.wait((task, self._gone), return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not task.cancelled():
                return task.result()
        except ATT_Error as error:
            raise BleakGATTProtocolError(error.error_code) from error
        except core.BaseBumbleError as error:
            raise BleakError(str(error)) from error
        finally:
            await _abandon(task)
        raise BleakError("disconnected")

    def _connected(self) -> Connection:
        if self._connection is None:
            raise BleakError("Not connected")
        return self._connection

    async def pair(self, *args: Any, **kwargs: Any) -> None:
        """Pair, or encrypt with the bond that exists."""
        connection = self._connected()
        bonded = await self._bonds.get(str(connection.peer_address))
        await self._request(connection.encrypt() if bonded else connection.pair())

    async def unpair(self) -> None:
        """Forget this client's bonds."""
        if not self._bonds.all_keys:
            raise BleakDeviceNotFoundError(self.address, "there is no bond with this device")
        self._bonds.all_keys.clear()

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        """Read a value from the device."""
        self._connected()
        return bytearray(await self._request(characteristic.obj.read_value()))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: Any
    ) -> bytearray:
        """Read a descriptor from the device."""
        self._connected()
        return bytearray(await self._request(descriptor.obj.read_value()))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        """Write a value, with or without a response."""
        self._connected()
        await self._request(characteristic.obj.write_value(bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        """Write a descriptor, with a response."""
        self._connected()
        await self._request(descriptor.obj.write_value(bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **kwargs: Any
    ) -> None:
        """Subscribe; notifications are preferred to indications."""
        self._connected()
        proxy: CharacteristicProxy[bytes] = characteristic.obj
        await self._request(proxy.subscribe(lambda value: callback(bytearray(value)), prefer_notify=True))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe."""
        self._connected()
        await self._request(characteristic.obj.unsubscribe())
