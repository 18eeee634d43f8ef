"""The whole line on one machine: a simulated wearable, virtual air, and the bridge as it is with a real radio."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vigil_host.bridge import Bridge
from vigil_host.devices import Devices
from vigil_host.page import page_of
from vigil_host.radio.air import Air
from vigil_host.radio.bleak_backend import AirClient, AirScanner
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import PERSONALITIES
from vigil_host.simulated_device import SimulatedDevice
from vigil_host.store import Store
from vigil_host.web.access import Access
from vigil_wire import keys

DEVICE_NAME = "Demo wearable"
WEARER_NAME = "Demo patient"


class Demo:
    """A device of its own key, a bridge that knows it, and the store between them and the page."""

    def __init__(
        self, store: Store, devices: Devices, source_kind: str, source_path: Path | None, stack: str = "nimble"
    ) -> None:
        """`source_kind`: "patient" or "recording"; `source_path` None: the built-in patient. `stack`: the board's."""
        self._store = store
        self._devices = devices
        self._source_kind = source_kind
        self._source_path = source_path
        self._stack = stack
        self._key = os.urandom(keys.KEY_LENGTH)
        self._air = Air()
        self.device_id = devices.add(keys.setup_code(self._key), WEARER_NAME, DEVICE_NAME).id
        self.bridge = Bridge(store, devices, self._scanner, self._client, is_alone=True)

    async def run(self, vm: str, log: Callable[[str], None]) -> None:
        """Run device and bridge until cancelled; raises what either could not go on after."""
        async with self._air:
            bluetooth = VirtualBluetooth(self._air, PERSONALITIES[self._stack])
            device = SimulatedDevice(self._key, self._source_kind, self._source_path, bluetooth, log)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(device.run_in_vm() if vm == "micropython" else device.run_on_cpython())
                    group.create_task(self.bridge.run())
            finally:
                await self.bridge.close()

    @contextlib.asynccontextmanager
    async def page(self, port: int) -> AsyncIterator[str]:
        """Serve the page on this computer; its address is given."""
        async with page_of(self.bridge, self._store, Access(), "127.0.0.1", port, self._devices) as address:
            yield address

    def _scanner(self, heard: Callable[[BLEDevice, AdvertisementData], None]) -> BleakScanner:
        return BleakScanner(heard, backend=AirScanner, air=self._air)

    def _client(self, device: BLEDevice, disconnected: Callable[[Any], None]) -> BleakClient:
        return BleakClient(device, disconnected, backend=AirClient, air=self._air)
