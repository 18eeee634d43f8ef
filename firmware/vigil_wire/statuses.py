"""Why a measurement has, or has not, a value: one small code for device, air, record and page.

The words follow the Pulse Oximeter Service 1.0.1 (measurement status, device and sensor status); `PLX_STATUS`
gives the bits each code sets there. A code fits four bits.
"""

UNAVAILABLE = 0  # there is no such sensor
VALIDATED = 1
EARLY_ESTIMATE = 2
QUESTIONABLE = 3
ACQUIRING = 4  # in contact, not enough signal yet
SENSOR_OFF = 5
LOW_PERFUSION = 6
POOR_SIGNAL = 7
ERRATIC = 8
OUT_OF_RANGE = 9
SENSOR_FAULT = 10
STANDBY = 11  # the sensor is off on purpose

NAMES = (
    "unavailable",
    "validated",
    "early_estimate",
    "questionable",
    "acquiring",
    "sensor_off",
    "low_perfusion",
    "poor_signal",
    "erratic",
    "out_of_range",
    "sensor_fault",
    "standby",
)

# (measurement status bits, device and sensor status bits) of PLX 1.0.1, by code.
PLX_STATUS = (
    (1 << 13, 1 << 15),  # data unavailable; sensor disconnected
    (1 << 7, 0),  # validated
    (1 << 6, 0),  # early estimate
    (1 << 14, 1 << 8),  # questionable; questionable pulse
    (1 << 5, 1 << 9),  # ongoing; signal analysis ongoing
    (1 << 13, 1 << 11),  # unavailable; sensor unconnected to user
    (1 << 15, 1 << 5),  # invalid; low perfusion
    (1 << 15, 1 << 4),  # invalid; poor signal
    (1 << 15, 1 << 6),  # invalid; erratic
    (1 << 15, 1 << 2),  # invalid; signal-processing irregularity
    (1 << 13, 1 << 14),  # unavailable; sensor malfunctioning
    (1 << 13, 1 << 11),  # unavailable; sensor unconnected to user
)


def has_value(status: int) -> bool:
    """Whether a measurement of this status carries a number that may be shown."""
    return VALIDATED <= status <= QUESTIONABLE
