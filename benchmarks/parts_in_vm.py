# Runs inside MicroPython, beside device_in_vm.py: what a reading of each part takes of its bus and of the heap, and how
# long the device's longest step is with the part. Writes results.json.
#
# A part's double is read for a while and recorded. Then a bus that makes no object itself plays that again, so that
# what the heap grows by is the driver's.
import gc
import json

import device_in_vm as device
from vigil_firmware.indicators import Indicators
from vigil_hal.panel import Panel
from vigil_hal.simulated.adc_divider import SimulatedAdcDivider
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.cell import SimulatedCell
from vigil_hal.simulated.ds18b20 import SimulatedDs18b20
from vigil_hal.simulated.lis3dh import SimulatedLis3dh
from vigil_hal.simulated.max17048 import SimulatedMax17048
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_hal.simulated.max30205 import SimulatedMax30205
from vigil_hal.simulated.mcp9808 import SimulatedMcp9808
from vigil_hal.simulated.mlx90614 import SimulatedMlx90614
from vigil_hal.simulated.mpu6050 import SimulatedMpu6050
from vigil_hal.simulated.one_wire import SimulatedOneWire
from vigil_hal.simulated.ssd1306 import SimulatedSsd1306
from vigil_hal.simulated.tmp117 import SimulatedTmp117

# A row for each part that has a driver: its name, what a board's file says of it, and its double. The double of a part
# on a pin is what the pin gives: an ADC, or a 1-Wire bus.
PARTS = (
    ("ADC_DIVIDER", {"pin": 0}, lambda rig: SimulatedAdcDivider(rig.cell)),
    ("DS18B20", {"pin": 0}, lambda rig: SimulatedOneWire(SimulatedDs18b20(rig, rig.clock_ms))),
    ("LIS3DH", {"address": 0x18}, lambda rig: SimulatedLis3dh(rig, rig.clock_ms)),
    ("MAX17048", {"address": 0x36}, lambda rig: SimulatedMax17048(rig.cell, rig.clock_ms)),
    ("MAX30102", {"address": 0x57}, lambda rig: SimulatedMax30102(rig, rig.clock_ms)),
    ("MAX30205", {"address": 0x48}, lambda rig: SimulatedMax30205(rig, rig.clock_ms)),
    ("MCP9808", {"address": 0x18}, lambda rig: SimulatedMcp9808(rig, rig.clock_ms)),
    ("MLX90614", {"address": 0x5A}, lambda rig: SimulatedMlx90614(rig, rig.clock_ms)),
    ("MPU6050", {"address": 0x68}, lambda rig: SimulatedMpu6050(rig, rig.clock_ms)),
    ("SSD1306", {"address": 0x3C}, lambda rig: SimulatedSsd1306()),
    ("TMP117", {"address": 0x48}, lambda rig: SimulatedTmp117(rig, rig.clock_ms)),
)
# By kind: how often the monitor reads it, and how.
READINGS = {
    "accelerometer": (200, lambda driver: driver.drain),
    "battery": (2000, lambda driver: driver.read),
    "display": (1000, lambda driver: picture(driver)),
    "oximeter": (200, lambda driver: driver.drain),
    "thermometer": (1000, lambda driver: driver.read_centi_c),
}
READS = 64  # twice the oximeter's FIFO, whose pointers are then where they were
HEAP_READS = 256
UNCHANGED_ROUNDS = 5
MOST_ROUNDS = 60
SPAN_STEPS = 50


class Rig:
    # What parts are wired to (vigil_hal.seams.Buses), and what they feel.
    start_us = 0
    end_us = None

    def __init__(self, make_double):
        self.now_ms = 0
        self.cell = SimulatedCell(self.clock_ms)
        self.i2c = None
        self.wire = None
        self._double = make_double(self)

    def clock_ms(self):
        return self.now_ms

    def wired(self, is_on_bus):
        if is_on_bus:
            self.i2c = self.wire = I2cWire(self._double)

    def adc(self, pin):
        self.wire = self.wire or AdcWire(self._double)
        return self.wire

    def one_wire(self, pin):
        self.wire = self.wire or OneWireWire(self._double)
        return self.wire

    def sample_into(self, time_us, out):
        wave = time_us // 1000 % 800
        out[0] = 100_000 + 2 * wave
        out[1] = 120_000 + 5 * wave
        return True

    def temperature_centi_c(self, time_us):
        return 3660 + time_us // 1_000_000 % 10

    def acceleration_into(self, time_us, out):
        out[0] = time_us // 10_000 % 100
        out[1] = time_us // 7_000 % 60
        out[2] = 1000 - time_us // 9_000 % 50
        return True


class Played:
    # What was read, by where it was read from: what a driver's life began with, and then the steady state for ever.

    def __init__(self):
        self._answers = {}
        self._turns = {}
        self._steady = {}  # where it begins in the answers
        self.is_played = False

    def note(self, key, answer):
        self._answers.setdefault(key, []).append(answer)

    def begin_steady(self):
        for key, answers in self._answers.items():
            self._steady[key] = len(answers)

    def play(self):
        # Begin a life anew.
        for key in self._answers:
            self._turns[key] = 0
        self.is_played = True

    def next(self, key):
        answers = self._answers[key]
        turn = self._turns[key]
        after = turn + 1
        if after == len(answers):
            after = self._steady.get(key, 0) % len(answers)
        self._turns[key] = after
        return answers[turn]

    def next_into(self, key, buffer):
        answer = self.next(key)
        for index in range(len(buffer)):
            buffer[index] = answer[index]


class I2cWire(Played):
    # An I2C bus.

    def __init__(self, part):
        super().__init__()
        self._bus = SimulatedI2C(part)

    @property
    def bits(self):
        return self._bus.bits

    def readfrom_mem_into(self, address, register, buffer):
        if self.is_played:
            self.next_into(register, buffer)
            return
        self._bus.readfrom_mem_into(address, register, buffer)
        self.note(register, bytes(buffer))

    def readfrom_into(self, address, buffer):
        if self.is_played:
            self.next_into(-1, buffer)
            return
        self._bus.readfrom_into(address, buffer)
        self.note(-1, bytes(buffer))

    def writeto_mem(self, address, register, data):
        if not self.is_played:
            self._bus.writeto_mem(address, register, data)

    def writeto(self, address, data):
        return len(data) if self.is_played else self._bus.writeto(address, data)


class AdcWire(Played):
    # An ADC: no bus at all.
    bits = 0

    def __init__(self, adc):
        super().__init__()
        self._adc = adc

    def read_uv(self):
        if self.is_played:
            return self.next(0)
        uv = self._adc.read_uv()
        self.note(0, uv)
        return uv


class OneWireWire(Played):
    # A 1-Wire bus. `bits`: microseconds, of resets and of slots as MicroPython makes them.
    RESET_US = 960
    SLOT_US = 70

    def __init__(self, bus):
        super().__init__()
        self._bus = bus
        self.bits = 0

    def reset(self, required=False):
        return self._told("reset", self.RESET_US)

    def readbit(self):
        return self._told("readbit", self.SLOT_US)

    def readbyte(self):
        return self._told("readbyte", 8 * self.SLOT_US)

    def readinto(self, buffer):
        if self.is_played:
            self.next_into(len(buffer), buffer)
            return
        self._bus.readinto(buffer)
        self.bits += 8 * self.SLOT_US * len(buffer)
        self.note(len(buffer), bytes(buffer))

    def writebit(self, value):
        self._said("writebit", value, self.SLOT_US)

    def writebyte(self, value):
        self._said("writebyte", value, 8 * self.SLOT_US)

    def write(self, data):
        self._said("write", data, 8 * self.SLOT_US * len(data))

    def select_rom(self, rom):
        if not self.is_played:
            self._bus.select_rom(rom)
            self.bits += self.RESET_US + 8 * self.SLOT_US * (1 + len(rom))

    def _told(self, name, took_us):
        if self.is_played:
            return self.next(name)
        answer = getattr(self._bus, name)()
        self.bits += took_us
        self.note(name, answer)
        return answer

    def _said(self, name, value, took_us):
        if not self.is_played:
            getattr(self._bus, name)(value)
            self.bits += took_us


def picture(display):
    shown = 0

    def show():  # a line of text and a number, other ones each time
        nonlocal shown
        shown ^= 1
        display.fill(0)
        display.at(0, 0)
        display.text("Low oxygen" if shown else "SpO2")
        display.at(0, 2)
        display.number(90 + shown)
        display.show()

    return show


def recorded(name, entry, make_double):
    # The rig and the driver's module, and what it takes of the bus; the rig plays what was recorded from now on.
    module = __import__("vigil_hal." + name.lower(), None, None, ("on_board",))
    rig = Rig(make_double)
    rig.wired(bool(module.ADDRESSES))
    driver = module.on_board(rig, entry)
    begin(driver)
    period_ms, reading = READINGS[module.KIND]
    read = reading(driver)
    for _ in range(READS):
        rig.now_ms += period_ms
        read()
    rig.wire.begin_steady()
    before = rig.wire.bits
    for _ in range(READS):
        rig.now_ms += period_ms
        read()
    bits = (rig.wire.bits - before) / READS
    hz = getattr(module, "MOST_HZ", 1_000_000)  # bits of what is not on I2C are microseconds
    return rig, module, {"kind": module.KIND, "bits": bits, "us": bits * 1_000_000 / hz, "hz": hz, "ms": period_ms}


def again(rig, module, entry):
    # A new driver, to which the bus plays what it told the first one.
    rig.wire.play()
    return module.on_board(rig, entry)


def begin(driver):
    if hasattr(driver, "probe"):
        driver.probe()
    if hasattr(driver, "configure"):
        driver.configure()


def heap_bytes(module, rig, entry):
    driver = again(rig, module, entry)
    begin(driver)
    read = READINGS[module.KIND][1](driver)
    for _ in range(READS):
        read()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(HEAP_READS):
        read()
    grown = gc.mem_alloc() - before
    gc.enable()
    return grown / HEAP_READS


def stepped(kind, driver):
    # A device's bus and step, with this part; None: without any.
    if kind == "display":
        bus, monitor = device.build()
        indicators = Indicators(Panel(display=driver), monitor, 0)

        def step(now_ms):
            monitor.step(now_ms)
            indicators.step(now_ms)

        return bus, step
    bus, monitor = device.build(**({kind: driver} if driver else {}))
    return bus, monitor.step


def longest_us(wired):
    # The longest step of a device with each part, and without any. Others use this machine too: each step has its
    # shortest time in any round, and rounds go on until none of the longest has become shorter in many.
    least = {name: [1e9] * device.STEPS for name in wired}
    longest = dict.fromkeys(wired, 1e9)
    rounds = unchanged = 0
    while unchanged < UNCHANGED_ROUNDS and rounds < MOST_ROUNDS:
        rounds += 1
        unchanged += 1
        for name, (rig, module, entry) in wired.items():
            driver = again(rig, module, entry) if module else None
            device.run(least[name], *stepped(module.KIND if module else None, driver))
            now = usual_longest(least[name])
            if now < longest[name] * 0.98:
                unchanged = 0
            longest[name] = min(longest[name], now)
    return longest


def usual_longest(least_us):
    # The longest work comes each five seconds: the median of the longest steps of these.
    spans = range(device.FIRST, device.STEPS, SPAN_STEPS)
    return sorted(max(least_us[start : start + SPAN_STEPS]) for start in spans)[len(spans) // 2]


def main():
    results = {}
    wired = {"": (None, None, None)}
    for name, entry, make_double in PARTS:
        rig, module, results[name] = recorded(name, entry, make_double)
        results[name]["heap_bytes"] = heap_bytes(module, rig, entry)
        if module.KIND != "oximeter":  # without one there is no device
            wired[name] = (rig, module, entry)
    longest = longest_us(wired)
    for name in wired:
        if name:
            results[name]["longest"] = longest[name] / longest[""]
    with open("results.json", "w") as file:
        json.dump(results, file)


main()
