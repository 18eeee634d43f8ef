"""Who may see the page: this computer by its own name, or a session opened with the passphrase."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from vigil_host.web.access import COOKIE, MIN_PASSPHRASE, SESSION_S, Access, AccessError, Attempts, Logins
from vigil_host.web.app import create_app

PASSPHRASE = "correct horse battery staple"
HOUSE = "http://192.168.1.20:8420"
ORIGIN = {"Origin": HOUSE}


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def logins(tmp_path: Path, now: Now, monkeypatch: pytest.MonkeyPatch) -> Logins:
    monkeypatch.setattr("vigil_host.web.access._SCRYPT", {"n": 16, "r": 8, "p": 1})  # tests need no slowness
    logins = Logins(tmp_path / "login.json", utc_s=now)
    logins.set_passphrase(PASSPHRASE)
    return logins


def client_of(home: Any, access: Access, base_url: str) -> TestClient:
    app = create_app(
        home.store, home.live, home.alerts, home.events, access=access, limits=lambda device_id: {}, clock=home.clock
    )
    return TestClient(app, base_url=base_url, follow_redirects=False)


@pytest.fixture
def local(home: Any) -> Iterator[TestClient]:
    with client_of(home, Access(), "http://127.0.0.1:8420") as client:
        yield client


@pytest.fixture
def lan(home: Any, logins: Logins, now: Now) -> Iterator[TestClient]:
    with client_of(home, Access(logins, clock_s=now), HOUSE) as client:
        yield client


def log_in(client: TestClient, passphrase: str = PASSPHRASE, **headers: str) -> Any:
    return client.post("/login", data={"passphrase": passphrase}, headers=ORIGIN | headers)


@pytest.mark.parametrize("host", ["localhost", "localhost:8420", "127.0.0.1:1", "127.0.0.2", "[::1]:8420", "LOCALHOST"])
def test_this_computer_answers_to_its_own_names(local: TestClient, host: str) -> None:
    assert local.get("/api/state", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8420",
        "192.168.1.20",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "a b",
        "localhost@evil.example",
        "[::1].evil.example",
        "127.0.0.1:8420:1",
    ],
)
def test_a_rebound_name_is_refused(local: TestClient, host: str) -> None:
    for path in ("/", "/api/state", "/api/events", "/static/page.js", "/healthz"):
        answer = local.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "Wearer" not in answer.text


def test_two_host_headers_are_refused(local: TestClient) -> None:
    answer = local.get("/", headers=[("Host", "localhost"), ("Host", "evil.example")])
    assert answer.status_code == 403


def test_on_this_computer_there_is_nothing_to_log_in_to_and_nothing_to_change(local: TestClient) -> None:
    own = {"Origin": "http://127.0.0.1:8420"}
    assert local.get("/login").status_code == 404
    assert local.post("/login", data={"passphrase": "x"}, headers=own).status_code == 404
    for route in local.app.routes:  # type: ignore[attr-defined]
        assert getattr(route, "methods", None) in (None, {"GET", "HEAD"})


@pytest.mark.parametrize("host", ["192.168.1.20:8420", "[fe80::1]", "localhost"])
def test_in_the_house_any_address_will_do(lan: TestClient, host: str) -> None:
    assert lan.get("/login", headers={"Host": host}).status_code == 200


def test_in_the_house_a_strange_name_is_refused_and_a_given_one_is_not(home: Any, logins: Logins) -> None:
    client = client_of(home, Access(logins, names=("vigil.home",)), HOUSE)
    assert client.get("/login", headers={"Host": "evil.example"}).status_code == 403
    assert client.get("/login", headers={"Host": "vigil.home:8420"}).status_code == 200


def paths_of(app: Any) -> list[str]:
    """Every route of the application, and a file under each folder."""
    return [getattr(route, "path", "") for route in app.routes] + [
        "/static/page.js",
        "/static/page.html",
        "/static/login.html",
        "/static/uplot/uPlot.iife.min.js",
        "/nothing-here",
        "/api/trend?device=a&from=0&to=1",
        "/login/",
        "//login",
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_without_a_session_every_route_is_refused_but_the_login(lan: TestClient, method: str) -> None:
    for path in paths_of(lan.app):
        if path == "/login":
            continue
        answer = lan.request(method, HOUSE + path, headers=ORIGIN)
        refused = answer.status_code == 401
        sent_on = path == "/" and answer.status_code == 303 and answer.headers["location"] == "/login"
        assert refused or sent_on, (method, path, answer.status_code)
        assert "wearer" not in answer.text.lower()


def test_only_what_the_login_page_needs_is_open(lan: TestClient) -> None:
    page = lan.get("/login")
    assert page.status_code == 200
    for path in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert lan.get(path).status_code == 200, path


def test_login_opens_a_session_and_logout_ends_it(lan: TestClient) -> None:
    answer = log_in(lan)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert lan.get("/").status_code == 200
    assert lan.get("/api/state").json()["can_log_out"] is True
    assert lan.get("/login").headers["location"] == "/"
    kept = dict(lan.cookies)
    assert lan.post("/logout", headers=ORIGIN).headers["location"] == "/login"
    lan.cookies.update(kept)  # a thief's copy
    assert lan.get("/api/state").status_code == 401


def test_the_cookie_is_secure_over_https(home: Any, logins: Logins) -> None:
    client = client_of(home, Access(logins), "https://192.168.1.20")
    answer = client.post("/login", data={"passphrase": PASSPHRASE}, headers={"Origin": "https://192.168.1.20"})
    assert "Secure" in answer.headers["set-cookie"]


def test_a_wrong_passphrase_opens_nothing(lan: TestClient) -> None:
    for wrong in ("", "wrong passphrase", PASSPHRASE.upper(), PASSPHRASE + "x"):
        answer = log_in(lan, wrong)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "not the passphrase" in answer.text
    assert lan.get("/api/state").status_code == 401


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://192.168.1.20", "http://192.168.1.20:8421", "file://", "x"]
)
def test_a_form_from_elsewhere_is_refused(lan: TestClient, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert lan.post("/login", data={"passphrase": PASSPHRASE}, headers=headers).status_code == 403
    log_in(lan)
    assert lan.post("/logout", headers=headers).status_code == 403
    assert lan.get("/api/state").status_code == 200


def test_guessing_is_slowed_down_and_the_right_one_waits_too(lan: TestClient, now: Now) -> None:
    for _ in range(5):
        assert log_in(lan, "wrong passphrase").status_code == 401
    answer = log_in(lan)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 30
    assert "Wait 30 seconds" in answer.text
    now.seconds += 30
    assert log_in(lan).status_code == 303
    for _ in range(5):
        assert log_in(lan, "wrong passphrase").status_code == 401


def test_many_addresses_together_are_slowed_down(now: Now) -> None:
    access = Access(Logins(Path("/nonexistent/login.json")), clock_s=now)
    for number in range(20):
        assert access.wait_s(f"10.0.0.{number}") == 0
        access.count_attempt(f"10.0.0.{number}")
    assert access.wait_s("10.0.0.99") == 3.0


def test_the_addresses_of_one_ipv6_network_are_one_caller(now: Now) -> None:
    access = Access(Logins(Path("/nonexistent/login.json")), clock_s=now)
    for number in range(5):
        access.count_attempt(f"2001:db8::{number:x}")
    assert access.wait_s("2001:db8::ffff") > 0
    assert access.wait_s("2001:db8:1::1") == 0


def test_attempts_are_forgotten_when_their_time_is_over(now: Now) -> None:
    attempts = Attempts(5, 30.0, now)
    for number in range(1001):
        attempts.count(str(number))
    now.seconds += 31
    attempts.count("one more")
    assert len(attempts._full_at) == 1


def test_a_flood_of_a_body_is_refused(lan: TestClient) -> None:
    assert lan.post("/login", content=b"passphrase=" + b"x" * 10_000, headers=ORIGIN).status_code == 413


def test_bytes_that_are_no_text_are_no_passphrase(lan: TestClient) -> None:
    assert lan.post("/login", content=b"passphrase=%ff%00\xff", headers=ORIGIN).status_code == 401


def test_a_session_outlives_a_restart_but_not_its_time(logins: Logins, tmp_path: Path, now: Now) -> None:
    token = logins.begin()
    again = Logins(tmp_path / "login.json", utc_s=now)
    assert again.is_open(token) and again.is_passphrase(PASSPHRASE)
    now.seconds += SESSION_S + 1
    assert not again.is_open(token)


def test_the_file_is_for_its_owner_only_and_holds_no_secret(logins: Logins, tmp_path: Path) -> None:
    token = logins.begin()
    path = tmp_path / "login.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = path.read_text()
    assert PASSPHRASE not in kept and token not in kept
    assert list(tmp_path.glob("*.new")) == []


def test_a_new_passphrase_ends_every_session(logins: Logins) -> None:
    token = logins.begin()
    logins.set_passphrase("another passphrase")
    assert not logins.is_open(token)
    assert logins.is_passphrase("another passphrase") and not logins.is_passphrase(PASSPHRASE)


def test_a_passphrase_is_the_same_however_it_is_typed(logins: Logins) -> None:
    logins.set_passphrase("caf\u00e9 \u00fcber alles")
    assert logins.is_passphrase(" cafe\u0301 u\u0308ber alles ")


def test_a_short_passphrase_is_refused_in_one_line(logins: Logins) -> None:
    with pytest.raises(AccessError, match=f"at least {MIN_PASSPHRASE} characters"):
        logins.set_passphrase("   short    ")
    assert logins.is_passphrase(PASSPHRASE)


def test_without_a_passphrase_nothing_is_one(tmp_path: Path) -> None:
    logins = Logins(tmp_path / "login.json")
    assert not logins.has_passphrase
    assert not logins.is_passphrase("")


@pytest.mark.parametrize("kept", ["", "{}", "[]", '{"salt": 1}', '{"salt": "", "scrypt": "zz", "sessions": {}}'])
def test_a_damaged_file_is_named(tmp_path: Path, kept: str) -> None:
    path = tmp_path / "login.json"
    path.write_text(kept)
    with pytest.raises(AccessError, match=r"login\.json is damaged"):
        Logins(path)


def test_sessions_are_bounded(logins: Logins, tmp_path: Path, now: Now) -> None:
    first = logins.begin()
    for _ in range(80):
        now.seconds += 1
        newest = logins.begin()
    assert logins.is_open(newest) and not logins.is_open(first)
    assert len(json.loads((tmp_path / "login.json").read_text())["sessions"]) <= 64


@pytest.mark.parametrize("cookie", ["", "x", f"{COOKIE}=", f"{COOKIE}=guess", f"{COOKIE}=\u00ff; a=b", "=;;=;"])
def test_a_made_up_cookie_is_none(lan: TestClient, cookie: str) -> None:
    assert lan.get("/api/state", headers={"Cookie": cookie.encode()}).status_code == 401


def test_real_scrypt_fits_its_memory(tmp_path: Path) -> None:
    logins = Logins(tmp_path / "login.json")
    logins.set_passphrase(PASSPHRASE)
    assert logins.is_passphrase(PASSPHRASE)


def test_there_is_no_websocket(local: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as caught, local.websocket_connect("/api/events"):
        pass
    assert caught.value.code == 1008
