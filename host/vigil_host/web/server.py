"""Serves the page inside a running asyncio loop, and says in one line why it cannot."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Generator

import uvicorn
from starlette.applications import Starlette

from vigil_host.rooms.messages import MAX_MESSAGE

_BACKLOG = 128
_CLOSE_S = 3  # an answer that is still being sent after this is cut off


class PortError(Exception):
    """The page cannot be served at this host and port; one line that says why and what to do."""


class WebServer:
    """One application on one port: `start()` returns its address, `close()` ends it."""

    def __init__(self, app: Starlette, host: str = "127.0.0.1", port: int = 0) -> None:
        """`port` 0 takes any free one."""
        self._app = app
        self._host = host
        self._port = port

    async def start(self) -> str:
        """Start to answer and return the page's address, as `http://127.0.0.1:8420/`; raises PortError."""
        listening = _listen(self._host, self._port)
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # the rate limit counts true addresses
            server_header=False,
            ws_max_size=MAX_MESSAGE,  # what room bridges send; there is no other
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=_CLOSE_S,
        )
        self._server = _Quiet(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise PortError(f"the page's server on port {self._port} ended while it started")
            await asyncio.sleep(0.01)
        host, port = listening.getsockname()[:2]
        if self._host in ("0.0.0.0", "::"):
            host = _own_address()
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    async def close(self) -> None:
        """End the open event streams, answer what is under way, and stop."""
        if hasattr(self._app.state, "streams"):
            self._app.state.streams.close()
        self._server.should_exit = True
        await self._task


class _Quiet(uvicorn.Server):
    """uvicorn without its signal handlers: the command that runs the loop has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise PortError(_why(error, host, port)) from None
    except OverflowError:
        listening.close()
        raise PortError(f"there is no port {port}: choose one from 1 to 65535 with --port") from None
    listening.setblocking(False)
    return listening


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use by another program: stop it, or choose another port with --port"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has: choose one above 1023 with --port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this computer has no address {host}: choose one it has"
    return f"the page cannot be served at {host} port {port}: {error.strerror}"


def _own_address() -> str:
    """The address under which others in the house reach this computer; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
