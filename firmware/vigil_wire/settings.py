"""The device's settings: validated as a whole, packed to bytes, kept in two alternating copies.

Limits are in the small units of the measurements; 0.1 bpm, 0.1 %, 0.01 C. Delays are in seconds.

`spo2_curve` is the board's own calibration: up to eight points (ratio of ratios in thousandths, SpO2 in 0.1 %), between
which the device goes straight and beyond which it gives no reading; none: the default curve. Packed, a point is three
bytes: ratio (12 bits), SpO2 (12 bits), little-endian; points that are not used are zeros.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    Points = tuple[tuple[int, int], ...]

CURVE_POINTS_MOST = 8
_POINT_LENGTH = 3
_CURVE_LENGTH = CURVE_POINTS_MOST * _POINT_LENGTH
_LAYOUT = "<BBBBHHHHHBBB24s"
LENGTH = struct.calcsize(_LAYOUT)
_VERSION = 2

SERVICES_OFF = 0
SERVICES_BONDED = 1
SERVICES_OPEN = 2

# Health Thermometer Service 1.0, Temperature Type; 0 where the site is not said.
SITE_UNSAID = 0
SITE_NAMES = ("unsaid", "armpit", "body", "ear", "finger", "gut", "mouth", "rectum", "toe", "eardrum")

# name, least, most, default. An SpO2 limit under 85 % is not offered (ISO 80601-2-61's default alarm limit).
FIELDS = (
    ("summary_interval_s", 1, 60, 5),
    ("standard_services", SERVICES_OFF, SERVICES_OPEN, SERVICES_BONDED),
    ("temperature_site", SITE_UNSAID, len(SITE_NAMES) - 1, SITE_UNSAID),
    ("spo2_low_deci_pct", 850, 990, 900),
    ("pulse_rate_low_deci_bpm", 250, 900, 500),
    ("pulse_rate_high_deci_bpm", 600, 2400, 1200),
    ("temperature_low_centi_c", 3000, 3700, 3500),
    ("temperature_high_centi_c", 3600, 4200, 3850),
    ("spo2_delay_s", 0, 60, 10),
    ("pulse_rate_delay_s", 0, 60, 10),
    ("temperature_delay_s", 0, 255, 60),
)

# What a curve must cover. Below its end there is no reading and so no SpO2 alarm: the end must be well under the lowest
# limit. A healthy wearer must have a reading.
CURVE_RATIO_LEAST_MILLI = 200
CURVE_RATIO_MOST_MILLI = 2000
CURVE_RATIO_SPAN_MILLI = 300
CURVE_FROM_DECI_PCT = 950
CURVE_TO_DECI_PCT = 800
_CURVE_LOWEST_DECI_PCT = 500
_CURVE_HIGHEST_DECI_PCT = 1050


class SettingsError(ValueError):
    """The settings, taken together, cannot be used. Says which and why."""


class Settings:
    """All settings, each an attribute named as in `FIELDS`. Raises SettingsError for any that cannot be used."""

    summary_interval_s: int
    standard_services: int
    temperature_site: int
    spo2_low_deci_pct: int
    pulse_rate_low_deci_bpm: int
    pulse_rate_high_deci_bpm: int
    temperature_low_centi_c: int
    temperature_high_centi_c: int
    spo2_delay_s: int
    pulse_rate_delay_s: int
    temperature_delay_s: int

    def __init__(self, spo2_curve: "Points" = (), **values: int) -> None:
        for name, least, most, default in FIELDS:
            value = values.pop(name, default)
            if not least <= value <= most:
                raise SettingsError("%s must be between %d and %d, not %d" % (name, least, most, value))
            setattr(self, name, value)
        if values:
            raise SettingsError("there is no setting {}".format(", ".join(sorted(values))))
        if self.pulse_rate_low_deci_bpm >= self.pulse_rate_high_deci_bpm:
            raise SettingsError("pulse_rate_low_deci_bpm must be below pulse_rate_high_deci_bpm")
        if self.temperature_low_centi_c >= self.temperature_high_centi_c:
            raise SettingsError("temperature_low_centi_c must be below temperature_high_centi_c")
        check_curve(spo2_curve)
        self.spo2_curve = spo2_curve

    def with_curve(self, spo2_curve: "Points") -> "Settings":
        """These settings with another SpO2 curve; SettingsError where that cannot be used."""
        values = {name: getattr(self, name) for name, _, _, _ in FIELDS}
        return Settings(spo2_curve, **values)

    def pack(self) -> bytearray:
        """The settings as `LENGTH` bytes."""
        values = [getattr(self, name) for name, _, _, _ in FIELDS]
        values.append(bytes(pack_curve(self.spo2_curve)))
        return bytearray(struct.pack(_LAYOUT, _VERSION, *values))


def unpack(packed: "bytes | bytearray") -> Settings:
    """Settings from bytes; SettingsError when they are of another version, damaged or out of bounds."""
    if len(packed) != LENGTH or packed[0] != _VERSION:
        raise SettingsError("these bytes are not settings of version %d" % _VERSION)
    values = struct.unpack(_LAYOUT, packed)
    return Settings(unpack_curve(values[-1]), **{FIELDS[index][0]: values[1 + index] for index in range(len(FIELDS))})


def check_curve(points: "Points") -> None:
    """Raise SettingsError, which says which point and why, unless a device can use this SpO2 curve, or it is none."""
    if not points:
        return
    if not 2 <= len(points) <= CURVE_POINTS_MOST:
        raise SettingsError("spo2_curve has %d points, not 2 to %d" % (len(points), CURVE_POINTS_MOST))
    for index in range(len(points)):
        ratio, spo2 = points[index]
        _check_bounds("spo2_curve: ratio", index, ratio, CURVE_RATIO_LEAST_MILLI, CURVE_RATIO_MOST_MILLI)
        _check_bounds("spo2_curve: SpO2", index, spo2, _CURVE_LOWEST_DECI_PCT, _CURVE_HIGHEST_DECI_PCT)
        if index and ratio <= points[index - 1][0]:
            raise SettingsError("spo2_curve: ratio %d of point %d is not above the one before" % (ratio, index + 1))
        if index and spo2 >= points[index - 1][1]:
            raise SettingsError("spo2_curve: SpO2 %d of point %d is not below the one before" % (spo2, index + 1))
    span = points[-1][0] - points[0][0]
    if span < CURVE_RATIO_SPAN_MILLI:
        raise SettingsError("spo2_curve: its ratios span %d, less than %d" % (span, CURVE_RATIO_SPAN_MILLI))
    if points[0][1] < CURVE_FROM_DECI_PCT or points[-1][1] > CURVE_TO_DECI_PCT:
        raise SettingsError(
            "spo2_curve: its SpO2 goes from %d to %d, and must from %d or more to %d or less"
            % (points[0][1], points[-1][1], CURVE_FROM_DECI_PCT, CURVE_TO_DECI_PCT)
        )


def _check_bounds(name: str, index: int, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SettingsError("%s %d of point %d is not between %d and %d" % (name, value, index + 1, least, most))


def pack_curve(points: "Points") -> bytearray:
    """Three bytes for each of eight points."""
    packed = bytearray(_CURVE_LENGTH)
    for index in range(len(points)):
        ratio, spo2 = points[index]
        start = index * _POINT_LENGTH
        packed[start] = ratio & 0xFF
        packed[start + 1] = ratio >> 8 | (spo2 & 15) << 4
        packed[start + 2] = spo2 >> 4
    return packed


def unpack_curve(packed: "bytes | bytearray | memoryview") -> "Points":
    """The points in packed bytes, without the unused ones; SettingsError where they cannot be used."""
    if len(packed) != _CURVE_LENGTH:
        raise SettingsError("a packed curve has %d bytes, not %d" % (_CURVE_LENGTH, len(packed)))
    points = []
    for start in range(0, _CURVE_LENGTH, _POINT_LENGTH):
        ratio = packed[start] | (packed[start + 1] & 15) << 8
        spo2 = packed[start + 1] >> 4 | packed[start + 2] << 4
        points.append((ratio, spo2))
    while points and points[-1] == (0, 0):
        points.pop()
    check_curve(tuple(points))
    return tuple(points)
