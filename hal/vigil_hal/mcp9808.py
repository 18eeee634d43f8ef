"""Driver of the MCP9808 thermometer: continuous conversion in steps of 1/16 C, four a second.

The part has no flag for a new conversion. Registers: data sheet DS25095A.
"""

from vigil_hal.faults import NotAnswering, WrongPart, lost_configuration, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vigil_hal.seams import I2C, Buses

PART = "MCP9808"
KIND = "thermometer"
ADDRESSES = (0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F)  # data sheet, table 3-2
MOST_HZ = 400_000
ACCURACY_CENTI_C = 50  # data sheet, -20 to 100 C; 25 as a rule

_CONFIG = 0x01
_TEMPERATURE = 0x05
_MAKER = 0x06
_DEVICE = 0x07
_RESOLUTION = 0x08

_MAKER_ID = 0x0054
_DEVICE_ID = 0x04  # above the revision
# Continuous. Hysteresis of 6 C for the alert pin, which nobody uses: unlike at power-on.
_CONFIGURATION = 0x0600
_SIXTEENTHS = b"\x03"
_CALLS_OF_A_CONVERSION = 2  # it takes 250 ms, and a call may follow another after 200


class Mcp9808:
    """One MCP9808 on a bus."""

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0]) -> None:
        self._i2c = i2c
        self._address = address
        self._word = bytearray(2)
        self._calls = 0  # since it was configured

    def probe(self) -> None:
        """Check that an MCP9808 answers. Raises NotAnswering, or WrongPart when maker or device are others."""
        try:
            self._probe()
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def configure(self) -> None:
        """Convert for ever. Raises NotAnswering."""
        self._calls = 0
        self._word[0] = _CONFIGURATION >> 8
        self._word[1] = _CONFIGURATION & 0xFF
        try:
            self._i2c.writeto_mem(self._address, _RESOLUTION, _SIXTEENTHS)
            self._i2c.writeto_mem(self._address, _CONFIG, self._word)
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def read_centi_c(self) -> int | None:
        """Return the newest temperature in 0.01 degree Celsius; None in the first two calls after `configure`.

        The part does not tell whether it has converted since: one that stopped would pass for a steady temperature.
        Raises NotAnswering, and ConfigRefused when it has lost its configuration.
        """
        try:
            return self._reading()
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _probe(self) -> None:
        maker = self._word_at(_MAKER)
        device = self._word_at(_DEVICE)
        if maker != _MAKER_ID or device >> 8 != _DEVICE_ID:
            raise WrongPart(
                f"maker 0x{maker:04X}, device 0x{device:04X} at 0x{self._address:02X} is no {PART}"
                f" (0x{_MAKER_ID:04X}, 0x{_DEVICE_ID:02X}..); check what is wired there"
            )

    def _reading(self) -> int | None:
        if self._word_at(_CONFIG) != _CONFIGURATION:
            raise lost_configuration(PART, self._address)
        if self._calls < _CALLS_OF_A_CONVERSION:
            self._calls += 1
            return None
        sixteenths = self._word_at(_TEMPERATURE) & 0x1FFF  # above them: how it compares with the limits
        if sixteenths == 0:  # at power-on
            return None
        if sixteenths >= 0x1000:
            sixteenths -= 0x2000
        return sixteenths * 25 + 2 >> 2

    def _word_at(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self._address, register, self._word)
        return self._word[0] << 8 | self._word[1]

    def _fault(self, error: OSError) -> NotAnswering:
        return not_answering(PART, self._address, error)


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Mcp9808:
    """Return the driver of the one that a board's file lists."""
    return Mcp9808(board.i2c, entry["address"])
