"""How many alarms of SpO2 below 90 % there are by delay, in what clinical oximeters showed in controlled desaturations.

    python benchmarks/alarms.py

Once by Vigil's engine, whose alarm ends after five seconds at 91 % or more, and once by limit and delay alone. SpO2 is
the median of up to four oximeters. The published figures are of six desaturations and one oximeter. Recordings come
from VIGIL_RECORDINGS, by default tests/data, which has excerpts only.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vigil_host.alarm_replay import Row, replay
from vigil_host.evaluation.errors import SPO2, read_reference
from vigil_wire.settings import Settings

LIMIT_PCT = 90
PUBLISHED = {0: 17, 5: 14, 10: 10, 15: 8, 30: 7}  # by delay in s, over 6 runs, one oximeter
RECORDINGS = Path(os.environ.get("VIGIL_RECORDINGS") or Path(__file__).parents[1] / "tests" / "data")


def main() -> None:
    """Print a line for each delay; fail where a longer one made more alarms."""
    runs = [rows_of(path) for path in sorted(RECORDINGS.glob("uw_*.reference.csv"))]
    if not runs:
        sys.exit(f"{RECORDINGS}: there is no uw_*.reference.csv")
    by_engine = [sum(alarms(rows, delay_s) for rows in runs) for delay_s in PUBLISHED]
    alone = [sum(crossings(rows, delay_s) for rows in runs) for delay_s in PUBLISHED]
    here = f"{len(runs)} runs"
    print(f"alarms of SpO2 < {LIMIT_PCT} %   Vigil, {here}   limit alone, {here}   published, 6 runs")
    for index, delay_s in enumerate(PUBLISHED):
        print(f"delay {delay_s:2} s {by_engine[index]:21} {alone[index]:21} {PUBLISHED[delay_s]:19}")
    seconds = sum(len(rows) for rows in runs)
    print(f"{seconds} seconds of {len(runs)} runs; published are six runs of one oximeter: compare how it falls")
    if by_engine != sorted(by_engine, reverse=True) or alone != sorted(alone, reverse=True):
        sys.exit("a longer delay made more alarms")


def rows_of(path: Path) -> list[Row]:
    """What the oximeters of one run showed, with a pulse that is well."""
    found = read_reference(path)[SPO2]
    return [Row(second, 72, found.get(second)) for second in range(min(found), max(found) + 1)]


def alarms(rows: Sequence[Row], delay_s: int) -> int:
    """How often Vigil raises spo2_low."""
    settings = Settings(spo2_low_deci_pct=LIMIT_PCT * 10, spo2_delay_s=delay_s)
    return sum((event.condition, event.event) == ("spo2_low", "raised") for event in replay(rows, settings, True))


def crossings(rows: Sequence[Row], delay_s: int) -> int:
    """How often SpO2 is below the limit for longer than the delay, without hysteresis."""
    count = lasted_s = 0
    for row in rows:
        lasted_s = lasted_s + 1 if row.spo2_pct is not None and row.spo2_pct < LIMIT_PCT else 0
        count += lasted_s == delay_s + 1
    return count


if __name__ == "__main__":
    main()
