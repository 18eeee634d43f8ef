"""What alarms sound and look like: on and off times in ms, in turn, from on. Words as in IEC 60601-1-8.

The limits below were read in an open checker that quotes the standard's tables of 2007, not in the standard itself;
those that are marked are recalled in the field only.

                          pulse      spacing    half burst to half burst   burst to burst
    high    5 + 5 pulses  75-200     50-125     350-1300                   2,500-15,000
    medium  3 pulses      125-250    125-250                               2,500-30,000 (recalled)
    low     1-2 pulses    125-250    125-250 (recalled)                    15,000 or more, or never

    light: high red, 1.4-2.8 Hz; medium yellow, 0.4-0.8 Hz; each lit for 20-60 % of the time; low cyan or yellow, steady

High priority has the rhythm 3 + 2: after the third and the eighth pulse the spacing is twice the spacing and a pulse
(recalled). Each time stands at the lower part of what is allowed: edges may come late (see `pattern_player`), never
early, and even by 60 ms late each is still within its limits.
"""

from vigil_hal.light import CYAN, OFF, RED, YELLOW
from vigil_wire.conditions import HIGH

_PULSE = 100
_SPACE = 60
_RHYTHM = 2 * _SPACE + _PULSE
_HALF_BURST = (_PULSE, _SPACE, _PULSE, _SPACE, _PULSE, _RHYTHM, _PULSE, _SPACE, _PULSE)
_LONG = 150  # pulse and spacing of medium and low priority

# By priority, as are all that follow. A burst; low priority sounds once, when it begins.
BURSTS = ((), (_LONG, _LONG, _LONG), (_LONG, _LONG, _LONG, _LONG, _LONG), _HALF_BURST + (500,) + _HALF_BURST)
# From the end of a burst to the beginning of the next.
BURST_GAPS_MS = (0, 0, 7_500, 5_000)
# The self-test's: as they sound in earnest, but of high priority only the first half.
TESTS = BURSTS[:HIGH] + (_HALF_BURST,)
TEST_GAP_MS = 500
# Over and over; one that is only lit is steady.
FLASHES = ((), (1_000,), (650, 1_000), (200, 300))  # 0.61 Hz and 39 %, 2 Hz and 40 %
COLOURS = (OFF, CYAN, YELLOW, RED)

# While something of medium or high priority is active and silenced.
REMINDER = (_LONG,)
REMINDER_MS = 120_000
# The button has done something that is not heard otherwise.
DONE = (60,)
