"""The whole line, from the sensor's registers to the store, in real time and for long."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SECONDS = 1_800


@pytest.mark.soak
def test_nothing_is_lost_or_stored_twice(tmp_path: Path) -> None:
    vigil = Path(sys.executable).with_name("vigil")
    command = [vigil, "demo", "--headless", "--json", "--for", str(_SECONDS), "--db", tmp_path / "soak.db"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["missing"], result["duplicates"]) == (0, 0)
    assert result["stored"]
    assert [alarm for alarm in result["alarms"] if alarm["cleared_s"] is not None], "no alarm came and went"
