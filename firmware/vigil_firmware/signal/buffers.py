"""Buffers of small integers, made without a list of the same size beside them: a board's heap is small."""

from array import array


def zeros(length: int) -> "array[int]":
    """An array of `length` zeros."""
    made = array("i", range(length))
    for index in range(length):
        made[index] = 0
    return made
