"""Steady state allocates nothing: on the sample path no object is made, and no frame is too large for the stack."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from vigil_firmware import activity, alarm_signals, alarms, led_gain, motion_sensor, position, signal
from vigil_firmware.button import Button, Contact
from vigil_firmware.device import Device
from vigil_firmware.indicators import Indicators, OutputPart
from vigil_firmware.led_gain import LedGain
from vigil_firmware.monitor import Monitor
from vigil_firmware.pattern_player import PatternPlayer
from vigil_firmware.sampler import Sampler
from vigil_firmware.signal.beats import Beats
from vigil_firmware.signal.fusion import Fusion
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.ticks import ticks_add, ticks_diff
from vigil_hal import acceleration, adc_divider, lis3dh, max17048, max30102, mpu6050
from vigil_hal.adc_divider import AdcDivider
from vigil_hal.max17048 import Max17048
from vigil_hal.max30102 import Max30102
from vigil_host.vm.heap import heap_growth, heap_growths, large_frames
from vigil_host.vm.runner import Runtime

_SETUP = """
from vigil_firmware.alarms import Alarms
from vigil_firmware.sampler import Sampler
from vigil_wire.settings import Settings
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.signal.respiration import Respiration
from vigil_firmware.vitals import Vitals
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.patient import _WAVE

# A pulse on both channels, as large as it may be.
signal = PulseOximeter()
vitals = Vitals()
phase = 0
code = 63

def add():
    global phase
    phase = (phase + {bpm}) % 1500
    absorbed = _WAVE[phase * 64 // 1500] * {swing}
    signal.add(180_000 - absorbed // 10, 200_000 - absorbed // 5)

def judge():
    signal.judge(vitals, 25_000)

def second():
    for _ in range(25):
        add()
    judge()

def rescale():
    global code
    before = code
    code = 163 - code
    signal.rescale(before, code, before, code)

for _ in range(24):
    second()
assert vitals.pulse_rate.has_value and vitals.spo2.has_value, (vitals.pulse_rate.status, vitals.spo2.status)
assert abs(vitals.pulse_rate.value - {bpm} * 10) <= 10
alarms = Alarms(Settings(), None)
alarms._announce = lambda *_: None
now_ms = 0

def evaluate():
    global now_ms
    now_ms += 1000
    alarms.evaluate(vitals, now_ms)


class Bus:
    # The registers of a part that holds four samples at every drain; makes no object itself.

    def __init__(self):
        self.write = 0
        self.registers = bytearray(256)

    def readfrom_mem_into(self, address, register, buffer):
        if register == 0 and len(buffer) == 7:
            buffer[0] = 0x40
            buffer[1] = 0
            buffer[2] = 0xC0
            buffer[3] = 0x02
            buffer[6] = self.write
            self.write = (self.write + 4) & 31
            buffer[4] = self.write
            buffer[5] = 0
        elif register == 7:
            for index in range(len(buffer)):
                buffer[index] = 1 if index % 3 == 0 else 0x55
        elif register == 0xFF:
            buffer[0] = 0x15
        else:
            buffer[0] = self.registers[register]

    def writeto_mem(self, address, register, data):
        for index in range(len(data)):
            self.registers[register + index] = data[index] if register != 9 else data[index] & 0xBF
        if register == 4:
            self.write = 0


breathing = Respiration()
beats = 0

def breathe():
    # A second: a beat of 72 a minute, on the average, and its judging.
    global beats
    beats += 1
    turn = beats % 5
    breathing.add(1333 + turn * 20, 1500 + turn * 60, 262_000 if turn else 100)
    breathing.judge(vitals, 25_300)

for _ in range(60):
    breathe()

oximeter = Max30102(Bus())
sampler = Sampler(oximeter, PulseOximeter(), 0)
tick = 0

def drain():
    assert oximeter.drain() == 4

def step():
    global tick
    tick += 160
    sampler.step(tick)

def long_run():
    # Across several measurements of the rate.
    for _ in range(20):
        step()
    assert not sampler.fault and sampler.rate_milli_hz in (0, 25_000), sampler.fault
"""


# What may have a larger frame, and why: everything else in the signal path runs for each sample, beat or second.
_LARGE = {
    "vigil_firmware.signal.respiration.Spectrum.__init__": "once, when the board starts",
    "vigil_firmware.signal.respiration.Spectrum._load": "three times in fifteen seconds",
    "vigil_firmware.signal.respiration.Spectrum._transform": "three times in fifteen seconds",
    "vigil_firmware.signal.respiration.Spectrum._measure": "three times in fifteen seconds",
    "vigil_firmware.signal.respiration.peak_of": "four times in fifteen seconds",
    "vigil_firmware.signal.respiration.Respiration._agreed": "once in fifteen seconds",
}


@pytest.mark.parametrize("bpm", [40, 72, 180])
@pytest.mark.parametrize("swing", [2, 20, 200])
def test_signal_makes_no_object(runtime: Runtime, swing: int, bpm: int) -> None:
    setup = _SETUP.replace("{swing}", str(swing)).replace("{bpm}", str(bpm))
    growths = heap_growths(runtime, setup, ("add", "judge", "second"), calls=60)
    assert not any(growths.values()), growths


def test_sampler_respiration_and_alarms_make_no_object(runtime: Runtime) -> None:
    setup = _SETUP.replace("{swing}", "20").replace("{bpm}", "72")
    functions = ("rescale", "drain", "step", "evaluate", "breathe", "long_run")
    growths = heap_growths(runtime, setup, functions, calls=60)
    assert not any(growths.values()), growths


_MOTION_SETUP = """
from array import array
from vigil_firmware.signal.motion import Motion

class Part:
    def __init__(self):
        self.x = array("h", bytes(64))
        self.y = array("h", bytes(64))
        self.z = array("h", bytes(64))

part = Part()
motion = Motion()
beat = array("i", [0, 3, 12, 30, 55, 80, 96, 100, 94, 82, 70, 60, 52, 46, 42, 38, 30, 20, 10, 3])
phase = 0

def step():
    # A drain of three, and as many samples of light; both as large as they may be.
    global phase
    for index in range(3):
        phase = (phase + 1) % 20
        part.x[index] = beat[phase] * {milli_g}
        part.y[index] = -beat[phase] * {milli_g}
        part.z[index] = 1000
    motion.feel(part, 3)
    for index in range(3):
        motion.clean(180_000, 200_000 - beat[phase] * {milli_g} * 5)

def doubt():
    motion.is_doubtful(20 << 6)

def many():
    for _ in range(40):
        step()

for _ in range(100):
    step()
assert motion.is_moving == ({milli_g} > 0)
"""


@pytest.mark.parametrize("milli_g", [0, 3, 150])
def test_motion_makes_no_object(runtime: Runtime, milli_g: int) -> None:
    setup = _MOTION_SETUP.replace("{milli_g}", str(milli_g))
    growths = heap_growths(runtime, setup, ("step", "doubt", "many"), calls=60)
    assert not any(growths.values()), growths


_ACCELEROMETER_SETUP = """
from vigil_hal.{module} import {driver}

class Bus:
    # Five to ten samples wait at every drain, all axes change; makes no object itself.

    def __init__(self):
        self.turn = 0

    def readfrom_mem_into(self, address, register, buffer):
        self.turn = (self.turn + 1) % 199
        for index in range(len(buffer)):
            buffer[index] = (self.turn * 7 + index * 31) & 0xFF
        if register == 0x2F:
            buffer[0] = 10
        elif register == 0x72:
            buffer[0] = 0
            buffer[1] = 30

driver = {driver}(Bus())

def drain():
    assert driver.drain() == 5

def many():
    for _ in range(40):
        drain()
"""


@pytest.mark.parametrize(("module", "driver"), [("lis3dh", "Lis3dh"), ("mpu6050", "Mpu6050")])
def test_accelerometers_make_no_object(runtime: Runtime, module: str, driver: str) -> None:
    setup = _ACCELEROMETER_SETUP.replace("{module}", module).replace("{driver}", driver)
    growths = heap_growths(runtime, setup, ("drain", "many"), calls=60)
    assert not any(growths.values()), growths


_WEARER_SETUP = """
from array import array
from vigil_firmware.motion_sensor import MotionSensor
from vigil_firmware.vitals import Vitals
from vigil_wire import movement

class Part:
    rate_milli_hz = 25_000
    head = 3
    def __init__(self):
        self.x = array("h", bytes(64))
        self.y = array("h", bytes(64))
        self.z = array("h", bytes(64))
    def probe(self):
        pass
    def configure(self):
        pass
    def drain(self):
        global phase
        for index in range(5):
            phase = (phase + 1) % 14
            self.x[index] = phase * {milli_g}
            self.z[index] = 1000 + ({milli_g} * 10 if phase < 4 else -{milli_g} * 4)
        return 5

phase = 0
vitals = Vitals()
sensor = MotionSensor(Part(), vitals, 0)
now_ms = 0

def second():
    global now_ms
    for _ in range(5):
        now_ms += 200
        sensor.step(now_ms)
    sensor.judge(True)
    sensor.pack_movement()

for _ in range(20):
    second()
assert vitals.position == movement.UPRIGHT and not sensor.fault
assert vitals.movement == (movement.WALKING if {milli_g} else movement.STILL), vitals.movement
"""


@pytest.mark.parametrize("milli_g", [0, 20])
def test_movement_and_position_make_no_object(runtime: Runtime, milli_g: int) -> None:
    assert heap_growth(runtime, _WEARER_SETUP.replace("{milli_g}", str(milli_g)), "second", calls=60) == 0


def test_frames_of_movement_and_position_stay_off_the_boards_heap() -> None:
    for module in (activity, motion_sensor, position):
        names = {name.split(".")[-1] for name in large_frames(*_functions_of_module(module))}
        assert names <= {"__init__", "_configure"}


def test_frames_of_accelerometers_stay_off_the_boards_heap() -> None:
    at_start = {"__init__", "probe", "configure", "_read", "_write", "head_of", "on_board"}
    for module in (acceleration, lis3dh, mpu6050):
        assert {name.split(".")[-1] for name in large_frames(*_functions_of_module(module))} <= at_start


_INDICATORS_SETUP = """
from vigil_firmware.alarms import Alarms
from vigil_firmware.button import Button
from vigil_firmware.indicators import Indicators
from vigil_hal.light import RgbLight
from vigil_hal.panel import Panel
from vigil_wire.conditions import HIGH
from vigil_wire.settings import Settings

class Pin:
    # Makes no object itself.
    level = 1
    def value(self, level=1):
        self.level = level
        return 1

class Monitor:
    must_try_signals = False
    alarms = Alarms(Settings(), None)

monitor = Monitor()
monitor.alarms.visible = monitor.alarms.audible = {priority}
panel = Panel(RgbLight(Pin(), Pin(), Pin()), Pin(), Pin(), None, Pin())
indicators = Indicators(panel, monitor, 0)
button = Button(panel.button, monitor.alarms, None, 0)
now_ms = 0

def long_run():
    # Ten seconds: the self-test, bursts and flashes, or nothing.
    global now_ms
    for index in range(500):
        now_ms += 20
        indicators.tick(now_ms)
        button.contact.tick(now_ms)
        if index % 5 == 0:
            button.step(now_ms)
            indicators.step(now_ms)
"""


@pytest.mark.parametrize("priority", [0, 1, 2, 3])
def test_light_and_sound_make_no_object(runtime: Runtime, priority: int) -> None:
    setup = _INDICATORS_SETUP.replace("{priority}", str(priority))
    assert heap_growth(runtime, setup, "long_run", calls=10) == 0


_DISPLAY_SETUP = """
from vigil_firmware.alarm_display import AlarmDisplay
from vigil_firmware.alarms import Alarms
from vigil_firmware.ticks import Uptime
from vigil_firmware.utc_clock import UtcClock
from vigil_firmware.vitals import Vitals
from vigil_hal.ssd1306 import Ssd1306
from vigil_wire import statuses
from vigil_wire.settings import Settings

class Bus:
    # Makes no object itself.
    sent = 0
    def writeto_mem(self, address, control, data):
        self.sent += len(data)

class Monitor:
    alarms = Alarms(Settings(), None)
    vitals = Vitals()
    uptime = Uptime(0)
    utc = UtcClock()
    has_thermometer = has_battery = True
    battery_pct = 87
    bridge_silent_s = 20
    second = 0

monitor = Monitor()
vitals = monitor.vitals
monitor.utc.anchor(0, 0, 9000, 43_000_000)
monitor.alarms.visible = monitor.alarms.audible = {priority}
monitor.alarms.top = {top}
monitor.alarms.bits = 1 << {top} | 1 << 9 if {top} >= 0 else 0
bus = Bus()
display = AlarmDisplay(Ssd1306(bus, height={height}), monitor)
now_ms = 0

def long_run():
    # Twenty seconds, in which all values change, come and go, and all is sent anew once.
    global now_ms
    for index in range(200):
        now_ms += 100
        if index % 10 == 0:
            monitor.second += 1
            monitor.uptime.advance(now_ms)
            vitals.pulse_rate.publish(600 + index * 3, statuses.VALIDATED)
            vitals.spo2.publish(900 + index // 2, statuses.VALIDATED)
            vitals.temperature.publish(3600 + index, statuses.VALIDATED)
            vitals.perfusion.publish(200 + index, statuses.VALIDATED)
            if index % 40 == 0:
                vitals.spo2.withhold(statuses.POOR_SIGNAL)
                vitals.temperature.withhold(statuses.ACQUIRING)
        display.step(now_ms, "", {passkey})
    assert not display.fault and bus.sent > 512
    bus.sent = 0
"""


@pytest.mark.parametrize("height", [64, 32])
@pytest.mark.parametrize(
    ("priority", "top", "passkey"), [(0, -1, -1), (0, -1, 123_456), (3, 8, -1), (3, 13, -1), (2, 22, -1)]
)
def test_display_makes_no_object(runtime: Runtime, priority: int, top: int, passkey: int, height: int) -> None:
    setup = _DISPLAY_SETUP.replace("{priority}", str(priority)).replace("{top}", str(top))
    setup = setup.replace("{passkey}", str(passkey)).replace("{height}", str(height))
    assert heap_growth(runtime, setup, "long_run", calls=10) == 0


def test_frames_of_light_and_sound_stay_off_the_boards_heap() -> None:
    functions = [Device.tick, Device._signal, Device._panel_fault, ticks_diff, Indicators.fault.fget]  # type: ignore[attr-defined]
    for each in (Button, Contact, Indicators, OutputPart, PatternPlayer):
        functions += [value for name, value in vars(each).items() if inspect.isfunction(value) and name != "__init__"]
    assert large_frames(*functions) == {}


def _functions_of(package: ModuleType) -> list[Callable[..., Any]]:
    """All functions and methods of a package's modules, the functions of their properties among them."""
    found = []
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found += _functions_of_module(module)
    return found


def _functions_of_module(module: ModuleType) -> list[Callable[..., Any]]:
    found: list[Any] = []
    for each in vars(module).values():
        if getattr(each, "__module__", "") == module.__name__:
            members = vars(each).values() if inspect.isclass(each) else [each]
            found += [member.fget if isinstance(member, property) else member for member in members]
    return [each for each in found if inspect.isfunction(each)]


def test_frames_of_the_signal_path_stay_off_the_boards_heap() -> None:
    functions = _functions_of(signal)
    assert {PulseOximeter.add, PulseOximeter._take_beat, Beats._peak, Fusion.period.fget} <= set(functions)  # type: ignore[attr-defined]
    assert large_frames(*functions).keys() == _LARGE.keys()


def test_frames_on_the_way_to_the_signal_path_stay_off_the_boards_heap() -> None:
    functions = (
        Sampler.step,
        Sampler._drain,
        Sampler._take,
        Sampler._measure,
        ticks_add,
        ticks_diff,
        Sampler._account,
        Sampler._fill,
        Sampler._differs,
        Sampler._level,
        Sampler._adjust,
        LedGain.judge,
        led_gain._better,
        Max30102.drain,
        Max30102._drain,
        Max30102._count,
        Max30102._saw_full,
        Max30102._count_overflow,
        Max30102._waiting,
        Max30102._take,
        Max30102._unpack_slot,
        Max30102._read_status,
        Max30102._note_status,
        Max30102._clear_fifo,
        max30102._unpack,
        max30102._shift_right,
    )
    assert large_frames(*functions) == {}


def test_frames_of_the_battery_stay_off_the_boards_heap() -> None:
    at_faults = {"probe", "_write", "_no_voltage"}
    at_events = {f"{driver.__qualname__}.{name}" for driver in (AdcDivider, Max17048) for name in at_faults}
    functions = [
        each
        for each in (*_functions_of_module(adc_divider), *_functions_of_module(max17048), Monitor._read_battery)
        if each.__qualname__ not in at_events and each.__name__ not in ("__init__", "_check", "on_board")
    ]
    assert AdcDivider._judge in functions and Max17048._ask in functions
    assert large_frames(*functions) == {}


def test_frames_of_the_alarms_that_are_needed_each_second_stay_off_the_boards_heap() -> None:
    at_events = {"acknowledge", "begin_standby", "pack", "restore", "_tell", "_announce"}  # and in standby
    large = large_frames(*_functions_of_module(alarms), *_functions_of_module(alarm_signals))
    assert {name.split(".")[-1] for name in large} == at_events | {"_mind_standby"}
