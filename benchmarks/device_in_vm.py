# Runs inside MicroPython: what one sample costs the device, from the oximeter's registers to the judged second. Reads
# light.bin (red and infrared, 3 bytes each, 100 a second) and writes results.json. parts_in_vm.py measures with it too.
import gc
import json

from vigil_firmware.alarm_display import AlarmDisplay
from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.monitor import SENSE_MS, STEP_MS, Monitor
from vigil_firmware.motion_sensor import MotionSensor
from vigil_firmware.sampler import Sampler
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.vitals import Vitals
from vigil_hal.lis3dh import Lis3dh
from vigil_hal.max30102 import Max30102
from vigil_hal.ssd1306 import Ssd1306
from vigil_wire.settings import Settings

try:
    from js import performance  # this VM's `time` stands still while it computes

    def now_us():
        return performance.now() * 1000

except ImportError:
    from time import ticks_us as now_us

RATES_HZ = (50, 100, 200, 400, 800, 1000, 1600, 3200)
LIGHT_HZ = 100
WARM_UP_S = 20
MEASURED_S = 40
ROUNDS = 6
ITERATIONS = 3000
STEPS = (WARM_UP_S + MEASURED_S) * 1000 // STEP_MS
FIRST = WARM_UP_S * 1000 // STEP_MS

with open("light.bin", "rb") as file:
    LIGHT = file.read()


class Bus:
    # The registers of a MAX30102 as far as its driver reads them, fed from a table; makes no object itself.

    def __init__(self):
        self.now_ms = 0
        self.registers = bytearray(256)
        self.started_ms = 0
        self.taken = 0
        self.rate_hz = 50

    def readfrom_mem_into(self, address, register, buffer):
        registers = self.registers
        if register == 7:
            self._fifo(buffer)
            return
        if register == 0 and len(buffer) == 7:
            waiting = (self.now_ms - self.started_ms) * self.rate_hz // 1000 - self.taken
            registers[4] = (registers[6] + waiting) & 31
            registers[0] = 0x40 if waiting else 0
        registers[0xFF] = 0x15
        for index in range(len(buffer)):
            buffer[index] = registers[register + index]

    def _fifo(self, buffer):
        position = 0
        while position < len(buffer):
            light = self.taken * LIGHT_HZ // self.rate_hz * 6 % len(LIGHT)
            for index in range(6):
                buffer[position + index] = LIGHT[light + index]
            position += 6
            self.taken += 1
        self.registers[6] = (self.registers[6] + len(buffer) // 6) & 31

    def writeto_mem(self, address, register, data):
        registers = self.registers
        for index in range(len(data)):
            registers[register + index] = data[index]
        if register == 9:
            registers[9] &= 0xBF
        if register in (4, 9):
            self.started_ms = self.now_ms
            self.taken = 0
            registers[4] = registers[6] = 0
            self.rate_hz = RATES_HZ[registers[0x0A] >> 2 & 7] >> (registers[8] >> 5)


class DisplayBus:
    # Takes all that a display is told.

    def writeto_mem(self, address, control, data):
        pass


def empty_loop():
    for _ in range(ITERATIONS):
        pass


def build(thermometer=None, battery=None, accelerometer=None):
    bus = Bus()
    journal = Journal(MemoryStore(3, 768), 0)
    return bus, Monitor(Max30102(bus), thermometer, battery, Settings(), journal, 1, 1, 0, accelerometer)


def with_display(monitor):
    # The monitor's step, then what a display does in the same step of the device.
    display = AlarmDisplay(Ssd1306(DisplayBus()), monitor)

    def step(now_ms):
        monitor.step(now_ms)
        display.step(now_ms, "", -1)

    return step


def run(least_us, bus, step):
    # Keeps the shortest time that each step took in any round.
    for index in range(STEPS):
        bus.now_ms += STEP_MS
        gc.collect()
        begun = now_us()
        step(bus.now_ms)
        took = now_us() - begun
        least_us[index] = min(took, least_us[index])


def run_empty_loops(least_us):
    # As many and as often as steps, so that both meet the same luck on a machine that others use.
    for index in range(STEPS):
        begun = now_us()
        empty_loop()
        took = now_us() - begun
        least_us[index] = min(took, least_us[index])


def bus_alone(bus):
    # What the driver asks of the bus at each step, without the driver.
    status = bytearray(7)
    bursts = [bytearray(6 * count) for count in range(33)]

    def step(now_ms):
        bus.readfrom_mem_into(0x57, 0, status)
        count = (status[4] - status[6]) & 31
        if count:
            bus.readfrom_mem_into(0x57, 7, bursts[count])

    return step


def driver_alone(bus):
    driver = Max30102(bus)
    driver.probe()
    driver.configure()
    return lambda now_ms: driver.drain()


def driver_and_signal(bus):
    # What the monitor does with the oximeter, without alarms, records and journal.
    signal = PulseOximeter()
    sampler = Sampler(Max30102(bus), signal, 0)
    vitals = Vitals()

    def step(now_ms):
        if now_ms % SENSE_MS == 0:
            sampler.step(now_ms)
        if now_ms % 1000 == 0:
            signal.judge(vitals, sampler.rate_milli_hz)
        elif now_ms % 1000 == SENSE_MS:
            signal.judge_respiration(vitals, sampler.rate_milli_hz)

    return step


class WalkersBus:
    # An LIS3DH in whose FIFO ten samples wait at every drain: a wearer who walks. Makes no object itself.

    def __init__(self):
        self.now_ms = 0
        self.turn = 0
        self.control = bytearray(6)

    def readfrom_mem_into(self, address, register, buffer):
        if register == 0x2F:
            buffer[0] = 10
        elif register == 0x0F:
            buffer[0] = 0x33
        elif register == 0xA0:
            buffer[:] = self.control
        else:
            self.turn = (self.turn + 1) % 6
            for index in range(len(buffer)):
                buffer[index] = self.turn
                if index % 6 == 5:
                    buffer[index] = 0x3C + self.turn * 2

    def writeto_mem(self, address, register, data):
        if register == 0xA0:
            self.control[:] = data


def walkers_bus_alone(bus):
    source = bytearray(1)
    burst = bytearray(30)

    def step(now_ms):
        if now_ms % SENSE_MS == 0:
            bus.readfrom_mem_into(0x18, 0x2F, source)
            bus.readfrom_mem_into(0x18, 0xA8, burst)
            bus.readfrom_mem_into(0x18, 0xA8, burst)

    return step


def accelerometer_alone(bus):
    driver = Lis3dh(bus, head=3)
    driver.configure()

    def step(now_ms):
        if now_ms % SENSE_MS == 0:
            driver.drain()

    return step


def accelerometer_and_movement(bus):
    # What the monitor does with it, without what the signal path takes out of the light.
    sensor = MotionSensor(Lis3dh(bus, head=3), Vitals(), 0)

    def step(now_ms):
        if now_ms % SENSE_MS == 0:
            sensor.step(now_ms)
        if now_ms % 1000 == 0:
            sensor.judge(True)

    return step


def configured_bus():
    bus = Bus()
    driver_alone(bus)
    return bus


def timed():
    names = ("monitor", "display", "signal", "driver", "bus", "loop", "walker", "accelerometer", "movement")
    least = {name: [1e9] * STEPS for name in names}
    for _ in range(ROUNDS):
        for _ in range(2):  # more often than the rest: the longest step is a single one's time
            bus, monitor = build()
            run(least["monitor"], bus, monitor.step)
            bus, monitor = build()
            run(least["display"], bus, with_display(monitor))
        assert monitor.vitals.pulse_rate.has_value and monitor.vitals.spo2.has_value
        run_empty_loops(least["loop"])
        bus = Bus()
        run(least["signal"], bus, driver_and_signal(bus))
        bus = configured_bus()
        run(least["bus"], bus, bus_alone(bus))
        for name, each in (
            ("walker", walkers_bus_alone),
            ("accelerometer", accelerometer_alone),
            ("movement", accelerometer_and_movement),
        ):
            bus = WalkersBus()
            run(least[name], bus, each(bus))
        bus = Bus()
        run(least["driver"], bus, driver_alone(bus))
    samples = MEASURED_S * bus.rate_hz
    total = {name: sum(each[FIRST:]) for name, each in least.items()}
    worst = max(one - other for one, other in zip(least["monitor"][FIRST:], least["bus"][FIRST:]))
    with_display_worst = max(one - other for one, other in zip(least["display"][FIRST:], least["bus"][FIRST:]))
    iteration_us = total["loop"] / (STEPS - FIRST) / ITERATIONS
    return {
        "iteration_us": iteration_us,
        "rate_hz": bus.rate_hz,
        "driver_per_sample": (total["driver"] - total["bus"]) / samples / iteration_us,
        "signal_per_sample": (total["signal"] - total["bus"]) / samples / iteration_us,
        "all_per_sample": (total["monitor"] - total["bus"]) / samples / iteration_us,
        "all_per_second": (total["monitor"] - total["bus"]) / MEASURED_S / iteration_us,
        "accelerometer_per_second": (total["accelerometer"] - total["walker"]) / MEASURED_S / iteration_us,
        "movement_per_second": (total["movement"] - total["accelerometer"]) / MEASURED_S / iteration_us,
        "worst_step": worst / iteration_us,
        "worst_step_with_display": with_display_worst / iteration_us,
        "display_per_second": (total["display"] - total["monitor"]) / MEASURED_S / iteration_us,
    }


def heap():
    bus, monitor = build()

    def steps(count):
        for _ in range(count):
            bus.now_ms += STEP_MS
            monitor.step(bus.now_ms)

    steps(FIRST)
    gc.collect()
    gc.disable()
    taken = bus.taken
    before = gc.mem_alloc()
    steps(STEPS - FIRST)
    grown = gc.mem_alloc() - before
    gc.enable()
    taken = bus.taken - taken
    gc.collect()
    before = gc.mem_alloc()
    signal = PulseOximeter()
    gc.collect()
    state = gc.mem_alloc() - before
    del signal
    return {"bytes_per_sample": grown / taken, "signal_state_bytes": state}


if __name__ == "__main__":
    results = timed()
    results.update(heap())
    with open("results.json", "w") as file:
        json.dump(results, file)
