"""CRC-16 against its published check value and Python's own."""

from binascii import crc_hqx

from hypothesis import given
from hypothesis import strategies as st

from vigil_wire.crc import crc16


def test_published_check_value() -> None:
    assert crc16(b"123456789", 9) == 0x29B1  # Catalogue of parametrised CRC algorithms, CRC-16/IBM-3740


@given(st.binary(max_size=80), st.integers(0, 0xFFFF))
def test_as_python_computes_it(data: bytes, start: int) -> None:
    assert crc16(data, len(data)) == crc_hqx(data, 0xFFFF)
    assert crc16(data, len(data), start) == crc_hqx(data, start)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_goes_on_from_a_previous_result(first: bytes, second: bytes) -> None:
    whole = first + second
    assert crc16(second, len(second), crc16(first, len(first))) == crc16(whole, len(whole))
    assert crc16(whole, len(first)) == crc16(first, len(first))
