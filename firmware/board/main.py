"""What a board runs: its pins, its clock, its watchdog, and the loop around one device.

Every line on the serial port is `vigil: ...`, `fault: ...`, `link: ...` or `storage: ...`. From three seconds after its
start on, a board that hangs is reset by the watchdog within 8 seconds; one that fails prints why and starts again.
Ctrl-C (or mpremote) stops the monitor for maintenance: a watchdog that runs already is fed by a timer from then on,
since nothing can stop it, and none is started. A soft reset stops that timer: within 8 seconds the monitor must run.

A board whose board.json has `"sensors": "simulated"` needs none, and shows a made patient.

Light and sound have a timer of their own, since a step of the device may last longer than a pulse.
"""

import gc
import json
import os
import sys
import time

import bluetooth
import machine

if sys.platform != "rp2":
    # An ESP32's heap grows into the memory that NimBLE needs, whose start can then end in a panic: so it takes its part
    # before all else. The peripheral starts it anew. On an rp2 the heap has its own memory, and BTstack starts once.
    try:
        bluetooth.BLE().active(True)
    except OSError as error:
        print("vigil: Bluetooth does not start at once:", error)

from vigil_firmware.device import Device
from vigil_firmware.monitor import STEP_MS
from vigil_firmware.pattern_player import TICK_MS
from vigil_firmware.storage import BLOCK_COUNT
from vigil_hal.buzzer import TONE_HZ, ToneBuzzer
from vigil_hal.file_blocks import FileBlocks
from vigil_hal.light import RgbLight
from vigil_hal.panel import Panel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import Display

# Of an ESP32-DevKitC and a Pico W: I2C bus, data, clock, and the pins of what speaks to those beside the device. A file
# board.json takes their place and names all that are used, by the same names. There, a light may be three pins (red,
# green, blue), and "beeper" is a buzzer with its own oscillator. The button is to ground: BOOT on an ESP32.
# "parts" lists what there is beside the oximeter, as vigil_hal.parts wants it.
PINS = {
    "esp32": {"i2c": 0, "sda": 21, "scl": 22, "light": 27, "buzzer": 25, "vibration": 26, "button": 0},
    "rp2": {"i2c": 0, "sda": 4, "scl": 5, "light": 15, "buzzer": 14, "vibration": 13, "button": 12},
}
PARTS = ({"part": "TMP117", "address": 0x48, "optional": True},)
I2C_HZ = 400_000
ADC_MOST_MV = 3_300  # of a Pico
STORAGE_FOLDER = "/vigil"
PARTITION = "vigil"
SEGMENTS_MOST = 96
FREE_SEGMENTS = 24  # left to the file system, which moves what it writes
WATCHDOG_MS = 8_000
WATCHDOG_AFTER_MS = 3_000  # until then whoever wants to mend the board can stop it, and no watchdog is left
SELF_TEST_S = 3  # what a sensor that is not there needs to be noticed
MOVING_BYTES = 80 * 1024  # free, so that a simulated accelerometer has its 20 KiB beside all that is still to come
TIMERS = {"esp32": (0, 1)}  # of the maintenance and of the signals; elsewhere timers have no number
RESTART_AFTER_MS = 2_000


def pins():
    """Return the pins of this board."""
    try:
        with open("board.json") as file:
            return json.load(file)
    except OSError:
        if sys.platform not in PINS:
            raise ValueError("no pins are known for %s: put i2c, sda and scl in board.json" % sys.platform) from None
        return PINS[sys.platform]


class Buses:
    """What the parts are wired to."""

    def __init__(self, i2c: machine.I2C) -> None:
        self.i2c = i2c

    def one_wire(self, pin: int):
        """Return the 1-Wire bus on a pin."""
        import onewire

        return onewire.OneWire(machine.Pin(pin))

    def adc(self, pin: int):
        """Return what measures the voltage of a pin, with `read_uv`."""
        if sys.platform == "esp32":
            return machine.ADC(machine.Pin(pin), atten=machine.ADC.ATTN_11DB)
        return PlainAdc(machine.ADC(machine.Pin(pin)))


class PlainAdc:
    """An ADC whose port has no calibrated readings."""

    def __init__(self, adc: machine.ADC) -> None:
        self._adc = adc

    def read_uv(self) -> int:
        """Return the voltage in microvolts."""
        scaled = self._adc.read_u16() * ADC_MOST_MV
        return scaled // 65535 * 1000 + scaled % 65535 * 1000 // 65535  # in 30 bits


def panel(display: "Display | None"):
    """Return the lights, buzzers and the button of this board, with its display if it has one."""
    pin = pins()
    light = buzzer = vibration = button = None
    if "light" in pin:
        numbers = pin["light"]
        light = RgbLight(*map(output, numbers)) if isinstance(numbers, list) else output(numbers)
    if "beeper" in pin:
        buzzer = output(pin["beeper"])
    elif "buzzer" in pin:
        buzzer = ToneBuzzer(machine.PWM(machine.Pin(pin["buzzer"]), freq=TONE_HZ, duty_u16=0))
    if "vibration" in pin:
        vibration = output(pin["vibration"])
    if "button" in pin:
        button = machine.Pin(pin["button"], machine.Pin.IN, machine.Pin.PULL_UP)
    return Panel(light, buzzer, vibration, display, button)


def output(number: int):
    """Return a pin that is an output, low at first."""
    return machine.Pin(number, machine.Pin.OUT, value=0)


def timer(purpose: int):
    """Return a timer that is not used yet, by its place in TIMERS."""
    return machine.Timer(TIMERS[sys.platform][purpose] if sys.platform in TIMERS else -1)


def journal_stores():
    """Return where the journal may be kept: on this board's own flash partition, else in segment files."""
    if sys.platform == "esp32":
        import esp32

        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=PARTITION)
        if found:
            from vigil_firmware.journal_nor import NorStore

            return (lambda: NorStore(found[0]), in_segments)
    return (in_segments,)


def in_segments():
    """Return the journal's store in files, as many as there is room for."""
    from vigil_firmware.journal_segments import GROUP_MS, SEGMENT_BYTES, SegmentStore

    folder = STORAGE_FOLDER + "/journal"
    try:
        os.mkdir(folder)
    except OSError:
        os.stat(folder)  # it is there already, or this says why it cannot be
    room = os.statvfs(folder)
    segments = min(room[0] * room[3] // SEGMENT_BYTES - FREE_SEGMENTS, SEGMENTS_MOST)
    return SegmentStore(folder, segments, group_ms=GROUP_MS)


def sensors():
    """Return the bus of the oximeter and the other parts: this board's own, or simulated ones."""
    from vigil_hal.parts import Parts, opened  # here: no more is needed of it

    pin = pins()
    if pin.get("sensors") == "simulated":
        from vigil_firmware.simulation.parts import Parts as Simulated
        from vigil_firmware.simulation.parts import endless_source, moving_of

        print("vigil: SIMULATED sensors: what this board tells is about nobody")
        source = endless_source("patient", "")
        gc.collect()
        has_room = gc.mem_free() >= MOVING_BYTES
        simulated = Simulated(
            source,
            source.has_temperature,
            time.ticks_ms,  # pyright: ignore[reportArgumentType] - an int everywhere but in the stubs
            moving=moving_of(source) if has_room else None,
        )
        parts = Parts()
        parts.thermometer, parts.battery = simulated.thermometer, simulated.battery
        parts.accelerometer = simulated.accelerometer
        return simulated.bus, parts
    freq_hz = pin.get("i2c_hz", I2C_HZ)
    i2c = machine.I2C(pin["i2c"], sda=machine.Pin(pin["sda"]), scl=machine.Pin(pin["scl"]), freq=freq_hz)
    entries = pin.get("parts", PARTS)
    return i2c, opened(Buses(i2c), entries, print)  # pyright: ignore[reportArgumentType] - pins are of other kinds


def start():
    """Build the device of this board's parts."""
    bus, parts = sensors()
    return Device(
        bus,
        parts.thermometer,
        parts.battery,
        FileBlocks(STORAGE_FOLDER, BLOCK_COUNT),
        journal_stores(),
        bluetooth,  # pyright: ignore[reportArgumentType] - the stubs' irq and gap_advertise are not the board's
        os.urandom,
        print,
        machine.reset_cause(),
        time.ticks_ms(),  # pyright: ignore[reportArgumentType] - an int everywhere but in the stubs
        panel(parts.display),
        parts.accelerometer,
    )


def run():
    """Step the device for ever, on time, and say once what its first seconds showed."""
    began_ms = time.ticks_ms()
    device = start()
    ticking = timer(1)
    ticking.init(period=TICK_MS, callback=lambda _: device.tick(time.ticks_ms()))  # pyright: ignore[reportArgumentType]
    watchdog = None
    is_tested = False
    due_ms = time.ticks_ms()
    try:
        while True:
            if watchdog is not None:
                watchdog.feed()
            elif time.ticks_diff(time.ticks_ms(), began_ms) >= WATCHDOG_AFTER_MS:
                watchdog = machine.WDT(timeout=WATCHDOG_MS)
            device.step(time.ticks_ms())  # pyright: ignore[reportArgumentType]
            if not is_tested and device.monitor.second >= SELF_TEST_S:
                is_tested = True
                print("vigil: self-test:", device.fault or "good")
            due_ms = time.ticks_add(due_ms, STEP_MS)
            wait_ms = time.ticks_diff(due_ms, time.ticks_ms())
            if wait_ms > 0:
                time.sleep_ms(wait_ms)
            else:
                due_ms = time.ticks_ms()
    except KeyboardInterrupt:
        if watchdog is not None:  # first of all: a second Ctrl-C may come
            fed = watchdog
            timer(0).init(period=WATCHDOG_MS // 4, callback=lambda _: fed.feed())
        print("vigil: stopped for maintenance; reset the board to go on")
        ticking.deinit()
        device.switch_off_signals(time.ticks_ms())  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    try:
        run()
    except Exception as error:
        print("fault: the monitor failed and starts again:", error)
        sys.print_exception(error)
        time.sleep_ms(RESTART_AFTER_MS)
        machine.reset()
