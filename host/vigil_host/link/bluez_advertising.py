"""Puts the adverts of the device that is this computer on the air, by BlueZ: org.bluez.LEAdvertisement(5).

They are those of a board but for the three bytes of flags, which BlueZ refuses to a sender that nobody can connect
with: its record is fetched within the program. Of that kind Linux draws the address at random, anew for each change.

BlueZ reads the object again where it is told that a property has changed. Before 5.74 it does not survive a change that
the kernel refuses, as it does while it is busy with the one before or the adapter is off: so there are LEAST_GAP_S
between two, and none once the adapter is off. Before 5.77 it minds the interval only if it runs with --experimental,
and the kernel's own may be 1.28 s; but each change is sent at once.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, NoReturn

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from dbus_fast import Message, MessageType, PropertyAccess, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from vigil_firmware.peripheral import ADVERT_INTERVAL_US
from vigil_host.clock import Clock
from vigil_host.link import bluez
from vigil_host.link.reconnect import STEADY_S, backoff_s
from vigil_wire.advert import COMPANY_ID

PATH = "/vigil/advert"
MANAGER = "org.bluez.LEAdvertisingManager1"
LEAST_GAP_S = 0.25
FAILING_AFTER_S = 60.0
_INTERVAL_MS = ADVERT_INTERVAL_US // 1000
_REASONS = {
    "NotPermitted": "no place for another advert is free: end another program that advertises by this adapter",
    "Failed": "the adapter refuses it: systemctl restart bluetooth",
}

_log = logging.getLogger(__name__)


class NotOnAirError(Exception):
    """There are no adverts on the air; the message is one line that says why."""


class _Advert(ServiceInterface):
    """What BlueZ reads of the advert. No name is among it, nor anything else of this computer's."""

    def __init__(self, sealed: bytes, released: Callable[[], None]) -> None:
        super().__init__("org.bluez.LEAdvertisement1")
        self._sealed = sealed
        self._released = released

    def change(self, sealed: bytes) -> bool:
        """Have BlueZ send this from now on; False where it does already."""
        if sealed == self._sealed:
            return False
        self._sealed = sealed
        self.emit_properties_changed({"ManufacturerData": self._data()})
        return True

    @dbus_property(access=PropertyAccess.READ, name="Type")
    def type(self) -> DBusStr:
        """Nobody can connect."""
        return "broadcast"

    @dbus_property(access=PropertyAccess.READ, name="ManufacturerData")
    def manufacturer_data(self) -> Annotated[dict[int, Variant], DBusSignature("a{qv}")]:
        """All that it says."""
        return self._data()

    @dbus_property(access=PropertyAccess.READ, name="MinInterval")
    def min_interval(self) -> DBusUInt32:
        """How often it is sent, ms."""
        return _INTERVAL_MS

    @dbus_property(access=PropertyAccess.READ, name="MaxInterval")
    def max_interval(self) -> DBusUInt32:
        """As above."""
        return _INTERVAL_MS

    @dbus_method(name="Release")
    def release(self) -> None:
        """BlueZ does not send it any more."""
        self._released()

    def _data(self) -> dict[int, Variant]:
        return {COMPANY_ID: Variant("ay", self._sealed)}


class Advertiser:
    """Sends what it hears, as a scanner's listener, by `adapter` ("hci1") or the first that can."""

    def __init__(self, adapter: str | None, clock: Clock) -> None:
        self._adapter = adapter
        self._clock = clock
        self._sealed = b""
        self._changed = asyncio.Event()
        self._off_since_s: float | None = clock.monotonic()
        self._began_s = 0.0
        self._said = ""  # why nothing is sent, or was not
        self._must_say_sent = True

    @property
    def is_failing(self) -> bool:
        """Whether there have been no adverts on the air for a minute."""
        return self._off_since_s is not None and self._clock.monotonic() - self._off_since_s >= FAILING_AFTER_S

    def heard(self, _device: BLEDevice, data: AdvertisementData) -> None:
        """Send this advert from now on."""
        self._sealed = data.manufacturer_data[COMPANY_ID]
        self._changed.set()

    async def run(self) -> NoReturn:
        """Keep adverts on the air, for ever; whatever keeps it from that is logged when it is not what it was."""
        failures = 0
        while True:
            try:
                await self._advertise()
            except (NotOnAirError, *bluez.TROUBLES) as error:
                reason, fault = _reason_of(error), None
            except Exception as error:  # nothing here may end what measures and alarms
                reason, fault = f"a fault in Vigil: {error!r}", error
            if self._off_since_s is None:
                self._off_since_s = self._clock.monotonic()
                if self._off_since_s - self._began_s >= STEADY_S:
                    failures, self._said = 0, ""
            wait_s = backoff_s(failures)
            failures += 1
            if reason != self._said:
                self._said = reason
                self._must_say_sent = True
                _log.error("no adverts are sent: %s; trying again in %.1f s", reason, wait_s, exc_info=fault)
            await self._clock.sleep(wait_s)

    async def _advertise(self) -> NoReturn:
        """Send until something ends it, which is an exception."""
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def lose(reason: str) -> None:
            if not lost.done():
                lost.set_result(reason)
            self._changed.set()

        async with bluez.system_bus() as bus:
            adapter = await self._usable_adapter(bus)
            await _watch(bus, adapter, lose)
            while not self._sealed:
                await self._next_change()
            advert = _Advert(self._sealed, lambda: lose("BlueZ has ended them"))
            bus.export(PATH, advert)
            await bluez.call(bus, adapter, MANAGER, "RegisterAdvertisement", "oa{sv}", PATH, {})
            self._began(_name_of(adapter))
            try:
                while not lost.done():
                    if advert.change(self._sealed):
                        await self._clock.sleep(LEAST_GAP_S)
                    await self._next_change()
            finally:
                if not lost.done():
                    await bluez.attempt(bus, adapter, MANAGER, "UnregisterAdvertisement", "o", PATH)
            raise NotOnAirError(lost.result())

    def _began(self, adapter: str) -> None:
        self._began_s = self._clock.monotonic()
        self._off_since_s = None
        if self._must_say_sent:
            self._must_say_sent = False
            _log.log(logging.WARNING if self._said else logging.INFO, "adverts are sent by adapter %s", adapter)

    async def _next_change(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    async def _usable_adapter(self, bus: MessageBus) -> str:
        there = {
            path: interfaces
            for path, interfaces in sorted((await bluez.objects(bus)).items())
            if bluez.ADAPTER in interfaces and self._adapter in (None, _name_of(path))
        }
        on = [path for path, interfaces in there.items() if bluez.is_on(interfaces[bluez.ADAPTER])]
        if not on:
            if there:
                raise NotOnAirError(_off(next(iter(there))))
            which = f"adapter {self._adapter}" if self._adapter else "an adapter"
            raise NotOnAirError(f"{which} is not there: plug one in")
        for path in on:
            if MANAGER in there[path]:
                return path
        raise NotOnAirError(f"adapter {_name_of(on[0])} cannot advertise: use another one")


async def _watch(bus: MessageBus, adapter: str, lose: Callable[[str], None]) -> None:
    """Have `lose` called when BlueZ or the bus goes, or the adapter is switched off."""

    def take(message: Message) -> None:
        if message.message_type is not MessageType.SIGNAL:
            return
        body = message.body
        if message.member == "NameOwnerChanged" and body[0] == bluez.NAME:
            lose(bluez.NOT_RUNNING)
        elif message.member == "PropertiesChanged" and (message.path, body[0]) == (adapter, bluez.ADAPTER):
            powered = body[1].get("Powered")
            if powered is not None and not powered.value:
                lose(_off(adapter))

    def end(ended: asyncio.Future[None]) -> None:
        if not ended.cancelled():
            ended.exception()  # it says no more
        lose("the system bus has ended the connection")

    bus.add_message_handler(take)
    # dbus-fast gives this one method no types.
    asyncio.ensure_future(bus.wait_for_disconnect()).add_done_callback(end)  # type: ignore[no-untyped-call]
    await bluez.listen(
        bus, f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{bluez.NAME}'"
    )
    await bluez.listen(
        bus,
        f"type='signal',sender='{bluez.NAME}',path='{adapter}',"
        f"interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
    )


def _name_of(adapter: str) -> str:
    return adapter.rpartition("/")[2]


def _off(adapter: str) -> str:
    return f"adapter {_name_of(adapter)} is off: bluetoothctl power on"


def _reason_of(error: Exception) -> str:
    if isinstance(error, NotOnAirError):
        return str(error)
    if isinstance(error, bluez.Refused) and error.name.removeprefix(bluez.ERRORS) in _REASONS:
        return _REASONS[error.name.removeprefix(bluez.ERRORS)]
    return bluez.reason_of(error)
