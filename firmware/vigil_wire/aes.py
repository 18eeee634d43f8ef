"""AES-128, one block, encryption only: `cryptolib` on a board, `cryptography` on CPython.

Counter mode, the CBC-MAC inside CCM and the advert permutation need no decryption.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

try:
    from cryptolib import aes as _cryptolib_aes

    _ECB = 1

    def _block_encryptor(key: bytes) -> "Callable[[bytes | bytearray, bytearray], None]":
        return _cryptolib_aes(key, _ECB).encrypt

except ImportError:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    def _block_encryptor(key: bytes) -> "Callable[[bytes | bytearray, bytearray], None]":
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()

        def encrypt_into(block: "bytes | bytearray", out: bytearray) -> None:
            out[:] = encryptor.update(block)

        return encrypt_into


class Aes:
    """A block cipher under one 16-byte key: `encrypt_into(block, out)`, 16 bytes each, which may be the same."""

    def __init__(self, key: "bytes | bytearray") -> None:
        if len(key) != 16:
            raise ValueError("an AES-128 key has 16 bytes, this one has %d" % len(key))
        self.encrypt_into = _block_encryptor(bytes(key))
