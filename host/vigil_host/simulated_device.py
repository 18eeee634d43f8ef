"""A simulated wearable on the virtual radio, in real time: on CPython in this process, or in the MicroPython VM."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from vigil_firmware.device import Device
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.monitor import STEP_MS
from vigil_firmware.pattern_player import TICK_MS
from vigil_firmware.simulation.parts import BUILT_IN_PATIENT, Parts, endless_source, moving_of
from vigil_firmware.storage import BLOCK_COUNT, provision
from vigil_firmware.ticks import PERIOD
from vigil_hal.panel import Panel
from vigil_hal.seams import TYPE_CHECKING
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_hal.simulated.panel import SimulatedPanel
from vigil_host.assets import asset
from vigil_host.vm.runner import VmDevice
from vigil_wire.settings import SITE_NAMES, Settings

if TYPE_CHECKING:
    from vigil_firmware.simulation.parts import Repeating
    from vigil_hal.seams import BluetoothModule
    from vigil_hal.simulated.cell import SimulatedCell
    from vigil_hal.simulated.patient import Patient

_POWER_ON = 1
_ARMPIT = SITE_NAMES.index("armpit")
_BOARD = {
    "i2c": 0,
    "sda": 0,
    "scl": 1,
    "light": [2, 3, 4],
    "buzzer": 5,
    "vibration": 6,
    "button": 7,
}
_PARTS = [{"part": "TMP117", "address": 0x48}, {"part": "MAX17048", "address": 0x36}]
_ACCELEROMETER = {"part": "LIS3DH", "address": 0x18, "head": "+y"}
_JOURNAL_SECTORS = 64
_JOURNAL_SECTOR_BYTES = 4096


class SimulatedDevice:
    """One wearable whose sensors feel a source: kind "patient" or "recording", path None for the built-in patient."""

    def __init__(
        self,
        device_key: bytes,
        source_kind: str,
        source_path: Path | None,
        bluetooth: "BluetoothModule",
        log: Callable[[str], None],
        summary_interval_s: int = 1,
    ) -> None:
        self._device_key = device_key
        self._source_kind = source_kind
        self._source_path = source_path
        self._bluetooth = bluetooth
        self._log = log
        self._summary_interval_s = summary_interval_s

    async def run_on_cpython(self) -> None:
        """Run for ever in this event loop."""
        path = BUILT_IN_PATIENT if self._source_path is None else str(self._source_path)
        source = endless_source(self._source_kind, path)
        settings = Settings(summary_interval_s=self._summary_interval_s, temperature_site=_ARMPIT)
        panel = SimulatedPanel(_ticks_ms).panel
        device = simulated_device(self._device_key, source, settings, self._bluetooth, self._log, _ticks_ms, panel)
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            device.step(_ticks_ms())
            for _ in range(STEP_MS // TICK_MS):
                due_s = max(due_s + TICK_MS / 1000, loop.time())
                await asyncio.sleep(due_s - loop.time())
                device.tick(_ticks_ms())

    async def run_in_vm(self) -> None:
        """Run the board's own main.py in the MicroPython VM for ever. Raises TableError, and VmError when it ends."""
        # A bad one is found here, and named.
        source = endless_source(self._source_kind, str(self._source_path or BUILT_IN_PATIENT))
        parts = _PARTS if moving_of(source) is None else [*_PARTS, _ACCELEROMETER]
        files = {
            "main.py": asset("firmware/board/main.py").read_bytes(),
            "board.json": json.dumps(_BOARD | {"parts": parts}).encode(),
        }
        path = BUILT_IN_PATIENT
        if self._source_path is not None:
            path = "source.csv"
            files[path] = self._source_path.read_bytes()
        device = VmDevice(
            "simulated_board:run",
            [self._device_key.hex(), self._summary_interval_s, self._source_kind, path],
            bluetooth=self._bluetooth,
            files_in=files,
            on_text=lambda _, text: self._log(text.rstrip("\n")),
        )
        async with device:
            (await device.wait()).check()


def simulated_device(
    device_key: bytes,
    source: "Patient | Repeating",
    settings: Settings,
    bluetooth: "BluetoothModule",
    log: Callable[[str], None],
    clock_ms: Callable[[], int],
    panel: Panel | None = None,
    cell: "SimulatedCell | None" = None,
) -> Device:
    """Return a device that has just been switched on, whose sensors feel `source`; the caller steps and ticks it."""
    parts = Parts(source, source.has_temperature, clock_ms, cell, moving_of(source))
    flash = SimulatedFlash(BLOCK_COUNT)
    provision(flash, device_key, settings)
    nor = SimulatedFlash(_JOURNAL_SECTORS, _JOURNAL_SECTOR_BYTES)
    return Device(
        parts.bus,
        parts.thermometer,
        parts.battery,
        flash,
        (lambda: NorStore(nor),),
        bluetooth,
        os.urandom,
        log,
        _POWER_ON,
        clock_ms(),
        panel,
        parts.accelerometer,
    )


def _ticks_ms() -> int:
    return time.monotonic_ns() // 1_000_000 % PERIOD
