# Runs on the board, with or without Vigil's files on it: what there is, as it answers. Prints JSON.
#
# Registers: MAX30102 data sheet (rev 1, pages 10 to 21), TMP117 data sheet (table 7-2). No LED is lit, and the
# oximeter is shut down at the end. `default_pins`, from the host, is for what its board.json does not say.
import gc
import json
import os
import sys
import time
from binascii import hexlify

import machine

_OXIMETER = 0x57
_SAMPLING_MS = 250
_CONVERSION_MS = 50


def why(error):
    return "%s %s" % (type(error).__name__, error)


def oximeter(i2c):
    """Part id, samples in the FIFO and for how long, die temperature in 1/100 C."""

    def put(register, value):
        i2c.writeto_mem(_OXIMETER, register, bytes((value,)))

    def get(register):
        i2c.readfrom_mem_into(_OXIMETER, register, one)
        return one[0]

    one = bytearray(1)
    found = {"part_id": get(0xFF), "revision": get(0xFE)}
    if found["part_id"] != 0x15:
        return found
    put(0x09, 0x40)  # reset
    time.sleep_ms(20)
    put(0x08, 0x00)  # no averaging, no roll-over
    put(0x0A, 0x27)  # 100 samples a second, 411 us
    put(0x09, 0x03)  # red and infrared; their currents are 0 after a reset
    for register in (0x04, 0x05, 0x06):
        put(register, 0)
    began = time.ticks_us()
    time.sleep_ms(_SAMPLING_MS)
    written, lost = get(0x04), get(0x05)
    found["sampled_us"] = time.ticks_diff(time.ticks_us(), began)
    found["samples"] = written & 31
    found["lost"] = lost
    put(0x21, 0x01)
    time.sleep_ms(_CONVERSION_MS)
    whole = get(0x1F)
    found["die_centi_c"] = (whole - 256 if whole > 127 else whole) * 100 + (get(0x20) & 15) * 25 // 4
    put(0x09, 0x80)  # shut down
    return found


def thermometer(i2c, address):
    data = bytearray(2)
    i2c.readfrom_mem_into(address, 0x0F, data)
    return {"address": address, "part_id": (data[0] << 8 | data[1]) & 0x0FFF}


def sensors(pin):
    found = {}
    try:
        i2c = machine.I2C(pin["i2c"], sda=machine.Pin(pin["sda"]), scl=machine.Pin(pin["scl"]), freq=100000)
        found["addresses"] = i2c.scan()
        if _OXIMETER in found["addresses"] and len(found["addresses"]) < 100:
            found["oximeter"] = oximeter(i2c)
        for part in pin["parts"]:
            if part["part"] == "TMP117" and part["address"] in found["addresses"]:
                found["thermometer"] = thermometer(i2c, part["address"])
    except (OSError, ValueError) as error:
        found["error"] = why(error)
    return found


def radio():
    try:
        import bluetooth

        ble = bluetooth.BLE()
        was_active = ble.active()
        ble.active(True)
        address = ble.config("mac")[1]
        if not was_active:
            ble.active(False)
        return {"address": hexlify(address).decode()}
    except (ImportError, OSError, ValueError) as error:
        return {"error": why(error)}


def clock_hz():
    freq = machine.freq()
    return freq if isinstance(freq, int) else freq[0]


for name in list(sys.modules):  # of the firmware that ran: its room is wanted
    if name.startswith("vigil_"):
        del sys.modules[name]
gc.collect()
try:
    with open("board.json") as file:
        pins = json.load(file)
except OSError:
    pins = {}
pins = dict(default_pins, **pins)  # noqa: F821 - the host puts it before this program
room = os.statvfs("/")
print(
    json.dumps(
        {
            "platform": os.uname()[0],
            "machine": os.uname()[4],
            "version": os.uname()[3],
            "pins": pins,
            "sensors": {} if pins.get("sensors") == "simulated" else sensors(pins),
            "file_system_bytes": room[0] * room[2],
            "free_file_bytes": room[0] * room[3],
            "clock_hz": clock_hz(),
            "year": time.localtime()[0],
            "radio": radio(),
        }
    )
)
