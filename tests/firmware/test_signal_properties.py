"""What holds of the signal path for every pulse: what it must not depend on, and what it must never show."""

import itertools
import math
import random
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.vitals import Vitals

RATE_HZ = 25
_FULL_SCALE = 262_143
_RED = 100_000
_IR = 120_000
_LOOKS_BACK_S = 10  # respiration aside

Light = list[tuple[float, float]]


def _light(
    seconds: int,
    bpm: float,
    *,
    dicrotic: float = 0.4,
    noise: float = 0.02,
    phase: float = 0.0,
    ratio: float = 0.5,
    perfusion: float = 0.015,
    seed: int = 1,
) -> Light:
    """A pulse: a systolic and a dicrotic lobe, and white noise in each channel, as a part of the pulse."""
    chance = random.Random(seed)
    light = []
    for count in range(seconds * RATE_HZ):
        turn = (phase + bpm * count / 60 / RATE_HZ) % 1
        beat = math.exp(-(((turn - 0.25) / 0.12) ** 2)) + dicrotic * math.exp(-(((turn - 0.58) / 0.12) ** 2))
        red = _RED * (1 - ratio * perfusion * (beat + chance.gauss(0, noise)))
        light.append((red, _IR * (1 - perfusion * (beat + chance.gauss(0, noise)))))
    return light


def _judged(light: Iterable[tuple[float, float]]) -> list[Vitals]:
    """What is shown at the end of each second."""
    signal, shown = PulseOximeter(), []
    for count, (red, ir) in enumerate(light):
        signal.add(*(min(_FULL_SCALE, max(0, round(counts))) for counts in (red, ir)))
        if count % RATE_HZ == RATE_HZ - 1:
            shown.append(Vitals())
            signal.judge(shown[-1], RATE_HZ * 1000)
    return shown


def _values(name: str, *runs: list[Vitals]) -> list[tuple[int, ...]]:
    """A measurement's value in several runs, of each second in which all of them published it."""
    seconds = [[getattr(vitals, name) for vitals in second] for second in zip(*runs, strict=True)]
    return [tuple(each.value for each in second) for second in seconds if all(each.has_value for each in second)]


def _states(vitals: Vitals) -> list[tuple[int, int]]:
    """All that is published: status and value of each measurement, and the quality."""
    measurements = (vitals.pulse_rate, vitals.spo2, vitals.perfusion, vitals.ratio)
    return [*((each.status, each.value if each.has_value else 0) for each in measurements), (vitals.quality, 0)]


_PULSES = st.fixed_dictionaries(
    {
        "bpm": st.floats(40, 180),
        "dicrotic": st.floats(0, 0.5),
        "noise": st.floats(0, 0.03),
        "phase": st.floats(0, 1),
        "ratio": st.floats(0.45, 1.3),
        "perfusion": st.floats(0.005, 0.04),
        "seed": st.integers(0, 1000),
    }
)


@settings(max_examples=40)
@given(_PULSES, st.floats(0.5, 1.5))
def test_brighter_or_darker_light_shows_the_same(pulse: Any, scale: float) -> None:
    """To 0.1 bpm, 0.2 % and 3 % of perfusion: counts and thousandths of the ratio are rounded, and no more."""
    light = _light(16, **pulse)
    plain, scaled = _judged(light), _judged([(red * scale, ir * scale) for red, ir in light])
    assert all(abs(one - other) <= 1 for one, other in _values("pulse_rate", plain, scaled))
    assert all(abs(one - other) <= 2 for one, other in _values("spo2", plain, scaled))
    assert all(abs(one - other) <= 1 + one * 3 // 100 for one, other in _values("perfusion", plain, scaled))
    shown = [[vitals.pulse_rate.has_value for vitals in run] for run in (plain, scaled)]
    assert sum(one != other for one, other in zip(*shown, strict=True)) <= 1  # a window may be at a gate's very edge


@settings(max_examples=40)
@given(_PULSES, st.floats(0.34, 2.2), st.floats(0.28, 1.85))
def test_one_channel_brighter_than_the_other_shows_the_same_spo2_or_none(pulse: Any, red: float, ir: float) -> None:
    """Whatever LED currents the gain has chosen: levels from an eighth to 85 % of full scale. To 0.5 %, of rounding."""
    light = _light(14, **pulse)
    plain, unequal = _judged(light), _judged([(one * red, other * ir) for one, other in light])
    assert all(abs(one - other) <= 5 for one, other in _values("spo2", plain, unequal))
    assert all(abs(one - other) <= 1 for one, other in _values("pulse_rate", plain, unequal))


@settings(max_examples=30)
@given(_PULSES, st.integers(-15_000, 60_000))
def test_light_from_elsewhere_does_not_change_the_pulse_rate(pulse: Any, offset: int) -> None:
    light = _light(16, **pulse)
    plain, offset_too = _judged(light), _judged([(red + offset, ir + offset) for red, ir in light])
    assert all(abs(one - other) <= 1 for one, other in _values("pulse_rate", plain, offset_too))


@settings(max_examples=25)
@given(_PULSES, _PULSES, st.integers(6, 12), st.booleans())
def test_light_that_comes_later_shows_the_same_later(pulse: Any, other: Any, off_s: int, was_worn: bool) -> None:
    """Whatever was shown before the sensor was off for some seconds, and if it was never on."""
    light = _light(16, **pulse)
    before = [*(_light(14, **other) if was_worn else []), *[(300, 350)] * (RATE_HZ * off_s)]
    late = _judged(before + light)
    assert [_states(vitals) for vitals in late[-16:]] == [_states(vitals) for vitals in _judged(light)]


@settings(max_examples=30)
@given(_PULSES, st.floats(0.01, 0.6))
def test_of_two_ratios_the_higher_never_shows_the_higher_spo2(pulse: Any, more: float) -> None:
    low = _judged(_light(14, **pulse))
    high = _judged(_light(14, **{**pulse, "ratio": pulse["ratio"] + more}))
    assert all(one >= other for one, other in _values("spo2", low, high))
    assert all(one <= other for one, other in _values("ratio", low, high))


@settings(max_examples=60)
@given(
    st.one_of(st.floats(25, 240), st.sampled_from([25, 50, 60, 75, 100, 107, 120, 150, 240])),
    st.fixed_dictionaries(
        {
            "dicrotic": st.floats(0, 0.6),
            "noise": st.floats(0, 0.03),
            "phase": st.floats(0, 1),
            "perfusion": st.floats(0.005, 0.05),
            "seed": st.integers(0, 1000),
        }
    ),
)
def test_pulse_rate_is_right_and_never_half_or_double(bpm: float, pulse: Any) -> None:
    shown = [vitals.pulse_rate for vitals in _judged(_light(18, bpm, **pulse))]
    assert all(abs(each.value - 10 * bpm) <= max(20, bpm / 5) for each in shown if each.has_value)


@settings(max_examples=40)
@given(_PULSES, _PULSES, _PULSES, st.booleans())
def test_nothing_older_than_ten_seconds_changes_a_value(pulse: Any, one: Any, other: Any, is_alike: bool) -> None:
    """It may change whether a value is published: what the pulse was like before is remembered, to distrust a jump."""
    if is_alike:  # so that both are published
        one = {**pulse, "bpm": pulse["bpm"] * 0.94, "perfusion": pulse["perfusion"] * 1.2}
        other = {**pulse, "ratio": pulse["ratio"] + 0.05}
    light = _light(26, **pulse)
    first, second = (_judged(_light(18, **before) + light)[18 + _LOOKS_BACK_S :] for before in (one, other))
    for name in ("pulse_rate", "spo2", "perfusion", "ratio"):
        assert all(value == another for value, another in _values(name, first, second))


def _noise(kind: str, level: float, seconds: int) -> Light:
    """Light on a finger without a pulse."""
    chance = random.Random(f"{kind} {level}")
    light: Light = []
    value = phase = 0.0
    for count in range(seconds * RATE_HZ):
        own = [15 * chance.gauss(0, 1) for _ in range(2)]
        if kind == "open":
            light.append((300 + level * chance.gauss(0, 1), 350 + level * chance.gauss(0, 1)))
            continue
        if kind == "white":
            light.append((_RED + level * chance.gauss(0, 1), _IR + level * chance.gauss(0, 1)))
            continue
        if kind == "common":
            value = level * chance.gauss(0, 1)
        elif kind == "brown":
            value = 0.96 * value + 0.28 * level * chance.gauss(0, 1)
        elif kind == "breath":
            phase += 2 * math.pi * (0.25 + 0.05 * math.sin(0.07 * count / RATE_HZ)) / RATE_HZ
            value = level * (math.sin(phase) + 0.1 * chance.gauss(0, 1))
        elif chance.random() < 0.04:  # a knock, one a second
            value = level * chance.gauss(0, 1)
        light.append((_RED + own[0] + 0.8 * value, _IR + own[1] + value))
    return light


_LEVELS = {
    "open": (8, 40, 200),
    "white": (20, 60, 200, 600, 2000),
    "common": (20, 60, 200, 600, 2000),
    "brown": (60, 200, 600, 2000),
    "breath": (60, 200, 600, 2000),
    "knocks": (60, 300, 1500),
}


def test_noise_is_published_in_less_than_one_window_of_a_thousand() -> None:
    shown: dict[tuple[str, int], int] = {}
    windows = 0
    for kind, levels in _LEVELS.items():
        for level in levels:
            judged = _judged(_noise(kind, level, 150))[8:]
            windows += len(judged)
            shown[kind, level] = sum(vitals.pulse_rate.has_value or vitals.spo2.has_value for vitals in judged)
    assert sum(shown.values()) * 1000 < windows, {each: count for each, count in shown.items() if count}


def test_flicker_of_a_lamp_is_published_in_less_than_one_window_of_a_thousand() -> None:
    """Over an open sensor: lamps at 50 and 60 Hz, and at twice that, a little off it or as a part's clock is."""
    shown: dict[tuple[float, int, float], int] = {}
    windows = 0
    lamps_hz = (50, 60, 100, 101, 99.2, 120, 121.2)
    for lamp_hz, steady, depth in itertools.product(lamps_hz, (2_000, 15_000, 60_000), (0.02, 0.3)):
        chance, light = random.Random(1), []
        for count in range(40 * RATE_HZ):
            turns = [2 * math.pi * lamp_hz * (4 * count + part) / (4 * RATE_HZ) for part in range(4)]
            counts = steady * (1 + depth / 2 * sum(map(math.sin, turns)) / 4)
            light.append((counts + 8 * chance.gauss(0, 1), counts + 8 * chance.gauss(0, 1)))
        judged = _judged(light)[8:]
        windows += len(judged)
        shown[lamp_hz, steady, depth] = sum(vitals.pulse_rate.has_value for vitals in judged)
    assert sum(shown.values()) * 1000 < windows, {each: count for each, count in shown.items() if count}
