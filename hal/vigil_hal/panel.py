"""The parts with which a device speaks to those beside it, and listens to them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import Display, Input, Output


class Panel:
    """What a device has of them; None where there is no such part.

    The button closes to ground: its pin reads 0 while it is pressed.
    """

    def __init__(
        self,
        light: "Output | None" = None,
        buzzer: "Output | None" = None,
        vibration: "Output | None" = None,
        display: "Display | None" = None,
        button: "Input | None" = None,
    ) -> None:
        self.light = light
        self.buzzer = buzzer
        self.vibration = vibration
        self.display = display
        self.button = button
