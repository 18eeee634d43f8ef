"""Tells whoever listens inside this process that something changed.

An event carries no data: it says where to look. So kinds that are waiting merge, a slow listener holds at most one
of each kind, and publishing never waits.
"""

import asyncio
from typing import Literal, get_args
from weakref import WeakSet

Kind = Literal["row", "live", "alarms"]
"""`row`: new rows are in the store; `live`: live state changed; `alarms`: the list of alarms changed."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class Events:
    """A fan-out within one event loop."""

    def __init__(self) -> None:
        self._subscriptions: WeakSet[Subscription] = WeakSet()
        self._closed = False

    def publish(self, kind: Kind) -> None:
        """Tell every subscriber; returns at once."""
        for subscription in list(self._subscriptions):
            subscription.notify(kind)

    def subscribe(self) -> "Subscription":
        """Return an iterator over the kinds published from now on; it is forgotten when it is dropped."""
        subscription = Subscription()
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        return subscription

    def close(self) -> None:
        """End every subscription, so that what streams from one can finish."""
        self._closed = True
        for subscription in list(self._subscriptions):
            subscription.close()


class Subscription:
    """One listener's waiting events: `async for kind in subscription`."""

    def __init__(self) -> None:
        self._waiting: dict[Kind, None] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def notify(self, kind: Kind) -> None:
        """Add `kind` unless it is waiting already."""
        self._waiting[kind] = None
        self._wake.set()

    def close(self) -> None:
        """End the iteration once what is waiting has been taken."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Kind:
        await self._wake.wait()
        if not self._waiting:
            raise StopAsyncIteration
        kind = next(iter(self._waiting))
        del self._waiting[kind]
        if not self._waiting and not self._closed:
            self._wake.clear()
        return kind
