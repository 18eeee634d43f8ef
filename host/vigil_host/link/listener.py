"""Hears the adverts of known devices, from all those in the air."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.link.adapter import Scanner, ScannerFactory
from vigil_host.link.intake import Intake
from vigil_host.link.reconnect import backoff_s
from vigil_wire.advert import COMPANY_ID, AdvertOpener

RESTART_AFTER_S = 60.0
"""A scanner that hears nothing at all for so long is started anew: scanners stop without a word."""

_log = logging.getLogger(__name__)


class Listener:
    """Opens every advert with the keys of the known devices.

    A device is known by its key, not by its address, which may change; the address only says which key to try first.
    """

    def __init__(self, intake: Intake, clock: Clock, scanner_factory: ScannerFactory) -> None:
        self._intake = intake
        self._clock = clock
        self._scanner_factory = scanner_factory
        self._openers: dict[str, AdvertOpener] = {}
        self._device_at: dict[str, str] = {}
        self._waiting: dict[str, list[asyncio.Future[BLEDevice]]] = {}
        self._heard_s = clock.monotonic()

    def follow(self, devices: Iterable[KnownDevice]) -> None:
        """Set the devices to hear; what is known of those that stay is kept."""
        self._openers = {device.id: self._openers.get(device.id) or AdvertOpener(device.key) for device in devices}
        self._device_at.clear()

    async def next_advert(self, device_id: str) -> BLEDevice:
        """Wait for the device's next advert that was never heard before; return how to connect to it."""
        future: asyncio.Future[BLEDevice] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(device_id, [])
        waiting.append(future)
        try:
            return await future
        finally:
            waiting.remove(future)

    async def run(self) -> None:
        """Scan for ever, with a new scanner whenever one fails or falls silent."""
        failures = 0
        while True:
            scanner = self._scanner_factory(self._on_advert)
            try:
                await scanner.start()
                failures = 0
                self._heard_s = self._clock.monotonic()
                while self._clock.monotonic() - self._heard_s < RESTART_AFTER_S:
                    await self._clock.sleep(1.0)
            except (BleakError, OSError, TimeoutError) as error:
                wait_s = backoff_s(failures)
                failures += 1
                _log.error("cannot scan: %s; trying again in %.1f s", _reason(error), wait_s)
                await self._clock.sleep(wait_s)
            finally:
                await _stop(scanner)

    def _on_advert(self, ble_device: BLEDevice, data: AdvertisementData) -> None:
        self._heard_s = self._clock.monotonic()
        sealed = data.manufacturer_data.get(COMPANY_ID)
        if sealed is None:
            return
        usual = self._device_at.get(ble_device.address)
        for device_id in sorted(self._openers, key=lambda device_id: device_id != usual):
            try:
                content = self._openers[device_id].open(sealed)
            except ValueError as error:
                _log.warning("device %s: %s", device_id, error)
                return
            if content is not None:
                self._device_at[ble_device.address] = device_id
                self._intake.hear(device_id, content, "advert", data.rssi)
                for future in self._waiting.get(device_id, ()):
                    if not future.done():
                        future.set_result(ble_device)
                return


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):  # the system bus is not there: bleak passes on no more than its errno
        return f"this machine's Bluetooth service does not answer ({error.strerror or type(error).__name__})"
    return str(error)


async def _stop(scanner: Scanner) -> None:
    with contextlib.suppress(BleakError, OSError, TimeoutError):
        await scanner.stop()
