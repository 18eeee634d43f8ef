"""A bridge killed in the middle of an escalation, again and again: no step is lost, and none is decided twice."""

import asyncio
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.host.ntfy import NtfyServer

from vigil_host.clock import Clock
from vigil_host.delivery import outbox
from vigil_host.delivery.delivery import Delivery
from vigil_host.events import Events
from vigil_host.store import Store

PEOPLE = [f"person{number:02}" for number in range(8)]
RUNG_S = 30
SPEED = 150
"""How much faster than a clock on the wall the bridge's clocks go here, through all its lives."""


class FastClock(Clock):
    def __init__(self) -> None:
        self._from_s = time.monotonic()
        self._from_utc_ms = super().utc_ms()

    def monotonic(self) -> float:
        return (time.monotonic() - self._from_s) * SPEED

    def utc_ms(self) -> int:
        return self._from_utc_ms + int(self.monotonic() * 1000)


def test_killed_at_any_moment_every_step_is_told(tmp_path: Path, fault_table: Any, device_id: str) -> None:
    dice = random.Random(3)
    clock = FastClock()
    path = tmp_path / "vigil.db"
    with NtfyServer() as server:
        _write_people(tmp_path / "people.toml", server)
        with Store.open(path, clock=clock) as store:
            store.add_device(device_id, "Clip", "Ada")
            store.set_bridge_condition(device_id, "spo2_very_low", "high")

        def told(is_over: bool) -> Counter[str]:
            return Counter(each.topic for each in server.taken if each.title.startswith("HIGH") is not is_over)

        kills = _run_killed(tmp_path, clock, server, lambda: len(told(is_over=False)) == len(PEOPLE), dice)
        with Store.open(path, clock=clock) as store:
            store.set_bridge_condition(device_id, "spo2_very_low", None)
        kills += _run_killed(tmp_path, clock, server, lambda: len(told(is_over=True)) == len(PEOPLE), dice)
        time.sleep(0.2)  # one that was killed may have sent what its server has not counted yet
        sent = len(server.taken)
    with Store.read(path) as store:
        messages = store.look(outbox.newest_messages, 1000)
    decided = Counter((message.person, message.kind) for message in messages)
    assert decided == Counter({(name, kind): 1 for name in PEOPLE for kind in ("alarm", "all_clear")})
    assert [message.person for message in reversed(messages) if message.kind == "alarm"] == PEOPLE
    assert kills >= 6
    assert 2 * len(PEOPLE) <= sent <= 2 * len(PEOPLE) + kills * len(PEOPLE)
    fault_table.count("bridge killed while it tells people", kills)


def _write_people(path: Path, server: NtfyServer) -> None:
    """A ladder of one person after the other, each told once."""
    lines = [f'[[person]]\nname = "{name}"\nrole = "caregiver"\nurls = ["{server.url(name)}"]\n' for name in PEOPLE]
    rungs = ", ".join(f'{{ who = "{name}", after_s = {RUNG_S * place} }}' for place, name in enumerate(PEOPLE))
    path.write_text("".join(lines) + f'[[ladder]]\npriority = "high"\nrungs = [{rungs}]\n')


def _live(folder: Path, clock: Clock) -> None:
    """One life of a bridge, in a process of its own."""
    asyncio.run(_bridge(folder, clock))


async def _bridge(folder: Path, clock: Clock) -> None:
    """What a bridge does for telling: decide and send, for ever."""

    async def changed() -> None:
        pass

    with Store.open(folder / "vigil.db", clock=clock) as store:
        delivery = Delivery(store, Events(), clock, folder / "people.toml", changed)
        while True:
            await delivery.step()
            await asyncio.sleep(0.01)


def _run_killed(
    folder: Path, clock: Clock, server: NtfyServer, is_done: Callable[[], bool], dice: random.Random
) -> int:
    """Run it in one process after another until all is done, each killed in the midst of it; how many were killed.

    Most are killed just when a message or two have been begun, however long that takes on this machine.
    """
    # From a server without threads: a process that is forked from this one may hang in one of their locks.
    lives = multiprocessing.get_context("forkserver")
    lives.set_forkserver_preload(["apprise", "apprise.plugins.ntfy", "vigil_host.delivery.delivery"])
    kills = 0
    while not is_done():
        assert kills < 100
        asked = len(server.asked) + dice.randint(1, 2)
        child = lives.Process(target=_live, args=(folder, clock), daemon=True)
        child.start()
        end_s = time.monotonic() + (dice.uniform(0.0, 0.3) if kills % 4 == 3 else 30)
        while time.monotonic() < end_s and len(server.asked) < asked and not is_done():
            time.sleep(0.002)
        # What was taken last may be noted, so that it goes on, the surer the slower this machine is.
        time.sleep(0.3 if is_done() else dice.uniform(0.0, 0.02) * (1 + kills // 4))
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL  # it did not end by itself
        kills += 1
    return kills
