"""Runs first on an ESP32: keeps the serial port for Vigil's own lines.

Wi-Fi is off unless somebody asks for it, and stays so: `network.WLAN` alone takes its memory, and never gives it back.
"""

import sys

if sys.platform == "esp32":
    import esp

    esp.osdebug(None)
