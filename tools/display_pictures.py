"""Draws the pictures of docs/display.md from a simulated display's glass: `python tools/display_pictures.py [FOLDER]`.

A whole device of simulated parts lives for ten minutes of its own time; what is seen at some instants is drawn. Needs
Pillow, which the `plot` extra brings. A test says when a picture is no longer what the firmware shows.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from vigil_firmware.alarm_display import AlarmDisplay
from vigil_firmware.device import Device
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.monitor import STEP_MS
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.storage import BLOCK_COUNT, provision
from vigil_hal.panel import Panel
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_hal.simulated.patient import parse_patient
from vigil_hal.simulated.ssd1306 import WIDTH, SimulatedSsd1306
from vigil_hal.ssd1306 import Ssd1306
from vigil_wire import conditions
from vigil_wire.settings import SERVICES_BONDED, SITE_NAMES, Settings

IMAGES = Path(__file__).resolve().parent.parent / "docs/images"
SCALE = 2
_EDGE = 4  # pixels of the glass around the picture
_LOW_ADDRESS = 0x3D
_PATIENT = """time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact
0,72,97.4,2.1,36.7,0.02,1
60,72,97.4,2.1,36.7,0.02,0
90,72,97.4,2.1,36.7,0.02,1
130,74,97.4,2.1,36.7,0.02,1
145,78,91.5,1.8,36.7,0.02,1
215,78,91.5,1.8,36.7,0.02,1
230,92,84,1.6,36.7,0.02,1
260,92,84,1.6,36.7,0.02,0
290,88,97.4,1.6,36.8,0.02,1
330,88,97.4,1.6,39.9,0.02,1
430,88,97.4,1.6,39.9,0.02,1
440,72,97.4,2.1,36.8,0.02,1
"""
_CONNECTED, _DISCONNECTED, _PASSKEY = 1, 2, 31
_SHOW_PASSKEY = 3
_CONNECTION = 0
_DAY, _DAY_MS = 9_800, (14 * 60 + 5) * 60_000


class _Radio:
    """`bluetooth` of MicroPython with nobody around, but for a phone that pairs when `event` says so."""

    def __init__(self) -> None:
        self.event: Callable[[int, tuple[Any, ...]], Any] = lambda event, data: None

    def irq(self, handler: Callable[[int, tuple[Any, ...]], Any]) -> None:
        self.event = handler

    def gatts_register_services(self, services: Sequence[Any]) -> tuple[tuple[int, ...], ...]:
        handles = iter(range(1, 100))
        return tuple(tuple(next(handles) for _ in characteristics) for _, characteristics in services)

    def BLE(self) -> Any:
        return self

    def UUID(self, value: object) -> object:
        return value

    def __getattr__(self, name: str) -> Any:
        return lambda *values, **more: None


class _Battery:
    charge = 87

    def probe(self) -> None:
        pass

    def read(self) -> None:
        pass

    def percent(self) -> int:
        return self.charge


class _Scene:
    """The device, with a second display that is 32 pixels high beside its own."""

    def __init__(self) -> None:
        self.now_ms = 0
        source = parse_patient(_PATIENT.splitlines(), "display_pictures")
        parts = Parts(source, True, lambda: self.now_ms)
        self.glass, self.low_glass = SimulatedSsd1306(), SimulatedSsd1306(_LOW_ADDRESS, 32)
        parts.bus.attach(self.glass)
        parts.bus.attach(self.low_glass)
        self.radio: Any = _Radio()
        self.battery = _Battery()
        flash = SimulatedFlash(BLOCK_COUNT)
        settings = Settings(temperature_site=SITE_NAMES.index("ear"), standard_services=SERVICES_BONDED)
        provision(flash, bytes(range(16)), settings)
        panel = Panel(display=Ssd1306(parts.bus))
        self.device = Device(
            parts.bus,
            parts.thermometer,
            self.battery,
            flash,
            (lambda: MemoryStore(3),),
            self.radio,
            _random,
            lambda text: None,
            1,
            0,
            panel,
        )
        self._low = AlarmDisplay(Ssd1306(parts.bus, _LOW_ADDRESS, 32), self.device.monitor)

    def live(self, until_s: float) -> None:
        """Step on to an instant."""
        while self.now_ms < until_s * 1000:
            self.now_ms += STEP_MS
            self.device.monitor.note_host()
            self.device.step(self.now_ms)
            self._low.step(self.now_ms, "", -1)

    def acknowledge(self) -> None:
        """As the button does."""
        self.device.monitor.alarms.acknowledge(conditions.ALL, conditions.AT_DEVICE, self.now_ms)

    def pair(self) -> None:
        """Let a phone ask for the passkey."""
        self.device.peripheral.open_pairing()
        self.radio.event(_CONNECTED, (_CONNECTION, 0, b""))
        self.radio.event(_PASSKEY, (_CONNECTION, _SHOW_PASSKEY, 0))


def _random(count: int) -> bytes:
    return bytes((37 * index + 90) & 0xFF for index in range(count))


def pictures() -> Iterator[tuple[str, Image.Image]]:
    """Yield each picture by its name, in the order of time."""
    scene = _Scene()
    monitor = scene.device.monitor
    scene.live(1.9)
    yield "trial", picture(scene.glass)
    scene.live(5.9)
    yield "measuring", picture(scene.glass)
    scene.live(20)
    monitor.anchor_time(_DAY, _DAY_MS)
    scene.live(29.9)
    yield "values", picture(scene.glass)
    yield "values-low", picture(scene.low_glass)
    scene.pair()
    scene.live(31.9)
    yield "passkey", picture(scene.glass)
    scene.radio.event(_DISCONNECTED, (_CONNECTION, 0, b""))
    scene.live(70.9)
    yield "sensor-off", picture(scene.glass)
    scene.acknowledge()
    scene.live(72.9)
    yield "minor", picture(scene.glass)
    monitor.alarms.begin_standby(480, conditions.AT_DEVICE, scene.now_ms)
    scene.live(74.9)
    yield "standby", picture(scene.glass)
    scene.live(199.9)
    yield "medium", picture(scene.glass)
    monitor.alarms.pause_audio(scene.now_ms)
    scene.live(205.9)
    yield "paused", picture(scene.glass)
    scene.live(257.9)
    yield "high", picture(scene.glass)
    yield "high-low", picture(scene.low_glass)
    scene.live(271.9)
    yield "lost", picture(scene.glass)
    scene.acknowledge()
    scene.live(429.9)
    yield "temperature", picture(scene.glass)
    scene.battery.charge = 7
    scene.live(580.9)
    yield "battery", picture(scene.glass)


def picture(glass: SimulatedSsd1306) -> Image.Image:
    """The glass with a dark edge, each pixel SCALE pixels wide."""
    image = Image.new("1", (WIDTH + 2 * _EDGE, glass.height + 2 * _EDGE))
    for y, row in enumerate(glass.picture()):
        for x, is_lit in enumerate(row):
            image.putpixel((x + _EDGE, y + _EDGE), 255 * is_lit)
    return image.resize((image.width * SCALE, image.height * SCALE), Image.Resampling.NEAREST)


def main() -> None:
    """Draw all of them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    for name, image in pictures():
        image.save(folder / f"display-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
