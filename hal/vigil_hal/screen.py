"""A picture of cells and what writes into it: characters, numbers, big figures. Nothing here makes an object.

The driver of a display is a screen that can also show itself.
"""

from vigil_hal.glyphs import BLANK, DASH, FIGURE_PARTS, FIGURES, FULL, POINT

COLUMNS = 16
FIGURE_ROWS = 3

# What a whole row looks like.
PLAIN = 0
UPPER = 1  # the upper half of its characters, twice as high
LOWER = 2  # the lower half
INVERSE = 4  # with one of these: dark on light

_ZERO = 48  # "0"
_NO_FIGURE = -1


class Screen:
    """So many rows of sixteen cells, all blank at first.

    `cells`: the codes (vigil_hal.glyphs), row by row. `looks`: of each row, as above.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.cells = bytearray(rows * COLUMNS)
        self.looks = bytearray(rows)
        self._place = 0  # of the next character
        self._end = 0  # of its row
        self.fill(0)

    def fill(self, colour: int) -> None:
        """Make every cell blank (0) or lit all over (1), and every row plain."""
        code = FULL if colour else BLANK
        cells = self.cells
        for index in range(len(cells)):
            cells[index] = code
        for row in range(self.rows):
            self.looks[row] = PLAIN

    def at(self, column: int, row: int) -> None:
        """Say where what is written next begins. What is beyond the end of its row is lost."""
        self._place = row * COLUMNS + column
        self._end = (row + 1) * COLUMNS

    def text(self, text: str) -> None:
        """Write ASCII."""
        for index in range(len(text)):
            self.symbol(ord(text[index]))

    def symbol(self, code: int) -> None:
        """Write one cell."""
        if self._place < self._end:
            self.cells[self._place] = code
            self._place += 1

    def number(self, value: int, least_digits: int = 1) -> None:
        """Write a number, 0 or more, with zeros before it where it has fewer digits."""
        divisor = 1
        while least_digits > 1 or value // divisor >= 10:
            divisor *= 10
            least_digits -= 1
        while divisor:
            self.symbol(_ZERO + value // divisor % 10)
            divisor //= 10

    def heading(self, row: int, is_inverse: bool) -> None:
        """Make what stands in this row twice as high: it takes the next row too."""
        cells = self.cells
        for index in range(row * COLUMNS, (row + 1) * COLUMNS):
            cells[index + COLUMNS] = cells[index]
        inverse = INVERSE if is_inverse else 0
        self.looks[row] = UPPER | inverse
        self.looks[row + 1] = LOWER | inverse

    def figures(self, value: int, digits: int, column: int, row: int) -> None:
        """Write a number in big figures, two columns wide each and three rows high, to the right within so many."""
        column += 2 * digits
        is_first = True
        while digits:
            column -= 2
            digits -= 1
            self.figure(value % 10 if value or is_first else _NO_FIGURE, column, row)
            is_first = False
            value //= 10

    def no_figures(self, digits: int, column: int, row: int) -> None:
        """Write big dashes in the place of so many figures."""
        while digits:
            digits -= 1
            self.figure(DASH, column + 2 * digits, row)

    def point(self, column: int, row: int) -> None:
        """Write the decimal point of big figures, one column wide."""
        self.cells[(row + 2) * COLUMNS + column] = POINT

    def figure(self, figure: int, column: int, row: int) -> None:
        """Write one big figure; -1 is a blank."""
        place = row * COLUMNS + column
        code = FIGURES + figure * FIGURE_PARTS
        for part in range(FIGURE_PARTS):
            self.cells[place] = BLANK if figure < 0 else code + part
            place += COLUMNS - 1 if part & 1 else 1
