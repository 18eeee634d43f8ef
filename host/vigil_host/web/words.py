"""What the page says: one plain sentence for every alarm, status and link, for a reader of twelve.

Every text of the page that depends on the state of a wearer or a device is here; the page itself has none of its own.
"""

from dataclasses import dataclass

from vigil_host.alerts import DEVICE_SILENT, RADIO_DEAF
from vigil_host.live import NO_RECORD
from vigil_host.store import UntimedReadings
from vigil_wire import conditions


@dataclass(frozen=True)
class Alarm:
    """What an alarm is called, what it means, and which measurement it is about (None: about the equipment)."""

    title: str
    meaning: str
    signal: str | None = None


ALARMS = {
    "spo2_low": Alarm("Low oxygen", "There is less oxygen in the blood than the limit allows.", "spo2"),
    "pulse_rate_low": Alarm("Slow pulse", "The heart beats more slowly than the limit allows.", "pulse_rate"),
    "pulse_rate_high": Alarm("Fast pulse", "The heart beats faster than the limit allows.", "pulse_rate"),
    "temperature_low": Alarm("Low temperature", "The body is colder than the limit allows.", "temperature"),
    "temperature_high": Alarm("High temperature", "The body is warmer than the limit allows.", "temperature"),
    "sensor_off": Alarm("Sensor is off", "The sensor is not on the skin, so nothing is measured."),
    "no_reading": Alarm("No reading", "The sensor is on but cannot read, so oxygen and pulse are not watched."),
    "sensor_fault": Alarm("Sensor fault", "A sensor in the device has failed, so its readings are missing."),
    DEVICE_SILENT: Alarm("Device is silent", "Nothing is heard from the device, so its wearer is not watched."),
    "delivery_failing": Alarm("Nobody could be reached", "No message about an alarm has been taken by any service."),
    "bridge_restarted": Alarm("Bridge restarted", "The bridge was not running for a while, and runs again."),
    "clock_wrong": Alarm("Clock is wrong", "The bridge's clock has jumped or is behind, so times may be wrong."),
    "link_stale": Alarm("No record comes", "The device is heard but not met, so its record does not come."),
    RADIO_DEAF: Alarm("Bridge hears nothing", "The bridge's Bluetooth hears nothing at all: restart its computer."),
}

PRIORITIES = {"high": "High priority", "medium": "Medium priority", "low": "Low priority"}

STALE = "stale"

STATUSES = {
    "unavailable": "No sensor for this",
    "validated": "Clear signal",
    "early_estimate": "Still settling, may change",
    "questionable": "Uncertain, weak signal",
    "acquiring": "Measuring, no reading yet",
    "sensor_off": "Sensor is off the skin",
    "low_perfusion": "Too little blood flow at the sensor",
    "poor_signal": "Signal too noisy, keep still",
    "erratic": "Signal jumps too much to read",
    "out_of_range": "Outside what the sensor can measure",
    "sensor_fault": "Sensor fault",
    STALE: "Device not heard",
    NO_RECORD: "No new record from the device",
}

LINKS = {
    "connected": "Connected",
    "adverts": "Heard by broadcast",
    "silent": "Not heard",
}


def link(name: str, room: str | None) -> str:
    """How a device is heard, and in which room if it is by a room bridge."""
    return LINKS[name] if room is None or name == "silent" else f"{LINKS[name]} in {room}"


def rooms(connected: list[tuple[str, bool]]) -> str:
    """Which room bridges are connected, by name; nothing where there are none."""
    return ", ".join(f"{name}: {'connected' if is_connected else 'not connected'}" for name, is_connected in connected)


UNCALIBRATED = "Not calibrated: ±4 points or worse"
CALIBRATED = "Calibrated for this sensor"


def spo2_curve(is_calibrated: bool) -> str:
    """How far SpO2 can be trusted by the curve it is read with."""
    return CALIBRATED if is_calibrated else UNCALIBRATED


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


def alarm(condition: str) -> Alarm:
    """The words for `condition`; one this program does not know is still shown, never hidden."""
    known = ALARMS.get(condition)
    if known:
        return known
    name = condition.replace("_", " ").capitalize()
    return Alarm(name, "This page does not know this alarm: look at the device.")


def priority(condition: str) -> str:
    """The device's priority of `condition`; medium for one this program does not know."""
    if condition in conditions.NAMES:
        return conditions.PRIORITY_NAMES[conditions.PRIORITIES[conditions.NAMES.index(condition)]]
    return "medium"


def status(name: str) -> str:
    """The words for a measurement's status."""
    return STATUSES.get(name) or f"No reading ({name.replace('_', ' ')})"
