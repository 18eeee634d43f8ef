"""Writes the tables of docs/alarms.md from the program's own data: `python tools/alarm_tables.py`.

Run it after changing a condition, a profile or its words; a test says when that was forgotten.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from vigil_host import languages
from vigil_host.alarm_profiles import LIMITS, NAMES, load
from vigil_wire import conditions
from vigil_wire.conditions import Kind
from vigil_wire.settings import Settings

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "alarms.md"

# What a condition's signal is called, its unit, and what its number is divided by; without a unit it is a yes or no.
_SIGNALS = {
    "spo2": ("oxygen", " %", 10),
    "spo2_fall": ("drop of oxygen within a minute", " points", 10),
    "pulse_rate": ("pulse", " bpm", 10),
    "temperature": ("temperature", " °C", 100),
    "temperature_change": ("change of the skin from what is usual", " °C", 100),
    "respiration": ("breaths a minute", "", 10),
    "rate_error": ("error of its speed", " %", 10),
    "battery": ("charge", " %", 1),
    "unsent": ("memory that no bridge has fetched", " %", 1),
    "bridge_silent": ("time without a bridge", " min", 60),
    "clock_unset": ("time without a clock", " min", 60),
}
_LATCHES = {conditions.NEVER: "", conditions.IF_SET: "where set", conditions.ALWAYS: "always"}
_ENGLISH = languages.load(languages.ENGLISH)


def tables() -> dict[str, str]:
    """Return each table by the name it has in the document."""
    return {"conditions": _conditions(), "bridge": _bridge(), "profiles": _profiles()}


def with_tables(document: str) -> str:
    """Return the document with every table as it should be; KeyError for a mark without one."""
    made = tables()
    marks = r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)"
    return re.sub(marks, lambda found: found[1] + made[found[2]] + found[3], document, flags=re.DOTALL)


def _conditions() -> str:
    settings = Settings()
    rows = [("alarm", "when", "for", "priority", "ends after", "kept until acknowledged")]
    for priority in (conditions.HIGH, conditions.MEDIUM, conditions.LOW):
        for name, kind in zip(conditions.NAMES, conditions.TABLE, strict=True):
            if kind.priority == priority:
                lasts_s = _setting(kind.on_delay, settings)
                rows.append(
                    (
                        _alarm(name).title,
                        _when(name, kind, settings),
                        f"{lasts_s} s" if lasts_s else "at once",
                        conditions.PRIORITY_NAMES[priority],
                        f"{kind.off_delay} s" if kind.off_delay else "at once",
                        _LATCHES[kind.latches],
                    )
                )
    return _table(rows)


def _when(condition: str, kind: Kind, settings: Settings) -> str:
    if kind.signal not in _SIGNALS:
        return _alarm(condition).meaning.removesuffix(".")
    name, unit, divisor = _SIGNALS[kind.signal]
    side = "below" if kind.side == conditions.BELOW else "above"
    return f"{name} {side} {_setting(kind.limit, settings) / divisor:g}{unit}"


def _bridge() -> str:
    own = [name for name in _ENGLISH.conditions() if name not in conditions.NAMES]
    return _table([("alarm", "what it means"), *((_alarm(name).title, _alarm(name).meaning) for name in own)])


def _profiles() -> str:
    profiles = [load(name) for name in NAMES]
    rows = [("limit", *(profile.name for profile in profiles))]
    for key, limit in LIMITS.items():
        rows.append((f"`{key}`", *(limit.said(profile.values[limit.setting]) for profile in profiles)))
    return _table(rows)


def _setting(value: int | str, settings: Settings) -> int:
    return int(getattr(settings, value)) if isinstance(value, str) else value


def _alarm(name: str) -> languages.Alarm:
    return _ENGLISH.alarm(name, profile="adult", emergency_number=None, is_calibrated=True, has_cooled=False)


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
