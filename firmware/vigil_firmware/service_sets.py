"""Which of the Bluetooth SIG's services a device offers on each Bluetooth stack, most important first.

The service of our own records comes before these. What a board lacks (a thermometer, a battery gauge) is left out.
"""

from vigil_firmware.attribute_table import INDICATE, NOTIFY
from vigil_firmware.bluetooth_stacks import BTSTACK
from vigil_wire import battery, current_time, device_information, health_thermometer, heart_rate, plx, racp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vigil_firmware.attribute_table import Service
    from vigil_firmware.bluetooth_stacks import Stack

_READ = 0x0002
_WRITE = 0x0008
_READ_AUTHENTICATED = 0x0400
_WRITE_AUTHENTICATED = 0x2000

_CONTINUOUS = (plx.CONTINUOUS_UUID, NOTIFY)
_FEATURES = (plx.FEATURES_UUID, _READ)
_TEMPERATURE = (health_thermometer.MEASUREMENT_UUID, INDICATE)
_SITE = (health_thermometer.TYPE_UUID, _READ)
_MANUFACTURER = (device_information.MANUFACTURER_UUID, _READ)
_MODEL = (device_information.MODEL_UUID, _READ)
_FIRMWARE = (device_information.FIRMWARE_UUID, _READ)
_HEART_RATE = (
    heart_rate.SERVICE_UUID,
    ((heart_rate.MEASUREMENT_UUID, NOTIFY), (heart_rate.LOCATION_UUID, _READ)),
)
_BATTERY = (battery.SERVICE_UUID, ((battery.LEVEL_UUID, _READ | NOTIFY),))


_ON_NIMBLE = (
    (
        plx.SERVICE_UUID,
        ((plx.SPOT_CHECK_UUID, INDICATE), _CONTINUOUS, _FEATURES, (racp.CONTROL_POINT_UUID, _WRITE | INDICATE)),
    ),
    (health_thermometer.SERVICE_UUID, (_TEMPERATURE, _SITE, (health_thermometer.INTERVAL_UUID, _READ))),
    _HEART_RATE,
    _BATTERY,
    (current_time.SERVICE_UUID, ((current_time.CURRENT_TIME_UUID, _READ | NOTIFY),)),
    (
        device_information.SERVICE_UUID,
        (_MANUFACTURER, _MODEL, _FIRMWARE, (device_information.HARDWARE_UUID, _READ)),
    ),
)
_ON_BTSTACK = (
    (plx.SERVICE_UUID, (_CONTINUOUS, _FEATURES)),
    (health_thermometer.SERVICE_UUID, (_TEMPERATURE, _SITE)),
    _BATTERY,
    (device_information.SERVICE_UUID, (_MANUFACTURER, _MODEL, _FIRMWARE)),
    _HEART_RATE,
)


def services_on(stack: "Stack") -> "tuple[Service, ...]":
    """Return what is offered on a stack."""
    return _ON_BTSTACK if stack.name == BTSTACK.name else _ON_NIMBLE


def authenticated(services: "Sequence[Service]") -> "list[Service]":
    """Return the same services, to be read and written on an authenticated link only."""
    guarded: list[Service] = []
    for service, characteristics in services:
        each = []
        for uuid, flags in characteristics:
            if flags & _READ:
                flags |= _READ_AUTHENTICATED
            if flags & _WRITE:
                flags |= _WRITE_AUTHENTICATED
            each.append((uuid, flags))
        guarded.append((service, tuple(each)))
    return guarded
