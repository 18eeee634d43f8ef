"""The sampler: every sample comes or is missed, and a part that misbehaves is a fault until samples come again."""

from typing import Any

import pytest

from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_wire import conditions
from vigil_wire.settings import Settings

_FAULT = 1 << conditions.SENSOR_FAULT


def test_nothing_depends_on_the_first_tick(make_rig: Any, first_tick: int) -> None:
    rows = ("0,72,97,2,36.7,0.02,1", "14,130,85,2,36.7,0.02,1", "20,130,85,2,36.7,0.02,0", "28,72,97,2,36.7,0.02,1")
    settings = Settings(spo2_delay_s=2, pulse_rate_delay_s=2)
    rigs = []
    for tick in (0, first_tick):
        rig = make_rig(*rows, first_tick=tick, settings=settings)
        rig.run(45)
        rigs.append(rig)
    assert rigs[1].shown == rigs[0].shown
    assert [each.data for each in rigs[1].records()] == [each.data for each in rigs[0].records()]
    assert {"validated", "acquiring", "sensor_off"} <= set(rigs[0].column("pulse_rate_status"))
    assert rigs[0].alarm_events() != []


def test_overflow_begins_a_new_window_and_counts_what_was_lost(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(20)
    assert rig.shown[-1]["pulse_rate_status"] == "validated"
    rig.run(3, step_ms=3000)
    # 75 samples came into a FIFO of 32.
    assert rig.monitor.sampler.lost >= 31
    rig.run(30)
    assert rig.column("pulse_rate_status")[21:24] == ["acquiring"] * 3  # never a bridged hole
    readings = [value for value in rig.column("pulse_rate")[21:] if value is not None]
    assert len(readings) >= 23
    assert all(abs(value - 720) <= 15 for value in readings), readings
    assert rig.monitor.sampler.rate_milli_hz == pytest.approx(25_000, rel=0.005)


def test_part_that_stops_answering_is_a_fault_until_it_comes_back(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(12)
    rig.bus.nak(rig.part.address)
    rig.run(6)
    assert rig.column("pulse_rate_status")[12:18] == ["sensor_fault"] * 6
    assert rig.column("pulse_rate")[12:18] == [None] * 6
    assert "0x57 does not answer" in rig.monitor.sampler.fault
    assert rig.shown[-1]["bits"] & _FAULT
    rig.bus.release(rig.part.address)
    rig.run(14)
    assert rig.monitor.sampler.fault == ""
    assert rig.shown[-1]["pulse_rate_status"] == "validated"
    assert rig.shown[-1]["bits"] == 0
    assert rig.column("pulse_rate_status")[20:23] == ["acquiring"] * 3


def test_single_failed_transfer_costs_one_window_and_no_more(make_rig: Any) -> None:
    rig = make_rig()
    rig.run(12)
    rig.bus.stuck = True
    rig.elapsed_ms += 100
    rig.monitor.step(rig.now())
    assert "bus is stuck" in rig.monitor.sampler.fault
    rig.bus.stuck = False
    rig.elapsed_ms += 900
    rig.monitor.step(rig.now())
    rig.run(11)
    assert rig.shown[-1]["pulse_rate_status"] == "validated"
    assert rig.alarm_events() == []


def test_wrong_part_at_start_then_the_right_one(make_rig: Any, first_tick: int) -> None:
    def swap(bus: SimulatedI2C, part: SimulatedMax30102) -> None:
        part.part_id = 0x11

    rig = make_rig(first_tick=first_tick, prepare=swap)
    assert "0x11" in rig.monitor.sampler.fault
    rig.run(5)
    assert rig.shown[-1]["pulse_rate_status"] == "sensor_fault"
    assert rig.shown[-1]["bits"] & _FAULT
    rig.part.part_id = 0x15
    rig.run(13)
    assert rig.shown[-1]["pulse_rate_status"] == "validated"


def test_brown_out_is_noticed_and_the_part_set_up_again(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(12)
    rig.part.brown_out()
    rig.run(12)
    assert rig.column("pulse_rate_status")[13:16] == ["acquiring"] * 3
    assert rig.shown[-1]["pulse_rate_status"] == "validated"
    assert rig.monitor.sampler.fault == ""


@pytest.mark.parametrize("first_tick", [0, (1 << 30) - 12_200, (1 << 30) - 13_500])  # wraps in the silence, at a retry
def test_silent_part_is_a_lasting_fault_and_raises_its_alarm(make_rig: Any, first_tick: int) -> None:
    rig = make_rig(first_tick=first_tick)
    rig.run(12)
    rig.source.is_silent = True
    rig.run(40)
    assert "delivers no samples" in rig.monitor.sampler.fault
    # The part is set up anew every second or so, which alone mends nothing.
    assert rig.column("pulse_rate_status")[13:] == ["sensor_fault"] * 39
    assert all(bits & _FAULT for bits in rig.column("bits")[16:])
    rig.source.is_silent = False
    rig.run(12)
    assert rig.shown[-1]["pulse_rate_status"] == "validated"
    assert rig.shown[-1]["bits"] == 0


def test_part_silent_from_the_start_is_a_fault(make_rig: Any) -> None:
    rig = make_rig()
    rig.source.is_silent = True
    rig.run(6)
    assert rig.column("pulse_rate_status") == ["sensor_fault"] * 6
    assert rig.shown[-1]["bits"] == _FAULT


@pytest.mark.parametrize("ppm", [-15_000, 15_000])
def test_clock_within_the_datasheet_is_measured_in_twenty_seconds(make_rig: Any, ppm: int, first_tick: int) -> None:
    rig = make_rig("0,120,97,2,36.7,0.02,1", first_tick=first_tick, clock_error_ppm=ppm)
    rig.run(40)
    assert rig.monitor.sampler.rate_milli_hz == pytest.approx(25_000 * (1 + ppm / 1e6), rel=0.003)
    before, after = rig.column("pulse_rate")[9:19], rig.column("pulse_rate")[22:]
    assert all(abs(value - 1200) <= 24 + 18 for value in before)
    assert all(abs(value - 1200) <= 15 for value in after), after


@pytest.mark.parametrize(
    ("factor", "bpm", "quiet_s", "ready_s"),
    [(0.5, 72, 10, 17), (0.5, 110, 10, 17), (2, 72, 3, 5), (2, 180, 3, 5)],
)
def test_clone_at_half_or_twice_the_rate_is_measured(
    make_rig: Any, factor: float, bpm: int, quiet_s: int, ready_s: int
) -> None:
    rig = make_rig(f"0,{bpm},97,2,36.7,0.02,1", clock_error_ppm=round((factor - 1) * 1e6))
    rig.run(45)
    assert rig.monitor.sampler.rate_milli_hz == pytest.approx(25_000 * factor, rel=0.005)
    readings = rig.column("pulse_rate")
    assert readings[:quiet_s] == [None] * quiet_s
    assert None not in readings[ready_s:]
    assert all(abs(value - bpm * 10) <= max(20, bpm // 5) for value in readings if value is not None), readings


def test_steps_at_odd_times_change_nothing(make_rig: Any) -> None:
    rig = make_rig()
    for _ in range(60):
        for wait_ms in (30, 470, 110, 390):
            rig.elapsed_ms += wait_ms
            rig.monitor.step(rig.now())
        rig.shown.append(rig.show())
    assert rig.monitor.sampler.lost == 0
    assert all(abs(value - 720) <= 15 for value in rig.column("pulse_rate")[10:])
