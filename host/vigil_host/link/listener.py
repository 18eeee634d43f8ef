"""Hears the adverts of known devices, from all those in the air, and knows by which way to connect."""

import asyncio
import logging
from collections.abc import Callable, Iterable
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
    """What is known of one device, and one hearing for each key it may have: they have the mark in common."""

    def __init__(self, keys: tuple[bytes, ...], mark: int | None, clock: Clock) -> None:
        self.key = keys[0]  # of the advert that was heard last
        self.hearings = {key: Hearing(key, mark) for key in keys}
        self.ways = Ways(clock)
        self.newest = b""
        self.heard_s = clock.monotonic()
        self.waiting: list[asyncio.Future[None]] = []

    @property
    def mark(self) -> int | None:
        return next(iter(self.hearings.values())).mark

    def confirm(self, counter: int) -> None:
        """Take in the counter of the device's next advert: it goes on with another key."""
        for hearing in self.hearings.values():
            hearing.confirm(counter)

    def follow(self, keys: tuple[bytes, ...]) -> "_Followed":
        """Hear these keys from now on, and no others."""
        mark = self.mark
        self.hearings = {key: self.hearings.get(key) or Hearing(key, mark) for key in keys}
        if self.key not in self.hearings:
            self.key = keys[0]
        return self


class Listener:
    """Opens every advert with the keys of the known devices.

    A device is known by its key, not by its address, which may change; the address only says which key to try first.
    What room bridges hear is taken in like what this machine's own radio hears, and counts once. `marks` keeps how far
    each device was heard; without it, that is forgotten at the end. `restart_s` is as in `keep_scanning`. `has_key` is
    told id and key of a device that was heard, beyond doubt, under its next key.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        scanner_factory: ScannerFactory,
        marks: Marks | None = None,
        restart_s: float | None = None,
        has_key: Callable[[str, bytes], None] = lambda _device_id, _key: None,
    ) -> None:
        self._intake = intake
        self._clock = clock
        self._scanner_factory = scanner_factory
        self._marks = marks
        self._restart_s = restart_s
        self._has_key = has_key
        self._marking: asyncio.Task[None] | None = None
        self._followed: dict[str, _Followed] = {}
        self._ids: list[str] = []
        self._device_at: dict[str, str] = {}
        self._search = Search(lambda: self._ids, self._is_from, clock)

    def follow(self, devices: Iterable[KnownDevice]) -> None:
        """Set the devices to hear; what is known of those that stay is kept."""
        before = self._followed
        self._followed = {
            device.id: before[device.id].follow(device.possible_keys) if device.id in before else self._new(device)
            for device in devices
        }
        self._ids = list(self._followed)
        self._device_at.clear()
        self._search.forget_strangers()

    def key_of(self, device_id: str) -> bytes:
        """Return the key of the device's advert that was heard last, of those it may have."""
        return self._followed[device_id].key

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
                self._scanner_factory, self.take_advert, self._clock, self._restart_s, self._intake.set_deaf
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
        followed = self._followed[device_id]
        if followed.mark is not None and counter <= followed.mark:
            _log.warning(
                "device %s has lost its advert counter: what was recorded of its adverts could be played back; "
                "give it another key: vigil devices rotate %s",
                device_id,
                device_id,
            )
        followed.confirm(counter)

    async def searched(self) -> None:
        """Wait until it is known, of every advert heard so far, whose it is."""
        await self._search.finished()

    def take_advert(self, ble_device: BLEDevice, data: AdvertisementData) -> None:
        """Take in an advert as a scanner gives it, whose ever it is."""
        sealed = data.manufacturer_data.get(COMPANY_ID)
        if sealed is not None:
            self.hear(ble_device, bytes(sealed), data.rssi)

    def _new(self, device: KnownDevice) -> _Followed:
        return _Followed(device.possible_keys, self._marks.of(device.id) if self._marks else None, self._clock)

    def _is_from(self, device_id: str, advert: _Advert) -> bool:
        """Whether the advert is this device's and nothing is left to do about it; takes it in if it is new."""
        followed = self._followed.get(device_id)
        if followed is None:
            return False
        if advert.sealed == followed.newest:  # heard by another radio too
            followed.ways.note(advert.ble_device, advert.rssi_dbm)
            return True
        for key, hearing in followed.hearings.items():
            try:
                heard = hearing.take(advert.sealed)
            except ValueError as error:
                _log.warning("device %s: %s", device_id, error)
                return True
            if heard is not None:
                followed.newest = advert.sealed
                followed.key = key
                self._take(device_id, followed, advert, heard)
                break
            if self._is_lost(followed) and hearing.is_ours(advert.sealed):
                followed.key = key
                break
        else:
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
        mark = followed.hearings[followed.key].mark
        assert mark is not None  # it is that of this advert
        if len(followed.hearings) > 1:
            followed.confirm(mark + 1)
            if followed.key == [*followed.hearings][-1]:
                self._has_key(device_id, followed.key)
        followed.ways.note(advert.ble_device, advert.rssi_dbm)
        best = room_of(followed.ways.best())
        self._intake.hear(device_id, heard.content, "advert", advert.rssi_dbm, room=best)
        if self._marks and self._marks.is_due(device_id, mark):
            self._mark()

    def _is_lost(self, followed: _Followed) -> bool:
        return bool(followed.waiting) and self._clock.monotonic() - followed.heard_s >= LOST_AFTER_S

    def _mark(self) -> None:
        if self._marks and (self._marking is None or self._marking.done()):
            write = asyncio.to_thread(self._write_marks, self._marks, self._highest(), AHEAD)
            self._marking = asyncio.get_running_loop().create_task(write)

    def _highest(self) -> dict[str, int]:
        marks = {device_id: followed.mark for device_id, followed in self._followed.items()}
        return {device_id: mark for device_id, mark in marks.items() if mark is not None}

    def _write_marks(self, marks: Marks, highest: dict[str, int], ahead: int) -> None:
        try:
            marks.write(highest, ahead)
        except OSError as error:
            _log.error("%s cannot be written: %s", marks.path, error.strerror)
