"""A bridge, or a room bridge, that runs while a test does, and waiting for what it does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from vigil_host.bridge import Bridge
from vigil_host.rooms.room import Room


@asynccontextmanager
async def running(bridge: Bridge) -> AsyncIterator[Bridge]:
    """Run it, and close it at the end."""
    task = asyncio.create_task(bridge.run())
    try:
        yield bridge
    finally:
        await bridge.close()
        await task


@asynccontextmanager
async def running_room(room: Room) -> AsyncIterator[Room]:
    """Run it until the end, and break it off there."""
    task = asyncio.create_task(room.run())
    try:
        yield room
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def wait_for(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Let the loop run until `condition` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)
