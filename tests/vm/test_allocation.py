"""Steady state allocates nothing: on the sample path no object is made, and no frame is too large for the stack."""

import pytest

from vigil_firmware import journal_frames, led_gain
from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.led_gain import LedGain
from vigil_firmware.sampler import Sampler
from vigil_firmware.signal.beats import Beats
from vigil_firmware.signal.conditioning import Channel
from vigil_firmware.signal.oximetry import BeatRatios
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.signal.respiration import Respiration
from vigil_firmware.ticks import ticks_add, ticks_diff
from vigil_hal import max30102
from vigil_hal.max30102 import Max30102
from vigil_host.vm.heap import heap_growth, large_frames
from vigil_host.vm.runner import Runtime
from vigil_wire import crc, packed_vitals
from vigil_wire.packed_vitals import VitalsPacker

_SETUP = """
from array import array
from vigil_firmware.alarms import Alarms
from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.sampler import Sampler
from vigil_wire.records import ALARM, VITALS, Summary, pack_alarm
from vigil_wire.settings import Settings
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.signal.respiration import Respiration
from vigil_firmware.vitals import Vitals
from vigil_hal.max30102 import Max30102

# Beats of 20 samples on both channels, as large as they may be.
beat = array("i", [0, 3, 12, 30, 55, 80, 96, 100, 94, 82, 70, 60, 52, 46, 42, 38, 30, 20, 10, 3])
signal = PulseOximeter()
vitals = Vitals()
phase = 0

def add():
    global phase
    phase = (phase + 1) % 20
    signal.add(180_000 - beat[phase] * {swing}, 200_000 - beat[phase] * {swing} * 2)

def judge():
    signal.judge(vitals, 25_300)

for _ in range(400):
    add()
judge()
assert vitals.pulse_rate.has_value and vitals.spo2.has_value, (vitals.pulse_rate.status, vitals.spo2.status)
alarms = Alarms(Settings(), None)
alarms._announce = lambda *_: None
now_ms = 0

def evaluate():
    global now_ms
    now_ms += 1000
    alarms.evaluate(vitals, now_ms)


class Bus:
    # The registers of a part that holds four samples at every drain; makes no object itself.

    def __init__(self):
        self.write = 0
        self.registers = bytearray(256)

    def readfrom_mem_into(self, address, register, buffer):
        if register == 0 and len(buffer) == 7:
            buffer[0] = 0x40
            buffer[1] = 0
            buffer[2] = 0xC0
            buffer[3] = 0x02
            buffer[6] = self.write
            self.write = (self.write + 4) & 31
            buffer[4] = self.write
            buffer[5] = 0
        elif register == 7:
            for index in range(len(buffer)):
                buffer[index] = 1 if index % 3 == 0 else 0x55
        elif register == 0xFF:
            buffer[0] = 0x15
        else:
            buffer[0] = self.registers[register]

    def writeto_mem(self, address, register, data):
        for index in range(len(data)):
            self.registers[register + index] = data[index] if register != 9 else data[index] & 0xBF
        if register == 4:
            self.write = 0


breathing = Respiration()
beats = 0

def breathe():
    # A second: a beat of 72 a minute, on the average, and its judging.
    global beats
    beats += 1
    turn = beats % 5
    breathing.add(1333 + turn * 20, 1500 + turn * 60, 262_000 if turn else 100)
    breathing.judge(vitals, 25_300)

for _ in range(60):
    breathe()

oximeter = Max30102(Bus())
sampler = Sampler(oximeter, PulseOximeter(), 0)
tick = 0

def drain():
    assert oximeter.drain() == 4

def step():
    global tick
    tick += 160
    sampler.step(tick)

class Chip:
    # A NOR chip of three sectors that makes no object itself.

    def __init__(self):
        self.memory = bytearray(3 * 4096)
        for index in range(len(self.memory)):
            self.memory[index] = 0xFF

    def readblocks(self, block, buffer, offset):
        for index in range(len(buffer)):
            buffer[index] = self.memory[block * 4096 + offset + index]

    def writeblocks(self, block, data, offset):
        for index in range(len(data)):
            self.memory[block * 4096 + offset + index] = data[index]

    def ioctl(self, operation, argument):
        if operation == 6:
            for index in range(4096):
                self.memory[argument * 4096 + index] = 0xFF
        return 3 if operation == 4 else 4096

journal = Journal(NorStore(Chip(), {unit}), 7)
appended = 0

def append():
    global appended
    appended += 1
    if appended % 9 == 0:
        length = pack_alarm(journal.buf, 1, 1, 3, 850, 0, appended)
        journal.append(ALARM, length, 2, 0, appended * 5000)
    length = summary.pack(journal.buf, measured, 90, 80, 200, 0, 1)
    sequence = journal.append(VITALS, length, 2, 0, appended * 5000)
    if appended % 5 == 0:
        journal.acknowledge(sequence)

summary = Summary()
measured = bytearray(4)
for _ in range(700):
    append()

def long_run():
    # Across several measurements of the rate.
    for _ in range(20):
        step()
    assert not sampler.fault and sampler.rate_milli_hz in (0, 25_000), sampler.fault
"""


@pytest.mark.parametrize("swing", [2, 20, 200])
@pytest.mark.parametrize("function", ["add", "judge"])
def test_signal_makes_no_object(runtime: Runtime, function: str, swing: int) -> None:
    assert heap_growth(runtime, _SETUP.replace("{swing}", str(swing)).replace("{unit}", "1"), function, calls=60) == 0


@pytest.mark.parametrize("function", ["drain", "step", "evaluate", "breathe", "long_run"])
def test_sampler_respiration_and_alarms_make_no_object(runtime: Runtime, function: str) -> None:
    assert heap_growth(runtime, _SETUP.replace("{swing}", "20").replace("{unit}", "1"), function, calls=60) == 0


@pytest.mark.parametrize("unit", [1, 16, 256])
def test_an_append_makes_no_object(runtime: Runtime, unit: int) -> None:
    # 300 of them turn to another sector, and erase one, more than once.
    setup = _SETUP.replace("{swing}", "20").replace("{unit}", str(unit))
    assert heap_growth(runtime, setup, "append", calls=300) == 0


def test_frames_on_the_sample_path_stay_off_the_boards_heap() -> None:
    functions = (
        Sampler.step,
        Sampler._drain,
        Sampler._take,
        Sampler._measure,
        PulseOximeter.add,
        BeatRatios.add,
        PulseOximeter._take_beat,
        Respiration.add,
        Respiration._keep,
        Respiration._note_rhythm,
        Channel.add,
        Beats.add,
        Beats._consider,
        ticks_add,
        ticks_diff,
        Sampler._account,
        Sampler._fill,
        Sampler._differs,
        Sampler._level,
        Sampler._adjust,
        LedGain.judge,
        led_gain._better,
        Max30102.drain,
        Max30102._drain,
        Max30102._count,
        Max30102._saw_full,
        Max30102._count_overflow,
        Max30102._waiting,
        Max30102._take,
        Max30102._unpack_slot,
        Max30102._read_status,
        Max30102._note_status,
        Max30102._clear_fifo,
        max30102._unpack,
        max30102._shift_right,
        *(
            getattr(Journal, name)
            for name in (
                *("append", "flush", "acknowledge", "_keep", "_encode", "_head", "_can_pack", "_seal", "_program"),
                *("_keep_mark", "_is_due", "_look_ahead", "_turn", "_erase_ahead", "_give_up_tail", "_tell_loss"),
                *("_open", "_first_of", "_number_at", "_encode_whole", "_make_header"),
            )
        ),
        *(getattr(NorStore, name) for name in ("read", "program", "erase", "flush", "_program_page")),
        *(value for name, value in vars(VitalsPacker).items() if name != "__init__" and callable(value)),
        *(getattr(journal_frames, name) for name in ("fill", "seal", "is_whole", "put_u16", "put_u32", "u16", "u32")),
        journal_frames._sum,
        journal_frames.Place.start,
        crc.crc16_of,
        packed_vitals._word,
        packed_vitals._set_word,
    )
    assert large_frames(*functions) == {}
