"""What people do on the page: acknowledge, pause the sound, say that the sensor is off on purpose, set limits.

Each is a POST with a JSON body, which the guard lets through from Vigil's own page only (`vigil_host.web.access`). The
answer says at once what could not be done, also where the device cannot be reached; what a device made of it shows in
its records and in what it says next.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vigil_host import words
from vigil_host.alerts import Alerts
from vigil_host.delivery.delivery import Delivery
from vigil_host.delivery.outbox import SnoozeError
from vigil_host.devices import Devices, DevicesError, KnownDevice
from vigil_host.live import Live
from vigil_host.store import Alarm, Store, StoreError
from vigil_host.web import limits_form
from vigil_host.web.limits_form import LimitsRefused
from vigil_wire import conditions, link
from vigil_wire.settings import Settings, unpack_fields

MOST_BODY_BYTES = 8192
MOST_NAME_LENGTH = 64
STANDBY_MOST_MIN = 8 * 60

_KINDS = {str: "text", bool: "true or false", int: "a whole number", dict: "an object"}
_log = logging.getLogger(__name__)


class Hand(Protocol):
    """What of a bridge acts for the page (`vigil_host.bridge.Bridge`)."""

    async def acknowledge(self, alarm_id: int, by: str, is_beside: bool = False) -> bool:
        """Acknowledge an alarm; False where it is over or acknowledged already."""
        ...

    def send(self, device_id: str, message: bytes) -> bool:
        """Send a message to a device; False where there is no session with it."""
        ...


class Refused(Exception):
    """Something that is not done: the answer's status code, why, and what is wrong with which field."""

    def __init__(self, status_code: int, problem: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(problem)
        self.status_code = status_code
        self.fields = fields or {}


class Actions:
    """The routes by which the page acts through a bridge and on the devices file."""

    def __init__(
        self,
        hand: Hand,
        devices: Devices,
        store: Store,
        live: Live,
        alerts: Alerts,
        settings: Callable[[str], Settings | None],
        delivery: Delivery | None,
    ) -> None:
        """`settings`: from a device id to what is in force there, None: not known. `delivery` None: nobody is told."""
        self._delivery = delivery
        self._hand = hand
        self._devices = devices
        self._store = store
        self._live = live
        self._alerts = alerts
        self._settings = settings

    def routes(self) -> list[BaseRoute]:
        """All routes; the limits can be read, everything else is only done."""
        return [
            _post("/api/alarms/{alarm:int}/acknowledge", self.acknowledge),
            _post("/api/alarms/{alarm:int}/snooze", self.snooze),
            _post("/api/alarms/{alarm:int}/tell", self.tell),
            _post("/api/devices/{device}/pause", self.pause),
            _post("/api/devices/{device}/resume", self.resume),
            _post("/api/devices/{device}/standby", self.standby),
            _post("/api/devices/{device}/watch", self.watch),
            _post("/api/devices/{device}/try", self.try_signals),
            _post("/api/devices/{device}/limits", self.set_limits),
            Route("/api/devices/{device}/limits", _answered(self.limits)),
        ]

    async def acknowledge(self, request: Request) -> str:
        """Acknowledge one alarm: `by` a person, who `is_beside` the wearer or not."""
        asked = await _body(request, by=str, is_beside=bool)
        by = _name(asked)
        alarm = self._alarm(request)
        is_reached = self._is_connected(alarm.device_id)
        is_about_device = alarm.condition in conditions.NAMES
        if not await self._hand.acknowledge(alarm.id, by, asked["is_beside"]):
            # Who acknowledged it from afar has not silenced the device, which somebody beside it may do yet.
            if not (asked["is_beside"] and is_about_device):
                raise Refused(409, words.acknowledged_already(alarm.acknowledged_by))
            is_reached = self._hand.send(alarm.device_id, _acknowledgement(alarm))
        _log.info("%s: %s acknowledged by %s", alarm.device_id, alarm.condition, by)
        return words.acknowledged(is_about_device, asked["is_beside"], is_reached)

    async def snooze(self, request: Request) -> str:
        """Have nobody told of an alarm's condition for so many `minutes`; device and page sound all the same."""
        asked = await _body(request, by=str, minutes=int)
        by = _name(asked)
        alarm = self._alarm(request)
        if self._delivery is None or not self._delivery.people.persons:
            raise Refused(409, words.NOBODY_IS_TOLD)
        wearer = self._wearer(alarm.device_id)
        try:
            await self._delivery.snooze(wearer, alarm.condition, asked["minutes"] * 60, by)
        except SnoozeError as error:
            problem = f"{str(error)[:1].upper()}{str(error)[1:]}."
            raise Refused(400, problem, {"minutes": problem}) from None
        _log.info("%s: %s snoozed for %d min by %s", alarm.device_id, alarm.condition, asked["minutes"], by)
        return words.snoozed(words.alarm(alarm.condition).title, asked["minutes"])

    async def tell(self, request: Request) -> str:
        """End a snooze."""
        await _body(request)
        alarm = self._alarm(request)
        if self._delivery is not None:
            await self._delivery.end_snooze(self._wearer(alarm.device_id), alarm.condition)
        return words.SNOOZE_ENDED

    async def pause(self, request: Request) -> str:
        """Pause the device's sound; only somebody beside the wearer may."""
        return await self._command_beside(request, link.PAUSE_AUDIO, words.PAUSE_ASKED)

    async def resume(self, request: Request) -> str:
        """End a pause of the device's sound, which may be done from anywhere."""
        await _body(request)
        return self._send(self._device(request), link.RESUME_AUDIO, words.RESUME_ASKED)

    async def standby(self, request: Request) -> str:
        """Say that the sensor is off on purpose for so many `minutes`; not from afar while an alarm is on."""
        asked = await _body(request, by=str, is_beside=bool, minutes=int)
        by = _name(asked)
        device = self._device(request)
        if not 1 <= asked["minutes"] <= STANDBY_MOST_MIN:
            problem = f"It is 1 to {STANDBY_MOST_MIN} minutes: eight hours at most."
            raise Refused(400, problem, {"minutes": problem})
        if not asked["is_beside"] and any(self._forbids_standby(alarm, device) for alarm in self._alerts.active()):
            raise Refused(409, words.NOT_FROM_AFAR_IN_ALARM, {"is_beside": words.NOT_FROM_AFAR_IN_ALARM})
        where = conditions.BESIDE_WEARER if asked["is_beside"] else conditions.FROM_AFAR
        said = self._send(device, link.BEGIN_STANDBY, words.STANDBY_ASKED, where, asked["minutes"])
        _log.info("%s: standby for %d min, asked for by %s", device.id, asked["minutes"], by)
        return said

    async def watch(self, request: Request) -> str:
        """End standby, which may be done from anywhere."""
        await _body(request)
        return self._send(self._device(request), link.END_STANDBY, words.STANDBY_END_ASKED)

    async def try_signals(self, request: Request) -> str:
        """Have the device try every light and sound."""
        await _body(request)
        return self._send(self._device(request), link.TRY_SIGNALS, words.TRY_ASKED)

    async def limits(self, request: Request) -> dict[str, Any]:
        """What the editor of a device's limits shows."""
        device = self._device(request)
        present = self._wanted(device)
        stored = await run_in_threadpool(self._store.newest_settings, device.id)
        in_force = self._settings(device.id)
        is_waiting = in_force is None or in_force.pack_fields() != present.pack_fields()
        return limits_form.described(present, stored, is_waiting, device.settings_by)

    async def set_limits(self, request: Request) -> str:
        """Give a device a `profile`'s limits ("": those it has), with other ones in `limits`, as profiles name them."""
        asked = await _body(request, by=str, profile=str, limits=dict)
        by = _name(asked)
        device = self._device(request)
        try:
            wanted = limits_form.settings_of(self._wanted(device), asked["profile"] or None, asked["limits"])
        except LimitsRefused as error:
            raise Refused(400, str(error), error.fields) from None
        try:
            await run_in_threadpool(self._devices.want_settings, device.id, wanted, by)
        except DevicesError as error:
            raise Refused(400, f"Nothing was changed: {error}.", {"by": f"{error}."}) from None
        _log.info("%s: limits set by %s: %s", device.id, by, limits_form.profile_text(wanted))
        return words.LIMITS_ASKED

    async def _command_beside(self, request: Request, command: int, said: str) -> str:
        asked = await _body(request, by=str, is_beside=bool)
        by = _name(asked)
        device = self._device(request)
        if not asked["is_beside"]:
            raise Refused(403, words.NOT_BESIDE, {"is_beside": words.NOT_BESIDE})
        self._send(device, command, said)
        _log.info("%s: sound paused by %s", device.id, by)
        return said

    def _send(
        self,
        device: KnownDevice,
        command: int,
        said: str,
        where: int = conditions.BESIDE_WEARER,
        minutes: int = 0,
    ) -> str:
        if not self._hand.send(device.id, link.alarm_command(command, conditions.ALL, where, minutes)):
            raise Refused(409, words.NOT_REACHED)
        return said

    def _device(self, request: Request) -> KnownDevice:
        device_id = request.path_params["device"]
        for device in self._devices.list():
            if device.id == device_id:
                return device
        raise Refused(404, f"No device {device_id!r} is known.")

    def _wanted(self, device: KnownDevice) -> Settings:
        """What a device is to have, with the curve that it has."""
        in_force = self._settings(device.id)
        if device.settings is not None:
            return unpack_fields(device.settings, in_force.spo2_curve if in_force else ())
        if in_force is None:
            raise Refused(409, words.LIMITS_UNKNOWN)
        return in_force

    def _alarm(self, request: Request) -> Alarm:
        for alarm in self._alerts.active():
            if alarm.id == request.path_params["alarm"]:
                return alarm
        raise Refused(409, words.ALARM_IS_OVER)

    def _wearer(self, device_id: str) -> str:
        for device in self._devices.list():
            if device.id == device_id:
                return device.wearer
        raise Refused(404, f"No device {device_id!r} is known.")

    def _is_connected(self, device_id: str) -> bool:
        return any(view.device_id == device_id and view.connected for view in self._live.snapshot())

    @staticmethod
    def _forbids_standby(alarm: Alarm, device: KnownDevice) -> bool:
        """Whether the device would not begin it from afar during this alarm, as its engine has it."""
        if alarm.device_id != device.id or alarm.condition not in conditions.NAMES:
            return False
        return alarm.priority == "high" or conditions.NAMES.index(alarm.condition) in conditions.PHYSIOLOGICAL


def _acknowledgement(alarm: Alarm) -> bytes:
    number = conditions.NAMES.index(alarm.condition)
    return link.alarm_command(link.ACKNOWLEDGE, number, conditions.BESIDE_WEARER)


def _post(path: str, act: Callable[[Request], Awaitable[str]]) -> Route:
    async def said(request: Request) -> dict[str, Any]:
        return {"text": await act(request)}

    return Route(path, _answered(said), methods=["POST"])


def _answered(
    answer: Callable[[Request], Awaitable[dict[str, Any]]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            return JSONResponse(await answer(request))
        except Refused as error:
            return JSONResponse({"error": str(error), "fields": dict(error.fields)}, error.status_code)
        except StoreError as error:
            return JSONResponse({"error": f"It could not be stored: {error}", "fields": {}}, 503)

    return answered


async def _body(request: Request, **kinds: type) -> dict[str, Any]:
    """The JSON object of a request, which has these keys and no others, each of its kind."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "The body must be application/json.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise Refused(413, f"The body has more than {MOST_BODY_BYTES} bytes.")
    try:
        asked = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(asked, dict):
        raise Refused(400, "The body must be a JSON object.")
    for key in asked.keys() - kinds.keys():
        raise Refused(400, f"{key} is not a key that is known here.")
    for key, kind in kinds.items():
        if key not in asked:
            raise Refused(400, f"{key} is missing.", {key: "This is missing."})
        if type(asked[key]) is not kind:
            raise Refused(400, f"{key} must be {_KINDS[kind]}.", {key: f"This must be {_KINDS[kind]}."})
    return asked


def _name(asked: dict[str, Any]) -> str:
    by: str = asked["by"].strip()
    if not by or not by.isprintable() or len(by) > MOST_NAME_LENGTH:
        problem = f"Say who you are, in 1 to {MOST_NAME_LENGTH} letters."
        raise Refused(400, problem, {"by": problem})
    return by


def _no_number(constant: str) -> None:
    raise ValueError(constant)
