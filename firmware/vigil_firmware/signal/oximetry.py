"""SpO2 from the ratio of ratios R = (AC red / DC red) / (AC infrared / DC infrared), AC as root mean square.

The default curve is Analog Devices' AN6845, SpO2 = 1.5958422 R^2 - 34.6596622 R + 112.6898759. It is not calibrated for
any particular sensor, and such curves tend to read too high in hypoxia.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from array import array

RATIO_LEAST_MILLI = 300
RATIO_MOST_MILLI = 1600


def square_root(value: int) -> int:
    """Integer square root, rounded down, of a value below 2^30."""
    root = 0
    bit = 1 << 28
    while bit > value:
        bit >>= 2
    while bit:
        if value >= root + bit:
            value -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root


def root_sum_square(window: "array[int]", length: int) -> int:
    """Square root of the sum of squares of `length` (up to 200) values within 11 bits."""
    total = 0
    for index in range(length):
        total += window[index] * window[index]
    return square_root(total)


def sum_product(one: "array[int]", other: "array[int]", length: int) -> int:
    """Sum of products of `length` (up to 200) pairs of values within 11 bits."""
    total = 0
    for index in range(length):
        total += one[index] * other[index]
    return total


def ratio_of_ratios_milli(ac_red: int, dc_red: int, ac_ir: int, dc_ir: int) -> int:
    """R in thousandths. AC values at most 2^15 in a common unit, DC values 18-bit counts, all above zero."""
    ac_ratio = min((ac_red << 14) // ac_ir, 1 << 17)  # an R beyond 8 is out of range whatever it is
    dc_ratio = min((dc_ir << 10) // dc_red, 1 << 12)
    return (ac_ratio * dc_ratio >> 10) * 1000 >> 14


def spo2_deci_pct(ratio_milli: int) -> int:
    """SpO2 in 0.1 % on the AN6845 curve, for R between 0.3 and 1.6; may exceed 1000, which the caller must not hide."""
    return (
        1_126_899 - 346_597 * ratio_milli // 1000 + 15_958 * ratio_milli // 1000 * ratio_milli // 1000 + 500
    ) // 1000
