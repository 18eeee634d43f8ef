"""What the SSD1306 driver says on the bus, and what is to be seen on the glass."""

from tests.contract.rigs import Board, Rig, error_number, refused

from vigil_hal.faults import NotAnswering
from vigil_hal.glyphs import BATTERY, CELLS, FIRST
from vigil_hal.screen import Screen
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.ssd1306 import SimulatedSsd1306
from vigil_hal.ssd1306 import Ssd1306, on_board

_SETUP = b"\xa8\x3f\xd3\x00\x40\xa1\xc8\xda\x12\x81\xcf\xa4\xa6\x2e\xd5\x80\xd9\xf1\xdb\x30\x20\x02\x8d\x14"
_LETTER_A = CELLS[(65 - FIRST) * 8 : (66 - FIRST) * 8]


class Display(Rig):
    """A simulated part on a bus, and a driver."""

    def __init__(self, address: int = 0x3C, height: int = 64) -> None:
        super().__init__(SimulatedSsd1306(address, height), lambda bus: Ssd1306(bus, address, height))

    def show(self) -> int:
        """Show all; how many calls that took."""
        for calls in range(1, 20):
            if self.driver.show():
                return calls
        raise AssertionError("it never ends")

    def begin(self) -> None:
        """Set it up and show all that is written."""
        self.driver.configure()
        self.show()

    def put(self, column: int, row: int, text: str) -> None:
        """Write a text."""
        self.driver.at(column, row)
        self.driver.text(text)


def case_asked_whether_it_is_there_it_does_nothing() -> None:
    rig = Display()
    log = rig.log()
    rig.driver.probe()
    assert log == [("w", 0x3C, 0x00, b"\xe3")]
    rig.bus.nak(0x3C)
    assert refused(NotAnswering, rig.driver.probe).startswith("SSD1306 at 0x3C does not answer")


def case_setting_up_is_one_transfer_of_these_bytes() -> None:
    rig = Display()
    log = rig.log()
    rig.driver.configure()
    assert log == [("w", 0x3C, 0x00, _SETUP)]
    assert rig.part.refused == []


def case_low_display_is_set_up_for_its_height_at_its_address() -> None:
    rig = Display(0x3D, 32)
    log = rig.log()
    rig.driver.configure()
    assert log == [("w", 0x3D, 0x00, b"\xa8\x1f" + _SETUP[2:8] + b"\x02" + _SETUP[9:])]
    rig.put(0, 3, "last row")
    rig.show()
    assert rig.part.lines() == ["", "", "", "last row"]


def case_picture_comes_before_the_light_so_that_nobody_sees_what_was_in_the_ram() -> None:
    rig = Display()
    rig.put(0, 0, "A")
    rig.driver.configure()
    log = rig.log()
    assert rig.show() == 4, "a whole picture in four calls"
    assert log[:2] == [("w", 0x3C, 0x00, b"\xb0\x00\x10"), ("w", 0x3C, 0x40, _LETTER_A + bytes(24))]
    assert len(log) == 65
    assert log[64] == ("w", 0x3C, 0x00, b"\xaf")
    assert rig.part.lines() == ["A", "", "", "", "", "", "", ""]


def case_dark_until_all_is_sent() -> None:
    rig = Display()
    rig.driver.fill(1)
    rig.driver.configure()
    while not rig.part.is_on:
        assert not any(rig.part.is_lit(x, y) for x in (0, 77, 127) for y in (0, 40, 63))
        rig.driver.show()
    assert rig.part.lines() == ["{FULL}" * 16] * 8


def case_a_small_change_is_two_short_transfers() -> None:
    rig = Display()
    rig.put(4, 7, "36.7")
    rig.begin()
    log = rig.log()
    rig.put(4, 7, "36.A")
    assert rig.show() == 1
    cells = b""
    for code in b"36.A":
        cells += CELLS[(code - FIRST) * 8 : (code - FIRST) * 8 + 8]
    assert log == [("w", 0x3C, 0x00, b"\xb7\x00\x12"), ("w", 0x3C, 0x40, cells)]


def case_nothing_is_sent_while_nothing_changes() -> None:
    rig = Display()
    rig.put(0, 0, "Pulse 72 bpm")
    rig.begin()
    log = rig.log()
    rig.driver.fill(0)
    rig.put(0, 0, "Pulse 72 bpm")
    assert rig.show() == 1
    assert log == []


def case_no_call_sends_more_than_eight_bursts_of_32_bytes() -> None:
    rig = Display()
    rig.begin()
    for colour in (1, 0):
        rig.driver.fill(colour)
        is_done = False
        while not is_done:
            log = rig.log()
            is_done = rig.driver.show()
            assert len(log) <= 16
            assert max([len(data) for _, _, _, data in log]) <= 32


def case_changed_number_is_never_seen_half() -> None:
    rig = Display()
    seen = []
    rig.begin()
    for spo2, pulse in ((100, 99), (99, 100), (97, 72), (85, 138), (8, 1), (100, 240)):
        for column, value in ((0, spo2), (8, pulse)):
            rig.driver.figures(value, 3, column, 2)
            is_done = False
            while not is_done:
                is_done = rig.driver.show()
                seen.append(rig.part.lines()[4].split())
    for index in range(1, len(seen)):
        before, after = seen[index - 1], seen[index]
        assert before[0] == after[0] or before[1] == after[1], "one half after the other"
    assert seen[-1] == ["100", "240"]
    assert ["85", "72"] in seen
    for line in seen:
        assert set(line) <= {"100", "99", "97", "85", "8", "72", "138", "1", "240"}, line


def case_every_character_can_be_told_from_all_others() -> None:
    rig = Display()
    rig.begin()
    text = "".join([chr(code) for code in range(33, 127)])
    for row in range(6):
        rig.put(0, row, text[row * 16 : row * 16 + 16])
    rig.show()
    assert "".join(rig.part.lines()) == text


def case_text_ends_with_its_row() -> None:
    rig = Display()
    rig.put(10, 1, "more than six")
    rig.driver.symbol(BATTERY)
    rig.begin()
    assert rig.part.lines()[1:3] == ["          more t", ""]


def case_numbers_have_all_their_digits() -> None:
    screen = Screen(1)
    for value, least, text in (
        (0, 1, b"0"),
        (7, 2, b"07"),
        (100, 2, b"100"),
        (5, 3, b"005"),
        (1_000_000, 1, b"1000000"),
    ):
        screen.fill(0)
        screen.at(0, 0)
        screen.number(value, least)
        assert bytes(screen.cells[: len(text) + 1]) == text + b" ", value


def case_big_figures_stand_to_the_right_and_dashes_in_their_place() -> None:
    rig = Display()
    rig.driver.figures(7, 3, 0, 0)
    rig.driver.figures(0, 3, 8, 0)
    rig.driver.no_figures(2, 2, 3)
    rig.driver.point(8, 3)
    rig.begin()
    assert rig.part.lines() == ["", "", "    7      0", "", "", "  --  .", "", ""]


def case_heading_is_twice_as_high_and_may_be_dark_on_light() -> None:
    for is_inverse in (False, True):
        rig = Display()
        rig.put(0, 0, "VERY LOW OXYGEN")
        rig.driver.heading(0, is_inverse)
        rig.begin()
        assert rig.part.lines()[:3] == ["VERY LOW OXYGEN", "", ""]
        assert rig.part.is_lit(127, 8) == is_inverse
        rig.driver.fill(0)
        rig.put(0, 0, "SpO2 97 %")
        rig.show()
        assert rig.part.lines()[:3] == ["SpO2 97 %", "", ""]
        assert not rig.part.is_lit(127, 8)


def case_brightness_is_sent_once() -> None:
    rig = Display()
    rig.begin()
    log = rig.log()
    for is_bright in (True, False, False, True):
        rig.driver.brighten(is_bright)
        rig.show()
    assert log == [("w", 0x3C, 0x00, b"\x81\x0f"), ("w", 0x3C, 0x00, b"\x81\xcf")]


def case_power_that_was_lost_unnoticed_is_mended_by_setting_up_again() -> None:
    rig = Display()
    rig.put(0, 0, "SpO2 97 %")
    rig.begin()
    rig.part.brown_out()
    assert rig.show() == 1, "it answers as before"
    assert not rig.part.is_on
    rig.driver.configure()
    rig.show()
    assert rig.part.lines()[0] == "SpO2 97 %"


def case_setting_up_again_is_not_seen() -> None:
    rig = Display()
    rig.put(0, 0, "SpO2 97 %")
    rig.begin()
    rig.driver.configure()
    is_done = False
    while not is_done:
        assert rig.part.lines() == ["SpO2 97 %", "", "", "", "", "", "", ""]
        is_done = rig.driver.show()


def case_switched_off_it_is_dark_until_all_is_sent_again() -> None:
    rig = Display()
    rig.put(0, 0, "SpO2 97 %")
    rig.begin()
    log = rig.log()
    rig.driver.switch_off()
    assert log == [("w", 0x3C, 0x00, b"\xae")]
    rig.put(5, 0, "96")
    rig.driver.configure()
    while not rig.driver.show():
        assert not rig.part.is_on
    assert rig.part.lines()[0] == "SpO2 96 %"


def case_unplugged_display_raises_and_shows_all_when_it_is_back() -> None:
    rig = Display()
    rig.put(0, 0, "SpO2 97 %")
    rig.begin()
    rig.bus.detach(0x3C)
    rig.put(5, 0, "96")
    assert error_number(rig.driver.show) == 19
    assert error_number(rig.driver.configure) == 19
    rig.bus.attach(rig.part)
    rig.part.brown_out()
    rig.begin()
    assert rig.part.lines()[0] == "SpO2 96 %"


def case_stuck_bus_raises_and_what_was_not_sent_is_sent_later() -> None:
    rig = Display()
    rig.begin()
    rig.driver.fill(1)
    for transfers in (0, 1, 5, 16):
        rig.bus.before(transfers, lambda: setattr(rig.bus, "stuck", True))
        assert error_number(rig.show) == 110
        rig.bus.stuck = False
    rig.show()
    assert rig.part.lines() == ["{FULL}" * 16] * 8


def case_missing_acknowledge_at_any_transfer_leaves_nothing_unsent() -> None:
    for transfers in range(12):
        rig = Display()
        rig.begin()
        for row in range(8):
            rig.put(0, row, "row " + str(row))
        rig.bus.before(transfers, lambda rig=rig: rig.bus.nak(0x3C))
        assert error_number(rig.show) == 19
        rig.bus.release(0x3C)
        rig.show()
        assert rig.part.lines() == ["row " + str(row) for row in range(8)]


def case_garbled_transfers_are_mended_by_setting_up_again() -> None:
    rig = Display()
    rig.put(0, 0, "SpO2 97 %")
    rig.begin()
    rig.driver.fill(1)
    rig.bus.garbled = 12
    rig.show()
    rig.driver.fill(0)
    rig.put(0, 0, "SpO2 96 %")
    rig.part.brown_out()  # which commands a garbled byte was, nobody knows
    rig.begin()
    assert rig.part.lines()[0] == "SpO2 96 %"


def case_test_picture_lights_every_pixel_so_that_a_dead_row_is_seen() -> None:
    rig = Display()
    rig.part.dead_rows.add(20)
    rig.part.dead_columns.add(5)
    rig.driver.fill(1)
    rig.begin()
    picture = rig.part.picture()
    assert [y for y in range(64) if not any(picture[y])] == [20]
    assert [x for x in range(128) if not picture[0][x]] == [5]


def case_board_file_says_where_it_is_and_how_high() -> None:
    board = Board(SimulatedI2C(SimulatedSsd1306(0x3D, 32)))
    assert on_board(board, {"part": "SSD1306", "address": 0x3C}).rows == 8
    low = on_board(board, {"part": "SSD1306", "address": 0x3D, "height": 32})
    low.configure()
    assert low.rows == 4
    wrong = {"part": "SSD1306", "address": 0x3D, "height": 48}
    assert refused(ValueError, lambda: on_board(board, wrong)) == "height is 64 or 32, not 48"


def case_whatever_was_written_and_failed_the_glass_shows_what_is_written_last() -> None:
    rig = Display()
    rig.begin()
    noise = 12345
    for turn in range(40):
        for _ in range(4):
            noise = (noise * 1021 + 4093) & 0xFFFFF
            what, column, row = noise >> 17, noise >> 9 & 15, noise >> 13 & 7
            if what < 4:
                rig.put(column, row, "SpO2 -- was 97"[noise & 7 :])
            elif what == 4 and column < 14 and row < 6:
                rig.driver.figure(noise % 11, column, row)
            elif what == 5 and row < 7:
                rig.driver.heading(row, noise & 1 == 1)
            elif what == 6:
                rig.driver.fill(noise >> 4 & 1)
        if turn & 1:
            rig.bus.before(noise % 9, lambda: setattr(rig.bus, "stuck", True))
            if not error_number(rig.show):
                rig.bus.before(0, lambda: None)
            rig.bus.stuck = False
        rig.show()
        fresh = Display()
        for index in range(128):
            fresh.driver.cells[index] = rig.driver.cells[index]
        for row in range(8):
            fresh.driver.looks[row] = rig.driver.looks[row]
        fresh.begin()
        assert rig.part.picture() == fresh.part.picture(), turn


# The simulated part, where the driver does not go.


def written(part: SimulatedSsd1306, *transfers: "tuple[int, bytes]") -> None:
    """Say these to a part: control byte and what follows."""
    bus = SimulatedI2C(part)
    for control, data in transfers:
        bus.writeto_mem(part.address, control, data)


def case_part_addresses_its_ram_in_three_ways() -> None:
    part = SimulatedSsd1306()
    written(part, (0, b"\x20\x00\x21\x7e\x7f\x22\x06\x07"), (0x40, b"\x01\x02\x03\x04\x05"))
    assert bytes(part.ram[6 * 128 + 126 : 6 * 128 + 128]) == b"\x05\x02"
    assert bytes(part.ram[7 * 128 + 126 :]) == b"\x03\x04"
    written(part, (0, b"\x20\x01\x21\x00\x01\x22\x00\x01"), (0x40, b"\x11\x12\x13\x14"))
    assert bytes(part.ram[0:2]) == b"\x11\x13" and bytes(part.ram[128:130]) == b"\x12\x14"
    written(part, (0, b"\x20\x02\xb3\x0e\x17"), (0x40, b"\x21\x22\x23"))
    assert bytes(part.ram[3 * 128 + 126 : 4 * 128]) == b"\x21\x22" and part.ram[3 * 128] == 0x23


def case_part_takes_commands_and_picture_in_one_transfer() -> None:
    part = SimulatedSsd1306()
    written(part, (0x80, b"\xb1\x80\x00\x80\x10\x40\x5a\xa5"))
    assert bytes(part.ram[128:130]) == b"\x5a\xa5"


def case_part_is_dark_without_its_charge_pump_and_as_turned_as_it_is_told() -> None:
    part = SimulatedSsd1306()
    written(part, (0, b"\x20\x00"), (0x40, b"\x01" + bytes(1023)), (0, b"\xaf"))
    assert not any(any(row) for row in part.picture())
    written(part, (0, b"\x8d\x14"))
    assert part.is_lit(127, 63), "as wired, upside down"
    written(part, (0, b"\xa1\xc8"))
    assert part.is_lit(0, 0) and not part.is_lit(127, 63)
    written(part, (0, b"\xa7"))
    assert part.is_lit(127, 63) and not part.is_lit(0, 0)
    written(part, (0, b"\xa6\xa5"))
    assert part.is_lit(64, 32)
    written(part, (0, b"\xa4\x41"))
    assert part.is_lit(0, 63), "the first line is the second of the RAM"
    written(part, (0, b"\x99"))
    assert part.refused == [0x99]


def case_part_says_whether_it_is_off() -> None:
    rig = Display()
    status = bytearray(1)
    rig.bus.readfrom_into(0x3C, status)
    assert status == b"\x40"
    rig.begin()
    rig.bus.readfrom_into(0x3C, status)
    assert status == b"\x00"
