"""Takes answers, from whichever way they come, and hears the ways that the people's addresses have."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from vigil_host.answers import asked, drills
from vigil_host.answers.asked import Asked
from vigil_host.answers.mqtt import MqttListener
from vigil_host.answers.ntfy import NtfyListener
from vigil_host.answers.tokens import DRILL, MESSAGE, Token
from vigil_host.answers.ways import Asking, MqttWay, NtfyWay, Question
from vigil_host.clock import Clock
from vigil_host.delivery.outbox import Pending
from vigil_host.delivery.people import People
from vigil_host.store import Store, StoreError

PERIOD_S = 2.0
RETRY_S = 1.0

UNKNOWN = "unknown"
EXPIRED = "expired"
DRILLED = "drilled"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What an answer did or, where it is only looked at, would do.

    `state` is UNKNOWN, EXPIRED, DRILLED or one of `asked`'s; `is_done`: this very answer has acknowledged. `asked` is
    the message it answers, where there is one.
    """

    state: str
    is_done: bool = False
    asked: Asked | None = None


class Answers:
    """The answers of one home. `acknowledge` acknowledges an alarm, by its id, in the name of a person, from afar.

    `people` are those whose addresses are heard. `drills_path`: where answers to drills are noted.
    """

    def __init__(
        self,
        store: Store,
        asking: Asking,
        clock: Clock,
        acknowledge: Callable[[int, str], Awaitable[bool]],
        people: Callable[[], People],
        drills_path: Path,
    ) -> None:
        self._store = store
        self._asking = asking
        self._clock = clock
        self._acknowledge = acknowledge
        self._people = people
        self._drills_path = drills_path
        self._listeners: dict[NtfyWay | MqttWay, tuple[NtfyListener | MqttListener, asyncio.Task[None]]] = {}
        self.public_url = asking.public_url
        self.refused = 0

    def question(self, entry: Pending, url: str) -> Question:
        """Make the message of an alarm one that this person can answer."""
        token = self._asking.tokens.make(Token(MESSAGE, entry.message_id, entry.decided_utc_ms // 1000))
        return self._asking.question(url, entry.title, entry.body, entry.priority, token)

    async def look(self, text: str) -> Answer:
        """Return what an answer would do; changes nothing. Raises StoreError."""
        token = self._asking.tokens.read(text)
        if token is None:
            return Answer(UNKNOWN)
        if token.is_expired(self._clock.utc_ms() / 1000):
            return Answer(EXPIRED)
        if token.kind == DRILL:
            return Answer(DRILLED)
        found = await asyncio.to_thread(self._store.look, asked.look_up, token.number, token.decided_utc_s)
        return Answer(UNKNOWN) if found is None else Answer(found.state, asked=found)

    async def take(self, text: str) -> Answer:
        """Do what an answer says: acknowledge one alarm, from afar, or note that a drill was answered.

        The device's sound is never ended by it: whoever is with the wearer has the device at hand. Raises StoreError.
        """
        answer = await self.look(text)
        token = self._asking.tokens.read(text)
        if token is not None and answer.state == DRILLED:
            try:
                await asyncio.to_thread(drills.note, self._drills_path, token.number, self._clock.utc_ms())
            except OSError as error:
                _log.error("the answer to a drill cannot be noted: %s", error)
        if answer.asked is None or answer.state != asked.OPEN:
            return answer
        if not await self._acknowledge(answer.asked.alarm_id, answer.asked.person):
            return await self.look(text)  # it has ended, or somebody else was sooner
        _log.info("%s has acknowledged alarm %d from afar", answer.asked.person, answer.asked.alarm_id)
        return Answer(asked.ACKNOWLEDGED, is_done=True, asked=answer.asked)

    async def run(self) -> None:
        """Hear every way back that there is, and follow the people file; ends only by cancellation."""
        people = None
        try:
            while True:
                if self._people() is not people:
                    people = self._people()
                    await self._follow(people)
                self._begin_failed_anew()
                await self._clock.sleep(PERIOD_S)
        finally:
            tasks = [task for _listener, task in self._listeners.values()]
            self._listeners.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def unheard(self) -> list[str]:
        """Return the names of the ways back that are not heard at the moment."""
        return [way.name for way, (listener, _task) in self._listeners.items() if not listener.is_hearing]

    async def _follow(self, people: People) -> None:
        """Hear the ways of these people, and no others."""
        urls = {url for person in people.persons for url in person.urls}
        found = await asyncio.to_thread(lambda: [self._asking.way(url) for url in urls])
        ways = {way for way in found if way is not None}
        for way in self._listeners.keys() - ways:
            self._listeners.pop(way)[1].cancel()
        for way in ways - self._listeners.keys():
            self._begin(way)

    def _begin(self, way: NtfyWay | MqttWay) -> None:
        listener = self._listener(way)
        self._listeners[way] = listener, asyncio.create_task(listener.run())

    def _begin_failed_anew(self) -> None:
        """What hears ends by no fault of its own kind for good."""
        for way, (_listener, task) in [*self._listeners.items()]:
            if task.done():
                _log.error("hearing answers by %s failed, and is begun anew", way.name, exc_info=task.exception())
                self._begin(way)

    def _listener(self, way: NtfyWay | MqttWay) -> NtfyListener | MqttListener:
        if isinstance(way, NtfyWay):
            return NtfyListener(way, self.is_worth, self._take_for_sure, self._clock)
        client_id = f"vigil-{self._asking.tokens.name(f'{way.host} {way.port} {way.topic}')}"
        return MqttListener(way, client_id, self.is_worth, self._take_for_sure)

    def is_worth(self, text: str) -> bool:
        """Whether this key has made what came: all else ends here, and is counted. For any thread."""
        if self._asking.tokens.read(text) is not None:
            return True
        self.refused += 1
        if self.refused & (self.refused - 1) == 0:  # the first, second, fourth, eighth: a flood does not fill the log
            _log.warning("%d answers were not Vigil's own, and were refused", self.refused)
        return False

    async def _take_for_sure(self, text: str) -> None:
        """Take an answer, again and again while the store cannot; no fault in one ends the hearing of others."""
        while True:
            try:
                await self.take(text)
                return
            except StoreError as error:
                _log.error("an answer cannot be taken: %s", error)
                await self._clock.sleep(RETRY_S)
            except Exception:
                _log.exception("an answer could not be taken")
                return
