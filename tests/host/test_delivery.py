"""Who is told of an alarm, and when: through the record, the clocks and real HTTP to a server shaped like ntfy."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.host.empty_store import put_empty_store
from tests.host.ntfy import NtfyServer

from vigil_host import words
from vigil_host.clock import Clock
from vigil_host.delivery import outbox
from vigil_host.delivery.delivery import Delivery
from vigil_host.delivery.outbox import DELIVERY_FAILING, SnoozeError
from vigil_host.delivery.services import Services, refused
from vigil_host.events import Events
from vigil_host.store import Store
from vigil_wire import conditions

WEARER = "Ada"
VERY_LOW = f"{words.alarm('spo2_very_low').title}, Ada"
UTC_MS = int(datetime(2026, 11, 18, 12, 0).timestamp() * 1000)  # noon, wherever this runs


class Clocks(Clock):
    """Both clocks, in a test's hand: `now_s` goes on, and `jump_ms` is by how much the time of day is wrong."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.jump_ms = 0

    def monotonic(self) -> float:
        return self.now_s

    def utc_ms(self) -> int:
        return UTC_MS + int((self.now_s - 1000.0) * 1000) + self.jump_ms

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0.005)  # what waits in turns meanwhile must not make days of it


class Home:
    """A home with one wearer, whose people are the topics of one server."""

    answer_s = 10.0  # a service's time to answer: long, for a busy machine

    def __init__(self, folder: Path, device_id: str, server: NtfyServer) -> None:
        self.folder = folder
        self.device_id = device_id
        self.server = server
        self.clock = Clocks()
        put_empty_store(folder / "vigil.db")
        self.store = self._open()
        self.people(ada={"role": "patient"}, ben={}, cleo={})
        self.delivery = self._delivery()

    def people(self, more: str = "", **persons: dict[str, Any]) -> None:
        """Write the people file; each person's topic bears the name."""
        lines = []
        for name, fields in persons.items():
            lines.append(f'[[person]]\nname = "{name}"\nrole = "{fields.pop("role", "caregiver")}"\n')
            lines.append(f"urls = {[self.server.url(topic) for topic in fields.pop('topics', [name])]}\n")
            lines += [f"{key} = {value}\n" for key, value in fields.items()]
        (self.folder / "people.toml").write_text("".join(lines) + more)

    def restart(self, store_from: Path | None = None) -> None:
        """End the bridge and start it anew, on the same record or on a copy of another time."""
        self.store.close()
        if store_from is not None:
            for name in ("vigil.db-wal", "vigil.db-shm"):
                (self.folder / name).unlink(missing_ok=True)
            shutil.copy(store_from, self.folder / "vigil.db")
        self.store = self._open()
        self.delivery = self._delivery()

    def begin(self, condition: str = "spo2_very_low", priority: str = "high") -> int:
        self.store.set_bridge_condition(self.device_id, condition, priority)
        return next(alarm.id for alarm in self.store.active_alarms() if alarm.condition == condition)

    def end(self, condition: str = "spo2_very_low") -> None:
        self.store.set_bridge_condition(self.device_id, condition, None)

    def go(self, seconds: float = 0.0, step_s: float = 5.0) -> None:
        """Let so much time pass, deciding and sending as the bridge does."""

        async def run() -> None:
            end_s = self.clock.now_s + seconds
            while True:
                await self.delivery.step()
                await self.delivery.settled()
                if self.clock.now_s >= end_s:
                    return
                self.clock.now_s = min(end_s, self.clock.now_s + step_s)

        asyncio.run(run())

    def told(self) -> list[str]:
        """Who was told since this was asked last, by name."""
        told = sorted(each.topic for each in self.server.taken)
        self.server.taken.clear()
        return told

    def has_alarm(self, condition: str) -> bool:
        return any(alarm.condition == condition for alarm in self.store.active_alarms())

    def _open(self) -> Store:
        store = Store.open(self.folder / "vigil.db", clock=self.clock)
        store.add_device(self.device_id, "Clip", WEARER)
        return store

    def _delivery(self) -> Delivery:
        async def changed() -> None:
            pass

        path = self.folder / "people.toml"
        return Delivery(self.store, Events(), self.clock, path, changed, Services(answer_s=self.answer_s))


@pytest.fixture
def server() -> Iterator[NtfyServer]:
    with NtfyServer() as server:
        assert refused(server.url("x")) is None  # Apprise is loaded before anything is timed
        yield server


@pytest.fixture
def home(tmp_path: Path, device_id: str, server: NtfyServer) -> Iterator[Home]:
    home = Home(tmp_path, device_id, server)
    yield home
    home.store.close()


def test_high_priority_climbs_the_ladder_until_it_is_acknowledged(home: Home) -> None:
    alarm_id = home.begin()
    home.go()
    assert home.told() == ["ada"]
    home.go(59)
    assert home.told() == []
    home.go(1)
    assert home.told() == ["ben"]
    home.go(60)
    assert home.told() == ["ada"]  # again after 120 s
    home.go(60)
    assert home.told() == ["ben", "cleo"]
    assert home.store.acknowledge_alarm(alarm_id, "ben")
    home.go(290)
    assert home.told() == []


def test_what_is_said(home: Home, journal: Any) -> None:
    raised = journal.alarm(conditions.RAISED, 20_000, conditions.SPO2_VERY_LOW, onset_ms=10_000)
    home.store.commit(home.device_id, 1, [journal.anchor(0, UTC_MS - 30_000), raised])
    home.go()
    (message,) = home.server.taken
    since = datetime.fromtimestamp((UTC_MS - 20_000) / 1000).strftime("%d %b %H:%M")
    assert message.title.startswith("HIGH: ") and message.title.endswith(", Ada")
    assert f"86.5 % (uncalibrated, ±4) since {since}." in message.body
    assert "Do now: Go to the person now. If they look ill" in message.body
    assert message.headers["X-Priority"] == "max"
    (kept,) = home.store.look(outbox.newest_messages, 10)
    assert (kept.person, kept.kind, kept.body) == ("ada", "alarm", message.body)
    assert kept.ways[0].sent_utc_ms == home.clock.utc_ms()


def test_an_acknowledgement_that_is_no_longer_good_goes_on_at_once_where_it_stood(home: Home) -> None:
    alarm_id = home.begin()
    home.go(70)
    assert home.told() == ["ada", "ben"]
    home.store.acknowledge_alarm(alarm_id, "ben")
    home.go(300)
    home.store.unacknowledge_alarm(alarm_id)  # as when the device sounds again
    home.go(1)
    assert home.told() == ["ada", "ben"]
    home.go(109)
    assert home.told() == ["cleo"]


def test_all_clear_goes_to_those_who_were_told_and_to_no_one_else(home: Home) -> None:
    home.begin()
    home.go(70)
    home.end()
    assert home.told() == ["ada", "ben"]
    home.go(40)
    assert home.server.titles() == [f"Over: {VERY_LOW}"] * 2
    assert home.told() == ["ada", "ben"]
    home.go(7200, 600)
    assert home.told() == []


def test_a_condition_that_comes_back_at_once_is_one_episode(home: Home) -> None:
    for _ in range(6):
        home.begin()
        home.go(15)
        home.end()
        home.go(10)
    assert home.told() == ["ada", "ada", "ben"]  # at 0, 60 and 120 s, as if it had never gone
    home.go(60)
    assert home.told() == ["ada", "ben"]
    home.begin()
    home.go()
    assert home.told() == ["ada"]


def test_a_worse_condition_speaks_for_the_lesser_one(home: Home) -> None:
    home.begin("spo2_low", "medium")
    home.begin()
    home.go(100)
    assert set(home.server.titles()) == {f"HIGH: {VERY_LOW}"}
    home.told()
    home.end()
    home.go(40)
    assert "MEDIUM: Low oxygen, Ada" in home.server.titles("ada")
    over = next(each for each in home.server.taken if each.title.startswith("Over"))
    assert "Still active: Low oxygen." in over.body


def test_a_priority_that_rises_begins_the_higher_ladder(home: Home) -> None:
    home.begin("no_reading", "low")
    home.go(10)
    assert home.told() == ["ada"]
    with home.store._writing() as connection:
        connection.exec_driver_sql("UPDATE alarm SET priority = 'high'")
    home.go(60)
    assert home.told() == ["ada", "ben"]


def test_medium_is_slower_and_low_is_told_once(home: Home) -> None:
    home.begin("battery_low", "low")
    home.begin("storage_fault", "medium")
    home.go(1)
    assert home.told() == ["ada", "ada"]
    home.go(298, 13)
    assert home.told() == []
    home.go(1)
    assert home.told() == ["ben"]
    home.go(600, 20)
    assert home.told() == ["ada", "cleo"]


def test_what_lasts_all_night_is_told_ever_more_rarely(home: Home) -> None:
    home.begin()
    home.go(8 * 3600, 120)
    told = home.told()
    assert 25 <= told.count("ada") <= 50
    home.go(2 * 3600, 120)
    assert home.told().count("ada") >= 1


def test_quiet_hours_hold_back_what_is_not_high(home: Home) -> None:
    home.people(ada={"role": "patient", "quiet_hours": '"11:00-13:00"'}, ben={})
    home.begin("battery_critical", "medium")
    home.go(10)
    assert home.told() == []
    home.begin()
    home.go()
    assert home.told() == ["ada"]
    home.end()
    home.go(3500, 60)
    assert "MEDIUM" not in "".join(home.server.titles("ada"))
    home.go(180)
    assert any(title.startswith("MEDIUM") for title in home.server.titles("ada"))


def test_a_snooze_is_of_one_condition_and_never_of_a_worse_one(home: Home, run: Any) -> None:
    home.begin("pulse_rate_high", "medium")
    home.go()
    home.told()
    run(home.delivery.snooze(WEARER, "pulse_rate_high", 7200, "ben"))
    home.go(7000, 100)
    assert home.told() == []
    home.begin("pulse_rate_low", "medium")
    home.go()
    assert home.told() == ["ada"]
    home.begin("pulse_rate_very_high", "high")
    home.go()
    assert home.told() == ["ada"]
    home.end("pulse_rate_very_high")
    home.go(300, 10)
    assert "MEDIUM: Fast pulse, Ada" in home.server.titles("ada")


def test_a_snooze_that_somebody_ends_or_whose_priority_rises_is_none(home: Home, run: Any) -> None:
    home.begin("no_reading", "low")
    run(home.delivery.snooze(WEARER, "no_reading", 3600, "ben"))
    home.go(5)
    assert home.told() == []
    with home.store._writing() as connection:
        connection.exec_driver_sql("UPDATE alarm SET priority = 'high'")
    home.go(5)
    assert home.told() == ["ada"]
    run(home.delivery.snooze(WEARER, "no_reading", 900, "ben"))
    home.go(300, 10)
    assert home.told() == []
    assert run(home.delivery.end_snooze(WEARER, "no_reading"))
    home.go(1)
    assert "ada" in home.told()


@pytest.mark.parametrize(("condition", "minutes"), [("spo2_very_low", 16), ("spo2_low", 121), ("spo2_low", 0)])
def test_a_snooze_has_bounds(home: Home, run: Any, condition: str, minutes: int) -> None:
    with pytest.raises(SnoozeError, match="can be snoozed for 1 to"):
        run(home.delivery.snooze(WEARER, condition, minutes * 60, "ben"))


def test_what_was_over_when_it_was_learnt_of_is_told_once_for_information(home: Home, journal: Any) -> None:
    sent = [journal.anchor(0, UTC_MS - 7_200_000)]
    for minute in range(1, 4):
        sent.append(journal.alarm(conditions.RAISED, minute * 600_000, conditions.SPO2_VERY_LOW, minute * 600_000))
        sent.append(journal.alarm(conditions.CLEARED, minute * 600_000 + 60_000, conditions.SPO2_VERY_LOW))
    sent.append(journal.alarm(conditions.RAISED, 7_000_000, conditions.PULSE_RATE_LOW, 7_000_000))
    home.store.commit(home.device_id, 1, sent)
    home.go()
    assert home.server.titles() == ["MEDIUM: Slow pulse, Ada"]  # what is active does not wait
    home.told()
    home.go(40)
    assert sorted((each.topic, each.title) for each in home.server.taken) == [
        ("ada", "For information: alarms that are over, Ada"),
        ("ben", "For information: alarms that are over, Ada"),
    ]
    assert "3 times" in home.server.taken[0].body
    assert "Still active: Slow pulse." in home.server.taken[0].body
    home.told()
    home.go(200, 10)
    assert home.told() == []


def test_an_address_that_refuses_is_tried_again_and_the_others_are_not(home: Home) -> None:
    home.people(ada={"role": "patient", "topics": ["ada", "tablet"]})
    home.server.refusing = {"tablet"}
    home.begin("battery_low", "low")
    home.go(4, 1)
    assert home.server.asked.count("tablet") == 1
    home.go(12, 1)
    assert home.server.asked.count("tablet") == 3  # after 5 and 10 s
    home.server.refusing = set()
    home.go(30)
    assert home.told() == ["ada", "tablet"]
    (message,) = home.store.look(outbox.newest_messages, 10)
    assert sorted(way.attempts for way in message.ways) == [1, 4]
    assert all(way.sent_utc_ms and not way.is_pending for way in message.ways)


def test_an_address_that_hangs_does_not_delay_the_others(home: Home) -> None:
    home.answer_s = 2.0
    home.delivery = home._delivery()
    home.people(ada={"role": "patient", "topics": ["slow", "ada"]}, ben={})
    home.server.hanging = {"slow"}
    home.begin()
    home.go(60, 5)
    assert home.told() == ["ada", "ben"]
    way = next(way for each in home.store.look(outbox.newest_messages, 10) for way in each.ways if way.problem)
    assert way.problem == "did not answer within 2 s" or "still hangs" in way.problem
    assert not home.has_alarm(DELIVERY_FAILING)


def test_where_one_cannot_be_reached_the_next_is_told_at_once_and_where_nobody_can_it_is_an_alarm(home: Home) -> None:
    home.server.refusing = {"ada", "ben"}
    home.begin()
    home.go(3, 1)
    assert home.told() == ["cleo"]
    assert not home.has_alarm(DELIVERY_FAILING)
    home.end()
    home.server.refusing = {"ada", "ben", "cleo"}
    home.go(60)
    home.begin("pulse_rate_very_low", "high")
    home.go(5, 1)
    assert home.has_alarm(DELIVERY_FAILING)
    home.server.refusing = set()
    home.go(20)
    assert not home.has_alarm(DELIVERY_FAILING)
    assert set(home.told()) == {"ada", "ben", "cleo"}


def test_who_could_not_be_told_in_time_learns_of_it_after(home: Home) -> None:
    home.people(ada={"role": "patient"})
    home.server.refusing = {"ada"}
    home.begin()
    home.go(20)
    home.end()
    home.server.refusing = set()
    home.go(40)
    assert home.server.titles() == [f"For information: {VERY_LOW}"]
    assert "A message of it may not have reached you in time." in home.server.taken[0].body


def test_a_restart_goes_on_where_it_stood(home: Home) -> None:
    home.begin()
    home.go(61)
    assert home.told() == ["ada", "ben"]
    home.restart()
    home.go(5)
    assert home.told() == []
    home.clock.now_s += 600  # it was off: what was missed is told once to each
    home.restart()
    home.go(30)
    assert home.told() == ["ada", "ben", "cleo"]


@pytest.mark.parametrize("hours", [-1, 1, -24 * 365, 24 * 365])
@pytest.mark.parametrize("restarts", [False, True])
def test_a_clock_that_jumps_loses_nothing_and_floods_nobody(home: Home, hours: int, restarts: bool) -> None:
    home.begin()
    home.go(50)
    assert home.told() == ["ada"]
    home.clock.jump_ms += hours * 3_600_000
    if restarts:
        home.restart()
    home.go(181)  # set back, a restart may put off a step by as long as it had waited
    told = home.told()
    assert {"ben", "cleo"} <= set(told)
    assert max(told.count(name) for name in ("ada", "ben", "cleo")) <= 2
    home.end()
    home.go(31)
    assert home.told() == ["ada", "ben", "cleo"]


def test_a_record_restored_from_yesterday_tells_once_of_what_was_active_then(home: Home, tmp_path: Path) -> None:
    home.begin()
    home.go(61)
    home.store.close()
    shutil.copy(tmp_path / "vigil.db", tmp_path / "yesterday")
    home.restart()
    home.end()
    home.go(31)
    home.told()
    home.clock.now_s += 86_400
    home.restart(store_from=tmp_path / "yesterday")
    home.go(60)
    assert home.told() == ["ada", "ben", "cleo"]
    home.end()
    home.go(31)
    assert home.told() == ["ada", "ben", "cleo"]
    home.go(3600, 60)
    assert home.told() == []


def test_alarms_from_before_there_was_anybody_to_tell_are_not_told(home: Home) -> None:
    (home.folder / "people.toml").unlink()
    home.restart()
    home.begin()
    home.go(5)
    home.end()
    home.go(40)
    home.people(ben={})
    home.go(100)
    assert home.told() == []
    home.begin()
    home.go()
    assert home.told() == ["ben"]  # there is no patient to be told first, so nobody waits for one


def test_a_typing_mistake_in_a_running_home_leaves_its_people_as_they_were(home: Home, caplog: Any) -> None:
    home.go()
    (home.folder / "people.toml").write_text('[[person]]\nname = "ada"\nrolle = "patient"\n')
    home.go(3)
    home.begin()
    home.go()
    assert home.told() == ["ada"]
    assert home.delivery.problems == [
        f"{home.folder / 'people.toml'}: person 'ada' has rolle, which is not a key Vigil knows"
    ]
    assert home.delivery.problems[0] in caplog.text


def test_a_people_file_that_cannot_be_read_at_the_start_is_an_alarm_when_it_matters(home: Home) -> None:
    (home.folder / "people.toml").write_text("[[person]")
    home.restart()
    home.go(5)
    assert not home.has_alarm(DELIVERY_FAILING)
    home.begin()
    home.go()
    assert home.has_alarm(DELIVERY_FAILING)


def test_a_bridge_tells_within_moments_of_a_change(home: Home, until: Callable[..., Any], run: Any) -> None:
    async def changed() -> None:
        pass

    async def scene() -> None:
        events = Events()
        delivery = Delivery(home.store, events, Clock(), home.folder / "people.toml", changed)
        running = asyncio.create_task(delivery.run())
        await until(lambda: delivery.people.persons, 10)
        await asyncio.to_thread(home.begin)
        events.publish("alarms")
        await until(lambda: home.server.taken, 10)
        running.cancel()
        await asyncio.wait((running,))

    run(scene())
    assert home.told() == ["ada"]
