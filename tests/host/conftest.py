"""Stand-ins for the bridge's tests.

A clock that is held, records as the device writes them, a device that speaks the record protocol with real sealing,
and the scanner and client that reach it.
"""

import asyncio
import contextlib
import os
import struct
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from tests.host.empty_store import put_empty_store
from tests.host.running import wait_for

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
JOURNAL = 0xA1B2C3D4
UTC_MS = 1_795_000_000_000  # 2026-11-18


class HeldClock(Clock):
    """Time goes on only where a test, or a sleep, says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def utc_ms(self) -> int:
        return UTC_MS + int((self.now_s - 1000.0) * 1000)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


class Journal:
    """Writes records as a device does, each with the next sequence number."""

    def __init__(self, journal_id: int = JOURNAL) -> None:
        self.id = journal_id
        self.boot = 1
        self.records: list[bytes] = []

    def _add(self, kind: int, uptime_ms: int, pack: Callable[[bytearray], int]) -> bytes:
        buf = bytearray(records.MAX_LENGTH)
        records.pack_header(buf, len(self.records), kind, self.boot, *divmod(uptime_ms, 86_400_000))
        data = bytes(buf[: pack(buf)])
        self.records.append(data)
        return data

    def vitals(
        self,
        uptime_ms: int,
        pulse_rate_deci_bpm: int | None = 720,
        spo2_deci_pct: int | None = 970,
        respiration_deci_per_min: int | None = None,
        flags: int = 0,
    ) -> bytes:
        summary = records.Summary()
        summary.seconds = 10
        if pulse_rate_deci_bpm is not None:
            summary.pulse_rate.add(pulse_rate_deci_bpm)
        if spo2_deci_pct is not None:
            summary.spo2.add(spo2_deci_pct)
        respiration_status = statuses.POOR_SIGNAL
        if respiration_deci_per_min is not None:
            summary.respiration.add(respiration_deci_per_min)
            respiration_status = statuses.VALIDATED
        states = (statuses.VALIDATED, statuses.VALIDATED, statuses.UNAVAILABLE, respiration_status)
        return self._add(records.VITALS, uptime_ms, lambda buf: summary.pack(buf, states, 95, 80, 250, 0, flags))

    def alarm(
        self, event: int, uptime_ms: int, condition: int = conditions.SPO2_LOW, onset_ms: int = 0, value: int = 865
    ) -> bytes:
        is_known = condition < len(conditions.PRIORITIES) and event != conditions.RISEN
        priority = conditions.PRIORITIES[condition] if is_known else conditions.HIGH
        return self._add(
            records.ALARM,
            uptime_ms,
            lambda buf: records.pack_alarm(buf, condition, event, priority, value, *divmod(onset_ms, 86_400_000)),
        )

    def restart(self, alarm_bits: int = 0) -> bytes:
        self.boot += 1
        return self._add(records.BOOT, 0, lambda buf: records.pack_boot(buf, 1, (0, 1, 0), alarm_bits))

    def anchor(self, uptime_ms: int, utc_ms: int = UTC_MS) -> bytes:
        day = divmod(utc_ms - 946_684_800_000, 86_400_000)
        return self._add(records.TIME_ANCHOR, uptime_ms, lambda buf: records.pack_time_anchor(buf, *day))

    def loss(self, first: int, last: int) -> bytes:
        return self._add(records.LOSS, 0, lambda buf: records.pack_loss(buf, first, last))


def content_of(
    alarm_bits: int = 0,
    newest: int = 0,
    pulse_rate: int = 720,
    status: int = statuses.VALIDATED,
    spo2_status: int | None = None,
    spo2: int = 970,
    temperature: int = 3660,
    battery: int = 80,
) -> bytearray:
    """Fifteen bytes of advert content; `status` is that of all three, unless SpO2 has its own."""
    buf = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(
        buf,
        0,
        (status, status if spo2_status is None else spo2_status, status),
        alarm_bits,
        (pulse_rate, spo2, temperature, 25, battery, newest),
    )
    return buf


@dataclass
class DeviceDouble:
    """A device at the other end of a record link. The fields from `cut_after` on are the test's script."""

    key: bytes = KEY
    journal: Journal = field(default_factory=Journal)
    oldest: int = 0
    acknowledged: int = -1
    flags: int = link.CAN_PAIR
    window: int = link.WINDOW
    cut_after: int | None = None  # frames notified until the link goes
    forge: int | None = None  # number of the sealed frame that is damaged
    deaf_to_acks: bool = False
    repeat: bool = False  # every records message is sent twice
    skip: set[int] = field(default_factory=set)  # sequence numbers left out without a word
    refuse: int = 0  # connections that fail at once
    sessions: int = 0
    told_time: list[bytes] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)
    acks: list[int] = field(default_factory=list)
    curves: list[bytes] = field(default_factory=list)
    counter: int = 0  # of its next advert
    refused: list[int] = field(default_factory=lambda: [0] * len(link.REFUSALS))
    asked_counts: int = 0
    asked_movement: bool = False
    pairings: int = 0  # how often it was told to open pairing
    stays: int = 0  # how often it was told that it may stay
    bye_s: int | None = None  # said after all records
    keys: list[bytes] = field(default_factory=list)  # those given to it
    when_acked: Callable[[int], None] | None = None
    clients: list["ClientDouble"] = field(default_factory=list)

    def known(self) -> KnownDevice:
        return KnownDevice(keys.device_id(self.key), "Test device", "Wearer", self.key)

    def ble_device(self) -> BLEDevice:
        return BLEDevice("C0:FF:EE:00:00:01", None, None)

    def client(self, _device: BLEDevice, disconnected: Callable[[Any], None]) -> "ClientDouble":
        self.clients.append(ClientDouble(self, disconnected))
        return self.clients[-1]


class ClientDouble:
    """One connection to a DeviceDouble, with what the device keeps per connection."""

    def __init__(self, device: DeviceDouble, disconnected: Callable[[Any], None]) -> None:
        self._device = device
        self._disconnected = disconnected
        self._notify: Callable[[Any, bytearray], None] | None = None
        self._session = link.Session(device.key, is_device=True)
        self._notified = 0
        self._sealed = 0
        self._next: int | None = None
        self._base = -1
        self.is_up = False

    async def connect(self) -> None:
        if self._device.refuse:
            self._device.refuse -= 1
            raise BleakError("refused")
        self.is_up = True
        self._device.sessions += 1

    async def disconnect(self) -> None:
        self.drop()

    def drop(self) -> None:
        if self.is_up:
            self.is_up = False
            self._disconnected(None)

    async def start_notify(self, characteristic: str, callback: Callable[[Any, bytearray], None]) -> None:
        assert characteristic == link.STREAM_UUID
        self._notify = callback

    async def write_gatt_char(self, characteristic: str, data: bytes, response: bool) -> None:
        assert characteristic == link.CONTROL_UUID and response
        await asyncio.sleep(0)
        if not self.is_up:
            raise BleakError("not connected")
        if data[0] == link.HELLO:
            nonce = os.urandom(link.NONCE_LENGTH)
            self._session.begin(link.nonce_of_hello(data), nonce)
            self._put(link.hello(nonce))
            return
        frame = bytearray(data)
        length = self._session.open(frame, len(frame))
        self._obey(bytes(frame[4 : 4 + length]))

    def _obey(self, message: bytes) -> None:
        device = self._device
        if message[0] == link.ASK_INFO:
            newest = len(device.journal.records) - 1
            info = (device.journal.id, 1, device.oldest, newest, device.acknowledged)
            length = link.pack_info(self._session.out, 4, info, (0, 0), divmod(device.counter, 1 << 20), device.flags)
            self.send(bytes(self._session.out[4 : 4 + length]))
        elif message[0] == link.TIME:
            device.told_time.append(message)
        elif message[0] == link.STAY:
            device.stays += 1
        elif message[0] == link.ASK_MOVEMENT:
            device.asked_movement = True
        elif message[0] == link.PAIR:
            device.pairings += 1
        elif message[0] == link.ASK_COUNTS:
            device.asked_counts += 1
            length = link.pack_counts(self._session.out, 4, device.refused)
            self.send(bytes(self._session.out[4 : 4 + length]))
        elif message[0] == link.CURVE:
            device.curves.append(message[1:])
        elif message[0] == link.ROTATE:
            device.keys.append(message[1:])
            self.send(bytes((link.ROTATED,)))
        elif message[0] == link.FETCH:
            self._next = struct.unpack("<BI", message)[1]
            self._base = self._next - 1
            device.fetched.append(self._next)
            if self._next < device.oldest:
                self.send(struct.pack("<BII", link.MISSING, self._next, device.oldest - 1))
                self._next = device.oldest
                self._base = device.oldest - 1
            self.stream()
        elif message[0] == link.ACK:
            sequence = struct.unpack("<BI", message)[1]
            device.acks.append(sequence)
            if device.when_acked:
                device.when_acked(sequence)
            if not device.deaf_to_acks:
                device.acknowledged = max(device.acknowledged, sequence)
                self._base = max(self._base, sequence)
                self.stream()

    def stream(self) -> None:
        """Send what there is, two records to a frame, up to the window."""
        device = self._device
        while self._next is not None and self._next < len(device.journal.records):
            room = self._base + device.window - self._next + 1
            batch = list(range(self._next, min(self._next + min(2, room), len(device.journal.records))))
            if not batch:
                return
            self._next = batch[-1] + 1
            raw = [device.journal.records[number] for number in batch if number not in device.skip]
            if raw:
                message = bytes((link.RECORDS,)) + b"".join(bytes((len(data),)) + data for data in raw)
                for _ in range(2 if device.repeat else 1):
                    self.send(message)
        if device.bye_s is not None and self._next == len(device.journal.records):
            self.send(bytes((link.BYE, device.bye_s)))

    def stream_live(self) -> None:
        """Send what a device does each second."""
        self.send(bytes((link.LIVE,)) + content_of() + bytes((90,)))

    def send(self, message: bytes) -> None:
        """Notify one sealed message."""
        self._session.out[4 : 4 + len(message)] = message
        length = self._session.seal(len(message))
        frame = bytearray(self._session.out[:length])
        if self._sealed == self._device.forge:
            frame[6] ^= 1
        self._sealed += 1
        self._put(frame)

    def _put(self, frame: bytes | bytearray) -> None:
        if not self.is_up:
            return
        if self._device.cut_after is not None and self._notified >= self._device.cut_after:
            self.drop()
            return
        self._notified += 1
        assert self._notify is not None
        self._notify(None, bytearray(frame))


@dataclass
class Home:
    """The bridge's parts around one store, without the bridge."""

    store: Store
    clock: HeldClock
    events: Events
    live: Live
    alerts: Alerts
    intake: Intake
    device: DeviceDouble

    @property
    def device_id(self) -> str:
        return self.device.known().id

    def session(self, *more: Any) -> Session:
        return Session(self.device.known(), self.intake, self.clock, self.device.client, *more)

    async def run_session(self, until: Callable[[], bool], timeout_s: float = 5.0) -> BaseException | None:
        """Run one session until `until` is true or it ends by itself; return what ended it."""
        task = asyncio.create_task(self.session().run(self.device.ble_device()))
        await wait_for(lambda: until() or task.done(), timeout_s)
        if task.done():
            return task.exception()
        task.cancel()
        await asyncio.wait((task,))
        return None

    def stored(self) -> int:
        return self.store.audit().stored


class ScannerDouble:
    """A scanner whose adverts the test makes."""

    def __init__(self, air: "AirDouble", heard: Callable[[BLEDevice, AdvertisementData], None]) -> None:
        self._air = air
        self.heard = heard

    async def start(self) -> None:
        if self._air.broken:
            self._air.broken -= 1
            raise BleakError("no adapter")
        self._air.started += 1
        self._air.scanners.append(self)

    async def stop(self) -> None:
        with contextlib.suppress(ValueError):
            self._air.scanners.remove(self)


class AirDouble:
    """Carries adverts of any number of devices to all scanners."""

    def __init__(self) -> None:
        self.scanners: list[ScannerDouble] = []
        self.broken = 0
        self.started = 0
        self._counters: dict[bytes, int] = {}
        self._sealers: dict[bytes, advert.AdvertSealer] = {}

    def scanner(self, heard: Callable[[BLEDevice, AdvertisementData], None]) -> ScannerDouble:
        return ScannerDouble(self, heard)

    def advertise(self, key: bytes, content: bytearray, ble_device: BLEDevice | None = None) -> bytes:
        """Send one new advert, a device's first twice, as it is believed only then; its manufacturer data."""
        sealer = self._sealers.setdefault(key, advert.AdvertSealer(key))
        if key not in self._counters:
            self._counters[key] = 0
            self.advertise(key, content, ble_device)
        self._counters[key] += 1
        sealer.seal(content, 0, 0, self._counters[key])
        sealed = bytes(sealer.advert[7:])
        self.repeat(sealed, ble_device)
        return sealed

    def repeat(self, sealed: bytes, ble_device: BLEDevice | None = None) -> None:
        """Send manufacturer data as it is."""
        data = AdvertisementData(None, {advert.COMPANY_ID: sealed}, {}, [], None, -60, ())
        for scanner in list(self.scanners):
            scanner.heard(ble_device or BLEDevice("C0:FF:EE:00:00:01", None, None), data)


@pytest.fixture
def system_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A system bus of the test's own."""
    address = f"unix:path={tmp_path}/bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    command = ("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address", f"--address={address}")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None and daemon.stdout.readline()
        yield
        daemon.terminate()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for many examples, each with a journal of its own."""
    with Store.open(tmp_path_factory.mktemp("shared") / "vigil.db", clock=HeldClock()) as store:
        store.add_device(keys.device_id(KEY), "Test device")
        yield store


@pytest.fixture
def store(tmp_path: Path, clock: HeldClock) -> Iterator[Store]:
    with Store.open(put_empty_store(tmp_path / "vigil.db"), clock=clock) as store:
        store.add_device(keys.device_id(KEY), "Test device")
        yield store


@pytest.fixture(scope="session")
def device_id() -> str:
    return keys.device_id(KEY)


@pytest.fixture
def home(store: Store, clock: HeldClock) -> Home:
    device = DeviceDouble()
    events = Events()
    live = Live(lambda: [device.known()], clock)
    alerts = Alerts(store, live, events, clock)
    return Home(store, clock, events, live, alerts, Intake(store, live, alerts, events), device)


@pytest.fixture
def air() -> AirDouble:
    return AirDouble()


@pytest.fixture(scope="session")
def run() -> Callable[[Awaitable[Any]], Any]:
    """Run a coroutine to its end."""

    def run_coroutine(coroutine: Any) -> Any:
        return asyncio.run(coroutine)

    return run_coroutine


@pytest.fixture(scope="session")
def content() -> Callable[..., advert.Content]:
    """Make a content as a listener reads it."""
    return lambda **fields: advert.Content(content_of(**fields))


@pytest.fixture(scope="session")
def content_bytes() -> Callable[..., bytearray]:
    return content_of


@pytest.fixture(scope="session")
def until() -> Callable[..., Awaitable[None]]:
    return wait_for


@pytest.fixture(scope="session")
def make_journal() -> type[Journal]:
    return Journal


@pytest.fixture(scope="session")
def utc_ms() -> int:
    return UTC_MS


@pytest.fixture(scope="session")
def journal_id() -> int:
    return JOURNAL


@pytest.fixture(scope="session")
def key() -> bytes:
    return KEY
