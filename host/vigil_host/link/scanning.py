"""Keeps this machine's Bluetooth scanning."""

import contextlib
import logging
from collections.abc import Callable

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from vigil_host.clock import Clock
from vigil_host.link.adapter import Scanner, ScannerFactory
from vigil_host.link.reconnect import backoff_s

RESTART_AFTER_S = 60.0
"""A scanner that hears nothing at all for so long is started anew: scanners stop without a word."""

_log = logging.getLogger(__name__)


async def keep_scanning(
    scanner_factory: ScannerFactory, heard: Callable[[BLEDevice, AdvertisementData], None], clock: Clock
) -> None:
    """Scan for ever, with a new scanner whenever one fails or falls silent."""
    failures = 0
    heard_s = clock.monotonic()

    def on_advert(ble_device: BLEDevice, data: AdvertisementData) -> None:
        nonlocal heard_s
        heard_s = clock.monotonic()
        heard(ble_device, data)

    while True:
        scanner = scanner_factory(on_advert)
        try:
            await scanner.start()
            failures = 0
            heard_s = clock.monotonic()
            while clock.monotonic() - heard_s < RESTART_AFTER_S:
                await clock.sleep(1.0)
        except (BleakError, OSError, TimeoutError) as error:
            wait_s = backoff_s(failures)
            failures += 1
            _log.error("cannot scan: %s; trying again in %.1f s", _reason(error), wait_s)
            await clock.sleep(wait_s)
        finally:
            await _stop(scanner)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):  # the system bus is not there: bleak passes on no more than its errno
        return f"this machine's Bluetooth service does not answer ({error.strerror or type(error).__name__})"
    return str(error)


async def _stop(scanner: Scanner) -> None:
    with contextlib.suppress(BleakError, OSError, TimeoutError):
        await scanner.stop()
