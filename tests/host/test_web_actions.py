"""What people do on the page: who may, what the device is told, and what is said where it could not be done."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from vigil_host.delivery.delivery import Delivery
from vigil_host.delivery.people import People, Person
from vigil_host.devices import Devices
from vigil_host.web.access import Access
from vigil_host.web.app import create_app
from vigil_wire import conditions, keys, link, records
from vigil_wire.settings import Settings, unpack_fields

FROM_HERE = {"origin": "http://localhost"}
IN_FORCE = Settings(temperature_site=1, spo2_low_deci_pct=900)
BESIDE = {"by": "Ada", "is_beside": True}
AFAR = {"by": "Ada", "is_beside": False}


class Hand:
    """A bridge's, with a device at the other end that can be reached or not."""

    def __init__(self, home: Any) -> None:
        self._home = home
        self.is_reached = True
        self.told: list[tuple[int, int, int, int]] = []

    async def acknowledge(self, alarm_id: int, by: str, is_beside: bool = False) -> bool:
        alarm = await self._home.alerts.acknowledge(alarm_id, by)
        if alarm is not None:
            where = conditions.BESIDE_WEARER if is_beside else conditions.FROM_AFAR
            self.send("", link.alarm_command(link.ACKNOWLEDGE, conditions.NAMES.index(alarm.condition), where))
        return alarm is not None

    def send(self, _device_id: str, message: bytes) -> bool:
        if self.is_reached:
            self.told.append(link.read_alarm_command(message))
        return self.is_reached


@pytest.fixture
def hand(home: Any) -> Hand:
    return Hand(home)


@pytest.fixture
def devices(tmp_path: Path, home: Any) -> Devices:
    devices = Devices(tmp_path / "devices.toml")
    devices.add(keys.setup_code(home.device.key), "Wearer")
    return devices


@pytest.fixture
def delivery(home: Any, tmp_path: Path) -> Delivery:
    """Nobody's, until there are `people`."""
    return Delivery(home.store, home.events, home.clock, tmp_path / "people.toml", home.alerts.refresh)


@pytest.fixture
def people(delivery: Delivery) -> None:
    """Somebody is told of alarms."""
    delivery.people = People((Person("Ben", "caregiver"),))


@pytest.fixture
def client(home: Any, hand: Hand, devices: Devices, delivery: Delivery) -> Iterator[TestClient]:
    app = create_app(
        home.store,
        home.live,
        home.alerts,
        home.events,
        access=Access(),
        limits=lambda device_id: {},
        clock=home.clock,
        settings=lambda device_id: IN_FORCE,
        hand=hand,
        devices=devices,
        delivery=delivery,
    )
    with TestClient(app, base_url="http://localhost", headers=FROM_HERE, follow_redirects=False) as client:
        yield client


@pytest.fixture
def raised(home: Any, content: Any, run: Any) -> Any:
    """Raise SpO2 very low on a device with a session; its alarm is returned."""
    bits = 1 << conditions.SPO2_VERY_LOW
    home.live.set_connected(home.device_id, True)
    home.live.update(home.device_id, content(alarm_bits=bits), "link", quality=90)
    home.alerts.hear(home.device_id, content(alarm_bits=bits), "link")
    run(home.alerts.step())
    (alarm,) = home.alerts.active()
    return alarm


def act(client: TestClient, home: Any, what: str, body: Any) -> Any:
    return client.post(f"/api/devices/{home.device_id}/{what}", json=body)


def test_somebody_beside_the_wearer_acknowledges_and_silences_the_device(
    client: TestClient, home: Any, hand: Hand, raised: Any
) -> None:
    answer = client.post(f"/api/alarms/{raised.id}/acknowledge", json={"by": " Ada ", "is_beside": True})
    assert (answer.status_code, answer.json()["text"]) == (
        200,
        "Acknowledged. The device is told to be silent for this alarm.",
    )
    assert hand.told == [(link.ACKNOWLEDGE, conditions.SPO2_VERY_LOW, conditions.BESIDE_WEARER, 0)]
    (alarm,) = client.get("/api/state").json()["active"]
    assert alarm["acknowledged_by"] == "Ada"


def test_from_afar_it_is_acknowledged_and_the_device_goes_on_until_somebody_is_there(
    client: TestClient, hand: Hand, raised: Any
) -> None:
    path = f"/api/alarms/{raised.id}/acknowledge"
    assert "goes on sounding" in client.post(path, json=AFAR).json()["text"]
    again = client.post(path, json=AFAR | {"by": "Bob"})
    assert (again.status_code, again.json()["error"]) == (409, "It was acknowledged already, by Ada.")
    assert client.post(path, json=BESIDE | {"by": "Bob"}).status_code == 200
    assert [by for _, _, by, _ in hand.told] == [conditions.FROM_AFAR, conditions.BESIDE_WEARER]


def test_an_acknowledgement_that_does_not_reach_the_device_says_so(client: TestClient, home: Any, raised: Any) -> None:
    home.live.set_connected(home.device_id, False)
    answer = client.post(f"/api/alarms/{raised.id}/acknowledge", json=BESIDE)
    assert answer.json()["text"] == "Acknowledged here. The device cannot be reached: press its button to silence it."


def test_what_is_over_cannot_be_acknowledged(client: TestClient) -> None:
    answer = client.post("/api/alarms/77/acknowledge", json=BESIDE)
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        "This alarm is over, so there is nothing to acknowledge.",
    )


@pytest.mark.parametrize(
    ("what", "body", "command"),
    [
        ("pause", BESIDE, (link.PAUSE_AUDIO, conditions.ALL, conditions.BESIDE_WEARER, 0)),
        ("resume", {}, (link.RESUME_AUDIO, conditions.ALL, conditions.BESIDE_WEARER, 0)),
        ("standby", BESIDE | {"minutes": 480}, (link.BEGIN_STANDBY, conditions.ALL, conditions.BESIDE_WEARER, 480)),
        ("standby", AFAR | {"minutes": 1}, (link.BEGIN_STANDBY, conditions.ALL, conditions.FROM_AFAR, 1)),
        ("watch", {}, (link.END_STANDBY, conditions.ALL, conditions.BESIDE_WEARER, 0)),
        ("try", {}, (link.TRY_SIGNALS, conditions.ALL, conditions.BESIDE_WEARER, 0)),
    ],
)
def test_the_device_is_told_and_where_it_cannot_be_that_is_said_at_once(
    client: TestClient, home: Any, hand: Hand, what: str, body: Any, command: Any
) -> None:
    assert act(client, home, what, body).json()["text"]
    assert hand.told == [command]
    hand.is_reached = False
    answer = act(client, home, what, body)
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("The device cannot be reached now, so nothing was changed.")


def test_nobody_pauses_the_device_from_afar(client: TestClient, home: Any, hand: Hand) -> None:
    answer = act(client, home, "pause", AFAR)
    assert answer.status_code == 403 and answer.json()["error"].startswith("Only somebody with the wearer")
    assert hand.told == []


def test_from_afar_nobody_says_off_on_purpose_during_an_alarm_about_the_wearer(
    client: TestClient, home: Any, hand: Hand, raised: Any
) -> None:
    answer = act(client, home, "standby", AFAR | {"minutes": 30})
    assert answer.status_code == 409 and "only somebody with the wearer" in answer.json()["error"]
    assert hand.told == []
    assert act(client, home, "standby", BESIDE | {"minutes": 30}).status_code == 200


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"by": "Ada", "is_beside": True}, "minutes is missing."),
        (BESIDE | {"minutes": 0}, "It is 1 to 480 minutes: eight hours at most."),
        (BESIDE | {"minutes": 481}, "It is 1 to 480 minutes: eight hours at most."),
        (BESIDE | {"minutes": True}, "minutes must be a whole number."),
        (BESIDE | {"minutes": 1.5}, "minutes must be a whole number."),
        (BESIDE | {"minutes": "30"}, "minutes must be a whole number."),
        (BESIDE | {"minutes": 30, "more": 1}, "more is not a key that is known here."),
        (BESIDE | {"minutes": 30, "by": " "}, "Say who you are, in 1 to 64 letters."),
        (BESIDE | {"minutes": 30, "by": "A\nB"}, "Say who you are, in 1 to 64 letters."),
        (BESIDE | {"minutes": 30, "by": "x" * 65}, "Say who you are, in 1 to 64 letters."),
        (BESIDE | {"minutes": 30, "is_beside": 1}, "is_beside must be true or false."),
        ([], "The body must be a JSON object."),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    client: TestClient, home: Any, hand: Hand, body: Any, problem: str
) -> None:
    answer = act(client, home, "standby", body)
    assert (answer.status_code, answer.json()["error"]) == (400, problem)
    assert hand.told == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 6000, b'{"by": NaN}'])
def test_a_body_that_is_no_json_is_refused(client: TestClient, home: Any, body: bytes) -> None:
    path = f"/api/devices/{home.device_id}/pause"
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "The body is not JSON.")


def test_a_flood_of_a_body_or_another_kind_is_refused(client: TestClient, home: Any) -> None:
    path = f"/api/devices/{home.device_id}/pause"
    assert client.post(path, json={"by": "x" * 9000}).status_code == 413
    form = client.post(path, data={"by": "Ada", "is_beside": "true"})
    assert form.status_code == 415


@pytest.mark.parametrize("origin", [None, "null", "http://example.org", "http://localhost.example.org"])
@pytest.mark.parametrize("what", ["pause", "resume", "standby", "watch", "try", "limits"])
def test_no_other_web_site_acts_through_the_browser(
    client: TestClient, home: Any, hand: Hand, what: str, origin: str | None
) -> None:
    client.headers.pop("origin")
    headers = {} if origin is None else {"origin": origin}
    answer = client.post(f"/api/devices/{home.device_id}/{what}", json=BESIDE, headers=headers)
    assert (answer.status_code, answer.text) == (403, "This must be sent from Vigil's own page.\n")
    assert hand.told == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing(
    client: TestClient, home: Any, hand: Hand, devices: Devices, raised: Any, method: str
) -> None:
    for what in ("pause", "resume", "standby", "watch", "try"):
        assert client.request(method, f"/api/devices/{home.device_id}/{what}").status_code == 405
    assert client.request(method, f"/api/alarms/{raised.id}/acknowledge").status_code == 405
    assert client.request(method, f"/api/devices/{home.device_id}/limits").status_code == 200
    assert hand.told == [] and devices.list()[0].settings is None
    assert home.alerts.active()[0].acknowledged_by is None


def test_where_nobody_is_told_there_is_nothing_to_snooze(client: TestClient, raised: Any) -> None:
    answer = client.post(f"/api/alarms/{raised.id}/snooze", json={"by": "Ada", "minutes": 15})
    assert answer.status_code == 409 and answer.json()["error"].startswith("This bridge tells nobody")


@pytest.mark.parametrize(("minutes", "allowed"), [(0, 15), (16, 15), (15, None)])
def test_an_alarm_of_high_priority_is_snoozed_for_a_quarter_of_an_hour_at_most(
    client: TestClient, home: Any, raised: Any, minutes: int, allowed: int | None, people: Any
) -> None:
    answer = client.post(f"/api/alarms/{raised.id}/snooze", json={"by": "Ada", "minutes": minutes})
    if allowed:
        problem = "An alarm of high priority can be snoozed for 1 to 15 minutes."
        assert (answer.status_code, answer.json()["fields"]) == (400, {"minutes": problem})
        assert home.store.snoozes() == []
    else:
        assert answer.status_code == 200
        (snooze,) = client.get("/api/state").json()["snoozes"]
        assert (snooze["wearer"], snooze["condition"], snooze["by"]) == ("Wearer", "spo2_very_low", "Ada")
        assert client.post(f"/api/alarms/{raised.id}/tell", json={}).status_code == 200
        assert client.get("/api/state").json()["snoozes"] == []


def test_a_device_nobody_knows_is_told_nothing(client: TestClient, hand: Hand) -> None:
    answer = client.post("/api/devices/deadbeef/try", json={})
    assert (answer.status_code, answer.json()["error"]) == (404, "No device 'deadbeef' is known.")
    assert hand.told == []


def test_a_page_that_only_listens_has_no_way_to_act(home: Any) -> None:
    app = create_app(
        home.store, home.live, home.alerts, home.events, access=Access(), limits=lambda _: {}, clock=home.clock
    )
    with TestClient(app, base_url="http://localhost", headers=FROM_HERE) as client:
        assert client.get("/api/state").json()["can_act"] is False
        assert client.post(f"/api/devices/{home.device_id}/try", json={}).status_code == 404


# Limits


def limits(client: TestClient, home: Any) -> Any:
    return client.get(f"/api/devices/{home.device_id}/limits").json()


def test_the_editor_shows_bounds_values_and_whom_they_are_from(client: TestClient, home: Any, utc_ms: int) -> None:
    journal = home.device.journal
    journal.anchor(0)
    packed = IN_FORCE.pack()
    journal._add(records.SETTINGS, 5000, lambda buf: records.pack_settings(buf, packed, b"Bob"))
    home.store.commit(home.device_id, journal.id, journal.records)
    shown = limits(client, home)
    assert (shown["in_force"]["by"], shown["in_force"]["utc_ms"]) == ("Bob", utc_ms + 5000)
    assert shown["in_force"]["values"]["spo2_low_pct"] == 90
    assert shown["waiting_by"] is None and shown["spo2_guard_pct"] == 2
    spo2_low = shown["groups"][0]["limits"][0]
    assert (spo2_low["label"], spo2_low["unit"]) == ("Low oxygen, below", "%")
    assert (spo2_low["least"], spo2_low["most"], spo2_low["step"], spo2_low["value"]) == (80, 99, 1, 90)
    assert {profile["name"] for profile in shown["profiles"]} >= {"adult", "scale-2", "opioid-night"}


def test_a_changed_limit_goes_to_the_devices_file_and_waits_for_the_device(
    client: TestClient, home: Any, devices: Devices
) -> None:
    body = {"by": "Ada", "profile": "", "limits": {"spo2_low_pct": 94, "temperature_high_c": 38.4}}
    assert "once it confirms" in act(client, home, "limits", body).json()["text"]
    (device,) = devices.list()
    assert device.settings is not None and device.settings_by == "Ada"
    wanted = unpack_fields(device.settings)
    assert (wanted.spo2_low_deci_pct, wanted.temperature_high_centi_c, wanted.temperature_site) == (940, 3840, 1)
    assert wanted.profile == 0
    shown = limits(client, home)
    assert shown["waiting_by"] == "Ada" and shown["groups"][0]["limits"][0]["value"] == 94


def test_a_profile_is_taken_whole_or_with_a_change(client: TestClient, home: Any, devices: Devices) -> None:
    act(client, home, "limits", {"by": "Ada", "profile": "opioid-night", "limits": {}})
    assert limits(client, home)["profile"].startswith("Night after opioids or sedation")
    act(client, home, "limits", {"by": "Ada", "profile": "scale-2", "limits": {"pulse_rate_low_bpm": 45}})
    wanted = unpack_fields(devices.list()[0].settings or b"")
    assert (wanted.profile, wanted.spo2_very_low_deci_pct, wanted.pulse_rate_low_deci_bpm) == (3, 840, 450)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"spo2_low_pct": 79}, {"spo2_low_pct": "This is a whole number from 80 to 99."}),
        ({"spo2_low_pct": 90.5}, {"spo2_low_pct": "This is a whole number from 80 to 99."}),
        ({"spo2_low_pct": None}, {"spo2_low_pct": "This is a whole number from 80 to 99."}),
        ({"spo2_low_pct": 1e400}, None),
        ({"latching": 1}, {"latching": "This is true or false."}),
        (
            {"pulse_rate_low_bpm": 90, "pulse_rate_high_bpm": 60},
            dict.fromkeys(
                ("pulse_rate_low_bpm", "pulse_rate_high_bpm"),
                "\u201cSlow pulse, below\u201d must be below \u201cFast pulse, above\u201d.",
            ),
        ),
        ({"spo2_very_low_pct": 84}, {"spo2_very_low_pct"}),
        ({"no_such_limit": 1}, {}),
    ],
)
def test_limits_that_cannot_be_are_refused_beside_their_field(
    client: TestClient, home: Any, devices: Devices, changes: Any, fields: Any
) -> None:
    if fields is None:  # JSON has no infinity
        path = f"/api/devices/{home.device_id}/limits"
        body = b'{"by": "Ada", "profile": "", "limits": {"spo2_low_pct": 1e400}}'
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.json()["fields"] == {"spo2_low_pct": "This is a whole number from 80 to 99."}
    else:
        answer = act(client, home, "limits", {"by": "Ada", "profile": "", "limits": changes})
        assert (answer.json()["fields"] if isinstance(fields, dict) else set(answer.json()["fields"])) == fields
    assert answer.status_code == 400 and answer.json()["error"]
    assert devices.list()[0].settings is None


def test_who_sets_limits_must_fit_the_record_of_the_device(client: TestClient, home: Any, devices: Devices) -> None:
    answer = act(client, home, "limits", {"by": "Bartholomew Example", "profile": "adult", "limits": {}})
    assert answer.status_code == 400 and "1 to 15 bytes" in answer.json()["fields"]["by"]
    assert devices.list()[0].settings is None
