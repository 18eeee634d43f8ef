# Runs inside MicroPython: the driver of the MAX30102, and micropython-max30102 where it is at hand, on one simulated
# part each. Writes what was measured to results.json.
import gc
import json
import sys
import time

import machine

from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102

RATE_HZ = 50
PERIOD_US = 20000
SECONDS = 30
FIRST = 1000  # the light begins here, so that no sample is zero


class Counting:
    # A source whose light is the number of the sample.
    start_us = 0
    end_us = None
    has_temperature = False

    def sample_into(self, time_us, out):
        out[0] = FIRST + time_us // PERIOD_US
        out[1] = 2 * out[0]
        return True


class CountingBus(SimulatedI2C):
    # Counts transactions, and bytes as on the wire: address, register and data.
    def __init__(self, part):
        super().__init__(part)
        self.count()

    def count(self):
        self.transactions = 0
        self.bytes = 0

    def readfrom_mem_into(self, address, register, buffer):
        super().readfrom_mem_into(address, register, buffer)
        self.transactions += 1
        self.bytes += 3 + len(buffer)

    def writeto_mem(self, address, register, data):
        super().writeto_mem(address, register, data)
        self.transactions += 1
        self.bytes += 2 + len(data)

    def writeto(self, address, data):
        self.transactions += 1
        self.bytes += 1 + len(data)
        return super().writeto(address, data)

    def readfrom(self, address, length):
        buffer = bytearray(length)
        self.readfrom_into(address, buffer)
        self.transactions += 1
        self.bytes += 1 + length
        return bytes(buffer)


class Vigil:
    name = "vigil"

    def __init__(self, bus):
        self.driver = Max30102(bus)
        self.driver.probe()
        self.driver.configure(sample_rate_hz=RATE_HZ, averaging=1)
        self.lost = 0

    def take(self, red):
        count = self.driver.drain()
        self.lost += self.driver.lost
        red.extend(self.driver.red[:count])

    def die_c(self):
        self.driver.start_die_temperature()
        time.sleep_ms(30)
        return self.driver.die_temperature_sixteenths() / 16

    def notices_restart(self):
        return self.driver.restarted


class Peer:
    name = "peer"
    lost = None  # it does not say

    def __init__(self, bus):
        from max30102 import MAX30102

        self.driver = MAX30102(bus)
        self.driver.setup_sensor(sample_rate=RATE_HZ, sample_avg=1, led_power=0x24)

    def take(self, red):
        # As its README's example does.
        self.driver.check()
        while self.driver.available():
            red.append(self.driver.pop_red_from_storage())
            self.driver.pop_ir_from_storage()

    def die_c(self):
        self.driver.enable_die_temp_rdy()
        return self.driver.read_temperature()

    def notices_restart(self):
        return False  # there is nothing that could say so


def setup(driver):
    part = SimulatedMax30102(Counting(), time.ticks_ms)
    bus = CountingBus(part)
    reader = driver(bus)
    bus.count()
    return part, bus, reader


def loop(driver, period_ms):
    _, bus, reader = setup(driver)
    red = []
    for _ in range(SECONDS * 1000 // period_ms):
        time.sleep_ms(period_ms)
        reader.take(red)
    transactions, length = bus.transactions, bus.bytes
    made = SECONDS * RATE_HZ
    return {
        "made": made,
        "got": len(red),
        "said_lost": reader.lost,
        "true_values": bool(red) and red[0] >= FIRST,
        "transactions_per_s": transactions / SECONDS,
        "bytes_per_s": length / SECONDS,
    }


def pause(driver, samples):
    # So many samples pass, then one call.
    _, _, reader = setup(driver)
    time.sleep_ms(samples * 1000 // RATE_HZ)
    red = []
    reader.take(red)
    return {"got": len(red), "said_lost": reader.lost}


def cold(driver):
    part, _, reader = setup(driver)
    part.die_temperature_sixteenths = -88
    return reader.die_c()


def brown_out(driver):
    part, _, reader = setup(driver)
    red = []
    part.brown_out()
    for _ in range(10):
        time.sleep_ms(100)
        reader.take(red)
    return {"got": len(red), "noticed": reader.notices_restart()}


class StillBus:
    # The registers of a part that holds four samples at every look; makes no object itself.
    def __init__(self):
        self.write = 0
        self.register = 0
        self.config = bytearray(256)
        self.bytes = [bytes(1) for _ in range(32)]
        for value in range(32):
            self.bytes[value] = bytes([value])
        self.sample = bytes([1, 0x55, 0x55, 1, 0x55, 0x55])
        self.read = 0

    def readfrom_mem_into(self, address, register, buffer):
        if register == 0 and len(buffer) == 7:
            self.read = self.write
            self.write = (self.write + 4) & 31
            buffer[0] = 0x40
            buffer[1] = 0
            buffer[2] = self.config[2]
            buffer[3] = self.config[3]
            buffer[4] = self.write
            buffer[5] = 0
            buffer[6] = self.read
        elif register == 0xFF:
            buffer[0] = 0x15
        else:
            buffer[0] = self.config[register]

    def writeto_mem(self, address, register, data):
        for index in range(len(data)):
            self.config[register + index] = data[index] if register != 9 else data[index] & 0xBF

    def writeto(self, address, data):
        self.register = data[0]
        if len(data) > 1:
            self.config[data[0]] = data[1] & 0xBF if data[0] == 9 else data[1]

    def readfrom(self, address, length):
        if length == 6:
            self.read = (self.read + 1) & 31
            return self.sample
        if self.register == 4:
            self.write = (self.read + 1) & 31
            return self.bytes[self.write]
        if self.register == 6:
            return self.bytes[self.read]
        return self.bytes[self.config[self.register] & 31]


def garbage(take, reader):
    # Heap bytes for one sample, with collection off and all that is allocated once behind it.
    for _ in range(4):
        take(reader)
    gc.collect()
    gc.disable()
    samples = 0
    before = gc.mem_alloc()
    for _ in range(100):
        samples += take(reader)
    grown = gc.mem_alloc() - before
    gc.enable()
    return grown / samples


def take_vigil(reader):
    return reader.driver.drain()


def take_peer(reader):
    reader.driver.check()
    reader.driver.pop_red_from_storage()
    reader.driver.pop_ir_from_storage()
    return 1


def measure(driver, take):
    return {
        "loops": {str(period): loop(driver, period) for period in (20, 50, 100, 200, 600)},
        "full": pause(driver, 32),
        "overflow": pause(driver, 50),
        "die_c": cold(driver),
        "brown_out": brown_out(driver),
        "heap_bytes": garbage(take, driver(StillBus())),
    }


# What the other driver imports, of this VM's own: a sleep that does not spin, and a name that it uses as a hint only.
sys.modules["utime"] = time
machine.SoftI2C = object
results = {"vigil": measure(Vigil, take_vigil)}
try:
    import max30102  # noqa: F401 - whether it is there; Peer uses it
except ImportError:
    pass  # without a peer its column is left out, and the caller has said why
else:
    results["peer"] = measure(Peer, take_peer)
with open("results.json", "w") as file:
    json.dump(results, file)
