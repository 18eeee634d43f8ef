"""The sampler: every sample comes or is missed, and a part that misbehaves is a fault until samples come again."""

import itertools
from collections.abc import MutableSequence
from pathlib import Path
from typing import Any

import pytest

from vigil_firmware.monitor import SENSE_MS
from vigil_firmware.sampler import Sampler
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_hal.simulated.recording import open_recording
from vigil_wire import conditions
from vigil_wire.settings import Settings

_FAULT = 1 << conditions.SENSOR_FAULT
_DATA = Path(__file__).resolve().parents[1] / "data"


class Heard:
    """A signal path that notes what it is told: samples, and the word for everything else."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def add(self, red: int, ir: int) -> None:
        """Note a sample."""
        self.events.append((red, ir))

    def restart(self) -> None:
        """Note a new window."""
        self.events.append("restart")

    def rescale(self, *codes: int) -> None:
        """Note new LED codes."""
        self.events.append(("rescale", *codes))

    @property
    def samples(self) -> list[tuple[int, int]]:
        """All samples."""
        return [event for event in self.events if isinstance(event, tuple) and event[0] != "rescale"]


class Light:
    """Constant counts at the reference LED code, or the time in ms where red is None.

    With infrared too dim for a finger the LEDs are left alone.
    """

    def __init__(self, red: int | None, ir: int = 0) -> None:
        self.red = red
        self.ir = ir
        self.start_us = 0
        self.end_us: int | None = None

    def sample_into(self, time_us: int, out: MutableSequence[int]) -> bool:
        """Give the counts."""
        out[0] = time_us // 1000 if self.red is None else self.red
        out[1] = self.ir
        return True

    def temperature_centi_c(self, time_us: int) -> int | None:
        """Have no thermometer."""
        return None


class Bench:
    """A sampler on a simulated part, without the monitor."""

    def __init__(self, source: Any, clock_error_ppm: int = 0) -> None:
        self.now_ms = 0
        self.part = SimulatedMax30102(source, lambda: self.now_ms, clock_error_ppm=clock_error_ppm)
        self.bus = SimulatedI2C(self.part)
        self.heard = Heard()
        self.sampler = Sampler(Max30102(self.bus), self.heard, 0)  # type: ignore[arg-type]

    def run(self, milliseconds: int, step_ms: int = 100) -> None:
        """Step on."""
        for _ in range(milliseconds // step_ms):
            self.now_ms += step_ms
            self.sampler.step(self.now_ms)


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
    rig.elapsed_ms += SENSE_MS
    rig.monitor.step(rig.now())
    assert "bus is stuck" in rig.monitor.sampler.fault
    rig.bus.stuck = False
    rig.elapsed_ms += 1000 - SENSE_MS
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


@pytest.mark.parametrize("factor", [0.25, 0.5, 2, 4, 6])
@pytest.mark.parametrize("step_ms", [20, 100, 160])
def test_nothing_is_judged_at_a_rate_not_yet_known(factor: float, step_ms: int) -> None:
    bench = Bench(Light(120_000, 120_000), round((factor - 1) * 1e6))
    bench.run(900 // step_ms * step_ms, step_ms)
    assert not bench.sampler.is_rate_known
    bench.run(400, step_ms)
    assert bench.sampler.is_rate_known
    # What was taken at the wrong rate is thrown away.
    assert "restart" in bench.heard.events[1:]
    assert bench.sampler.rate_milli_hz == pytest.approx(25_000 * factor, rel=0.2)
    bench.run(8_000, step_ms)
    assert bench.sampler.rate_milli_hz == pytest.approx(25_000 * factor, rel=0.03)
    bench.run(20_000, step_ms)
    assert bench.sampler.rate_milli_hz == pytest.approx(25_000 * factor, rel=0.01)
    assert bench.sampler.rate_error_permille == pytest.approx(1000 * factor - 1000, abs=10 * max(factor, 1))
    assert bench.sampler.lost == 0


@pytest.mark.parametrize("bpm", [45, 72, 140])
def test_clone_at_four_times_the_rate_never_shows_a_wrong_pulse(make_rig: Any, bpm: int) -> None:
    rig = make_rig(f"0,{bpm},97,2,36.7,0.02,1", clock_error_ppm=3_000_000)
    rig.run(30)
    readings = [value for value in rig.column("pulse_rate") if value is not None]
    assert all(abs(value - bpm * 10) <= max(20, bpm // 5) for value in readings), readings


@pytest.mark.parametrize("ppm", [-15_000, 0, 15_000])
@pytest.mark.parametrize("step_ms", [30, 100, 500])
def test_good_part_is_trusted_from_the_first_second(ppm: int, step_ms: int) -> None:
    bench = Bench(Light(120_000, 120_000), ppm)
    bench.run(19_000, step_ms)
    assert bench.sampler.rate_milli_hz == 25_000
    assert bench.heard.events.count("restart") == 1
    bench.run(3_000, step_ms)
    assert bench.sampler.rate_error_permille == pytest.approx(ppm / 1000, abs=2.1)


def test_clock_that_drifts_is_followed() -> None:
    bench = Bench(Light(120_000, 120_000))
    bench.run(25_000)
    for ppm in range(0, 100_001, 2_000):
        bench.part.clock_error_ppm = ppm
        bench.run(4_000)
    bench.run(40_000)
    assert bench.sampler.rate_milli_hz == pytest.approx(27_500, rel=0.005)
    assert bench.sampler.rate_error_permille == pytest.approx(100, abs=5)


def test_clone_keeps_its_rate_across_a_restart_of_the_part() -> None:
    bench = Bench(Light(120_000, 120_000), -500_000)
    bench.run(25_000)
    bench.part.brown_out()
    bench.run(300)
    assert bench.sampler.rate_milli_hz == pytest.approx(12_500, rel=0.01)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize("stall_ms", [1_400, 2_000, 3_700, 10_000, 60_000])
def test_every_missed_sample_is_counted_however_the_part_overflows(counts: bool, moves: bool, stall_ms: int) -> None:
    bench = Bench(Light(120_000, 120_000))
    bench.part.counts_overflow = counts
    bench.part.overwriting_moves_read = moves
    bench.run(30_000)
    assert bench.sampler.lost == 0
    restarts = bench.heard.events.count("restart")
    bench.run(stall_ms, stall_ms)
    assert bench.heard.events.count("restart") == restarts + 1
    bench.run(2_000)
    assert len(bench.heard.samples) + bench.sampler.lost == (30_000 + stall_ms + 2_000) // 40


@pytest.mark.parametrize("step_ms", [10, 50, 100, 330])
@pytest.mark.parametrize(("red", "ir"), [(500_000, 300_000), (20_000, 120_000), (120_000, 230_000), (600_000, 60_000)])
def test_no_sample_is_of_another_scale_than_the_signal_was_told(red: int, ir: int, step_ms: int) -> None:
    bench = Bench(Light(red, ir))
    bench.run(30_000, step_ms)
    codes = [0x24, 0x24]
    changes = 0
    for event in bench.heard.events[1:]:
        if event[0] == "rescale":
            assert [event[1], event[3]] == codes
            codes = [event[2], event[4]]
            changes += 1
        else:
            assert event == (min(red * codes[0] // 0x24, 262_143), min(ir * codes[1] // 0x24, 262_143))
    assert 1 <= changes <= 2
    # Time goes on without a hole.
    assert len(bench.heard.samples) == pytest.approx(30_000 // step_ms * step_ms / 40, abs=1.1)
    assert bench.sampler.lost == 0
    for level in bench.heard.samples[-1]:
        assert 32_768 <= level <= 222_822


def test_codes_survive_a_restart_of_the_part() -> None:
    bench = Bench(Light(120_000, 400_000))
    bench.run(10_000)
    before = bench.heard.samples[-1]
    assert before[1] < 222_822
    bench.part.brown_out()
    bench.run(2_000)
    assert bench.heard.samples[-1] == before
    assert bench.heard.events[-1] == before


def test_codes_that_cannot_be_written_are_a_fault_and_are_written_later() -> None:
    bench = Bench(Light(120_000, 400_000))
    while not any(event[0] == "rescale" for event in bench.heard.events):
        bench.bus.before(2, lambda: bench.bus.nak(0x57))  # a drain takes two transactions
        bench.run(100)
    assert "does not answer" in bench.sampler.fault
    bench.bus.release(0x57)
    bench.run(3_000)
    assert bench.sampler.fault == ""
    told = next(event for event in bench.heard.events if event[0] == "rescale")
    assert bench.heard.samples[-1] == (120_000, 400_000 * told[4] // 0x24)


@pytest.mark.parametrize("name", ["uw_desaturation_1_low", "uw_desaturation_1_rest", "welltory_01_rest"])
def test_recordings_are_played_at_the_codes_they_were_made_for(name: str) -> None:
    recording = open_recording(str(_DATA / f"{name}.csv"))
    bench = Bench(recording)
    bench.run((recording.end_us - recording.start_us) // 1000)
    assert (bench.sampler.gain.red, bench.sampler.gain.ir) == (0x24, 0x24)


@pytest.mark.parametrize("pause_ms", [200, 2_000, 100_000])
def test_pause_is_dark_and_what_follows_holds_nothing_of_the_time_before(pause_ms: int) -> None:
    bench = Bench(Light(None, 10_000))
    bench.run(5_000)
    count = len(bench.heard.samples)
    bench.sampler.pause()
    bench.bus.log = []
    bench.run(pause_ms)
    assert bench.bus.log == []
    assert bench.sampler.is_paused
    bench.bus.log = None
    resumed_ms = bench.now_ms
    bench.sampler.resume(bench.now_ms)
    assert bench.heard.events[-1] == "restart"
    bench.run(25_000)
    new = [red for red, _ in bench.heard.samples[count:]]
    assert min(new) > resumed_ms
    assert new == sorted(new)
    assert bench.sampler.lost == 0
    assert bench.sampler.fault == ""
    assert bench.sampler.rate_milli_hz == pytest.approx(25_000, rel=0.003)


def test_power_lost_in_a_pause_is_noticed_and_the_part_set_up_again() -> None:
    bench = Bench(Light(120_000, 120_000))
    bench.run(2_000)
    bench.sampler.pause()
    bench.part.brown_out()
    bench.run(1_000)
    bench.sampler.resume(bench.now_ms)
    count = len(bench.heard.samples)
    bench.run(2_000)
    assert bench.sampler.fault == ""
    assert len(bench.heard.samples) - count >= 45


@pytest.mark.parametrize("when", ["pause", "resume"])
def test_part_that_does_not_answer_around_a_pause_is_set_up_later(when: str) -> None:
    bench = Bench(Light(120_000, 120_000))
    bench.run(2_000)
    if when == "pause":
        bench.bus.stuck = True
    bench.sampler.pause()
    bench.bus.stuck = when == "resume"
    bench.run(1_000)
    bench.sampler.resume(bench.now_ms)
    assert ("stuck" in bench.sampler.fault) == (when == "resume")
    bench.bus.stuck = False
    bench.run(3_000)
    assert bench.sampler.fault == ""
    assert len(bench.heard.samples) >= 90


@pytest.mark.parametrize("transactions", [1, 2, 3, 5, 8, 13, 40])
def test_noise_on_the_bus_is_a_new_window_and_then_forgotten(transactions: int) -> None:
    bench = Bench(Light(120_000, 120_000))
    bench.run(5_000)
    bench.bus.garbled = transactions
    bench.run(30_000)
    assert bench.sampler.fault == ""
    assert bench.heard.samples[-200:] == [(120_000, 120_000)] * 200
    assert bench.heard.events[-200:] == bench.heard.samples[-200:]


def test_ready_flag_that_is_stuck_harms_nothing() -> None:
    for stuck in (0, 1):
        bench = Bench(Light(None, 10_000))
        bench.part.ppg_ready_stuck = stuck
        for step_ms in (10, 100, 330, 640, 1_000):
            bench.run(10_000 // step_ms * step_ms, step_ms)
        times = [red for red, _ in bench.heard.samples]
        assert {later - earlier for earlier, later in itertools.pairwise(times)} == {40}
        assert bench.sampler.lost == 0
