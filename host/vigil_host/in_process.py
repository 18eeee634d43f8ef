"""The radio between a device and a bridge in one process: no air, but the frames and adverts that would be in it.

To the device it is MicroPython's `bluetooth`, to the bridge a scanner and clients of bleak's shape, so that both run as
they do with a real radio, sealing and all. The device runs in a thread of its own, because its sensors make it wait;
the bridge in an asyncio loop. What one says to the other is queued: `deliver`, called in the device's thread, brings it
what the bridge has said, as a board's stack does between two bytecodes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from vigil_host.link.adapter import HERE, Client, ClientFactory
from vigil_wire import link
from vigil_wire.advert import COMPANY_ID

_CENTRAL_CONNECT = 1
_CENTRAL_DISCONNECT = 2
_GATTS_WRITE = 3
_MTU_EXCHANGED = 21

_ENOMEM = 12
_ENOTCONN = 107
_ATT_OVERHEAD = 3
_SEALED_AT = 7  # in an advert: behind the flags, and the length, type and company of the manufacturer data
_FRAMES_MOST = 64  # on their way to the bridge

_HERE = BLEDevice("00:00:00:00:00:00", "this computer", HERE)
_RSSI_DBM = 0  # as strong as can be

Heard = Callable[[BLEDevice, AdvertisementData], None]


class InProcessRadio:
    """In place of the `bluetooth` module and of its one radio. Call `attach` before the device steps."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scanners: list[InProcessScanner] = []
        # To the device: what is to be done in its thread, in order.
        self._events: deque[Callable[[], None]] = deque()
        # Only the device's thread uses these.
        self._handler: Callable[[int, tuple[Any, ...]], Any] = lambda event, data: None
        self._handles: dict[Any, int] = {}
        self._written = b""
        self._clients: dict[int, InProcessClient] = {}
        # Only the loop's thread uses this.
        self._connections = 0

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Say in which loop the bridge runs."""
        self._loop = loop

    def scanner(self, heard: Heard) -> "InProcessScanner":
        """Return what hears the device's adverts."""
        return InProcessScanner(self._scanners, heard)

    def client(self, _device: BLEDevice, disconnected: Callable[[Any], None]) -> "InProcessClient":
        """Return what connects with the device; the bridge's."""
        self._connections += 1
        return InProcessClient(self, self._connections, disconnected)

    def clients_beside(self, others: ClientFactory) -> ClientFactory:
        """Return what makes clients of this device, and by `others` of those that a radio hears."""

        def make(device: BLEDevice, disconnected: Callable[[Any], None]) -> Client:
            return self.client(device, disconnected) if device is _HERE else others(device, disconnected)

        return make

    # Called in the device's thread: MicroPython's `bluetooth`, as far as a peripheral uses it.

    def BLE(self) -> "InProcessRadio":
        """Return the one radio."""
        return self

    def UUID(self, value: Any) -> Any:
        """Return what services are registered with."""
        return value

    def active(self, on: bool = True) -> bool:
        """It is always on."""
        return True

    def config(self, *parameter: str, **values: Any) -> Any:
        """Nothing here can be set: there is no name, no address, no pairing."""
        return None

    def irq(self, handler: Callable[[int, tuple[Any, ...]], Any] | None) -> None:
        """Have events delivered as handler(event, data)."""
        self._handler = handler or (lambda event, data: None)

    def gap_advertise(
        self, interval_us: int | None, adv_data: Any = None, *, resp_data: Any = None, connectable: bool = True
    ) -> None:
        """Let the bridge hear one advert."""
        if interval_us is not None and adv_data is not None:
            self.to_bridge(self._hear, bytes(adv_data[_SEALED_AT:]))

    def gap_disconnect(self, connection: int) -> bool:
        """Drop a connection; False when there was none."""
        client = self._clients.pop(connection, None)
        if client is None:
            return False
        self.to_bridge(client.lose)
        self.to_device(lambda: self._handler(_CENTRAL_DISCONNECT, (connection, 0, b"")))
        return True

    def gap_pair(self, connection: int) -> None:
        """There is nobody to pair with."""

    def gap_passkey(self, connection: int, action: int, passkey: int) -> None:
        """There is nobody to pair with."""

    def gatts_register_services(self, services: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
        """Return the value handles, one tuple for each service."""
        self._handles = {}
        for _, characteristics in services:
            for uuid, _ in characteristics:
                self._handles[uuid] = 1 + len(self._handles)
        return tuple(tuple(self._handles[uuid] for uuid, _ in characteristics) for _, characteristics in services)

    def gatts_read(self, handle: int) -> bytes:
        """Return what the bridge has just written."""
        return self._written

    def gatts_write(self, handle: int, data: Any, send_update: bool = False) -> None:
        """Nobody reads values here."""

    def gatts_notify(self, connection: int, handle: int, data: Any = None) -> None:
        """Send a frame to the bridge; OSError ENOMEM while too many are on their way, ENOTCONN without a link."""
        client = self._clients.get(connection)
        if client is None:
            raise OSError(_ENOTCONN, "not connected")
        if handle != self._handles[link.STREAM_UUID]:
            return  # a standard service's, for phones
        if len(client.frames) >= _FRAMES_MOST:
            raise OSError(_ENOMEM, "too many frames are on their way")
        client.frames.append(bytearray(data))
        self.to_bridge(client.take_frame)

    def gatts_indicate(self, connection: int, handle: int, data: Any = None) -> None:
        """Nobody asks for indications here."""

    def gatts_set_buffer(self, handle: int, length: int, append: bool = False) -> None:
        """Any length is taken."""

    def deliver(self) -> None:
        """Tell the device what the bridge has done."""
        while self._events:
            self._events.popleft()()

    # What goes from one thread to the other

    def to_bridge(self, call: Callable[..., None], *arguments: Any) -> None:
        """Have the loop call; what comes before `attach` is lost, as on the air."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(call, *arguments)

    def to_device(self, call: Callable[[], None]) -> None:
        """Have the device's thread call."""
        self._events.append(call)

    def _hear(self, sealed: bytes) -> None:
        data = AdvertisementData(None, {COMPANY_ID: sealed}, {}, [], None, _RSSI_DBM, ())
        for scanner in [*self._scanners]:
            scanner.heard(_HERE, data)

    # In the device's thread, as a client asks

    def opened(self, client: "InProcessClient") -> None:
        """A connection is up."""
        self._clients[client.number] = client
        self._handler(_CENTRAL_CONNECT, (client.number, 0, b""))
        self._handler(_MTU_EXCHANGED, (client.number, link.MAX_FRAME + _ATT_OVERHEAD))

    def closed(self, client: "InProcessClient") -> None:
        """A connection was ended by the bridge."""
        if self._clients.pop(client.number, None) is not None:
            self._handler(_CENTRAL_DISCONNECT, (client.number, 0, b""))

    def wrote(self, client: "InProcessClient", data: bytes) -> None:
        """The bridge wrote a frame."""
        if client.number in self._clients:
            self._written = data
            self._handler(_GATTS_WRITE, (client.number, self._handles[link.CONTROL_UUID]))


class InProcessScanner:
    """Hears the device; of the shape of bleak's."""

    def __init__(self, scanners: list["InProcessScanner"], heard: Heard) -> None:
        self._scanners = scanners
        self.heard = heard

    async def start(self) -> None:
        """Begin to hear."""
        self._scanners.append(self)

    async def stop(self) -> None:
        """Hear no more."""
        if self in self._scanners:
            self._scanners.remove(self)


class InProcessClient:
    """One connection; of the shape of bleak's, and used in the loop's thread."""

    def __init__(self, radio: InProcessRadio, number: int, disconnected: Callable[[Any], None]) -> None:
        """`number` is the connection's handle; `disconnected` is called at the end of the link, whoever ended it."""
        self.number = number
        self.frames: deque[bytearray] = deque()  # put in by the device's thread
        self._radio = radio
        self._disconnected = disconnected
        self._notify: Callable[[Any, bytearray], None] | None = None
        self._is_up = False
        self._taken: asyncio.Future[None] | None = None

    async def connect(self) -> None:
        """Connect."""
        self._is_up = True
        await self._done_by_device(lambda: self._radio.opened(self))

    async def disconnect(self) -> None:
        """Drop the connection, if there is one."""
        self._radio.to_device(lambda: self._radio.closed(self))
        self.lose()

    async def start_notify(self, characteristic: str, callback: Callable[[Any, bytearray], None]) -> None:
        """Subscribe to the record link's stream."""
        if characteristic != link.STREAM_UUID:
            raise BleakError(f"nothing comes from {characteristic} within a process")
        self._notify = callback

    async def write_gatt_char(self, characteristic: str, data: bytes, response: bool) -> None:
        """Write a frame to the record link, and wait until the device has it; raises BleakError."""
        if characteristic != link.CONTROL_UUID:
            raise BleakError(f"nothing is written to {characteristic} within a process")
        await self._done_by_device(lambda: self._radio.wrote(self, data))

    def lose(self) -> None:
        """The link is gone."""
        if not self._is_up:
            return
        self._is_up = False
        if self._taken is not None and not self._taken.done():
            self._taken.set_exception(BleakError("the link was lost"))
        self._disconnected(self)

    def take_frame(self) -> None:
        """Take the oldest frame that the device has sent."""
        frame = self.frames.popleft()
        if self._is_up and self._notify is not None:
            self._notify(None, frame)

    async def _done_by_device(self, call: Callable[[], None]) -> None:
        """Have the device's thread call, and wait until it has."""
        if not self._is_up:
            raise BleakError("not connected")
        taken = self._taken = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not taken.done():
                taken.set_result(None)

        def call_and_tell() -> None:
            call()
            self._radio.to_bridge(done)

        self._radio.to_device(call_and_tell)
        await taken
