"""What the DS18B20 driver says on its wire and makes of the answers; and the simulated wire itself."""

from tests.contract.rigs import Body, ThermometerRig, refused

from vigil_hal import ds18b20
from vigil_hal.ds18b20 import Ds18b20
from vigil_hal.faults import NotAnswering, SensorFault, WrongPart
from vigil_hal.simulated.ds18b20 import GENUINE_ROM, SimulatedDs18b20
from vigil_hal.simulated.one_wire import SimulatedOneWire, crc_of

_SELECT = b"\x55" + GENUINE_ROM
_OTHER_ROM = bytes((0x28, 0x49, 0x55, 0x2B, 0x0D, 0x00, 0x00))


class Rig(ThermometerRig):
    """A simulated part on a wire, with its clock, its body and a driver."""

    def __init__(self, centi_c: "int | None" = 3675, rom: bytes = GENUINE_ROM, wanted: "bytes | None" = None) -> None:
        super().__init__(SimulatedDs18b20, lambda wire: Ds18b20(wire, wanted), centi_c, bus=SimulatedOneWire, rom=rom)
        self.wire = self.bus

    def another(self, rom: bytes, body: "Body | None" = None) -> SimulatedDs18b20:
        """Return one more part, which is on no wire yet."""
        return SimulatedDs18b20(body or self.body, self.clock, rom=rom)


def said(log: "list[object]") -> "list[bytearray]":
    """What the driver said after each reset."""
    found: list[bytearray] = []
    for entry in log:
        if entry == "reset":
            found.append(bytearray())
        elif entry[0] == "w":  # type: ignore[index]  # a pair, all but "reset"
            found[-1].append(entry[1])  # type: ignore[index]  # as above
    return found


# The wire


def case_crc_is_the_one_of_1_wire_and_both_ways_to_it_agree() -> None:
    """The example of application note 27, and the check value of CRC-8/MAXIM-DOW in the catalogue of CRCs."""
    assert crc_of(b"\x02\x1c\xb8\x01\x00\x00\x00") == ds18b20.crc8(b"\x02\x1c\xb8\x01\x00\x00\x00") == 0xA2
    assert crc_of(b"123456789") == ds18b20.crc8(b"123456789") == 0xA1
    for value in range(256):
        assert crc_of(bytes((value, value ^ 0x5A))) == ds18b20.crc8(bytes((value, value ^ 0x5A)))


def case_scan_finds_each_part_once() -> None:
    rig = Rig()
    roms = [bytes((0x28, value, value * 7 & 0xFF, 0x0B, 0, 0, 0)) for value in (1, 2, 3, 64, 129, 255)]
    rig.wire.parts = [rig.another(rom) for rom in roms]
    assert sorted([bytes(rom)[:7] for rom in rig.wire.scan()]) == sorted(roms)
    rig.wire.parts = []
    assert rig.wire.scan() == []
    assert not rig.wire.reset()


def case_power_on_scratchpad_is_that_of_the_data_sheet() -> None:
    rig = Rig()
    rig.wire.reset()
    rig.wire.writebyte(0xCC)
    rig.wire.writebyte(0xBE)
    pad = bytearray(9)
    rig.wire.readinto(pad)
    assert pad == b"\x50\x05\x4b\x46\x7f\xff\x0c\x10\x1c"


# The driver


def case_probe_accepts_a_genuine_part() -> None:
    rig = Rig()
    log = rig.log()
    rig.driver.probe()
    assert said(log) == [
        b"\x33",
        _SELECT + b"\xb4",
        _SELECT + b"\xbe",
        _SELECT + b"\x4e\x55\x2a\x3f",
        _SELECT + b"\xbe",
    ]


def case_probe_accepts_parts_with_the_scratchpads_that_are_published() -> None:
    """Read by owners from parts that they had from the maker: one after power-on, others after a conversion."""
    for text in ("50054b467fff0c101c", "f4004b467fff0c10fa", "f3004b467fff0d10ee", "f6004b467fff0a10d6"):
        pad = bytes([int(text[start : start + 2], 16) for start in range(0, 18, 2)])
        ds18b20.check(pad, "it")
        if pad[1] == 0:
            assert ds18b20.decode(pad, "it") == (pad[0] * 25 + 2) // 4


def case_reading_selects_the_part_by_its_rom_and_begins_the_next_conversion() -> None:
    rig = Rig().started()
    log = rig.log()
    assert rig.driver.read_centi_c() == 3675
    assert said(log) == [_SELECT + b"\xbe", _SELECT + b"\x44"]


def case_each_conversion_is_given_once_and_not_before_it_ended() -> None:
    rig = Rig()
    rig.driver.probe()
    rig.driver.configure()
    for _ in range(3):
        assert rig.driver.read_centi_c() is None
        rig.advance(599)
        assert rig.driver.read_centi_c() is None
        rig.advance(1)
        assert rig.driver.read_centi_c() == 3675


def case_every_sixteenth_of_a_degree_comes_through() -> None:
    rig = Rig().started()
    for centi_c in (-5500, -1012, -50, -6, 0, 6, 13, 19, 25, 2506, 3500, 3650, 3694, 3700, 4300, 8494, 8506, 12500):
        rig.body.centi_c = centi_c
        rig.driver.configure()
        rig.advance(1000)
        assert rig.driver.read_centi_c() == centi_c


def case_power_on_value_is_refused() -> None:
    rig = Rig().started()
    rig.part.brown_out()
    assert "85 C" in refused(SensorFault, rig.driver.read_centi_c)
    rig.driver.configure()
    rig.advance(300)
    rig.part.brown_out()
    assert "85 C" in refused(SensorFault, rig.driver.read_centi_c)
    rig.started()
    assert rig.driver.read_centi_c() == 3675


def case_85_degrees_are_refused_wherever_they_come_from() -> None:
    rig = Rig(8500).started()
    assert "85 C" in refused(SensorFault, rig.driver.read_centi_c)


def case_power_cut_that_keeps_the_temperature_is_seen_by_its_limits() -> None:
    """As clones with a large capacitor, or none of whose cells is volatile."""
    rig = Rig().started()
    rig.part.scratchpad[2:4] = b"\x4b\x46"
    assert "lost its power" in refused(SensorFault, rig.driver.read_centi_c)


def case_too_little_power_is_said() -> None:
    rig = Rig(12794).started()
    assert "too little power" in refused(SensorFault, rig.driver.read_centi_c)


def case_scratchpad_of_zeros_is_refused_though_its_crc_is_right() -> None:
    rig = Rig().started()
    rig.part.says = bytes(9)
    refused(SensorFault, rig.driver.read_centi_c)
    refused(SensorFault, rig.driver.probe)


def case_scratchpad_of_ones_is_refused() -> None:
    rig = Rig().started()
    rig.part.says = b"\xff" * 9
    refused(NotAnswering, rig.driver.read_centi_c)


def case_no_single_wrong_bit_makes_a_reading() -> None:
    rig = Rig().started()
    for bit in range(72):
        pad = bytearray(rig.part._scratchpad_read())
        pad[bit >> 3] ^= 1 << (bit & 7)
        rig.part.says = bytes(pad)
        rig.driver.configure()
        rig.advance(1000)
        assert "CRC" in refused(SensorFault, rig.driver.read_centi_c)
        rig.part.says = None


def case_damaged_scratchpad_is_a_fault_and_the_next_whole_one_a_reading() -> None:
    rig = Rig().started()
    rig.part.damaged = 1
    assert "CRC" in refused(SensorFault, rig.driver.read_centi_c)
    assert rig.driver.read_centi_c() is None, "nothing was asked to convert"
    rig.advance(1000)
    assert rig.driver.read_centi_c() == 3675


def case_conversion_that_does_not_begin_is_a_fault_and_nothing_old_is_given() -> None:
    rig = Rig().started()
    assert rig.driver.read_centi_c() == 3675
    rig.part.ignores_convert = True
    rig.advance(1000)
    assert "begin to convert" in refused(SensorFault, rig.driver.read_centi_c)
    for _ in range(3):
        rig.advance(1000)
        refused(SensorFault, rig.driver.read_centi_c)
    refused(SensorFault, rig.driver.configure)


def case_line_held_low_is_a_fault_and_never_looked_through() -> None:
    rig = Rig()
    rig.wire.is_low = True
    log = rig.log()
    assert "held low" in refused(SensorFault, rig.driver.probe)
    assert b"\xf0" not in said(log), "to search on such a line takes seconds"
    rig.wire.is_low = False
    rig.started()
    rig.wire.is_low = True
    assert rig.driver.read_centi_c() is None, "as if it were converting"


def case_line_that_falls_while_the_rom_is_read_is_not_looked_through_either() -> None:
    class Falling(SimulatedOneWire):
        def readinto(self, buffer: bytearray) -> None:  # type: ignore[override]  # the driver gives no other kind
            buffer[:] = b"\x28\x13\x9b\xbb\x0b\x00\x00\x00"
            self.is_low = True

    rig = Rig()
    wire = Falling(rig.part)
    wire.log = []
    assert "held low" in refused(SensorFault, Ds18b20(wire).probe)
    assert b"\xf0" not in said(wire.log)


def case_part_that_drops_off_is_a_fault_and_comes_back() -> None:
    rig = Rig().started()
    rig.part.is_absent = True
    for call in (rig.driver.read_centi_c, rig.driver.configure, rig.driver.probe):
        text = refused(NotAnswering, call)
        assert "28-00000bbb9b13" in text and "pull-up" in text
    rig.part.is_absent = False
    rig.started()
    assert rig.driver.read_centi_c() == 3675


def case_empty_wire_is_said() -> None:
    assert "does not answer" in refused(NotAnswering, Ds18b20(SimulatedOneWire()).probe)


def case_parasite_power_is_refused_with_what_to_do() -> None:
    rig = Rig()
    rig.part.is_parasite = True
    assert "supply pin" in refused(SensorFault, rig.driver.probe)


def case_several_parts_are_refused_by_name_unless_one_is_meant() -> None:
    rig = Rig()
    rig.wire.parts.append(rig.another(_OTHER_ROM, Body(3850)))
    text = refused(WrongPart, rig.driver.probe)
    assert "28-00000bbb9b13" in text and "28-00000d2b5549" in text and "`rom`" in text
    rig.driver = Ds18b20(rig.wire, ds18b20.parse_rom("28-00000d2b5549"))
    rig.started()
    assert rig.driver.read_centi_c() == 3850
    rig.wire.parts.pop()
    rig.advance(1000)
    assert "28-00000d2b5549" in refused(NotAnswering, rig.driver.read_centi_c)


def case_another_part_put_in_its_place_is_not_taken_for_it() -> None:
    rig = Rig().started()
    rig.wire.parts = [rig.another(_OTHER_ROM)]
    refused(NotAnswering, rig.driver.read_centi_c)


def case_damaged_rom_is_a_fault() -> None:
    rig = Rig()
    rig.part.rom = rig.part.rom[:7] + b"\x00"
    assert "ROM" in refused(SensorFault, rig.driver.probe)


def case_other_families_are_refused() -> None:
    for family in (0x10, 0x22, 0x3B, 0x42, 0x01):
        rig = Rig(rom=bytes((family,)) + GENUINE_ROM[1:7])
        assert "no DS18B20" in refused(WrongPart, rig.driver.probe)


def case_counterfeits_are_refused_by_their_rom() -> None:
    """Patterns of the families A3, B1, B2, C, D1, D2 and E of the published tests."""
    for text in (
        "aa3c61551401",
        "ff7c5a611604",
        "ff641dcd96f2",
        "241d77910402",
        "1cbc46921002",
        "9e9c1f000080",
        "9e9c1f000000",
    ):
        rom = bytes([0x28] + [int(text[start : start + 2], 16) for start in range(0, 12, 2)])
        assert "counterfeit" in refused(WrongPart, Rig(rom=rom).driver.probe)
        wanted = rom + bytes((crc_of(rom),))
        assert "counterfeit" in refused(WrongPart, Rig(rom=rom, wanted=wanted).driver.probe)


def case_counterfeits_are_refused_by_their_reserved_bytes() -> None:
    """Scratchpads at power-on of the families D1, D2 and E of the published tests, each with its CRC."""
    for text in ("900155057f7e8166", "900155057fff0c66", "5005ffff7fffffff", "50054b467fff2010", "50054b46ffff0c10"):
        rig = Rig()
        pad = bytes([int(text[start : start + 2], 16) for start in range(0, 16, 2)])
        rig.part.says = pad + bytes((crc_of(pad),))
        assert "counterfeit" in refused(WrongPart, rig.driver.probe)


def case_counterfeits_are_refused_by_how_they_are_written() -> None:
    fixed, writable = Rig(), Rig()
    fixed.part.has_fixed_configuration = True
    assert "resolution" in refused(WrongPart, fixed.driver.probe)
    writable.part.lets_write_byte_6 = True
    assert "reserved" in refused(WrongPart, writable.driver.probe)


def case_counterfeits_are_refused_by_byte_6_after_a_conversion() -> None:
    rig = Rig(3700)
    rig.part.has_fixed_byte_6 = True
    rig.started()
    assert "byte 6" in refused(WrongPart, rig.driver.read_centi_c)


def case_rom_is_written_as_linux_does() -> None:
    assert ds18b20.rom_text(GENUINE_ROM) == "28-00000bbb9b13"
    assert ds18b20.parse_rom("28-00000bbb9b13") == GENUINE_ROM
    assert ds18b20.parse_rom("28-00000BBB9B13") == GENUINE_ROM
    for text in ("", "28-00000bbb9b1", "28-00000bbb9bg3", "28_00000bbb9b13", "28-+0000bbb9b1"):
        assert "28-00000bbb9b13" in refused(ValueError, lambda text=text: ds18b20.parse_rom(text))
