"""What Vigil says to lay people, one file for each language: every alarm and status, and what to do now.

`en.toml` has all of it and says how to write it. Another language is one more file there; what it has not, or has not
yet, is said in English.
"""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ENGLISH = "en"
UNKNOWN = "unknown"

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Alarm:
    """An alarm's name, what it means, what to do now and who says so, and the measurement it is about.

    `advice_source` is None for Vigil's own advice, `signal` for what is about the equipment.
    """

    title: str
    meaning: str
    advice: str
    advice_source: str | None = None
    signal: str | None = None


@dataclass(frozen=True)
class Status:
    """A measurement's status: a few words beside the number, one sentence, and what to do now."""

    short: str
    meaning: str
    advice: str


class Language:
    """The words of one language."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table = table

    def alarm(
        self,
        condition: str,
        *,
        profile: str,
        emergency_number: str | None,
        is_calibrated: bool,
        has_cooled: bool,
    ) -> Alarm:
        """Return the words for a condition, also for one that this program does not know: none is ever hidden.

        `profile`: what the device calls the one in force (settings.PROFILE_NAMES); `emergency_number`: None while none
        was set; `is_calibrated`: whether SpO2 is read on the board's own curve; `has_cooled`: for sensor_off, whether a
        thermometer on skin or finger has become cooler since.
        """
        alarms = self._table["alarm"]
        said = alarms[condition if condition in alarms else UNKNOWN]
        own = self._table["profile"].get(profile, {})
        advice = own.get("do", {}).get(condition)
        meaning = said["meaning"]
        if said.get("signal") == "spo2" and not is_calibrated:
            meaning += f" {self._table['uncalibrated']}"
        if condition == "sensor_off" and has_cooled:
            meaning += f" {self._table['sensor_has_cooled']}"
        return Alarm(
            title=said.get("title") or condition.replace("_", " ").capitalize(),
            meaning=meaning,
            advice=(advice or said["do"]).replace("{emergency}", emergency_number or self._table["emergency_number"]),
            advice_source=own["source"] if advice else None,
            signal=said.get("signal"),
        )

    def conditions(self) -> list[str]:
        """Return the conditions that have words."""
        return [name for name in self._table["alarm"] if name != UNKNOWN]

    def status(self, name: str) -> Status:
        """Return the words for a measurement's status, also for one that this program does not know."""
        known = self._table["status"].get(name)
        said = known or self._table["status"][UNKNOWN]
        short = said["short"] if known else f"{said['short']} ({name.replace('_', ' ')})"
        return Status(short, said["meaning"], said["do"])

    def statuses(self) -> list[str]:
        """Return the statuses that have words."""
        return [name for name in self._table["status"] if name != UNKNOWN]

    def names(self, kind: str) -> dict[str, str]:
        """Return the plain words of one kind: "priority", "link", "movement" and the like."""
        return dict(self._table[kind])


@cache
def load(code: str) -> Language:
    """Return a language by its code; English where there is no file for it."""
    return Language(_over(table(ENGLISH), table(code) if code in codes() else {}))


def codes() -> list[str]:
    """Return the codes of the languages that there are."""
    return sorted(file.stem for file in _FOLDER.glob("*.toml"))


def table(code: str) -> dict[str, Any]:
    """Return what is in one language's file, and only that."""
    return tomllib.loads((_FOLDER / f"{code}.toml").read_text(encoding="utf-8"))


def of_this_machine() -> str:
    """Return the code of the language that is set here, as programs do that speak to people: LC_ALL, LANG."""
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ENGLISH
    return named.partition("_")[0].partition(".")[0].lower()


def _over(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """One table, with what another has instead."""
    both = dict(lower)
    for key, value in upper.items():
        both[key] = _over(lower.get(key, {}), value) if isinstance(value, dict) else value
    return both
