"""`vigil devices` and `vigil readings`, and `vigil` itself."""

import datetime
import io
import json
import re
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import segno
from click.testing import CliRunner, Result
from tests.host.command_line import refused
from tests.host.empty_store import put_empty_store

from vigil_host import system_keyring
from vigil_host.cli import devices as cli_devices
from vigil_host.cli import main
from vigil_host.devices import Devices
from vigil_host.store import Store
from vigil_host.store.times import to_days
from vigil_host.system_keyring import SystemKeyringError
from vigil_wire import keys, link, movement, records, statuses
from vigil_wire.settings import SERVICES_BONDED, SERVICES_OFF, SERVICES_OPEN, Settings

KEY = bytes(range(16))
CODE = keys.setup_code(KEY)
ID = keys.device_id(KEY)
UTC_MS = 1_795_000_000_000


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, and a wide terminal."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path / "data"


def vigil(*args: str, answer: str | None = None) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, args, input=answer, catch_exceptions=False)


def told(result: Result) -> str:
    """What a command that succeeded printed."""
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_a_device_is_added_listed_renamed_and_removed(data_folder: Path) -> None:
    assert "vigil devices add --code CODE" in told(vigil("devices"))
    assert json.loads(told(vigil("devices", "--json"))) == []
    assert told(vigil("devices", "add", "--code", CODE, "--wearer", "Ada")) == (
        f"Added Vigil {ID[:4]} ({ID}), worn by Ada.\n"
    )
    assert stat.S_IMODE((data_folder / "devices.toml").stat().st_mode) == 0o600
    assert told(vigil("devices", "rename", ID, "Ada's clip")) == f"{ID} is now called Ada's clip.\n"
    listed = told(vigil("devices"))
    assert all(word in listed for word in (ID, "Ada's clip", "wearer"))
    (in_json,) = json.loads(told(vigil("devices", "--json")))
    assert (in_json["id"], in_json["name"], in_json["wearer"]) == (ID, "Ada's clip", "Ada")
    assert KEY.hex() not in listed
    assert vigil("devices", "remove", "Ada's clip", answer="n\n").exit_code == 1
    assert json.loads(told(vigil("devices", "--json")))
    assert told(vigil("devices", "remove", "Ada's clip", "--yes")) == f"Removed Ada's clip ({ID}).\n"
    assert json.loads(told(vigil("devices", "--json"))) == []


def test_a_device_that_is_only_listened_to_says_so_and_is_asked_for_nothing(data_folder: Path) -> None:
    told(vigil("devices", "add", "--code", CODE, "--name", "Bedroom", "--listen-only"))
    assert "Bedroom is only listened to: another computer keeps its record.\n" in told(vigil("devices"))
    assert json.loads(told(vigil("devices", "--json")))[0]["listen_only"]
    before = (data_folder / "devices.toml").read_text()
    for asked in (
        ("devices", "rotate", "Bedroom"),
        ("devices", "calibrate", "Bedroom", "--default"),
    ):
        assert "is only listened to here: do this where its record is kept" in refused(vigil(*asked))
    assert (data_folder / "devices.toml").read_text() == before


def test_a_device_gets_a_curve_and_the_default_one_again(data_folder: Path, tmp_path: Path) -> None:
    vigil("devices", "add", "--code", CODE, "--name", "Clip")
    curve = tmp_path / "curve.toml"
    curve.write_text("spo2_curve = [[400, 990], [1100, 760]]")
    said = told(vigil("devices", "calibrate", "Clip", str(curve)))
    assert said == f"Clip ({ID}) gets the curve in {curve} when the bridge is next connected with it.\n"
    assert Devices(data_folder / "devices.toml").get("Clip").spo2_curve == ((400, 990), (1100, 760))
    assert told(vigil("devices", "rename", "Clip", "Band"))
    assert Devices(data_folder / "devices.toml").get("Band").spo2_curve == ((400, 990), (1100, 760))
    assert "gets the default curve" in told(vigil("devices", "calibrate", "Band", "--default"))
    assert Devices(data_folder / "devices.toml").get("Band").spo2_curve == ()


def test_a_curve_that_cannot_be_given_is_one_line_and_changes_nothing(data_folder: Path, tmp_path: Path) -> None:
    vigil("devices", "add", "--code", CODE, "--name", "Clip")
    curve = tmp_path / "curve.toml"
    curve.write_text("spo2_curve = [[400, 990], [1100, 860]]")
    assert "its SpO2 goes from 990 to 860" in refused(vigil("devices", "calibrate", "Clip", str(curve)))
    assert "No such file" in refused(vigil("devices", "calibrate", "Clip", str(tmp_path / "none.toml")))
    curve.write_text("spo2_curve = [[400, 990], [1100, 760]]")
    assert "no device is called 'nobody'" in refused(vigil("devices", "calibrate", "nobody", str(curve)))
    for words in (("Clip",), ("Clip", str(curve), "--default")):
        assert "--default, and not both" in refused(vigil("devices", "calibrate", *words))
    assert Devices(data_folder / "devices.toml").get("Clip").spo2_curve is None
    (data_folder / "devices.toml").write_text(
        (data_folder / "devices.toml").read_text() + "spo2_curve = [[400, 990], [1100, 860]]\n"
    )
    assert "its SpO2 goes from 990 to 860" in refused(vigil("devices"))


def shown(result: Result) -> bytes:
    """The key in the setup code that a command has shown, as text and as a QR code."""
    (code,) = re.findall(r"^    (\S{34})$", told(result), re.MULTILINE)
    drawn = io.StringIO()
    segno.make(code, micro=False).terminal(drawn, compact=True)
    assert drawn.getvalue() in result.stdout
    return keys.key_from_setup_code(code)


def never_again(key: bytes) -> None:
    """No command shows this key."""
    code = keys.setup_code(key)
    for command in (("devices",), ("devices", "--json"), ("devices", "rename", "Clip", "Clip")):
        said = told(vigil(*command))
        assert code not in said and key.hex() not in said


def test_a_new_device_has_its_setup_code_shown_once(data_folder: Path) -> None:
    result = vigil("devices", "new", "Clip", "--wearer", "Ada")
    (known,) = Devices(data_folder / "devices.toml").list()
    assert (shown(result), known.name, known.wearer) == (known.key, "Clip", "Ada")
    never_again(known.key)


def test_a_key_is_replaced_and_its_setup_code_shown_once(data_folder: Path) -> None:
    vigil("devices", "add", "--code", CODE, "--name", "Clip")
    result = vigil("devices", "rotate", "Clip")
    (known,) = Devices(data_folder / "devices.toml").list()
    assert (known.id, known.possible_keys) == (ID, (KEY, shown(result)))
    assert "gives the new key to the device when they next meet, then forgets the\nold one" in told(result)
    assert CODE not in told(result)
    never_again(shown(result))
    assert "new one waits" in told(vigil("devices"))
    assert "has a new key waiting" in refused(vigil("devices", "rotate", "Clip"))
    assert "no device is called 'nobody'" in refused(vigil("devices", "rotate", "nobody"))
    Devices(data_folder / "devices.toml").settle(ID, shown(result))
    assert "new one waits" not in told(vigil("devices"))


def test_a_terminal_without_block_characters_gets_the_code_alone(data_folder: Path) -> None:
    result = CliRunner(charset="latin-1").invoke(main, ("devices", "new", "Clip"), catch_exceptions=False)
    assert keys.setup_code(Devices(data_folder / "devices.toml").get("Clip").key) in told(result)
    assert "\u2588" not in result.stdout


def test_keys_go_into_the_keyring_and_come_back(data_folder: Path, mocker: Any) -> None:
    kept: dict[tuple[str, str], str] = {}
    vigil("devices", "add", "--code", CODE, "--name", "Clip")
    mocker.patch.object(system_keyring, "put", side_effect=SystemKeyringError("there is none"))
    assert refused(vigil("devices", "keyring", "on")) == "nothing was changed: there is none"
    mocker.patch.object(system_keyring, "put", lambda place, name, secret: kept.update({(place, name): secret}))
    mocker.patch.object(system_keyring, "get", lambda place, name: kept[place, name])
    mocker.patch.object(system_keyring, "remove", lambda place, name: kept.pop((place, name)))
    assert told(vigil("devices", "keyring", "on")) == "The devices' keys are in the system keyring.\n"
    assert [*kept.values()] == [KEY.hex()]
    assert "Clip" in told(vigil("devices"))
    assert str(data_folder / "devices.toml") in told(vigil("devices", "keyring", "off"))
    assert kept == {}


@pytest.mark.parametrize(
    ("services", "flags", "in_json", "in_table"),
    [
        (SERVICES_OFF, link.CAN_PAIR | link.ADDRESS_CHANGES, ("off", True, True), ["off", "changes"]),
        (SERVICES_BONDED, link.CAN_PAIR, ("bonded", True, False), ["bonded", "stays"]),
        (SERVICES_OPEN, link.CAN_PAIR, ("open", True, False), ["open", "stays"]),
        (SERVICES_OPEN, 0, ("open", False, False), ["open", "stays", "cannot", "pair"]),
        (SERVICES_BONDED, 0, ("off", False, False), ["off", "stays", "cannot", "pair"]),
        (SERVICES_BONDED, None, ("bonded", None, None), ["bonded", "not", "known"]),
        (None, None, (None, None, None), ["not", "known", "not", "known"]),
    ],
)
def test_how_a_device_is_protected(
    data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    services: int | None,
    flags: int | None,
    in_json: tuple[Any, ...],
    in_table: list[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    vigil("devices", "add", "--code", CODE, "--wearer", "Ada Lovelace", "--name", "Ada's clip")
    with Store.open(data_folder / "vigil.db") as store:
        store.add_device(ID, "Ada's clip")
        store.meet(ID, 1, None, flags)
        store.meet(ID, 1, None)  # as who does not know them
        if services is not None:
            buf = bytearray(records.MAX_LENGTH)
            for sequence, setting in enumerate((SERVICES_OPEN, services)):
                packed = Settings(standard_services=setting).pack()
                records.pack_header(buf, sequence, records.SETTINGS, 1, 0, 0)
                length = records.pack_settings(buf, packed, b"")
                store.commit(ID, 1, [bytes(buf[:length])])
    today = datetime.date.today().isoformat()
    (device,) = json.loads(told(vigil("devices", "--json")))
    assert device == {
        "id": ID,
        "name": "Ada's clip",
        "wearer": "Ada Lovelace",
        "listen_only": False,
        "adverts": "encrypted",
        "record_link": "sealed",
        "key_since": today,
        "next_key_since": None,
        "standard_services": in_json[0],
        "can_pair": in_json[1],
        "changes_address": in_json[2],
        "refused": None,
        "refused_utc_ms": None,
    }
    lines = told(vigil("devices")).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert " ".join(lines[1:-2]).split() == [ID, "Ada's", "clip", "Ada", "Lovelace", today, *in_table]
    assert "Adverts are always encrypted" in lines[-2]


def test_what_a_device_has_refused_is_listed(data_folder: Path) -> None:
    vigil("devices", "add", "--code", CODE, "--name", "Ada's clip")
    with Store.open(data_folder / "vigil.db") as store:
        store.add_device(ID, "Ada's clip")
        store.meet(ID, 1, None, link.CAN_PAIR)
        assert store.note_refused(ID, [0] * len(link.REFUSALS)) == (0,) * len(link.REFUSALS)
        assert "refused" not in told(vigil("devices"))
        assert store.note_refused(ID, [31, 0, 0, 0, 0, 2, 0]) == (0,) * len(link.REFUSALS)
    (device,) = json.loads(told(vigil("devices", "--json")))
    assert device["refused"] == {
        "forged": 31,
        "out_of_order": 0,
        "malformed": 0,
        "other_version": 0,
        "unknown_message": 0,
        "unproven": 2,
        "turned_away": 0,
    }
    said = datetime.datetime.fromtimestamp(device["refused_utc_ms"] / 1000)
    lines = told(vigil("devices")).splitlines()
    assert lines[2:5] == [
        f"Ada's clip has refused since it was switched on, as it said at {said:%Y-%m-%d %H:%M}:",
        "     31 forged or damaged frames",
        "      2 connections that never proved that they know the key",
    ]


def meet(path: Path, services: int | None, flags: int | None) -> None:
    """Have a bridge's record know the device."""
    with Store.open(path) as store:
        store.add_device(ID, "Clip")
        store.meet(ID, 1, None, flags)
        if services is not None:
            buf, packed = bytearray(records.MAX_LENGTH), Settings(standard_services=services).pack()
            records.pack_header(buf, 0, records.SETTINGS, 1, 0, 0)
            store.commit(ID, 1, [bytes(buf[: records.pack_settings(buf, packed, b"")])])


@pytest.mark.parametrize(
    ("services", "flags", "why"),
    [
        (SERVICES_BONDED, 0, "Clip cannot pair: MicroPython for its board (Pico W) has no pairing"),
        (SERVICES_OFF, link.CAN_PAIR, "Clip has its standard services off: there is nothing to pair for"),
        (SERVICES_OPEN, link.CAN_PAIR, "the standard services of Clip are open: everybody hears them"),
        (SERVICES_BONDED, None, "the bridge has not met Clip yet"),
        (None, link.CAN_PAIR, "the bridge has not met Clip yet"),
    ],
)
def test_pairing_that_would_lead_to_nothing_is_refused(
    data_folder: Path, services: int | None, flags: int | None, why: str
) -> None:
    vigil("devices", "add", "--code", CODE, "--name", "Clip")
    meet(data_folder / "vigil.db", services, flags)
    for here in ((), ("--here",)):
        assert refused(vigil("devices", "pair", "Clip", *here)).startswith(why)
    assert Devices(data_folder / "devices.toml").get("Clip").pair_before is None


def test_a_device_that_is_unknown_cannot_be_paired(data_folder: Path) -> None:
    assert "no device is called 'Clip'" in refused(vigil("devices", "pair", "Clip"))


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_wish_to_pair_is_left_for_the_bridge_and_not_for_long(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, is_heard: bool
) -> None:
    vigil("devices", "add", "--code", CODE, "--name", "Clip")
    meet(data_folder / "vigil.db", SERVICES_BONDED, link.CAN_PAIR)
    monkeypatch.setattr(cli_devices, "PAIRING_WISH_S", 0.0)
    monkeypatch.setattr(cli_devices, "_WISH_MARGIN_S", 20.0 if is_heard else 0.5)
    monkeypatch.setattr(cli_devices, "_LOOK_S", 0.01)
    left: list[float] = []

    def be_the_bridge() -> None:
        while (before := Devices(data_folder / "devices.toml").get("Clip").pair_before) is None:
            time.sleep(0.01)
        left.append(before.timestamp() - time.time())
        if is_heard:
            Devices(data_folder / "devices.toml").forget_pairing(ID)

    bridge = threading.Thread(target=be_the_bridge)
    bridge.start()
    result = vigil("devices", "pair", "Clip")
    bridge.join()
    assert 0 < left[0] <= 30
    assert Devices(data_folder / "devices.toml").get("Clip").pair_before is None
    if is_heard:
        assert "Clip lets a phone or gateway pair for two minutes" in told(result)
    else:
        assert (result.exit_code, "did not reach Clip" in result.stderr) == (1, True)


def test_a_record_that_cannot_be_read_is_said_and_the_devices_are_listed(data_folder: Path) -> None:
    vigil("devices", "add", "--code", CODE, "--name", "Clip")
    (data_folder / "vigil.db").write_text("Dear Ada, ...\n" * 50)
    result = vigil("devices", "--json")
    assert result.exit_code == 0
    assert "not a Vigil database" in result.stderr
    assert json.loads(result.stdout)[0]["standard_services"] is None


def test_what_cannot_be_done_with_a_device_is_one_line(data_folder: Path) -> None:
    mistyped = CODE[:-1] + ("0" if CODE[-1] != "0" else "1")
    assert "mistyped" in refused(vigil("devices", "add", "--code", mistyped))
    assert "29 characters" in refused(vigil("devices", "add", "--code", "nonsense"))
    vigil("devices", "add", "--code", CODE)
    assert "known already" in refused(vigil("devices", "add", "--code", CODE))
    assert "no device is called 'nobody'" in refused(vigil("devices", "rename", "nobody", "x"))
    assert "no device is called 'nobody'" in refused(vigil("devices", "remove", "nobody", "--yes"))
    assert "1 to 64 printable characters" in refused(vigil("devices", "rename", ID, ""))
    (data_folder / "devices.toml").write_text("[[device]]\nname = ")
    assert refused(vigil("devices")).startswith(f"{data_folder / 'devices.toml'} cannot be read")
    result = vigil("devices", "add")
    assert result.exit_code == 2
    assert "--code" in result.stderr


@pytest.fixture
def record(data_folder: Path) -> Path:
    """A record of three readings, ten seconds apart, the last without one."""
    data_folder.mkdir()
    buf = bytearray(records.MAX_LENGTH)
    raw = []

    def keep(kind: int, second: int, length: int) -> None:
        records.pack_header(buf, len(raw), kind, 1, 0, second * 1000)
        raw.append(bytes(buf[:length]))

    keep(records.TIME_ANCHOR, 0, records.pack_time_anchor(buf, *to_days(UTC_MS)))
    for second, (pulse_rate, spo2) in ((10, (720, 970)), (20, (731, 885)), (30, (None, None))):
        summary = records.Summary()
        summary.seconds = 10
        status = statuses.SENSOR_OFF
        if pulse_rate is not None:
            status = statuses.VALIDATED
            summary.pulse_rate.add(pulse_rate)
            summary.spo2.add(spo2)
            summary.respiration.add(142)
        measured = (status, status, statuses.UNAVAILABLE, status)
        keep(records.VITALS, second, summary.pack(buf, measured, 90, 80, 157, 1 if spo2 == 885 else 0, 0))
    with Store.open(put_empty_store(data_folder / "vigil.db")) as store:
        store.add_device(ID, "Clip")
        store.commit(ID, 1, raw)
    return data_folder / "vigil.db"


def test_readings_are_shown_oldest_first_and_none_is_a_dash(record: Path) -> None:
    heading, *lines = told(vigil("readings")).splitlines()
    columns = "time SpO2 % pulse bpm temperature °C perfusion % breaths /min quality alarms"
    assert heading.split() == columns.split()
    assert [line.split()[1] for line in lines] == ["11:06:50", "11:07:00", "11:07:10"]
    assert lines[1].split()[2:] == ["88.5", "73.1", "-", "unavailable", "1.57", "14.2", "90", "spo2_low"]
    assert "- sensor off" in lines[2]
    assert told(vigil("readings", "--last", "1", "--device", "Clip")).splitlines()[1].split() == lines[2].split()
    assert told(vigil("readings", "--db", str(record), "--device", ID)).splitlines()[1:] == lines


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ((), "SpO2: Not calibrated: ±4 points or worse."),
        (((400, 990), (1100, 760)), "SpO2: Calibrated for this sensor."),
    ],
)
def test_readings_say_whose_curve_they_are_read_with(record: Path, curve: Any, words: str) -> None:
    buf = bytearray(records.MAX_LENGTH)
    packed = Settings(curve).pack()
    records.pack_header(buf, 4, records.SETTINGS, 1, 0, 40_000)
    length = records.pack_settings(buf, packed, b"")
    with Store.open(record) as store:
        store.commit(ID, 1, [bytes(buf[:length])])
    assert told(vigil("readings")).splitlines()[-1] == words


def test_readings_have_the_movement_where_something_has_told_it(record: Path) -> None:
    buf = bytearray(records.MAX_LENGTH)
    records.pack_header(buf, 4, records.VITALS, 1, 0, 40_000)
    summary = records.Summary()
    summary.seconds = 10
    code = movement.pack(movement.LYING, movement.STILL)
    length = summary.pack(buf, (1, 1, 0, 1), 90, 80, 157, 0, code << records.MOVEMENT_SHIFT)
    with Store.open(record) as store:
        store.commit(ID, 1, [bytes(buf[:length])])
    heading, *lines = told(vigil("readings")).splitlines()
    assert heading.split()[-2:] == ["movement", "alarms"]
    assert "lying, still" in lines[-1]
    assert lines[1].split()[-2:] == ["-", "spo2_low"]
    rows = json.loads(told(vigil("readings", "--json", "--last", "2")))
    assert [(row["movement"], row["position"]) for row in rows] == [(None, None), ("still", "lying")]


def test_readings_as_json(record: Path) -> None:
    rows = json.loads(told(vigil("readings", "--json", "--last", "2")))
    assert [(row["utc_ms"], row["spo2_pct"], row["respiration_per_min"], row["active"]) for row in rows] == [
        (UTC_MS + 20_000, 88.5, 14.2, ["spo2_low"]),
        (UTC_MS + 30_000, None, None, []),
    ]


def test_readings_without_a_known_time_are_listed_with_what_is_known_of_it(record: Path) -> None:
    buf = bytearray(records.MAX_LENGTH)
    raw = []

    def keep(sequence: int, kind: int, boot: int, length: int) -> None:
        records.pack_header(buf, sequence, kind, boot, 0, 10_000)
        raw.append(bytes(buf[:length]))

    def reading(spo2: int) -> int:
        summary = records.Summary()
        summary.seconds = 10
        summary.spo2.add(spo2)
        return summary.pack(buf, (statuses.VALIDATED,) * 4, 90, 80, 157, 0, 0)

    keep(4, records.VITALS, 2, reading(846))
    keep(5, records.TIME_ANCHOR, 3, records.pack_time_anchor(buf, *to_days(UTC_MS + 600_000)))
    keep(6, records.VITALS, 4, reading(951))
    with Store.open(record) as store:
        store.commit(ID, 1, raw)
        store.commit(ID, 2, raw[:1])
    lines = told(vigil("readings")).splitlines()[1:]
    assert len(lines) == 6
    assert lines[0].split()[:3] == ["time", "unknown", "84.6"]
    assert lines[4].startswith(" time between 2026-11-18 11:07:17 and 2026-11-18 11:16:42  84.6 ")
    assert lines[5].startswith(" time after 2026-11-18 11:16:47 ")
    assert told(vigil("readings", "--last", "5")).splitlines()[-1].startswith("Not listed: 1 whose time is unknown")
    rows = json.loads(told(vigil("readings", "--json", "--last", "2")))
    assert [(row["utc_ms"], row["earliest_utc_ms"], row["latest_utc_ms"]) for row in rows] == [
        (None, UTC_MS + 37_980, UTC_MS + 602_000),
        (None, UTC_MS + 607_995, None),
    ]


def test_readings_that_are_not_there(record: Path, data_folder: Path, tmp_path: Path) -> None:
    assert refused(vigil("readings", "--device", "nobody")).endswith(f"in this record: {ID} (Clip)")
    none = tmp_path / "none.db"
    assert refused(vigil("readings", "--db", str(none))).startswith(f"{none}: there is no record yet")
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ada, ...\n" * 50)
    assert refused(vigil("readings", "--db", str(letter))).startswith(f"{letter} is not a Vigil database")
    empty = tmp_path / "empty.db"
    with Store.open(empty) as store:
        assert refused(vigil("readings", "--db", str(empty))).endswith("in this record: none")
        store.add_device(ID, "Clip")
    assert told(vigil("readings", "--db", str(empty))) == "There is no reading.\n"
    assert json.loads(told(vigil("readings", "--db", str(empty), "--json"))) == []


def test_help_names_every_command_and_each_has_an_example() -> None:
    shown = told(vigil("--help"))
    for name in ("demo", "replay", "bridge", "devices", "readings", "service"):
        assert f" {name} " in shown
        assert "Example: " in told(vigil(name, "--help"))
    for words in (
        ("devices", "add"),
        ("devices", "rename"),
        ("devices", "calibrate"),
        ("devices", "remove"),
        ("service", "install"),
    ):
        assert "Example: " in told(vigil(*words, "--help"))
    assert "**" not in shown
    assert "not a medical device" in shown
    assert told(vigil("-h")) == shown
    assert told(vigil("--version")).startswith("vigil, version ")


def test_a_mistyped_command_is_answered_with_a_guess() -> None:
    result = vigil("repaly")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such command 'repaly'. Did you mean 'replay'?" in result.stderr


def test_a_command_whose_extra_is_not_installed_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bumble", None)
    for name in [name for name in sys.modules if name.startswith(("vigil_host.radio", "vigil_host.demo"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "vigil_host.cli.demo", raising=False)
    assert "pip install 'vigil-vitals[demo]'" in refused(vigil("demo"))
