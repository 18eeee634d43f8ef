"""The line from a device's link end to the bridge's store, without a radio: a link that can be broken at any frame."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from tests.faults import virtual_time

from vigil_firmware.journal import Journal
from vigil_firmware.link_end import LinkEnd
from vigil_host.alerts import Alerts
from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.events import Events
from vigil_host.link.intake import Intake
from vigil_host.link.session import Session
from vigil_host.live import Live
from vigil_host.store import Store
from vigil_wire import advert, keys, link

KEY = bytes(range(16))
DEVICE = keys.device_id(KEY)


class JumpingClock(Clock):
    """The machine's clocks, whose time of day is `shift_ms` off."""

    shift_ms = 0

    def utc_ms(self) -> int:
        return super().utc_ms() + self.shift_ms


@dataclass
class Wire:
    """A device with the firmware's own journal and link end, and the connections to it.

    `to_host` and `to_device` are asked of every frame, numbered within its connection, what comes of it: a list of
    frames to deliver, or None where the link is lost with it.
    """

    journal: Journal
    to_host: Callable[[int, bytes], list[bytes] | None] = lambda number, frame: [frame]
    to_device: Callable[[int, bytes], list[bytes] | None] = lambda number, frame: [frame]
    sent: list[int] = field(default_factory=list)  # sequence numbers of records sent; -1 where a connection begins
    monitor: Any = None  # in place of one that does nothing but have the journal

    def __post_init__(self) -> None:
        self.monitor = self.monitor or SimpleNamespace(
            journal=self.journal,
            boot=1,
            uptime=SimpleNamespace(day=0, day_ms=0),
            anchor_time=lambda day, day_ms: None,
            vitals=SimpleNamespace(quality=90),
            note_host=lambda: None,
            alarms=SimpleNamespace(revision=0),
            pack_alarms=lambda buf, start: link.pack_alarms(buf, start, (0, 0, 0), 0, 0, 0),
        )
        read_into = self.journal.read_into

        def noted(sequence: int, out: bytearray, start: int) -> int:
            self.sent.append(sequence)
            return read_into(sequence, out, start)

        self.journal.read_into = noted  # type: ignore[method-assign]  # the journal is the test's own, made before

    def client(self, _device: BLEDevice, disconnected: Callable[[Any], None]) -> "WireClient":
        return WireClient(self, disconnected)


class WireClient:
    """One connection, as bleak gives it."""

    def __init__(self, wire: Wire, disconnected: Callable[[Any], None]) -> None:
        self._wire = wire
        self._disconnected = disconnected
        self._notify: Callable[[Any, bytearray], None] | None = None
        self._is_up = False
        self._heard = self._written = 0
        self._end: Any = None
        self._content = bytearray(advert.CONTENT_LENGTH)

    async def connect(self) -> None:
        self._is_up = True
        owner = SimpleNamespace(advert_counter=(0, 0), flags=0, refused=[0] * len(link.REFUSALS))
        self._end = LinkEnd(KEY, self._wire.monitor, self._send, owner)
        self._end.mtu = 185
        self._wire.sent.append(-1)

    async def disconnect(self) -> None:
        self._lose()

    async def start_notify(self, characteristic: str, callback: Callable[[Any, bytearray], None]) -> None:
        self._notify = callback

    async def write_gatt_char(self, characteristic: str, data: bytes, response: bool) -> None:
        await asyncio.sleep(0)
        if not self._is_up:
            raise BleakError("not connected")
        frames = self._wire.to_device(self._written, bytes(data))
        self._written += 1
        if frames is None:
            self._lose()
            raise BleakError("the link was lost")
        try:
            for frame in frames:
                self._end.receive(bytearray(frame), os.urandom)
            self.step()
        except link.LinkError:
            self._lose()

    def step(self) -> None:
        """Let the device send what it can."""
        if self._is_up:
            self._end.step(self._content, 0, -1)

    def _send(self, frame: memoryview) -> bool:
        if not self._is_up:
            return True
        frames = self._wire.to_host(self._heard, bytes(frame))
        self._heard += 1
        if frames is None:
            self._lose()
            return True
        assert self._notify is not None
        for each in frames:
            self._notify(None, bytearray(each))
        return True

    def _lose(self) -> None:
        if self._is_up:
            self._is_up = False
            self._disconnected(None)


class Bridge:
    """The bridge's end of it: store, intake and one session after another."""

    def __init__(self, store: Store, wire: Wire, clock: Clock) -> None:
        self.store = store
        self.wire = wire
        self.clock = clock
        self.known = KnownDevice(DEVICE, "Device", "Wearer", KEY)
        store.add_device(DEVICE, "Device")
        events = Events()
        live = Live(lambda: [self.known], clock)
        self.alerts = Alerts(store, live, events, clock)
        self.intake = Intake(store, live, self.alerts, events)

    def session(self, seconds: float = 5.0) -> None:
        """Run one session until all is acknowledged, it ends, or the time is up."""
        virtual_time.run(lambda: self._session(seconds))

    async def _session(self, seconds: float) -> None:
        clients: list[WireClient] = []

        def client(device: BLEDevice, disconnected: Callable[[Any], None]) -> WireClient:
            clients.append(self.wire.client(device, disconnected))
            return clients[-1]

        session = Session(self.known, self.intake, self.clock, client)
        running = asyncio.create_task(session.run(BLEDevice("C0:FF:EE:00:00:01", None, None)))
        journal = self.wire.journal
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        while not running.done() and journal.acknowledged < journal.newest and loop.time() < end_s:
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait((running,))
