"""The whole line: a scripted patient, the real firmware, the virtual radio, the bridge, the record on disk."""

import asyncio
import contextlib
import itertools
import re
import sqlite3
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from tests.host.empty_store import put_empty_store
from tests.host.running import running

from vigil_firmware.monitor import STEP_MS
from vigil_firmware.storage import provision
from vigil_firmware.vitals import Vitals
from vigil_hal.simulated.patient import parse_patient
from vigil_host.bridge import Bridge
from vigil_host.clock import Clock
from vigil_host.devices import Devices, DevicesError
from vigil_host.link.hearing import Hearing
from vigil_host.link.session import Session
from vigil_host.link.troubles import Trouble
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient, AirScanner
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import Personality
from vigil_host.simulated_device import simulated_device
from vigil_host.store import Gap, Store
from vigil_host.store.ledger import OVERWRITTEN
from vigil_host.store.times import from_days
from vigil_host.web.picture import Picture
from vigil_wire import advert, conditions, keys, link, plx, records
from vigil_wire.settings import SERVICES_OFF, Settings, unpack

pytestmark = pytest.mark.anyio

KEY = bytes(range(16))
OTHER_KEY = bytes(range(16, 32))
WELL = "0,72,97.5,2,36.7,0.02,1"
FALLING = (WELL, "14,72,97.5,2,36.7,0.02,1", "15,96,84,2,36.7,0.03,1")
# A device second lasts 20 ms here: the device is stepped fifty times as fast as its clock says.
PAUSE_S = 0.002
GAP_NAME = "00002a00-0000-1000-8000-00805f9b34fb"


class Wearable:
    """The firmware on simulated parts, stepped by the test."""

    def __init__(self, air: Air, personality: Personality, *frames: str) -> None:
        """`frames`: the patient's script, without its heading."""
        self.air = air
        self.now_ms = 0
        self.lines: list[str] = []
        heading = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"
        self.bluetooth = VirtualBluetooth(air, personality)
        self.device = simulated_device(
            KEY,
            parse_patient([heading, *frames], "script"),
            Settings(summary_interval_s=1),
            self.bluetooth,
            self.lines.append,
            lambda: self.now_ms,
        )
        self.journal = self.device.monitor.journal

    async def live(self, seconds: float) -> None:
        """Let so much of the device's own time go by."""
        for _ in range(round(seconds * 1000 / STEP_MS)):
            self.now_ms += STEP_MS
            self.device.step(self.now_ms)
            await asyncio.sleep(PAUSE_S)

    async def live_until(self, condition: Callable[[], object]) -> None:
        """Let the device live on until `condition` holds."""
        async with asyncio.timeout(10):
            while not condition():
                await self.live(STEP_MS / 1000)

    def kept(self) -> dict[int, bytes]:
        """The records in the journal, by sequence number."""
        found = {}
        for sequence in range(self.journal.oldest, self.journal.newest + 1):
            data = bytearray(records.MAX_LENGTH)
            found[sequence] = bytes(data[: self.journal.read_into(sequence, data, 0)])
        return found

    @property
    def address(self) -> str:
        """As bleak writes it."""
        return ":".join(f"{byte:02X}" for byte in self.bluetooth.BLE().config("mac")[1])


class Home:
    """A store, a file of known devices, and bridges over them that come and go."""

    def __init__(self, air: Air, folder: Path, key: bytes = KEY) -> None:
        """Know one device, by its key."""
        self.air = air
        self.path = put_empty_store(folder / f"{key.hex()}.db")
        self.store = Store.open(self.path)
        self.devices = Devices(folder / f"{key.hex()}.toml")
        self.device_id = self.devices.add(keys.setup_code(key)).id

    @asynccontextmanager
    async def bridge(self) -> AsyncIterator[Bridge]:
        """Run a bridge."""
        bridge = Bridge(
            self.store,
            self.devices,
            lambda heard: BleakScanner(heard, backend=AirScanner, air=self.air),
            lambda device, gone: BleakClient(device, gone, backend=AirClient, air=self.air),
            is_alone=True,  # the device's time flies: turns would be over before anything is said
        )
        async with running(bridge):
            yield bridge

    def rows(self, what: str) -> list[Any]:
        """Ask the database itself."""
        connection = sqlite3.connect(self.path)
        try:
            return connection.execute(what).fetchall()
        finally:
            connection.close()

    def stored(self) -> dict[int, bytes]:
        """The records on disk, by sequence number; one that is there twice fails."""
        rows = self.rows("SELECT sequence, data FROM record")
        found = dict(rows)
        assert len(found) == len(rows)
        return found

    def has_all_of(self, wearable: Wearable) -> bool:
        """Whether the newest record on the device is on disk and acknowledged."""
        return wearable.journal.acknowledged == wearable.journal.newest


@pytest.fixture
def home(air: Air, tmp_path: Path) -> Any:
    """A home that knows the wearable."""
    home = Home(air, tmp_path)
    yield home
    home.store.close()


@pytest.fixture
def wearable_of(air: Air, personality: Personality) -> Callable[..., Wearable]:
    """Make a wearable with a stack of each personality."""
    return lambda *frames: Wearable(air, personality, *(frames or (WELL,)))


@asynccontextmanager
async def listening(air: Air) -> AsyncIterator[list[advert.Content]]:
    """A second listener with the key; what it hears, repeats left out."""
    heard: list[advert.Content] = []
    hearing = Hearing(KEY)

    def on_advert(_: Any, data: Any) -> None:
        new = hearing.take(data.manufacturer_data[advert.COMPANY_ID])
        if new is not None:
            heard.append(new.content)

    async with BleakScanner(on_advert, backend=AirScanner, air=air):
        yield heard


async def settled(wearable: Wearable, home: Home) -> None:
    """Let the device stand still, but for its radio, until all it has is stored."""
    async with asyncio.timeout(10):
        while not home.has_all_of(wearable):
            wearable.device.step(wearable.now_ms)
            await asyncio.sleep(0.01)


async def test_a_curve_given_to_a_device_is_used_kept_and_in_its_record(
    home: Home, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of()
    curve = ((350, 980), (700, 850), (1200, 700))
    home.devices.calibrate(home.device_id, curve)
    await wearable.live(12)
    before = wearable.device.monitor.vitals.spo2.value
    async with home.bridge():
        await wearable.live_until(lambda: wearable.device.storage.settings.spo2_curve == curve)
        await wearable.live(2)
        assert wearable.device.monitor.vitals.spo2_is_calibrated
        assert wearable.device.monitor.vitals.spo2.value < before - 10
        await settled(wearable, home)
    newest = home.store.newest_record(home.device_id, records.SETTINGS)
    assert newest is not None
    assert unpack(newest[records.HEADER_LENGTH :]).spo2_curve == curve
    kinds = [records.Record(data).kind for data in home.stored().values()]
    async with home.bridge():  # what it has already is not kept again
        await wearable.live_until(lambda: home.has_all_of(wearable) and wearable.journal.newest > len(kinds) + 5)
    kinds_now = [records.Record(data).kind for data in home.stored().values()]
    assert kinds.count(records.SETTINGS) == kinds_now.count(records.SETTINGS) == 2


async def test_every_record_is_stored_once_to_the_byte(home: Home, wearable_of: Callable[..., Wearable]) -> None:
    wearable = wearable_of()
    await wearable.live(20)
    async with home.bridge() as bridge:
        await wearable.live_until(lambda: wearable.journal.acknowledged >= 20)
        await wearable.live(10)
        await settled(wearable, home)
        (view,) = bridge.live.snapshot()
        vitals = wearable.device.monitor.vitals
        assert (view.link, view.spo2_pct) == ("connected", vitals.spo2.value / 10)
        assert abs(view.pulse_rate_bpm - 72) < 2
        assert bridge.received == len(wearable.kept())
    assert home.stored() == wearable.kept()
    assert len(home.stored()) > 30
    assert home.store.gaps(home.device_id) == []


async def test_lost_contact_is_no_reading_everywhere_within_three_seconds(
    home: Home, air: Air, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of(WELL, "14,72,97.5,2,36.7,0.02,0")
    async with listening(air) as heard, home.bridge() as bridge:
        await wearable.live(13)
        (before,) = bridge.live.snapshot()
        quality = wearable.device.monitor.vitals.quality
        assert (before.pulse_rate_status, before.link, before.quality) == ("validated", "connected", quality)
        await wearable.live(4)
        await asyncio.sleep(0.02)
        (device,) = Picture(bridge.live, bridge.alerts, lambda _: {}, Clock()).now()["devices"]
        for signal, key in (("pulse_rate", "pulse_rate_bpm"), ("spo2", "spo2_pct")):
            assert device[f"{signal}_status"] == "sensor_off"
            assert device[key] is device[f"held_{key}"] is device["quality"] is None
            assert device[f"last_{key}"] is not None
        if heard:  # one of the stacks is silent during a link
            assert heard[-1].pulse_rate_deci_bpm is heard[-1].spo2_deci_pct is heard[-1].perfusion_deci_pct is None
        await settled(wearable, home)
    assert newest_vitals(home)["pulse_rate_mean_deci_bpm"] is None


async def test_lost_quality_is_held_for_those_who_look_and_for_nothing_else(
    home: Home, air: Air, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of(WELL, "13.9,72,97.5,2,36.7,0.02,1", "14,72,97.5,2,36.7,20,1")
    async with listening(air) as heard, home.bridge() as bridge:
        await wearable.live_until(
            lambda: wearable.now_ms > 14_000 and not wearable.device.monitor.vitals.spo2.has_value
        )
        await wearable.live(1)
        await asyncio.sleep(0.02)
        (device,) = Picture(bridge.live, bridge.alerts, lambda _: {}, Clock()).now()["devices"]
        assert (device["spo2_pct"], device["spo2_status"]) == (None, "poor_signal")
        assert abs(device["held_spo2_pct"] - 97.5) < 2
        if heard:
            assert heard[-1].spo2_deci_pct is None
        await settled(wearable, home)
    assert newest_vitals(home)["spo2_mean_deci_pct"] is None


def newest_vitals(home: Home) -> dict[str, int | None]:
    """The newest record of vitals on disk."""
    stored = [records.Record(data) for _, data in sorted(home.stored().items())]
    return [each.fields for each in stored if each.kind == records.VITALS][-1]


async def test_a_link_lost_in_the_middle_loses_and_doubles_nothing(
    home: Home, air: Air, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of()
    await wearable.live(1)
    for number in range(400):
        wearable.device.monitor.anchor_time(9_000, number)
    async with home.bridge():
        await wearable.live_until(lambda: 0 < len(home.stored()) < 300)
        air.lose_link()
        assert not home.has_all_of(wearable)
        await wearable.live_until(lambda: wearable.device.peripheral.connection_count == 1)
        await wearable.live_until(lambda: wearable.journal.acknowledged > 400)
        await settled(wearable, home)
    assert air.counters.links_lost == 1
    assert home.stored() == wearable.kept()
    assert home.store.gaps(home.device_id) == []


async def test_what_the_ring_overwrote_while_nobody_listened_is_a_gap(
    home: Home, wearable_of: Callable[..., Wearable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil_host.simulated_device._JOURNAL_SECTORS", 3)
    monkeypatch.setattr("vigil_host.simulated_device._JOURNAL_SECTOR_BYTES", 512)
    wearable = wearable_of()
    await wearable.live(5)
    async with home.bridge():
        await wearable.live_until(lambda: wearable.journal.acknowledged > 5)
        await settled(wearable, home)
    before = home.stored()
    await wearable.live_until(lambda: wearable.journal.oldest > len(before) + 5)
    async with home.bridge():
        await wearable.live_until(lambda: wearable.journal.acknowledged > wearable.journal.oldest)
        await settled(wearable, home)
    gaps = home.store.gaps(home.device_id)
    stored = home.stored()
    gap = Gap(len(before), min(set(stored) - set(before)) - 1, OVERWRITTEN)
    missing = {sequence for each in gaps for sequence in range(each.first, each.last + 1)} - set(stored)
    assert missing == set(range(gap.first, gap.last + 1))
    kept = wearable.kept()
    assert {sequence: stored[sequence] for sequence in kept} == kept
    assert sorted(stored) == [*range(gap.first), *range(gap.last + 1, wearable.journal.newest + 1)]
    audit = home.store.audit()
    assert (audit.missing, audit.duplicates) == (gap.last - gap.first + 1, 0)


async def test_an_alarm_is_stored_once_with_its_onset(home: Home, wearable_of: Callable[..., Wearable]) -> None:
    wearable = wearable_of(*FALLING)
    async with home.bridge() as bridge:
        await wearable.live_until(lambda: wearable.device.monitor.alarms.bits >> conditions.SPO2_VERY_LOW & 1)
        await wearable.live(2)
        await settled(wearable, home)
        async with asyncio.timeout(2):
            while not [alarm for alarm in bridge.alerts.active() if alarm.onset_utc_ms is not None]:
                await asyncio.sleep(0.01)
    read = [records.Record(data) for data in wearable.kept().values()]
    all_told = {record.fields["condition"]: record.fields for record in read if record.kind == records.ALARM}
    told = all_told[conditions.SPO2_VERY_LOW]
    (anchor,) = [record for record in read if record.kind == records.TIME_ANCHOR]
    onset_ms = from_days(told["onset_day"], told["onset_day_ms"])
    assert 15_000 < onset_ms < 27_000
    alarms = {alarm.condition: alarm for alarm in home.store.alarms_since(0)}
    alarm = alarms["spo2_very_low"]
    assert (alarm.priority, alarm.source, alarm.active) == ("high", "device", True)
    told_utc_ms = from_days(anchor.fields["utc_day"] + 10_957, anchor.fields["utc_day_ms"])
    assert alarm.onset_utc_ms == told_utc_ms + onset_ms - from_days(anchor.day, anchor.day_ms)
    assert alarm.value == told["value"] / 10
    assert alarms.keys() == {conditions.name_of(number) for number in all_told}  # each raised, and none over yet
    counts = [home.rows(f"SELECT COUNT(*) FROM {table}") for table in ("alarm", "alarm_event")]
    assert counts == [[(len(alarms),)]] * 2


async def test_who_else_hears_while_a_bridge_holds_the_link(
    home: Home, air: Air, wearable_of: Callable[..., Wearable], personality: Personality
) -> None:
    wearable = wearable_of()
    async with listening(air) as heard:
        async with home.bridge():
            await wearable.live_until(lambda: wearable.device.peripheral.connection_count)
            await wearable.live(1)
            heard.clear()
            await wearable.live(8)
            assert wearable.device.peripheral.connection_count == 1
            assert (len(heard) >= 7) if personality.advertises_while_connected else (heard == [])
        await wearable.live_until(lambda: not wearable.device.peripheral.connection_count)
        heard.clear()
        await wearable.live(3)
        assert len(heard) >= 3


async def test_the_address_changes_and_the_host_goes_on(
    home: Home, air: Air, wearable_of: Callable[..., Wearable], personality: Personality, mocker: Any
) -> None:
    mocker.patch("vigil_firmware.peripheral.ADDRESS_PERIOD_MS", 5_000)
    mocker.patch("vigil_host.simulated_device.provision", without_services)
    wearable = wearable_of()
    public = wearable.address
    await wearable.live(1)
    addresses: dict[str, None] = {}
    hearing = Hearing(KEY)

    def on_advert(device: Any, data: Any) -> None:
        if hearing.take(data.manufacturer_data[advert.COMPANY_ID]) is not None:
            addresses[device.address] = None

    async with BleakScanner(on_advert, backend=AirScanner, air=air):
        await wearable.live(22)
    if not personality.private_addresses:
        assert list(addresses) == [public]
        return
    assert len(addresses) == 5
    assert public not in addresses
    mocker.patch("vigil_firmware.peripheral.ADDRESS_PERIOD_MS", 900_000)
    async with home.bridge() as bridge:
        await wearable.live_until(lambda: wearable.journal.acknowledged > 20)
        during = wearable.address
        mocker.patch("vigil_firmware.peripheral.ADDRESS_PERIOD_MS", 5_000)
        await wearable.live(12)
        assert wearable.address == during  # a link keeps its address
        (view,) = bridge.live.snapshot()
        assert view.link == "connected"
    await wearable.live_until(lambda: wearable.address != during)
    mocker.patch("vigil_firmware.peripheral.ADDRESS_PERIOD_MS", 900_000)
    async with home.bridge():
        await wearable.live_until(lambda: home.has_all_of(wearable) and wearable.device.peripheral.connection_count)
    assert home.store.gaps(home.device_id) == []


def without_services(blocks: Any, device_key: bytes, _: Settings) -> None:
    """Provision a device that only its bridges need to find."""
    provision(blocks, device_key, Settings(summary_interval_s=1, standard_services=SERVICES_OFF))


async def test_a_stranger_who_connects_and_idles_is_dropped(
    home: Home, air: Air, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of()
    await wearable.live(1)
    async with BleakClient(wearable.address, backend=AirClient, air=air) as stranger:
        await wearable.live(4.8)
        assert stranger.is_connected
        await wearable.live(0.5)
        assert not stranger.is_connected
    assert wearable.lines[-1] == "link: dropped a connection: it did not prove itself within 5 s"
    async with home.bridge():  # and the place is free again
        await wearable.live_until(lambda: wearable.journal.acknowledged > 0)


@asynccontextmanager
async def doing(*what: Callable[[], Any]) -> AsyncIterator[None]:
    """Have these done over and over beside what is tested."""

    async def again(do: Callable[[], Any]) -> None:
        while True:
            with contextlib.suppress(BleakError, TimeoutError, link.LinkError):
                await do()
            await asyncio.sleep(0.001)

    tasks = [asyncio.create_task(again(each)) for each in what]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in done), done


class Visitor:
    """A central at the wearable: a stranger who idles, or a host that knows the key and shares the device."""

    def __init__(self, wearable: Wearable) -> None:
        self.wearable = wearable
        self.visits = self.greeted = 0
        self.byes: list[int] = []

    def client(self) -> Any:
        return BleakClient(self.wearable.address, backend=AirClient, air=self.wearable.air, timeout=2)

    async def idle(self) -> None:
        """Connect and do nothing for as long as one is let."""
        async with self.client() as client:
            self.visits += 1
            while client.is_connected:
                await asyncio.sleep(0.002)

    async def share(self) -> None:
        """Hold a session until told that its turn is over, and wait as told."""
        frames: asyncio.Queue[bytearray] = asyncio.Queue()
        seal = link.Session(KEY, is_device=False)
        async with self.client() as client, asyncio.timeout(2):
            await client.start_notify(link.STREAM_UUID, lambda _, frame: frames.put_nowait(bytearray(frame)))
            await client.write_gatt_char(link.CONTROL_UUID, link.hello(bytes(8)), response=True)
            seal.begin(bytes(8), link.nonce_of_hello(await frames.get()))
            seal.out[4] = link.ASK_INFO
            await client.write_gatt_char(link.CONTROL_UUID, bytes(seal.out[: seal.seal(1)]), response=True)
            while client.is_connected:
                frame = await frames.get()
                message = bytes(frame[4 : 4 + seal.open(frame, len(frame))])
                if message[0] == link.INFO:
                    self.greeted += 1
                if message[0] == link.BYE:
                    self.byes.append(message[1])
                    until_ms = self.wearable.now_ms + message[1] * 1000
                    break
        while self.wearable.now_ms < until_ms:
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("stranger_comes", [False, True])
async def test_no_link_keeps_an_alarm_from_other_listeners_for_longer_than_ten_seconds(
    air: Air, wearable_of: Callable[..., Wearable], personality: Personality, stranger_comes: bool
) -> None:
    wearable = wearable_of()
    await wearable.live(2)
    hearing, heard_ms = Hearing(KEY), [wearable.now_ms]

    def on_advert(_: Any, data: Any) -> None:
        if hearing.take(data.manufacturer_data[advert.COMPANY_ID]) is not None:
            heard_ms.append(wearable.now_ms)

    host, stranger = Visitor(wearable), Visitor(wearable)
    beside = (host.share, stranger.idle) if stranger_comes else (host.share,)
    async with BleakScanner(on_advert, backend=AirScanner, air=air), doing(*beside):
        await wearable.live(90)
        heard_ms.append(wearable.now_ms)
    gaps = [later - earlier for earlier, later in itertools.pairwise(heard_ms)]
    assert max(gaps) <= (2_500 if personality.advertises_while_connected else 10_000)
    assert bool(host.byes) == (not personality.advertises_while_connected and host.greeted > 0)
    assert set(host.byes) <= {11}
    if stranger_comes:
        assert stranger.visits >= 2
        assert wearable.device.peripheral.refused[link.UNPROVEN] >= 2
    else:
        assert host.greeted >= (1 if personality.advertises_while_connected else 3)


async def test_who_knows_the_key_gets_in_within_a_minute_although_strangers_keep_coming(
    air: Air, wearable_of: Callable[..., Wearable], personality: Personality
) -> None:
    """Beside them where there is more than one connection, and else after the last of them."""
    wearable = wearable_of()
    host, stranger = Visitor(wearable), Visitor(wearable)
    async with doing(stranger.idle):
        await wearable.live(60)
        assert stranger.visits >= 2
        if personality.connections > 1:
            await is_let_in(wearable, host)
    await is_let_in(wearable, host)


async def is_let_in(wearable: Wearable, host: Visitor) -> None:
    """Let the host try until it has a session, which must be within a minute of the device's time."""
    before_ms, host.greeted = wearable.now_ms, 0
    async with doing(host.share):
        await wearable.live_until(lambda: host.greeted)
    assert wearable.now_ms - before_ms < 60_000


async def test_another_device_key_hears_nothing_and_gets_no_session(
    air: Air, tmp_path: Path, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of()
    elsewhere = Home(air, tmp_path, OTHER_KEY)
    async with elsewhere.bridge() as bridge:
        await wearable.live(5)
        (view,) = bridge.live.snapshot()
        assert (view.link, view.age_s, view.spo2_status) == ("silent", None, "stale")
        assert air.counters.adverts > 0
        assert air.counters.connections == 0
    elsewhere.store.close()
    frames: list[bytes] = []
    seal = link.Session(OTHER_KEY, is_device=False)
    async with BleakClient(wearable.address, backend=AirClient, air=air) as client:
        await client.start_notify(link.STREAM_UUID, lambda _, frame: frames.append(bytes(frame)))
        await client.write_gatt_char(link.CONTROL_UUID, link.hello(bytes(8)), response=True)
        await wearable.live_until(lambda: frames)
        seal.begin(bytes(8), link.nonce_of_hello(frames[0]))
        seal.out[4] = link.ASK_INFO
        length = seal.seal(1)
        await client.write_gatt_char(link.CONTROL_UUID, bytes(seal.out[:length]), response=True)
        await wearable.live_until(lambda: not client.is_connected)
        with pytest.raises(BleakError):
            await client.write_gatt_char(link.CONTROL_UUID, b"", response=True)
    assert len(frames) == 1
    assert wearable.lines[-1] == "link: dropped a connection: frame 0 is forged or damaged"


async def test_a_new_key_given_in_a_session_is_the_devices_from_then_on(
    air: Air, tmp_path: Path, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of()
    await wearable.live(1)
    frames: list[bytearray] = []
    seal = link.Session(KEY, is_device=False)
    async with BleakClient(wearable.address, backend=AirClient, air=air) as client:

        async def say(message: bytes) -> None:
            seal.out[4 : 4 + len(message)] = message
            frame = bytes(seal.out[: seal.seal(len(message))])
            await client.write_gatt_char(link.CONTROL_UUID, frame, response=True)

        await client.start_notify(link.STREAM_UUID, lambda _, frame: frames.append(bytearray(frame)))
        await client.write_gatt_char(link.CONTROL_UUID, link.hello(bytes(8)), response=True)
        await wearable.live_until(lambda: frames)
        seal.begin(bytes(8), link.nonce_of_hello(frames.pop(0)))
        await say(link.rotate(OTHER_KEY))
        await wearable.live_until(lambda: len(frames) >= 2)
        kinds = [frame[4 : 4 + seal.open(frame, len(frame))][0] for frame in frames]
        assert link.ROTATED in kinds
    homes = [Home(air, tmp_path, key) for key in (KEY, OTHER_KEY)]
    async with homes[0].bridge(), homes[1].bridge():
        await wearable.live_until(lambda: wearable.journal.acknowledged > 5)
        await settled(wearable, homes[1])
    assert homes[0].stored() == {}
    assert homes[1].stored() == wearable.kept()
    for home in homes:
        home.store.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bridge that looks at its devices file, and gives a new key, in no time."""
    monkeypatch.setattr("vigil_host.bridge.DEVICES_PERIOD_S", 0.02)
    monkeypatch.setattr("vigil_host.link.session.ROTATE_AFTER_S", 0.05)


def rotated(home: Home) -> bytes:
    """Have the home's device get another key, as the command does; return it."""
    key = Devices(home.devices.path).rotate(home.device_id).next_key
    assert key is not None
    return key


def has_settled(home: Home, key: bytes) -> bool:
    """Whether the file on disk knows this key of the device and no other."""
    (known,) = Devices(home.devices.path).list()
    return known.possible_keys == (key,)


async def is_believed(bridge: Bridge, home: Home, key: bytes) -> bool:
    """Whether an advert under this key, with the next counter, is taken for the device's."""
    counter = bridge._listener._followed[home.device_id].mark + 1
    sealer = advert.AdvertSealer(key)
    content = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(content, 0, (1, 1, 1), 0, (1230, 975, 3712, 25, 87, 5))
    sealer.seal(content, 0, counter >> 20, counter & 0xFFFFF)
    bridge._listener.hear(BLEDevice("D0:00:00:00:00:01", None, None), bytes(sealer.advert[7:]), -60)
    await bridge._listener.searched()
    return bool(bridge._listener._followed[home.device_id].mark == counter)


async def goes_on(wearable: Wearable, home: Home) -> None:
    """All that the device records from now on, and has recorded, is stored once, under the device's one id."""
    newest = wearable.journal.newest
    await wearable.live_until(lambda: wearable.journal.acknowledged > newest + 3)
    await settled(wearable, home)
    assert home.stored() == wearable.kept()
    assert home.rows("SELECT DISTINCT device FROM record") == [(home.device_id,)]
    assert home.store.gaps(home.device_id) == []


@pytest.mark.usefixtures("soon")
async def test_a_key_replaced_while_connected(home: Home, wearable_of: Callable[..., Wearable]) -> None:
    wearable = wearable_of()
    async with home.bridge() as bridge:
        await wearable.live_until(lambda: wearable.journal.acknowledged > 2)
        assert await is_believed(bridge, home, KEY)
        key = rotated(home)
        await wearable.live_until(lambda: has_settled(home, key))
        assert wearable.device.storage.device_key == key
        await wearable.live_until(lambda: bridge._followed[home.device_id].key == key)
        assert not await is_believed(bridge, home, KEY)
        assert await is_believed(bridge, home, key)
        await goes_on(wearable, home)
    assert KEY.hex() not in home.devices.path.read_text()


@pytest.mark.usefixtures("soon")
async def test_a_key_replaced_while_the_device_is_away_and_again_later(
    home: Home, wearable_of: Callable[..., Wearable]
) -> None:
    wearable = wearable_of()
    await wearable.live(3)
    key = rotated(home)
    with pytest.raises(DevicesError, match="has a new key waiting since"):
        rotated(home)
    async with home.bridge():
        await asyncio.sleep(0.1)
        assert not has_settled(home, key)
        await wearable.live_until(lambda: has_settled(home, key))
        key = rotated(home)
        await wearable.live_until(lambda: has_settled(home, key))
        assert wearable.device.storage.device_key == key
        await goes_on(wearable, home)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("killed", ["before it was sent", "after it was sent", "before it was noted"])
async def test_a_bridge_killed_while_it_replaces_a_key_goes_on_with_it(
    home: Home, wearable_of: Callable[..., Wearable], monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    wearable = wearable_of()
    await wearable.live(3)
    key = rotated(home)

    async def not_sent(_session: Session, _client: Any) -> None:
        sent.append(None)

    async def unanswered(session: Session, client: Any) -> None:
        await rotate(session, client)
        session._rotate_due_s = None
        await asyncio.sleep(3600)

    sent: list[None] = []
    rotate = Session._rotate
    with monkeypatch.context() as patch:
        if killed == "before it was sent":
            patch.setattr(Session, "_rotate", not_sent)
        elif killed == "after it was sent":
            patch.setattr(Session, "_rotate", unanswered)
        patch.setattr(Devices, "settle", lambda *_: None)
        async with home.bridge():
            await wearable.live_until(lambda: sent or wearable.device.storage.device_key == key)
            await wearable.live(1)
    assert not has_settled(home, key)
    assert (wearable.device.storage.device_key == key) == (killed != "before it was sent")
    home.devices = Devices(home.devices.path)
    async with home.bridge():
        await wearable.live_until(lambda: has_settled(home, key))
        await goes_on(wearable, home)


@pytest.mark.usefixtures("soon")
async def test_a_device_that_cannot_keep_a_new_key_loses_no_record(
    home: Home, wearable_of: Callable[..., Wearable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vigil_host.link.troubles.LINK", Trouble(0.05, 0.05, "the link failed"))
    monkeypatch.setattr("vigil_host.link.session.ROTATE_AFTER_S", 0.5)  # long enough to fetch, also on a busy machine
    wearable = wearable_of()
    await wearable.live(3)

    def fail(_key: bytes) -> None:
        raise OSError(5)

    monkeypatch.setattr(wearable.device.storage, "rotate_key", fail)
    key = rotated(home)
    async with home.bridge():
        await wearable.live_until(lambda: sum("the key stays" in line for line in wearable.lines) >= 2)
        await goes_on(wearable, home)
    assert not has_settled(home, key)
    assert wearable.device.storage.device_key == KEY


@pytest.mark.usefixtures("soon")
async def test_a_wish_to_pair_opens_pairing_and_what_was_refused_is_told(
    home: Home, wearable_of: Callable[..., Wearable], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `vigil devices pair` wishes, and `vigil devices` tells. A stack that cannot pair takes it and does nothing."""
    monkeypatch.setattr("vigil_host.link.session.COUNTS_AFTER_S", 0.0)
    wearable = wearable_of()
    wearable.device.peripheral.refused[link.FORGED] = 3
    devices = Devices(home.devices.path)
    async with home.bridge():
        await wearable.live_until(lambda: wearable.journal.acknowledged > 2)
        assert not wearable.device.peripheral._is_pairing_open
        devices.ask_pairing(home.device_id, Clock().utc_ms())
        await wearable.live_until(lambda: Devices(devices.path).list()[0].pair_before is None)
        await wearable.live_until(lambda: wearable.device.peripheral._is_pairing_open)
        await wearable.live_until(lambda: home.store.devices()[0].refused is not None)
    assert home.store.devices()[0].refused == (3, 0, 0, 0, 0, 0, 0)


async def test_nothing_medical_crosses_the_air_in_clear(
    home: Home, air: Air, tmp_path: Path, wearable_of: Callable[..., Wearable]
) -> None:
    capture = tmp_path / "air.btsnoop"
    air.capture(capture)
    wearable = wearable_of(*FALLING)
    adverts: list[Any] = []
    told: set[bytes] = set()
    async with BleakScanner(lambda _, data: adverts.append(data), backend=AirScanner, air=air), home.bridge():
        while not wearable.device.monitor.alarms.bits:
            await wearable.live(1)
            told |= in_clear(wearable.device.monitor.vitals)
        await settled(wearable, home)
    await wearable.live(1)
    async with BleakClient(wearable.address, backend=AirClient, air=air) as client:
        assert await client.read_gatt_char(GAP_NAME) == b"Vigil"
    await air.close()
    on_air = capture.read_bytes()
    assert {(data.local_name, *data.service_uuids, *data.service_data) for data in adverts} == {(None,)}
    sealed = [data.manufacturer_data[advert.COMPANY_ID] for data in adverts]
    assert all(each in on_air for each in sealed)  # so the capture is one of what was on the air
    assert len(re.findall(rb"\x1b.\x00\x02", on_air, re.DOTALL)) > 20  # sealed frames, notified
    assert len(told) > 20
    assert len(wearable.kept()) > 20
    for clear in (*told, *(data[records.HEADER_LENGTH :] for data in wearable.kept().values())):
        assert len(clear) < 6 or clear not in on_air, clear.hex()
    assert not any(data in on_air for data in wearable.kept().values())


def in_clear(vitals: Vitals) -> set[bytes]:
    """The readings of one second as adverts, records and the oximeter service would write them in clear."""
    if not (vitals.pulse_rate.has_value and vitals.spo2.has_value and vitals.temperature.has_value):
        return set()
    spo2, pulse_rate = vitals.spo2.value, vitals.pulse_rate.value
    oximeter = bytearray(plx.MAX_LENGTH)
    both = (vitals.pulse_rate.status, vitals.spo2.status, vitals.temperature.status)
    length = plx.encode_into(oximeter, spo2, pulse_rate, both, vitals.perfusion.value)
    return {struct.pack("<HHh", pulse_rate, spo2, vitals.temperature.value), bytes(oximeter[:length])}
