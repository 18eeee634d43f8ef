"""docs/alarms.md says what the program does: its tables are made of the program's own data."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from vigil_firmware import alarms
from vigil_firmware.alarm_signals import UNCALIBRATED_GUARD_DECI_PCT
from vigil_wire import conditions, settings

_ROOT = Path(__file__).resolve().parents[2]
_TEXT = (_ROOT / "docs/alarms.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tool() -> SimpleNamespace:
    """Return tools/alarm_tables.py."""
    return SimpleNamespace(**runpy.run_path(str(_ROOT / "tools/alarm_tables.py")))


def test_the_tables_are_as_the_program_has_them(tool: SimpleNamespace) -> None:
    assert tool.with_tables(_TEXT) == _TEXT, "run python tools/alarm_tables.py"


def test_every_table_is_shown(tool: SimpleNamespace) -> None:
    for name, table in tool.tables().items():
        assert f"<!-- table: {name} -->\n{table}<!-- end -->" in _TEXT


def test_every_condition_is_in_its_table(tool: SimpleNamespace) -> None:
    assert tool.tables()["conditions"].count("\n") == 2 + len(conditions.TABLE)


def test_the_figures_in_the_text_are_the_programs() -> None:
    text = " ".join(_TEXT.split())
    spo2 = conditions.TABLE[conditions.SPO2_LOW]
    assert f"takes {UNCALIBRATED_GUARD_DECI_PCT // 10} points off before it compares" in text
    assert f"sounds again after {alarms.SOUND_AGAIN_MS // 60_000} minutes" in text
    assert f"for {alarms.STANDBY_MOST_MIN // 60} hours at most" in text
    assert f"by {spo2.worse_by // 10} points of oxygen, {conditions.TABLE[1].worse_by // 10} bpm" in text
    assert f"After {conditions.TABLE[conditions.NO_READING].on_delay} s without a reading" in text
    assert f"or {conditions.TABLE[conditions.SENSOR_OFF].on_delay} s with the sensor off" in text
    assert f"never below {settings.SPO2_VERY_LOW_LEAST_DECI_PCT // 10} %" in text
    assert f"more than {conditions.TABLE[conditions.TEMPERATURE_CHANGE].limit / 100:g} °C" in text
    for number in settings.CORE_SITES:
        assert settings.SITE_NAMES[number] in text
