"""What the page shows at this moment, as JSON: units in the key names, ages instead of instants, words beside codes."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool

from vigil_host import words
from vigil_host.alerts import Alerts
from vigil_host.clock import Clock
from vigil_host.held import HELD_MOST_S
from vigil_host.live import STALE_AFTER_S, Live, LiveView
from vigil_host.rooms.primary import RoomView
from vigil_host.store import Alarm, Store
from vigil_host.store.history import AlarmEvent
from vigil_host.sub_scores import sub_scores
from vigil_wire import conditions
from vigil_wire.settings import CORE_SITES, PROFILE_ADULT, PROFILE_NAMES, PROFILE_SCALE_2, Settings

Limits = Callable[[str], Mapping[str, float | None]]
"""From a device id to the limits in force there; a limit that is missing or None is not known.

It is called in the event loop, so it must not wait.
Names: spo2_low_pct, pulse_rate_low_bpm, pulse_rate_high_bpm, temperature_low_c, temperature_high_c; and
spo2_is_calibrated, which is 1 where the board has an SpO2 curve of its own.
"""

RECENT_MS = 24 * 3600 * 1000
MOST_RECENT = 20
COOLED_C = 28.0
"""A thermometer on skin or finger that reads less is likely off too. Vigil's own choice: covered skin is warmer."""

STANDBY = "standby"

_COVERED_BY = {conditions.NAMES[number]: conditions.NAMES[worse] for number, worse in conditions.COVERED_BY.items()}
_OF_A_ROW = (
    "id",
    "onset_utc_ms",
    "cleared_utc_ms",
    "onset_earliest_utc_ms",
    "onset_latest_utc_ms",
    "cleared_earliest_utc_ms",
    "cleared_latest_utc_ms",
    "age_s",
    "value",
    "acknowledged_by",
    "acknowledged_utc_ms",
)

_READINGS = {
    "spo2": "spo2_pct",
    "pulse_rate": "pulse_rate_bpm",
    "respiration": "respiration_per_min",
    "temperature": "temperature_c",
}


class Picture:
    """Puts together what is known now."""

    def __init__(
        self,
        live: Live,
        alerts: Alerts,
        limits: Limits,
        clock: Clock,
        rooms: Callable[[], list[RoomView]] = list,
        settings: Callable[[str], Settings | None] = lambda _device: None,
        store: Store | None = None,
        emergency_number: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`settings` gives what is in force on a device; `store` what happened to alarms, None: that is left out."""
        self._settings = settings
        self._store = store
        self._emergency_number = emergency_number
        self._live = live
        self._alerts = alerts
        self._limits = limits
        self._clock = clock
        self._rooms = rooms

    def now(self) -> dict[str, Any]:
        """Every device with its measurements, the alarms that are active, and the rooms."""
        rooms = self._rooms()
        now_utc_ms = self._clock.utc_ms()
        views = self._live.snapshot()
        wearers = {view.device_id: view.wearer_name for view in views}
        active = [self._alarm(alarm, now_utc_ms, wearers) for alarm in self._alerts.active()]
        active += self._unlisted(views, active)
        return {
            "now_utc_ms": now_utc_ms,
            "stale_after_s": STALE_AFTER_S,
            "stale_text": words.STATUSES[words.STALE],
            "held_most_s": HELD_MOST_S,
            "devices": [self._device(view) for view in views],
            "active": _covered(active),
            "rooms": [asdict(room) | {"age_s": _rounded(room.age_s)} for room in rooms],
            "rooms_text": words.rooms([(room.name, room.connected) for room in rooms]),
        }

    async def live(self) -> dict[str, Any]:
        """What `now` gives, with who was told of what is active, by the alarm's id, and what is snoozed."""
        now = self.now()
        ids = [alarm["id"] for alarm in now["active"] if alarm["id"] is not None]
        told: dict[int, list[dict[str, Any]]] = {alarm_id: [] for alarm_id in ids}
        snoozes = []
        if self._store and ids:
            for each in await run_in_threadpool(self._store.told, ids):
                told[each.alarm_id].append(
                    {
                        "person": each.person,
                        "sent_utc_ms": each.sent_utc_ms,
                        "text": words.told(each.sent_utc_ms is not None, each.is_pending, each.has_failed),
                    }
                )
            snoozes = await run_in_threadpool(self._store.snoozes)
        return now | {"told": told, "snoozes": [asdict(snooze) for snooze in snoozes]}

    async def alarms(self) -> dict[str, Any]:
        """The alarms that are active, and those of the last day with their events, newest first; and what else was."""
        now = self.now()
        wearers = {view["device"]: view["wearer_name"] for view in now["devices"]}
        since_utc_ms = now["now_utc_ms"] - RECENT_MS
        alarms = await run_in_threadpool(self._alerts.since, since_utc_ms)
        events = await run_in_threadpool(self._store.alarm_events, since_utc_ms) if self._store else []
        recent = []
        for alarm in alarms[: -MOST_RECENT - 1 : -1]:
            of_alarm = [event for event in events if event.alarm_id == alarm.id]
            recent.append(
                self._alarm(alarm, now["now_utc_ms"], wearers) | {"events": _history(alarm, of_alarm)},
            )
        others = [
            _event(event) | {"device": event.device_id, "wearer_name": wearers.get(event.device_id, event.device_id)}
            for event in events
            if event.alarm_id is None
        ]
        others.reverse()
        return {"active": now["active"], "recent": recent, "other_events": others[:MOST_RECENT]}

    def _device(self, view: LiveView) -> dict[str, Any]:
        limits = dict(self._limits(view.device_id))
        is_calibrated = bool(limits.pop("spo2_is_calibrated", None))
        in_force = self._settings(view.device_id)
        shown: dict[str, Any] = {
            "device": view.device_id,
            "device_name": view.device_name,
            "wearer_name": view.wearer_name,
            "age_s": _rounded(view.age_s),
            "connected": view.connected,
            "link": view.link,
            "link_text": words.link(view.link, view.room),
            "room": view.room,
            "battery_pct": view.battery_pct,
            "last_battery_pct": view.last_battery_pct,
            "quality": view.quality,
            "movement": view.movement,
            "position": view.position,
            "activity_milli_g": view.activity_milli_g,
            "cadence_per_min": view.cadence_per_min,
            "movement_text": words.movement(view.movement, view.position, view.cadence_per_min),
            "limits": limits,
            "spo2_is_calibrated": is_calibrated,
            "spo2_curve_text": words.spo2_curve(is_calibrated),
            "news2_scale": 2 if in_force and in_force.profile == PROFILE_SCALE_2 else 1,
            "news2_scores": sub_scores(in_force, **{key: getattr(view, key) for key in _READINGS.values()}),
            "audio_paused_s": _rounded(view.audio_paused_s),
            "standby_s": _rounded(view.standby_s),
            "is_standby": view.standby_s is not None or STANDBY in (view.spo2_status, view.pulse_rate_status),
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
        acknowledged = alarm.acknowledged_utc_ms
        return {
            **self._words(alarm.condition, alarm.priority, alarm.device_id),
            "id": alarm.id,
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
            "acknowledged_by": alarm.acknowledged_by,
            "acknowledged_utc_ms": acknowledged,
            "is_latched": alarm.is_latched,
        }

    def _unlisted(self, views: list[LiveView], listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Alarms that a device tells of now and the list has not yet: none of them is ever waited for."""
        known = {(alarm["device"], alarm["condition"]) for alarm in listed}
        return [
            {
                **dict.fromkeys(_OF_A_ROW),
                **self._words(condition, words.priority(condition), view.device_id),
                "device": view.device_id,
                "wearer_name": view.wearer_name,
                "source": "device",
                "is_active": True,
                "is_latched": False,
            }
            for view in views
            if view.link != "silent"
            for condition in view.active
            if (view.device_id, condition) not in known
        ]

    def _has_cooled(self, device_id: str, in_force: Settings) -> bool:
        """Whether a thermometer on the wearer's skin is colder than skin that is covered; elsewhere it says nothing."""
        if in_force.temperature_site in CORE_SITES:
            return False
        view = next((view for view in self._live.snapshot() if view.device_id == device_id), None)
        return view is not None and view.temperature_c is not None and view.temperature_c < COOLED_C

    def _words(self, condition: str, priority: str, device_id: str) -> dict[str, Any]:
        in_force = self._settings(device_id)
        is_calibrated = bool(self._limits(device_id).get("spo2_is_calibrated"))
        profile = PROFILE_NAMES[in_force.profile] if in_force else PROFILE_NAMES[PROFILE_ADULT]
        has_cooled = in_force is not None and self._has_cooled(device_id, in_force)
        said = words.alarm(condition, profile, is_calibrated, self._emergency_number(), has_cooled)
        return {
            "condition": condition,
            "priority": priority,
            "priority_text": words.PRIORITIES.get(priority, priority),
            "title": said.title,
            "meaning": said.meaning,
            "advice": said.advice,
            "advice_source": said.advice_source,
            "signal": said.signal,
        }


def _covered(active: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each alarm with the condition of the worse one that speaks for it, `covered_by`; None where it stands alone."""
    present = {(alarm["device"], alarm["condition"]) for alarm in active}
    for alarm in active:
        worse = _COVERED_BY.get(alarm["condition"])
        alarm["covered_by"] = worse if (alarm["device"], worse) in present else None
    return active


def _history(alarm: Alarm, events: list[AlarmEvent]) -> list[dict[str, Any]]:
    """What happened to one alarm, oldest first. Who acknowledged it here is known by name only for the last time."""
    acknowledged = [index for index, event in enumerate(events) if event.event == "acknowledged"]
    named = {acknowledged[-1]: alarm.acknowledged_by} if acknowledged else {}
    found = [_event(event, named.get(index)) for index, event in enumerate(events)]
    if alarm.acknowledged_by is not None and not acknowledged:
        at = {"utc_ms": alarm.acknowledged_utc_ms, "earliest_utc_ms": None, "latest_utc_ms": None}
        found.append({**at, "text": words.event("acknowledged", None, alarm.acknowledged_by)})
    return found


def _event(event: AlarmEvent, by: str | None = None) -> dict[str, Any]:
    return {**event.place._asdict(), "text": words.event(event.event, event.value, by)}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
