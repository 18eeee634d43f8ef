"""What the page and its JSON say."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from vigil_host import words
from vigil_host.store import StoreError
from vigil_host.web.access import Access
from vigil_host.web.app import create_app
from vigil_host.web.picture import Picture
from vigil_wire import conditions, link, statuses
from vigil_wire.settings import Settings

LIMITS = {"spo2_low_pct": 90.0, "pulse_rate_low_bpm": 50.0, "pulse_rate_high_bpm": None}


@pytest.fixture
def client(home: Any) -> Iterator[TestClient]:
    app = create_app(
        home.store,
        home.live,
        home.alerts,
        home.events,
        access=Access(),
        limits=lambda device_id: LIMITS,
        clock=home.clock,
    )
    with TestClient(app, base_url="http://localhost", follow_redirects=False) as client:
        yield client


def state_of(client: TestClient) -> Any:
    answer = client.get("/api/state")
    assert answer.status_code == 200
    return answer.json()


def test_a_reading_has_its_unit_status_words_age_and_limits(client: TestClient, home: Any, content: Any) -> None:
    home.live.update(home.device_id, content(), "link", quality=93)
    home.clock.now_s += 1.5
    (device,) = state_of(client)["devices"]
    assert device["quality"] == 93
    assert device["wearer_name"] == "Wearer"
    assert (device["pulse_rate_bpm"], device["spo2_pct"], device["temperature_c"]) == (72.0, 97.0, 36.6)
    assert device["perfusion_index_pct"] == 2.5
    assert device["spo2_status"] == "validated"
    assert device["spo2_status_text"] == "Clear signal"
    assert device["spo2_age_s"] == device["age_s"] == 1.5
    assert device["link_text"] == "Heard by broadcast"
    assert device["limits"] == LIMITS
    assert (device["spo2_is_calibrated"], device["spo2_curve_text"]) == (False, "Not calibrated: ±4 points or worse")
    assert (device["respiration_per_min"], device["respiration_status_text"]) == (None, "No new record from the device")


@pytest.mark.parametrize(
    ("code", "cadence", "text"),
    [
        (0, 0, ""),
        (1, 0, "Still"),
        (2, 0, "Moving"),
        (3, 0, "Lying, still"),
        (6, 0, "Sitting or standing, moving"),
        (7, 104, "Walking, 104 steps a minute"),
    ],
)
def test_movement_and_position_in_words_and_none_where_nothing_tells_them(
    client: TestClient, home: Any, content: Any, code: int, cadence: int, text: str
) -> None:
    message = bytearray(link.LIVE_WITH_MOVEMENT_LENGTH)
    link.pack_movement(message, link.LIVE_LENGTH, code, 20, cadence)
    home.live.update(home.device_id, content(), "link", quality=93, movement=link.Movement(message))
    assert state_of(client)["devices"][0]["movement_text"] == text


def test_a_board_with_its_own_curve_says_so(
    client: TestClient, home: Any, content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "spo2_is_calibrated", 1.0)
    home.live.update(home.device_id, content(), "advert")
    (device,) = state_of(client)["devices"]
    assert (device["spo2_is_calibrated"], device["spo2_curve_text"]) == (True, "Calibrated for this sensor")
    assert "spo2_is_calibrated" not in device["limits"]


def test_no_reading_is_null_with_its_cause_and_the_last_value(client: TestClient, home: Any, content: Any) -> None:
    home.live.update(home.device_id, content(), "advert")
    home.clock.now_s += 2
    home.live.update(home.device_id, content(status=statuses.SENSOR_OFF), "advert")
    (device,) = state_of(client)["devices"]
    assert device["spo2_pct"] is None
    assert device["spo2_status_text"] == "Sensor is off the skin"
    assert (device["last_spo2_pct"], device["spo2_age_s"]) == (97.0, 2.0)


def test_a_held_value_stands_beside_the_null_of_no_reading(client: TestClient, home: Any, content: Any) -> None:
    home.live.update(home.device_id, content(), "advert")
    home.clock.now_s += 3
    home.live.update(home.device_id, content(spo2_status=statuses.POOR_SIGNAL), "advert")
    state = state_of(client)
    (device,) = state["devices"]
    assert (device["spo2_pct"], device["spo2_status"], device["quality"]) == (None, "poor_signal", None)
    assert (device["held_spo2_pct"], device["spo2_age_s"], state["held_most_s"]) == (97.0, 3.0, 10.0)
    assert (device["pulse_rate_bpm"], device["held_pulse_rate_bpm"]) == (72.0, None)


def test_an_old_value_is_never_sent_as_a_current_one(client: TestClient, home: Any, content: Any) -> None:
    home.live.update(home.device_id, content(), "advert")
    home.clock.now_s += 6
    (device,) = state_of(client)["devices"]
    assert device["spo2_pct"] is device["pulse_rate_bpm"] is device["perfusion_index_pct"] is None
    assert device["spo2_status"] == words.STALE
    assert device["last_pulse_rate_bpm"] == 72.0


def test_a_device_never_heard_has_no_age(client: TestClient) -> None:
    (device,) = state_of(client)["devices"]
    assert device["age_s"] is None and device["link"] == "silent"


def test_an_alarm_says_what_it_is_and_since_when(
    client: TestClient, home: Any, content: Any, run: Any, utc_ms: int
) -> None:
    home.live.update(home.device_id, content(alarm_bits=1), "advert")
    home.alerts.hear(home.device_id, content(alarm_bits=1), "link")
    run(home.alerts.step())
    home.clock.now_s += 3
    state = state_of(client)
    (alarm,) = state["active"]
    assert [{**alarm, "events": []}] == [{"covered_by": None, **recent} for recent in state["recent"]]
    assert (alarm["condition"], alarm["priority"], alarm["title"]) == ("spo2_low", "medium", "Low oxygen")
    assert (alarm["onset_utc_ms"], alarm["age_s"]) == (utc_ms, 3.0)
    assert alarm["meaning"].endswith(".") and alarm["signal"] == "spo2" and alarm["is_active"]


def test_an_alarm_the_list_has_not_yet_is_shown_at_once(client: TestClient, home: Any, content: Any) -> None:
    home.live.update(home.device_id, content(alarm_bits=1 << conditions.SENSOR_FAULT), "advert")
    (alarm,) = state_of(client)["active"]
    assert (alarm["condition"], alarm["priority"], alarm["is_active"]) == ("sensor_fault", "medium", True)


def test_a_silent_device_tells_of_no_alarm(client: TestClient, home: Any, content: Any) -> None:
    home.live.update(home.device_id, content(alarm_bits=1), "advert")
    home.clock.now_s += 20
    assert state_of(client)["active"] == []


def test_trend_gives_the_rows_of_one_device(client: TestClient, home: Any, utc_ms: int) -> None:
    journal = home.device.journal
    journal.anchor(0)
    for number in range(1, 7):
        journal.vitals(number * 10_000, spo2_deci_pct=None if number == 3 else 950 + number)
    home.store.commit(home.device_id, journal.id, journal.records)
    asked = {"device": home.device_id, "from": utc_ms, "to": utc_ms + 600_000}
    found = client.get("/api/trend", params=asked).json()
    assert found["time_utc_ms"] == [utc_ms + number * 10_000 for number in range(1, 7)]
    assert found["spo2_pct"]["mean"] == [95.1, 95.2, None, 95.4, 95.5, 95.6]
    assert found["temperature_c"]["mean"] == [None] * 6
    assert client.get("/api/trend", params={**asked, "device": "nobody"}).json()["time_utc_ms"] == []


def test_what_has_no_known_time_is_in_the_answer_but_in_no_column(client: TestClient, home: Any, utc_ms: int) -> None:
    journal = home.device.journal
    journal.anchor(0)
    journal.vitals(10_000)
    journal.restart()
    journal.vitals(10_000, spo2_deci_pct=846)
    journal.alarm(conditions.RAISED, 20_000, onset_ms=14_000)
    journal.restart()
    journal.anchor(0, utc_ms + 300_000)
    home.store.commit(home.device_id, journal.id, journal.records)
    asked = {"device": home.device_id, "from": utc_ms, "to": utc_ms + 600_000}
    for length in (600_000, 86_400_000):
        found = client.get("/api/trend", params={**asked, "to": utc_ms + length}).json()
        assert [value for value in found["spo2_pct"]["low"] if value is not None] == [97.0]
        assert found["untimed"] == [
            {
                "earliest_utc_ms": utc_ms + 10_000 - 2_005,
                "latest_utc_ms": utc_ms + 302_000,
                "text": "1 reading, oxygen 84.6 to 84.6 %, pulse 72.0 to 72.0 bpm",
            }
        ]
    assert client.get("/api/trend", params={**asked, "from": utc_ms + 400_000}).json()["untimed"] == []
    (alarm,) = client.get("/api/state").json()["recent"]
    assert alarm["onset_utc_ms"] is alarm["age_s"] is None
    assert (alarm["onset_earliest_utc_ms"], alarm["onset_latest_utc_ms"]) == (utc_ms + 21_988, utc_ms + 296_003)
    assert alarm["cleared_utc_ms"] == utc_ms + 300_000


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"device": "a"},
        {"device": "a", "from": "0", "to": "x"},
        {"device": "a", "from": "2", "to": "1"},
        {"device": "a", "from": "-1", "to": "1"},
        {"device": "a", "from": "0", "to": str(21 * 366 * 86_400_000)},
        {"device": "a", "from": "9" * 30, "to": "9" * 31},
        {"from": "0", "to": "1"},
    ],
)
def test_a_trend_that_makes_no_sense_is_refused_with_a_reason(client: TestClient, asked: dict[str, str]) -> None:
    answer = client.get("/api/trend", params=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_store_that_cannot_be_read_is_said(client: TestClient, home: Any, monkeypatch: Any) -> None:
    def fail(*_arguments: object) -> None:
        raise StoreError("vigil.db is locked by another program")

    assert client.get("/healthz").json() == {"status": "ok"}
    monkeypatch.setattr(home.store, "newest_row_id", fail)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"error": "vigil.db is locked by another program"})


@pytest.mark.parametrize(
    "path", ["/", "/static/page.css", "/static/uplot/uPlot.iife.min.js", "/api/state", "/nothing-here"]
)
def test_every_answer_keeps_the_browser_at_home(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] in ("no-store", "no-cache")
    assert "access-control-allow-origin" not in headers


def test_the_page_has_no_inline_script_or_style(client: TestClient) -> None:
    page = client.get("/").text
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert not re.search(r"(?:src|href)=\"(?!/|#)", page)


def test_nothing_outside_the_static_folder_is_served(client: TestClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/uplot/../../STAMP"):
        assert client.get(path).status_code in (404, 405)


def test_a_time_is_never_said_better_than_it_is_known() -> None:
    assert words.time("10:00", None, None) == "10:00"
    assert words.time(None, "09:00", "11:00") == "time between 09:00 and 11:00"
    assert words.time(None, "09:00", None) == "time after 09:00"
    assert words.time(None, None, "11:00") == "time before 11:00"
    assert words.time(None, None, None) == "time unknown"


def test_what_this_program_does_not_know_is_still_shown() -> None:
    assert words.alarm("condition_17").title == "Condition 17"
    assert words.priority("condition_17") == "medium"
    assert words.status("status_12") == "No reading (status 12)"


@pytest.mark.parametrize(("site", "centi_c", "is_said"), [(11, 2600, True), (11, 3300, False), (1, 2600, False)])
def test_a_cold_thermometer_on_the_skin_supports_that_the_sensor_is_off(
    home: Any, content: Any, run: Any, site: int, centi_c: int, is_said: bool
) -> None:
    said = content(alarm_bits=1 << conditions.SENSOR_OFF, temperature=centi_c)
    home.live.update(home.device_id, said, "link")
    home.alerts.hear(home.device_id, said, "link")
    run(home.alerts.step())
    in_force = Settings(temperature_site=site)
    picture = Picture(home.live, home.alerts, lambda _device: {}, home.clock, settings=lambda _device: in_force)
    (alarm,) = picture.now()["active"]
    assert ("thermometer has cooled" in alarm["meaning"]) is is_said
