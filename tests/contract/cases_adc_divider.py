"""What the driver of a battery behind a divider makes of what an ADC tells."""

from tests.contract.rigs import Board, Clock, refused

from vigil_hal.adc_divider import ADDRESSES, LIPO_CURVE, AdcDivider, on_board
from vigil_hal.faults import NotAnswering, SensorFault
from vigil_hal.simulated.adc_divider import SimulatedAdcDivider
from vigil_hal.simulated.cell import SimulatedCell

READ_MS = 2000
WINDOW = 5  # reads
STUCK = 150  # reads


class Rig:
    """A simulated cell at a pin, with its clock and a driver."""

    def __init__(self, charge_pct: int = 80, load_ma: int = 40, radio_ma: int = 120, ratio_milli: int = 2000) -> None:
        self.clock = Clock()
        self.cell = SimulatedCell(self.clock, charge_ppm=charge_pct * 10_000, load_ma=load_ma, radio_ma=radio_ma)
        self.adc = SimulatedAdcDivider(self.cell, ratio_milli=ratio_milli)
        self.driver = AdcDivider(self.adc, ratio_milli)

    def read(self, count: int = 1) -> "int | None":
        """Let two seconds pass and read, so many times."""
        for _ in range(count):
            self.clock.advance(READ_MS)
            self.driver.read()
        return self.driver.percent()


def case_charge_is_known_after_ten_seconds_and_not_before() -> None:
    rig = Rig()
    rig.driver.probe()
    for _ in range(WINDOW - 1):
        assert rig.read() is None
    told = rig.read()
    assert told is not None and 74 <= told <= 80, "under load a cell has less voltage, never more"


def case_every_point_of_the_curve_comes_through() -> None:
    for mv, pct in LIPO_CURVE:
        rig = Rig(charge_pct=pct, load_ma=0, radio_ma=0)
        assert abs(rig.cell.mv(False) - mv) <= 1
        rig.adc.noise_counts = 0
        told = rig.read(WINDOW)
        assert told is not None and abs(told - pct) <= 3, "where the curve is flat a count of the ADC is 2 %"


def case_radios_pulses_do_not_move_the_charge() -> None:
    rig = Rig(charge_pct=60, radio_ma=350)
    rig.read(WINDOW)
    told = []
    for _ in range(200):
        told.append(rig.read() or 0)
    assert max(told) - min(told) <= 1
    single = [rig.adc.read_uv() for _ in range(200)]
    assert max(single) - min(single) > 35_000, "else the case shows nothing"


def case_other_ratios_and_curves() -> None:
    rig = Rig(charge_pct=50, load_ma=0, radio_ma=0, ratio_milli=1500)
    assert rig.read(WINDOW) in (48, 49, 50, 51, 52)
    lifepo4 = AdcDivider(SimulatedAdcDivider(rig.cell), 1692, [[2500, 0], [3200, 20], [3300, 60], [3600, 100]])
    for _ in range(WINDOW):
        lifepo4.read()  # 3805 mV at a divider of 2 is read as 3219
    assert lifepo4.percent() in (26, 27, 28, 29)


def case_entry_of_a_board_makes_it() -> None:
    rig = Rig(charge_pct=40, load_ma=0)
    pins = []

    class Wired(Board):
        def adc(self, pin: int) -> SimulatedAdcDivider:
            pins.append(pin)
            return rig.adc

    driver = on_board(Wired(), {"part": "ADC_DIVIDER", "pin": 34})
    for _ in range(WINDOW):
        driver.read()
    assert pins == [34] and ADDRESSES == ()
    told = driver.percent()
    assert told is not None and abs(told - 40) <= 8, "the curve is flat there: 12 mV are 15 %"
    text = refused(ValueError, lambda: on_board(Wired(), {"pin": 34, "curve": [[3400, 0], [3300, 100]]}))
    assert "must rise" in text


def case_curve_that_is_none_is_refused_in_one_line() -> None:
    adc = Rig().adc
    for curve, says in (
        (((3400, 0), (3300, 100)), "must rise"),
        (((3400, 0), (3400, 100)), "must rise"),
        (((3400, 0), (3800, 60), (4200, 60)), "must rise"),
        (((3400, 0), (3800, 60), (4200, 100), (4100, 80)), "point 4"),
        (((3400, 10), (4200, 100)), "0 to 100"),
        (((3400, 0), (4200, 90)), "0 to 100"),
        (((3400, 0),), "1 points"),
        ((), "0 points"),
        (((-1, 0), (4200, 100)), "point 1"),
        (((3400, 0), (4200, 101)), "point 2"),
        (((3400, 0), (4200, 100, 1)), "point 2"),
        (tuple([(3000 + 10 * index, index) for index in range(100)]), "100 points"),
    ):
        text = refused(ValueError, lambda curve=curve: AdcDivider(adc, 2000, curve))
        assert says in text and "\n" not in text and "ADC_DIVIDER" in text, text


def case_ratio_that_is_none_is_refused() -> None:
    for ratio_milli in (0, 2, 999, 20_001, -2000):
        assert "ratio" in refused(ValueError, lambda ratio=ratio_milli: AdcDivider(Rig().adc, ratio))


def case_voltage_of_no_battery_is_a_fault_and_no_charge() -> None:
    for offset_mv in (-2000, -600, 250, 1000):
        rig = Rig()
        assert rig.read(WINDOW) is not None
        rig.adc.offset_mv = offset_mv
        assert "check the divider" in refused(SensorFault, rig.read)
        assert rig.driver.percent() is None
        rig.adc.offset_mv = 0
        assert rig.read(WINDOW - 1) is None, "what was before the fault does not count"
        assert rig.read() is not None


def case_empty_and_full_are_no_faults() -> None:
    rig = Rig(charge_pct=0, load_ma=300)
    assert rig.read(WINDOW) == 0
    rig = Rig(charge_pct=100, load_ma=-200)  # the charger lifts it by 40 mV
    assert rig.read(WINDOW) == 100


def case_floating_pin_is_never_a_charge() -> None:
    rig = Rig()
    rig.adc.is_floating = True
    faults = 0
    for _ in range(300):
        try:
            rig.read()
        except SensorFault:
            faults += 1
            rig.driver.probe()
        assert rig.driver.percent() is None
    assert faults > 100


def case_divider_that_comes_off_in_use_is_a_fault_at_once() -> None:
    rig = Rig()
    assert rig.read(WINDOW) is not None
    rig.adc.is_floating = True
    said = ""
    for _ in range(WINDOW):
        try:
            rig.read()
        except SensorFault as error:
            said = str(error)
        assert rig.driver.percent() is None or not said
    assert said


def case_jump_is_no_charge_until_it_is_steady() -> None:
    rig = Rig(charge_pct=95, load_ma=0, radio_ma=0)
    assert rig.read(WINDOW) is not None
    rig.adc.offset_mv = -200  # 400 mV of the battery at once, as with a loose wire
    for _ in range(WINDOW - 1):
        assert "jumps" in refused(SensorFault, rig.read)
        assert rig.driver.percent() is None
    told = rig.read()
    assert told is not None and told < 20


def case_converter_that_is_stuck_is_a_fault() -> None:
    rig = Rig()
    rig.read(WINDOW)
    rig.adc.is_stuck = True
    assert rig.read(STUCK - 5) is not None
    said = ""
    for _ in range(10):
        try:
            rig.read()
        except SensorFault as error:
            said = str(error)
    assert "for ever" in said
    assert rig.driver.percent() is None
    rig.adc.is_stuck = False
    assert rig.read(WINDOW) is not None


def case_steady_battery_is_not_taken_for_a_stuck_converter() -> None:
    rig = Rig(load_ma=0, radio_ma=0)
    assert rig.read(4 * STUCK) is not None


def case_adc_that_fails_is_a_fault_and_comes_back() -> None:
    rig = Rig()
    rig.read(WINDOW)
    rig.adc.is_broken = True
    assert "errno 5" in refused(NotAnswering, rig.read)
    assert rig.driver.percent() is None
    rig.adc.is_broken = False
    assert rig.read(WINDOW) is not None


def case_charge_of_the_newest_read_costs_nothing() -> None:
    rig = Rig()
    told = rig.read(WINDOW)
    before = rig.adc.conversions
    for _ in range(10):
        assert rig.driver.percent() == told
    assert rig.adc.conversions == before
