"""What the MCP9808 driver says on the bus and makes of the answers."""

from tests.contract.rigs import ThermometerRig, refused

from vigil_hal.faults import ConfigRefused, NotAnswering, WrongPart
from vigil_hal.mcp9808 import Mcp9808
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.mcp9808 import SimulatedMcp9808


class Rig(ThermometerRig):
    """A simulated part on a bus, with its clock, its body and a driver."""

    gives_nothing_for_s = 2

    def __init__(self, centi_c: "int | None" = 3675, **options: int) -> None:
        super().__init__(SimulatedMcp9808, Mcp9808, centi_c, **options)


def case_probe_accepts_every_revision_of_the_part() -> None:
    for device_id in (0x0400, 0x0401, 0x04FF):
        rig = Rig(device_id=device_id)
        log = rig.log()
        rig.driver.probe()
        assert log == [("r", 0x18, 0x06, b"\x00\x54"), ("r", 0x18, 0x07, bytes((device_id >> 8, device_id & 0xFF)))]


def case_probe_refuses_another_maker_and_another_device() -> None:
    assert "0x0055" in refused(WrongPart, Rig(maker_id=0x0055).driver.probe)
    assert "0x0200" in refused(WrongPart, Rig(device_id=0x0200).driver.probe)


def case_probe_says_that_nobody_answers() -> None:
    assert "0x1F" in refused(NotAnswering, Mcp9808(SimulatedI2C(), 0x1F).probe)


def case_configure_asks_for_sixteenths_and_continuous_conversion() -> None:
    rig = Rig()
    log = rig.log()
    rig.driver.configure()
    assert log == [("w", 0x18, 0x08, b"\x03"), ("w", 0x18, 0x01, b"\x06\x00")]


def case_nothing_is_given_before_a_conversion_can_have_ended() -> None:
    rig = Rig()
    rig.driver.configure()
    for _ in range(4):
        assert rig.driver.read_centi_c() is None
    rig.advance(250)
    assert rig.driver.read_centi_c() == 3675


def case_after_being_configured_an_old_value_is_not_given() -> None:
    """The part was shut down, and the monitor may ask after 200 ms again."""
    rig = Rig().started()
    rig.bus.writeto_mem(0x18, 0x01, b"\x07\x00")
    rig.body.centi_c = 3900
    rig.advance(1000)
    refused(ConfigRefused, rig.driver.read_centi_c)
    rig.driver.configure()
    assert rig.driver.read_centi_c() is None
    rig.advance(200)
    assert rig.driver.read_centi_c() is None
    rig.advance(200)
    assert rig.driver.read_centi_c() == 3900


def case_reading_takes_two_transactions_and_leaves_the_limits_flags_out() -> None:
    rig = Rig(2500).started()
    log = rig.log()
    assert rig.driver.read_centi_c() == 2500
    assert log == [("r", 0x18, 0x01, b"\x06\x00"), ("r", 0x18, 0x05, b"\xc1\x90")]


def case_every_sixteenth_of_a_degree_comes_through() -> None:
    rig = Rig().started()
    for centi_c in (-4000, -1012, -50, -6, 6, 13, 19, 25, 2506, 3500, 3650, 3694, 3700, 4300, 12500):
        rig.body.centi_c = centi_c
        rig.advance(250)
        assert rig.driver.read_centi_c() == centi_c


def case_brown_out_is_said_and_nothing_is_given() -> None:
    rig = Rig().started()
    rig.part.brown_out()
    assert "supply" in refused(ConfigRefused, rig.driver.read_centi_c)
    rig.started()
    assert rig.driver.read_centi_c() == 3675


def case_part_that_drops_off_is_a_fault_and_comes_back() -> None:
    rig = Rig().started()
    rig.bus.detach(0x18)
    for call in (rig.driver.read_centi_c, rig.driver.probe):
        assert "MCP9808 at 0x18" in refused(NotAnswering, call)
    rig.bus.attach(rig.part)
    assert rig.driver.read_centi_c() == 3675
    rig.bus.detach(0x18)
    refused(NotAnswering, rig.driver.configure)


def case_stuck_bus_is_said() -> None:
    rig = Rig().started()
    rig.bus.stuck = True
    assert "stuck" in refused(NotAnswering, rig.driver.read_centi_c)
