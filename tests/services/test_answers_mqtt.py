"""Answers over a real broker, as a Home Assistant automation gives them, also while the bridge is away."""

import asyncio
import json
import os
import queue
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt import publish
from paho.mqtt.enums import CallbackAPIVersion
from tests.host.ntfy import NtfyServer
from tests.host.test_answers import OTHERS_KEY, AnsweringHome, until

from vigil_host.answers.mqtt import MqttListener
from vigil_host.answers.mqtt import publish as press
from vigil_host.answers.tokens import MESSAGE, Token, Tokens
from vigil_host.answers.ways import MqttWay

TOPIC = "home/ben"


@contextmanager
def home_of(folder: Path, port: int) -> Iterator[AnsweringHome]:
    with NtfyServer() as server:
        home = AnsweringHome(folder, "7a718bab", server)
        url = f"mqtt://127.0.0.1:{port}/{TOPIC}"
        (folder / "people.toml").write_text(f'[[person]]\nname = "Ben"\nrole = "caregiver"\nurls = ["{url}"]\n')
        with closing(home.store):
            yield home


@contextmanager
def automation(port: int) -> Iterator["queue.Queue[bytes]"]:
    """What an automation that is triggered by TOPIC/json gets."""
    came: queue.Queue[bytes] = queue.Queue()
    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2)
    subscriber.on_message = lambda _client, _data, message: came.put(bytes(message.payload))
    subscriber.on_subscribe = lambda *_arguments: came.put(b"subscribed")
    subscriber.connect("127.0.0.1", port)
    subscriber.subscribe(f"{TOPIC}/json", qos=1)
    subscriber.loop_start()
    try:
        assert came.get(timeout=10) == b"subscribed"
        yield came
    finally:
        subscriber.loop_stop()


def is_heard(home: AnsweringHome) -> bool:
    """Whether the broker knows that the bridge wants to hear."""
    return len(home.answers._listeners) == 1 and home.answers.unheard() == []


def test_an_automation_answers_also_while_the_bridge_is_away(tmp_path: Path, port: int) -> None:
    with home_of(tmp_path, port) as home:
        with automation(port) as came:
            alarm_id = home.begin()
            home.go()
            told = json.loads(came.get(timeout=10))
        assert told["title"] == "HIGH: Very low oxygen, Ada" and told["priority"] == "high"
        assert told["message"].startswith("Ada: Very low oxygen") and told["answer_topic"] == f"{TOPIC}/answer"

        # Known to the broker since an earlier run of the bridge:
        home.hear_until(lambda: is_heard(home))
        publish.single(told["answer_topic"], told["answer"], qos=1, hostname="127.0.0.1", port=port)
        home.restart()
        home.go()
        home.hear_until(lambda: bool(home.acknowledged))
        assert home.acknowledged == [(alarm_id, "Ben")]


def test_garbage_floods_and_long_payloads_do_nothing(tmp_path: Path, port: int) -> None:
    with home_of(tmp_path, port) as home:
        way = home.asking.way(f"mqtt://127.0.0.1:{port}/{TOPIC}")
        assert isinstance(way, MqttWay)
        alarm_id = home.begin()
        home.go()
        (entry,) = home.store.look(lambda connection: connection.exec_driver_sql("SELECT * FROM message").all())
        token = home.tokens.make(Token(MESSAGE, entry.id, entry.decided_utc_ms // 1000))
        forged = Tokens(OTHERS_KEY).make(Token(MESSAGE, entry.id, entry.decided_utc_ms // 1000))
        rubbish = [os.urandom(5_000_000), b"\xff\xfe", b"", *[forged.encode()] * 500]
        messages = [(way.answer_topic, payload, 1, False) for payload in rubbish]

        async def flood() -> None:
            await until(lambda: is_heard(home))
            await asyncio.to_thread(publish.multiple, messages, hostname="127.0.0.1", port=port)
            assert await asyncio.to_thread(press, way, token) is None
            await until(lambda: bool(home.acknowledged))

        asyncio.run(home.hear_while(flood()))
        assert home.acknowledged == [(alarm_id, "Ben")]
        assert home.answers.refused == 502  # the longest never came: the broker kept it


def test_a_broker_that_is_away_takes_no_answer(port: int) -> None:
    assert press(MqttWay("127.0.0.1", port, "home/ben"), "token") is None
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert press(MqttWay("127.0.0.1", closed.getsockname()[1], "home/ben"), "token") == "ConnectionRefusedError"


def test_a_session_that_long_packets_have_stopped_goes_on(port: int) -> None:
    way = MqttWay("127.0.0.1", port, TOPIC)
    came: list[str] = []

    async def take(text: str) -> None:
        came.append(text)

    async def scenario() -> None:
        listener = MqttListener(way, "vigil-test", lambda text: True, take, renew_s=0.3)
        hearing = asyncio.create_task(listener.run())
        await until(lambda: listener.is_hearing)
        long = [(way.answer_topic, b"x" * 5000, 1, False)] * 45
        await asyncio.to_thread(publish.multiple, long, hostname="127.0.0.1", port=port)
        assert await asyncio.to_thread(press, way, "an answer") is None
        await until(lambda: came == ["an answer"])
        hearing.cancel()
        await asyncio.wait((hearing,))

    asyncio.run(scenario())


def test_a_broker_that_refuses_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        way = MqttWay("127.0.0.1", closed.getsockname()[1], TOPIC)

        async def take(text: str) -> None:
            raise AssertionError(text)

        async def scenario() -> None:
            listener = MqttListener(way, "vigil-test", lambda text: True, take, renew_s=0.05)
            hearing = asyncio.create_task(listener.run())
            await asyncio.sleep(0.3)
            assert not listener.is_hearing
            hearing.cancel()
            await asyncio.wait((hearing,))

        asyncio.run(scenario())
    assert [each.message for each in caplog.records if each.name == "vigil_host.answers.mqtt"] == [
        "answers by MQTT at 127.0.0.1 are not heard: no connection"
    ]
