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
    `optional` and nothing answers, the board goes without and says so once. So is one whose entry makes no sense, but
    for a display. A name that is no driver's is said, and left out. The oximeter goes on in any case.
    """
    parts = Parts()
    for entry in entries:
        name = str(entry.get("part", ""))
        try:
            driver = __import__("vigil_hal." + name.lower(), None, None, ("KIND", "on_board"))
            kind = driver.KIND
        except (ImportError, AttributeError) as error:
            log("fault: there is no part %s, which board.json lists: %s" % (name, error))
            continue
        part = _made(driver, buses, entry, name)
        if _is_wired(part, name, bool(entry.get("optional")), log) and not (_is_unusable(part) and kind == "display"):
            setattr(parts, kind, part)
    return parts


class Unusable:
    """In place of a thermometer, accelerometer or battery whose entry makes no sense: to ask it is that fault."""

    head = 0
    rate_milli_hz = 1
    x = y = z = ()

    def __init__(self, why: str) -> None:
        self._why = why

    def probe(self) -> None:
        """Raise SensorFault, which says why."""
        raise SensorFault(self._why)

    def percent(self) -> "int | None":
        """Return None: no charge is known."""
        return None

    configure = read = read_centi_c = drain = probe


def _made(driver: "Any", buses: "Buses", entry: "Mapping[str, Any]", name: str) -> "Any":
    try:
        return driver.on_board(buses, entry)
    except (KeyError, TypeError, ValueError) as error:
        return Unusable("the entry of %s in board.json makes no sense: %s" % (name, error))


def _is_unusable(part: "Any") -> bool:
    return isinstance(part, Unusable)


def _is_wired(part: "Any", name: str, is_optional: bool, log: "Callable[[str], None]") -> bool:
    try:
        part.probe()
    except SensorFault as fault:
        if is_optional and isinstance(fault, NotAnswering):
            log("vigil: no %s: %s" % (name, fault))
            return False
        log("fault: %s" % fault)
    return True
