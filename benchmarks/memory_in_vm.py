# Runs inside MicroPython: the whole firmware of a board, main.py and all, from the folder board/, on parts that take no
# memory of their own while it runs. A host fetches its journal; there is a fever, a finger is taken off, the link is
# lost. Prints each step and what the heap holds then, garbage and all, and writes results.json.
import gc
import json
import sys

import micropython

STEP_MS = 100
WAITING_FRAMES = 8
CONNECT, DISCONNECT, WRITE, INDICATED, MTU = 1, 2, 3, 20, 21
CONTROL, STREAM = 3, 5
HELLO, RECORDS, RECORD_HEADER = 1, 0x91, 13
FETCH, ACK, ALARM_KIND = 0x10, 0x11, 2
RAISED, CLEARED = 1, 2
RATES_HZ = (50, 100, 200, 400, 800, 1000, 1600, 3200)
LIGHT_HZ = 100
OFF_COUNTS = 300
# Seconds: what is from when to when.
LINK_UP_S, LINK_LOST_S, LINK_UP_AGAIN_S = 10, 200, 210
FEVER_S, FINGER_OFF_S = (40, 100), (110, 150)
FEVER_WORD, WELL_WORD = 5184, 4685  # of the thermometer: 40.5 and 36.6 degrees


class Bus:
    # The registers of a MAX30102 and a TMP117 as far as their drivers read them.

    def __init__(self):
        with open("light.bin", "rb") as file:
            self.light = file.read()
        self.is_finger_on = True
        self.temperature = WELL_WORD
        self.registers = bytearray(256)
        self.started_ms = 0
        self.taken = 0
        self.rate_hz = 50

    def readfrom_mem_into(self, address, register, buffer):
        if address == 0x48:
            word = 0x0117 if register == 15 else 0x2000 if register == 1 else self.temperature
            buffer[0] = word >> 8
            buffer[1] = word & 0xFF
            return
        registers = self.registers
        if register == 7:
            self.fifo(buffer)
            return
        if register == 0 and len(buffer) == 7:
            waiting = (clock.now_ms - self.started_ms) * self.rate_hz // 1000 - self.taken
            registers[4] = (registers[6] + waiting) & 31
            registers[0] = 0x40 if waiting else 0
        registers[0xFF] = 0x15
        for index in range(len(buffer)):
            buffer[index] = registers[register + index]

    def fifo(self, buffer):
        position = 0
        while position < len(buffer):
            light = self.taken * LIGHT_HZ // self.rate_hz * 6 % len(self.light)
            for index in range(6):
                off = OFF_COUNTS >> (16 - 8 * (index % 3)) & 0xFF
                buffer[position + index] = self.light[light + index] if self.is_finger_on else off
            position += 6
            self.taken += 1
        self.registers[6] = (self.registers[6] + len(buffer) // 6) & 31

    def writeto_mem(self, address, register, data):
        if address == 0x48:
            return
        registers = self.registers
        for index in range(len(data)):
            registers[register + index] = data[index]
        if register == 9:
            registers[9] &= 0xBF
        if register in (4, 9):
            self.started_ms = clock.now_ms
            self.taken = 0
            registers[4] = registers[6] = 0
            self.rate_hz = RATES_HZ[registers[0x0A] >> 2 & 7] >> (registers[8] >> 5)


class Radio:
    # The stack under the firmware, and the host at the other end of its link.

    def __init__(self):
        self.host = None
        self.handler = None
        self.control = b""
        self.frames = [bytearray(247) for _ in range(WAITING_FRAMES)]
        self.lengths = [0] * WAITING_FRAMES
        self.count = 0
        self.records = self.raised = self.cleared = 0
        self.is_linked = False

    def irq(self, handler):
        self.handler = handler

    def active(self, on):
        pass

    def config(self, *asked, **given):
        pass

    def gatts_register_services(self, services):
        handles, handle = [], 1
        for _, characteristics in services:
            row = []
            for _ in characteristics:
                handle += 2
                row.append(handle)
            handles.append(tuple(row))
        return tuple(handles)

    def gatts_set_buffer(self, handle, length, append=False):
        pass

    def gatts_write(self, handle, value, send_update=False):
        pass

    def gatts_read(self, handle):
        return self.control

    def gap_advertise(self, interval_us, adv_data=None, connectable=True):
        pass

    def gatts_indicate(self, connection, handle, data):
        self.handler(INDICATED, (connection, handle, 0))

    def gap_disconnect(self, connection):
        raise ValueError("the firmware dropped its link")

    def gatts_notify(self, connection, handle, data):
        if handle != STREAM:
            return  # the standard services are open to everybody, and nobody listens
        if self.count == WAITING_FRAMES:
            raise OSError(12)
        frame = self.frames[self.count]
        for index in range(len(data)):
            frame[index] = data[index]
        self.lengths[self.count] = len(data)
        self.count += 1

    def connect(self):
        self.handler(CONNECT, (0, 0, b"\x02hosts"))
        self.handler(MTU, (0, 247))
        self.write(self.link.hello(b"hostside"))
        self.is_linked = True

    def lose(self):
        self.handler(DISCONNECT, (0, 0, b"\x02hosts"))
        self.host.is_open = self.is_linked = False
        self.count = 0

    def write(self, frame):
        self.control = frame
        self.handler(WRITE, (0, CONTROL))

    def say(self, kind, sequence):
        out = self.host.out
        out[4] = kind
        for index in range(4):
            out[5 + index] = sequence >> 8 * index & 0xFF
        self.write(out[: self.host.seal(5)])

    def take(self):
        # What the device has sent since the last time.
        newest = -1
        for index in range(self.count):
            frame = self.frames[index]
            if frame[0] == HELLO:
                self.host.begin(b"hostside", frame[2:10])
                self.say(FETCH, self.records)
                continue
            length = self.host.open(frame, self.lengths[index])
            if frame[4] == RECORDS:
                newest = self.take_records(frame, 4 + length)
        self.count = 0
        if newest >= 0:
            self.say(ACK, newest)

    def take_records(self, frame, end):
        at = 5
        while at < end:
            length = frame[at]
            newest = frame[at + 1] | frame[at + 2] << 8
            if frame[at + 5] == ALARM_KIND:
                event = frame[at + 1 + RECORD_HEADER + 1]
                self.raised += event == RAISED
                self.cleared += event == CLEARED
            at += 1 + length
        self.records = newest + 1
        return newest


class Clock:
    # main.py's `time`: while it sleeps its timers run and the world goes on.

    def __init__(self):
        self.now_ms = 0
        self.end_ms = 0
        self.timers = []

    def ticks_ms(self):
        return self.now_ms

    def ticks_add(self, ticks_ms, by_ms):
        return ticks_ms + by_ms

    def ticks_diff(self, ticks_ms, other_ms):
        return ticks_ms - other_ms

    def sleep_ms(self, ms):
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            self.now_ms += 20
            for timer in self.timers:
                timer.look()
        world()
        if self.now_ms >= self.end_ms:
            raise KeyboardInterrupt


class Timer:
    def __init__(self, number):
        self.callback = None

    def init(self, period, callback):
        self.period_ms, self.callback, self.due_ms = period, callback, clock.now_ms + period
        clock.timers.append(self)

    def look(self):
        if clock.now_ms >= self.due_ms:
            self.due_ms += self.period_ms
            self.callback(self)

    def deinit(self):
        clock.timers.remove(self)


class Pin:
    IN = OUT = PULL_UP = 1

    def __init__(self, number, mode=0, pull=0, value=1):
        self.level = value

    def value(self, level=None):
        if level is None:
            return self.level
        self.level = level
        return None

    __call__ = value


class Pwm:
    def __init__(self, pin, freq, duty_u16):
        pass

    def freq(self, hz):
        pass

    duty_u16 = freq


class Watchdog:
    def __init__(self, timeout):
        pass

    def feed(self):
        pass


class Cipher:
    # In place of AES: both ends have it, and it makes no object.
    def __init__(self, key, mode):
        self.key = key

    def encrypt(self, block, out):
        for index in range(16):
            out[index] = (block[index] + 1) * 7 & 0xFF ^ self.key[index]


class Module:
    pass


def as_module(name, **attributes):
    module = Module()
    for key in attributes:
        setattr(module, key, attributes[key])
    sys.modules[name] = module


def world():
    # What happens around the device now.
    second = clock.now_ms // 1000
    bus.temperature = FEVER_WORD if FEVER_S[0] <= second < FEVER_S[1] else WELL_WORD
    bus.is_finger_on = not FINGER_OFF_S[0] <= second < FINGER_OFF_S[1]
    must_be_linked = LINK_UP_S <= second < LINK_LOST_S or second >= LINK_UP_AGAIN_S
    if must_be_linked != radio.is_linked:
        if must_be_linked:
            radio.connect()
        else:
            radio.lose()
    radio.take()


def steps(seconds, *names):
    # The firmware's start and life, by the name of each step that is over; "host" is what only this program needs.
    # `names`: of the modules, package by package, or none, to learn which are imported.
    sys.path.insert(0, "board")
    as_module("machine", I2C=lambda *_, **__: bus, Pin=Pin, PWM=Pwm, Timer=Timer, WDT=Watchdog, reset_cause=lambda: 1)
    as_module("bluetooth", BLE=lambda: radio, UUID=str)
    as_module("cryptolib", aes=Cipher)
    yield "bare"
    for name in names:
        __import__(name)
        yield name
    import main

    yield "main"
    main.STORAGE_FOLDER = "vigil"
    main.time = clock
    ours = sys.modules["vigil_wire.link"].__file__
    if ours.startswith("/"):
        raise ValueError("not what a board runs is measured, but " + ours)
    from hosts_wire import link

    radio.link = link
    radio.host = link.Session(bytes(range(16)), False)
    radio.host.begin(b"hostside", b"hostside")
    yield "host"
    device = main.start()
    yield "built"
    main.start = lambda: device
    clock.end_ms = seconds * 1000
    main.run()
    yield "run"


def go_on():
    # One step; the heap is then looked at when the call that took it is over, for only there the WebAssembly build
    # collects garbage. What stays until then shows the largest block that the step ever asked for.
    if results["bytes"]:
        results["bytes"][-1].append(gc.mem_alloc())
    try:
        name = next(going)
    except StopIteration:
        results["modules"] = [name for name in sys.modules if name.startswith("vigil_")]
        results["records"], results["raised"], results["cleared"] = radio.records, radio.raised, radio.cleared
        with open("results.json", "w") as file:
            json.dump(results, file)
        return False
    print("step", name)
    micropython.mem_info()
    gc.collect()
    results["bytes"].append([name])
    return True


def go_on_later():
    # As go_on, a call after the other, in the WebAssembly build.
    import _host

    if go_on():
        _host.later("import memory_in_vm\nmemory_in_vm.go_on_later()")


results = {"bytes": []}
clock = Clock()
bus = Bus()
radio = Radio()
going = None
