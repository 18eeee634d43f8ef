# Runs on the board: how many bytes MicroPython's heap can have there beside Bluetooth, what it holds now included, and
# which Vigil is frozen into that MicroPython, "" for none. Prints JSON.
import gc
import json

_LITTLE_BYTES = 32 * 1024  # that may be taken where Bluetooth is started: after much it can end in a panic


def started():
    """The radio, if it was off and could be started."""
    try:
        import bluetooth

        ble = bluetooth.BLE()
        if not ble.active() and gc.mem_alloc() <= _LITTLE_BYTES:
            ble.active(True)
            return ble
    except (ImportError, OSError):
        pass  # whoever asks for the radio itself is told: the doctor, and the monitor when it starts
    return None


try:
    from vigil_frozen import SOURCES
except ImportError:
    SOURCES = ""
gc.collect()
radio = started()
heap_bytes = gc.mem_alloc() + gc.mem_free()
try:
    import esp32

    # There the heap grows by one free region after the other, of which mem_free has the largest.
    regions = [largest for _, _, largest, _ in esp32.idf_heap_info(esp32.HEAP_DATA)]
    heap_bytes += sum(regions) - max(regions)
except ImportError:
    pass
if radio is not None:
    radio.active(False)
print(json.dumps({"heap_bytes": heap_bytes, "frozen": SOURCES}))
