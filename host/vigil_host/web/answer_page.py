"""The page of a link in a message: it says again what the message said, and has one button.

Only pressing it does anything: programs that look at links before a person does only GET them. Whoever has the link may
see this page; it needs no login, and tells nothing that the message has not told.
"""

import html
import math
import time
from collections.abc import Callable
from pathlib import Path
from string import Template

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from vigil_host.answers import asked
from vigil_host.answers.answers import DRILLED, EXPIRED, UNKNOWN, Answer, Answers
from vigil_host.answers.tokens import LENGTH
from vigil_host.answers.ways import BUTTON
from vigil_host.web.access import ANSWERS, Attempts

_STATIC = Path(__file__).parent.parent / "web" / "static"
_STATUS_CODES = {UNKNOWN: 404, EXPIRED: 410}
_SAID = {
    UNKNOWN: "This link is not one of Vigil's, or a part of it is missing. Open it from the message itself.",
    EXPIRED: "This link is more than a day old, and does nothing any more.",
    DRILLED: "This is a drill: no alarm, nothing to do. The button shows that your answer comes back.",
    asked.OPEN: "Nobody has said yet that they have seen it.",
    asked.ACKNOWLEDGED: "Somebody has said that they have seen it. There is nothing to answer now.",
    asked.OVER: "It is over. There is nothing to answer.",
    asked.ASKED_AGAIN: "This was asked again since. Answer the newest message: only that one counts.",
}
_DONE = (
    "Thank you. The others are told nothing more for now; an alarm of high priority comes again after five minutes if "
    "it goes on. The device goes on sounding: whoever is there silences it with its button."
)
_DRILL_DONE = "Thank you. Your answer came back."


class AnswerPage:
    """Its routes. `clock_s` is for the rate limit."""

    def __init__(self, answers: Answers, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._answers = answers
        self._template = Template((_STATIC / "answer.html").read_text(encoding="utf-8"))
        self._wrong = Attempts(30, 1.0, clock_s)  # all together: behind a proxy everybody has its address
        self._each = Attempts(20, 3.0, clock_s)

    def routes(self) -> list[Route]:
        """All under one path, with nothing from elsewhere."""
        return [
            Route(ANSWERS + "style.css", self.style),
            Route(ANSWERS + "{token}", self.show),
            Route(ANSWERS + "{token}", self.answer, methods=["POST"]),
        ]

    async def style(self, request: Request) -> Response:
        """The page's looks."""
        return FileResponse(_STATIC / "login.css")

    async def show(self, request: Request) -> Response:
        """Say what was asked, with a button where an answer would do something. Changes nothing."""
        token = request.path_params["token"][: LENGTH + 1]
        return self._refusal(token) or self._shown(token, await self._answers.look(token))

    async def answer(self, request: Request) -> Response:
        """Acknowledge."""
        token = request.path_params["token"][: LENGTH + 1]
        return self._refusal(token) or self._shown(token, await self._answers.take(token), is_pressed=True)

    def _refusal(self, token: str) -> Response | None:
        """What is asked for too often is not looked at; guesses never keep a right answer out."""
        attempts, key = (self._each, token) if self._answers.is_worth(token) else (self._wrong, "")
        wait_s = math.ceil(attempts.wait_s(key))
        if wait_s > 0:
            return HTMLResponse(self._page("", f"Too often. Wait {wait_s} s."), 429, {"Retry-After": str(wait_s)})
        attempts.count(key)
        return None

    def _shown(self, token: str, answer: Answer, is_pressed: bool = False) -> Response:
        said = _SAID[answer.state]
        is_drilled = is_pressed and answer.state == DRILLED
        if answer.is_done or is_drilled:
            said = _DRILL_DONE if is_drilled else _DONE
        can_press = answer.state == asked.OPEN or (answer.state == DRILLED and not is_pressed)
        title = answer.asked.title if answer.asked else ""
        told = answer.asked.body if answer.asked else ""
        return HTMLResponse(
            self._page(title, said, told, token if can_press else ""), _STATUS_CODES.get(answer.state, 200)
        )

    def _page(self, title: str, said: str, told: str = "", token: str = "") -> str:
        form = f'<form method="post" action="{html.escape(token)}"><button type="submit">{BUTTON}</button></form>'
        return self._template.substitute(
            title=html.escape(title or "Vigil"),
            told=f"<p>{html.escape(told)}</p>" if told else "",
            said=html.escape(said),
            form=form if token else "",
        )
