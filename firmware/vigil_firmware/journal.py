"""The journal: every record the device makes, numbered, kept until the room is needed, readable after any cut of power.

A ring log over a store of sectors (see `Store` below): raw NOR, segment files, or memory. Each sector starts with a
header: whose journal it is, its number in the journal's life, the sequence number of its first record. Frames
(journal_frames) follow it in order; sequence numbers are counted, not stored. Sector `n` lies at place `n % sectors`,
so wear is even. docs/record.md has the format to the byte.

The oldest sector goes when its room is needed. What in it no host has acknowledged is named by a record of kind LOSS
before that. One sector is erased ahead of need, after a summary and never before an alarm event: an erase takes 45 to
400 ms on real parts, and one append makes one at most.

A store that fails while the journal is open never stops its owner: what it did not take is written again in the next
sector, and one that cannot be erased is left out. What then still is not kept has used up its number, and is named by
a LOSS when the store works again; until then each record tries once. `fault` says why.
"""

from vigil_firmware.journal_frames import (
    ACKNOWLEDGED,
    BLANK,
    DEAD,
    GARBAGE,
    HEADER,
    RECORD_MARKS,
    SLOTS_MOST,
    VITALS,
    Place,
    fill,
    is_given_up,
    is_whole,
    mark_of,
    put_u16,
    put_u32,
    seal,
    slots_of,
    u16,
    u32,
)
from vigil_wire import packed_vitals, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Store(Protocol):
        """`sectors` of `sector_bytes`, erased whole to 0xFF; programming only clears bits.

        `slot_bytes`: what frames are multiples of. `mark_bytes`: how many of a frame's bytes are programmed last, with
        its mark; 0 where frames are written in one piece, because what a cut leaves half written is not kept.
        `shared_unit`: bytes of a unit that is programmed once, when it is full: the end of the newest frame waits in
        memory for the next one or for `flush`. 1: nothing waits so.
        `group_ms`: how long summaries may wait in memory until `flush`; 0: what is programmed is kept.
        Methods raise OSError when the store cannot be used; what was not flushed may then be gone.
        """

        sectors: int
        sector_bytes: int
        slot_bytes: int
        mark_bytes: int
        shared_unit: int
        group_ms: int

        def read(self, sector: int, offset: int, buf: "bytearray | memoryview") -> None:
            """Fill `buf`."""

        def program(self, sector: int, offset: int, data: memoryview) -> None:
            """Write within one sector."""

        def erase(self, sector: int) -> None:
            """Erase; a sector whose erase was cut has no header any more."""

        def flush(self) -> bool:
            """Make all that was programmed outlast a cut; whether that took the start of the next slot."""


HEADER_BYTES = 32
FORMAT_VERSION = 1
SHARED_FORMAT_VERSION = 2  # where frames share units
_SECTORS_LEAST = 3
_RESERVED_SLOTS = 2  # at a sector's end, for the record of a loss, and for one more where a cut tore the first
_AHEAD_SLOTS = 16  # this near to its end a sector has the next one erased
_MARK_EVERY = 12  # records between two notes of what is acknowledged
_LEFT_OUT_MOST = 3  # sectors in a row that cannot be erased or take no header
_EIO = 5


class JournalError(Exception):
    """The store holds, or could hold, no journal as it is. Says why."""


class Journal:
    """The ring. Pack a payload into `buf`, then `append`.

    Opens the journal that is in `store`, or begins one under `new_id` (30 bits, drawn by the caller). `oldest`,
    `newest` and `acknowledged` are sequence numbers, -1 while there is none; `newest` is the newest that outlasts a
    cut. `fault`: what went wrong at the store's last use; "" while it takes what it is given. Raises JournalError, and
    the store's OSError, while it is opened; later a failing store is no exception.
    """

    def __init__(self, store: "Store", new_id: int) -> None:
        self._store = store
        self._slots = (store.sector_bytes - HEADER_BYTES) // store.slot_bytes
        self._version = FORMAT_VERSION if store.shared_unit == 1 else SHARED_FORMAT_VERSION
        if store.sectors < _SECTORS_LEAST or self._slots < 2 * SLOTS_MOST + _RESERVED_SLOTS:
            raise JournalError("a journal needs at least %d sectors" % _SECTORS_LEAST)
        self.journal_id = -1
        self.buf = bytearray(records.MAX_LENGTH)
        self.newest = -1
        self.oldest = -1
        self.acknowledged = -1
        self.fault = ""
        self._packer = packed_vitals.VitalsPacker()
        self._place = Place()
        self._header_start = self._place.start(HEADER)
        self._make_buffers()
        # Where the next frame goes: sector number, first record's number there, slot, what the reader will know there,
        # the newest record's number.
        self._number = 0
        self._first = 0
        self._slot = 0
        self._boot = 0
        self._day = 0
        self._appended = -1
        self._is_closed = False  # something failed in this sector: nothing more goes there
        self._held_slots = 0  # of the newest record, while its end waits in memory; and what its reader must know
        self._held_boot = 0
        self._held_day = 0
        self._tail = 0  # number of the oldest sector that is kept
        self._ahead = 0  # number of the sector to go on in
        self._is_ahead_erased = False
        self._named_from = 0  # the loss that was told last
        self._named = -1
        self._owed = -1  # the last number of a loss for which the old sector had no room
        self._kept_mark = -1  # as `acknowledged` stands in the store
        self._damaged_from = -1  # the newest records from here on cannot be read
        self._is_losing = False  # the store took the last record nowhere: the next one tries once
        # What `append` was given.
        self._kind = 0
        self._now_boot = 0
        self._now_day = 0
        self._now_ms = 0
        self._flushed_day = 0
        self._flushed_ms = 0
        # Where the reader stands: the frame there, and the record that was read last.
        self._at_number = -1
        self._at_slot = 0
        self._at_sequence = 0
        self._at_boot = 0
        self._at_day = 0
        self._at_end = -1
        self._seen_slots = 1
        self._seen_is_whole = False
        self._out_sequence = -1
        self._out_length = 0
        number = self._find_head()
        if number < 0:
            self.journal_id = new_id
            self._begin()
        else:
            self._resume(number)

    def append(self, kind: int, length: int, boot: int, day: int, day_ms: int) -> int:
        """Keep the record whose payload is in `buf` (`length` bytes with its header); its sequence is returned.

        It outlasts a cut once it is not above `newest`: at once, or, of a summary on a store that groups, within
        `group_ms` and one more summary. Where the store fails it may be lost; see `fault`.
        """
        self._kind = kind
        self._now_boot = boot
        self._now_day = day
        self._now_ms = day_ms
        if self._is_kept(length):
            self.fault = ""
            self._is_losing = False
        elif self._is_losing or not self._is_kept_elsewhere(length):
            self._lose()
            return self._appended
        sequence = self._appended
        if kind == records.VITALS:
            self._look_ahead()
        return sequence

    def flush(self) -> None:
        """Make all that was appended outlast a cut. Raises the store's OSError."""
        if self._is_closed:
            return  # what is not flushed in this sector never will be
        self._flush_store()
        self._note_flushed()

    def read_into(self, sequence: int, out: bytearray, start: int) -> int:
        """Copy record `sequence` to `out[start:]`; its length, or 0 when it is not, or no longer, here."""
        length = self.length_of(sequence)
        for index in range(length):
            out[start + index] = self._out[index]
        return length

    def length_of(self, sequence: int) -> int:
        """Length of record `sequence` in bytes, or 0 when it is not, or no longer, here."""
        if self.oldest < 0 or not self.oldest <= sequence <= self.newest:
            return 0
        if sequence != self._out_sequence:
            self._out_sequence = sequence
            self._out_length = self._decode() if self._is_found(sequence) else 0
        return self._out_length

    @property
    def unsent_pct(self) -> int:
        """How much of the ring is taken by records that no host has, by sectors, in %."""
        first = max(self.acknowledged + 1, self.oldest)
        if first > self.newest:
            return 0
        # A record takes a slot or more: what the newest sector has, and full ones before it, by the numbers' share.
        kept = self.newest - self.oldest + 1
        used = self._number - self._tail + 1
        return (self.newest - first + 1) * used // kept * 100 // self._store.sectors

    def next_kept(self, sequence: int) -> int:
        """The first number from `sequence` on whose record can be read; one above `newest` where there is none."""
        sequence = max(sequence, self.oldest)
        while sequence <= self.newest and not self.length_of(sequence):
            # Beyond the end of a sector, all before the next one's first is missing.
            is_at_end = self._at_number < self._number and self._seen_slots == 0
            sequence = max(sequence + 1, self._at_end if is_at_end else 0)
        return sequence

    def acknowledge(self, sequence: int) -> None:
        """Note that a host has everything up to `sequence` on disk.

        After a cut the mark may be up to eleven records behind; it is never ahead.
        """
        if not self.acknowledged < sequence <= self.newest:
            return
        self.acknowledged = sequence
        if sequence - self._kept_mark >= _MARK_EVERY and self._slot < self._slots - _RESERVED_SLOTS:
            try:
                self._keep_mark()
            except OSError as error:
                self._note_fault(error)

    def prove_writable(self) -> None:
        """Write something, so that a store that takes nothing raises its OSError now and not at the first record."""
        if self._slot < self._slots - _RESERVED_SLOTS:
            self._keep_mark()
            self._flush_store()

    # Writing.

    def _is_kept(self, length: int) -> bool:
        """Write the record in `buf`, and count it once that went well; else nothing more goes into this sector."""
        try:
            is_flushed = self._keep(length)
        except OSError as error:
            self._note_fault(error)
            self._close()
            return False
        if not is_flushed and self._store.shared_unit > 1:
            self._note_flushed()  # what this one follows: its last unit is full now
        self._appended += 1
        if is_flushed:
            self._note_flushed()
        return True

    def _is_kept_elsewhere(self, length: int) -> bool:
        """Write it in the next sector, or in one after that: all are tried for the first record that fails only."""
        return any(self._is_kept(length) for _ in range(1 + _LEFT_OUT_MOST))

    def _keep(self, length: int) -> bool:
        """Write the record in `buf`, in the next sector where this one is full; whether it was flushed."""
        is_due = self._kind != records.VITALS or self._is_due()
        if self._damaged_from >= 0:
            self._tell_damage()
        slots = self._encode(self.buf, self._kind, length)
        if self._slot + slots > self._slots - _RESERVED_SLOTS:
            self._turn()
            slots = self._encode(self.buf, self._kind, length)
        self._program(slots)
        if not is_due:
            if self._store.shared_unit > 1:
                self._hold(slots)
            return False
        self._flush_store()
        return True

    def _lose(self) -> None:
        """Use up the number of a record that the store did not take; one that waited for it is lost, too."""
        self._appended += 1
        if self._damaged_from < 0:
            self._damaged_from = self._appended - (1 if self._held_slots else 0)
        self._held_slots = 0
        self._is_losing = True

    def _note_fault(self, error: OSError) -> None:
        self.fault = "the journal's flash: " + str(error)

    def _close(self) -> None:
        """Put nothing more into this sector: a reader would not get past what failed."""
        self._slot = self._slots
        self._is_closed = True

    def _encode(self, record: bytearray, kind: int, length: int) -> int:
        """Make the frame of a record; how many slots it takes."""
        self._head(record, kind)
        if kind == records.VITALS and self._can_pack() and self._packer.pack(record, length, self._frame, 1):
            self._frame[0] = VITALS
            self._seal(1, 1 + packed_vitals.LENGTH, 0)
            return 1
        return self._encode_whole(record, length)

    def _encode_whole(self, record: bytearray, length: int) -> int:
        frame = self._frame
        for index in range(4, length):
            frame[index - 3] = record[index]
        slots = (length + self._store.slot_bytes) // self._store.slot_bytes
        frame[0] = RECORD_MARKS[slots]
        self._seal(slots, length - 3, length)
        return slots

    def _head(self, record: bytearray, kind: int) -> None:
        """Write the record's header; `records.pack_header` needs a larger frame than an append may have."""
        put_u32(record, 0, self._appended + 1)
        record[4] = kind
        put_u16(record, 5, self._now_boot)
        put_u16(record, 7, self._now_day)
        put_u32(record, 9, self._now_ms)

    def _can_pack(self) -> bool:
        """Whether a reader will know boot and day without being told."""
        return self._now_boot == self._boot and self._now_day == self._day

    def _seal(self, slots: int, content_end: int, length: int) -> None:
        """Finish the frame; `length` is that of a record which is not packed, else 0."""
        slots *= self._store.slot_bytes
        fill(self._frame, content_end, slots - 3)
        if length:
            self._frame[slots - 4] = length
        self._place.sequence = self._appended + 1
        self._place.boot = self._now_boot
        self._place.day = self._now_day
        start = self._place.start(self._frame[0])
        seal(self._frame, slots, start)

    def _program(self, slots: int) -> None:
        """Put the frame into the next slots, its mark last."""
        slot = self._slot
        self._close()  # until it has gone well
        self._write(self._offset_of(slot), slots)
        self._slot = slot + slots
        self._is_closed = False
        if self._frame[0] in RECORD_MARKS:
            self._boot = self._now_boot
            self._day = self._now_day

    def _write(self, offset: int, slots: int) -> None:
        store = self._store
        sector = self._number % store.sectors
        store.program(sector, offset + store.mark_bytes, self._bodies[slots])
        store.program(sector, offset, self._mark)
        if store.mark_bytes:  # a worn cell does not say that it failed; a file system looks itself
            self._prove(sector, offset, slots)

    def _prove(self, sector: int, offset: int, slots: int) -> None:
        self._store.read(sector, offset, self._seen_by_slots[slots])
        if self._seen_by_slots[slots] != self._frame_by_slots[slots]:
            raise OSError(_EIO, "it does not hold what was written")

    def _hold(self, slots: int) -> None:
        """Keep the frame in memory, too, while its end waits there."""
        for index in range(slots * self._store.slot_bytes):
            self._held[index] = self._frame[index]
        self._held_slots = slots
        self._held_boot = self._boot
        self._held_day = self._day

    def _program_held(self) -> None:
        """Put the frame that waited in a sector that failed into this one."""
        for index in range(self._held_slots * self._store.slot_bytes):
            self._frame[index] = self._held[index]
        self._program(self._held_slots)
        self._boot = self._held_boot
        self._day = self._held_day

    def _flush_store(self) -> None:
        slot = self._slot
        self._close()  # until it has gone well
        if self._store.flush():
            slot += 1
        self._held_slots = 0
        self._slot = slot
        self._is_closed = False

    def _note_flushed(self) -> None:
        self._flushed_day = self._now_day
        self._flushed_ms = self._now_ms
        self.newest = self._appended
        if self.oldest < 0 <= self.newest:
            self.oldest = self._first_of(self._tail)

    def _keep_mark(self) -> None:
        frame = self._frame
        frame[0] = ACKNOWLEDGED
        put_u32(frame, 1, self.acknowledged + 1)
        self._seal(1, 5, 0)
        self._program(1)
        self._kept_mark = self.acknowledged

    def _is_due(self) -> bool:
        """Whether summaries have waited for long enough."""
        if self._store.group_ms == 0:
            return True
        waited_ms = self._now_ms - self._flushed_ms
        return self._now_day != self._flushed_day or not 0 <= waited_ms < self._store.group_ms

    # The ring.

    def _look_ahead(self) -> None:
        """Near to the end of a sector, erase the next."""
        if self._is_ahead_erased or self._slots - self._slot > min(_AHEAD_SLOTS, self._slots // 2):
            return
        try:
            self._erase_ahead()
        except OSError as error:
            self._note_fault(error)

    def _turn(self) -> None:
        """Go on in the next sector."""
        if not self._is_ahead_erased:
            self._erase_ahead()
        self.flush()
        try:
            self._open(self._ahead)
        except OSError:
            self._leave_out()
            raise
        if self._held_slots:
            self._program_held()
        if self._owed >= 0:
            self._tell_loss(self.acknowledged + 1, self._owed)
            self._owed = -1

    def _erase_ahead(self) -> None:
        """Erase the sector to go on in. Whatever of it no host has is told first, where this sector still can."""
        if not self._is_closed:
            self._make_room()
        try:
            self._store.erase(self._ahead % self._store.sectors)
        except OSError:
            self._leave_out()
            raise
        self._make_room()  # where nothing could be told, only now: a chip that takes nothing keeps what it has
        self._is_ahead_erased = True

    def _leave_out(self) -> None:
        """Try the sector after the next one, or begin again where so many cannot be had."""
        self._is_ahead_erased = False
        self._ahead += 1
        if self._ahead - self._number > 1 + min(_LEFT_OUT_MOST, self._store.sectors - 2):
            self._ahead = self._number + 1

    def _make_room(self) -> None:
        while self._tail + self._store.sectors <= self._ahead:
            self._give_up_tail()

    def _give_up_tail(self) -> None:
        last = self._first_of(self._tail + 1) - 1
        first = max(self.acknowledged + 1, self.oldest)
        if last >= first and not (self._named == last and self._named_from <= first):
            if self._slot < self._slots:
                self._tell_loss(self.acknowledged + 1, last)
            else:
                self._owed = last
        self._tail += 1
        self.oldest = last + 1
        if self._at_number < self._tail:
            self._at_number = -1
        if self._out_sequence <= last:
            self._out_sequence = -1

    def _tell_loss(self, first: int, last: int) -> None:
        """Record that these are gone for good; it takes one slot, of this sector."""
        loss = self._loss
        put_u32(loss, records.HEADER_LENGTH, first)
        put_u32(loss, records.HEADER_LENGTH + 4, last)
        self._program(self._encode(loss, records.LOSS, records.LOSS_LENGTH))
        self._flush_store()
        self._appended += 1
        self._named_from = first
        self._named = last
        self._note_flushed()

    def _tell_damage(self) -> None:
        """Record that the newest records were found unreadable, or were not taken by the store."""
        first = self._damaged_from
        last = self._appended
        if self._slot >= self._slots - _RESERVED_SLOTS:
            self._turn()
        self._tell_loss(first, last)
        self._damaged_from = -1

    def _open(self, number: int) -> None:
        """Write the header of a sector that is erased, and go on there."""
        self._boot = self._held_boot if self._held_slots else self._now_boot
        self._day = self._held_day if self._held_slots else self._now_day
        self._make_header(number)
        store = self._store
        sector = number % store.sectors
        store.program(sector, store.mark_bytes, self._header_body)
        store.program(sector, 0, self._header_mark)
        if store.mark_bytes and self._number_at(sector) != number:
            raise OSError(_EIO, "it does not hold the header that was written")
        self._number = number
        self._first = u32(self._header, 13)
        self._slot = 0
        self._is_closed = False
        self._ahead = number + 1
        self._is_ahead_erased = False
        self._kept_mark = self.acknowledged

    def _make_header(self, number: int) -> None:
        header = self._header
        header[0] = HEADER
        header[1] = self._version
        header[2] = self._store.slot_bytes
        put_u16(header, 3, self._store.sectors)
        put_u32(header, 5, self.journal_id)
        put_u32(header, 9, number)
        put_u32(header, 13, self._appended + (0 if self._held_slots else 1))
        put_u32(header, 17, self.acknowledged + 1)
        put_u16(header, 21, self._boot)
        put_u16(header, 23, self._day)
        fill(header, 25, HEADER_BYTES - 3)
        seal(header, HEADER_BYTES, self._header_start)

    # Opening.

    def _make_buffers(self) -> None:
        slot = self._store.slot_bytes
        mark = self._store.mark_bytes
        self._frame = bytearray(SLOTS_MOST * slot)
        self._frame_by_slots = [memoryview(self._frame)[: slots * slot] for slots in range(SLOTS_MOST + 1)]
        self._held = bytearray(SLOTS_MOST * slot)
        self._mark = memoryview(self._frame)[:mark]
        self._bodies = [memoryview(self._frame)[mark : slots * slot] for slots in range(SLOTS_MOST + 1)]
        self._seen = bytearray(SLOTS_MOST * slot)
        self._seen_by_slots = [memoryview(self._seen)[: slots * slot] for slots in range(SLOTS_MOST + 1)]
        self._header = bytearray(HEADER_BYTES)
        self._header_mark = memoryview(self._header)[:mark]
        self._header_body = memoryview(self._header)[mark:]
        self._loss = bytearray(records.LOSS_LENGTH)
        self._out = bytearray(records.MAX_LENGTH)

    def _begin(self) -> None:
        """Start a new journal at sector 0."""
        if not self._is_blank(0):
            self._store.erase(0)
        self._open(0)
        self._store.flush()
        self._is_ahead_erased = self._is_blank(1)

    def _resume(self, number: int) -> None:
        """Find the oldest sector and the next free slot."""
        sectors = self._store.sectors
        oldest_possible = number + 1 - sectors
        is_oldest_there = oldest_possible >= 0 and self._number_at(oldest_possible % sectors) == oldest_possible
        self._tail = oldest_possible if is_oldest_there else max(0, oldest_possible + 1)
        self._number = number
        self._ahead = number + 1
        self._is_ahead_erased = not is_oldest_there and self._is_blank((number + 1) % sectors)
        self._read_head()
        self.newest = self._appended
        if self.newest >= 0:
            self.oldest = self._first_of(self._tail)

    def _read_head(self) -> None:
        """Read the newest sector from its header to its end, and close what a cut left half written."""
        self._go_to(self._number)
        self._first = self._at_sequence
        self.acknowledged = u32(self._header, 17) - 1
        while self._at_slot < self._slots:
            mark = self._look()
            if mark == BLANK or (mark == GARBAGE and self._store.shared_unit == 1):
                last = self._last_written()
                if last < self._at_slot:
                    break
                if mark == BLANK or last < self._at_slot + SLOTS_MOST:
                    self._give_up(last)
                    continue
            self._note(mark)
            self._pass(mark)
        self._slot = self._at_slot
        self._boot = self._at_boot
        self._day = self._at_day
        self._appended = self._at_sequence - 1
        self._kept_mark = self.acknowledged

    def _note(self, mark: int) -> None:
        """Learn from a frame of the newest sector, while the journal is being opened."""
        if mark == DEAD:
            return
        if mark == ACKNOWLEDGED:
            if self._seen_is_whole:
                self.acknowledged = max(self.acknowledged, u32(self._seen, 1) - 1)
            return
        if not self._seen_is_whole:
            if self._damaged_from < 0:
                self._damaged_from = self._at_sequence
            return
        self._damaged_from = -1
        if mark != VITALS and self._seen[1] == records.LOSS:
            self._named_from = u32(self._seen, 10)
            self._named = u32(self._seen, 14)

    def _last_written(self) -> int:
        """The last slot, from the reader's on in the newest sector, that is not erased; one less if there is none.

        A slot whose first unit is not erased is none that can be used.
        """
        slot_bytes = self._store.slot_bytes
        last = self._at_slot if self._is_unit_begun() else self._at_slot - 1
        blank = b"\xff" * slot_bytes
        slot = bytearray(slot_bytes)
        for index in range(self._at_slot, self._slots):
            self._store.read(self._number % self._store.sectors, self._offset_of(index), slot)
            if slot != blank:
                last = index
        return last

    def _give_up(self, last: int) -> None:
        """Overwrite a frame that was never finished, from its end to its start, each slot's mark last.

        As many slots as the longest frame has: until its mark is gone, the first might be taken for such a one's.
        """
        store = self._store
        if store.shared_unit > 1:
            self._give_up_units(last)
            return
        zeros = memoryview(bytearray(store.slot_bytes))
        sector = self._number % store.sectors
        slot = min(max(last, self._at_slot + SLOTS_MOST - 1), self._slots - 1)
        while slot >= self._at_slot:
            offset = self._offset_of(slot)
            store.program(sector, offset + store.mark_bytes, zeros[store.mark_bytes :])
            store.program(sector, offset, zeros[: store.mark_bytes])
            slot -= 1

    def _give_up_units(self, last: int) -> None:
        """The same where frames share units: the unit in which the reader's slot begins goes last.

        It was torn, for where it is whole that slot has a mark. So what ends in it was never said to be kept.
        """
        store = self._store
        unit = store.shared_unit
        zeros = memoryview(bytearray(unit))
        first = self._offset_of(self._at_slot)
        offset = self._offset_of(last + 1) - 1
        while offset >= first - first % unit:
            offset -= offset % unit
            store.program(self._number % store.sectors, offset, zeros)
            offset -= 1

    def _is_unit_begun(self) -> bool:
        """Whether there is anything in the unit in which the reader's slot, where it reads as erased, begins."""
        store = self._store
        if store.shared_unit == 1:
            return False
        offset = self._offset_of(self._at_slot)
        unit = bytearray(store.shared_unit)
        store.read(self._number % store.sectors, offset - offset % store.shared_unit, unit)
        return unit != b"\xff" * store.shared_unit

    def _offset_of(self, slot: int) -> int:
        return HEADER_BYTES + slot * self._store.slot_bytes

    def _find_head(self) -> int:
        """The number of the newest sector, -1 where there is none."""
        first = self._number_at(0)
        if first < 0:
            return self._highest()
        self.journal_id = u32(self._header, 5)
        low = 0
        high = self._store.sectors - 1
        while low < high:
            middle = (low + high + 1) // 2
            number = self._number_at(middle)
            if number == first + middle:
                low = middle
            elif number >= 0 or self._header[0] == BLANK:
                high = middle - 1
            else:
                return self._highest()  # something is damaged: look at all
        return self._highest() if self._is_newer_after(first + low) else first + low

    def _is_newer_after(self, number: int) -> bool:
        """Whether there is a newer sector soon after the one that seems to be the newest: some may be left out."""
        for more in range(1, 2 + _LEFT_OUT_MOST):
            if self._number_at((number + more) % self._store.sectors) > number:
                return True
        return False

    def _highest(self) -> int:
        highest = -1
        journal_id = self.journal_id
        for sector in range(self._store.sectors):
            self.journal_id = -1
            number = self._number_at(sector)
            if number > highest:
                highest = number
                journal_id = u32(self._header, 5)
        self.journal_id = journal_id
        return highest

    def _number_at(self, sector: int) -> int:
        """Read a sector's header; its number, or -1 where it has none of this journal."""
        header = self._header
        store = self._store
        store.read(sector, 0, header)
        if mark_of(header[0]) != HEADER or is_given_up(header, HEADER_BYTES):
            return -1
        header[0] = HEADER
        if not is_whole(header, HEADER_BYTES, self._header_start):
            return -1
        if header[1] != self._version or header[2] != store.slot_bytes or u16(header, 3) != store.sectors:
            self._refuse()
        if self.journal_id >= 0 and self.journal_id != u32(header, 5):
            return -1
        number = u32(header, 9)
        return number if number % store.sectors == sector else -1

    def _refuse(self) -> None:
        header = self._header
        store = self._store
        raise JournalError(
            "it holds a journal of version %d with %d sectors and slots of %d bytes, not %d with %d and %d"
            % (header[1], u16(header, 3), header[2], self._version, store.sectors, store.slot_bytes)
        )

    def _is_blank(self, sector: int) -> bool:
        part = bytearray(256)
        blank = b"\xff" * 256
        for offset in range(0, self._store.sector_bytes, 256):
            self._store.read(sector, offset, part)
            if part != blank:
                return False
        return True

    # Reading.

    def _first_of(self, number: int) -> int:
        """Sequence number of a sector's first record, or of the next sector's where this one's header is damaged."""
        while number < self._number:
            if self._number_at(number % self._store.sectors) == number:
                return u32(self._header, 13)
            number += 1
        return self._first  # of the newest sector: a file system forgets its header where no flush went well

    def _seek(self, sequence: int) -> bool:
        """Bring the reader to a record; whether it is there, and whole."""
        if not self._is_near(sequence):
            self._go_to(self._sector_of(sequence))
        while True:
            mark = self._look()
            if mark == BLANK:
                self._seen_slots = 0
                return False
            if self._at_sequence == sequence and mark not in (DEAD, ACKNOWLEDGED):
                return self._seen_is_whole
            self._pass(mark)

    def _is_found(self, sequence: int) -> bool:
        """Seek; a store that cannot be read has no record, this time."""
        try:
            return self._seek(sequence)
        except OSError as error:
            self._note_fault(error)
        self._at_number = -1
        self._out_sequence = -1
        return False

    def _is_near(self, sequence: int) -> bool:
        """Whether the reader is in the record's sector, and not beyond the record."""
        if self._at_number < 0 or sequence < self._at_sequence:
            return False
        if self._at_number == self._number:
            return True
        if self._at_end < 0:
            self._at_end = self._first_of(self._at_number + 1)
        return sequence < self._at_end

    def _sector_of(self, sequence: int) -> int:
        low = self._tail
        high = self._number
        while low < high:
            middle = (low + high + 1) // 2
            if self._first_of(middle) <= sequence:
                low = middle
            else:
                high = middle - 1
        return low

    def _go_to(self, number: int) -> None:
        """Bring the reader to the first frame of a sector whose header can be read."""
        self._at_end = self._first_of(number + 1) if number < self._number else -1
        self._number_at(number % self._store.sectors)
        self._at_number = number
        self._at_slot = 0
        self._at_sequence = u32(self._header, 13)
        self._at_boot = u16(self._header, 21)
        self._at_day = u16(self._header, 23)

    def _look(self) -> int:
        """Read the frame at which the reader stands; its mark."""
        self._seen_slots = 1
        self._seen_is_whole = False
        if self._at_slot >= self._slots:
            return BLANK
        mark = self._look_at(self._at_slot, self._at_sequence)
        if mark == GARBAGE:
            self._seen_slots = self._slots_of_garbage()
            if self._seen_slots == 0:
                mark = DEAD
                self._seen_slots = 1
            self._seen_is_whole = False
        return mark

    def _look_at(self, slot: int, sequence: int) -> int:
        self._seen_slots = 1
        self._read(slot, 1)
        mark = mark_of(self._seen[0])
        if mark in (BLANK, DEAD, GARBAGE):
            return mark
        slots = slots_of(mark)
        if mark == HEADER or slot + slots > self._slots:
            return GARBAGE
        if slots > 1:
            self._read(slot, slots)
        end = slots * self._store.slot_bytes
        if is_given_up(self._seen, end) and self._store.shared_unit == 1:
            return DEAD
        self._seen_slots = slots
        self._seen[0] = mark
        place = self._place
        place.sequence = sequence
        place.boot = self._at_boot
        place.day = self._at_day
        self._seen_is_whole = is_whole(self._seen, end, place.start(mark))
        return mark

    def _slots_of_garbage(self) -> int:
        """How many slots a frame without a mark has: so many that the next record follows it, maybe after a dead slot.

        0: it is none, for the record follows that should be here.
        """
        if self._is_whole_at(self._at_slot + 1, self._at_sequence):
            return 0
        for slots in range(1, SLOTS_MOST + 2):
            if self._is_whole_at(self._at_slot + slots, self._at_sequence + 1):
                return slots
        return 1

    def _is_whole_at(self, slot: int, sequence: int) -> bool:
        self._seen_is_whole = False
        if slot < self._slots:
            self._look_at(slot, sequence)
        return self._seen_is_whole

    def _read(self, slot: int, slots: int) -> None:
        store = self._store
        offset = self._offset_of(slot)
        store.read(self._at_number % store.sectors, offset, self._seen_by_slots[slots])

    def _pass(self, mark: int) -> None:
        """Go beyond the frame that was looked at. One that cannot be read has used up its number too."""
        self._at_slot += self._seen_slots
        if mark in (DEAD, ACKNOWLEDGED):
            return
        self._at_sequence += 1
        if self._seen_is_whole and mark != VITALS:
            self._at_boot = u16(self._seen, 2)
            self._at_day = u16(self._seen, 4)

    def _decode(self) -> int:
        """Turn the frame that was looked at into a record in `_out`; its length, 0 where it cannot be one."""
        out = self._out
        seen = self._seen
        put_u32(out, 0, self._at_sequence)
        if mark_of(seen[0]) == VITALS:
            out[4] = records.VITALS
            put_u16(out, 5, self._at_boot)
            put_u16(out, 7, self._at_day)
            self._packer.unpack(seen, 1, out)
            return records.VITALS_LENGTH
        end = self._seen_slots * self._store.slot_bytes
        length = seen[end - 4]
        if not records.HEADER_LENGTH <= length <= min(end - 1, records.MAX_LENGTH):
            return 0  # now and then damage passes sum and CRC by chance
        for index in range(4, length):
            out[index] = seen[index - 3]
        return length
