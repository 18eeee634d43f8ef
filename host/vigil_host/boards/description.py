"""Reads and checks a `board.toml`. What is wrong is one line that names the file, the key and what to do."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from vigil_host.assets import asset
from vigil_host.boards.chips import CHIPS, Chip
from vigil_host.boards.drivers import Driver, drivers
from vigil_host.boards.problems import BoardError

MOST_I2C_HZ = 400_000
SECTOR_BYTES = 4096
_KIB = 1024
_OUTPUTS = ("light", "buzzer", "beeper", "vibration")
_PINS = (*_OUTPUTS, "button", "interrupt", "battery")
_PARTITION_KINDS = {"nvs": (1, 2), "phy": (1, 1), "factory": (0, 0), "fat": (1, 0x81), "undefined": (1, 6)}
FIRST_PARTITION = 0x9000
APP_ALIGNMENT = 0x10000
_LABEL_MOST_BYTES = 15


@dataclass(frozen=True)
class Firmware:
    """The MicroPython image of a board: its name on the download page, version, place, and whether it can pair.

    `free_kib`: of its memory, with Bluetooth off; None: nobody has told.
    """

    image: str
    version: str
    flash_offset: int
    can_pair: bool
    free_kib: int | None


@dataclass(frozen=True)
class Bus:
    """The I2C bus of the sensors."""

    id: int
    sda: int
    scl: int
    freq_hz: int


@dataclass(frozen=True)
class Part:
    """A part that is wired to the board: by its address on the bus, or by a pin of its own; the other is None.

    `entry`: what the board is told of it.
    """

    driver: Driver
    address: int | None
    pin: int | None
    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the part is called."""
        return self.driver.part


@dataclass(frozen=True)
class Partition:
    """One partition of an ESP32's flash; `type` and `subtype` are the numbers of ESP-IDF's table."""

    label: str
    type: int
    subtype: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.offset + self.size


@dataclass(frozen=True)
class Header:
    """The board's rows of pins as seen from above, from the top on: GPIO numbers, and the names of what is none.

    `usb`: the edge with the USB socket, "" for none there. `numbers`: how pins are counted, "dip" (down the left, up
    the right), "rows" (left, right, left, right ...) or "" (not at all).
    """

    left: tuple[int | str, ...]
    right: tuple[int | str, ...]
    usb: str
    prefix: str
    names: Mapping[int, str]
    numbers: str

    @property
    def pins(self) -> frozenset[int]:
        """The GPIO numbers that are brought out."""
        return frozenset(entry for entry in (*self.left, *self.right) if isinstance(entry, int))

    def label(self, entry: int | str) -> str:
        """What is printed beside a pin."""
        return entry if isinstance(entry, str) else self.names.get(entry, f"{self.prefix}{entry}")

    def number(self, entry: int | str) -> int | None:
        """The number of the first pin of this kind, counted as the board's maker counts."""
        if entry in self.left:
            row = self.left.index(entry)
            return {"dip": row + 1, "rows": 2 * row + 1}.get(self.numbers)
        row = self.right.index(entry)
        return {"dip": len(self.left) + len(self.right) - row, "rows": 2 * row + 2}.get(self.numbers)


@dataclass(frozen=True)
class Board:
    """One board, checked.

    `pins`: by use; a light may have three, red, green and blue. `own_ma`: what is on the board beside the chip draws.
    """

    id: str
    name: str
    chip_name: str
    chip: Chip
    flash_bytes: int
    firmware: Firmware | None
    bus: Bus
    pins: Mapping[str, tuple[int, ...]]
    parts: tuple[Part, ...]
    partitions: tuple[Partition, ...]
    files_offset: int
    files_bytes: int
    supply: str
    reserved: Mapping[int, str]
    header: Header
    facts: tuple[str, ...]
    own_ma: int

    @property
    def runs_micropython(self) -> bool:
        """Whether it is flashed; else it is a computer, on which Vigil is installed as on any other."""
        return self.firmware is not None

    @property
    def bus_parts(self) -> tuple[Part, ...]:
        """Those on the I2C bus."""
        return tuple(part for part in self.parts if part.driver.is_on_bus)

    @property
    def pin_parts(self) -> tuple[Part, ...]:
        """Those on a pin of their own."""
        return tuple(part for part in self.parts if not part.driver.is_on_bus)

    def avoided(self) -> dict[int, str]:
        """The pins of the header that must not be used, in their order, and why."""
        chip = self.chip
        why = {pin: f"strapping pin: {reason}" for pin, reason in chip.strapping.items()} | dict(chip.taken)
        why |= self.reserved
        return {pin: why[pin] for pin in sorted(self.header.pins) if pin in why}


def board_ids() -> list[str]:
    """The names of the boards that are known."""
    return sorted(folder.name for folder in asset("boards/").iterdir() if (folder / "board.toml").is_file())


def load(board_id: str) -> Board:
    """Return the board in `boards/board_id`, or the one that a file of one's own describes; raises BoardError."""
    if board_id.endswith(".toml"):
        return read(Path(board_id))
    known = board_ids()
    if board_id not in known:
        raise BoardError(f"no board is called {board_id!r}: {', '.join(known)}")
    return read(asset(f"boards/{board_id}/board.toml"))


def read(path: Path) -> Board:
    """Return the board that the file at `path` describes; raises BoardError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise BoardError(f"{path}: {error}") from None
    top = _Table(path, "", document)
    board_id = path.resolve().parent.name if path.name == "board.toml" else path.stem
    name, chip_name = top.text("name"), top.text("chip")
    if chip_name not in CHIPS:
        top.refuse("chip", f"{chip_name!r} is not known: {', '.join(CHIPS)}")
    chip = CHIPS[chip_name]
    header = _header(top.table("header"))
    reserved = {
        top.gpio("reserved", text, chip): top.said("reserved", why) for text, why in top.mapping("reserved").items()
    }
    bus = _bus(top.table("i2c"), chip)
    pins = _pins(top.table("pins"))
    parts = _parts(top, bus)
    _check_pins(top, chip, header, reserved, bus, pins, parts)
    runs_micropython = chip.port != "linux"
    flash_bytes = top.whole("flash_kib", 1, 1 << 20) * _KIB if runs_micropython else 0
    firmware = _firmware(top.table("firmware"), chip) if runs_micropython else None
    partitions = _partitions(top, flash_bytes) if chip.port == "esp32" else ()
    files_offset, files_bytes = _files(top, chip, flash_bytes, partitions)
    own_ma = top.whole("own_ma", 0, 1000) if runs_micropython else 0
    supply = top.text("supply")
    for needed in (supply, "GND"):
        if needed not in (*header.left, *header.right):
            top.refuse("header", f"has no pin {needed!r}")
    board = Board(
        board_id, name, chip_name, chip, flash_bytes, firmware, bus, pins, parts, partitions,
        files_offset, files_bytes, supply, reserved, header, tuple(top.texts("facts")), own_ma,
    )  # fmt: skip
    top.end()
    return board


class _Table:
    """A table of the file: what is taken out of it is checked, and what nobody takes is refused."""

    def __init__(self, path: Path, place: str, values: dict[str, Any]) -> None:
        self._path = path
        self._place = place
        self._values = dict(values)

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raise BoardError for a key of this table."""
        raise BoardError(f"{self._path}: {self._place}{key}: {problem}")

    def has(self, key: str) -> bool:
        """Whether this key is still to be taken."""
        return key in self._values

    def is_list(self, key: str) -> bool:
        """Whether the value of this key is a list."""
        return isinstance(self._values[key], list)

    def take(self, key: str, kind: type, what: str) -> Any:
        """The value of `key`, which must be there and of this kind."""
        if key not in self._values:
            self.refuse(key, f"is missing: {what}")
        value = self._values.pop(key)
        if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
            self.refuse(key, f"must be {what}, not {value!r}")
        return value

    def said(self, key: str, value: object) -> str:
        """A value that must be a text of one line."""
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.refuse(key, f"must be a text in one line, not {value!r}")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text of one line."""
        if default is not None and key not in self._values:
            return default
        return self.said(key, self.take(key, str, "a text"))

    def texts(self, key: str) -> Iterator[str]:
        """A list of texts."""
        return (self.said(key, value) for value in self.take(key, list, "a list of texts"))

    def whole(self, key: str, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        value = int(self.take(key, int, "a whole number"))
        if not least <= value <= most:
            self.refuse(key, f"must be {least} to {most}, not {value}")
        return value

    def gpio(self, key: str, text: str, chip: Chip) -> int:
        """A GPIO number that stands as a key."""
        if not text.isdecimal() or int(text) not in chip.pins:
            self.refuse(key, f"the chip has no GPIO {text}")
        return int(text)

    def mapping(self, key: str) -> dict[str, Any]:
        """A table whose keys are free; {} where there is none."""
        return dict(self.take(key, dict, "a table")) if key in self._values else {}

    def options(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of these values that are there; whoever they are for looks at them."""
        return {name: self._values.pop(name) for name in names if name in self._values}

    def table(self, key: str) -> "_Table":
        """A table within this one."""
        return _Table(self._path, f"{self._place}{key}.", self.take(key, dict, "a table"))

    def tables(self, key: str) -> "list[_Table]":
        """A list of tables within this one."""
        found = self.take(key, list, "a list of tables")
        if not all(isinstance(values, dict) for values in found):
            self.refuse(key, "must be a list of tables")
        return [_Table(self._path, f"{self._place}{key}[{index}].", values) for index, values in enumerate(found)]

    def end(self) -> None:
        """Refuse what is left: a key that is misspelt would else count for nothing."""
        for key in self._values:
            self.refuse(key, "is not known here")


def _header(table: _Table) -> Header:
    def row(side: str) -> tuple[int | str, ...]:
        entries = table.take(side, list, "a list of GPIO numbers and names")
        if not all(isinstance(entry, int | str) and not isinstance(entry, bool) for entry in entries):
            table.refuse(side, "must be a list of GPIO numbers and names")
        return tuple(entries)

    left, right = row("left"), row("right")
    usb, numbers = table.text("usb", "none"), table.text("numbers", "none")
    if usb not in ("top", "bottom", "none"):
        table.refuse("usb", f"must be top, bottom or none, not {usb!r}")
    if numbers not in ("dip", "rows", "none"):
        table.refuse("numbers", f"must be dip, rows or none, not {numbers!r}")
    prefix = table.text("prefix", "") if table.has("prefix") else ""
    names = {}
    for text, name in table.mapping("names").items():
        if not text.isdecimal() or int(text) not in (*left, *right):
            table.refuse("names", f"the header has no GPIO {text}")
        names[int(text)] = table.said("names", name)
    table.end()
    return Header(left, right, usb.replace("none", ""), prefix, names, numbers.replace("none", ""))


def _bus(table: _Table, chip: Chip) -> Bus:
    bus = Bus(
        table.whole("id", 0, chip.i2c_buses - 1),
        table.whole("sda", 0, 99),
        table.whole("scl", 0, 99),
        table.whole("freq_hz", 10_000, MOST_I2C_HZ),
    )
    if chip.has_fixed_i2c:
        for key, pin, remainder in (("sda", bus.sda, 2 * bus.id), ("scl", bus.scl, 2 * bus.id + 1)):
            if pin % 4 != remainder:
                able = ", ".join(str(pin) for pin in sorted(chip.pins) if pin % 4 == remainder)
                table.refuse(key, f"GPIO {pin} cannot be {key.upper()} of bus {bus.id}: {able} can")
    table.end()
    return bus


def _pins(table: _Table) -> dict[str, tuple[int, ...]]:
    pins: dict[str, tuple[int, ...]] = {}
    for use in _PINS:
        if not table.has(use):
            continue
        if use == "light" and table.is_list(use):
            numbers = table.take(use, list, "a GPIO number or three")
            if len(numbers) != 3 or not all(type(number) is int for number in numbers):
                table.refuse(use, "must be a GPIO number, or three: red, green, blue")
            pins[use] = tuple(numbers)
        else:
            pins[use] = (table.whole(use, 0, 99),)
    table.end()
    if "buzzer" in pins and "beeper" in pins:
        table.refuse("beeper", "a board has a buzzer or a beeper, not both")
    return pins


def _check_pins(
    top: _Table,
    chip: Chip,
    header: Header,
    reserved: Mapping[int, str],
    bus: Bus,
    pins: Mapping[str, tuple[int, ...]],
    parts: tuple[Part, ...],
) -> None:
    """Refuse a pin that is not there, is taken, cannot do what it should, or has two uses."""
    uses = [("i2c.sda", bus.sda), ("i2c.scl", bus.scl)]
    uses += [(f"pins.{use}", pin) for use, numbers in pins.items() for pin in numbers]
    analog = {"pins.battery"}
    for index, part in enumerate(parts):
        if part.pin is None:
            continue
        use = f"parts[{index}].pin"
        if part.driver.kind == "battery":
            analog.add(use)
            uses = [each for each in uses if each != ("pins.battery", part.pin)]  # it was kept free for this
        uses.append((use, part.pin))
    seen: dict[int, str] = {}
    for use, pin in uses:
        if pin not in chip.pins:
            top.refuse(use, f"the chip has no GPIO {pin}")
        if pin in seen:
            top.refuse(use, f"GPIO {pin} is {seen[pin]} already")
        if pin in chip.strapping and not (use == "pins.button" and pin == chip.boot_pin):
            top.refuse(use, f"GPIO {pin} is a strapping pin ({chip.strapping[pin]}): choose another")
        for why in (chip.taken, reserved):
            if pin in why:
                top.refuse(use, f"GPIO {pin} cannot be used, {why[pin]}: choose another")
        if pin not in header.pins:
            top.refuse(use, f"GPIO {pin} is not on the board's header")
        if pin in chip.input_only and use not in {"pins.interrupt", *analog}:
            top.refuse(use, f"GPIO {pin} is an input only, without a pull-up: choose another")
        if use in analog and pin not in chip.adc:
            top.refuse(use, f"GPIO {pin} measures no voltage: {', '.join(map(str, sorted(chip.adc))) or 'no pin'} can")
        seen[pin] = use


def _firmware(table: _Table, chip: Chip) -> Firmware:
    firmware = Firmware(
        table.text("image"),
        table.text("version"),
        table.whole("flash_offset", 0, 1 << 24),
        bool(table.take("can_pair", bool, "true or false")),
        table.whole("free_kib", 1, 1 << 20) if table.has("free_kib") else None,
    )
    if firmware.flash_offset != chip.flash_offset:
        table.refuse("flash_offset", f"must be {chip.flash_offset:#x} on this chip, not {firmware.flash_offset:#x}")
    table.end()
    return firmware


def _parts(top: _Table, bus: Bus) -> tuple[Part, ...]:
    parts: list[Part] = []
    for table in top.tables("parts"):
        name = table.text("part")
        if name not in drivers():
            table.refuse("part", f"{name!r} is not known: {', '.join(drivers())}")
        driver = drivers()[name]
        address = _address(table, driver) if driver.is_on_bus else None
        pin = None if driver.is_on_bus else table.whole("pin", 0, 99)
        place: dict[str, Any] = {"address": address} if pin is None else {"pin": pin}
        if table.has("optional"):
            place["optional"] = bool(table.take("optional", bool, "true or false"))
        part = Part(driver, address, pin, {"part": name, **place, **table.options(driver.options)})
        for other in parts:
            if other.address == address is not None:
                table.refuse("address", f"{address:#04x} is the address of the {other.name} already")
            if other.driver.kind == driver.kind:
                table.refuse("part", f"the {other.name} is this board's {driver.kind} already: it can have one")
        if driver.most_hz is not None and bus.freq_hz > driver.most_hz:
            table.refuse("part", f"a {name} stands {driver.most_hz} Hz at most: set i2c.freq_hz to that")
        problem = driver.problem(part.entry)
        if problem is not None:
            table.refuse("part", problem)
        parts.append(part)
        table.end()
    if "oximeter" not in (part.driver.kind for part in parts):
        top.refuse("parts", "there is no oximeter: list a MAX30102")
    return tuple(parts)


def _address(table: _Table, driver: Driver) -> int:
    address = table.whole("address", 0x08, 0x77)
    if address not in driver.addresses:
        able = sorted(driver.addresses)
        is_range = len(able) > 2 and able[-1] - able[0] == len(able) - 1
        can = f"{able[0]:#04x} to {able[-1]:#04x}" if is_range else " or ".join(f"{each:#04x}" for each in able)
        table.refuse("address", f"a {driver.part} answers at {can}, not at {address:#04x}")
    return address


def _partitions(top: _Table, flash_bytes: int) -> tuple[Partition, ...]:
    partitions: list[Partition] = []
    end = FIRST_PARTITION
    for table in top.tables("partitions"):
        label, kind = table.text("label"), table.text("kind")
        if len(label.encode()) > _LABEL_MOST_BYTES or label in (other.label for other in partitions):
            table.refuse("label", f"{label!r} is longer than {_LABEL_MOST_BYTES} bytes, or there already")
        if kind not in _PARTITION_KINDS:
            table.refuse("kind", f"{kind!r} is not known: {', '.join(_PARTITION_KINDS)}")
        offset, size = table.whole("offset", 0, flash_bytes), table.whole("size", SECTOR_BYTES, flash_bytes)
        partition = Partition(label, *_PARTITION_KINDS[kind], offset, size)
        alignment = APP_ALIGNMENT if kind == "factory" else SECTOR_BYTES
        if offset % alignment or size % SECTOR_BYTES:
            table.refuse("offset", f"{label} must begin at a multiple of {alignment:#x} and be whole sectors")
        if offset < end:
            table.refuse("offset", f"{label} begins at {offset:#x}, before {end:#x}, where what precedes it ends")
        if partition.end > flash_bytes:
            table.refuse("size", f"{label} ends at {partition.end:#x}, behind the flash, which has {flash_bytes:#x}")
        end = partition.end
        partitions.append(partition)
        table.end()
    for label in ("factory", "vfs", "vigil"):
        if label not in (partition.label for partition in partitions):
            top.refuse("partitions", f"there is none called {label}")
    return tuple(partitions)


def _files(top: _Table, chip: Chip, flash_bytes: int, partitions: tuple[Partition, ...]) -> tuple[int, int]:
    """Where on the flash the file system is, and its size; 0, 0 where there is none of ours."""
    if chip.port == "esp32":
        return next((each.offset, each.size) for each in partitions if each.label == "vfs")
    if chip.port != "rp2":
        return 0, 0
    table = top.table("files")
    offset, size = table.whole("offset", 0, flash_bytes), table.whole("size", SECTOR_BYTES, flash_bytes)
    if offset % SECTOR_BYTES or size % SECTOR_BYTES or offset + size != flash_bytes:
        table.refuse("size", "the files must be whole sectors up to the end of the flash, as MicroPython has them")
    table.end()
    return offset, size
