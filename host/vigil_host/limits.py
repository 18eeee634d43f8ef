"""What is in force on each device, as its newest settings record says: alarm limits, and whose SpO2 curve."""

import asyncio

from vigil_firmware.alarm_signals import UNCALIBRATED_GUARD_DECI_PCT
from vigil_host.devices import Devices
from vigil_host.events import Events
from vigil_host.store import Store
from vigil_wire import records, settings
from vigil_wire.settings import Settings, SettingsError

# The page's name of a limit, the setting it is, and what the setting is divided by.
_LIMITS = {
    "spo2_low_pct": ("spo2_low_deci_pct", 10),
    "spo2_very_low_pct": ("spo2_very_low_deci_pct", 10),
    "pulse_rate_low_bpm": ("pulse_rate_low_deci_bpm", 10),
    "pulse_rate_very_low_bpm": ("pulse_rate_very_low_deci_bpm", 10),
    "pulse_rate_high_bpm": ("pulse_rate_high_deci_bpm", 10),
    "pulse_rate_very_high_bpm": ("pulse_rate_very_high_deci_bpm", 10),
    "temperature_low_c": ("temperature_low_centi_c", 100),
    "temperature_very_low_c": ("temperature_very_low_centi_c", 100),
    "temperature_high_c": ("temperature_high_centi_c", 100),
    "temperature_very_high_c": ("temperature_very_high_centi_c", 100),
    "respiration_low_per_min": ("respiration_low_deci_per_min", 10),
    "respiration_high_per_min": ("respiration_high_deci_per_min", 10),
}


class LimitsInForce:
    """Calling it with a device id gives that device's limits; an empty mapping until its settings are in the record.

    `spo2_is_calibrated` is among them: 1 for a curve of the board's own, 0 for the default.
    """

    def __init__(self, store: Store, devices: Devices, events: Events) -> None:
        self._store = store
        self._devices = devices
        self._events = events
        self._records: dict[str, bytes] = {}
        self._known: dict[str, dict[str, float | None]] = {}

    def __call__(self, device_id: str) -> dict[str, float | None]:
        return self._known.get(device_id, {})

    def settings(self, device_id: str) -> Settings | None:
        """Return the settings in force on a device, None where they are not known."""
        try:
            return settings_in(self._records[device_id])
        except (KeyError, SettingsError):
            return None

    async def run(self) -> None:
        """Follow the record for ever."""
        changes = self._events.subscribe()
        try:
            await self._read()
            async for kind in changes:
                if kind == "row":
                    await self._read()
        finally:
            changes.close()

    async def _read(self) -> None:
        for device in self._devices.list():
            data = await asyncio.to_thread(self._store.newest_record, device.id, records.SETTINGS)
            if data is not None:
                self._records[device.id] = data
                self._known[device.id] = limits_in(data)


def settings_in(record: bytes) -> Settings:
    """The settings in a settings record; SettingsError where another version of the firmware wrote it."""
    return settings.unpack(record[records.HEADER_LENGTH :][: settings.LENGTH])


def author_in(record: bytes) -> str:
    """Who asked for the settings in a settings record; "" where they are the program's own."""
    return record[records.HEADER_LENGTH + settings.LENGTH :].decode("utf-8", "replace")


def limits_in(record: bytes) -> dict[str, float | None]:
    """The limits in a settings record, for readings as they are shown; none where its version is not known.

    A limit that does not apply is None: on temperature at a site that does not stand for the body's core, and on
    respiration where that has no alarms. SpO2's have the guard of the default curve.
    """
    try:
        found = settings_in(record)
    except SettingsError:
        return {}
    limits: dict[str, float | None] = {
        name: getattr(found, setting) / divisor for name, (setting, divisor) in _LIMITS.items()
    }
    is_calibrated = len(found.spo2_curve) > 0
    for name in limits:
        if name.startswith("spo2_") and not is_calibrated:
            limits[name] = (getattr(found, _LIMITS[name][0]) + UNCALIBRATED_GUARD_DECI_PCT) / 10
        if name.startswith("temperature_") and found.temperature_site not in settings.CORE_SITES:
            limits[name] = None
        if name.startswith("respiration_") and not found.respiration_alarms:
            limits[name] = None
    return {**limits, "spo2_is_calibrated": float(is_calibrated)}
