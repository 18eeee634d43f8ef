"""Driver of the MAX30205 body thermometer: continuous conversion, twenty a second.

The part has no id and no flag for a new conversion. `probe` tells it by what it keeps: sixteen bits of a limit, where
an LM75 keeps nine to twelve, and a configuration of eight bits, where a TMP117 has sixteen. A MAX31725 keeps both and
cannot be told from it. Data sheet 19-8505, rev 0; the bits of its configuration, and what it holds before the first
conversion, are recalled.
"""

from vigil_hal.faults import NotAnswering, WrongPart, lost_configuration, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vigil_hal.seams import I2C, Buses

PART = "MAX30205"
KIND = "thermometer"
ADDRESSES = (0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F)
"""With A0 to A2 at ground or supply; A0 and A1 at SDA or SCL make others."""
MOST_HZ = 400_000
ACCURACY_CENTI_C = 10  # data sheet, 37 to 39 C, soldered

_TEMPERATURE = 0x00
_CONFIG = 0x01
_HYSTERESIS = 0x02

# Continuous, a time-out on the bus. Six faults before the alert pin, which nobody uses: unlike at power-on.
_CONFIGURATION = 0x18
_MARK = 0x6955
_POWER_ON_VALUE = 0x0000


class Max30205:
    """One MAX30205 on a bus."""

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0]) -> None:
        self._i2c = i2c
        self._address = address
        self._word = bytearray(2)
        self._byte = bytearray(1)
        self._has_converted = False

    def probe(self) -> None:
        """Check that a MAX30205 answers, by writing its unused limit. Raises NotAnswering, WrongPart."""
        try:
            self._probe()
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def configure(self) -> None:
        """Convert for ever. Raises NotAnswering."""
        try:
            self._configure()
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def read_centi_c(self) -> int | None:
        """Return the newest temperature in 0.01 degree Celsius; None in the first call after `configure`.

        The part does not tell whether it has converted since: one that stopped would pass for a steady temperature.
        Raises NotAnswering, and ConfigRefused when it has lost its configuration.
        """
        try:
            return self._reading()
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _probe(self) -> None:
        self._word[0] = _MARK >> 8
        self._word[1] = _MARK & 0xFF
        self._i2c.writeto_mem(self._address, _HYSTERESIS, self._word)
        kept = self._word_at(_HYSTERESIS)
        if kept != _MARK:
            raise self._wrong("keeps too few bits of a limit (0x%04X of 0x%04X), as an LM75 does" % (kept, _MARK))
        self._configure()
        if self._config() != _CONFIGURATION:
            raise self._wrong("does not take the configuration of a MAX30205; it may be a TMP117")

    def _configure(self) -> None:
        self._byte[0] = _CONFIGURATION
        self._i2c.writeto_mem(self._address, _CONFIG, self._byte)
        self._has_converted = False

    def _reading(self) -> int | None:
        if self._config() != _CONFIGURATION:
            raise lost_configuration(PART, self._address)
        if not self._has_converted:
            self._has_converted = True  # by the next call
            return None
        word = self._word_at(_TEMPERATURE)
        if word == _POWER_ON_VALUE:
            return None
        if word >= 0x8000:
            word -= 0x10000
        return word * 25 + 32 >> 6  # 1/256 C = 25/64 of 0.01 C

    def _wrong(self, what: str) -> WrongPart:
        return WrongPart("what is at 0x%02X %s; check which part is wired there" % (self._address, what))

    def _config(self) -> int:
        self._i2c.readfrom_mem_into(self._address, _CONFIG, self._byte)
        return self._byte[0]

    def _word_at(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._word)
        return self._word[0] << 8 | self._word[1]

    def _fault(self, error: OSError) -> NotAnswering:
        return not_answering(PART, self._address, error)


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Max30205:
    """Return the driver of the one that a board's file lists."""
    return Max30205(board.i2c, entry["address"])
