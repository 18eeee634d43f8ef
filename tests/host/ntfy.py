"""A server that takes messages as ntfy does, over real HTTP, and can refuse them or never answer."""

import json
import threading
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Taken:
    """A message that was taken."""

    topic: str
    title: str
    body: str
    headers: Message = field(repr=False)


class NtfyServer:
    """`taken` has what came, in order. Topics in `refusing` get status 403, those in `hanging` no answer."""

    def __init__(self, has_sequences: bool = True) -> None:
        self.taken: list[Taken] = []
        self.asked: list[str] = []
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()
        self.released = threading.Event()
        self._has_sequences = has_sequences
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                self._answer(403 if self.path.strip("/") in server.refusing else 200, {})

            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if len(said.encode()) < int(self.headers["Content-Length"]):
                    return  # the sender was killed
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
                    sequence = self.headers.get("X-Sequence-ID") if server._has_sequences else None
                    self._answer(200, {"id": "a", **({"sequence_id": sequence} if sequence else {})})

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
