"""The bridge's own look at what devices say: the alarm engine of the firmware, over the readings that came here.

A device decides first. What its own engine should have raised and has not told, some seconds later, the bridge raises
itself; and where an alarm was acknowledged here, it tells when that must sound again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vigil_firmware.alarms import Alarms
from vigil_firmware.ticks import PERIOD
from vigil_firmware.vitals import Measurement, Vitals
from vigil_host.clock import Clock
from vigil_wire import conditions
from vigil_wire.advert import Content
from vigil_wire.settings import Settings

GRACE_S = 10.0
"""For so long a device may be behind: its on-delay began before what was heard first here, or an advert was missed."""
FRESH_S = 2.0

_JUDGED = (*conditions.PHYSIOLOGICAL, *conditions.RISING)
_UNHEARD = (conditions.RESPIRATION_LOW, conditions.RESPIRATION_HIGH, conditions.TEMPERATURE_CHANGE)
"""Of what contents say nothing, or nothing that lasts long enough to be judged by."""


@dataclass
class _Device:
    settings: Settings
    engine: Alarms
    vitals: Vitals = field(default_factory=Vitals)
    told_bits: int = 0
    came_s: float = float("-inf")
    is_new: bool = False
    missed_since_s: dict[str, float] = field(default_factory=dict)  # by condition that the device does not tell
    again: set[str] = field(default_factory=set)


class Recheck:
    """One engine for each device. `settings_of` gives the settings in force there, None while they are not known.

    A device whose record `is_elsewhere` misses nothing: its settings are never known here, and its own bridge looks.
    """

    def __init__(
        self,
        settings_of: Callable[[str], Settings | None],
        clock: Clock,
        is_elsewhere: Callable[[str], bool] = lambda _device_id: False,
    ) -> None:
        self._settings_of = settings_of
        self._is_elsewhere = is_elsewhere
        self._clock = clock
        self._devices: dict[str, _Device] = {}

    def hear(self, device_id: str, content: Content) -> None:
        """Take in what a device has just said."""
        device = self._device(device_id)
        device.told_bits = content.alarm_bits
        device.came_s = self._clock.monotonic()
        device.is_new = True
        vitals = device.vitals
        vitals.spo2_is_calibrated = len(device.settings.spo2_curve) > 0
        _put(vitals.pulse_rate, content.pulse_rate_deci_bpm, content.pulse_rate_status)
        _put(vitals.spo2, content.spo2_deci_pct, content.spo2_status)
        _put(vitals.temperature, content.temperature_centi_c, content.temperature_status)

    def step(self) -> None:
        """Judge one second; call it once a second. What was not heard anew is no evidence either way."""
        now_s = self._clock.monotonic()
        for device in self._devices.values():
            if device.is_new and now_s - device.came_s <= FRESH_S:
                device.engine.evaluate(device.vitals, _tick(now_s))
                self._compare(device, now_s)
            device.is_new = False

    def missed(self, device_id: str) -> dict[str, str]:
        """Conditions that hold by the readings, and that the device has had time to tell and has not: priorities."""
        device = self._devices.get(device_id)
        if device is None or self._is_elsewhere(device_id):
            return {}
        now_s = self._clock.monotonic()
        return {
            name: conditions.PRIORITY_NAMES[device.engine.priority_of(conditions.NAMES.index(name))]
            for name, since_s in device.missed_since_s.items()
            if now_s - since_s >= GRACE_S
        }

    def acknowledge(self, device_id: str, condition: str) -> None:
        """Note that somebody has acknowledged an alarm here."""
        if condition in conditions.NAMES:
            number = conditions.NAMES.index(condition)
            now_s = self._clock.monotonic()
            self._device(device_id).engine.acknowledge(number, conditions.BESIDE_WEARER, _tick(now_s))

    def sounding_again(self) -> Iterable[tuple[str, str]]:
        """Devices and conditions whose acknowledgement no longer holds, each told once."""
        for device_id, device in self._devices.items():
            while device.again:
                yield device_id, device.again.pop()

    def _device(self, device_id: str) -> _Device:
        settings = self._settings_of(device_id) or Settings()
        device = self._devices.get(device_id)
        if device is None:
            again: set[str] = set()

            def announce(number: int, event: int, _priority: int, _value: int, _onset_ms: int) -> None:
                if event in (conditions.SOUNDS_AGAIN, conditions.RISEN):
                    again.add(conditions.name_of(number))

            device = _Device(settings, Alarms(settings, announce), again=again)
            self._devices[device_id] = device
        elif device.settings.pack() != settings.pack():
            device.settings = settings
            device.engine.apply(settings)
        return device

    @staticmethod
    def _compare(device: _Device, now_s: float) -> None:
        for number in _JUDGED:
            name = conditions.NAMES[number]
            is_held = device.engine.bits >> number & 1 and number not in _UNHEARD
            if is_held and not device.told_bits >> number & 1:
                device.missed_since_s.setdefault(name, now_s)
            else:
                device.missed_since_s.pop(name, None)


def _put(measurement: Measurement, value: int | None, status: int) -> None:
    if value is None:
        measurement.withhold(status)
    else:
        measurement.publish(value, status)


def _tick(now_s: float) -> int:
    return int(now_s * 1000) % PERIOD
