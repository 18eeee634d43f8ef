"""The journal's ring: nothing is renumbered, and what is gone is known to be gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.journal import Journal
from vigil_wire import records


def keep(journal: Journal, payload: bytes) -> int:
    """Append a record of some payload."""
    end = records.HEADER_LENGTH + len(payload)
    journal.buf[records.HEADER_LENGTH : end] = payload
    return journal.append(records.SETTINGS, end, 3, 1, 2000)


def read(journal: Journal, sequence: int) -> bytes:
    """Return a record's bytes."""
    out = bytearray(records.MAX_LENGTH + 2)
    length = journal.read_into(sequence, out, 2)
    assert length == journal.length_of(sequence)
    return bytes(out[2 : 2 + length])


def test_empty_journal() -> None:
    journal = Journal(7, 4)
    assert (journal.oldest, journal.newest, journal.acknowledged) == (-1, -1, -1)
    for sequence in (-1, 0, 1):
        assert read(journal, sequence) == b""
    journal.acknowledge(0)
    assert journal.acknowledged == -1


@given(st.integers(1, 9), st.lists(st.binary(max_size=records.MAX_LENGTH - records.HEADER_LENGTH), max_size=40))
def test_ring_keeps_the_newest(capacity: int, payloads: list[bytes]) -> None:
    journal = Journal(7, capacity)
    for number, payload in enumerate(payloads):
        assert keep(journal, payload) == number
    assert journal.newest == len(payloads) - 1
    if payloads:
        assert journal.oldest == max(0, len(payloads) - capacity)
    for sequence in range(-2, len(payloads) + 3):
        data = read(journal, sequence)
        if payloads and journal.oldest <= sequence <= journal.newest:
            record = records.Record(data)
            assert (record.sequence, record.kind, record.boot, record.day, record.day_ms) == (sequence, 5, 3, 1, 2000)
            assert data[records.HEADER_LENGTH :] == payloads[sequence]
        else:
            assert data == b""


@pytest.mark.parametrize(("marks", "expected"), [([3], 3), ([3, 1], 3), ([99], -1), ([0, 5, 5, 2], 5), ([-1], -1)])
def test_acknowledged_rises_and_stays_below_the_newest(marks: list[int], expected: int) -> None:
    journal = Journal(7, 10)
    for _ in range(6):
        keep(journal, b"")
    for mark in marks:
        journal.acknowledge(mark)
    assert journal.acknowledged == expected


def test_acknowledged_records_stay_readable() -> None:
    journal = Journal(7, 4)
    for number in range(4):
        keep(journal, bytes([number]))
    journal.acknowledge(3)
    assert read(journal, 0)[-1:] == b"\0"
