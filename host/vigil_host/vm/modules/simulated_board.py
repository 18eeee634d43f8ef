"""A board in the MicroPython VM: the real main.py with sensors on a simulated bus.

`machine`, `bluetooth` and `time` are those that the VM gives it; `main` is the board's own, put in by the parent.
"""

import time

import machine
import main

from vigil_firmware import journal_segments
from vigil_firmware.simulation.parts import Parts, endless_source, moving_of
from vigil_firmware.storage import BLOCK_COUNT, provision
from vigil_hal.file_blocks import FileBlocks
from vigil_wire.settings import Settings


def run(device_key_hex: str, summary_interval_s: int, source_kind: str, source_path: str) -> None:
    """Give the board its key (32 hex digits) and settings, then run its main.py for ever."""
    journal_segments.GROUP_MS = 1_000  # this flash does not wear: who watches need not wait for records
    key = bytes([int(device_key_hex[start : start + 2], 16) for start in range(0, 32, 2)])
    blocks = FileBlocks(main.STORAGE_FOLDER, BLOCK_COUNT)
    provision(blocks, key, Settings(summary_interval_s=summary_interval_s, temperature_site=1))
    source = endless_source(source_kind, source_path)
    machine.attach_i2c(Parts(source, source.has_temperature, time.ticks_ms, moving=moving_of(source)).bus)
    main.run()
