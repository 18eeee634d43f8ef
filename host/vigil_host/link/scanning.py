"""Keeps this machine's Bluetooth scanning, and says when it hears nothing at all any more."""

import contextlib
import logging
from collections.abc import Callable

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from vigil_host.clock import Clock
from vigil_host.link.adapter import Scanner, ScannerFactory
from vigil_host.link.reconnect import backoff_s
from vigil_host.link.troubles import text_of

RESTART_AFTER_S = 60.0
"""A scanner that hears nothing at all for so long is started anew: scanners stop without a word."""
DEAF_AFTER_S = 2 * RESTART_AFTER_S
DEAF_AFTER_FAILURES = 5
"""The radio is deaf when two scanners in a row heard nothing, or so many in a row could not be started."""

_log = logging.getLogger(__name__)


async def keep_scanning(
    scanner_factory: ScannerFactory,
    heard: Callable[[BLEDevice, AdvertisementData], None],
    clock: Clock,
    restart_s: float | None = None,
    tell_deaf: Callable[[bool], None] = lambda _is_deaf: None,
) -> None:
    """Scan for ever, with a new scanner whenever one fails or falls silent, and every `restart_s`.

    `tell_deaf` is told when the radio becomes deaf, and when it is no longer.
    """
    watch = _Watch(clock, tell_deaf)

    def on_advert(ble_device: BLEDevice, data: AdvertisementData) -> None:
        watch.heard()
        heard(ble_device, data)

    while True:
        try:
            await _scan(scanner_factory(on_advert), watch, clock, restart_s)
        except (BleakError, OSError, TimeoutError) as error:
            wait_s = backoff_s(watch.failures)
            watch.failed()
            _log.error("cannot scan: %s; trying again in %.1f s", reason_of(error), wait_s)
            await clock.sleep(wait_s)


def reason_of(error: Exception) -> str:
    """Why there is no scan, in words."""
    if isinstance(error, OSError):  # the system bus is not there: bleak passes on no more than its errno
        return f"this machine's Bluetooth service does not answer ({error.strerror or type(error).__name__})"
    return text_of(error)


class _Watch:
    """Whether anything is heard."""

    def __init__(self, clock: Clock, tell_deaf: Callable[[bool], None]) -> None:
        self._clock = clock
        self._tell_deaf = tell_deaf
        self._is_deaf = False
        self.failures = 0  # in a row, to start a scanner
        self.heard_s = clock.monotonic()

    def heard(self) -> None:
        self.heard_s = self._clock.monotonic()
        if self._is_deaf:
            self._is_deaf = False
            _log.warning("adverts are heard again")
            self._tell_deaf(False)

    def started(self) -> None:
        self.failures = 0

    def failed(self) -> None:
        self.failures += 1
        self.look()

    def look(self) -> None:
        """Find out whether the radio has become deaf."""
        is_unheard = self._clock.monotonic() - self.heard_s >= DEAF_AFTER_S
        if not self._is_deaf and (is_unheard or self.failures >= DEAF_AFTER_FAILURES):
            self._is_deaf = True
            _log.error("this machine's radio hears nothing at all")
            self._tell_deaf(True)


async def _scan(scanner: Scanner, watch: _Watch, clock: Clock, restart_s: float | None) -> None:
    """Scan until it is time for a new scanner."""
    try:
        await scanner.start()
        watch.started()
        started_s = clock.monotonic()
        while clock.monotonic() - max(started_s, watch.heard_s) < RESTART_AFTER_S:
            if restart_s is not None and clock.monotonic() - started_s >= restart_s:
                return
            await clock.sleep(1.0)
            watch.look()
    finally:
        await _stop(scanner)


async def _stop(scanner: Scanner) -> None:
    with contextlib.suppress(BleakError, OSError, TimeoutError):
        await scanner.stop()
