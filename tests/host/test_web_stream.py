"""The event stream: every row once across a cut, and it ends when it should."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from sse_starlette import ServerSentEvent

from vigil_host.store import StoreError
from vigil_host.web import stream
from vigil_host.web.picture import Picture
from vigil_host.web.stream import Streams


@pytest.fixture
def streams(home: Any) -> Streams:
    home.device.journal.anchor(0)
    picture = Picture(home.live, home.alerts, lambda device_id: {}, home.clock)
    return Streams(home.store, picture, home.events, home.clock)


def add_rows(home: Any, count: int) -> list[int]:
    """Store more vitals rows and return their ids."""
    journal = home.device.journal
    first = len(journal.records)
    for number in range(first, first + count):
        journal.vitals(number * 10_000)
    return home.store.commit(home.device_id, journal.id, journal.records[-count:]).new_rows


def always() -> bool:
    return True


async def take(
    events: AsyncIterator[ServerSentEvent], until: Callable[[ServerSentEvent], bool]
) -> list[ServerSentEvent]:
    found = []
    async with asyncio.timeout(5):
        async for event in events:
            found.append(event)
            if until(event):
                break
    return found


def ids(events: list[ServerSentEvent]) -> list[int]:
    return [int(event.id or "") for event in events if event.event == "row"]


def test_a_cut_stream_goes_on_where_it_was_without_gap_or_duplicate(home: Any, streams: Streams, run: Any) -> None:
    async def scenario() -> None:
        before = add_rows(home, 7)
        first = streams.events(0, always)
        came = await take(first, lambda event: event.id == str(before[4]))
        await first.aclose()
        after = add_rows(home, 450)
        second = streams.events(ids(came)[-1], always)
        came += await take(second, lambda event: event.id == str(after[-1]))
        await second.aclose()
        assert ids(came) == before + after
        shown = json.loads(next(event for event in came if event.event == "row").data)
        assert (shown["device"], shown["spo2_pct"], shown["row_id"]) == (home.device_id, 97.0, before[0])

    run(scenario())


def test_a_new_stream_starts_with_the_picture_and_has_no_old_rows(home: Any, streams: Streams, run: Any) -> None:
    async def scenario() -> None:
        add_rows(home, 5)
        events = streams.events(None, always)
        first = await take(events, lambda event: event.event == "alarms")
        assert [event.event for event in first] == ["live", "alarms"]
        assert not any(event.id for event in first)
        fresh = add_rows(home, 1)
        home.events.publish("row")
        assert ids(await take(events, lambda event: event.event == "row")) == fresh
        await events.aclose()

    run(scenario())


def test_rows_come_even_where_nobody_told_of_them(home: Any, streams: Streams, run: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "LIVE_S", 0.01)

    async def scenario() -> None:
        events = streams.events(None, always)
        await take(events, lambda event: event.event == "alarms")
        fresh = add_rows(home, 2)
        assert ids(await take(events, lambda event: event.id == str(fresh[-1]))) == fresh
        await events.aclose()

    run(scenario())


def test_one_too_far_behind_is_told_to_start_anew(home: Any, streams: Streams, run: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "REPLAY_MOST", 300)

    async def scenario() -> None:
        rows = add_rows(home, 501)
        events = streams.events(0, always)
        came = await take(events, lambda event: event.event == "reset")
        assert came[-1].id == str(rows[-1])
        fresh = add_rows(home, 1)
        home.events.publish("row")
        assert ids(await take(events, lambda event: event.event == "row")) == fresh
        await events.aclose()

    run(scenario())


def test_an_id_from_another_database_starts_anew(home: Any, streams: Streams, run: Any) -> None:
    async def scenario() -> None:
        newest = add_rows(home, 3)[-1]
        events = streams.events(10**15, always)
        came = await take(events, lambda event: event.event == "reset")
        assert came[-1].id == str(newest)
        assert ids(came) == []
        await events.aclose()

    run(scenario())


def test_the_picture_comes_each_second_and_alarms_at_once(home: Any, streams: Streams, run: Any, content: Any) -> None:
    async def scenario() -> None:
        events = streams.events(None, always)
        await take(events, lambda event: event.event == "alarms")
        home.clock.now_s += 1
        assert [event.event for event in await take(events, lambda event: True)] == ["live"]
        home.alerts.hear(home.device_id, content(alarm_bits=1), "link")
        await home.alerts.step()
        (alarms,) = await take(events, lambda event: True)
        assert alarms.event == "alarms"
        assert [alarm["condition"] for alarm in json.loads(alarms.data)["active"]] == ["spo2_low"]
        await events.aclose()

    run(scenario())


def test_what_is_live_goes_on_while_the_store_cannot_be_read(
    home: Any, streams: Streams, run: Any, monkeypatch: Any
) -> None:
    def fail(*_arguments: object) -> None:
        raise StoreError("vigil.db is locked")

    async def scenario() -> None:
        add_rows(home, 2)
        with monkeypatch.context() as broken:
            broken.setattr(home.store, "newest_row_id", fail)
            broken.setattr(home.store, "rows_after", fail)
            broken.setattr(home.store, "alarms_since", fail)
            events = streams.events(0, always)
            assert [event.event for event in await take(events, lambda event: True)] == ["live"]
            home.clock.now_s += 1
            assert [event.event for event in await take(events, lambda event: True)] == ["live"]
        assert len(ids(await take(events, lambda event: event.id == "2"))) == 2
        await events.aclose()

    run(scenario())


@pytest.mark.parametrize("end", ["streams", "events"])
def test_closing_ends_every_stream(home: Any, streams: Streams, run: Any, end: str) -> None:
    async def scenario() -> None:
        open_streams = [streams.events(None, always) for _ in range(3)]
        for events in open_streams:
            await take(events, lambda event: event.event == "alarms")
        (streams if end == "streams" else home.events).close()
        for events in open_streams:
            assert await take(events, lambda event: False) == []

    run(scenario())


def test_a_stream_ends_with_the_session_it_was_opened_in(home: Any, streams: Streams, run: Any) -> None:
    welcome = True

    async def scenario() -> None:
        nonlocal welcome
        events = streams.events(None, lambda: welcome)
        await take(events, lambda event: event.event == "alarms")
        welcome = False
        home.clock.now_s += 1
        assert await take(events, lambda event: False) == []

    run(scenario())
