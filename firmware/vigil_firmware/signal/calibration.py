"""From the ratio of ratios to SpO2: a falling curve of points, straight between them, and nothing beyond its ends.

The default is Analog Devices' AN6845, SpO2 = 1.5958422 R^2 - 34.6596622 R + 112.6898759, for R from 0.3 to 1.6. It was
not measured with this sensor: it is uncalibrated, and such curves tend to read too high in hypoxia. A board may carry
its own (`settings.spo2_curve`).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_wire.settings import Points

# Ratio in thousandths, SpO2 in 0.1 %. Between two of these points a straight line is within 0.01 % of the parabola.
AN6845 = (
    (300, 1024),
    (400, 991),
    (500, 958),
    (600, 925),
    (700, 892),
    (800, 860),
    (900, 828),
    (1000, 796),
    (1100, 765),
    (1200, 734),
    (1300, 703),
    (1400, 673),
    (1500, 643),
    (1600, 613),
)
OUTSIDE = -1


class Curve:
    """The curve in use. `is_own`: it is this board's, not the default."""

    def __init__(self, points: "Points" = ()) -> None:
        """`points` as `vigil_wire.settings` allows them; none: the default curve."""
        self.is_own = len(points) > 0
        self._points = points or AN6845

    def spo2_deci_pct(self, ratio_milli: int) -> int:
        """SpO2 in 0.1 %, OUTSIDE for a ratio beyond the points; may exceed 1000, which the caller must not hide."""
        points = self._points
        if not points[0][0] <= ratio_milli <= points[-1][0]:
            return OUTSIDE
        right = 1
        while points[right][0] < ratio_milli:
            right += 1
        return _between(points[right - 1], points[right], ratio_milli)


def _between(left: "tuple[int, int]", right: "tuple[int, int]", ratio_milli: int) -> int:
    width = right[0] - left[0]
    fall = (left[1] - right[1]) * (ratio_milli - left[0])
    return left[1] - (2 * fall + width) // (2 * width)
