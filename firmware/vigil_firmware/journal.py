"""The journal: every record the device makes, numbered, readable until the room is needed.

A ring of fixed slots in memory, allocated once. Acknowledged records stay readable until overwritten; a host that asks
for one that is gone is told which range is missing.
"""

from vigil_wire import records

_SLOT = records.MAX_LENGTH + 1


class Journal:
    """A ring of `capacity` records under one journal id (30 bits). Sequence numbers start at 0 and never repeat in it.

    `oldest`, `newest` and `acknowledged` are sequence numbers, -1 while there is none. Pack a payload into `buf`, then
    `append`.
    """

    def __init__(self, journal_id: int, capacity: int) -> None:
        self.journal_id = journal_id
        self._capacity = capacity
        self._slots = bytearray(capacity * _SLOT)
        self.buf = bytearray(records.MAX_LENGTH)
        self.newest = -1
        self.oldest = -1
        self.acknowledged = -1

    def append(self, kind: int, length: int, boot: int, day: int, day_ms: int) -> int:
        """Keep the record whose payload is in `buf` (`length` bytes with its header); its sequence is returned."""
        sequence = self.newest + 1
        records.pack_header(self.buf, sequence, kind, boot, day, day_ms)
        slot = sequence % self._capacity * _SLOT
        self._slots[slot] = length
        for index in range(length):
            self._slots[slot + 1 + index] = self.buf[index]
        self.newest = sequence
        if sequence == 0:
            self.oldest = 0
        elif sequence - self.oldest == self._capacity:
            self.oldest += 1
        return sequence

    def read_into(self, sequence: int, out: bytearray, start: int) -> int:
        """Copy record `sequence` to `out[start:]`; its length, or 0 when it is not, or no longer, here."""
        length = self.length_of(sequence)
        slot = sequence % self._capacity * _SLOT
        for index in range(length):
            out[start + index] = self._slots[slot + 1 + index]
        return length

    def length_of(self, sequence: int) -> int:
        """Length of record `sequence` in bytes, or 0 when it is not, or no longer, here."""
        if self.oldest < 0 or not self.oldest <= sequence <= self.newest:
            return 0
        return self._slots[sequence % self._capacity * _SLOT]

    def acknowledge(self, sequence: int) -> None:
        """Note that a host has everything up to `sequence` on disk."""
        if self.acknowledged < sequence <= self.newest:
            self.acknowledged = sequence
