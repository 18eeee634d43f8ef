"""How soon there is a reading, and how soon there is none: the whole monitor on its simulated parts."""

from collections.abc import Callable, MutableSequence
from typing import Any

import pytest

from vigil_hal.simulated.patient import parse_patient
from vigil_wire import statuses

FIRST_READING_MS = 8_000
LOST_MS = 3_000
# When the sensor is put on or taken off: at several phases of the judged second, the beat and the part's own samples.
INSTANTS_MS = tuple(range(10_000, 11_100, 137))
NAMES = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"


class Finger:
    """A patient whose finger lets through more or less light than usual: `percent` of it."""

    has_temperature = False
    start_us = 0
    end_us: int | None = None

    def __init__(self, percent: int, *rows: str) -> None:
        self._patient = parse_patient([NAMES, *rows], "test")
        self._percent = percent

    def sample_into(self, time_us: int, out: MutableSequence[int]) -> bool:
        """As the patient's, brighter or darker."""
        there = self._patient.sample_into(time_us, out)
        for channel in range(2):
            out[channel] = out[channel] * self._percent // 100
        return there

    def temperature_centi_c(self, time_us: int) -> None:
        """There is no thermometer."""


def until_ms(rig: Any, from_ms: int, condition: Callable[[Any], bool]) -> int:
    """Step the monitor; how long after `from_ms` the condition held of its vitals, in steps of 100 ms."""
    while rig.elapsed_ms < from_ms or not condition(rig.monitor.vitals):
        rig.elapsed_ms += 100
        rig.monitor.step(rig.now())
        if rig.elapsed_ms < from_ms:
            continue
        assert rig.elapsed_ms - from_ms <= 30_000, "never"
    return int(rig.elapsed_ms) - from_ms


def _contact(at_ms: int, bpm: int, before: int) -> tuple[str, str]:
    return f"0,{bpm},97,2,,0.02,{before}", f"{at_ms / 1000},{bpm},97,2,,0.02,{1 - before}"


# The brightest finger needs another LED current first, which costs a second of light and a new window.
@pytest.mark.parametrize(
    ("bpm", "percent"), [(40, 40), (40, 100), (72, 40), (72, 100), (72, 200), (150, 40), (150, 200)]
)
def test_first_reading_within_eight_seconds_of_good_contact(make_rig: Any, bpm: int, percent: int) -> None:
    for at_ms in INSTANTS_MS:
        rig = make_rig(source=Finger(percent, *_contact(at_ms, bpm, before=0)))
        took_ms = until_ms(rig, at_ms, lambda vitals: bool(vitals.pulse_rate.has_value and vitals.spo2.has_value))
        assert took_ms <= FIRST_READING_MS, at_ms
        assert abs(rig.monitor.vitals.pulse_rate.value - bpm * 10) <= 30
        assert rig.monitor.vitals.quality > 0


@pytest.mark.parametrize("bpm", [40, 72, 150])
def test_first_reading_within_eight_seconds_of_switching_on(make_rig: Any, first_tick: int, bpm: int) -> None:
    rig = make_rig(f"0,{bpm},97,2,,0.02,1", first_tick=first_tick)
    assert until_ms(rig, 0, lambda vitals: bool(vitals.pulse_rate.has_value)) <= FIRST_READING_MS
    # SpO2 takes two whole pulses, which a slow heart may not have had by then.
    most_ms = FIRST_READING_MS if bpm > 40 else 10_000
    assert until_ms(rig, 0, lambda vitals: bool(vitals.spo2.has_value)) <= most_ms


@pytest.mark.parametrize("bpm", [40, 72, 150])
def test_no_reading_within_three_seconds_of_losing_contact_and_until_it_is_back(make_rig: Any, bpm: int) -> None:
    for at_ms in INSTANTS_MS:
        rig = make_rig(*_contact(at_ms, bpm, before=1))

        def is_off(vitals: Any) -> bool:
            signals = (vitals.pulse_rate, vitals.spo2, vitals.perfusion)
            return all(each.status == statuses.SENSOR_OFF for each in signals)

        assert until_ms(rig, at_ms, is_off) <= LOST_MS, at_ms
        for _ in range(50):
            assert is_off(rig.monitor.vitals)
            assert rig.monitor.vitals.quality == rig.monitor.intervals.count == 0
            rig.elapsed_ms += 100
            rig.monitor.step(rig.now())


@pytest.mark.parametrize("noise_pct", [2, 20])
def test_lost_quality_is_no_reading_at_once_and_for_everything(make_rig: Any, noise_pct: int) -> None:
    rig = make_rig("0,72,97,2,,0.02,1", "14.9,72,97,2,,0.02,1", f"15,72,97,2,,{noise_pct},1")
    rig.run(14)
    assert rig.monitor.vitals.pulse_rate.status == rig.monitor.vitals.spo2.status == statuses.VALIDATED
    rig.run(6)  # the window is mostly noise now
    vitals = rig.monitor.vitals
    assert not vitals.pulse_rate.has_value and not vitals.spo2.has_value
    assert vitals.pulse_rate.status != statuses.SENSOR_OFF  # the sensor is still on
    assert (vitals.quality, rig.monitor.intervals.count) == (0, 0)


def test_a_sensor_fault_is_no_reading_and_repeats_no_interval(make_rig: Any) -> None:
    rig = make_rig("0,72,97,2,,0.02,1")
    rig.run(14)
    assert rig.monitor.vitals.pulse_rate.has_value
    while rig.monitor.intervals.count == 0:  # at 72 a minute some seconds have none
        rig.run(1)
    rig.source.is_silent = True
    for _ in range(50):
        rig.elapsed_ms += 100
        rig.monitor.step(rig.now())
        if rig.monitor.sampler.fault and rig.elapsed_ms % 1000 == 0:
            vitals = rig.monitor.vitals
            assert vitals.pulse_rate.status == vitals.spo2.status == statuses.SENSOR_FAULT
            assert vitals.quality == rig.monitor.intervals.count == 0
    assert rig.monitor.sampler.fault
