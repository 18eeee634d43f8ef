"""The page's editor of alarm limits: what it shows, and what it makes of an answer.

Limits are named, bounded and written as in alarm profiles (`vigil_host.alarm_profiles`).
"""

from collections.abc import Mapping
from typing import Any

from vigil_firmware.alarm_signals import UNCALIBRATED_GUARD_DECI_PCT
from vigil_host import alarm_profiles, words
from vigil_host.alarm_profiles import LIMITS, Limit, Profile, ProfileError
from vigil_host.limits import author_in, settings_in
from vigil_host.store.history import StoredSettings
from vigil_wire import settings
from vigil_wire.settings import Settings, SettingsError

_GUARDED = ("spo2_low_pct", "spo2_very_low_pct")
_SIGNALS = ("spo2", "pulse_rate", "temperature", "respiration")
_UNITS = {"_pct": "%", "_bpm": "bpm", "_per_min": "/min", "_c": "°C", "_s": "s"}


class LimitsRefused(Exception):
    """Limits that cannot be used; `fields` says of each that is at fault what is wrong with it."""

    def __init__(self, problem: str, fields: Mapping[str, str]) -> None:
        super().__init__(problem)
        self.fields = fields


def described(present: Settings, stored: StoredSettings | None, is_waiting: bool, waiting_by: str) -> dict[str, Any]:
    """Return what the editor shows. `present`: what the device is to have, which it has unless `is_waiting`."""
    in_force = None if stored is None else _in_force(stored)
    return {
        "in_force": in_force,
        "waiting_by": waiting_by if is_waiting else None,
        "profile": profile_text(present),
        "site": settings.SITE_NAMES[present.temperature_site],
        "has_core_temperature": present.temperature_site in settings.CORE_SITES,
        "spo2_guard_pct": 0 if present.spo2_curve else UNCALIBRATED_GUARD_DECI_PCT // 10,
        "profiles": [_profile(alarm_profiles.load(name), present) for name in alarm_profiles.NAMES],
        "groups": _groups(present),
    }


def settings_of(present: Settings, profile: str | None, changes: Mapping[str, object]) -> Settings:
    """Return the settings that somebody asks for: a profile's, or those `present`, with changes by limit.

    Raises LimitsRefused.
    """
    if profile is not None and profile not in alarm_profiles.NAMES:
        raise LimitsRefused(f"There is no profile {profile!r}.", {"profile": "There is no such profile."})
    base = alarm_profiles.load(profile).settings(present) if profile else present
    wanted, fields = {}, {}
    for key, value in changes.items():
        if key not in LIMITS:
            raise LimitsRefused(f"There is no limit {key!r}.", {})
        found = LIMITS[key].setting_of(value)
        if found is None:
            fields[key] = f"This is {LIMITS[key].allowed}."
        else:
            wanted[LIMITS[key].setting] = found
    if fields:
        raise LimitsRefused("Nothing was changed: see what is marked.", fields)
    try:
        return alarm_profiles.changed(base, wanted)
    except ProfileError as error:
        problem = _said(str(error).partition(": ")[2])
        at_fault = [key for key in LIMITS if key in str(error)]
        raise LimitsRefused("Nothing was changed: see what is marked.", dict.fromkeys(at_fault, problem)) from None


def profile_text(in_force: Settings) -> str:
    """What the profile of these settings is called, and whether its limits were changed."""
    own = alarm_profiles.own_profile_of(in_force)
    if own is not None:
        return f"{own.title}, version {own.version}"
    name = settings.PROFILE_NAMES[in_force.profile]
    return "Limits of your own" if name == alarm_profiles.CUSTOM else f"Limits of your own, made from {name!r}"


def _in_force(stored: StoredSettings) -> dict[str, Any] | None:
    try:
        in_force = settings_in(stored.record)
    except SettingsError:
        return None
    return {
        "profile": profile_text(in_force),
        "by": author_in(stored.record),
        "utc_ms": stored.place.utc_ms,
        "earliest_utc_ms": stored.place.earliest_utc_ms,
        "latest_utc_ms": stored.place.latest_utc_ms,
        "values": {key: _value(limit, getattr(in_force, limit.setting)) for key, limit in LIMITS.items()},
    }


def _profile(profile: Profile, present: Settings) -> dict[str, Any]:
    made = profile.settings(present)
    return {
        "name": profile.name,
        "title": profile.title,
        "for_whom": profile.for_whom,
        "notes": profile.notes,
        "values": {key: _value(limit, getattr(made, limit.setting)) for key, limit in LIMITS.items()},
    }


def _groups(present: Settings) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in words.LIMIT_GROUPS}
    for key, limit in LIMITS.items():
        group = next((signal for signal in _SIGNALS if key.startswith(f"{signal}_")), "other")
        found[group].append(
            {
                "key": key,
                "label": words.LIMITS.get(key, key),
                "unit": next((unit for ending, unit in _UNITS.items() if key.endswith(ending)), ""),
                "is_yes_or_no": limit.is_yes_or_no,
                "least": limit.least / limit.divisor,
                "most": limit.most / limit.divisor,
                "step": limit.step / limit.divisor,
                "is_guarded": key in _GUARDED,
                "value": _value(limit, getattr(present, limit.setting)),
            }
        )
    return [{"title": words.LIMIT_GROUPS[name], "limits": limits} for name, limits in found.items() if limits]


def _value(limit: Limit, value: int) -> float | bool:
    return bool(value) if limit.is_yes_or_no else value / limit.divisor


def _said(problem: str) -> str:
    """A problem that names limits, for people: as the page labels them."""
    for key in LIMITS:
        problem = problem.replace(key, f"\u201c{words.LIMITS.get(key, key)}\u201d")
    return f"{problem[:1].upper()}{problem[1:]}."
