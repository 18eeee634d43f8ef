"""Pins of this computer in the shape of `machine.Pin`, through gpiod: what the device's panel is made of.

Lines are found by their name ("GPIO17", as the Raspberry Pi calls them), because the number of the chip that has them
differs between models and kernels. There is no PWM: a buzzer must be a beeper, with an
oscillator of its own.
"""

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from vigil_hal.light import RgbLight
from vigil_hal.panel import Panel

if TYPE_CHECKING:
    from vigil_hal.seams import Output

_CHIPS = Path("/dev")


class Pins(Protocol):
    """Which pins the panel's parts are on, by their GPIO numbers; None where there is no such part."""

    @property
    def light(self) -> int | tuple[int, int, int] | None:
        """One pin, or three: red, green, blue."""

    @property
    def beeper(self) -> int | None:
        """A buzzer that is switched on or off."""

    @property
    def vibration(self) -> int | None:
        """On or off."""

    @property
    def button(self) -> int | None:
        """Closes to ground."""


class GpioError(Exception):
    """The pins cannot be used; the message is one line that says why and what to do."""


class GpioPin:
    """One line of a request, an input or an output. Raises OSError where it does not take part."""

    def __init__(self, request: Any, name: str, value: Any) -> None:
        """`value` is gpiod.line.Value."""
        self._request = request
        self._name = name
        self._value = value

    def value(self, level: int | None = None) -> int | None:
        """Switch it on, or off with 0; or return the level, 0 or 1."""
        if level is not None:
            self._request.set_value(self._name, self._value.ACTIVE if level else self._value.INACTIVE)
            return None
        return int(self._request.get_value(self._name) == self._value.ACTIVE)


def panel_on(pins: Pins) -> Panel:
    """Return the panel on these pins, all of it dark and silent; raises GpioError."""
    lights = pins.light if isinstance(pins.light, tuple) else () if pins.light is None else (pins.light,)
    outputs = [number for number in (*lights, pins.beeper, pins.vibration) if number is not None]
    inputs = [] if pins.button is None else [pins.button]
    if not outputs and not inputs:
        return Panel()
    made = _requested(outputs, inputs)
    light: Output | None = None
    if len(lights) == 3:
        light = RgbLight(*(made[number] for number in lights))
    elif lights:
        light = made[lights[0]]

    def pin(number: int | None) -> GpioPin | None:
        return None if number is None else made[number]

    return Panel(light, pin(pins.beeper), pin(pins.vibration), None, pin(pins.button))


def _requested(outputs: list[int], inputs: list[int]) -> Mapping[int, GpioPin]:
    """Take the lines from the kernel, outputs low and inputs pulled up."""
    try:
        import gpiod
        from gpiod.line import Bias, Direction, Value
    except ImportError:
        raise GpioError("pins need the package gpiod: pip install 'vigil-vitals[pi]'") from None
    out = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
    into = gpiod.LineSettings(direction=Direction.INPUT, bias=Bias.PULL_UP)
    settings: dict[Any, Any] = {_name(number): out for number in outputs}
    settings |= {_name(number): into for number in inputs}
    chip = _chip_with(gpiod, list(settings))
    try:
        request = gpiod.request_lines(chip, consumer="vigil", config=settings)
    except OSError as error:
        names = ", ".join(settings)
        if error.errno == errno.EBUSY:
            raise GpioError(f"one of {names} is in use by something else: `gpioinfo` says by what") from error
        raise GpioError(f"{names} cannot be had from {chip}: {error.strerror}") from error
    return {number: GpioPin(request, _name(number), Value) for number in (*outputs, *inputs)}


def _chip_with(gpiod: Any, names: list[str]) -> str:
    """Return the chip that has all these lines."""
    chips = sorted(str(path) for path in _CHIPS.glob("gpiochip*"))
    if not chips:
        raise GpioError("this computer has no GPIO: leave the pins out of [monitor]")
    for path in chips:
        try:
            with gpiod.Chip(path) as chip:
                for name in names:
                    chip.line_offset_from_id(name)
                return path
        except PermissionError as error:
            raise GpioError(f"{path} is not for this user: `sudo usermod -aG gpio $USER`, then log in again") from error
        except OSError as error:
            if error.errno != errno.ENOENT:  # of a name that this chip does not have
                raise GpioError(f"{path} cannot be read: {error.strerror}") from error
    raise GpioError(f"no GPIO chip of this computer has {', '.join(names)}: `gpioinfo` lists the lines it has")


def _name(number: int) -> str:
    return f"GPIO{number}"
