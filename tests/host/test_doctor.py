"""`vigil doctor`: what it finds, how it says so, and that it also works where there is nothing to find."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bleak.exc import BleakError
from click.testing import CliRunner, Result

from vigil_hal.panel import Panel
from vigil_hal.parts import Parts
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_host.cli import doctor as cli_doctor
from vigil_host.cli import main
from vigil_host.clock import Clock
from vigil_host.config import Config
from vigil_host.devices import Devices, KnownDevice
from vigil_host.doctor import machine, radio
from vigil_host.doctor.finding import Finding
from vigil_host.own_device import OwnDevice
from vigil_wire import keys

ADA = KnownDevice("7a718bab", "Ada's clip", "Ada", bytes(16))
BOB = KnownDevice("00000000", "Bob's clip", "Bob", bytes(range(16)))


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, on a machine without a system bus."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    (tmp_path / "data").mkdir(mode=0o700)
    return tmp_path / "data"


def vigil(*args: str) -> Result:
    return CliRunner().invoke(main, args, catch_exceptions=False)


@pytest.mark.parametrize(
    ("version", "is_fixed"), [((3, 40, 1), False), ((3, 51, 2), False), ((3, 51, 3), True), ((3, 53, 0), True)]
)
def test_sqlite_is_safe_with_one_writer_and_says_where_that_matters(version: tuple[int, ...], is_fixed: bool) -> None:
    finding = machine.check_sqlite(version)
    assert finding.verdict == "good"
    assert ("write" in finding.found) is not is_fixed


def test_files_that_others_may_read_are_named_and_left_as_they_are(data_folder: Path) -> None:
    files = [data_folder / name for name in ("devices.toml", "vigil.db", "heard.json")]
    files[0].touch(0o600)
    files[1].touch(0o600)
    (finding,) = machine.check_files(data_folder, files)
    assert (finding.verdict, finding.found.split()[0]) == ("good", "3")
    files[0].chmod(0o640)
    data_folder.chmod(0o755)
    folder, devices = machine.check_files(data_folder, files)
    assert (folder.verdict, devices.verdict) == ("bad", "bad")
    assert str(files[0]) in devices.found and devices.advice == f"chmod 600 '{files[0]}'"
    assert folder.advice == f"chmod 700 '{data_folder}'"
    result = vigil("doctor", "--json")
    assert [each["verdict"] for each in json.loads(result.stdout) if each["subject"] == "Files"] == ["bad", "bad"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_named(data_folder: Path) -> None:
    path = data_folder / "devices.toml"
    path.touch(0o600)
    os.chown(path, 12345, -1)
    (finding,) = machine.check_files(data_folder, [path])
    assert finding.verdict == "bad" and "another user" in finding.found


@pytest.mark.parametrize(("said", "verdict"), [("yes\n", "good"), ("no\n", "bad"), ("", "not known")])
def test_the_clock_is_as_systemd_says(mocker: Any, said: str, verdict: str) -> None:
    done = subprocess.CompletedProcess((), 0, said, "")
    mocker.patch.object(machine.subprocess, "run", return_value=done)
    assert machine.check_clock(Clock()).verdict == verdict


def test_the_clock_without_systemd_and_one_that_was_never_set(mocker: Any) -> None:
    mocker.patch.object(machine.subprocess, "run", side_effect=FileNotFoundError)
    assert machine.check_clock(Clock()).verdict == "not known"
    mocker.patch.object(Clock, "utc_ms", return_value=0)
    assert machine.check_clock(Clock()).verdict == "bad"


def test_without_bluetooth_it_says_so_in_one_line_and_fails() -> None:
    result = vigil("doctor")
    assert result.exit_code == 1 and result.stderr == ""
    (line,) = [line for line in result.stdout.splitlines() if "Bluetooth" in line]
    assert line.split()[0] == ("bad" if sys.platform == "linux" else "not")
    assert [line.split()[0] for line in result.stdout.splitlines() if " SQLite: " in line] == ["good"]


def test_all_good_is_success(data_folder: Path, mocker: Any) -> None:
    Devices(data_folder / "devices.toml").add(keys.setup_code(bytes(16)), "Ada", "Clip")
    heard = mocker.patch.object(cli_doctor, "radio_findings", return_value=[Finding("Bluetooth", "good", "is on")])
    mocker.patch.object(machine, "check_clock", return_value=Finding("Clock", "not known", "?"))
    result = vigil("doctor", "--seconds", "7")
    assert result.exit_code == 0
    _, devices, seconds = heard.call_args.args
    assert ([device.name for device in devices], seconds) == (["Clip"], 7.0)
    assert result.stdout.splitlines()[-1] == "good       Bluetooth: is on"


def test_a_computer_that_is_a_monitor_is_not_to_hear_itself(data_folder: Path, mocker: Any) -> None:
    devices = Devices(data_folder / "devices.toml")
    devices.add(keys.setup_code(bytes(16)), "Ada", "Clip")
    own = OwnDevice(data_folder / "monitor", SimulatedI2C(), Parts(), Panel(), lambda _: None)
    own.register(devices, "This computer", "Ada")
    own.close()
    heard = mocker.patch.object(cli_doctor, "radio_findings", return_value=[])
    vigil("doctor")
    assert [device.name for device in heard.call_args.args[1]] == ["Clip"]


def adapter(name: str = "hci0", is_on: bool = True, bluez: tuple[int, int] | None = (5, 66)) -> radio.Adapter:
    return radio.Adapter(name, "AA:BB:CC:DD:EE:FF", is_on, bluez)


@pytest.mark.parametrize(
    ("found", "wanted", "verdicts", "said", "is_worth_trying"),
    [
        ([adapter()], None, ["good", "good"], "hci0", True),
        ([adapter(), adapter("hci1", False)], None, ["good", "good"], "hci0", True),
        ([adapter(), adapter("hci1", False)], "hci1", ["bad", "good"], "hci1 is there, but off", False),
        ([adapter()], "hci1", ["bad", "good"], "hci1 is not there; what is: hci0", False),
        ([adapter(is_on=False)], None, ["bad", "good"], "off", False),
        ([adapter(bluez=(5, 50))], None, ["good", "bad"], "5.50 is too old", True),
        ([adapter(bluez=None)], None, ["good", "not known"], "does not say", True),
        ([], None, ["bad"], "none at all", False),
        (None, None, ["not known"], "does not tell", True),
    ],
)
def test_adapters(
    found: list[radio.Adapter] | None,
    wanted: str | None,
    verdicts: list[str],
    said: str,
    is_worth_trying: bool,
    run: Callable[[Any], Any],
    mocker: Any,
) -> None:
    mocker.patch.object(radio, "adapters", return_value=found)
    findings, is_tried = run(radio.check_adapters(wanted))
    assert ([finding.verdict for finding in findings], is_tried) == (verdicts, is_worth_trying)
    assert said in " ".join(finding.found for finding in findings)


@pytest.mark.bus
def test_bluez_is_asked_over_the_system_bus(system_bus: None, run: Callable[[Any], Any]) -> None:
    from dbus_fast import BusType, Message, MessageType, Variant
    from dbus_fast.aio import MessageBus

    properties = {
        "Address": Variant("s", "00:1A:7D:DA:71:13"),
        "Powered": Variant("b", True),
        "Modalias": Variant("s", "usb:v1D6Bp0246d0542"),
    }
    objects = {"/org/bluez": {}, "/org/bluez/hci1": {"org.bluez.Adapter1": properties, "org.bluez.Media1": {}}}

    async def scenario() -> None:
        with pytest.raises(BleakError, match="BlueZ does not run"):
            await radio.adapters()
        bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        may_ask = False

        def answer(message: Message) -> Message | None:
            if message.message_type is not MessageType.METHOD_CALL or message.member != "GetManagedObjects":
                return None
            if not may_ask:
                return Message.new_error(message, "org.freedesktop.DBus.Error.AccessDenied", "no")
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [objects])

        bus.add_message_handler(answer)
        await bus.request_name("org.bluez")
        with pytest.raises(BleakError, match="may not use Bluetooth"):
            await radio.adapters()
        may_ask = True
        assert await radio.adapters() == [radio.Adapter("hci1", "00:1A:7D:DA:71:13", True, (5, 66))]
        bus.disconnect()

    run(scenario())


def test_adverts_are_counted_once_each(air: Any, content_bytes: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        counting = asyncio.create_task(radio.count_adverts(air.scanner, [ADA, BOB], 0.1, Clock()))
        await asyncio.sleep(0.02)
        for _ in range(5):
            air.repeat(air.advertise(ADA.key, content_bytes()))
        air.repeat(b"of another maker")
        counts = await counting
        assert counts.adverts == {ADA.id: 6, BOB.id: 0}  # the first comes twice
        assert len(counts.senders) == 1
        assert air.scanners == []

    run(scenario())


CONFIG = Config(Path("vigil.db"))


@pytest.mark.parametrize(
    ("heard", "config", "verdict", "advice"),
    [
        (20, CONFIG, "good", ""),
        (10, CONFIG, "good", ""),
        (9, CONFIG, "bad", "duplicates = true"),
        (9, Config(Path("vigil.db"), duplicates=True), "bad", "restart_s = 30"),
        (9, Config(Path("vigil.db"), scanning="passive", restart_s=30), "bad", 'scanning = "active"'),
        (0, CONFIG, "bad", "switch it on"),
    ],
)
def test_the_verdict_on_a_device(
    heard: int, config: Config, verdict: str, advice: str, run: Callable[[Any], Any], mocker: Any, air: Any
) -> None:
    counts = radio.Counts({"a stranger"}, {ADA.id: heard})
    mocker.patch.object(radio, "count_adverts", return_value=counts)
    findings = run(radio.check_hearing(air.scanner, [ADA], config, 20.0, Clock()))
    assert (findings[0].verdict, findings[0].found) == ("good", "1 sender heard in 20 s")
    assert (findings[1].verdict, f"Ada's clip: {heard * 3} of 60" in findings[1].found) == (verdict, True)
    assert advice in findings[1].advice


def test_a_scan_that_fails_is_a_finding(air: Any, run: Callable[[Any], Any]) -> None:
    air.broken = 1
    (finding,) = run(radio.check_hearing(air.scanner, [ADA], CONFIG, 1.0, Clock()))
    assert (finding.verdict, finding.found) == ("bad", "cannot scan: no adapter")
