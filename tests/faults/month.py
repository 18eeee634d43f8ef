"""A month in a home, in virtual time: what is worn, what keeps the record, and everything that goes wrong meanwhile.

The device is the firmware's own from a second's vitals on (monitor, alarms, journal, settings, link ends), the bridges
are the host's own sessions, alerts and store. All that happens is drawn from one seed.
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from littlefs.errors import LittleFSError
from tests.faults.line import DEVICE, KEY, Bridge, WireClient
from tests.faults.table import Row
from tests.faults.virtual_time import VirtualClock, VirtualLoop

from vigil_firmware.journal_opening import open_journal
from vigil_firmware.monitor import Monitor
from vigil_firmware.storage import BLOCK_COUNT, Storage, provision
from vigil_firmware.ticks import DAY_MS, PERIOD
from vigil_firmware.vitals import Vitals
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.flash import TEARS, PowerCut, SimulatedFlash
from vigil_host.link.reconnect import keep_connected
from vigil_host.link.session import Session
from vigil_host.store import Store, StoreError
from vigil_host.store.chain import Signer
from vigil_host.store.lease import AlreadyOwned
from vigil_host.store.times import DEVICE_EPOCH_MS
from vigil_wire import advert, records, statuses
from vigil_wire.settings import Settings

DAYS = 31
DAY_S = 86_400
HOUR_S = 3_600
START_UTC_MS = 1_772_323_200_000  # 2026-03-01
FIRST_TICK = PERIOD // 2  # wraps after 6.2 days, and every 12.4 days then
DRIFT_PPM = 20  # the device's clock is fast
# Out of reach from a day on, for so many days: the ring holds two.
LONG_ABSENCES = ((8.0, 3.6), (20.5, 5.5))
CUTS = (PowerCut, LittleFSError)  # a file system says in its own words that the chip does not answer
LINK_TIMEOUT_S = 20.0  # until a device notices that a bridge is gone


class Wearer:
    """Vitals that wander, with episodes of all that is alarmed, and times without a reading."""

    # name, mean hours until the next one, mean minutes that it lasts
    EPISODES = (
        ("off", 12, 90),
        ("poor", 5, 15),
        ("broken", 60, 20),
        ("dip", 9, 12),
        ("slow", 20, 15),
        ("fast", 15, 20),
        ("fever", 100, 400),
        ("cold", 150, 120),
        ("no thermometer", 50, 60),
    )

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._now = {name: False for name, _, _ in self.EPISODES}
        self._next_s = {name: dice.expovariate(1 / hours) * HOUR_S for name, hours, _ in self.EPISODES}
        self._due_s = min(self._next_s.values())
        self._wander = [0, 0, 0]

    def read_into(self, vitals: Vitals, now_s: float) -> None:
        """Fill in the vitals of one reading."""
        if now_s >= self._due_s:
            self._turn(now_s)
        bits = self._dice.getrandbits(8)
        self._wander = [
            max(-60, min(60, old + (bits >> 2 * n & 3) - 1 - (bits >> 7))) for n, old in enumerate(self._wander)
        ]
        pulse, spo2, temperature = self._wander
        now = self._now
        if now["off"] or now["broken"] or now["poor"]:
            status = (
                statuses.SENSOR_OFF if now["off"] else statuses.SENSOR_FAULT if now["broken"] else statuses.POOR_SIGNAL
            )
            for measurement in (vitals.pulse_rate, vitals.spo2, vitals.perfusion, vitals.respiration):
                measurement.withhold(status)
            vitals.quality = 0
        else:
            level = 330 if now["slow"] else 1350 if now["fast"] else 760
            vitals.pulse_rate.publish(level + pulse, statuses.VALIDATED)
            vitals.spo2.publish((850 if now["dip"] else 965) + spo2 // 4, statuses.VALIDATED)
            vitals.perfusion.publish(240 + bits, statuses.VALIDATED)
            vitals.respiration.publish(140 + pulse // 3, statuses.VALIDATED)
            vitals.quality = 90
        if now["no thermometer"]:
            vitals.temperature.withhold(statuses.SENSOR_FAULT)
        else:
            level = 3950 if now["fever"] else 3400 if now["cold"] else 3670
            vitals.temperature.publish(level + temperature // 2, statuses.VALIDATED)

    def _turn(self, now_s: float) -> None:
        for name, hours, minutes in self.EPISODES:
            if now_s >= self._next_s[name]:
                self._now[name] = not self._now[name]
                mean_s = minutes * 60 if self._now[name] else hours * HOUR_S
                self._next_s[name] = now_s + self._dice.expovariate(1 / mean_s)
        self._due_s = min(self._next_s.values())


class Device:
    """What is worn. `open_store` opens the journal's store on the `chip`; both lose their power together.

    `kept`: every record that outlasts a cut, by sequence number, as it was handed to the journal and not as it is read
    back. `born_ms`: when that was, in true time. `clock_errors_ms`: of each time anchor, how wrong the bridge was.
    """

    def __init__(
        self,
        chip: SimulatedFlash,
        open_store: Callable[[], Any],
        pace_s: int,
        settings: Settings,
        dice: Random,
        row: Row,
    ) -> None:
        self.chip = chip
        self._open_store = open_store
        self._pace_ms = pace_s * 1000
        self._dice = dice
        self._row = row
        self._wearer = Wearer(dice)
        self._memory = SimulatedFlash(BLOCK_COUNT)
        provision(self._memory, KEY, settings)
        self.kept: dict[int, bytes] = {}
        self.born_ms: dict[int, int] = {}
        self.clock_errors_ms: dict[int, int] = {}
        self.boots = self.cuts = self.wraps = self.connections = 0
        self._waiting: dict[int, tuple[bytes, int]] = {}  # appended and not flushed yet: record, and when
        self._trying = b""
        self._tried_ms = 0
        self.now_ms = 0
        self._booted_ms = 0
        self.monitor: Any = None
        self.journal: Any = None
        self.died = asyncio.Event()
        self.is_near = True
        self.clients: list[Client] = []
        self.sent: list[int] = []  # as a Wire has it
        self._frames_left = 1_000
        self._is_link_sound = False
        self.content = bytearray(advert.CONTENT_LENGTH)
        self.on_heard: Callable[[bytearray], None] = lambda content: None

    # Power

    @property
    def is_reachable(self) -> bool:
        """Whether a bridge could connect."""
        return self.is_near and self.monitor is not None

    def boot(self, cut_in: int | None = None) -> bool:
        """Switch on, and the power off again in the `cut_in`th operation; says whether it is on."""
        self.chip.restore()
        if cut_in is not None:
            self.cut_soon(cut_in)
        self.boots += 1
        said: list[str] = []
        try:
            storage = Storage(self._memory, self._dice.randbytes)
            self._booted_ms = self._own_ms()
            self.journal = open_journal([self._open_store], self._dice.randbytes, said.append)
            self._look_after_a_cut()
            self._watch(self.journal)
            oximeter = Max30102(SimulatedI2C())  # nothing answers, and nobody asks: vitals are given
            self.monitor = Monitor(
                oximeter,
                None,
                None,
                storage.settings,
                self.journal,
                storage.boot,
                1,
                self._tick(self._own_ms()),
                alarm_state=storage.alarms,
                save_alarms=storage.save_alarms,
            )
        except CUTS:
            self.fail()
            return False
        assert said == [] and storage.problem == ""
        self.died.clear()
        return True

    def cut_soon(self, operations: int) -> None:
        """Cut the power in one of the next programs or erases."""
        self.chip.cut_in(self.chip.operations + operations, self._dice.choice(TEARS), self._dice.getrandbits(16))

    def fail(self) -> None:
        """The power is off."""
        self.cuts += 1
        self.monitor = None
        self.lose_links()
        self.died.set()

    def lose_links(self) -> None:
        """Every connection breaks."""
        for client in list(self.clients):
            client._lose()

    def come_right(self) -> None:
        """No cut and no loss of a link from now on."""
        self.chip.restore()
        self.is_near = True
        self._is_link_sound = True

    # Time

    def _own_ms(self) -> int:
        return self.now_ms * (1_000_000 + DRIFT_PPM) // 1_000_000

    def _tick(self, own_ms: int) -> int:
        return (FIRST_TICK + own_ms) % PERIOD

    def go_on(self, to_ms: int) -> None:
        """Live up to an instant, reading by reading; then say what there is to say."""
        while self.now_ms + self._pace_ms <= to_ms:
            before = self._tick(self._own_ms())
            self.now_ms += self._pace_ms
            monitor = self.monitor
            if monitor is None:
                continue
            tick = self._tick(self._own_ms())
            self.wraps += tick < before
            self._wearer.read_into(monitor.vitals, self.now_ms / 1000)
            try:
                monitor.take(tick)
            except CUTS:
                self.fail()
        if self.is_reachable:
            self._speak()

    def _speak(self) -> None:
        monitor, vitals = self.monitor, self.monitor.vitals
        advert.pack_content(
            self.content,
            0,
            (vitals.pulse_rate.status, vitals.spo2.status, vitals.temperature.status),
            monitor.alarms.bits,
            (
                vitals.pulse_rate.value_or(advert.NO_U16),
                vitals.spo2.value_or(advert.NO_U16),
                vitals.temperature.value_or(advert.NO_S16),
                advert.NO_U8,
                monitor.battery_pct,
                max(0, monitor.journal.newest),
            ),
        )
        self.on_heard(self.content)
        for client in list(self.clients):
            client.step()

    # What is kept

    def _watch(self, journal: Any) -> None:
        append = journal.append

        def watched(kind: int, length: int, boot: int, day: int, day_ms: int) -> int:
            assert day * DAY_MS + day_ms == self._own_ms() - self._booted_ms, "uptime is not the time since the boot"
            payload = bytes(journal.buf[records.HEADER_LENGTH : length])
            header = bytearray(records.HEADER_LENGTH)
            records.pack_header(header, 0, kind, boot, day, day_ms)
            self._trying = bytes(header[4:]) + payload
            self._tried_ms = self.now_ms
            sequence: int = append(kind, length, boot, day, day_ms)
            self._waiting[sequence] = sequence.to_bytes(4, "little") + self._trying, self.now_ms
            self._trying = b""
            self._learn()
            return sequence

        journal.append = watched

    def _learn(self) -> None:
        """Take up what outlasts a cut from now on; what nobody handed over is the journal's own word of a loss."""
        for sequence in range(len(self.kept), self.journal.newest + 1):
            data, born_ms = self._waiting.pop(sequence, None) or (self._read(sequence), self.now_ms)
            self._keep(sequence, data, born_ms)

    def _keep(self, sequence: int, data: bytes, born_ms: int) -> None:
        record = records.Record(data)
        self.kept[sequence] = data
        self.born_ms[sequence] = born_ms
        if record.kind == records.TIME_ANCHOR:
            told_ms = (record.fields["utc_day"] or 0) * DAY_MS + (record.fields["utc_day_ms"] or 0)
            self.clock_errors_ms[sequence] = DEVICE_EPOCH_MS + told_ms - START_UTC_MS - born_ms

    def _look_after_a_cut(self) -> None:
        """What was promised must be there; what was under way may be, as it was to be."""
        newest = self.journal.newest
        self._row.lost += max(0, len(self.kept) - 1 - newest)
        for sequence in range(len(self.kept), newest + 1):
            data = self._read(sequence)
            waiting, born_ms = self._waiting.get(sequence, (b"", self._tried_ms))
            self._row.corrupted += data not in (waiting, data[:4] + self._trying) and data[4] != records.LOSS
            self._keep(sequence, data, born_ms)
        self._waiting.clear()
        self._trying = b""

    def _read(self, sequence: int) -> bytes:
        out = bytearray(records.MAX_LENGTH)
        return bytes(out[: self.journal.read_into(sequence, out, 0)])

    def unlike(self) -> int:
        """How many of the records that are still in the ring are not what was handed to it."""
        ring = range(self.journal.oldest, self.journal.newest + 1)
        return sum(self._read(sequence) != self.kept[sequence] for sequence in ring)

    # As a Wire

    def client(self, _device: BLEDevice, disconnected: Callable[[Any], None]) -> "Client":
        """As bleak makes one."""
        return Client(self, disconnected)

    def to_device(self, _number: int, frame: bytes) -> list[bytes] | None:
        """What comes of a frame that is written."""
        return self.to_host(_number, frame)

    def to_host(self, _number: int, frame: bytes) -> list[bytes] | None:
        """What comes of a frame that is notified: now and then the link is lost with it."""
        self._frames_left -= 1
        if self._frames_left > 0 or self._is_link_sound:
            return [frame]
        self._frames_left = round(math.exp(self._dice.uniform(math.log(3), math.log(3_000))))
        return None


class Client(WireClient):
    """One connection to the device, while it is near and has power."""

    def __init__(self, device: Device, disconnected: Callable[[Any], None]) -> None:
        super().__init__(device, disconnected)
        self._device = device
        self.is_orphan = False  # the bridge was killed, and the device has not noticed

    async def connect(self) -> None:
        if not self._device.is_reachable:
            raise BleakError("out of reach")
        await super().connect()
        self._device.clients.append(self)
        self._device.connections += 1

    async def disconnect(self) -> None:
        if not self.is_orphan:
            self._lose()

    async def write_gatt_char(self, characteristic: str, data: bytes, response: bool) -> None:
        try:
            await super().write_gatt_char(characteristic, data, response)
        except CUTS:
            self._device.fail()
            raise BleakError("the link was lost") from None

    def step(self) -> None:
        """Let the device send what it can, its live content too."""
        if self._is_up:
            self._end.step(self._device.content, 0, self._device.monitor.second)

    def _lose(self) -> None:
        super()._lose()
        with suppress(ValueError):
            self._device.clients.remove(self)


class Home:
    """Two bridges that share one record: one keeps it until it is killed, then the other does."""

    def __init__(self, device: Device, path: Path, signer: Signer, clock: VirtualClock) -> None:
        self._device = device
        self._path = path
        self._signer = signer
        self._clock = clock
        self._heard = asyncio.Event()
        self._bridge: Bridge | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._left_behind: list[Store] = []
        self.kills = self.refused = 0

    def start(self) -> None:
        """A bridge starts."""
        store = Store.open(self._path, clock=self._clock, signer=self._signer)
        bridge = self._bridge = Bridge(store, self._device, self._clock)
        for left in self._left_behind:
            _drop(left)
        self._left_behind.clear()

        def hear(content: bytearray) -> None:
            bridge.intake.hear(DEVICE, advert.Content(content), "advert", -60)
            self._heard.set()

        self._device.on_heard = hear
        self._tasks = [
            asyncio.create_task(
                keep_connected(
                    "Device",
                    self._next_advert,
                    lambda: Session(bridge.known, bridge.intake, self._clock, self._device.client),
                    self._clock,
                )
            ),
            asyncio.create_task(bridge.alerts.run()),
        ]

    def start_second(self) -> None:
        """The other bridge tries, while the first has the record."""
        try:
            Store.open(self._path).close()
        except AlreadyOwned:
            self.refused += 1

    async def kill(self) -> None:
        """End the bridge as kill -9 does: nothing more is written, nobody is told, the files stay as they are."""
        bridge = self._bridge
        assert bridge is not None
        self.kills += 1
        self._device.on_heard = lambda content: None

        async def dead(*_arguments: Any) -> None:
            raise StoreError("killed")

        bridge.intake.commit = dead
        orphans = list(self._device.clients)
        for client in orphans:
            client.is_orphan = True
        await self._end_tasks()
        assert bridge.store._lease is not None
        bridge.store._lease.release()
        bridge.store._lease = None
        self._left_behind.append(bridge.store)
        self._bridge = None
        asyncio.get_running_loop().call_later(LINK_TIMEOUT_S, lambda: [client._lose() for client in orphans])

    async def close(self) -> Store:
        """End the bridge as it should end; its store, still open."""
        assert self._bridge is not None
        await self._end_tasks()
        return self._bridge.store

    async def _next_advert(self) -> BLEDevice:
        self._heard.clear()
        await self._heard.wait()
        return BLEDevice("C0:FF:EE:00:00:01", None, None)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        done, _ = await asyncio.wait(self._tasks)
        for task in done:
            if not task.cancelled() and (error := task.exception()):
                raise error


def _drop(store: Store) -> None:
    """Close what a killed process would not have to, once the next has opened the record: it changes no file then."""
    store._reader.dispose()
    if store._connection is not None:
        store._connection.close()
    assert store._writer is not None
    store._writer.dispose()


class Month:
    """The month and its outages. `live` it once, on a virtual loop."""

    def __init__(self, device: Device, path: Path, signer: Signer, step_s: int, dice: Random) -> None:
        """The radio is served each `step_s`: then the device says what it has."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        self._step_s = step_s
        self._dice = dice
        self.clock = VirtualClock(loop, START_UTC_MS)
        self.device = device
        self.home = Home(device, path, signer, self.clock)
        self.wrong_clocks = self.absences = 0

    async def live(self) -> Store:
        """All of it; then everything comes right, and the record is fetched. The store, still open."""
        device = self.device
        device.boot()
        self.home.start()
        troubles = [
            asyncio.create_task(trouble)
            for trouble in (self._power(), self._reach(), self._bridges(), self._clock_of_the_bridge())
        ]
        await self._days(DAYS * DAY_S, troubles)
        for trouble in troubles:
            trouble.cancel()
        await asyncio.wait(troubles)
        await self._come_right()
        return await self.home.close()

    async def _days(self, until_s: float, troubles: list[asyncio.Task[None]]) -> None:
        while self._loop.time() < until_s:
            due_s = (self._loop.time() // self._step_s + 1) * self._step_s
            await asyncio.sleep(due_s - self._loop.time())
            self.device.go_on(round(due_s * 1000))
            for trouble in troubles:
                if trouble.done():
                    trouble.result()

    async def _come_right(self) -> None:
        device = self.device
        self.clock.shift_ms = 0
        if self.home._bridge is None:
            self.home.start()
        if device.monitor is None:
            device.boot()
        device.come_right()
        await self._days(self._loop.time() + 2 * HOUR_S, [])
        for _ in range(10_000):
            if device.journal.acknowledged == device.journal.newest:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("a month's records were not all acknowledged")

    def _between(self, least_s: float, most_s: float) -> float:
        """A time between the two, short ones as often as long ones."""
        return math.exp(self._dice.uniform(math.log(least_s), math.log(most_s)))

    async def _power(self) -> None:
        """The battery dies in the middle of a program or an erase, and now and then again while it starts."""
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / (18 * HOUR_S)))
            if self.device.monitor is not None:
                self.device.cut_soon(self._dice.randrange(4))
            await self.device.died.wait()
            while True:
                await asyncio.sleep(self._between(5, 4 * HOUR_S))
                if self.device.boot(self._dice.randrange(8) if self._dice.random() < 0.3 else None):
                    break

    async def _reach(self) -> None:
        """The wearer goes out, for minutes, hours, days."""
        long = [(day * DAY_S, days * DAY_S) for day, days in LONG_ABSENCES]
        while True:
            wait_s = self._dice.expovariate(1 / (7 * HOUR_S))
            away_s = self._between(60, 20 * HOUR_S)
            if long and self._loop.time() + wait_s >= long[0][0]:
                away_s = long.pop(0)[1]
            await asyncio.sleep(wait_s)
            self.absences += 1
            self.device.is_near = False
            self.device.lose_links()
            await asyncio.sleep(away_s)
            self.device.is_near = True

    async def _bridges(self) -> None:
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / (15 * HOUR_S)))
            self.home.start_second()
            await asyncio.sleep(self._dice.expovariate(1 / (15 * HOUR_S)))
            await self.home.kill()
            await asyncio.sleep(self._between(1, 6 * HOUR_S))
            self.home.start()

    async def _clock_of_the_bridge(self) -> None:
        """It is wrong by minutes, hours, days, or was never set; then it is put right."""
        while True:
            await asyncio.sleep(self._dice.expovariate(1 / (60 * HOUR_S)))
            self.wrong_clocks += 1
            wrong_ms = self._dice.choice((-10 * 60, 7 * 60, -3 * HOUR_S, 26 * HOUR_S, -START_UTC_MS // 1000)) * 1000
            self.clock.shift_ms = wrong_ms
            await asyncio.sleep(self._between(HOUR_S / 2, 12 * HOUR_S))
            self.clock.shift_ms = 0
