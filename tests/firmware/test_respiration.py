"""Respiration: right where it is told, and not told where beats cannot show it."""

import math
import random
from array import array
from collections.abc import Callable, MutableSequence
from typing import Any

import pytest

from vigil_firmware.signal.respiration import POINTS, Respiration, Spectrum, peak_of, share_of
from vigil_firmware.vitals import Vitals
from vigil_wire import records, statuses

RATE_MILLI_HZ = 25_000
Beat = tuple[float, float, float]
"""Length in seconds, height and baseline in counts."""


class Wearer:
    """Beats as the signal path finds them, made one after another, and what is judged each second."""

    def __init__(self, pulse_bpm: float, seed: int = 1) -> None:
        self.respiration = Respiration()
        self.vitals = Vitals()
        self.chance = random.Random(seed)
        self.pulse_bpm = pulse_bpm
        self.at_s = 0.0
        self.judged_s = 0
        self.told: list[float | None] = []
        self.vitals.pulse_rate.publish(round(pulse_bpm * 10), statuses.VALIDATED)

    def beat(self, length_s: float, height: float, baseline: float) -> None:
        """One beat; the seconds that it ends are judged."""
        self.at_s += length_s
        while self.judged_s + 1 <= self.at_s:
            self.judge()
        self.respiration.add(round(length_s * 25 * 64), round(height), round(baseline))

    def judge(self) -> None:
        self.judged_s += 1
        self.respiration.judge(self.vitals, RATE_MILLI_HZ)
        found = self.vitals.respiration
        self.told.append(found.value / 10 if found.has_value else None)

    def breathe(self, per_min: float, seconds: float, depths: Beat = (0.04, 0.12, 300.0)) -> None:
        """Beats that breathing modulates by these depths, over the noise of a good signal."""
        until_s = self.at_s + seconds
        while self.at_s < until_s:
            turn = 2 * math.pi * per_min * self.at_s / 60
            noise = self.chance.gauss
            self.beat(
                60 / self.pulse_bpm * (1 + depths[0] * math.sin(turn) + noise(0, 0.02)),
                1500 * (1 + depths[1] * math.sin(turn + 1) + noise(0, 0.04)),
                120_000 + depths[2] * math.sin(turn + 2) + noise(0, 20),
            )

    def published(self) -> list[float]:
        return [rate for rate in self.told if rate is not None]


@pytest.mark.parametrize("per_min", [4.0, 7.6, 10.3, 15.0, 22.7, 40.0])
def test_spectrum_has_the_peak_of_a_sine(per_min: float) -> None:
    cycles = per_min * 32 / 60
    ring = array("i", [round(120_000 + 200 * math.sin(2 * math.pi * cycles * n / POINTS + 0.4)) for n in range(POINTS)])
    for turned in (0, 17):  # a ring begins anywhere
        spectrum = Spectrum()
        spectrum.look_at(ring[-turned:] + ring[:-turned] if turned else ring, turned)
        if per_min < 7.5:
            assert share_of(spectrum.power, peak_of(spectrum.power)) == 0
        else:
            assert peak_of(spectrum.power) / 64 == pytest.approx(cycles, abs=0.1)
            assert share_of(spectrum.power, peak_of(spectrum.power)) > 850


@pytest.mark.parametrize(
    ("pulse_bpm", "per_min"),
    [(55, 9), (60, 12), (60, 18), (72, 15), (72, 28), (90, 22), (90, 40), (120, 36), (180, 30)],
)
def test_rate_is_the_breaths(pulse_bpm: int, per_min: int) -> None:
    wearer = Wearer(pulse_bpm)
    wearer.breathe(per_min, 150)
    assert len(wearer.published()) > 60
    assert all(abs(rate - per_min) <= 1 for rate in wearer.published()), wearer.told


def test_nothing_is_told_before_two_windows_agree() -> None:
    wearer = Wearer(72)
    wearer.breathe(15, 120)
    first = next(index for index, rate in enumerate(wearer.told, 1) if rate is not None)
    assert 45 <= first <= 55
    assert wearer.told[first - 1 :].count(None) == 0


def _aliased(wearer: Wearer) -> None:
    wearer.breathe(35, 300)  # of a pulse of 60: looks like 25


def _unmodulated(wearer: Wearer) -> None:
    wearer.breathe(15, 300, (0, 0, 0))


def _slow_waves(wearer: Wearer) -> None:
    wearer.breathe(6, 300)


def _faster_than_forty(wearer: Wearer) -> None:
    wearer.breathe(48, 300)


def _every_third_early(wearer: Wearer) -> None:
    for number in range(400):
        length, height = ((0.6, 900), (0.95, 1700), (0.75, 1500))[number % 3]
        wearer.beat(length + wearer.chance.gauss(0, 0.01), height, 120_000 + (number % 3) * 60)


def _fibrillation(wearer: Wearer) -> None:
    for _ in range(400):
        length = max(0.35, wearer.chance.gauss(0.8, 0.18))
        wearer.beat(length, 1500 * length / 0.8, 120_000 + 300 * length)


@pytest.mark.parametrize(
    ("pulse_bpm", "live", "statuses_told"),
    [
        (60, _aliased, {"acquiring", "out_of_range", "poor_signal"}),
        (72, _unmodulated, {"acquiring", "poor_signal"}),
        (72, _slow_waves, {"acquiring", "poor_signal", "out_of_range"}),
        (120, _faster_than_forty, {"acquiring", "poor_signal", "out_of_range"}),
        (78, _every_third_early, {"acquiring", "erratic"}),
        (75, _fibrillation, {"acquiring", "erratic"}),
    ],
)
def test_what_beats_cannot_show_is_not_told(
    pulse_bpm: int, live: Callable[[Wearer], None], statuses_told: set[str]
) -> None:
    for seed in range(5):
        wearer = Wearer(pulse_bpm, seed)
        live(wearer)
        assert wearer.published() == []
        assert statuses.NAMES[wearer.vitals.respiration.status] in statuses_told - {"acquiring"}
        assert wearer.vitals.respiration_quality == 0


def test_one_modulation_alone_is_hardly_ever_enough() -> None:
    told: list[float | None] = []
    for seed in range(10):
        wearer = Wearer(72, seed)
        wearer.breathe(15, 300, (0, 0, 300))
        told += wearer.told[60:]
    assert len(told) - told.count(None) <= len(told) // 50


def test_change_of_breathing_is_never_told_as_a_rate_between() -> None:
    wearer = Wearer(80)
    wearer.breathe(14, 100)
    wearer.breathe(30, 100)
    assert wearer.told[95] == pytest.approx(14, abs=1)
    assert wearer.told[-1] == pytest.approx(30, abs=1)
    assert all(min(abs(rate - 14), abs(rate - 30)) < 2 for rate in wearer.published())
    assert all(abs(rate - 30) < 2 for rate in wearer.told[140:] if rate is not None)


def test_rhythm_that_turns_irregular_takes_the_rate_away() -> None:
    wearer = Wearer(75)
    wearer.breathe(15, 100)
    assert wearer.told[-1] is not None
    for _ in range(20):
        wearer.beat(max(0.35, wearer.chance.gauss(0.8, 0.3)), 1500, 120_000)
    assert wearer.told[-1] is None
    assert wearer.vitals.respiration.status == statuses.ERRATIC


@pytest.mark.parametrize("away_s", [5, 6])
def test_rate_outlives_a_pulse_by_five_seconds_and_then_begins_anew(away_s: int) -> None:
    wearer = Wearer(72)
    wearer.breathe(15, 100)
    wearer.vitals.pulse_rate.withhold(statuses.POOR_SIGNAL)
    for _ in range(away_s):
        wearer.judge()
    kept = away_s <= 5
    assert (wearer.told[-1] is not None) == kept
    wearer.vitals.pulse_rate.publish(720, statuses.VALIDATED)
    if not kept:
        assert wearer.vitals.respiration.status == statuses.POOR_SIGNAL
        wearer.at_s = float(wearer.judged_s)
        wearer.breathe(15, 30)
        assert wearer.told[-30:] == [None] * 30


def test_hole_between_beats_is_not_bridged() -> None:
    wearer = Wearer(72)
    wearer.breathe(15, 100)
    wearer.respiration.add(5 * 25 * 64, 1500, 120_000)
    wearer.breathe(15, 30)
    assert wearer.told[-30:] == [None] * 30


def test_restart_leaves_nothing_of_what_was() -> None:
    wearer = Wearer(72)
    wearer.breathe(15, 100)
    wearer.respiration.restart()
    wearer.vitals.pulse_rate.withhold(statuses.SENSOR_OFF)
    wearer.judge()
    assert wearer.vitals.respiration.status == statuses.SENSOR_OFF


@pytest.mark.parametrize("rate_milli_hz", [24_630, 25_380, 50_000])
def test_rate_follows_the_measured_sample_rate(rate_milli_hz: int) -> None:
    respiration, vitals = Respiration(), Vitals()
    vitals.pulse_rate.publish(720, statuses.VALIDATED)
    at_s = 0.0
    for _ in range(400):
        turn = 2 * math.pi * 15 * at_s / 60
        length_s = 60 / 72 * (1 + 0.04 * math.sin(turn))
        at_s += length_s
        respiration.add(
            round(length_s * rate_milli_hz * 64 / 1000),
            1500 + round(200 * math.sin(turn)),
            120_000 + round(300 * math.cos(turn)),
        )
        respiration.judge(vitals, rate_milli_hz)
    assert vitals.respiration.value == pytest.approx(150, abs=8)


class Breather:
    """Light on the finger of somebody with a pulse of 72 who breathes, in contact until `off_s`."""

    start_us = 0
    end_us = None

    def __init__(self, per_min: float, off_s: float) -> None:
        self.per_min = per_min
        self.off_us = off_s * 1e6

    def sample_into(self, time_us: int, out: MutableSequence[int]) -> bool:
        turn = 2 * math.pi * self.per_min * time_us / 60e6
        phase = (72 * time_us / 60e6 - 0.06 * math.cos(turn)) % 1
        pulse = (1 + 0.12 * math.sin(turn)) * math.exp(-(((phase - 0.3) / 0.12) ** 2)) + 0.3 * math.sin(turn + 1)
        for channel, (steady, part) in enumerate(((100_000, 0.008), (120_000, 0.015))):
            out[channel] = round(steady * (1 - part * pulse)) if time_us < self.off_us else 400
        return True

    def temperature_centi_c(self, time_us: int) -> None:
        return None


def test_light_of_a_breathing_finger_becomes_a_rate_in_the_record(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(source=Breather(15, off_s=80), first_tick=first_tick)
    rig.run(100)
    told = rig.column("respiration")
    assert told[:40] == [None] * 40
    assert None not in told[65:80]
    assert all(abs(rate - 150) <= 10 for rate in told if rate is not None)
    assert rig.column("respiration_status")[85:] == ["sensor_off"] * 15
    fields = [each.fields for each in rig.records() if each.kind == records.VITALS]
    means = [each["respiration_mean_deci_per_min"] for each in fields]
    assert abs(means[14] - 150) <= 10 and means[-1] is None
    assert (fields[14]["respiration_status"], fields[-1]["respiration_status"]) == (1, statuses.SENSOR_OFF)
    assert fields[14]["spo2_is_calibrated"] == 0


def test_change_of_the_leds_begins_respiration_anew(make_rig: Any) -> None:
    rig = make_rig(source=Breather(15, off_s=200))
    rig.run(80)
    assert rig.column("respiration")[-1] is not None
    rig.monitor._signal.rescale(60, 50, 60, 50)
    rig.run(40)
    assert rig.column("respiration")[80:] == [None] * 40
