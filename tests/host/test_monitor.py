"""A computer that is the device and the bridge: from simulated registers to the record, and what befalls it."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from click.testing import CliRunner
from tests.contract.kernel_i2c import FOR_SMBUS_ALONE, Kernel, KernelI2C

from vigil_firmware.journal import Journal
from vigil_firmware.journal_nor import NorStore
from vigil_firmware.simulation.parts import Parts
from vigil_hal.file_blocks import FileFlash
from vigil_hal.panel import Panel
from vigil_hal.parts import Parts as Wired
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_hal.simulated.max30205 import SimulatedMax30205
from vigil_hal.simulated.mcp9808 import SimulatedMcp9808
from vigil_hal.simulated.mlx90614 import SimulatedMlx90614
from vigil_hal.simulated.patient import built_in_patient
from vigil_hal.simulated.tmp117 import SimulatedTmp117
from vigil_host import own_device as own_device_module
from vigil_host.bridge import Bridge
from vigil_host.cli import main
from vigil_host.cli import monitor as monitor_cli
from vigil_host.devices import Devices
from vigil_host.link.adapter import InRoom
from vigil_host.linux import one_wire
from vigil_host.own_device import JOURNAL_BLOCKS, DeviceHung, OwnDevice, ticks_ms
from vigil_host.store import Store
from vigil_host.store.lease import AlreadyOwned
from vigil_wire import keys, link, records

VIGIL = Path(sys.executable).with_name("vigil")


async def wait_for(condition: Callable[[], bool], timeout_s: float) -> None:
    """Let the loop run until `condition` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def own_device(folder: Path, i2c: Any, thermometer: Any = None, log: Callable[[str], None] = print) -> OwnDevice:
    wired = Wired()
    wired.thermometer = thermometer
    return OwnDevice(folder, i2c, wired, Panel(), log)


def rows_of(database: Path) -> list[tuple[int, bytes]]:
    """Every record in the database, in order, as another program sees them now."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT sequence, data FROM record ORDER BY sequence").fetchall()
    finally:
        connection.close()


def records_of(journal: Journal) -> list[tuple[int, bytes]]:
    """Every record that the device has."""
    out = bytearray(records.MAX_LENGTH)
    return [
        (number, bytes(out[: journal.read_into(number, out, 0)]))
        for number in range(journal.oldest, journal.newest + 1)
    ]


def test_unplugged_sensor_is_an_alarm_in_the_record_and_passes_and_every_record_is_stored(tmp_path: Path) -> None:
    source = built_in_patient()
    parts = Parts(source, True, ticks_ms)
    lines: list[str] = []
    own = own_device(tmp_path / "monitor", parts.bus, parts.thermometer, lines.append)
    devices = Devices(tmp_path / "devices.toml")
    known = own.register(devices, "This computer", "Wearer")
    assert own.register(devices, "Another name", "Another").id == known.id, "it is known already"

    async def scenario(store: Store) -> None:
        bridge = Bridge(store, devices, own.radio.scanner, own.radio.client, is_alone=True)

        def faults() -> list[Any]:
            return [alarm for alarm in store.alarms_since(0) if alarm.condition == "sensor_fault"]

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(own.run()), group.create_task(bridge.run())]
            monitor = own.device.monitor
            await wait_for(lambda: monitor.second >= 1, 20)
            parts.bus.detach(0x57)
            await wait_for(lambda: bool(faults()), 20)
            parts.bus.attach(parts.oximeter)
            await wait_for(lambda: faults()[0].cleared_utc_ms is not None, 20)
            tasks[0].cancel()  # no more is recorded
            await asyncio.wait((tasks[0],))
            await bridge.close()

    with Store.open(tmp_path / "vigil.db") as store:
        asyncio.run(scenario(store))
        journal = own.device.monitor.journal
        audit = store.audit(known.id)
        assert (audit.missing, audit.duplicates) == (0, 0)
    own.close()
    kept = records_of(journal)
    stored = rows_of(tmp_path / "vigil.db")
    assert len(stored) >= 5  # boot, settings, time, alarm, its end
    assert stored == kept[: len(stored)]
    assert len(kept) - len(stored) <= 1, "no more than what was recorded as it was stopped"
    assert 3 <= journal.acknowledged <= stored[-1][0], "what is acknowledged is stored"
    assert any("0x57 does not answer" in line for line in lines)
    assert "fault: cleared" in lines


def test_killed_it_loses_nothing_and_goes_on_as_the_same_device(tmp_path: Path) -> None:
    folder = tmp_path / "simulated"
    database = folder / "vigil.db"
    log = tmp_path / "log"
    command = [VIGIL, "monitor", "--sensors", "simulated", "--port", str(free_port())]

    def started() -> subprocess.Popen[bytes]:
        with log.open("ab") as err:
            return subprocess.Popen(command, stderr=err, env={**os.environ, "VIGIL_DATA": str(tmp_path)})

    def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
        end_s = time.monotonic() + 40
        while not condition():
            assert process.poll() is None and time.monotonic() < end_s, log.read_text()
            time.sleep(0.05)

    def boots_in(database: Path) -> list[int]:
        return [data[4] for _, data in rows_of(database) if data[4] == records.BOOT] if database.exists() else []

    process = started()
    try:
        until(lambda: "record in" in log.read_text(), process)
        until(lambda: len(boots_in(database)) == 1 and len(rows_of(database)) >= 3, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = rows_of(database)
        process = started()
        until(lambda: len(boots_in(database)) == 2 and len(rows_of(database)) >= len(before) + 3, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    (known,) = Devices(folder / "devices.toml").list()
    with Store.open(database) as store:
        audit = store.audit(known.id)
    assert (audit.missing, audit.duplicates) == (0, 0)
    journal = Journal(NorStore(FileFlash(str(folder / "monitor/journal"), JOURNAL_BLOCKS)), 0)
    stored = rows_of(database)
    kept = records_of(journal)
    assert stored[: len(before)] == before
    assert stored == kept[: len(stored)]
    assert kept[0][0] == 0
    said = log.read_text()
    assert "boot 1\n" in said and "boot 2\n" in said
    assert "setup code" not in said


def test_what_the_device_cannot_go_on_after_ends_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = own_device(tmp_path / "monitor", SimulatedI2C())

    def fail(_now_ms: int) -> None:
        raise RuntimeError("no core goes on after this")

    monkeypatch.setattr(own.device, "step", fail)
    with pytest.raises(RuntimeError, match="no core"):
        asyncio.run(own.run())
    own.close()


def test_slow_bus_is_said_and_nothing_else_waits_for_it(tmp_path: Path) -> None:
    """The device waits in its own thread: the bridge's loop goes on."""
    parts = Parts(built_in_patient(), True, ticks_ms)
    lines: list[str] = []
    own = own_device(tmp_path / "monitor", parts.bus, parts.thermometer, lines.append)
    turns = 0

    async def scenario() -> None:
        nonlocal turns
        running = asyncio.create_task(own.run())
        await wait_for(lambda: own.device.monitor.sampler.fault == "", 30)
        is_slow = False

        def slow() -> None:
            nonlocal is_slow
            is_slow = True
            time.sleep(0.7)
            is_slow = False

        own.longest_gap_ms = 0  # on a busy machine one may have been long already
        parts.bus.before(0, slow)
        await wait_for(lambda: is_slow, 30)
        while is_slow:
            turns += 1
            await asyncio.sleep(0.01)
        await wait_for(lambda: any("between two steps" in line for line in lines), 30)
        running.cancel()
        await asyncio.wait((running,))

    asyncio.run(scenario())
    own.close()
    assert turns >= 5
    assert own.longest_gap_ms >= 700


def test_device_that_hangs_ends_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a board's watchdog would reset it: nothing else would notice that nobody measures."""
    monkeypatch.setattr(own_device_module, "HUNG_S", 1)
    parts = Parts(built_in_patient(), True, ticks_ms)
    own = own_device(tmp_path / "monitor", parts.bus, parts.thermometer)
    let_go = threading.Event()
    parts.bus.before(10, lambda: let_go.wait(60))
    with pytest.raises(DeviceHung, match="no step for 1 s"):
        asyncio.run(own.run())
    let_go.set()
    own.close()


def test_two_programs_cannot_be_the_same_device(tmp_path: Path) -> None:
    own = own_device(tmp_path / "monitor", SimulatedI2C())
    with pytest.raises(AlreadyOwned):
        own_device(tmp_path / "monitor", SimulatedI2C())
    own.close()


def test_beside_a_radio_both_are_heard_and_each_is_connected_with_by_its_own_way(
    tmp_path: Path, air: Any, home: Any, content_bytes: Callable[[], bytearray]
) -> None:
    """`bluetooth = true`."""
    own = own_device(tmp_path / "monitor", SimulatedI2C())
    store, wearable = home.store, home.device
    wearable.journal.restart()
    devices = Devices(tmp_path / "devices.toml")
    here = own.register(devices, "This computer", "Ada")
    worn = devices.add(keys.setup_code(wearable.key), "Ben", "Wearable")

    async def scenario() -> None:
        bridge = Bridge(store, devices, air.scanner, own.radio.clients_beside(wearable.client))
        await own.radio.scanner(bridge.hear).start()
        tasks = [asyncio.create_task(own.run()), asyncio.create_task(bridge.run())]
        await wait_for(lambda: bool(air.scanners), 30)
        air.advertise(wearable.key, content_bytes(), wearable.ble_device())
        await wait_for(lambda: store.audit(worn.id).stored == 1, 20)
        await wait_for(lambda: store.audit(here.id).stored >= 3, 20)
        assert (wearable.sessions, own.device.peripheral.connection_count) == (1, 1)
        tasks[0].cancel()
        await asyncio.wait((tasks[0],))
        await bridge.close()

    asyncio.run(scenario())
    own.close()


def test_what_others_hear_of_it_comes_back_and_is_no_other_device_and_no_way_to_it(
    tmp_path: Path, air: Any, home: Any
) -> None:
    """`advertise = true`, and a second adapter or a room bridge hears it: each advert counts once."""
    own = own_device(tmp_path / "monitor", SimulatedI2C())
    devices = Devices(tmp_path / "devices.toml")
    known = own.register(devices, "This computer", "Ada")
    bedroom = InRoom("bedroom", "Bedroom")

    def no_way(device: BLEDevice, _disconnected: Any) -> Any:
        raise AssertionError(f"{device} cannot be connected with")

    async def scenario() -> None:
        bridge = Bridge(home.store, devices, air.scanner, own.radio.clients_beside(no_way))
        made: set[bytes] = set()

        def comes_back(_device: BLEDevice, data: AdvertisementData) -> None:
            made.update(data.manufacturer_data.values())
            for details in (None, bedroom):
                device = BLEDevice(f"1A:00:00:00:00:{len(made) & 255:02X}", None, details)
                bridge.hear(device, data._replace(rssi=127))

        updates = 0
        update = bridge.live.update

        def counted(device_id: str, *what: Any, **more: Any) -> None:
            nonlocal updates
            updates += what[1] == "advert"
            update(device_id, *what, **more)

        bridge.live.update = counted  # type: ignore[method-assign]
        await own.radio.scanner(bridge.hear).start()
        await own.radio.scanner(comes_back).start()
        tasks = [asyncio.create_task(own.run()), asyncio.create_task(bridge.run())]
        await wait_for(lambda: own.device.peripheral.connection_count == 1, 30)
        for _ in range(2):  # a link that does not last is made again by the same way, and by no other
            connection = own.device.peripheral._connections[0]
            own.radio.to_device(lambda it=connection: own.radio.gap_disconnect(it.handle))
            await wait_for(
                lambda it=connection: (
                    own.device.peripheral.connection_count == 1 and own.device.peripheral._connections[0] is not it
                ),
                30,
            )
        await wait_for(lambda: len(made) >= 4, 30)
        (view,) = bridge.live.snapshot()
        assert (view.device_id, view.room, view.rssi_dbm) == (known.id, None, 0)
        assert len(made) - 2 <= updates <= len(made)  # the first two may not be believed at once
        tasks[0].cancel()
        await asyncio.wait((tasks[0],))
        await bridge.close()

    asyncio.run(scenario())
    own.close()


# The link within the process


def test_frames_wait_in_bounds_and_none_comes_after_the_end(tmp_path: Path) -> None:
    own = own_device(tmp_path / "monitor", SimulatedI2C())
    radio = own.radio
    heard: list[bytes] = []
    ends: list[int] = []

    async def scenario() -> None:
        radio.attach(asyncio.get_running_loop())
        client = radio.client(None, lambda _: ends.append(1))  # type: ignore[arg-type]
        await client.start_notify(link.STREAM_UUID, lambda _, frame: heard.append(bytes(frame)))

        async def device() -> None:
            while True:
                radio.deliver()
                await asyncio.sleep(0.001)

        stepping = asyncio.create_task(device())
        await client.connect()
        stream = radio._handles[link.STREAM_UUID]
        taken = 0
        with pytest.raises(OSError) as raised:
            while True:
                radio.gatts_notify(client.number, stream, b"%d" % taken)
                taken += 1
        assert raised.value.errno == 12 and 0 < taken <= 64
        await asyncio.sleep(0.01)
        assert heard == [b"%d" % number for number in range(taken)]
        radio.gatts_notify(client.number, stream, b"late")
        await client.disconnect()
        await asyncio.sleep(0.01)
        assert b"late" not in heard and ends == [1]
        with pytest.raises(BleakError):
            await client.write_gatt_char(link.CONTROL_UUID, b"x", True)
        with pytest.raises(OSError) as raised:
            radio.gatts_notify(client.number, stream, b"gone")
        assert raised.value.errno == 107
        stepping.cancel()

    asyncio.run(scenario())
    own.close()


def test_device_drops_what_breaks_the_protocol(tmp_path: Path) -> None:
    own = own_device(tmp_path / "monitor", SimulatedI2C())

    async def scenario() -> None:
        running = asyncio.create_task(own.run())
        ends: list[int] = []
        client = own.radio.client(None, lambda _: ends.append(1))  # type: ignore[arg-type]
        await client.connect()
        await client.start_notify(link.STREAM_UUID, lambda _, frame: None)
        await client.write_gatt_char(link.CONTROL_UUID, bytes(40), True)
        await wait_for(lambda: bool(ends), 30)
        running.cancel()
        await asyncio.wait((running,))

    asyncio.run(scenario())
    own.close()


# What is said where it cannot start


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(monitor_cli, "run_until_stopped", lambda coroutine: coroutine.close())
    return Kernel(monkeypatch)


def started(config: Path | None = None) -> tuple[int, str]:
    """Exit code and what was said by `vigil monitor`, which ends as soon as it runs."""
    arguments = ["monitor"] + (["--config", str(config)] if config else [])
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    return result.exit_code, result.stderr


def wired(*parts: Any) -> KernelI2C:
    return KernelI2C(SimulatedI2C(*parts))


def oximeter() -> SimulatedMax30102:
    return SimulatedMax30102(built_in_patient(), ticks_ms)


def thermometer() -> SimulatedTmp117:
    return SimulatedTmp117(built_in_patient(), ticks_ms)


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (FileNotFoundError(2, "No such file"), ("there is no /dev/i2c-1", "raspi-config")),
        (PermissionError(13, "Permission denied"), ("/dev/i2c-1 is not for this user", "usermod -aG i2c")),
        (wired(), ("MAX30102 at 0x57 does not answer", "set `i2c` in [monitor]", "there is nothing")),
        (wired(thermometer()), ("MAX30102 at 0x57 does not answer", "there is 0x48")),
        (wired(oximeter()), ("TMP117 at 0x48 does not answer", "[[monitor.parts]]", "there is 0x57")),
        (KernelI2C(SimulatedI2C(oximeter()), FOR_SMBUS_ALONE), ("/dev/i2c-1 is for SMBus alone",)),
    ],
    ids=["no node", "no permission", "empty bus", "no oximeter", "no thermometer", "SMBus alone"],
)
def test_first_start_says_in_one_line_what_is_missing(
    kernel: Kernel, node: KernelI2C | OSError, says: tuple[str, ...], tmp_path: Path
) -> None:
    kernel.add(1, node)
    code, said = started()
    assert code == 1
    (line,) = said.splitlines()
    assert all(part in line for part in says), line
    assert not (tmp_path / "data/monitor").exists(), "the next start is a first one too"


def test_it_starts_with_what_is_configured(kernel: Kernel, tmp_path: Path) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text("[monitor]\ni2c = 3\nparts = []\n")
    kernel.add(3, wired(oximeter()))
    code, said = started(config)
    assert code == 0, said
    (known,) = Devices(tmp_path / "data/devices.toml").list()
    assert f"device {known.id}, boot 1" in said


@pytest.mark.parametrize(
    ("name", "double"),
    [("max30205", SimulatedMax30205), ("mlx90614", SimulatedMlx90614), ("mcp9808", SimulatedMcp9808)],
)
def test_each_thermometer_is_one_line_of_the_configuration(
    kernel: Kernel, tmp_path: Path, name: str, double: Callable[..., Any]
) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text(f'[[monitor.parts]]\npart = "{name.upper()}"\n')
    kernel.add(1, wired(oximeter()))
    code, said = started(config)
    assert code == 1 and f"{name.upper()} at 0x" in said
    kernel.add(1, wired(oximeter(), double(built_in_patient(), ticks_ms)))
    assert started(config)[0] == 0


def test_thermometer_on_the_1_wire_bus_is_one_line_of_the_configuration(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text('[[monitor.parts]]\npart = "DS18B20"\n')
    kernel.add(1, wired(oximeter()))
    monkeypatch.setattr(one_wire, "DEVICES", tmp_path / "w1")
    code, said = started(config)
    assert code == 1 and "dtoverlay=w1-gpio" in said and "[[monitor.parts]]" in said
    part = tmp_path / "w1/28-00000bbb9b13"
    part.mkdir(parents=True)
    (part / "w1_slave").touch()
    assert started(config)[0] == 0


@pytest.mark.parametrize("line", ["listen_only = true", 'forward_to = "http://vigil.local:8765/"'])
def test_it_keeps_its_own_record(kernel: Kernel, tmp_path: Path, line: str) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text(line)
    code, said = started(config)
    assert code == 1 and "are for `vigil bridge`" in said


def test_only_linux_sends_adverts(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "vigil.toml"
    config.write_text("[monitor]\nadvertise = true\n")
    monkeypatch.setattr(monitor_cli.sys, "platform", "darwin")
    code, said = started(config)
    assert code == 1 and "monitor.advertise is for Linux: leave it out" in said


def test_later_a_missing_sensor_is_no_reason_to_watch_nothing(kernel: Kernel) -> None:
    kernel.add(1, wired(oximeter(), thermometer()))
    assert started()[0] == 0
    kernel.add(1, wired())
    code, said = started()
    assert (code, "boot 2" in said) == (0, True)


def test_simulated_sensors_have_a_record_of_their_own(kernel: Kernel, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["monitor", "--sensors", "simulated"], catch_exceptions=False)
    assert result.exit_code == 0
    data = tmp_path / "data"
    assert not (data / "vigil.db").exists() and not (data / "devices.toml").exists()
    (known,) = Devices(data / "simulated/devices.toml").list()
    assert known.wearer == "Simulated patient"
    assert json.dumps(known.key.hex()) not in result.stderr
