"""The parts of the signal path, each at its own level: beats, rhythm, what single pulses say, and steadiness."""

import math
import random
from array import array
from collections.abc import Callable, MutableSequence
from itertools import pairwise
from typing import Any

import pytest

from vigil_firmware.signal import quality
from vigil_firmware.signal.beats import CAPACITY, Beats
from vigil_firmware.signal.fusion import Fusion
from vigil_firmware.signal.pulse_oximeter import PulseOximeter
from vigil_firmware.signal.pulses import Pulses
from vigil_firmware.signal.quality import Steadiness
from vigil_firmware.vitals import Vitals
from vigil_hal.max30102 import REFERENCE_LED_CODE
from vigil_hal.simulated.patient import parse_patient

_SAMPLE = 64  # positions and intervals count 1/64 of one
_SECOND = 25 * _SAMPLE
_PATIENT = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"


def _pulse(turn: float, width: float, dicrotic: float) -> float:
    """One beat of absorbed light, up to about 1; `turn` from 0 to 1."""
    turn %= 1
    first = math.exp(-0.5 * ((turn - 0.3) / width) ** 2)
    return first + dicrotic * math.exp(-0.5 * ((turn - 0.3 - 3.5 * width) / width) ** 2)


# Beats


def _beats(bpm: float, stride: int, width: float, dicrotic: float, seconds: int = 30) -> list[int]:
    """Ages of the beats that are found in the last seconds of a pulse, newest first."""
    beats, before, pair = Beats(stride), 0, 0
    for count in range(seconds * 25):
        light = round(120_000 * (1 - 0.01 * _pulse(bpm * count / 1500, width, dicrotic)))
        older, pair = pair, light + before
        before = light
        if stride == 1:
            beats.add(pair)
        elif count % stride == stride - 1:
            beats.add(light + older)  # the newest sample and the two before it
    count = beats.list_ages(15 * _SECOND, CAPACITY - 1)
    return list(beats.ages[:count])


@pytest.mark.parametrize("dicrotic", [0.0, 0.5])
@pytest.mark.parametrize("width", [0.04, 0.09])
@pytest.mark.parametrize("bpm", [22.5, 25, 28, 32, 36, 40])
def test_each_beat_of_a_slow_pulse_is_found_once(bpm: float, width: float, dicrotic: float) -> None:
    ages = _beats(bpm, 3, width, dicrotic)
    intervals = [older - newer for newer, older in pairwise(ages)]
    assert len(ages) in (int(bpm / 4), int(bpm / 4) + 1)
    assert all(abs(each - 60 * _SECOND / bpm) <= 2 * _SAMPLE for each in intervals), intervals


@pytest.mark.parametrize("dicrotic", [0.0, 0.3])
@pytest.mark.parametrize("bpm", [170, 187.5, 200, 214, 225, 240, 250])
def test_each_beat_of_a_fast_pulse_is_found_once(bpm: float, dicrotic: float) -> None:
    ages = _beats(bpm, 1, 0.09, dicrotic)
    intervals = [older - newer for newer, older in pairwise(ages)]
    assert len(ages) == min(math.ceil(bpm / 4), CAPACITY - 1) or len(ages) == int(bpm / 4)
    assert all(abs(each - 60 * _SECOND / bpm) <= 0.5 * _SAMPLE for each in intervals), intervals
    assert sum(intervals) / len(intervals) == pytest.approx(60 * _SECOND / bpm, rel=0.002)


def test_beats_that_become_weaker_are_found_again() -> None:
    beats, before, counted = Beats(1), 0, []
    for count in range(25 * 60):
        depth = 0.02 if count < 25 * 30 else 0.002
        light = round(120_000 * (1 - depth * _pulse(count / 20, 0.09, 0.3)))
        beats.add(light + before)
        before = light
        counted.append(beats.seen)
    assert beats.seen - counted[25 * 36] in (29, 30)  # 24 s at 75 a minute


# The rhythm


class Given:
    """Beats of given ages, in samples, newest first; `older`: how many more there are before these."""

    def __init__(self, *ages: float, older: int = 5) -> None:
        self.ages = array("i", [round(age * _SAMPLE) for age in ages])
        self.count = len(ages) + older

    def list_ages(self, age: int, most: int) -> int:
        """How many of them are younger than `age`, at most `most`."""
        return min(sum(each < age for each in self.ages), most)


def _gathered(beats: Given, most: int = CAPACITY) -> tuple[bool, float, int]:
    """Whether they make a rhythm, its period in samples, and how many intervals are of it."""
    fusion = Fusion()
    is_rhythm = fusion.gather(beats, 200, most)  # type: ignore[arg-type]
    return is_rhythm, fusion.period / _SAMPLE if fusion.count else 0, fusion.count


def test_regular_beats_are_a_rhythm() -> None:
    assert _gathered(Given(5, 25, 45, 65, 85)) == (True, 20, 4)


@pytest.mark.parametrize("extra", [31, 33, 35, 37, 40])
def test_an_extra_beat_does_not_change_the_rhythm(extra: int) -> None:
    assert _gathered(Given(5, 25, extra, 45, 65, 85, 105))[:2] == (True, 20)


def test_an_extra_beat_may_be_the_newest_or_the_oldest_but_one() -> None:
    assert _gathered(Given(5, 13, 25, 45, 65, 85))[:2] == (True, 20)
    assert _gathered(Given(5, 25, 45, 65, 73, 85))[:2] == (True, 20)


@pytest.mark.parametrize("first", [91, 93, 99, 112, 115])
def test_the_first_beat_of_all_may_be_off(first: int) -> None:
    assert _gathered(Given(5, 25, 45, 65, 85, first, older=0))[:2] == (True, 20)


def test_a_beat_between_that_makes_no_whole_intervals_is_counted_in() -> None:
    is_rhythm, period, count = _gathered(Given(5, 25, 43, 65, 85))
    assert (is_rhythm, period, count) == (True, 20, 4)


@pytest.mark.parametrize(
    "ages",
    [
        (5, 25),  # too few
        (5, 12, 40, 45, 90, 99, 150),  # no rhythm
        (45, 65, 85, 105),  # overdue: there is none any more
        (5, 25, 36, 45, 56, 65, 99, 130),
    ],
)
def test_what_is_no_rhythm_is_refused(ages: tuple[int, ...]) -> None:
    assert not _gathered(Given(*ages))[0]


def test_only_the_newest_beats_count_where_so_few_are_asked_for() -> None:
    assert _gathered(Given(5, 65, 126, 150, 199), 3)[:2] == (True, 60.5)


# Pulses


def _pulses(
    sizes: list[float], colours: list[float], noise: float = 0.0, drift: float = 0.0, length: int = 12, seed: int = 1
) -> Pulses:
    """Pulses of given sizes, red following infrared by given colours, and white noise in red, all of infrared's."""
    chance = random.Random(seed)
    red, ir = array("i"), array("i")
    for size, colour in zip(sizes, colours, strict=True):
        for index in range(length):
            value = 800 * size * math.sin(2 * math.pi * index / length)
            ir.append(round(value))
            red.append(round(colour * value + noise * 800 * chance.gauss(0, 1) + drift))
    energies = array("i", [0])
    for value in ir:
        energies.append(energies[-1] + value * value)
    pulses = Pulses()
    pulses.start(red, ir, energies)
    for index in range(len(sizes)):
        pulses.add(index * length, (index + 1) * length)
    pulses.close()
    return pulses


@pytest.mark.parametrize("colour", [0.3, 0.5, 1.0, 2.0])
def test_pulses_that_are_alike_have_no_spread(colour: float) -> None:
    pulses = _pulses([1] * 8, [colour] * 8)
    assert pulses.spread_permille() <= 5
    assert pulses.slope == pytest.approx(colour * 1024, rel=0.01)
    assert pulses.correlation_permille >= 990


def test_pulses_of_several_sizes_have_a_spread_and_steady_growth_has_little() -> None:
    wild = _pulses([0.7, 1.1, 0.8, 1.2, 0.7, 1.1, 0.8, 1.2], [0.5] * 8).spread_permille()
    steady = _pulses([0.7, 0.8, 0.8, 0.9, 1.0, 1.1, 1.1, 1.2], [0.5] * 8).spread_permille()
    assert wild > 180
    assert steady < 90
    assert _pulses([1, 1.1, 1, 0.9, 1, 1.1, 1, 0.9], [0.5] * 8).spread_permille() < wild // 2


def test_pulses_of_several_colours_have_a_spread() -> None:
    assert _pulses([1] * 8, [0.4, 0.6] * 4).spread_permille() == pytest.approx(200, abs=20)
    assert _pulses([1] * 8, [0.3, 0.6, 0.7, 0.4] * 2).spread_permille() > 250


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("noise", [0.02, 0.05, 0.1])
def test_noise_explains_that_colours_differ(noise: float, seed: int) -> None:
    """Slopes of pulses that noise is in scatter by more than half of what is allowed of them before it is taken off."""
    pulses = _pulses([1] * 8, [0.5] * 8, noise=noise, seed=seed)
    assert pulses.spread_permille() <= 70
    alternating = _pulses([1] * 8, [0.35, 0.65] * 4, noise=noise, seed=seed)
    assert alternating.spread_permille() > 150 or alternating.correlation_permille < 800


def test_red_that_does_not_follow_infrared_has_no_colour() -> None:
    assert _pulses([1] * 8, [0] * 8, noise=0.3).correlation_permille < 500
    assert _pulses([1] * 8, [-0.5] * 8).correlation_permille < -900
    assert _pulses([1] * 8, [-0.5] * 8).spread_permille() <= 5


# Steadiness


class Spread:
    """Pulses of which only the spread matters."""

    def __init__(self, permille: int) -> None:
        self._permille = permille

    def spread_permille(self) -> int:
        """As given."""
        return self._permille


def _admit(steadiness: Steadiness, size: int, ratio: int, spread: int = 30, is_slow: bool = False) -> bool:
    return steadiness.admit(Spread(spread), size, ratio, is_slow)  # type: ignore[arg-type]


def _trusted(seconds: int = 60, size: int = 200, ratio: int = 500) -> Steadiness:
    steadiness = Steadiness()
    assert all(_admit(steadiness, size, ratio) for _ in range(seconds))
    return steadiness


def _distrusted_s(steadiness: Steadiness, size: int, ratio: int) -> int:
    for second in range(300):
        if _admit(steadiness, size, ratio):
            return second
    return 300


@pytest.mark.parametrize(("size", "ratio"), [(900, 500), (50, 500), (450, 800), (90, 150)])
def test_what_jumps_is_distrusted_and_trusted_again_when_it_stays(size: int, ratio: int) -> None:
    steadiness = _trusted()
    assert 3 <= _distrusted_s(steadiness, size, ratio) <= 60
    assert all(_admit(steadiness, size, ratio) for _ in range(30))
    assert not _admit(steadiness, 200, 500)  # the way back is as far


def test_the_largest_jump_of_size_stays_a_small_integer() -> None:
    assert _trusted(size=1)._jump(0xFFFE, 4000) < 1 << 30
    assert quality._growth_permille(1, 0xFFFE) * 1000 < 1 << 30


@pytest.mark.parametrize("ratio", [130, 900, 1500])
def test_colour_alone_is_followed_however_fast(ratio: int) -> None:
    assert _distrusted_s(_trusted(), 200, ratio) == 0  # a saturation that falls must be seen


def test_what_jumps_and_comes_back_is_trusted_at_once() -> None:
    steadiness = _trusted()
    assert not any(_admit(steadiness, 900, 900) for _ in range(5))
    assert _admit(steadiness, 200, 500)


@pytest.mark.parametrize("grown", [1.05, 1 / 1.05])
def test_slow_changes_are_trusted_all_the_way(grown: float) -> None:
    steadiness = _trusted(size=1000)
    assert all(_admit(steadiness, round(1000 * grown**second), 500) for second in range(40))


@pytest.mark.parametrize("step", [12, -12])
def test_a_desaturation_of_a_point_in_three_seconds_is_trusted_all_the_way(step: int) -> None:
    steadiness = _trusted(ratio=800)
    assert all(_admit(steadiness, 200, 800 + step * second) for second in range(50))


def test_a_sensor_put_on_anew_has_no_reference() -> None:
    steadiness = _trusted()
    steadiness.restart()
    assert _admit(steadiness, 900, 1200)
    assert not _admit(steadiness, 200, 500)


def test_more_spread_is_allowed_after_some_trusted_windows_and_of_slow_pulses() -> None:
    assert not _admit(Steadiness(), 200, 500, spread=250)
    assert _admit(Steadiness(), 200, 500, spread=250, is_slow=True)
    assert _admit(_trusted(), 200, 500, spread=250)
    assert not _admit(_trusted(), 200, 500, spread=450)
    steadiness = _trusted()
    for _ in range(60):
        assert not _admit(steadiness, 200, 500, spread=450)
    assert not _admit(steadiness, 200, 500, spread=250)  # trust is lost as it was won


def test_parts_of_reasons_add_up() -> None:
    assert _admit(_trusted(), 200, 720)
    assert _admit(_trusted(), 400, 500)
    assert _admit(_trusted(), 200, 500, spread=380)
    assert not _admit(_trusted(), 400, 720)
    assert not _admit(_trusted(), 200, 720, spread=380)


def test_a_ratio_that_is_not_known_is_no_jump_and_no_reference() -> None:
    steadiness = _trusted(ratio=-1)
    assert _admit(steadiness, 200, 900)
    assert not _admit(steadiness, 480, 400)
    assert _admit(steadiness, 480, -1)


# LED codes that change


@pytest.mark.parametrize("bpm", [40, 72, 110, 180])
@pytest.mark.parametrize("codes", [(18, 18), (72, 72), (36, 60), (60, 36), (20, 80)])
def test_a_change_of_led_codes_keeps_what_is_shown(bpm: int, codes: tuple[int, int]) -> None:
    """The codes change at the twentieth second, whatever the phase of the beat."""
    for phase in (0.0, 0.27, 0.5, 0.77):
        signal, shown, scale = PulseOximeter(), [], (1.0, 1.0)
        for count in range(25 * 32):
            if count == 25 * 20:
                scale = (codes[0] / REFERENCE_LED_CODE, codes[1] / REFERENCE_LED_CODE)
                signal.rescale(REFERENCE_LED_CODE, codes[0], REFERENCE_LED_CODE, codes[1])
            beat = _pulse(phase + bpm * count / 1500, 0.09, 0.4)
            signal.add(round(90_000 * (1 - 0.01 * beat) * scale[0]), round(100_000 * (1 - 0.02 * beat) * scale[1]))
            if count % 25 == 24 and count > 25 * 15:
                shown.append(Vitals())
                signal.judge(shown[-1], 25_000)
        assert all(abs(vitals.pulse_rate.value - bpm * 10) <= 5 for vitals in shown if vitals.pulse_rate.has_value)
        assert all(abs(vitals.ratio.value - shown[0].ratio.value) <= 15 for vitals in shown if vitals.ratio.has_value)
        assert all(vitals.pulse_rate.has_value and vitals.spo2.has_value for vitals in shown), (phase, bpm)


class Changing:
    """A patient whose finger lets through more or less light in the course of time: `percent` at a second."""

    has_temperature = False
    start_us = 0
    end_us: int | None = None

    def __init__(self, bpm: int, percent: Callable[[float], float]) -> None:
        self._patient = parse_patient([_PATIENT, f"0,{bpm},97,2,,0.02,1"], "test")
        self._percent = percent

    def sample_into(self, time_us: int, out: MutableSequence[int]) -> bool:
        """As the patient's, brighter or darker."""
        there = self._patient.sample_into(time_us, out)
        for channel in range(2):
            out[channel] = round(out[channel] * self._percent(time_us / 1e6) / 100)
        return there

    def temperature_centi_c(self, time_us: int) -> None:
        """There is no thermometer."""


@pytest.mark.parametrize("bpm", [45, 72, 110, 150])
@pytest.mark.parametrize("last_pct", [20, 210])
def test_no_second_is_without_a_reading_because_led_codes_change(make_rig: Any, bpm: int, last_pct: int) -> None:
    """Light that becomes five times darker, or twice as bright, by a percent in a second."""
    growth_s = math.copysign(100, last_pct - 100)
    rig = make_rig(source=Changing(bpm, lambda second: 100 * math.exp(max(second - 20, 0) / growth_s)))
    codes = []
    for _ in range(20 + round(growth_s * math.log(last_pct / 100))):
        rig.run(1)
        codes.append((rig.monitor.sampler.gain.red, rig.monitor.sampler.gain.ir))
    assert codes[15] != codes[-1]
    assert None not in rig.column("pulse_rate")[12:]
    assert None not in rig.column("spo2")[12:]
    assert all(abs(value - bpm * 10) <= 20 for value in rig.column("pulse_rate")[12:])
    assert all(abs(value - 970) <= 12 for value in rig.column("spo2")[12:])
