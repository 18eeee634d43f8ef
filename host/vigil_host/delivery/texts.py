"""What a message says: who, what, how much, since when, and what to do now. It never diagnoses."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from vigil_host import words
from vigil_host.store.queries import Alarm
from vigil_wire import conditions

_UNITS = {
    "spo2": "%",
    "spo2_fall": "%",
    "pulse_rate": "bpm",
    "temperature": "°C",
    "respiration": "breaths per minute",
}
_SIGNALS = {name: kind.signal for name, kind in zip(conditions.NAMES, conditions.TABLE, strict=True)}


def when(utc_ms: int) -> str:
    """An instant as this machine's clock on the wall had it, with its date."""
    return datetime.fromtimestamp(utc_ms / 1000).strftime("%d %b %H:%M")


def of_alarm(
    alarm: Alarm, wearer: str, is_calibrated: bool, profile: str, emergency_number: str | None
) -> tuple[str, str]:
    """Title and text of an alarm that is active; `profile`: of settings.PROFILE_NAMES, whose advice is given."""
    said = words.alarm(alarm.condition, profile, is_calibrated, emergency_number)
    title = f"{alarm.priority.upper()}: {said.title}, {wearer}"
    since = _since(alarm)
    parts = [f"{wearer}: {said.title}{_value(alarm, is_calibrated)}{since}.", said.meaning]
    parts.append(f"Do now: {said.advice}" + (f" ({said.advice_source})" if said.advice_source else ""))
    return title, " ".join(parts)


def all_clear(alarm: Alarm, wearer: str, active: Sequence[Alarm]) -> tuple[str, str]:
    """Title and text for those who were told of an alarm that is over; `active` is what else is active."""
    title = f"Over: {words.alarm(alarm.condition).title}, {wearer}"
    return title, f"{_span(alarm, wearer)} It is over.{_still(active)}"


def unreached(alarm: Alarm, wearer: str, active: Sequence[Alarm]) -> tuple[str, str]:
    """Title and text for those whom no message of an alarm reached before it was over."""
    title = f"For information: {words.alarm(alarm.condition).title}, {wearer}"
    return (
        title,
        f"{_span(alarm, wearer)} A message of it may not have reached you in time. It is over.{_still(active)}",
    )


def late(alarms: Sequence[Alarm], wearer: str, active: Sequence[Alarm]) -> tuple[str, str]:
    """Title and text of alarms that were over already when the bridge learnt of them."""
    parts = []
    for condition, count in Counter(alarm.condition for alarm in alarms).items():
        newest = [alarm for alarm in alarms if alarm.condition == condition][-1]
        times = "" if count == 1 else f" {count} times, the last"
        parts.append(f"{words.alarm(condition).title}{times}{_since(newest)}{_until(newest)}")
    title = f"For information: alarms that are over, {wearer}"
    return title, f"{wearer} had: {'; '.join(parts)}. The bridge learnt of it when it was over.{_still(active)}"


def drill(person: str, can_answer: bool = False) -> tuple[str, str]:
    """Title and text of a test, which nobody must take for an alarm; `can_answer`: it asks for an answer."""
    ask = " Please answer it, to show that your answer comes back." if can_answer else ""
    return (
        "TEST: Vigil alarm drill",
        f"TEST. This is a drill for {person}: no alarm, nothing to do. Vigil can reach you.{ask}",
    )


def bridge_gone(after_min: int) -> tuple[str, str]:
    """Title and text of the message that goes out where the bridge no longer puts it off."""
    return (
        "HIGH: Vigil is silent",
        f"The bridge has not been heard for {after_min} minutes: no power, no network, or it stopped. "
        "Nobody is told of alarms now. Look after its wearers, then see to the bridge.",
    )


def _span(alarm: Alarm, wearer: str) -> str:
    return f"{wearer} had: {words.alarm(alarm.condition).title}{_since(alarm)}{_until(alarm)}."


def _since(alarm: Alarm) -> str:
    return "" if alarm.onset_utc_ms is None else f" since {when(alarm.onset_utc_ms)}"


def _until(alarm: Alarm) -> str:
    return "" if alarm.cleared_utc_ms is None else f" until {when(alarm.cleared_utc_ms)}"


def _still(active: Sequence[Alarm]) -> str:
    names = dict.fromkeys(words.alarm(alarm.condition).title for alarm in active)
    return f" Still active: {', '.join(names)}." if names else ""


def _value(alarm: Alarm, is_calibrated: bool) -> str:
    signal = _SIGNALS.get(alarm.condition, "")
    if alarm.value is None or signal not in _UNITS:
        return ""
    is_oxygen = signal in ("spo2", "spo2_fall")
    return f", {alarm.value:g} {_UNITS[signal]}" + (" (uncalibrated, ±4)" if is_oxygen and not is_calibrated else "")
