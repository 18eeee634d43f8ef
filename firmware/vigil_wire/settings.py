"""The device's settings: validated as a whole, packed to bytes, kept in two alternating copies.

Limits are in the small units of the measurements; 0.1 bpm, 0.1 %, 0.01 C, 0.1 breaths a minute. Delays are in seconds.

`profile` says what the limits were made for, and `profile_version` which edition of that profile; see
`vigil_host.alarm_profiles`. `latching` 1: what wakes people stays until it is acknowledged, also when it is over.

`spo2_curve` is the board's own calibration: up to eight points (ratio of ratios in thousandths, SpO2 in 0.1 %), between
which the device goes straight and beyond which it gives no reading; none: the default curve.

Packed, little-endian: version; for each of `FIELDS` a byte, (value - least) / step; the curve, a point in three bytes:
ratio (12 bits), SpO2 (12 bits), points that are not used zeros. A host that wants other settings sends all but that.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    Points = tuple[tuple[int, int], ...]

CURVE_POINTS_MOST = 8
_POINT_LENGTH = 3
_CURVE_LENGTH = CURVE_POINTS_MOST * _POINT_LENGTH
_VERSION = 3

SERVICES_OFF = 0
SERVICES_BONDED = 1
SERVICES_OPEN = 2

# Health Thermometer Service 1.0, Temperature Type, and two of our own; 0 where the site is not said.
SITE_UNSAID = 0
SITE_NAMES = (
    "unsaid", "armpit", "body", "ear", "finger", "gut", "mouth", "rectum", "toe", "eardrum", "core patch", "skin",
)  # fmt: skip
CORE_SITES = (1, 3, 5, 6, 7, 9, 10)
"""Sites whose temperature stands for that of the body's core; at others limits on it mean nothing."""

PROFILE_NAMES = ("custom", "adult", "nhs home", "scale 2", "opioid night", "child")
PROFILE_ADULT = 1
PROFILE_SCALE_2 = 3

# name, least, most, step. At most 256 steps each, for a byte.
FIELDS = (
    ("summary_interval_s", 1, 60, 1),
    ("standard_services", SERVICES_OFF, SERVICES_OPEN, 1),
    ("temperature_site", SITE_UNSAID, len(SITE_NAMES) - 1, 1),
    ("profile", 0, len(PROFILE_NAMES) - 1, 1),
    ("profile_version", 1, 255, 1),
    ("spo2_low_deci_pct", 800, 990, 10),
    ("spo2_very_low_deci_pct", 800, 950, 10),
    ("spo2_fall_deci_pct", 40, 200, 10),
    ("pulse_rate_low_deci_bpm", 250, 900, 10),
    ("pulse_rate_very_low_deci_bpm", 250, 900, 10),
    ("pulse_rate_high_deci_bpm", 600, 2400, 10),
    ("pulse_rate_very_high_deci_bpm", 600, 2400, 10),
    ("temperature_low_centi_c", 3000, 3700, 10),
    ("temperature_very_low_centi_c", 2800, 3700, 10),
    ("temperature_high_centi_c", 3600, 4200, 10),
    ("temperature_very_high_centi_c", 3600, 4200, 10),
    ("respiration_alarms", 0, 1, 1),
    ("respiration_low_deci_per_min", 80, 300, 10),
    ("respiration_high_deci_per_min", 150, 400, 10),
    ("spo2_delay_s", 0, 120, 1),
    ("spo2_emergency_delay_s", 0, 60, 1),
    ("pulse_rate_delay_s", 0, 120, 1),
    ("pulse_rate_emergency_delay_s", 0, 60, 1),
    ("temperature_delay_s", 0, 255, 1),
    ("respiration_delay_s", 0, 120, 1),
    ("latching", 0, 1, 1),
    ("audio_pause_s", 30, 120, 1),
)
FIELDS_LENGTH = 1 + len(FIELDS)
LENGTH = FIELDS_LENGTH + _CURVE_LENGTH
AUTHOR_MOST_BYTES = 15
"""Of the name of who asked for them, in UTF-8: what is left of a record."""

# An emergency limit lower than this is for those whose SpO2 is meant to be low (NEWS2 scale 2), and nobody else.
# ISO 80601-2-61 has it as the least default (recalled in the field, not verified in the standard's text).
SPO2_VERY_LOW_LEAST_DECI_PCT = 850

# Each must lie below the next.
_ORDER = (
    ("spo2_very_low_deci_pct", "spo2_low_deci_pct"),
    ("pulse_rate_very_low_deci_bpm", "pulse_rate_low_deci_bpm"),
    ("pulse_rate_low_deci_bpm", "pulse_rate_high_deci_bpm"),
    ("pulse_rate_high_deci_bpm", "pulse_rate_very_high_deci_bpm"),
    ("temperature_very_low_centi_c", "temperature_low_centi_c"),
    ("temperature_low_centi_c", "temperature_high_centi_c"),
    ("temperature_high_centi_c", "temperature_very_high_centi_c"),
    ("respiration_low_deci_per_min", "respiration_high_deci_per_min"),
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

    # Their defaults, which take no room in an object that has them.
    summary_interval_s = 5
    standard_services = SERVICES_BONDED
    temperature_site = SITE_UNSAID
    profile = PROFILE_ADULT
    profile_version = 1
    spo2_low_deci_pct = 920
    spo2_very_low_deci_pct = 880
    spo2_fall_deci_pct = 80
    pulse_rate_low_deci_bpm = 500
    pulse_rate_very_low_deci_bpm = 400
    pulse_rate_high_deci_bpm = 1200
    pulse_rate_very_high_deci_bpm = 1300
    temperature_low_centi_c = 3500
    temperature_very_low_centi_c = 3400
    temperature_high_centi_c = 3850
    temperature_very_high_centi_c = 3950
    respiration_alarms = 1
    respiration_low_deci_per_min = 90
    respiration_high_deci_per_min = 250
    spo2_delay_s = 30
    spo2_emergency_delay_s = 10
    pulse_rate_delay_s = 30
    pulse_rate_emergency_delay_s = 10
    temperature_delay_s = 60
    respiration_delay_s = 30
    latching = 0
    audio_pause_s = 120

    def __init__(self, spo2_curve: "Points" = (), **values: int) -> None:
        for name, least, most, step in FIELDS:
            default = getattr(self, name)
            value = values.pop(name, default)
            if not least <= value <= most:
                raise SettingsError("%s must be between %d and %d, not %d" % (name, least, most, value))
            if (value - least) % step:
                raise SettingsError("%s must be a multiple of %d, not %d" % (name, step, value))
            if value != default:
                setattr(self, name, value)
        if values:
            raise SettingsError("there is no setting {}".format(", ".join(sorted(values))))
        for lower, upper in _ORDER:
            if getattr(self, lower) >= getattr(self, upper):
                raise SettingsError("%s must be below %s" % (lower, upper))
        if self.spo2_very_low_deci_pct < SPO2_VERY_LOW_LEAST_DECI_PCT and self.profile != PROFILE_SCALE_2:
            reason = "spo2_very_low_deci_pct under %d needs the profile of NEWS2 scale 2" % SPO2_VERY_LOW_LEAST_DECI_PCT
            raise SettingsError(reason)
        check_curve(spo2_curve)
        self.spo2_curve = spo2_curve

    def with_curve(self, spo2_curve: "Points") -> "Settings":
        """These settings with another SpO2 curve; SettingsError where that cannot be used."""
        return Settings(spo2_curve, **self.values())

    def values(self) -> "dict[str, int]":
        """All but the curve, by name."""
        return {field[0]: getattr(self, field[0]) for field in FIELDS}

    def pack(self) -> bytearray:
        """The settings as `LENGTH` bytes."""
        packed = self.pack_fields()
        packed.extend(pack_curve(self.spo2_curve))
        return packed

    def pack_fields(self) -> bytearray:
        """All but the curve, as `FIELDS_LENGTH` bytes."""
        packed = bytearray([_VERSION])
        for name, least, _, step in FIELDS:
            packed.append((getattr(self, name) - least) // step)
        return packed


def unpack(packed: "bytes | bytearray | memoryview") -> Settings:
    """Settings from bytes; SettingsError when they are of another version, damaged or out of bounds."""
    if len(packed) != LENGTH:
        raise SettingsError("packed settings have %d bytes, not %d" % (LENGTH, len(packed)))
    return unpack_fields(packed[:FIELDS_LENGTH], unpack_curve(packed[FIELDS_LENGTH:]))


def unpack_fields(packed: "bytes | bytearray | memoryview", spo2_curve: "Points" = ()) -> Settings:
    """Settings from what `Settings.pack_fields` gave, and a curve; SettingsError as for `unpack`."""
    if len(packed) != FIELDS_LENGTH or packed[0] != _VERSION:
        raise SettingsError("these bytes are not settings of version %d" % _VERSION)
    values = {}
    for index in range(len(FIELDS)):
        name, least, _, step = FIELDS[index]
        values[name] = least + packed[1 + index] * step
    return Settings(spo2_curve, **values)


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
