"""Alarm profiles: the limits and delays for one kind of wearer, each with where its figure comes from.

A profile is a TOML file. Those beside this module are Vigil's own; anybody may write another:

    title = "Ada at night"
    version = 1
    for_whom = "Ada, as agreed with her doctor."
    base = "nhs-home"                     # whose limits hold where this file names none; left out: adult

    [limits]                              # what may be in it: `vigil alarms profiles adult`
    spo2_low_pct = 94
    pulse_rate_low_bpm = 45
    latching = true

    [sources]                             # where a figure comes from; Vigil's own profiles say so for every one
    spo2_low_pct = "Chosen: as Dr. Example wrote."

`for_whom`, `base`, `notes` and `[sources]` may be left out. A profile becomes `vigil_wire.settings.Settings`, which a
device checks again. Limits are named as the settings are, in units that people use: `spo2_low_deci_pct` of 920 is
`spo2_low_pct = 92`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from vigil_wire import settings
from vigil_wire.settings import Settings, SettingsError

if TYPE_CHECKING:
    from vigil_wire.settings import Points

_T = TypeVar("_T")

DEFAULT = "adult"
NAMES = {
    "adult": "adult",
    "nhs-home": "nhs home",
    "scale-2": "scale 2",
    "opioid-night": "opioid night",
    "child-1-3": "child",
    "child-4-12": "child",
    "child-13-17": "child",
}
"""Vigil's own profiles, and what a device calls them (settings.PROFILE_NAMES)."""
CUSTOM = "custom"
TAGS = ("Read", "Second-hand", "Recalled", "Chosen")
"""How a source begins: read in its own text; read in what cites it; recalled, not verified; Vigil's own choice."""

_FOLDER = Path(__file__).parent
_KEPT = ("summary_interval_s", "standard_services", "temperature_site")  # of the device, whatever its profile
_YES_OR_NO = ("respiration_alarms", "latching")
_UNITS = (
    ("_deci_pct", "_pct", 10),
    ("_deci_bpm", "_bpm", 10),
    ("_centi_c", "_c", 100),
    ("_deci_per_min", "_per_min", 10),
)


class ProfileError(Exception):
    """A profile cannot be used; the message is one line that says which, where in it, and what is allowed."""


@dataclass(frozen=True)
class Limit:
    """One thing that a profile sets: its name there, and the setting's, which is `divisor` times as much."""

    key: str
    setting: str
    divisor: int
    least: int
    most: int
    step: int

    @property
    def is_yes_or_no(self) -> bool:
        """Whether it is true or false, and no number."""
        return self.setting in _YES_OR_NO

    @property
    def allowed(self) -> str:
        """What it may be, for people."""
        if self.is_yes_or_no:
            return "true or false"
        step = Decimal(self.step) / self.divisor
        kind = "whole number" if step == 1 else f"multiple of {step:f}"
        return f"a {kind} from {self.said(self.least)} to {self.said(self.most)}"

    def said(self, value: int) -> str:
        """The setting's value as a profile has it."""
        return ("false", "true")[value] if self.setting in _YES_OR_NO else f"{value / self.divisor:g}"

    def setting_of(self, value: object) -> int | None:
        """The setting's value for one in a profile; None where that is not allowed."""
        if self.setting in _YES_OR_NO:
            return int(value) if isinstance(value, bool) else None
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
            return None
        scaled = Decimal(value) * self.divisor
        is_allowed = self.least <= scaled <= self.most and (scaled - self.least) % self.step == 0
        return int(scaled) if is_allowed else None


@dataclass(frozen=True)
class Profile:
    """A profile. `values` are settings by their names, `sources` are by the names of limits."""

    name: str
    device_name: str
    title: str
    version: int
    for_whom: str
    notes: str
    values: Mapping[str, int]
    sources: Mapping[str, str]

    def settings(self, present: Settings | None = None) -> Settings:
        """These limits, with what else is set in `present`: curve, site, services and interval."""
        kept = {name: getattr(present, name) for name in _KEPT} if present else {}
        number = settings.PROFILE_NAMES.index(self.device_name)
        curve = present.spo2_curve if present else ()
        return Settings(curve, profile=number, profile_version=self.version, **kept, **self.values)


def _limit(name: str, least: int, most: int, step: int) -> Limit:
    for ending, plain, divisor in _UNITS:
        if name.endswith(ending):
            return Limit(name.removesuffix(ending) + plain, name, divisor, least, most, step)
    return Limit(name, name, 1, least, most, step)


_ALL = [_limit(*field) for field in settings.FIELDS if field[0] not in (*_KEPT, "profile", "profile_version")]
LIMITS = {limit.key: limit for limit in _ALL}


def load(name: str) -> Profile:
    """Return one of Vigil's own profiles by its name, or the one in a file (`.toml`). Raises ProfileError."""
    if name.endswith(".toml"):
        return _read(Path(name), CUSTOM)
    plain = name.replace(" ", "-").replace("_", "-")
    if plain not in NAMES:
        raise ProfileError(f"there is no profile {name!r}: it is one of {', '.join(NAMES)}, or a file NAME.toml")
    return _read(_FOLDER / f"{plain}.toml", plain)


def changed(present: Settings, changes: Mapping[str, int]) -> Settings:
    """Return `present` with other limits, as a custom profile. Raises ProfileError where they cannot be used.

    What was NEWS2 scale 2 stays that: its limits have bounds of their own.
    """
    values = {**present.values(), **changes}
    if values != present.values() and present.profile != settings.PROFILE_SCALE_2:
        values |= {"profile": settings.PROFILE_NAMES.index(CUSTOM), "profile_version": 1}
    return _checked("these limits", present.spo2_curve, values)


def limit_in(text: str) -> tuple[str, int]:
    """Return the setting and its value for "KEY=VALUE", written as in a profile. Raises ProfileError."""
    key, _, value = text.partition("=")
    if key not in LIMITS:
        raise ProfileError(f"there is no limit {key!r}: {', '.join(LIMITS)}")
    try:
        found = LIMITS[key].setting_of(tomllib.loads(f"value = {value}", parse_float=Decimal).get("value"))
    except ValueError:
        found = None
    if found is None:
        raise ProfileError(f"{key} is {LIMITS[key].allowed}, not {value or 'nothing'}")
    return LIMITS[key].setting, found


def own_profile_of(present: Settings) -> Profile | None:
    """Return the one of Vigil's own profiles whose limits these are, all of them; None where there is none."""
    return next((profile for profile in map(load, NAMES) if profile.settings(present).pack() == present.pack()), None)


def _read(path: Path, name: str) -> Profile:
    """Read a profile; `name` is CUSTOM for anybody's own."""
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ProfileError(f"{path}: {error}") from None
    title, for_whom, notes = (_taken(path, found, key, str, "text", "") for key in ("title", "for_whom", "notes"))
    if not title:
        raise ProfileError(f"{path}: title is missing")
    version = _taken(path, found, "version", int, "a whole number from 1 to 255", 0)
    if not 1 <= version <= 255:
        raise ProfileError(f"{path}: version is a whole number from 1 to 255, not {version}")
    base = _base(path, _taken(path, found, "base", str, "the name of a profile", DEFAULT), name)
    limits = _taken(path, found, "limits", dict, "a table", {})
    sources = _taken(path, found, "sources", dict, "a table", {})
    for key in found:
        raise ProfileError(f"{path}: {key} is not a key that a profile has")
    values, known_sources = {}, {}
    if base:
        values = dict(base.values)
        known_sources = {key: source for key, source in base.sources.items() if key not in limits}
    for key, value in limits.items():
        limit = _known(path, "limits", key)
        values[limit.setting] = _value(path, limit, value)
    for key, source in sources.items():
        _known(path, "sources", key)
        if not isinstance(source, str) or not source.startswith(tuple(f"{tag}: " for tag in TAGS)):
            begins = ", ".join(f'"{tag}: "' for tag in TAGS)
            raise ProfileError(f"{path}: sources.{key} is text that begins with one of {begins}")
    device_name = NAMES.get(name, CUSTOM)
    if base and base.name == "scale-2":
        device_name = base.device_name
    profile = Profile(name, device_name, title, version, for_whom, notes, values, known_sources | sources)
    _checked(str(path), (), {"profile": settings.PROFILE_NAMES.index(device_name), **values})
    return profile


def _base(path: Path, named: str, name: str) -> Profile | None:
    if name == DEFAULT:
        return None
    if named not in NAMES:
        raise ProfileError(f"{path}: base is one of {', '.join(NAMES)}, not {named!r}")
    return load(named)


def _taken(path: Path, found: dict[str, Any], key: str, kind: type[_T], allowed: str, default: _T) -> _T:
    value = found.pop(key, default)
    if type(value) is not kind:
        raise ProfileError(f"{path}: {key} is {allowed}, not {value!r}")
    return value


def _known(path: Path, table: str, key: str) -> Limit:
    if key not in LIMITS:
        near = get_close_matches(key, LIMITS, 1)
        hint = f"did you mean {near[0]}?" if near else "`vigil alarms profiles adult` lists them"
        raise ProfileError(f"{path}: {table}.{key} is not a limit: {hint}")
    return LIMITS[key]


def _value(path: Path, limit: Limit, value: object) -> int:
    found = limit.setting_of(value)
    if found is None:
        said = str(value).lower() if isinstance(value, bool) else value if isinstance(value, Decimal) else repr(value)
        raise ProfileError(f"{path}: limits.{limit.key} is {limit.allowed}, not {said}")
    return found


def _checked(where: str, curve: "Points", values: Mapping[str, int]) -> Settings:
    """Settings of these values, or what is wrong with them together, in the words of a profile."""
    least = settings.SPO2_VERY_LOW_LEAST_DECI_PCT
    if values["spo2_very_low_deci_pct"] < least and values["profile"] != settings.PROFILE_SCALE_2:
        raise ProfileError(
            f'{where}: spo2_very_low_pct below {least // 10} is for those under NEWS2 scale 2 only: base = "scale-2"'
        )
    try:
        return Settings(curve, **values)
    except SettingsError as error:
        problem = str(error)
    for limit in LIMITS.values():
        problem = problem.replace(limit.setting, limit.key)
    raise ProfileError(f"{where}: {problem}")
