# Runs on the board: how many bytes MicroPython's heap can have there beside Bluetooth, what it holds now included, and
# which Vigil is frozen into that MicroPython, "" for none. Prints JSON.
import gc
import json

import bluetooth

_LITTLE_BYTES = 32 * 1024  # that may be taken where Bluetooth is started: after much it can end in a panic

try:
    from vigil_frozen import SOURCES
except ImportError:
    SOURCES = ""
gc.collect()
ble = bluetooth.BLE()
is_ours = not ble.active() and gc.mem_alloc() <= _LITTLE_BYTES
if is_ours:
    ble.active(True)
heap_bytes = gc.mem_alloc() + gc.mem_free()
try:
    import esp32

    # There the heap grows by one free region after the other, of which mem_free has the largest.
    regions = [largest for _, _, largest, _ in esp32.idf_heap_info(esp32.HEAP_DATA)]
    heap_bytes += sum(regions) - max(regions)
except ImportError:
    pass
if is_ours:
    ble.active(False)
print(json.dumps({"heap_bytes": heap_bytes, "frozen": SOURCES}))
