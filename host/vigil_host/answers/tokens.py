"""What a person answers a message with: a token that stands for that one message, and so for one alarm and one person.

    token = base64url(kind u8 | number u48 | decided_utc_s u32 | HMAC-SHA-256 of those 11 bytes, its first 16)

Integers are big-endian. `number` is the message's id, or of a drill any number; a database that was set back may give
an id again, but not in the same second. The key is in a file of its own in the data folder, made at first use. Who has
a token can answer that message, and do nothing else with it.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import struct
from pathlib import Path
from typing import NamedTuple

from vigil_host import private_file

KEY_FILE = "answer-key"
GOOD_FOR_S = 24 * 3600
MESSAGE = 1
DRILL = 2
LENGTH = 36

_CONTENT = struct.Struct(">BHII")
_MAC_BYTES = 16
_KEY_BYTES = 32
_TEXT = re.compile(rf"[A-Za-z0-9_-]{{{LENGTH}}}")


class TokensError(Exception):
    """The key of the answers cannot be used; the message is one line that names the file."""


class Token(NamedTuple):
    """What a token says. `kind` is MESSAGE or DRILL."""

    kind: int
    number: int
    decided_utc_s: int

    def is_expired(self, utc_s: float) -> bool:
        """Whether its message is of another day."""
        return abs(utc_s - self.decided_utc_s) > GOOD_FOR_S


class Tokens:
    """Makes tokens and reads them; safe to use from any thread."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def at(cls, path: Path) -> "Tokens":
        """Use the key in the file at `path`; a missing file is made with a new key, for this user only.

        Raises TokensError; a file that holds no key is left as it is.
        """
        try:
            if not path.exists():
                private_file.make(path, secrets.token_hex(_KEY_BYTES).encode())
            path.chmod(0o600)
            key = bytes.fromhex(path.read_text(encoding="ascii"))
        except OSError as error:
            raise TokensError(f"the key of the answers {path} cannot be read: {error.strerror}") from error
        except ValueError:
            key = b""
        if len(key) != _KEY_BYTES:
            raise TokensError(f"{path} holds no key of answers: move it away to have a new one made")
        return cls(key)

    def make(self, token: Token) -> str:
        """Return a token as it is sent."""
        content = _CONTENT.pack(token.kind, token.number >> 32, token.number & 0xFFFFFFFF, token.decided_utc_s)
        return base64.urlsafe_b64encode(content + self._mac(b"answer", content)).decode()

    def read(self, text: str) -> Token | None:
        """Return what a token says, None for what this key has not made."""
        if not _TEXT.fullmatch(text):
            return None
        try:
            data = base64.urlsafe_b64decode(text)
        except binascii.Error:
            return None
        content, mac = data[: _CONTENT.size], data[_CONTENT.size :]
        if not hmac.compare_digest(mac, self._mac(b"answer", content)):
            return None
        kind, high, low, decided_utc_s = _CONTENT.unpack(content)
        return Token(kind, high << 32 | low, decided_utc_s)

    def name(self, purpose: str) -> str:
        """Return a name that nobody can guess without the key: 20 letters and digits, always the same."""
        return self._mac(b"name", purpose.encode()).hex()[:20]

    def _mac(self, purpose: bytes, content: bytes) -> bytes:
        return hmac.new(self._key, b"vigil " + purpose + b" 1" + content, hashlib.sha256).digest()[:_MAC_BYTES]


def drill(utc_s: int) -> Token:
    """Return a token that answers a drill."""
    return Token(DRILL, secrets.randbits(48), utc_s)
