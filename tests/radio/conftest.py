"""Fixtures of the radio tests: one Air each, on asyncio, checked to leave no task and no logged error behind."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient, AirScanner
from vigil_host.radio.bluetooth import UUID, VirtualBluetooth
from vigil_host.radio.personality import PERSONALITIES, Personality

READ, WRITE_COMMAND, WRITE, NOTIFY, INDICATE = 0x02, 0x04, 0x08, 0x10, 0x20


class VirtualDevice:
    """A device with one service: a stream that notifies and a control point, and a log of its events."""

    INTERVAL_US = 20_000
    FLAGS = b"\x02\x01\x06"
    ADVERT = FLAGS + b"\x1b\xff\xff\xff" + bytes(range(24))
    SERVICE = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
    STREAM = "00002a5f-0000-1000-8000-00805f9b34fb"
    CONTROL = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"

    def __init__(self, air: Air, personality: Personality) -> None:
        """Switch the radio on and register the service; nothing is advertised yet."""
        self.air = air
        self.bluetooth = VirtualBluetooth(air, personality)
        self.ble = self.bluetooth.BLE()
        self.events: list[tuple[int, tuple[Any, ...]]] = []
        self.ble.irq(self._on_event)
        self.ble.active(True)
        control = (UUID(self.CONTROL), READ | WRITE | WRITE_COMMAND | INDICATE)
        services = ((UUID(self.SERVICE), ((UUID(0x2A5F), NOTIFY), control)),)
        ((self.stream, self.control),) = self.ble.gatts_register_services(services)

    def _on_event(self, event: int, data: tuple[Any, ...]) -> None:
        self.events.append((event, tuple(bytes(x) if isinstance(x, memoryview) else x for x in data)))

    def advertise(self, data: bytes | None = ADVERT) -> None:
        """Advertise, connectable, every 20 ms."""
        self.ble.gap_advertise(self.INTERVAL_US, data)

    def of(self, event: int) -> list[tuple[Any, ...]]:
        """Return the data of all events of one kind."""
        return [data for kind, data in self.events if kind == event]

    @property
    def link(self) -> int:
        """The handle of the newest connection."""
        handle: int = self.of(1)[-1][0]
        return handle

    @property
    def address(self) -> str:
        """The address as bleak writes it."""
        return ":".join(f"{byte:02X}" for byte in self.ble.config("mac")[1])

    def client(self, **options: Any) -> BleakClient:
        """Return a client for this device, by its address."""
        return BleakClient(self.address, backend=AirClient, air=self.air, **options)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` holds."""
        async with asyncio.timeout(2):
            while not condition():
                await asyncio.sleep(0.002)

    async def heard(self, count: int, **options: Any) -> list[tuple[BLEDevice, AdvertisementData]]:
        """Return the next `count` adverts that a new scanner hears, from whichever device."""
        found: list[tuple[BLEDevice, AdvertisementData]] = []
        async with (
            BleakScanner(backend=AirScanner, air=self.air, **options) as scanner,
            asyncio.timeout(2),
        ):
            async for device, advert in scanner.advertisement_data():
                found.append((device, advert))
                if len(found) == count:
                    break
        return found


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio."""
    return "asyncio"


@pytest.fixture
async def air(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Air]:
    """An open Air that must close without leaving tasks or logged errors."""
    # A busy machine must not lose links in a test's short silences.
    async with Air(supervision_timeout_s=5) as opened:
        yield opened
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    names = [getattr(coroutine, "__qualname__", "?") for coroutine in coroutines]
    assert [name for name in names if not name.startswith("TestRunner.")] == []
    assert not opened.controllers
    errors = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    assert [record.getMessage() for record in errors if record.levelno >= logging.ERROR] == []


@pytest.fixture(params=list(PERSONALITIES))
def personality(request: pytest.FixtureRequest) -> Personality:
    """Each of the two stacks."""
    return PERSONALITIES[request.param]


@pytest.fixture
async def device(air: Air, personality: Personality) -> VirtualDevice:
    """A device of each personality."""
    return VirtualDevice(air, personality)


@pytest.fixture
async def nimble(air: Air) -> VirtualDevice:
    """A device with NimBLE."""
    return VirtualDevice(air, PERSONALITIES["nimble"])


@pytest.fixture
async def btstack(air: Air) -> VirtualDevice:
    """A device with BTstack."""
    return VirtualDevice(air, PERSONALITIES["btstack"])
