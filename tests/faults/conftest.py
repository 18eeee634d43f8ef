"""What the fault tests share: the table they fill, records as a device makes them, and a link that can be broken."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from tests.faults.table import FaultTable

from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.link_end import LinkEnd
from vigil_host.alerts import Alerts
from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.events import Events
from vigil_host.link.intake import Intake
from vigil_host.link.session import Session
from vigil_host.live import Live
from vigil_host.store import Store
from vigil_wire import advert, conditions, keys, link, records, statuses

KEY = bytes(range(16))
DEVICE = keys.device_id(KEY)
JOURNAL = 0x2B1C0D3E
_TABLE = FaultTable()


@pytest.fixture(scope="session")
def fault_table() -> FaultTable:
    """The table that is printed at the end of the run."""
    return _TABLE


@pytest.fixture
def faults() -> Iterator[FaultTable]:
    """The same table; the test fails where it ends with anything lost, duplicated or corrupted."""
    yield _TABLE
    assert _TABLE.is_clean, _TABLE.lines()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried and what it cost."""
    if _TABLE.rows:
        terminalreporter.write_line("")
        for line in _TABLE.lines():
            terminalreporter.write_line(line, red=not _TABLE.is_clean)


def write_record(journal: Journal) -> None:
    """Append a record of the kind that is due: mostly vitals, some alarms and time anchors, a boot at first."""
    sequence = journal.newest + 1
    uptime_ms = sequence * 5000
    buf = journal.buf
    if sequence == 0:
        kind, length = records.BOOT, records.pack_boot(buf, 1, (0, 1, 0))
    elif sequence % 50 == 1:
        day, day_ms = divmod(9_800 * 86_400_000 + uptime_ms, 86_400_000)
        kind, length = records.TIME_ANCHOR, records.pack_time_anchor(buf, day, day_ms)
    elif sequence % 20 == 5:
        event = sequence // 20 % 2
        length = records.pack_alarm(buf, conditions.SPO2_LOW, event, 2, 860, *divmod(uptime_ms, 86_400_000))
        kind = records.ALARM
    else:
        summary = records.Summary()
        summary.seconds = 5
        summary.pulse_rate.add(600 + sequence % 300)
        summary.spo2.add(900 + sequence % 100)
        states = (statuses.VALIDATED,) * 4
        kind, length = records.VITALS, summary.pack(buf, states, 90, 80, 250, 0, 0)
    journal.append(kind, length, 1, *divmod(uptime_ms, 86_400_000))


@pytest.fixture(scope="session")
def append() -> Callable[[Journal], None]:
    return write_record


@pytest.fixture(scope="session")
def make_journal() -> Callable[..., Journal]:
    """Make a journal of the firmware's own."""
    return lambda capacity=4096, journal_id=JOURNAL: Journal(MemoryStore(3 + capacity // 50), journal_id)


def bytes_of(journal: Journal, sequence: int) -> bytes:
    """A record as the device has it."""
    out = bytearray(records.MAX_LENGTH)
    return bytes(out[: Journal.read_into(journal, sequence, out, 0)])  # past what a wire notes


@pytest.fixture(scope="session")
def record_of() -> Callable[[Journal, int], bytes]:
    return bytes_of


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

    def __post_init__(self) -> None:
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
        monitor: Any = SimpleNamespace(
            journal=wire.journal,
            boot=1,
            uptime=SimpleNamespace(day=0, day_ms=0),
            anchor_time=lambda day, day_ms: None,
            vitals=SimpleNamespace(quality=90),
        )
        self._end = LinkEnd(KEY, monitor, self._send, SimpleNamespace(advert_counter=(0, 0)))
        self._end.mtu = 185
        self._content = bytearray(advert.CONTENT_LENGTH)

    async def connect(self) -> None:
        self._is_up = True
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
        alerts = Alerts(store, live, events, clock)
        self.intake = Intake(store, live, alerts, events)

    def session(self, seconds: float = 5.0) -> None:
        """Run one session until all is acknowledged, it ends, or the time is up."""
        asyncio.run(self._session(seconds))

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


@pytest.fixture(scope="session")
def make_wire() -> type[Wire]:
    return Wire


@pytest.fixture(scope="session")
def make_bridge() -> type[Bridge]:
    return Bridge


@pytest.fixture(scope="session")
def jumping_clock_type() -> type[JumpingClock]:
    return JumpingClock


@pytest.fixture(scope="session")
def device_id() -> str:
    return DEVICE


@pytest.fixture(scope="session")
def cost() -> Callable[..., dict[str, int]]:
    """Compare a store with the device's journal: what is lost of 0 to `acknowledged`, there twice, and changed."""

    def compare(store: Store, journal: Journal, acknowledged: int) -> dict[str, int]:
        with store._reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT sequence, data FROM record WHERE device = ? AND journal = ?", (DEVICE, journal.journal_id)
            ).all()
        stored = dict(tuple(row) for row in rows)
        changed = sum(data != bytes_of(journal, sequence) for sequence, data in stored.items())
        return {
            "lost": sum(number not in stored for number in range(acknowledged + 1)),
            "duplicated": len(rows) - len(stored),
            "corrupted": changed,
        }

    return compare
