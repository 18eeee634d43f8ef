"""Draws a board's wiring as an SVG, 360 wide: a phone shows it without zooming.

Above, the board from above with its pins in their order, and a flag at each that gets a wire. Below, each part, and
which pin of the board each of its pins goes to. A wire's colour is the same in both, and its name stands beside it.
"""

from xml.sax.saxutils import escape

from vigil_host.boards.description import Board, Part
from vigil_host.boards.wiring import COLOURS_OF_LIGHT, is_own_button, uses

_WIDTH = 360
_ROW = 19
_CROSS = "\N{MULTIPLICATION SIGN}"
_LETTER = 7  # the width of most, at 12
_BOARD_LEFT, _BOARD_RIGHT = 112, 248
_COLOURS = {
    "supply": "#c62828",
    "GND": "#212121",
    "sda": "#1565c0",
    "scl": "#9a5b00",
    "light": "#2e7d32",
    "buzzer": "#7b1fa2",
    "beeper": "#7b1fa2",
    "vibration": "#00796b",
    "button": "#5d4037",
    "part": "#00838f",
    "reserved": "#757575",
}


class _Drawing:
    """Lines of SVG, from the top down."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.y = 0

    def text(self, x: float, y: float, text: str, more: str = "") -> None:
        self.lines.append(f'<text x="{x:g}" y="{y:g}" {more}>{escape(text)}</text>'.replace(" >", ">"))

    def box(self, x: float, y: float, width: float, height: float, more: str) -> None:
        self.lines.append(f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" {more}/>')

    def wire(self, x1: float, y1: float, x2: float, y2: float, net: str) -> None:
        self.lines.append(
            f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{_COLOURS[net]}" stroke-width="3"/>'
        )

    def flag(self, x: float, y: float, width: float, net: str, text: str) -> None:
        """A name on its wire's colour; y is its middle."""
        self.box(x, y - 8, width, 16, f'rx="3" fill="{_COLOURS[net]}"')
        size = "" if len(text) * _LETTER <= width else ' font-size="10"'
        self.text(x + width / 2, y + 4, text, f'text-anchor="middle" fill="#fff"{size}')

    def part(self, x: float, y: float, width: float, text: str) -> None:
        """A part in a wire; y is its middle."""
        self.box(x, y - 9, width, 18, 'rx="2" fill="#fff" stroke="#424242"')
        self.text(x + width / 2, y + 4, text, 'text-anchor="middle"')

    def title(self, text: str) -> None:
        self.y += 26
        self.text(8, self.y, text, 'font-weight="bold" font-size="13"')
        self.y += 18


def draw(board: Board) -> str:
    """The picture of a board."""
    drawing = _Drawing()
    _draw_board(drawing, board)
    for part in board.bus_parts:
        _draw_module(drawing, board, part.name)
    for part in board.pin_parts:
        _draw_pin_part(drawing, board, part)
    pins = board.pins
    for index, pin in enumerate(pins.get("light", ())):
        colour = COLOURS_OF_LIGHT[index] if len(pins["light"]) > 1 else ""
        drawing.title(f"Light ({colour})" if colour else "Light")
        leg = f"LED, its {colour} leg" if colour else "◂ long leg, LED"
        _chain(drawing, ("light", board.header.label(pin)), "330 Ω", leg)
        drawing.y += 4
    for use, what in (("buzzer", "buzzer"), ("beeper", "beeper"), ("vibration", "motor")):
        if use in pins:
            drawing.title({"motor": "Vibration motor"}.get(what, what.capitalize()))
            _draw_driven(drawing, board, use, what)
    if "button" in pins:
        drawing.title("Button")
        if is_own_button(board):
            drawing.text(8, drawing.y + 4, "BOOT on the board: nothing to wire.")
        else:
            _chain(drawing, ("button", board.header.label(pins["button"][0])), "", "push button")
    height = drawing.y + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" '
            f'height="{height:g}" role="img" font-family="Arial, Helvetica, sans-serif" font-size="12" fill="#212121">',
            f"<title>Wiring of {escape(board.name)}</title>",
            f'<rect width="{_WIDTH}" height="{height:g}" fill="#fff"/>',
            *drawing.lines,
            "</svg>\n",
        ]
    )


def _draw_board(drawing: _Drawing, board: Board) -> None:
    header = board.header
    flags: dict[int | str, tuple[str, str]] = {use.pin: (use.net, use.text) for use in uses(board)}
    flags[board.supply] = ("supply", board.supply)
    flags["GND"] = ("GND", "GND")
    avoided = board.avoided()
    rows = max(len(header.left), len(header.right))
    top = 34
    bottom = top + rows * _ROW + 30
    width = _BOARD_RIGHT - _BOARD_LEFT
    drawing.box(_BOARD_LEFT, top - 22, width, bottom - top + 22, 'rx="8" fill="#e8f0ea" stroke="#607d68"')
    middle = (_BOARD_LEFT + _BOARD_RIGHT) / 2
    if header.usb:
        at = top - 28 if header.usb == "top" else bottom - 12
        drawing.box(middle - 22, at, 44, 18, 'rx="3" fill="#cfd8dc" stroke="#607d68"')
        drawing.text(middle, at + 13, "USB", 'text-anchor="middle"')
    name_y = top - 5 if header.usb != "top" else bottom - 10
    drawing.text(middle, name_y, board.name, 'text-anchor="middle" font-weight="bold" font-size="11"')
    for is_left, entries in ((True, header.left), (False, header.right)):
        for row, entry in enumerate(entries):
            y = top + row * _ROW + 9
            pin_x = _BOARD_LEFT + 7 if is_left else _BOARD_RIGHT - 7
            drawing.lines.append(f'<circle cx="{pin_x}" cy="{y}" r="4" fill="#fff" stroke="#424242"/>')
            more = f'text-anchor="{"start" if is_left else "end"}" font-size="11"'
            if entry in flags:
                net, text = flags[entry]
                drawing.wire(*((100, y, pin_x, y) if is_left else (pin_x, y, 260, y)), net)
                drawing.flag(4 if is_left else 260, y, 96, net, text)
            elif entry in avoided:
                drawing.text(
                    pin_x, y + 5, _CROSS, 'text-anchor="middle" fill="#c62828" font-weight="bold" font-size="16"'
                )
                more += ' fill="#c62828"'
            drawing.text(pin_x + (8 if is_left else -8), y + 4, header.label(entry), more)
    drawing.y = bottom + 18
    if avoided:
        drawing.text(_WIDTH / 2, drawing.y, f"{_CROSS} must not be used", 'text-anchor="middle" fill="#c62828"')


def _draw_module(drawing: _Drawing, board: Board, part: str) -> None:
    """A module on the bus: its four pins, and below each the board's."""
    drawing.title(f"{part} module")
    label = board.header.label
    _draw_pads(drawing, board, ("sda", "SDA", label(board.bus.sda)), ("scl", "SCL", label(board.bus.scl)))


def _draw_pin_part(drawing: _Drawing, board: Board, part: Part) -> None:
    """A part on a pin of its own."""
    assert part.pin is not None
    drawing.title(part.name)
    _draw_pads(drawing, board, ("part", "pin", board.header.label(part.pin)))


def _draw_pads(drawing: _Drawing, board: Board, *signals: tuple[str, str, str]) -> None:
    """A part's pads from the left on: supply, ground, and these: net, name, and the board's pin."""
    pads = (("supply", "VIN", board.supply), ("GND", "GND", "GND"), *signals)
    for index, (net, name, pin) in enumerate(pads):
        x = 8 + index * 88
        drawing.box(x, drawing.y - 9, 36, 18, 'rx="2" fill="#fff" stroke="#424242"')
        drawing.text(x + 18, drawing.y + 4, name, 'text-anchor="middle"')
        drawing.wire(x + 36, drawing.y, x + 44, drawing.y, net)
        drawing.flag(x + 44, drawing.y, 40, net, pin)


def _chain(drawing: _Drawing, start: tuple[str, str], first: str, second: str) -> None:
    """A wire from a pin through one or two parts to ground."""
    net, pin = start
    drawing.wire(8, drawing.y, 120, drawing.y, net)
    drawing.wire(120, drawing.y, 350, drawing.y, "GND")
    drawing.flag(8, drawing.y, 56, net, pin)
    if first:
        drawing.part(76, drawing.y, 52, first)
    drawing.part(142, drawing.y, 138, second)
    drawing.flag(298, drawing.y, 54, "GND", "GND")


def _draw_driven(drawing: _Drawing, board: Board, use: str, what: str) -> None:
    """A part that a transistor switches: base, collector and emitter, one line each."""
    y = drawing.y
    drawing.box(250, y - 11, 100, 2 * 26 + 22, 'rx="4" fill="#fff" stroke="#424242"')
    drawing.text(344, y + 30, "2N2222", 'text-anchor="end" font-weight="bold"')
    rows = (
        (use, board.header.label(board.pins[use][0]), "1 kΩ", "B"),
        ("supply", board.supply, "motor, diode across" if what == "motor" else what, "C"),
        ("GND", "GND", "", "E"),
    )
    for index, (net, pin, part, leg) in enumerate(rows):
        line = y + index * 26
        drawing.wire(8, line, 250, line, net)
        drawing.flag(8, line, 56, net, pin)
        if part:
            drawing.part(90, line, 140, part)
        drawing.text(258, line + 4, leg)
    drawing.y = y + 2 * 26
    if what == "motor":
        drawing.y += 22
        drawing.text(8, drawing.y, f"Diode 1N4148: its band towards {board.supply}.")
