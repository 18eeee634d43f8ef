"""The MAX30102 driver beyond single cases: nothing is lost unsaid, and the sample path stays small."""

import itertools
from collections.abc import Callable, MutableSequence
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_hal import max30102
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102

_FRAME_WORDS = 11  # a board allocates a larger frame at every call


class Counting:
    """A source whose red counts its own samples."""

    start_us = 0
    end_us: int | None = None

    def __init__(self) -> None:
        self.count = 0

    def sample_into(self, time_us: int, out: MutableSequence[int]) -> bool:
        """Give the next number."""
        out[0] = out[1] = self.count
        self.count += 1
        return True

    def temperature_centi_c(self, time_us: int) -> int | None:
        """Have no thermometer."""
        return None


@given(
    start_ms=st.integers(0, (1 << 30) - 1),
    waits_ms=st.lists(st.integers(0, 700), max_size=60),
    ppm=st.integers(-50_000, 50_000),
)
def test_every_sample_comes_once_or_is_counted_as_lost(start_ms: int, waits_ms: list[int], ppm: int) -> None:
    now_ms = start_ms
    source = Counting()
    part = SimulatedMax30102(source, lambda: now_ms, clock_error_ppm=ppm)
    driver = Max30102(SimulatedI2C(part))
    driver.configure(averaging=1)
    expected = 0
    for wait_ms in waits_ms:
        now_ms = (now_ms + wait_ms) % (1 << 30)
        count = driver.drain()
        if driver.lost_exact:
            expected += driver.lost
        else:
            assert driver.red[0] - expected >= driver.lost
            expected = driver.red[0]
        assert list(driver.red[:count]) == list(range(expected, expected + count))
        expected += count
    assert expected == source.count


@pytest.mark.parametrize("averaging", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("rate_hz", [50, 100, 200, 400])
def test_output_rate_is_what_the_part_delivers(rate_hz: int, averaging: int) -> None:
    now_ms = 0
    driver = Max30102(SimulatedI2C(SimulatedMax30102(Counting(), lambda: now_ms)))
    driver.configure(sample_rate_hz=rate_hz, averaging=averaging)
    count = 0
    for now_ms in range(0, 64_001, 64):  # noqa: B007 - the part reads it
        count += driver.drain()
    assert count == 64 * rate_hz // averaging
    assert driver.output_rate_milli_hz == rate_hz * 1000 // averaging


def _functions(code: CodeType) -> list[CodeType]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code, *itertools.chain.from_iterable(map(_functions, inner))]


@pytest.mark.parametrize(
    "function",
    [
        max30102._unpack,
        Max30102.drain,
        Max30102._read_status,
        Max30102._count,
        Max30102._read,
    ],
)
def test_frames_on_the_sample_path_fit_the_boards_stack(function: Callable[..., object]) -> None:
    for code in _functions(function.__code__):
        assert code.co_nlocals + code.co_stacksize <= _FRAME_WORDS


def test_drain_keeps_its_buffers() -> None:
    now_ms = 0
    driver = Max30102(SimulatedI2C(SimulatedMax30102(Counting(), lambda: now_ms)))
    driver.configure()
    red, ir = driver.red, driver.ir
    for now_ms in range(0, 4000, 400):  # noqa: B007 - the part reads it
        driver.drain()
    assert driver.red is red
    assert driver.ir is ir
    assert len(red) == len(ir) == 32
