"""The ways back: by which an answer to a message at an address may come.

Addresses of ntfy have a topic of answers on the same server, whose name nobody can guess: messages carry a button that
publishes to it. Addresses of MQTT have the topics TOPIC/json, where each alarm is told to programs, and TOPIC/answer.
Nothing of this needs an open port: the bridge asks the server.
"""

import base64
import json
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from vigil_host.answers.tokens import Tokens
from vigil_host.delivery.services import plugin_of

BUTTON = "I have seen it"


@dataclass(frozen=True)
class NtfyWay:
    """A topic of answers at the ntfy server whose address is `server`; `authorization` is what Vigil itself sends."""

    server: str
    topic: str = field(repr=False)
    authorization: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """A name without secrets."""
        return f"ntfy at {urlsplit(self.server).netloc}"

    def actions(self, token: str) -> str:
        """The button, as ntfy's header `X-Actions` has it. Nothing in it opens anything but this answer."""
        return f"http, {BUTTON}, {self.server}/{self.topic}, method=POST, body={token}, clear=true"


@dataclass(frozen=True)
class MqttWay:
    """A topic of answers at a broker."""

    host: str
    port: int
    topic: str
    is_secure: bool = False
    is_verified: bool = True
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """A name without secrets."""
        return f"MQTT at {self.host}"

    @property
    def answer_topic(self) -> str:
        """Where answers are published."""
        return f"{self.topic}/answer"


@dataclass(frozen=True)
class Question:
    """A message as it is to be sent, so that it can be answered.

    `actions` are ntfy's. `to_programs`: an address and what is to be sent there first, as it is; None: nothing.
    """

    body: str
    actions: str = ""
    to_programs: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Asking:
    """How messages ask. `public_url`: under which the page of answers can be opened; None: there is none."""

    tokens: Tokens
    public_url: str | None = None

    def way(self, url: str) -> NtfyWay | MqttWay | None:
        """The way back from an address; None where it has none of its own."""
        return _way(url, self.tokens)

    def link(self, token: str) -> str | None:
        """The address of the page that answers with this token."""
        return f"{self.public_url.rstrip('/')}/answer/{token}" if self.public_url else None

    def question(self, url: str, title: str, body: str, priority: str, token: str) -> Question:
        """Make a message to an address one that can be answered with `token`."""
        link = self.link(token)
        said = f"{body} To say that you have seen it: {link}" if link else body
        way = self.way(url)
        if isinstance(way, NtfyWay):
            return Question(said, way.actions(token))
        if isinstance(way, MqttWay):
            told = {"title": title, "message": body, "priority": priority, "answer": token}
            told["answer_topic"] = way.answer_topic
            return Question(said, to_programs=(_json_url(url, way.topic), json.dumps(told)))
        return Question(said)


@lru_cache(maxsize=256)
def _way(url: str, tokens: Tokens) -> NtfyWay | MqttWay | None:
    kind = url.partition("://")[0].lower()
    if kind not in ("ntfy", "ntfys", "mqtt", "mqtts"):
        return None
    plugin = plugin_of(url)
    if plugin is None or not plugin.topics:
        return None
    if kind.startswith("mqtt"):
        topic = plugin.topics[0]
        verified = bool(plugin.verify_certificate)
        return MqttWay(plugin.host, plugin.port, topic, plugin.secure, verified, plugin.user, plugin.password)
    if "actions=" in urlsplit(url).query:
        return None  # it has buttons of its own
    if plugin.mode == "cloud":
        return NtfyWay(plugin.cloud_notify_url, f"vigil-answer-{tokens.name(plugin.cloud_notify_url)}")
    server = f"{'https' if plugin.secure else 'http'}://{plugin.host}"
    if isinstance(plugin.port, int):
        server += f":{plugin.port}"
    authorization = None
    if plugin.auth == "token" and plugin.token:
        authorization = f"Bearer {plugin.token}"
    elif plugin.auth == "basic" and plugin.user:
        both = f"{plugin.user}:{plugin.password or ''}"
        authorization = "Basic " + base64.b64encode(both.encode()).decode()
    return NtfyWay(server, f"vigil-answer-{tokens.name(server)}", authorization)


def _json_url(url: str, topic: str) -> str:
    """The address of the topic where programs are told, at the same broker."""
    parts = urlsplit(url)
    kept = {key: value for key, value in parse_qsl(parts.query) if key not in ("to", "retain")}
    kept.setdefault("qos", "1")
    return urlunsplit((parts.scheme, parts.netloc, "/" + quote(f"{topic}/json"), urlencode(kept), ""))
