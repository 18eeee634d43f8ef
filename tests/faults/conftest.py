"""What the fault tests share: the table they fill, records as a device makes them, what a fault has cost."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.faults import journal_on_flash
from tests.faults.line import DEVICE, Bridge, JumpingClock, Wire
from tests.faults.table import FaultTable

from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_host.store import Store
from vigil_wire import conditions, records, statuses

JOURNAL = 0x2B1C0D3E


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    journal_on_flash.be_quick(monkeypatch)


@pytest.fixture(scope="session")
def fault_table(printed_tables: list[Any]) -> FaultTable:
    """The table that is printed at the end of the run."""
    table = FaultTable()
    printed_tables.append(table)
    return table


@pytest.fixture
def faults(fault_table: FaultTable) -> Iterator[FaultTable]:
    """The same table; the test fails where it ends with anything lost, duplicated or corrupted."""
    yield fault_table
    assert fault_table.is_clean, fault_table.lines()


def write_record(journal: Journal) -> None:
    """Append a record of the kind that is due: mostly vitals, some alarms and time anchors, a boot at first."""
    sequence = journal.newest + 1
    uptime_ms = sequence * 5000
    buf = journal.buf
    if sequence == 0:
        kind, length = records.BOOT, records.pack_boot(buf, 1, (0, 1, 0), 0)
    elif sequence % 50 == 1:
        day, day_ms = divmod(9_800 * 86_400_000 + uptime_ms, 86_400_000)
        kind, length = records.TIME_ANCHOR, records.pack_time_anchor(buf, day, day_ms)
    elif sequence % 20 == 5:
        event = sequence // 20 % 2
        length = records.pack_alarm(buf, conditions.SPO2_LOW, event, 2, 860, *divmod(uptime_ms, 86_400_000))
        kind = records.ALARM
    else:
        summary = records.Summary()
        summary.seconds = 5
        summary.pulse_rate.add(600 + sequence % 300)
        summary.spo2.add(900 + sequence % 100)
        states = (statuses.VALIDATED,) * 4
        kind, length = records.VITALS, summary.pack(buf, states, 90, 80, 250, 0, 0)
    journal.append(kind, length, 1, *divmod(uptime_ms, 86_400_000))


@pytest.fixture(scope="session")
def append() -> Callable[[Journal], None]:
    return write_record


@pytest.fixture(scope="session")
def make_journal() -> Callable[..., Journal]:
    """Make a journal of the firmware's own."""
    return lambda capacity=4096, journal_id=JOURNAL: Journal(MemoryStore(3 + capacity // 50), journal_id)


def bytes_of(journal: Journal, sequence: int) -> bytes:
    """A record as the device has it."""
    out = bytearray(records.MAX_LENGTH)
    return bytes(out[: Journal.read_into(journal, sequence, out, 0)])  # past what a wire notes


@pytest.fixture(scope="session")
def record_of() -> Callable[[Journal, int], bytes]:
    return bytes_of


@pytest.fixture(scope="session")
def make_wire() -> type[Wire]:
    return Wire


@pytest.fixture(scope="session")
def make_bridge() -> type[Bridge]:
    return Bridge


@pytest.fixture(scope="session")
def jumping_clock_type() -> type[JumpingClock]:
    return JumpingClock


@pytest.fixture(scope="session")
def device_id() -> str:
    return DEVICE


@pytest.fixture(scope="session")
def cost() -> Callable[..., dict[str, int]]:
    """Compare a store with the device's journal: what is lost of 0 to `acknowledged`, there twice, and changed."""

    def compare(store: Store, journal: Journal, acknowledged: int) -> dict[str, int]:
        with store._reading() as connection:
            rows = connection.exec_driver_sql(
                "SELECT sequence, data FROM record WHERE device = ? AND journal = ?", (DEVICE, journal.journal_id)
            ).all()
        stored = dict(tuple(row) for row in rows)
        changed = sum(data != bytes_of(journal, sequence) for sequence, data in stored.items())
        return {
            "lost": sum(number not in stored for number in range(acknowledged + 1)),
            "duplicated": len(rows) - len(stored),
            "corrupted": changed,
        }

    return compare
