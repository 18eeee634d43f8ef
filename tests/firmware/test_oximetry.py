"""What is shown as SpO2: on the right curve, from two ratios that agree, and never from exchanged channels."""

import itertools
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil_firmware.signal.calibration import AN6845, OUTSIDE, Curve
from vigil_firmware.signal.oximetry import CAPACITY, SWAPPED_FAULT, BeatRatios, ChannelOrder, Oximetry
from vigil_firmware.vitals import Vitals
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_wire import conditions, statuses
from vigil_wire.settings import Settings

OWN = ((400, 990), (700, 900), (1100, 760))


def swap(bus: SimulatedI2C, part: SimulatedMax30102) -> None:
    """Exchange the dies of the part."""
    part.swapped_leds = True


def shown(oximeter: Oximetry, window_milli: int, beats_milli: "list[int]") -> Vitals:
    """What is published of a window's ratio and its beats' ratios."""
    vitals = Vitals()
    oximeter.beats.restart()
    for ratio in beats_milli:
        oximeter.beats.add(ratio)
    oximeter.judge(vitals, window_milli, oximeter.beats.median(), statuses.VALIDATED)
    return vitals


def test_default_curve_is_the_published_one() -> None:
    for ratio in range(300, 1601):
        exact = 10 * (1.5958422 * (ratio / 1000) ** 2 - 34.6596622 * ratio / 1000 + 112.6898759)
        assert abs(Curve().spo2_deci_pct(ratio) - exact) <= 1.1
    assert not Curve().is_own


@st.composite
def curves(draw: st.DrawFn) -> "tuple[tuple[int, int], ...]":
    """Two to eight points, ratios rising, SpO2 falling."""
    count = draw(st.integers(2, 8))
    ratios = draw(st.lists(st.integers(200, 2000), min_size=count, max_size=count, unique=True))
    spo2 = draw(st.lists(st.integers(500, 1050), min_size=count, max_size=count, unique=True))
    return tuple(zip(sorted(ratios), sorted(spo2, reverse=True), strict=True))


@given(st.one_of(st.just(()), curves()), st.integers(0, 2600), st.integers(0, 2600))
def test_spo2_falls_as_the_ratio_rises_and_ends_where_the_curve_does(points: Any, one: int, other: int) -> None:
    curve = Curve(points)
    low, high = sorted((one, other))
    first, last = (points or AN6845)[0], (points or AN6845)[-1]
    for ratio in (low, high):
        assert (curve.spo2_deci_pct(ratio) == OUTSIDE) == (not first[0] <= ratio <= last[0])
    if OUTSIDE not in (curve.spo2_deci_pct(low), curve.spo2_deci_pct(high)):
        assert first[1] >= curve.spo2_deci_pct(low) >= curve.spo2_deci_pct(high) >= last[1]


@given(curves())
def test_a_curve_passes_through_its_points(points: Any) -> None:
    assert [Curve(points).spo2_deci_pct(ratio) for ratio, _ in points] == [spo2 for _, spo2 in points]


@given(st.lists(st.integers(300, 1600), min_size=1, max_size=CAPACITY), st.integers(2, 6))
def test_unit_of_the_beats_ratios_does_not_matter(ratios: list[int], scale: int) -> None:
    plain, scaled = BeatRatios(), BeatRatios()
    for ratio in ratios:
        plain.add(ratio)
        scaled.add(ratio * scale)
    assert scaled.median() == pytest.approx(plain.median() * scale, abs=scale)
    assert scaled.dispersion_permille == pytest.approx(plain.dispersion_permille, abs=4)


@given(st.lists(st.integers(-4000, 4000), min_size=1, max_size=CAPACITY))
def test_median_and_dispersion_are_those_of_the_beats(ratios: list[int]) -> None:
    beats = BeatRatios()
    for ratio in ratios:
        beats.add(ratio)
    expected = [max(ratio, 0) for ratio in ratios]  # where red does not follow infrared there is no ratio
    median = int(statistics.median(expected))
    assert beats.median() == median
    steps = [abs(one - other) for one, other in itertools.pairwise(expected)]
    moved = sum(steps) * 600 // max(len(steps), 1)
    assert beats.dispersion_permille == (moved // median if median else 1000)


@given(st.integers(300, 1500), st.integers(-60, 60), st.integers(3, 12))
def test_a_saturation_that_falls_fast_does_not_make_the_beats_differ(first: int, step: int, count: int) -> None:
    ratios = [max(first + step * index, 200) for index in range(count)]
    beats = BeatRatios()
    for ratio in ratios:
        beats.add(ratio)
    assert beats.dispersion_permille <= 600 * abs(step) // beats.median() + 1


def test_beats_for_which_there_is_no_room_are_left_out() -> None:
    beats = BeatRatios()
    for ratio in [500] * CAPACITY + [900] * CAPACITY:
        beats.add(ratio)
    assert (beats.count, beats.median(), beats.dispersion_permille) == (CAPACITY, 500, 0)


def test_there_is_no_ratio_without_a_beat() -> None:
    beats = BeatRatios()
    assert (beats.median(), beats.dispersion_permille) == (0, 0)
    beats.add(500)
    beats.restart()
    assert beats.median() == 0


@pytest.mark.parametrize(
    ("window", "beats", "status"),
    [
        (500, [490, 500, 510, 505], statuses.VALIDATED),
        (535, [490, 500, 510, 505], statuses.VALIDATED),
        (560, [490, 500, 510, 505], statuses.POOR_SIGNAL),  # a knock in the window
        (440, [490, 500, 510, 505], statuses.POOR_SIGNAL),
        (500, [350, 440, 500, 560, 700], statuses.POOR_SIGNAL),  # something else than blood moves the light
        (500, [490, 500, 510, 505, 2000], statuses.POOR_SIGNAL),  # a knock in one beat
        (500, [500], statuses.POOR_SIGNAL),
        (500, [0, 0, 0], statuses.POOR_SIGNAL),
    ],
)
def test_spo2_needs_beats_that_are_alike_and_agree_with_the_window(window: int, beats: list[int], status: int) -> None:
    vitals = shown(Oximetry(), window, beats)
    assert vitals.spo2.status == vitals.ratio.status == status
    if vitals.spo2.has_value:
        assert vitals.spo2.value == Curve().spo2_deci_pct(window)
        assert vitals.ratio.value == window


def test_own_curve_is_used_and_said_and_given_up_again() -> None:
    oximeter = Oximetry()
    oximeter.use_curve(OWN)
    vitals = shown(oximeter, 700, [700] * 5)
    assert (vitals.spo2.value, vitals.spo2_is_calibrated) == (900, True)
    vitals = shown(oximeter, 1150, [1150] * 5)  # the default curve goes on here
    assert (vitals.spo2.status, vitals.ratio.value) == (statuses.OUT_OF_RANGE, 1150)
    oximeter.use_curve(())
    vitals = shown(oximeter, 1150, [1150] * 5)
    assert (vitals.spo2.value, vitals.spo2_is_calibrated) == (749, False)


@pytest.mark.parametrize(("ratio", "value", "status"), [
    (400, None, statuses.OUT_OF_RANGE),
    (440, 1000, statuses.QUESTIONABLE),
    (490, 1000, statuses.QUESTIONABLE),
    (501, 1000, statuses.VALIDATED),
])  # fmt: skip
def test_a_little_over_100_is_questionable_and_more_is_no_reading(ratio: int, value: int | None, status: int) -> None:
    oximeter = Oximetry()
    oximeter.use_curve(((400, 1040), (500, 1000), (1100, 760)))
    spo2 = shown(oximeter, ratio, [ratio] * 5).spo2
    assert (spo2.value if spo2.has_value else None, spo2.status) == (value, status)


@pytest.mark.parametrize("spo2", [90, 92, 95, 97, 99])
@pytest.mark.parametrize("perfusion", ["1", "4"])
def test_exchanged_dies_never_show_an_spo2_and_are_named(make_rig: Any, spo2: int, perfusion: str) -> None:
    rig = make_rig(f"0,72,{spo2},{perfusion},36.7,0.02,1", prepare=swap)
    rig.run(60)
    assert rig.column("spo2") == [None] * 60
    assert set(rig.column("spo2_status")[50:]) == {"sensor_fault"}
    assert abs(rig.column("pulse_rate")[-1] - 720) < 20
    assert rig.monitor.oximetry_fault == SWAPPED_FAULT
    assert rig.monitor.alarms.bits == 1 << conditions.SENSOR_FAULT
    assert not rig.monitor.sampler.fault


def test_exchanged_dies_stay_found_when_the_wearer_becomes_hypoxic(make_rig: Any) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1", "60,72,97,2,36.7,0.02,1", "61,72,75,2,36.7,0.02,1", prepare=swap)
    rig.run(100)
    assert rig.column("spo2") == [None] * 100


@pytest.mark.parametrize("spo2", [70, 72, 80, 90, 97, 100])
def test_a_good_part_is_never_taken_for_an_exchanged_one(make_rig: Any, spo2: int) -> None:
    rig = make_rig(f"0,72,{spo2},2,36.7,0.02,1")
    rig.run(60)
    assert rig.monitor.oximetry_fault == ""
    assert None not in rig.column("spo2")[9:]


def test_hypoxia_after_health_is_shown_however_deep() -> None:
    order = ChannelOrder()
    for ratio in [500] * 30 + [1500] * 600:
        order.weigh(ratio)
    assert order.is_proven
    assert not order.is_swapped


def test_a_few_strange_seconds_prove_nothing() -> None:
    order = ChannelOrder()
    for ratio in ([1500] * 20 + [500] * 20 + [1000] * 100) * 5:
        order.weigh(ratio)
    assert not order.is_proven
    assert not order.is_swapped


def test_own_curve_is_in_force_from_the_settings_and_when_they_change(make_rig: Any) -> None:
    rig = make_rig("0,72,90,2,36.7,0.02,1", settings=Settings(OWN))
    rig.run(15)
    assert rig.monitor.vitals.spo2_is_calibrated
    own = rig.column("spo2")[-1]
    rig.monitor.apply(Settings(), b"")
    rig.run(2)
    assert not rig.monitor.vitals.spo2_is_calibrated
    assert abs(own - 907) <= 6 and abs(rig.column("spo2")[-1] - 900) <= 3
