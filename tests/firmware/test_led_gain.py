"""The LED gain: each channel reaches its range in few moves and stays there, and nothing else makes it move."""

import random

import pytest

from vigil_firmware.led_gain import LedGain

_FULL_SCALE = 262_143
_REFERENCE = 0x24


def levels(gain: LedGain, red_at_reference: int, ir_at_reference: int) -> tuple[int, int]:
    """What the channels show under the codes in use."""
    red = red_at_reference * gain.red // _REFERENCE
    ir = ir_at_reference * gain.ir // _REFERENCE
    return min(red, _FULL_SCALE), min(ir, _FULL_SCALE)


def run(gain: LedGain, red: int, ir: int, seconds: int = 60) -> list[int]:
    """The seconds at which the codes changed."""
    return [second for second in range(seconds) if gain.judge(*levels(gain, red, ir))]


@pytest.mark.parametrize("red", [16_000, 40_000, 120_000, 222_000, 250_000, 400_000, 800_000, 1_200_000])
@pytest.mark.parametrize("ir", [25_000, 40_000, 120_000, 222_000, 250_000, 400_000, 800_000, 1_200_000])
def test_both_channels_reach_their_range_and_stay(red: int, ir: int) -> None:
    gain = LedGain()
    moves = run(gain, red, ir, 20)
    assert len(moves) <= 2
    for level in levels(gain, red, ir):
        assert 32_768 <= level <= 222_822
    assert run(gain, red, ir) == []


@pytest.mark.parametrize("level", [32_768, 49_763, 120_000, 164_417, 222_822])
def test_levels_in_range_move_nothing(level: int) -> None:
    gain = LedGain()
    assert run(gain, level, level) == []
    assert (gain.red, gain.ir) == (_REFERENCE, _REFERENCE)


def test_channels_are_judged_separately() -> None:
    gain = LedGain()
    run(gain, 120_000, 240_000)
    assert gain.red == _REFERENCE
    assert gain.ir < _REFERENCE
    gain = LedGain()
    run(gain, 20_000, 120_000)
    assert gain.red > _REFERENCE
    assert gain.ir == _REFERENCE


def test_large_steps_only_when_clipped_or_dark() -> None:
    for red, ir, factor in ((120_000, 230_000, 2), (120_000, 262_143, 4), (25_000, 120_000, 2), (10_000, 120_000, 4)):
        gain = LedGain()
        gain.judge(red, ir)
        assert gain.judge(red, ir)
        moved = gain.ir if gain.ir != _REFERENCE else gain.red
        assert max(moved, _REFERENCE) // min(moved, _REFERENCE) <= factor
        assert (max(moved, _REFERENCE) * 10 // min(moved, _REFERENCE) > 20) == (factor == 4)


def test_moves_are_seconds_apart() -> None:
    moves = run(LedGain(), 4_000_000, 4_000_000, 40)
    assert moves == [1, 8]
    assert run(LedGain(), 120_000, 500_000, 40)[0] == 1


def test_single_second_outside_moves_nothing() -> None:
    gain = LedGain()
    for _ in range(20):
        assert not gain.judge(120_000, 262_143)
        assert not gain.judge(120_000, 120_000)


def test_pulse_is_not_chased() -> None:
    """A pulse of a tenth of the level at the range's edge: means of a second differ, the codes move once at most."""
    chance = random.Random(1)
    gain = LedGain()
    moves = 0
    for _ in range(600):
        red, ir = levels(gain, 215_000, 220_000)
        moves += gain.judge(red + chance.randint(-3_000, 3_000), ir + chance.randint(-3_000, 3_000))
    assert moves <= 1


def test_without_a_finger_nothing_moves() -> None:
    gain = LedGain()
    assert run(gain, 300, 500) == []
    assert run(gain, 3_000, 19_000) == []
    run(gain, 120_000, 500_000)
    codes = gain.red, gain.ir
    assert run(gain, 300, 500) == []
    assert (gain.red, gain.ir) == codes


def test_ambient_light_at_the_lowest_code_is_no_finger() -> None:
    gain = LedGain()
    run(gain, 10_000_000, 10_000_000)
    low = gain.ir
    for _ in range(20):
        assert not gain.judge(300, 3_000)  # light that does not follow the LEDs
    assert gain.ir == low


def test_codes_stay_within_the_part() -> None:
    gain = LedGain()
    run(gain, 100, 30_000, 200)
    assert gain.red == 255
    gain = LedGain()
    for _ in range(200):
        gain.judge(_FULL_SCALE, _FULL_SCALE)
    assert gain.red == gain.ir == 6
