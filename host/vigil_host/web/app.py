"""The page and its JSON as one Starlette application. What people do with it is in `vigil_host.web.actions`."""

import html
import math
import re
from collections.abc import Callable
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

from anyio import CapacityLimiter, to_thread
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from vigil_host import words
from vigil_host.alerts import Alerts
from vigil_host.answers.answers import Answers
from vigil_host.assets import asset
from vigil_host.clock import Clock
from vigil_host.delivery.delivery import Delivery
from vigil_host.devices import Devices
from vigil_host.events import Events
from vigil_host.live import Live
from vigil_host.rooms.messages import PATH as ROOMS_PATH
from vigil_host.rooms.primary import Rooms
from vigil_host.store import Store, StoreError
from vigil_host.store.rollups import SPANS_S
from vigil_host.web import trend
from vigil_host.web.access import COOKIE, Access, AccessError, Guard, Logins, client_address, session_cookie
from vigil_host.web.actions import Actions, Hand
from vigil_host.web.answer_page import AnswerPage
from vigil_host.web.picture import Limits, Picture
from vigil_host.web.stream import Streams
from vigil_wire.settings import Settings

LONGEST_TREND_MS = 20 * 366 * 86_400_000
LONGEST_OF_ROWS_MS = 2 * 3_600_000  # longer trends are drawn from roll-ups
MOST_ROWS = 10_000  # more than that holds at one row a second, so that none is left out

_STATIC = Path(__file__).parent / "static"
_MOST_FORM_BYTES = 4096
_ROW_ID = re.compile(r"\d{1,18}")


def create_app(
    store: Store,
    live: Live,
    alerts: Alerts,
    events: Events,
    *,
    access: Access,
    limits: Limits,
    rooms: Rooms | None = None,
    clock: Clock | None = None,
    settings: Callable[[str], Settings | None] = lambda _device: None,
    hand: Hand | None = None,
    devices: Devices | None = None,
    delivery: Delivery | None = None,
    emergency_number: Callable[[], str | None] = lambda: None,
    answers: Answers | None = None,
) -> Starlette:
    """Make the application. `limits` and `settings` give what is in force on a device (see `picture`).

    Routes: `/` the page; `/api/state`, `/api/trend`, `/api/events` what it shows; `/healthz`; `/static/`; where a
    passphrase guards it, `/login` and `/logout`; where there are `rooms`, the WebSocket by which they join; and where
    there is a `hand`, what it does for people who use the page, to alarms and to the known `devices`. `delivery` tells
    people of alarms. Where there are `answers` with a public address, the page of the links in messages.
    """
    clock = clock or Clock()
    views = rooms.views if rooms else list
    picture = Picture(live, alerts, limits, clock, views, settings, store, emergency_number)
    streams = Streams(store, picture, events, clock)
    pages = _Pages(store, picture, streams, access, delivery, can_act=hand is not None)
    routes: list[BaseRoute] = [
        Route("/", pages.page),
        Route("/api/state", pages.state),
        Route("/api/trend", pages.trend),
        Route("/api/events", pages.events),
        Route("/healthz", pages.health),
        Mount("/static/uplot", _Static(directory=asset("vendor/uplot"))),
        Mount("/static", _Static(directory=_STATIC)),
    ]
    if hand and devices:
        routes += Actions(hand, devices, store, live, alerts, settings, delivery).routes()
    if rooms:
        routes.append(WebSocketRoute(ROOMS_PATH, rooms.serve))
    if answers and answers.public_url:
        routes += AnswerPage(answers).routes()
    if access.logins:
        logging_in = _Login(access, access.logins)
        routes += [
            Route("/login", logging_in.form),
            Route("/login", logging_in.log_in, methods=["POST"]),
            Route("/logout", logging_in.log_out, methods=["POST"]),
        ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={StoreError: _store_failed},
    )
    app.state.streams = streams
    return app


class _Static(StaticFiles):
    """Files that a browser asks about each time, so that page and program never differ in version."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        response.headers["Cache-Control"] = "no-cache"
        return response


class _Pages:
    """What everybody may read who may see the page."""

    def __init__(
        self,
        store: Store,
        picture: Picture,
        streams: Streams,
        access: Access,
        delivery: Delivery | None,
        can_act: bool,
    ) -> None:
        self._delivery = delivery
        self._can_act = can_act
        self._store = store
        self._picture = picture
        self._streams = streams
        self._access = access
        self._one_trend_at_a_time = CapacityLimiter(1)  # ten years take tens of megabytes

    async def page(self, request: Request) -> Response:
        """Serve the page itself."""
        return FileResponse(_STATIC / "page.html", headers={"Cache-Control": "no-store"})

    async def state(self, request: Request) -> Response:
        """Everything the page shows, but for the trends."""
        state = await self._picture.live()
        alarms = await self._picture.alarms()
        newest = await run_in_threadpool(self._store.newest_row_id)
        more = {
            "newest_row_id": newest,
            "can_log_out": self._access.logins is not None,
            "can_act": self._can_act,
            "people": [person.name for person in self._delivery.people.persons] if self._delivery else [],
        }
        return JSONResponse(state | alarms | more)

    async def trend(self, request: Request) -> Response:
        """Columns of one device from `from` up to `to`, both in ms since 1970 UTC."""
        device = request.query_params.get("device")
        try:
            from_utc_ms, to_utc_ms = (int(request.query_params[name]) for name in ("from", "to"))
        except (KeyError, ValueError):
            return _bad("from and to must be whole milliseconds since 1970 UTC")
        if not device:
            return _bad("device is missing")
        if not 0 <= from_utc_ms < to_utc_ms < 1 << 53 or to_utc_ms - from_utc_ms > LONGEST_TREND_MS:
            return _bad("from must be before to, by twenty years at most")
        found = await to_thread.run_sync(self._trend, device, from_utc_ms, to_utc_ms, limiter=self._one_trend_at_a_time)
        return JSONResponse(found)

    async def events(self, request: Request) -> Response:
        """Stream; resumes after the row in Last-Event-ID, else after the one in `after`."""
        asked = request.headers.get("last-event-id") or request.query_params.get("after", "")
        after = int(asked) if _ROW_ID.fullmatch(asked) else None
        stream = self._streams.events(after, lambda: self._access.is_welcome(request))
        return EventSourceResponse(stream, headers={"Cache-Control": "no-store"}, ping=60)

    async def health(self, request: Request) -> Response:
        """Answer 200 while the store can be read."""
        await run_in_threadpool(self._store.newest_row_id)
        return JSONResponse({"status": "ok"})

    def _trend(self, device: str, from_utc_ms: int, to_utc_ms: int) -> dict[str, object]:
        length_ms = to_utc_ms - from_utc_ms
        if length_ms <= LONGEST_OF_ROWS_MS:
            rows = self._store.trend(device, from_utc_ms, to_utc_ms, MOST_ROWS)
            found = trend.columns(rows, from_utc_ms, to_utc_ms)
        else:
            bucket_s = length_ms // 1000 // trend.MAX_POINTS
            span_s = max(span_s for span_s in SPANS_S if span_s <= max(bucket_s, SPANS_S[0]))
            rollups = self._store.rollups(device, from_utc_ms, to_utc_ms, span_s)
            found = trend.columns_of_rollups(rollups, span_s, from_utc_ms, to_utc_ms)
        gaps = [
            {"begin_utc_ms": gap.begin_utc_ms, "end_utc_ms": gap.end_utc_ms, "text": words.gap(gap.records, gap.reason)}
            for gap in self._store.gaps_between(device, from_utc_ms, to_utc_ms)
        ]
        untimed = [
            {"earliest_utc_ms": each.earliest_utc_ms, "latest_utc_ms": each.latest_utc_ms, "text": words.untimed(each)}
            for each in self._store.untimed_between(device, from_utc_ms, to_utc_ms)
        ]
        span = {"device": device, "from_utc_ms": from_utc_ms, "to_utc_ms": to_utc_ms}
        return {**span, **found, "gaps": gaps, "untimed": untimed}


class _Login:
    """The login form and what it does."""

    def __init__(self, access: Access, logins: Logins) -> None:
        self._access = access
        self._logins = logins
        self._template = Template((_STATIC / "login.html").read_text(encoding="utf-8"))
        self._one_at_a_time = CapacityLimiter(1)  # each check takes 32 MiB

    async def form(self, request: Request) -> Response:
        """Serve the login page; whoever is logged in is sent on."""
        if self._access.is_welcome(request):
            return RedirectResponse("/", 303)
        return self._shown()

    async def log_in(self, request: Request) -> Response:
        """Check the passphrase and open a session."""
        address = client_address(request.scope)
        wait_s = self._access.wait_s(address)
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            return self._shown(f"Too many tries. Wait {seconds} seconds.", 429, {"Retry-After": str(seconds)})
        self._access.count_attempt(address)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_FORM_BYTES:
                return self._shown("That is too long to be the passphrase.", 413)
        passphrase = parse_qs(body.decode("utf-8", "replace")).get("passphrase", [""])[0]
        if not await to_thread.run_sync(self._logins.is_passphrase, passphrase, limiter=self._one_at_a_time):
            return self._shown("That is not the passphrase.", 401)
        self._access.forget_attempts(address)
        try:
            token = self._logins.begin()
        except AccessError as error:
            return self._shown(f"You cannot be logged in: {error}.", 500)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(**session_cookie(token, request.scope))
        return answer

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        self._logins.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    def _shown(self, problem: str = "", status_code: int = 200, headers: dict[str, str] | None = None) -> Response:
        return HTMLResponse(self._template.substitute(problem=html.escape(problem)), status_code, headers)


def _bad(problem: str) -> Response:
    return JSONResponse({"error": problem}, 400)


async def _store_failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503)
