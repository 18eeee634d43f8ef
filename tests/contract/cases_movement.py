"""Position, activity and cadence from both accelerometers, and what a broken one may do to the oximeter: nothing."""

from tests.contract.rigs import Board

from vigil_firmware.activity import Activity
from vigil_firmware.journal import Journal
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.monitor import STEP_MS, Monitor
from vigil_firmware.position import Position
from vigil_firmware.simulation.parts import Parts
from vigil_firmware.simulation.replay import Clock
from vigil_firmware.ticks import PERIOD, ticks_add
from vigil_hal.lis3dh import Lis3dh
from vigil_hal.max30102 import Max30102
from vigil_hal.mpu6050 import Mpu6050
from vigil_hal.parts import opened
from vigil_hal.simulated.lis3dh import SimulatedLis3dh
from vigil_hal.simulated.mpu6050 import SimulatedMpu6050
from vigil_hal.simulated.patient import parse_patient
from vigil_wire import conditions, movement, records, statuses
from vigil_wire.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableSequence

_PATIENT = "time_s,pulse_rate_bpm,spo2_pct,perfusion_pct,temperature_c,noise_pct,contact"
_HALF_SINE = (0, 21, 41, 59, 74, 87, 95, 99, 99, 95, 87, 74, 59, 41, 21)  # of 100
LYING = (0, 0, 1000)
UPRIGHT = (0, 1000, 0)
HEAD = 2  # the y axis
PARTS = ((SimulatedLis3dh, Lis3dh), (SimulatedMpu6050, Mpu6050))


class Wearer:
    """A patient whose accelerometer feels `gravity` and, where he walks, `bounce_milli_g` along it at each step."""

    def __init__(self) -> None:
        self._patient = parse_patient([_PATIENT, "0,72,97,1,36.7,0.01,1"], "wearer")
        self.start_us = 0
        self.end_us = None
        self.gravity = LYING
        self.bounce_milli_g = 0
        self.step_us = 600000
        self.noise_milli_g = 2
        self.garbage = False
        self.is_off = False
        self.felt = 0  # by the light, counts of each step

    def sample_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        """As the patient's, or dark."""
        is_lit = self._patient.sample_into(time_us, out)
        if self.is_off:
            out[0] = out[1] = 300
        if self.felt:
            felt = self.felt * self._bounce(time_us - 40000) // 100
            out[0] -= felt
            out[1] -= felt
        return is_lit

    def temperature_centi_c(self, time_us: int) -> "int | None":
        """There is no thermometer."""

    def acceleration_into(self, time_us: int, out: "MutableSequence[int]") -> bool:
        """Gravity, steps and noise."""
        bounce = self._bounce(time_us)
        noise = time_us // 20000 * 7 % 5 - 2
        for axis in range(3):
            out[axis] = self.gravity[axis] + noise * self.noise_milli_g
            out[axis] += self.gravity[axis] * bounce // 100 * self.bounce_milli_g // 1000
            if self.garbage:
                out[axis] = (time_us // 20000 * (axis + 3) * 997) % 4001 - 2000
        return True

    def _bounce(self, time_us: int) -> int:
        """A sine of 100 with the period of the steps."""
        phase = time_us % self.step_us * 30 // self.step_us
        return _HALF_SINE[phase] if phase < 15 else -_HALF_SINE[phase - 15]


class House:
    """A monitor with an accelerometer on the bus of its oximeter, which `run` steps."""

    def __init__(self, part: int = 0, head: int = HEAD, has_accelerometer: bool = True, first_tick: int = 0) -> None:
        self.wearer = Wearer()
        self.clock = Clock(first_tick)
        parts = Parts(self.wearer, False, self.clock.read)
        self.bus = parts.bus
        simulated, driver = PARTS[part]
        self.part = simulated(self.wearer, self.clock.read)
        self.bus.attach(self.part)
        self.monitor = Monitor(
            Max30102(parts.bus),
            None,
            None,
            Settings(),
            Journal(MemoryStore(3), 7),
            1,
            1,
            first_tick,
            driver(parts.bus, head=head) if has_accelerometer else None,
        )
        self.vitals = self.monitor.vitals
        self.shown: list[tuple[int, int, int, int]] = []

    def run(self, seconds: int) -> None:
        """Step on."""
        for step in range(1, seconds * 1000 // STEP_MS + 1):
            self.clock.now_ms = ticks_add(self.clock.now_ms, STEP_MS)
            self.monitor.step(self.clock.now_ms)
            if step * STEP_MS % 1000 == 0:
                pulse = self.vitals.pulse_rate
                spo2 = self.vitals.spo2
                self.shown.append((pulse.value, pulse.status, spo2.value, spo2.status))

    def recorded(self) -> "tuple[int, int]":
        """Position and movement in the newest vitals record."""
        journal = self.monitor.journal
        record = bytearray(records.MAX_LENGTH)
        for sequence in range(journal.newest, -1, -1):
            length = journal.read_into(sequence, record, 0)
            found = records.Record(record[:length])
            if found.kind == records.VITALS:
                return movement.unpack(found.fields["movement"])
        raise AssertionError("there is no vitals record")

    def says_nothing(self) -> bool:
        """Whether nothing is said of how the wearer moves and lies."""
        vitals = self.vitals
        said = vitals.activity.has_value or vitals.cadence.has_value
        return not said and (vitals.movement, vitals.position) == (movement.NONE, movement.UNKNOWN)


def case_position_needs_five_seconds_and_both_parts_tell_it() -> None:
    for part in range(2):
        for head in (HEAD, -HEAD):
            house = House(part, head, first_tick=PERIOD - 7000)
            upright = (0, 1000 if head > 0 else -1000, 0)
            house.run(4)
            assert house.vitals.position == movement.UNKNOWN
            house.run(6)
            assert (house.vitals.position, house.vitals.movement) == (movement.LYING, movement.STILL)
            house.wearer.gravity = upright
            house.run(4)
            assert house.vitals.position == movement.LYING
            house.run(6)
            assert house.vitals.position == movement.UPRIGHT
            house.wearer.gravity = (-700, 0, -700)
            house.run(12)
            assert house.vitals.position == movement.LYING


def case_position_is_not_known_where_nobody_said_which_axis_points_to_the_head() -> None:
    house = House(head=0)
    for gravity in (LYING, UPRIGHT):
        house.wearer.gravity = gravity
        house.run(12)
        assert (house.vitals.position, house.vitals.movement) == (movement.UNKNOWN, movement.STILL)


def case_position_between_both_stays_what_it_was_and_is_not_guessed_at_first() -> None:
    between = (0, 640, 768)  # 50 degrees from the vertical
    position = Position(HEAD)
    for gravity, expected in (
        (between, movement.UNKNOWN),
        (UPRIGHT, movement.UPRIGHT),
        (between, movement.UPRIGHT),
        (LYING, movement.LYING),
        (between, movement.LYING),
        ((0, -1000, 0), movement.UNKNOWN),  # worn upside down
        ((0, 300, 300), movement.UNKNOWN),  # no gravity
        ((0, 1500, 0), movement.UNKNOWN),
        ((500, -400, 768), movement.LYING),
    ):
        for _ in range(6):
            position.judge(gravity)
        assert position.is_now == expected, gravity


def case_position_that_changes_for_a_moment_is_not_told() -> None:
    position = Position(HEAD)
    for second in range(100):
        position.judge(UPRIGHT)
        if second % 5 == 4:
            position.judge(LYING)
            position.judge(LYING)
        assert position.is_now == (movement.UPRIGHT if second >= 4 else movement.UNKNOWN)


def case_walking_is_told_with_its_cadence() -> None:
    for part in range(2):
        for step_us, per_min in ((600000, 100), (1000000, 60), (400000, 150)):
            house = House(part)
            house.wearer.gravity = UPRIGHT
            house.wearer.step_us = step_us
            house.run(12)
            assert (house.vitals.movement, house.vitals.cadence.has_value) == (movement.STILL, False)
            house.wearer.bounce_milli_g = 250
            house.run(16)
            assert house.vitals.movement == movement.WALKING
            assert abs(house.vitals.cadence.value - per_min) <= per_min // 20, house.vitals.cadence.value
            assert 100 <= house.vitals.activity.value <= 200, house.vitals.activity.value
            assert house.recorded() == (movement.UPRIGHT, movement.WALKING)
            house.wearer.bounce_milli_g = 0
            house.run(8)
            assert (house.vitals.movement, house.vitals.cadence.has_value) == (movement.STILL, False)
            assert house.vitals.activity.value < 20


def case_pulse_is_read_through_the_steps_that_either_part_feels() -> None:
    right = []
    for part in (0, 1, None):
        house = House(part or 0, has_accelerometer=part is not None)
        house.run(15)
        house.wearer.step_us = 620000  # twice the pulse's rate, nearly
        house.wearer.bounce_milli_g = 300
        house.wearer.felt = 1500
        house.run(45)
        values = [value for value, status, _, _ in house.shown[35:] if statuses.has_value(status)]
        assert all(abs(value - 720) <= 100 for value in values) or part is None
        right.append(sum(1 for value in values if abs(value - 720) <= 30))
    assert right[0] >= 15 and right[1] >= 15 and right[2] < 15, right


def case_record_has_the_most_of_the_movement_and_nothing_of_a_lost_accelerometer() -> None:
    house = House(1)
    house.run(14)
    assert house.recorded() == (movement.LYING, movement.STILL)
    house.run(1)  # a record each five seconds
    house.wearer.bounce_milli_g = 200
    house.run(1)
    house.wearer.bounce_milli_g = 0
    house.run(4)
    assert house.recorded() == (movement.LYING, movement.MOVING)
    house.run(3)
    house.bus.nak(house.part.address)
    house.run(2)
    assert house.recorded() == (movement.UNKNOWN, movement.NONE)


def case_rhythm_of_somebody_who_lies_or_whose_position_is_not_known_is_no_walking() -> None:
    for head, gravity in ((HEAD, LYING), (0, UPRIGHT)):
        house = House(1, head)
        house.wearer.gravity = gravity
        house.wearer.bounce_milli_g = 250
        house.run(30)
        assert (house.vitals.movement, house.vitals.cadence.has_value) == (movement.MOVING, False)


def case_tremor_and_what_is_irregular_have_no_cadence() -> None:
    house = House(1)
    house.wearer.gravity = UPRIGHT
    house.wearer.bounce_milli_g = 250
    house.wearer.step_us = 180000  # 5.6 Hz
    house.run(20)
    assert house.vitals.movement == movement.MOVING
    for second in range(40):
        house.wearer.step_us = (430000, 1100000, 700000, 900000)[second % 4]
        house.run(1)
        assert house.vitals.movement == movement.MOVING, second


def case_device_on_a_table_is_nobody_who_lies_still() -> None:
    house = House()
    house.run(12)
    assert (house.vitals.position, house.vitals.movement) == (movement.LYING, movement.STILL)
    house.wearer.is_off = True
    house.run(4)
    assert house.says_nothing()
    assert house.vitals.activity.status == statuses.SENSOR_OFF
    assert not house.monitor.accelerometer_fault
    house.wearer.is_off = False
    house.run(4)
    assert (house.vitals.position, house.vitals.movement) == (movement.UNKNOWN, movement.STILL)
    house.run(8)
    assert house.vitals.position == movement.LYING


def case_without_an_accelerometer_nothing_is_said() -> None:
    house = House(has_accelerometer=False)
    house.run(12)
    assert house.says_nothing()
    assert house.vitals.activity.status == statuses.UNAVAILABLE
    assert not house.monitor.has_accelerometer


TROUBLES = (
    (0, "nak"),
    (1, "identity"),
    (0, "stopped"),
    (1, "deaf"),
    (0, "brown_out"),
    (1, "brown_out"),
    (0, "garbage"),
    (1, "nothing"),
    (0, "double"),
)


def case_broken_accelerometer_says_nothing_and_costs_the_oximeter_nothing() -> None:
    plain = House(has_accelerometer=False)
    plain.run(46)
    for part, trouble in TROUBLES:
        house = House(part)
        house.run(12)
        assert house.vitals.position == movement.LYING
        said = break_it(house, trouble)
        house.run(14)
        assert said in house.monitor.accelerometer_fault, (trouble, house.monitor.accelerometer_fault)
        if said:
            assert house.says_nothing(), trouble
            assert house.vitals.activity.status == statuses.SENSOR_FAULT
        house.run(20)
        assert house.monitor.alarms.bits >> conditions.ACCELEROMETER_FAULT & 1 == (said != ""), trouble
        assert house.monitor.alarms.bits >> conditions.SENSOR_FAULT & 1 == 0
        seconds = 12
        if said == "gravity":  # until that is known, he may be moving: a window of light that goes by
            seconds = 36
        for at in range(seconds, len(house.shown)):
            one, other = house.shown[at], plain.shown[at]
            assert one[1] == other[1] and one[3] == other[3], (trouble, one, other)
            assert abs(one[0] - other[0]) <= 10, (trouble, one, other)
        mend(house)
        house.run(30)
        assert not house.monitor.accelerometer_fault
        assert (house.vitals.position, house.vitals.movement) == (movement.LYING, movement.STILL), trouble


def case_an_axis_that_there_is_none_is_a_fault_and_costs_nothing_else() -> None:
    said: list[str] = []
    house = House(has_accelerometer=False)
    parts = opened(Board(), ({"part": "LIS3DH", "address": 0x18, "head": "up"},), said.append)
    assert parts.accelerometer is not None
    house.monitor._attach(parts.accelerometer, house.clock.now_ms)
    house.run(25)
    assert "head 'up'" in house.monitor.accelerometer_fault
    assert house.monitor.alarms.bits >> conditions.ACCELEROMETER_FAULT & 1
    assert house.vitals.pulse_rate.has_value


def break_it(house: House, trouble: str) -> str:
    """Let something go wrong; what its fault must say, "" where it mends itself."""
    part = house.part
    if trouble == "nak":
        house.bus.nak(part.address)
        return "does not answer"
    if trouble == "identity":
        part.identity = 0x55
        part.brown_out()
        return "0x55"
    if trouble == "stopped":
        part.is_stopped = True
        return "no samples"
    if trouble == "deaf":
        part.deaf_registers = (0x20, 0x6B)
        part.brown_out()
        return "configuration"
    if trouble == "garbage":
        house.wearer.garbage = True
        return "gravity"
    if trouble == "nothing":
        house.wearer.gravity = (0, 0, 0)
        return "gravity"
    if trouble == "double":  # another full scale than the driver takes it for
        house.wearer.gravity = (0, 0, 1900)
        return "gravity"
    part.brown_out()
    return ""


def mend(house: House) -> None:
    """End what `break_it` began."""
    part = house.part
    house.bus.release(part.address)
    part.identity = 0x33 if part.address == 0x18 else 0x68
    part.is_stopped = False
    part.deaf_registers = ()
    house.wearer.garbage = False
    house.wearer.gravity = LYING


def case_dead_axis_and_a_part_that_hangs_are_told() -> None:
    house = House(1)
    house.wearer.gravity = UPRIGHT
    house.run(12)
    assert house.vitals.position == movement.UPRIGHT
    house.part.dead_axis = HEAD - 1
    house.part.dead_milli_g = 0
    house.run(12)
    assert "gravity" in house.monitor.accelerometer_fault  # its only share is gone
    assert house.says_nothing()
    house = House(1)
    house.part.dead_axis = 0
    house.wearer.gravity = (0, 700, 700)
    house.wearer.bounce_milli_g = 300
    house.run(30)
    assert "x axis" in house.monitor.accelerometer_fault
    assert house.says_nothing()
    house = House(1)
    house.run(12)
    house.part.is_stuck = True
    house.run(12)
    assert "same sample" in house.monitor.accelerometer_fault
    assert house.says_nothing()
    house.run(20)
    assert house.monitor.alarms.bits >> conditions.ACCELEROMETER_FAULT & 1


def case_largest_acceleration_stays_within_a_boards_small_integers() -> None:
    activity = Activity()

    class Part:
        x = y = z = [16000, -16000] * 8

    for _ in range(300):
        activity.feel(Part, 16)
        activity.feel(Part, 16)
        activity.judge(25_000)
        assert 0 < activity.level_milli_g < 0xFFFF
    assert activity._mean < 1 << 30 and activity._steps._slow < 1 << 30
    assert not activity.is_plausible
