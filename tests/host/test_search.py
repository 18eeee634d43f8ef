"""Whose advert it is: found among any number of devices, at a cost that strangers cannot drive up."""

import asyncio
from collections.abc import Callable
from typing import Any

from vigil_host.clock import Clock
from vigil_host.link.search import AT_ONCE, KEYS_PER_S, Search


class Searched:
    """A search among `count` devices for whose number an advert is, and every key that was tried."""

    def __init__(self, count: int, clock: Clock) -> None:
        self.devices = [str(number) for number in range(count)]
        self.tried: list[tuple[str, str]] = []
        self.found: list[str] = []
        self.search: Search[str] = Search(lambda: self.devices, self._matches, clock)

    def _matches(self, device_id: str, advert: str) -> bool:
        self.tried.append((device_id, advert))
        if device_id == advert:
            self.found.append(device_id)
        return device_id == advert


def test_among_few_it_is_found_at_once(clock: Any) -> None:
    searched = Searched(AT_ONCE, clock)
    searched.search.look("here", "42")
    assert searched.found == ["42"]
    assert len(searched.tried) == 43


def test_among_many_it_is_found_while_all_else_goes_on(run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        searched = Searched(1_000, Clock())
        searched.search.look("here", "999")
        assert searched.tried == []
        await asyncio.sleep(0)
        turns = 0
        while not searched.found:
            before = len(searched.tried)
            await asyncio.sleep(0)
            assert len(searched.tried) - before <= AT_ONCE
            turns += 1
        assert turns >= 1_000 // AT_ONCE - 1
        await searched.search.finished()

    run(scenario())


def test_a_flood_of_strangers_costs_no_more_than_the_budget(clock: Any) -> None:
    searched = Searched(AT_ONCE, clock)
    for number in range(1_000):
        searched.search.look(f"stranger {number}", "nobody's")
    assert len(searched.tried) <= KEYS_PER_S + AT_ONCE
    assert searched.search.dropped >= 1_000 - KEYS_PER_S // AT_ONCE - 1
    clock.now_s += 1
    searched.search.look("here", "7")
    assert searched.found == ["7"]


def test_a_stranger_among_many_waits_and_is_looked_at_again(clock: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        searched = Searched(1_000, clock)
        searched.search.look("here", "nobody's")
        await searched.search.finished()
        assert len(searched.tried) == 1_000
        searched.search.look("here", "5")
        await searched.search.finished()
        assert searched.found == [] and searched.search.dropped == 1
        searched.search.forget_strangers()
        searched.search.look("here", "5")
        await searched.search.finished()
        clock.now_s += 60
        searched.search.look("here", "6")
        await searched.search.finished()
        assert searched.found == ["5", "6"]

    run(scenario())


def test_few_wait_and_the_newest_goes_first(run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        searched = Searched(200, Clock())
        for number in range(500):
            searched.search.look(f"stranger {number}", f"nobody's {number}")
        searched.search.look("here", "7")
        await asyncio.sleep(0.01)
        assert searched.found == ["7"]
        assert searched.search.dropped == 501 - 64

    run(scenario())
