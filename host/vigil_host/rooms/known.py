"""The rooms that may join this bridge, and the join code by which a room bridge does: two small files, both secret.

A join code carries 16 random bytes, in the letters and with the check of a device's setup code. Whoever has it can
forward, delay or withhold what that room hears, and read none of it.
"""

import json
import secrets
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vigil_host import private_file
from vigil_wire import keys

MAX_NAME_LENGTH = 32


class RoomsError(Exception):
    """A room cannot be added, found, read or joined; the message is one line that says why."""


@dataclass(frozen=True)
class KnownRoom:
    """A room whose bridge may join: eight hex digits, its name, its 16-byte key."""

    id: str
    name: str
    key: bytes = field(repr=False)

    @property
    def join_code(self) -> str:
        """What is typed at the room bridge, once."""
        return keys.setup_code(self.key)


class KnownRooms:
    """The rooms file of the primary bridge. Each call reads it; what is changed is on disk on return."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def list(self) -> list[KnownRoom]:
        """Return all rooms in the order they were added; raises RoomsError where the file cannot be understood."""
        try:
            self.path.chmod(0o600)
            tables = tomllib.loads(self.path.read_text(encoding="utf-8")).get("room", [])
            found = [(bytes.fromhex(table["key"]), table["name"]) for table in tables]
            return [KnownRoom(keys.device_id(key), _checked(name), key) for key, name in found]
        except FileNotFoundError:
            return []
        except KeyError as error:
            raise RoomsError(f"{self.path}: a room has no {error.args[0]!r}") from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise RoomsError(f"{self.path} cannot be read: {error}") from None

    def add(self, name: str) -> KnownRoom:
        """Make a room with a new join code."""
        known = self.list()
        if any(room.name == name for room in known):
            raise RoomsError(f"there is a room called {name!r} already: remove it first, and its join code with it")
        key = secrets.token_bytes(keys.KEY_LENGTH)
        room = KnownRoom(keys.device_id(key), _checked(name), key)
        self._write([*known, room])
        return room

    def remove(self, room: str) -> KnownRoom:
        """Forget the room with this id or name, and its join code."""
        known = self.list()
        found = next((each for each in known if room in (each.id, each.name)), None)
        if found is None:
            raise RoomsError(f"no room is called {room!r}: `vigil rooms` lists them")
        self._write([each for each in known if each != found])
        return found

    def _write(self, rooms: Iterable[KnownRoom]) -> None:
        lines = ["# The rooms that may join this bridge, and their keys. Keep this file secret.\n"]
        for room in rooms:
            name = json.dumps(room.name, ensure_ascii=False)
            lines.append(f'\n[[room]]\nid = "{room.id}"\nname = {name}\nkey = "{room.key.hex()}"\n')
        _write_secret(self.path, "".join(lines))


def read_join_code(path: Path) -> bytes | None:
    """Return the key in this room bridge's file, None where there is none yet; raises RoomsError."""
    try:
        path.chmod(0o600)
        return key_of(path.read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RoomsError(f"{path} cannot be read: {error}") from None


def keep_join_code(path: Path, join_code: str) -> bytes:
    """Keep this join code and return the key in it; raises RoomsError."""
    key = key_of(join_code)
    _write_secret(path, keys.setup_code(key) + "\n")
    return key


def key_of(join_code: str) -> bytes:
    """Return the key in a join code; raises RoomsError for a mistyped one."""
    try:
        return keys.key_from_setup_code(join_code)
    except ValueError:
        raise RoomsError("that is no join code: it is mistyped, or not what `vigil rooms add` printed") from None


def _checked(name: object) -> str:
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > MAX_NAME_LENGTH:
        raise RoomsError(f"a room's name has 1 to {MAX_NAME_LENGTH} printable characters, not {name!r}")
    return name


def _write_secret(path: Path, text: str) -> None:
    """Replace the file in one step, for its owner only."""
    try:
        private_file.replace(path, text)
    except OSError as error:
        raise RoomsError(f"{path} cannot be written: {error.strerror}") from error
