"""The Bluetooth stacks that MicroPython has, by port, and what the firmware must know of each."""

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

STACKS = {"esp32": NIMBLE, "rp2": BTSTACK}
"""By MicroPython's name of the port."""


def stack_of(ble: "BLE") -> Stack:
    """Return the stack under a radio: MicroPython's BTstack cannot pair, and has no such setting."""
    try:
        ble.config(mitm=True)
    except ValueError:
        return BTSTACK
    return NIMBLE
