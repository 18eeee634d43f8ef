"""The radio: which adapters there are, and how many of each device's adverts are heard through them."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from vigil_host.clock import Clock
from vigil_host.config import Config
from vigil_host.devices import KnownDevice
from vigil_host.doctor.finding import Finding
from vigil_host.link.adapter import ScannerFactory
from vigil_host.link.hearing import Hearing
from vigil_host.link.scanning import reason_of
from vigil_wire.advert import COMPANY_ID

MADE_PER_MINUTE = 60
ENOUGH_PER_MINUTE = 30
"""With half of them lost by chance, what is shown is live for all but one second in thirty."""
OLDEST_BLUEZ = (5, 55)
"""What bleak asks for."""

# BlueZ gives its own version as the "device" of each adapter that it names: main.conf(5), DeviceID.
_MODALIAS = re.compile(r"usb:v1D6Bp0246d([0-9A-F]{2})([0-9A-F]{2})")


@dataclass(frozen=True)
class Adapter:
    """One of the machine's adapters; `bluez` is the version of BlueZ that it names, where it does.

    `adverts`: how many it sends for programs, and for how many more there is room; None: it can send none.
    """

    name: str
    address: str
    is_on: bool
    bluez: tuple[int, int] | None
    adverts: tuple[int, int] | None = None


async def adapters() -> list[Adapter] | None:
    """The adapters that BlueZ has; None where the system is not asked this way. BleakError: it cannot be."""
    if sys.platform != "linux":
        return None
    from vigil_host.link import bluez  # it is there on Linux alone

    try:
        async with bluez.system_bus() as bus:
            return adapters_in(await bluez.objects(bus))
    except bluez.TROUBLES as error:
        raise BleakError(bluez.reason_of(error)) from error


def adapters_in(objects: dict[str, dict[str, dict[str, Any]]]) -> list[Adapter]:
    """The adapters among the objects that BlueZ manages."""
    found = []
    for path, interfaces in sorted(objects.items()):
        properties = interfaces.get("org.bluez.Adapter1")
        if properties is None:
            continue
        said = {name: variant.value for name, variant in properties.items()}
        match = _MODALIAS.fullmatch(said.get("Modalias", ""))
        version = (int(match[1], 16), int(match[2], 16)) if match else None
        name, is_on = path.rpartition("/")[2], bool(said.get("Powered"))
        found.append(Adapter(name, said["Address"], is_on, version, _adverts(interfaces)))
    return found


def _adverts(interfaces: dict[str, dict[str, Any]]) -> tuple[int, int] | None:
    manager = interfaces.get("org.bluez.LEAdvertisingManager1")
    return None if manager is None else (manager["ActiveInstances"].value, manager["SupportedInstances"].value)


async def check_adapters(wanted: str | None) -> tuple[list[Finding], bool]:
    """What adapters there are, and whether a scan is worth trying; `wanted` is the configured one."""
    try:
        found = await adapters()
    except BleakError as error:
        return [Finding("Bluetooth", "bad", f"there is none: {reason_of(error)}")], False
    if found is None:
        return [Finding("Bluetooth", "not known", "this system does not tell programs of its adapters")], True
    usable = [each for each in found if each.is_on and wanted in (None, each.name)]
    findings = [Finding("Bluetooth", "good", f"adapter {each.name} ({each.address}) is on") for each in usable]
    if not usable:
        named = f"adapter {wanted}" if wanted else "an adapter"
        if any(wanted in (None, each.name) for each in found):
            findings = [Finding("Bluetooth", "bad", f"{named} is there, but off", "bluetoothctl power on")]
        else:
            there = ", ".join(each.name for each in found) or "none at all"
            findings = [Finding("Bluetooth", "bad", f"{named} is not there; what is: {there}", "plug one in")]
    versions = {each.bluez for each in found if each.bluez}
    if versions:
        version = max(versions)
        text = f"{version[0]}.{version[1]}"
        if version >= OLDEST_BLUEZ:
            findings.append(Finding("BlueZ", "good", text))
        else:
            findings.append(Finding("BlueZ", "bad", f"{text} is too old", "update this system: 5.55 is needed"))
    elif found:
        findings.append(Finding("BlueZ", "not known", "it does not say its version", "bluetoothctl --version says it"))
    return findings, bool(usable)


async def check_advertising(wanted: str | None) -> list[Finding]:
    """Whether the adapter that `vigil monitor` would take can send adverts; nothing where there is none at all."""
    try:
        found = await adapters()
    except BleakError:
        return []
    usable = [each for each in found or () if each.is_on and wanted in (None, each.name)]
    for each in usable:
        if each.adverts is not None:
            return [_room_for_adverts(each.name, *each.adverts)]
    advice = "use another adapter, or leave monitor.advertise out"
    return [Finding("Advertising", "bad", f"adapter {each.name} cannot", advice) for each in usable[:1]]


def _room_for_adverts(adapter: str, sent: int, free: int) -> Finding:
    if free:
        return Finding("Advertising", "good", f"adapter {adapter} can: {sent} sent now, room for {free} more")
    said = f"adapter {adapter} has no room for one more than the {sent} sent now"
    return Finding("Advertising", "not known", said, "if `vigil monitor` does not run, end what advertises")


@dataclass
class Counts:
    """What was heard: from how many senders, and how many different adverts of each device."""

    senders: set[str] = field(default_factory=set)
    adverts: dict[str, int] = field(default_factory=dict)


async def count_adverts(
    scanner_factory: ScannerFactory, devices: Sequence[KnownDevice], seconds: float, clock: Clock
) -> Counts:
    """Listen for so long; BleakError, OSError where there is no scan."""
    counts = Counts(adverts={device.id: 0 for device in devices})
    hearings = [(device.id, Hearing(key)) for device in devices for key in device.possible_keys]
    known: set[bytes] = set()

    def heard(ble_device: BLEDevice, data: AdvertisementData) -> None:
        counts.senders.add(ble_device.address)
        sealed = bytes(data.manufacturer_data.get(COMPANY_ID, b""))
        if sealed in known:
            return
        known.add(sealed)
        for device_id, hearing in hearings:
            if hearing.is_ours(sealed):
                counts.adverts[device_id] += 1

    scanner = scanner_factory(heard)
    await scanner.start()
    try:
        await clock.sleep(seconds)
    finally:
        await scanner.stop()
    return counts


async def check_hearing(
    scanner_factory: ScannerFactory, devices: Sequence[KnownDevice], config: Config, seconds: float, clock: Clock
) -> list[Finding]:
    """Whether each device's adverts come through, by listening for so long."""
    try:
        counts = await count_adverts(scanner_factory, devices, seconds, clock)
    except (BleakError, OSError) as error:
        return [Finding("Hearing", "bad", f"cannot scan: {reason_of(error)}")]
    senders = len(counts.senders)
    said = f"{senders} {'sender' if senders == 1 else 'senders'} heard in {seconds:g} s"
    findings = [Finding("Hearing", "good" if senders else "not known", said)]
    if not devices:
        findings.append(Finding("Hearing", "not known", "no device is known", "vigil devices add"))
    for device in devices:
        findings.append(_verdict(device, counts.adverts[device.id] * 60 / seconds, config))
    return findings


def _verdict(device: KnownDevice, per_minute: float, config: Config) -> Finding:
    said = f"{device.name}: {per_minute:.0f} of {MADE_PER_MINUTE} adverts a minute"
    if per_minute >= ENOUGH_PER_MINUTE:
        return Finding("Hearing", "good", said)
    if not per_minute:
        advice = "switch it on and bring it near; a Pico W is not heard while a bridge is connected with it"
        return Finding("Hearing", "bad", said, advice)
    steps = ["bring it nearer"]
    if config.scanning == "passive":
        steps.append('bluetooth.scanning = "active" in the configuration')
    elif not config.duplicates:
        steps.append("bluetooth.duplicates = true in the configuration")
    if config.restart_s is None:
        steps.append("bluetooth.restart_s = 30")
    return Finding("Hearing", "bad", f"{said}, which are few", ", or ".join((*steps, "use another adapter")))
