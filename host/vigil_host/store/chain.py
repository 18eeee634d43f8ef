"""The hash chain that makes a later change of the record visible, and the signatures on it.

Rows are chained in the order of their commits, which is that of their ids:

    digest = SHA-256(id u64 | journal u32 | sequence u32 | received_utc_ms s64 | length of device u16 | device | data)
    hash   = SHA-256(hash of the row before | digest)        the first row follows 32 zero bytes

Two steps, so that an export can withhold a row of somebody else and give its digest only. A checkpoint is an Ed25519
signature of "vigil checkpoint 1" | id of the newest row u64 | utc_ms s64 | that row's hash. Integers are little-endian.

Whoever has the signing key can write another history: what the chain proves is that nobody else did.
"""

import struct
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from vigil_host import private_file

GENESIS = bytes(32)
SIGN_ROWS = 1000
SIGN_PERIOD_S = 3600.0
"""A checkpoint is signed after so many rows, or with the first commit after so long, and when the store closes."""
_ROW = struct.Struct("<QIIqH")
_CHECKPOINT = struct.Struct("<18sQq32s")
_PURPOSE = b"vigil checkpoint 1"


class SigningError(Exception):
    """The signing key cannot be used; the message is one line that names the file."""


class Head(NamedTuple):
    """The newest row and its hash; row 0 is before the first."""

    row_id: int
    hash: bytes


EMPTY = Head(0, GENESIS)


def digest(row_id: int, device: str, journal: int, sequence: int, received_utc_ms: int, data: bytes) -> bytes:
    """Digest of one row."""
    name = device.encode()
    return sha256(_ROW.pack(row_id, journal, sequence, received_utc_ms, len(name)) + name + data).digest()


def follow(previous: bytes, digest_of_row: bytes) -> bytes:
    """Hash of the row with this digest, after the row with hash `previous`."""
    return sha256(previous + digest_of_row).digest()


class Signer:
    """Signs checkpoints. `public_key` has 32 bytes."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes_raw()

    @classmethod
    def at(cls, path: Path) -> "Signer":
        """Read the key in the file at `path`; a missing file is made with a new key, for this user only.

        Raises SigningError; a file that holds no key is left as it is.
        """
        try:
            if not path.exists():
                new = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                private_file.make(path, new)
            key = load_pem_private_key(path.read_bytes(), None)
        except OSError as error:
            raise SigningError(f"the signing key {path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningError(f"{path} holds no Ed25519 signing key: move it away to have a new one made")
        return cls(key)

    def sign(self, head: Head, utc_ms: int) -> bytes:
        """Signature of a checkpoint, 64 bytes."""
        return self._key.sign(_CHECKPOINT.pack(_PURPOSE, head.row_id, utc_ms, head.hash))


def is_signed(public_key: bytes, signature: bytes, head: Head, utc_ms: int) -> bool:
    """Whether the signature is that of this checkpoint, by this key."""
    try:
        message = _CHECKPOINT.pack(_PURPOSE, head.row_id, utc_ms, head.hash)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
