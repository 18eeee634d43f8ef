"""What is in force on each device, as its newest settings record says: alarm limits, and whose SpO2 curve."""

import asyncio

from vigil_host.devices import Devices
from vigil_host.events import Events
from vigil_host.store import Store
from vigil_wire import records, settings
from vigil_wire.settings import SettingsError

# The page's name of a limit, the setting it is, and what the setting is divided by.
_LIMITS = {
    "spo2_low_pct": ("spo2_low_deci_pct", 10),
    "pulse_rate_low_bpm": ("pulse_rate_low_deci_bpm", 10),
    "pulse_rate_high_bpm": ("pulse_rate_high_deci_bpm", 10),
    "temperature_low_c": ("temperature_low_centi_c", 100),
    "temperature_high_c": ("temperature_high_centi_c", 100),
}


class LimitsInForce:
    """Calling it with a device id gives that device's limits; an empty mapping until its settings are in the record.

    `spo2_is_calibrated` is among them: 1 for a curve of the board's own, 0 for the default.
    """

    def __init__(self, store: Store, devices: Devices, events: Events) -> None:
        self._store = store
        self._devices = devices
        self._events = events
        self._known: dict[str, dict[str, float | None]] = {}

    def __call__(self, device_id: str) -> dict[str, float | None]:
        return self._known.get(device_id, {})

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
                self._known[device.id] = limits_in(data)


def limits_in(record: bytes) -> dict[str, float | None]:
    """The limits in a settings record; none where another version of the firmware wrote it."""
    try:
        found = settings.unpack(record[records.HEADER_LENGTH :])
    except SettingsError:
        return {}
    limits = {name: getattr(found, setting) / divisor for name, (setting, divisor) in _LIMITS.items()}
    return {**limits, "spo2_is_calibrated": float(len(found.spo2_curve) > 0)}
