"""What attacks over the virtual radio need: a device that reboots, a bridge overheard, a device that is none."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from bleak import BleakClient, BleakScanner
from tests.host.running import running
from tests.radio.test_line import KEY, WELL, Home, Wearable

from vigil_firmware.device import Device
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.storage import BLOCK_COUNT, provision
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_hal.simulated.patient import parse_patient
from vigil_host.bridge import Bridge
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient, AirScanner
from vigil_host.radio.bluetooth import UUID, VirtualBluetooth
from vigil_host.radio.personality import Personality
from vigil_wire import advert, link, records
from vigil_wire.settings import Settings

PATIENT = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"


class RebootingWearable(Wearable):
    """A wearable whose flash outlasts its power."""

    def __init__(self, air: Air, personality: Personality) -> None:
        self.air = air
        self.now_ms = 0
        self.lines: list[str] = []
        self.bluetooth = VirtualBluetooth(air, personality)
        self._flash = SimulatedFlash(BLOCK_COUNT)
        self._nor = SimulatedFlash(64, 4096)
        provision(self._flash, KEY, Settings(summary_interval_s=1))
        self.boot()

    def boot(self) -> None:
        """Cut the power and switch on again."""
        self.bluetooth.power_cut()
        parts = Parts(parse_patient([PATIENT, WELL], "script"), True, lambda: self.now_ms)
        self.device = Device(
            parts.bus,
            parts.thermometer,
            parts.battery,
            self._flash,
            (lambda: NorStore(self._nor),),
            self.bluetooth,
            os.urandom,
            self.lines.append,
            1,
            self.now_ms,
        )
        self.journal = self.device.monitor.journal


def told(wearable: Any) -> tuple[Any, ...]:
    """All of a device's state that only a host with the key may change."""
    monitor, storage = wearable.device.monitor, wearable.device.storage
    kinds = []
    for sequence in range(monitor.journal.oldest, monitor.journal.newest + 1):
        data = bytearray(records.MAX_LENGTH)
        length = monitor.journal.read_into(sequence, data, 0)
        kinds.append(records.Record(data[:length]).kind)
    given = sum(kinds.count(kind) for kind in (records.TIME_ANCHOR, records.SETTINGS))
    is_proven = any(connection.is_proven for connection in wearable.device.peripheral._connections)
    return (
        monitor.journal.acknowledged,
        given - monitor.boot,  # each boot notes its settings
        bytes(monitor.settings.pack()),
        storage.device_key,
        storage.bonds,
        is_proven,
    )


class Overheard(AirClient):
    """A client whose every frame is noted, by each way: `to_device` and `to_host`."""

    def __init__(self, device: Any, *, log: "Log", **more: Any) -> None:
        super().__init__(device, **more)
        self._log = log

    async def write_gatt_char(self, characteristic: Any, data: Any, response: bool) -> None:
        """Note it, and write."""
        self._log.to_device.append(bytes(data))
        await super().write_gatt_char(characteristic, data, response)

    async def start_notify(self, characteristic: Any, callback: Any, **more: Any) -> None:
        """Subscribe to what is noted first."""

        def noted(data: bytearray) -> None:
            frame = self._log.change(bytes(data))
            self._log.to_host.append(frame)
            callback(bytearray(frame))

        await super().start_notify(characteristic, noted, **more)


class Log:
    """What was overheard; `change` may change what the device notifies."""

    def __init__(self, change: Callable[[bytes], bytes] = bytes) -> None:
        self.to_device: list[bytes] = []
        self.to_host: list[bytes] = []
        self.change = change

    def client(self, air: Air) -> Callable[[Any, Any], BleakClient]:
        """What makes clients that are overheard."""
        return lambda device, gone: BleakClient(device, gone, backend=Overheard, air=air, log=self)


@asynccontextmanager
async def overheard_bridge(home: Home, log: Log) -> AsyncIterator[Bridge]:
    """Run a bridge whose record links are overheard."""
    bridge = Bridge(
        home.store,
        home.devices,
        lambda heard: BleakScanner(heard, backend=AirScanner, air=home.air),
        log.client(home.air),
    )
    async with running(bridge):
        yield bridge


@asynccontextmanager
async def heard_adverts(air: Air) -> AsyncIterator[list[bytes]]:
    """The sealed adverts on the air, each once."""
    heard: list[bytes] = []

    def on_advert(_: Any, data: Any) -> None:
        sealed = data.manufacturer_data.get(advert.COMPANY_ID)
        if sealed and sealed not in heard:
            heard.append(sealed)

    async with BleakScanner(on_advert, backend=AirScanner, air=air):
        yield heard


class Impostor:
    """Something with the record service and another's address, that answers each frame with what `answers` gives."""

    def __init__(
        self, air: Air, personality: Personality, like: Wearable, answers: Callable[[bytes, int], list[bytes]]
    ) -> None:
        """`answers(frame, number)`: the number of the frame in its connection, from 0."""
        self.sessions: list[list[bytes]] = []
        self._links: set[int] = set()
        self._answers = answers
        bluetooth = VirtualBluetooth(air, personality)
        self._ble = bluetooth.BLE()
        self._ble._public = like.bluetooth.BLE()._public
        self._ble.irq(self._on_event)
        self._ble.active(True)
        characteristics = ((UUID(link.CONTROL_UUID), 0x08), (UUID(link.STREAM_UUID), 0x10))
        ((self._control, self._stream),) = self._ble.gatts_register_services(
            ((UUID(link.SERVICE_UUID), characteristics),)
        )
        self._ble.gatts_set_buffer(self._control, link.MAX_FRAME)

    def advertise(self, sealed: bytes) -> None:
        """Advertise what a device has sealed."""
        self._ble.gap_advertise(20_000, b"\x02\x01\x06\x1b\xff\xff\xff" + sealed)

    async def rest(self) -> None:
        """Advertise no more, and wait until whoever is connected has left, but not for long."""
        self._ble.gap_advertise(None)
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while self._links:
                    await asyncio.sleep(0.01)

    def _on_event(self, event: int, data: tuple[Any, ...]) -> None:
        if event == 1:
            self.sessions.append([])
            self._links.add(data[0])
        elif event == 2:
            self._links.discard(data[0])
        elif event == 3 and data[1] == self._control:
            frame = bytes(self._ble.gatts_read(self._control))
            number = len(self.sessions[-1])
            self.sessions[-1].append(frame)
            for answer in self._answers(frame, number):
                self._ble.gatts_notify(data[0], self._stream, answer)


def beyond_greeting(session: list[bytes]) -> list[bytes]:
    """Of what a bridge wrote in one connection, all but its hello and its sealed question for the device's info."""
    is_hello = session[:1] == [] or (len(session[0]) == link.HELLO_LENGTH and session[0][0] == link.HELLO)
    is_question = len(session) < 2 or len(session[1]) == link.OVERHEAD + 1
    return session[2:] if is_hello and is_question else session
