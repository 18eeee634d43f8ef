"""An answer from outside the home: through real HTTP to a server shaped like ntfy, the record and the escalation."""

import asyncio
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.host.ntfy import NtfyServer, Taken
from tests.host.test_delivery import Home

from vigil_host.alerts import Alerts
from vigil_host.answers import asked
from vigil_host.answers.answers import EXPIRED, UNKNOWN, Answers
from vigil_host.answers.tokens import DRILL, GOOD_FOR_S, MESSAGE, Token, Tokens, TokensError
from vigil_host.answers.ways import Asking, NtfyWay
from vigil_host.bridge import Bridge
from vigil_host.delivery import outbox
from vigil_host.devices import Devices
from vigil_host.events import Events
from vigil_host.live import Live
from vigil_host.store import Store
from vigil_wire import conditions, keys, link

OTHERS_KEY = b"k" * 32


class AnsweringHome(Home):
    """A home whose people can answer; `acknowledged` has what was acknowledged, and by whom."""

    def __init__(self, folder: Path, device_id: str, server: NtfyServer, public_url: str | None = None) -> None:
        self.public_url = public_url
        super().__init__(folder, device_id, server)
        self.begin_answers()

    def begin_answers(self) -> None:
        """As a bridge does at its start."""
        self.acknowledged: list[tuple[int, str]] = []
        self.tokens = Tokens.at(self.folder / "answer-key")
        self.asking = Asking(self.tokens, self.public_url)
        live = Live(list, self.clock)
        self.alerts = Alerts(self.store, live, Events(), self.clock)

        async def acknowledge(alarm_id: int, by: str) -> bool:
            await self.alerts.refresh()
            done = await self.alerts.acknowledge(alarm_id, by) is not None
            if done:
                self.acknowledged.append((alarm_id, by))
            return done

        drills_path = self.folder / "drill-answers.json"
        self.answers = Answers(
            self.store, self.asking, self.clock, acknowledge, lambda: self.delivery.people, drills_path
        )
        self.delivery.ask = self.answers.question

    def restart(self, store_from: Path | None = None) -> None:
        super().restart(store_from)
        self.begin_answers()

    def hear_until(self, is_so: Callable[[], bool]) -> None:
        """Let the bridge hear its ways back until something is so."""
        asyncio.run(self.hear_while(until(is_so)))

    async def hear_while(self, other: Awaitable[object]) -> None:
        """Hear the ways back as long as `other` takes."""
        hearing = asyncio.create_task(self.answers.run())
        try:
            await other
        finally:
            hearing.cancel()
            with suppress(asyncio.CancelledError):
                await hearing

    def message(self, topic: str) -> Taken:
        """The newest message that a person got."""
        return [each for each in self.server.taken if each.topic == topic][-1]

    def answer_topic(self) -> str:
        way = self.asking.way(self.server.url("ada"))
        assert isinstance(way, NtfyWay)
        return way.topic

    def take(self, text: str) -> str:
        return asyncio.run(self.answers.take(text)).state


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, and say so where it never is."""
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.005)


@pytest.fixture
def server() -> Iterator[NtfyServer]:
    with NtfyServer() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, device_id: str, server: NtfyServer) -> Iterator[AnsweringHome]:
    home = AnsweringHome(tmp_path, device_id, server)
    yield home
    home.store.close()


def test_a_pressed_button_ends_the_escalation(home: AnsweringHome) -> None:
    alarm_id = home.begin()
    home.go(60)
    assert home.told() == ["ada", "ben"]
    home.go(60)
    home.server.press(home.message("ada"))
    home.hear_until(lambda: bool(home.acknowledged))
    assert home.acknowledged == [(alarm_id, "ada")]
    home.told()
    home.go(290)
    assert home.told() == []
    (alarm,) = home.store.active_alarms()
    assert alarm.acknowledged_by == "ada"


def test_the_button_has_no_password_and_no_name(home: AnsweringHome) -> None:
    url = f"ntfy://vigil:secret-word@127.0.0.1:{home.server.port}/ada"
    home.people(ada={"role": "patient"})
    (home.folder / "people.toml").write_text(f'[[person]]\nname = "Ada"\nrole = "patient"\nurls = ["{url}"]\n')
    home.begin()
    home.go()
    actions = home.message("ada").headers["X-Actions"]
    assert "secret-word" not in actions and "Ada" not in actions and "Authorization" not in actions
    assert home.message("ada").headers["X-Priority"] == "max"


def test_what_was_pressed_while_the_bridge_was_down_counts_when_it_is_back(home: AnsweringHome) -> None:
    alarm_id = home.begin()
    home.go()
    home.server.press(home.message("ada"))
    home.clock.now_s += 30
    home.restart()
    home.go()
    home.hear_until(lambda: bool(home.acknowledged))
    assert home.acknowledged == [(alarm_id, "ada")]
    home.told()
    home.go(200)
    assert home.told() == []


def test_what_was_pressed_while_the_server_was_away_counts_and_nothing_is_read_twice(home: AnsweringHome) -> None:
    home.begin()
    home.go()
    server, topic = home.server, home.answer_topic()

    async def outage() -> None:
        await until(lambda: bool(server.streams))
        server.publish(topic, "nothing of ours")
        await until(lambda: home.answers.refused == 1)
        server.is_away = True
        before = len(server.asked)
        await until(lambda: len(server.asked) > before + 2)
        server.is_away = False
        server.press(home.message("ada"))
        await until(lambda: bool(home.acknowledged))

    asyncio.run(home.hear_while(outage()))
    assert home.answers.refused == 1
    assert server.streams[0] == "all" and server.streams[-1].startswith("m")


def test_an_answer_after_the_alarm_is_over_does_nothing(home: AnsweringHome) -> None:
    home.begin()
    home.go()
    token = home.server.press(home.message("ada"))
    home.end()
    assert home.take(token) == asked.OVER
    home.go(60)
    home.begin("battery_low", "low")
    home.go()
    assert home.take(token) == asked.OVER
    assert home.acknowledged == []


def test_an_answer_acknowledges_its_own_alarm_alone(home: AnsweringHome) -> None:
    battery = home.begin("battery_low", "low")
    home.go()
    battery_token = home.server.press(home.message("ada"))
    home.begin()
    home.go()
    assert home.take(battery_token) == asked.ACKNOWLEDGED
    assert home.acknowledged == [(battery, "ada")]
    assert [alarm.condition for alarm in home.store.active_alarms() if not alarm.acknowledged_by] == ["spo2_very_low"]


def test_a_condition_that_came_back_at_once_is_acknowledged_by_the_answer_to_its_episode(home: AnsweringHome) -> None:
    home.begin()
    home.go(1)
    token = home.server.press(home.message("ada"))
    home.end()
    home.go(10)
    again = home.begin()
    home.go(10)
    assert home.take(token) == asked.ACKNOWLEDGED
    assert home.acknowledged == [(again, "ada")]


def test_an_old_answer_cannot_hold_an_alarm_acknowledged_for_ever(home: AnsweringHome) -> None:
    home.begin()
    home.go()
    token = home.server.press(home.message("ada"))
    assert home.take(token) == asked.ACKNOWLEDGED
    assert home.take(token) == asked.ACKNOWLEDGED
    assert len(home.acknowledged) == 1
    home.go(299)
    home.clock.now_s += 1
    asyncio.run(home.alerts.step())  # five minutes are over
    assert home.take(token) == asked.ASKED_AGAIN  # also before anybody was told anew
    home.told()
    home.go()
    assert home.told() == ["ada"]
    assert home.take(token) == asked.ASKED_AGAIN
    home.go(120)
    assert home.take(home.server.press(home.message("ada"))) == asked.ACKNOWLEDGED
    assert len(home.acknowledged) == 2


def test_an_answer_to_a_lower_priority_does_not_acknowledge_a_higher_one(home: AnsweringHome) -> None:
    home.begin("no_reading", "low")
    home.go()
    token = home.server.press(home.message("ada"))
    with home.store._writing() as connection:
        connection.exec_driver_sql("UPDATE alarm SET priority = 'high'")
    assert home.take(token) == asked.ASKED_AGAIN
    home.go()
    assert home.take(token) == asked.ASKED_AGAIN
    assert home.acknowledged == []


def test_a_record_that_was_set_back_does_not_take_answers_to_messages_it_does_not_know(home: AnsweringHome) -> None:
    home.store.close()
    yesterday = home.folder / "yesterday.db"
    yesterday.write_bytes((home.folder / "vigil.db").read_bytes())
    home.restart()
    home.begin()
    home.go()
    token = home.server.press(home.message("ada"))
    home.restart(store_from=yesterday)
    home.clock.now_s += 60
    assert home.take(token) == UNKNOWN
    home.begin("battery_low", "low")
    home.go()
    (message,) = home.store.look(outbox.newest_messages, 10)
    read = home.tokens.read(token)
    assert read is not None and read.number == message.id  # the number is given again
    assert home.take(token) == UNKNOWN
    assert home.acknowledged == []


def test_a_token_of_another_day_or_key_is_refused(home: AnsweringHome) -> None:
    home.begin()
    home.go()
    token = home.server.press(home.message("ada"))
    read = home.tokens.read(token)
    assert read is not None
    assert home.take(Tokens(OTHERS_KEY).make(read)) == UNKNOWN
    for at in range(len(token)):
        bent = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        assert home.take(bent) == UNKNOWN
    home.clock.now_s += GOOD_FOR_S + 1
    assert home.take(token) == EXPIRED
    assert home.acknowledged == []


@pytest.mark.parametrize(
    "text", ["", "A", "A" * 35, "A" * 36, "A" * 37, "é" * 36, "A" * 36 + "\n", "=" * 36, "\0" * 36]
)
def test_nonsense_is_no_token(text: str) -> None:
    assert Tokens(OTHERS_KEY).read(text) is None


def test_a_token_says_what_it_was_made_of() -> None:
    tokens = Tokens(OTHERS_KEY)
    for token in (Token(MESSAGE, 1, 1_795_000_000), Token(DRILL, 2**48 - 1, 0)):
        assert tokens.read(tokens.make(token)) == token


def test_the_key_is_its_owners_alone_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "answer-key"
    made = Tokens.at(path).make(Token(MESSAGE, 1, 2))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Tokens.at(path).read(made) == Token(MESSAGE, 1, 2)
    path.write_text("not a key")
    with pytest.raises(TokensError, match="holds no key"):
        Tokens.at(path)
    assert path.read_text() == "not a key"


def test_garbage_and_floods_in_the_topic_do_nothing_and_the_next_answer_counts(
    home: AnsweringHome, caplog: pytest.LogCaptureFixture
) -> None:
    home.begin()
    home.go()
    topic = home.answer_topic()
    for line in (
        b"\n",
        b"\xff\xfe\x00\n",
        b"[" * 4000 + b"\n",
        b'{"event":"message","message":["a"],"id":7}\n',
        b'{"event":"message","message":"\\ud800","id":"x y"}\n',
        b'{"event":"message","id":"' + b"9" * 200_000 + b'","message":"' + b"A" * 5_000_000 + b'"}\n',
        b"7\n",
        b'{"event":"keepalive"}\n',
    ):
        home.server.publish_line(topic, line)
    forger = Tokens(OTHERS_KEY)
    for number in range(2000):
        home.server.publish(topic, forger.make(Token(MESSAGE, number % 5, 1_795_000_000)))
    token = home.server.press(home.message("ada"))
    for _ in range(200):
        home.server.publish(topic, token)
    home.server.publish(topic, "the end")
    home.hear_until(lambda: home.answers.refused >= 2002)
    assert home.acknowledged == [(1, "ada")]
    assert len(caplog.records) <= 30


def test_a_server_that_refuses_is_asked_ever_more_rarely_and_said_once(
    home: AnsweringHome, caplog: pytest.LogCaptureFixture
) -> None:
    home.go()
    home.server.refusing.add(home.answer_topic())
    before_s = home.clock.now_s
    home.hear_until(lambda: len(home.server.asked) >= 8)
    assert home.clock.now_s - before_s > 1 + 2 + 4 + 8 + 16 + 32
    assert len([each for each in caplog.records if "HTTP status 403" in each.message]) == 1
    assert home.answer_topic() not in caplog.text


def test_people_who_come_and_go_are_followed(home: AnsweringHome) -> None:
    home.people(ada={"role": "patient"})
    home.go()

    async def change() -> None:
        await until(lambda: len(home.server.streams) == 1)
        with NtfyServer() as other:
            text = f'[[person]]\nname = "ada"\nrole = "patient"\nurls = ["{other.url("ada")}"]\n'
            (home.folder / "people.toml").write_text(text)
            home.clock.now_s += 5
            await home.delivery.step()
            await until(lambda: len(other.streams) == 1)

    asyncio.run(home.hear_while(change()))


def test_a_message_goes_out_though_nothing_is_known_of_a_way_back(home: AnsweringHome) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("a fault of our own")

    home.delivery.ask = broken  # type: ignore[assignment]
    home.begin()
    home.go()
    assert home.told() == ["ada"]


def test_only_alarms_ask_for_an_answer(home: AnsweringHome) -> None:
    home.begin()
    home.go(1)
    home.end()
    home.go(40)
    alarm, over = (each for each in home.server.taken if each.topic == "ada")
    assert "X-Actions" in alarm.headers
    assert over.title.startswith("Over") and "X-Actions" not in over.headers


def test_a_press_far_away_ends_the_telling_and_silences_nothing_at_the_device(
    tmp_path: Path, server: NtfyServer, key: bytes, content_bytes: Any, air: Any, mocker: Any
) -> None:
    """The whole bridge, from the advert to the press."""

    async def scenario() -> None:
        devices = Devices(tmp_path / "devices.toml")
        device_id = devices.add(keys.setup_code(key), "Ada", "Band").id
        (tmp_path / "people.toml").write_text(
            f'[[person]]\nname = "Ben"\nrole = "caregiver"\nurls = ["{server.url("b")}"]\n'
        )
        with Store.open(tmp_path / "vigil.db") as store:
            bridge = Bridge(store, devices, air.scanner, mocker.Mock(), people_path=tmp_path / "people.toml")
            sent = mocker.spy(bridge, "send")
            running = asyncio.create_task(bridge.run())
            await until(lambda: bool(server.streams))
            air.advertise(key, content_bytes(alarm_bits=1 << conditions.SPO2_VERY_LOW))
            await until(lambda: bool(server.taken))
            await asyncio.to_thread(server.press, server.taken[0])
            await until(lambda: sent.call_count == 1)
            command = link.alarm_command(link.ACKNOWLEDGE, conditions.SPO2_VERY_LOW, conditions.FROM_AFAR)
            sent.assert_called_once_with(device_id, command)
            (alarm,) = [each for each in store.active_alarms() if each.condition == "spo2_very_low"]
            assert alarm.acknowledged_by == "Ben"
            await bridge.close()
            await running

    asyncio.run(scenario())
