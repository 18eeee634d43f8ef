"""The machine's Bluetooth adapter, through bleak, and what the link needs of a scanner and of a client.

The virtual radio gives bleak objects of the same shapes, and room bridges clients of the same shape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData


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


def room_of(device: BLEDevice) -> InRoom | None:
    """Return the room by which this device is reached; None: by this machine's own radio."""
    return device.details if isinstance(device.details, InRoom) else None


def scanner_factory(adapter: str | None = None) -> ScannerFactory:
    """Return what makes scanners on `adapter` ("hci1", Linux only), or on the machine's own choice."""

    def make(heard: Callable[[BLEDevice, AdvertisementData], None]) -> Scanner:
        return BleakScanner(heard, bluez={"adapter": adapter} if adapter else {})

    return make


def client_factory(adapter: str | None = None) -> ClientFactory:
    """Return what makes clients on `adapter`."""

    def make(device: BLEDevice, disconnected: Callable[[Any], None]) -> Client:
        return BleakClient(device, disconnected, bluez={"adapter": adapter} if adapter else {})

    return make
