"""Opens the parts that a board's file lists beside the oximeter.

The driver of a part is the module of its name in small letters. There, `PART`, `KIND`, `ADDRESSES` and `MOST_HZ` say
what it is, and `on_board(board, entry)` returns the driver for an entry of the file.
"""

from vigil_hal.faults import NotAnswering, SensorFault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from vigil_hal.seams import Accelerometer, Battery, Buses, Display, Thermometer


class Parts:
    """What a board has, each None where it has none."""

    def __init__(self) -> None:
        self.thermometer: Thermometer | None = None
        self.accelerometer: Accelerometer | None = None
        self.battery: Battery | None = None
        self.display: Display | None = None


def opened(buses: "Buses", entries: "Iterable[Mapping[str, Any]]", log: "Callable[[str], None]") -> Parts:
    """Return the drivers of the parts that are listed.

    One that does not answer, or wrongly, is kept, and is a fault for as long as it does so; but where its entry says
    `optional` and nothing answers, the board goes without and says so once. An entry that makes no sense is said, and
    left out: the oximeter goes on.
    """
    parts = Parts()
    for entry in entries:
        name = str(entry.get("part", ""))
        try:
            driver = __import__("vigil_hal." + name.lower(), None, None, ("on_board",))
            part = driver.on_board(buses, entry)
        except (ImportError, AttributeError, KeyError, TypeError, ValueError) as error:
            log("fault: the part %s of board.json cannot be used: %s" % (name, error))
            continue
        if _is_wired(part, name, bool(entry.get("optional")), log):
            setattr(parts, driver.KIND, part)
    return parts


def _is_wired(part: "Any", name: str, is_optional: bool, log: "Callable[[str], None]") -> bool:
    try:
        part.probe()
    except SensorFault as fault:
        if is_optional and isinstance(fault, NotAnswering):
            log("vigil: no %s: %s" % (name, fault))
            return False
        log("fault: %s" % fault)
    return True
