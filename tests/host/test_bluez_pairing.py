"""This computer is paired through BlueZ, whose place is taken on a D-Bus of the test's own."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbus_fast")

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from vigil_host.devices import Devices, KnownDevice
from vigil_host.link import bluez_pairing
from vigil_host.link.bluez_pairing import PairingError, pair_here
from vigil_host.store import Store
from vigil_wire import advert, keys, link, records
from vigil_wire.settings import Settings

pytestmark = [pytest.mark.bus, pytest.mark.usefixtures("system_bus")]

KEY = bytes(range(16))
CLIP = KnownDevice(keys.device_id(KEY), "Clip", "Ada", KEY)
ADAPTER = "/org/bluez/hci0"
PATH = ADAPTER + "/dev_C0_FF_EE_00_00_01"
OTHER = ADAPTER + "/dev_C0_FF_EE_00_00_02"
PASSKEY = 4_711  # typed with its noughts: 004711


def heard_of(key: bytes) -> dict[str, Variant]:
    """What BlueZ says of a device whose advert it has heard."""
    sealer = advert.AdvertSealer(key)
    content = bytearray(advert.CONTENT_LENGTH)
    advert.pack_content(content, 0, (1, 1, 1), 0, (720, 970, 3660, 25, 80, 5))
    sealer.seal(content, 0, 0, 7)
    sealed = Variant("ay", bytes(sealer.advert[7:]))
    return {
        "Address": Variant("s", "C0:FF:EE:00:00:01"),
        "Paired": Variant("b", False),
        "ManufacturerData": Variant("a{qv}", {advert.COMPANY_ID: sealed}),
    }


class BlueZ:
    """Does what BlueZ does when it is asked to find and pair; `pairing` is the test's script for the latter."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.called: list[str] = []
        self.is_on = True
        self.devices: dict[str, dict[str, Variant]] = {OTHER: heard_of(bytes(16)), PATH: heard_of(KEY)}
        self.trusted: dict[str, bool] = {}
        self.capability = ""
        self.typed: list[int] = []
        self.pairing: Callable[[], Any] = self.ask
        self._agent: tuple[str, str] = ("", "")
        self._tasks: set[asyncio.Task[None]] = set()
        bus.add_message_handler(self._take)

    def _take(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or message.destination != "org.bluez":
            return None
        member, body = message.member, message.body
        self.called.append(member)
        if member == "GetManagedObjects":
            objects = {path: {"org.bluez.Device1": each} for path, each in self.devices.items()}
            objects["/org/bluez"] = {"org.bluez.AgentManager1": {}}
            on = Variant("b", self.is_on)
            objects[ADAPTER] = {"org.bluez.Adapter1": {"Address": Variant("s", "00:1A:7D:DA:71:13"), "Powered": on}}
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [objects])
        if member == "Pair":
            assert message.path == PATH and "StopDiscovery" in self.called
            self._later(self._pair(message))
            return True
        if member == "RegisterAgent":
            self._agent, self.capability = (message.sender, body[0]), body[1]
        elif member == "UnregisterAgent":
            self._agent = ("", "")
        elif member == "RemoveDevice":
            del self.devices[body[0]]
        elif member == "Set":
            assert body[:2] == ["org.bluez.Device1", "Trusted"]
            self.trusted[message.path] = body[2].value
        return Message.new_method_return(message)

    def _later(self, what: Any) -> None:
        task = asyncio.ensure_future(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pair(self, call: Message) -> None:
        error = await self.pairing()
        if error:
            await self.bus.send(Message.new_error(call, "org.bluez.Error." + error, "as BlueZ words it"))
        else:
            await self.bus.send(Message.new_method_return(call))

    async def to_agent(self, member: str, signature: str, *body: object) -> Message:
        """Call the agent that was registered; its answer."""
        sender, path = self._agent
        call = Message(
            destination=sender,
            path=path,
            interface="org.bluez.Agent1",
            member=member,
            signature=signature,
            body=list(body),
        )
        answer = await self.bus.call(call)
        assert answer is not None
        return answer

    async def ask(self) -> str:
        """Pair with a device that has printed PASSKEY."""
        answer = await self.to_agent("RequestPasskey", "o", PATH)
        if answer.message_type is MessageType.ERROR:
            return "AuthenticationCanceled"
        self.typed.append(answer.body[0])
        return "" if answer.body == [PASSKEY] else "AuthenticationFailed"


@contextlib.asynccontextmanager
async def bluez() -> AsyncIterator[BlueZ]:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    there = BlueZ(bus)
    await bus.request_name("org.bluez")
    yield there
    bus.disconnect()


async def opened() -> None:
    """The bridge has opened pairing."""


async def types_it() -> int:
    return PASSKEY


async def types_nothing() -> int:
    await asyncio.sleep(3600)
    return 0


async def refusal_of(**more: Any) -> str:
    """Why this computer was not paired."""
    arguments = {"device": CLIP, "open_pairing": opened, "ask_passkey": types_it, **more}
    with pytest.raises(PairingError) as raised:
        await asyncio.wait_for(pair_here(**arguments), 20)
    return str(raised.value)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bluez_pairing, "LOOK_S", 0.02)


async def type_in(vigil: asyncio.subprocess.Process) -> tuple[str, str]:
    """Answer the command's question, once as it should not be; what it printed, and on stderr."""
    assert vigil.stdin is not None and vigil.stdout is not None and vigil.stderr is not None
    said = b""
    for line in (b"4711\n", b"004 711\n"):
        said += await vigil.stdout.readuntil(b"serial port: ")
        vigil.stdin.write(line)
    said += await vigil.stdout.read()
    problems = await vigil.stderr.read()
    await vigil.wait()
    return said.decode(), problems.decode()


def test_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[[Any], Any]) -> None:
    """As typed by a person, beside a running bridge: the passkey is asked for until it is one."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path))
    devices = Devices(tmp_path / "devices.toml")
    devices.add(keys.setup_code(KEY), "Ada", "Clip")
    with Store.open(tmp_path / "vigil.db") as store:
        store.add_device(CLIP.id, "Clip")
        store.meet(CLIP.id, 1, None, link.CAN_PAIR)
        buf, packed = bytearray(records.MAX_LENGTH), Settings().pack()
        records.pack_header(buf, 0, records.SETTINGS, 1, 0, 0)
        store.commit(CLIP.id, 1, [bytes(buf[: records.pack_settings(buf, packed, b"")])])

    async def scenario() -> None:
        async with bluez() as there:
            command = (
                sys.executable,
                "-c",
                "from vigil_host.cli import main; main()",
                "devices",
                "pair",
                "Clip",
                "--here",
            )
            pipe = asyncio.subprocess.PIPE
            vigil = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env=os.environ)
            while Devices(devices.path).get("Clip").pair_before is None:
                await asyncio.sleep(0.05)
            assert "Pair" not in there.called
            assert devices.forget_pairing(CLIP.id)  # as the bridge does
            said, problems = await asyncio.wait_for(type_in(vigil), 60)
            assert (vigil.returncode, problems) == (0, "")
            assert said.count("The passkey that the device prints on its serial port: ") == 2
            assert "A passkey has six digits.\n" in said
            assert said.endswith("This computer is paired with Clip (C0:FF:EE:00:00:01), and trusts it.\n")
            assert (there.typed, there.trusted, there.capability) == ([PASSKEY], {PATH: True}, "KeyboardOnly")
            assert there.called[-2:] == ["UnregisterAgent", "Set"]
            assert "RequestDefaultAgent" not in there.called

    run(scenario())


def test_a_wrong_passkey_is_said(run: Callable[[Any], Any]) -> None:
    async def mistyped() -> int:
        return PASSKEY + 1

    async def scenario() -> None:
        async with bluez() as there:
            assert "the passkey was wrong" in await refusal_of(ask_passkey=mistyped)
            assert there.called[-1] == "UnregisterAgent"
            assert there.trusted == {}

    run(scenario())


def test_a_bond_for_which_no_passkey_was_asked_is_removed(run: Callable[[Any], Any]) -> None:
    """Something at the device's address that wants none is not the device."""

    async def at_once() -> str:
        return ""

    async def scenario() -> None:
        async with bluez() as there:
            there.pairing = at_once
            assert "may be another" in await refusal_of()
            assert PATH not in there.devices
            assert there.trusted == {}

    run(scenario())


@pytest.mark.parametrize(
    ("member", "signature", "body"),
    [
        ("RequestPasskey", "o", (OTHER,)),
        ("RequestPinCode", "o", (PATH,)),
        ("DisplayPinCode", "os", (PATH, "1234")),
        ("DisplayPasskey", "ouq", (PATH, 1234, 0)),
        ("RequestConfirmation", "ou", (PATH, 1234)),
        ("RequestAuthorization", "o", (PATH,)),
        ("AuthorizeService", "os", (PATH, "0000180d-0000-1000-8000-00805f9b34fb")),
    ],
)
def test_less_than_a_passkey_typed_for_this_device_is_refused(
    member: str, signature: str, body: tuple[Any, ...], run: Callable[[Any], Any]
) -> None:
    async def scenario() -> None:
        async with bluez() as there:

            async def ask_for_less() -> str:
                answer = await there.to_agent(member, signature, *body)
                assert answer.error_name == "org.bluez.Error.Rejected"
                return "AuthenticationRejected"

            there.pairing = ask_for_less
            assert "refuses" in await refusal_of()

    run(scenario())


def test_a_question_that_is_taken_back_ends(run: Callable[[Any], Any]) -> None:
    """BlueZ cancels it when the device has waited thirty seconds."""

    async def scenario() -> None:
        asked = asyncio.Event()

        async def types_late() -> int:
            asked.set()
            return await types_nothing()

        async with bluez() as there:

            async def gives_up() -> str:
                asking = asyncio.ensure_future(there.ask())
                await asked.wait()
                assert (await there.to_agent("Cancel", "")).message_type is MessageType.METHOD_RETURN
                assert await asyncio.wait_for(asking, 10) == "AuthenticationCanceled"
                return "AuthenticationTimeout"

            there.pairing = gives_up
            assert "came too late" in await refusal_of(ask_passkey=types_late)

    run(scenario())


def test_nobody_at_the_terminal(run: Callable[[Any], Any]) -> None:
    async def nobody() -> int:
        raise PairingError("there is no terminal")

    async def scenario() -> None:
        async with bluez() as there:
            assert await refusal_of(ask_passkey=nobody) == "there is no terminal"
            assert there.trusted == {}

    run(scenario())


@pytest.mark.parametrize("stopped", ["by time", "by Ctrl-C"])
def test_what_goes_on_too_long_or_is_stopped_is_cancelled(
    stopped: str, run: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with bluez() as there:
            if stopped == "by time":
                monkeypatch.setattr(bluez_pairing, "PAIR_S", 0.2)
                assert "within 0.2 s" in await refusal_of(ask_passkey=types_nothing)
            else:
                pairing = asyncio.ensure_future(pair_here(CLIP, opened, types_nothing))
                while "Pair" not in there.called:
                    await asyncio.sleep(0.01)
                pairing.cancel()
                await asyncio.wait((pairing,))
                assert pairing.cancelled()
            assert there.called[-2:] == ["CancelPairing", "UnregisterAgent"]

    run(scenario())


def test_a_device_that_is_not_heard(run: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(bluez_pairing, "FIND_S", 0.1)
        async with bluez() as there:
            there.devices[PATH] = {name: each for name, each in heard_of(KEY).items() if name != "ManufacturerData"}
            assert "Clip was not heard in 0.1 s" in await refusal_of()
            assert there.called[-1] == "StopDiscovery"
            assert "Pair" not in there.called

    run(scenario())


def test_what_keeps_it_from_beginning_is_said(run: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused() -> None:
        raise PairingError("not now")

    async def scenario() -> None:
        assert "BlueZ does not run" in await refusal_of()
        async with bluez() as there:
            assert await refusal_of(open_pairing=refused) == "not now"
            there.devices[PATH]["Paired"] = Variant("b", True)
            assert "first: bluetoothctl remove C0:FF:EE:00:00:01" in await refusal_of()
            there.is_on = False
            assert "no Bluetooth adapter is on" in await refusal_of()
            assert "Pair" not in there.called
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
        assert "the system bus refuses" in await refusal_of()

    run(scenario())
