"""A simulated month with outages: at its end the host's record is the device's to the byte, or says where it is not."""

import logging
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from random import Random

import pytest
from tests.faults import virtual_time
from tests.faults.line import DEVICE
from tests.faults.littlefs_on_flash import formatted, store_on
from tests.faults.month import DRIFT_PPM, LONG_ABSENCES, START_UTC_MS, Device, Month
from tests.faults.table import FaultTable, Row

from vigil_firmware.journal_nor import NorStore
from vigil_firmware.ticks import DAY_MS
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_host import alerts, silence
from vigil_host.link import session
from vigil_host.store import Store
from vigil_host.store.chain import Signer
from vigil_wire import link, records
from vigil_wire.conditions import CLEARED, NAMES, RAISED
from vigil_wire.records import Record
from vigil_wire.settings import Settings

LONG = os.environ.get("VIGIL_LONG") == "1"
# The short form has a reading each five minutes instead of each second, and so a record each 25 minutes; its ring holds
# two days of them too. A bridge hears of several records at once in the long form, which spares commits.
PACE_S = 1 if LONG else 300
SECTORS, SECTOR_BYTES = (256, 4096) if LONG else (15, 512)
INTERVAL = 5  # readings in a summary
STEP_S = 30 if LONG else PACE_S * INTERVAL
UTC_ERROR_MS_MOST = 2_000
CLOCK_ERROR_MS_LEAST = 10_000
MARK_BEHIND = link.WINDOW + 11  # acknowledgements under way, and the records between two notes of them


@pytest.fixture(autouse=True)
def at_this_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bridges wait for what comes each STEP_S, and look at their alarms as often."""
    monkeypatch.setattr(session, "QUIET_TIMEOUT_S", 4.0 * STEP_S)
    for bound in ("UNKNOWN_S", "LEAST_S", "MOST_S"):
        monkeypatch.setattr(silence, bound, 4.0 * STEP_S)
    monkeypatch.setattr(alerts, "PERIOD_S", float(STEP_S))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A month of outages is a lot to say."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_a_month_with_outages(tmp_path: Path, faults: FaultTable) -> None:
    chip = SimulatedFlash(SECTORS, SECTOR_BYTES)
    row = faults.row("simulated month with outages, records")
    try_a_month(tmp_path, row, chip, lambda: NorStore(chip), PACE_S, STEP_S)


@pytest.mark.soak
def test_a_month_with_outages_on_a_file_system(tmp_path: Path, faults: FaultTable) -> None:
    """Summaries are flushed in groups; a record each 25 seconds, so that there are groups."""
    chip = formatted(blocks=64)
    row = faults.row("simulated month with outages, on LittleFS, records")
    try_a_month(tmp_path, row, chip, lambda: store_on(chip, segments=52), 5, STEP_S)


def try_a_month(
    tmp_path: Path, row: Row, chip: SimulatedFlash, open_store: Callable[[], object], pace_s: int, step_s: int
) -> None:
    """Live through a month with a reading each `pace_s` and compare the two records."""
    signer = Signer.at(tmp_path / "key.pem")
    dice = Random(31)
    device = Device(chip, open_store, pace_s, Settings(temperature_site=1, summary_interval_s=INTERVAL), dice, row)

    async def live() -> tuple[Month, Store]:
        month = Month(device, tmp_path / "vigil.db", signer, step_s, dice)
        return month, await month.live()

    month, store = virtual_time.run(live)
    with store:
        stored = check_the_record(store, device, row)
        check_alarms(store, stored)
        check_times(store, device, stored)
    with Store.read(tmp_path / "vigil.db") as read:
        assert read.verify([signer.public_key]).findings == []
    # It was such a month.
    assert device.wraps >= 2
    assert device.cuts > 20 and device.boots > device.cuts
    assert month.absences > 30 and device.connections > month.absences
    assert month.home.kills > 10 and month.home.refused > 10
    assert month.wrong_clocks > 5


def check_the_record(store: Store, device: Device, row: Row) -> dict[int, Record]:
    """Every record that the device has kept is stored once, as it was; what is not is told, with its exact range."""
    with store._reading() as connection:
        rows = connection.exec_driver_sql("SELECT sequence, data FROM record").all()
    stored = {sequence: Record(data) for sequence, data in rows}
    gone = {sequence for sequence in device.kept if sequence not in stored}
    gaps = [number for gap in store.gaps(DEVICE) for number in range(gap.first, gap.last + 1)]
    told = {
        number
        for record in stored.values()
        if record.kind == records.LOSS
        for number in range(record.fields["first"] or 0, (record.fields["last"] or 0) + 1)
    }
    row.tried += len(device.kept)
    row.lost += len(gone - told) + len(gone.symmetric_difference(gaps))
    row.duplicated += len(rows) - len(stored) + len(gaps) - len(set(gaps))
    row.corrupted += sum(record.data != device.kept.get(sequence) for sequence, record in stored.items())
    row.corrupted += device.unlike()
    assert row.failures == 0
    assert sorted(device.kept) == list(range(device.journal.newest + 1))
    assert len(store.gaps(DEVICE)) >= len(LONG_ABSENCES), "nothing was overwritten"
    # The device's own mark of what a host has may be a little behind, and so its word of a loss.
    assert all(not gone.isdisjoint(range(number - MARK_BEHIND, number + MARK_BEHIND + 1)) for number in told)
    return stored


def check_alarms(store: Store, stored: dict[int, Record]) -> None:
    """The host's alarms are what the device's alarm events and boots say, each occurrence once.

    Where the end of one is among the records that were lost, the host knows no more than that it is over. Where its
    beginning is too, the host may have heard of it, and knows no more than that.
    """
    gaps = store.gaps(DEVICE)

    def known(end: int | None, raised: int) -> int | None:
        is_lost = end is not None and any(gap.last > raised and gap.first < end for gap in gaps)
        return None if is_lost else end

    said: list[tuple[str, int, int | None]] = []
    active: dict[int, tuple[Record, int]] = {}  # the record it began with, and the newest boot it is known to be of
    for sequence, record in sorted(stored.items()):
        condition = record.fields.get("condition")
        if record.kind == records.BOOT:
            bits = record.fields["alarm_bits"] or 0
            for each, (raised, _) in list(active.items()):
                if not bits >> each & 1:
                    said.append((NAMES[each], raised.sequence, known(sequence, raised.sequence)))
                    active.pop(each)
            for each in range(len(NAMES)):
                if bits >> each & 1:
                    active[each] = (active.get(each, (record, 0))[0], record.boot)
        elif record.kind == records.ALARM and condition is not None and record.fields["event"] in (RAISED, CLEARED):
            before, boot = active.pop(condition, (None, 0))
            is_raised = record.fields["event"] == RAISED
            if before is not None and (is_raised or boot != record.boot):
                said.append((NAMES[condition], before.sequence, None))
                before = None
            if is_raised:
                active[condition] = (record, record.boot)
            else:
                raised_in = sequence if before is None else before.sequence
                said.append((NAMES[condition], raised_in, known(sequence, raised_in)))
    said += [(NAMES[each], raised.sequence, None) for each, (raised, _) in active.items()]
    with store._reading() as connection:
        found = connection.exec_driver_sql(
            "SELECT condition, raised.sequence, cleared.sequence, heard_sequence FROM alarm"
            " LEFT JOIN record raised ON raised.id = raised_record"
            " LEFT JOIN record cleared ON cleared.id = cleared_record"
            " WHERE source = 'device'"
        ).all()
    told = [
        (name, raised, known(end, raised or 0))
        for name, raised, end, heard in found
        if raised is not None or not any(gap.first <= heard <= gap.last for gap in gaps)
    ]
    assert Counter(told) == Counter(said)
    levels = {
        f"{signal}{level}_{side}"
        for signal in ("pulse_rate", "temperature")
        for level in ("", "_very")
        for side in ("low", "high")
    }
    assert levels | {"spo2_low", "spo2_very_low", "sensor_off", "no_reading", "sensor_fault"} <= {
        name for name, _, _ in said
    }


def check_times(store: Store, device: Device, stored: dict[int, Record]) -> None:
    """UTC is true; where the bridge's clock was wrong it is wrong by as much, up to the next anchor."""
    anchors: dict[int, list[tuple[int, int]]] = {}
    for sequence, record in sorted(stored.items()):
        if record.kind == records.TIME_ANCHOR:
            anchors.setdefault(record.boot, []).append((uptime_of(record), device.clock_errors_ms[sequence]))
    rows = wrong = row_id = 0
    while found := store.rows_after(row_id, 5_000):
        row_id = found[-1].row_id
        for row in found:
            record = stored[row.sequence]
            if record.boot not in anchors:
                continue  # it met no bridge
            index = bisect_right(anchors[record.boot], uptime_of(record), key=itemgetter(0)) - 1
            nearest_ms, clock_error_ms = anchors[record.boot][max(0, index)]
            if abs(clock_error_ms) < CLOCK_ERROR_MS_LEAST:
                clock_error_ms = 0
            assert row.utc_ms is not None
            error_ms = row.utc_ms - START_UTC_MS - device.born_ms[row.sequence] - clock_error_ms
            # Where there are no two anchors around it that tell the drift, nobody can know it.
            around = [error for _, error in anchors[record.boot][max(0, index) : index + 2]]
            is_known = len(around) == 2 and max(map(abs, around)) < CLOCK_ERROR_MS_LEAST
            drift_ms = 0 if is_known else abs(uptime_of(record) - nearest_ms) * DRIFT_PPM // 1_000_000
            assert abs(error_ms) <= UTC_ERROR_MS_MOST + drift_ms, f"record {row.sequence}"
            rows += 1
            wrong += clock_error_ms != 0
    assert rows > wrong > 0


def uptime_of(record: Record) -> int:
    return record.day * DAY_MS + record.day_ms
