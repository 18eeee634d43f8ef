"""The signal path: right where it publishes, silent with a reason where it cannot be right."""

import math
import random
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.signal import oximetry
from vigil_firmware.signal.calibration import Curve
from vigil_firmware.signal.conditioning import MOST_LENGTH, Channel
from vigil_firmware.signal.oximetry import square_root
from vigil_firmware.signal.periodicity import Periodicity
from vigil_firmware.signal.pulse_oximeter import SHORT_WINDOW, WINDOW, PulseOximeter
from vigil_firmware.vitals import Vitals
from vigil_wire import statuses


def wave(phase: float) -> float:
    """One beat of absorbed light, 0 to about 1: a systolic and a dicrotic lobe."""
    phase %= 1
    return math.exp(-(((phase - 0.25) / 0.12) ** 2)) + 0.4 * math.exp(-(((phase - 0.55) / 0.12) ** 2))


def samples(
    bpm: float,
    *,
    ratio: float = 0.5,
    perfusion: float = 0.01,
    noise: float = 0.0,
    red: int = 100_000,
    ir: int = 120_000,
    seconds: int = 20,
) -> Iterator[tuple[int, int]]:
    """Yield raw counts at 25 samples/s; perfusion and noise as parts of the steady light."""
    chance = random.Random(1)
    for count in range(seconds * 25):
        beat = wave(bpm * count / 1500)
        pair = (red * (1 - ratio * perfusion * beat), ir * (1 - perfusion * beat))
        yield tuple(min(262_143, max(0, round(x + chance.gauss(0, 1) * noise * x))) for x in pair)  # type: ignore[misc]


def judged(raw: Iterator[tuple[int, int]]) -> list[Vitals]:
    """What the path makes of samples, once a second from the tenth on."""
    signal, found = PulseOximeter(), []
    for count, (red, ir) in enumerate(raw):
        signal.add(red, ir)
        if count % 25 == 24 and count >= 249:
            found.append(Vitals())
            signal.judge(found[-1], 25_000)
    return found


@pytest.mark.parametrize("bpm", [*range(26, 60, 2), *range(60, 237, 6), 236])
def test_patients_pulse_rate_is_found(make_rig: Any, bpm: int) -> None:
    rig = make_rig(f"0,{bpm},97,1,36.7,0,1")
    rig.run(22)
    readings = rig.column("pulse_rate")
    assert None not in readings[15 if bpm <= 30 else 9 :]  # a slow pulse takes longer to show three beats
    readings = [value for value in readings if value is not None]
    assert all(abs(value - bpm * 10) <= max(20, bpm // 5) for value in readings), readings


@pytest.mark.parametrize("bpm", [25, 240])
def test_pulse_rate_at_the_ends_of_the_range_is_right_or_refused(make_rig: Any, bpm: int) -> None:
    rig = make_rig(f"0,{bpm},97,1,36.7,0,1")
    rig.run(50)
    readings = [value for value in rig.column("pulse_rate") if value is not None]
    assert readings
    assert all(abs(value - bpm * 10) <= max(20, bpm // 5) for value in readings), readings
    assert set(rig.column("pulse_rate_status")[15:]) <= {"validated", "out_of_range"}


@pytest.mark.parametrize("bpm", [10, 15, 20, 244, 250, 262, 275, 280, 290, 300, 320, 340, 350])
def test_rate_beyond_the_range_is_never_shown_as_half_or_double(bpm: int) -> None:
    for vitals in judged(samples(bpm)):
        assert not vitals.pulse_rate.has_value, vitals.pulse_rate.value


@pytest.mark.parametrize("spo2", range(75, 101, 5))
@pytest.mark.parametrize("bpm", [50, 72, 120, 200])
def test_spo2_is_the_patients_own_in_spite_of_his_breathing(make_rig: Any, spo2: int, bpm: int) -> None:
    rig = make_rig(f"0,{bpm},{spo2},1,36.7,0.02,1")  # his breath moves the light by 0.4 %, as much as a weak pulse
    rig.run(20)
    readings = rig.column("spo2")[9:]
    assert None not in readings
    assert all(abs(value - spo2 * 10) <= 10 for value in readings), readings


@pytest.mark.parametrize("bpm", [27, 32, 38])
def test_spo2_of_a_slow_pulse_is_at_most_two_points_low_or_withheld(make_rig: Any, bpm: int) -> None:
    rig = make_rig(f"0,{bpm},97,1,36.7,0,1")
    rig.run(20)
    readings = [value for value in rig.column("spo2")[10:] if value is not None]
    assert len(readings) > 5
    assert all(950 <= value <= 975 for value in readings), readings


@pytest.mark.parametrize(("percent", "least", "most"), [(0.5, 30, 60), (1, 60, 110), (5, 300, 500), (15, 950, 1500)])
def test_perfusion_is_the_pulses(make_rig: Any, percent: float, least: int, most: int) -> None:
    rig = make_rig(f"0,72,97,{percent},36.7,0,1")
    rig.run(20)
    assert all(least <= value <= most for value in rig.column("perfusion")[9:])


def test_sensor_off_is_told_within_three_seconds_and_shows_no_value(make_rig: Any, first_tick: int) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1", "15,72,97,2,36.7,0.02,0", first_tick=first_tick)
    rig.run(30)
    assert rig.column("pulse_rate_status")[14] == "validated"
    for name in ("pulse_rate", "spo2", "perfusion"):
        assert rig.column(name + "_status")[17:] == ["sensor_off"] * 13
        assert rig.column(name)[16:] == [None] * 14


def test_sensor_put_on_again_begins_a_new_window(make_rig: Any) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1", "15,72,97,2,36.7,0.02,0", "20,110,90,2,36.7,0.02,1")
    rig.run(35)
    assert rig.column("pulse_rate_status")[21:24] == ["acquiring"] * 3
    assert all(abs(value - 1100) <= 22 for value in rig.column("pulse_rate")[29:])
    assert all(abs(value - 900) <= 10 for value in rig.column("spo2")[29:])


def test_slipping_sensor_shows_no_value_until_a_short_window_is_whole(make_rig: Any) -> None:
    rows = [f"{at},72,97,2,36.7,0.02,{contact}" for at, contact in ((0, 1), (15, 0), (15.3, 1))]
    rig = make_rig(*rows)  # too short for sensor_off
    rig.run(30)
    assert rig.column("pulse_rate")[15:20] == [None] * 5
    assert rig.column("pulse_rate_status")[25:] == ["validated"] * 5


@pytest.mark.parametrize("noise", ["0.01", "0.05", "0.2", "1", "5", "20"])
def test_noise_is_never_a_pulse(make_rig: Any, noise: str) -> None:
    rig = make_rig(f"0,72,97,0,36.7,{noise},1")
    rig.run(120)
    assert rig.column("pulse_rate") == [None] * 120
    assert rig.column("spo2") == [None] * 120
    assert set(rig.column("pulse_rate_status")[9:]) <= {"poor_signal", "low_perfusion", "out_of_range"}


def test_open_sensor_is_never_a_pulse(make_rig: Any) -> None:
    rig = make_rig("0,72,97,2,36.7,0.5,0")
    rig.run(60)
    assert rig.column("pulse_rate_status")[1:] == ["sensor_off"] * 59


def test_low_perfusion_is_told_with_its_number() -> None:
    for vitals in judged(samples(72, perfusion=0.001)):
        assert vitals.pulse_rate.status == vitals.spo2.status == statuses.LOW_PERFUSION
        assert vitals.perfusion.has_value
        assert 5 <= vitals.perfusion.value < 15
        assert vitals.quality == 0


def test_perfusion_is_judged_without_the_breath(make_rig: Any) -> None:
    rig = make_rig("0,72,97,0.1,36.7,0,1")
    rig.run(20)
    assert rig.column("pulse_rate")[9:] == [None] * 11


@pytest.mark.parametrize(("red", "ir"), [(100_000, 262_143), (262_143, 120_000), (262_143, 262_143)])
def test_clipped_channel_is_a_poor_signal(red: int, ir: int) -> None:
    for vitals in judged(samples(72, red=red, ir=ir)):
        assert vitals.pulse_rate.status == vitals.spo2.status == statuses.POOR_SIGNAL


def test_single_clipped_sample_spoils_its_window_only() -> None:
    raw = list(samples(72, seconds=40))
    raw[400] = (raw[400][0], 262_143)
    found = [vitals.pulse_rate.status for vitals in judged(iter(raw))]
    assert found[7:14] == [statuses.POOR_SIGNAL] * 7
    assert set(found[:6] + found[16:]) == {statuses.VALIDATED}


@pytest.mark.parametrize("ratio", [0.31, 0.33, 0.35, 0.36])
def test_spo2_over_100_is_questionable_and_not_hidden(ratio: float) -> None:
    for vitals in judged(samples(72, ratio=ratio, perfusion=0.05)):
        assert (vitals.spo2.value, vitals.spo2.status) == (1000, statuses.QUESTIONABLE)
        assert vitals.pulse_rate.status == statuses.VALIDATED


@pytest.mark.parametrize("ratio", [0.1, 0.25, 1.7, 2.5, 6.0])
def test_ratio_outside_the_curve_gives_no_spo2(ratio: float) -> None:
    for vitals in judged(samples(72, ratio=ratio, perfusion=0.03)):
        assert vitals.spo2.status == statuses.OUT_OF_RANGE
        assert vitals.pulse_rate.has_value


@pytest.mark.parametrize("strength", [1.5, 4])
@pytest.mark.parametrize("spo2", [75, 85, 97])
def test_a_knock_never_moves_spo2_by_more_than_three_points(strength: float, spo2: int) -> None:
    ratio = next(ratio for ratio in range(300, 1400) if Curve().spo2_deci_pct(ratio) <= spo2 * 10)
    raw = []
    for count, (red, ir) in enumerate(samples(72, ratio=ratio / 1000, perfusion=0.015, seconds=120)):
        since = count % 140 - 70 + 10 * (count // 140)
        knock = strength * 0.015 * math.exp(-0.5 * (since / 2) ** 2) if count > 300 else 0.0
        share = 0.6 + 0.2 * (count // 140 % 5)  # red feels it more or less than infrared
        raw.append((round(red * (1 - share * knock)), round(ir * (1 - knock))))
    found = [vitals.spo2.value for vitals in judged(iter(raw)) if vitals.spo2.has_value]
    assert len(found) > 30
    assert all(abs(value - spo2 * 10) <= 30 for value in found), found


def test_channels_that_differ_give_no_spo2() -> None:
    raw = zip(samples(72, perfusion=0.02), samples(95, perfusion=0.02), strict=True)
    for vitals in judged((red, ir) for (red, _), (_, ir) in raw):
        assert vitals.spo2.status == statuses.POOR_SIGNAL
        assert abs(vitals.pulse_rate.value - 950) <= 20


@pytest.mark.parametrize("red", [0, 1, 2])
def test_dead_red_led_gives_no_spo2(red: int) -> None:
    raw = [(red if count % 21 < 7 else 0, ir) for count, (_, ir) in enumerate(samples(71.4, perfusion=0.03))]
    for vitals in judged(iter(raw)):
        assert not vitals.spo2.has_value


@given(st.integers(0, (1 << 30) - 1))
def test_square_root(value: int) -> None:
    assert square_root(value) == math.isqrt(value)


def test_square_root_of_every_small_value_and_around_every_square() -> None:
    assert [square_root(value) for value in range(5000)] == [math.isqrt(value) for value in range(5000)]
    for root in range(1, 1 << 15, 7):
        assert [square_root(root * root + off) for off in (-1, 0, 1)] == [root - 1, root, root]


@given(st.integers(1, 28_963), st.integers(1, 262_143), st.integers(1, 28_963), st.integers(1, 262_143))
def test_ratio_of_ratios(ac_red: int, dc_red: int, ac_ir: int, dc_ir: int) -> None:
    exact = 1000 * ac_red * dc_ir / (ac_ir * dc_red)
    found = oximetry.ratio_of_ratios_milli(ac_red, dc_red, ac_ir, dc_ir)
    if 0.25 <= dc_ir / dc_red <= 3.9 and exact < 7900:
        assert found == pytest.approx(exact, rel=0.005, abs=2)


@pytest.mark.parametrize("period", [6.25, 10, 17.3, 25, 40.6, 60])
def test_wander_goes_and_the_pulse_stays(period: float) -> None:
    def rms(values: "list[int] | array[int]") -> float:
        return math.sqrt(sum(value * value for value in values) / len(values))

    def load(light: Callable[[int], float]) -> "array[int]":
        """What is left of some light in the window of a pulse of that period."""
        channel = Channel()
        for count in range(WINDOW):
            channel.ring[count] = round(light(count)) + round(light(count - 1))
        channel.load(1 - WINDOW % stride, (WINDOW - 1) // stride, stride, span)
        assert channel.length == (WINDOW - 1) // stride - span
        assert channel.dc == pytest.approx(light(WINDOW // 2), rel=0.02)
        return channel.window[: channel.length]

    stride = 1 if period < 14 else 2
    span = round(period / stride) | 1
    pulse = load(lambda n: 100_000 + 400 * math.sin(2 * math.pi * n / period))
    sums = [800 * math.cos(math.pi / period) * math.sin(2 * math.pi * n / period) for n in range(WINDOW)]
    assert rms(pulse) == pytest.approx(rms(sums), rel=0.12)
    slow = load(lambda n: 100_000 + 400 * math.sin(2 * math.pi * n / 100))
    assert rms(slow) < rms(pulse) * (0.12 if period <= 25 else 0.55)


@given(st.floats(5.9, 40), st.floats(0, 1), st.integers(40, 1000), st.floats(0.93, 1.07))
def test_period_of_a_clean_wave(period: float, phase: float, height: int, off: float) -> None:
    window = array("i", [round(height * (wave(phase + n / period) - 0.4)) for n in range(MOST_LENGTH - 1)])
    found = Periodicity()
    found.load(window, len(window))
    assert found.peak(round(period * off * 64), 12) >= 880
    assert found.lag / 64 == pytest.approx(period, rel=0.02)


@pytest.mark.parametrize("value", [0, 1, -1024, 1023])
def test_flat_window_has_no_period(value: int) -> None:
    found = Periodicity()
    found.load(array("i", [value] * WINDOW), MOST_LENGTH - 1)
    assert [found.peak(lag << 6, 12) for lag in range(2, 63)] == [0] * 61


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_published_from_before_a_restart(seed: int) -> None:
    signal, vitals = PulseOximeter(), Vitals()
    for red, ir in samples(40, perfusion=0.05):
        signal.add(red, ir)
    signal.restart()
    for index, (red, ir) in enumerate(samples(150, perfusion=0.005, seconds=8)):
        signal.judge(vitals, 25_000)
        assert vitals.pulse_rate.has_value or index < SHORT_WINDOW + 25
        assert index >= SHORT_WINDOW or vitals.pulse_rate.status == statuses.ACQUIRING
        assert not vitals.pulse_rate.has_value or vitals.pulse_rate.value == pytest.approx(1500, abs=20)
        signal.add(red, ir)
