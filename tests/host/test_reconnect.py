"""Reconnecting: for ever, ever more slowly while it fails, only where the device is heard."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
)

from vigil_host.link import troubles
from vigil_host.link.reconnect import backoff_s, keep_connected
from vigil_host.link.session import Session
from vigil_host.store import StoreError
from vigil_wire import link
from vigil_wire.link import LinkError


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


NO_SLOT = BleakDBusError("org.bluez.Error.Failed", ["le-connection-concurrent-connection-limit"])
ABORTED = BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"])
POWERED_OFF = BleakBluetoothNotAvailableError("all are off", BleakBluetoothNotAvailableReason.POWERED_OFF)
UNPROVEN = LinkError("frame 0 is forged or damaged", link.FORGED)
TROUBLES = (
    (ABORTED, troubles.LINK),
    (BleakDeviceNotFoundError("C0:FF:EE:00:00:01", "not found"), troubles.LINK),
    (BleakError("the link was lost"), troubles.LINK),
    (TimeoutError(), troubles.LINK),
    (LinkError("nothing came for 15 s"), troubles.LINK),
    (NO_SLOT, troubles.NO_SLOT),
    (BleakDBusError("org.bluez.Error.InProgress", ["Operation already in progress"]), troubles.NO_SLOT),
    (POWERED_OFF, troubles.NO_ADAPTER),
    (BleakDBusError("org.bluez.Error.NotReady", ["Resource Not Ready"]), troubles.NO_ADAPTER),
    (BleakError("adapter 'hci1' not found"), troubles.NO_ADAPTER),
    (FileNotFoundError("D-Bus"), troubles.NO_ADAPTER),
    (EOFError(), troubles.NO_ADAPTER),
    (UNPROVEN, troubles.NOT_KNOWN),
    (LinkError("protocol version 2", link.OTHER_VERSION), troubles.NOT_KNOWN),
    (StoreError("full"), troubles.NO_STORE),
    (RuntimeError("a bug"), troubles.FAULT),
)


@pytest.mark.parametrize(("error", "trouble"), TROUBLES, ids=lambda value: type(value).__name__)
def test_no_trouble_ends_it_and_each_is_said_once(
    home: Any,
    error: Exception,
    trouble: troubles.Trouble,
    run: Callable[[Any], Any],
    mocker: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        mocker.patch.object(Session, "run", side_effect=error)
        await keep(home, 12)

    run(scenario())
    assert home.clock.slept[:2] == [trouble.first_s, 2 * trouble.first_s]
    assert home.clock.slept[-1] == trouble.longest_s
    (line,) = caplog.records
    assert f"Band: {trouble.words}: " in line.getMessage()
    assert f"connecting again in {trouble.first_s:.1f} s" in line.getMessage()
    assert (line.exc_info is not None) == (trouble is troubles.FAULT)


def test_what_is_not_what_it_was_is_said_and_waits_as_it_is_worth(
    home: Any, run: Callable[[Any], Any], mocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        errors = [ABORTED, ABORTED, NO_SLOT, NO_SLOT, ABORTED]
        mocker.patch.object(Session, "run", side_effect=errors)
        await keep(home, 5)
        assert home.clock.slept == [0.5, 1, 4, 8, 2]

    run(scenario())
    assert [line.getMessage().count("abort-by-local") for line in caplog.records] == [1, 0, 1]


def test_a_full_disk_is_not_tried_more_often_because_the_device_answers(
    home: Any, run: Callable[[Any], Any], mocker: Any
) -> None:
    async def scenario() -> None:
        home.device.journal.vitals(0)
        mocker.patch.object(home.intake, "commit", side_effect=StoreError("full"))
        assert await keep(home, 6) == 6
        assert home.clock.slept == [5, 10, 20, 40, 60, 60]

    run(scenario())


def test_forged_frames_of_a_session_that_was_proven_are_the_links_trouble() -> None:
    assert troubles.trouble_of(UNPROVEN, is_established=True) is troubles.LINK


def test_a_link_that_is_lost_after_a_while_is_said_each_time(
    home: Any, run: Callable[[Any], Any], mocker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async def last_a_while(_session: Any, _device: Any) -> None:
            home.clock.now_s += 40
            raise BleakError("the link was lost")

        mocker.patch.object(Session, "run", last_a_while)
        await keep(home, 3)
        assert home.clock.slept == [0.5, 0.5, 0.5]

    run(scenario())
    assert len(caplog.records) == 3
