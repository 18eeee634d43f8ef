"""SFLOAT and FLOAT against published vectors, and back."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_wire import ieee11073

SPECIALS = (
    ieee11073.NAN,
    ieee11073.NRES,
    ieee11073.PLUS_INFINITY,
    ieee11073.MINUS_INFINITY,
    ieee11073.RESERVED,
)

# Hex as on the wire, mantissa, exponent, value.
SFLOATS = [
    # weliem/blessed-android, BluetoothBytesParserTest
    ("0102", 513, 0, "513"),
    ("01FE", -511, -1, "-51.1"),
    ("FF02", 767, 0, "767"),
    # healthParsers.test.ts
    ("7800", 120, 0, "120"),
    ("6EF1", 366, -1, "36.6"),
    ("37C0", 55, -4, "0.0055"),
    ("FF0F", -1, 0, "-1"),
    ("0110", 1, 1, "10"),
    # HL7 Personal Health Device implementation guide, "MDER FLOATs and SFLOATs"
    ("0200", 2, 0, "2"),
    ("14F0", 20, -1, "2.0"),
    ("C8E0", 200, -2, "2.00"),
    ("0210", 2, 1, "20"),
    # im97mori-github/JavaBLEUtil, IEEE_11073_20601_SFLOATTest
    ("0172", 513, 7, "5130000000"),
]

FLOATS = [
    # weliem/blessed-android, BluetoothBytesParserTest
    ("01020304", 197121, 4, "1971210000"),
    ("01FE03FC", 261633, -4, "26.1633"),
    ("FF02FD04", -195841, 4, "-1958410000"),
    # healthParsers.test.ts
    ("6E0100FF", 366, -1, "36.6"),
]

# im97mori-github/JavaBLEUtil, IEEE_11073_20601_SFLOATTest and IEEE_11073_20601_FLOATTest
SFLOAT_SPECIALS = ["FF07", "0008", "FE07", "0208", "0108"]
FLOAT_SPECIALS = ["FFFF7F00", "00008000", "FEFF7F00", "02008000", "01008000"]


@pytest.mark.parametrize(("wire", "mantissa", "exponent", "value"), SFLOATS)
def test_published_sfloats(wire: str, mantissa: int, exponent: int, value: str) -> None:
    assert ieee11073.decode_sfloat(bytes.fromhex(wire), 0) == (mantissa, exponent)
    assert Fraction(mantissa) * Fraction(10) ** exponent == Fraction(value)
    buf = bytearray(2)
    ieee11073.encode_sfloat_into(buf, 0, mantissa, exponent)
    assert buf == bytes.fromhex(wire)


@pytest.mark.parametrize(("wire", "mantissa", "exponent", "value"), FLOATS)
def test_published_floats(wire: str, mantissa: int, exponent: int, value: str) -> None:
    assert ieee11073.decode_float(bytes.fromhex(wire), 0) == (mantissa, exponent)
    assert Fraction(mantissa) * Fraction(10) ** exponent == Fraction(value)
    buf = bytearray(4)
    ieee11073.encode_float_into(buf, 0, mantissa, exponent)
    assert buf == bytes.fromhex(wire)


@pytest.mark.parametrize(("wire", "special"), list(zip(SFLOAT_SPECIALS, SPECIALS, strict=True)))
def test_published_sfloat_specials(wire: str, special: str) -> None:
    assert ieee11073.decode_sfloat(bytes.fromhex(wire), 0) == special
    buf = bytearray(2)
    ieee11073.encode_sfloat_special_into(buf, 0, special)
    assert buf == bytes.fromhex(wire)


@pytest.mark.parametrize(("wire", "special"), list(zip(FLOAT_SPECIALS, SPECIALS, strict=True)))
def test_published_float_specials(wire: str, special: str) -> None:
    assert ieee11073.decode_float(bytes.fromhex(wire), 0) == special
    buf = bytearray(b"\xff" * 4)
    ieee11073.encode_float_special_into(buf, 0, special)
    assert buf == bytes.fromhex(wire)


@given(st.integers(-2045, 2045), st.integers(-8, 7), st.integers(0, 3))
def test_sfloat_round_trip(mantissa: int, exponent: int, start: int) -> None:
    buf = bytearray(b"\xaa" * 6)
    ieee11073.encode_sfloat_into(buf, start, mantissa, exponent)
    assert ieee11073.decode_sfloat(buf, start) == (mantissa, exponent)
    assert buf[:start] + buf[start + 2 :] == b"\xaa" * 4


@given(st.integers(-8388605, 8388605), st.integers(-128, 127), st.integers(0, 3))
def test_float_round_trip(mantissa: int, exponent: int, start: int) -> None:
    buf = bytearray(b"\xaa" * 8)
    ieee11073.encode_float_into(buf, start, mantissa, exponent)
    assert ieee11073.decode_float(buf, start) == (mantissa, exponent)
    assert buf[:start] + buf[start + 4 :] == b"\xaa" * 4


def test_every_sfloat_word_is_read_as_the_standard_says() -> None:
    names = dict(zip((0x7FF, 0x800, 0x7FE, 0x802, 0x801), SPECIALS, strict=True))
    for word in range(0x10000):
        mantissa = int.from_bytes((word << 4 & 0xFFFF).to_bytes(2, "big"), "big", signed=True) >> 4
        exponent = int.from_bytes(word.to_bytes(2, "big"), "big", signed=True) >> 12
        assert ieee11073.decode_sfloat(word.to_bytes(2, "little"), 0) == names.get(word, (mantissa, exponent))


@pytest.mark.parametrize(("mantissa", "exponent"), [(2046, 0), (-2046, 0), (2046, -1), (1, 8), (1, -9)])
def test_sfloat_out_of_range(mantissa: int, exponent: int) -> None:
    buf = bytearray(2)
    with pytest.raises(ValueError, match="does not fit an SFLOAT"):
        ieee11073.encode_sfloat_into(buf, 0, mantissa, exponent)
    assert buf == b"\0\0"


@pytest.mark.parametrize(("mantissa", "exponent"), [(8388606, 0), (-8388606, -2), (1, 128), (1, -129)])
def test_float_out_of_range(mantissa: int, exponent: int) -> None:
    buf = bytearray(4)
    with pytest.raises(ValueError, match="does not fit a FLOAT"):
        ieee11073.encode_float_into(buf, 0, mantissa, exponent)
    assert buf == b"\0\0\0\0"


def test_truncated() -> None:
    with pytest.raises(ValueError, match="SFLOAT is cut short"):
        ieee11073.decode_sfloat(b"\x01\x02\x03", 2)
    with pytest.raises(ValueError, match="FLOAT is cut short"):
        ieee11073.decode_float(b"\x01\x02\x03\x04", 1)
