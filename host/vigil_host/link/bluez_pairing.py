"""Pairs this very Linux computer with a device, for its standard services.

BlueZ does it, and asks the program that wants to pair for the passkey: org.bluez.Agent(5), org.bluez.Device(5). The
device prints one on its serial port, a person types it here. Vigil's own record link needs none of this.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method

from vigil_host.devices import KnownDevice
from vigil_host.link.hearing import Hearing
from vigil_wire.advert import COMPANY_ID

FIND_S = 30.0
LOOK_S = 0.5
PAIR_S = 90.0
"""The connection takes BlueZ up to forty seconds, and the passkey is waited for for thirty."""
BUS_TIMEOUT_S = 10.0

_BLUEZ = "org.bluez"
_AGENT_PATH = "/vigil/agent"
_ERRORS = "org.bluez.Error."
_REASONS = {
    "AuthenticationFailed": "the passkey was wrong, or the device does not let anybody pair now",
    "AuthenticationCanceled": "the device broke it off: it lets nobody pair now, or the passkey came too late",
    "AuthenticationRejected": "the device refuses: it lets nobody pair now",
    "AuthenticationTimeout": "the passkey came too late: there are thirty seconds for it",
    "ConnectionAttemptFailed": "the device cannot be connected with: bring it near",
    "InProgress": "another program is pairing with it",
}


class PairingError(Exception):
    """This computer is not paired now; the message is one line that says why."""


class _Refused(Exception):
    """BlueZ answered a call with an error of this name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}" if text else name)
        self.name = name


class _Agent(ServiceInterface):
    """Answers BlueZ for one device, with the passkey that `ask` brings, and refuses all that is less than that."""

    def __init__(self, device_path: str, ask: Callable[[], Awaitable[int]]) -> None:
        super().__init__("org.bluez.Agent1")
        self._device_path = device_path
        self._ask = ask
        self._asking: asyncio.Future[int] | None = None
        self.was_asked = False
        self.problem: PairingError | None = None

    def cancel(self) -> None:
        """End the question, if it is being asked."""
        if self._asking is not None:
            self._asking.cancel()

    @dbus_method(name="RequestPasskey")
    async def request_passkey(self, device: DBusObjectPath) -> DBusUInt32:
        """Have the passkey typed."""
        if device != self._device_path:
            raise _refusal()
        self.was_asked = True
        self._asking = asyncio.ensure_future(self._ask())
        try:
            return await self._asking
        except asyncio.CancelledError:
            raise DBusError(_ERRORS + "Canceled", "nobody waits for the passkey any more") from None
        except PairingError as error:
            self.problem = error
            raise DBusError(_ERRORS + "Canceled", str(error)) from None

    @dbus_method(name="Cancel")
    def bluez_cancels(self) -> None:
        """BlueZ has been told by the device that it is over."""
        self.cancel()

    @dbus_method(name="Release")
    def release(self) -> None:
        """BlueZ ends; the call to Pair fails then."""

    @dbus_method(name="RequestPinCode")
    def request_pin_code(self, _device: DBusObjectPath) -> DBusStr:
        """No device of ours asks for this, nor for what follows."""
        raise _refusal()

    @dbus_method(name="DisplayPinCode")
    def display_pin_code(self, _device: DBusObjectPath, _code: DBusStr) -> None:
        """As above."""
        raise _refusal()

    @dbus_method(name="DisplayPasskey")
    def display_passkey(self, _device: DBusObjectPath, _passkey: DBusUInt32, _entered: DBusUInt16) -> None:
        """As above."""
        raise _refusal()

    @dbus_method(name="RequestConfirmation")
    def request_confirmation(self, _device: DBusObjectPath, _passkey: DBusUInt32) -> None:
        """As above."""
        raise _refusal()

    @dbus_method(name="RequestAuthorization")
    def request_authorization(self, _device: DBusObjectPath) -> None:
        """As above: this is pairing without a passkey."""
        raise _refusal()

    @dbus_method(name="AuthorizeService")
    def authorize_service(self, _device: DBusObjectPath, _uuid: DBusStr) -> None:
        """As above."""
        raise _refusal()


async def pair_here(
    device: KnownDevice, open_pairing: Callable[[], Awaitable[None]], ask_passkey: Callable[[], Awaitable[int]]
) -> str:
    """Find the device, have it open pairing, pair with it and trust it; return its address.

    `ask_passkey` brings what the device has printed, and may be cancelled; both may raise PairingError.
    """
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        async with asyncio.timeout(BUS_TIMEOUT_S):
            await bus.connect()
        adapters = [path for path, each in (await _objects(bus)).items() if _is_on(each.get("org.bluez.Adapter1"))]
        if not adapters:
            raise PairingError("no Bluetooth adapter is on: bluetoothctl power on")
        path, properties = await _find(bus, adapters, device)
        address = str(properties["Address"].value)
        if properties["Paired"].value:
            raise PairingError(f"they are paired already; to pair anew, first: bluetoothctl remove {address}")
        await open_pairing()
        await _pair(bus, path, ask_passkey)
    except _Refused as error:
        if error.name == "org.freedesktop.DBus.Error.ServiceUnknown":
            raise PairingError("BlueZ does not run: systemctl start bluetooth") from error
        raise PairingError(f"BlueZ refuses: {error}") from error
    except TimeoutError as error:
        raise PairingError("BlueZ does not answer: systemctl restart bluetooth") from error
    except (OSError, DBusError, EOFError) as error:
        raise PairingError(f"the system bus refuses: {error}") from error
    finally:
        bus.disconnect()
    return address


async def _find(bus: MessageBus, adapters: list[str], device: KnownDevice) -> tuple[str, dict[str, Variant]]:
    """The device among those that BlueZ hears or has heard, known by its key; its object, and what BlueZ says of it."""
    hearings = [Hearing(key) for key in device.possible_keys]
    for adapter in adapters:
        await _call(
            bus, adapter, "org.bluez.Adapter1", "SetDiscoveryFilter", "a{sv}", {"Transport": Variant("s", "le")}
        )
        await _call(bus, adapter, "org.bluez.Adapter1", "StartDiscovery")
    loop = asyncio.get_running_loop()
    end_s = loop.time() + FIND_S
    try:
        while loop.time() < end_s:
            for path, interfaces in (await _objects(bus)).items():
                properties = interfaces.get("org.bluez.Device1", {})
                sealed = _sealed_in(properties)
                if sealed is not None and any(hearing.is_ours(sealed) for hearing in hearings):
                    return path, properties
            await asyncio.sleep(LOOK_S)
        raise PairingError(f"{device.name} was not heard in {FIND_S:g} s: bring it near")
    finally:
        for adapter in adapters:
            await _try(bus, adapter, "org.bluez.Adapter1", "StopDiscovery")


async def _pair(bus: MessageBus, path: str, ask_passkey: Callable[[], Awaitable[int]]) -> None:
    agent = _Agent(path, ask_passkey)
    bus.export(_AGENT_PATH, agent)
    # BlueZ asks the agent of the program that calls Pair: the system's own one stays what it is.
    await _call(bus, "/org/bluez", "org.bluez.AgentManager1", "RegisterAgent", "os", _AGENT_PATH, "KeyboardOnly")
    is_over = False
    try:
        async with asyncio.timeout(PAIR_S):
            await _answer(bus, path, "org.bluez.Device1", "Pair")
        is_over = True
    except _Refused as error:
        is_over = True
        reason = _REASONS.get(error.name.removeprefix(_ERRORS), f"BlueZ says {error}")
        raise agent.problem or PairingError(reason) from error
    except TimeoutError:
        raise PairingError(f"it was not done within {PAIR_S:g} s") from None
    finally:
        agent.cancel()
        if not is_over:
            await _try(bus, path, "org.bluez.Device1", "CancelPairing")
        await _try(bus, "/org/bluez", "org.bluez.AgentManager1", "UnregisterAgent", "o", _AGENT_PATH)
    if not agent.was_asked:
        await _call(bus, path.rpartition("/")[0], "org.bluez.Adapter1", "RemoveDevice", "o", path)
        raise PairingError("what answered did not ask for a passkey, so it may be another: the bond was removed again")
    trusted = ("org.bluez.Device1", "Trusted", Variant("b", True))
    await _call(bus, path, "org.freedesktop.DBus.Properties", "Set", "ssv", *trusted)


async def _objects(bus: MessageBus) -> dict[str, dict[str, dict[str, Variant]]]:
    found: dict[str, Any] = await _call(bus, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    return found


async def _call(bus: MessageBus, *call: Any) -> Any:
    """Call BlueZ for what takes it no time; see `_answer`. TimeoutError where it took some."""
    async with asyncio.timeout(BUS_TIMEOUT_S):
        return await _answer(bus, *call)


async def _answer(bus: MessageBus, path: str, interface: str, member: str, signature: str = "", *body: object) -> Any:
    """Call BlueZ; the first thing that it answers, None where it answers nothing. _Refused where it refuses."""
    call = Message(
        destination=_BLUEZ, path=path, interface=interface, member=member, signature=signature, body=list(body)
    )
    reply = await bus.call(call)
    assert reply is not None  # there is one to every call
    if reply.message_type is MessageType.ERROR:
        raise _Refused(reply.error_name or "an error", str(reply.body[0]) if reply.body else "")
    return reply.body[0] if reply.body else None


async def _try(bus: MessageBus, *call: str) -> None:
    """Call BlueZ to tidy up; it does so by itself when this program's connection ends."""
    with contextlib.suppress(_Refused, DBusError, EOFError, OSError, TimeoutError):
        await _call(bus, *call)


def _is_on(adapter: dict[str, Variant] | None) -> bool:
    return adapter is not None and bool(adapter["Powered"].value)


def _sealed_in(properties: dict[str, Variant]) -> bytes | None:
    """The manufacturer data of the advert that BlueZ heard last of this sender, if it is of Vigil's kind."""
    if "ManufacturerData" not in properties:
        return None
    sealed = properties["ManufacturerData"].value.get(COMPANY_ID)
    return None if sealed is None else bytes(sealed.value)


def _refusal() -> DBusError:
    return DBusError(_ERRORS + "Rejected", "a passkey is typed here, and nothing less will do")
