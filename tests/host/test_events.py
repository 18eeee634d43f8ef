"""Events tell that something changed, never block, and merge for those who are slow."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

from vigil_host.events import KINDS, Events


def test_every_subscriber_hears_and_events_merge(run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        events = Events()
        one, two = events.subscribe(), events.subscribe()
        for _ in range(1000):
            for kind in KINDS:
                events.publish(kind)
        assert [await anext(one) for _ in KINDS] == list(KINDS)
        events.publish("row")
        assert await anext(one) == "row"
        events.close()
        assert [kind async for kind in two] == list(KINDS)
        assert [kind async for kind in one] == []

    run(scenario())


def test_waits_for_what_is_published_later(run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        events = Events()
        subscription = events.subscribe()
        task = asyncio.ensure_future(anext(subscription))
        await asyncio.sleep(0)
        assert not task.done()
        events.publish("live")
        assert await task == "live"

    run(scenario())


def test_a_dropped_subscription_is_forgotten(run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        events = Events()
        events.subscribe()
        gc.collect()
        assert len(events._subscriptions) == 0

    run(scenario())


def test_subscribing_after_the_end(run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        events = Events()
        events.close()
        assert [kind async for kind in events.subscribe()] == []

    run(scenario())
