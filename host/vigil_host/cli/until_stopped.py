"""Runs what goes on until somebody stops it."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any

AGAIN_S = 5.0
"""Python 3.11's wait_for can swallow a cancellation: what has not ended after so long is told once more."""


def run_until_stopped(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end, or until Ctrl-C or SIGTERM (as systemd sends) cancels it."""

    async def run() -> None:
        running = asyncio.ensure_future(main)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            running.cancel()
            loop.call_later(AGAIN_S, stop_all)

        def stop_all() -> None:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.call_later(AGAIN_S, stop_all)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        await running

    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(run())
