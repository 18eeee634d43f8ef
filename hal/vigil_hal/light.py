"""Driver of a light of three colours: three LEDs in one case, each on a pin of its own.

A plain LED needs no driver: `machine.Pin` is an output that is lit for every colour. LEDs with a common anode are lit
when low: give them as `machine.Signal(pin, invert=True)`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import Output

OFF = 0
RED = 1
GREEN = 2
BLUE = 4
YELLOW = RED | GREEN
CYAN = GREEN | BLUE


class RgbLight:
    """An output whose level is a colour: the sum of the LEDs that are lit."""

    def __init__(self, red: "Output", green: "Output", blue: "Output") -> None:
        self._red = red
        self._green = green
        self._blue = blue

    def value(self, colour: int) -> None:
        """Show a colour. Raises OSError where a pin does."""
        self._red.value(colour & 1)
        self._green.value(colour >> 1 & 1)
        self._blue.value(colour >> 2 & 1)
