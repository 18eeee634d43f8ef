"""One message to one address, by Apprise: in a thread of its own, with a bounded wait, and no secret in what is said.

Apprise is imported when the first address is looked at: it takes a third of a second and 27 MB.
"""

import asyncio
import contextlib
import hashlib
import logging
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

ANSWER_S = 20.0
"""So long an address may take to say yes; then it is tried again later."""
SOCKET_S = 10.0

_NTFY_PRIORITIES = {"high": "max", "medium": "high", "low": "default"}
_SECRET_LENGTH = 4  # a part of an address that is shorter is left in what is said: it would be in every word
_MOST_PROBLEM_LENGTH = 200


class ServiceError(Exception):
    """A message was not taken; the text says why and has nothing secret in it."""


def refused(url: str) -> str | None:
    """Say why Apprise cannot send to this address; None where it can."""
    return None if plugin_of(url) else "Apprise does not know as an address: see its list of services"


def name_of(url: str) -> str:
    """A name for an address that tells its kind and which one it is, and nothing secret."""
    kind = url.partition("://")[0].lower()
    return f"{kind}-{hashlib.sha256(url.encode()).hexdigest()[:6]}"


class Services:
    """Sends; at most one message at a time to each address, so that one that hangs holds a thread and no more."""

    def __init__(self, answer_s: float = ANSWER_S) -> None:
        self._answer_s = answer_s
        self._busy: set[str] = set()
        self._hanging: set[str] = set()

    def is_busy(self, url: str) -> bool:
        """Whether a message to this address is on its way, and not late yet."""
        return url in self._busy - self._hanging

    async def send(self, url: str, title: str, body: str, priority: str, actions: str = "") -> None:
        """Send one message; returns once the service has taken it. Raises ServiceError.

        `actions` are buttons as ntfy writes them, for an address of ntfy.
        """
        if url in self._busy:
            raise ServiceError("still hangs on an earlier message")
        self._busy.add(url)

        def ended() -> None:
            self._busy.discard(url)
            self._hanging.discard(url)

        try:
            async with asyncio.timeout(self._answer_s):
                problem = await in_thread(lambda: _send(url, title, body, priority, actions), ended)
        except TimeoutError:
            self._hanging.add(url)
            raise ServiceError(f"did not answer within {self._answer_s:g} s") from None
        if problem:
            raise ServiceError(problem)


async def in_thread(work: Callable[[], str | None], ended: Callable[[], None] = lambda: None) -> str | None:
    """Run `work` in a thread that nothing waits for at the end of the program, and return what it returns.

    `ended` is called in that thread's place when it is over, even if nobody waits for it any more.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str | None] = loop.create_future()

    def deliver(result: str | None, error: Exception | None) -> None:
        ended()
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, result, error)

    threading.Thread(target=run, name="delivery", daemon=True).start()
    return await future


def _send(url: str, title: str, body: str, priority: str, actions: str) -> str | None:
    """Send now; what went wrong, or None."""
    import apprise

    plugin = plugin_of(f"{url}{'&' if '?' in url else '?'}actions={quote(actions)}" if actions else url)
    if plugin is None:
        return "Apprise does not know this address"
    kinds = {
        "high": apprise.NotifyType.FAILURE,
        "medium": apprise.NotifyType.WARNING,
        "low": apprise.NotifyType.INFO,
    }
    if hasattr(plugin, "priority") and url.startswith("ntfy") and "priority=" not in url:
        plugin.priority = _NTFY_PRIORITIES[priority]
    sender = apprise.Apprise()
    sender.add(plugin)
    try:
        result = sender.notify(title=title, body=body, notify_type=kinds[priority])
    except Exception as error:  # a plugin's own fault must not be taken for silence
        return _without_secrets(f"failed: {type(error).__name__}: {error}", url)
    if result.status == apprise.AppriseResultStatus.SUCCESS:
        return None
    said = [entry.message for each in result.results for entry in each.logs() if entry.level in ("WARNING", "ERROR")]
    return _without_secrets(said[-1] if said else "did not take the message", url)


def plugin_of(url: str) -> Any:
    """Return Apprise's own object for this address, without its waits between messages; None where it is none."""
    import apprise

    logging.getLogger("apprise").propagate = False  # what it says has addresses in it
    plugin = apprise.Apprise.instantiate(url)
    if plugin is None:
        return None
    plugin.request_rate_per_sec = 0
    plugin.socket_connect_timeout = plugin.socket_read_timeout = SOCKET_S
    return plugin


def _without_secrets(said: str, url: str) -> str:
    """What a service said, without anything of its address but the kind."""
    said = re.sub(r"\S+://\S+", "...", " ".join(said.split()))
    kind, _, rest = url.partition("://")
    for part in sorted(set(re.split(r"[/:@?&=,;]", rest)), key=len, reverse=True):
        for form in (part, unquote(part)):
            if len(form) >= _SECRET_LENGTH and form.lower() != kind.lower():
                said = said.replace(form, "...")
    return said[:_MOST_PROBLEM_LENGTH]
