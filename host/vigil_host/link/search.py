"""Whose advert it is, where the address does not say: every known device's key is tried.

What comes from strangers must not keep the bridge from what it is for: so many keys are tried in a second and no more,
a search among many devices gives way to everything else, and an address that was none of theirs waits before it is
looked at again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from vigil_host.clock import Clock

KEYS_PER_S = 2_000
"""About a twentieth of a Raspberry Pi's time."""
AT_ONCE = 100
"""With so few devices the search is over before `look` returns."""

_STRANGER_TIMES = 4  # a stranger waits so many times as long as the search for it took of the second's keys
_MOST_WAITING = 64
_MOST_STRANGERS = 4096

_T = TypeVar("_T")


class Search(Generic[_T]):
    """Searches for the one of `devices()` that `matches(device_id, advert)`.

    `dropped` counts adverts that were not looked at, because too many came from strangers.
    """

    def __init__(self, devices: Callable[[], Sequence[str]], matches: Callable[[str, _T], bool], clock: Clock) -> None:
        self._devices = devices
        self._matches = matches
        self._clock = clock
        self._waiting: OrderedDict[str, _T] = OrderedDict()
        self._strangers: OrderedDict[str, float] = OrderedDict()
        self._keys_left = float(KEYS_PER_S)
        self._filled_s = clock.monotonic()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def look(self, address: str, advert: _T) -> None:
        """Look for the sender, now or, with many devices, soon."""
        devices = self._devices()
        if len(devices) <= AT_ONCE:
            if self._may_go_on():
                self._try(devices, advert)
            else:
                self.dropped += 1
            return
        if self._clock.monotonic() < self._strangers.get(address, 0.0):
            self.dropped += 1
            return
        self._waiting[address] = advert
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
            self.dropped += 1
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    def forget_strangers(self) -> None:
        """Look at every address again: the known devices are others now."""
        self._strangers.clear()

    async def finished(self) -> None:
        """Wait until nothing is being looked for."""
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        while self._waiting:
            address, advert = self._waiting.popitem()  # the newest: under a flood the oldest never get their turn
            devices = self._devices()
            for start in range(0, len(devices), AT_ONCE):
                await self._clock.sleep(0)
                while not self._may_go_on():
                    await self._clock.sleep(0.05)
                if self._try(devices[start : start + AT_ONCE], advert):
                    break
            else:
                self._strangers[address] = self._clock.monotonic() + _STRANGER_TIMES * len(devices) / KEYS_PER_S
                if len(self._strangers) > _MOST_STRANGERS:
                    self._strangers.popitem(last=False)

    def _try(self, devices: Sequence[str], advert: _T) -> bool:
        for device_id in devices:
            self._keys_left -= 1
            if self._matches(device_id, advert):
                return True
        return False

    def _may_go_on(self) -> bool:
        now = self._clock.monotonic()
        self._keys_left = min(self._keys_left + (now - self._filled_s) * KEYS_PER_S, float(KEYS_PER_S))
        self._filled_s = now
        return self._keys_left > 0
