"""The demo with the board's own main.py in the MicroPython VM, in real time, up to the record on disk."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vigil_host.demo import Demo
from vigil_host.devices import Devices
from vigil_host.radio.personality import PERSONALITIES
from vigil_host.store import Store

SELF_TEST = "vigil: self-test: good"
VIGIL = Path(sys.executable).with_name("vigil")


@pytest.mark.parametrize("stack", PERSONALITIES)
def test_records_reach_the_store(stack: str, tmp_path: Path) -> None:
    lines: list[str] = []

    async def scenario(store: Store) -> None:
        demo = Demo(store, Devices(tmp_path / "devices.toml"), "patient", None, stack)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            running = group.create_task(demo.run("micropython", lines.append))
            while (store.highest(demo.device_id, journal_of(store)) or 0) < 5:
                await asyncio.sleep(0.1)
            (view,) = demo.bridge.live.snapshot()
            running.cancel()
        assert view.link == "connected"
        assert view.movement == "still"
        audit = store.audit(demo.device_id)
        assert (audit.missing, audit.duplicates) == (0, 0)
        assert demo.bridge.received >= audit.stored >= 6
        *before, last = [line for line in lines if line != SELF_TEST]
        assert last == f"vigil: device {demo.device_id}, boot 1"
        assert [line.split(":")[0] for line in before] == ([] if stack == "nimble" else ["link"])  # it cannot pair

    with Store.open(tmp_path / "vigil.db") as store:
        asyncio.run(scenario(store))


def journal_of(store: Store) -> int:
    """The journal of the newest reading, 0 before there is one."""
    rows = store.rows_after(0, 1)
    return rows[0].journal if rows else 0


def test_ctrl_c_and_sigterm_end_it_and_its_vm_without_noise(tmp_path: Path) -> None:
    command = [VIGIL, "demo", "--vm", "micropython", "--headless", "--json"]
    running = {
        number: subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    for number, process in running.items():
        assert process.stderr is not None
        assert process.stderr.readline().startswith("vigil: device ")
        (node,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err.replace(f"{SELF_TEST}\n", "")) == (0, "")  # it may run for three seconds
        assert json.loads(out)["missing"] == 0
        with pytest.raises(ProcessLookupError):
            os.kill(int(node), 0)
