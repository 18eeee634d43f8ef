"""The adverts of the device that is this computer go on the air, and others take them for a wearable's.

BlueZ's place is taken on a D-Bus of the test's own: it reads the advert as `src/advertising.c` does, and what it would
have the controller send is what other bridges hear.
"""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbus_fast")

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from tests.host.test_monitor import free_port

from vigil_host.bridge import Bridge
from vigil_host.cli import doctor
from vigil_host.clock import Clock
from vigil_host.config import Config, MonitorConfig
from vigil_host.devices import Devices
from vigil_host.doctor import radio
from vigil_host.link import bluez, bluez_advertising
from vigil_host.link.bluez_advertising import Advertiser
from vigil_host.store import Store
from vigil_wire import advert, conditions, keys

pytestmark = [pytest.mark.bus, pytest.mark.usefixtures("system_bus")]

VIGIL = Path(sys.executable).with_name("vigil")
HCI0, HCI1 = "/org/bluez/hci0", "/org/bluez/hci1"
KNOWN = {"Type", "ManufacturerData", "MinInterval", "MaxInterval"}
"""What is to be read of the advert; above all no LocalName and no Includes, which would name this computer."""
PROPERTIES = "org.freedesktop.DBus.Properties"


class SoonClock(Clock):
    """Waits no longer than a moment, and can be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds, 0.02))


class BlueZ:
    """Does what BlueZ does with an advert. `on_air` is the advertising data now, `sent` all that there was in turn."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.on: dict[str, bool] = {HCI0: True}
        self.can_advertise = [HCI0, HCI1]
        self.refuses = ""
        self.answers = True
        self.adapter = ""
        self.owner = ""
        self.path = ""
        self.on_air: bytes | None = None
        self.sent: list[bytes] = []
        self.registered = 0
        self.unregistered = 0
        self.properties: dict[str, Variant] = {}
        self.problems: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        bus.add_message_handler(self._take)

    def _take(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            self._take_signal(message)
            return None
        if message.message_type is not MessageType.METHOD_CALL or message.destination != "org.bluez":
            return None
        if not self.answers:
            return True
        if self.refuses and message.member in self.refuses:
            return Message.new_error(message, self.refuses.split()[1], "as BlueZ words it")
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.objects()])
        if message.member == "RegisterAdvertisement":
            task = asyncio.ensure_future(self._register(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return True
        if message.member == "UnregisterAdvertisement" and (message.sender, message.body[0]) == (self.owner, self.path):
            self.unregistered += 1
            self.end()
        return Message.new_method_return(message)

    def _take_signal(self, message: Message) -> None:
        if message.member == "PropertiesChanged" and (message.sender, message.path) == (self.owner, self.path):
            interface, changed, invalidated = message.body
            assert interface == "org.bluez.LEAdvertisement1" and not invalidated
            self.properties |= changed
            if self.on[self.adapter]:
                self._send()
            else:
                self.problems.append("a change while the adapter was off")
        elif message.member == "NameOwnerChanged" and message.body[0] == self.owner:
            self.end()

    def objects(self) -> dict[str, dict[str, dict[str, Variant]]]:
        found: dict[str, dict[str, dict[str, Variant]]] = {"/org/bluez": {}}
        for path, is_on in self.on.items():
            adapter = {"Address": Variant("s", "00:1A:7D:DA:71:13"), "Powered": Variant("b", is_on)}
            found[path] = {"org.bluez.Adapter1": adapter}
            if path in self.can_advertise:
                active = int(path == self.adapter)
                found[path]["org.bluez.LEAdvertisingManager1"] = {
                    "ActiveInstances": Variant("y", active),
                    "SupportedInstances": Variant("y", 5 - active),
                }
        return found

    async def _register(self, call: Message) -> None:
        """Read the object as gdbus does: managed objects first, which do not name it, then its properties."""
        sender, path = call.sender, call.body[0]
        assert sender is not None
        await self._ask(sender, path, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        interface = "org.bluez.LEAdvertisement1"
        reply = await self._ask(sender, path, PROPERTIES, "GetAll", "s", interface)
        assert reply.message_type is MessageType.METHOD_RETURN, reply.body
        if self.owner:
            await self.bus.send(Message.new_error(call, "org.bluez.Error.NotPermitted", "there are enough"))
            return
        self.owner, self.path, self.adapter, self.properties = sender, path, str(call.path), reply.body[0]
        self.registered += 1
        self._send()
        await self.bus.send(Message.new_method_return(call))

    def _send(self) -> None:
        said = {name: variant.value for name, variant in self.properties.items()}
        assert set(said) == KNOWN and said["Type"] == "broadcast"
        assert 20 <= said["MinInterval"] <= said["MaxInterval"] <= 1000
        ((company, data),) = said["ManufacturerData"].items()
        assert data.signature == "ay"
        self.on_air = bytes((len(data.value) + 3, 0xFF)) + company.to_bytes(2, "little") + bytes(data.value)
        assert len(self.on_air) <= 31
        self.sent.append(self.on_air)

    async def _ask(self, to: str, path: str, interface: str, member: str, signature: str = "", *body: str) -> Message:
        answer = await self.bus.call(
            Message(destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body))
        )
        assert answer is not None
        return answer

    def end(self) -> None:
        """Send it no more."""
        self.owner, self.path, self.adapter, self.on_air = "", "", "", None

    async def release(self) -> None:
        """Say that it is over, as when the adapter is unplugged."""
        owner, path = self.owner, self.path
        self.end()
        await self._ask(owner, path, "org.bluez.LEAdvertisement1", "Release")

    async def switch(self, adapter: str, is_on: bool) -> None:
        """Switch an adapter on or off, by which the kernel forgets all adverts, unknown to BlueZ."""
        self.on[adapter] = is_on
        if not is_on:
            self.on_air = None
        body = ["org.bluez.Adapter1", {"Powered": Variant("b", is_on)}, []]
        await self.bus.send(
            Message(
                message_type=MessageType.SIGNAL,
                path=adapter,
                interface=PROPERTIES,
                member="PropertiesChanged",
                signature="sa{sv}as",
                body=body,
            )
        )


@contextlib.asynccontextmanager
async def bluez_runs() -> AsyncIterator[BlueZ]:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    there = BlueZ(bus)
    await bluez.listen(bus, "type='signal',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'")
    await bluez.listen(bus, "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'")
    await bus.request_name("org.bluez")
    try:
        yield there
        assert not there.problems
    finally:
        bus.disconnect()


class Core:
    """Makes adverts as the firmware's core does, and gives them to an advertiser as the in-process radio does."""

    def __init__(self, key: bytes, advertiser: Advertiser, content_bytes: Callable[..., bytearray]) -> None:
        self._sealer = advert.AdvertSealer(key)
        self._advertiser = advertiser
        self._content = content_bytes
        self._counter = 0

    def makes(self, **fields: Any) -> bytes:
        """Make one advert; what a board sends of it behind its flags."""
        self._sealer.seal(self._content(**fields), 0, 0, self._counter)
        self._counter += 1
        self.repeats()
        return bytes(self._sealer.advert[3:])

    def repeats(self) -> None:
        data = AdvertisementData(None, {advert.COMPANY_ID: bytes(self._sealer.advert[7:])}, {}, [], None, 0, ())
        self._advertiser.heard(BLEDevice("00:00:00:00:00:00", None, None), data)


@contextlib.asynccontextmanager
async def running(advertiser: Advertiser) -> AsyncIterator[asyncio.Task[Any]]:
    task = asyncio.create_task(advertiser.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()


def manufacturer_data(on_air: bytes) -> bytes:
    """What a host makes of advertising data, read field by field."""
    fields = {}
    while on_air:
        length, kind = on_air[0], on_air[1]
        fields[kind] = on_air[2 : 1 + length]
        on_air = on_air[1 + length :]
    assert set(fields) == {0xFF} and fields[0xFF][:2] == advert.COMPANY_ID.to_bytes(2, "little")
    return fields[0xFF][2:]


def heard_at(number: int) -> BLEDevice:
    """The sender as Linux has it: with another address for each advert."""
    return BLEDevice(f"1A:00:00:00:{number >> 8:02X}:{number & 255:02X}", None, None)


def never(_device: BLEDevice, _disconnected: Any) -> Any:
    raise AssertionError("nobody can connect with it")


def test_a_board_would_send_the_same_and_nothing_is_sent_twice(
    key: bytes, content_bytes: Any, run: Any, until: Any
) -> None:
    async def scenario() -> None:
        clock = SoonClock()
        advertiser = Advertiser(None, clock)
        core = Core(key, advertiser, content_bytes)
        async with bluez_runs() as there, running(advertiser):
            wanted = [core.makes()]
            await until(lambda: there.sent == wanted)
            for number in range(3):
                core.repeats()
                wanted.append(core.makes(alarm_bits=number))
                core.repeats()
                await until(lambda: there.sent == wanted)
            for number in range(20):  # as no core does
                newest = core.makes(alarm_bits=number)
            await until(lambda: there.on_air == newest)
            assert there.sent == [*wanted, newest]
            assert clock.slept == [bluez_advertising.LEAST_GAP_S] * 4
            assert there.registered == 1
        assert there.unregistered == 1 and there.on_air is None

    run(scenario())


def test_another_bridge_takes_readings_and_alarms_and_never_connects(
    key: bytes, content_bytes: Any, tmp_path: Path, store: Store, air: Any, run: Any, until: Any
) -> None:
    devices = Devices(tmp_path / "devices.toml")
    device = devices.add(keys.setup_code(key), "Ada", "Bedroom", listen_only=True)

    async def scenario() -> None:
        advertiser = Advertiser(None, SoonClock())
        core = Core(key, advertiser, content_bytes)
        bridge = Bridge(store, devices, air.scanner, never)
        async with bluez_runs() as there, running(advertiser):
            running_bridge = asyncio.create_task(bridge.run())
            await until(lambda: bool(air.scanners))

            async def is_heard(**fields: Any) -> None:
                wanted = core.makes(**fields)
                await until(lambda: there.on_air == wanted)
                air.repeat(manufacturer_data(wanted), heard_at(len(there.sent)))

            def active() -> set[str]:
                return {alarm.condition for alarm in bridge.alerts.active()}

            for _ in range(3):
                await is_heard(spo2=800)
            (view,) = bridge.live.snapshot()
            assert (view.link, view.pulse_rate_bpm, view.spo2_pct) == ("adverts", 72.0, 80.0)
            assert active() == set()
            await is_heard(spo2=800, alarm_bits=1 << conditions.SPO2_LOW)
            await until(lambda: active() == {"spo2_low"})
            for _ in range(3):
                await is_heard()
            await until(lambda: active() == set())
            await bridge.close()
            await running_bridge
        assert store.audit(device.id).stored == 0

    run(scenario())


def test_the_whole_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, air: Any, run: Any, until: Any) -> None:
    """`vigil monitor`, its adverts heard by a second bridge; when it ends, they do."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "pi"))
    config = tmp_path / "vigil.toml"
    config.write_text("[monitor]\nadvertise = true\n")
    command = (VIGIL, "monitor", "--sensors", "simulated", "--config", config, "--port", str(free_port()))

    async def scenario() -> None:
        async with bluez_runs() as there:
            with (tmp_path / "log").open("wb") as log:
                process = await asyncio.create_subprocess_exec(*command, stderr=log, env=os.environ)
            try:
                await until(lambda: there.registered == 1, 40)
                (known,) = Devices(tmp_path / "pi/simulated/devices.toml").list()
                devices = Devices(tmp_path / "devices.toml")
                devices.add(keys.setup_code(known.key), "Ada", "Bedroom", listen_only=True)
                with Store.open(tmp_path / "second.db") as store:
                    bridge = Bridge(store, devices, air.scanner, never)
                    running_bridge = asyncio.create_task(bridge.run())
                    await until(lambda: bool(air.scanners), 40)
                    passed_on = 0

                    def pulse() -> float | None:
                        nonlocal passed_on
                        for on_air in there.sent[passed_on:]:
                            passed_on += 1
                            air.repeat(manufacturer_data(on_air), heard_at(passed_on))
                        return bridge.live.snapshot()[0].pulse_rate_bpm

                    await until(lambda: pulse() is not None, 40)
                    assert len(set(there.sent)) == len(there.sent)
                    await bridge.close()
                    await running_bridge
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 20) == 0
                assert (there.unregistered, there.on_air) == (1, None)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        said = (tmp_path / "log").read_text()
        assert "adverts are sent by adapter hci0" in said and "no adverts" not in said

    run(scenario())


# What may befall it


def errors_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"refuses": "GetManagedObjects org.freedesktop.DBus.Error.AccessDenied"}, "usermod -aG bluetooth"),
        ({"refuses": "RegisterAdvertisement org.freedesktop.DBus.Error.AccessDenied"}, "usermod -aG bluetooth"),
        ({"refuses": "RegisterAdvertisement org.bluez.Error.NotPermitted"}, "no place for another advert is free"),
        ({"refuses": "RegisterAdvertisement org.bluez.Error.Failed"}, "the adapter refuses it: systemctl restart"),
        ({"refuses": "RegisterAdvertisement org.bluez.Error.InvalidLength"}, "BlueZ refuses: org.bluez.Error.Inval"),
        ({"on": {}}, "adapter hci0 is not there: plug one in"),
        ({"on": {HCI1: True}}, "adapter hci0 is not there: plug one in"),
        ({"on": {HCI0: False, HCI1: True}}, "adapter hci0 is off: bluetoothctl power on"),
        ({"can_advertise": [HCI1], "on": {HCI0: True, HCI1: True}}, "adapter hci0 cannot advertise: use another one"),
        ({"answers": False}, "BlueZ does not answer: systemctl restart bluetooth"),
    ],
)
def test_why_it_cannot_is_said_once_and_it_tries_on_until_it_can(
    trouble: dict[str, Any],
    says: str,
    key: bytes,
    content_bytes: Any,
    run: Any,
    until: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not trouble.get("answers", True):
        monkeypatch.setattr(bluez, "BUS_TIMEOUT_S", 0.3)

    async def scenario() -> None:
        clock = SoonClock()
        advertiser = Advertiser("hci0", clock)
        core = Core(key, advertiser, content_bytes)
        core.makes()
        async with bluez_runs() as there:
            is_well = {name: getattr(there, name) for name in trouble}
            for name, value in trouble.items():
                setattr(there, name, value)
            async with running(advertiser):
                await until(lambda: len(clock.slept) >= 3)
                (said,) = errors_in(caplog)
                assert said.startswith("no adverts are sent: ") and says in said
                assert clock.slept[:3] == [0.5, 1.0, 2.0]
                assert not advertiser.is_failing
                clock.ahead_s = bluez_advertising.FAILING_AFTER_S
                assert advertiser.is_failing and there.on_air is None
                for name, value in is_well.items():
                    setattr(there, name, value)
                monkeypatch.setattr(bluez, "BUS_TIMEOUT_S", 10.0)
                await until(lambda: there.on_air is not None and not advertiser.is_failing)
                assert caplog.records[-1].getMessage() == "adverts are sent by adapter hci0"

    run(scenario())


def test_without_bluez_or_a_bus_it_is_said(
    run: Any, until: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running(Advertiser(None, SoonClock())):
            await until(lambda: bool(errors_in(caplog)))
            assert "BlueZ does not run: systemctl start bluetooth" in errors_in(caplog)[-1]
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
            await until(lambda: len(errors_in(caplog)) > 1)
            assert "the system bus refuses ([Errno 2] No such file or directory)" in errors_in(caplog)[-1]

    run(scenario())


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("released", "BlueZ has ended them; trying again in 0.5 s"),
        ("BlueZ restarted", "BlueZ does not run: systemctl start bluetooth; trying again in 0.5 s"),
        ("adapter off and on", "adapter hci0 is off: bluetoothctl power on; trying again in 0.5 s"),
    ],
)
def test_lost_it_is_said_once_and_registered_again(
    what: str, says: str, key: bytes, content_bytes: Any, run: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    advertiser = Advertiser(None, SoonClock())
    core = Core(key, advertiser, content_bytes)

    def check_said() -> None:
        first, second, third = [each.getMessage() for each in caplog.records if each.name == bluez_advertising.__name__]
        assert first == third == "adverts are sent by adapter hci0"
        assert second == f"no adverts are sent: {says}"

    async def is_sent(there: BlueZ) -> None:
        await until(lambda: there.on_air is not None)
        wanted = core.makes()
        await until(lambda: there.on_air == wanted)

    async def scenario() -> None:
        core.makes()
        async with contextlib.AsyncExitStack() as advertising:
            async with bluez_runs() as there:
                await advertising.enter_async_context(running(advertiser))
                await is_sent(there)
                if what == "released":
                    await there.release()
                elif what == "adapter off and on":
                    await there.switch(HCI0, False)
                    await until(lambda: bool(errors_in(caplog)))
                    core.makes()
                    await asyncio.sleep(0.1)
                    assert not there.owner, "BlueZ takes it for registered, and sends it no more"
                    await there.switch(HCI0, True)
                if what != "BlueZ restarted":
                    await is_sent(there)
                    assert there.registered == 2
                    check_said()
            if what == "BlueZ restarted":
                await until(lambda: bool(errors_in(caplog)))
                await asyncio.sleep(0.1)
                async with bluez_runs() as there:
                    await is_sent(there)
                    check_said()

    run(scenario())


def test_a_bus_that_ends_is_no_end(
    tmp_path: Path, key: bytes, content_bytes: Any, run: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"unix:path={tmp_path}/another"
    command = ("dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address", f"--address={address}")

    async def scenario(daemon: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
        advertiser = Advertiser(None, SoonClock())
        core = Core(key, advertiser, content_bytes)
        core.makes()
        async with bluez_runs() as there, running(advertiser):
            await until(lambda: there.registered == 1)
            daemon.kill()
            await until(lambda: bool(errors_in(caplog)))
            monkeypatch.undo()
            async with bluez_runs() as again:
                await until(lambda: again.registered == 1)

    with subprocess.Popen(command, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None and daemon.stdout.readline()
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
            run(scenario(daemon, monkeypatch))


def test_a_fault_in_it_does_not_end_the_monitor(
    key: bytes, content_bytes: Any, run: Any, until: Any, caplog: pytest.LogCaptureFixture, mocker: Any
) -> None:
    async def scenario() -> None:
        advertiser = Advertiser(None, SoonClock())
        Core(key, advertiser, content_bytes).makes()
        broken = mocker.patch.object(bluez, "objects", side_effect=ZeroDivisionError)
        async with bluez_runs() as there, running(advertiser):
            await until(lambda: broken.call_count >= 3)
            mocker.stop(broken)
            await until(lambda: there.registered == 1)
            (said,) = errors_in(caplog)
            assert "a fault in Vigil: ZeroDivisionError()" in said

    run(scenario())


@pytest.mark.parametrize("advertise", [False, True])
def test_the_doctor_looks_where_the_configuration_asks_for_it(
    advertise: bool, tmp_path: Path, run: Any, mocker: Any
) -> None:
    mocker.patch.object(radio, "check_adapters", return_value=([], False))

    async def scenario() -> None:
        config = Config(tmp_path / "vigil.db", adapter="hci0", monitor=MonitorConfig(advertise=advertise))
        async with bluez_runs():
            assert len(await doctor.radio_findings(config, [], 0.1)) == advertise

    run(scenario())


def test_the_doctor_says_whether_the_adapter_can(run: Any) -> None:
    async def scenario() -> None:
        assert await radio.check_advertising(None) == []  # that there is no BlueZ is said already
        async with bluez_runs() as there:
            there.on = {HCI0: True, HCI1: True}
            (finding,) = await radio.check_advertising(None)
            assert (finding.verdict, finding.found) == ("good", "adapter hci0 can: 0 sent now, room for 5 more")
            there.can_advertise = [HCI1]
            (finding,) = await radio.check_advertising(None)
            assert (finding.verdict, finding.found[:16]) == ("good", "adapter hci1 can")
            (finding,) = await radio.check_advertising("hci0")
            assert (finding.verdict, finding.found) == ("bad", "adapter hci0 cannot")
            there.on = {HCI0: False}
            assert await radio.check_advertising(None) == []  # as is that

    run(scenario())
