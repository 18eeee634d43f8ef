"""Hears the adverts of known devices, from all those in the air, and knows by which way to connect."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.link.adapter import ScannerFactory, room_of
from vigil_host.link.intake import Intake
from vigil_host.link.scanning import keep_scanning
from vigil_wire.advert import COMPANY_ID, AdvertOpener

WAY_LASTS_S = 10.0
"""A radio that has not heard a device for so long is no way to it."""
OWN_RADIO_DB = 10
"""This bridge's own radio is preferred to a room that hears the device stronger by no more than this."""
TAKEN_S = 60.0
"""A way that was taken less than this ago did not last: it is taken again only where there is no other."""
SETTLE_S = 1.0
"""Before a room's way is taken, this bridge's own radio gets so long to hear the device too."""

_MOST_ADDRESSES = 1000

_log = logging.getLogger(__name__)


@dataclass
class _Way:
    """How one radio, this bridge's or a room's, reaches a device."""

    ble_device: BLEDevice
    rssi_dbm: int
    heard_s: float
    taken_s: float | None = None


class Listener:
    """Opens every advert with the keys of the known devices.

    A device is known by its key, not by its address, which may change; the address only says which key to try first.
    What room bridges hear is taken in like what this machine's own radio hears, and counts once.
    """

    def __init__(self, intake: Intake, clock: Clock, scanner_factory: ScannerFactory) -> None:
        self._intake = intake
        self._clock = clock
        self._scanner_factory = scanner_factory
        self._openers: dict[str, AdvertOpener] = {}
        self._newest: dict[str, bytes] = {}
        self._device_at: dict[str, str] = {}
        self._ways: dict[str, dict[str | None, _Way]] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}

    def follow(self, devices: Iterable[KnownDevice]) -> None:
        """Set the devices to hear; what is known of those that stay is kept."""
        self._openers = {device.id: self._openers.get(device.id) or AdvertOpener(device.key) for device in devices}
        self._newest = {device_id: data for device_id, data in self._newest.items() if device_id in self._openers}
        self._ways = {device_id: ways for device_id, ways in self._ways.items() if device_id in self._openers}
        self._device_at.clear()

    async def next_advert(self, device_id: str) -> BLEDevice:
        """Wait for the device's next advert that was never heard before; return how best to connect to it.

        That is by this bridge's own radio, unless a room hears the device stronger by more than OWN_RADIO_DB.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(device_id, [])
        waiting.append(future)
        try:
            await future
        finally:
            waiting.remove(future)
        if room_of(self._best_way(device_id, to_take=True).ble_device):
            await self._clock.sleep(SETTLE_S)
        way = self._best_way(device_id, to_take=True)
        way.taken_s = self._clock.monotonic()
        return way.ble_device

    async def run(self) -> None:
        """Scan for ever."""
        await keep_scanning(self._scanner_factory, self._on_advert, self._clock)

    def hear(self, ble_device: BLEDevice, sealed: bytes, rssi_dbm: int) -> None:
        """Take in the manufacturer data of an advert, which this machine or a room bridge has just heard."""
        usual = self._device_at.get(ble_device.address)
        for device_id in sorted(self._openers, key=lambda device_id: device_id != usual):
            if sealed == self._newest.get(device_id):
                self._note_way(device_id, ble_device, rssi_dbm)
                return
            try:
                content = self._openers[device_id].open(sealed)
            except ValueError as error:
                _log.warning("device %s: %s", device_id, error)
                return
            if content is not None:
                self._newest[device_id] = sealed
                if len(self._device_at) >= _MOST_ADDRESSES:
                    self._device_at.clear()
                self._device_at[ble_device.address] = device_id
                self._note_way(device_id, ble_device, rssi_dbm)
                best = room_of(self._best_way(device_id).ble_device)
                self._intake.hear(device_id, content, "advert", rssi_dbm, room=best)
                for future in self._waiting.get(device_id, ()):
                    if not future.done():
                        future.set_result(None)
                return

    def _on_advert(self, ble_device: BLEDevice, data: AdvertisementData) -> None:
        sealed = data.manufacturer_data.get(COMPANY_ID)
        if sealed is not None:
            self.hear(ble_device, bytes(sealed), data.rssi)

    def _note_way(self, device_id: str, ble_device: BLEDevice, rssi_dbm: int) -> None:
        room = room_of(ble_device)
        whose = room.id if room else None
        ways = self._ways.setdefault(device_id, {})
        before = ways.get(whose)
        taken_s = before.taken_s if before else None
        ways[whose] = _Way(ble_device, rssi_dbm, self._clock.monotonic(), taken_s)

    def _best_way(self, device_id: str, to_take: bool = False) -> _Way:
        """The radio that hears the device best; `to_take`: for a link, so not one that has just not lasted."""
        now = self._clock.monotonic()

        def rank(way: _Way) -> tuple[bool, bool, int]:
            is_heard = now - way.heard_s < WAY_LASTS_S
            is_fresh = not to_take or way.taken_s is None or now - way.taken_s >= TAKEN_S
            return is_heard, is_fresh, way.rssi_dbm + (0 if room_of(way.ble_device) else OWN_RADIO_DB)

        return max(self._ways[device_id].values(), key=rank)
