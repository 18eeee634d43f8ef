"""The parts that there are drivers for: each module of `vigil_hal` that names a PART."""

import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import vigil_hal
from vigil_hal.faults import SensorFault

if TYPE_CHECKING:
    from vigil_hal.seams import Buses


class Driver:
    """One of them; what it says of its part is in constants of the module."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self.part: str = module.PART
        self.kind: str = module.KIND
        self.addresses: tuple[int, ...] = getattr(module, "ADDRESSES", ())
        self.most_hz: int | None = getattr(module, "MOST_HZ", None)
        self.options: tuple[str, ...] = getattr(module, "OPTIONS", ())
        self.path = module.__name__.replace(".", "/") + ".py"

    @property
    def is_on_bus(self) -> bool:
        """Whether it is wired to the I2C bus; else it has a pin of its own."""
        return bool(self.addresses)

    def opened(self, buses: "Buses", entry: Mapping[str, Any]) -> Any:
        """Return what drives the part of an entry; it is not spoken to yet. ValueError where the entry is wrong."""
        return self._module.on_board(buses, entry)

    def problem(self, entry: Mapping[str, Any]) -> str | None:
        """What is wrong with an entry that a board would be given, as the driver itself finds it."""
        try:
            self.opened(_NoBuses(), entry)
        except (KeyError, TypeError, ValueError, SensorFault) as error:
            return str(error)
        return None


class _NoBuses:
    """Buses that nothing is asked of: a driver that is only made touches none."""

    i2c: Any = None

    def one_wire(self, _pin: int) -> Any:
        """Return none."""

    def adc(self, _pin: int) -> Any:
        """Return none."""


@functools.cache
def drivers() -> Mapping[str, Driver]:
    """Return all of them, by the names of their parts."""
    modules = (importlib.import_module(f"vigil_hal.{each.name}") for each in pkgutil.iter_modules(vigil_hal.__path__))
    found = [Driver(module) for module in modules if hasattr(module, "PART")]
    return {driver.part: driver for driver in sorted(found, key=lambda driver: driver.part)}
