"""Every board.toml is right, what is made of it is up to date, and a wrong one is refused in one clear line."""

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from vigil_host.boards import wiring
from vigil_host.boards.description import Board, board_ids, load, read
from vigil_host.boards.file_set import file_set
from vigil_host.boards.picture import draw
from vigil_host.boards.problems import BoardError

_ROOT = Path(__file__).resolve().parents[2]
_BOARDS = [load(board_id) for board_id in board_ids()]
_ESP32 = (_ROOT / "boards/esp32-devkitc/board.toml").read_text(encoding="utf-8")
_PICO = (_ROOT / "boards/pico-w/board.toml").read_text(encoding="utf-8")
every_board = pytest.mark.parametrize("board", _BOARDS, ids=[board.id for board in _BOARDS])


def test_the_boards_are_there() -> None:
    assert {board.chip_name for board in _BOARDS} == {
        "esp32", "esp32s3", "esp32c3", "esp32c6", "rp2040", "rp2350", "bcm283x",
    }  # fmt: skip


def test_what_is_made_of_a_description_is_up_to_date() -> None:
    made = runpy.run_path(str(_ROOT / "tools/board_pages.py"))["files"]()
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, "run: python tools/board_pages.py"


@every_board
def test_only_a_radio_that_can_pair_says_so(board: Board) -> None:
    if board.firmware:
        assert board.firmware.can_pair is (board.chip.port == "esp32")


@every_board
def test_the_board_is_told_every_pin_that_it_uses(board: Board) -> None:
    told = json.loads(wiring.board_json(board))
    assert (told["i2c"], told["sda"], told["scl"]) == (board.bus.id, board.bus.sda, board.bus.scl)
    assert told["i2c_hz"] == board.bus.freq_hz
    assert {use for use in told if use in board.pins} == set(board.pins) - set(wiring.RESERVED_USES)
    assert not set(wiring.RESERVED_USES) & set(told), "main.py does not know it"


@every_board
def test_the_page_names_every_pin(board: Board) -> None:
    page = (_ROOT / "boards" / board.id / "README.md").read_text(encoding="utf-8")
    for use in wiring.uses(board):
        assert re.search(rf"GPIO {use.pin}\b", page)
    for pin in board.avoided():
        assert re.search(rf"GPIO {pin}\b", page)


@every_board
def test_the_picture_shows_every_pin_and_fits_a_phone(board: Board) -> None:
    picture = ElementTree.fromstring(draw(board))
    width, height = map(float, picture.get("viewBox", "").split()[2:])
    assert width == 360
    namespace = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in picture.iter(f"{namespace}text")]
    for entry in (*board.header.left, *board.header.right):
        assert board.header.label(entry) in texts
    for use in wiring.uses(board):
        assert use.text in texts
    for box in picture.iter(f"{namespace}rect"):
        assert float(box.get("x", 0)) + float(box.get("width", 0)) <= width
        assert float(box.get("y", 0)) + float(box.get("height", 0)) <= height
    for text in picture.iter(f"{namespace}text"):
        assert float(text.get("y", 0)) < height
        assert float(text.get("font-size", 12)) >= 10


def replaced(old: str, new: str, source: str = _ESP32) -> Callable[[], str]:
    """A description with one thing wrong in it."""

    def text() -> str:
        assert old in source
        return source.replace(old, new, 1)

    return text


def without(block: str) -> Callable[[], str]:
    """A description that lacks something."""
    return replaced(block, "")


_LIGHT = "light = 27 "
_TMP = 'part = "TMP117"\naddress = 0x48\noptional = true # without one there is no temperature, and no fault'
_BAD = {
    "no TOML": (replaced("[i2c]", "[i2c"), "Expected"),
    "unknown chip": (replaced('chip = "esp32"', 'chip = "esp33"'), "chip: 'esp33' is not known: esp32, esp32s3"),
    "unknown key": (replaced("[i2c]", "[i2c]\npullup = true"), "i2c.pullup: is not known here"),
    "unknown table": (replaced("[i2c]", "[display]\n[i2c]"), "display: is not known here"),
    "unknown use": (replaced("vibration =", "vibrator ="), "pins.vibrator: is not known here"),
    "missing key": (without("sda = 21\n"), "i2c.sda: is missing"),
    "wrong type": (replaced("sda = 21", 'sda = "21"'), "i2c.sda: must be a whole number, not '21'"),
    "true is no number": (replaced("sda = 21", "sda = true"), "i2c.sda: must be a whole number, not True"),
    "unknown pin": (replaced(_LIGHT, "light = 24 "), "pins.light: the chip has no GPIO 24"),
    "pin beyond the chip": (replaced(_LIGHT, "light = 99 "), "pins.light: the chip has no GPIO 99"),
    "strapping pin": (replaced(_LIGHT, "light = 2 "), "pins.light: GPIO 2 is a strapping pin (must be low"),
    "boot pin as an output": (replaced(_LIGHT, "light = 0 "), "pins.light: GPIO 0 is a strapping pin"),
    "button at another": (replaced("button = 0 ", "button = 12 "), "pins.button: GPIO 12 is a strapping pin"),
    "flash pin": (replaced(_LIGHT, "light = 6 "), "pins.light: GPIO 6 cannot be used, it leads to the flash"),
    "serial pin": (replaced("sda = 21", "sda = 1"), "i2c.sda: GPIO 1 cannot be used, it is the serial port"),
    "two uses": (replaced(_LIGHT, "light = 21 "), "pins.light: GPIO 21 is i2c.sda already"),
    "two uses in a light": (replaced(_LIGHT, "light = [27, 4, 27] "), "pins.light: GPIO 27 is pins.light already"),
    "light of two": (replaced(_LIGHT, "light = [27, 4] "), "pins.light: must be a GPIO number, or three"),
    "input-only output": (replaced(_LIGHT, "light = 35 "), "pins.light: GPIO 35 is an input only"),
    "input-only button": (replaced("button = 0 ", "button = 35 "), "pins.button: GPIO 35 is an input only"),
    "battery without ADC": (replaced("battery = 34", "battery = 18"), "pins.battery: GPIO 18 measures no voltage: 32"),
    "buzzer and beeper": (replaced("button =", "beeper = 4\nbutton ="), "pins.beeper: a board has a buzzer or"),
    "not brought out": (replaced("36, 39, 34", "36, 39"), "pins.battery: GPIO 34 is not on the board's header"),
    "bus too fast": (replaced("400_000", "1_000_000"), "i2c.freq_hz: must be 10000 to 400000, not 1000000"),
    "no such bus": (replaced("id = 0", "id = 2"), "i2c.id: must be 0 to 1, not 2"),
    "bus pin of a Pico": (replaced("sda = 4", "sda = 6", _PICO), "i2c.sda: GPIO 6 cannot be SDA of bus 0: 0, 4, 8"),
    "reserved pin": (replaced("light = 15 ", "light = 25 ", _PICO), "pins.light: GPIO 25 cannot be used, it selects"),
    "address clash": (replaced(_TMP, _TMP + "\n[[parts]]\n" + _TMP), "parts[2].address: 0x48 is the address of"),
    "unknown sensor": (replaced('"TMP117"', '"TMP118"'), "parts[1].part: 'TMP118' is not known: "),
    "two of a kind": (replaced(_TMP, _TMP + "\n[[parts]]\n" + _TMP.replace("0x48", "0x49")), "is this board's therm"),
    "curve that falls": (
        replaced(_TMP, _TMP + '\n[[parts]]\npart = "ADC_DIVIDER"\npin = 34\ncurve = [[3400, 0], [3300, 100]]'),
        "parts[2].part: ADC_DIVIDER: the curve must rise from point to point, and point 2 [3300, 100] does not",
    ),
    "no oximeter": (without('[[parts]]\npart = "MAX30102"\naddress = 0x57\n'), "parts: there is no oximeter"),
    "impossible address": (replaced("0x57", "0x58"), "parts[0].address: a MAX30102 answers at 0x57, not at 0x58"),
    "wrong offset": (replaced("flash_offset = 0x1000", "flash_offset = 0"), "flash_offset: must be 0x1000 on this"),
    "no supply": (replaced('"3V3", "EN"', '"EN"'), "header: has no pin '3V3'"),
    "name of no pin": (replaced('36 = "VP"', '20 = "VP"'), "header.names: the header has no GPIO 20"),
    "partitions overlap": (replaced("offset = 0x300000", "offset = 0x2ff000"), "offset: vfs begins at 0x2ff000, be"),
    "partition too long": (replaced("0x300000\nsize = 0x100000", "0x300000\nsize = 0x200000"), "vfs ends at 0x500000"),
    "partition not aligned": (replaced("offset = 0x10000\n", "offset = 0x11000\n"), "factory must begin at a"),
    "no journal": (replaced('label = "vigil"', 'label = "spare"'), "partitions: there is none called vigil"),
    "unknown kind": (replaced('kind = "fat"', 'kind = "ext4"'), "partitions[4].kind: 'ext4' is not known"),
    "label too long": (replaced('label = "vigil"', 'label = "vigil-of-the-board"'), "is longer than 15 bytes"),
    "files not at the end": (replaced("offset = 0x12c000", "offset = 0x100000", _PICO), "files.size: the files must"),
}  # fmt: skip


@pytest.mark.parametrize("case", _BAD)
def test_a_wrong_description_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    make, problem = _BAD[case]
    path = tmp_path / "board.toml"
    path.write_text(make(), encoding="utf-8")
    with pytest.raises(BoardError) as caught:
        read(path)
    said = str(caught.value)
    assert problem in said
    assert said.startswith(f"{path}: ")
    assert "\n" not in said


def test_a_board_that_is_not_known_is_said_with_those_that_are() -> None:
    with pytest.raises(BoardError, match=r"no board is called 'esp8266': esp32-c3-xiao, .*raspberry-pi"):
        load("esp8266")


def test_a_board_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bedside.toml"
    path.write_text(replaced("0x48", "0x49")(), encoding="utf-8")
    board = load(str(path))
    assert board.id == "bedside"
    assert json.loads(wiring.board_json(board))["parts"] == [{"part": "TMP117", "address": 0x49, "optional": True}]


def test_a_board_has_the_drivers_of_its_parts_alone(tmp_path: Path) -> None:
    assert "vigil_hal/tmp117.mpy" in file_set(load("esp32-devkitc"))
    path = tmp_path / "board.toml"
    path.write_text(without("[[parts]]\n" + _TMP)(), encoding="utf-8")
    files = file_set(read(path))
    assert "vigil_hal/tmp117.mpy" not in files
    assert "vigil_hal/max30102.mpy" in files


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="No such file"):
        read(tmp_path / "board.toml")


def test_a_light_of_three_colours_is_three_wires(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text(replaced(_LIGHT, "light = [27, 16, 17] ")(), encoding="utf-8")
    board = read(tmp_path / "board.toml")
    assert json.loads(wiring.board_json(board))["light"] == [27, 16, 17]
    assert {"light, red", "light, green", "light, blue"} <= {use.text for use in wiring.uses(board)}
    assert "Light (green)" in draw(board)
