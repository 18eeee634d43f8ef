"""By which radio to connect with a device: this bridge's own, or that of a room bridge that hears it better."""

from dataclasses import dataclass

from bleak.backends.device import BLEDevice

from vigil_host.clock import Clock
from vigil_host.link.adapter import HERE, room_of

WAY_LASTS_S = 10.0
"""A radio that has not heard a device for so long is no way to it."""
OWN_RADIO_DB = 10
"""This bridge's own radio is preferred to a room that hears the device stronger by no more than this."""
TAKEN_S = 60.0
"""A way that was taken less than this ago did not last: it is taken again only where there is no other."""


@dataclass
class _Way:
    """How one radio reaches a device."""

    ble_device: BLEDevice
    rssi_dbm: int
    heard_s: float
    taken_s: float | None = None


class Ways:
    """The radios that hear one device."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ways: dict[str | None, _Way] = {}
        self._is_here = False

    def note(self, ble_device: BLEDevice, rssi_dbm: int) -> None:
        """Note that a radio has just heard the device; where it is this very computer, no radio is a way to it."""
        if self._is_here and ble_device.details is not HERE:
            return
        self._is_here = ble_device.details is HERE
        room = room_of(ble_device)
        whose = room.id if room else None
        before = self._ways.get(whose)
        taken_s = before.taken_s if before else None
        self._ways[whose] = _Way(ble_device, rssi_dbm, self._clock.monotonic(), taken_s)

    def best(self) -> BLEDevice:
        """Return the device as the radio has it that hears it best; some radio must have heard it."""
        return max(self._ways.values(), key=self._strength).ble_device

    def to_take(self) -> BLEDevice:
        """Return how best to connect, as it looks now: not by a way that has just not lasted."""
        return self._to_take().ble_device

    def take(self) -> BLEDevice:
        """Return how best to connect, and note that it is done so."""
        way = self._to_take()
        way.taken_s = self._clock.monotonic()
        return way.ble_device

    def _to_take(self) -> _Way:
        now = self._clock.monotonic()

        def rank(way: _Way) -> tuple[bool, bool, int]:
            is_heard, rssi_dbm = self._strength(way)
            return is_heard, way.taken_s is None or now - way.taken_s >= TAKEN_S, rssi_dbm

        return max(self._ways.values(), key=rank)

    def _strength(self, way: _Way) -> tuple[bool, int]:
        is_heard = self._clock.monotonic() - way.heard_s < WAY_LASTS_S
        return is_heard, way.rssi_dbm + (0 if room_of(way.ble_device) else OWN_RADIO_DB)
