"""What the MLX90614 driver says on the bus and makes of the answers."""

from tests.contract.rigs import Body, ThermometerRig, refused

from vigil_hal.faults import ConfigRefused, NotAnswering, SensorFault, WrongPart
from vigil_hal.mlx90614 import Mlx90614
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.mlx90614 import SimulatedMlx90614, pec_of
from vigil_hal.simulated.tmp117 import SimulatedTmp117


class Rig(ThermometerRig):
    """A simulated part on a bus, with its clock, its body and a driver."""

    def __init__(self, centi_c: "int | None" = 3671, **options: int) -> None:
        super().__init__(SimulatedMlx90614, Mlx90614, centi_c, **options)


def case_pec_is_a_crc_8_of_smbus() -> None:
    """The check value of CRC-8 (polynomial 0x07) in the catalogue of CRCs; both here have it by ways of their own."""
    assert pec_of(b"123456789") == 0xF4


def case_probe_asks_for_its_own_address_and_for_the_emissivity() -> None:
    rig = Rig()
    log = rig.log()
    rig.driver.probe()
    first, second = b"\x5a\xbe", b"\xff\xff"
    assert log == [
        ("r", 0x5A, 0x2E, first + bytes((pec_of(b"\xb4\x2e\xb5" + first),))),
        ("r", 0x5A, 0x24, second + bytes((pec_of(b"\xb4\x24\xb5" + second),))),
    ]


def case_probe_refuses_what_has_no_pec() -> None:
    bus = SimulatedI2C(SimulatedTmp117(Body(3700), lambda: 0, address=0x5A))
    assert "PEC" in refused(WrongPart, Mlx90614(bus).probe)


def case_probe_refuses_what_has_another_address_than_it_answers_at() -> None:
    rig = Rig()
    rig.part.cells[0x2E] = 0xBE5B
    refused(WrongPart, rig.driver.probe)


def case_probe_refuses_a_part_that_is_not_set_to_skin() -> None:
    rig = Rig()
    rig.part.cells[0x24] = 0xF332
    assert "94 %" in refused(ConfigRefused, rig.driver.probe)
    rig.part.cells[0x24] = 0xFAE1  # 0.98
    rig.driver.probe()


def case_probe_says_that_nobody_answers() -> None:
    assert "0x5B" in refused(NotAnswering, Mlx90614(SimulatedI2C(), 0x5B).probe)


def case_nothing_is_given_before_a_conversion_can_have_ended() -> None:
    rig = Rig()
    rig.driver.configure()
    assert rig.driver.read_centi_c() is None
    assert rig.driver.read_centi_c() is None, "its memory is empty"
    rig.advance(250)
    assert rig.driver.read_centi_c() == 3671


def case_reading_takes_one_transaction() -> None:
    rig = Rig(3701).started()
    log = rig.log()
    assert rig.driver.read_centi_c() == 3701
    assert log == [("r", 0x5A, 0x07, b"\x94\x3c" + bytes((pec_of(b"\xb4\x07\xb5\x94\x3c"),)))]


def case_every_fiftieth_of_a_degree_comes_through() -> None:
    rig = Rig().started()
    for centi_c in (-7001, -101, -1, 1, 3, 99, 101, 3501, 3641, 3699, 3701, 4299, 12001):
        rig.body.centi_c = centi_c
        rig.advance(250)
        assert rig.driver.read_centi_c() == centi_c


def case_word_with_a_bad_pec_is_a_fault_and_never_a_reading() -> None:
    rig = Rig().started()
    rig.part.bad_pecs = 2
    for _ in range(2):
        assert "PEC" in refused(SensorFault, rig.driver.read_centi_c)
    assert rig.driver.read_centi_c() == 3671


def case_no_single_wrong_bit_on_the_wire_makes_a_reading() -> None:
    class Turning(SimulatedMlx90614):
        turned = 0

        def read_into(self, buffer: bytearray) -> None:  # type: ignore[override]  # the bus gives no other kind
            SimulatedMlx90614.read_into(self, buffer)
            buffer[self.turned >> 3] ^= 1 << (self.turned & 7)

    rig = Rig().started()
    rig.part = Turning(rig.body, rig.clock)
    rig.bus.attach(rig.part)
    rig.advance(1000)
    for bit in range(24):
        Turning.turned = bit
        refused(SensorFault, rig.driver.read_centi_c)


def case_reading_that_the_part_says_is_in_error_is_a_fault() -> None:
    rig = Rig().started()
    rig.part.has_error = True
    assert "in error" in refused(SensorFault, rig.driver.read_centi_c)
    rig.part.has_error = False
    assert rig.driver.read_centi_c() == 3671


def case_brown_out_gives_none_until_it_has_converted() -> None:
    rig = Rig().started()
    rig.part.brown_out()
    assert rig.driver.read_centi_c() is None
    rig.advance(250)
    assert rig.driver.read_centi_c() == 3671


def case_part_that_drops_off_is_a_fault_and_comes_back() -> None:
    rig = Rig().started()
    rig.bus.detach(0x5A)
    for call in (rig.driver.read_centi_c, rig.driver.probe):
        assert "MLX90614 at 0x5A" in refused(NotAnswering, call)
    rig.bus.attach(rig.part)
    assert rig.driver.read_centi_c() == 3671


def case_stuck_bus_is_said() -> None:
    rig = Rig().started()
    rig.bus.stuck = True
    assert "stuck" in refused(NotAnswering, rig.driver.read_centi_c)
