"""Hears the answers that are published to a topic of an ntfy server, for ever: the bridge asks, nobody asks it.

ntfy keeps what was published for twelve hours, so what came while the bridge or the network was down is read when it is
back. At its start the bridge reads all that is kept: an answer that has done its work does nothing again (`asked.py`).
"""

import asyncio
import contextlib
import http.client
import json
import logging
import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from vigil_host.answers.ways import NtfyWay
from vigil_host.clock import Clock
from vigil_host.delivery.services import in_thread

SILENCE_S = 120.0
"""A stream that says nothing for so long is dead: ntfy says that it is there every 45 s."""
FIRST_WAIT_S = 1.0
MOST_WAIT_S = 60.0
_MOST_LINE_BYTES = 4096
_SOCKET_S = 10.0
_ID = re.compile(r"[A-Za-z0-9]{1,32}")

_log = logging.getLogger(__name__)


class NtfyListener:
    """Gives every message of a topic to `take`, in its order. `is_worth` says in a thread which ones are."""

    def __init__(
        self,
        way: NtfyWay,
        is_worth: Callable[[str], bool],
        take: Callable[[str], Coroutine[Any, Any, object]],
        clock: Clock,
    ) -> None:
        self._way = way
        self._is_worth = is_worth
        self._take = take
        self._clock = clock
        self._since = "all"
        self._socket: socket.socket | None = None
        self._is_ended = False
        self.is_hearing = False
        self.problem: str | None = None

    async def run(self) -> None:
        """Hear for ever; ends only by cancellation."""
        wait_s = FIRST_WAIT_S
        loop = asyncio.get_running_loop()
        try:
            while True:
                problem = await in_thread(lambda: self._hear(loop)) or "the server ended it"
                was_hearing, self.is_hearing = self.is_hearing, False
                if was_hearing:
                    wait_s = FIRST_WAIT_S
                elif problem != self.problem:
                    self.problem = problem
                    _log.warning("answers by %s are not heard: %s", self._way.name, problem)
                await self._clock.sleep(wait_s)
                wait_s = min(2 * wait_s, MOST_WAIT_S)
        finally:
            self._is_ended = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)  # its thread waits for a line

    def _hear(self, loop: asyncio.AbstractEventLoop) -> str | None:
        """Read the stream until it ends; what went wrong, or None. Runs in a thread."""
        server = urlsplit(self._way.server)
        kind = http.client.HTTPSConnection if server.scheme == "https" else http.client.HTTPConnection
        connection = kind(server.hostname or "", server.port, timeout=_SOCKET_S)
        headers = {"Authorization": self._way.authorization} if self._way.authorization else {}
        try:
            connection.connect()
            self._socket = connection.sock
            if self._is_ended:
                return None
            connection.request("GET", f"/{self._way.topic}/json?since={self._since}", headers=headers)
            with connection.getresponse() as answer:
                if answer.status != http.client.OK:
                    return f"HTTP status {answer.status}"
                self._socket.settimeout(SILENCE_S)
                while line := answer.readline(_MOST_LINE_BYTES):
                    if self.problem is not None:
                        _log.info("answers by %s are heard again", self._way.name)
                    self.is_hearing, self.problem = True, None
                    if line.endswith(b"\n"):
                        self._read(line, loop)
                    else:  # longer than any answer is
                        while line and not line.endswith(b"\n"):
                            line = answer.readline(_MOST_LINE_BYTES)
        except (OSError, http.client.HTTPException, ssl.SSLError) as error:
            return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__
        finally:
            self._socket = None
            connection.close()
        return None

    def _read(self, line: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """Take in one line of the stream; one that is none of ours is nothing."""
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(said, dict) or said.get("event") != "message":
            return
        text, message_id = said.get("message"), said.get("id")
        if isinstance(text, str) and self._is_worth(text.strip()):
            # One at a time: what comes faster than it is dealt with waits at the server, not in memory.
            asyncio.run_coroutine_threadsafe(self._take(text.strip()), loop).result()
        if isinstance(message_id, str) and _ID.fullmatch(message_id):
            self._since = message_id


def publish(way: NtfyWay, token: str) -> str | None:
    """Publish an answer as the button of a message does, without a password; what went wrong, or None."""
    request = urllib.request.Request(f"{way.server}/{way.topic}", token.encode(), method="POST")
    try:
        urllib.request.urlopen(request, timeout=_SOCKET_S).close()
    except urllib.error.HTTPError as error:
        return f"HTTP status {error.code}"
    except (OSError, ValueError) as error:
        return type(error).__name__
    return None
