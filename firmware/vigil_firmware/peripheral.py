"""The radio side of the device, on MicroPython's `bluetooth.BLE`: encrypted adverts and connections.

The stack's own permissions are not relied on: NimBLE notifies characteristics marked encrypted to unpaired peers, and
BTstack on the Pico W cannot pair at all. Records are sealed end to end (vigil_wire.link); standard services notify a
connection only when it is encrypted and authenticated, or when the owner opened them to everybody.

A phone or gateway that is to be trusted is paired with a passkey, which is drawn anew and logged each time, and only
while pairing is open: for two minutes after somebody with the device in hand, or a host with its key, has asked for it.
Then it is bonded, and trusted whenever it encrypts its link with that bond.

Without standard services nobody needs to find the device by its address, and where the stack can (NimBLE) it has a
fresh random one at boot and every quarter of an hour without a link: hosts know it by its key, and others cannot follow
it. Not a resolvable one: NimBLE makes those with a published key.

Adverts are what alarms are heard by, so nobody may stop them for long: see vigil_firmware.door.
"""

from vigil_firmware.door import REST_MS, TURN_MS, Door
from vigil_firmware.link_end import LinkEnd
from vigil_firmware.storage import RESERVED_SHIFT
from vigil_firmware.ticks import ticks_diff
from vigil_wire import advert, keys, link
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OFF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vigil_firmware.attribute_table import Service
    from vigil_firmware.bluetooth_stacks import Stack
    from vigil_firmware.bonds import Bonds
    from vigil_firmware.monitor import Monitor
    from vigil_firmware.standard_services import StandardServices
    from vigil_firmware.storage import Storage
    from vigil_firmware.vitals import Vitals
    from vigil_hal.seams import BluetoothModule
    from vigil_wire.settings import Settings

ADVERT_INTERVAL_US = 225_000
ADDRESS_PERIOD_MS = 900_000
DEVICE_NAME = "Vigil"  # what the air may know: nothing medical, nothing personal

_CENTRAL_CONNECT = 1
_CENTRAL_DISCONNECT = 2
_GATTS_WRITE = 3
_INDICATE_DONE = 20
_MTU_EXCHANGED = 21
_ENCRYPTION_UPDATE = 28
_GET_SECRET = 29
_SET_SECRET = 30
_PASSKEY_ACTION = 31

_STATIC_RANDOM = 1  # what config(addr_mode=...) calls a random address, drawn anew each time

_DISPLAY_ONLY = 0  # what config(io=...) calls a device that can show a passkey
_SHOW_PASSKEY = 3

_WRITE = 0x0008
_NOTIFY = 0x0010
OURS = (link.SERVICE_UUID, ((link.CONTROL_UUID, _WRITE), (link.STREAM_UUID, _NOTIFY)))

_NO_MEMORY = 12
_UNPROVEN_MS = 5_000
_PAIRING_OPEN_MS = 120_000
_BONDING_MS = 5_000  # for the stack to hand over all secrets of a bond, after the link is encrypted
_PAIRING_MS = 30_000  # for a person to type a passkey; the pairing protocol waits no longer either
_BYE_MS = 1_000  # before the end of its turn a host is told
_ENDING_MS = 3_000  # for a link to end that was dropped
_PREFERRED_MTU = 247
_WAITING_FRAMES_MOST = 16


class RadioError(Exception):
    """The radio cannot be started as configured. Says what and why."""


class Connection:
    """One central: its end of the record link, and what the stack says of its security."""

    def __init__(self, handle: int, end: LinkEnd, now_ms: int, listener: "Any") -> None:
        self.handle = handle
        self.end = end
        self.since_ms = now_ms
        self.patience_ms = _UNPROVEN_MS
        self.is_pairing = False  # it was shown a passkey while pairing was open
        self.passkey = -1  # that one
        self.fault = ""  # why it is to be dropped
        self.is_proven = False  # the host has shown that it knows the device key
        self.is_trusted = False  # encrypted and authenticated by the stack
        self.frames: list[bytearray] = []  # written by the central, not yet looked at
        self.listener = listener  # of the standard services, where there are any


class Peripheral:
    """Advertises and serves one monitor. `log(text)` takes one line about each thing worth knowing."""

    def __init__(
        self,
        bluetooth: "BluetoothModule",
        monitor: "Monitor",
        storage: "Storage",
        random: "Callable[[int], bytes]",
        log: "Callable[[str], None]",
        now_ms: int,
    ) -> None:
        from vigil_firmware import attribute_table
        from vigil_firmware.bluetooth_stacks import BTSTACK, stack_of

        self._monitor = monitor
        self._storage = storage
        self._random = random
        self._log = log
        self._now_ms = now_ms
        self._sealer = advert.AdvertSealer(storage.device_key)
        self._high = storage.advert_high
        self._low = storage.advert_low
        self._content = bytearray(advert.CONTENT_LENGTH)
        self._statuses = [0] * 3
        self._values = [0] * 6
        self._second = -1
        self._bits = 0
        self._connections: list[Connection] = []
        self.refused = [0] * len(link.REFUSALS)
        self._must_advertise = True
        self._is_pairing_open = False  # since `_pairing_ms`
        self._pairing_ms = now_ms
        self._turned_away: list[int] = []  # handles of connections to drop
        self._is_ending = False  # a link was dropped at `_ending_ms`, and its event has not come
        self._ending_ms = now_ms
        self._notify_bound = self._notify  # once: each binding is an object
        self._bluetooth = bluetooth
        self._ble = bluetooth.BLE()
        stack = stack_of(self._ble)
        self._can_pair = stack.can_pair
        self._bonds = _bonds_of(storage) if stack.can_pair else None
        self._standard = self._standard_services(stack)
        trouble = attribute_table.trouble_with(self._services(), stack)
        if trouble:  # BTstack overflows silently
            raise RadioError(trouble)
        self._start_radio()
        self._address_ms = now_ms
        is_btstack = stack.name == BTSTACK.name
        self._changes_address = storage.settings.standard_services == SERVICES_OFF and not is_btstack
        self._is_address_due = self._changes_address
        self._door = Door(is_btstack, now_ms)

    @property
    def connection_count(self) -> int:
        """How many centrals are connected."""
        return len(self._connections)

    @property
    def passkey(self) -> int:
        """The passkey of whatever is pairing now, for the device's display; -1 where nothing is."""
        for connection in self._connections:
            if connection.is_pairing and not connection.is_trusted:
                return connection.passkey
        return -1

    @property
    def advert_counter(self) -> "tuple[int, int]":
        """Counter (high, low) of the next advert."""
        return self._high, self._low

    @property
    def flags(self) -> int:
        """What hosts are told of the device: link.ADDRESS_CHANGES, link.CAN_PAIR, link.FEELS_MOVEMENT."""
        flags = link.ADDRESS_CHANGES if self._changes_address else 0
        if self._can_pair:
            flags |= link.CAN_PAIR
        return flags | link.FEELS_MOVEMENT if self._monitor.has_accelerometer else flags

    def change_settings(self, settings: "Settings", author: bytes) -> None:
        """Put other settings in force, by the wish of `author`, and keep them."""
        self._storage.save_settings(settings)
        self._monitor.apply(settings, author)

    def open_pairing(self) -> None:
        """Let a phone or gateway pair, for two minutes from now; nothing happens where services are not bonded."""
        if self._storage.settings.standard_services != SERVICES_BONDED:
            return
        if not self._is_pairing_open:
            self._log("link: pairing is open for %d s" % (_PAIRING_OPEN_MS // 1000))
        self._is_pairing_open = True
        self._pairing_ms = self._now_ms

    def rotate_key(self, device_key: bytes, asked: LinkEnd) -> None:
        """Keep another device key and use it for all but the session that `asked`; other sessions end."""
        if device_key == self._storage.device_key:
            return  # asked again, because the answer was lost
        try:
            self._storage.rotate_key(device_key)
        except OSError as error:
            raise link.LinkError("the key stays, another cannot be written: " + str(error)) from None
        self._sealer = advert.AdvertSealer(device_key)
        self._renew_advert()
        self._log("link: the device key was replaced: this is device " + keys.device_id(device_key))
        for connection in self._connections:
            if connection.end is not asked:
                connection.end.is_outdated = True

    def step(self, now_ms: int) -> None:
        """Do all that is due: answer hosts, renew the advert each second and at once when an alarm changed."""
        self._now_ms = now_ms
        self._end_turned_away()
        self._take_frames()
        self._mind_door()
        self._mind_bonds()
        monitor = self._monitor
        is_new_second = monitor.second != self._second
        if is_new_second or monitor.alarms.bits != self._bits:
            self._second = monitor.second
            self._bits = monitor.alarms.bits
            self._renew_advert()
        self._change_address()
        if self._must_advertise:
            self._advertise()
        self._answer()
        if self._standard is not None:
            self._standard.step(self._connections, self._second, self._notify_bound)

    def _standard_services(self, stack: "Stack") -> "StandardServices | None":
        """Return what tells phones and gateways; None, and its modules are not in memory, where nobody may be told."""
        from vigil_firmware.bluetooth_stacks import trouble_with

        services = self._storage.settings.standard_services
        trouble = trouble_with(services, stack)
        if trouble:
            self._log("link: " + trouble)
        if trouble or services == SERVICES_OFF:
            return None
        from vigil_firmware.standard_services import StandardServices

        return StandardServices(self._monitor, self._storage.settings, stack)

    def _services(self) -> "list[Service]":
        """All that is registered, ours first."""
        return [OURS] if self._standard is None else [OURS] + self._standard.services

    def _advertise(self) -> None:
        self._must_advertise = False
        if not (self._door.is_open and self._can_advertise(True)) and not self._can_advertise(False):
            self._must_advertise = True  # the next step tries again

    def _can_advertise(self, connectable: bool) -> bool:
        """Advertise; False where the stack refuses, as NimBLE does while every connection is taken, if connectable."""
        try:
            self._ble.gap_advertise(ADVERT_INTERVAL_US, adv_data=self._sealer.advert, connectable=connectable)
        except OSError:
            return False
        return True

    def _start_radio(self) -> None:
        self._ble.irq(self._on_event)  # before the start: there the stack asks for its secrets
        self._ble.active(True)
        self._ble.config(gap_name=DEVICE_NAME, mtu=_PREFERRED_MTU)
        if self._storage.settings.standard_services == SERVICES_BONDED:
            self._permit_pairing()
        self._register(self._bluetooth)

    def _mind_door(self) -> None:
        """Shut or open the door when that is due, and see that what was dropped is gone."""
        if self._door.step(self._now_ms):
            self._must_advertise = True
            if not self._door.is_open:
                self._log("link: strangers keep trying: nobody can connect for %d s" % self._door.shut_s)
        if self._is_ending and ticks_diff(self._now_ms, self._ending_ms) > _ENDING_MS:
            # A central decides how long a link outlasts its silence, up to 32 s: too long where nobody hears adverts.
            self._log("link: a dropped connection did not end: the radio starts anew")
            self._is_ending = False
            self._connections = []
            self._ble.active(False)
            self._start_radio()
            self._must_advertise = True

    def _mind_bonds(self) -> None:
        """Keep what an authenticated pairing has left, on flash too, and close pairing in time."""
        if self._is_pairing_open and ticks_diff(self._now_ms, self._pairing_ms) >= _PAIRING_OPEN_MS:
            self._is_pairing_open = False
        bonds = self._bonds
        if bonds is None:
            return
        for connection in self._connections:
            if connection.is_pairing and connection.is_trusted:
                if bonds.is_changed and bonds.keep():
                    self._log("link: the oldest bond is forgotten: there was no room for another")
                connection.is_pairing = ticks_diff(self._now_ms, connection.since_ms) < _BONDING_MS
        if bonds.must_save:
            bonds.must_save = False
            self._storage.save_bonds(bonds.packed())

    def _undo_bonds(self) -> None:
        if self._bonds is not None:
            self._bonds.undo()

    def _end_turned_away(self) -> None:
        while self._turned_away:
            self.refused[link.TURNED_AWAY] += 1
            self._hang_up(self._turned_away.pop())

    def _change_address(self) -> None:
        """Draw another address where one is due and no link is up. Adverts stop for it: a board would stop else."""
        if self._changes_address and ticks_diff(self._now_ms, self._address_ms) >= ADDRESS_PERIOD_MS:
            self._is_address_due = True
            self._address_ms = self._now_ms
        if self._is_address_due and not self._connections:
            self._is_address_due = False
            self._address_ms = self._now_ms
            self._ble.gap_advertise(None)
            self._ble.config(addr_mode=_STATIC_RANDOM)
            self._must_advertise = True

    def _permit_pairing(self) -> None:
        """Let a phone or gateway authenticate itself by a passkey; `_show_passkey` shows none while pairing is shut."""
        try:
            self._ble.config(io=_DISPLAY_ONLY, mitm=True, le_secure=True, bond=True)
        except ValueError:
            return  # BTstack on a Pico W of the official build cannot pair, and so trusts nobody

    def _register(self, bluetooth: "BluetoothModule") -> None:
        """Register all services, and refuse a table that did not take them."""
        made = []
        for uuid, characteristics in self._services():
            flagged = [(bluetooth.UUID(each), flags) for each, flags in characteristics]
            made.append((bluetooth.UUID(uuid), tuple(flagged)))
        handles = self._ble.gatts_register_services(made)
        flat = [handle for service in handles for handle in service]
        for index in range(1, len(flat)):
            if flat[index] <= flat[index - 1]:
                raise RadioError(
                    "the stack's attribute table is too small for these services (handle %d after %d): "
                    "set standard_services to 0" % (flat[index], flat[index - 1])
                )
        self._control, self._stream = handles[0]
        self._ble.gatts_set_buffer(self._control, link.MAX_FRAME)
        if self._standard is not None:
            self._standard.registered(self._ble, handles[1:])

    def _renew_advert(self) -> None:
        monitor = self._monitor
        self._fill_in(monitor.vitals)
        self._values[4] = monitor.battery_pct
        self._values[5] = max(0, monitor.journal.newest)
        advert.pack_content(self._content, 0, self._statuses, monitor.alarms.bits, self._values)
        self._sealer.seal(self._content, 0, self._high, self._low)
        self._low += 1
        if self._low & (1 << RESERVED_SHIFT) - 1 == 0:
            self._storage.reserve_adverts()
            self._high = self._storage.advert_high
            self._low = self._storage.advert_low
        self._must_advertise = True

    def _fill_in(self, vitals: "Vitals") -> None:
        """Put the newest vitals where `advert.pack_content` finds them."""
        self._statuses[0] = vitals.pulse_rate.status
        self._statuses[1] = vitals.spo2.status
        self._statuses[2] = vitals.temperature.status
        self._values[0] = vitals.pulse_rate.value_or(advert.NO_U16)
        self._values[1] = vitals.spo2.value_or(advert.NO_U16)
        self._values[2] = vitals.temperature.value_or(advert.NO_S16)
        perfusion = vitals.perfusion.value_or(-1)
        self._values[3] = advert.NO_U8 if perfusion < 0 else min(perfusion // 10, advert.NO_U8 - 1)

    def _take_frames(self) -> None:
        """Let each connection's frames in; drop those that break the protocol or never prove that they know the key."""
        for connection in self._connections:  # no copy: `_drop` binds another list
            try:
                while connection.frames and not connection.end.is_outdated:
                    connection.end.receive(connection.frames.pop(0), self._random)
                    if connection.end.is_proven and not connection.is_proven:
                        connection.is_proven = True
                        self._door.proved()
            except link.LinkError as error:
                self.refused[error.kind] += 1
                if not connection.is_proven:
                    self._door.failed()
                self._drop(connection, str(error))
                continue
            self._judge(connection)

    def _judge(self, connection: Connection) -> None:
        """Drop a connection that did what it may not, or whose time is over."""
        if connection.fault:
            if not connection.is_proven:
                self._door.failed()
            self._drop(connection, connection.fault)
            return
        if connection.end.is_outdated and not connection.is_trusted:
            self._drop(connection, "its key was replaced")
            return
        age_ms = ticks_diff(self._now_ms, connection.since_ms)
        if self._is_stranger(connection) and age_ms > connection.patience_ms:
            self.refused[link.UNPROVEN] += 1
            self._door.failed()
            self._drop(connection, "it did not prove itself within %d s" % (connection.patience_ms // 1000))
        elif self._door.is_silent_in_link and not self._may_stay(connection):
            if age_ms >= TURN_MS:
                self._forget(connection)
                self._hang_up(connection.handle)
            elif age_ms >= TURN_MS - _BYE_MS:
                connection.end.say_bye((REST_MS + _BYE_MS) // 1000)

    def _is_stranger(self, connection: Connection) -> bool:
        is_open = self._standard is not None and self._standard.is_open
        return not connection.is_proven and not connection.is_trusted and not is_open

    @staticmethod
    def _may_stay(connection: Connection) -> bool:
        return connection.is_proven and connection.end.may_stay

    def _answer(self) -> None:
        """Let each session send what is due."""
        for connection in self._connections:
            if connection.end.is_outdated:
                continue
            try:
                connection.end.step(self._content, 0, self._second)
            except link.LinkError as error:  # sixteen million frames are a session's last
                self._drop(connection, str(error))

    def _drop(self, connection: Connection, reason: str) -> None:
        self._log("link: dropped a connection: " + reason)
        self._forget(connection)
        self._hang_up(connection.handle)

    def _forget(self, connection: Connection) -> None:
        # Bound anew, not changed: the event of its end may come at any moment.
        self._connections = [each for each in self._connections if each is not connection]
        if not connection.is_trusted:
            self._undo_bonds()

    def _hang_up(self, handle: int) -> None:
        self._is_ending = self._door.is_silent_in_link
        self._ending_ms = self._now_ms
        self._ble.gap_disconnect(handle)

    def _notify(self, connection: int, handle: int, data: memoryview) -> bool:
        """Notify; False when the stack has no room now and the same must be offered again."""
        try:
            self._ble.gatts_notify(connection, handle, data)
        except OSError as error:
            # Any other error means that the link is gone and its event is under way: nobody is left to tell.
            return bool(error.args[0] != _NO_MEMORY)
        return True

    def _on_event(self, event: int, data: "tuple[Any, ...]") -> "bytes | bool | None":
        if event == _CENTRAL_CONNECT:
            self._connected(data[0])
        elif event == _CENTRAL_DISCONNECT:
            self._disconnected(data[0])
        elif event == _GATTS_WRITE and data[1] == self._control:
            connection = self._find(data[0])
            # A frame that is not taken in breaks the frame count, which ends the session.
            if connection is not None and len(connection.frames) < _WAITING_FRAMES_MOST:
                connection.frames.append(bytearray(self._ble.gatts_read(self._control)))
        elif event == _GATTS_WRITE:
            connection = self._find(data[0])
            if connection is not None and self._standard is not None:
                self._standard.written(connection, data[1])
        elif event == _INDICATE_DONE:
            connection = self._find(data[0])
            if connection is not None and self._standard is not None:
                connection.listener.confirm(data[2])
        elif event == _MTU_EXCHANGED:
            connection = self._find(data[0])
            if connection is not None:
                connection.end.mtu = data[1]
        elif event == _ENCRYPTION_UPDATE:
            connection = self._find(data[0])
            if connection is not None:
                self._encrypted(connection, bool(data[1]) and bool(data[2]))
        elif self._bonds is None:
            pass  # what follows is about pairing
        elif event == _GET_SECRET:
            return self._bonds.get(data[0], data[1], None if data[2] is None else bytes(data[2]))
        elif event == _SET_SECRET:
            return self._bonds.set(data[0], bytes(data[1]), None if data[2] is None else bytes(data[2]))
        elif event == _PASSKEY_ACTION and data[1] == _SHOW_PASSKEY:
            connection = self._find(data[0])
            if connection is not None:
                self._show_passkey(connection)
        return None

    def _disconnected(self, handle: int) -> None:
        self._is_ending = False
        self._must_advertise = True
        if handle in self._turned_away:
            self._turned_away.remove(handle)
        connection = self._find(handle)  # none where it was dropped
        if connection is None:
            self._undo_bonds()
        else:
            self._forget(connection)
            if self._is_stranger(connection):
                self.refused[link.UNPROVEN] += 1
                self._door.failed()
        if connection is None or not self._may_stay(connection):
            self._door.rest(self._now_ms)

    def _connected(self, handle: int) -> None:
        if not self._door.is_open:
            self._turned_away.append(handle)
            return

        def send(frame: memoryview) -> bool:
            return self._notify(handle, self._stream, frame)

        end = LinkEnd(self._storage.device_key, self._monitor, send, self)
        listener = None if self._standard is None else self._standard.listener()
        self._connections.append(Connection(handle, end, self._now_ms, listener))
        # The stack stops advertising at a connection; where it can go on, others still hear.
        self._must_advertise = True

    def _encrypted(self, connection: Connection, is_authenticated: bool) -> None:
        """Trust a central that has just typed a passkey or encrypted its link with a bond made so, and no other."""
        connection.is_trusted = is_authenticated
        if is_authenticated:
            connection.since_ms = self._now_ms
        elif self._storage.settings.standard_services == SERVICES_BONDED and not connection.is_proven:
            connection.fault = "it is not authenticated"

    def _show_passkey(self, connection: Connection) -> None:
        if not self._is_pairing_open:
            connection.fault = "it asked to pair, and pairing is not open"
            return
        connection.is_pairing = True
        drawn = self._random(3)
        passkey = (drawn[0] | drawn[1] << 8 | drawn[2] << 16) % 1_000_000
        connection.passkey = passkey
        self._log("link: passkey %06d for what is pairing now" % passkey)
        connection.patience_ms = _PAIRING_MS
        self._ble.gap_passkey(connection.handle, _SHOW_PASSKEY, passkey)

    def _find(self, handle: int) -> "Connection | None":
        for connection in self._connections:
            if connection.handle == handle:
                return connection
        return None


def _bonds_of(storage: "Storage") -> "Bonds":
    """Return the bonds that are kept. Where the stack cannot pair, what handles them is not in memory."""
    from vigil_firmware.bonds import Bonds
    from vigil_firmware.storage import BONDS_MOST_BYTES

    return Bonds(storage.bonds, BONDS_MOST_BYTES)
