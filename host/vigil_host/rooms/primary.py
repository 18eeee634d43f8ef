"""The primary bridge's end: room bridges join it, forward adverts, and carry record links to devices in their reach.

What a room sends is believed no more than what is on the air: adverts and frames are sealed with the device's key, and
this bridge opens them. A room may be slow, silent, wrong or hostile. So nothing waits for it for ever, nothing it sends
is kept without a bound, and what may be old is not taken as live.
"""

import asyncio
import contextlib
import hmac
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from vigil_host.clock import Clock
from vigil_host.link.adapter import Client, ClientFactory, InRoom, room_of
from vigil_host.rooms import messages
from vigil_host.rooms.known import KnownRoom, KnownRooms, RoomsError
from vigil_host.rooms.messages import MessageError
from vigil_wire import link

TICK_S = 1.0
SILENT_S = 5.0
"""A room that does not answer for so long is gone."""
LATE_S = 3.0
"""What comes from a room while it has not answered for so long may have waited on the way: such adverts are dropped."""
GREETING_S = 5.0
CONNECT_S = 30.0
WRITE_S = 10.0
CLOSE_S = 2.0
MOST_GREETINGS = 8
MOST_ADVERTS = 64
"""Adverts taken from one room between two ticks; a device sends about one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RoomView:
    """A room at this moment: whether its bridge has joined, and how long ago it last said anything (None: never)."""

    name: str
    connected: bool
    age_s: float | None


class Rooms:
    """All rooms of a home. `heard` takes the device, manufacturer data and RSSI of each advert that a room forwards."""

    def __init__(self, known: KnownRooms, heard: Callable[[BLEDevice, bytes, int], None], clock: Clock) -> None:
        self._known = known
        self._heard = heard
        self._clock = clock
        self._all: list[KnownRoom] = []
        self._problem = ""
        self._greeting = 0
        self._joined: dict[str, _Joined] = {}
        self._heard_s: dict[str, float] = {}

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one room bridge until its connection ends."""
        await websocket.accept()
        room = await self._greet(websocket)
        if room is None:
            return
        before = self._joined.get(room.id)
        if before is not None:
            before.end("its room bridge has joined anew, or a second one uses its join code")
        joined = self._joined[room.id] = _Joined(room, websocket, self._heard, self._clock)
        _log.info("room %s: its bridge has joined", room.name)
        try:
            reason = await joined.run()
            _log.warning("room %s: %s", room.name, reason)
        finally:
            self._heard_s[room.id] = joined.heard_s
            if self._joined.get(room.id) is joined:
                del self._joined[room.id]
        await _close(websocket, messages.OVER, reason)

    def follow(self) -> None:
        """Read which rooms may join, and part with those that were removed."""
        try:
            self._all = self._known.list()
        except RoomsError as error:
            if str(error) != self._problem:  # said once
                _log.error("%s", error)
            self._problem = str(error)
            return
        self._problem = ""
        known = {room.id for room in self._all}
        for room_id, joined in self._joined.items():
            if room_id not in known:
                joined.end("this room was removed")

    def views(self) -> list[RoomView]:
        """Return every room that may join, as it is now."""
        now = self._clock.monotonic()
        views = []
        for room in self._all:
            joined = self._joined.get(room.id)
            heard_s = joined.heard_s if joined else self._heard_s.get(room.id)
            views.append(RoomView(room.name, joined is not None, None if heard_s is None else now - heard_s))
        return views

    def clients_beside(self, own: ClientFactory) -> ClientFactory:
        """Return what makes clients of devices that a room hears, and by `own` of those that this machine hears."""

        def make(device: BLEDevice, disconnected: Callable[[Any], None]) -> Client:
            room = room_of(device)
            if room is None:
                return own(device, disconnected)
            return RoomClient(room, self._joined.get(room.id), device.address, disconnected)

        return make

    async def _greet(self, websocket: WebSocket) -> KnownRoom | None:
        """Have the room prove that it has its join code; where it does not, close and return None."""
        if self._greeting >= MOST_GREETINGS:
            await _close(websocket, messages.OVER, "too many at once: try again later")
            return None
        self._greeting += 1
        try:
            async with asyncio.timeout(GREETING_S):
                return await self._proven(websocket)
        except (MessageError, TimeoutError) as error:
            await _close(websocket, messages.REFUSED, str(error) or "the greeting took too long")
        except WebSocketDisconnect:
            pass
        finally:
            self._greeting -= 1
        return None

    async def _proven(self, websocket: WebSocket) -> KnownRoom | None:
        first = await _receive(websocket)
        version = messages.version_of(first)
        if version != messages.PROTOCOL_VERSION:
            ours = messages.PROTOCOL_VERSION
            reason = f"the room bridge speaks version {version} and this bridge {ours}: update the older one"
            await _close(websocket, messages.WRONG_VERSION, reason)
            return None
        room_id, room_nonce = messages.read_hello(first)
        self.follow()  # it may have been added just now
        room = next((room for room in self._all if room.id == room_id), None)
        if room is None:
            raise MessageError("no room of this bridge has that join code")
        nonce = os.urandom(messages.NONCE_LENGTH)
        own_proof = messages.proof(room.key, "primary", room_nonce, nonce)
        await websocket.send_bytes(messages.challenge(nonce, own_proof))
        theirs = await _receive(websocket)
        wanted = bytes((messages.PROOF,)) + messages.proof(room.key, "room", room_nonce, nonce)
        if not hmac.compare_digest(theirs, wanted):
            raise MessageError("no room of this bridge has that join code")
        await websocket.send_bytes(messages.text(messages.WELCOME, room.name))
        return room


class _Over(Exception):
    """A room's connection is to end; says why."""


class _Joined:
    """One room bridge that has joined, from `run` to its end."""

    def __init__(
        self,
        room: KnownRoom,
        websocket: WebSocket,
        heard: Callable[[BLEDevice, bytes, int], None],
        clock: Clock,
    ) -> None:
        self._room = InRoom(room.id, room.name)
        self._websocket = websocket
        self._heard = heard
        self._clock = clock
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._clients: dict[int, RoomClient] = {}
        self._next_link = 0
        self._asked_s: dict[int, float] = {}  # ticks that the room has not sent back yet
        self._answered_s = clock.monotonic()  # when the newest tick was sent that it has sent back
        self._adverts = 0
        self.heard_s = self._answered_s

    async def run(self) -> str:
        """Serve until the connection ends; return why."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tick())
                group.create_task(self._read())
                group.create_task(self._wait_for_end())
        except* (_Over, MessageError, WebSocketDisconnect) as failed:
            error: BaseException = failed
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            reason = "its bridge has left" if isinstance(error, WebSocketDisconnect) else str(error)
        finally:
            self.end("its bridge has left")
            for client in list(self._clients.values()):
                client.lose("its bridge is gone")
            self._clients.clear()
        return reason

    def end(self, reason: str) -> None:
        """Have `run` return; from now on nothing is sent."""
        if not self._ended.done():
            self._ended.set_result(reason)

    def add(self, client: "RoomClient") -> int:
        """Give a client's link its number."""
        if self._ended.done():
            raise BleakError(f"room {self._room.name}: its bridge is gone")
        self._next_link += 1
        self._clients[self._next_link] = client
        return self._next_link

    def forget(self, number: int) -> None:
        """The link with this number is over."""
        self._clients.pop(number, None)

    async def send(self, message: bytes) -> None:
        """Send; raises BleakError when the room is gone."""
        if not self._ended.done():
            try:
                await self._websocket.send_bytes(message)
                return
            except (WebSocketDisconnect, WebSocketDisconnected):
                self.end("its bridge has left")
        raise BleakError(f"room {self._room.name}: its bridge is gone")

    async def _wait_for_end(self) -> None:
        raise _Over(await asyncio.shield(self._ended))

    async def _tick(self) -> None:
        number = 0
        while True:
            number += 1
            self._asked_s[number] = self._clock.monotonic()
            try:
                await self.send(messages.numbered(messages.TICK, number))
            except BleakError:
                return
            await self._clock.sleep(TICK_S)

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    message = await _receive(self._websocket)
            except TimeoutError:
                raise _Over(f"its bridge has said nothing for {SILENT_S:.0f} s") from None
            self.heard_s = self._clock.monotonic()
            if message[:1] == bytes((messages.ADVERT,)):
                self._take_advert(message)
            else:
                self._take(*messages.read_numbered(message))
            if self.heard_s - self._answered_s > SILENT_S + TICK_S:
                raise _Over(f"its bridge is more than {SILENT_S:.0f} s late")
            await asyncio.sleep(0)  # however much it sends, others have their turn

    def _take_advert(self, message: bytes) -> None:
        advert = messages.read_advert(message)
        self._adverts += 1
        is_late = self._clock.monotonic() - self._answered_s > LATE_S + TICK_S
        if self._adverts <= MOST_ADVERTS and not is_late:
            self._heard(BLEDevice(advert.address, None, self._room), advert.sealed, advert.rssi_dbm)

    def _take(self, kind: int, number: int, rest: bytes) -> None:
        if kind == messages.TICK:
            if number not in self._asked_s:
                raise MessageError("its bridge answers what it was not asked")
            self._answered_s = self._asked_s[number]
            self._asked_s = {asked: at_s for asked, at_s in self._asked_s.items() if asked > number}
            self._adverts = 0
            return
        client = self._clients.get(number)
        if kind not in (messages.DONE, messages.FRAME, messages.ENDED):
            raise MessageError(f"unknown message {kind:#x}")
        if client is None:  # of a link that was dropped meanwhile
            return
        if kind == messages.DONE:
            client.done()
        elif kind == messages.FRAME:
            client.notified(rest)
        else:
            self.forget(number)
            client.lose(messages.printable(rest) or "the link was lost")


class RoomClient:
    """One connection to one device through a room bridge, of the shape that bleak's clients have."""

    def __init__(self, room: InRoom, joined: _Joined | None, address: str, disconnected: Callable[[Any], None]) -> None:
        self._room = room
        self._joined = joined
        self._address = address
        self._disconnected = disconnected
        self._notify: Callable[[Any, bytearray], None] | None = None
        self._number: int | None = None
        self._is_up = False
        self._answer: asyncio.Future[None] | None = None
        self._lost = asyncio.Event()

    async def connect(self) -> None:
        """Have the room bridge connect and subscribe to the record stream."""
        if self._joined is None:
            raise BleakError(f"room {self._room.name}: its bridge has not joined")
        self._number = self._joined.add(self)
        await self._ask(messages.CONNECT, self._address.encode(), CONNECT_S)
        self._is_up = True

    async def disconnect(self) -> None:
        """Have the room bridge drop the link, and wait until it has."""
        if self._joined is None or self._number is None or self._lost.is_set():
            return
        await self._joined.send(messages.numbered(messages.DROP, self._number))
        await self._lost.wait()

    async def start_notify(self, characteristic: str, callback: Callable[[Any, bytearray], None], /) -> None:
        """Have what the record stream notifies given to `callback`."""
        if characteristic != link.STREAM_UUID:
            raise BleakError("a room bridge subscribes to the record stream and nothing else")
        self._notify = callback

    async def write_gatt_char(self, characteristic: str, data: bytes, /, response: bool) -> None:
        """Write to the record control point, always with a response."""
        if characteristic != link.CONTROL_UUID:
            raise BleakError("a room bridge writes to the record control point and nothing else")
        if not self._is_up:
            raise BleakError("not connected")
        await self._ask(messages.WRITE, bytes(data), WRITE_S)

    def done(self) -> None:
        """What was asked for is done."""
        if self._answer and not self._answer.done():
            self._answer.set_result(None)

    def notified(self, frame: bytes) -> None:
        """A frame has come."""
        if self._notify and self._is_up:
            self._notify(None, bytearray(frame))

    def lose(self, reason: str) -> None:
        """The link, or the room bridge with it, is gone."""
        was_up, self._is_up = self._is_up, False
        self._lost.set()
        if self._answer and not self._answer.done():
            self._answer.set_exception(BleakError(f"room {self._room.name}: {reason}"))
        if was_up:
            self._disconnected(self)

    async def _ask(self, kind: int, rest: bytes, most_s: float) -> None:
        assert self._joined is not None and self._number is not None
        self._answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(most_s):
                await self._joined.send(messages.numbered(kind, self._number, rest))
                await self._answer
        except TimeoutError:
            raise BleakError(f"room {self._room.name}: its bridge does not answer") from None
        finally:
            self._answer = None


async def _receive(websocket: WebSocket) -> bytes:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    data = message.get("bytes")
    if data is None or not 0 < len(data) <= messages.MAX_MESSAGE:
        raise MessageError("a message that is none of ours")
    return bytes(data)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close, unless it is closed already or the other side does not read."""
    with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected, TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await websocket.close(code, reason)
