"""How long a plot takes to open: ten years, a month and a day of one patient, from a generated record.

Ten years of rows are fifteen gigabytes, so boots (one a month), time anchors (one an hour) and roll-ups are put into
the record as ten years of rows leave them, those of a minute for the newest three months only. The newest two days have
their rows too, one a second. Measured is what the page waits for: the query, the thinning to columns and the JSON, from
a store just opened.
"""

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from vigil_host.alerts import Alerts
from vigil_host.clock import Clock
from vigil_host.events import Events
from vigil_host.live import Live
from vigil_host.store import Store, rollups, schema
from vigil_host.web.access import Access
from vigil_host.web.app import create_app
from vigil_wire import records, statuses

DEVICE = "7a718bab"
DAY_MS = 86_400_000
YEARS = 10
BOOT_DAYS = 30
BOOTS = YEARS * 365 // BOOT_DAYS + 1
BEGIN_UTC_MS = 1_480_000_000_000
# What is opened, days back from the newest, seconds it may take.
OPENED = (("ten years", 3653, 1.0), ("a month", 30, 1.0), ("a day", 1, 1.0), ("an hour", 1 / 24, 1.0))
ROUNDS = 5


def main() -> None:
    """Print a line for each range, and fail where one took too long."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as scratch:
        path = Path(scratch) / "vigil.db"
        begun = time.perf_counter()
        with Store.open(path) as store:
            newest_utc_ms = generate(store)
        size = path.stat().st_size
        print(f"the record: {size / 1e6:.0f} MB, made in {time.perf_counter() - begun:.0f} s")
        reached = [opened(path, newest_utc_ms, *each) for each in OPENED]
    if not all(reached):
        sys.exit("an aim was not reached")


def opened(path: Path, newest_utc_ms: int, name: str, days: float, aim_s: float) -> bool:
    """Measure and print one range; says whether it was fast enough."""
    took = []
    for _ in range(ROUNDS):
        with Store.open(path) as store:
            events, clock = Events(), Clock()
            live = Live(list, clock)
            app = create_app(
                store, live, Alerts(store, live, events, clock), events, access=Access(), limits=lambda _: {}
            )
            begun = time.perf_counter()
            found = trend_of(app, newest_utc_ms - int(days * DAY_MS), newest_utc_ms)
            took.append(time.perf_counter() - begun)
    points = sum(value is not None for value in found["spo2_pct"]["mean"])
    print(
        f"{name}: {statistics.median(took):.2f} s, at worst {max(took):.2f} s, {points} points, "
        f"lowest SpO2 {min(value for value in found['spo2_pct']['low'] if value is not None)} % (aim {aim_s:.0f} s)"
    )
    return max(took) <= aim_s


def trend_of(app: Any, from_utc_ms: int, to_utc_ms: int) -> dict[str, Any]:
    """What the page gets."""
    from starlette.testclient import TestClient

    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.get("/api/trend", params={"device": DEVICE, "from": from_utc_ms, "to": to_utc_ms})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.content)
    return found


def generate(store: Store) -> int:
    """Fill the store; UTC of the newest row."""
    store.add_device(DEVICE, "Device")
    with store._writing() as connection:
        record_id = 0
        for boot in range(BOOTS):
            at = BEGIN_UTC_MS + boot * BOOT_DAYS * DAY_MS
            hours = range(BOOT_DAYS * 24)
            rows, anchors = [], []
            for hour in hours:
                record_id += 1
                uptime_ms = hour * 3_600_000
                key = {"device": DEVICE, "journal": 1, "sequence": record_id, "boot": boot, "uptime_ms": uptime_ms}
                rows.append({"id": record_id, "kind": records.TIME_ANCHOR, "received_utc_ms": at, "data": b"", **key})
                anchors.append({"record": record_id, "utc_ms": at + uptime_ms + hour % 7, **key})
            connection.execute(insert(schema.record), rows)
            connection.execute(insert(schema.anchor), anchors)
            for span_s in rollups.SPANS_S:
                if span_s > rollups.MINUTE_S or boot > BOOTS - 4:
                    spans = BOOT_DAYS * rollups.DAY_S // span_s
                    connection.execute(insert(schema.rollup), [rollup(boot, span_s, each) for each in range(spans)])
    newest = BEGIN_UTC_MS + (boot + 1) * BOOT_DAYS * DAY_MS
    for data in seconds_of(boot + 1, 2 * 86_400, newest, record_id):
        store.commit(DEVICE, 1, data)
    return newest + 2 * DAY_MS


def rollup(boot: int, span_s: int, number: int) -> dict[str, Any]:
    """One span of a patient with a slow wave, and a dip once a week."""
    wave = round(20 * math.sin(number * span_s / 13_000))
    dip = 150 if number * span_s % 604_800 < span_s else 0
    values = {
        "pulse_rate": (720 + wave, 690 + wave, 760 + wave),
        "spo2": (970, 960 - dip, 980),
        "temperature": (3650 + wave, 3640 + wave, 3660 + wave),
        "respiration": (150, 140, 160),
    }
    found: dict[str, Any] = {"device": DEVICE, "journal": 1, "boot": boot, "span_s": span_s, "number": number}
    for signal, (mean, least, most) in values.items():
        found |= {f"{signal}_seconds": span_s, f"{signal}_sum": mean * span_s}
        found |= {f"{signal}_min": least, f"{signal}_max": most}
    return found


def seconds_of(boot: int, count: int, utc_ms: int, newest_sequence: int) -> Iterator[list[bytes]]:
    """One record a second of one boot, in batches, after the anchor that says when it began."""
    buf = bytearray(records.MAX_LENGTH)
    records.pack_header(buf, newest_sequence + 1, records.TIME_ANCHOR, boot, 0, 0)
    yield [bytes(buf[: records.pack_time_anchor(buf, *divmod(utc_ms - 946_684_800_000, DAY_MS))])]
    batch = []
    for second in range(1, count):
        summary = records.Summary()
        summary.seconds = 1
        summary.pulse_rate.add(720)
        summary.spo2.add(970 if second % 9000 else 820)
        summary.temperature.add(3650)
        records.pack_header(buf, newest_sequence + 1 + second, records.VITALS, boot, *divmod(second * 1000, DAY_MS))
        batch.append(bytes(buf[: summary.pack(buf, (statuses.VALIDATED,) * 4, 95, 80, 250, 0, 0)]))
        if len(batch) == 2000 or second == count - 1:
            yield batch
            batch = []


if __name__ == "__main__":
    main()
