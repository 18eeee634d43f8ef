"""The MAX30102 driver beyond single cases: nothing is lost unsaid, and the sample path stays small."""

import inspect
import re
from collections.abc import MutableSequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_hal import max30102
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_host.vm.heap import large_frames


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
            more = driver.red[0] - expected - driver.lost
            assert more >= 0
            assert more % 32 == 0
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


def test_frames_on_the_sample_path_fit_the_boards_stack() -> None:
    called = inspect.getsource(Max30102).split("# The sample path.")[1].split("# Configuration")[0]
    names = re.findall(r"def (\w+)", called)
    assert "_drain" in names and "_take" in names
    functions = [getattr(Max30102, name) for name in [*names, "drain"]]
    assert large_frames(*functions, max30102._unpack, max30102._shift_right) == {}


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


@given(
    waits_ms=st.lists(st.integers(0, 3_000), min_size=1, max_size=20),
    counts=st.booleans(),
    moves=st.booleans(),
    stuck=st.sampled_from([None, 0, 1]),
)
def test_three_transactions_at_most_whatever_the_part_does(
    waits_ms: list[int], counts: bool, moves: bool, stuck: int | None
) -> None:
    now_ms = 0
    part = SimulatedMax30102(Counting(), lambda: now_ms)
    part.counts_overflow = counts
    part.overwriting_moves_read = moves
    part.ppg_ready_stuck = stuck
    bus = SimulatedI2C(part)
    driver = Max30102(bus)
    driver.configure(averaging=1)
    newest = -1
    for wait_ms in waits_ms:
        now_ms += wait_ms
        bus.log = []
        count = driver.drain()
        assert len(bus.log) <= 3
        assert list(driver.red[:count]) == list(range(driver.red[0], driver.red[0] + count))
        assert count == 0 or driver.red[0] > newest  # nothing comes twice
        newest = driver.red[count - 1] if count else newest
