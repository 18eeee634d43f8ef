"""The parts on this computer's own pins, as `[[monitor.parts]]` lists them: what that may say, and their drivers."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigil_hal import ds18b20
from vigil_hal.parts import Parts
from vigil_host.boards.drivers import Driver, drivers
from vigil_host.linux.one_wire import KernelDs18b20

if TYPE_CHECKING:
    from vigil_hal.seams import I2C, Adc, OneWire

Entry = Mapping[str, Any]

DEFAULT: tuple[Entry, ...] = ({"part": "TMP117", "address": 0x48},)


class Buses:
    """What the parts are wired to: I2C alone. The 1-Wire bus is the kernel's."""

    def __init__(self, i2c: "I2C") -> None:
        self.i2c = i2c

    def one_wire(self, _pin: int) -> "OneWire":
        """Raise ValueError."""
        raise ValueError("the kernel has the 1-Wire bus: only a DS18B20 can be on it")

    def adc(self, _pin: int) -> "Adc":
        """Raise ValueError."""
        raise ValueError("no pin of this computer measures a voltage")


def checked(entries: Sequence[object]) -> tuple[Entry, ...]:
    """Return the entries with each address said; ValueError tells in one line what is wrong with which."""
    found: list[Entry] = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise ValueError(f"is a list of tables, not {entry!r}")
        try:
            found.append(_checked(entry, found))
        except ValueError as error:
            raise ValueError(f"number {number}: {error}") from None
    return tuple(found)


def opened(i2c: "I2C", entries: Sequence[Entry]) -> Parts:
    """Return the drivers of the parts that are listed, which have been checked; none of them is spoken to yet."""
    parts = Parts()
    for entry in entries:
        setattr(parts, drivers()[entry["part"]].kind, _driver_of(Buses(i2c), entry))
    return parts


def _checked(entry: Entry, before: Sequence[Entry]) -> Entry:
    known = {name: driver for name, driver in drivers().items() if driver.kind != "oximeter" and _can_be_here(driver)}
    name = entry.get("part")
    if name not in known:
        raise ValueError(f"the part {name!r} is not known: {', '.join(known)}")
    driver = known[name]
    for other in before:
        if known[other["part"]].kind == driver.kind:
            raise ValueError(f"the {other['part']} is the {driver.kind} already, and there can be one")
    if driver.is_on_bus:
        entry = {"address": driver.addresses[0], **entry}
        if entry["address"] not in driver.addresses:
            can = ", ".join(f"0x{address:02X}" for address in driver.addresses)
            raise ValueError(f"a {name} answers at {can}, not at {entry['address']!r}")
    for key in entry:
        if key not in ("part", "address" if driver.is_on_bus else "", *driver.options):
            raise ValueError(f"{key} is nothing that a {name} knows")
    try:
        _driver_of(Buses(None), entry)  # type: ignore[arg-type]  # one that is only made asks nothing of it
    except (KeyError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None
    return entry


def _can_be_here(driver: Driver) -> bool:
    return driver.is_on_bus or driver.part == ds18b20.PART


def _driver_of(buses: Buses, entry: Entry) -> Any:
    if entry["part"] == ds18b20.PART:
        return KernelDs18b20(entry.get("rom"))
    return drivers()[entry["part"]].opened(buses, entry)
