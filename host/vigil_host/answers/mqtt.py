"""Hears the answers that are published to a topic of an MQTT broker, by paho in a thread of its own.

The session outlives the connection, so the broker keeps what is published with QoS 1 while the bridge is away. Packets
longer than any answer are left out by the broker: MQTT 5, which says so, is needed.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from paho.mqtt import MQTTException
from paho.mqtt import client as mqtt
from paho.mqtt import publish as mqtt_publish
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from vigil_host.answers.tokens import GOOD_FOR_S
from vigil_host.answers.ways import MqttWay

MOST_WAIT_S = 60
RENEW_S = 300.0
"""The connection is made anew so often: mosquitto 2.0.11 sends nothing more after twenty packets that were too long."""
_MOST_PACKET_BYTES = 1024
_KEEPALIVE_S = 60

_log = logging.getLogger(__name__)


class MqttListener:
    """Gives every message of a topic to `take`, in its order. `is_worth` says in a thread which ones are."""

    def __init__(
        self,
        way: MqttWay,
        client_id: str,
        is_worth: Callable[[str], bool],
        take: Callable[[str], Coroutine[Any, Any, object]],
        renew_s: float = RENEW_S,
    ) -> None:
        self._way = way
        self._client_id = client_id
        self._is_worth = is_worth
        self._take = take
        self._renew_s = renew_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self.is_hearing = False
        self.problem: str | None = None

    async def run(self) -> None:
        """Hear for ever, also after the broker was away; ends only by cancellation."""
        self._loop = asyncio.get_running_loop()
        while True:
            client = self._client()
            client.loop_start()
            try:
                await asyncio.sleep(self._renew_s)
            finally:
                client.disconnect()
                await asyncio.to_thread(client.loop_stop)

    def _client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, self._client_id, protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(1, MOST_WAIT_S)
        if self._way.user:
            client.username_pw_set(self._way.user, self._way.password)
        if self._way.is_secure:
            client.tls_set_context(_tls(self._way))
        client.on_connect = self._connected
        client.on_connect_fail = lambda *_arguments: self._say("no connection")
        client.on_disconnect = self._disconnected
        client.on_message = self._came
        client.on_subscribe = self._subscribed
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has no type for it
        properties.MaximumPacketSize = _MOST_PACKET_BYTES
        properties.SessionExpiryInterval = GOOD_FOR_S
        client.connect_async(self._way.host, self._way.port, _KEEPALIVE_S, clean_start=False, properties=properties)
        return client

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._say(str(reason))
        else:
            client.subscribe(self._way.answer_topic, qos=1)

    def _subscribed(self, _client: mqtt.Client, _data: Any, _id: int, reasons: list[Any], _properties: Any) -> None:
        failed = next((str(reason) for reason in reasons if reason.is_failure), None)
        self._say(failed)
        self.is_hearing = failed is None

    def _disconnected(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.is_hearing = False
        if reason.is_failure and self.problem is None:
            self._say(str(reason))

    def _say(self, problem: str | None) -> None:
        """Log what is wrong when it begins, and when it is over."""
        if problem and self.problem is None:
            _log.warning("answers by %s are not heard: %s", self._way.name, problem)
        elif not problem and self.problem is not None:
            _log.info("answers by %s are heard again", self._way.name)
        self.problem = problem

    def _came(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        """Take in one message; it is acknowledged to the broker once this has returned."""
        text = message.payload.decode("ascii", "replace").strip()
        loop = self._loop
        if loop is not None and self._is_worth(text):
            asyncio.run_coroutine_threadsafe(self._take(text), loop).result()


def publish(way: MqttWay, token: str) -> str | None:
    """Publish an answer as an automation does; what went wrong, or None."""
    auth: Any = {"username": way.user, "password": way.password} if way.user else None
    tls: Any = _tls(way) if way.is_secure else None
    logging.getLogger("paho.mqtt.client").setLevel(logging.CRITICAL)  # it calls its own end of the connection an error
    try:
        mqtt_publish.single(way.answer_topic, token, 1, hostname=way.host, port=way.port, auth=auth, tls=tls)
    except (OSError, ValueError, MQTTException) as error:
        return type(error).__name__
    return None


def _tls(way: MqttWay) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not way.is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
