"""Driver of the TMP117 digital thermometer: continuous conversion, two a second."""

from vigil_hal.faults import NotAnswering, WrongPart, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vigil_hal.seams import I2C, Buses

PART = "TMP117"
KIND = "thermometer"
ADDRESSES = (0x48, 0x49, 0x4A, 0x4B)  # data sheet, table 7-2
MOST_HZ = 400_000
ACCURACY_CENTI_C = 10  # data sheet, section 6.5: -20 to 50 C

_PART_ID = 0x0117
_ID_MASK = 0x0FFF  # the top four bits are the revision

_TEMPERATURE = 0x00
_CONFIG = 0x01
_DEVICE_ID = 0x0F

_CONTINUOUS_500_MS = 0x01A0  # averages of 8 conversions
_DATA_READY = 0x2000
_POWER_ON_VALUE = 0x8000  # -256 C, until the first conversion


class Tmp117:
    """One TMP117 on a bus."""

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0]) -> None:
        self._i2c = i2c
        self._address = address
        self._word = bytearray(2)

    def probe(self) -> None:
        """Check that a TMP117 answers. Raises NotAnswering, or WrongPart when the device id is another."""
        try:
            device_id = self._word_at(_DEVICE_ID)
            if device_id & _ID_MASK != _PART_ID:
                raise WrongPart(
                    f"device id 0x{device_id:04X} at 0x{self._address:02X} is no {PART} (0x{_PART_ID:04X});"
                    " check what is wired there"
                )
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def configure(self) -> None:
        """Convert for ever, an average of eight every 500 ms. Raises NotAnswering."""
        self._word[0] = _CONTINUOUS_500_MS >> 8
        self._word[1] = _CONTINUOUS_500_MS & 0xFF
        try:
            self._i2c.writeto_mem(self._address, _CONFIG, self._word)
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def read_centi_c(self) -> int | None:
        """Return a new temperature in 0.01 degree Celsius; None when no conversion ended since the last call.

        A part that stopped converting so never passes for one whose temperature is steady. Raises
        NotAnswering.
        """
        try:
            return self._reading()
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _reading(self) -> int | None:
        if not self._word_at(_CONFIG) & _DATA_READY:
            return None
        word = self._word_at(_TEMPERATURE)
        if word == _POWER_ON_VALUE:
            return None
        if word >= 0x8000:
            word -= 0x10000
        return word * 25 + 16 >> 5  # 7.8125 m°C = 25/32 of 0.01 C

    def _word_at(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._word)
        return self._word[0] << 8 | self._word[1]

    def _fault(self, error: OSError) -> NotAnswering:
        return not_answering(PART, self._address, error)


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Tmp117:
    """Return the driver of the one that a board's file lists."""
    return Tmp117(board.i2c, entry["address"])
