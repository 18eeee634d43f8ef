"""What the bridge finds about itself and its links: restarted, a wrong clock, a device that is heard and never met.

With them goes a device that is this computer and, against its configuration, not on the air, and that the answers to
messages do not get here. A device that is silent,
and a radio that hears nothing, are in `alerts.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, select

from vigil_host.clock import Clock
from vigil_host.delivery.outbox import BRIDGE_RESTARTED
from vigil_host.live import Live
from vigil_host.store import Store, StoreError, schema
from vigil_host.store.alarms import BRIDGE

ANSWERS_UNHEARD = "answers_unheard"
CLOCK_WRONG = "clock_wrong"
LINK_STALE = "link_stale"
NOT_ADVERTISING = "not_advertising"
PERIOD_S = 5.0
RESTARTED_S = 60.0
"""So long it is shown that the bridge has restarted."""
JUMP_MS = 30_000
JUMPED_S = 600.0
"""So long it is shown that the time of day has jumped."""
BEHIND_MS = 60_000
STALE_S = 900.0
UNHEARD_S = 60.0
"""So long a way back may be lost before it is shown: a server that is started anew is back sooner."""

_log = logging.getLogger(__name__)


class ClockWatch:
    """Whether the time of day can be trusted: it has not jumped, and is not before what is stored already."""

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None
        self._jumped_s: float | None = None

    def step(self, now_s: float, utc_ms: int, newest_utc_ms: int | None) -> bool:
        """Say whether it is wrong; `newest_utc_ms` is when the newest record was stored."""
        if self._last is not None:
            last_s, last_utc_ms = self._last
            if abs(utc_ms - last_utc_ms - (now_s - last_s) * 1000) > JUMP_MS:
                self._jumped_s = now_s
        self._last = (now_s, utc_ms)
        has_jumped = self._jumped_s is not None and now_s - self._jumped_s < JUMPED_S
        return has_jumped or (newest_utc_ms is not None and utc_ms < newest_utc_ms - BEHIND_MS)


class LinkWatch:
    """Which devices have been heard for long, and never met: their record does not come."""

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}

    def step(self, device_id: str, link: str, now_s: float) -> bool:
        """Say whether it is so of a device, whose `link` is as in LiveView."""
        if link != "adverts":
            self._since_s.pop(device_id, None)
            return False
        return now_s - self._since_s.setdefault(device_id, now_s) >= STALE_S


class OwnConditions:
    """Raises and clears these conditions for every known device; `changed` is awaited after that.

    `is_elsewhere`: whether another computer keeps a device's record. `is_mute`: whether a device is this computer, is
    to be heard by others, and sends no adverts. `unheard`: the ways by which answers come and are not heard now.
    """

    def __init__(
        self,
        store: Store,
        live: Live,
        clock: Clock,
        changed: Callable[[], Awaitable[None]],
        is_elsewhere: Callable[[str], bool] = lambda _device_id: False,
        is_mute: Callable[[str], bool] = lambda _device_id: False,
        unheard: Callable[[], list[str]] = list,
    ) -> None:
        self._store = store
        self._live = live
        self._clock = clock
        self._changed = changed
        self._is_elsewhere = is_elsewhere
        self._is_mute = is_mute
        self._unheard = unheard
        self._heard_s = clock.monotonic()
        self._clock_watch = ClockWatch()
        self._link_watch = LinkWatch()
        self._started_s = clock.monotonic()
        self._is_restart = store.look(_newest_utc_ms) is not None

    async def step(self) -> None:
        """Look once; raises StoreError."""
        now_s = self._clock.monotonic()
        newest_utc_ms = await asyncio.to_thread(self._store.look, _newest_utc_ms)
        is_wrong = self._clock_watch.step(now_s, self._clock.utc_ms(), newest_utc_ms)
        if not self._unheard():
            self._heard_s = now_s
        is_unheard = now_s - self._heard_s >= UNHEARD_S
        is_new = self._is_restart and now_s - self._started_s < RESTARTED_S
        active = {
            (alarm.device_id, alarm.condition)
            for alarm in await asyncio.to_thread(self._store.active_alarms)
            if alarm.source == BRIDGE
        }
        changed = False
        for view in self._live.snapshot():
            device_id = view.device_id
            is_stale = self._link_watch.step(device_id, view.link, now_s) and not self._is_elsewhere(device_id)
            for condition, is_so in (
                (BRIDGE_RESTARTED, is_new),
                (CLOCK_WRONG, is_wrong),
                (LINK_STALE, is_stale),
                (NOT_ADVERTISING, self._is_mute(device_id)),
                (ANSWERS_UNHEARD, is_unheard),
            ):
                if is_so is not ((device_id, condition) in active):
                    changed |= await self._store.on_writer(
                        self._store.set_bridge_condition, device_id, condition, "low" if is_so else None
                    )
        if changed:
            await self._changed()

    async def run(self) -> None:
        """Step every few seconds for ever."""
        while True:
            try:
                await self.step()
            except StoreError as error:
                _log.error("the bridge's own conditions cannot be stored: %s", error)
            await self._clock.sleep(PERIOD_S)


def _newest_utc_ms(connection: Connection) -> int | None:
    """When the newest record was stored, None where there is none."""
    received_utc_ms: int | None = connection.execute(
        select(schema.record.c.received_utc_ms).order_by(schema.record.c.id.desc()).limit(1)
    ).scalar()
    return received_utc_ms
