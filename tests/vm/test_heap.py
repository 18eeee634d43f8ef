"""The heap measurement itself: it sees what is allocated, and only that."""

import pytest

from vigil_host.vm.heap import FRAME_WORDS, frame_words, heap_growth, large_frames
from vigil_host.vm.runner import Runtime, VmError

SETUP = """
total = 0
big = 1 << 30
buffer = bytearray(8)

def in_place():
    global total
    total = (total + buffer[3]) & 0xFFFF

def beyond_30_bits():
    return big + 1

def list_of_one():
    return [total]

def raises():
    return buffer[9]
"""


@pytest.mark.parametrize("calls", [1, 200])
def test_nothing_is_seen_of_arithmetic_in_place(runtime: Runtime, calls: int) -> None:
    assert heap_growth(runtime, SETUP, "in_place", calls=calls) == 0


@pytest.mark.parametrize("function", ["beyond_30_bits", "list_of_one"])
def test_each_object_is_seen(vm: Runtime, function: str) -> None:
    assert heap_growth(vm, SETUP, function, calls=100) >= 100 * 16


def test_the_baseline_is_subtracted(vm: Runtime) -> None:
    assert heap_growth(vm, SETUP, "list_of_one", baseline="list_of_one") == 0


def test_what_fails_is_an_error_and_not_a_zero(vm: Runtime) -> None:
    with pytest.raises(VmError, match="IndexError"):
        heap_growth(vm, SETUP, "raises")


def _small(value: int) -> int:
    return value & 0xFF


def _guarded(value: int) -> int:
    try:
        return value & 0xFF
    except TypeError:
        return 0


def _large(a: int, b: int, c: int, d: int) -> int:
    e, f, g, h = a + b, b + c, c + d, d + a
    return max(e, f, g, h)


def test_frames_are_counted() -> None:
    assert frame_words(_small) <= FRAME_WORDS
    assert frame_words(_guarded) >= frame_words(_small) + 3
    assert list(large_frames(_small, _guarded, _large)) == [f"{__name__}._large"]
