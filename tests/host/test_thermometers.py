"""Thermometers as who builds a board meets them: the entry in board.toml, what is opened of it, and their page."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vigil_hal import ds18b20, max30205, mcp9808, mlx90614, tmp117
from vigil_hal.parts import opened
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.ds18b20 import SimulatedDs18b20
from vigil_hal.simulated.max30205 import SimulatedMax30205
from vigil_hal.simulated.mcp9808 import SimulatedMcp9808
from vigil_hal.simulated.mlx90614 import SimulatedMlx90614
from vigil_hal.simulated.one_wire import SimulatedOneWire
from vigil_hal.simulated.patient import built_in_patient
from vigil_hal.simulated.tmp117 import SimulatedTmp117
from vigil_host.boards.description import read
from vigil_host.boards.drivers import drivers
from vigil_host.boards.problems import BoardError
from vigil_wire.settings import SITE_NAMES

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs/thermometers.md").read_text(encoding="utf-8")
_BOARD = (_ROOT / "boards/esp32-devkitc/board.toml").read_text(encoding="utf-8")
_DRIVERS: dict[str, ModuleType] = {each.PART: each for each in (tmp117, max30205, mcp9808, mlx90614, ds18b20)}
_PLACE = {
    "TMP117": "address = 0x4B",
    "MAX30205": "address = 0x4C",
    "MCP9808": "address = 0x1A",
    "MLX90614": "address = 0x5A",
    "DS18B20": 'pin = 33\nrom = "28-00000bbb9b13"',
}


def board(tmp_path: Path, part: str, place: str, hz: int = 100_000) -> Any:
    """An ESP32 with this thermometer instead of its own."""
    text, count = re.subn(r'part = "TMP117"\n(?:\w+ = .*\n)*', f'part = "{part}"\n{place}\n', _BOARD)
    assert count == 1
    text, count = re.subn(r"freq_hz = 400_000", f"freq_hz = {hz}", text)
    assert count == 1
    path = tmp_path / "board.toml"
    path.write_text(text, encoding="utf-8")
    return read(path)


class Buses:
    """All of them wired, each where it usually is."""

    def __init__(self) -> None:
        source = built_in_patient()
        self.wire = SimulatedOneWire(SimulatedDs18b20(source, lambda: 0))
        self.i2c = SimulatedI2C(
            SimulatedTmp117(source, lambda: 0, address=0x4B),
            SimulatedMax30205(source, lambda: 0, address=0x4C),
            SimulatedMcp9808(source, lambda: 0, address=0x1A),
            SimulatedMlx90614(source, lambda: 0),
        )

    def one_wire(self, _pin: int) -> SimulatedOneWire:
        return self.wire

    def adc(self, _pin: int) -> Any:
        raise AssertionError("no thermometer here has one")


@pytest.mark.parametrize("part", _DRIVERS)
def test_entry_of_a_board_is_accepted_and_opened(tmp_path: Path, part: str) -> None:
    entry = next(each.entry for each in board(tmp_path, part, _PLACE[part]).parts if each.name == part)
    said: list[str] = []
    thermometer = opened(Buses(), [entry], said.append).thermometer
    assert said == []
    assert type(thermometer).__module__ == _DRIVERS[part].__name__


@pytest.mark.parametrize(
    ("part", "place", "hz", "says"),
    [
        ("MLX90614", "address = 0x5A", 400_000, "stands 100000 Hz at most"),
        ("MCP9808", "address = 0x48", 100_000, "answers at 0x18 to 0x1f"),
        ("DS18B20", 'pin = 33\nrom = "28-bbb"', 100_000, "a ROM is like 28-00000bbb9b13, not 28-bbb"),
        ("DS18B20", "address = 0x48", 100_000, "pin"),
    ],
)
def test_entry_that_cannot_be_is_refused(tmp_path: Path, part: str, place: str, hz: int, says: str) -> None:
    with pytest.raises(BoardError, match=says):
        board(tmp_path, part, place, hz)


def rows() -> dict[str, list[str]]:
    """The table of parts on the page, by the part."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in _PAGE.splitlines() if line[:2] == "| "]
    return {row[0]: row[1:] for row in cells if len(row) == 5 and row[0] in _DRIVERS}


def test_page_has_each_thermometer_with_the_drivers_figures() -> None:
    known = [driver for driver in drivers().values() if driver.kind == "thermometer"]
    assert set(rows()) == {driver.part for driver in known} == set(_DRIVERS)
    for driver in known:
        accuracy, where, sites, _ = rows()[driver.part]
        assert accuracy.startswith(f"±{_DRIVERS[driver.part].ACCURACY_CENTI_C / 100:g} °C")
        if driver.addresses:
            assert f"0x{min(driver.addresses):02X}" in where and f"0x{max(driver.addresses):02X}" in where
        assert ("100 kHz at most" in where) == (driver.most_hz == 100_000)
        assert {site.split(" (")[0] for site in sites.split(", ")} <= set(SITE_NAMES), "each can be set"
