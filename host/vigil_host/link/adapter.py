"""The machine's Bluetooth adapter, through bleak, and what the link needs of a scanner and of a client.

The virtual radio gives bleak objects of the same shapes, and room bridges clients of the same shape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bleak import BleakClient, BleakScanner
from bleak.args.bluez import BlueZScannerArgs, OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from vigil_wire.advert import COMPANY_ID


class Scanner(Protocol):
    """What hears adverts."""

    async def start(self) -> None:
        """Begin to scan; raises BleakError or OSError where there is no Bluetooth."""

    async def stop(self) -> None:
        """Stop scanning."""


class Client(Protocol):
    """One connection to one device. Raises BleakError, OSError or TimeoutError."""

    async def connect(self) -> None:
        """Connect and discover."""

    async def disconnect(self) -> None:
        """Drop the connection, if there is one."""

    async def start_notify(self, characteristic: str, callback: Callable[[Any, bytearray], None], /) -> None:
        """Subscribe to the characteristic with this UUID."""

    async def write_gatt_char(self, characteristic: str, data: bytes, /, response: bool) -> None:
        """Write to the characteristic with this UUID."""


ScannerFactory = Callable[[Callable[[BLEDevice, AdvertisementData], None]], Scanner]
ClientFactory = Callable[[BLEDevice, Callable[[Any], None]], Client]


@dataclass(frozen=True)
class InRoom:
    """The room bridge that hears a device: `details` of the device, where it is not this machine that does."""

    id: str
    name: str


HERE = object()
"""`details` of the device that is this very computer."""


def room_of(device: BLEDevice) -> InRoom | None:
    """Return the room by which this device is reached; None: by this machine's own radio."""
    return device.details if isinstance(device.details, InRoom) else None


# What begins every Vigil advert, as BlueZ needs to be told what a passive scan is for.
_OURS = OrPattern(0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, COMPANY_ID.to_bytes(2, "little"))


def scanner_factory(
    adapter: str | None = None, is_passive: bool = False, wants_duplicates: bool = False
) -> ScannerFactory:
    """Return what makes scanners on `adapter` ("hci1", Linux only), or on the machine's own choice.

    `is_passive`: asks no device for a scan response.
    `wants_duplicates` (Linux only): also passes on what repeats the last advert.
    """
    bluez: BlueZScannerArgs = {"adapter": adapter} if adapter else {}
    if is_passive:
        bluez["or_patterns"] = [_OURS]
    else:
        bluez["filters"] = {"DuplicateData": wants_duplicates}

    def make(heard: Callable[[BLEDevice, AdvertisementData], None]) -> Scanner:
        return BleakScanner(heard, scanning_mode="passive" if is_passive else "active", bluez=bluez)

    return make


def client_factory(adapter: str | None = None) -> ClientFactory:
    """Return what makes clients on `adapter`."""

    def make(device: BLEDevice, disconnected: Callable[[Any], None]) -> Client:
        return BleakClient(device, disconnected, bluez={"adapter": adapter} if adapter else {})

    return make
