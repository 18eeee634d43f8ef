"""A server that takes messages as ntfy does and streams them on, over real HTTP; it can refuse them or never answer."""

import json
import threading
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Taken:
    """A message that was taken."""

    topic: str
    title: str
    body: str
    headers: Message = field(repr=False)


class NtfyServer:
    """`taken` has what came, in order. Topics in `refusing` get status 403, those in `hanging` no answer.

    `GET /TOPIC/json?since=ID` streams what a topic has had since that message (`all`: ever) and what it gets, as ntfy
    does; `streams` counts how often it was asked for. `is_away`: nobody is answered.
    """

    def __init__(self, has_sequences: bool = True) -> None:
        self.taken: list[Taken] = []
        self.asked: list[str] = []
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()
        self.released = threading.Event()
        self.is_away = False
        self.streams: list[str] = []
        self._lines: list[tuple[str, str, bytes]] = []  # topic, id, line
        self._published = threading.Condition()
        self._has_sequences = has_sequences
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                if server.is_away:
                    self.close_connection = True
                    return
                asked = urlsplit(self.path)
                if asked.path.endswith("/json"):
                    self._stream(asked.path.strip("/").removesuffix("/json"), parse_qs(asked.query)["since"][0])
                    return
                self._answer(403 if self.path.strip("/") in server.refusing else 200, {})

            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if len(said.encode()) < int(self.headers["Content-Length"]):
                    return  # the sender was killed
                if server.is_away:
                    self.close_connection = True
                    return
                topic = self.path.strip("/")
                title = self.headers.get("Title", "")
                if not topic:  # as Apprise sends
                    payload = json.loads(said)
                    topic, title, said = payload["topic"], payload.get("title", ""), payload["message"]
                server.asked.append(topic)
                if topic in server.hanging:
                    server.released.wait(30)
                elif topic in server.refusing:
                    self._answer(403, {"error": "forbidden"})
                else:
                    server.taken.append(Taken(topic, title, said, self.headers))
                    server.publish(topic, said)
                    sequence = self.headers.get("X-Sequence-ID") if server._has_sequences else None
                    self._answer(200, {"id": "a", **({"sequence_id": sequence} if sequence else {})})

            def _stream(self, topic: str, since: str) -> None:
                if topic in server.refusing:
                    self._answer(403, {"error": "forbidden"})
                    return
                server.streams.append(since)
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self._chunk(b'{"event":"open"}\n')
                known = [message_id for _topic, message_id, _line in server._lines]
                sent = known.index(since) + 1 if since in known else 0
                while not server.released.is_set() and not server.is_away:
                    with server._published:
                        if not server._lines[sent:]:
                            server._published.wait(0.05)
                        lines = server._lines[sent:]
                    for its_topic, _id, line in lines:
                        if its_topic == topic:
                            self._chunk(line)
                    sent += len(lines)
                self.close_connection = True

            def _chunk(self, data: bytes) -> None:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

            def _answer(self, status: int, said: dict[str, Any]) -> None:
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]

    def __enter__(self) -> "NtfyServer":
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()

    def url(self, topic: str) -> str:
        """The address of a topic, as Apprise knows it."""
        return f"ntfy://127.0.0.1:{self.port}/{topic}"

    def titles(self, topic: str | None = None) -> list[str]:
        """Titles of what was taken, of one topic or of all."""
        return [each.title for each in self.taken if topic in (None, each.topic)]

    def publish(self, topic: str, text: str) -> None:
        """Have a message in a topic."""
        message_id = f"m{len(self._lines)}"
        line = json.dumps({"id": message_id, "event": "message", "topic": topic, "message": text})
        self.publish_line(topic, line.encode() + b"\n", message_id)

    def publish_line(self, topic: str, line: bytes, message_id: str = "") -> None:
        """Have a line, whatever it is, in the stream of a topic."""
        with self._published:
            self._lines.append((topic, message_id, line))
            self._published.notify_all()

    def press(self, taken: Taken) -> str:
        """Press the button of a message, as ntfy's app does; what it published is returned."""
        kind, _label, url, *options = taken.headers["X-Actions"].split(", ")
        told = dict(option.split("=", 1) for option in options)
        assert (kind, told["method"]) == ("http", "POST")
        address = urlsplit(url)
        connection = HTTPConnection(address.netloc)
        connection.request("POST", address.path, told["body"])
        assert connection.getresponse().status == 200
        connection.close()
        return told["body"]
