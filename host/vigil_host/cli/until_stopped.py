"""Runs what goes on until somebody stops it."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any


def run_until_stopped(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` to its end, or until Ctrl-C or SIGTERM (as systemd sends) cancels it."""

    async def run() -> None:
        running = asyncio.ensure_future(main)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await running

    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(run())
