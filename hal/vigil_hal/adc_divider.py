"""Driver of a battery behind a voltage divider at an ADC pin: its voltage, and the charge that a curve makes of that.

The curve is data: (mV of the battery, % of its charge), rising in both. Each read is the median of seven conversions.
The mean of the newest five reads, without the least and the largest, so has no trace of a radio's current pulses, and
the charge follows it with a time constant of half a minute. What no battery can say is a fault, and no charge.
"""

from array import array

from vigil_hal.faults import NotAnswering, SensorFault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vigil_hal.seams import Adc, Buses

    Curve = Sequence[Sequence[int]]

PART = "ADC_DIVIDER"
KIND = "battery"
ADDRESSES = ()
OPTIONS = ("ratio_milli", "curve")

HALF_MILLI = 2_000
# A lithium-polymer cell of 4.2 V at rest, at 20 C: the table of a 1.9 Ah cell in the examples of Linux's devicetree
# bindings (sprd,sc2731-fgu). Under load a cell has less, so that the charge is told too low, never too high.
LIPO_CURVE = (
    (3400, 0), (3605, 5), (3680, 10), (3724, 15), (3752, 20), (3765, 25), (3770, 30), (3773, 35), (3777, 40),
    (3787, 45), (3805, 50), (3835, 55), (3864, 60), (3889, 65), (3917, 70), (3949, 75), (3983, 80), (4022, 85),
    (4066, 90), (4113, 95), (4185, 100),
)  # fmt: skip

_NONE = -1
_LEAST_RATIO_MILLI = 1_000
_MOST_RATIO_MILLI = 20_000
_MOST_POINTS = 32
_MOST_MV = 32_000
_CONVERSIONS = 7
_READS = 5
_SMOOTHING = 4  # a read moves the voltage by 1/2^4 of the difference
_STEADY_MV = 300  # a charger that is plugged in or out moves a cell by less; a pin that floats, by more
_STUCK_READS = 150  # five minutes: no converter gives the same count for so long
# How far beyond its curve a battery may be, in thousandths of the curve's end: used up, or being charged.
_BELOW_PERMILLE = 150
_ABOVE_PERMILLE = 50


class AdcDivider:
    """One battery at an ADC pin. It is a `seams.Battery`.

    `ratio_milli`: thousandths of the battery's voltage to the pin's; 2000 with two equal resistors. Raises ValueError,
    one line, where that or the curve is none.
    """

    def __init__(self, adc: "Adc", ratio_milli: int = HALF_MILLI, curve: "Curve" = LIPO_CURVE) -> None:
        _check(ratio_milli, curve)
        self._adc = adc
        self._ratio_milli = ratio_milli
        self._curve_mv = array("H", [point[0] for point in curve])
        self._curve_pct = array("H", [point[1] for point in curve])
        self._least_mv = self._curve_mv[0] - self._curve_mv[0] * _BELOW_PERMILLE // 1000
        self._most_mv = self._curve_mv[-1] + self._curve_mv[-1] * _ABOVE_PERMILLE // 1000
        self._conversions = array("i", [0] * _CONVERSIONS)
        self._reads_mv = array("H", [0] * _READS)
        self._read_count = 0  # since the newest fault
        self._next = 0
        self._smooth = _NONE  # mV, times 2^_SMOOTHING
        self._same_uv = _NONE
        self._same_reads = 0
        self._percent: int | None = None

    def probe(self) -> None:
        """Begin anew. There is no part that could say what it is."""
        self._forget()

    def percent(self) -> "int | None":
        """Return the charge at the newest `read`, 0-100 %; None where it is not known."""
        return self._percent

    def read(self) -> None:
        """Measure. Call it each two seconds; the first charge is there at the fifth call.

        Raises NotAnswering where the ADC does not convert, and SensorFault where the voltage is none that the battery
        can have, jumps, or is the same to the last bit for minutes.
        """
        try:
            self._measure()
            return
        except OSError as error:
            fault = self._not_converting(error)
        raise fault

    def _measure(self) -> None:
        mv = self._median_mv()
        if not self._least_mv <= mv <= self._most_mv:
            self._forget()
            raise self._no_voltage(mv)
        self._reads_mv[self._next] = mv
        self._next = (self._next + 1) % _READS
        self._read_count = min(self._read_count + 1, _READS)
        self._judge()

    def _not_converting(self, error: OSError) -> NotAnswering:
        self._forget()
        return NotAnswering("%s: the ADC does not convert (errno %s)" % (PART, error.errno))

    def _no_voltage(self, mv: int) -> SensorFault:
        about_mv = (mv + 50) // 100 * 100
        return SensorFault(
            "%s: about %d mV is no voltage of this battery (%d to %d); check the divider, its ratio and the battery"
            % (PART, about_mv, self._least_mv, self._most_mv)
        )

    def _forget(self) -> None:
        self._read_count = 0
        self._smooth = _NONE
        self._percent = None

    def _median_mv(self) -> int:
        """The median of some conversions, as the battery's voltage."""
        conversions = self._conversions
        for index in range(_CONVERSIONS):
            _insert(conversions, index, self._adc.read_uv())
        self._check_moving(conversions[0], conversions[_CONVERSIONS - 1])
        # uV in hundreds, so that the product keeps within 30 bits.
        return (conversions[_CONVERSIONS // 2] // 100 * self._ratio_milli + 5_000) // 10_000

    def _check_moving(self, least_uv: int, most_uv: int) -> None:
        """Raise SensorFault when all conversions of many reads were one and the same."""
        if least_uv != most_uv or least_uv != self._same_uv:
            self._same_uv = least_uv
            self._same_reads = 0
        elif self._same_reads < _STUCK_READS:
            self._same_reads += 1
        else:
            self._forget()
            raise SensorFault("%s: the ADC gives %d uV for ever; check its pin" % (PART, least_uv))

    def _judge(self) -> None:
        """Make the charge of the newest reads. Raises SensorFault when they differ too much to be a battery's."""
        self._percent = None
        if self._read_count < _READS:
            return
        least = most = self._reads_mv[0]
        total = 0
        for mv in self._reads_mv:
            least = min(least, mv)
            most = max(most, mv)
            total += mv
        if most - least > _STEADY_MV:
            self._smooth = _NONE
            raise SensorFault(
                "%s: the voltage jumps by more than %d mV; check the divider and the battery's contacts"
                % (PART, _STEADY_MV)
            )
        self._follow((total - least - most) // (_READS - 2))

    def _follow(self, mv: int) -> None:
        if self._smooth == _NONE:
            self._smooth = mv << _SMOOTHING
        else:
            self._smooth += mv - (self._smooth >> _SMOOTHING)
        self._percent = self._charge(self._smooth)

    def _charge(self, smooth: int) -> int:
        """The charge at a voltage, between two points of the curve or, beyond its ends, at them."""
        curve_mv = self._curve_mv
        if smooth >= curve_mv[-1] << _SMOOTHING:
            return self._curve_pct[-1]
        upper = 0
        while curve_mv[upper] << _SMOOTHING <= smooth:
            upper += 1
        if upper == 0:
            return self._curve_pct[0]
        lower = upper - 1
        above = smooth - (curve_mv[lower] << _SMOOTHING)
        span = curve_mv[upper] - curve_mv[lower] << _SMOOTHING
        return self._curve_pct[lower] + (self._curve_pct[upper] - self._curve_pct[lower]) * above // span


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> AdcDivider:
    """Return the driver of the one that a board's file lists; ValueError where its ratio or its curve is none."""
    return AdcDivider(board.adc(entry["pin"]), entry.get("ratio_milli", HALF_MILLI), entry.get("curve", LIPO_CURVE))


def _insert(sorted_values: "array[int]", count: int, value: int) -> None:
    """Put a value into its place among the first `count`."""
    while count and sorted_values[count - 1] > value:
        sorted_values[count] = sorted_values[count - 1]
        count -= 1
    sorted_values[count] = value


def _check(ratio_milli: int, curve: "Curve") -> None:
    if not _LEAST_RATIO_MILLI <= ratio_milli <= _MOST_RATIO_MILLI:
        raise ValueError(
            "%s: a ratio of %s thousandths is none: %d to %d"
            % (PART, ratio_milli, _LEAST_RATIO_MILLI, _MOST_RATIO_MILLI)
        )
    if not 2 <= len(curve) <= _MOST_POINTS:
        raise ValueError("%s: the curve has %d points: 2 to %d" % (PART, len(curve), _MOST_POINTS))
    for index, point in enumerate(curve):
        if len(point) != 2 or not 0 < point[0] <= _MOST_MV or not 0 <= point[1] <= 100:
            raise ValueError("%s: the curve's point %d is no (mV, %%): %s" % (PART, index + 1, point))
        if index and not (curve[index - 1][0] < point[0] and curve[index - 1][1] < point[1]):
            raise ValueError(
                "%s: the curve must rise from point to point, and point %d %s does not" % (PART, index + 1, point)
            )
    if curve[0][1] != 0 or curve[-1][1] != 100:  # else a battery could be emptier than the curve can say
        raise ValueError(
            "%s: the curve must go from 0 to 100 %%, not from %d to %d" % (PART, curve[0][1], curve[-1][1])
        )
