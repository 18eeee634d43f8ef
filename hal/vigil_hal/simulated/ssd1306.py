"""An SSD1306 at the level of its command and data bytes, and the glass above its RAM. No scrolling.

What stands on the glass can be had as pixels, and read: `lines` knows the characters that a screen may hold.
"""

from vigil_hal import glyphs
from vigil_hal.screen import COLUMNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import ReadableBuffer, WritableBuffer

WIDTH = 128
_RAM_ROWS = 64
_PAGES = 8
_HORIZONTAL, _VERTICAL, _BY_PAGE = 0, 1, 2

_CONTINUED = 0x80  # bits of a control byte
_IS_PICTURE = 0x40
# How many bytes come after a command that takes some.
_ARGUMENTS = {
    0x20: 1, 0x21: 2, 0x22: 2, 0x81: 1, 0x8D: 1, 0xA8: 1, 0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1,
}  # fmt: skip
_IS_OFF = 0x40  # in the status


class SimulatedSsd1306:
    """One part, wired to its glass as modules are: `A1` and `C8` make it upright.

    `refused`: commands that it has not. `dead_rows`, `dead_columns`: of the glass, which are never lit. `contrast`: as
    it was set. `bytes_taken`: since the power came.
    """

    def __init__(self, address: int = 0x3C, height: int = 64) -> None:
        self.address = address
        self.height = height
        self.dead_rows: set[int] = set()
        self.dead_columns: set[int] = set()
        self.refused: list[int] = []
        self._noise = 1
        self.ram = bytearray(WIDTH * _PAGES)
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: settings as at power-on, dark, and anything in the RAM."""
        for index in range(len(self.ram)):
            self._noise = (self._noise * 1021 + 4093) & 0xFFFFF
            self.ram[index] = self._noise >> 12
        self.is_on = False
        self.contrast = 0x7F
        self.has_pump = False
        self.bytes_taken = 0
        self._is_inverse = self._is_all_lit = False
        self._is_mirrored = self._is_upside_down = True  # until A1 and C8
        self._mode = _BY_PAGE
        self._page = self._column = self._first_column = 0
        self._pages = (0, _PAGES - 1)
        self._columns = (0, WIDTH - 1)
        self._first_line = self._offset = 0
        self._rows = _RAM_ROWS
        self._com_pins = 0x12
        self._command = -1  # that waits for its arguments
        self._arguments: list[int] = []
        self._control = 0

    def select(self, register: int) -> None:
        """Take the control byte that begins a transfer."""
        self._control = register

    def write(self, data: "ReadableBuffer") -> None:
        """Take commands or picture, as the control byte says; where it is continued, each byte has one of its own."""
        is_control = False
        for byte in data:
            if is_control:
                self._control = byte
                is_control = False
                continue
            self.bytes_taken += 1
            if self._control & _IS_PICTURE:
                self._store(byte)
            else:
                self._obey(byte)
            is_control = self._control & _CONTINUED != 0

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer with the status: whether it is off."""
        for index in range(len(buffer)):
            buffer[index] = 0 if self.is_on else _IS_OFF

    def is_lit(self, x: int, y: int) -> bool:
        """Whether a pixel of the glass gives light, counted from its upper left corner."""
        return self._row(y)[x] == 1

    def picture(self) -> "list[bytearray]":
        """The glass from the top down, a byte for each pixel: 1 where it is lit."""
        return [self._row(y) for y in range(self.height)]

    def _row(self, y: int) -> bytearray:
        pixels = bytearray(WIDTH)
        if not self.is_on or not self.has_pump or y in self.dead_rows:
            return pixels
        if self._com_pins != (0x12 if self.height == 64 else 0x02) or self._rows != self.height:
            y = y * 5 % self.height  # not as this glass is wired: a jumble
        if self._is_upside_down:
            y = self.height - 1 - y
        y = (y + self._first_line + self._offset) % _RAM_ROWS
        ram = self.ram
        start = (y >> 3) * WIDTH
        bit = y & 7
        dark = 1 if self._is_inverse else 0
        for x in range(WIDTH):
            pixels[WIDTH - 1 - x if self._is_mirrored else x] = ram[start + x] >> bit & 1 ^ dark
        if self._is_all_lit:
            pixels = bytearray([1] * WIDTH)
        for x in self.dead_columns:
            pixels[x] = 0
        return pixels

    def lines(self) -> "list[str]":
        """What can be read on the glass, row by row, without blanks at the end. Raises ValueError where it cannot.

        A high heading is read in its upper row, big figures in their lowest; symbols are told as {BATTERY}.
        """
        pixels = self.picture()
        cells = [[_column_bytes(pixels, row, column) for column in range(COLUMNS)] for row in range(self.height // 8)]
        figures = _read_figures(cells)
        found: list[str] = []
        while len(found) < len(cells):
            row = len(found)
            line = _read(cells, row, figures)
            if line is None and row + 1 < len(cells):
                line = _read([_halved(cells[row], cells[row + 1])], 0, {})
                found.append("" if line is None else line.rstrip())
            if line is None:
                raise ValueError("row %d cannot be read" % row)
            if len(found) == row:
                found.append(line.rstrip())
            else:
                found.append("")
        return found

    def _store(self, byte: int) -> None:
        self.ram[self._page * WIDTH + self._column] = byte
        if self._mode == _BY_PAGE:
            self._column = (self._column + 1) % WIDTH
        elif self._mode == _HORIZONTAL:
            self._column = _after(self._column, self._columns)
            if self._column == self._columns[0]:
                self._page = _after(self._page, self._pages)
        else:
            self._page = _after(self._page, self._pages)
            if self._page == self._pages[0]:
                self._column = _after(self._column, self._columns)

    def _obey(self, byte: int) -> None:
        if self._command < 0:
            self._command = byte
        else:
            self._arguments.append(byte)
        if len(self._arguments) == _ARGUMENTS.get(self._command, 0):
            command, arguments = self._command, self._arguments
            self._command, self._arguments = -1, []
            self._do(command, arguments)

    def _do(self, command: int, arguments: "list[int]") -> None:
        if command < 0x20:
            self._place(command)
        elif 0x40 <= command < 0x80:
            self._first_line = command & 63
        elif 0xB0 <= command < 0xB8:
            self._page = command & 7
        elif command in _ARGUMENTS:
            self._set(command, arguments)
        else:
            self._switch(command)

    def _place(self, command: int) -> None:
        if command < 0x10:
            self._first_column = self._first_column & 0xF0 | command
        else:
            self._first_column = self._first_column & 0x0F | (command & 7) << 4
        self._column = self._first_column

    def _set(self, command: int, arguments: "list[int]") -> None:
        value = arguments[0]
        if command == 0x20:
            self._mode = value & 3
        elif command == 0x21:
            self._columns = (value & 127, arguments[1] & 127)
            self._column = value & 127
        elif command == 0x22:
            self._pages = (value & 7, arguments[1] & 7)
            self._page = value & 7
        elif command == 0x81:
            self.contrast = value
        elif command == 0x8D:
            self.has_pump = value & 4 != 0
        elif command == 0xA8:
            self._rows = (value & 63) + 1
        elif command == 0xD3:
            self._offset = value & 63
        elif command == 0xDA:
            self._com_pins = value

    def _switch(self, command: int) -> None:
        if command in (0xA0, 0xA1):
            self._is_mirrored = command == 0xA0
        elif command in (0xC0, 0xC8):
            self._is_upside_down = command == 0xC0
        elif command in (0xA4, 0xA5):
            self._is_all_lit = command == 0xA5
        elif command in (0xA6, 0xA7):
            self._is_inverse = command == 0xA7
        elif command in (0xAE, 0xAF):
            self.is_on = command == 0xAF
        elif command not in (0x2E, 0xE3):  # no scrolling, nothing at all
            self.refused.append(command)


def _after(value: int, bounds: "tuple[int, int]") -> int:
    return bounds[0] if value >= bounds[1] else value + 1


def _column_bytes(pixels: "list[bytearray]", row: int, column: int) -> bytes:
    """A cell of the glass as a glyph is written: eight columns, the lowest bit on top."""
    cell = bytearray(8)
    for bit in range(8):
        line = pixels[row * 8 + bit]
        for x in range(8):
            if line[column * 8 + x]:
                cell[x] |= 1 << bit
    return bytes(cell)


def _glyph(code: int) -> bytes:
    start = (code - glyphs.FIRST) * 8
    return glyphs.CELLS[start : start + 8]


_SYMBOLS = (
    "FULL", "BATTERY", "BRIDGE", "NO_BRIDGE", "SILENT", "HEART", "DEGREE", "SIGNAL_0", "SIGNAL_1", "SIGNAL_2",
    "SIGNAL_3", "SIGNAL_4",
)  # fmt: skip
_READABLE = {_glyph(code): chr(code) for code in range(glyphs.BLANK, 127)}
_READABLE.update({_glyph(getattr(glyphs, name)): "{%s}" % name for name in _SYMBOLS})
_READABLE[_glyph(glyphs.POINT)] = "."
_FIGURES = {
    b"".join([_glyph(glyphs.FIGURES + figure * glyphs.FIGURE_PARTS + part) for part in range(6)]): "0123456789-"[figure]
    for figure in range(11)
}


def _read_figures(cells: "list[list[bytes]]") -> "dict[tuple[int, int], str]":
    """What big figures there are, by row and column of each of their cells; all but the last of these read as ""."""
    found: dict[tuple[int, int], str] = {}
    for row in range(len(cells) - 2):
        for column in range(COLUMNS - 1):
            if cells[row + 1][column] in _READABLE and cells[row][column] in _READABLE:
                continue  # no figure begins so, and most cells do
            parts = [cells[row + (part >> 1)][column + (part & 1)] for part in range(6)]
            figure = _FIGURES.get(b"".join(parts))
            if figure is not None:
                for part in range(6):
                    found[row + (part >> 1), column + (part & 1)] = " "
                found[row + 2, column] = figure
                found[row + 2, column + 1] = ""
    return found


def _read(cells: "list[list[bytes]]", row: int, figures: "dict[tuple[int, int], str]") -> "str | None":
    """A row of plain characters, dark on light or not; None where it is none."""
    for inverted in (0, 0xFF):
        text = ""
        for column in range(COLUMNS):
            cell = bytes([pixels ^ inverted for pixels in cells[row][column]])
            read = figures.get((row, column), _READABLE.get(cell))
            if read is None:
                break
            text += read
        else:
            return text
    return None


def _halved(upper: "list[bytes]", lower: "list[bytes]") -> "list[bytes]":
    """A heading's cells as high as plain ones."""
    found = []
    for column in range(COLUMNS):
        cell = []
        for index in range(8):
            pixels = upper[column][index] | lower[column][index] << 8
            cell.append(sum([(pixels >> 2 * bit & 1) << bit for bit in range(8)]))
        found.append(bytes(cell))
    return found
