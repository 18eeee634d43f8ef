"""How long a day of records takes from a device to the disk: measured on the virtual radio, computed for a real one.

Measured is the firmware's own link end and journal (in memory) through Bumble's virtual link to the bridge's session
and store, from the connection to the last acknowledgement; once whole, and once with the link broken every few seconds.
Computed is what a real link takes at least: the same notifications, at so many a connection interval. How many an
interval holds depends on both radios; three and six are what phones and small computers commonly allow.
"""

import asyncio
import logging
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bleak import BleakClient, BleakScanner

from ledger import DAY_RECORDS, vitals
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
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient, AirScanner
from vigil_host.radio.bluetooth import UUID, VirtualBluetooth
from vigil_host.radio.personality import PERSONALITIES
from vigil_host.store import Store
from vigil_wire import advert, keys, link, records, statuses

KEY = bytes(range(16))
ADVERT = b"\x02\x01\x06\x05\xff\xff\xffhi"
MTU = 185
AIM_S = 60.0
BROKEN_EVERY_S = 2.0


class Wearable:
    """The firmware's link end and a journal with a day in it, on a virtual radio; counts what it notifies."""

    def __init__(self, air: Air) -> None:
        self.journal = Journal(MemoryStore(3 + DAY_RECORDS // 50), 1)
        for sequence in range(DAY_RECORDS):
            data = vitals(sequence)
            self.journal.buf[: len(data)] = data
            self.journal.append(records.VITALS, len(data), 1, *divmod(sequence * 5000, 86_400_000))
        self.ble = VirtualBluetooth(air, PERSONALITIES["nimble"]).BLE()
        self.ble.irq(self._on_event)
        self.ble.active(True)
        self.ble.config(mtu=MTU)
        service = (UUID(link.SERVICE_UUID), ((UUID(link.STREAM_UUID), 0x10), (UUID(link.CONTROL_UUID), 0x08)))
        ((self._stream, self._control),) = self.ble.gatts_register_services((service,))
        self.ble.gatts_set_buffer(self._control, 244)
        self._end: LinkEnd | None = None
        self._handle = 0
        self.notifications = self.bytes = self.read = 0
        self.ble.gap_advertise(20_000, ADVERT)
        read_into = self.journal.read_into

        def counted(sequence: int, out: bytearray, start: int) -> int:
            self.read += 1
            return read_into(sequence, out, start)

        self.journal.read_into = counted  # type: ignore[method-assign]  # counts on the way

    def _on_event(self, event: int, data: tuple[Any, ...]) -> None:
        if event == 1:
            self._handle = data[0]
            monitor: Any = SimpleNamespace(
                journal=self.journal,
                boot=1,
                uptime=SimpleNamespace(day=0, day_ms=0),
                anchor_time=lambda *_: None,
                vitals=SimpleNamespace(quality=90),
                note_host=lambda: None,
                alarms=SimpleNamespace(revision=0),
                pack_alarms=lambda buf, start: link.pack_alarms(buf, start, (0, 0, 0), 0, 0, 0),
            )
            owner: Any = SimpleNamespace(advert_counter=(0, 0), flags=0, refused=[0] * len(link.REFUSALS))
            self._end = LinkEnd(KEY, monitor, self._send, owner)
        elif event == 2:
            self._end = None
            self.ble.gap_advertise(20_000, ADVERT)
        elif event == 21 and self._end is not None:
            self._end.mtu = data[1]
        elif event == 3 and self._end is not None:
            self._end.receive(bytearray(self.ble.gatts_read(self._control)), os.urandom)

    def _send(self, frame: memoryview) -> bool:
        try:
            self.ble.gatts_notify(self._handle, self._stream, bytes(frame))
        except OSError:
            return False
        self.notifications += 1
        self.bytes += len(frame)
        return True

    async def run(self) -> None:
        """Step as a device does, five times a second and after each event; here every millisecond."""
        content = bytearray(advert.CONTENT_LENGTH)
        advert.pack_content(content, 0, (statuses.VALIDATED,) * 3, 0, (720, 970, 3650, 25, 80, 0))
        while True:
            if self._end is not None:
                self._end.step(content, 0, int(time.monotonic()))
            await asyncio.sleep(0.001)


async def sync(folder: Path, broken_every_s: float | None) -> tuple[float, int, Wearable, Store]:
    """Fetch the day; seconds, connections, the device and the store."""
    clock = Clock()
    store = Store.open(folder / f"sync-{broken_every_s}.db")
    known = KnownDevice(keys.device_id(KEY), "Device", "Wearer", KEY)
    store.add_device(known.id, known.name)
    events = Events()
    live = Live(lambda: [known], clock)
    intake = Intake(store, live, Alerts(store, live, events, clock), events)
    connections = 0
    async with Air() as air:
        wearable = Wearable(air)
        stepping = asyncio.create_task(wearable.run())

        def client(device: Any, disconnected: Callable[[Any], None]) -> BleakClient:
            return BleakClient(device, disconnected, backend=AirClient, air=air)

        begun = time.perf_counter()
        while wearable.journal.acknowledged < wearable.journal.newest:
            async with BleakScanner(backend=AirScanner, air=air) as scanner:
                device, _ = await anext(aiter(scanner.advertisement_data()))
            connections += 1
            session = asyncio.create_task(Session(known, intake, clock, client).run(device))
            end_s = math.inf if broken_every_s is None else time.perf_counter() + broken_every_s
            while (
                wearable.journal.acknowledged < wearable.journal.newest
                and time.perf_counter() < end_s
                and not session.done()
            ):
                await asyncio.sleep(0.005)
            session.cancel()
            await asyncio.wait((session,))
        took = time.perf_counter() - begun
        stepping.cancel()
        await asyncio.wait((stepping,))
    return took, connections, wearable, store


def main() -> None:
    """Print a line for each, and fail where records were lost, doubled, or sent again without need."""
    logging.disable(logging.WARNING)
    problems = []
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as scratch:
        for broken_every_s in (None, BROKEN_EVERY_S):
            took, connections, wearable, store = asyncio.run(sync(Path(scratch), broken_every_s))
            audit = store.audit()
            again = wearable.read - DAY_RECORDS
            print(
                f"virtual link, {'whole' if broken_every_s is None else f'broken every {broken_every_s:.0f} s'}: "
                f"{took:.1f} s, {DAY_RECORDS / took:,.0f} records/s, {connections} connections, "
                f"{wearable.notifications:,} notifications of {wearable.bytes / wearable.notifications:.0f} bytes, "
                f"{again} records sent again, {audit.missing} missing, {audit.duplicates} twice"
            )
            # What was under way when the link went, and no more: at most a window for each break.
            if audit.stored != DAY_RECORDS or audit.duplicates or again > (connections - 1) * link.WINDOW:
                problems.append("records were lost, doubled or sent again without need")
            store.close()
            if broken_every_s is None:
                notifications, batches = wearable.notifications, DAY_RECORDS / (link.WINDOW // 2)
    for interval_ms in (15, 30):
        for held in (3, 6):
            streaming_s = notifications / held * interval_ms / 1000
            waiting_s = batches * 2 * interval_ms / 1000  # the acknowledgement and its answer, if nothing overlapped
            at_most_s = streaming_s + waiting_s
            print(
                f"computed at MTU {MTU}, {interval_ms} ms interval, {held} notifications an interval: "
                f"{streaming_s:.0f} s of streaming, {at_most_s:.0f} s where it waits for every acknowledgement"
                f"{'' if at_most_s <= AIM_S else ' (longer than a minute)'}"
            )
    if problems:
        sys.exit("; ".join(problems))


if __name__ == "__main__":
    main()
