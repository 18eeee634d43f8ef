"""The number to call in an emergency, as it was set at this bridge: `vigil alarms number 112`."""

import re
from pathlib import Path

from vigil_host.config import ConfigError, emergency_number_file
from vigil_host.private_file import replace

_NUMBER = re.compile(r"\+?[0-9](?:[0-9 ]{0,16}[0-9])?")


def read(folder: Path | None = None) -> str | None:
    """Return the number; None while none was set. `folder`: where the bridge's files are. Raises ConfigError."""
    path = emergency_number_file(folder)
    try:
        number = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the emergency number cannot be read: {error}") from None
    if not _NUMBER.fullmatch(number):
        raise ConfigError(f"{path}: {number!r} is no number to call: set it with `vigil alarms number 112`")
    return number


def write(number: str) -> None:
    """Keep the number. Raises ConfigError."""
    if not _NUMBER.fullmatch(number):
        raise ConfigError(f"{number!r} is no number to call: digits, with spaces between and a + before if need be")
    path = emergency_number_file()
    try:
        replace(path, number + "\n")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
