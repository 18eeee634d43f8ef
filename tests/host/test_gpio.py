"""Pins of a Raspberry Pi as the panel's parts. gpiod is the real one but for the kernel behind it."""

import errno
import sys
from pathlib import Path
from typing import Any

import pytest

from vigil_hal.light import CYAN, OFF, YELLOW
from vigil_host.config import MonitorConfig
from vigil_host.linux import gpio
from vigil_host.linux.gpio import GpioError, panel_on

gpiod = pytest.importorskip("gpiod", reason="gpiod is for Linux")
from gpiod.line import Bias, Direction, Value  # noqa: E402


class Request:
    """Lines that were taken; `levels` are those on the pins."""

    def __init__(self, chip: str, config: dict[str, Any]) -> None:
        self.chip = chip
        self.config = config
        self.levels = {
            name: int(settings.bias is Bias.PULL_UP or settings.output_value is Value.ACTIVE)
            for name, settings in config.items()
        }

    def set_value(self, name: str, value: Value) -> None:
        assert self.config[name].direction is Direction.OUTPUT
        self.levels[name] = int(value is Value.ACTIVE)

    def get_value(self, name: str) -> Value:
        assert self.config[name].direction is Direction.INPUT
        return Value.ACTIVE if self.levels[name] else Value.INACTIVE


class Computer:
    """Its GPIO chips, with the names of their lines."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.chips: dict[str, set[str] | OSError] = {}
        self.requests: list[Request] = []
        self.taking: OSError | None = None
        self._folder = folder
        computer = self

        class Chip:
            def __init__(self, path: str) -> None:
                self._lines = computer.chips[Path(path).name]
                if isinstance(self._lines, OSError):
                    raise self._lines

            def __enter__(self) -> "Chip":
                return self

            def __exit__(self, *_: object) -> None:
                pass

            def line_offset_from_id(self, name: str) -> int:
                assert not isinstance(self._lines, OSError)
                if name not in self._lines:
                    raise FileNotFoundError(errno.ENOENT, "No such file or directory")
                return 1

        def request_lines(path: str, consumer: str, config: dict[str, Any]) -> Request:
            if computer.taking:
                raise computer.taking
            computer.requests.append(Request(path, config))
            return computer.requests[-1]

        monkeypatch.setattr(gpio, "_CHIPS", folder)
        monkeypatch.setattr(gpiod, "Chip", Chip)
        monkeypatch.setattr(gpiod, "request_lines", request_lines)

    def add(self, name: str, lines: set[str] | OSError) -> None:
        (self._folder / name).touch()
        self.chips[name] = lines


HEADER = {f"GPIO{number}" for number in range(28)}


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    return Computer(tmp_path, monkeypatch)


def test_each_part_is_on_its_pin_on_the_chip_that_has_it(computer: Computer) -> None:
    computer.add("gpiochip0", {"PWR_LED"})
    computer.add("gpiochip4", HEADER)  # as on a Raspberry Pi 5
    panel = panel_on(MonitorConfig(light=(17, 27, 22), beeper=23, vibration=24, button=25))
    (request,) = computer.requests
    assert request.chip.endswith("gpiochip4")
    assert request.levels == {"GPIO17": 0, "GPIO27": 0, "GPIO22": 0, "GPIO23": 0, "GPIO24": 0, "GPIO25": 1}
    assert panel.light and panel.buzzer and panel.vibration and panel.button
    panel.light.value(YELLOW)
    panel.buzzer.value(1)
    assert request.levels == {"GPIO17": 1, "GPIO27": 1, "GPIO22": 0, "GPIO23": 1, "GPIO24": 0, "GPIO25": 1}
    panel.light.value(CYAN)
    panel.buzzer.value(0)
    panel.vibration.value(1)
    assert request.levels == {"GPIO17": 0, "GPIO27": 1, "GPIO22": 1, "GPIO23": 0, "GPIO24": 1, "GPIO25": 1}
    assert panel.button.value() == 1
    request.levels["GPIO25"] = 0
    assert panel.button.value() == 0


def test_plain_led_is_lit_for_each_colour(computer: Computer) -> None:
    computer.add("gpiochip0", HEADER)
    panel = panel_on(MonitorConfig(light=17))
    assert panel.light and panel.buzzer is None and panel.button is None
    panel.light.value(CYAN)
    assert computer.requests[0].levels == {"GPIO17": 1}
    panel.light.value(OFF)
    assert computer.requests[0].levels == {"GPIO17": 0}


def test_without_pins_nothing_is_asked_of_the_computer(computer: Computer) -> None:
    panel = panel_on(MonitorConfig())
    assert (panel.light, panel.buzzer, panel.vibration, panel.button) == (None, None, None, None)
    assert computer.requests == []


def test_without_gpiod_it_is_said_how_to_get_it(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(GpioError, match=r"pip install 'vigil-vitals\[pi\]'"):
        panel_on(MonitorConfig(light=17))


@pytest.mark.parametrize(
    ("chip", "taking", "says"),
    [
        (None, None, "no GPIO"),
        (PermissionError(errno.EACCES, "Permission denied"), None, "usermod -aG gpio"),
        ({"PA1"}, None, "no GPIO chip of this computer has GPIO17"),
        (HEADER, OSError(errno.EBUSY, "Device or resource busy"), "in use by something else"),
        (HEADER, OSError(errno.EIO, "Input/output error"), "Input/output error"),
    ],
    ids=["none", "no permission", "other names", "busy", "broken"],
)
def test_pins_that_cannot_be_had_are_one_line_with_what_to_do(
    computer: Computer, chip: Any, taking: OSError | None, says: str
) -> None:
    if chip is not None:
        computer.add("gpiochip0", chip)
    computer.taking = taking
    with pytest.raises(GpioError) as raised:
        panel_on(MonitorConfig(light=17))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
