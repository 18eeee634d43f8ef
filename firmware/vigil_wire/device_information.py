"""The Device Information Service 1.1: strings in UTF-8, of which Vigil tells four.

Not told: the serial number, which would name one device for ever; System ID and PnP ID, which need a company's own
number from the IEEE, the Bluetooth SIG or the USB Implementers Forum.
"""

SERVICE_UUID = 0x180A
MODEL_UUID = 0x2A24
FIRMWARE_UUID = 0x2A26
HARDWARE_UUID = 0x2A27
MANUFACTURER_UUID = 0x2A29
