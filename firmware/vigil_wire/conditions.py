"""The alarm conditions: their numbers in adverts and records, their names, and what they watch.

A condition's number is its bit in the advert's 24 alarm bits, so numbers are never reused. Words as in
IEC 60601-1-8: a *physiological* condition is about the wearer, a *technical* one about the equipment.
"""

NONE = 0
LOW = 1
MEDIUM = 2
HIGH = 3
PRIORITY_NAMES = ("none", "low", "medium", "high")

SPO2_LOW = 0
PULSE_RATE_LOW = 1
PULSE_RATE_HIGH = 2
TEMPERATURE_LOW = 3
TEMPERATURE_HIGH = 4
SENSOR_OFF = 5
NO_READING = 6
SENSOR_FAULT = 7

NAMES = (
    "spo2_low",
    "pulse_rate_low",
    "pulse_rate_high",
    "temperature_low",
    "temperature_high",
    "sensor_off",
    "no_reading",
    "sensor_fault",
)
PRIORITIES = (HIGH, HIGH, HIGH, MEDIUM, MEDIUM, LOW, LOW, MEDIUM)
PHYSIOLOGICAL_COUNT = 5  # conditions below this number are physiological

RAISED = 1
CLEARED = 2
EVENT_NAMES = {RAISED: "raised", CLEARED: "cleared"}


def names_of(bits: int) -> "list[str]":
    """Names of the conditions whose bits are set, sorted; an unknown bit is named `condition_N`."""
    names = []
    for number in range(24):
        if bits >> number & 1:
            names.append(NAMES[number] if number < len(NAMES) else "condition_%d" % number)
    return sorted(names)
