"""Driver of the LIS3DH accelerometer (ST, DocID17530 Rev 2): high-resolution mode, +-2 g, FIFO in stream mode.

It converts at 50 Hz with a bandwidth of a ninth of that, and two samples make one of those given. Its FIFO of 32 lasts
0.64 s. Users of the part report that it keeps ten bits there, which the data sheet does not say: a step is then 4
milli-g, and a part that is kept still may give the same for minutes. An LIS2DH12 has the same identity and these
registers too.
"""

from vigil_hal.acceleration import BURST_SAMPLES, SAMPLE_BYTES, Acceleration, head_of
from vigil_hal.faults import ConfigRefused, WrongPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vigil_hal.seams import I2C

PART = "LIS3DH"
KIND = "accelerometer"
ADDRESSES = (0x18, 0x19)
MOST_HZ = 400_000
OPTIONS = ("head",)

_PART_ID = 0x33
_RATE_MILLI_HZ = 25_000
_STUCK_S = 300

_WHO_AM_I = 0x0F
_CONTROL_1 = 0x20
_OUT_X_LOW = 0x28
_FIFO_CONTROL = 0x2E
_FIFO_SOURCE = 0x2F
_NEXT_REGISTER = 0x80  # with a register's number: the burst goes on to those after it

# 50 Hz and all axes; no high-pass; no interrupts; whole samples only, +-2 g, high resolution; FIFO; no interrupts.
_CONTROL = b"\x47\x00\x00\x88\x40\x00"
_BYPASS = b"\x00"  # which empties the FIFO
_STREAM = b"\x80"
_OVERRUN = 0x40
_UNREAD = 0x1F  # never more than what waits, as ST's documents may be read in two ways
_DEPTH = 32
_PAIR_SHIFT = 5  # of the sum of two samples, left-justified, to milli-g


class Lis3dh(Acceleration):
    """One LIS3DH on a bus; a `seams.Accelerometer`."""

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0], head: int = 0) -> None:
        super().__init__(PART, i2c, address, head, _RATE_MILLI_HZ, _STUCK_S)
        self._control = bytearray(len(_CONTROL))
        self._first = [0, 0, 0]  # of a pair
        self._has_first = False

    def probe(self) -> None:
        """Check that an LIS3DH answers. Raises NotAnswering, or WrongPart when its identity is another."""
        self._read(_WHO_AM_I, self._one)
        if self._one[0] != _PART_ID:
            raise WrongPart(
                "identity 0x%02X at 0x%02X is no %s (0x%02X); check what is wired there"
                % (self._one[0], self._address, PART, _PART_ID)
            )

    def configure(self) -> None:
        """Start measuring, with nothing waiting. Raises ConfigRefused, NotAnswering."""
        self._write(_CONTROL_1 | _NEXT_REGISTER, _CONTROL)
        self._write(_FIFO_CONTROL, _BYPASS)
        self._write(_FIFO_CONTROL, _STREAM)
        self._read(_CONTROL_1 | _NEXT_REGISTER, self._control)
        if self._control != _CONTROL:
            raise ConfigRefused(
                "%s does not keep its configuration; check its wiring, then switch it off and on" % self._where
            )
        self._has_first = False

    def drain(self) -> int:
        """Take what waits into `x`, `y`, `z`; return how many samples of 25 a second that made.

        A full FIFO counts as one of `overruns`. Raises NotAnswering, or Stuck.
        """
        try:
            count = self._drain()
            self._watch(count)
            return count
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _drain(self) -> int:
        self._i2c.readfrom_mem_into(self._address, _FIFO_SOURCE, self._one)
        waiting = self._one[0] & _UNREAD
        if self._one[0] & _OVERRUN:
            self.overruns += 1
            waiting = _DEPTH
        count = 0
        while waiting:
            length = min(waiting, BURST_SAMPLES)
            self._i2c.readfrom_mem_into(self._address, _OUT_X_LOW | _NEXT_REGISTER, self._bursts[length])
            waiting -= length
            for index in range(length):
                count += self._take(index * SAMPLE_BYTES, count)
        return count

    def _take(self, position: int, count: int) -> int:
        """Take one sample in: 1 where it is the second of a pair, which is then kept as number `count`."""
        first = self._first
        if not self._has_first:
            for axis in range(3):
                first[axis] = self._value(position + 2 * axis)
            self._has_first = True
            return 0
        self.x[count] = first[0] + self._value(position) >> _PAIR_SHIFT
        self.y[count] = first[1] + self._value(position + 2) >> _PAIR_SHIFT
        self.z[count] = first[2] + self._value(position + 4) >> _PAIR_SHIFT
        self._has_first = False
        return 1

    def _value(self, position: int) -> int:
        word = self._raw[position] | self._raw[position + 1] << 8
        return word - 0x10000 if word >= 0x8000 else word


def on_board(board: "Any", entry: "dict[str, Any]") -> Lis3dh:
    """Return the driver for an entry of the board's file; `head` is the axis that points to the head ("+y")."""
    return Lis3dh(board.i2c, entry["address"], head_of(entry.get("head", "")))
