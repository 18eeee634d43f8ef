"""What a board draws on average, estimated from data sheets, as a table of docs/boards.md that a meter can check.

Currents are in mA, as the board's 3.3 V supply has them. A linear regulator draws the same from a cell.
"""

from vigil_firmware.peripheral import ADVERT_INTERVAL_US
from vigil_hal.max30102 import REFERENCE_LED_CODE
from vigil_host.boards.chips import Currents
from vigil_host.boards.description import Board, board_ids, load

BEGIN = "<!-- From the boards' data: `python tools/board_pages.py` writes what follows, up to the end mark. -->"
END = "<!-- End of what follows from the boards' data. -->"
CELL_MAH = 500

# The oximeter, as the firmware sets it: both LEDs, each pulse so long, so many a second.
LED_PULSE_US = 411
LED_RATE_HZ = 100
LED_CODE_MA = 0.2
OXIMETER_MA = 0.6  # MAX30102 data sheet, I_DD in SpO2 mode, typical (recalled)
# TMP117 data sheet: 135 uA while it converts (recalled), 124 ms of each 500.
THERMOMETER_MA = 0.135 * 124 / 500

# On the air at 1 Mbit/s, per Bluetooth Core 5.4, vol. 6, part B: 8 us a byte, all overhead counted.
ADVERT_MS = 3 * 47 * 0.008  # 31 bytes of data, 16 around them, on three channels
ADVERT_LISTEN_MS = 3 * 0.3  # after each, for a request
ADVERT_DELAY_MS = 5.0  # mean of what is added at random to each interval
LINK_INTERVAL_MS = 45.0  # a central's choice; 30 to 50 ms are usual (recalled)
LINK_SEND_MS = 0.08  # an empty answer at each interval
LINK_LISTEN_MS = 0.3  # the central's empty packet, and the time before it in which it may come
LIVE_MS = 0.4  # each second: 37 bytes of frame, 14 around them

_MOST_LED_CODE = 0xFF


def leds_ma(code: int, rate_hz: int = LED_RATE_HZ) -> float:
    """Both LEDs at a code of 0.2 mA a step, on average."""
    return 2 * code * LED_CODE_MA * LED_PULSE_US * rate_hz / 1e6


def adverts_ma(currents: Currents, interval_us: int = ADVERT_INTERVAL_US) -> float:
    """The radio while it advertises."""
    drawn = ADVERT_MS * currents.transmit_ma + ADVERT_LISTEN_MS * currents.receive_ma
    return drawn / (interval_us / 1000 + ADVERT_DELAY_MS)


def link_ma(currents: Currents) -> float:
    """What a link adds: an exchange at each interval, and each second a frame."""
    drawn = LINK_SEND_MS * currents.transmit_ma + LINK_LISTEN_MS * currents.receive_ma
    return drawn / LINK_INTERVAL_MS + LIVE_MS * currents.transmit_ma / 1000


def together_ma(board: Board, currents: Currents, led_code: int, is_linked: bool) -> float:
    """All of it."""
    radio = adverts_ma(currents) + (link_ma(currents) if is_linked else 0)
    return board.own_ma + currents.processor_ma + radio + OXIMETER_MA + THERMOMETER_MA + leds_ma(led_code)


def power_part() -> str:
    """Tables, formula and figures, between their marks."""
    powered = [(board, board.chip.currents) for board in map(load, board_ids()) if board.chip.currents]
    sources = [f"* {board.name}: {currents.source}." for board, currents in powered]
    return "\n".join([BEGIN, "", *_by_board(powered), "", *_by_setting(powered), "", *_FORMULA, "", *sources, "", END])


def _by_board(powered: list[tuple[Board, Currents]]) -> list[str]:
    cases = ((REFERENCE_LED_CODE, False), (REFERENCE_LED_CODE, True), (_MOST_LED_CODE, True))
    heads = [f"LEDs {code * LED_CODE_MA:.1f} mA, {'link' if is_linked else 'no link'}" for code, is_linked in cases]
    lines = [_row("mA, and hours", "board", "processor", "adverts", "link", "sensors", *heads), "|" + "---|" * 9]
    for board, currents in powered:
        drawn = [together_ma(board, currents, *case) for case in cases]
        parts = (adverts_ma(currents), link_ma(currents), OXIMETER_MA + THERMOMETER_MA)
        fixed = [str(board.own_ma), str(currents.processor_ma), *(f"{part:.1f}" for part in parts)]
        lines.append(_row(board.name, *fixed, *(f"**{each:.0f}**, {CELL_MAH / each:.1f} h" for each in drawn)))
    return lines


def _by_setting(powered: list[tuple[Board, Currents]]) -> list[str]:
    lines = [_row("setting", "mA"), "|---|---|"]
    for code, rate_hz in ((0x24, 50), (0x24, 100), (0x24, 400), (0x80, 100), (0xFF, 100)):
        text = f"both LEDs at {code * LED_CODE_MA:.1f} mA, {rate_hz} pulses a second"
        lines.append(_row(text, f"{leds_ma(code, rate_hz):.1f}"))
    for interval_ms in (100, ADVERT_INTERVAL_US // 1000, 1000):
        drawn = sorted(adverts_ma(currents, interval_ms * 1000) for _, currents in powered)
        lines.append(_row(f"an advert each {interval_ms} ms", f"{drawn[0]:.1f} to {drawn[-1]:.1f}"))
    return lines


_FORMULA = (
    "    mA      = board + processor + adverts + link + sensors + LEDs",
    f"    LEDs    = 2 x LED current x {LED_PULSE_US} us x pulses / s",
    f"    adverts = ({ADVERT_MS:.2f} ms x transmit + {ADVERT_LISTEN_MS:.1f} ms x receive)"
    f" / (interval + {ADVERT_DELAY_MS:g} ms)",
    f"    link    = ({LINK_SEND_MS} ms x transmit + {LINK_LISTEN_MS} ms x receive) / {LINK_INTERVAL_MS:g} ms"
    f" + {LIVE_MS} ms x transmit / s",
    f"    hours   = {CELL_MAH} mAh / mA",
)


def with_power_part(text: str) -> str:
    """A page with this part in place of what was between the marks; raises ValueError where they are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"docs/boards.md lacks the marks {BEGIN!r} and {END!r}")
    return before + power_part() + after


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
