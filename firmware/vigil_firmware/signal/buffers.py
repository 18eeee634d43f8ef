"""Buffers of small integers, made without a list of the same size beside them: a board's heap is small."""

from array import array

_LIGHT_MOST = 1 << 20  # twice a full pair of samples


def zeros(length: int, typecode: str = "i") -> "array[int]":
    """An array of `length` zeros; typecode "h": of 16 bits each, for what is sure to stay within them."""
    made = array(typecode, range(length))
    for index in range(length):
        made[index] = 0
    return made


def rescaled(value: int, before: int, after: int) -> int:
    """What a value would have been under another LED code; no more than would keep all made from it small."""
    return max(-_LIGHT_MOST, min(_LIGHT_MOST, value * after // before))
