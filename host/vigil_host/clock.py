"""The two clocks the bridge reads, in one object, so that a test can hold both."""

import asyncio
import time


class Clock:
    """The machine's own clocks: one that only ever goes on, and the time of day."""

    def monotonic(self) -> float:
        """Seconds that never step, for ages and time-outs."""
        return time.monotonic()

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)
