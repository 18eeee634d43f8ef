"""The virtual air: Bumble's LocalLink with its departures from a radio corrected, and with faults to inject.

Corrected (bumble 0.0.236): ACL data carries the address of its link, so that public addresses work and a
device may change its address while linked; scan responses and non-connectable adverts exist; a cancelled
connection attempt ends; two centrals cannot win the same advert; the credit for an ACL packet comes back
when the packet has arrived; connection handles are unique on one air, so that a capture of several centrals
can be told apart.

Faults: `silent` (nothing crosses; adverts are lost, data waits to be retransmitted, and after
`supervision_timeout_s` every link is lost), `delay_s` (added to everything that crosses a link),
`lose_link()`. There is no airtime, interference or range: latency and throughput seen here say nothing
about a radio.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from bumble import controller as bumble_controller
from bumble import hci, ll
from bumble.core import PhysicalTransport
from bumble.device import Device
from bumble.host import Host
from bumble.link import LocalLink
from bumble.snoop import BtSnooper
from bumble.transport.common import AsyncPipeSink

RSSI_DBM = -50
_SETTLE_TURNS = 40


@dataclass
class AirCounters:
    """What has crossed the air since it was opened."""

    adverts: int = 0
    adverts_lost: int = 0
    acl: int = 0
    acl_lost: int = 0
    connections: int = 0
    links_lost: int = 0


@dataclass
class Advert(ll.AdvInd):
    """One legacy advert with what an active scanner would get in response."""

    scan_response: bytes
    connectable: bool


class AirAdvertiser(bumble_controller.LegacyAdvertiser):
    """Sends adverts until stopped; `interval_ms` is in milliseconds."""

    connectable: bool = True

    def advertise(self, address_type: int, interval_ms: int, data: bytes, response: bytes, connectable: bool) -> None:
        """Start over with these parameters."""
        self.own_address_type = address_type
        self.advertising_interval_min = interval_ms
        self.advertising_data = data
        self.scan_response_data = response
        self.connectable = connectable
        self.start()

    def send_advertising_data(self) -> None:
        """Put one advert on the air."""
        if self.enabled:
            self.controller.send_advertising_pdu(
                Advert(self.address, self.advertising_data, self.scan_response_data, self.connectable)
            )


class AirHost(Host):
    """A host that bears the cancellation of a task that waits for a command."""

    def on_command_processed(self, event: hci.HCI_Command_Complete_Event[Any] | hci.HCI_Command_Status_Event) -> None:
        """Take the controller's answer, unless nobody waits for it any more."""
        command, response = self.pending_command, self.pending_response
        if command and response and command.op_code == event.command_opcode and not response.done():
            super().on_command_processed(event)


class AirController(bumble_controller.Controller):
    """A link-layer controller on an Air: legacy adverts only, whole L2CAP frames of up to 251 bytes."""

    le_features = bumble_controller.Controller.le_features & ~(
        hci.LeFeatureMask.LE_EXTENDED_ADVERTISING | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    )
    le_acl_data_packet_length = 251

    def __init__(self, name: str, air: "Air", public_address: hci.Address) -> None:
        """Join the air under a name that only logs show."""
        super().__init__(name, link=air, public_address=public_address)
        self.air = air
        self.advertiser = AirAdvertiser(self)
        self.le_legacy_advertiser = self.advertiser

    def allocate_connection_handle(self) -> int:
        """Return a handle that no other link of this air has."""
        return self.air.next_handle()

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Send to the host; the credit for a data packet follows that packet through the air."""
        if isinstance(packet, hci.HCI_Number_Of_Completed_Packets_Event):
            self.air.transmit(lambda: self._return_credit(packet))
        else:
            super().send_hci_packet(packet)

    def _return_credit(self, packet: hci.HCI_Number_Of_Completed_Packets_Event) -> None:
        if self.find_le_connection_by_handle(packet.connection_handles[0]):
            super().send_hci_packet(packet)

    def on_ll_advertising_pdu(self, packet: ll.AdvertisingPdu) -> None:
        """Report an advert to a scanning host and connect if the host waits for this advertiser."""
        if isinstance(packet, Advert):
            self._on_advert(packet)
        else:
            super().on_ll_advertising_pdu(packet)

    def _on_advert(self, advert: Advert) -> None:
        kind = hci.HCI_LE_Advertising_Report_Event.EventType
        if self.le_scan_enable:
            self._report(kind.ADV_IND if advert.connectable else kind.ADV_SCAN_IND, advert, advert.data)
            if self.le_scan_type == hci.HCI_LE_Set_Scan_Parameters_Command.ACTIVE_SCANNING:
                self._report(kind.SCAN_RSP, advert, advert.scan_response)
        pending = self.pending_le_connection
        if pending and advert.connectable and pending.peer_address == advert.advertiser_address:
            self.create_le_connection(advert.advertiser_address)

    def _report(self, kind: int, advert: Advert, data: bytes) -> None:
        address = advert.advertiser_address
        report = hci.HCI_LE_Advertising_Report_Event.Report(
            event_type=kind, address_type=address.address_type, address=address, data=data, rssi=RSSI_DBM
        )
        self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Connect, unless the advertiser has meanwhile stopped or gone out of range: then keep waiting."""
        peer = self.air.advertiser_at(peer_address)
        if peer is not None and not self.air.silent and peer_address not in self.le_connections:
            self.air.counters.connections += 1
            super().create_le_connection(peer_address)

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        """End the pending attempt with the event that the host waits for."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_le_disconnected(self, connection: bumble_controller.Connection, reason: int) -> None:
        """Tell the host once, whichever end comes first."""
        if self.le_connections.get(connection.peer_address) is connection:
            super().on_le_disconnected(connection, reason)


class Air(LocalLink):
    """The air that devices and centrals share: an async context manager, or call `open` and `close`.

    Everything here belongs to one asyncio loop and is to be called from its thread only.
    """

    controllers: set[bumble_controller.Controller]

    def __init__(self, *, supervision_timeout_s: float = 0.72) -> None:
        """`supervision_timeout_s`: silence after which links are lost (Bumble's centrals ask for 0.72 s)."""
        super().__init__()  # type: ignore[no-untyped-call]  # Bumble leaves it untyped
        self.supervision_timeout_s = supervision_timeout_s
        self.delay_s = 0.0
        self.counters = AirCounters()
        self._silent = False
        self._supervision: asyncio.TimerHandle | None = None
        self._in_flight: deque[tuple[float, Callable[[], None]]] = deque()
        self._pump: asyncio.Handle | None = None
        self._handles = itertools.count()
        self._serials = itertools.count(1)
        self.centrals: set[Device] = set()
        self._closers: list[Callable[[], None]] = []
        self._capture_file: BinaryIO | None = None
        self._snooper: BtSnooper | None = None

    async def open(self) -> Self:
        """Return the air itself; nothing is on it yet."""
        return self

    async def close(self) -> None:
        """Switch everything off and wait until the events of that have been handled."""
        for closer in self._closers:
            closer()
        for central in list(self.centrals):
            self.remove_central(central)
        if self._supervision:
            self._supervision.cancel()
        self._silent = False
        for _ in range(_SETTLE_TURNS):
            await asyncio.sleep(0)
        if self._pump:
            self._pump.cancel()
        self._in_flight.clear()
        self._snooper = None
        if self._capture_file:
            self._capture_file.close()
            self._capture_file = None

    async def __aenter__(self) -> Self:
        """Open."""
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    # Faults

    @property
    def silent(self) -> bool:
        """Whether nothing crosses the air; links survive silences shorter than `supervision_timeout_s`."""
        return self._silent

    @silent.setter
    def silent(self, silent: bool) -> None:
        if silent == self._silent:
            return
        self._silent = silent
        if silent:
            self._supervision = asyncio.get_running_loop().call_later(self.supervision_timeout_s, self.lose_link)
        else:
            if self._supervision:
                self._supervision.cancel()
            self._schedule()

    def lose_link(self) -> None:
        """Let the supervision timeout of every link expire at both ends; what was in flight is lost."""
        self.counters.acl_lost += len(self._in_flight)
        self._in_flight.clear()
        for controller in self.controllers:
            for connection in list(controller.le_connections.values()):
                if connection.role == hci.Role.CENTRAL:
                    self.counters.links_lost += 1
                controller.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)

    def capture(self, path: Path) -> None:
        """Write the HCI traffic of all centrals, from now to `close`, as one btsnoop file."""
        self._capture_file = path.open("wb")
        self._snooper = BtSnooper(self._capture_file)
        for central in self.centrals:
            central.host.snooper = self._snooper

    # Who is on the air

    def new_addresses(self) -> tuple[hci.Address, hci.Address]:
        """Return a public and a static random address that nobody on this air has."""
        serial = next(self._serials).to_bytes(2, "little")
        return (
            hci.Address(serial + bytes.fromhex("00009cd0"), hci.Address.PUBLIC_DEVICE_ADDRESS),
            hci.Address(serial + bytes.fromhex("0000efc0"), hci.Address.RANDOM_DEVICE_ADDRESS),
        )

    def attach(self, name: str, public: hci.Address, random: hci.Address) -> tuple[Device, AirController]:
        """Return a Bumble device with its controller on the air, not yet powered on."""
        controller = AirController(name, self, public)
        host = AirHost(controller, AsyncPipeSink(controller))
        return Device(name=name, address=random, host=host), controller

    def detach(self, controller: AirController, reason: int) -> None:
        """Take a controller off the air; both ends of its links see `reason`."""
        controller.advertiser.stop()
        for connection in list(controller.le_connections.values()):
            end = self._other_end(connection)
            controller.on_le_disconnected(connection, reason)
            if end is not None:
                end.controller.on_le_disconnected(end, reason)
        self.controllers.discard(controller)

    def on_close(self, closer: Callable[[], None]) -> None:
        """Have `closer` called when the air closes."""
        self._closers.append(closer)

    async def add_central(self, name: str, random: hci.Address | None = None) -> Device:
        """Return a powered Bumble device for a central, with its own address unless one is given."""
        public, fresh = self.new_addresses()
        device, _ = self.attach(name, public, random or fresh)
        self.centrals.add(device)
        device.host.snooper = self._snooper
        try:
            await device.power_on()
        except BaseException:
            self.remove_central(device)
            raise
        return device

    def remove_central(self, device: Device) -> None:
        """Take a central off the air; its links end as by the remote user."""
        self.centrals.discard(device)
        for controller in list(self.controllers):
            if isinstance(controller, AirController) and controller.host is device.host:
                self.detach(controller, hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR)

    def advertiser_at(self, address: hci.Address) -> AirController | None:
        """Return the controller that is advertising from `address`, if any."""
        for controller in self.controllers:
            if (
                isinstance(controller, AirController)
                and controller.advertiser.enabled
                and controller.advertiser.address == address
            ):
                return controller
        return None

    def address_of(self, text: str) -> hci.Address:
        """Return the address of that text, of the type in use on this air (random where nobody has it)."""
        random = hci.Address(text, hci.Address.RANDOM_DEVICE_ADDRESS)
        public = hci.Address(text, hci.Address.PUBLIC_DEVICE_ADDRESS)
        known = {controller.public_address for controller in self.controllers}
        return public if public in known else random

    def next_handle(self) -> int:
        """Return the next connection handle (1 to 0x0EFF)."""
        return next(self._handles) % 0x0EFF + 1

    # What crosses the air

    def transmit(self, deliver: Callable[[], None]) -> None:
        """Have `deliver` called after the delay, in order, once the air is not silent."""
        self._in_flight.append((asyncio.get_running_loop().time() + self.delay_s, deliver))
        self._schedule()

    def _schedule(self) -> None:
        if self._in_flight and not self._silent and self._pump is None:
            loop = asyncio.get_running_loop()
            due = self._in_flight[0][0]
            self._pump = loop.call_soon(self._deliver) if due <= loop.time() else loop.call_at(due, self._deliver)

    def _deliver(self) -> None:
        self._pump = None
        now = asyncio.get_running_loop().time()
        try:
            while self._in_flight and not self._silent and self._in_flight[0][0] <= now:
                self._in_flight.popleft()[1]()
        finally:
            self._schedule()

    def _other_end(self, connection: bumble_controller.Connection) -> bumble_controller.Connection | None:
        for controller in self.controllers:
            other = controller.le_connections.get(connection.self_address)
            if other is not None and other.self_address == connection.peer_address:
                return other
        return None

    def send_acl_data(
        self,
        sender_controller: bumble_controller.Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        """Carry one L2CAP frame to the other end of its link."""
        self.counters.acl += 1
        sender = sender_controller.le_connections.get(destination_address)
        receiver = self._other_end(sender) if sender else None
        if receiver is None:
            self.counters.acl_lost += 1
            return

        def deliver() -> None:
            if receiver.controller.le_connections.get(receiver.peer_address) is receiver:
                receiver.controller.on_link_acl_data(receiver.peer_address, transport, data)
            else:
                self.counters.acl_lost += 1

        self.transmit(deliver)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Carry one link-layer control PDU to the other end of its link."""
        for controller in self.controllers:
            receiver = controller.le_connections.get(sender_address)
            if receiver is not None and receiver.self_address == receiver_address:
                # mypy cannot infer a lambda's default, which holds the receiver of this turn of the loop.
                self.transmit(lambda end=receiver: self._deliver_control(end, packet))  # type: ignore[misc]
                return

    @staticmethod
    def _deliver_control(end: bumble_controller.Connection, packet: ll.ControlPdu) -> None:
        if end.controller.le_connections.get(end.peer_address) is end:
            end.controller.on_ll_control_pdu(end.peer_address, packet)

    def send_advertising_pdu(self, sender_controller: bumble_controller.Controller, packet: ll.AdvertisingPdu) -> None:
        """Carry an advert to everybody, or a connection request to its advertiser at once."""
        if isinstance(packet, ll.ConnectInd):
            peer = self.advertiser_at(packet.advertiser_address)
            if peer is not None:
                peer.on_ll_advertising_pdu(packet)
            return
        self.counters.adverts += 1
        if self._silent:
            self.counters.adverts_lost += 1
            return
        loop = asyncio.get_running_loop()
        for controller in self.controllers:
            if controller is not sender_controller:
                loop.call_soon(controller.on_ll_advertising_pdu, packet)
