"""Driver of the DS18B20 1-Wire thermometer: 12 bits, one conversion after the other, 0.75 s each.

It must have a supply of its own (no "parasite power"): only then it tells when a conversion has ended. Each conversion
is seen to begin and to end, so that what an earlier one left is never given as new.

Most DS18B20 that are sold are not what they say. What is refused here follows published tests
(github.com/cpetrich/counterfeit_DS18B20, 2024): a ROM with anything in its two highest bytes, or nothing in the third
either, reserved bytes of the scratchpad that are not a DS18B20's or can be written, a resolution that cannot be set.
Who passes may be counterfeit yet. Registers: data sheet 19-7487, rev 6.
"""

from vigil_hal.faults import NotAnswering, SensorFault, WrongPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vigil_hal.seams import Buses, OneWire, ReadableBuffer

PART = "DS18B20"
KIND = "thermometer"
ADDRESSES = ()
OPTIONS = ("rom",)  # of one among several on a wire, as Linux writes it: 28-00000bbb9b13
ACCURACY_CENTI_C = 50  # data sheet, -10 to 85 C

FAMILY = 0x28
SCRATCHPAD_LENGTH = 9
ROM_LENGTH = 8

_READ_ROM = 0x33
_MATCH_ROM = 0x55
_CONVERT = 0x44
_READ_SCRATCHPAD = 0xBE
_WRITE_SCRATCHPAD = 0x4E
_READ_POWER_SUPPLY = 0xB4

_12_BITS = 0x7F
_10_BITS = 0x3F
_MARK_HIGH = 0x55  # alarm limits that nobody uses: at power-on they are others
_MARK_LOW = 0x2A
_POWER_ON_VALUE = 0x0550  # 85 C
_TOO_LITTLE_POWER = 0x07FF  # 127.94 C
_LOW_LINE = "its line is held low; check for a short, and the pull-up of 4.7 kOhm"


class Ds18b20:
    """One DS18B20 on a 1-Wire bus: the one with this ROM, or the only one there."""

    def __init__(self, wire: "OneWire", rom: bytes | None = None) -> None:
        self._wire = wire
        self._wanted = rom
        self._rom = bytearray(ROM_LENGTH)
        self._pad = bytearray(SCRATCHPAD_LENGTH)
        self._name = PART
        self._is_converting = False

    def probe(self) -> None:
        """Check that a genuine DS18B20 with a supply answers. Raises NotAnswering, WrongPart, SensorFault."""
        self._is_converting = False
        self._identify()
        self._select()
        self._wire.writebyte(_READ_POWER_SUPPLY)
        if not self._wire.readbit():
            raise SensorFault(f"{self._name} takes its power from the data line; connect its supply pin to 3.3 V")
        self._read_scratchpad()
        check(self._pad, self._name)
        self._write_settings(_10_BITS)
        self._read_scratchpad()
        check(self._pad, self._name)
        if self._pad[4] != _10_BITS:
            raise counterfeit(self._name, "its resolution cannot be set")

    def configure(self) -> None:
        """Begin to convert. Raises NotAnswering, SensorFault."""
        self._write_settings(_12_BITS)
        self._convert()

    def read_centi_c(self) -> int | None:
        """Return a new temperature in 0.01 degree Celsius, and begin the next conversion; None while one is under way.

        Raises NotAnswering, WrongPart, and SensorFault for all that is no measurement, 85 C among it.
        """
        if not self._is_converting:
            self._convert()
            return None
        if not self._wire.readbit():
            return None
        self._is_converting = False
        self._read_scratchpad()
        centi_c = decode(self._pad, self._name)
        if self._pad[2] != _MARK_HIGH or self._pad[3] != _MARK_LOW:
            raise lost_power(self._name)
        self._convert()
        return centi_c

    def _identify(self) -> None:
        if self._wanted is not None:
            self._rom[:] = self._wanted
        else:
            self._reset()
            self._wire.writebyte(_READ_ROM)
            self._wire.readinto(self._rom)
            if crc8(self._rom) != 0:
                raise self._no_single_rom()
            if self._rom[0] == 0:
                raise SensorFault(f"{PART}: {_LOW_LINE}")
        check_rom(self._rom)
        self._name = f"{PART} {rom_text(self._rom)}"

    def _no_single_rom(self) -> SensorFault:
        """Return the fault that a damaged ROM means: several parts answer at once, or the line is bad."""
        self._reset()
        if not self._wire.readbit():  # on such a line a search would take seconds
            return SensorFault(f"{PART}: {_LOW_LINE}")
        found = [rom_text(rom) for rom in self._wire.scan() if crc8(rom) == 0]
        if len(found) > 1:
            return WrongPart(f"{len(found)} parts on one wire: set `rom` of the {PART} to one of {', '.join(found)}")
        return SensorFault(f"{PART}: what it says comes damaged (ROM); check wiring and the pull-up of 4.7 kOhm")

    def _reset(self) -> None:
        if not self._wire.reset():
            raise NotAnswering(f"{self._name} does not answer; check its power, its wiring and the pull-up of 4.7 kOhm")

    def _select(self) -> None:
        self._reset()
        self._wire.writebyte(_MATCH_ROM)
        self._wire.write(self._rom)

    def _convert(self) -> None:
        self._select()
        self._wire.writebyte(_CONVERT)
        if self._wire.readbit():
            raise SensorFault(f"{self._name} does not begin to convert; check its supply, or use a genuine part")
        self._is_converting = True

    def _read_scratchpad(self) -> None:
        self._select()
        self._wire.writebyte(_READ_SCRATCHPAD)
        self._wire.readinto(self._pad)

    def _write_settings(self, resolution: int) -> None:
        self._select()
        self._wire.writebyte(_WRITE_SCRATCHPAD)
        self._wire.writebyte(_MARK_HIGH)
        self._wire.writebyte(_MARK_LOW)
        self._wire.writebyte(resolution)


def check_rom(rom: "ReadableBuffer") -> None:
    """Raise WrongPart unless the ROM is that of a genuine DS18B20."""
    if rom[0] != FAMILY:
        raise WrongPart(f"the 1-Wire part {rom_text(rom)} is no {PART}, which begin with 28; check what is wired there")
    if rom[5] or rom[6]:
        raise counterfeit(f"{PART} {rom_text(rom)}", "genuine ones are 28-0000...")
    if rom[4] == 0:
        raise counterfeit(f"{PART} {rom_text(rom)}", "28-000000... was given out until 2009, and is copied since")


def check(scratchpad: "ReadableBuffer", name: str) -> None:
    """Raise NotAnswering, WrongPart or SensorFault unless these nine bytes are the scratchpad of a genuine DS18B20."""
    if crc8(scratchpad) != 0:
        if min(scratchpad) == 0xFF:
            raise NotAnswering(f"{name} does not answer; check its power, its wiring and its ROM")
        raise SensorFault(f"{name}: what it says comes damaged (bad CRC); check wiring and the pull-up of 4.7 kOhm")
    if max(scratchpad) == 0:  # whose CRC is right
        raise SensorFault(f"{name}: {_LOW_LINE}")
    if scratchpad[5] != 0xFF or not 0 < scratchpad[6] <= 0x10 or scratchpad[7] != 0x10 or scratchpad[4] & 0x9F != 0x1F:
        raise counterfeit(name, "its reserved bytes are not a DS18B20's")


def decode(scratchpad: "ReadableBuffer", name: str) -> int:
    """Return the temperature in a scratchpad after a conversion of 12 bits, in 0.01 degree Celsius.

    Raises as `check` does, and SensorFault for 85 C and what else is no measurement: no wearer is so hot.
    """
    check(scratchpad, name)
    raw = scratchpad[0] | scratchpad[1] << 8
    if raw == _POWER_ON_VALUE or scratchpad[4] != _12_BITS:
        raise lost_power(name)
    if raw == _TOO_LITTLE_POWER:
        raise SensorFault(f"{name} had too little power to convert; check its supply")
    if scratchpad[6] != 0x10 - (raw & 0x0F):
        raise counterfeit(name, "its reserved byte 6 does not follow the temperature")
    if raw >= 0x8000:
        raw -= 0x10000
    return raw * 25 + 2 >> 2  # 1/16 C


def lost_power(name: str) -> SensorFault:
    """Return the fault of a part that says what it says after power-on."""
    return SensorFault(f"{name} lost its power and forgot what it measured (85 C means that); check its supply")


def counterfeit(name: str, why: str) -> WrongPart:
    """Return the fault of a part that is not what it says it is."""
    return WrongPart(f"{name} is counterfeit ({why}): its accuracy is unknown; buy from a distributor of the maker")


def rom_text(rom: "ReadableBuffer") -> str:
    """Return a ROM as Linux writes it: 28-00000bbb9b13."""
    return "%02x-" % rom[0] + "".join(["%02x" % rom[index] for index in (6, 5, 4, 3, 2, 1)])


def parse_rom(text: str) -> bytes:
    """Return the eight bytes of a ROM that is written as Linux does. ValueError says what it should be."""
    digits = text[:2] + text[3:]
    if len(text) != 15 or text[2] != "-" or any(each not in "0123456789abcdefABCDEF" for each in digits):
        raise ValueError("a ROM is like 28-00000bbb9b13, not " + text)
    rom = bytearray([int(text[0:2], 16)] + [int(text[start : start + 2], 16) for start in (13, 11, 9, 7, 5, 3)])
    rom.append(crc8(rom))
    return bytes(rom)


def crc8(data: "ReadableBuffer") -> int:
    """Return the CRC of 1-Wire (x^8 + x^5 + x^4 + 1, reflected), four bits at a time: 0 for bytes that end in it."""
    crc = 0
    for byte in data:
        crc ^= byte
        crc = crc >> 4 ^ _CRC[crc & 0x0F]
        crc = crc >> 4 ^ _CRC[crc & 0x0F]
    return crc


def _crc_of_nibble(value: int) -> int:
    for _ in range(4):
        value = value >> 1 ^ (0x8C if value & 1 else 0)
    return value


_CRC = bytes([_crc_of_nibble(value) for value in range(16)])


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Ds18b20:
    """Return the driver of the one that a board's file lists; ValueError where its `rom` is none."""
    return Ds18b20(board.one_wire(entry["pin"]), parse_rom(entry["rom"]) if "rom" in entry else None)
