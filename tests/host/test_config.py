"""The configuration: what is wrong is said in one line that names the file and the key."""

from pathlib import Path

import pytest

from vigil_host import config
from vigil_host.config import Config, ConfigError, MonitorConfig


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(config.DATA_VARIABLE, str(tmp_path / "data"))
    return tmp_path / "data"


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "vigil.toml"
    path.write_text(text)
    return config.load(path)


def test_nothing_said(tmp_path: Path, data: Path) -> None:
    expected = Config(database=data / "vigil.db", web_host="127.0.0.1", web_port=8765)
    assert config.load() == load(tmp_path, "") == expected
    assert data.stat().st_mode & 0o777 == 0o700
    assert config.devices_file() == data / "devices.toml"


def test_without_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config, "user_data_path", lambda name: tmp_path / name)
    monkeypatch.delenv(config.DATA_VARIABLE)
    assert config.data_folder() == tmp_path / "vigil"


def test_everything_said(tmp_path: Path) -> None:
    text = (
        'database = "records/home.db"\nlog_level = "debug"\n'
        '[web]\nhost = "192.168.1.5"\nport = 80\nlan = true\n[bluetooth]\nadapter = "hci1"\n'
    )
    assert load(tmp_path, text) == Config(tmp_path / "records/home.db", "192.168.1.5", 80, True, "hci1", "debug")


def test_how_to_scan(tmp_path: Path) -> None:
    said = load(tmp_path, "[bluetooth]\nduplicates = true\nrestart_s = 300")
    assert (said.scanning, said.duplicates, said.restart_s) == ("active", True, 300)
    said = load(tmp_path, '[bluetooth]\nscanning = "passive"')
    assert (said.scanning, said.duplicates, said.restart_s) == ("passive", False, None)


def test_when_nobody_could_be_told(tmp_path: Path) -> None:
    said = load(
        tmp_path, '[alerts]\ndead_man_url = "https://n.example/t"\ndead_man_after_min = 3\nping_url = "http://h/x"'
    )
    assert (said.dead_man_url, said.dead_man_after_min, said.ping_url) == ("https://n.example/t", 3, "http://h/x")
    assert "example" not in repr(said)


def test_an_address_for_the_outside(tmp_path: Path) -> None:
    said = '[web]\npublic_url = "https://vigil.example/house/"'
    assert load(tmp_path, said).public_url == "https://vigil.example/house/"
    assert load(tmp_path, "").public_url is None


def test_a_room_bridge(tmp_path: Path) -> None:
    assert load(tmp_path, 'forward_to = "http://vigil.local:8765/"').forward_to == "http://vigil.local:8765/"


def test_the_whole_home_network(tmp_path: Path) -> None:
    assert load(tmp_path, "[web]\nlan = true").web_host == "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_alone(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, f'[web]\nhost = "{host}"').web_host == host


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("database = 3", "database is text in quotes, not 3"),
        ('databse = "x"', "databse is not a key Vigil knows"),
        ('log_level = "loud"', "log_level is one of debug, info, warning, error, not 'loud'"),
        ("web = 1", "web is a table, not 1"),
        ("[web]\nport = true", "web.port is a whole number, not True"),
        ("[web]\nport = 0", "web.port is a number from 1 to 65535, not 0"),
        ("[web]\nport = 65536", "web.port is a number from 1 to 65535, not 65536"),
        ('[web]\nlan = "yes"', "web.lan is true or false, not 'yes'"),
        ('[web]\nhost = "0.0.0.0"', "web.host 0.0.0.0 is not this machine alone: that needs web.lan = true"),
        ('[web]\npublic_url = "vigil.example"', "web.public_url is an address that begins with http:// or https://"),
        ('[web]\npublic_url = "https://a.example/?x"', "web.public_url is an address without ? and #"),
        ('[web]\npasword = "x"', "web.pasword is not a key Vigil knows"),
        ("[alerts]\ndead_man_after_min = 1", "alerts.dead_man_after_min is a number from 2 to 60, not 1"),
        ('[alerts]\nping_url = "ping"', "alerts.ping_url is an address that begins with http:// or https://"),
        ('[alerts]\nping = "x"', "alerts.ping is not a key Vigil knows"),
        ("[bluetooth]\nadapter = 1", "bluetooth.adapter is text in quotes, not 1"),
        ("[bluetooth]\nalone = 1", "bluetooth.alone is true or false, not 1"),
        ('[bluetooth]\nscanning = "idle"', "bluetooth.scanning is one of active, passive, not 'idle'"),
        ("[bluetooth]\nduplicates = 1", "bluetooth.duplicates is true or false, not 1"),
        (
            '[bluetooth]\nscanning = "passive"\nduplicates = true',
            'bluetooth.duplicates is for scanning = "active" only: leave one of the two out',
        ),
        ("[bluetooth]\nrestart_s = 0", "bluetooth.restart_s is a number of seconds from 10 to 86400, not 0"),
        ("[bluetooth]\nrestart_s = 1.5", "bluetooth.restart_s is a whole number, not 1.5"),
        ("[web", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    line = str(caught.value)
    assert said in line and str(tmp_path / "vigil.toml") in line and "\n" not in line


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        config.load(tmp_path / "vigil.toml")


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "vigil.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not valid TOML"):
        config.load(tmp_path / "vigil.toml")


def test_a_data_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(config.DATA_VARIABLE, str(tmp_path / "file" / "data"))
    with pytest.raises(ConfigError, match="cannot be made"):
        config.load()


def test_sensors_on_this_computers_own_pins(tmp_path: Path) -> None:
    assert load(tmp_path, "").monitor == MonitorConfig(i2c=1, parts=({"part": "TMP117", "address": 0x48},))
    text = (
        "[monitor]\ni2c = 3\n"
        "light = [17, 27, 22]\nbeeper = 23\nvibration = 24\nbutton = 25\n"
        'wearer = "Ada"\nbluetooth = true\nadvertise = true\n'
        '[[monitor.parts]]\npart = "MCP9808"\n'
    )
    assert load(tmp_path, text).monitor == MonitorConfig(
        3, ({"address": 0x18, "part": "MCP9808"},), (17, 27, 22), 23, 24, 25, "Ada", True, True
    )
    assert load(tmp_path, "[monitor]\nlight = 17").monitor.light == 17


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("i2c = -1", "monitor.i2c is the number of a bus"),
        ('i2c = "/dev/i2c-1"', "monitor.i2c is a whole number"),
        ("parts = 3", "monitor.parts is a list, not 3"),
        ("parts = [3]", "monitor.parts is a list of tables, not 3"),
        ('parts = [{part = "TMP118"}]', "monitor.parts number 1: the part 'TMP118' is not known: DS18B20, "),
        ('parts = [{part = "MAX30102"}]', "the part 'MAX30102' is not known"),
        (
            'parts = [{part = "TMP117", address = 0x57}]',
            "number 1: a TMP117 answers at 0x48, 0x49, ",
        ),
        ('parts = [{part = "TMP117"}, {part = "MCP9808"}]', "number 2: the TMP117 is the thermometer already"),
        ('parts = [{part = "TMP117", pin = 4}]', "number 1: pin is nothing that a TMP117 knows"),
        ('parts = [{part = "DS18B20", rom = "28"}]', "number 1: a ROM is like 28-00000bbb9b13, not 28"),
        ("light = 2", "monitor.light is a GPIO number from 4 to 27, not 2"),
        ("light = [17, 27]", "monitor.light is one GPIO number, or three"),
        ("light = [17, 27, 17]", "monitor.light is GPIO 17, which light has too"),
        ('light = [17, 27, "x"]', "monitor.light is a GPIO number from 4 to 27, not 'x'"),
        ("button = 28", "monitor.button is a GPIO number from 4 to 27, not 28"),
        ("beeper = 17\nvibration = 17", "monitor.vibration is GPIO 17, which beeper has too"),
        ("beeper = true", "monitor.beeper is a whole number"),
        ("speaker = 4", "monitor.speaker is not a key Vigil knows"),
    ],
)
def test_pins_that_cannot_be(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, f"[monitor]\n{line}\n")
    assert says in str(raised.value)
    assert "vigil.toml" in str(raised.value)
