"""The Bluetooth stacks that MicroPython has, by port, and what the firmware must know of each."""

import sys

from vigil_wire.settings import SERVICES_BONDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import BLE


class Stack:
    """A Bluetooth stack, the size of its attribute table (None: it grows) and whether it can pair."""

    def __init__(self, name: str, table_bytes: "int | None", can_pair: bool) -> None:
        self.name = name
        self.table_bytes = table_bytes
        self.can_pair = can_pair


NIMBLE = Stack("NimBLE", None, True)
"""ESP32."""

BTSTACK = Stack("BTstack", 512, False)
"""Raspberry Pi Pico W and Pico 2 W."""

PAIRING_BTSTACK = Stack(BTSTACK.name, BTSTACK.table_bytes, True)
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


def trouble_with(standard_services: int, stack: Stack) -> str:
    """Return why these standard services would tell nobody on a stack; "" where they would."""
    if standard_services != SERVICES_BONDED or stack.can_pair:
        return ""
    return (
        "standard services are off: a board with %s cannot pair, so 'bonded' could tell nobody; "
        "set standard_services to off, or to open for everybody" % stack.name
    )
