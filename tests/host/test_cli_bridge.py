"""`vigil bridge` where there is no Bluetooth, and what it and `vigil service` say of what they cannot do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.host.command_line import refused

from vigil_host.cli import main, service
from vigil_host.devices import Devices
from vigil_host.rooms.known import keep_join_code
from vigil_host.store import Store
from vigil_wire import keys

VIGIL = Path(sys.executable).with_name("vigil")


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own."""
    folder = tmp_path / "data"
    monkeypatch.setenv("VIGIL_DATA", str(folder))
    return folder


def vigil(*args: object) -> Result:
    """Run the command in this process; what it does not catch is raised."""
    return CliRunner().invoke(main, [*map(str, args)], catch_exceptions=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def state_at(port: int) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=5) as answer:
        return json.load(answer)


def test_the_second_bridge_of_a_record_only_listens_and_takes_over_when_the_first_is_gone(
    data_folder: Path, tmp_path: Path
) -> None:
    """Two writers could damage the record, and two acknowledgers would each have half of it."""
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"}
    bridges, logs = [], [tmp_path / "first", tmp_path / "second"]
    try:
        for log in logs:
            with log.open("wb") as err:
                command = [VIGIL, "bridge", "--port", str(free_port())]
                bridges.append(subprocess.Popen(command, stderr=err, env=env))
            until(lambda log=log: "known devices" in log.read_text())  # type: ignore[misc]
        assert "record in" in logs[0].read_text()
        said = logs[1].read_text()
        assert f"(process {bridges[0].pid})" in said and "only listens" in said and "listening only" in said
        bridges[0].kill()
        bridges[0].wait()
        until(lambda: "record in" in logs[1].read_text())
    finally:
        for bridge in bridges:
            bridge.terminate()
            bridge.wait()


def test_a_room_bridge_joins_with_its_join_code_and_keeps_nothing_else(data_folder: Path, tmp_path: Path) -> None:
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"}
    room_env = {**env, "VIGIL_DATA": str(tmp_path / "room")}
    code = next(line.strip() for line in vigil("rooms", "add", "Bedroom").stdout.splitlines() if line.count("-") == 5)
    (tmp_path / "room").mkdir()
    keep_join_code(tmp_path / "room" / "join-code", code)
    port = free_port()
    log = tmp_path / "log"
    processes = []
    try:
        with log.open("wb") as err:
            processes.append(
                subprocess.Popen([VIGIL, "bridge", "--port", str(port)], stderr=subprocess.DEVNULL, env=env)
            )
            room_command = [VIGIL, "bridge", "--forward-to", f"127.0.0.1:{port}"]
            processes.append(subprocess.Popen(room_command, stderr=err, env=room_env))
        until(lambda: "joined as room Bedroom" in log.read_text())
        until(lambda: state_at(port)["rooms_text"] == "Bedroom: connected")
        assert [path.name for path in (tmp_path / "room").iterdir()] == ["join-code"]
        processes[1].kill()
        until(lambda: state_at(port)["rooms_text"] == "Bedroom: not connected")
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    assert json.loads(vigil("rooms", "--json").stdout)[0]["name"] == "Bedroom"
    vigil("rooms", "remove", "Bedroom")
    assert "No room may join yet" in vigil("rooms").stdout


def test_a_room_bridge_that_cannot_start_says_so_in_one_line(data_folder: Path) -> None:
    said = refused(vigil("bridge", "--forward-to", "http://"))
    assert said.startswith("'http://' is not the address of a bridge's page")
    said = refused(vigil("bridge", "--forward-to", "vigil.local"))
    assert said == "this needs a join code: run `vigil bridge --forward-to` once in a terminal to give it"
    (data_folder / "join-code").write_text("12345")
    assert "that is no join code" in refused(vigil("bridge", "--forward-to", "vigil.local"))
    assert "shows no page" in vigil("bridge", "--forward-to", "vigil.local", "--lan").stderr
    assert refused(vigil("rooms", "remove", "Attic")) == "no room is called 'Attic': `vigil rooms` lists them"


def test_without_bluetooth_it_says_so_again_and_again_and_the_page_shows_nothing(
    data_folder: Path, tmp_path: Path
) -> None:
    data_folder.mkdir()
    device = Devices(data_folder / "devices.toml").add(keys.setup_code(bytes(16)), "Ada", "Clip")
    Store.open(data_folder / "vigil.db").close()
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as err:
        process = subprocess.Popen(
            [VIGIL, "bridge", "--port", str(port)],
            stderr=err,
            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"},
        )
    try:
        until(lambda: log.read_text().count("cannot scan") >= 3)
        (shown,) = state_at(port)["devices"]
        assert (shown["device"], shown["link"], shown["link_text"]) == (device.id, "silent", "Not heard")
        assert (shown["spo2_pct"], shown["spo2_status"], shown["age_s"]) == (None, "stale", None)
        assert shown["spo2_status_text"] == "Device not heard"
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)
    address, number, people, *lines = log.read_text().splitlines()
    assert code == 0
    assert "vigil alarms number" in number and "vigil people add" in people
    assert address == f"Vigil: http://127.0.0.1:{port}/  (1 known device, record in {data_folder / 'vigil.db'})"
    assert all(line.startswith("ERROR vigil_host.link.scanning: cannot scan: ") for line in lines)
    assert lines[1].endswith("trying again in 1.0 s")


def until(condition: Callable[[], object]) -> None:
    """Wait, in real time, until `condition` holds."""
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('log_level = "loud"', "log_level is one of debug, info, warning, error, not 'loud'"),
        ("[web]\nport = 'x'", "web.port is a whole number, not 'x'"),
        ("colour = 1", "colour is not a key Vigil knows"),
        ("[web]\nhost = '0.0.0.0'", "web.host 0.0.0.0 is not this machine alone: that needs web.lan = true"),
        ("= 1", "is not valid TOML"),
    ],
)
def test_a_bad_configuration_is_one_line(tmp_path: Path, content: str, problem: str) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text(content)
    said = refused(vigil("bridge", "--config", config))
    assert said.startswith(str(config))
    assert problem in said


def test_what_it_cannot_start_with_is_one_line(tmp_path: Path, data_folder: Path) -> None:
    none = tmp_path / "none.toml"
    assert refused(vigil("bridge", "--config", none)) == f"{none} cannot be read: No such file or directory"
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert refused(vigil("bridge", "--port", port)).startswith(f"port {port} on 127.0.0.1 is in use")
    (data_folder / "vigil.db").write_text("Dear Ada, ...\n" * 50)
    assert "is not a Vigil database" in refused(vigil("bridge"))


def test_the_home_network_needs_a_passphrase_first(data_folder: Path) -> None:
    said = refused(vigil("bridge", "--lan"))
    assert said == "the page needs a passphrase: run `vigil bridge --lan` once in a terminal to set it"
    assert not (data_folder / "vigil.db").exists()


def test_the_unit_is_printed_and_nothing_is_changed(tmp_path: Path, mocker: Any) -> None:
    ran = mocker.patch.object(service.subprocess, "run")
    config = tmp_path / "my home.toml"
    config.touch()
    result = vigil("service", "install", "--print", "--config", config)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert f'ExecStart={VIGIL} bridge --config "{config}"' in lines
    assert {"Type=notify", "User=vigil", "WatchdogSec=60", "Restart=always"} <= set(lines)
    ran.assert_not_called()


def test_the_unit_of_a_monitor_may_use_the_pins(mocker: Any) -> None:
    groups = [SimpleNamespace(gr_name=name) for name in ("root", "i2c", "audio")]
    mocker.patch.object(service.grp, "getgrall", return_value=groups)
    lines = vigil("service", "install", "--print", "--monitor").stdout.splitlines()
    assert f"ExecStart={VIGIL} monitor" in lines
    assert "SupplementaryGroups=i2c" in lines, "with a group that is not there, it would not start"
    assert not any(line.startswith("Supp") for line in vigil("service", "install", "--print").stdout.splitlines())


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the unit would go, on a system that systemd runs."""
    monkeypatch.setattr(service, "UNIT", tmp_path / "vigil.service")
    monkeypatch.setattr(service, "_BOOTED", tmp_path)
    return tmp_path / "vigil.service"


@pytest.mark.parametrize("what", ["install", "remove"])
def test_a_service_is_refused_without_systemd_and_without_root(
    unit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mocker: Any, what: str
) -> None:
    ran = mocker.patch.object(service.subprocess, "run")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert refused(vigil("service", what)) == "this changes the system: run it as root, with sudo"
    monkeypatch.setattr(service, "_BOOTED", tmp_path / "none")
    assert refused(vigil("service", what)).startswith("systemd does not run this system; run `vigil bridge`")
    ran.assert_not_called()
    assert not unit.exists()


def test_a_service_is_installed_and_removed(unit: Path, monkeypatch: pytest.MonkeyPatch, mocker: Any) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done = subprocess.CompletedProcess((), 0, "", "")
    ran = mocker.patch.object(service.subprocess, "run", return_value=done)
    assert vigil("service", "install").exit_code == 0
    assert f"ExecStart={VIGIL} bridge" in unit.read_text().splitlines()
    assert [call.args[0][:2] for call in ran.call_args_list][-1] == ("systemctl", "enable")
    assert vigil("service", "remove").exit_code == 0
    assert not unit.exists()
    assert refused(vigil("service", "remove")) == f"{unit}: the service is not installed"


def test_what_systemd_says_is_passed_on(unit: Path, monkeypatch: pytest.MonkeyPatch, mocker: Any) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    failed = subprocess.CompletedProcess((), 1, "", "Unit is masked.\n")
    mocker.patch.object(service.subprocess, "run", side_effect=[subprocess.CompletedProcess((), 0), failed])
    result = vigil("service", "install")
    assert (result.exit_code, result.stderr) == (1, "Error: `systemctl daemon-reload` failed: Unit is masked.\n")
