"""Where the bridge keeps its data, and how it is configured.

The configuration is one TOML file; every key may be left out:

    database = "/var/lib/vigil/vigil.db"
    log_level = "info"                    # debug, info, warning, error
    listen_only = false                   # true: another bridge keeps the record; this one only hears and shows
    forward_to = "http://192.168.1.20:8765/"   # be a room bridge of the bridge with this page, and nothing else

    [web]
    host = "127.0.0.1"                    # another address only with lan = true
    port = 8765
    lan = false                           # true: for the whole home network, behind a passphrase
    public_url = "https://vigil.example/" # where the page can be opened from outside, if it can: for links in messages

    [bluetooth]
    adapter = "hci1"                      # Linux, where there is more than one
    alone = false                         # true: nothing else listens, so that a Pico W need not take turns
    scanning = "active"                   # "passive": asks devices for nothing; Linux with experimental BlueZ, Windows
    duplicates = false                    # true: Linux also passes on what repeats the last advert
    restart_s = 300                       # start the scan anew so often (10 or more); left out: only when it is deaf

    [alerts]                              # who is told is in people.toml; this is for when nobody could be
    dead_man_url = "https://ntfy.example/topic"   # an ntfy topic, 2.16 or newer: tells that the bridge has gone silent
    dead_man_after_min = 5                # after so many minutes, 2 to 60
    ping_url = "https://health.example/id"        # asked for each minute while all is well

    [monitor]                             # `vigil monitor`: sensors and signals on this computer's own pins
    i2c = 1                               # the bus /dev/i2c-1
    light = 17                            # GPIO numbers, where there is one: a light, or its [red, green, blue]
    beeper = 12                           # a buzzer with its own oscillator: there is no PWM here
    vibration = 27
    button = 22                           # to ground
    wearer = "Ada"                        # as said at the first start
    bluetooth = false                     # true: also be the bridge of wearables, by Bluetooth
    advertise = false                     # true: send adverts as a wearable does, by Bluetooth; Linux only

    [[monitor.parts]]                     # what is beside the oximeter; left out: this one. None at all: parts = []
    part = "TMP117"
    address = 0x48

Some adapters, or the programs between, pass on only the first few of a device's adverts. `vigil doctor` measures how
many come; where they are few, try `duplicates = true`, then `restart_s`, then another adapter.
"""

import ipaddress
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from platformdirs import user_data_path

from vigil_host.linux.parts import DEFAULT as DEFAULT_PARTS
from vigil_host.linux.parts import Entry, checked

DATA_VARIABLE = "VIGIL_DATA"
FIRST_PIN, LAST_PIN = 4, 27
"""GPIO numbers of a Raspberry Pi's header; 0 to 3 are its I2C buses."""
LOG_LEVELS = ("debug", "info", "warning", "error")
SCANNINGS = ("active", "passive")
LEAST_RESTART_S = 10
MOST_RESTART_S = 86_400
DEAD_MAN_AFTER_MIN = 5
LOOPBACK = "127.0.0.1"
EVERY_ADDRESS = "0.0.0.0"
DEFAULT_PORT = 8765

_T = TypeVar("_T")


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line that names the file and the key."""


@dataclass(frozen=True)
class MonitorConfig:
    """What is on this computer's own pins, by GPIO numbers; None where there is no such part."""

    i2c: int = 1
    parts: tuple[Entry, ...] = DEFAULT_PARTS
    light: int | tuple[int, int, int] | None = None
    beeper: int | None = None
    vibration: int | None = None
    button: int | None = None
    wearer: str | None = None
    bluetooth: bool = False
    advertise: bool = False


@dataclass(frozen=True)
class Config:
    """How the bridge runs."""

    database: Path
    web_host: str = LOOPBACK
    web_port: int = DEFAULT_PORT
    lan: bool = False
    adapter: str | None = None
    log_level: str = "info"
    listen_only: bool = False
    alone: bool = False
    forward_to: str | None = None
    scanning: str = "active"
    duplicates: bool = False
    restart_s: int | None = None
    dead_man_url: str | None = field(default=None, repr=False)  # these two are secret
    ping_url: str | None = field(default=None, repr=False)
    dead_man_after_min: int = DEAD_MAN_AFTER_MIN
    public_url: str | None = None
    monitor: MonitorConfig = MonitorConfig()


def data_folder() -> Path:
    """Return the data folder, made for this user only where it is missing.

    VIGIL_DATA names it; otherwise it is where the platform keeps a user's data. Raises ConfigError.
    """
    named = os.environ.get(DATA_VARIABLE)
    folder = Path(named) if named else user_data_path("vigil")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the data folder {folder} cannot be made: {error.strerror}") from error
    return folder


def default_database() -> Path:
    """Return the path of the database where none is named; raises ConfigError."""
    return data_folder() / "vigil.db"


def devices_file() -> Path:
    """Return the path of the file of known devices and their keys; raises ConfigError."""
    return data_folder() / "devices.toml"


def rooms_file() -> Path:
    """Return the path of the file of rooms that may join this bridge, and their keys; raises ConfigError."""
    return data_folder() / "rooms.toml"


def people_file() -> Path:
    """Return the path of the file of people who are told of alarms, and how; raises ConfigError."""
    return data_folder() / "people.toml"


def join_code_file() -> Path:
    """Return the path of a room bridge's join code; raises ConfigError."""
    return data_folder() / "join-code"


def emergency_number_file(folder: Path | None = None) -> Path:
    """Return the path of the emergency number; raises ConfigError."""
    return (folder or data_folder()) / "emergency-number"


def signing_key_file() -> Path:
    """Return the path of the key that signs the record's checkpoints; raises ConfigError."""
    return data_folder() / "signing-key.pem"


def load(path: Path | None = None) -> Config:
    """Return the configuration in the file at `path`, or the default one; raises ConfigError."""
    if path is None:
        return Config(database=default_database())
    try:
        root = _Table(path, "", tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    web = _Table(path, "web.", root.take("web", dict, {}))
    bluetooth = _Table(path, "bluetooth.", root.take("bluetooth", dict, {}))
    lan = web.take("lan", bool, False)
    alerts = _Table(path, "alerts.", root.take("alerts", dict, {}))
    named = root.take("database", str, "")
    config = Config(
        database=path.parent / named if named else default_database(),
        web_host=web.take("host", str, EVERY_ADDRESS if lan else LOOPBACK),
        web_port=web.take("port", int, DEFAULT_PORT),
        lan=lan,
        public_url=web.take_address("public_url"),
        adapter=bluetooth.take("adapter", str, "") or None,
        alone=bluetooth.take("alone", bool, False),
        log_level=root.take("log_level", str, "info"),
        listen_only=root.take("listen_only", bool, False),
        forward_to=root.take("forward_to", str, "") or None,
        scanning=bluetooth.take("scanning", str, "active"),
        duplicates=bluetooth.take("duplicates", bool, False),
        restart_s=bluetooth.take("restart_s", int, 0) if bluetooth.has("restart_s") else None,
        dead_man_url=alerts.take_address("dead_man_url"),
        ping_url=alerts.take_address("ping_url"),
        dead_man_after_min=alerts.take("dead_man_after_min", int, DEAD_MAN_AFTER_MIN),
        monitor=_monitor(_Table(path, "monitor.", root.take("monitor", dict, {}))),
    )
    for table in (root, web, bluetooth, alerts):
        table.check_empty()
    if not 1 <= config.web_port <= 65535:
        raise web.error("port", f"is a number from 1 to 65535, not {config.web_port}")
    if config.public_url and urlsplit(config.public_url)[3:] != ("", ""):
        raise web.error("public_url", "is an address without ? and #: a path is put behind it")
    if config.log_level not in LOG_LEVELS:
        raise root.error("log_level", f"is one of {', '.join(LOG_LEVELS)}, not {config.log_level!r}")
    if config.scanning not in SCANNINGS:
        raise bluetooth.error("scanning", f"is one of {', '.join(SCANNINGS)}, not {config.scanning!r}")
    if config.duplicates and config.scanning == "passive":
        raise bluetooth.error("duplicates", 'is for scanning = "active" only: leave one of the two out')
    if config.restart_s is not None and not LEAST_RESTART_S <= config.restart_s <= MOST_RESTART_S:
        said = f"is a number of seconds from {LEAST_RESTART_S} to {MOST_RESTART_S}, not {config.restart_s}"
        raise bluetooth.error("restart_s", said)
    if not 2 <= config.dead_man_after_min <= 60:
        raise alerts.error("dead_man_after_min", f"is a number from 2 to 60, not {config.dead_man_after_min}")
    if not lan and not is_loopback(config.web_host):
        raise web.error("host", f"{config.web_host} is not this machine alone: that needs web.lan = true")
    return config


def _monitor(table: "_Table") -> MonitorConfig:
    taken: dict[int, str] = {}

    def pin(key: str, number: object) -> int:
        if type(number) is not int or not FIRST_PIN <= number <= LAST_PIN:
            raise table.error(key, f"is a GPIO number from {FIRST_PIN} to {LAST_PIN}, not {number!r}")
        if number in taken:
            raise table.error(key, f"is GPIO {number}, which {taken[number]} has too")
        taken[number] = key
        return number

    def one(key: str) -> int | None:
        return pin(key, table.take(key, int, 0)) if table.has(key) else None

    light: int | tuple[int, int, int] | None = None
    if table.holds("light", list):
        numbers = [pin("light", number) for number in table.take("light", list, [])]
        if len(numbers) != 3:
            raise table.error("light", f"is one GPIO number, or three: red, green, blue; not {len(numbers)}")
        light = (numbers[0], numbers[1], numbers[2])
    else:
        light = one("light")
    monitor = MonitorConfig(
        i2c=table.take("i2c", int, 1),
        parts=_parts(table),
        light=light,
        beeper=one("beeper"),
        vibration=one("vibration"),
        button=one("button"),
        wearer=table.take("wearer", str, "") or None,
        bluetooth=table.take("bluetooth", bool, False),
        advertise=table.take("advertise", bool, False),
    )
    table.check_empty()
    if monitor.i2c < 0:
        raise table.error("i2c", f"is the number of a bus, not {monitor.i2c}")
    return monitor


def _parts(table: "_Table") -> tuple[Entry, ...]:
    if not table.has("parts"):
        return DEFAULT_PARTS
    try:
        return checked(table.take("parts", list, []))
    except ValueError as error:
        raise table.error("parts", str(error)) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_KINDS = {str: "text in quotes", int: "a whole number", bool: "true or false", dict: "a table", list: "a list"}


class _Table:
    """One table of the file; what is taken out is checked, what is left over is unknown."""

    def __init__(self, path: Path, prefix: str, values: dict[str, Any]) -> None:
        self._path = path
        self._prefix = prefix
        self._values = dict(values)

    def take(self, key: str, kind: type[_T], default: _T) -> _T:
        value = self._values.pop(key, default)
        if type(value) is not kind:
            raise self.error(key, f"is {_KINDS[kind]}, not {value!r}")
        return value

    def take_address(self, key: str) -> str | None:
        """An http or https address, which may be secret, or None."""
        address = self.take(key, str, "")
        if not address:
            return None
        try:
            parts = urlsplit(address)
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in address
        except ValueError:
            is_one = False
        if not is_one:
            raise self.error(key, "is an address that begins with http:// or https://")
        return address

    def has(self, key: str) -> bool:
        return key in self._values

    def holds(self, key: str, kind: type) -> bool:
        return type(self._values.get(key)) is kind

    def check_empty(self) -> None:
        for key in self._values:
            raise self.error(key, "is not a key Vigil knows")

    def error(self, key: str, what: str) -> ConfigError:
        return ConfigError(f"{self._path}: {self._prefix}{key} {what}")
