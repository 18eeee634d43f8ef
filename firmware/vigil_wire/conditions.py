"""The alarm conditions, as data: one row for each, for device and host alike. Words as in IEC 60601-1-8.

A condition's place in `TABLE` is its number in records and its bit in alarm bits: rows are never moved or taken out,
and a new one goes to the end. Adverts have room for the first 24 bits (`ADVERT_BITS`); what comes after is told by
record and by the record link. A *physiological* condition is about the wearer, a *technical* one about the equipment.

A condition holds while its signal (`vigil_firmware.alarm_signals`) is beyond its limit, as long as its on-delay; it is
over when valid readings are within the limit, by the hysteresis, as long as its off-delay.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Kind(NamedTuple):
        """A row: what a condition is.

        signal: an attribute of alarm_signals.Signals. side: of the limit, where it holds. limit, in the signal's unit,
        and on_delay (s): a number, or the name of the setting that has it. off_delay: s. hysteresis: in the signal's
        unit. worse_by: it sounds again so far beyond where it was acknowledged; 0: it does not get worse. latches:
        whether it stays, when it is over, until it is acknowledged.
        """

        priority: int
        signal: str
        side: int
        limit: int | str
        on_delay: int | str
        off_delay: int
        hysteresis: int
        worse_by: int
        latches: int


if not TYPE_CHECKING:  # MicroPython has no NamedTuple, and nothing smaller that has attributes
    from collections import namedtuple

    Kind = namedtuple("Kind", "priority signal side limit on_delay off_delay hysteresis worse_by latches")

NONE = 0
LOW = 1
MEDIUM = 2
HIGH = 3
PRIORITY_NAMES = ("none", "low", "medium", "high")

BELOW = -1
ABOVE = 1

NEVER = 0
IF_SET = 1  # where the setting `latching` is 1
ALWAYS = 2

# fmt: off
TABLE = (
    # spo2_low
    Kind(MEDIUM, "spo2", BELOW, "spo2_low_deci_pct", "spo2_delay_s", 5, 10, 30, NEVER),
    # pulse_rate_low
    Kind(MEDIUM, "pulse_rate", BELOW, "pulse_rate_low_deci_bpm", "pulse_rate_delay_s", 5, 20, 150, NEVER),
    # pulse_rate_high
    Kind(MEDIUM, "pulse_rate", ABOVE, "pulse_rate_high_deci_bpm", "pulse_rate_delay_s", 5, 20, 150, NEVER),
    # temperature_low
    Kind(MEDIUM, "temperature", BELOW, "temperature_low_centi_c", "temperature_delay_s", 30, 20, 50, NEVER),
    # temperature_high
    Kind(MEDIUM, "temperature", ABOVE, "temperature_high_centi_c", "temperature_delay_s", 30, 20, 50, NEVER),
    # sensor_off
    Kind(LOW, "sensor_off", ABOVE, 0, 5, 1, 0, 0, NEVER),
    # no_reading
    Kind(LOW, "no_reading", ABOVE, 0, 20, 1, 0, 0, NEVER),
    # sensor_fault
    Kind(MEDIUM, "sensor_fault", ABOVE, 0, 2, 1, 0, 0, NEVER),
    # spo2_very_low
    Kind(HIGH, "spo2", BELOW, "spo2_very_low_deci_pct", "spo2_emergency_delay_s", 5, 10, 30, IF_SET),
    # spo2_falling
    Kind(HIGH, "spo2_fall", ABOVE, "spo2_fall_deci_pct", 1, 5, 20, 30, IF_SET),
    # pulse_rate_very_low
    Kind(HIGH, "pulse_rate", BELOW, "pulse_rate_very_low_deci_bpm", "pulse_rate_emergency_delay_s", 5, 20, 150, IF_SET),
    # pulse_rate_very_high
    Kind(HIGH, "pulse_rate", ABOVE, "pulse_rate_very_high_deci_bpm", "pulse_rate_emergency_delay_s", 5, 20, 150,
         IF_SET),
    # temperature_very_low
    Kind(HIGH, "temperature", BELOW, "temperature_very_low_centi_c", "temperature_delay_s", 30, 20, 50, IF_SET),
    # temperature_very_high
    Kind(HIGH, "temperature", ABOVE, "temperature_very_high_centi_c", "temperature_delay_s", 30, 20, 50, IF_SET),
    # respiration_low
    Kind(HIGH, "respiration", BELOW, "respiration_low_deci_per_min", "respiration_delay_s", 5, 10, 20, IF_SET),
    # respiration_high
    Kind(MEDIUM, "respiration", ABOVE, "respiration_high_deci_per_min", "respiration_delay_s", 5, 10, 40, NEVER),
    # temperature_change
    Kind(LOW, "temperature_change", ABOVE, 150, 255, 60, 30, 0, NEVER),
    # low_perfusion
    Kind(LOW, "low_perfusion", ABOVE, 0, 30, 5, 0, 0, NEVER),
    # wrong_sample_rate
    Kind(LOW, "rate_error", ABOVE, 50, 60, 60, 10, 0, NEVER),
    # battery_low
    Kind(LOW, "battery", BELOW, 20, 60, 60, 3, 0, NEVER),
    # battery_critical
    Kind(MEDIUM, "battery", BELOW, 8, 30, 60, 3, 0, NEVER),
    # journal_nearly_full
    Kind(LOW, "unsent", ABOVE, 80, 60, 60, 5, 0, NEVER),
    # storage_fault
    Kind(MEDIUM, "storage_fault", ABOVE, 0, 10, 60, 0, 0, NEVER),
    # panel_fault
    Kind(MEDIUM, "panel_fault", ABOVE, 0, 5, 60, 0, 0, NEVER),
    # clock_unset
    Kind(LOW, "clock_unset", ABOVE, 600, 0, 0, 0, 0, NEVER),
    # restarted
    Kind(LOW, "restarted", ABOVE, 0, 0, 0, 0, 0, ALWAYS),
    # bridge_not_seen
    Kind(LOW, "bridge_silent", ABOVE, 900, 0, 0, 0, 0, NEVER),
    # accelerometer_fault
    Kind(LOW, "accelerometer_fault", ABOVE, 0, 10, 60, 0, 0, NEVER),
    # battery_fault
    Kind(LOW, "battery_fault", ABOVE, 0, 10, 60, 0, 0, NEVER),
)
# fmt: on
NAMES = (
    "spo2_low",
    "pulse_rate_low",
    "pulse_rate_high",
    "temperature_low",
    "temperature_high",
    "sensor_off",
    "no_reading",
    "sensor_fault",
    "spo2_very_low",
    "spo2_falling",
    "pulse_rate_very_low",
    "pulse_rate_very_high",
    "temperature_very_low",
    "temperature_very_high",
    "respiration_low",
    "respiration_high",
    "temperature_change",
    "low_perfusion",
    "wrong_sample_rate",
    "battery_low",
    "battery_critical",
    "journal_nearly_full",
    "storage_fault",
    "panel_fault",
    "clock_unset",
    "restarted",
    "bridge_not_seen",
    "accelerometer_fault",
    "battery_fault",
)  # fmt: skip
PRIORITIES = tuple([kind.priority for kind in TABLE])

SPO2_LOW = 0
PULSE_RATE_LOW = 1
PULSE_RATE_HIGH = 2
TEMPERATURE_LOW = 3
TEMPERATURE_HIGH = 4
SENSOR_OFF = 5
NO_READING = 6
SENSOR_FAULT = 7
SPO2_VERY_LOW = 8
SPO2_FALLING = 9
PULSE_RATE_VERY_LOW = 10
PULSE_RATE_VERY_HIGH = 11
TEMPERATURE_VERY_LOW = 12
TEMPERATURE_VERY_HIGH = 13
RESPIRATION_LOW = 14
RESPIRATION_HIGH = 15
TEMPERATURE_CHANGE = 16
LOW_PERFUSION = 17
WRONG_SAMPLE_RATE = 18
BATTERY_LOW = 19
BATTERY_CRITICAL = 20
JOURNAL_NEARLY_FULL = 21
STORAGE_FAULT = 22
PANEL_FAULT = 23
CLOCK_UNSET = 24
RESTARTED = 25
BRIDGE_NOT_SEEN = 26
ACCELEROMETER_FAULT = 27
BATTERY_FAULT = 28
ALL = 0xFF  # in commands and events that are about no condition in particular

ADVERT_BITS = 24
PHYSIOLOGICAL = (
    SPO2_LOW, PULSE_RATE_LOW, PULSE_RATE_HIGH, TEMPERATURE_LOW, TEMPERATURE_HIGH, SPO2_VERY_LOW, SPO2_FALLING,
    PULSE_RATE_VERY_LOW, PULSE_RATE_VERY_HIGH, TEMPERATURE_VERY_LOW, TEMPERATURE_VERY_HIGH, RESPIRATION_LOW,
    RESPIRATION_HIGH, TEMPERATURE_CHANGE,
)  # fmt: skip
# A condition, and the worse one that speaks for both while it is active.
COVERED_BY = {
    SPO2_LOW: SPO2_VERY_LOW,
    SPO2_FALLING: SPO2_VERY_LOW,
    PULSE_RATE_LOW: PULSE_RATE_VERY_LOW,
    PULSE_RATE_HIGH: PULSE_RATE_VERY_HIGH,
    TEMPERATURE_LOW: TEMPERATURE_VERY_LOW,
    TEMPERATURE_HIGH: TEMPERATURE_VERY_HIGH,
    LOW_PERFUSION: NO_READING,
    BATTERY_LOW: BATTERY_CRITICAL,
}
# Conditions that say that nobody is watched: their priority rises with time and with how the wearer was before.
RISING = (SENSOR_OFF, NO_READING)

# What an alarm record tells. All but the last four are about one condition.
RAISED = 1
CLEARED = 2
RISEN = 3  # its priority is higher now
LATCHED = 4  # over, and kept until it is acknowledged
ACKNOWLEDGED = 5  # value: by whom, as below
SOUNDS_AGAIN = 6  # no longer acknowledged: it got worse, or five minutes have passed, or it holds again
AUDIO_PAUSED = 7  # value: for how many s
AUDIO_RESUMED = 8
STANDBY_BEGUN = 9  # value: for how many minutes at most
STANDBY_ENDED = 10
EVENT_NAMES = {
    RAISED: "raised",
    CLEARED: "cleared",
    RISEN: "risen",
    LATCHED: "latched",
    ACKNOWLEDGED: "acknowledged",
    SOUNDS_AGAIN: "sounds_again",
    AUDIO_PAUSED: "audio_paused",
    AUDIO_RESUMED: "audio_resumed",
    STANDBY_BEGUN: "standby_begun",
    STANDBY_ENDED: "standby_ended",
}
AT_DEVICE = 0  # with the button
BESIDE_WEARER = 1  # by a person who said that they are with the wearer
FROM_AFAR = 2


def names_of(bits: int) -> "list[str]":
    """Names of the conditions whose bits are set, sorted; an unknown bit is named `condition_N`."""
    names = []
    for number in range(30):
        if bits >> number & 1:
            names.append(name_of(number))
    return sorted(names)


def name_of(number: int) -> str:
    """Name of a condition, of a newer firmware's too."""
    return NAMES[number] if number < len(NAMES) else "condition_%d" % number


def mask_of(numbers: "tuple[int, ...]") -> int:
    """The alarm bits of some conditions."""
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits
