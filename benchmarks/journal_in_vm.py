# Runs inside MicroPython: what an append and an opening cost. Writes results.json.
import gc
import json
import os

from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.journal_segments import SegmentStore
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_wire.records import VITALS, Summary

try:
    from js import performance  # this VM's `time` stands still while it computes

    def now_us():
        return performance.now() * 1000

except ImportError:
    from time import ticks_us as now_us

ITERATIONS = 20_000
APPENDS = 600
ROUNDS = 5


class Memory:
    # A chip that costs next to nothing: what remains is the journal's own.

    def __init__(self, sectors):
        self.memory = bytearray(b"\xff" * (sectors * 4096))
        self.sectors = sectors
        self.view = memoryview(self.memory)
        self.blank = bytes(b"\xff" * 4096)

    def readblocks(self, block, buffer, offset):
        start = block * 4096 + offset
        buffer[:] = self.view[start : start + len(buffer)]

    def writeblocks(self, block, data, offset):
        start = block * 4096 + offset
        self.view[start : start + len(data)] = data

    def ioctl(self, operation, argument):
        if operation == 6:
            self.view[argument * 4096 : argument * 4096 + 4096] = self.blank
        return self.sectors if operation == 4 else 4096


def iteration_us():
    best = 1e9
    for _ in range(5):
        begun = now_us()
        for _ in range(ITERATIONS):
            pass
        best = min(best, (now_us() - begun) / ITERATIONS)
    return best


def summary_into(buf, number):
    summary = Summary()
    summary.seconds = 5
    for second in range(5):
        summary.pulse_rate.add(700 + (number + second) % 60)
        summary.spo2.add(970 + (number - second) % 7)
        summary.temperature.add(3660 + number % 50)
    return summary.pack(buf, bytes((1, 1, 1, 4)), 90, 80, 250, 0, 0)


def appended():
    # The shortest time that each append took in any round.
    least = [1e9] * APPENDS
    for _ in range(ROUNDS):
        journal = Journal(NorStore(Memory(4)), 7)
        length = summary_into(journal.buf, 3)
        for number in range(APPENDS):
            gc.collect()
            begun = now_us()
            journal.append(VITALS, length, 1, 0, number * 5000)
            least[number] = min(least[number], now_us() - begun)
    return sum(least) / APPENDS, max(least)


def opening(sectors):
    flash = SimulatedFlash(sectors)
    journal = Journal(NorStore(flash), 7)
    length = summary_into(journal.buf, 3)
    for number in range(sectors * 80 + 60):
        journal.append(VITALS, length, 1, 0, number * 5000)
    gc.collect()
    flash.reads = 0
    begun = now_us()
    Journal(NorStore(flash), 7)
    return flash.reads, now_us() - begun


def heap_bytes(store, appends):
    # By how much the heap grows, from the begin of a sector on.
    journal = Journal(store, 7)
    length = summary_into(journal.buf, 3)
    number = 0
    while number < 420 or journal._slot > 3:
        number += 1
        journal.append(VITALS, length, 1, 0, number * 5000)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for more in range(number + 1, number + 1 + appends):
        journal.append(VITALS, length, 1, 0, more * 5000)
    grown = gc.mem_alloc() - before
    gc.enable()
    return grown


os.mkdir("within")
os.mkdir("turning")
heap = (heap_bytes(SegmentStore("within", 3), 90), heap_bytes(SegmentStore("turning", 3), 2 * 138))
unit_us = iteration_us()
mean_us, most_us = appended()
results = {"append": mean_us / unit_us, "append_most": most_us / unit_us, "heap": heap, "openings": []}
for sectors in (16, 64, 256):
    reads, us = opening(sectors)
    results["openings"].append((sectors, reads, us / unit_us, us))
with open("results.json", "w") as file:
    json.dump(results, file)
