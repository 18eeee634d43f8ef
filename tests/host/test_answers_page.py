"""The page of the link in a message, as a person, a link preview and a stranger have it."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient
from tests.host.ntfy import NtfyServer
from tests.host.test_answers import OTHERS_KEY, AnsweringHome

from vigil_host.answers.tokens import GOOD_FOR_S, MESSAGE, Token, Tokens
from vigil_host.events import Events
from vigil_host.web.access import Access, Logins
from vigil_host.web.answer_page import AnswerPage
from vigil_host.web.app import create_app

PUBLIC = "https://vigil.example/house"
PROXY = {"Host": "vigil.example", "Origin": "null"}
WRONG = "/answer/" + Tokens(OTHERS_KEY).make(Token(MESSAGE, 1, 1_795_000_000))


@pytest.fixture
def server() -> Iterator[NtfyServer]:
    with NtfyServer() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, device_id: str, server: NtfyServer) -> Iterator[AnsweringHome]:
    home = AnsweringHome(tmp_path, device_id, server, PUBLIC)
    yield home
    home.store.close()


def client_of(home: AnsweringHome) -> TestClient:
    """The page as a proxy at the public address has it: with a passphrase, and from the proxy's own host."""
    logins = Logins(home.folder / "login.json")
    logins.set_passphrase("four unrelated words here")
    app = create_app(
        home.store,
        home.alerts._live,
        home.alerts,
        Events(),
        access=Access(logins),
        limits=lambda device_id: {},
        clock=home.clock,
        answers=home.answers,
    )
    return TestClient(app, base_url="http://127.0.0.1:8765", headers=PROXY, follow_redirects=False)


@pytest.fixture
def client(home: AnsweringHome) -> Iterator[TestClient]:
    with client_of(home) as client:
        yield client


def link(home: AnsweringHome, person: str = "ada") -> str:
    """The link in the newest message of a person, as the proxy passes it on."""
    found = re.search(rf"{re.escape(PUBLIC)}(/answer/[\w-]+)$", home.message(person).body)
    assert found
    return found[1]


def test_the_button_acknowledges_and_nothing_else_does(home: AnsweringHome, client: TestClient) -> None:
    alarm_id = home.begin()
    home.go()
    path = link(home)
    for _ in range(3):
        assert client.head(path).status_code == 200
        shown = client.get(path)
    assert home.acknowledged == []
    assert "HIGH: Very low oxygen, Ada" in shown.text and "Go to the person now." in shown.text
    action = re.search(
        r'<form method="post" action="([^"]+)"><button type="submit">I have seen it</button>', shown.text
    )
    assert action and path.endswith(action[1])  # relative: a path of the proxy's stays before it
    done = client.post(path)
    assert (done.status_code, "Thank you" in done.text, "<form" in done.text) == (200, True, False)
    assert home.acknowledged == [(alarm_id, "ada")]
    for again in (client.post(path), client.get(path)):
        assert again.status_code == 200 and "<form" not in again.text and "Somebody has said" in again.text
    assert len(home.acknowledged) == 1
    home.told()
    home.go(290)
    assert home.told() == []


def test_it_tells_no_more_than_the_message_and_nothing_comes_from_elsewhere(
    home: AnsweringHome, client: TestClient
) -> None:
    home.begin()
    home.go()
    shown = client.get(link(home))
    (kept,) = [each.body for each in home.server.taken]
    told = kept.partition(" To say that")[0]
    plain = re.sub(r"<[^>]+>", "", shown.text)
    assert told in plain
    assert "ada" not in plain.replace(told, "")  # not even whose link it is
    assert re.findall(r'(?:src|href)="([^"]*)"', shown.text) == ["style.css"]
    assert client.get("/answer/style.css").headers["Content-Type"].startswith("text/css")
    policy = shown.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["Referrer-Policy"] == "same-origin"


def test_only_these_pages_are_open_to_the_outside(client: TestClient) -> None:
    assert client.get("/").status_code == 403
    for path in (
        "/answer/../api/state",
        "/answer/%2e%2e/api/state",
        "/answer/x/../../api/state",
        "/answer/",
        "/answer",
    ):
        assert client.get(path).status_code in (403, 404)


def test_what_is_over_or_wrong_is_said_in_plain_words(home: AnsweringHome, client: TestClient) -> None:
    home.begin()
    home.go()
    path = link(home)
    home.end()
    home.go(1)
    over = client.post(path)
    assert (over.status_code, "It is over." in over.text) == (200, True)
    for wrong in (WRONG, path[:-1], path + "A", "/answer/" + "A" * 60_000, "/answer/%ff%00", path + "%0a"):
        for method in ("GET", "POST"):
            refused = client.request(method, wrong)
            assert (refused.status_code, "is not one of Vigil" in refused.text) == (404, True)
    home.clock.now_s += GOOD_FOR_S + 1
    for method in ("GET", "POST"):
        late = client.request(method, path)
        assert (late.status_code, "more than a day old" in late.text) == (410, True)
    assert home.acknowledged == []


def test_what_is_in_a_name_is_only_text(home: AnsweringHome, client: TestClient) -> None:
    home.store.add_device(home.device_id, "Clip", "<script>x</script>")
    home.begin()
    home.go()
    assert "<script" not in client.get(link(home)).text


def test_a_flood_of_guesses_is_slowed_down_and_keeps_no_answer_out(home: AnsweringHome) -> None:
    home.begin()
    home.go()
    with client_of(home) as client:
        codes = [client.get(WRONG).status_code for _ in range(60)]
        assert codes[0] == 404 and codes[-1] == 429
        assert client.post(link(home)).status_code == 200
        assert len(home.acknowledged) == 1
        codes = [client.get(link(home)).status_code for _ in range(40)]
        assert codes[-1] == 429


def test_a_body_of_any_size_is_not_read(home: AnsweringHome, client: TestClient) -> None:
    home.begin()
    home.go()
    assert client.post(link(home), content=b"\xff" * 5_000_000).status_code == 200
    assert len(home.acknowledged) == 1


def test_without_a_public_address_there_is_neither_link_nor_page(home: AnsweringHome) -> None:
    home.public_url = None
    home.begin_answers()
    home.begin()
    home.go()
    assert "To say that you have seen it" not in home.message("ada").body
    with client_of(home) as client:
        assert client.get(WRONG).status_code == 404
        assert "is not one of Vigil" not in client.get(WRONG).text


def test_the_page_is_under_the_public_address(home: AnsweringHome) -> None:
    assert urlsplit(home.asking.link("x") or "").path == "/house/answer/x"
    assert {route.path for route in AnswerPage(home.answers).routes()} == {"/answer/style.css", "/answer/{token}"}
