"""What the TMP117 driver says on the bus and makes of the answers."""

from tests.contract.rigs import ThermometerRig, refused

from vigil_hal.faults import NotAnswering, WrongPart
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.tmp117 import SimulatedTmp117
from vigil_hal.tmp117 import Tmp117


class Rig(ThermometerRig):
    """A simulated part on a bus, with its clock, its body and a driver."""

    def __init__(self, centi_c: "int | None" = 3670, **options: int) -> None:
        super().__init__(SimulatedTmp117, Tmp117, centi_c, **options)


def case_probe_accepts_every_revision_of_the_part() -> None:
    Rig().driver.probe()
    Rig(device_id=0x1117).driver.probe()


def case_probe_refuses_another_part() -> None:
    assert "0x0116" in refused(WrongPart, Rig(device_id=0x0116).driver.probe)


def case_probe_says_that_nobody_answers() -> None:
    text = refused(NotAnswering, Tmp117(SimulatedI2C(), 0x49).probe)
    assert "0x49" in text


def case_configure_asks_for_two_conversions_a_second() -> None:
    rig = Rig()
    log = rig.log()
    rig.driver.configure()
    assert log == [("w", 0x48, 0x01, b"\x01\xa0")]


def case_power_on_value_is_no_temperature() -> None:
    rig = Rig()
    rig.driver.configure()
    word = bytearray(2)
    rig.bus.readfrom_mem_into(0x48, 0x00, word)
    assert word == b"\x80\x00"
    assert rig.driver.read_centi_c() is None
    rig.advance(499)
    assert rig.driver.read_centi_c() is None
    rig.advance(1)
    assert rig.driver.read_centi_c() == 3670


def case_power_on_value_is_refused_even_when_said_to_be_ready() -> None:
    rig = Rig(-25600)
    rig.driver.configure()
    rig.advance(500)
    assert rig.driver.read_centi_c() is None


def case_each_conversion_is_given_once() -> None:
    rig = Rig()
    rig.driver.configure()
    for _ in range(4):
        rig.advance(1000)
        assert rig.driver.read_centi_c() == 3670
        assert rig.driver.read_centi_c() is None


def case_every_hundredth_of_a_degree_comes_through() -> None:
    rig = Rig()
    rig.driver.configure()
    for centi_c in (-4000, -101, -100, -1, 0, 1, 2, 3, 99, 100, 3500, 3641, 3699, 3700, 4299, 12000):
        rig.body.centi_c = centi_c
        rig.advance(500)
        assert rig.driver.read_centi_c() == centi_c


def case_reading_takes_two_transactions() -> None:
    rig = Rig(2500)
    rig.driver.configure()
    rig.advance(500)
    log = rig.log()
    rig.driver.read_centi_c()
    assert log == [("r", 0x48, 0x01, b"\x21\xa0"), ("r", 0x48, 0x00, b"\x0c\x80")]


def case_body_without_a_value_gives_none_and_no_stale_one() -> None:
    rig = Rig()
    rig.driver.configure()
    rig.advance(500)
    assert rig.driver.read_centi_c() == 3670
    rig.body.centi_c = None
    rig.advance(5000)
    assert rig.driver.read_centi_c() is None


def case_brown_out_gives_none_until_it_has_converted() -> None:
    rig = Rig()
    rig.driver.configure()
    rig.advance(600)
    rig.part.brown_out()
    assert rig.driver.read_centi_c() is None
    rig.advance(1000)
    assert rig.driver.read_centi_c() == 3670


def case_part_that_drops_off_is_a_fault_and_comes_back() -> None:
    rig = Rig()
    rig.driver.configure()
    rig.advance(500)
    rig.bus.detach(0x48)
    refused(NotAnswering, rig.driver.read_centi_c)
    refused(NotAnswering, rig.driver.configure)
    rig.bus.attach(rig.part)
    assert rig.driver.read_centi_c() == 3670


def case_shutdown_converts_nothing() -> None:
    rig = Rig()
    rig.bus.writeto_mem(0x48, 0x01, b"\x05\xa0")
    rig.advance(5000)
    assert rig.driver.read_centi_c() is None
