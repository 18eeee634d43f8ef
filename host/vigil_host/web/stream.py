"""The event stream of one page: new rows by id, the live picture each second, the alarms when they change.

`row` events carry the row's id as event id, so a browser that lost the stream asks for what follows that id and gets
every row once. A stream that is too far behind gets one `reset` instead: load the trends anew.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from sse_starlette import ServerSentEvent
from starlette.concurrency import run_in_threadpool

from vigil_host.clock import Clock
from vigil_host.events import Events, Subscription
from vigil_host.store import Store, StoreError, TrendRow
from vigil_host.web.picture import Picture

LIVE_S = 1.0
REPLAY_MOST = 2000
_BATCH = 200
_RETRY_MS = 1000


class Streams:
    """All open streams of an application."""

    def __init__(self, store: Store, picture: Picture, events: Events, clock: Clock) -> None:
        self._store = store
        self._picture = picture
        self._events = events
        self._clock = clock
        self._open: set[Subscription] = set()
        self._closed = False

    def close(self) -> None:
        """End every stream, and those that are asked for from now on."""
        self._closed = True
        for subscription in self._open:
            subscription.close()

    async def events(self, after_row_id: int | None, is_welcome: Callable[[], bool]) -> AsyncIterator[ServerSentEvent]:
        """One stream: rows after `after_row_id` (None: from now on), until `is_welcome()` no longer holds."""
        subscription = self._events.subscribe()
        if self._closed:
            return
        self._open.add(subscription)
        at: int | None = None
        alarms_due = True
        next_live_s = self._clock.monotonic()
        try:
            while is_welcome():
                # What is live needs no database: where that cannot be read, the rest follows when it can again.
                with suppress(StoreError):
                    if at is None:
                        newest = await run_in_threadpool(self._store.newest_row_id)
                        at = newest if after_row_id is None else min(after_row_id, newest)
                        if after_row_id is not None and after_row_id > newest:  # an id from another database
                            yield _event("reset", {}, newest)
                if next_live_s <= self._clock.monotonic():
                    next_live_s = self._clock.monotonic() + LIVE_S
                    yield _event("live", await self._live(), retry=_RETRY_MS)
                with suppress(StoreError):
                    if alarms_due:
                        alarms = await self._picture.alarms()
                        alarms_due = False
                        yield _event("alarms", alarms)
                    async for event in self._rows(at):
                        at = int(event.id or 0)
                        yield event
                try:
                    wait_s = max(0.0, next_live_s - self._clock.monotonic())
                    alarms_due |= await asyncio.wait_for(anext(subscription), wait_s) == "alarms"
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    return
        finally:
            self._open.discard(subscription)
            subscription.close()

    async def _live(self) -> dict[str, Any]:
        """The live picture, also while the store cannot be read: then without who was told."""
        try:
            return await self._picture.live()
        except StoreError:
            return self._picture.now()

    async def _rows(self, at: int | None) -> AsyncIterator[ServerSentEvent]:
        """Rows after `at` (None: not known yet, so none), or a `reset` where there are too many."""
        sent = 0
        if at is None:
            return
        while rows := await run_in_threadpool(self._store.rows_after, at, _BATCH):
            if sent + len(rows) > REPLAY_MOST:
                yield _event("reset", {}, await run_in_threadpool(self._store.newest_row_id))
                return
            for row in rows:
                yield _event("row", row_as_json(row), row.row_id)
            sent += len(rows)
            at = rows[-1].row_id
            if len(rows) < _BATCH:
                return


def row_as_json(row: TrendRow) -> dict[str, Any]:
    """A vitals row as programs read it."""
    shown = asdict(row)
    shown["device"] = shown.pop("device_id")
    return shown


def _event(name: str, data: dict[str, Any], row_id: int | None = None, retry: int | None = None) -> ServerSentEvent:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return ServerSentEvent(text, event=name, id=None if row_id is None else str(row_id), retry=retry)
