"""What each chip's pins can and cannot do, and what its MicroPython needs to know.

Sources: the pins of the ESP32 family are the "GPIO Summary" of ESP-IDF 5's programming guide for each chip (strapping,
SPI flash, USB, input only, ADC1) and the chips' data sheets; chip ids and offsets are those of esptool 5.6. The Pico's
and the Raspberry Pi's pins are recalled from the RP2040, RP2350 and Raspberry Pi data sheets, UF2 families from the
RP2350 data sheet, and not checked against them here. ADC2 is left out: Wi-Fi takes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_FLASH = "it leads to the flash"
_SERIAL = "it is the serial port, which tells what the board does"
_USB = "it is the USB port"
_SENSOR_BUSES = 2


@dataclass(frozen=True)
class Currents:
    """What a chip draws at 3.3 V, in mA, and where that is from.

    `processor_ma`: awake at MicroPython's clock, as it always is, radio off. `transmit_ma`, `receive_ma`: of the radio
    while it does that, at 0 dBm.
    """

    processor_ma: int
    transmit_ma: int
    receive_ma: int
    source: str


@dataclass(frozen=True)
class Chip:
    """One chip.

    `port`: MicroPython's, which is `sys.platform` on it, or "linux". `architecture`: mpy-cross's. `image_id`: in the
    header of an image for it; `flash_offset`: where such an image begins. `uf2_family`: of its UF2 images.
    `strapping` and `taken`: pins that must not be used, and why. `boot_pin`: the strapping pin of the BOOT button,
    which may be the button of the monitor too. `i2c_pins`: the remainder modulo 4 of SDA's number on bus 0, where that
    is fixed; SCL is the next, bus 1 has the other two.
    """

    port: str
    pins: frozenset[int]
    architecture: str = ""
    image_id: int | None = None
    flash_offset: int = 0
    uf2_family: int | None = None
    strapping: Mapping[int, str] = field(default_factory=dict)
    taken: Mapping[int, str] = field(default_factory=dict)
    input_only: frozenset[int] = frozenset()
    adc: frozenset[int] = frozenset()
    boot_pin: int | None = None
    i2c_buses: int = _SENSOR_BUSES
    has_fixed_i2c: bool = False
    currents: Currents | None = None


def _pins(*ranges: tuple[int, int]) -> frozenset[int]:
    return frozenset(pin for first, last in ranges for pin in range(first, last + 1))


def _why(reason: str, pins: frozenset[int]) -> dict[int, str]:
    return dict.fromkeys(sorted(pins), reason)


_BOOT = "low at reset, the chip waits for new firmware"

CHIPS = {
    "esp32": Chip(
        port="esp32",
        pins=_pins((0, 19), (21, 23), (25, 27), (32, 39)),
        architecture="xtensawin",
        image_id=0,
        flash_offset=0x1000,
        strapping={
            0: _BOOT,
            2: "must be low or open when new firmware is written",
            5: "the timing of SDIO",
            12: "high at reset, the flash gets 1.8 V and the chip does not start",
            15: "low at reset, the chip's own messages are silenced",
        },
        taken=_why(_FLASH, _pins((6, 11))) | _why(_SERIAL, frozenset((1, 3))),
        input_only=_pins((34, 39)),
        adc=_pins((32, 39)),
        boot_pin=0,
        currents=Currents(
            44,
            130,
            100,
            "processor 44 mA, ESP32 Series Datasheet 3.5, table 6 (27 to 44 at 160 MHz); transmit 130, receive 100 "
            "(recalled from its table of Bluetooth currents)",
        ),
    ),
    "esp32s3": Chip(
        port="esp32",
        pins=_pins((0, 21), (26, 48)),
        architecture="xtensawin",
        image_id=9,
        strapping={
            0: _BOOT,
            3: "where JTAG comes from",
            45: "the voltage of the flash",
            46: "with GPIO 0, how the chip starts",
        },
        taken=_why(_FLASH, _pins((26, 32)))
        | _why("it leads to the flash or PSRAM of modules with eight data lines", _pins((33, 37)))
        | _why(_USB, frozenset((19, 20)))
        | _why(_SERIAL, frozenset((43, 44))),
        adc=_pins((1, 10)),
        boot_pin=0,
        currents=Currents(
            40,
            130,
            88,
            "processor 40 mA at 160 MHz, receive 88 (recalled from the ESP32-S3 data sheet, the latter of Wi-Fi); "
            "transmit 130 (assumed, as on an ESP32)",
        ),
    ),
    "esp32c3": Chip(
        port="esp32",
        pins=_pins((0, 21)),
        architecture="rv32imc",
        image_id=5,
        strapping={
            2: "with GPIO 9, how the chip starts",
            8: "with GPIO 9, how the chip starts",
            9: _BOOT,
        },
        taken=_why(_FLASH, _pins((11, 17))) | _why(_USB, frozenset((18, 19))) | _why(_SERIAL, frozenset((20, 21))),
        adc=_pins((0, 4)),
        boot_pin=9,
        i2c_buses=1,
        currents=Currents(
            28,
            130,
            84,
            "processor 28 mA at 160 MHz, receive 84 (recalled from the ESP32-C3 data sheet, the latter of Wi-Fi); "
            "transmit 130 (assumed, as on an ESP32)",
        ),
    ),
    "esp32c6": Chip(
        port="esp32",
        pins=_pins((0, 30)),
        architecture="rv32imc",
        image_id=13,
        strapping={
            4: "the timing of SDIO",
            5: "the timing of SDIO",
            8: "with GPIO 9, how the chip starts",
            9: _BOOT,
            15: "where JTAG comes from",
        },
        taken=_why("it leads nowhere", frozenset((14,)))
        | _why(_FLASH, _pins((24, 30)))
        | _why(_USB, frozenset((12, 13)))
        | _why(_SERIAL, frozenset((16, 17))),
        adc=_pins((0, 6)),
        boot_pin=9,
        i2c_buses=1,
        currents=Currents(
            38,
            130,
            71,
            "processor 38 mA at 160 MHz, transmit 130, receive 71 (recalled from the ESP32-C6 data sheet)",
        ),
    ),
    "rp2040": Chip(
        port="rp2",
        pins=_pins((0, 29)),
        architecture="armv6m",
        uf2_family=0xE48BFF56,
        adc=_pins((26, 29)),
        has_fixed_i2c=True,
        currents=Currents(
            25,
            60,
            40,
            "processor 25 mA at 125 MHz (recalled, of one busy core); transmit 60, receive 40 (assumed: no figure of "
            "the radio, a CYW43439, is at hand)",
        ),
    ),
    "rp2350": Chip(
        port="rp2",
        pins=_pins((0, 29)),
        architecture="armv7emsp",
        uf2_family=0xE48BFF59,
        adc=_pins((26, 29)),
        has_fixed_i2c=True,
        currents=Currents(
            25,
            60,
            40,
            "processor 25 mA at 150 MHz (assumed, as on a Pico W); transmit 60, receive 40 (assumed: no figure of "
            "the radio, a CYW43439, is at hand)",
        ),
    ),
    "bcm283x": Chip(port="linux", pins=_pins((0, 27))),
}
"""By the name that board.toml has. "bcm283x" stands for every Raspberry Pi with a 40-pin header up to the 4, and for
the RP1 of the 5, whose header has the same numbers."""
