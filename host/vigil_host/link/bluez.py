"""BlueZ over the system bus, for what bleak leaves out: pairing, and adverts of this computer's own. Linux only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

BUS_TIMEOUT_S = 10.0
NAME = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
ERRORS = "org.bluez.Error."
NOT_RUNNING = "BlueZ does not run: systemctl start bluetooth"
_DBUS = "org.freedesktop.DBus"
_DBUS_PATH = "/org/freedesktop/DBus"


class Refused(Exception):
    """BlueZ, or the bus in its place, answered a call with an error of this name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}" if text else name)
        self.name = name


TROUBLES = (Refused, DBusError, EOFError, OSError)
"""What may be raised here; TimeoutError is an OSError."""


def reason_of(error: Exception) -> str:
    """Why BlueZ does not do what it was asked to, in words; `error` is one of TROUBLES."""
    match error:
        case Refused(name="org.freedesktop.DBus.Error.ServiceUnknown"):
            return NOT_RUNNING
        case Refused(name="org.freedesktop.DBus.Error.AccessDenied"):
            return "this user may not use Bluetooth: sudo usermod -aG bluetooth $USER, then log in again"
        case Refused():
            return f"BlueZ refuses: {error}"
        case TimeoutError():
            return "BlueZ does not answer: systemctl restart bluetooth"
        case _:
            return f"the system bus refuses ({error}): systemctl start dbus"


@contextlib.asynccontextmanager
async def system_bus() -> AsyncIterator[MessageBus]:
    """Connect with the system bus; at the end BlueZ undoes what was asked over this connection."""
    bus = MessageBus(bus_type=BusType.SYSTEM)
    try:
        async with asyncio.timeout(BUS_TIMEOUT_S):
            await bus.connect()
        yield bus
    finally:
        bus.disconnect()


async def objects(bus: MessageBus) -> dict[str, dict[str, dict[str, Variant]]]:
    """What BlueZ manages: by path, interface and name of a property."""
    found: dict[str, Any] = await call(bus, "/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    return found


async def call(bus: MessageBus, *what: Any) -> Any:
    """Call BlueZ for what takes it no time; see `answer`. TimeoutError where it took some."""
    async with asyncio.timeout(BUS_TIMEOUT_S):
        return await answer(bus, *what)


async def answer(bus: MessageBus, path: str, interface: str, member: str, signature: str = "", *body: object) -> Any:
    """Call BlueZ; the first thing that it answers, None where it answers nothing. Refused where it refuses."""
    return await _ask(bus, NAME, path, interface, member, signature, *body)


async def attempt(bus: MessageBus, *what: str) -> None:
    """Call BlueZ to tidy up; it does so by itself when this program's connection ends."""
    with contextlib.suppress(*TROUBLES):
        await call(bus, *what)


async def listen(bus: MessageBus, rule: str) -> None:
    """Have the signals that fit `rule` come to this connection."""
    async with asyncio.timeout(BUS_TIMEOUT_S):
        await _ask(bus, _DBUS, _DBUS_PATH, _DBUS, "AddMatch", "s", rule)


def is_on(adapter: dict[str, Variant] | None) -> bool:
    """Whether these are the properties of an adapter, and it is on."""
    return adapter is not None and bool(adapter["Powered"].value)


async def _ask(
    bus: MessageBus, name: str, path: str, interface: str, member: str, signature: str = "", *body: object
) -> Any:
    message = Message(
        destination=name, path=path, interface=interface, member=member, signature=signature, body=list(body)
    )
    reply = await bus.call(message)
    assert reply is not None  # there is one to every call
    if reply.message_type is MessageType.ERROR:
        raise Refused(reply.error_name or "an error", str(reply.body[0]) if reply.body else "")
    return reply.body[0] if reply.body else None
