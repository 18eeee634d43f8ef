"""A device that is this computer: the firmware's core under CPython, with its memory in files and the bridge at hand.

The sensors make it wait, so it has a thread of its own; the bridge's loop never touches it but through the radio
between them (`in_process`). Each step is due 100 ms after the one before. One that is late is not made up for: the
oximeter's FIFO lasts 1.28 s, and what is lost beyond that is counted. One that never ends is the end of the program, as
a board's watchdog resets the board: whatever started it starts it again.
"""

import asyncio
import concurrent.futures
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vigil_firmware.device import Device
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.monitor import STEP_MS
from vigil_firmware.pattern_player import TICK_MS
from vigil_firmware.storage import BLOCK_COUNT, stored_key
from vigil_firmware.ticks import PERIOD
from vigil_hal.file_blocks import FileBlocks, FileFlash
from vigil_host.devices import Devices, KnownDevice
from vigil_host.in_process import InProcessRadio
from vigil_host.store.lease import Lease
from vigil_wire import keys

if TYPE_CHECKING:
    from vigil_hal.panel import Panel
    from vigil_hal.parts import Parts
    from vigil_hal.seams import I2C

JOURNAL_BLOCKS = 256  # 1 MiB: two days without a bridge
LATE_MS = 500  # the monitor is to be stepped at least so often
HUNG_S = 8  # as a board's watchdog
_POWER_ON = 1


def own_key(folder: Path) -> bytes | None:
    """The key of the device whose memory is in `folder`; None where there is none."""
    memory = folder / "memory"
    return stored_key(FileBlocks(str(memory), BLOCK_COUNT)) if memory.is_dir() else None


class DeviceHung(Exception):
    """The device makes no steps any more."""


class OwnDevice:
    """The device whose memory is in `folder`, which is made where it is missing.

    `longest_gap_ms`: the longest time between two steps so far. Only one program may have a folder at a time: raises
    AlreadyOwned, StoreError, OSError.
    """

    def __init__(
        self,
        folder: Path,
        i2c: "I2C",
        parts: "Parts",
        panel: "Panel",
        log: Callable[[str], None],
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lease = Lease(folder / "journal")
        self._log = log
        self._stop = threading.Event()
        self._steps = 0
        self.longest_gap_ms = 0
        self.radio = InProcessRadio()
        self.device = Device(
            i2c,
            parts.thermometer,
            parts.battery,
            FileBlocks(str(folder / "memory"), BLOCK_COUNT),
            (lambda: NorStore(FileFlash(str(folder / "journal"), JOURNAL_BLOCKS)),),
            self.radio,
            os.urandom,
            self._say,
            _POWER_ON,
            ticks_ms(),
            panel,
            parts.accelerometer,
        )

    def register(self, devices: Devices, name: str, wearer: str) -> KnownDevice:
        """Return what the bridge knows this device as; it is made known where it is not. Raises DevicesError."""
        key = self.device.storage.device_key
        for known in devices.list():
            if key in known.possible_keys:
                return known
        return devices.add(keys.setup_code(key), wearer, name)

    async def run(self) -> None:
        """Step the device until cancelled; raises DeviceHung, and whatever it could not go on after."""
        self.radio.attach(asyncio.get_running_loop())
        outcome: concurrent.futures.Future[None] = concurrent.futures.Future()
        # One that hangs must not keep the program from ending.
        threading.Thread(target=self._live, args=(outcome,), name="device", daemon=True).start()
        ended = asyncio.wrap_future(outcome)
        try:
            await self._watch(ended)
        except DeviceHung:
            self._stop.set()
            raise  # there is nothing to wait for
        except BaseException:
            self._stop.set()
            await asyncio.wait((ended,))
            raise

    def close(self) -> None:
        """Let another program have the folder."""
        self._lease.release()

    async def _watch(self, ended: asyncio.Future[None]) -> None:
        steps, silent_s = -1, 0
        while not ended.done():
            await asyncio.wait((ended,), timeout=1.0)
            silent_s = silent_s + 1 if steps == self._steps else 0
            steps = self._steps
            if silent_s >= HUNG_S:
                raise DeviceHung(f"the device has made no step for {HUNG_S} s: its I2C bus or its storage hangs")
        await ended

    def _live(self, outcome: concurrent.futures.Future[None]) -> None:
        try:
            self._go_on()
        except BaseException as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    def _go_on(self) -> None:
        due_s = stepped_s = time.monotonic()
        try:
            while not self._stop.is_set():
                self.device.step(ticks_ms())
                self._steps += 1
                for _ in range(STEP_MS // TICK_MS):
                    due_s = max(due_s + TICK_MS / 1000, time.monotonic())
                    self._stop.wait(due_s - time.monotonic())
                    self.radio.deliver()
                    self.device.tick(ticks_ms())
                stepped_s = self._look_at_gap(stepped_s)
        finally:
            self.device.switch_off_signals(ticks_ms())

    def _look_at_gap(self, stepped_s: float) -> float:
        now_s = time.monotonic()
        gap_ms = round((now_s - stepped_s) * 1000)
        if gap_ms > LATE_MS and gap_ms > 2 * self.longest_gap_ms:  # each time only where it is much worse
            self._log(f"vigil: {gap_ms} ms between two steps: this computer is too busy, or its storage too slow")
        self.longest_gap_ms = max(self.longest_gap_ms, gap_ms)
        return now_s

    def _say(self, line: str) -> None:
        if "setup code" not in line:  # it is the bridge's already, and nobody else's
            self._log(line)


def ticks_ms() -> int:
    """Return MicroPython's tick of this computer."""
    return time.monotonic_ns() // 1_000_000 % PERIOD
