"""Whatever happens between device and disk: nothing acknowledged is lost, nothing is stored twice or changed."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil_host.store import Store, StoreError
from vigil_host.store.lease import AlreadyOwned

LONG = os.environ.get("VIGIL_LONG") == "1"
NOTHING = {"lost": 0, "duplicated": 0, "corrupted": 0}
EXAMPLES = settings(max_examples=1_000 if LONG else 15)


class Journals:
    """Numbers journals, so that many examples share one store."""

    made = 0

    @classmethod
    def next(cls) -> int:
        cls.made += 1
        return cls.made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Store.open(tmp_path_factory.mktemp("faults") / "vigil.db", busy_timeout_s=0.05) as store:
        yield store
        # Every journal of every test in one chain; the deliveries in any order leave holes that nobody explains.
        assert [finding for finding in store.verify().findings if "without a reason" not in finding] == []


def delivered(bridge: Any, journal: Any, sessions: int = 30) -> None:
    """Run sessions, with nothing in their way, until all is acknowledged."""
    for _ in range(sessions):
        if journal.acknowledged == journal.newest:
            return
        bridge.session()
    raise AssertionError("a device's records were not all acknowledged")


def sent_again(wire: Any, stored_at_start: list[int]) -> int:
    """How many records were sent that had been committed before their connection began."""
    count, connection = 0, -1
    for sequence in wire.sent:
        if sequence < 0:
            connection += 1
        elif sequence < stored_at_start[connection]:
            count += 1
    return count


@EXAMPLES
@given(
    cuts=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), min_size=1, max_size=8),
    count=st.integers(1, 200),
    more=st.integers(0, 40),
)
def test_the_link_lost_after_any_packet(
    cuts: list[tuple[int, int]],
    count: int,
    more: int,
    store: Store,
    fault_table: Any,
    make_journal: Any,
    make_wire: Any,
    make_bridge: Any,
    append: Any,
    cost: Any,
    jumping_clock_type: Any,
) -> None:
    """Also the acknowledgement is such a packet; and what was committed is never sent again."""
    journal = make_journal(journal_id=Journals.next())
    wire = make_wire(journal)
    bridge = make_bridge(store, wire, jumping_clock_type())
    for _ in range(count):
        append(journal)
    stored_at_start = []
    for heard, written in cuts:
        highest = store.highest(bridge.known.id, journal.journal_id)
        stored_at_start.append(0 if highest is None else highest + 1)
        wire.to_host = lambda number, frame, heard=heard: None if number >= heard else [frame]
        wire.to_device = lambda number, frame, written=written: None if number >= written else [frame]
        bridge.session(1.0)
        price = cost(store, journal, journal.acknowledged)
        fault_table.count("link lost after any packet", **price)
        assert price == NOTHING
        for _ in range(more):
            append(journal)
    wire.to_host = wire.to_device = lambda number, frame: [frame]
    while journal.acknowledged < journal.newest:
        highest = store.highest(bridge.known.id, journal.journal_id)
        stored_at_start.append(0 if highest is None else highest + 1)
        bridge.session()
    assert cost(store, journal, journal.newest) == NOTHING
    assert sent_again(wire, stored_at_start) == 0


def test_the_acknowledgement_lost(
    store: Store,
    fault_table: Any,
    make_journal: Any,
    make_wire: Any,
    make_bridge: Any,
    append: Any,
    cost: Any,
    jumping_clock_type: Any,
) -> None:
    """The link goes with each acknowledgement, the first ten times."""
    journal = make_journal(journal_id=Journals.next())
    wire = make_wire(journal)
    bridge = make_bridge(store, wire, jumping_clock_type())
    for lost in range(10):
        for _ in range(50):
            append(journal)
        # Written are: hello, info, time, fetch; then, where some are stored already, an acknowledgement of those.
        wire.to_device = lambda number, frame: None if number >= 4 else [frame]
        bridge.session(1.0)
        assert journal.acknowledged == -1
        assert store.highest(bridge.known.id, journal.journal_id) is not None or lost == 0
        price = cost(store, journal, journal.acknowledged)
        fault_table.count("acknowledgement lost", **price)
        assert price == NOTHING
    wire.to_device = lambda number, frame: [frame]
    delivered(bridge, journal)
    assert cost(store, journal, journal.newest) == NOTHING


_FATES = st.sampled_from(["once", "once", "once", "twice", "swapped", "dropped", "damaged"])


@EXAMPLES
@given(fates=st.lists(_FATES, min_size=1, max_size=60), count=st.integers(1, 150))
def test_frames_twice_swapped_dropped_or_damaged(
    fates: list[str],
    count: int,
    store: Store,
    fault_table: Any,
    make_journal: Any,
    make_wire: Any,
    make_bridge: Any,
    append: Any,
    cost: Any,
    jumping_clock_type: Any,
) -> None:
    journal = make_journal(journal_id=Journals.next())
    wire = make_wire(journal)
    bridge = make_bridge(store, wire, jumping_clock_type())
    for _ in range(count):
        append(journal)
    left = list(fates)
    held: list[bytes] = []
    happened: list[str] = []

    def happen(number: int, frame: bytes) -> list[bytes] | None:
        fate = left.pop(0) if left else "once"
        happened.append(fate)
        if fate == "swapped" and not held:
            held.append(frame)
            return []
        frames = {"twice": [frame, frame], "dropped": [], "damaged": [frame[:-1] + bytes((frame[-1] ^ 8,))]}
        after, held[:] = held[:], []
        return frames.get(fate, [frame]) + after

    wire.to_host = happen
    for _ in range(len(fates) + 1):
        if journal.acknowledged == journal.newest:
            break
        held.clear()
        bridge.session(0.3)
    delivered(bridge, journal)
    price = cost(store, journal, journal.newest)
    fault_table.count("frames doubled, swapped, dropped, damaged", sum(fate != "once" for fate in happened), **price)
    assert price == NOTHING


@EXAMPLES
@given(deliveries=st.lists(st.lists(st.integers(0, 59), max_size=30), max_size=8))
def test_records_delivered_in_any_order_and_again(
    deliveries: list[list[int]],
    store: Store,
    fault_table: Any,
    make_journal: Any,
    append: Any,
    record_of: Any,
    cost: Any,
    device_id: str,
) -> None:
    journal = make_journal(journal_id=Journals.next())
    store.add_device(device_id, "Device")
    for _ in range(60):
        append(journal)
    came: set[int] = set()
    for numbers in deliveries:
        store.commit(device_id, journal.journal_id, [record_of(journal, number) for number in numbers])
        came |= set(numbers)
        wanted = next(number for number in range(61) if number not in came)
        assert store.highest(device_id, journal.journal_id) == (wanted - 1 if wanted else None)
    price = cost(store, journal, wanted - 1 if deliveries else -1)
    fault_table.count("delivered in any order, and again", sum(map(len, deliveries)), **price)
    assert price == NOTHING


def test_the_disk_full(
    tmp_path: Path,
    fault_table: Any,
    make_journal: Any,
    make_wire: Any,
    make_bridge: Any,
    append: Any,
    cost: Any,
    jumping_clock_type: Any,
) -> None:
    """It fills up again and again, a little later each time; what was acknowledged stays, the rest comes later."""
    journal = make_journal()
    with Store.open(tmp_path / "vigil.db") as store:
        wire = make_wire(journal)
        bridge = make_bridge(store, wire, jumping_clock_type())
        full = 0
        for _ in range(40):
            for _ in range(40):
                append(journal)
            with store._writing() as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1 + full % 3}")
            bridge.session(0.3)
            full += journal.acknowledged < journal.newest
            price = cost(store, journal, journal.acknowledged)
            fault_table.count("disk full", int(journal.acknowledged < journal.newest), **price)
            assert price == NOTHING
        assert full > 10
        with store._writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        delivered(bridge, journal)
        assert cost(store, journal, journal.newest) == NOTHING
        assert store.verify().findings == []


def test_the_database_locked(
    tmp_path: Path,
    fault_table: Any,
    make_journal: Any,
    make_wire: Any,
    make_bridge: Any,
    append: Any,
    cost: Any,
    jumping_clock_type: Any,
) -> None:
    """By a program that does not ask for the lease."""
    journal = make_journal()
    path = tmp_path / "vigil.db"
    with Store.open(path, busy_timeout_s=0.02) as store:
        wire = make_wire(journal)
        bridge = make_bridge(store, wire, jumping_clock_type())
        other = sqlite3.connect(path, isolation_level=None)
        for _ in range(20):
            for _ in range(30):
                append(journal)
            before = journal.acknowledged
            other.execute("BEGIN IMMEDIATE")
            bridge.session(0.3)
            other.execute("ROLLBACK")
            assert journal.acknowledged == before
            price = cost(store, journal, before)
            fault_table.count("database locked", **price)
            assert price == NOTHING
            if before < 200:
                delivered(bridge, journal)
        other.close()
        delivered(bridge, journal)
        assert cost(store, journal, journal.newest) == NOTHING
        assert store.verify().findings == []


def test_two_bridges(
    tmp_path: Path, fault_table: Any, make_journal: Any, append: Any, record_of: Any, cost: Any, device_id: str
) -> None:
    """Two processes want one record, again and again: each moment one has it, also after a kill."""
    path = tmp_path / "vigil.db"
    journal = make_journal()
    for _ in range(2000):
        append(journal)
    dice = random.Random(2)
    for _ in range(100 if LONG else 8):
        children = [_bridge(path, journal, record_of, device_id) for _ in range(2)]
        time.sleep(dice.uniform(0.1, 0.4))
        for child, _ in children:
            os.kill(child, signal.SIGKILL)
        acknowledged = -1
        for child, pipe in children:
            with os.fdopen(pipe, "rb") as said:
                if last := said.read()[-4:]:
                    acknowledged = max(acknowledged, int.from_bytes(last, "little"))
            _, status = os.waitpid(child, 0)
            assert os.WIFSIGNALED(status), "a bridge ended by itself, with a fault"
        with Store.open(path) as store:
            price = cost(store, journal, acknowledged)
            price["corrupted"] += len(store.verify().findings)
        fault_table.count("two bridges at once", **price)
        assert price == NOTHING


def _bridge(path: Path, journal: Any, record_of: Callable[[Any, int], bytes], device_id: str) -> tuple[int, int]:
    """A process that commits whenever it can have the record for itself; its id, and the pipe it acknowledges on."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    try:
        while True:
            with suppress(AlreadyOwned), Store.open(path) as store:
                store.add_device(device_id, "Device")
                for _ in range(5):
                    wanted = (store.highest(device_id, journal.journal_id) or 0) + 1
                    numbers = range(max(0, wanted - 2), min(wanted + 9, journal.newest + 1))
                    store.commit(device_id, journal.journal_id, [record_of(journal, number) for number in numbers])
                    os.write(writing, numbers[-1].to_bytes(4, "little"))
    finally:
        os._exit(1)


@EXAMPLES
@given(jumps_ms=st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=8))
def test_the_clock_jumps(
    jumps_ms: list[int],
    store: Store,
    fault_table: Any,
    make_journal: Any,
    append: Any,
    record_of: Any,
    cost: Any,
    device_id: str,
    jumping_clock_type: Any,
) -> None:
    """The bridge's own time of day is no part of a reading's: what is stored keeps its time, and the chain holds."""
    journal = make_journal(journal_id=Journals.next())
    clock = jumping_clock_type()
    real, store._clock = store._clock, clock
    try:
        store.add_device(device_id, "Device")
        before: dict[int, int | None] = {}
        row_id = store.newest_row_id()
        for jump_ms in jumps_ms:
            clock.shift_ms = jump_ms
            first = journal.newest + 1
            for _ in range(5):
                append(journal)
            numbers = range(first, journal.newest + 1)
            store.commit(device_id, journal.journal_id, [record_of(journal, number) for number in numbers])
            now = {row.sequence: row.utc_ms for row in store.rows_after(row_id, 1000)}
            assert before.items() <= now.items()
            before = now
    finally:
        store._clock = real
    price = cost(store, journal, journal.newest)
    fault_table.count("clock jumps", len(jumps_ms), **price)
    assert price == NOTHING


def test_the_devices_memory_replaced(
    tmp_path: Path, fault_table: Any, make_journal: Any, make_wire: Any, make_bridge: Any, append: Any, cost: Any,
    jumping_clock_type: Any,
) -> None:  # fmt: skip
    with Store.open(tmp_path / "vigil.db") as store:
        journals = []
        for number in range(10):
            journals.append(make_journal(journal_id=number))
            wire = make_wire(journals[-1])
            for _ in range(40):
                append(journals[-1])
            wire.to_host = lambda at, frame, number=number: None if at >= number + 2 else [frame]
            make_bridge(store, wire, jumping_clock_type()).session(1.0)
        for journal in journals:
            price = cost(store, journal, journal.acknowledged)
            fault_table.count("memory replaced", **price)
            assert price == NOTHING
        device_id = store.devices()[0].id
        stored = store.audit().stored
        lost = sum(gap.last - gap.first + 1 for gap in store.gaps(device_id))
        assert stored + lost >= 40 * 9  # all but the newest journal's is stored, or said to be lost
        assert store.verify().findings == []
        with pytest.raises(StoreError):
            Store.open(tmp_path / "vigil.db")
