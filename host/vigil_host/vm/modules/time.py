"""MicroPython's `time` for the VM: sleeping advances virtual time or blocks in the parent, and never spins.

Ticks come from the built-in module; they wrap at 2^30. `ticks_us` has the resolution of a millisecond. Time moves
in virtual time only while the program sleeps.
"""

import _host
from utime import *  # noqa: F403 - the rest of the built-in module

# Called after each piece of sleep: the watchdog looks at the clock, and BLE events reach their handler.
after_sleep = []
timers = []  # that run: see machine.Timer


def sleep_ms(ms):
    """Sleep for `ms`; 0 or less delivers what is pending and returns."""
    while True:
        if ms < 0:
            ms = 0
        piece = ms
        for timer in timers:
            piece = min(piece, timer.left_ms())
        slept_ms = _host.sleep(piece)
        if slept_ms < 0:  # Ctrl-C came over the board's serial port
            raise KeyboardInterrupt
        ms -= slept_ms
        for look in after_sleep:
            look()
        for timer in list(timers):
            timer.look()
        if ms <= 0:
            return


def sleep_us(us):
    """Sleep for `us`, rounded up to whole milliseconds."""
    sleep_ms((us + 999) // 1000)


def sleep(seconds):
    """Sleep for `seconds`."""
    sleep_ms(int(seconds * 1000))
