"""The secrets of paired phones and gateways, as MicroPython's Bluetooth stack asks for them and hands them over.

The stack is obeyed at once, in memory: NimBLE first deletes a bond when its peer pairs anew, whoever that is, and asks
for ever where it is refused. But what it sets and deletes is kept only by `keep`, when the peer has proved to be
authenticated while pairing was open, and else undone by `undo`: so no stranger replaces a bond.

Packed: type (u8), length of the key (u8), length of the secret (u16), key, secret; the oldest first.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    Secret = tuple[int, bytes, bytes]

_HEADER = "<BBH"
_HEADER_LENGTH = 4
_OF_A_PEER = (1, 2)  # the peer's and our half of a bond; other secrets are the stack's own


class Bonds:
    """Secrets by type and key. `must_save` says that `packed` has to be put on flash."""

    def __init__(self, packed: bytes, most_bytes: int) -> None:
        self._kept = _unpack(packed)  # a list, the oldest first: MicroPython's dictionaries have no order
        self._most_bytes = most_bytes
        self._pending: dict[tuple[int, bytes], bytes | None] = {}
        self.must_save = False

    @property
    def is_changed(self) -> bool:
        """Whether something was set or deleted that is neither kept nor undone."""
        return bool(self._pending)

    def get(self, kind: int, index: int, key: "bytes | None") -> "bytes | None":
        """The secret under a key, or without a key the `index`th of its type; None where there is none."""
        for secret in self._merged():
            if secret[0] == kind and (key is None or secret[1] == key):
                if key is not None or index == 0:
                    return secret[2]
                index -= 1
        return None

    def set(self, kind: int, key: bytes, secret: "bytes | None") -> bool:
        """Take a secret, or None to delete it; whether it was taken, or was there to be deleted."""
        if kind not in _OF_A_PEER:
            if secret is None:
                return False
            self._kept = [each for each in self._kept if each[:2] != (kind, key)]
            self._kept.insert(0, (kind, key, secret))
            self.must_save = True
            return True
        if secret is None and self.get(kind, 0, key) is None:
            return False
        self._pending[kind, key] = secret
        return True

    def keep(self) -> bool:
        """Keep what is pending, and forget the oldest bonds where there is no room; whether any was forgotten."""
        self._kept = self._merged()
        self._pending.clear()
        self.must_save = True
        is_forgotten = False
        while len(self.packed()) > self._most_bytes:
            peers = [key for kind, key, _ in self._kept if kind in _OF_A_PEER]
            self._kept = [each for each in self._kept if each[0] not in _OF_A_PEER or each[1] != peers[0]]
            is_forgotten = True
        return is_forgotten

    def undo(self) -> None:
        """Forget what is pending."""
        self._pending.clear()

    def packed(self) -> bytes:
        """What is kept, as bytes."""
        packed = b""
        for kind, key, secret in self._kept:
            packed += struct.pack(_HEADER, kind, len(key), len(secret)) + key + secret
        return packed

    def _merged(self) -> "list[Secret]":
        merged = [each for each in self._kept if each[:2] not in self._pending]
        for (kind, key), secret in self._pending.items():
            if secret is not None:
                merged.append((kind, key, secret))
        return merged


def _unpack(packed: bytes) -> "list[Secret]":
    kept = []
    position = 0
    while position < len(packed):
        kind, key_length, length = struct.unpack_from(_HEADER, packed, position)
        position += _HEADER_LENGTH
        key = packed[position : position + key_length]
        position += key_length
        kept.append((kind, key, packed[position : position + length]))
        position += length
    return kept
