"""An event loop whose time costs none: a month of waiting passes as fast as the work in it, the same at every run."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from vigil_host.clock import Clock


class VirtualLoop(asyncio.SelectorEventLoop):
    """Where every task waits, time jumps to the first that is due. What would run in a thread runs at once instead."""

    def __init__(self) -> None:
        self._virtual_s = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self._virtual_s

    def jump(self, seconds: float) -> None:
        """Let so much time pass."""
        self._virtual_s += seconds

    def run_in_executor(  # type: ignore[override]  # the future is done already
        self, _executor: Executor | None, function: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # which one depends on the system
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("every task waits for another one")
        self._loop.jump(max(timeout, 0.0))
        return super().select(0)


class VirtualClock(Clock):
    """Both clocks of a machine on a virtual loop. Its time of day is `shift_ms` wrong."""

    def __init__(self, loop: VirtualLoop, start_utc_ms: int) -> None:
        self._loop = loop
        self._start_utc_ms = start_utc_ms
        self.shift_ms = 0

    def monotonic(self) -> float:
        return self._loop.time()

    def utc_ms(self) -> int:
        return self._start_utc_ms + round(self._loop.time() * 1000) + self.shift_ms


def run(main: Callable[[], Any]) -> Any:
    """Run a coroutine function on a loop of its own, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
