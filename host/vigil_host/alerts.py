"""The alarms of the home: what the devices tell, and the bridge's own conditions.

These are that a device has gone silent, that the bridge's radio hears nothing at all, so that the silence of a device
may be the radio's, and what a device ought to have told by its own readings (`vigil_host.recheck`).

The rows are in the store, so a restart finds every alarm as it was. This class decides when to look at them again: a
condition that is heard of is raised at once, and the record that follows completes the same row.
"""

import asyncio
import logging
from functools import reduce
from operator import or_

from vigil_firmware.alarms import SOUND_AGAIN_MS
from vigil_host.clock import Clock
from vigil_host.events import Events
from vigil_host.live import Live, Source
from vigil_host.recheck import Recheck
from vigil_host.store import Alarm, LiveBits, Store, StoreError
from vigil_host.store.alarms import BRIDGE, DEVICE
from vigil_wire import conditions
from vigil_wire.advert import Content

DEVICE_SILENT = "device_silent"
RADIO_DEAF = "radio_deaf"
PERIOD_S = 1.0
HIGH = conditions.PRIORITY_NAMES[conditions.HIGH]
AGREEING_ADVERTS = 3
"""One advert raises a condition; so many in a row without it clear it, or one word over the record link."""

_EVERY_BIT = (1 << conditions.ADVERT_BITS) - 1
_TOLD_BY_ADVERT = conditions.NAMES[: conditions.ADVERT_BITS]

_log = logging.getLogger(__name__)


class Alerts:
    """Raises and clears alarms. `run` does the work; `hear` and `active` return at once."""

    def __init__(self, store: Store, live: Live, events: Events, clock: Clock, recheck: Recheck | None = None) -> None:
        """`recheck` None: the devices are believed to raise all that they should."""
        self._recheck = recheck
        self._rechecked_s = clock.monotonic()
        self._store = store
        self._live = live
        self._events = events
        self._clock = clock
        self._active: list[Alarm] = store.active_alarms()
        self._heard: dict[str, LiveBits] = {}
        self._adverts: dict[str, list[int]] = {}  # alarm bits of each device's last adverts, newest last
        self._watched: set[str] = set()
        self._is_deaf = False
        self._wake = asyncio.Event()

    def active(self) -> list[Alarm]:
        """Return the alarms that are active now, in the order they were noticed."""
        return self._active

    def since(self, utc_ms: int) -> list[Alarm]:
        """Return the alarms that are active or were so at or after `utc_ms`; reads the database."""
        return self._store.alarms_since(utc_ms)

    def heard(self, device_id: str) -> LiveBits | None:
        """Return the newest alarm bits heard of a device, None before the first."""
        return self._heard.get(device_id)

    def hear(self, device_id: str, content: Content, source: Source, is_confirmed: bool = True) -> None:
        """Take in the alarm bits of what a device has just said; what is not confirmed only raises."""
        if self._recheck and is_confirmed:
            self._recheck.hear(device_id, content)
        lingering = self._lingering(device_id, content.alarm_bits, source) if is_confirmed else _EVERY_BIT
        self._heard[device_id] = LiveBits(content.alarm_bits, content.newest_sequence_low, lingering)
        if self._differs(device_id) or self._is_active(device_id, DEVICE_SILENT):
            self._wake.set()

    def watch(self, device_ids: set[str]) -> None:
        """Say which devices ought to be heard."""
        self._watched = set(device_ids)

    def set_deaf(self, is_deaf: bool) -> None:
        """Say whether this machine's radio hears nothing at all."""
        self._is_deaf = is_deaf
        self._wake.set()

    async def acknowledge(self, alarm_id: int, by: str) -> Alarm | None:
        """Note that a person acknowledges an alarm; None where it is over or acknowledged already."""
        alarm = next((each for each in self._active if each.id == alarm_id), None)
        if alarm is None or not await self._store.on_writer(self._store.acknowledge_alarm, alarm_id, by):
            return None
        if self._recheck:
            self._recheck.acknowledge(alarm.device_id, alarm.condition)
        await self.refresh()
        return alarm

    async def refresh(self) -> None:
        """Read the active alarms again, after something has changed them."""
        self._active = await self._store.on_writer(self._store.active_alarms)
        self._events.publish("alarms")

    async def step(self) -> None:
        """Bring the alarms in line with what was heard, and with what was not."""
        changed = False
        for device_id, bits in list(self._heard.items()):
            if self._differs(device_id):
                changed |= await self._store.on_writer(self._store.apply_live_alarms, device_id, bits)
        silent = {device_id for device_id in self._watched if self._live.is_silent(device_id)}
        changed |= await self._set_own(DEVICE_SILENT, silent)
        changed |= await self._set_own(RADIO_DEAF, silent if self._is_deaf else set())  # a link or a room may hear it
        changed |= await self._step_recheck()
        changed |= await self._end_old_acknowledgements()
        if changed:
            await self.refresh()

    async def run(self) -> None:
        """Step whenever something was heard that matters, and every second; ends only by cancellation."""
        while True:
            try:
                await self.step()
            except StoreError as error:
                _log.error("alarms cannot be stored: %s", error)
                await self._clock.sleep(PERIOD_S)
            try:
                async with asyncio.timeout(PERIOD_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def _step_recheck(self) -> bool:
        """Raise what devices ought to have told; whether anything changed."""
        now_s = self._clock.monotonic()
        if self._recheck is None or now_s - self._rechecked_s < PERIOD_S:
            return False
        self._rechecked_s = now_s
        self._recheck.step()
        changed = False
        mine = {(alarm.device_id, alarm.condition): alarm for alarm in self._active if alarm.source == BRIDGE}
        for device_id in self._watched:
            missed = self._recheck.missed(device_id)
            told = {condition for device, condition in mine if device == device_id and condition in conditions.NAMES}
            for condition in missed.keys() - told:
                _log.error("%s: its readings are in alarm (%s), and it does not say so", device_id, condition)
            for condition in missed.keys() ^ told:
                changed |= await self._store.on_writer(
                    self._store.set_bridge_condition, device_id, condition, missed.get(condition)
                )
        for device_id, condition in self._recheck.sounding_again():
            for alarm in self._active:
                if (alarm.device_id, alarm.condition) == (device_id, condition) and alarm.acknowledged_by:
                    await self._store.on_writer(self._store.unacknowledge_alarm, alarm.id)
                    changed = True
        return changed

    async def _end_old_acknowledgements(self) -> bool:
        """One of high priority must be acknowledged again after five minutes; whether there was one."""
        now_utc_ms = self._clock.utc_ms()
        changed = False
        for alarm in self._active:
            if alarm.priority == HIGH and alarm.acknowledged_utc_ms is not None:
                age_ms = now_utc_ms - alarm.acknowledged_utc_ms
                if not 0 <= age_ms < SOUND_AGAIN_MS:  # a clock that was set back makes it old too
                    await self._store.on_writer(self._store.unacknowledge_alarm, alarm.id)
                    changed = True
        return changed

    async def _set_own(self, condition: str, wanted: set[str]) -> bool:
        """Have one of the bridge's own conditions active for these devices and no others; says whether any changed."""
        changed = False
        active = {alarm.device_id for alarm in self._active if alarm.condition == condition}
        for device_id in wanted ^ active:
            is_in_alarm = any(alarm.device_id == device_id and alarm.source == DEVICE for alarm in self._active)
            priority = conditions.PRIORITY_NAMES[conditions.HIGH if is_in_alarm else conditions.MEDIUM]
            changed |= await self._store.on_writer(
                self._store.set_bridge_condition, device_id, condition, priority if device_id in wanted else None
            )
        return changed

    def _differs(self, device_id: str) -> bool:
        """Whether what was heard of a device raises or clears anything."""
        active = {
            alarm.condition
            for alarm in self._active
            if alarm.device_id == device_id and alarm.source == DEVICE and alarm.condition in _TOLD_BY_ADVERT
        }
        heard = self._heard[device_id]
        return (
            not set(conditions.names_of(heard.bits)) <= active <= set(conditions.names_of(heard.bits | heard.lingering))
        )

    def _lingering(self, device_id: str, bits: int, source: Source) -> int:
        """Which conditions may not be cleared by what was heard last, `bits`."""
        adverts = self._adverts.setdefault(device_id, [])
        adverts.append(bits)
        if source == "link":
            adverts[:] = [bits] * AGREEING_ADVERTS
        del adverts[:-AGREEING_ADVERTS]
        return reduce(or_, adverts) if len(adverts) == AGREEING_ADVERTS else _EVERY_BIT

    def _is_active(self, device_id: str, condition: str) -> bool:
        return any(alarm.device_id == device_id and alarm.condition == condition for alarm in self._active)
