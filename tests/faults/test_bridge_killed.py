"""A bridge killed in the middle of its work has on disk whatever it acknowledged, whole and once."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vigil_host.store import Store
from vigil_host.store.chain import Signer

LONG = os.environ.get("VIGIL_LONG") == "1"
KILLS = 3_000 if LONG else 60
ROWS = 60_000 if LONG else 6_000
KILLS_A_LOOK = 200 if LONG else 10  # what a kill has broken stays broken


def test_killed_at_any_moment_it_loses_nothing_acknowledged(
    tmp_path: Path, fault_table: Any, make_journal: Any, append: Any, record_of: Any, device_id: str, cost: Any
) -> None:
    path = tmp_path / "vigil.db"
    journal = make_journal(ROWS)
    for _ in range(ROWS):
        append(journal)
    signer = Signer.at(tmp_path / "key.pem")
    dice = random.Random(1)
    took_s = 0.1
    for kill in range(KILLS):
        # The first may be still making the file; the second or third shows how long a bridge takes on this machine.
        wait_s = None if kill in (1, 2) else dice.uniform(0.0, 1.5 * took_s)
        started_s = time.monotonic()
        acknowledged, is_done = _killed_after(wait_s, lambda: _serve(path, signer, journal, record_of, device_id))
        if wait_s is None:
            took_s = time.monotonic() - started_s
        journal.acknowledge(acknowledged)
        if kill % KILLS_A_LOOK == KILLS_A_LOOK - 1 or is_done or kill == KILLS - 1:
            with Store.open(path) as store:
                price = cost(store, journal, journal.acknowledged)
                stored = store.audit().stored
                price["corrupted"] += len(store.verify([signer.public_key]).findings)
            fault_table.count("bridge killed with -9", 0, **price)
            assert price == {"lost": 0, "duplicated": 0, "corrupted": 0}
            assert stored > journal.acknowledged
        fault_table.count("bridge killed with -9", int(not is_done))
        if is_done:
            break
    assert journal.acknowledged > 100


def _serve(path: Path, signer: Signer, journal: Any, record_of: Any, device_id: str) -> Any:
    """What a bridge does: fetch from the first that is missing, commit in batches, acknowledge; yields what it acks."""
    with Store.open(path, signer=signer) as store:
        store.add_device(device_id, "Device")
        store.meet(device_id, journal.journal_id, journal.newest)
        highest = store.highest(device_id, journal.journal_id)
        wanted = 0 if highest is None else highest + 1
        while wanted <= journal.newest:
            numbers = range(max(0, wanted - 3), min(wanted + 1 + wanted % 37, journal.newest + 1))  # some come again
            store.commit(device_id, journal.journal_id, [record_of(journal, number) for number in numbers])
            wanted = numbers[-1] + 1
            yield numbers[-1]


def _killed_after(seconds: float | None, acknowledging: Callable[[], Any]) -> tuple[int, bool]:
    """Run it in a process of its own and kill that; the newest number it acknowledged, and whether it was done.

    None: kill it as soon as it has acknowledged something.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            for number in acknowledging():
                os.write(writing, number.to_bytes(4, "little"))
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    said = b""
    if seconds is None:
        said = os.read(reading, 4)
    else:
        time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        said += pipe.read()
    _, status = os.waitpid(child, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "the bridge ended by itself, with a fault"
    return int.from_bytes(said[-4:], "little") if said else -1, os.WIFEXITED(status)
