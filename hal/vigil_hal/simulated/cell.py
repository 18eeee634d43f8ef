"""A lithium cell that is used up: what the simulated gauges measure."""

from vigil_hal.adc_divider import LIPO_CURVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TICKS_MASK = 0x3FFFFFFF
_S_PER_H = 3_600
_FULL_PPM = 1_000_000


class SimulatedCell:
    """One cell with a load of its own. `load_ma` may be changed at any time, and is negative while it is charged.

    `charge_ppm`: of its capacity, when it is made. `resistance_mohm`: of the cell and its wires. `radio_ma`: what a
    radio adds to the load for some milliseconds of each tenth of a second.
    """

    def __init__(
        self,
        clock_ms: "Callable[[], int]",
        *,
        capacity_mah: int = 1000,
        charge_ppm: int = _FULL_PPM,
        load_ma: int = 60,
        resistance_mohm: int = 200,
        radio_ma: int = 120,
    ) -> None:
        self.load_ma = load_ma
        self._clock_ms = clock_ms
        self._last_ms = clock_ms()
        self._capacity_mas = capacity_mah * _S_PER_H
        self._used = 0  # mA ms that are no whole mA s yet
        self._left_mas = 0
        self.set_charge_ppm(charge_ppm)
        self._resistance_mohm = resistance_mohm
        self._radio_ma = radio_ma

    @property
    def charge_ppm(self) -> int:
        """What is left, in millionths of the capacity."""
        now_ms = self._clock_ms()
        self._used += self.load_ma * (now_ms - self._last_ms & _TICKS_MASK)
        self._last_ms = now_ms
        self._left_mas = min(max(self._left_mas - self._used // 1000, 0), self._capacity_mas)
        self._used %= 1000
        charge_ppm: int = self._left_mas * 250 // (self._capacity_mas // 4000)
        return charge_ppm

    def set_charge_ppm(self, charge_ppm: int) -> None:
        """As if it had been used, or charged, down or up to this."""
        self._left_mas = self._capacity_mas // 100 * (charge_ppm // 100) // 100

    def mv(self, with_radio: bool) -> int:
        """Its voltage under load, at an instant at which the radio sends or does not."""
        load_ma = self.load_ma + (self._radio_ma if with_radio else 0)
        return _rest_mv(self.charge_ppm) - load_ma * self._resistance_mohm // 1000


def _rest_mv(charge_ppm: int) -> int:
    for index in range(1, len(LIPO_CURVE)):
        mv, pct = LIPO_CURVE[index]
        if charge_ppm <= pct * 10_000:
            below_mv, below_pct = LIPO_CURVE[index - 1]
            return below_mv + (mv - below_mv) * (charge_ppm - below_pct * 10_000) // ((pct - below_pct) * 10_000)
    return LIPO_CURVE[-1][0]
