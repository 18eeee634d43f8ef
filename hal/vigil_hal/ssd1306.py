"""Driver of the SSD1306 OLED display, 128 pixels wide and 64 or 32 high.

Source: its data sheet, revision 1.1, sections 8 to 10, and the application note on its charge pump at the end.

A whole picture is 1 KiB, 27 ms of the bus at 400 kHz, so `show` sends only what changed, in bursts of 32 bytes, and
eight bursts at most in one call: 7 ms. Each burst says where it belongs (page addressing), so that none that is lost
shifts what comes after it. What the part holds cannot be read back over I2C.
"""

from vigil_hal.faults import not_answering
from vigil_hal.glyphs import CELLS, FIRST
from vigil_hal.screen import COLUMNS, INVERSE, LOWER, PLAIN, Screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vigil_hal.seams import I2C, Buses

PART = "SSD1306"
KIND = "display"
ADDRESSES = (0x3C, 0x3D)
MOST_HZ = 400_000
OPTIONS = ("height",)  # 32, where it is not 64

BRIGHT = 0xCF
DIM = 0x0F
BURSTS_MOST = 8  # of one `show`

_HEIGHTS = (64, 32)

_COMMANDS = 0x00  # control bytes: what follows are commands, or picture
_PICTURE = 0x40
_DISPLAY_OFF = 0xAE
_DISPLAY_ON = 0xAF
_NOTHING = 0xE3
_CONTRAST = 0x81
_PAGE = 0xB0
_COLUMN_LOW = 0x00
_COLUMN_HIGH = 0x10
_CELL_PIXELS = 8
_BURST_CELLS = 4
_BURST_BYTES = _BURST_CELLS * _CELL_PIXELS
_NEVER = 0xFF  # no look of a row, no contrast that is used
_UNSENT = 0  # no code of a cell

_HEIGHT_AT = 1  # in the commands below
_COM_PINS_AT = 8
_CONTRAST_AT = 10
_SETUP = (
    b"\xa8\x3f"  # multiplex ratio: as many rows as it has
    b"\xd3\x00\x40"  # no offset, first line at the top
    b"\xa1\xc8\xda\x12"  # as modules are wired: columns and rows the other way round, alternate COM pins
    b"\x81\xcf"  # contrast
    b"\xa4\xa6\x2e"  # show the RAM, 1 is light, no scrolling
    b"\xd5\x80\xd9\xf1\xdb\x30"  # clock; precharge and VCOMH for the charge pump
    b"\x20\x02"  # page addressing
    b"\x8d\x14"  # charge pump on
)
_SEQUENTIAL_COM_PINS = 0x02  # of a display that is 32 high
# Four pixels, each twice as high.
_STRETCHED = b"\x00\x03\x0c\x0f\x30\x33\x3c\x3f\xc0\xc3\xcc\xcf\xf0\xf3\xfc\xff"


class Ssd1306(Screen):
    """One display. Write into it as into any Screen; then call `show` until it says that all is shown.

    `configure` comes first, and again after an OSError, or where the part may have lost its power: then all is sent
    anew. What it shows stays meanwhile, unless it was switched off; a part that has forgotten all is dark meanwhile.
    """

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0], height: int = 64) -> None:
        super().__init__(height // _CELL_PIXELS)
        self._i2c = i2c
        self._address = address
        self._contrast = BRIGHT
        self._setup = bytearray(_SETUP)
        self._setup[_HEIGHT_AT] = height - 1
        if height == 32:
            self._setup[_COM_PINS_AT] = _SEQUENTIAL_COM_PINS
        self._where = bytearray(3)
        self._burst = bytearray(_BURST_BYTES)
        self._set = bytearray((_CONTRAST, 0))
        self._on = bytearray((_DISPLAY_ON,))
        self._off = bytearray((_DISPLAY_OFF,))
        self._nothing = bytearray((_NOTHING,))
        self._sent = bytearray(len(self.cells))
        self._sent_looks = bytearray(len(self.cells) // _BURST_CELLS)  # of each burst
        self._is_on = False
        self._sent_contrast = _NEVER
        self._forget()

    def probe(self) -> None:
        """Make sure that a part answers; it cannot say which. Raises NotAnswering."""
        error = self._problem()
        if error is not None:
            raise not_answering(PART, self._address, error)

    def _problem(self) -> "OSError | None":
        try:
            self._i2c.writeto_mem(self._address, _COMMANDS, self._nothing)
            return None
        except OSError as error:
            return error

    def switch_off(self) -> None:
        """Make it dark, until it is set up and all is sent again. Raises OSError."""
        self._forget()
        self._i2c.writeto_mem(self._address, _COMMANDS, self._off)

    def configure(self) -> None:
        """Set the part up; all is to be sent again. Raises OSError."""
        self._forget()
        self._setup[_CONTRAST_AT] = self._contrast
        self._i2c.writeto_mem(self._address, _COMMANDS, self._setup)
        self._sent_contrast = self._contrast

    def brighten(self, is_bright: bool) -> None:
        """Say how bright `show` makes it: as it can be, or dim, which lets it live longer."""
        self._contrast = BRIGHT if is_bright else DIM

    def show(self) -> bool:
        """Send the next of what changed, 256 bytes of it at most; whether all is shown now. Raises OSError.

        One half after the other, left and right, from the top down: a number that stands in one of them, and changes
        alone, is never seen half old and half new.
        """
        bursts = 0
        for turn in range(len(self._sent_looks)):
            index = self._in_turn(turn)
            if self._has_changed(index):
                if bursts == BURSTS_MOST:
                    return False
                bursts += 1
                self._send(index)
        self._finish()
        return True

    def _in_turn(self, turn: int) -> int:
        """The burst that comes in turn: two of each row in the left half, then two of each in the right one."""
        half = self.rows * 2
        right = 2 if turn >= half else 0
        turn %= half
        return (turn >> 1) * (COLUMNS // _BURST_CELLS) + right + (turn & 1)

    def _has_changed(self, index: int) -> bool:
        if self._sent_looks[index] != self.looks[index * _BURST_CELLS // COLUMNS]:
            return True
        cells = self.cells
        sent = self._sent
        start = index * _BURST_CELLS
        for cell in range(start, start + _BURST_CELLS):
            if cells[cell] != sent[cell]:
                break
        else:
            return False
        return True

    def _send(self, index: int) -> None:
        start = index * _BURST_CELLS
        for cell in range(_BURST_CELLS):
            self._draw(cell * _CELL_PIXELS, self.cells[start + cell])
        self._change(self.looks[start // COLUMNS])
        self._aim(start)
        self._i2c.writeto_mem(self._address, _PICTURE, self._burst)
        for cell in range(start, start + _BURST_CELLS):
            self._sent[cell] = self.cells[cell]
        self._sent_looks[index] = self.looks[start // COLUMNS]

    def _aim(self, cell: int) -> None:
        """Say where the next burst belongs."""
        left = cell % COLUMNS * _CELL_PIXELS
        self._where[0] = _PAGE | cell // COLUMNS
        self._where[1] = _COLUMN_LOW | left & 15
        self._where[2] = _COLUMN_HIGH | left >> 4
        self._i2c.writeto_mem(self._address, _COMMANDS, self._where)

    def _draw(self, place: int, code: int) -> None:
        """Put a cell's eight columns into the burst."""
        burst = self._burst
        glyph = (code - FIRST) * _CELL_PIXELS
        for column in range(_CELL_PIXELS):
            burst[place + column] = CELLS[glyph + column]

    def _change(self, look: int) -> None:
        """Make the burst look as its row does."""
        burst = self._burst
        inverted = 0xFF if look & INVERSE else 0
        shift = 4 if look & LOWER else 0
        if look != PLAIN:
            for column in range(_BURST_BYTES):
                burst[column] = _STRETCHED[burst[column] >> shift & 15] ^ inverted

    def _finish(self) -> None:
        """What comes after the picture: its contrast, and light at last."""
        if self._sent_contrast != self._contrast:
            self._set[1] = self._contrast
            self._i2c.writeto_mem(self._address, _COMMANDS, self._set)
            self._sent_contrast = self._contrast
        if not self._is_on:
            self._i2c.writeto_mem(self._address, _COMMANDS, self._on)
            self._is_on = True

    def _forget(self) -> None:
        """Take it that the part knows nothing."""
        self._is_on = False
        self._sent_contrast = _NEVER
        for index in range(len(self._sent)):
            self._sent[index] = _UNSENT
        for index in range(len(self._sent_looks)):
            self._sent_looks[index] = _NEVER


def on_board(board: "Buses", entry: "Mapping[str, Any]") -> Ssd1306:
    """Return the driver of the one that a board's file lists. ValueError where its `height` is none."""
    height = entry.get("height", _HEIGHTS[0])
    if height not in _HEIGHTS:
        raise ValueError("height is 64 or 32, not %s" % height)
    return Ssd1306(board.i2c, entry["address"], height)
