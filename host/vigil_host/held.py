"""Held values: whether a display may still show the last value after the signal became too poor for a new one.

It may, marked and with its age, while the sensor stays on the skin: a pulse that is lost for a moment in a movement is
mostly found again. Everything else has no reading from the first second without one: alarms, record and exports.
"""

from vigil_wire import statuses

HELD_MOST_S = 10.0
GAP_MOST_S = 3.0
"""Unheard for longer, and the sensor may have been off, or the device restarted, without a word reaching us.

After either the device says for at least five seconds that it is still acquiring.
"""

_QUALITY_LOST = frozenset((statuses.LOW_PERFUSION, statuses.POOR_SIGNAL, statuses.ERRATIC))
# Not among them: what is out of range was measured, and is not what it was. Acquiring follows a restart and a moment
# without contact. Sensor off and sensor fault say so.


def goes_on(status: int, gap_s: float) -> bool:
    """Whether a value from before may be held on, or go on being held, when the device now says `status`.

    `gap_s` is how long it had not been heard before. One that may not at any time is never held again.
    """
    return gap_s <= GAP_MOST_S and (statuses.has_value(status) or status in _QUALITY_LOST)


def may_show(status: int, age_s: float) -> bool:
    """Whether a value that goes on being held is to be shown `age_s` after it was published."""
    return status in _QUALITY_LOST and age_s <= HELD_MOST_S
