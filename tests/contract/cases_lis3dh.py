"""What the LIS3DH driver says on the bus and makes of the answers."""

from tests.contract.rigs import AccelerometerRig, Board, refused

from vigil_hal.acceleration import Stuck, head_of
from vigil_hal.faults import ConfigRefused, NotAnswering, WrongPart
from vigil_hal.lis3dh import Lis3dh, on_board
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.lis3dh import SimulatedLis3dh


class Rig(AccelerometerRig):
    """A simulated part on a bus, with its clock, its wearer and a driver that is configured."""

    def __init__(self, **options: int) -> None:
        super().__init__(SimulatedLis3dh, Lis3dh, trembles=False, **options)


def case_probe_refuses_another_part() -> None:
    Rig().driver.probe()
    assert "0x32" in refused(WrongPart, Rig(identity=0x32).driver.probe)


def case_probe_says_that_nobody_answers_and_that_a_bus_is_stuck() -> None:
    assert "0x19" in refused(NotAnswering, Lis3dh(SimulatedI2C(), 0x19).probe)
    rig = Rig()
    rig.bus.stuck = True
    for call in (rig.driver.probe, rig.driver.configure, rig.driver.drain):
        assert "stuck" in refused(NotAnswering, call)


def case_configure_writes_everything_that_matters_and_reads_it_back() -> None:
    rig = Rig()
    log = rig.log()
    rig.driver.configure()
    assert log == [
        ("w", 0x18, 0xA0, b"\x47\x00\x00\x88\x40\x00"),
        ("w", 0x18, 0x2E, b"\x00"),
        ("w", 0x18, 0x2E, b"\x80"),
        ("r", 0x18, 0xA0, b"\x47\x00\x00\x88\x40\x00"),
    ]


def case_configuration_that_is_not_kept_is_refused() -> None:
    for register in (0x20, 0x23, 0x24):
        rig = Rig()
        rig.part.brown_out()
        rig.part.deaf_registers = (register,)
        assert "0x18" in refused(ConfigRefused, rig.driver.configure)


def case_drain_reads_what_waits_in_bursts_of_30_bytes() -> None:
    rig = Rig()
    rig.wearer.milli_g = [-500, 4, 1000]
    rig.advance(240)
    log = rig.log()
    assert rig.driver.drain() == 6
    sample = b"\xc0\xe0\x40\x00\x80\x3e"
    assert log == [
        ("r", 0x18, 0x2F, b"\x0c"),
        ("r", 0x18, 0xA8, sample * 5),
        ("r", 0x18, 0xA8, sample * 5),
        ("r", 0x18, 0xA8, sample * 2),
    ]
    assert [rig.driver.x[5], rig.driver.y[5], rig.driver.z[5]] == [-500, 4, 1000]
    log = rig.log()
    assert rig.driver.drain() == 0
    assert log == [("r", 0x18, 0x2F, b"\x20")]


def case_two_conversions_make_a_sample_across_drains_too() -> None:
    rig = Rig()
    rig.advance(20)
    assert rig.driver.drain() == 0
    rig.wearer.milli_g = [200, 0, 1000]
    rig.advance(20)
    assert rig.driver.drain() == 1
    assert abs(rig.driver.x[0] - 100) <= 4
    assert rig.seconds(10) == 250


def case_every_axis_and_sign_comes_through_up_to_full_scale() -> None:
    rig = Rig()
    for axis in range(3):
        for milli_g in (-2040, -1000, -4, 0, 4, 600, 2040):
            rig.wearer.milli_g = [0, 0, 0]
            rig.wearer.milli_g[axis] = milli_g
            rig.advance(40)
            assert rig.driver.drain() == 1
            shown = [rig.driver.x[0], rig.driver.y[0], rig.driver.z[0]]
            expected = [0, 0, 0]
            expected[axis] = milli_g
            assert all(abs(shown[index] - expected[index]) <= 4 for index in range(3)), shown
    rig.wearer.milli_g = [9000, -9000, 0]
    rig.advance(40)
    rig.driver.drain()
    assert (rig.driver.x[0], rig.driver.y[0]) == (2044, -2048)


def case_fifo_that_ran_over_gives_the_newest_and_says_so() -> None:
    rig = Rig()
    rig.wearer.milli_g = [0, 0, 100]
    rig.advance(2000)
    rig.wearer.milli_g = [0, 0, 1000]
    rig.advance(640)
    assert rig.driver.drain() == 16
    assert rig.driver.overruns == 1
    assert all(abs(rig.driver.z[index] - 1000) <= 4 for index in range(16))
    assert rig.seconds(2) == 50
    assert rig.driver.overruns == 1


def case_part_that_counts_one_less_loses_nothing() -> None:
    rig = Rig()
    rig.part.counts_one_less = True
    assert 248 <= rig.seconds(10) <= 250
    assert rig.driver.overruns == 0


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
    rig.bus.before(2, lambda: rig.bus.nak(0x18))
    assert "does not answer" in refused(NotAnswering, rig.driver.drain)
    rig.bus.release(0x18)
    rig.driver.configure()
    assert rig.seconds(2) == 50


def case_same_sample_for_five_minutes_is_stuck_until_it_changes() -> None:
    rig = Rig()
    rig.part.is_stuck = True
    assert rig.seconds(299) == 299 * 25
    assert "same sample" in refused(Stuck, lambda: rig.seconds(2))
    rig.driver.configure()
    refused(Stuck, lambda: rig.seconds(1))
    rig.part.is_stuck = False
    rig.wearer.milli_g = [100, 0, 1000]
    rig.driver.configure()
    assert rig.seconds(2) == 50


def case_axis_that_does_not_move_with_the_others_is_dead() -> None:
    for axis in range(3):
        rig = Rig()
        rig.part.dead_axis = axis
        assert rig.seconds(60) == 1500  # he is still: nobody can know
        rig.wearer.swing_milli_g = 200
        assert "its " + "xyz"[axis] + " axis" in refused(Stuck, lambda rig=rig: rig.seconds(20))
        rig.driver.configure()
        rig.part.dead_axis = None
        assert rig.seconds(20) == 500


def case_board_file_names_address_and_axis() -> None:
    rig = Rig()
    board = Board(rig.bus)
    driver = on_board(board, {"part": "LIS3DH", "address": 0x19, "head": "-y"})
    assert driver.head == -2
    assert "0x19" in refused(NotAnswering, driver.probe)
    driver = on_board(board, {"part": "LIS3DH", "address": 0x18})
    driver.probe()
    assert driver.head == 0
    assert [head_of(text) for text in ("+x", "-x", "+y", "-y", "+z", "-z")] == [1, -1, 2, -2, 3, -3]
    for text in ("x", "up", "+w", "++"):
        assert text in refused(ValueError, lambda text=text: head_of(text))
