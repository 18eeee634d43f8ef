"""A bridge killed in the middle of its work has on disk whatever it acknowledged."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from vigil_host.store import Store

_WRITER = """
import sys
from pathlib import Path
from vigil_host.store import Store
from vigil_wire import records

def record(sequence):
    buf = bytearray(records.MAX_LENGTH)
    records.pack_header(buf, sequence, records.TIME_ANCHOR, 1, 0, sequence)
    return bytes(buf[: records.pack_time_anchor(buf, 9000, sequence)])

store = Store.open(Path(sys.argv[1]))
store.add_device("d", "Device")
sequence = (store.highest("d", 1) or -1) + 1
while True:
    batch = [record(number) for number in range(sequence, sequence + 7)]
    store.commit("d", 1, batch)
    sequence += 7
    sys.stdout.write(f"{sequence - 1}\\n")
    sys.stdout.flush()
"""


def test_killed_at_any_moment_it_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "vigil.db"
    dice = random.Random(1)
    for _ in range(4):
        bridge = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert bridge.stdout is not None
        first = bridge.stdout.readline()
        time.sleep(dice.uniform(0.0, 0.2))
        bridge.send_signal(signal.SIGKILL)
        bridge.wait()
        acknowledged = int((first + bridge.stdout.read()).split("\n")[-2])
        bridge.stdout.close()
        with Store.open(path) as store:
            audit = store.audit()
            highest = store.highest("d", 1)
        assert highest is not None and highest >= acknowledged
        assert (audit.stored, audit.missing, audit.duplicates) == (highest + 1, 0, 0)
        assert (highest + 1) % 7 == 0  # a batch is there whole, or not at all
