"""The Bluetooth SIG's services that phones and gateways understand.

They are: pulse oximeter, thermometer, heart rate, battery and device information.

They carry vital signs in clear, so what they may tell whom is the owner's choice (settings.standard_services): nobody
(`off`), encrypted and authenticated connections (`bonded`), or everybody (`open`).
"""

from vigil_firmware import VERSION
from vigil_wire import battery, health_thermometer, heart_rate, plx
from vigil_wire.settings import SERVICES_OFF, SERVICES_OPEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vigil_firmware.monitor import Monitor
    from vigil_firmware.vitals import Measurement
    from vigil_hal.seams import BLE, BluetoothModule
    from vigil_wire.settings import Settings

_READ = 0x0002
_NOTIFY = 0x0010
_INDICATE = 0x0020
_READ_AUTHENTICATED = 0x0400

_DEVICE_INFORMATION = 0x180A
_MANUFACTURER_NAME = 0x2A29
_MODEL_NUMBER = 0x2A24
_FIRMWARE_REVISION = 0x2A26

_TEMPERATURE_EVERY_S = 5


class StandardServices:
    """The services' definitions, their handles once registered, and what they send each second."""

    def __init__(self, monitor: "Monitor", settings: "Settings") -> None:
        self._monitor = monitor
        self._settings = settings
        self.is_open = settings.standard_services == SERVICES_OPEN
        self._plx = bytearray(plx.MAX_LENGTH)
        self._temperature = bytearray(health_thermometer.MAX_LENGTH)
        self._heart_rate = bytearray(heart_rate.MAX_LENGTH)

    def definitions(self, bluetooth: "BluetoothModule") -> "list[Any]":
        """What to register, in the order of importance: a table may be too small for all."""
        if self._settings.standard_services == SERVICES_OFF:
            return []
        uuid = bluetooth.UUID
        read = _READ if self.is_open else _READ | _READ_AUTHENTICATED
        services: list[Any] = [
            (
                uuid(plx.SERVICE_UUID),
                ((uuid(plx.CONTINUOUS_UUID), _NOTIFY), (uuid(plx.FEATURES_UUID), read)),
            ),
            (
                uuid(health_thermometer.SERVICE_UUID),
                ((uuid(health_thermometer.MEASUREMENT_UUID), _INDICATE), (uuid(health_thermometer.TYPE_UUID), read)),
            ),
            (
                uuid(heart_rate.SERVICE_UUID),
                ((uuid(heart_rate.MEASUREMENT_UUID), _NOTIFY), (uuid(heart_rate.LOCATION_UUID), read)),
            ),
            (uuid(battery.SERVICE_UUID), ((uuid(battery.LEVEL_UUID), read | _NOTIFY),)),
            (
                uuid(_DEVICE_INFORMATION),
                ((uuid(_MANUFACTURER_NAME), read), (uuid(_MODEL_NUMBER), read), (uuid(_FIRMWARE_REVISION), read)),
            ),
        ]
        return services

    def registered(self, ble: "BLE", handles: "list[tuple[int, ...]]") -> None:
        """Take the handles of `definitions`, in its order, and write the values that do not change."""
        self._ble = ble
        (self._plx_handle, features), (self._temperature_handle, site) = handles[:2]
        (self._heart_rate_handle, location), (self._battery_handle,), about = handles[2:]
        ble.gatts_write(features, plx.features())
        if self._settings.temperature_site:
            ble.gatts_write(site, health_thermometer.encode_type(self._settings.temperature_site))
        ble.gatts_write(location, heart_rate.encode_location(heart_rate.FINGER))
        for handle, text in zip(about, ("Vigil", "Vigil monitor", "%d.%d.%d" % VERSION)):
            ble.gatts_write(handle, text.encode())
        self._write_battery()

    def send(self, connections: "list[int]", second: int, notify: "Callable[[int, int, memoryview], bool]") -> None:
        """Notify and indicate this second's measurements to connections that may hear them."""
        if self._settings.standard_services == SERVICES_OFF:
            return
        if self._monitor.battery_pct != self._battery_pct:
            level = memoryview(self._write_battery())
            for connection in connections if level else ():
                notify(connection, self._battery_handle, level)
        if not connections:
            return
        vitals = self._monitor.vitals
        length = plx.encode_into(
            self._plx,
            _value(vitals.spo2),
            _value(vitals.pulse_rate),
            (vitals.pulse_rate.status, vitals.spo2.status, vitals.temperature.status),
            _value(vitals.perfusion),
        )
        for connection in connections:
            notify(connection, self._plx_handle, memoryview(self._plx)[:length])
        intervals = self._monitor.intervals
        length = heart_rate.encode_into(
            self._heart_rate, _value(vitals.pulse_rate), intervals.interval_ms, intervals.count
        )
        for connection in connections:
            notify(connection, self._heart_rate_handle, memoryview(self._heart_rate)[:length])
        if second % _TEMPERATURE_EVERY_S == 0 and vitals.temperature.has_value:
            self._indicate_temperature(connections)

    def _indicate_temperature(self, connections: "list[int]") -> None:
        site = self._settings.temperature_site or None
        length = health_thermometer.encode_into(self._temperature, _value(self._monitor.vitals.temperature), site)
        for connection in connections:
            try:
                self._ble.gatts_indicate(connection, self._temperature_handle, self._temperature[:length])
            except OSError:
                # The last indication is not confirmed yet, or the link just went: five seconds on there is a newer one.
                continue

    def _write_battery(self) -> bytes:
        """Write the level that is read; empty where it is not known."""
        self._battery_pct = self._monitor.battery_pct
        level = battery.encode(self._battery_pct) if self._battery_pct <= 100 else b""
        self._ble.gatts_write(self._battery_handle, level)
        return level


def _value(measurement: "Measurement") -> "int | None":
    return measurement.value if measurement.has_value else None
