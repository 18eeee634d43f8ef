"""What every device last said, in memory only: adverts and live frames are never part of the record.

Respiration comes by record, so it is live for as long as the next record may take, by the record's own time. How the
wearer moves and lies comes with each live message, and while there is no link by record too.

A value is shown as live for five seconds after the device said it; later the status is `stale` and the value is only
what it last was. Silence (`vigil_host.silence`) is a state of its own, never a good reading. While only the signal's
quality is lost, a display may show the last reading as held (`vigil_host.held`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from vigil_host import held
from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.silence import Silence
from vigil_host.store.queries import TrendRow, movement_names, status_name
from vigil_wire import conditions, statuses
from vigil_wire.advert import Content
from vigil_wire.link import AlarmState, Movement

STALE_AFTER_S = 5.0
NO_RECORD = "no_record"
"""Status of what travels by record while no record is new enough."""

Source = Literal["advert", "link"]


_WITH_VALUE = [name for status, name in enumerate(statuses.NAMES) if statuses.has_value(status)]


@dataclass(frozen=True)
class LiveView:
    """A device at this moment. A reading is None unless it is live and valid; its status says why.

    `age_s` is the time since the device was last heard (None: never), `link` how it is heard. `last_*` is the last
    reading there was and its age; `held_*` is that reading where a display may still show it, marked as held.
    `quality` (0-100) is that of the pulse and SpO2; None where there is no pulse or no record link, which tells it.
    `movement` (still, moving, walking) and `position` (lying, upright, unknown) are None where nothing tells them;
    `activity_milli_g` and `cadence_per_min` are told over the link only, the latter while the wearer walks.
    `active` names the alarm conditions in what was last heard. `room` is where a room bridge hears it; None: here.
    `audio_paused_s` and `standby_s`: for how long the device's sound is paused, and its sensor off on purpose, yet;
    None: it is not so, or, where there is no record link to tell it, not known.
    """

    device_id: str
    device_name: str
    wearer_name: str
    age_s: float | None
    connected: bool
    link: Literal["connected", "adverts", "silent"]
    room: str | None
    rssi_dbm: int | None
    pulse_rate_bpm: float | None
    pulse_rate_status: str
    last_pulse_rate_bpm: float | None
    last_pulse_rate_age_s: float | None
    held_pulse_rate_bpm: float | None
    spo2_pct: float | None
    spo2_status: str
    last_spo2_pct: float | None
    last_spo2_age_s: float | None
    held_spo2_pct: float | None
    temperature_c: float | None
    temperature_status: str
    last_temperature_c: float | None
    last_temperature_age_s: float | None
    held_temperature_c: float | None
    perfusion_index_pct: float | None
    quality: int | None
    respiration_per_min: float | None
    respiration_status: str
    last_respiration_per_min: float | None
    last_respiration_age_s: float | None
    movement: str | None
    position: str | None
    activity_milli_g: int | None
    cadence_per_min: int | None
    battery_pct: float | None
    last_battery_pct: float | None
    active: list[str]
    audio_paused_s: float | None
    standby_s: float | None


@dataclass
class _Reading:
    """The last reading of one signal, when it was heard, and whether nothing since forbids to hold it."""

    value: float | None = None
    heard_s: float = 0.0
    holds: bool = False


@dataclass
class _State:
    content: Content | None = None
    content_s: float = 0.0
    heard_s: float | None = None
    room: str | None = None
    rssi_dbm: int | None = None
    connected: bool = False
    quality: int | None = None
    quality_s: float = 0.0
    movement: Movement | None = None
    movement_s: float = 0.0
    pulse_rate: _Reading = field(default_factory=_Reading)
    spo2: _Reading = field(default_factory=_Reading)
    temperature: _Reading = field(default_factory=_Reading)
    respiration: _Reading = field(default_factory=_Reading)
    battery_pct: float | None = None
    audio_paused_until_s: float = 0.0
    standby_until_s: float = 0.0
    record: TrendRow | None = None  # the newest whose time is known
    record_until_s: float = 0.0
    silence: Silence = field(default_factory=Silence)


class Live:
    """The newest state of every known device."""

    def __init__(self, devices: Callable[[], Iterable[KnownDevice]], clock: Clock) -> None:
        self._devices = devices
        self._clock = clock
        self._started_s = clock.monotonic()
        self._states: dict[str, _State] = {}

    def update(
        self,
        device_id: str,
        content: Content,
        source: Source,
        rssi_dbm: int | None = None,
        quality: int | None = None,
        room: str | None = None,
        movement: Movement | None = None,
    ) -> None:
        """Take in what a device has just said, by advert or, with the `quality` of its signal, over the link.

        `movement` is how the wearer moves, where the device tells it.
        """
        now = self._clock.monotonic()
        state = self._state(device_id)
        gap_s = now - state.content_s
        if quality is not None:
            state.quality = quality
            state.quality_s = now
            state.movement = movement
            state.movement_s = now
        state.content = content
        state.content_s = state.heard_s = now
        if content.battery_pct is not None:
            state.battery_pct = content.battery_pct
        if source == "link" or not state.connected:
            state.room = room
        if source == "advert":
            state.rssi_dbm = rssi_dbm
            state.silence.advert(now)
        else:
            state.silence.spoke()
        for reading, value, status in (
            (state.pulse_rate, _pulse_rate(content), content.pulse_rate_status),
            (state.spo2, _spo2(content), content.spo2_status),
            (state.temperature, _temperature(content), content.temperature_status),
        ):
            if value is not None:
                reading.value = value
                reading.heard_s = now
                reading.holds = True
            elif not held.goes_on(status, gap_s):
                reading.holds = False

    def update_record(self, row: TrendRow) -> None:
        """Take in what travels by record, unless a later one is here or nobody knows when it was written."""
        state = self._state(row.device_id)
        if row.utc_ms is None or (state.record is not None and row.utc_ms < (state.record.utc_ms or 0)):
            return
        written_s = self._clock.monotonic() - max(0.0, (self._clock.utc_ms() - row.utc_ms) / 1000)
        state.record = row
        state.record_until_s = written_s + 2 * row.seconds + STALE_AFTER_S
        value = _respiration(row)
        if value is not None:
            state.respiration.value = value
            state.respiration.heard_s = written_s

    def update_alarm_state(self, device_id: str, alarms: AlarmState) -> None:
        """Take in what the device says of its alarms over the link."""
        now = self._clock.monotonic()
        state = self._state(device_id)
        state.heard_s = now
        state.audio_paused_until_s = now + alarms.audio_paused_s
        state.standby_until_s = now + alarms.standby_min * 60

    def heard(self, device_id: str) -> None:
        """Note that the device has said something, if only a record: it is not silent."""
        self._state(device_id).heard_s = self._clock.monotonic()

    def set_connected(self, device_id: str, connected: bool) -> None:
        """Note that the record link to the device is up or down."""
        state = self._state(device_id)
        state.connected = connected
        if not connected:
            state.silence.link_ended()

    def silence_s(self, device_id: str) -> float:
        """Return how long the device has not been heard; one never heard, since this object was made."""
        heard_s = self._state(device_id).heard_s
        return self._clock.monotonic() - (self._started_s if heard_s is None else heard_s)

    def is_silent(self, device_id: str) -> bool:
        """Whether the device has not been heard for longer than it is usual for it here."""
        return self.silence_s(device_id) >= self._state(device_id).silence.allowed_s

    def snapshot(self) -> list[LiveView]:
        """Return every known device as it is now."""
        return [self._view(device) for device in self._devices()]

    def _state(self, device_id: str) -> _State:
        return self._states.setdefault(device_id, _State())

    def _view(self, device: KnownDevice) -> LiveView:
        now = self._clock.monotonic()
        state = self._state(device.id)
        content = state.content if now - state.content_s < STALE_AFTER_S else None
        is_silent = state.heard_s is None or self.is_silent(device.id)
        perfusion = content.perfusion_deci_pct if content else None
        record = state.record if not is_silent and now < state.record_until_s else None
        told = state.movement if now - state.movement_s < STALE_AFTER_S else None
        movement, position = _movement(told, record)
        return LiveView(
            device_id=device.id,
            device_name=device.name,
            wearer_name=device.wearer,
            age_s=None if state.heard_s is None else now - state.heard_s,
            connected=state.connected,
            link="silent" if is_silent else "connected" if state.connected else "adverts",
            room=state.room,
            rssi_dbm=state.rssi_dbm,
            pulse_rate_bpm=_pulse_rate(content) if content else None,
            pulse_rate_status=status_name(content.pulse_rate_status) if content else "stale",
            last_pulse_rate_bpm=state.pulse_rate.value,
            last_pulse_rate_age_s=_age(state.pulse_rate, now),
            held_pulse_rate_bpm=_held(state.pulse_rate, content.pulse_rate_status if content else None, now),
            spo2_pct=_spo2(content) if content else None,
            spo2_status=status_name(content.spo2_status) if content else "stale",
            last_spo2_pct=state.spo2.value,
            last_spo2_age_s=_age(state.spo2, now),
            held_spo2_pct=_held(state.spo2, content.spo2_status if content else None, now),
            temperature_c=_temperature(content) if content else None,
            temperature_status=status_name(content.temperature_status) if content else "stale",
            last_temperature_c=state.temperature.value,
            last_temperature_age_s=_age(state.temperature, now),
            held_temperature_c=_held(state.temperature, content.temperature_status if content else None, now),
            perfusion_index_pct=None if perfusion is None else perfusion / 10,
            quality=_quality(state, content, now),
            respiration_per_min=_respiration(record) if record else None,
            respiration_status=record.respiration_status if record else NO_RECORD,
            last_respiration_per_min=state.respiration.value,
            last_respiration_age_s=_age(state.respiration, now),
            movement=movement,
            position=position,
            activity_milli_g=told.activity_milli_g if told else None,
            cadence_per_min=told.cadence_per_min if told else None,
            battery_pct=content.battery_pct if content else None,
            last_battery_pct=state.battery_pct,
            active=conditions.names_of(state.content.alarm_bits) if state.content else [],
            audio_paused_s=_left(state.audio_paused_until_s, now) if state.connected else None,
            standby_s=_left(state.standby_until_s, now) if state.connected else None,
        )


def _pulse_rate(content: Content) -> float | None:
    return _reading(content.pulse_rate_deci_bpm, content.pulse_rate_status, 10)


def _spo2(content: Content) -> float | None:
    return _reading(content.spo2_deci_pct, content.spo2_status, 10)


def _temperature(content: Content) -> float | None:
    return _reading(content.temperature_centi_c, content.temperature_status, 100)


def _respiration(row: TrendRow) -> float | None:
    return row.respiration_per_min if row.respiration_status in _WITH_VALUE else None


def _movement(told: Movement | None, record: TrendRow | None) -> tuple[str | None, str | None]:
    """How the wearer moves and lies: what was said last over the link, else by the newest record."""
    if told:
        return movement_names(told.position, told.movement)
    return (record.movement, record.position) if record else (None, None)


def _reading(value: int | None, status: int, divisor: int) -> float | None:
    """A number that may be shown, or None: a status without a reading outweighs any number."""
    return value / divisor if value is not None and statuses.has_value(status) else None


def _quality(state: _State, content: Content | None, now: float) -> int | None:
    """The quality that came with the pulse; adverts have no room for it."""
    is_current = now - state.quality_s < STALE_AFTER_S
    return state.quality if is_current and content and _pulse_rate(content) is not None else None


def _held(reading: _Reading, status: int | None, now: float) -> float | None:
    """The last reading where a display may still show it; `status` is None where the device is not heard."""
    is_held = reading.holds and status is not None and held.may_show(status, now - reading.heard_s)
    return reading.value if is_held else None


def _left(until_s: float, now: float) -> float | None:
    return until_s - now if until_s > now else None


def _age(reading: _Reading, now: float) -> float | None:
    return None if reading.value is None else now - reading.heard_s
