"""What the drivers of accelerometers share: the arrays that a drain fills, and whether what is in them is alive.

A part that hangs may go on to deliver samples. Two signs are watched for, on the samples in milli-g: all axes the same
for long, and one axis that keeps its value while the others move. How long is "for long" depends on how fine the
part's steps are: noise of its own never lets a fine one be still.
"""

from array import array

from vigil_hal.faults import NotAnswering, SensorFault, not_answering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import I2C, ReadableBuffer, WritableBuffer

CAPACITY = 32
BURST_SAMPLES = 5
"""In one transfer: 30 bytes, as some adapters can no more than 32."""
SAMPLE_BYTES = 6
AXES = "xyz"

_MOVED_MILLI_G = 100  # in one drain, the changes of all axes
_DEAD_DRAINS = 50  # in which it moved so much: 10 s


class Stuck(SensorFault):
    """The part answers and delivers, but always the same."""


class Acceleration:
    """The arrays of one part, `x`, `y`, `z`, in milli-g.

    `head`: which axis of the part points to the wearer's head as it is worn: 1, 2, 3 for x, y, z, negative where it
    points to the feet; 0: not known. `overruns`: how many drains found that samples had been lost before.
    """

    def __init__(self, part: str, i2c: "I2C", address: int, head: int, rate_milli_hz: int, stuck_s: int) -> None:
        self.x = array("h", bytes(2 * CAPACITY))
        self.y = array("h", bytes(2 * CAPACITY))
        self.z = array("h", bytes(2 * CAPACITY))
        self.head = head
        self.rate_milli_hz = rate_milli_hz
        self.overruns = 0
        self._i2c = i2c
        self._address = address
        self._part = part
        self._where = "%s at 0x%02X" % (part, address)
        self._one = bytearray(1)
        self._raw = bytearray(SAMPLE_BYTES * BURST_SAMPLES)
        view = memoryview(self._raw)
        self._bursts = tuple([view[: SAMPLE_BYTES * count] for count in range(BURST_SAMPLES + 1)])
        self._axes = (_Axis(), _Axis(), _Axis())
        self._stuck_samples = stuck_s * rate_milli_hz // 1000
        self._same = 0

    def _watch(self, count: int) -> None:
        """Look at the samples of one drain. Raises Stuck, from then on at each drain until something changes."""
        axes = self._axes
        moved = axes[0].follow(self.x, count)
        moved += axes[1].follow(self.y, count)
        moved += axes[2].follow(self.z, count)
        self._same = 0 if moved else min(self._same + count, self._stuck_samples)
        if self._same >= self._stuck_samples:
            raise Stuck("%s gives the same sample all the time; switch it off and on" % self._where)
        for axis in range(3):
            if axes[axis].is_dead(moved):
                self._raise_dead(axis)

    def _raise_dead(self, axis: int) -> None:
        raise Stuck("%s: its %s axis keeps its value while others move; replace it" % (self._where, AXES[axis]))

    def _read(self, register: int, buffer: "WritableBuffer") -> None:
        try:
            self._i2c.readfrom_mem_into(self._address, register, buffer)
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _write(self, register: int, data: "ReadableBuffer") -> None:
        try:
            self._i2c.writeto_mem(self._address, register, data)
            return
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _fault(self, error: OSError) -> NotAnswering:
        return not_answering(self._part, self._address, error)


class _Axis:
    """How much one axis changed in the newest drain, and in how many it did not though the others did."""

    def __init__(self) -> None:
        self._last = 0
        self._change = 0
        self._dead_drains = 0

    def follow(self, values: "array[int]", count: int) -> int:
        """Take the samples of a drain in; the sum of the changes between them, milli-g."""
        self._change = 0
        for index in range(count):
            self._change += abs(values[index] - self._last)
            self._last = values[index]
        return self._change

    def is_dead(self, moved: int) -> bool:
        """Whether this axis has kept its value for long, `moved` being the changes of all three in that drain."""
        if self._change:
            self._dead_drains = 0
        elif moved >= _MOVED_MILLI_G and self._dead_drains < _DEAD_DRAINS:
            self._dead_drains += 1
        return self._dead_drains >= _DEAD_DRAINS


def head_of(text: str) -> int:
    """The axis that "+x", "-x", "+y", "-y", "+z" or "-z" names, as `Acceleration.head` has it; "": not known.

    Raises ValueError.
    """
    if text == "":
        return 0
    if len(text) != 2 or text[0] not in "+-" or text[1] not in AXES:
        raise ValueError("head '%s' is none of +x, -x, +y, -y, +z, -z" % text)
    axis = AXES.index(text[1]) + 1
    return axis if text[0] == "+" else -axis
