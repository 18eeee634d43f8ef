"""The part of MicroPython's `cryptolib` that counter mode and CCM need: AES-ECB encryption, by Node's OpenSSL."""

from binascii import hexlify, unhexlify

import _host

_MODE_ECB = 1


class aes:
    """A cipher under `key` (16 or 32 bytes); ValueError for another length or mode, as on a board."""

    def __init__(self, key, mode):
        if len(key) not in (16, 32):
            raise ValueError("key")
        if mode != _MODE_ECB:
            raise ValueError("mode")
        self._key = hexlify(key).decode()

    def encrypt(self, in_buf, out_buf=None):
        """Encrypt whole blocks into `out_buf` (may be `in_buf`), or into new bytes when there is none."""
        if len(in_buf) % 16:
            raise ValueError("blksize % 16")
        done = unhexlify(_host.aesEcb(self._key, hexlify(in_buf).decode()))
        if out_buf is None:
            return done
        if len(out_buf) < len(done):
            raise ValueError("output too small")
        memoryview(out_buf)[: len(done)] = done
        return out_buf
