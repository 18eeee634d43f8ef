"""What a journal on flash owes, kept beside it: every record that was kept, so that any loss, change or reuse shows."""

import struct
from binascii import crc_hqx
from collections.abc import Callable, Iterator
from typing import Any

from vigil_firmware import journal_frames
from vigil_firmware.journal import Journal
from vigil_hal.simulated.flash import PowerCut
from vigil_wire import records
from vigil_wire.packed_vitals import LENGTH, VitalsPacker

ALARM_EVERY = 9
SETTINGS_EVERY = 23
BOOT_EVERY = 40
NUMBER_BYTES = 4  # at the start of a record
WAITING_MOST = 10  # the numbers that a record may get: others wait to be flushed before it, or tell of a loss
Store = Any


def is_summary(number: int) -> bool:
    """Whether `write_record` makes a summary."""
    return all(number % every for every in (BOOT_EVERY, SETTINGS_EVERY, ALARM_EVERY))


def write_record(journal: Journal, number: int) -> tuple[int, int]:
    """Pack the `number`th record of a life that has all kinds; its kind and length."""
    buf = journal.buf
    if number % BOOT_EVERY == 0:
        return records.BOOT, records.pack_boot(buf, number & 7, (1, 2, number & 0xFF), 0)
    if number % SETTINGS_EVERY == 0:
        return records.SETTINGS, records.pack_settings(buf, bytearray([number & 0xFF] * 52), b"")
    if number % ALARM_EVERY == 0:
        return records.ALARM, records.pack_alarm(buf, number % 8, 1 + number % 2, 3, 880 - number % 30, 0, number)
    return records.VITALS, write_summary(journal, number)


def write_summary(journal: Journal, number: int) -> int:
    """Pack the `number`th summary; its length."""
    summary = records.Summary()
    summary.seconds = 5
    for second in range(5):
        summary.pulse_rate.add(700 + (number * 7 + second) % (900 if number % 13 == 0 else 40))
        summary.spo2.add(970 - (number + second) % 9)
        summary.temperature.add(3670 + number % 9)
    statuses = bytes((1, 1, 1, 4))
    return summary.pack(journal.buf, statuses, 90, 80, 200 + number % 50, number % 4, number % 2)


class Life:
    """A journal through cuts and reboots, and what its owner may rely on.

    `promised`: every record that outlasts a cut, by sequence number. `trying`: the numbers that one may have which was
    under way when the power went, by what it is but for its number: it may be there, or not. `acknowledged`: what a
    host has. Failures are counted in `row`.
    """

    def __init__(self, open_store: Callable[[], Store], row: Any, journal_id: int = 77) -> None:
        self.open_store = open_store
        self.row = row
        self.journal_id = journal_id
        self.promised: dict[int, bytes] = {}
        self.trying: dict[bytes, range] = {}
        self.acknowledged = -1
        self.number = 0
        self.boot = 1
        self.journal = Journal(open_store(), journal_id)

    def copy(self, open_store: Callable[[], Store], row: Any) -> "Life":
        """The same life on another flash of the same content, opened anew."""
        other = Life.__new__(Life)
        other.open_store, other.row, other.journal_id = open_store, row, self.journal_id
        other.promised = dict(self.promised)
        other.trying = dict(self.trying)
        other.acknowledged, other.number, other.boot = self.acknowledged, self.number, self.boot
        other.journal = Journal(open_store(), 1)
        return other

    def append(self) -> None:
        """Append the next record."""
        number = self.number
        self.number += 1  # what a cut interrupts is not made again
        kind, length = write_record(self.journal, number)
        if kind == records.BOOT:
            self.boot += 1
        self.keep(kind, length, number // 60, number * 5000)

    def keep(self, kind: int, length: int, day: int, day_ms: int) -> None:
        """Append the record that is packed in the journal's buffer."""
        journal = self.journal
        first = max(self.promised, default=-1) + 1
        data = bytearray(journal.buf)
        records.pack_header(data, 0, kind, self.boot, day, day_ms)
        self.trying[bytes(data[NUMBER_BYTES:length])] = range(first, first + WAITING_MOST)
        sequence = journal.append(kind, length, self.boot, day, day_ms)
        if sequence in self.promised:
            self.row.duplicated += 1
        self.learn(sequence)

    def learn(self, appended: int) -> None:
        """Take up what outlasts a cut from now on."""
        for sequence in range(max(self.promised, default=-1) + 1, self.journal.newest + 1):
            data = self.read(sequence)
            if not data and sequence != appended:
                continue  # what a cut tore is told by a loss
            if not self.is_right(sequence, data):
                self.row.corrupted += 1
            self.promised[sequence] = data

    def is_right(self, sequence: int, data: bytes) -> bool:
        """Whether this is what was, or was to be, appended under a number, or the journal's own record of a loss."""
        if sequence in self.promised:
            return self.promised[sequence] == data
        if sequence in self.trying.get(data[NUMBER_BYTES:], ()):
            return True
        return len(data) == records.LOSS_LENGTH and data[4] == records.LOSS and self._is_true_loss(data)

    def _is_true_loss(self, data: bytes) -> bool:
        record = records.Record(data)
        first, last = record.fields["first"], record.fields["last"]
        return first is not None and last is not None and first <= last < record.sequence

    def acknowledge(self, sequence: int) -> None:
        """The host has all up to here, of what there is."""
        self.acknowledged = max(self.acknowledged, min(sequence, self.journal.newest))
        self.journal.acknowledge(sequence)

    def read(self, sequence: int) -> bytes:
        """Read a record; b"" when it is not there."""
        return bytes(self.journal._out[: self.journal.length_of(sequence)])  # as `read_into` does, byte by byte

    def reboot(self) -> None:
        """Open the journal that is there."""
        self.journal = Journal(self.open_store(), 1)

    def forget(self) -> None:
        """Pass over what the ring has overwritten, which has been checked."""
        for sequence in [sequence for sequence in self.promised if sequence < self.journal.oldest]:
            del self.promised[sequence]

    def check(self) -> None:
        """Count whatever is not as it must be."""
        journal = self.journal
        if journal.journal_id != self.journal_id:
            self.row.lost += 1
        if journal.acknowledged > self.acknowledged:
            self.row.corrupted += 1
        found: dict[int, bytes] = {}
        told = [(0, -1)]
        for sequence in range(max(journal.oldest, 0), journal.newest + 1):
            data = self.read(sequence)
            if not data:
                continue
            found[sequence] = data
            if not self.is_right(sequence, data):
                self.row.corrupted += 1
            elif data[4] == records.LOSS:
                fields = records.Record(data).fields
                told.append((fields["first"] or 0, fields["last"] or 0))
        contents = [data[4:] for data in found.values() if data[4] != records.LOSS]
        self.row.duplicated += len(contents) - len(set(contents))
        for sequence in self.promised:
            if sequence not in found and sequence > self.acknowledged:
                self.row.lost += not any(first <= sequence <= last for first, last in told)
        self.promised |= found
        waiting = range(journal.newest + 1, journal._appended + 1)
        common = {
            content: range(max(numbers.start, waiting.start), min(numbers.stop, waiting.stop))
            for content, numbers in self.trying.items()
        }
        self.trying = {content: numbers for content, numbers in common.items() if numbers}


def cut_points(try_one: Callable[[int], bool]) -> Iterator[int]:
    """Try 0, 1, 2, ... until `try_one` says that the power was not cut any more; each that was cut is given."""
    operation = 0
    while try_one(operation):
        yield operation
        operation += 1


def is_cut(action: Callable[[], object]) -> bool:
    """Whether the power fails during an action."""
    try:
        action()
    except PowerCut:
        return True
    return False


def be_quick(monkeypatch: Any) -> None:
    """Spend the time on faults: the same CRC in C (tests/wire/test_crc.py compares them), nothing unpacked twice."""
    monkeypatch.setattr(journal_frames, "_sum", lambda frame, length: sum(frame[:length]) & 0xFF)
    monkeypatch.setattr(journal_frames, "crc16_of", lambda data, first, end, start: crc_hqx(data[first:end], start))
    known_before = struct.Struct("<IBHH").pack

    def start(place: journal_frames.Place, mark: int) -> int:
        is_packed = mark == journal_frames.VITALS
        return crc_hqx(known_before(place.sequence, mark, is_packed * place.boot, is_packed * place.day), 0xFFFF)

    monkeypatch.setattr(journal_frames.Place, "start", start)
    unpack = VitalsPacker.unpack
    known: dict[bytes, bytes] = {}
    first, end = records.HEADER_LENGTH - 4, records.VITALS_LENGTH  # from the milliseconds of the day on

    def unpack_once(packer: VitalsPacker, data: bytearray, start: int, record: bytearray) -> None:
        packed = bytes(data[start : start + LENGTH])
        if packed not in known:
            unpack(packer, data, start, record)
            known[packed] = bytes(record[first:end])
        record[first:end] = known[packed]

    monkeypatch.setattr(VitalsPacker, "unpack", unpack_once)
