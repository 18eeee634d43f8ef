"""The Bluetooth SIG's services that phones, health apps and gateways understand. `service_sets` says which, and where.

They carry vital signs in clear, so whom they tell is the owner's choice (settings.standard_services): nobody (`off`),
connections that are encrypted and authenticated (`bonded`), or everybody (`open`). Stacks notify whoever asks, and a
read cannot be refused by the firmware: so each notification and indication is decided here, and nothing that can be
read is medical.
"""

import sys

from vigil_firmware import VERSION
from vigil_firmware.listener import NONE, Listener
from vigil_firmware.spot_checks import SpotChecks
from vigil_wire import battery, current_time, device_information, health_thermometer, heart_rate, plx, racp
from vigil_wire.settings import SERVICES_OPEN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from vigil_firmware.attribute_table import Service
    from vigil_firmware.bluetooth_stacks import Stack
    from vigil_firmware.monitor import Monitor
    from vigil_firmware.vitals import Measurement
    from vigil_hal.seams import BLE
    from vigil_wire.settings import Settings

    Notify = Callable[[int, int, memoryview], bool]

    class Connection(Protocol):
        """A central that is connected."""

        handle: int
        is_trusted: bool  # encrypted and authenticated
        listener: Listener


TEMPERATURE_EVERY_S = 5
_LONGEST = 20  # what an indication holds before any MTU is agreed
_UNCONFIRMED_S = 30  # then the attribute protocol gives an indication up


class StandardServices:
    """What is registered, its handles once it is, and what is sent. `services`: as attribute_table takes them."""

    def __init__(self, monitor: "Monitor", settings: "Settings", stack: "Stack") -> None:
        self._monitor = monitor
        self._site = settings.temperature_site or health_thermometer.BODY
        self.is_open = settings.standard_services == SERVICES_OPEN
        self.services = self._offered(stack)
        self._handles: dict[int | str, int] = {}
        self._out = bytearray(_LONGEST)
        self._outs = [memoryview(self._out)[:length] for length in range(_LONGEST + 1)]
        self._measured = bytearray(3)
        self._battery_pct = -1
        self._adjustments = 0
        self._second = 0
        self._spot_checks = SpotChecks()

    def registered(self, ble: "BLE", handles: "Sequence[Sequence[int]]") -> None:
        """Take the handles of `services`, in its order, and write the values that do not change."""
        self._ble = ble
        for (_, characteristics), service_handles in zip(self.services, handles):
            for (uuid, _), handle in zip(characteristics, service_handles):
                self._handles[uuid] = handle
        for uuid, value in (
            (plx.FEATURES_UUID, plx.features(plx.SPOT_CHECK_UUID in self._handles)),
            (health_thermometer.TYPE_UUID, health_thermometer.encode_type(self._site)),
            (health_thermometer.INTERVAL_UUID, health_thermometer.encode_interval(TEMPERATURE_EVERY_S)),
            (heart_rate.LOCATION_UUID, heart_rate.encode_location(heart_rate.FINGER)),
            (current_time.CURRENT_TIME_UUID, current_time.NOT_KNOWN),
            (device_information.MANUFACTURER_UUID, b"Vigil"),
            (device_information.MODEL_UUID, b"Vigil monitor"),
            (device_information.FIRMWARE_UUID, ("%d.%d.%d" % VERSION).encode()),
            (device_information.HARDWARE_UUID, getattr(sys.implementation, "_machine", "simulated").encode()),
        ):
            if uuid in self._handles:
                ble.gatts_write(self._handles[uuid], value)

    def listener(self) -> Listener:
        """What a connection that begins has to hold."""
        return Listener()

    def step(self, connections: "Sequence[Connection]", second: int, notify: "Notify") -> None:
        """Tell connections that may hear what is new; call it often, for one indication goes out at a time."""
        if second != self._second:
            self._second = second
            self._take_second(connections)
            self._notify_all(connections, notify)
        for connection in connections:
            if self._may_hear(connection):
                self._indicate_next(connection.handle, connection.listener)

    def written(self, connection: "Connection", handle: int) -> None:
        """Take in what a connection wrote, where it is a request to the record access control point."""
        # NimBLE has acknowledged the write already: the errors "procedure already in progress" and "client
        # configuration improperly configured" of the attribute protocol cannot be given.
        if handle != self._handles.get(racp.CONTROL_POINT_UUID) or not self._may_hear(connection):
            return
        request = self._ble.gatts_read(handle)
        op_code = request[0] if request else 0
        code = racp.judge(request)
        listener = connection.listener
        if listener.procedure != NONE and not (op_code == racp.ABORT and code == racp.SUCCESS):
            listener.refused = op_code
            listener.refusal = racp.PROCEDURE_NOT_COMPLETED if code == racp.SUCCESS else code
            return
        if code == racp.SUCCESS and op_code in (racp.REPORT, racp.DELETE):
            if self._spot_checks.count == 0:
                code = racp.NO_RECORDS_FOUND
            elif op_code == racp.DELETE:
                self._spot_checks.clear()
            listener.number = self._spot_checks.oldest
            listener.to_number = self._spot_checks.following
        listener.begin(op_code, code)

    def _offered(self, stack: "Stack") -> "list[Service]":
        """What the stack's set has of what this board has, with the permissions that the setting asks for."""
        from vigil_firmware.service_sets import authenticated, services_on

        lacking = []
        if not self._monitor.has_battery:
            lacking.append(battery.SERVICE_UUID)
        if not self._monitor.has_thermometer:
            lacking.append(health_thermometer.SERVICE_UUID)
        offered = [service for service in services_on(stack) if service[0] not in lacking]
        return offered if self.is_open else authenticated(offered)

    def _may_hear(self, connection: "Connection") -> bool:
        return connection.is_trusted or self.is_open

    def _take_second(self, connections: "Sequence[Connection]") -> None:
        """Note what this second has for those that hear by indication."""
        monitor = self._monitor
        is_spot_check = plx.SPOT_CHECK_UUID in self._handles and self._spot_checks.judge(monitor.vitals, monitor.uptime)
        is_temperature = self._second % TEMPERATURE_EVERY_S == 0 and monitor.vitals.temperature.has_value
        for connection in connections:
            listener = connection.listener
            if is_spot_check:
                listener.owes_spot_check = True
            if is_temperature and health_thermometer.MEASUREMENT_UUID in self._handles:
                listener.owes_temperature = True

    def _notify_all(self, connections: "Sequence[Connection]", notify: "Notify") -> None:
        vitals = self._monitor.vitals
        self._tell(plx.CONTINUOUS_UUID, self._pack_continuous(), connections, notify)
        intervals = self._monitor.intervals
        length = heart_rate.encode_into(self._out, _value(vitals.pulse_rate), intervals.interval_ms, intervals.count)
        self._tell(heart_rate.MEASUREMENT_UUID, length, connections, notify)
        if battery.LEVEL_UUID in self._handles and self._monitor.battery_pct != self._battery_pct:
            self._battery_pct = self._monitor.battery_pct
            is_known = self._battery_pct <= 100
            self._out[0] = self._battery_pct
            # Empty where it is not known: there is no other word for it.
            self._ble.gatts_write(self._handles[battery.LEVEL_UUID], self._outs[1 if is_known else 0])
            if is_known:
                self._tell(battery.LEVEL_UUID, 1, connections, notify)
        clock = self._monitor.utc
        if current_time.CURRENT_TIME_UUID in self._handles and clock.is_set:
            clock.read(self._monitor.uptime.day, self._monitor.uptime.day_ms)
            length = current_time.encode_into(self._out, clock.day, clock.day_ms, current_time.EXTERNAL_REFERENCE)
            self._ble.gatts_write(self._handles[current_time.CURRENT_TIME_UUID], self._outs[length])
            if clock.adjustments != self._adjustments:
                self._adjustments = clock.adjustments
                self._tell(current_time.CURRENT_TIME_UUID, length, connections, notify)

    def _tell(self, uuid: int, length: int, connections: "Sequence[Connection]", notify: "Notify") -> None:
        """Notify what is packed. Where the radio has no room, the next second has something newer."""
        handle = self._handles.get(uuid)
        if handle is None:
            return
        for connection in connections:
            if self._may_hear(connection):
                notify(connection.handle, handle, self._outs[length])

    def _pack_continuous(self) -> int:
        vitals = self._monitor.vitals
        measured = self._measured
        measured[0] = vitals.pulse_rate.status
        measured[1] = vitals.spo2.status
        return plx.encode_into(
            self._out, _value(vitals.spo2), _value(vitals.pulse_rate), measured, _value(vitals.perfusion)
        )

    def _indicate_next(self, connection: int, listener: "Listener") -> None:
        """Indicate what is owed first: answers, then what is new."""
        if listener.awaits:
            if self._second - listener.since_s > _UNCONFIRMED_S:
                listener.confirm(1)
            return
        if listener.procedure != NONE and not listener.is_answered:
            self._go_on(connection, listener)
        elif listener.refused != NONE:
            refused = listener.refused
            listener.refused = NONE
            length = racp.encode_response_into(self._out, refused, listener.refusal)
            if not self._indicate(connection, listener, racp.CONTROL_POINT_UUID, length):
                listener.refused = refused
        elif listener.owes_spot_check:
            newest = self._spot_checks.following - 1
            has_newest = self._spot_checks.count > 0
            if not has_newest or self._indicate_spot_check(connection, listener, newest, plx.VALIDATED):
                listener.owes_spot_check = False
        elif listener.owes_temperature:
            length = self._pack_temperature()
            if length == 0 or self._indicate(connection, listener, health_thermometer.MEASUREMENT_UUID, length):
                listener.owes_temperature = False

    def _go_on(self, connection: int, listener: "Listener") -> None:
        """Go on with the procedure: report the next spot check, or answer."""
        if listener.procedure == racp.REPORT and listener.code == racp.SUCCESS:
            listener.number = max(listener.number, self._spot_checks.oldest)
            if listener.number < listener.to_number:
                status = plx.VALIDATED | plx.FROM_STORAGE
                if self._indicate_spot_check(connection, listener, listener.number, status):
                    listener.number += 1
                return
        if listener.procedure == racp.REPORT_NUMBER and listener.code == racp.SUCCESS:
            length = racp.encode_number_into(self._out, self._spot_checks.count)
        else:
            length = racp.encode_response_into(self._out, listener.procedure, listener.code)
        listener.is_answered = True
        if not self._indicate(connection, listener, racp.CONTROL_POINT_UUID, length):
            listener.is_answered = False

    def _indicate_spot_check(self, connection: int, listener: "Listener", number: int, status: int) -> bool:
        kept = self._spot_checks
        kept.look_at(number)
        clock = self._monitor.utc
        clock.read(kept.uptime_day, kept.uptime_day_ms)
        length = plx.encode_spot_check_into(
            self._out,
            kept.spo2_deci_pct,
            kept.pulse_rate_deci_bpm,
            status,
            0,
            kept.perfusion_centi_pct,
            clock.day if clock.is_set else None,
            clock.day_ms,
        )
        return self._indicate(connection, listener, plx.SPOT_CHECK_UUID, length)

    def _pack_temperature(self) -> int:
        """Pack the temperature of now; 0 where there is none any more."""
        temperature = self._monitor.vitals.temperature
        if not temperature.has_value:
            return 0
        clock = self._monitor.utc
        clock.read(self._monitor.uptime.day, self._monitor.uptime.day_ms)
        day = clock.day if clock.is_set else None
        return health_thermometer.encode_into(self._out, temperature.value, None, day, clock.day_ms)

    def _indicate(self, connection: int, listener: "Listener", uuid: int, length: int) -> bool:
        """Indicate what is packed; False where the stack did not take it, and the same is owed still."""
        listener.awaits = True  # before the call: the confirmation may interrupt what follows it
        listener.since_s = self._second
        try:
            self._ble.gatts_indicate(connection, self._handles[uuid], self._outs[length])
        except OSError:
            listener.awaits = False  # no room now; or the link just went, and its event is under way
            return False
        return True


def _value(measurement: "Measurement") -> "int | None":
    return measurement.value if measurement.has_value else None
