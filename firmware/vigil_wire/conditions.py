"""The alarm conditions, as data: one row for each, for device and host alike. Words as in IEC 60601-1-8.

A condition's place in `TABLE` is its number in records and its bit in alarm bits: rows are never moved or taken out,
and a new one goes to the end. Adverts have room for the first 24 bits (`ADVERT_BITS`); what comes after is told by
record and by the record link. A *physiological* condition is about the wearer, a *technical* one about the equipment.

A condition holds while its signal (`vigil_firmware.alarm_signals`) is beyond its limit, as long as its on-delay; it is
over when valid readings are within the limit, by the hysteresis, as long as its off-delay.
"""

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


class Kind:
    """A row: what a condition is.

    text: what a display says, at most 16 characters. signal: an attribute of alarm_signals.Signals. side: of the limit,
    where it holds. limit, in the signal's unit, and on_delay (s): a number, or the name of the setting that has it.
    off_delay: s. latches: whether it stays, when it is over, until it is acknowledged. worse_by: it sounds again so far
    beyond where it was acknowledged; 0: it does not get worse.
    """

    def __init__(
        self,
        name: str,
        priority: int,
        text: str,
        signal: str,
        side: int,
        limit: "int | str",
        on_delay: "int | str",
        off_delay: int,
        hysteresis: int = 0,
        worse_by: int = 0,
        latches: int = NEVER,
    ) -> None:
        self.name = name
        self.priority = priority
        self.text = text
        self.signal = signal
        self.side = side
        self.limit = limit
        self.on_delay = on_delay
        self.off_delay = off_delay
        self.hysteresis = hysteresis
        self.worse_by = worse_by
        self.latches = latches


# fmt: off
TABLE = (
    Kind("spo2_low", MEDIUM, "Low oxygen", "spo2", BELOW, "spo2_low_deci_pct", "spo2_delay_s", 5, 10, 30),
    Kind("pulse_rate_low", MEDIUM, "Slow pulse", "pulse_rate", BELOW, "pulse_rate_low_deci_bpm", "pulse_rate_delay_s",
         5, 20, 150),
    Kind("pulse_rate_high", MEDIUM, "Fast pulse", "pulse_rate", ABOVE, "pulse_rate_high_deci_bpm",
         "pulse_rate_delay_s", 5, 20, 150),
    Kind("temperature_low", MEDIUM, "Low temperature", "temperature", BELOW, "temperature_low_centi_c",
         "temperature_delay_s", 30, 20, 50),
    Kind("temperature_high", MEDIUM, "High temperature", "temperature", ABOVE, "temperature_high_centi_c",
         "temperature_delay_s", 30, 20, 50),
    Kind("sensor_off", LOW, "Sensor is off", "sensor_off", ABOVE, 0, 5, 1),
    Kind("no_reading", LOW, "No reading", "no_reading", ABOVE, 0, 20, 1),
    Kind("sensor_fault", MEDIUM, "Sensor fault", "sensor_fault", ABOVE, 0, 2, 1),
    Kind("spo2_very_low", HIGH, "VERY LOW OXYGEN", "spo2", BELOW, "spo2_very_low_deci_pct", "spo2_emergency_delay_s",
         5, 10, 30, IF_SET),
    Kind("spo2_falling", HIGH, "OXYGEN FALLING", "spo2_fall", ABOVE, "spo2_fall_deci_pct", 1, 5, 20, 30, IF_SET),
    Kind("pulse_rate_very_low", HIGH, "VERY SLOW PULSE", "pulse_rate", BELOW, "pulse_rate_very_low_deci_bpm",
         "pulse_rate_emergency_delay_s", 5, 20, 150, IF_SET),
    Kind("pulse_rate_very_high", HIGH, "VERY FAST PULSE", "pulse_rate", ABOVE, "pulse_rate_very_high_deci_bpm",
         "pulse_rate_emergency_delay_s", 5, 20, 150, IF_SET),
    Kind("temperature_very_low", HIGH, "VERY COLD", "temperature", BELOW, "temperature_very_low_centi_c",
         "temperature_delay_s", 30, 20, 50, IF_SET),
    Kind("temperature_very_high", HIGH, "VERY HOT", "temperature", ABOVE, "temperature_very_high_centi_c",
         "temperature_delay_s", 30, 20, 50, IF_SET),
    Kind("respiration_low", HIGH, "SLOW BREATHING", "respiration", BELOW, "respiration_low_deci_per_min",
         "respiration_delay_s", 5, 10, 20, IF_SET),
    Kind("respiration_high", MEDIUM, "Fast breathing", "respiration", ABOVE, "respiration_high_deci_per_min",
         "respiration_delay_s", 5, 10, 40),
    Kind("temperature_change", LOW, "Warmer or colder", "temperature_change", ABOVE, 150, 255, 60, 30),
    Kind("low_perfusion", LOW, "Weak blood flow", "low_perfusion", ABOVE, 0, 30, 5),
    Kind("wrong_sample_rate", LOW, "Sensor off speed", "rate_error", ABOVE, 50, 60, 60, 10),
    Kind("battery_low", LOW, "Battery low", "battery", BELOW, 20, 60, 60, 3),
    Kind("battery_critical", MEDIUM, "Battery empty", "battery", BELOW, 8, 30, 60, 3),
    Kind("journal_nearly_full", LOW, "Memory filling", "unsent", ABOVE, 80, 60, 60, 5),
    Kind("storage_fault", MEDIUM, "Memory fault", "storage_fault", ABOVE, 0, 10, 60),
    Kind("panel_fault", MEDIUM, "Light or sound", "panel_fault", ABOVE, 0, 5, 60),
    Kind("clock_unset", LOW, "Clock is not set", "clock_unset", ABOVE, 600, 0, 0),
    Kind("restarted", LOW, "It was restarted", "restarted", ABOVE, 0, 0, 0, latches=ALWAYS),
    Kind("bridge_not_seen", LOW, "No bridge", "bridge_silent", ABOVE, 900, 0, 0),
    Kind("accelerometer_fault", LOW, "Motion sensor", "accelerometer_fault", ABOVE, 0, 10, 60),
    Kind("battery_fault", LOW, "Battery unknown", "battery_fault", ABOVE, 0, 10, 60),
)
# fmt: on
NAMES = tuple([kind.name for kind in TABLE])
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
