"""A message over a real broker, as a kitchen display that subscribes would have it."""

import asyncio
import queue
import socket

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from vigil_host.delivery.services import ServiceError, Services


def test_a_message_reaches_who_subscribes(port: int) -> None:
    came: queue.Queue[str] = queue.Queue()
    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2)
    subscriber.on_message = lambda _client, _data, message: came.put(message.payload.decode())
    subscriber.on_subscribe = lambda *_arguments: came.put("subscribed")
    subscriber.connect("127.0.0.1", port)
    subscriber.subscribe("house/kitchen", qos=1)
    subscriber.loop_start()
    try:
        assert came.get(timeout=10) == "subscribed"
        url = f"mqtt://127.0.0.1:{port}/house/kitchen?qos=1"
        asyncio.run(Services().send(url, "HIGH: Low oxygen, Ada", "Go to Ada now.", "high"))
        said = came.get(timeout=10)
    finally:
        subscriber.loop_stop()
    assert "HIGH: Low oxygen, Ada" in said and "Go to Ada now." in said


def test_a_broker_that_is_gone_is_a_failure() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{closed.getsockname()[1]}/house/kitchen"
    with pytest.raises(ServiceError):
        asyncio.run(Services(answer_s=15).send(url, "Title", "Body", "high"))
