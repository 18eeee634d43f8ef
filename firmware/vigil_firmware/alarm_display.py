"""Keeps a display up to date: when it is written, sent, set up again, and how bright it is.

It is written once a second and when an alarm changes, and sent a part in each step, but never in the step that has
judged a second, which is long as it is. What the display holds cannot be read, and one that lost its power for a moment
answers as before and shows nothing: it is set up and sent anew each 15 s. It is dim while nothing is wrong, since what
is always lit burns in.
"""

from vigil_firmware.display_pages import Pages
from vigil_wire import conditions
from vigil_wire.conditions import LOW, NONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_firmware.monitor import Monitor
    from vigil_hal.seams import Display

ALL_LIT_S = 2  # of a notice: who looks sees whether each pixel is
REFRESH_S = 15
RETRY_S = 5  # a display that did not answer costs time at each try
BRIGHT_S = 60
NAMED_S = 4  # where several conditions have the highest priority, each is named so long
_NEVER = -1
_STUCK = (110, 116)  # ETIMEDOUT, and newlib's number for it
_EIO = 5


class AlarmDisplay:
    """One display. `fault`: why it cannot be used, or ""."""

    def __init__(self, display: "Display", monitor: "Monitor") -> None:
        self.fault = ""
        self._display = display
        self._monitor = monitor
        self._pages = Pages(display, monitor)
        self._second = _NEVER
        self._revision = _NEVER
        self._notice = ""
        self._notice_s = 0  # how long it has been there
        self._passkey = _NEVER
        self._named = _NEVER  # the condition that an alarm's page is about
        self._more = 0  # how many others are active
        self._bright_s = BRIGHT_S
        self._setup_s = 0  # until it is set up again
        self._is_unknown = True  # what it shows: it does not answer, or did not yet
        self._must_write = False
        self._must_show = False

    def step(self, now_ms: int, notice: str, passkey: int) -> None:
        """Show what is so now, or `notice` where it is not empty, or a passkey where it is not negative."""
        is_told = self._has_been_told(notice, passkey)
        if self._is_new_second() or is_told:
            self._must_write = True
        elif self._must_write:
            self._must_write = False
            self._must_show = True
            self._write(now_ms)
        elif self._must_show and (self._setup_s <= 0 or not self._is_unknown):
            self._show()

    def switch_off(self) -> None:
        """Make it dark: nobody steps any more, and what it shows would stay."""
        try:
            self._display.switch_off()
        except OSError as error:
            self.fault = "the display cannot be switched off (errno %s)" % error.errno

    def _is_new_second(self) -> bool:
        if self._monitor.second == self._second:
            return False
        self._second = self._monitor.second
        self._notice_s += 1
        self._setup_s -= 1
        self._pages.remember()
        if self._second % NAMED_S == 0:
            self._name_next()
        if self._monitor.alarms.visible != NONE:
            self._bright_s = BRIGHT_S
        elif self._bright_s:
            self._bright_s -= 1
        return True

    def _has_been_told(self, notice: str, passkey: int) -> bool:
        """Whether there is something else to say than a second's values."""
        alarms = self._monitor.alarms
        if notice == self._notice and passkey == self._passkey and alarms.revision == self._revision:
            return False
        if notice != self._notice:
            self._notice_s = 0
        self._notice = notice
        self._passkey = passkey
        self._revision = alarms.revision
        self._named = alarms.top
        self._more = self._count() - 1
        self._bright_s = BRIGHT_S
        return True

    def _count(self) -> int:
        """How many conditions are to be shown."""
        count = 0
        for number in range(len(conditions.TABLE)):
            count += self._is_shown(number)
        return count

    def _is_shown(self, number: int) -> bool:
        """Whether a condition is active and not covered by a worse one."""
        bits = self._monitor.alarms.bits
        worse = conditions.COVERED_BY.get(number)
        return bits >> number & 1 == 1 and (worse is None or not bits >> worse & 1)

    def _name_next(self) -> None:
        """Go on to the next condition that has the highest priority of all."""
        alarms = self._monitor.alarms
        if alarms.top < 0:
            return
        priority = alarms.priority_of(alarms.top)
        for _ in range(len(conditions.TABLE)):
            self._named = (self._named + 1) % len(conditions.TABLE)
            if self._is_shown(self._named) and alarms.priority_of(self._named) == priority:
                return
        self._named = alarms.top

    def _write(self, now_ms: int) -> None:
        alarms = self._monitor.alarms
        pages = self._pages
        self._display.brighten(self._bright_s > 0)
        if self._notice and self._notice_s <= ALL_LIT_S:
            self._display.fill(1)
        elif self._notice:
            pages.write_notice(self._notice)
        elif alarms.visible <= LOW and self._passkey >= 0:
            pages.write_passkey(self._passkey)
        elif alarms.visible <= LOW and alarms.audible == NONE:
            pages.write_values()
        else:
            pages.write_alarm(self._named, self._more, now_ms)

    def _show(self) -> None:
        errno = self._send()
        if errno:
            cause = "its I2C bus is stuck: check SDA and SCL for a short" if errno in _STUCK else "check its wiring"
            self.fault = "the display does not answer (errno %d); %s" % (errno, cause)
            self._setup_s = RETRY_S
            self._is_unknown = True

    def _send(self) -> int:
        """Send the next part; the error's number where it does not take that, else 0."""
        try:
            if self._setup_s <= 0:
                self._setup_s = REFRESH_S
                if self._is_unknown:
                    self._display.switch_off()  # what it shows may be long over
                self._display.configure()
                self._is_unknown = False
            if self._display.show():
                self._must_show = False
                self.fault = ""
            return 0
        except OSError as error:
            return error.errno or _EIO
