"""AES-CCM (RFC 3610, NIST SP 800-38C) in place, in constant memory, for 13-byte nonces (L = 2)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_wire.aes import Aes


class Ccm:
    """Seals and opens messages under one key. MIC of 4, 8 or 16 bytes; associated data of at most 14 bytes.

    All work is done in three 16-byte blocks made once: sealing and opening allocate nothing.
    """

    def __init__(self, aes: "Aes", mic_length: int) -> None:
        self._encrypt_into = aes.encrypt_into
        self.mic_length = mic_length
        self._mac = bytearray(16)
        self._counter = bytearray(16)
        self._stream = bytearray(16)

    def seal(self, nonce: bytearray, associated: bytes, buf: bytearray, start: int, length: int) -> None:
        """Encrypt `buf[start:start + length]` in place and write the MIC just after it."""
        self._authenticate(nonce, associated, buf, start, length)
        self._crypt(nonce, buf, start, length)
        end = start + length
        for index in range(self.mic_length):
            buf[end + index] = self._mac[index]

    def open(self, nonce: bytearray, associated: bytes, buf: bytearray, start: int, length: int) -> bool:
        """Decrypt `buf[start:start + length]`, whose MIC stands just after it, in place.

        On a wrong MIC the plaintext is wiped and False returned: nothing unauthenticated is ever seen.
        """
        self._crypt(nonce, buf, start, length)
        self._authenticate(nonce, associated, buf, start, length)
        difference = 0
        end = start + length
        for index in range(self.mic_length):
            difference |= buf[end + index] ^ self._mac[index]
        if difference:
            for index in range(start, end):
                buf[index] = 0
        return difference == 0

    def _authenticate(self, nonce: bytearray, associated: bytes, buf: bytearray, start: int, length: int) -> None:
        """CBC-MAC of nonce, associated data and plaintext, encrypted with counter block 0, into `_mac`."""
        mac = self._mac
        encrypt_into = self._encrypt_into
        mac[0] = (0x40 if associated else 0) | (self.mic_length - 2) // 2 << 3 | 1
        for index in range(13):  # a slice assignment would allocate the slice
            mac[1 + index] = nonce[index]
        mac[14] = length >> 8
        mac[15] = length & 0xFF
        encrypt_into(mac, mac)
        if associated:
            mac[1] ^= len(associated)
            for index in range(len(associated)):
                mac[2 + index] ^= associated[index]
            encrypt_into(mac, mac)
        for index in range(length):
            mac[index & 15] ^= buf[start + index]
            if index & 15 == 15 or index == length - 1:
                encrypt_into(mac, mac)
        self._next_stream(nonce, 0)
        for index in range(16):
            mac[index] ^= self._stream[index]

    def _crypt(self, nonce: bytearray, buf: bytearray, start: int, length: int) -> None:
        """Exclusive-or `length` bytes with the key stream from counter block 1 on."""
        stream = self._stream
        for index in range(length):
            if index & 15 == 0:
                self._next_stream(nonce, (index >> 4) + 1)
            buf[start + index] ^= stream[index & 15]

    def _next_stream(self, nonce: bytearray, block: int) -> None:
        counter = self._counter
        counter[0] = 1
        for index in range(13):
            counter[1 + index] = nonce[index]
        counter[14] = block >> 8
        counter[15] = block & 0xFF
        self._encrypt_into(counter, self._stream)
