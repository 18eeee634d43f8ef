"""Hears the adverts of known devices, from all those in the air, and knows by which way to connect."""

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vigil_host.clock import Clock
from vigil_host.devices import KnownDevice
from vigil_host.link.adapter import ScannerFactory, room_of
from vigil_host.link.hearing import Heard, Hearing
from vigil_host.link.intake import Intake
from vigil_host.link.marks import AHEAD, Marks
from vigil_host.link.scanning import keep_scanning
from vigil_host.link.search import Search
from vigil_host.link.ways import Ways
from vigil_wire.advert import COMPANY_ID

SETTLE_S = 1.0
"""Before a room's way is taken, this bridge's own radio gets so long to hear the device too."""
LOST_AFTER_S = 60.0
"""A device not heard for so long is connected with by any advert it made: its record link puts the counter right."""

_MOST_ADDRESSES = 1000

_log = logging.getLogger(__name__)


class _Advert(NamedTuple):
    """One advert as a radio gave it: from whom, its manufacturer data, and how strong."""

    ble_device: BLEDevice
    sealed: bytes
    rssi_dbm: int


class _Followed:
    """What is known of one device."""

    def __init__(self, key: bytes, mark: int | None, clock: Clock) -> None:
        self.key = key
        self.hearing = Hearing(key, mark)
        self.ways = Ways(clock)
        self.newest = b""
        self.heard_s = clock.monotonic()
        self.waiting: list[asyncio.Future[None]] = []


class Listener:
    """Opens every advert with the keys of the known devices.

    A device is known by its key, not by its address, which may change; the address only says which key to try first.
    What room bridges hear is taken in like what this machine's own radio hears, and counts once. `marks` keeps how far
    each device was heard; without it, that is forgotten at the end. `restart_s` is as in `keep_scanning`.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        scanner_factory: ScannerFactory,
        marks: Marks | None = None,
        restart_s: float | None = None,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._scanner_factory = scanner_factory
        self._marks = marks
        self._restart_s = restart_s
        self._marking: asyncio.Task[None] | None = None
        self._followed: dict[str, _Followed] = {}
        self._ids: list[str] = []
        self._device_at: dict[str, str] = {}
        self._search = Search(lambda: self._ids, self._is_from, clock)

    def follow(self, devices: Iterable[KnownDevice]) -> None:
        """Set the devices to hear; what is known of those that stay is kept."""
        before = self._followed
        self._followed = {
            device.id: self._kept(before.get(device.id), device.key) or self._new(device) for device in devices
        }
        self._ids = list(self._followed)
        self._device_at.clear()
        self._search.forget_strangers()

    async def next_advert(self, device_id: str) -> BLEDevice:
        """Wait for the device's next advert that was never heard before; return how best to connect to it.

        That is by this bridge's own radio, unless a room hears the device clearly stronger. Of a device that was not
        heard for long, any advert that it ever made will do.
        """
        followed = self._followed[device_id]
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        followed.waiting.append(future)
        try:
            await future
        finally:
            followed.waiting.remove(future)
        if room_of(followed.ways.to_take()):
            await self._clock.sleep(SETTLE_S)
        return followed.ways.take()

    async def run(self) -> None:
        """Scan for ever; at the end, put on disk how far each device was heard."""
        try:
            await keep_scanning(
                self._scanner_factory, self._on_advert, self._clock, self._restart_s, self._intake.set_deaf
            )
        finally:
            if self._marking is not None:
                await asyncio.wait((self._marking,))
            if self._marks:
                self._write_marks(self._marks, self._highest(), ahead=0)

    def hear(self, ble_device: BLEDevice, sealed: bytes, rssi_dbm: int) -> None:
        """Take in the manufacturer data of an advert, which this machine or a room bridge has just heard."""
        advert = _Advert(ble_device, sealed, rssi_dbm)
        usual = self._device_at.get(ble_device.address)
        if usual is None or not self._is_from(usual, advert):
            self._search.look(ble_device.address, advert)

    def confirm(self, device_id: str, counter: int) -> None:
        """Take in the counter of a device's next advert, told over its record link."""
        if device_id not in self._followed:
            return
        hearing = self._followed[device_id].hearing
        if hearing.mark is not None and counter <= hearing.mark:
            _log.warning(
                "device %s has lost its advert counter: what was recorded of its adverts could be played back; "
                "give it another key: vigil devices rotate %s",
                device_id,
                device_id,
            )
        hearing.confirm(counter)

    async def searched(self) -> None:
        """Wait until it is known, of every advert heard so far, whose it is."""
        await self._search.finished()

    def _on_advert(self, ble_device: BLEDevice, data: AdvertisementData) -> None:
        sealed = data.manufacturer_data.get(COMPANY_ID)
        if sealed is not None:
            self.hear(ble_device, bytes(sealed), data.rssi)

    def _kept(self, followed: _Followed | None, key: bytes) -> _Followed | None:
        return followed if followed is not None and followed.key == key else None

    def _new(self, device: KnownDevice) -> _Followed:
        return _Followed(device.key, self._marks.of(device.id) if self._marks else None, self._clock)

    def _is_from(self, device_id: str, advert: _Advert) -> bool:
        """Whether the advert is this device's and nothing is left to do about it; takes it in if it is new."""
        followed = self._followed.get(device_id)
        if followed is None:
            return False
        if advert.sealed == followed.newest:  # heard by another radio too
            followed.ways.note(advert.ble_device, advert.rssi_dbm)
            return True
        try:
            heard = followed.hearing.take(advert.sealed)
        except ValueError as error:
            _log.warning("device %s: %s", device_id, error)
            return True
        if heard is not None:
            followed.newest = advert.sealed
            self._take(device_id, followed, advert, heard)
        elif not self._is_lost(followed) or not followed.hearing.is_ours(advert.sealed):
            return False
        followed.ways.note(advert.ble_device, advert.rssi_dbm)
        for future in followed.waiting:
            if not future.done():
                future.set_result(None)
        return True

    def _take(self, device_id: str, followed: _Followed, advert: _Advert, heard: Heard) -> None:
        if len(self._device_at) >= _MOST_ADDRESSES + 2 * len(self._ids):
            self._device_at.clear()
        self._device_at[advert.ble_device.address] = device_id
        if not heard.is_confirmed:
            self._intake.hear_unconfirmed(device_id, heard.content)
            return
        followed.heard_s = self._clock.monotonic()
        followed.ways.note(advert.ble_device, advert.rssi_dbm)
        best = room_of(followed.ways.best())
        self._intake.hear(device_id, heard.content, "advert", advert.rssi_dbm, room=best)
        if followed.hearing.mark is not None and self._marks and self._marks.is_due(device_id, followed.hearing.mark):
            self._mark()

    def _is_lost(self, followed: _Followed) -> bool:
        return bool(followed.waiting) and self._clock.monotonic() - followed.heard_s >= LOST_AFTER_S

    def _mark(self) -> None:
        if self._marks and (self._marking is None or self._marking.done()):
            write = asyncio.to_thread(self._write_marks, self._marks, self._highest(), AHEAD)
            self._marking = asyncio.get_running_loop().create_task(write)

    def _highest(self) -> dict[str, int]:
        marks = {device_id: followed.hearing.mark for device_id, followed in self._followed.items()}
        return {device_id: mark for device_id, mark in marks.items() if mark is not None}

    def _write_marks(self, marks: Marks, highest: dict[str, int], ahead: int) -> None:
        try:
            marks.write(highest, ahead)
        except OSError as error:
            _log.error("%s cannot be written: %s", marks.path, error.strerror)
