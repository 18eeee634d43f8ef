"""What the MAX30205 driver says on the bus and makes of the answers."""

from tests.contract.rigs import Body, ThermometerRig, refused

from vigil_hal.faults import ConfigRefused, NotAnswering, WrongPart
from vigil_hal.max30205 import Max30205
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30205 import SimulatedMax30205
from vigil_hal.simulated.tmp117 import SimulatedTmp117


class Rig(ThermometerRig):
    """A simulated part on a bus, with its clock, its body and a driver."""

    def __init__(self, centi_c: "int | None" = 3670, **options: int) -> None:
        super().__init__(SimulatedMax30205, Max30205, centi_c, **options)


def case_probe_tells_the_part_by_what_it_keeps() -> None:
    rig = Rig()
    log = rig.log()
    rig.driver.probe()
    assert log == [
        ("w", 0x48, 0x02, b"\x69\x55"),
        ("r", 0x48, 0x02, b"\x69\x55"),
        ("w", 0x48, 0x01, b"\x18"),
        ("r", 0x48, 0x01, b"\x18"),
    ]


def case_probe_refuses_an_lm75_of_any_resolution() -> None:
    for kept_bits in (9, 10, 11, 12):
        assert "LM75" in refused(WrongPart, Rig(kept_bits=kept_bits).driver.probe)


def case_probe_refuses_a_tmp117_at_its_address() -> None:
    """Its steps are twice as large: 37 C would read as 18."""
    bus = SimulatedI2C(SimulatedTmp117(Body(3700), lambda: 0))
    refused(WrongPart, Max30205(bus).probe)


def case_probe_says_that_nobody_answers() -> None:
    assert "0x4C" in refused(NotAnswering, Max30205(SimulatedI2C(), 0x4C).probe)


def case_configure_asks_for_continuous_conversion() -> None:
    rig = Rig()
    log = rig.log()
    rig.driver.configure()
    assert log == [("w", 0x48, 0x01, b"\x18")]


def case_nothing_is_given_before_a_conversion_can_have_ended() -> None:
    rig = Rig()
    rig.driver.configure()
    assert rig.driver.read_centi_c() is None
    assert rig.driver.read_centi_c() is None, "what the register holds at power-on is no temperature"
    rig.advance(50)
    assert rig.driver.read_centi_c() == 3670


def case_after_being_configured_an_old_value_is_not_given() -> None:
    rig = Rig().started()
    rig.body.centi_c = 3900
    rig.driver.configure()
    assert rig.driver.read_centi_c() is None
    rig.advance(200)
    assert rig.driver.read_centi_c() == 3900


def case_reading_takes_two_transactions() -> None:
    rig = Rig(2500).started()
    log = rig.log()
    assert rig.driver.read_centi_c() == 2500
    assert log == [("r", 0x48, 0x01, b"\x18"), ("r", 0x48, 0x00, b"\x19\x00")]


def case_every_hundredth_of_a_degree_comes_through() -> None:
    rig = Rig().started()
    for centi_c in (-1001, -1, 1, 2, 3, 99, 100, 3500, 3641, 3699, 3700, 4299, 5000, 12000):
        rig.body.centi_c = centi_c
        rig.advance(50)
        assert rig.driver.read_centi_c() == centi_c


def case_brown_out_is_said_and_nothing_is_given() -> None:
    rig = Rig().started()
    rig.part.brown_out()
    assert "supply" in refused(ConfigRefused, rig.driver.read_centi_c)
    rig.started()
    assert rig.driver.read_centi_c() == 3670


def case_part_that_was_shut_down_by_somebody_gives_nothing() -> None:
    rig = Rig().started()
    rig.bus.writeto_mem(0x48, 0x01, b"\x19")
    rig.body.centi_c = 3900
    rig.advance(1000)
    refused(ConfigRefused, rig.driver.read_centi_c)


def case_part_that_drops_off_is_a_fault_and_comes_back() -> None:
    rig = Rig().started()
    rig.bus.detach(0x48)
    for call in (rig.driver.read_centi_c, rig.driver.configure, rig.driver.probe):
        assert "MAX30205 at 0x48" in refused(NotAnswering, call)
    rig.bus.attach(rig.part)
    assert rig.driver.read_centi_c() == 3670


def case_stuck_bus_is_said() -> None:
    rig = Rig().started()
    rig.bus.stuck = True
    assert "stuck" in refused(NotAnswering, rig.driver.read_centi_c)
