"""The estimate of what a board draws: it follows from what the firmware does, and each board has its row."""

import re
from pathlib import Path

import pytest

from vigil_hal.max30102 import Max30102
from vigil_host.boards import power
from vigil_host.boards.chips import CHIPS
from vigil_host.boards.description import board_ids, load

_PAGE = (Path(__file__).resolve().parents[2] / "docs/boards.md").read_text(encoding="utf-8")


def test_the_leds_are_lit_as_long_and_as_often_as_the_driver_has_it() -> None:
    defaults = Max30102.configure.__defaults__
    assert defaults is not None
    assert defaults[:2] == (power.LED_RATE_HZ, power.LED_PULSE_US)
    assert power.leds_ma(0xFF) == pytest.approx(2 * 51 * 0.0411)


def test_each_board_that_can_run_from_a_cell_has_a_row_and_a_source() -> None:
    for board in map(load, board_ids()):
        assert (board.chip.currents is not None) is board.runs_micropython
        rows = re.findall(rf"^\| {re.escape(board.name)} \|.*\*\*\d+\*\*, [\d.]+ h \|$", _PAGE, re.MULTILINE)
        assert len(rows) == board.runs_micropython


def test_what_was_not_looked_up_says_so() -> None:
    for name, chip in CHIPS.items():
        assert chip.currents is None or re.search("recalled|assumed", chip.currents.source), name


def test_more_light_a_link_and_more_adverts_cost_more() -> None:
    board = load("esp32-devkitc")
    currents = board.chip.currents
    assert currents is not None
    least = power.together_ma(board, currents, 0x24, False)
    assert least < power.together_ma(board, currents, 0x24, True) < power.together_ma(board, currents, 0xFF, True)
    assert power.adverts_ma(currents, 100_000) > power.adverts_ma(currents) > power.adverts_ma(currents, 1_000_000)
