"""Which of the Bluetooth SIG's services a device offers, by the Bluetooth stack of its board, most important first.

The service of our own records comes before these. What a board lacks (a thermometer, a battery gauge) is left out.
"""

import sys

from vigil_firmware.attribute_table import INDICATE, NOTIFY
from vigil_wire import battery, current_time, device_information, health_thermometer, heart_rate, plx, racp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.attribute_table import Service
    from vigil_hal.seams import BLE

READ = 0x0002
WRITE = 0x0008

_CONTINUOUS = (plx.CONTINUOUS_UUID, NOTIFY)
_FEATURES = (plx.FEATURES_UUID, READ)
_TEMPERATURE = (health_thermometer.MEASUREMENT_UUID, INDICATE)
_SITE = (health_thermometer.TYPE_UUID, READ)
_MANUFACTURER = (device_information.MANUFACTURER_UUID, READ)
_MODEL = (device_information.MODEL_UUID, READ)
_FIRMWARE = (device_information.FIRMWARE_UUID, READ)
_HEART_RATE = (
    heart_rate.SERVICE_UUID,
    ((heart_rate.MEASUREMENT_UUID, NOTIFY), (heart_rate.LOCATION_UUID, READ)),
)
_BATTERY = (battery.SERVICE_UUID, ((battery.LEVEL_UUID, READ | NOTIFY),))


class Stack:
    """A Bluetooth stack, the size of its attribute table (None: it grows) and what is offered on it."""

    def __init__(self, name: str, table_bytes: "int | None", can_pair: bool, services: "tuple[Service, ...]") -> None:
        self.name = name
        self.table_bytes = table_bytes
        self.can_pair = can_pair
        self.services = services


NIMBLE = Stack(
    "NimBLE",
    None,
    True,
    (
        (
            plx.SERVICE_UUID,
            ((plx.SPOT_CHECK_UUID, INDICATE), _CONTINUOUS, _FEATURES, (racp.CONTROL_POINT_UUID, WRITE | INDICATE)),
        ),
        (health_thermometer.SERVICE_UUID, (_TEMPERATURE, _SITE, (health_thermometer.INTERVAL_UUID, READ))),
        _HEART_RATE,
        _BATTERY,
        (current_time.SERVICE_UUID, ((current_time.CURRENT_TIME_UUID, READ | NOTIFY),)),
        (
            device_information.SERVICE_UUID,
            (_MANUFACTURER, _MODEL, _FIRMWARE, (device_information.HARDWARE_UUID, READ)),
        ),
    ),
)
"""ESP32."""

BTSTACK = Stack(
    "BTstack",
    512,
    False,
    (
        (plx.SERVICE_UUID, (_CONTINUOUS, _FEATURES)),
        (health_thermometer.SERVICE_UUID, (_TEMPERATURE, _SITE)),
        _BATTERY,
        (device_information.SERVICE_UUID, (_MANUFACTURER, _MODEL, _FIRMWARE)),
        _HEART_RATE,
    ),
)
"""Raspberry Pi Pico W and Pico 2 W."""

PAIRING_BTSTACK = Stack(BTSTACK.name, BTSTACK.table_bytes, True, BTSTACK.services)
"""The same, of a MicroPython that was built with pairing, as the official ones for these boards are not."""

STACKS = {"esp32": NIMBLE, "rp2": BTSTACK}
"""By MicroPython's name of the port."""


def stack_of(ble: "BLE") -> Stack:
    """Return the stack under a radio. MicroPython names none, and has no setting for pairing where it cannot pair.

    What cannot is BTstack. What can is BTstack too on an rp2: that port has it for every radio of Raspberry Pi, and
    another stack takes what is offered on BTstack as well.
    """
    try:
        ble.config(mitm=True)
    except ValueError:
        return BTSTACK
    return PAIRING_BTSTACK if sys.platform == "rp2" else NIMBLE
