"""In steady state an append makes no object, and no frame is large.

On NOR that includes turns to another sector and erases; in segment files these open files, which are objects.
"""

import pytest

from vigil_firmware import journal_frames
from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.journal_segments import SegmentStore
from vigil_host.vm.heap import heap_growth, large_frames
from vigil_host.vm.runner import Runtime
from vigil_wire import crc, packed_vitals
from vigil_wire.packed_vitals import VitalsPacker

_SETUP = """
from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_wire.records import ALARM, VITALS, Summary, pack_alarm

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
    if appended % 5 == 0 and {is_fetched}:
        journal.acknowledge(sequence)

summary = Summary()
measured = bytearray(4)
for _ in range(700):
    append()
"""
# What runs at an append, a mark, a turn to the next sector.
_OF_JOURNAL = (
    *("append", "flush", "acknowledge", "_is_kept", "_keep", "_encode", "_encode_whole", "_head", "_can_pack", "_seal"),
    *(
        "_program",
        "_program_held",
        "_hold",
        "_offset_of",
        "_write",
        "_prove",
        "_flush_store",
        "_note_flushed",
        "_close",
        "_keep_mark",
        "_is_due",
        "_look_ahead",
        "_turn",
    ),
    *("_erase_ahead", "_make_room", "_give_up_tail", "_tell_loss", "_open", "_make_header", "_first_of", "_number_at"),
)


@pytest.mark.parametrize(("unit", "is_fetched"), [(1, True), (1, False), (16, False), (256, True)])
def test_an_append_makes_no_object(runtime: Runtime, unit: int, is_fetched: bool) -> None:
    setup = _SETUP.replace("{unit}", str(unit)).replace("{is_fetched}", str(is_fetched))
    assert heap_growth(runtime, setup, "append", calls=300) == 0


_IN_SEGMENTS = (
    _SETUP[: _SETUP.index("class Chip")].replace("journal_nor import NorStore", "journal_segments import SegmentStore")
    + """
import os

os.mkdir("segments")
journal = Journal(SegmentStore("segments", 3), 7)
"""
    + _SETUP[_SETUP.index("appended = 0") :].replace("{is_fetched}", "True")
    + """
while journal._slot > 3:
    append()
"""
)
_A_TURN_BYTES = 300  # four files that are opened, and their names


def test_an_append_to_a_segment_makes_no_object_but_for_a_turn(vm: Runtime) -> None:
    assert heap_growth(vm, _IN_SEGMENTS, "append", calls=90, warm_up=0) == 0
    assert heap_growth(vm, _IN_SEGMENTS, "append", calls=500, warm_up=0) <= 4 * _A_TURN_BYTES


def test_frames_of_an_append_stay_off_the_boards_heap() -> None:
    functions = [getattr(Journal, name) for name in _OF_JOURNAL]
    functions += [getattr(NorStore, name) for name in ("read", "program", "erase", "flush")]
    functions += [getattr(NorStore, name) for name in ("_hold", "_program_held", "_program_now", "_program_page")]
    functions += [getattr(SegmentStore, name) for name in ("program", "flush")]
    functions += [value for name, value in vars(VitalsPacker).items() if name != "__init__" and callable(value)]
    functions += [getattr(journal_frames, name) for name in ("fill", "seal", "is_whole", "put_u16", "put_u32", "u32")]
    functions += [journal_frames._sum, journal_frames.Place.start, crc.crc16_of]
    functions += [packed_vitals._word, packed_vitals._set_word]
    assert large_frames(*functions) == {}
