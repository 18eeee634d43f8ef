"""The accelerometer's seam, and what the monitor makes of it, on every runtime."""

from array import array

from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.monitor import STEP_MS, Monitor
from vigil_firmware.signal.motion import Motion
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.simulation.replay import Clock
from vigil_firmware.ticks import PERIOD, ticks_add
from vigil_hal.faults import SensorFault
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.accelerometer import CAPACITY, SimulatedAccelerometer
from vigil_hal.simulated.patient import parse_patient
from vigil_wire import statuses
from vigil_wire.settings import Settings

_PATIENT = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"
_SWING = (0, 21, 41, 59, 74, 87, 95, 99, 99, 95, 87, 74, 59, 41, 21)  # half a sine, of 100


def swing(time_us: int, period_us: int) -> int:
    """A sine of 100 with that period."""
    phase = time_us % period_us * 30 // period_us
    return _SWING[phase] if phase < 15 else -_SWING[phase - 15]


class Wearer:
    """A patient who swings his arm between two instants, with 300 milli-g; `felt` is what the light feels of it."""

    def __init__(self, from_s: int, to_s: int, period_us: int, felt: int) -> None:
        self._patient = parse_patient([_PATIENT, "0,72,97,1,36.7,0.01,1"], "wearer")
        self.start_us = 0
        self.end_us = None
        self.from_us = from_s * 1000000
        self.to_us = to_s * 1000000
        self.period_us = period_us
        self.felt = felt

    def moves(self, time_us: int) -> bool:
        """Whether he swings it."""
        return self.from_us <= time_us < self.to_us

    def sample_into(self, time_us: int, out: "array[int]") -> bool:
        """As the patient's, less what the movement takes 40 ms later."""
        is_lit = self._patient.sample_into(time_us, out)
        if self.moves(time_us):
            late_us = time_us - 40000
            out[0] -= self.felt * swing(late_us, self.period_us) // 100
            out[1] -= self.felt * swing(late_us, self.period_us) // 100
        return is_lit

    def temperature_centi_c(self, time_us: int) -> None:
        """There is no thermometer."""
        return

    def acceleration_into(self, time_us: int, out: "array[int]") -> bool:
        """Gravity along z, the swing mostly along x, and a tremor."""
        out[0] = time_us // 10000 % 5
        out[1] = time_us // 10000 % 3
        out[2] = 1000 + time_us // 10000 % 4
        if self.moves(time_us):
            out[0] += 3 * swing(time_us, self.period_us)
            out[1] -= swing(time_us, self.period_us)
        return time_us >= 0


class House:
    """A monitor with an accelerometer, which `run` steps; `shown` holds (pulse rate or None, status) by second."""

    def __init__(
        self, wearer: Wearer, first_tick: int = 0, with_accelerometer: bool = True, error_ppm: int = 0
    ) -> None:
        self.clock = Clock(first_tick)
        parts = Parts(wearer, False, self.clock.read)
        self.accelerometer = SimulatedAccelerometer(wearer, self.clock.read, clock_error_ppm=error_ppm)
        self.monitor = Monitor(
            Max30102(parts.bus),
            None,
            None,
            Settings(),
            Journal(MemoryStore(3), 7),
            1,
            1,
            first_tick,
            self.accelerometer if with_accelerometer else None,
        )
        self.shown: list[tuple[int | None, int, int]] = []

    def run(self, seconds: int) -> None:
        """Step on."""
        for step in range(1, seconds * 1000 // STEP_MS + 1):
            self.clock.now_ms = ticks_add(self.clock.now_ms, STEP_MS)
            self.monitor.step(self.clock.now_ms)
            if step * STEP_MS % 1000 == 0:
                pulse = self.monitor.vitals.pulse_rate
                self.shown.append(
                    (pulse.value if pulse.has_value else None, pulse.status, self.monitor.vitals.spo2.status)
                )

    def wrong(self) -> int:
        """How many seconds showed a pulse rate off by more than 10 bpm."""
        return sum(1 for value, _, _ in self.shown if value is not None and abs(value - 720) > 100)

    def right(self, first: int, last: int) -> int:
        """How many of some seconds showed a rate near the pulse's."""
        return sum(1 for value, _, _ in self.shown[first:last] if value is not None and abs(value - 720) <= 30)


def case_samples_come_oldest_first_at_its_rate() -> None:
    wearer = Wearer(0, 0, 1000000, 0)
    clock = Clock(PERIOD - 300)
    part = SimulatedAccelerometer(wearer, clock.read)
    part.probe()
    part.configure()
    counts = []
    for _ in range(20):
        clock.now_ms = ticks_add(clock.now_ms, 100)
        counts.append(part.drain())
        assert all(1000 <= part.z[index] <= 1003 for index in range(counts[-1]))
    assert (sum(counts), min(counts), max(counts)) == (50, 2, 3)
    wearer.to_us = 100000000
    clock.now_ms = ticks_add(clock.now_ms, 40)
    assert part.drain() == 1
    clock.now_ms = ticks_add(clock.now_ms, 60000)
    assert part.drain() == CAPACITY  # the newest
    ahead = [part.x[index] > part.x[index + 1] for index in range(CAPACITY - 1)]
    assert 10 <= sum(ahead) <= 20  # a sine of 25 samples


def case_clock_of_the_part_is_its_own() -> None:
    for error_ppm, expected in ((100000, 2750), (-100000, 2250), (15000, 2537)):
        clock = Clock(0)
        part = SimulatedAccelerometer(Wearer(0, 0, 1000000, 0), clock.read, clock_error_ppm=error_ppm)
        total = 0
        for _ in range(1000):
            clock.now_ms += 100
            total += part.drain()
        assert abs(total - expected) <= 2, total


def case_broken_part_raises_and_a_silent_one_gives_nothing() -> None:
    clock = Clock(0)
    part = SimulatedAccelerometer(Wearer(0, 0, 1000000, 0), clock.read)
    part.is_silent = True
    clock.now_ms = 1000
    assert part.drain() == 0
    part.is_faulty = True
    for call in (part.probe, part.configure, part.drain):
        try:
            call()
        except SensorFault:
            continue
        raise AssertionError("no fault")


def case_movement_of_twice_the_pulse_is_taken_out() -> None:
    for first_tick, error_ppm in ((0, 0), (PERIOD - 20000, 15000), (0, -15000)):
        house = House(Wearer(15, 60, 620000, 1500), first_tick, error_ppm=error_ppm)
        house.run(60)
        assert house.wrong() == 0, house.shown
        assert house.right(35, 60) >= 15, house.shown


def case_without_an_accelerometer_the_same_movement_is_not_seen_through() -> None:
    house = House(Wearer(15, 60, 620000, 1500), with_accelerometer=False)
    house.run(60)
    assert house.right(35, 60) < 15, house.shown


def case_ratio_of_both_colours_is_not_used_while_the_wearer_moves() -> None:
    house = House(Wearer(15, 40, 620000, 300))
    house.run(60)
    assert house.shown[13][2] == statuses.VALIDATED
    assert all(spo2 not in (statuses.VALIDATED, statuses.EARLY_ESTIMATE) for _, _, spo2 in house.shown[16:47])
    assert house.shown[59][2] == statuses.VALIDATED


def case_movement_in_step_with_the_pulse_is_not_told_from_it() -> None:
    house = House(Wearer(15, 60, 833333, 3000))
    house.run(60)
    assert all(value is None for value, _, _ in house.shown[25:]), house.shown
    silent = (statuses.POOR_SIGNAL, statuses.ERRATIC)
    assert all(status in silent for _, status, _ in house.shown[25:]), house.shown


def case_movement_in_step_is_not_believed_though_the_light_does_not_feel_it() -> None:
    house = House(Wearer(15, 60, 833333, 0))
    house.run(60)
    assert all(value is None for value, _, _ in house.shown[18:]), house.shown


def case_rates_beside_that_of_the_movement_are_believed() -> None:
    house = House(Wearer(0, 60, 800000, 0))
    house.run(30)
    motion = house.monitor._motion_sensor.motion
    assert motion.repeats_permille(20 << 6) > 900  # 800 ms are 20 samples
    assert motion.repeats_permille(10 << 6) < -900
    doubted = [samples for samples in range(8, 37) if motion.is_doubtful(samples << 6)]
    assert 20 in doubted
    assert all(19 <= samples <= 21 for samples in doubted), doubted


def case_movement_that_the_light_does_not_feel_costs_nothing() -> None:
    house = House(Wearer(15, 60, 620000, 0))
    house.run(60)
    assert house.wrong() == 0
    assert house.right(10, 60) >= 48, house.shown


def case_lost_accelerometer_never_stops_the_oximeter() -> None:
    for trouble in ("is_faulty", "is_silent", "is_stuck", "feels_gravity_only"):
        house = House(Wearer(0, 0, 620000, 0), PERIOD - 21000)
        house.run(15)
        setattr(house.accelerometer, trouble, True)
        for _ in range(10):
            house.run(1)
            if trouble == "is_silent":
                assert "no samples" in house.monitor.accelerometer_fault
            elif trouble == "is_faulty":
                assert "does not answer" in house.monitor.accelerometer_fault
        is_told = trouble in ("is_faulty", "is_silent")
        assert bool(house.monitor.accelerometer_fault) == is_told, trouble
        setattr(house.accelerometer, trouble, False)
        house.run(5)
        assert not house.monitor.accelerometer_fault
        assert house.right(9, 30) == 21, (trouble, house.shown)


def case_accelerometer_that_goes_while_the_wearer_moves() -> None:
    house = House(Wearer(10, 60, 620000, 0))
    house.run(20)
    house.accelerometer.is_faulty = True
    house.run(15)
    house.accelerometer.is_faulty = False
    house.run(15)
    assert not house.monitor.accelerometer_fault
    assert house.wrong() == 0
    assert house.right(9, 50) >= 39, house.shown


def case_still_wearer_is_still_and_a_moving_one_is_not() -> None:
    house = House(Wearer(10, 20, 620000, 0))
    motion = house.monitor._motion_sensor.motion
    house.run(9)
    assert not motion.is_moving
    house.run(3)
    assert motion.is_moving
    house.run(13)  # his window still holds it
    assert motion.is_moving
    house.run(8)
    assert not motion.is_moving


def case_light_is_nine_samples_late_and_else_untouched_while_still() -> None:
    motion = Motion()
    for count in range(100):
        motion.clean(1000 + count, 2000 + count)
        assert (motion.red, motion.ir) == (1000 + max(count - 9, 0), 2000 + max(count - 9, 0))


def case_largest_movement_stays_within_a_boards_small_integers() -> None:
    # Full scale in the light, in step with full scale on all axes or with next to nothing: all sums stay bounded.
    for milli_g in (16000, 60):
        motion = Motion()
        part = SimulatedAccelerometer(Wearer(0, 0, 1000000, 0), Clock(0).read)
        shake_as_hard_as_can_be(motion, part, milli_g)
        assert motion.is_moving
        for axis in (motion._one, motion._two):
            for values in (axis.own, axis.ahead, axis._with_light):
                assert all(abs(value) < 1 << 30 for value in values)
            assert all(abs(weight) < 1 << 15 for weight in axis.weights)


def shake_as_hard_as_can_be(motion: Motion, part: SimulatedAccelerometer, milli_g: int) -> None:
    """Two minutes and a half of light and acceleration that jump from end to end."""
    for step in range(1500):
        for index in range(3):
            value = milli_g if (3 * step + index) // 5 % 2 else -milli_g
            part.x[index] = value
            part.y[index] = -value
            part.z[index] = value
        motion.feel(part, 2 + step % 2)
        for index in range(2 + step % 2):
            motion.clean(0, 262143 if (3 * step + index) // 5 % 2 else 0)
            assert abs(motion.ir) < 1 << 20
