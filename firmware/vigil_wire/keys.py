"""The device key: one 16-byte secret per device, the keys derived from it, and the setup code that carries it.

Each purpose gets a key of its own by HKDF with SHA-256 (RFC 5869), so that none is used for two things. The device's
public identity is derived too: the host knows a device by its key, not by its radio address.
"""

from hashlib import sha256

from vigil_wire.crc import crc16

KEY_LENGTH = 16
ADVERT = b"advert key"
ADVERT_IV = b"advert iv"
PERMUTATION = b"advert counter permutation"
LINK = b"record link"
IDENTITY = b"identity"

_SALT = b"Vigil device key"
_HASH_LENGTH = 32
_HASH_BLOCK = 64

# Crockford's base 32: no I, L, O or U, so that a code read aloud or from a label survives.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def derive(device_key: "bytes | bytearray", purpose: bytes) -> bytes:
    """The 16-byte key for one purpose (one of the labels above)."""
    return hkdf_sha256(device_key, _SALT, purpose, KEY_LENGTH)


def hkdf_sha256(secret: "bytes | bytearray", salt: bytes, info: bytes, length: int) -> bytes:
    """Derive `length` bytes, at most 8,160, of key from a secret: HKDF, extract and expand (RFC 5869)."""
    key = _hmac_sha256(salt, bytes(secret))
    out = block = b""
    while len(out) < length:
        block = _hmac_sha256(key, block + info + bytes((len(out) // _HASH_LENGTH + 1,)))
        out += block
    return out[:length]


def _hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC (RFC 2104), which MicroPython's library lacks; the key may have up to 64 bytes, a longer one is hashed."""
    if len(key) > _HASH_BLOCK:
        key = sha256(key).digest()
    key += bytes(_HASH_BLOCK - len(key))
    inner = sha256(bytes([byte ^ 0x36 for byte in key]) + message).digest()
    return sha256(bytes([byte ^ 0x5C for byte in key]) + inner).digest()


def device_id(device_key: "bytes | bytearray") -> str:
    """Eight hex digits that name the device; they say nothing about the key."""
    return "".join([f"{byte:02x}" for byte in derive(device_key, IDENTITY)[:4]])


def setup_code(device_key: "bytes | bytearray") -> str:
    """The key and its CRC as 29 base-32 characters in groups: what a person types or scans once."""
    check = crc16(device_key, KEY_LENGTH)
    data = bytes(device_key) + bytes((check >> 8, check & 0xFF))
    code = ""
    held = 0
    bits = 0
    for byte in data:
        held = held << 8 | byte
        bits += 8
        while bits >= 5:
            bits -= 5
            code += _ALPHABET[held >> bits & 31]
        held &= (1 << bits) - 1
    code += _ALPHABET[held << 5 - bits & 31]
    return "-".join([code[start : start + 5] for start in range(0, len(code), 5)])


def key_from_setup_code(code: str) -> bytes:
    """The 16-byte device key in a setup code; ValueError says what is wrong with a mistyped one."""
    data = bytearray()
    held = 0
    bits = 0
    count = 0
    for character in code.upper():
        if character in "- ":
            continue
        value = _ALPHABET.find({"O": "0", "I": "1", "L": "1"}.get(character, character))
        if value < 0:
            raise ValueError(f"a setup code has no character {character!r}")
        count += 1
        held = held << 5 | value
        bits += 5
        if bits >= 8:
            bits -= 8
            data.append(held >> bits & 0xFF)
        held &= (1 << bits) - 1
    if count != 29:
        raise ValueError("a setup code has 29 characters, this one has %d" % count)
    key = bytes(data[:KEY_LENGTH])
    if held or crc16(key, KEY_LENGTH) != data[16] << 8 | data[17]:
        raise ValueError("this setup code is mistyped: its check characters do not match")
    return key
