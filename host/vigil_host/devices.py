"""The known devices and their keys: one small TOML file in the data directory that only its owner can read.

A key is a secret: whoever has it can read and imitate the device. It is never logged and never leaves this file.
"""

import contextlib
import json
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vigil_host import private_file
from vigil_host.curve_file import as_toml, points_of
from vigil_wire import keys

if TYPE_CHECKING:
    from vigil_wire.settings import Points

DEFAULT_WEARER = "Wearer"
MAX_NAME_LENGTH = 64


class DevicesError(Exception):
    """A device cannot be added, found or read; the message is one line that says why."""


@dataclass(frozen=True)
class KnownDevice:
    """A device this bridge may listen to: eight hex digits that name it, its names, its 16-byte key.

    `spo2_curve`: the curve it is to have, () for the default one; None: whichever it has.
    """

    id: str
    name: str
    wearer: str
    key: bytes = field(repr=False)
    spo2_curve: "Points | None" = None


class Devices:
    """The devices file. What is changed here is on disk when the method returns."""

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, which need not exist yet; raises DevicesError where it cannot be understood."""
        self.path = path
        self._devices: dict[str, KnownDevice] = {}
        self._seen: tuple[int, int] | None = None
        self.reload()

    def list(self) -> list[KnownDevice]:
        """Return all known devices in the order they were added."""
        return [*self._devices.values()]

    def get(self, device: str) -> KnownDevice:
        """Return the device with this id or name; raises DevicesError where there is none, or more than one."""
        found = [known for known in self._devices.values() if device in (known.id, known.name)]
        if not found:
            raise DevicesError(f"no device is called {device!r}: `vigil devices` lists them")
        if len(found) > 1:
            raise DevicesError(f"{len(found)} devices are called {device!r}: give the id instead of the name")
        return found[0]

    def add(self, code: str, wearer: str = DEFAULT_WEARER, name: str | None = None) -> KnownDevice:
        """Add the device whose setup code this is; raises DevicesError for a mistyped code or one known already."""
        try:
            key = keys.key_from_setup_code(code)
        except ValueError as error:
            raise DevicesError(str(error)) from None
        device_id = keys.device_id(key)
        if device_id in self._devices:
            raise DevicesError(f"this device is known already, as {self._devices[device_id].name!r}")
        device = KnownDevice(
            device_id,
            _checked("name", name or f"Vigil {device_id[:4]}"),
            _checked("wearer", wearer),
            key,
        )
        self._write({**self._devices, device_id: device})
        return device

    def rename(self, device: str, name: str) -> KnownDevice:
        """Give the device with this id or name another name."""
        renamed = replace(self.get(device), name=_checked("name", name))
        self._write({**self._devices, renamed.id: renamed})
        return renamed

    def calibrate(self, device: str, spo2_curve: "Points") -> KnownDevice:
        """Have the device with this id or name use this curve, () for the default one; it must pass `check_curve`."""
        calibrated = replace(self.get(device), spo2_curve=spo2_curve)
        self._write({**self._devices, calibrated.id: calibrated})
        return calibrated

    def remove(self, device: str) -> KnownDevice:
        """Forget the device with this id or name, its key too; what it has recorded stays in the store."""
        removed = self.get(device)
        self._write({known.id: known for known in self._devices.values() if known != removed})
        return removed

    def reload(self) -> bool:
        """Read the file again if it has changed; says whether it had. On DevicesError what was known stays."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            seen = None
        else:
            seen = (stat.st_mtime_ns, stat.st_ino)
        if seen == self._seen:
            return False
        self._seen = seen  # first: a file that cannot be understood is complained of once
        self._devices = {} if seen is None else self._read()
        return True

    def _read(self) -> dict[str, KnownDevice]:
        with contextlib.suppress(OSError):
            self.path.chmod(0o600)
        try:
            tables = tomllib.loads(self.path.read_text(encoding="utf-8")).get("device", [])
            found = [
                KnownDevice(
                    keys.device_id(bytes.fromhex(table["key"])),
                    _checked("name", table["name"]),
                    _checked("wearer", table["wearer"]),
                    bytes.fromhex(table["key"]),
                    points_of(table["spo2_curve"]) if "spo2_curve" in table else None,
                )
                for table in tables
            ]
        except KeyError as error:
            raise DevicesError(f"{self.path}: a device has no {error.args[0]!r}") from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise DevicesError(f"{self.path} cannot be read: {error}") from None
        return {device.id: device for device in found}

    def _write(self, devices: dict[str, KnownDevice]) -> None:
        """Replace the file in one step: it is the old one or the new one, whatever happens."""
        lines = ["# Vigil's devices and their keys. Keep this file secret.\n"]
        for device in devices.values():
            lines.append(
                f"\n[[device]]\nid = {_quoted(device.id)}\nname = {_quoted(device.name)}\n"
                f"wearer = {_quoted(device.wearer)}\nkey = {_quoted(device.key.hex())}\n"
            )
            if device.spo2_curve is not None:
                lines.append(as_toml(device.spo2_curve))
        try:
            private_file.replace(self.path, "".join(lines))
            stat = self.path.stat()
        except OSError as error:
            raise DevicesError(f"{self.path} cannot be written: {error.strerror}") from error
        self._devices = devices
        self._seen = (stat.st_mtime_ns, stat.st_ino)


def _checked(what: str, name: object) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > MAX_NAME_LENGTH:
        raise DevicesError(f"a {what} has 1 to {MAX_NAME_LENGTH} printable characters, not {name!r}")
    return name


def _quoted(value: str) -> str:
    """A printable string as TOML writes it, which is as JSON does."""
    return json.dumps(value, ensure_ascii=False)
