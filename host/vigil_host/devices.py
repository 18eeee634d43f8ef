"""The known devices and their keys: one small TOML file in the data directory that only its owner can read.

A key is a secret: whoever has it can read and imitate the device. It is never logged and never leaves this file, unless
its owner has the keys kept in the system's keyring. Then the file has a line `keyring`, which names the place there,
and in place of each key the eight hex digits that follow from it (`keys.device_id`). A key is in the keyring before the
file speaks of it, and leaves it after the file no longer does.

A device is called by the id it was added with, for good, although another follows from each new key. `rotate` puts the
next key beside the one in use, and `settle` forgets the old one when the device has shown that it has the next: at
every instant the file has the key that the device has.

`ask_pairing` leaves a wish for the running bridge, which takes it out when it has had the device open pairing. It
lapses after seconds: no device must let anybody pair at an hour when its owner no longer thinks of it.
"""

import contextlib
import datetime
import json
import re
import secrets
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigil_host import private_file, system_keyring
from vigil_host.curve_file import as_toml, points_of
from vigil_host.system_keyring import SystemKeyringError
from vigil_wire import keys
from vigil_wire.settings import AUTHOR_MOST_BYTES, Settings, unpack_fields

if TYPE_CHECKING:
    from vigil_wire.settings import Points

DEFAULT_WEARER = "Wearer"
MAX_NAME_LENGTH = 64
PAIRING_WISH_S = 30
"""Time for the bridge to be connected and to pass the wish on: a Pico W's turn comes every twenty seconds."""


class DevicesError(Exception):
    """A device cannot be added, found or read; the message is one line that says why."""


@dataclass(frozen=True)
class KnownDevice:
    """A device this bridge may listen to: eight hex digits that name it, its names, its 16-byte key.

    `spo2_curve`: the curve it is to have, () for the default one; None: whichever it has. `settings`: the others it is
    to have, as `Settings.pack_fields` has them, by the wish of `settings_by`; None: whichever it has. `key_since`: the
    day the key was drawn here or came here, None where that was not noted. `next_key`: the key it is to have; it may
    have it now. `pair_before`: it is to open pairing, unless it is later than this. `listen_only`: another computer
    keeps its record, and nothing here connects with it.
    """

    id: str
    name: str
    wearer: str
    key: bytes = field(repr=False)
    spo2_curve: "Points | None" = None
    key_since: datetime.date | None = None
    next_key: bytes | None = field(default=None, repr=False)
    next_key_since: datetime.date | None = None
    settings: bytes | None = None
    settings_by: str = ""
    pair_before: datetime.datetime | None = None
    listen_only: bool = False

    @property
    def possible_keys(self) -> tuple[bytes, ...]:
        """The keys of which the device has one, the next one last."""
        return (self.key,) if self.next_key is None else (self.key, self.next_key)


class Devices:
    """The devices file. What is changed here is on disk when the method returns."""

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, which need not exist yet; raises DevicesError where it cannot be understood."""
        self.path = path
        self._devices: dict[str, KnownDevice] = {}
        self._keyring: str | None = None  # the place in the system's keyring that has the keys; None: the file has them
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

    def add(
        self, code: str, wearer: str = DEFAULT_WEARER, name: str | None = None, listen_only: bool = False
    ) -> KnownDevice:
        """Add the device whose setup code this is; raises DevicesError for a mistyped code or one known already."""
        try:
            key = keys.key_from_setup_code(code)
        except ValueError as error:
            raise DevicesError(str(error)) from None
        device_id = keys.device_id(key)
        device = KnownDevice(
            device_id,
            _checked("name", name or f"Vigil {device_id[:4]}"),
            _checked("wearer", wearer),
            key,
            key_since=datetime.date.today(),
            listen_only=listen_only,
        )
        with self._changing():
            for known in self._devices.values():
                if known.id == device_id or key in known.possible_keys:
                    raise DevicesError(f"this device is known already, as {known.name!r}")
            self._write({**self._devices, device_id: device})
        return device

    def new(self, name: str, wearer: str = DEFAULT_WEARER) -> KnownDevice:
        """Draw a key for a device that is to be made, and add it."""
        return self.add(keys.setup_code(secrets.token_bytes(keys.KEY_LENGTH)), wearer, name)

    def rotate(self, device: str) -> KnownDevice:
        """Draw the next key of the device with this id or name; refused until it has the one that was drawn before."""
        with self._changing():
            known = self._kept(device)
            if known.next_key is not None:
                raise DevicesError(
                    f"{known.name} ({known.id}) has a new key waiting since {known.next_key_since}, and may have taken "
                    "it unheard: let the bridge meet it first"
                )
            next_key = secrets.token_bytes(keys.KEY_LENGTH)
            rotated = replace(known, next_key=next_key, next_key_since=datetime.date.today())
            self._write({**self._devices, known.id: rotated})
        return rotated

    def settle(self, device_id: str, key: bytes) -> None:
        """Forget the old key of a device that has shown that it has `key`, if that is its next one."""
        with self._changing():
            known = self._devices.get(device_id)
            if known is not None and key == known.next_key:
                settled = replace(known, key=key, key_since=known.next_key_since, next_key=None, next_key_since=None)
                self._write({**self._devices, device_id: settled})

    def ask_pairing(self, device: str, now_utc_ms: int) -> KnownDevice:
        """Have the bridge tell the device with this id or name to open pairing, within PAIRING_WISH_S."""
        with self._changing():
            until = datetime.datetime.fromtimestamp(now_utc_ms // 1000 + PAIRING_WISH_S, datetime.UTC)
            asked = replace(self._kept(device), pair_before=until)
            self._write({**self._devices, asked.id: asked})
        return asked

    def forget_pairing(self, device_id: str) -> bool:
        """Take back the wish that a device open pairing, which came true or will not; says whether there was one."""
        with self._changing():
            known = self._devices.get(device_id)
            if known is None or known.pair_before is None:
                return False
            self._write({**self._devices, device_id: replace(known, pair_before=None)})
        return True

    def rename(self, device: str, name: str) -> KnownDevice:
        """Give the device with this id or name another name."""
        with self._changing():
            renamed = replace(self.get(device), name=_checked("name", name))
            self._write({**self._devices, renamed.id: renamed})
        return renamed

    def calibrate(self, device: str, spo2_curve: "Points") -> KnownDevice:
        """Have the device with this id or name use this curve, () for the default one; it must pass `check_curve`."""
        with self._changing():
            calibrated = replace(self._kept(device), spo2_curve=spo2_curve)
            self._write({**self._devices, calibrated.id: calibrated})
        return calibrated

    def want_settings(self, device: str, wanted: Settings, by: str) -> KnownDevice:
        """Have the device with this id or name use these settings, all but the curve, by the wish of `by`.

        Raises DevicesError where that name has no room in the device's record.
        """
        if not by.strip() or not by.isprintable() or len(by.encode()) > AUTHOR_MOST_BYTES:
            raise DevicesError(f"who changes settings is named in 1 to {AUTHOR_MOST_BYTES} bytes, not {by!r}")
        with self._changing():
            changed = replace(self._kept(device), settings=bytes(wanted.pack_fields()), settings_by=by)
            self._write({**self._devices, changed.id: changed})
        return changed

    def remove(self, device: str) -> KnownDevice:
        """Forget the device with this id or name, its key too; what it has recorded stays in the store."""
        with self._changing():
            removed = self.get(device)
            self._write({known.id: known for known in self._devices.values() if known != removed})
        return removed

    def keep_keys(self, in_keyring: bool) -> None:
        """Keep all keys in the system's keyring, or in the file; nothing changes where they are there already."""
        with self._changing():
            if in_keyring is not (self._keyring is not None):
                if in_keyring:
                    self._try_keyring()
                self._replace(self._devices, f"vigil {secrets.token_hex(4)}" if in_keyring else None)

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
        self._devices, self._keyring = ({}, None) if seen is None else self._read()
        return True

    def _kept(self, device: str) -> KnownDevice:
        """The device with this id or name; DevicesError where nothing that is asked of it here would reach it."""
        known = self.get(device)
        if known.listen_only:
            raise DevicesError(f"{known.name} ({known.id}) is only listened to here: do this where its record is kept")
        return known

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Begin from what the file has now: another program may have changed it. What fails is a DevicesError."""
        try:
            with private_file.alone(self.path):
                self._seen = (0, 0)  # no file's
                self.reload()
                yield
        except OSError as error:
            raise DevicesError(f"{self.path} cannot be changed: {error.strerror}") from error

    def _read(self) -> tuple[dict[str, KnownDevice], str | None]:
        """The devices in the file, and the place of their keys in the system's keyring, if they are there."""
        with contextlib.suppress(OSError):
            self.path.chmod(0o600)
        try:
            document = tomllib.loads(self.path.read_text(encoding="utf-8"))
            place = document.get("keyring")
            if not isinstance(place, str | None):
                raise ValueError("keyring is the name of a place there, in quotes")
            found = [self._device(table, place) for table in document.get("device", [])]
        except KeyError as error:
            raise DevicesError(f"{self.path}: a device has no {error.args[0]!r}") from None
        except (OSError, ValueError, TypeError, AttributeError, SystemKeyringError) as error:
            raise DevicesError(f"{self.path} cannot be read: {error}") from None
        devices = {device.id: device for device in found}
        if len(devices) < len(found):
            raise DevicesError(f"{self.path}: two devices have the same id")
        return devices, place

    def _device(self, table: dict[str, Any], place: str | None) -> KnownDevice:
        return KnownDevice(
            _checked_id(table["id"]),
            _checked("name", table["name"]),
            _checked("wearer", table["wearer"]),
            self._key(table["key"], place),
            points_of(table["spo2_curve"]) if "spo2_curve" in table else None,
            _checked_day(table.get("key_since")),
            self._key(table["next_key"], place) if "next_key" in table else None,
            _checked_day(table.get("next_key_since")),
            bytes(Settings(**table["settings"]).pack_fields()) if "settings" in table else None,
            table.get("settings_by", ""),
            _checked_instant(table.get("pair_before")),
            _checked_flag(table.get("listen_only", False)),
        )

    def _key(self, written: str, place: str | None) -> bytes:
        """The key for which this stands in the file."""
        if place is None:
            key = bytes.fromhex(written)
        else:
            held = {keys.device_id(key): key for key in self._keys_of(self._devices)}
            key = held.get(written) or bytes.fromhex(system_keyring.get(place, written))
            if keys.device_id(key) != written:
                raise ValueError(f"the system's keyring has another key under {written}")
        if len(key) != keys.KEY_LENGTH:
            raise ValueError(f"a key has {keys.KEY_LENGTH} bytes, not {len(key)}")
        return key

    def _write(self, devices: dict[str, KnownDevice]) -> None:
        self._replace(devices, self._keyring)

    def _replace(self, devices: dict[str, KnownDevice], place: str | None) -> None:
        """Replace the file in one step: it is the old one or the new one, whatever happens.

        `place`: where in the system's keyring the keys are from now on; None: in the file.
        """
        before, place_before = self._keys_of(self._devices), self._keyring
        now = self._keys_of(devices)
        lines = ["# Vigil's devices and their keys. Keep this file secret.\n"]
        if place is not None:
            lines.append(f"keyring = {_quoted(place)}\n")
        for device in devices.values():
            lines.append(_as_toml(device, is_key_elsewhere=place is not None))
        try:
            if place is not None:
                for key in now if place != place_before else now - before:
                    system_keyring.put(place, keys.device_id(key), key.hex())
            private_file.replace(self.path, "".join(lines))
            stat = self.path.stat()
        except OSError as error:
            raise DevicesError(f"{self.path} cannot be written: {error.strerror}") from error
        except SystemKeyringError as error:
            raise DevicesError(f"nothing was changed: {error}") from error
        self._devices, self._keyring = devices, place
        self._seen = (stat.st_mtime_ns, stat.st_ino)
        if place_before is None:
            return
        try:
            for key in before if place != place_before else before - now:
                system_keyring.remove(place_before, keys.device_id(key))
        except SystemKeyringError as error:
            raise DevicesError(f"done, but a key that is no longer used is still in the keyring: {error}") from error

    @staticmethod
    def _try_keyring() -> None:
        """Raise DevicesError unless the system has a keyring that keeps something, also where there is no key yet."""
        try:
            system_keyring.put("vigil", "test", "test")
            system_keyring.remove("vigil", "test")
        except SystemKeyringError as error:
            raise DevicesError(f"nothing was changed: {error}") from error

    @staticmethod
    def _keys_of(devices: dict[str, KnownDevice]) -> set[bytes]:
        return {key for device in devices.values() for key in device.possible_keys}


def _as_toml(device: KnownDevice, is_key_elsewhere: bool) -> str:
    """One device's table in the file."""

    def key_line(name: str, key: bytes, since: datetime.date | None) -> str:
        day = "" if since is None else f"{name}_since = {since.isoformat()}\n"
        return f"{name} = {_quoted(keys.device_id(key) if is_key_elsewhere else key.hex())}\n{day}"

    lines = [f"\n[[device]]\nid = {_quoted(device.id)}\nname = {_quoted(device.name)}\n"]
    lines.append(f"wearer = {_quoted(device.wearer)}\n")
    lines.append(key_line("key", device.key, device.key_since))
    if device.next_key is not None:
        lines.append(key_line("next_key", device.next_key, device.next_key_since))
    if device.pair_before is not None:
        lines.append(f"pair_before = {device.pair_before.isoformat()}\n")
    if device.listen_only:
        lines.append("listen_only = true\n")
    if device.spo2_curve is not None:
        lines.append(as_toml(device.spo2_curve))
    if device.settings is not None:
        values = ", ".join(f"{name} = {value}" for name, value in unpack_fields(device.settings).values().items())
        lines.append(f"settings_by = {_quoted(device.settings_by)}\nsettings = {{ {values} }}\n")
    return "".join(lines)


def _checked_id(device_id: object) -> str:
    if not isinstance(device_id, str) or not re.fullmatch("[0-9a-f]{8}", device_id):
        raise ValueError(f"a device's id has eight hex digits, not {device_id!r}")
    return device_id


def _checked_day(day: object) -> datetime.date | None:
    if day is not None and type(day) is not datetime.date:
        raise ValueError(f"the day of a key is like 2026-01-31, not {day!r}")
    return day


def _checked_instant(instant: object) -> datetime.datetime | None:
    if instant is not None and not (isinstance(instant, datetime.datetime) and instant.tzinfo):
        raise ValueError(f"an instant is like 2026-01-31T12:00:00Z, not {instant!r}")
    return instant


def _checked_flag(flag: object) -> bool:
    if type(flag) is not bool:
        raise ValueError(f"listen_only is true or false, not {flag!r}")
    return flag


def _checked(what: str, name: object) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > MAX_NAME_LENGTH:
        raise DevicesError(f"a {what} has 1 to {MAX_NAME_LENGTH} printable characters, not {name!r}")
    return name


def _quoted(value: str) -> str:
    """A printable string as TOML writes it, which is as JSON does."""
    return json.dumps(value, ensure_ascii=False)
