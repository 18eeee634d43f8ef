"""The room bridge's end: it forwards the adverts it hears, and carries record links to devices in its reach.

It has no device key, no record and no database, and can read nothing of what it passes on. One connection goes out to
the primary bridge, so that a home router needs no setting. While there is none, what is heard is dropped: adverts are
live or nothing, and records wait on the device.
"""

import asyncio
import contextlib
import hmac
import logging
import os
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import urlsplit

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus, WebSocketException

from vigil_host.clock import Clock
from vigil_host.config import DEFAULT_PORT
from vigil_host.link.adapter import ClientFactory, ScannerFactory
from vigil_host.link.reconnect import backoff_s
from vigil_host.link.scanning import keep_scanning
from vigil_host.rooms import messages
from vigil_host.rooms.known import RoomsError
from vigil_host.rooms.messages import MessageError
from vigil_wire import keys, link
from vigil_wire.advert import COMPANY_ID, MANUFACTURER_LENGTH

SILENT_S = 5.0
"""A primary bridge that sends nothing for so long, not even its tick of each second, is gone."""
ADVERT_LASTS_S = 1.0
"""An advert that could not be sent within this is old."""
GREETING_S = 10.0
CONNECT_S = 30.0
WRITE_S = 8.0
DISCONNECT_S = 3.0
STEADY_S = 30.0
"""Only a connection that lasted this long makes the next attempt a first one."""
MOST_ADVERTS = 64
MOST_DEVICES = 64
MOST_LINKS = 8
MOST_WAITING = 1024

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

_log = logging.getLogger(__name__)


class Room:
    """A room bridge, from `run` until it is cancelled."""

    def __init__(
        self,
        address: str,
        key: bytes,
        scanner_factory: ScannerFactory,
        client_factory: ClientFactory,
        clock: Clock | None = None,
        scan_restart_s: float | None = None,
    ) -> None:
        """`address` is that of the primary bridge's page; `key` is that in the join code. Raises RoomsError.

        `scan_restart_s` is as for a `Bridge`.
        """
        self._url = websocket_url(address)
        self._key = key
        self._scanner_factory = scanner_factory
        self._client_factory = client_factory
        self._clock = clock or Clock()
        self._scan_restart_s = scan_restart_s
        self._heard: OrderedDict[str, tuple[BLEDevice, bytes]] = OrderedDict()
        self._adverts: deque[tuple[float, bytes]] = deque(maxlen=MOST_ADVERTS)
        self._joined: _Joined | None = None

    async def run(self) -> None:
        """Hear, and stay joined to the primary bridge, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_scanning(self._scanner_factory, self._on_advert, self._clock, self._scan_restart_s))
            group.create_task(self._keep_joined())

    def _on_advert(self, ble_device: BLEDevice, data: AdvertisementData) -> None:
        sealed = bytes(data.manufacturer_data.get(COMPANY_ID, b""))
        if len(sealed) != MANUFACTURER_LENGTH or not sealed[4] & 0x80:
            return
        before = self._heard.pop(ble_device.address, None)
        self._heard[ble_device.address] = (ble_device, sealed)
        if len(self._heard) > MOST_DEVICES:
            self._heard.popitem(last=False)
        if self._joined and (before is None or before[1] != sealed):
            heard = messages.Advert(data.rssi, sealed, ble_device.address)
            self._adverts.append((self._clock.monotonic(), messages.advert(heard)))
            self._joined.wake()

    async def _keep_joined(self) -> NoReturn:
        failures = 0
        while True:
            began_s = self._clock.monotonic()
            reason = ""
            try:
                await self._join()
            except* (WebSocketException, MessageError, RoomsError, OSError, TimeoutError) as failed:
                error: BaseException = failed
                while isinstance(error, BaseExceptionGroup):
                    error = error.exceptions[0]
                reason = _reason(error)
            finally:
                self._joined = None
            task = asyncio.current_task()
            if task and task.cancelling():  # before Python 3.13, a group that fails meanwhile keeps that to itself
                raise asyncio.CancelledError
            if self._clock.monotonic() - began_s >= STEADY_S:
                failures = 0
            wait_s = backoff_s(failures)
            failures += 1
            _log.warning("%s: %s; joining again in %.1f s", self._url, reason, wait_s)
            await self._clock.sleep(wait_s)

    async def _join(self) -> None:
        """Join, and serve until that ends, which is an exception."""
        connection = connect(
            self._url,
            open_timeout=GREETING_S,
            ping_interval=None,  # the primary's ticks are more often
            close_timeout=DISCONNECT_S,
            max_size=messages.MAX_MESSAGE,
            compression=None,
            proxy=None,
        )
        async with connection as websocket:
            async with asyncio.timeout(GREETING_S):
                name = await self._greet(websocket)
            _log.info("%s: joined as room %s", self._url, name)
            self._adverts.clear()
            for ble_device, _ in self._heard.values():  # so that the next of each, even a repeated one, is passed on
                self._heard[ble_device.address] = (ble_device, b"")
            self._joined = _Joined(websocket, self._adverts, self._device_at, self._client_factory, self._clock)
            await self._joined.run()

    async def _greet(self, websocket: ClientConnection) -> str:
        """Show that this is the room of the join code, have the primary show that it made that; return its name."""
        nonce = os.urandom(messages.NONCE_LENGTH)
        await websocket.send(messages.hello(keys.device_id(self._key), nonce))
        primary_nonce, proof = messages.read_challenge(await _receive(websocket))
        if not hmac.compare_digest(proof, messages.proof(self._key, "primary", nonce, primary_nonce)):
            raise MessageError("this is not the bridge that made the join code")
        own_proof = messages.proof(self._key, "room", nonce, primary_nonce)
        await websocket.send(bytes((messages.PROOF,)) + own_proof)
        return messages.read_text(messages.WELCOME, await _receive(websocket))

    def _device_at(self, address: str) -> BLEDevice | None:
        found = self._heard.get(address)
        return found and found[0]


class _Joined:
    """One connection to the primary bridge."""

    def __init__(
        self,
        websocket: ClientConnection,
        adverts: deque[tuple[float, bytes]],
        device_at: Callable[[str], BLEDevice | None],
        client_factory: ClientFactory,
        clock: Clock,
    ) -> None:
        self._websocket = websocket
        self._adverts = adverts
        self._device_at = device_at
        self._client_factory = client_factory
        self._clock = clock
        self._waiting: deque[bytes] = deque()  # sent before adverts
        self._wake = asyncio.Event()
        self._links: dict[int, _Link] = {}

    async def run(self) -> None:
        """Serve until the connection ends, which is an exception; then every link has been dropped."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write())
            await self._read(group)

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def send(self, message: bytes) -> None:
        """Send when the connection takes it; raises MessageError where too much waits already."""
        if len(self._waiting) >= MOST_WAITING:
            raise MessageError("the primary bridge takes nothing")
        self._waiting.append(message)
        self._wake.set()

    async def _write(self) -> NoReturn:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting or self._adverts:
                if self._waiting:
                    await self._websocket.send(self._waiting.popleft())
                    continue
                heard_s, message = self._adverts.popleft()
                if self._clock.monotonic() - heard_s < ADVERT_LASTS_S:
                    await self._websocket.send(message)

    async def _read(self, group: asyncio.TaskGroup) -> NoReturn:
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    message = await _receive(self._websocket)
            except TimeoutError:
                raise TimeoutError(f"nothing came for {SILENT_S:.0f} s") from None
            kind, number, rest = messages.read_numbered(message)
            if kind == messages.TICK:
                self.send(message)
            elif kind == messages.CONNECT:
                self._connect(group, number, messages.printable(rest))
            elif kind not in (messages.WRITE, messages.DROP):
                raise MessageError(f"unknown message {kind:#x}")
            elif number in self._links:
                if kind == messages.WRITE:
                    self._links[number].write(rest)
                else:
                    self._links[number].task.cancel()

    def _connect(self, group: asyncio.TaskGroup, number: int, address: str) -> None:
        device = self._device_at(address)
        before = [each for each in self._links.values() if each.address == address]
        if number in self._links:
            raise MessageError("a link's number was used twice")
        if device is None or len(self._links) >= MOST_LINKS:
            why = "the device is not heard here" if device is None else "too many links"
            self.send(messages.about(messages.ENDED, number, why))
            return
        for each in before:
            each.task.cancel()
        carried = _Link(number, device, self._client_factory, self.send)
        carried.task = group.create_task(self._carry(carried, [each.task for each in before]))
        self._links[number] = carried

    async def _carry(self, carried: "_Link", before: list[asyncio.Task[None]]) -> None:
        """Carry one link; there is only one at a time to a device."""
        try:
            if before:
                await asyncio.wait(before)
            await carried.run()
        finally:
            del self._links[carried.number]


class _Link:
    """One record link to one device."""

    task: asyncio.Task[None]

    def __init__(
        self, number: int, device: BLEDevice, client_factory: ClientFactory, send: Callable[[bytes], None]
    ) -> None:
        self.number = number
        self.address = device.address
        self._client = client_factory(device, lambda _client: self._writes.put_nowait(None))
        self._send = send
        self._writes: asyncio.Queue[bytes | None] = asyncio.Queue()

    def write(self, frame: bytes) -> None:
        """Have a frame written; the primary waits for each to be done."""
        if not self._writes.empty():
            raise MessageError("a second write before the first was done")
        self._writes.put_nowait(frame)

    async def run(self) -> None:
        """Connect, subscribe, write what is to be written and pass on what is notified, until the link is lost."""
        why = "the link was dropped"
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._client.connect()
                await self._client.start_notify(link.STREAM_UUID, self._notified)
            self._send(messages.numbered(messages.DONE, self.number))
            while (frame := await self._writes.get()) is not None:
                async with asyncio.timeout(WRITE_S):
                    await self._client.write_gatt_char(link.CONTROL_UUID, frame, response=True)
                self._send(messages.numbered(messages.DONE, self.number))
            why = "the link was lost"
        except (BleakError, OSError, EOFError, TimeoutError) as error:
            why = str(error) or type(error).__name__
        finally:
            with contextlib.suppress(BleakError, OSError, EOFError, TimeoutError):
                async with asyncio.timeout(DISCONNECT_S):
                    await self._client.disconnect()
            self._send(messages.about(messages.ENDED, self.number, why))

    def _notified(self, _characteristic: object, frame: bytearray) -> None:
        try:
            self._send(messages.numbered(messages.FRAME, self.number, bytes(frame[: link.MAX_FRAME])))
        except MessageError:
            self.task.cancel()


def websocket_url(address: str) -> str:
    """Return where the rooms of the bridge with this page join it; raises RoomsError.

    An address without a scheme is one of plain http at Vigil's own port.
    """
    problem = RoomsError(f"{address!r} is not the address of a bridge's page, as http://192.168.1.20:{DEFAULT_PORT}/")
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        port = parts.port or (None if "://" in address else DEFAULT_PORT)
    except ValueError:
        raise problem from None
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise problem
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None else f"{host}:{port}"
    return f"{_SCHEMES[parts.scheme]}://{place}{parts.path.rstrip('/')}{messages.PATH}"


def _reason(error: BaseException) -> str:
    """Why it did not join, or does no longer, for the person who reads the log."""
    if isinstance(error, ConnectionClosed):
        said = error.rcvd and messages.printable(error.rcvd.reason.encode())
        return said or "the primary bridge is gone"
    if isinstance(error, InvalidStatus):
        return f"no Vigil bridge that takes rooms answers there (HTTP status {error.response.status_code})"
    if isinstance(error, InvalidMessage):
        return "what answers there is no web server"
    if isinstance(error, ConnectionRefusedError):
        return "nothing answers there: is the bridge running, with --lan?"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


async def _receive(websocket: ClientConnection) -> bytes:
    message = await websocket.recv()
    if not isinstance(message, bytes) or not message:
        raise MessageError("a message that is none of ours")
    return message
