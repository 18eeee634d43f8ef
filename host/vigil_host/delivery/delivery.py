"""Tells people of alarms: decides each second, and whenever an alarm changes, and sends what is to be sent."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from vigil_host import emergency_number
from vigil_host.answers.ways import Question
from vigil_host.clock import Clock
from vigil_host.config import ConfigError
from vigil_host.delivery import outbox, people
from vigil_host.delivery.outbox import Message, Pending, Scene
from vigil_host.delivery.people import People
from vigil_host.delivery.services import ServiceError, Services, name_of, refused
from vigil_host.delivery.steady import SteadyTime
from vigil_host.events import Events, Subscription
from vigil_host.store import Store, StoreError

PERIOD_S = 1.0
PEOPLE_PERIOD_S = 2.0
CLOSE_S = 3.0
"""What is on its way when the bridge ends has so long to be taken, and is noted then: it would be sent twice."""

_log = logging.getLogger(__name__)


class Delivery:
    """What the bridge tells, to whom. `run` does the work.

    `changed` is awaited when this has changed an alarm. `problems` says what is wrong with the people file, one line
    each: it is then used as it was before or, at the start, as far as it can be. `ask` makes the message of an alarm
    one that can be answered, at an address; None: none can.
    """

    def __init__(
        self,
        store: Store,
        events: Events,
        clock: Clock,
        people_path: Path,
        changed: Callable[[], Awaitable[None]],
        services: Services | None = None,
    ) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._people_path = people_path
        self._changed = changed
        self._services = services or Services()
        self._steady = SteadyTime(clock, store.look(outbox.newest_written_ms))
        self._stamp: object = None
        self._looked_s = -PEOPLE_PERIOD_S
        self._sending: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._emergency_number: str | None = None
        self._number_problem = ""
        self.people = People()
        self.ask: Callable[[Pending, str], Question] | None = None
        self.problems: list[str] = []

    async def is_failing(self) -> bool:
        """Whether nobody could be reached when it mattered last."""
        active = await asyncio.to_thread(self._store.active_alarms)
        return any(alarm.condition == outbox.DELIVERY_FAILING for alarm in active)

    async def snooze(self, wearer: str, condition: str, seconds: int, person: str) -> None:
        """Tell nobody of this condition of this wearer for so long; raises SnoozeError."""
        now_ms, now_utc_ms = self._steady.now_ms(), self._clock.utc_ms()
        await self._store.on_writer(
            self._store.transact, outbox.snooze, wearer, condition, seconds, person, now_ms, now_utc_ms
        )

    async def end_snooze(self, wearer: str, condition: str) -> bool:
        """Tell of this condition again; says whether it was snoozed."""
        return await self._store.on_writer(
            self._store.transact, outbox.end_snooze, wearer, condition, self._steady.now_ms()
        )

    async def newest_messages(self, limit: int, alarm_id: int | None = None) -> list[Message]:
        """Return the newest messages, of one alarm or of all, newest first, with what became of each."""
        return await asyncio.to_thread(self._store.look, outbox.newest_messages, limit, alarm_id)

    async def step(self) -> None:
        """Decide what is to be told now, and begin to send it; raises StoreError."""
        await self._read_people()
        now_utc_ms = self._clock.utc_ms()
        at = datetime.fromtimestamp(now_utc_ms / 1000)
        scene = Scene(
            self.people,
            self._steady.now_ms(),
            now_utc_ms,
            at.hour * 60 + at.minute,
            bool(self.problems) and not self.people.persons,
            self._emergency_number,
        )
        if await self._store.on_writer(self._store.transact, outbox.decide, scene):
            await self._changed()
        for entry in await asyncio.to_thread(self._store.look, outbox.pending, scene.now_ms):
            await self._begin(entry)

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        while self._sending:
            await asyncio.wait(self._sending.values())

    async def run(self) -> None:
        """Step for ever; ends only by cancellation."""
        changes = self._events.subscribe()
        listening = asyncio.create_task(self._listen(changes))
        try:
            while True:
                self._wake.clear()
                try:
                    await self.step()
                except StoreError as error:
                    _log.error("who is to be told cannot be stored: %s", error)
                    await self._clock.sleep(PERIOD_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD_S):
                        await self._wake.wait()
        finally:
            changes.close()
            listening.cancel()
            if self._sending:
                await asyncio.wait(self._sending.values(), timeout=CLOSE_S)

    async def _listen(self, changes: Subscription) -> None:
        async for kind in changes:
            if kind == "alarms":
                self._wake.set()

    async def _read_people(self) -> None:
        """Read the people file again where it has changed."""
        if self._clock.monotonic() - self._looked_s < PEOPLE_PERIOD_S:
            return
        self._looked_s = self._clock.monotonic()
        await self._read_emergency_number()
        try:
            status = self._people_path.stat()
            stamp: object = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError as error:
            stamp = type(error)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        found, problems = await asyncio.to_thread(people.read, self._people_path, refused)
        for problem in problems:
            _log.error("%s", problem)
        self.problems = problems
        if not problems or not self.people.persons:
            self.people = found

    async def _read_emergency_number(self) -> None:
        try:
            self._emergency_number = await asyncio.to_thread(emergency_number.read, self._people_path.parent)
        except ConfigError as error:
            if str(error) != self._number_problem:
                _log.error("%s", error)
            self._number_problem = str(error)

    async def _begin(self, entry: Pending) -> None:
        """Send one message in the background, unless it or another to the same address is on its way."""
        key = (entry.message_id, entry.service)
        person = self.people.get(entry.person)
        url = next((url for url in person.urls if name_of(url) == entry.service), None) if person else None
        if url is None:
            if key not in self._sending:
                await self._store.on_writer(
                    self._store.transact, outbox.leave, entry, "this address is no longer among the people's"
                )
        elif key not in self._sending and not self._services.is_busy(url):
            task = self._sending[key] = asyncio.create_task(self._send(entry, url))
            task.add_done_callback(lambda _task: self._sending.pop(key))
            await asyncio.sleep(0)  # it marks its address as busy

    def _question(self, entry: Pending, url: str) -> Question:
        """The message as it is sent: that of an alarm can be answered."""
        if self.ask is None or entry.kind != outbox.ALARM:
            return Question(entry.body)
        try:
            return self.ask(entry, url)
        except Exception:  # whatever is wrong with the way back, the message goes out
            _log.exception("message %d goes out without a way to answer it", entry.message_id)
            return Question(entry.body)

    async def _send(self, entry: Pending, url: str) -> None:
        try:
            try:
                question = self._question(entry, url)
                if question.to_programs:
                    await self._services.send(question.to_programs[0], "", question.to_programs[1], entry.priority)
                await self._services.send(url, entry.title, question.body, entry.priority, question.actions)
            except ServiceError as error:
                _log.warning("message %d not taken by %s: %s", entry.message_id, entry.service, error)
                now_ms = self._steady.now_ms()
                await self._store.on_writer(self._store.transact, outbox.mark_failed, entry, str(error), now_ms)
            else:
                now_utc_ms = self._clock.utc_ms()
                if await self._store.on_writer(self._store.transact, outbox.mark_sent, entry, now_utc_ms):
                    await self._changed()
        except StoreError as error:
            _log.error("what became of message %d cannot be stored: %s", entry.message_id, error)
            await self._clock.sleep(PERIOD_S)  # it is still pending, and would be sent again at once
        self._wake.set()
