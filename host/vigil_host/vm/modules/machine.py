"""The parts of MicroPython's `machine` that the firmware uses, for the VM.

A test or a demo puts the simulated bus on with `attach_i2c`, and reads what the pins did and when the watchdog was
fed. A reset ends the program: with EXIT_RESET when the firmware asked for it, with EXIT_WATCHDOG when the watchdog
was not fed in time.
"""

import time
from collections import deque

import _host

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

EXIT_RESET = 120
EXIT_WATCHDOG = 121

# The newest thousand of each, oldest first: (ticks_ms, pin id, 0 or 1), (ticks_ms, pin id, Hz; 0 is silence), and the
# ticks_ms of the feeds. MicroPython's deque has no keyword.
pin_writes = deque((), 1000)  # noqa: RUF037
pwm_writes = deque((), 1000)  # noqa: RUF037
watchdog_feeds = deque((), 1000)  # noqa: RUF037

_cause = PWRON_RESET
_bus = None


def attach_i2c(bus):
    """Make `bus` what I2C() returns."""
    global _bus
    _bus = bus


def attach_reset_cause(cause):
    """Make `cause` what reset_cause() returns."""
    global _cause
    _cause = cause


def I2C(id, *, scl=None, sda=None, freq=400000):
    """Return the attached bus; OSError(19, ENODEV) when there is none."""
    if _bus is None:
        raise OSError(19)
    return _bus


class Pin:
    """An output whose changes are recorded, or an input that reads what was last written to its id, else its pull."""

    IN = 1
    OUT = 3
    PULL_UP = 2
    PULL_DOWN = 1

    _levels = {}

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        self._id = id
        if pull == self.PULL_UP:
            self._levels.setdefault(id, 1)
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Return the level, or set it."""
        if level is None:
            return self._levels.get(self._id, 0)
        level = 1 if level else 0
        self._levels[self._id] = level
        pin_writes.append((time.ticks_ms(), self._id, level))
        return None

    def on(self):
        """Set the level to 1."""
        self.value(1)

    def off(self):
        """Set the level to 0."""
        self.value(0)

    __call__ = value


class PWM:
    """A pin whose tones are recorded."""

    def __init__(self, dest, *, freq=5000, duty_u16=0):
        self._id = dest._id
        self._hz = freq
        self.duty_u16(duty_u16)

    def freq(self, hz=None):
        """Return the frequency, or set it."""
        if hz is None:
            return self._hz
        self._hz = hz
        return None

    def duty_u16(self, duty=None):
        """Return the duty, or set it."""
        if duty is None:
            return self._duty
        self._duty = duty
        pwm_writes.append((time.ticks_ms(), self._id, self._hz if duty else 0))
        return None


class Timer:
    """A timer whose callback runs while the program sleeps, and never at another time."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1):
        self._callback = None  # a timer that was not begun has none

    def init(self, *, mode=PERIODIC, period=-1, callback=None):
        """Call `callback` with the timer in `period` ms, and each `period` ms after that."""
        self.deinit()
        self._mode = mode
        self._period_ms = period
        self._callback = callback
        self._due_ms = time.ticks_add(time.ticks_ms(), period)
        time.timers.append(self)

    def deinit(self):
        """Stop it."""
        if self in time.timers:
            time.timers.remove(self)

    def left_ms(self):
        """For how long the program may sleep before it is due."""
        return max(time.ticks_diff(self._due_ms, time.ticks_ms()), 0)

    def look(self):
        """Call back if it is due; what was missed is not made up for."""
        late_ms = time.ticks_diff(time.ticks_ms(), self._due_ms)
        if late_ms < 0:
            return
        if self._mode == self.ONE_SHOT:
            self.deinit()
        else:
            self._due_ms = time.ticks_add(self._due_ms, (late_ms // self._period_ms + 1) * self._period_ms)
        self._callback(self)


class WDT:
    """The watchdog, of which there is one: it ends the VM when it is not fed, and nothing stops it.

    It looks at the clock whenever the program sleeps or feeds it. In real time it looks from outside too, so that a
    program which hangs is bitten as well. Making another arms it anew, as on an ESP32.
    """

    _timeout_ms = 0
    _fed_ms = 0

    def __init__(self, id=0, timeout=5000):
        if not WDT._timeout_ms:
            time.after_sleep.append(self._look)
        WDT._timeout_ms = timeout
        WDT._fed_ms = time.ticks_ms()
        _host.watch(timeout, EXIT_WATCHDOG)
        _host.fed()

    def feed(self):
        """Start the time-out anew."""
        self._look()
        WDT._fed_ms = time.ticks_ms()
        _host.fed()
        watchdog_feeds.append(WDT._fed_ms)

    def _look(self):
        late_ms = time.ticks_diff(time.ticks_ms(), WDT._fed_ms)
        if late_ms > WDT._timeout_ms:
            print("watchdog: not fed for %d ms" % late_ms)
            _host.die(EXIT_WATCHDOG)


def reset():
    """End the program."""
    raise SystemExit(EXIT_RESET)


def reset_cause():
    """Why the board started."""
    return _cause


def freq():
    """That of an ESP32."""
    return 240_000_000


def unique_id():
    """Six bytes, the same in every VM."""
    return b"\x02VIGIL"
