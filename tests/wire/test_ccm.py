"""AES and CCM against published vectors and an independent implementation."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire.aes import Aes
from vigil_wire.ccm import Ccm

RFC_3610_KEY = bytes.fromhex("C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF")
# RFC 3610, section 8, packet vectors 1 to 6: nonce, header length, packet length, ciphertext and MIC. The packet
# is the bytes 00, 01, 02...; its header is authenticated, the rest encrypted.
RFC_3610 = [
    (
        "00000003020100A0A1A2A3A4A5", 8, 31,
        "588C979A61C663D2F066D0C2C0F989806D5F6B61DAC384 17E8D12CFDF926E0",
    ),
    (
        "00000004030201A0A1A2A3A4A5", 8, 32,
        "72C91A36E135F8CF291CA894085C87E3CC15C439C9E43A3B A091D56E10400916",
    ),
    (
        "00000005040302A0A1A2A3A4A5", 8, 33,
        "51B1E5F44A197D1DA46B0F8E2D282AE871E838BB64DA859657 4ADAA76FBD9FB0C5",
    ),
    ("00000006050403A0A1A2A3A4A5", 12, 31, "A28C6865939A9A79FAAA5C4C2A9D4A91CDAC8C 96C861B9C9E61EF1"),
    ("00000007060504A0A1A2A3A4A5", 12, 32, "DCF1FB7B5D9E23FB9D4E131253658AD86EBDCA3E 51E83F077D9C2D93"),
    ("00000008070605A0A1A2A3A4A5", 12, 33, "6FC1B011F006568B5171A42D953D469B2570A4BD87 405A0443AC91CB94"),
]  # fmt: skip

# Bluetooth Core Specification Supplement v11, part A, 2.3.1 and 2.3.2 (as in Zephyr's ead_sample): Encrypted
# Advertising Data of these AD structures, by randomizer.
EAD_KEY = bytes.fromhex("57A9DA12D12E6E131E20612AD10A6A19")
EAD_IV = bytes.fromhex("9E7A00EFB17AE746")
EAD_PLAINTEXT = bytes.fromhex("0F0953686F7274204D696E692D42757303190A8C")
EAD = [
    ("18E157CADE", "74E4DCAFDC51C7282810C2217F0E4CEF4343181F BA0069CC"),
    ("8D1C976E7A", "35444076125788C238A58E8BD9CFF0DEFE251A8E 7275454C"),
]

KEYS = st.binary(min_size=16, max_size=16)
NONCES = st.binary(min_size=13, max_size=13)
MICS = st.sampled_from((4, 8, 16))


def sealed(ccm: Ccm, nonce: bytes, associated: bytes, plaintext: bytes, start: int = 0) -> bytes:
    buf = bytearray(b"\xaa" * (start + len(plaintext) + ccm.mic_length + 3))
    buf[start : start + len(plaintext)] = plaintext
    ccm.seal(bytearray(nonce), associated, buf, start, len(plaintext))
    assert buf[:start] == b"\xaa" * start
    assert buf[-3:] == b"\xaa" * 3
    return bytes(buf[start:-3])


def test_aes_published() -> None:
    # FIPS 197, appendix C.1
    block = bytearray.fromhex("00112233445566778899AABBCCDDEEFF")
    aes = Aes(bytes(range(16)))
    out = bytearray(16)
    aes.encrypt_into(block, out)
    assert out == bytes.fromhex("69C4E0D86A7B0430D8CDB78070B4C55A")
    aes.encrypt_into(block, block)
    assert block == out


@pytest.mark.parametrize("length", [0, 15, 17, 24, 32])
def test_only_aes_128(length: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Aes(bytes(length))


@pytest.mark.parametrize(("nonce", "header_length", "packet_length", "expected"), RFC_3610)
def test_rfc_3610(nonce: str, header_length: int, packet_length: int, expected: str) -> None:
    packet = bytes(range(packet_length))
    header, plaintext = packet[:header_length], packet[header_length:]
    ccm = Ccm(Aes(RFC_3610_KEY), 8)
    frame = sealed(ccm, bytes.fromhex(nonce), header, plaintext)
    assert frame == bytes.fromhex(expected)
    assert frame == AESCCM(RFC_3610_KEY, 8).encrypt(bytes.fromhex(nonce), plaintext, header)


@pytest.mark.parametrize(("randomizer", "expected"), EAD)
def test_encrypted_advertising_data(randomizer: str, expected: str) -> None:
    ccm = Ccm(Aes(EAD_KEY), 4)
    nonce = bytes.fromhex(randomizer) + EAD_IV
    assert sealed(ccm, nonce, b"\xea", EAD_PLAINTEXT) == bytes.fromhex(expected)
    buf = bytearray.fromhex(expected)
    assert ccm.open(bytearray(nonce), b"\xea", buf, 0, 20)
    assert buf[:20] == EAD_PLAINTEXT


@given(KEYS, NONCES, MICS, st.binary(max_size=14), st.binary(max_size=120), st.integers(0, 20))
def test_as_cryptography_computes_it(
    key: bytes, nonce: bytes, mic_length: int, associated: bytes, plaintext: bytes, start: int
) -> None:
    ccm = Ccm(Aes(key), mic_length)
    frame = sealed(ccm, nonce, associated, plaintext, start)
    assert frame == AESCCM(key, mic_length).encrypt(nonce, plaintext, associated)
    buf = bytearray(b"\xaa" * start + frame)
    assert ccm.open(bytearray(nonce), associated, buf, start, len(plaintext))
    assert buf[start : start + len(plaintext)] == plaintext


@pytest.mark.parametrize("mic_length", [4, 8, 16])
def test_every_length(mic_length: int) -> None:
    ccm, peer = Ccm(Aes(RFC_3610_KEY), mic_length), AESCCM(RFC_3610_KEY, mic_length)
    nonce = bytes(range(13))
    for length in range(121):
        plaintext = bytes(index * 7 & 0xFF for index in range(length))
        for associated in (b"", b"\xea", bytes(range(14))):
            assert sealed(ccm, nonce, associated, plaintext) == peer.encrypt(nonce, plaintext, associated)


def test_more_blocks_than_one_byte_counts() -> None:
    nonce, plaintext = bytes(range(13)), bytes(range(256)) * 17
    expected = AESCCM(RFC_3610_KEY, 8).encrypt(nonce, plaintext, b"\xea")
    assert sealed(Ccm(Aes(RFC_3610_KEY), 8), nonce, b"\xea", plaintext) == expected


@given(KEYS, NONCES, MICS, st.binary(min_size=1, max_size=60), st.data())
def test_a_flipped_bit_wipes_the_plaintext(
    key: bytes, nonce: bytes, mic_length: int, plaintext: bytes, data: st.DataObject
) -> None:
    ccm = Ccm(Aes(key), mic_length)
    buf = bytearray(sealed(ccm, nonce, b"\xea", plaintext))
    bit = data.draw(st.integers(0, 8 * len(buf) - 1))
    buf[bit >> 3] ^= 1 << (bit & 7)
    assert not ccm.open(bytearray(nonce), b"\xea", buf, 0, len(plaintext))
    assert buf[: len(plaintext)] == bytes(len(plaintext))


@pytest.mark.parametrize(
    ("key", "nonce", "associated"),
    [(b"\1" * 16, bytes(13), b"\xea"), (bytes(16), b"\1" * 13, b"\xea"), (bytes(16), bytes(13), b"\xeb")],
)
def test_another_key_nonce_or_associated_data_wipes_the_plaintext(key: bytes, nonce: bytes, associated: bytes) -> None:
    buf = bytearray(sealed(Ccm(Aes(bytes(16)), 8), bytes(13), b"\xea", b"ninety-eight percent"))
    assert not Ccm(Aes(key), 8).open(bytearray(nonce), associated, buf, 0, 20)
    assert buf[:20] == bytes(20)
