"""Runs first on an ESP32: keeps the serial port for Vigil's own lines and leaves Wi-Fi off."""

import sys

if sys.platform == "esp32":
    import esp
    import network

    esp.osdebug(None)
    network.WLAN(network.WLAN.IF_STA).active(False)
