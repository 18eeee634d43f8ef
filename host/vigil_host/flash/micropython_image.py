"""The MicroPython image that the user names: a file, or a URL together with its SHA-256.

Nothing is fetched whose SHA-256 is not named: MicroPython publishes none, so it is what somebody has looked at once.
"""

import hashlib
import re
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import platformdirs

from vigil_host.boards import esp_image, image, partition_table
from vigil_host.boards.description import FIRST_PARTITION, Board
from vigil_host.boards.problems import ImageError
from vigil_host.flash.problems import FlashError

_MOST_BYTES = 16 << 20
_TIMEOUT_S = 30.0


def get(source: str, sha256: str | None) -> bytes:
    """The content of a file or URL, its SHA-256 checked where one is named; raises FlashError."""
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise FlashError(f"a SHA-256 has 64 hex digits, not {sha256!r}")
    if not is_url(source):
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise FlashError(f"{source}: {error.strerror}") from None
    elif sha256 is None:
        raise FlashError("an image from the network is used only if its SHA-256 is named too: --sha256")
    else:
        content = _fetched(source, sha256.lower())
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise FlashError(f"{source} has SHA-256 {found}, not the one that was named: it is not used")
    return content


def is_url(source: str) -> bool:
    """Whether this is to be fetched."""
    return source.startswith(("https://", "http://"))


def check(content: bytes, board: Board) -> None:
    """Raise FlashError unless this is a whole MicroPython for the board."""
    try:
        image.check(board, content)
    except ImageError as error:
        raise FlashError(str(error)) from None


def with_partitions(content: bytes, board: Board) -> bytes:
    """An ESP32's image with the board's partition table in place of MicroPython's own; it must have been checked."""
    esp_image.check(content, board)
    start = partition_table.TABLE_OFFSET - board.chip.flash_offset
    end = FIRST_PARTITION - board.chip.flash_offset
    table = partition_table.encode(board.partitions).ljust(end - start, b"\xff")
    return content[:start] + table + content[end:]


def _fetched(url: str, sha256: str) -> bytes:
    """What is at the URL, kept for the next time under its SHA-256 if that is right."""
    kept = Path(platformdirs.user_cache_dir("vigil"), "micropython", sha256)
    try:
        if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == sha256:
            return kept.read_bytes()
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            content: bytes = response.read(_MOST_BYTES + 1)
    except (OSError, urllib.error.URLError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise FlashError(f"{url} cannot be fetched ({reason}): fetch it with a browser and name the file") from None
    if len(content) > _MOST_BYTES:
        raise FlashError(f"{url} is longer than {_MOST_BYTES >> 20} MiB, and so no MicroPython image")
    if hashlib.sha256(content).hexdigest() == sha256:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(kept)
    return content
