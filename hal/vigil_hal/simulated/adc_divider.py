"""An ADC pin with a battery's divider at it, to the count: 12 bits of 3.3 V, noise, and a radio's pulses."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.simulated.cell import SimulatedCell

_EIO = 5
_FULL_SCALE_UV = 3_300_000
_MOST = 4095
_RADIO_SENDS_ONE_IN = 16  # of the conversions that fall into one burst or another


class SimulatedAdcDivider:
    """One pin, in the shape of `machine.ADC`.

    What can go wrong, at any time:
    `is_floating`: the divider is off, and the pin follows what is near it. `is_stuck`: the same count for ever.
    `is_broken`: each conversion raises OSError(EIO). `offset_mv`: a bad ground or a wrong resistor, at the pin.
    `noise_counts`: the most that the converter is off by, either way.
    """

    def __init__(self, cell: "SimulatedCell", *, ratio_milli: int = 2000, noise_counts: int = 3) -> None:
        self.is_floating = False
        self.is_stuck = False
        self.is_broken = False
        self.offset_mv = 0
        self.noise_counts = noise_counts
        self.conversions = 0
        self._cell = cell
        self._ratio_milli = ratio_milli
        self._random = 1
        self._counts = 0

    def read_u16(self) -> int:
        """Convert; 0 to 65535."""
        self.conversions += 1
        if self.is_broken:
            raise OSError(_EIO, "broken")
        if not self.is_stuck:
            self._counts = min(max(self._convert(), 0), _MOST)
        return self._counts << 4 | self._counts >> 8

    def read_uv(self) -> int:
        """Convert; uV."""
        self.read_u16()
        return self._counts * (_FULL_SCALE_UV // 100) // _MOST * 100

    def _convert(self) -> int:
        if self.is_floating:
            return self._draw(_MOST + 1)
        is_sending = self._draw(_RADIO_SENDS_ONE_IN) == 0
        pin_tenths_mv = self._cell.mv(is_sending) * 10_000 // self._ratio_milli + self.offset_mv * 10
        noise = self._draw(2 * self.noise_counts + 1) - self.noise_counts
        return (pin_tenths_mv * _MOST * 2 // (_FULL_SCALE_UV // 100) + 1) // 2 + noise

    def _draw(self, below: int) -> int:
        """A number of a fixed sequence (a linear congruential generator's high bits)."""
        self._random = (self._random * 1021 + 4093) & 0xFFFFF
        return (self._random >> 4) * below >> 16
