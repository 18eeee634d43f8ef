# Freezes Vigil into a MicroPython image: the files of package.json, as bytecode that runs from flash.
# make -C ports/esp32 BOARD=ESP32_GENERIC FROZEN_MANIFEST=/path/to/vigil/firmware/manifest.py
import json

include("$(PORT_DIR)/boards/manifest.py")

with open("package.json") as listing:
    for destination, source in json.load(listing)["urls"]:
        module(destination, base_path="./" + source[: -len(destination)])
