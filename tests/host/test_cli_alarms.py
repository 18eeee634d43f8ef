"""`vigil alarms profiles`, `show`, `set` and `number`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.host.command_line import refused
from tests.host.empty_store import put_empty_store

from vigil_host import alarm_profiles, emergency_number
from vigil_host.cli import main
from vigil_host.config import ConfigError, devices_file, emergency_number_file
from vigil_host.devices import Devices
from vigil_host.store import Store
from vigil_wire import keys, records, settings
from vigil_wire.settings import Settings

KEY = bytes(range(16))
ID = keys.device_id(KEY)
CURVE = ((400, 990), (700, 900), (1100, 760))
IN_FORCE = Settings(CURVE, summary_interval_s=10, temperature_site=settings.SITE_NAMES.index("finger"))


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own where Ada's clip is known, and a wide terminal."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    Devices(devices_file()).add(keys.setup_code(KEY), "Ada", "Ada's clip")
    return tmp_path / "data"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record in which Ada's clip has told its settings."""
    path = put_empty_store(tmp_path / "vigil.db")
    told = bytearray(records.HEADER_LENGTH + settings.LENGTH + settings.AUTHOR_MOST_BYTES)
    records.pack_header(told, 1, records.SETTINGS, 1, 0, 0)
    length = records.pack_settings(told, IN_FORCE.pack(), b"Dr. Example")
    with Store.open(path) as store:
        store.add_device(ID, "Ada's clip", "Ada")
        store.commit(ID, 1, [bytes(told[:length])])
    return path


def wished() -> tuple[Settings, str] | None:
    """What the bridge is to give to the device, and by whose wish."""
    device = Devices(devices_file()).get(ID)
    return (settings.unpack_fields(device.settings), device.settings_by) if device.settings else None


def alarms(*args: str) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, ["alarms", *args], catch_exceptions=False)


def told(result: Result) -> str:
    """What a command that succeeded printed."""
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_profiles_are_listed_and_explained() -> None:
    text = told(alarms("profiles"))
    assert all(name in text for name in alarm_profiles.NAMES)
    explained = told(alarms("profiles", "opioid-night"))
    assert "Respiration is not always available" in explained
    assert all(key in explained for key in alarm_profiles.LIMITS)
    assert "Second-hand: the delay of Masimo's Rad-97" in explained
    assert "there is no profile 'nurse'" in refused(alarms("profiles", "nurse"))


def test_every_command_has_an_example() -> None:
    for name in ("replay", "profiles", "show", "set", "number"):
        assert f"vigil alarms {name}" in told(alarms(name, "--help"))


def test_limits_in_force_are_shown_with_who_set_them(record: Path) -> None:
    text = told(alarms("show", "Ada's clip", "--db", str(record)))
    assert "Profile: adult (version 1). Set by: Dr. Example." in text
    assert "spo2_very_low_pct" in text and "a whole number from 80 to 95" in text
    assert "finger; its limits are off" in text and "Calibrated for this sensor" in text
    said = json.loads(told(alarms("show", ID, "--db", str(record), "--json")))
    assert (said["device"], said["profile"], said["set_by"]) == (ID, "adult", "Dr. Example")
    assert (said["limits"]["spo2_low_pct"], said["limits"]["latching"]) == (92, False)


def test_a_profile_is_asked_for_and_the_rest_stays(record: Path) -> None:
    text = told(alarms("set", "Ada's clip", "--profile", "nhs-home", "--by", "Bea", "--db", str(record)))
    found = wished()
    assert found is not None and found[1] == "Bea"
    assert found[0].with_curve(CURVE).pack() == alarm_profiles.load("nhs-home").settings(IN_FORCE).pack()
    assert "gets the profile nhs-home (version 1) when" in text
    assert "spo2_low_pct: 92 -> 95" in text and "spo2_very_low_pct: 88 -> 93" in text
    shown = told(alarms("show", "Ada's clip", "--db", str(record)))
    assert "Profile: adult" in shown  # what is in force, until the device's record says otherwise
    assert "next connected, by Bea: spo2_low_pct: 92 -> 95, spo2_very_low_pct: 88 -> 93." in shown


def test_single_limits_and_the_site_add_to_what_waits(record: Path) -> None:
    told(alarms("set", ID, "--limit", "spo2_low_pct=90", "--by", "Bea", "--db", str(record)))
    more = ("--limit", "temperature_high_c=38.2", "--site", "mouth")
    text = told(alarms("set", ID, *more, "--by", "Cleo", "--db", str(record)))
    found = wished()
    assert found is not None and found[1] == "Cleo"
    wanted = found[0]
    assert (wanted.spo2_low_deci_pct, wanted.temperature_high_centi_c, wanted.profile) == (900, 3820, 0)
    assert settings.SITE_NAMES[wanted.temperature_site] == "mouth"
    assert "temperature taken at: finger -> mouth" in text and "gets the profile custom (version 1)" in text


def test_what_is_so_already_is_not_asked_for(record: Path) -> None:
    assert "already" in told(alarms("set", ID, "--profile", "adult", "--by", "Bea", "--db", str(record)))
    assert wished() is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--by", "Bea"), "say what is to change: --profile, --limit or --site"),
        (("--by", " ", "--site", "ear"), "who changes settings is named in 1 to 15 bytes, not ' '"),
        (("--by", "Dr. Ärmelkanal-B", "--site", "ear"), "who changes settings is named in 1 to 15 bytes"),
        (("--by", "Bea", "--profile", "nurse"), "there is no profile 'nurse'"),
        (("--by", "Bea", "--limit", "spo2_low_pct=60"), "spo2_low_pct is a whole number from 80 to 99, not 60"),
        (("--by", "Bea", "--limit", "spo2_low_pct=88"), "these limits: spo2_very_low_pct must be below spo2_low_pct"),
        (("--by", "Bea", "--limit", "spo2_very_low_pct=84"), "these limits: spo2_very_low_pct below 85 is for those"),
    ],
)
def test_what_cannot_be_is_refused_and_not_asked_for(record: Path, options: tuple[str, ...], problem: str) -> None:
    assert refused(alarms("set", ID, *options, "--db", str(record))).startswith(problem)
    assert wished() is None


def test_a_device_that_has_told_no_settings(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    Store.open(path).close()
    for command in (("show", ID), ("set", ID, "--profile", "adult", "--by", "Bea")):
        assert "has not told its settings yet" in refused(alarms(*command, "--db", str(path)))
    assert wished() is None


def test_the_emergency_number_is_kept_and_shown(data_folder: Path) -> None:
    assert "call your emergency number" in told(alarms("number"))
    assert "call 112." in told(alarms("number", "112"))
    assert "call 112." in told(alarms("number"))
    assert emergency_number.read() == "112"
    assert "is no number to call" in refused(alarms("number", "call me"))
    assert emergency_number.read() == "112"
    emergency_number_file().write_text("none\n")
    with pytest.raises(ConfigError, match="is no number to call: set it with `vigil alarms number 112`"):
        emergency_number.read()
