# Runs inside a native MicroPython: a whole wearable on simulated parts and this build's own Bluetooth stack, which the
# first line from the parent describes. Then "live MILLISECONDS TIMES_AS_FAST" lets it live, and "ask EXPRESSION"
# evaluates. Both are answered by a line "= [RESULT, ADDRESS]"; all other lines are the log.
import gc
import json
import os
import select
import sys
import time

import bluetooth

ble = bluetooth.BLE()
ble.active(True)  # as main.py does, before all else; the firmware starts it again

from vigil_firmware.device import Device
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.monitor import STEP_MS
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.storage import BLOCK_COUNT, provision
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_hal.simulated.patient import parse_patient
from vigil_wire import records
from vigil_wire.settings import Settings


class Clock:
    now_ms = 0


def kept():
    # Every record in the journal, in hexadecimal, by sequence number.
    data, found = bytearray(records.MAX_LENGTH), {}
    for sequence in range(journal.oldest, journal.newest + 1):
        found[sequence] = data[: journal.read_into(sequence, data, 0)].hex()
    return found


def radio_bytes(steps):
    # How much the heap grows for the radio, without what the sensors do.
    gc.collect()
    gc.disable()
    grown = 0
    for _ in range(steps):
        Clock.now_ms += STEP_MS
        device.monitor.step(Clock.now_ms)
        before = gc.mem_alloc()
        device.peripheral.step(Clock.now_ms)
        grown += gc.mem_alloc() - before
        time.sleep_ms(4)
    gc.enable()
    return grown


def answer(line):
    what, rest = line.split(" ", 1)
    result = None
    if what == "ask":
        result = eval(rest, globals())
    else:
        duration_ms, times_as_fast = map(int, rest.split())
        for _ in range(duration_ms // STEP_MS):
            Clock.now_ms += STEP_MS
            device.step(Clock.now_ms)
            time.sleep_ms(STEP_MS // times_as_fast)
    print("=", json.dumps([result, ble.config("mac")[1].hex()]))


job = json.loads(sys.stdin.readline())
parts = Parts(parse_patient(job["patient"], "script"), True, lambda: Clock.now_ms)
flash = SimulatedFlash(BLOCK_COUNT)
provision(flash, bytes.fromhex(job["key"]), Settings(**job["settings"]))
nor = SimulatedFlash(64, 4096)
stores = (lambda: NorStore(nor),)
device = Device(
    parts.bus, parts.thermometer, parts.battery, flash, stores, bluetooth, os.urandom, print, 1, Clock.now_ms
)
journal = device.monitor.journal
waiting = select.poll()
waiting.register(sys.stdin, select.POLLIN)
answer("ask None")
while True:
    time.sleep_ms(1)  # here the stack runs
    if waiting.poll(0):
        line = sys.stdin.readline()
        if not line:
            break
        answer(line.strip())
