"""Decimal numbers of IEEE 11073-20601 as Bluetooth's health services send them: SFLOAT and FLOAT.

Both are mantissa * 10 ** exponent, each in two's complement, little-endian, the exponent in the top bits:
SFLOAT has 12 + 4 bits, FLOAT 24 + 8. The exponent also says how precise a value is: 97.0 is 970e-1, not 97e0.
Five mantissas at exponent 0 are the specials below. Encoders refuse these mantissas at every exponent,
because some receivers look at the mantissa alone.

Numbers stay integers here: a (mantissa, exponent) pair, or the name of a special.
"""

NAN = "NaN"
NRES = "NRes"  # a number, but not at this resolution
PLUS_INFINITY = "+INFINITY"
MINUS_INFINITY = "-INFINITY"
RESERVED = "reserved"

SFLOAT_LENGTH = 2
FLOAT_LENGTH = 4
SFLOAT_LIMIT = 2045  # largest mantissa, either sign
FLOAT_LIMIT = 8388605

# In this order, the specials are the unsigned mantissas that follow the limit.
_SPECIALS = (PLUS_INFINITY, NAN, NRES, RESERVED, MINUS_INFINITY)


def encode_sfloat_into(buf: bytearray, start: int, mantissa: int, exponent: int) -> None:
    """Write mantissa * 10 ** exponent at `start`; ValueError where it does not fit."""
    if not -SFLOAT_LIMIT <= mantissa <= SFLOAT_LIMIT or not -8 <= exponent <= 7:
        raise ValueError(f"{mantissa}e{exponent} does not fit an SFLOAT")
    buf[start] = mantissa & 0xFF
    buf[start + 1] = (mantissa >> 8 & 15) | (exponent & 15) << 4


def encode_sfloat_special_into(buf: bytearray, start: int, special: str) -> None:
    """Write one of the specials at `start`."""
    word = SFLOAT_LIMIT + 1 + _SPECIALS.index(special)
    buf[start] = word & 0xFF
    buf[start + 1] = word >> 8


def decode_sfloat(data: "bytes | bytearray | memoryview", start: int) -> "tuple[int, int] | str":
    """Read the SFLOAT at `start`; ValueError where the data end within it."""
    if len(data) < start + SFLOAT_LENGTH:
        raise ValueError("an SFLOAT is cut short")
    return _number(data[start] | (data[start + 1] & 15) << 8, SFLOAT_LIMIT, _signed(data[start + 1] >> 4, 8))


def encode_float_into(buf: bytearray, start: int, mantissa: int, exponent: int) -> None:
    """Write mantissa * 10 ** exponent at `start`; ValueError where it does not fit."""
    if not -FLOAT_LIMIT <= mantissa <= FLOAT_LIMIT or not -128 <= exponent <= 127:
        raise ValueError(f"{mantissa}e{exponent} does not fit a FLOAT")
    _put_mantissa(buf, start, mantissa)
    buf[start + 3] = exponent & 0xFF


def encode_float_special_into(buf: bytearray, start: int, special: str) -> None:
    """Write one of the specials at `start`."""
    _put_mantissa(buf, start, FLOAT_LIMIT + 1 + _SPECIALS.index(special))
    buf[start + 3] = 0


def decode_float(data: "bytes | bytearray | memoryview", start: int) -> "tuple[int, int] | str":
    """Read the FLOAT at `start`; ValueError where the data end within it."""
    if len(data) < start + FLOAT_LENGTH:
        raise ValueError("a FLOAT is cut short")
    mantissa = data[start] | data[start + 1] << 8 | data[start + 2] << 16
    return _number(mantissa, FLOAT_LIMIT, _signed(data[start + 3], 128))


def _put_mantissa(buf: bytearray, start: int, mantissa: int) -> None:
    buf[start] = mantissa & 0xFF
    buf[start + 1] = mantissa >> 8 & 0xFF
    buf[start + 2] = mantissa >> 16 & 0xFF


def _number(mantissa: int, limit: int, exponent: int) -> "tuple[int, int] | str":
    """Make a number of an unsigned mantissa of the width that has this limit."""
    if exponent == 0 and limit < mantissa <= limit + len(_SPECIALS):
        return _SPECIALS[mantissa - limit - 1]
    return _signed(mantissa, limit + 3), exponent


def _signed(value: int, half: int) -> int:
    """Read an unsigned value, of a width that counts to 2 * half, as two's complement."""
    return value - 2 * half if value >= half else value
