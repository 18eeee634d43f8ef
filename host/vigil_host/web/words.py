"""What the page says: one plain sentence for every alarm, status and link, for a reader of twelve.

Every text of the page that depends on the state of a wearer or a device comes from here; the page itself has none of
its own. What can be translated is in `vigil_host.languages`.
"""

from vigil_host import languages
from vigil_host.languages import Alarm
from vigil_host.store import UntimedReadings
from vigil_wire import conditions

_WORDS = languages.load(languages.of_this_machine())
STALE = "stale"
STATUSES = {name: _WORDS.status(name).short for name in _WORDS.statuses()}
PRIORITIES = _WORDS.names("priority")
LINKS = _WORDS.names("link")


def link(name: str, room: str | None) -> str:
    """How a device is heard, and in which room if it is by a room bridge."""
    return LINKS[name] if room is None or name == "silent" else f"{LINKS[name]} in {room}"


def rooms(connected: list[tuple[str, bool]]) -> str:
    """Which room bridges are connected, by name; nothing where there are none."""
    return ", ".join(f"{name}: {'connected' if is_connected else 'not connected'}" for name, is_connected in connected)


def spo2_curve(is_calibrated: bool) -> str:
    """How far SpO2 can be trusted by the curve it is read with."""
    return _WORDS.names("spo2_curve")["calibrated" if is_calibrated else "uncalibrated"]


def gap(count: int | None, reason: str) -> str:
    """What is not in the record, and why."""
    if count is None:
        return f"records {reason}: nobody knows how many, if any"
    return f"{count} {'record' if count == 1 else 'records'} {reason}"


def time(at: str | None, earliest: str | None, latest: str | None) -> str:
    """When something was: `at`, or where that is not known, its bounds as far as they are."""
    if at is not None:
        return at
    if earliest is not None and latest is not None:
        return f"time between {earliest} and {latest}"
    if earliest is not None:
        return f"time after {earliest}"
    return "time unknown" if latest is None else f"time before {latest}"


def untimed(readings: UntimedReadings) -> str:
    """What a boot without a time holds, so that nobody has to miss what it is about."""
    parts = [f"{readings.readings} {'reading' if readings.readings == 1 else 'readings'}"]
    if readings.spo2_min_pct is not None:
        parts.append(f"oxygen {readings.spo2_min_pct:.1f} to {readings.spo2_max_pct:.1f} %")
    if readings.pulse_rate_min_bpm is not None:
        parts.append(f"pulse {readings.pulse_rate_min_bpm:.1f} to {readings.pulse_rate_max_bpm:.1f} bpm")
    return ", ".join(parts)


def alarm(
    condition: str, profile: str = "adult", is_calibrated: bool = False, emergency_number: str | None = None
) -> Alarm:
    """The words for `condition`; one this program does not know is still shown, never hidden."""
    return _WORDS.alarm(
        condition, profile=profile, is_calibrated=is_calibrated, emergency_number=emergency_number, has_cooled=False
    )


def priority(condition: str) -> str:
    """The device's priority of `condition`; medium for one this program does not know."""
    if condition in conditions.NAMES:
        return conditions.PRIORITY_NAMES[conditions.PRIORITIES[conditions.NAMES.index(condition)]]
    return "medium"


def status(name: str) -> str:
    """The words for a measurement's status."""
    return _WORDS.status(name).short
