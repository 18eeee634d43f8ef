"""A switch that somebody else holds: what goes off where this bridge no longer puts it off, each minute.

A message to an ntfy topic, scheduled some minutes ahead, is replaced by a later one as long as the bridge runs: a power
cut, a dead disk or a lost network sends it. It needs ntfy 2.16 or newer, which replaces a scheduled message by one
with its sequence id; an older one would send them all, so the bridge stops at the first answer that has no such id.
A ping goes to an address that tells somebody when pings stay away (as healthchecks.io does); none is sent while
nobody can be reached, so that this is noticed by another way.
"""

import asyncio
import hashlib
import json
import logging
import socket
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable

from vigil_host.clock import Clock
from vigil_host.delivery import texts
from vigil_host.delivery.services import in_thread

PERIOD_S = 60.0
ANSWER_S = 15.0
_SOCKET_S = 10.0

_log = logging.getLogger(__name__)


class DeadMan:
    """Puts the switch off. `problem` says why it could not be, None: it was; addresses are secret."""

    def __init__(
        self,
        clock: Clock,
        topic_url: str | None,
        ping_url: str | None,
        after_min: int,
        is_failing: Callable[[], Awaitable[bool]],
    ) -> None:
        self._clock = clock
        self._topic_url = topic_url
        self._ping_url = ping_url
        self._after_min = after_min
        self._is_failing = is_failing
        self.problem: str | None = None

    async def run(self) -> None:
        """Step each minute for ever."""
        while True:
            await self.step()
            await self._clock.sleep(PERIOD_S)

    async def step(self) -> None:
        """Put the switch off once."""
        problems = []
        if self._topic_url:
            url = self._topic_url
            problems.append(await _bounded(lambda: self._schedule(url)))
        if self._ping_url and not await self._is_failing():
            ping_url = self._ping_url
            problems.append(await _bounded(lambda: _ping(ping_url)))
        problem = next(filter(None, problems), None)
        if problem != self.problem:
            if problem:
                _log.error("the dead man's switch: %s", problem)
            else:
                _log.info("the dead man's switch is put off again")
        self.problem = problem

    def _schedule(self, url: str) -> str | None:
        """Schedule the message anew; what went wrong, or None. Runs in a thread."""
        title, body = texts.bridge_gone(self._after_min)
        sequence = "vigil-" + hashlib.sha256(f"{socket.gethostname()} {url}".encode()).hexdigest()[:8]
        headers = {"Title": title, "Priority": "max", "In": f"{self._after_min}m", "X-Sequence-ID": sequence}
        request = urllib.request.Request(url, body.encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_SOCKET_S) as answer:
                said = json.load(answer)
        except (OSError, ValueError) as error:
            return f"its message could not be scheduled: {_why(error)}"
        if not isinstance(said, dict) or said.get("sequence_id") != sequence:
            self._topic_url = None
            return "its server is no ntfy 2.16 or newer and sends one message for nothing; none is scheduled any more"
        return None


def _ping(url: str) -> str | None:
    try:
        urllib.request.urlopen(url, timeout=_SOCKET_S).close()
    except (OSError, ValueError) as error:
        return f"its ping failed: {_why(error)}"
    return None


async def _bounded(work: Callable[[], str | None]) -> str | None:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await in_thread(work)
    except TimeoutError:
        return f"no answer within {ANSWER_S:g} s"


def _why(error: Exception) -> str:
    """What went wrong, without the address."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, OSError):
        return error.reason.strerror or type(error.reason).__name__
    return type(error).__name__
