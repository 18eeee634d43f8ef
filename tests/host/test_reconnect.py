"""Reconnecting: for ever, ever more slowly while it fails, only where the device is heard."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from vigil_host.link.reconnect import backoff_s, keep_connected
from vigil_host.link.session import Session
from vigil_host.store import StoreError


def test_back_off_doubles_up_to_half_a_minute() -> None:
    assert [backoff_s(failures) for failures in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff_s(10**6) == 30


async def keep(home: Any, adverts: int) -> Any:
    """Keep connected until so many adverts are used up; returns how many sessions were begun."""
    used = 0

    async def next_advert() -> Any:
        nonlocal used
        used += 1
        if used > adverts:
            raise EOFError
        return home.device.ble_device()

    with pytest.raises(EOFError):
        await keep_connected("Band", next_advert, home.session, home.clock)
    return home.device.sessions


def test_a_device_that_refuses_is_asked_ever_less_often(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        home.device.refuse = 8
        await keep(home, 8)
        assert home.clock.slept == [0.5, 1, 2, 4, 8, 16, 30, 30]

    run(scenario())


def test_a_session_that_was_good_starts_the_count_anew(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        for number in range(20):
            home.device.journal.vitals(number)
        home.device.refuse = 3
        home.device.cut_after = 5
        assert await keep(home, 5) == 2
        assert home.clock.slept == [0.5, 1, 2, 0.5, 0.5]

    run(scenario())


def test_a_turn_that_is_over_is_no_failure(home: Any, run: Callable[[Any], Any], caplog: Any) -> None:
    async def scenario() -> None:
        home.device.journal.vitals(1)
        home.device.bye_s = 11
        assert await keep(home, 3) == 3
        assert home.clock.slept == [11, 11, 11]

    run(scenario())
    assert "connecting again" not in caplog.text


def test_nothing_is_tried_while_the_device_is_not_heard(home: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        async def never() -> Any:
            await asyncio.Event().wait()

        task = asyncio.create_task(keep_connected("Band", never, home.session, home.clock))
        await asyncio.sleep(0.02)
        assert home.device.sessions == 0
        task.cancel()

    run(scenario())


@pytest.mark.parametrize("fault", [StoreError("full"), RuntimeError("a bug"), TimeoutError(), OSError("D-Bus")])
def test_no_fault_ends_it(
    home: Any, fault: Exception, run: Callable[[Any], Any], mocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        mocker.patch.object(Session, "run", side_effect=fault)
        await keep(home, 3)
        assert home.clock.slept == [0.5, 1, 2]

    run(scenario())
    assert "connecting again in 2.0 s" in caplog.text
