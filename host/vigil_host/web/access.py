"""Who may open the page: anybody at this computer, or those who know the passphrase once the house's network may.

Without a passphrase the page answers only requests addressed to this computer by name: a web site whose name is made
to point at 127.0.0.1 (DNS rebinding) sends its own name in the Host header and is refused. With one (`--lan`) every
page but the login needs a session: a random token in an HttpOnly, SameSite=Strict cookie, of which only the SHA-256
is kept. Whatever may change something must come from this page's own origin.
"""

import hashlib
import hmac
import ipaddress
import json
import re
import secrets
import socket
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigil_host import private_file
from vigil_host.rooms.messages import PATH

MIN_PASSPHRASE = 12
SESSION_S = 30 * 24 * 3600
COOKIE = "vigil_session"

_MAX_SESSIONS = 64
_SCRYPT: dict[str, int] = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26}  # 32 MiB, 0.1 s on a laptop
ANSWERS = "/answer/"
"""What is below it is for whoever has a link that names it: see `vigil_host.web.answer_page`."""
_OPEN_PATHS = frozenset(("/login", "/static/login.css", "/static/icon.svg"))
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::\d{1,5})?")

# uPlot sizes its canvas through the style object, which this policy allows; no inline script or style is used.
_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # "no-referrer" would make a browser send `Origin: null` with the login form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class AccessError(Exception):
    """The passphrase is not good enough, or its file cannot be used; one line, for the person who set it."""


class Logins:
    """The passphrase and the open sessions, kept in one file that only its owner may read (mode 0600)."""

    def __init__(self, path: Path, utc_s: Callable[[], float] = time.time) -> None:
        """Read the file at `path`; AccessError where it is not one of ours. It need not exist yet."""
        self._path = path
        self._utc_s = utc_s
        self._salt = b""
        self._hash = b""
        self._sessions: dict[str, float] = {}  # SHA-256 of the token: UTC second at which it ends
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            self._salt = bytes.fromhex(kept["salt"])
            self._hash = bytes.fromhex(kept["scrypt"])
            self._sessions = {str(name): float(end) for name, end in kept["sessions"].items()}
        except FileNotFoundError:
            pass
        except OSError as error:
            raise AccessError(f"the passphrase file {path} cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise AccessError(f"the passphrase file {path} is damaged: delete it and set a new passphrase") from None

    @property
    def has_passphrase(self) -> bool:
        """Whether a passphrase was ever set."""
        return bool(self._hash)

    def set_passphrase(self, passphrase: str) -> None:
        """Set the passphrase and end every session; AccessError where it is too short."""
        if len(passphrase.strip()) < MIN_PASSPHRASE:
            raise AccessError(
                f"the passphrase must have at least {MIN_PASSPHRASE} characters: four unrelated words do well"
            )
        self._salt = secrets.token_bytes(16)
        self._hash = _scrypt(passphrase, self._salt)
        self._sessions = {}
        self._keep()

    def is_passphrase(self, passphrase: str) -> bool:
        """Whether this is the passphrase. Takes 0.1 s and 32 MiB: call it in a thread, and one at a time."""
        return self.has_passphrase and hmac.compare_digest(_scrypt(passphrase, self._salt), self._hash)

    def begin(self) -> str:
        """Open a session and return its token; of too many, the one that would end first is ended."""
        token = secrets.token_urlsafe(32)
        now = self._utc_s()
        running = sorted((end, name) for name, end in self._sessions.items() if end > now)
        self._sessions = {name: end for end, name in running[-(_MAX_SESSIONS - 1) :]}
        self._sessions[_fingerprint(token)] = now + SESSION_S
        self._keep()
        return token

    def is_open(self, token: str) -> bool:
        """Whether `token` belongs to a session that has not ended."""
        return self._sessions.get(_fingerprint(token), 0.0) > self._utc_s()

    def end(self, token: str) -> None:
        """End the session of `token`."""
        if self._sessions.pop(_fingerprint(token), None) is not None:
            self._keep()

    def _keep(self) -> None:
        """Put the passphrase's hash and the sessions on disk."""
        kept = {"salt": self._salt.hex(), "scrypt": self._hash.hex(), "sessions": self._sessions}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            private_file.replace(self._path, json.dumps(kept))
        except OSError as error:
            raise AccessError(f"the passphrase file {self._path} cannot be written: {error.strerror}") from None


class Attempts:
    """How often a passphrase may be tried: `burst` times at once, then once in `refill_s` seconds."""

    def __init__(self, burst: int, refill_s: float, clock_s: Callable[[], float]) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._clock_s = clock_s
        self._full_at: dict[str, float] = {}  # when this address will have its whole burst again

    def wait_s(self, address: str) -> float:
        """Seconds until `address` may try again; 0 when it may now."""
        now = self._clock_s()
        return max(0.0, self._full_at.get(address, now) - now - (self._burst - 1) * self._refill_s)

    def count(self, address: str) -> None:
        """Count one attempt of `address`."""
        now = self._clock_s()
        if len(self._full_at) > 1000:
            self._full_at = {known: full for known, full in self._full_at.items() if full > now}
        self._full_at[address] = max(now, self._full_at.get(address, now)) + self._refill_s

    def forget(self, address: str) -> None:
        """Give `address` its whole burst back: it knew the passphrase."""
        self._full_at.pop(address, None)


class Access:
    """The rules of one page. Without `logins`: this computer only. With them: a login for everybody."""

    def __init__(
        self,
        logins: Logins | None = None,
        names: tuple[str, ...] = (),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`names` are host names under which the page may be asked for, beside the machine's own and addresses."""
        self.logins = logins
        machine = socket.gethostname().lower()
        self._names = {name.lower() for name in names} | {"localhost"}
        if logins:
            self._names |= {machine, machine.partition(".")[0] + ".local"}
        self._each = Attempts(5, 30.0, clock_s)
        self._all = Attempts(20, 3.0, clock_s)

    def is_host_allowed(self, host: str) -> bool:
        """Whether a request's Host header may be answered."""
        match = _HOST.fullmatch(host)
        if not match:
            return False
        name = match[1].strip("[]").lower()
        if name in self._names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # An address cannot be rebound, so any of the machine's own will do once a login guards the page.
        return self.logins is not None or address.is_loopback

    def is_welcome(self, request: HTTPConnection) -> bool:
        """Whether a request may see the page: always on this computer, else with an open session."""
        return self.logins is None or self.logins.is_open(request.cookies.get(COOKIE, ""))

    def wait_s(self, address: str) -> float:
        """Seconds before `address` may try a passphrase; each address is slowed down, and all of them together."""
        return max(self._each.wait_s(_network(address)), self._all.wait_s(""))

    def count_attempt(self, address: str) -> None:
        """Count a passphrase tried from `address`."""
        self._each.count(_network(address))
        self._all.count("")

    def forget_attempts(self, address: str) -> None:
        """The passphrase was right: `address` starts afresh."""
        self._each.forget(_network(address))


class Guard:
    """ASGI middleware that refuses what `Access` does not allow, and puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, access: Access, more_policy: str = "") -> None:
        """`more_policy` is put behind what all pages have as their Content-Security-Policy."""
        self._app = app
        self._access = access
        self._headers = {"Content-Security-Policy": _POLICY + more_policy, **_HEADERS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # Room bridges prove who they are, and are no browsers: every browser says where its page came from.
            if scope["path"] == PATH and "origin" not in Headers(scope=scope):
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        request = HTTPConnection(scope)
        headers = request.headers
        if request.url.path.startswith(ANSWERS):
            return None  # its token is all that counts: it comes under other names, and from other pages
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.is_host_allowed(hosts[0]):
            return PlainTextResponse("This page does not answer under that name.\n", 403)
        if scope["method"] not in ("GET", "HEAD") and not _is_own_origin(headers, hosts[0]):
            return PlainTextResponse("This must be sent from Vigil's own page.\n", 403)
        path = request.url.path
        if path in _OPEN_PATHS or self._access.is_welcome(request):
            return None
        if path == "/" and scope["method"] in ("GET", "HEAD"):
            return RedirectResponse("/login", 303)
        return JSONResponse({"error": "log in first"}, 401)


def client_address(scope: Scope) -> str:
    """The address a request came from."""
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else ""


def session_cookie(token: str, scope: Scope) -> dict[str, Any]:
    """Arguments for `Response.set_cookie`."""
    return {
        "key": COOKIE,
        "value": token,
        "max_age": SESSION_S,
        "httponly": True,
        "samesite": "strict",
        "secure": scope["scheme"] == "https",
    }


def _is_own_origin(headers: Headers, host: str) -> bool:
    origin = urlsplit(headers.get("origin", ""))
    return origin.scheme in ("http", "https") and origin.netloc.lower() == host.lower()


def _network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 an IPv6 host may choose its addresses from."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{known}/64", strict=False)) if known.version == 6 else str(known)


def _fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _scrypt(passphrase: str, salt: bytes) -> bytes:
    text = unicodedata.normalize("NFKC", passphrase.strip()).encode()
    return hashlib.scrypt(text, salt=salt, dklen=32, **_SCRYPT)
