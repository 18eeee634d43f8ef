"""What the MPU-6050 driver says on the bus and makes of the answers."""

from tests.contract.rigs import AccelerometerRig, Board, refused

from vigil_hal.acceleration import CAPACITY, Stuck
from vigil_hal.faults import ConfigRefused, NotAnswering, WrongPart
from vigil_hal.mpu6050 import Mpu6050, on_board
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.mpu6050 import SimulatedMpu6050


class Rig(AccelerometerRig):
    """A simulated part on a bus, with its clock, its wearer and a driver that is configured."""

    def __init__(self, **options: int) -> None:
        super().__init__(SimulatedMpu6050, Mpu6050, trembles=True, **options)


def case_probe_refuses_its_successors_by_name() -> None:
    Rig().driver.probe()
    for identity, name in ((0x70, "MPU-6500"), (0x71, "MPU-9250"), (0xAF, "ICM-20608"), (0x00, "not known")):
        text = refused(WrongPart, Rig(identity=identity).driver.probe)
        assert name in text and hex(identity)[2:].upper() in text


def case_probe_says_that_nobody_answers_and_that_a_bus_is_stuck() -> None:
    assert "0x69" in refused(NotAnswering, Mpu6050(SimulatedI2C(), 0x69).probe)
    rig = Rig()
    rig.bus.stuck = True
    for call in (rig.driver.probe, rig.driver.configure, rig.driver.drain):
        assert "stuck" in refused(NotAnswering, call)


def case_configure_wakes_it_first_and_reads_everything_back() -> None:
    rig = Rig()
    rig.part.brown_out()
    log = rig.log()
    rig.driver.configure()
    assert log == [
        ("w", 0x68, 0x6B, b"\x08\x07"),
        ("w", 0x68, 0x19, b"\x27\x05\x00\x08"),
        ("w", 0x68, 0x23, b"\x08"),
        ("w", 0x68, 0x6A, b"\x04"),
        ("w", 0x68, 0x6A, b"\x40"),
        ("r", 0x68, 0x19, b"\x27\x05\x00\x08"),
        ("r", 0x68, 0x6B, b"\x08\x07"),
    ]


def case_configuration_that_is_not_kept_is_refused() -> None:
    for register in (0x19, 0x1A, 0x1C, 0x6B):
        rig = Rig()
        rig.part.brown_out()
        rig.part.deaf_registers = (register,)
        assert "0x68" in refused(ConfigRefused, rig.driver.configure)


def case_drain_reads_what_waits_in_bursts_of_30_bytes() -> None:
    rig = Rig()
    rig.wearer.milli_g = [-500, 4, 1000]
    rig.wearer.trembles = False
    rig.advance(240)
    log = rig.log()
    assert rig.driver.drain() == 6
    sample = b"\xf0\x00\x00\x20\x20\x00"
    assert log == [
        ("r", 0x68, 0x72, b"\x00\x24"),
        ("r", 0x68, 0x74, sample * 5),
        ("r", 0x68, 0x74, sample),
    ]
    assert [rig.driver.x[5], rig.driver.y[5], rig.driver.z[5]] == [-500, 3, 1000]
    log = rig.log()
    assert rig.driver.drain() == 0
    assert log == [("r", 0x68, 0x72, b"\x00\x00")]


def case_every_axis_and_sign_comes_through_up_to_full_scale() -> None:
    rig = Rig()
    for axis in range(3):
        for milli_g in (-3990, -1000, -1, 0, 1, 600, 3990):
            rig.wearer.milli_g = [0, 0, 0]
            rig.wearer.milli_g[axis] = milli_g
            rig.advance(40)
            assert rig.driver.drain() == 1
            shown = [rig.driver.x[0], rig.driver.y[0], rig.driver.z[0]]
            expected = [0, 0, 0]
            expected[axis] = milli_g
            assert all(-1 <= shown[index] - expected[index] <= 2 for index in range(3)), shown
    rig.wearer.milli_g = [9000, -9000, 0]
    rig.advance(40)
    rig.driver.drain()
    assert (rig.driver.x[0], rig.driver.y[0]) == (3999, -4000)


def case_more_than_32_waiting_gives_the_newest_and_says_so() -> None:
    rig = Rig()
    rig.wearer.milli_g = [0, 0, 100]
    rig.advance(2000)
    rig.wearer.milli_g = [0, 0, 1000]
    rig.advance(CAPACITY * 40)
    assert rig.driver.drain() == CAPACITY
    assert rig.driver.overruns == 1
    assert all(rig.driver.z[index] >= 1000 for index in range(CAPACITY))
    assert rig.seconds(2) == 50
    assert rig.driver.overruns == 1


def case_fifo_that_ran_over_is_emptied_as_its_bytes_are_nobodys() -> None:
    rig = Rig()
    rig.wearer.milli_g = [105, 205, 1005]
    rig.advance(60_000)
    log = rig.log()
    assert rig.driver.drain() == 0
    assert log == [("r", 0x68, 0x72, b"\x04\x00"), ("w", 0x68, 0x6A, b"\x04"), ("w", 0x68, 0x6A, b"\x40")]
    assert rig.driver.overruns == 1
    assert rig.seconds(2) == 50
    assert (rig.driver.x[0] // 10, rig.driver.y[0] // 10, rig.driver.z[0] // 10) == (10, 20, 100)


def case_byte_that_is_lost_never_mixes_the_axes_for_long() -> None:
    rig = Rig()
    rig.wearer.milli_g = [105, 205, 1005]
    rig.advance(400)
    rig.part.lose_a_byte()
    rig.driver.drain()
    rig.advance(200)
    rig.driver.drain()
    assert rig.driver.overruns == 1
    assert rig.seconds(2) == 50
    for index in range(5):
        assert (rig.driver.x[index] // 10, rig.driver.y[index] // 10, rig.driver.z[index] // 10) == (10, 20, 100)


def case_smaller_fifo_of_a_clone_is_emptied_too() -> None:
    rig = Rig(fifo_bytes=512)
    rig.advance(60_000)
    rig.driver.drain()
    rig.advance(60_000)
    assert rig.driver.drain() == 0
    assert rig.seconds(2) == 50


def case_brown_out_gives_no_samples_until_it_is_configured() -> None:
    rig = Rig()
    rig.part.brown_out()
    assert rig.seconds(3) == 0
    rig.driver.configure()
    assert rig.seconds(2) == 50


def case_part_that_stops_gives_no_samples() -> None:
    rig = Rig()
    rig.part.is_stopped = True
    assert rig.seconds(2) == 0


def case_part_that_drops_off_in_a_burst_is_a_fault_and_comes_back() -> None:
    rig = Rig()
    rig.advance(500)
    rig.bus.before(2, lambda: rig.bus.nak(0x68))
    assert "does not answer" in refused(NotAnswering, rig.driver.drain)
    rig.bus.release(0x68)
    rig.driver.configure()
    assert rig.seconds(2) == 50


def case_same_sample_for_ten_seconds_is_stuck_until_it_changes() -> None:
    rig = Rig()
    rig.seconds(1)
    rig.part.is_stuck = True
    assert rig.seconds(9) == 225
    assert "same sample" in refused(Stuck, lambda: rig.seconds(2))
    rig.driver.configure()
    refused(Stuck, lambda: rig.seconds(1))
    rig.part.is_stuck = False
    rig.driver.configure()
    assert rig.seconds(20) == 500


def case_axis_that_does_not_move_with_the_others_is_dead() -> None:
    for axis in range(3):
        rig = Rig()
        rig.part.dead_axis = axis
        rig.part.dead_milli_g = -4000
        rig.wearer.swing_milli_g = 200
        assert "its " + "xyz"[axis] + " axis" in refused(Stuck, lambda rig=rig: rig.seconds(20))
        rig.driver.configure()
        rig.part.dead_axis = None
        assert rig.seconds(20) == 500


def case_board_file_names_address_and_axis() -> None:
    rig = Rig()
    board = Board(rig.bus)
    driver = on_board(board, {"part": "MPU6050", "address": 0x69, "head": "+z"})
    assert driver.head == 3
    assert "0x69" in refused(NotAnswering, driver.probe)
    driver = on_board(board, {"part": "MPU6050", "address": 0x68})
    driver.probe()
    assert driver.head == 0
