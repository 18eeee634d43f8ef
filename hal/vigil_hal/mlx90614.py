"""Driver of the MLX90614 infrared thermometer: what it looks at, not what it touches.

SMBus at 100 kHz at most. Every word ends in a PEC, a CRC-8 over all bytes of its transfer, addresses included; a word
without a valid one is never used. The part has no id: `probe` asks for the EEPROM cell of its own address and for the
emissivity, and both must come with a PEC. It measures all the time and has no flag for a new conversion. Registers:
data sheet 3901090614, rev 007.
"""

from vigil_hal.faults import ConfigRefused, NotAnswering, SensorFault, WrongPart, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vigil_hal.seams import I2C, Buses

PART = "MLX90614"
KIND = "thermometer"
ADDRESSES = (0x5A,)
MOST_HZ = 100_000
ACCURACY_CENTI_C = 50  # data sheet, part and object 0 to 50 C; 20 near a body's for the medical ones (MLX90614..D..)

_OBJECT = 0x07
_EMISSIVITY = 0x24
_SMBUS_ADDRESS = 0x2E

_ERROR_FLAG = 0x8000
_LEAST = 0x27AD  # -70.01 C; 0 before the first conversion
_LEAST_EMISSIVITY = 0xF333  # 0.95; skin has 0.98, the part is delivered with 1


class Mlx90614:
    """One MLX90614 on a bus."""

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0]) -> None:
        self._i2c = i2c
        self._address = address
        self._word = bytearray(3)  # least significant byte first, and the PEC
        self._has_converted = False

    def probe(self) -> None:
        """Check that an MLX90614 set up for skin answers. Raises SensorFault: see `vigil_hal.faults`."""
        try:
            self._probe()
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def configure(self) -> None:
        """Nothing is to be set. What it measures is given from the second call of `read_centi_c` on."""
        self._has_converted = False

    def read_centi_c(self) -> int | None:
        """Return the newest temperature in 0.01 degree Celsius; None in the first call after `configure`.

        The part does not tell whether it has converted since the last call. Raises NotAnswering, and SensorFault for a
        bad PEC and for a reading that the part itself says is in error.
        """
        try:
            return self._reading()
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _probe(self) -> None:
        kept = self._word_of(_SMBUS_ADDRESS)
        if kept < 0 or kept & 0x7F != self._address:
            raise WrongPart(
                f"what is at 0x{self._address:02X} does not answer as an {PART}, with a PEC: it is another part, or the"
                " bus is faster than 100 kHz"
            )
        emissivity = self._word_of(_EMISSIVITY)
        if emissivity < 0:
            raise self._damaged()
        if emissivity < _LEAST_EMISSIVITY:
            raise ConfigRefused(
                f"{PART} at 0x{self._address:02X} is set to an emissivity of {emissivity * 100 // 0xFFFF} %, not to"
                " skin (98 %): somebody changed its EEPROM; use another"
            )

    def _reading(self) -> int | None:
        raw = self._word_of(_OBJECT)
        if raw < 0:
            raise self._damaged()
        if not self._has_converted:
            self._has_converted = True  # by the next call: it takes 250 ms from power-on
            return None
        if raw & _ERROR_FLAG:
            raise SensorFault(f"{PART} at 0x{self._address:02X} says that its reading is in error; check its supply")
        if raw < _LEAST:
            return None
        return raw * 2 - 27315  # 0.02 K

    def _damaged(self) -> SensorFault:
        return SensorFault(
            f"{PART} at 0x{self._address:02X}: what it says comes damaged (bad PEC); check its wiring, and that the bus"
            " is no faster than 100 kHz"
        )

    def _word_of(self, command: int) -> int:
        """Return a word, or -1 when its PEC is wrong."""
        word = self._word
        self._i2c.readfrom_mem_into(self._address, command, word)
        return word[0] | word[1] << 8 if self._pec(command) == word[2] else -1

    def _pec(self, command: int) -> int:
        pec = _crc8(0, self._address << 1)
        pec = _crc8(pec, command)
        pec = _crc8(pec, self._address << 1 | 1)
        pec = _crc8(pec, self._word[0])
        return _crc8(pec, self._word[1])

    def _fault(self, error: OSError) -> NotAnswering:
        return not_answering(PART, self._address, error)


def _crc8(crc: int, byte: int) -> int:
    """Take one more byte into a CRC of the polynomial 0x07."""
    crc ^= byte
    for _ in range(8):
        crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Mlx90614:
    """Return the driver of the one that a board's file lists."""
    return Mlx90614(board.i2c, entry["address"])
