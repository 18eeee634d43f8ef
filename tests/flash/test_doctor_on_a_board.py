"""`vigil doctor --port`: what a board finds of itself, on a real MicroPython with simulated parts."""

import json
from pathlib import Path

import pytest
from tests.flash.conftest import WIRED, refused, vigil

from vigil_host.doctor.board import findings_in
from vigil_host.vm.socket_board import SocketBoard

pytestmark = pytest.mark.vm

STRAY = """
import machine, time
from vigil_firmware.simulation.parts import Parts, endless_source
from vigil_hal.simulated.tmp117 import SimulatedTmp117
_source = endless_source("patient", "")
_bus = Parts(_source, False, time.ticks_ms).bus
_part = SimulatedTmp117(_source, time.ticks_ms)
_part.address = 0x5A
_bus.attach(_part)
_bus.detach(0x57)
_bus.detach(0x36)
machine.attach_i2c(_bus)
"""
EXCHANGED = """
import machine, time
from vigil_firmware.simulation.parts import endless_source
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
_part = SimulatedMax30102(endless_source("patient", ""), time.ticks_ms, part_id=0x11)
machine.attach_i2c(SimulatedI2C(_part))
"""
DEAF = """
import bluetooth

def fail(radio, on=None):
    raise OSError(19)

bluetooth.BLE.active = fail
"""
GOOD = {
    "platform": "esp32", "machine": "M", "version": "v1",
    "pins": {"i2c": 0, "sda": 21, "scl": 22, "parts": [{"part": "TMP117", "address": 0x48}]},
    "sensors": {
        "addresses": [0x48, 0x57], "thermometer": {"address": 0x48, "part_id": 0x117},
        "oximeter": {
            "part_id": 0x15, "revision": 3, "samples": 25, "lost": 0, "sampled_us": 251_000, "die_centi_c": 2850,
        },
    },
    "heap_bytes": 300_000, "frozen": "",
    "file_system_bytes": 1 << 20, "free_file_bytes": 600_000, "clock_hz": 240_000_000,
    "year": 2000, "radio": {"address": "a0b7654c1122"},
}  # fmt: skip


def found_on(flash: Path, setup: str, exit_code: int) -> dict[str, tuple[str, str, str]]:
    with SocketBoard(flash, setup=setup) as board:
        done = vigil("doctor", "--port", board.url, "--json")
    assert done.exit_code == exit_code, done.stderr
    return {each["subject"]: (each["verdict"], each["found"], each["advice"]) for each in json.loads(done.stdout)}


def test_a_wired_board_is_well(flash: Path) -> None:
    found = found_on(flash, WIRED, 0)
    assert list(found) == ["Board", "Bus", "MAX30102", "FIFO", "Die", "TMP117", "Memory", "Flash", "Clock", "Radio"]
    assert {verdict for verdict, _, _ in found.values()} == {"good"}
    assert found["Bus"][1] == "0x36, 0x48, 0x57 answer on SDA 21, SCL 22"
    assert found["Die"][1] == "30.0 C"


def test_a_board_without_its_sensors(flash: Path) -> None:
    verdict, found, advice = found_on(flash, "", 1)["Bus"]
    assert (verdict, found) == ("bad", "does not work on SDA 21, SCL 22: OSError [Errno 19] ENODEV")
    assert "pull-ups" in advice


def test_a_part_at_an_unexpected_address(flash: Path) -> None:
    verdict, found, _ = found_on(flash, STRAY, 1)["MAX30102"]
    assert (verdict, found) == ("bad", "does not answer at 0x57; a part that does not belong here is at 0x5A")


def test_a_radio_that_does_not_start_hides_nothing_else(flash: Path) -> None:
    found = found_on(flash, DEAF, 1)
    assert found["Radio"][:2] == ("bad", "Bluetooth does not start: OSError [Errno 19] ENODEV")
    assert found["Memory"][0] == "good"


def test_another_part_at_the_oximeters_address(flash: Path) -> None:
    verdict, found, advice = found_on(flash, EXCHANGED, 1)["MAX30102"]
    assert (verdict, found) == ("bad", "what is at 0x57 has part id 0x11, a MAX30102 0x15")
    assert "another module" in advice


@pytest.mark.parametrize(
    ("changed", "subject"),
    [
        ({"sensors": {"addresses": []}}, "Bus"),
        ({"sensors": {"addresses": list(range(8, 120))}}, "Bus"),
        ({"sensors": {**GOOD["sensors"], "oximeter": {**GOOD["sensors"]["oximeter"], "samples": 12}}}, "FIFO"),  # type: ignore[dict-item,index]
        ({"sensors": {**GOOD["sensors"], "oximeter": {**GOOD["sensors"]["oximeter"], "lost": 31}}}, "FIFO"),  # type: ignore[dict-item,index]
        ({"sensors": {**GOOD["sensors"], "oximeter": {**GOOD["sensors"]["oximeter"], "die_centi_c": 8000}}}, "Die"),  # type: ignore[dict-item,index]
        ({"sensors": {**GOOD["sensors"], "thermometer": {"address": 0x48, "part_id": 0x75}}}, "TMP117"),  # type: ignore[dict-item]
        ({"heap_bytes": 100_000}, "Memory"),
        ({"heap_bytes": 60_000, "frozen": "vigil-sources-"}, "Memory"),
        ({"free_file_bytes": 8_000}, "Flash"),
        ({"radio": {"error": "ImportError no module named 'bluetooth'"}}, "Radio"),
    ],
)  # fmt: skip
def test_each_thing_that_is_not_well_has_its_line_and_what_to_do(changed: dict[str, object], subject: str) -> None:
    assert all(finding.verdict == "good" for finding in findings_in(GOOD))
    bad = [finding for finding in findings_in({**GOOD, **changed}) if finding.verdict == "bad"]
    assert [finding.subject for finding in bad] == [subject]
    assert bad[0].advice


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    assert "is not there" in refused(vigil("doctor", "--port", str(tmp_path / "ttyUSB0")))
