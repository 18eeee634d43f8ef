"""Pairs this very Linux computer with a device, for its standard services.

BlueZ does it, and asks the program that wants to pair for the passkey: org.bluez.Agent(5), org.bluez.Device(5). The
device prints one on its serial port, a person types it here. Vigil's own record link needs none of this.
"""

import asyncio
from collections.abc import Awaitable, Callable

from dbus_fast import DBusError, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method

from vigil_host.devices import KnownDevice
from vigil_host.link import bluez
from vigil_host.link.hearing import Hearing
from vigil_wire.advert import COMPANY_ID

FIND_S = 30.0
LOOK_S = 0.5
PAIR_S = 90.0
"""The connection takes BlueZ up to forty seconds, and the passkey is waited for for thirty."""

_AGENT_PATH = "/vigil/agent"
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
            raise DBusError(bluez.ERRORS + "Canceled", "nobody waits for the passkey any more") from None
        except PairingError as error:
            self.problem = error
            raise DBusError(bluez.ERRORS + "Canceled", str(error)) from None

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
    try:
        async with bluez.system_bus() as bus:
            there = await bluez.objects(bus)
            adapters = [path for path, interfaces in there.items() if bluez.is_on(interfaces.get(bluez.ADAPTER))]
            if not adapters:
                raise PairingError("no Bluetooth adapter is on: bluetoothctl power on")
            path, properties = await _find(bus, adapters, device)
            address = str(properties["Address"].value)
            if properties["Paired"].value:
                raise PairingError(f"they are paired already; to pair anew, first: bluetoothctl remove {address}")
            await open_pairing()
            await _pair(bus, path, ask_passkey)
    except bluez.TROUBLES as error:
        raise PairingError(bluez.reason_of(error)) from error
    return address


async def _find(bus: MessageBus, adapters: list[str], device: KnownDevice) -> tuple[str, dict[str, Variant]]:
    """The device among those that BlueZ hears or has heard, known by its key; its object, and what BlueZ says of it."""
    hearings = [Hearing(key) for key in device.possible_keys]
    for adapter in adapters:
        await bluez.call(bus, adapter, bluez.ADAPTER, "SetDiscoveryFilter", "a{sv}", {"Transport": Variant("s", "le")})
        await bluez.call(bus, adapter, bluez.ADAPTER, "StartDiscovery")
    loop = asyncio.get_running_loop()
    end_s = loop.time() + FIND_S
    try:
        while loop.time() < end_s:
            for path, interfaces in (await bluez.objects(bus)).items():
                properties = interfaces.get("org.bluez.Device1", {})
                sealed = _sealed_in(properties)
                if sealed is not None and any(hearing.is_ours(sealed) for hearing in hearings):
                    return path, properties
            await asyncio.sleep(LOOK_S)
        raise PairingError(f"{device.name} was not heard in {FIND_S:g} s: bring it near")
    finally:
        for adapter in adapters:
            await bluez.attempt(bus, adapter, bluez.ADAPTER, "StopDiscovery")


async def _pair(bus: MessageBus, path: str, ask_passkey: Callable[[], Awaitable[int]]) -> None:
    agent = _Agent(path, ask_passkey)
    bus.export(_AGENT_PATH, agent)
    # BlueZ asks the agent of the program that calls Pair: the system's own one stays what it is.
    await bluez.call(bus, "/org/bluez", "org.bluez.AgentManager1", "RegisterAgent", "os", _AGENT_PATH, "KeyboardOnly")
    is_over = False
    try:
        async with asyncio.timeout(PAIR_S):
            await bluez.answer(bus, path, "org.bluez.Device1", "Pair")
        is_over = True
    except bluez.Refused as error:
        is_over = True
        reason = _REASONS.get(error.name.removeprefix(bluez.ERRORS), f"BlueZ says {error}")
        raise agent.problem or PairingError(reason) from error
    except TimeoutError:
        raise PairingError(f"it was not done within {PAIR_S:g} s") from None
    finally:
        agent.cancel()
        if not is_over:
            await bluez.attempt(bus, path, "org.bluez.Device1", "CancelPairing")
        await bluez.attempt(bus, "/org/bluez", "org.bluez.AgentManager1", "UnregisterAgent", "o", _AGENT_PATH)
    if not agent.was_asked:
        await bluez.call(bus, path.rpartition("/")[0], bluez.ADAPTER, "RemoveDevice", "o", path)
        raise PairingError("what answered did not ask for a passkey, so it may be another: the bond was removed again")
    trusted = ("org.bluez.Device1", "Trusted", Variant("b", True))
    await bluez.call(bus, path, "org.freedesktop.DBus.Properties", "Set", "ssv", *trusted)


def _sealed_in(properties: dict[str, Variant]) -> bytes | None:
    """The manufacturer data of the advert that BlueZ heard last of this sender, if it is of Vigil's kind."""
    if "ManufacturerData" not in properties:
        return None
    sealed = properties["ManufacturerData"].value.get(COMPANY_ID)
    return None if sealed is None else bytes(sealed.value)


def _refusal() -> DBusError:
    return DBusError(bluez.ERRORS + "Rejected", "a passkey is typed here, and nothing less will do")
