"""What the page, messages and commands say: a plain sentence for every alarm, status and link, for a reader of twelve.

Every text of the page that depends on the state of a wearer or a device comes from here; the page itself has none of
its own. What can be translated is in `vigil_host.languages`.
"""

from vigil_host import languages
from vigil_host.languages import Alarm
from vigil_host.store import UntimedReadings
from vigil_host.store.alarms import BESIDE_WEARER, DEVICE_BUTTON, FROM_AFAR
from vigil_wire import conditions

_ACKNOWLEDGERS = {conditions.BESIDE_WEARER: BESIDE_WEARER, conditions.FROM_AFAR: FROM_AFAR}
_EVENTS = {
    "raised": "Began",
    "cleared": "Ended",
    "risen": "Became more urgent",
    "latched": "Over, but kept until acknowledged",
    "sounds_again": "Sounded again",
    "audio_resumed": "Sound no longer paused",
    "standby_ended": "Watched again",
}
_WORDS = languages.load(languages.of_this_machine())
STALE = "stale"
STATUSES = {name: _WORDS.status(name).short for name in _WORDS.statuses()}
PRIORITIES = _WORDS.names("priority")
LINKS = _WORDS.names("link")
LIMITS = _WORDS.names("limit")
LIMIT_GROUPS = _WORDS.names("limit_group")

NOT_REACHED = "The device cannot be reached now, so nothing was changed. Use the button on the device."
NOT_BESIDE = "Only somebody with the wearer can do that: from afar the device goes on sounding."
ALARM_IS_OVER = "This alarm is over, so there is nothing to acknowledge."
NOT_FROM_AFAR_IN_ALARM = (
    "An alarm is on: only somebody with the wearer can say that the sensor was taken off on purpose."
)
PAUSE_ASKED = "The device was asked to pause its sound."
RESUME_ASKED = "The device was asked to sound again."
STANDBY_ASKED = "The device was told that it is taken off on purpose."
STANDBY_END_ASKED = "The device was asked to watch again."
TRY_ASKED = "The device tries its lights and sounds now."
SNOOZE_ENDED = "People are told of it again."
NOBODY_IS_TOLD = "This bridge tells nobody, so there is nothing to snooze: `vigil people add` adds somebody."
LIMITS_ASKED = "Given to the device. They hold once it confirms them; until then the old ones hold."
LIMITS_UNKNOWN = "The limits on this device are not known yet: bring it near the bridge, then try again."


def acknowledged(is_about_device: bool, is_beside: bool, is_reached: bool) -> str:
    """What came of an acknowledgement, and what it did not do."""
    if not is_about_device:
        return "Acknowledged."
    if not is_beside:
        return "Acknowledged. The device goes on sounding until somebody there presses its button."
    if not is_reached:
        return "Acknowledged here. The device cannot be reached: press its button to silence it."
    return "Acknowledged. The device is told to be silent for this alarm."


def acknowledged_already(by: str | None) -> str:
    """Why an alarm cannot be acknowledged once more from afar."""
    return f"It was acknowledged already, by {by or 'somebody else'}."


def told(is_sent: bool, is_pending: bool, has_failed: bool) -> str:
    """How the telling of one person went, where a time alone does not say it."""
    if has_failed:
        return "newest message not sent" if is_sent else "not reached"
    return "" if is_sent else "being told" if is_pending else "not told"


def snoozed(title: str, minutes: int) -> str:
    """What came of a snooze."""
    return f"Nobody is told of \u201c{title}\u201d for {minutes} minutes, unless it gets more urgent."


def event(name: str, value: int | None, by: str | None = None) -> str:
    """One event in an alarm's history; `by`: who acknowledged it, where the bridge knows their name."""
    if name == "acknowledged":
        return f"Acknowledged by {by or _ACKNOWLEDGERS.get(value or 0, DEVICE_BUTTON)}"
    if name == "audio_paused" and value is not None:
        return f"Sound paused for {value} s"
    if name == "standby_begun" and value is not None:
        return f"Taken off on purpose, for {value} min at most"
    return _EVENTS.get(name) or name.replace("_", " ").capitalize()


def link(name: str, room: str | None) -> str:
    """How a device is heard, and in which room if it is by a room bridge."""
    return LINKS[name] if room is None or name == "silent" else f"{LINKS[name]} in {room}"


def rooms(connected: list[tuple[str, bool]]) -> str:
    """Which room bridges are connected, by name; nothing where there are none."""
    return ", ".join(f"{name}: {'connected' if is_connected else 'not connected'}" for name, is_connected in connected)


def spo2_curve(is_calibrated: bool) -> str:
    """How far SpO2 can be trusted by the curve it is read with."""
    return _WORDS.names("spo2_curve")["calibrated" if is_calibrated else "uncalibrated"]


def movement(name: str | None, position: str | None, cadence_per_min: int | None) -> str:
    """How the wearer lies and moves; nothing where nothing tells it. Who walks is upright, so that is not said."""
    if name is None:
        return ""
    positions, movements = _WORDS.names("position"), _WORDS.names("movement")
    parts = [movements[name]]
    if name == "walking" and cadence_per_min is not None:
        parts.append(movements["cadence"].replace("{per_min}", str(cadence_per_min)))
    elif position in positions:
        parts.insert(0, positions[position])
    text = ", ".join(parts)
    return text[0].upper() + text[1:]


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
    condition: str,
    profile: str = "adult",
    is_calibrated: bool = False,
    emergency_number: str | None = None,
    has_cooled: bool = False,
) -> Alarm:
    """The words for `condition`; one this program does not know is still shown, never hidden."""
    return _WORDS.alarm(
        condition,
        profile=profile,
        is_calibrated=is_calibrated,
        emergency_number=emergency_number,
        has_cooled=has_cooled,
    )


def priority(condition: str) -> str:
    """The device's priority of `condition`; medium for one this program does not know."""
    if condition in conditions.NAMES:
        return conditions.PRIORITY_NAMES[conditions.PRIORITIES[conditions.NAMES.index(condition)]]
    return "medium"


def status(name: str) -> str:
    """The words for a measurement's status."""
    return _WORDS.status(name).short
