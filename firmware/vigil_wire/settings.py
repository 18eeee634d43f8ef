"""The device's settings: validated as a whole, packed to bytes, kept in two alternating copies.

Limits are in the small units of the measurements; 0.1 bpm, 0.1 %, 0.01 C. Delays are in seconds.
"""

import struct

_LAYOUT = "<BBBBHHHHHBBB"
LENGTH = struct.calcsize(_LAYOUT)
_VERSION = 1

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

    def __init__(self, **values: int) -> None:
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

    def pack(self) -> bytearray:
        """The settings as `LENGTH` bytes."""
        values = [getattr(self, name) for name, _, _, _ in FIELDS]
        return bytearray(struct.pack(_LAYOUT, _VERSION, *values))


def unpack(packed: "bytes | bytearray") -> Settings:
    """Settings from bytes; SettingsError when they are of another version, damaged or out of bounds."""
    if len(packed) != LENGTH or packed[0] != _VERSION:
        raise SettingsError("these bytes are not settings of version %d" % _VERSION)
    values = struct.unpack(_LAYOUT, packed)
    return Settings(**{FIELDS[index][0]: values[1 + index] for index in range(len(FIELDS))})
