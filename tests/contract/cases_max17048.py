"""What the MAX17048 driver says on the bus and makes of the answers."""

from tests.contract.rigs import Board, Clock, Rig, refused

from vigil_hal.faults import ConfigRefused, NotAnswering, SensorFault, WrongPart
from vigil_hal.max17048 import ADDRESSES, Max17048, on_board
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.cell import SimulatedCell
from vigil_hal.simulated.max17048 import SimulatedMax17048

READ_MS = 2000
HALF_AN_HOUR = 900  # reads


class Gauge(Rig):
    """A simulated gauge on a bus, with its clock, its cell and a driver."""

    def __init__(self, charge_pct: int = 80, load_ma: int = 40, **options: int) -> None:
        clock = Clock()
        self.cell = SimulatedCell(clock, charge_ppm=charge_pct * 10_000, load_ma=load_ma)
        super().__init__(SimulatedMax17048(self.cell, clock, **options), Max17048, clock)

    def read(self, count: int = 1) -> "int | None":
        """Let two seconds pass and read, so many times."""
        for _ in range(count):
            self.advance(READ_MS)
            self.driver.read()
        return self.driver.percent()


def case_probe_accepts_every_revision_of_the_part() -> None:
    for version in (0x0010, 0x0011, 0x0012, 0x001F):
        Gauge(version=version).driver.probe()


def case_probe_refuses_another_part() -> None:
    for version in (0x0003, 0x0000, 0xFFFF, 0x1012):
        text = refused(WrongPart, Gauge(version=version).driver.probe)
        assert f"0x{version:04X}" in text and "0x36" in text


def case_probe_says_that_nobody_answers() -> None:
    text = refused(NotAnswering, Max17048(SimulatedI2C()).probe)
    assert "MAX17048 at 0x36" in text


def case_stuck_bus_is_named() -> None:
    rig = Gauge()
    rig.bus.stuck = True
    assert "stuck" in refused(NotAnswering, rig.driver.probe)
    assert "stuck" in refused(NotAnswering, rig.driver.read)


def case_entry_of_a_board_makes_it() -> None:
    rig = Gauge()
    log = rig.log()
    on_board(Board(rig.bus), {"part": "MAX17048", "address": ADDRESSES[0]}).probe()
    assert log == [("r", 0x36, 0x08, b"\x00\x12")]


def case_first_charge_comes_after_the_gauges_first_estimate() -> None:
    rig = Gauge()
    rig.driver.probe()
    assert rig.driver.percent() is None
    rig.driver.read()  # at once: the registers hold something, and it is believed by nobody
    assert rig.driver.percent() is None
    assert rig.read() == 80


def case_power_on_is_taken_note_of_in_the_gauge() -> None:
    rig = Gauge()
    log = rig.log()
    rig.driver.read()
    assert log == [("r", 0x36, 0x1A, b"\x01\x00"), ("w", 0x36, 0x1A, b"\x00\x00")]


def case_reading_takes_three_transactions() -> None:
    rig = Gauge()
    rig.read(2)
    log = rig.log()
    rig.read()
    assert [each[:3] for each in log] == [("r", 0x36, 0x1A), ("r", 0x36, 0x02), ("r", 0x36, 0x04)]
    assert log[0][3] == b"\x00\x00"
    assert log[2][3][0] in (79, 80)


def case_charge_of_the_newest_read_costs_nothing() -> None:
    rig = Gauge()
    rig.read(2)
    log = rig.log()
    for _ in range(10):
        assert rig.driver.percent() == 80
    assert log == []


def case_every_percent_comes_through() -> None:
    for pct in range(101):
        assert Gauge(charge_pct=pct, load_ma=0).read(2) == pct


def case_drain_is_followed_to_the_end() -> None:
    rig = Gauge(charge_pct=3, load_ma=600)
    told = []
    for _ in range(100):
        told.append(rig.read() or 0)
    assert told[1] == 3 and told[-1] == 0
    assert sorted(told[1:], reverse=True) == told[1:]


def case_a_little_more_than_full_is_full_and_much_more_is_a_fault() -> None:
    rig = Gauge(charge_pct=100, load_ma=-10)
    rig.part.soc_offset = 4 * 256  # as such gauges tell while a cell is charged
    assert rig.read(2) == 100
    rig.part.soc_offset = 30 * 256
    assert "130 %" in refused(SensorFault, rig.read)
    assert rig.driver.percent() is None


def case_voltage_of_no_cell_is_a_fault_and_no_charge() -> None:
    for offset_mv in (1200, -2000, -5000):
        rig = Gauge()
        rig.read(2)
        rig.part.offset_mv = offset_mv
        assert "no cell" in refused(SensorFault, rig.read)
        assert rig.driver.percent() is None
        rig.part.offset_mv = 0
        assert rig.read() == 80


def case_gauge_that_drops_off_is_a_fault_and_comes_back() -> None:
    rig = Gauge()
    assert rig.read(2) == 80
    rig.bus.nak(0x36)
    assert "MAX17048 at 0x36 does not answer" in refused(NotAnswering, rig.read)
    assert rig.driver.percent() is None, "what it said before is not what is so now"
    rig.bus.release(0x36)
    assert rig.read() == 80


def case_gauge_that_drops_off_in_the_middle_of_a_read_says_nothing() -> None:
    for transactions in range(3):
        rig = Gauge()
        rig.read(2)
        rig.bus.before(transactions, lambda rig=rig: rig.bus.nak(0x36))
        refused(NotAnswering, rig.read)
        assert rig.driver.percent() is None


def case_brown_out_in_use_gives_none_until_it_has_measured() -> None:
    rig = Gauge(charge_pct=30)
    assert rig.read(2) == 30
    rig.part.brown_out()
    rig.driver.read()
    assert rig.driver.percent() is None
    assert rig.read() == 30


def case_gauge_that_resets_for_ever_says_so() -> None:
    rig = Gauge()
    rig.part.is_deaf = True
    said = []
    for _ in range(12):
        try:
            assert rig.read() is None
        except ConfigRefused as error:
            said.append(str(error))
    assert len(said) == 2 and "again and again" in said[0]


def case_frozen_gauge_is_a_fault_and_comes_back() -> None:
    rig = Gauge()
    rig.read(2)
    rig.part.is_stuck = True
    assert rig.read(HALF_AN_HOUR - 10) == 80
    said = ""
    for _ in range(20):
        try:
            rig.read()
        except SensorFault as error:
            said = str(error)
            assert rig.driver.percent() is None
    assert "measures no more" in said
    rig.part.is_stuck = False
    assert rig.read() is not None


def case_gauge_in_rest_is_not_taken_for_a_frozen_one() -> None:
    rig = Gauge(load_ma=0)
    rig.read(2)
    assert rig.read(HALF_AN_HOUR * 2) == 80


def case_gauge_is_never_told_to_begin_anew() -> None:
    rig = Gauge()
    rig.driver.probe()
    rig.read(10)
    rig.part.brown_out()
    rig.read(10)
    assert rig.part.quick_starts == 0
