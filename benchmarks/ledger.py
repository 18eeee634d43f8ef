"""What the ledger commits in a second beside SQLite alone, and how long a live record waits during a back-fill.

"SQLite alone" is Python's sqlite3 putting the same rows, made beforehand, into the same tables, with the same
`synchronous=FULL` on the same disk: what is left is what the ledger adds, which decodes each record, chains it, sums it
up and looks for what is there already. That takes so many microseconds a commit whatever the disk, so the part of
"SQLite alone" that is left depends on how long the disk takes. "Bytes alone" puts no more than key and bytes into one
table. They take turns, and the medians of their rounds are compared. FOLDER (default: the current one) says which disk.
"""

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vigil_host.store import Store
from vigil_host.store.ledger import arrival_of, vitals_row
from vigil_wire import records, statuses

DEVICE = "7a718bab"
DAY_RECORDS = 17_280
BATCH_RECORDS = 32  # what a session commits at once during a back-fill
ROUNDS = 9
# Rows a commit, commits in a round, least part of SQLite alone.
AIMS = ((1, 100, 0.6), (10, 100, 0.6), (1000, 10, 0.3))
LIVE_AIM_S = 0.2


def vitals(sequence: int) -> bytes:
    """A record as a device makes it every five seconds."""
    summary = records.Summary()
    for _ in range(5):
        summary.seconds += 1
        summary.pulse_rate.add(700 + sequence % 50)
        summary.spo2.add(970)
        summary.temperature.add(3650)
        summary.respiration.add(150)
    buf = bytearray(records.MAX_LENGTH)
    records.pack_header(buf, sequence, records.VITALS, 1, *divmod(sequence * 5000, 86_400_000))
    return bytes(buf[: summary.pack(buf, (statuses.VALIDATED,) * 4, 95, 80, 250, 0, 0)])


class Alone:
    """A database that sqlite3 writes by itself: whole rows into the ledger's tables, or key and bytes into one."""

    def __init__(self, path: Path, bytes_only: bool) -> None:
        self._bytes_only = bytes_only
        if not bytes_only:
            with Store.open(path) as store:
                store.add_device(DEVICE, "Device")
        self.connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        if bytes_only:
            self.connection.execute(
                "CREATE TABLE record (id INTEGER PRIMARY KEY, device TEXT, journal INTEGER, sequence INTEGER, "
                "data BLOB, UNIQUE (device, journal, sequence))"
            )

    def rows(self, sent: list[bytes]) -> list[tuple[str, list[tuple[Any, ...]]]]:
        """What is to be put where, for one commit."""
        arrivals = [arrival_of(data) for data in sent]
        if self._bytes_only:
            keys = "device, journal, sequence, data"
            return [
                (f"record ({keys}) VALUES (?, ?, ?, ?)", [(DEVICE, 1, each.sequence, each.data) for each in arrivals])
            ]
        numbered = [(each.sequence + 1, each) for each in arrivals]
        now_utc_ms = time.time_ns() // 1_000_000  # as long a number as the ledger's
        record = [
            (row_id, DEVICE, 1, each.sequence, each.kind, each.boot, each.uptime_ms, now_utc_ms, each.data, bytes(32))
            for row_id, each in numbered
        ]
        decoded = [vitals_row(row_id, each.data) or () for row_id, each in numbered]
        return [
            (f"{table} VALUES ({', '.join('?' * len(rows[0]))})", rows)
            for table, rows in (("record", record), ("vitals", decoded))
        ]

    def commit(self, rows: list[tuple[str, list[tuple[Any, ...]]]]) -> None:
        """Put them there."""
        self.connection.execute("BEGIN IMMEDIATE")
        for into, values in rows:
            self.connection.executemany(f"INSERT INTO {into}", values)
        self.connection.execute("COMMIT")


def compare(folder: Path) -> Iterator[tuple[int, dict[str, float], float]]:
    """Rows a commit; rows a second of each; and the aim."""
    bytes_alone, tables_alone = Alone(folder / "bytes.db", True), Alone(folder / "tables.db", False)
    with Store.open(folder / "ledger.db") as store:
        store.add_device(DEVICE, "Device")
        first = 0
        for rows, commits, aim in AIMS:
            took: dict[str, list[float]] = {"bytes": [], "tables": [], "ledger": []}
            for _ in range(ROUNDS):
                batches = [[vitals(first + number * rows + each) for each in range(rows)] for number in range(commits)]
                for name, alone in (("bytes", bytes_alone), ("tables", tables_alone)):
                    prepared = [alone.rows(batch) for batch in batches]
                    begun = time.perf_counter()
                    for each in prepared:
                        alone.commit(each)
                    took[name].append(time.perf_counter() - begun)
                begun = time.perf_counter()
                for batch in batches:
                    store.commit(DEVICE, 1, batch)
                took["ledger"].append(time.perf_counter() - begun)
                first += rows * commits
            yield rows, {name: rows * commits / statistics.median(rounds) for name, rounds in took.items()}, aim
        stored = store.audit().stored
    for alone in (bytes_alone, tables_alone):
        alone.connection.close()
    size = (folder / "ledger.db").stat().st_size
    a_year = size / stored * DAY_RECORDS * 365.25
    print(f"{size / stored:.0f} bytes a record on disk: {a_year / 1e9:.2f} GB a year at one every 5 s")


async def live_beside_back_fill(folder: Path) -> list[float]:
    """Seconds until each live record of one device was on disk while another's day was fetched as fast as it goes."""
    waited: list[float] = []
    with Store.open(folder / "live.db") as store:
        for device in (DEVICE, "live"):
            store.add_device(device, "Device")
        day = [vitals(sequence) for sequence in range(DAY_RECORDS)]

        async def fill() -> None:
            for at in range(0, DAY_RECORDS, BATCH_RECORDS):
                await store.on_writer(store.commit, DEVICE, 1, day[at : at + BATCH_RECORDS])

        filling = asyncio.create_task(fill())
        sequence = 0
        while not filling.done():
            begun = time.perf_counter()
            await store.on_writer(store.commit, "live", 1, [vitals(sequence)])
            waited.append(time.perf_counter() - begun)
            sequence += 1
            await asyncio.sleep(0.05)
        await filling
    return waited


def fsync_ms(folder: Path) -> float:
    """Median of what the disk takes to keep a page: where it is near 0, a commit costs no more than its computing."""
    took = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def main() -> None:
    """Print a line for each, and fail where an aim was not reached."""
    is_reached = True
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as scratch:
        folder = Path(scratch)
        print(f"one fsync of this disk takes {fsync_ms(folder):.2f} ms")
        for rows, speed, aim in compare(folder):
            is_reached &= speed["ledger"] >= aim * speed["tables"]
            added_us = (rows / speed["ledger"] - rows / speed["tables"]) * 1e6
            print(
                f"{rows:>5} rows a commit: the ledger {speed['ledger']:>7,.0f} rows/s, SQLite alone "
                f"{speed['tables']:>7,.0f}: {speed['ledger'] / speed['tables']:.0%} of it (aim {aim:.0%}), "
                f"{added_us:,.0f} us more a commit; "
                f"bytes alone {speed['bytes']:>7,.0f}: {speed['ledger'] / speed['bytes']:.0%}"
            )
        begun = time.perf_counter()
        waited = sorted(asyncio.run(live_beside_back_fill(folder)))
        took = time.perf_counter() - begun
    is_reached &= waited[-1] <= LIVE_AIM_S
    print(
        f"back-fill of a day ({DAY_RECORDS:,} records) in {took:.1f} s; {len(waited)} live records meanwhile on disk "
        f"after {statistics.median(waited) * 1000:.0f} ms, at worst {waited[-1] * 1000:.0f} ms "
        f"(aim {LIVE_AIM_S * 1000:.0f} ms)"
    )
    if not is_reached:
        sys.exit("an aim was not reached")


if __name__ == "__main__":
    main()
