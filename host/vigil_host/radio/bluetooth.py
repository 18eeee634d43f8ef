"""MicroPython's `bluetooth` module over a Bumble host on virtual air.

`VirtualBluetooth(air, NIMBLE)` is handed to firmware in place of the module. Its `BLE()` is the one radio
of one device, with the synchronous peripheral API of MicroPython 1.24 and later, and its events. The API is
synchronous because the virtual controller is: what a call changes is on the air when the call returns. Only
switching on takes a few turns of the loop, during which the radio is active but not yet heard.

Everything is to be called from the asyncio loop's thread, as are the events: straight out of the packet
that caused them, so that a notification sent by a write's handler precedes the answer to the write, as on a
board. The addresses in events are views of one buffer that the next event overwrites, as on a board.

What differs between stacks is in `personality.py`. Kept for both, measured with MicroPython 1.28 unix
builds against Bumble: notifications go out whatever the client configuration says; adverts stop at a
connection until restarted. Read in MicroPython's source: 20-byte values, silently truncated remote writes,
the errors of a radio that is off.

Not as on a board: no central role, no L2CAP channels, no read-request event; the attribute handles are
Bumble's; the errors of indications are those of notifications; the MTU offered is 256 on both.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bumble import att, hci, ll
from bumble.device import AdvertisingType, Connection, Device, LegacyAdvertiser
from bumble.keys import MemoryKeyStore, PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate

from vigil_host.radio import attributes
from vigil_host.radio.air import Air, AirController
from vigil_host.radio.attributes import AttributeTable
from vigil_host.radio.pairing import PasskeyDelegate, SecretStore
from vigil_host.radio.personality import Personality

IRQ_CENTRAL_CONNECT = 1
IRQ_CENTRAL_DISCONNECT = 2
IRQ_GATTS_WRITE = 3
IRQ_GATTS_INDICATE_DONE = 20
IRQ_MTU_EXCHANGED = 21
IRQ_CONNECTION_UPDATE = 27
IRQ_ENCRYPTION_UPDATE = 28

_ENOMEM = 12
_EBUSY = 16
_ENODEV = 19
_EINVAL = 22
_EOPNOTSUPP = 95
_ADVERT_TOO_LONG = -18

_ADVERT_BYTES = 31
_NOBODY = (0xFF, bytes(6))
_ADDRESS_PUBLIC, _ADDRESS_RANDOM, _ADDRESS_RESOLVABLE, _ADDRESS_NON_RESOLVABLE = range(4)

# NimBLE's resolvable addresses are made with a key that its source publishes: no privacy. This is another key.
_KNOWN_IRK = bytes(range(16))

# NimBLE's BLE_HS_ENOTCONN and BLE_HS_ETIMEOUT, as the status of an indication.
_INDICATION_CUT_OFF = 7
_INDICATION_TIMED_OUT = 13
_INDICATION_WITHIN_S = 30.0

# Both ends offer the longest key; the virtual controller does not report its size.
_KEY_BYTES = 16

Handler = Callable[[int, tuple[Any, ...]], Any]
Buffer = bytes | bytearray | memoryview


class UUID:
    """A Bluetooth UUID of 16 bits (from an integer) or 128 (from text); its bytes are little-endian."""

    def __init__(self, value: int | str | Buffer) -> None:
        """Raise ValueError for anything else."""
        if isinstance(value, int):
            if not 0 <= value <= 0xFFFF:
                raise ValueError("invalid UUID")
            self._bytes = value.to_bytes(2, "little")
        elif isinstance(value, str):
            self._bytes = uuid.UUID(value).bytes[::-1]
        else:
            self._bytes = bytes(value)
            if len(self._bytes) not in (2, 16):
                raise ValueError("invalid UUID")

    def __bytes__(self) -> bytes:
        """Return the little-endian bytes, as they go over the air."""
        return self._bytes

    def __eq__(self, other: object) -> bool:
        """Compare by value; a 16-bit UUID never equals a 128-bit one."""
        return isinstance(other, UUID) and self._bytes == other._bytes

    def __lt__(self, other: "UUID") -> bool:
        """Order by the bytes."""
        return self._bytes < other._bytes

    def __hash__(self) -> int:
        """Hash by value."""
        return hash(self._bytes)

    def __repr__(self) -> str:
        """Return what MicroPython prints."""
        if len(self._bytes) == 2:
            return f"UUID(0x{int.from_bytes(self._bytes, 'little'):04x})"
        return f"UUID('{uuid.UUID(bytes=self._bytes[::-1])}')"


@dataclass(eq=False)
class _Link:
    """One connection of the device."""

    connection: Connection
    passkeys: PasskeyDelegate | None = None
    authenticated: bool = False
    indications: deque[tuple[int, bytes]] = field(default_factory=deque)
    timer: asyncio.TimerHandle | None = None


class _NoPairing(PairingDelegate):
    """Refuses to pair."""

    async def accept(self) -> bool:
        """Refuse."""
        return False


class BLE:
    """The radio of one device: MicroPython's `bluetooth.BLE` as a peripheral, without pairing."""

    def __init__(self, air: Air, personality: Personality, name: str) -> None:
        """`name` is for logs; the radio is off until `active(True)`."""
        self._air = air
        self._personality = personality
        self._name = name
        self._public, self._random = air.new_addresses()
        self._address_mode = _ADDRESS_PUBLIC
        self._settings: dict[str, Any] = {"gap_name": personality.default_name, "mtu": 256, "rxbuf": 512}
        self._handler: Handler | None = None
        self._peer_address = bytearray(6)
        self._device: Device | None = None
        self._controller: AirController | None = None
        self._table: AttributeTable | None = None
        self._powering: asyncio.Task[None] | None = None
        self._links: dict[int, _Link] = {}
        self._advertising: tuple[int, bool] | None = None
        self._advert = b""
        self._response = b""

    # The radio

    def active(self, on: bool | None = None) -> bool:
        """Switch the radio, or return whether it is on. Switching off ends links without an event."""
        if on and self._device is None:
            self._switch_on()
        elif on is not None and not on:
            self.switch_off(hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR)
        return self._device is not None

    def _switch_on(self) -> None:
        device, controller = self._air.attach(self._name, self._public, self._random)
        device.keystore = MemoryKeyStore()
        device.pairing_config_factory = self._pairing
        device.on(device.EVENT_CONNECTION, self._on_connection)
        device.gatt_server.max_mtu = self._settings["mtu"]
        self._device, self._controller = device, controller
        self._address_mode = _ADDRESS_PUBLIC
        self._table = AttributeTable(
            device,
            self._personality.attribute_table_bytes,
            self._personality.shows_subscriptions,
            self._guard,
            self._on_write,
        )
        self._table.set_name(self._settings["gap_name"])
        self._advert = self._response = b""
        self._powering = asyncio.get_running_loop().create_task(self._power_on(device))

    async def _power_on(self, device: Device) -> None:
        await device.power_on()
        self._set_random_address(self._random)
        self._transmit_adverts()

    def switch_off(self, reason: int) -> None:
        """Switch the radio off; its peers see their links end for that reason (an HCI error code)."""
        if self._powering:
            self._powering.cancel()
        for link in self._links.values():
            if link.timer:
                link.timer.cancel()
        self._links.clear()
        self._advertising = None
        if self._controller:
            self._air.detach(self._controller, reason)
        self._device = self._controller = self._table = self._powering = None

    def irq(self, handler: Handler | None) -> None:
        """Have events delivered as handler(event, data)."""
        if handler is not None and not callable(handler):
            raise ValueError("invalid handler")
        self._handler = handler

    def _notify(self, event: int, data: tuple[Any, ...]) -> Any:
        """Call the handler; what it raises is reported and goes no further, as on a board."""
        if self._handler is None:
            return None
        try:
            return self._handler(event, data)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"in the handler of Bluetooth event {event}", "exception": error}
            )
            return None

    def config(self, *parameter: str, **values: Any) -> Any:
        """Return 'mac', 'gap_name', 'mtu' or 'rxbuf', or set parameters by keyword.

        As on a board, addr_mode and the pairing parameters can be set and not read, and addr_mode lasts until the
        radio is switched off. Each addr_mode=1 or 3 draws a new address.
        """
        if parameter:
            if values or len(parameter) != 1:
                raise TypeError("either one parameter or keywords")
            return self._read_parameter(parameter[0])
        for name, value in values.items():
            self._set_parameter(name, value)
        return None

    def _read_parameter(self, name: str) -> Any:
        if name == "mac":
            self._active_device()
            address = self._own_address
            return (0 if address.is_public else 1, bytes(address)[::-1])
        if name in ("gap_name", "mtu", "rxbuf"):
            return self._settings[name]
        raise ValueError("unknown config param")

    def _set_parameter(self, name: str, value: Any) -> None:
        if name == "gap_name":
            self._settings[name] = value.encode() if isinstance(value, str) else bytes(value)
            if self._table:
                self._table.set_name(self._settings[name])
        elif name == "addr_mode":
            self._set_address_mode(value)
        elif name == "mtu":
            if not att.ATT_DEFAULT_MTU <= value <= 517:
                raise OSError(_EINVAL)
            self._settings[name] = value
            if self._device:
                self._device.gatt_server.max_mtu = value
        elif name == "rxbuf":
            self._settings[name] = value
        else:
            raise ValueError("unknown config param")

    def _set_address_mode(self, mode: int) -> None:
        self._active_device()
        private = mode in (_ADDRESS_RESOLVABLE, _ADDRESS_NON_RESOLVABLE)
        if not 0 <= mode <= 3 or (private and not self._personality.private_addresses):
            raise OSError(_EINVAL)
        if mode != _ADDRESS_PUBLIC and self._advertising and self._personality.stops_at_address_change:
            raise AssertionError("a random address was set while advertising: NimBLE's binding stops the board there")
        self._address_mode = mode
        if mode == _ADDRESS_RANDOM:
            self._set_random_address(hci.Address.generate_static_address())
        elif private:
            irk = _KNOWN_IRK if mode == _ADDRESS_RESOLVABLE else b""
            self._set_random_address(hci.Address.generate_private_address(irk))

    def _set_random_address(self, address: hci.Address) -> None:
        self._random = address
        if self._device and self._controller:
            self._device.random_address = self._device.static_address = address
            self._controller.random_address = address

    @property
    def _own_address(self) -> hci.Address:
        return self._public if self._address_mode == _ADDRESS_PUBLIC else self._random

    def _active_device(self) -> Device:
        if self._device is None:
            raise OSError(_ENODEV)
        return self._device

    def _active_table(self) -> AttributeTable:
        if self._table is None:
            raise OSError(_ENODEV)
        return self._table

    # Advertising and links

    def gap_advertise(
        self,
        interval_us: int | None = 500_000,
        adv_data: Buffer | None = None,
        *,
        resp_data: Buffer | None = None,
        connectable: bool = True,
    ) -> None:
        """Advertise every `interval_us`; None stops. Data that is not given stays what it was."""
        if interval_us is None:
            self._stop_adverts()
            return
        self._active_device()
        self._stop_adverts()
        if adv_data is not None:
            self._advert = self._advertised(self._advert, bytes(adv_data))
        if resp_data is not None:
            self._response = self._advertised(self._response, bytes(resp_data))
        assert self._controller
        links = len(self._controller.le_connections)
        if links and not self._personality.advertises_while_connected:
            return
        if connectable and links >= self._personality.connections:
            raise OSError(_ENOMEM)
        self._advertising = (max(1, interval_us // 1000), connectable)
        self._transmit_adverts()

    def _advertised(self, before: bytes, data: bytes) -> bytes:
        if len(data) <= _ADVERT_BYTES:
            return data
        if self._personality.checks_advert_length:
            raise OSError(_ADVERT_TOO_LONG)
        return before

    def _stop_adverts(self) -> None:
        self._advertising = None
        if self._controller:
            self._controller.advertiser.stop()

    def _transmit_adverts(self) -> None:
        """Put the adverts on the air, if there are to be any and the radio is ready."""
        device, controller = self._device, self._controller
        if self._advertising is None or device is None or controller is None or not device.powered_on:
            return
        own = hci.OwnAddressType.PUBLIC if self._own_address.is_public else hci.OwnAddressType.RANDOM
        kind = AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE
        # The host asks this object for the address of the connection that follows.
        device.legacy_advertiser = LegacyAdvertiser(device, kind, own, hci.Address.ANY, False)
        interval_ms, connectable = self._advertising
        controller.advertiser.advertise(own, interval_ms, self._advert, self._response, connectable)

    def gap_disconnect(self, conn_handle: int) -> bool:
        """Drop a link. False when there is none; BTstack's binding does not look and returns True."""
        self._active_device()
        if conn_handle not in self._links:
            return self._personality.not_connected_errno == _EINVAL
        asyncio.get_running_loop().call_soon(self._terminate, conn_handle)
        return True

    def _terminate(self, conn_handle: int) -> None:
        # Through the loop, behind what the host has sent to the controller before.
        connection = self._controller and self._controller.find_le_connection_by_handle(conn_handle)
        if self._controller and connection:
            connection.send_ll_control_pdu(ll.TerminateInd(hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR))
            self._controller.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TERMINATED_BY_LOCAL_HOST_ERROR)

    def _on_connection(self, connection: Connection) -> None:
        if connection.device is not self._device:
            return
        link = _Link(connection)
        self._links[connection.handle] = link
        self._advertising = None
        connection.on(connection.EVENT_DISCONNECTION, lambda _: self._on_disconnection(link))
        connection.on(connection.EVENT_CONNECTION_ATT_MTU_UPDATE, lambda: self._on_mtu(link))
        connection.on(connection.EVENT_CONNECTION_PARAMETERS_UPDATE, lambda: self._on_parameters(link))
        connection.on(connection.EVENT_CONNECTION_ENCRYPTION_CHANGE, lambda: self._on_encryption(link))
        connection.on(connection.EVENT_PAIRING, lambda keys: self._on_pairing(link, keys))
        peer = self._peer(connection.peer_address)
        self._notify(IRQ_CENTRAL_CONNECT, (connection.handle, *peer))

    def _peer(self, address: hci.Address) -> tuple[int, memoryview]:
        self._peer_address[:] = bytes(address)[::-1]
        return (0 if address.is_public else 1, memoryview(self._peer_address))

    def _is_up(self, link: _Link) -> bool:
        return self._links.get(link.connection.handle) is link

    def _on_disconnection(self, link: _Link) -> None:
        if not self._is_up(link):
            return
        handle = link.connection.handle
        del self._links[handle]
        if link.timer:
            link.timer.cancel()
        for value_handle, _ in link.indications:
            self._notify(IRQ_GATTS_INDICATE_DONE, (handle, value_handle, _INDICATION_CUT_OFF))
        if self._personality.names_peer_on_disconnect:
            peer = self._peer(link.connection.peer_address)
        else:
            self._peer_address[:] = _NOBODY[1]
            peer = (_NOBODY[0], memoryview(self._peer_address))
        self._notify(IRQ_CENTRAL_DISCONNECT, (handle, *peer))

    def _on_mtu(self, link: _Link) -> None:
        if self._is_up(link):
            self._notify(IRQ_MTU_EXCHANGED, (link.connection.handle, link.connection.att_mtu))

    def _on_parameters(self, link: _Link) -> None:
        if self._is_up(link):
            now = link.connection.parameters
            interval, timeout = round(now.connection_interval / 1.25), round(now.supervision_timeout / 10)
            data = (link.connection.handle, interval, now.peripheral_latency, timeout, 0)
            self._notify(IRQ_CONNECTION_UPDATE, data)

    # Pairing: what there is of it in a stack that cannot

    if TYPE_CHECKING:
        # Missing here at run time, as on a board, but part of the type that firmware is written against.
        def gap_pair(self, conn_handle: int) -> None: ...
        def gap_passkey(self, conn_handle: int, action: int, passkey: int) -> None: ...

    def _pairing(self, connection: Connection) -> PairingConfig:
        return PairingConfig(delegate=_NoPairing())

    def _guard(self, connection: Connection) -> tuple[bool, bool]:
        link = self._links.get(connection.handle)
        return bool(connection.encryption), link is not None and link.authenticated

    def _on_encryption(self, link: _Link) -> None:
        """Take notice of a link's encryption; without pairing it cannot come about."""

    def _on_pairing(self, link: _Link, keys: PairingKeys) -> None:
        """Take notice of a completed pairing."""

    # Attributes

    def gatts_register_services(self, services: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
        """Replace all services; return the handles of values and descriptors, one tuple for each service."""
        table = self._active_table()
        assert self._controller
        if self._personality.locks_table and (self._advertising or self._controller.le_connections):
            raise OSError(_EBUSY)
        handles = table.replace(services)
        table.set_name(self._settings["gap_name"])
        return handles

    def gatts_read(self, value_handle: int) -> bytes:
        """Return a value, and empty it when its buffer collects writes."""
        value = self._active_table().value(value_handle)
        data = value.data
        if value.append:
            value.data = b""
        return data

    def gatts_write(self, value_handle: int, data: Buffer, send_update: bool = False) -> None:
        """Set a value; on NimBLE also tell those who subscribed."""
        table = self._active_table()
        if send_update and not self._personality.sends_updates:
            raise OSError(_EOPNOTSUPP)
        table.write(value_handle, bytes(data))
        if send_update:
            subscribers = table.device.gatt_server.subscribers
            for handle, link in list(self._links.items()):
                configuration = subscribers.get(link.connection, {}).get(value_handle, b"\0")
                if configuration[0] & 1:
                    self.gatts_notify(handle, value_handle)
                elif configuration[0] & 2:
                    self.gatts_indicate(handle, value_handle)

    def gatts_set_buffer(self, value_handle: int, len: int, append: bool = False) -> None:
        """Set how many bytes a remote may write, and whether writes are collected."""
        self._active_table().set_buffer(value_handle, len, append)

    def gatts_notify(self, conn_handle: int, value_handle: int, data: Buffer | None = None) -> None:
        """Send a notification, whether or not the peer subscribed; without data, of the value."""
        link, content = self._outgoing(conn_handle, value_handle, data)
        self._send(link, att.ATT_Handle_Value_Notification(value_handle, content))

    def gatts_indicate(self, conn_handle: int, value_handle: int, data: Buffer | None = None) -> None:
        """Send an indication; its confirmation is an event. Further ones wait for it."""
        link, content = self._outgoing(conn_handle, value_handle, data)
        link.indications.append((value_handle, content))
        if len(link.indications) == 1:
            self._send_indication(link)

    def _outgoing(self, conn_handle: int, value_handle: int, data: Buffer | None) -> tuple[_Link, bytes]:
        """Return the link and what to send over it, or raise what the stack raises."""
        device, table = self._active_device(), self._active_table()
        link = self._links.get(conn_handle)
        if link is None:
            raise OSError(self._personality.not_connected_errno)
        limit, queue = self._personality.outstanding_notifications, device.host.le_acl_packet_queue
        if limit is not None and queue is not None and queue.pending >= limit:
            raise OSError(_ENOMEM)
        content = table.value(value_handle).data if data is None else bytes(data)
        return link, content[: link.connection.att_mtu - 3]

    def _send(self, link: _Link, pdu: att.ATT_PDU) -> None:
        link.connection.device.gatt_server.send_gatt_pdu(link.connection, bytes(pdu))

    def _send_indication(self, link: _Link) -> None:
        loop = asyncio.get_running_loop()
        confirmed: asyncio.Future[None] = loop.create_future()
        confirmed.add_done_callback(lambda _: self._on_confirmation(link, 0))
        server = link.connection.device.gatt_server
        server.pending_confirmations[link.connection] = confirmed
        link.timer = loop.call_later(_INDICATION_WITHIN_S, self._on_confirmation, link, _INDICATION_TIMED_OUT)
        self._send(link, att.ATT_Handle_Value_Indication(*link.indications[0]))

    def _on_confirmation(self, link: _Link, status: int) -> None:
        if not self._is_up(link):
            return
        link.connection.device.gatt_server.pending_confirmations.pop(link.connection, None)
        if link.timer:
            link.timer.cancel()
        value_handle, _ = link.indications.popleft()
        if link.indications:
            self._send_indication(link)
        self._notify(IRQ_GATTS_INDICATE_DONE, (link.connection.handle, value_handle, status))

    def _on_write(self, conn_handle: int, value_handle: int) -> None:
        if conn_handle in self._links:
            self._notify(IRQ_GATTS_WRITE, (conn_handle, value_handle))


class PairingBLE(BLE):
    """A radio that pairs, as NimBLE does: Just Works is accepted even where `mitm` was asked for."""

    def __init__(self, air: Air, personality: Personality, name: str) -> None:
        """Start with MicroPython's defaults: no bonds, no protection, no input or output."""
        super().__init__(air, personality, name)
        self._settings |= {"bond": False, "mitm": False, "le_secure": True, "io": 3}

    def _switch_on(self) -> None:
        super()._switch_on()
        assert self._device
        self._device.keystore = SecretStore(self._notify)
        self._device.keystore.keep_own_key()

    def _set_parameter(self, name: str, value: Any) -> None:
        if name in ("bond", "mitm", "le_secure"):
            self._settings[name] = bool(value)
        elif name == "io":
            if not 0 <= value <= 4:
                raise OSError(_EINVAL)
            self._settings[name] = value
        else:
            super()._set_parameter(name, value)

    def gap_pair(self, conn_handle: int) -> None:
        """Ask the central to pair or to encrypt."""
        self._active_device().request_pairing(self._link(conn_handle).connection)

    def gap_passkey(self, conn_handle: int, action: int, passkey: int) -> None:
        """Answer a passkey event: the number, or 1 and 0 for yes and no."""
        passkeys = self._link(conn_handle).passkeys
        if passkeys is None:
            raise OSError(_EINVAL)
        passkeys.answer(passkey)

    def _link(self, conn_handle: int) -> _Link:
        self._active_device()
        try:
            return self._links[conn_handle]
        except KeyError:
            raise OSError(self._personality.not_connected_errno) from None

    def _pairing(self, connection: Connection) -> PairingConfig:
        assert self._device and isinstance(self._device.keystore, SecretStore)
        self._device.keystore.forget(str(connection.peer_address))
        passkeys = PasskeyDelegate(self._settings["io"], connection.handle, self._notify)
        link = self._links.get(connection.handle)
        if link is not None:
            link.passkeys = passkeys
        kind = PairingConfig.AddressType
        return PairingConfig(
            sc=self._settings["le_secure"],
            mitm=self._settings["mitm"],
            bonding=self._settings["bond"],
            delegate=passkeys,
            identity_address_type=kind.PUBLIC if self._own_address.is_public else kind.RANDOM,
        )

    def _on_encryption(self, link: _Link) -> None:
        """Report an encryption with stored keys; a pairing is reported when it is complete."""
        device, connection = self._device, link.connection
        if not self._is_up(link) or device is None or connection.handle in device.smp_manager.sessions:
            return
        assert isinstance(device.keystore, SecretStore)
        keys = device.keystore.lookup(str(connection.peer_address))
        self._report_encryption(link, keys, bonded=keys is not None)

    def _on_pairing(self, link: _Link, keys: PairingKeys) -> None:
        if self._is_up(link):
            self._report_encryption(link, keys, bonded=self._settings["bond"])

    def _report_encryption(self, link: _Link, keys: PairingKeys | None, *, bonded: bool) -> None:
        key = keys and (keys.ltk or keys.ltk_peripheral or keys.ltk_central)
        connection = link.connection
        link.authenticated = bool(connection.encryption and key and key.authenticated)
        encrypted = bool(connection.encryption)
        size = _KEY_BYTES if encrypted else 0
        self._notify(IRQ_ENCRYPTION_UPDATE, (connection.handle, encrypted, link.authenticated, bonded, size))


class VirtualBluetooth:
    """Has the shape of MicroPython's `bluetooth` module: `BLE()`, `UUID(...)` and the FLAG_ constants."""

    UUID = UUID
    FLAG_BROADCAST = attributes.FLAG_BROADCAST
    FLAG_READ = attributes.FLAG_READ
    FLAG_WRITE_NO_RESPONSE = attributes.FLAG_WRITE_NO_RESPONSE
    FLAG_WRITE = attributes.FLAG_WRITE
    FLAG_NOTIFY = attributes.FLAG_NOTIFY
    FLAG_INDICATE = attributes.FLAG_INDICATE
    FLAG_AUTHENTICATED_SIGNED_WRITE = attributes.FLAG_AUTHENTICATED_SIGNED_WRITE
    FLAG_AUX_WRITE = attributes.FLAG_AUX_WRITE
    FLAG_READ_ENCRYPTED = attributes.FLAG_READ_ENCRYPTED
    FLAG_READ_AUTHENTICATED = attributes.FLAG_READ_AUTHENTICATED
    FLAG_READ_AUTHORIZED = attributes.FLAG_READ_AUTHORIZED
    FLAG_WRITE_ENCRYPTED = attributes.FLAG_WRITE_ENCRYPTED
    FLAG_WRITE_AUTHENTICATED = attributes.FLAG_WRITE_AUTHENTICATED
    FLAG_WRITE_AUTHORIZED = attributes.FLAG_WRITE_AUTHORIZED

    def __init__(self, air: Air, personality: Personality, name: str = "device") -> None:
        """One device on `air`; its radio goes off when the air closes."""
        kind = PairingBLE if personality.pairing else BLE
        self._ble = kind(air, personality, name)
        air.on_close(self._close)

    def _close(self) -> None:
        self._ble.active(False)

    def BLE(self) -> BLE:
        """Return the one radio."""
        return self._ble

    def power_cut(self) -> None:
        """Cut the device's power: its radio falls silent and its peers see a supervision timeout, at once."""
        self._ble.switch_off(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
