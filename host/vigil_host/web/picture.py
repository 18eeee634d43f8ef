"""What the page shows at this moment, as JSON: units in the key names, ages instead of instants, words beside codes."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from vigil_host.alerts import Alerts
from vigil_host.clock import Clock
from vigil_host.held import HELD_MOST_S
from vigil_host.live import STALE_AFTER_S, Live, LiveView
from vigil_host.store import Alarm
from vigil_host.web import words

Limits = Callable[[str], Mapping[str, float | None]]
"""From a device id to the limits in force there; a limit that is missing or None is not known.

It is called in the event loop, so it must not wait.
Names: spo2_low_pct, pulse_rate_low_bpm, pulse_rate_high_bpm, temperature_low_c, temperature_high_c; and
spo2_is_calibrated, which is 1 where the board has an SpO2 curve of its own.
"""

RECENT_MS = 24 * 3600 * 1000
MOST_RECENT = 20

_READINGS = {
    "spo2": "spo2_pct",
    "pulse_rate": "pulse_rate_bpm",
    "respiration": "respiration_per_min",
    "temperature": "temperature_c",
}


class Picture:
    """Puts together what is known now."""

    def __init__(self, live: Live, alerts: Alerts, limits: Limits, clock: Clock) -> None:
        self._live = live
        self._alerts = alerts
        self._limits = limits
        self._clock = clock

    def now(self) -> dict[str, Any]:
        """Every device with its measurements, and the alarms that are active."""
        now_utc_ms = self._clock.utc_ms()
        views = self._live.snapshot()
        wearers = {view.device_id: view.wearer_name for view in views}
        active = [self._alarm(alarm, now_utc_ms, wearers) for alarm in self._alerts.active()]
        return {
            "now_utc_ms": now_utc_ms,
            "stale_after_s": STALE_AFTER_S,
            "stale_text": words.STATUSES[words.STALE],
            "held_most_s": HELD_MOST_S,
            "devices": [self._device(view) for view in views],
            "active": active + _unlisted(views, active),
        }

    async def alarms(self) -> dict[str, Any]:
        """The alarms that are active, and those of the last day, newest first."""
        now = self.now()
        wearers = {view["device"]: view["wearer_name"] for view in now["devices"]}
        alarms = await run_in_threadpool(self._alerts.since, now["now_utc_ms"] - RECENT_MS)
        recent = [self._alarm(alarm, now["now_utc_ms"], wearers) for alarm in alarms]
        recent.reverse()
        return {"active": now["active"], "recent": recent[:MOST_RECENT]}

    def _device(self, view: LiveView) -> dict[str, Any]:
        limits = dict(self._limits(view.device_id))
        is_calibrated = bool(limits.pop("spo2_is_calibrated", None))
        shown: dict[str, Any] = {
            "device": view.device_id,
            "device_name": view.device_name,
            "wearer_name": view.wearer_name,
            "age_s": _rounded(view.age_s),
            "connected": view.connected,
            "link": view.link,
            "link_text": words.LINKS[view.link],
            "battery_pct": view.battery_pct,
            "quality": view.quality,
            "limits": limits,
            "spo2_is_calibrated": is_calibrated,
            "spo2_curve_text": words.spo2_curve(is_calibrated),
        }
        for signal, key in _READINGS.items():
            status = getattr(view, f"{signal}_status")
            shown |= {
                key: getattr(view, key),
                f"{signal}_status": status,
                f"{signal}_status_text": words.status(status),
                f"{signal}_age_s": _rounded(getattr(view, f"last_{signal}_age_s")),
                f"last_{key}": getattr(view, f"last_{key}"),
                f"held_{key}": getattr(view, f"held_{key}", None),  # what comes by record is never held
            }
        # The perfusion index comes from the pulse's signal, so it is as good and as old as that is.
        shown |= {
            "perfusion_index_pct": view.perfusion_index_pct,
            "perfusion_index_status": view.pulse_rate_status,
            "perfusion_index_status_text": words.status(view.pulse_rate_status),
            "perfusion_index_age_s": shown["age_s" if view.pulse_rate_bpm is None else "pulse_rate_age_s"],
            "last_perfusion_index_pct": None,
            "held_perfusion_index_pct": None,
        }
        return shown

    def _alarm(self, alarm: Alarm, now_utc_ms: int, wearers: Mapping[str, str]) -> dict[str, Any]:
        age_s = None if alarm.onset_utc_ms is None else max(0.0, (now_utc_ms - alarm.onset_utc_ms) / 1000)
        return {
            **_words(alarm.condition, alarm.priority),
            "device": alarm.device_id,
            "wearer_name": wearers.get(alarm.device_id, alarm.device_id),
            "source": alarm.source,
            "is_active": alarm.active,
            "onset_utc_ms": alarm.onset_utc_ms,
            "cleared_utc_ms": alarm.cleared_utc_ms,
            "onset_earliest_utc_ms": alarm.onset_earliest_utc_ms,
            "onset_latest_utc_ms": alarm.onset_latest_utc_ms,
            "cleared_earliest_utc_ms": alarm.cleared_earliest_utc_ms,
            "cleared_latest_utc_ms": alarm.cleared_latest_utc_ms,
            "age_s": age_s,
            "value": alarm.value,
        }


def _unlisted(views: list[LiveView], listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alarms that a device tells of now and the list has not yet: none of them is ever waited for."""
    known = {(alarm["device"], alarm["condition"]) for alarm in listed}
    return [
        {
            **_words(condition, words.priority(condition)),
            "device": view.device_id,
            "wearer_name": view.wearer_name,
            "source": "device",
            "is_active": True,
            "onset_utc_ms": None,
            "cleared_utc_ms": None,
            "onset_earliest_utc_ms": None,
            "onset_latest_utc_ms": None,
            "cleared_earliest_utc_ms": None,
            "cleared_latest_utc_ms": None,
            "age_s": None,
            "value": None,
        }
        for view in views
        if view.link != "silent"
        for condition in view.active
        if (view.device_id, condition) not in known
    ]


def _words(condition: str, priority: str) -> dict[str, Any]:
    said = words.alarm(condition)
    return {
        "condition": condition,
        "priority": priority,
        "priority_text": words.PRIORITIES.get(priority, priority),
        "title": said.title,
        "meaning": said.meaning,
        "signal": said.signal,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
