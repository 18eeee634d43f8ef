"""Driver of the MAX17048 fuel gauge: the charge of a single lithium cell, by the gauge's own model of it.

Registers and their values after power-on are those of its data sheet (19-6171 Rev 7): 16 bits, the high byte first. The
gauge is never told to start anew (quick-start): it estimates best when it has seen the cell all the time.
"""

from vigil_hal.faults import ConfigRefused, NotAnswering, SensorFault, WrongPart, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vigil_hal.seams import I2C, Buses

PART = "MAX17048"
KIND = "battery"
ADDRESSES = (0x36,)
MOST_HZ = 400_000

_VCELL = 0x02  # 78.125 uV
_SOC = 0x04  # 1/256 %
_VERSION = 0x08
_STATUS = 0x1A

_VERSION_MASK = 0xFFF0
_OUR_VERSION = 0x0010  # the MAX17043, at the same address, has 3
_RESET_INDICATOR = 0x0100
# What a lithium cell that still powers a board can have; a gauge without a cell, fed by a charger, has told 5.1 V.
_LEAST_MV = 2_500
_MOST_MV = 4_500
_MOST_SOC = 110 * 256  # of a cell that is being charged it tells up to some percent more than 100
_RESETS_MOST = 5  # in a row
_STALE_READS = 900  # half an hour: the voltage of a cell that feeds a radio does not stand still


class Max17048:
    """One MAX17048 on a bus. It is a `seams.Battery`."""

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0]) -> None:
        self._i2c = i2c
        self._address = address
        self._word = bytearray(2)
        self._percent: int | None = None
        self._resets = 0  # in a row
        self._last_vcell = 0
        self._last_soc = 0
        self._same_reads = 0

    def probe(self) -> None:
        """Check that a MAX17048 answers. Raises NotAnswering, or WrongPart when its version is another's."""
        self._percent = None
        try:
            version = self._word_at(_VERSION)
        except OSError as error:
            raise self._fault(error) from None
        if version & _VERSION_MASK != _OUR_VERSION:
            raise WrongPart(
                "version 0x%04X at 0x%02X is no %s (0x001x); check what is wired there" % (version, self._address, PART)
            )

    def percent(self) -> "int | None":
        """Return the charge at the newest `read`, 0-100 %; None where it is not known."""
        return self._percent

    def read(self) -> None:
        """Ask the gauge. Call it each two seconds.

        After power-on or a reset there is no charge at the first call: the gauge's first estimate takes a second.
        Raises NotAnswering; ConfigRefused when it takes no write, or resets itself all the time; SensorFault when what
        it says cannot be so.
        """
        self._percent = None
        try:
            self._ask()
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _ask(self) -> None:
        if self._was_reset():
            return
        vcell = self._word_at(_VCELL)
        soc = self._word_at(_SOC)
        self._check_voltage(vcell * 5 >> 6)  # 78.125 uV = 5/64 mV
        if soc > _MOST_SOC:
            raise SensorFault("%s: a charge of %d %% cannot be; check its wiring" % (self._name(), soc >> 8))
        self._check_age(vcell, soc)
        self._percent = min((soc + 128) >> 8, 100)

    def _was_reset(self) -> bool:
        """Whether the gauge began anew since the last look, which is then taken note of in the gauge."""
        status = self._word_at(_STATUS)
        if not status & _RESET_INDICATOR:
            self._resets = 0
            return False
        self._same_reads = 0
        self._resets += 1
        if self._resets > _RESETS_MOST:
            self._resets = 0
            raise ConfigRefused(
                "%s was reset again and again, or takes no write; check its supply and wiring" % self._name()
            )
        self._write(_STATUS, status & ~_RESET_INDICATOR)
        return True

    def _check_voltage(self, mv: int) -> None:
        if not _LEAST_MV <= mv <= _MOST_MV:
            about_mv = (mv + 50) // 100 * 100
            raise SensorFault(
                "%s: about %d mV is no cell's voltage; check that one is connected" % (self._name(), about_mv)
            )

    def _check_age(self, vcell: int, soc: int) -> None:
        """Raise SensorFault when what it says has been the same, to the last bit, for long."""
        if vcell != self._last_vcell or soc != self._last_soc:
            self._last_vcell = vcell
            self._last_soc = soc
            self._same_reads = 0
            return
        if self._same_reads < _STALE_READS:
            self._same_reads += 1
            return
        raise SensorFault("%s answers but measures no more; switch it off and on" % self._name())

    def _fault(self, error: OSError) -> NotAnswering:
        return not_answering(PART, self._address, error)

    def _name(self) -> str:
        return "%s at 0x%02X" % (PART, self._address)

    def _word_at(self, register: int) -> int:
        word = self._word
        self._i2c.readfrom_mem_into(self._address, register, word)
        return word[0] << 8 | word[1]

    def _write(self, register: int, value: int) -> None:
        self._word[0] = value >> 8
        self._word[1] = value & 0xFF
        self._i2c.writeto_mem(self._address, register, self._word)


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Max17048:
    """Return the driver of the one that a board's file lists."""
    return Max17048(board.i2c, entry["address"])
