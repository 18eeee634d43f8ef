"""Driver of an MPU-6050's accelerometer (InvenSense, RM-MPU-6000A-00 Rev 4.2): +-4 g, 25 Hz; its gyroscope is off.

Its filter lets through what is slower than 10 Hz (register 26). The FIFO of 1024 bytes holds 170 samples, 6.8 s: when
it has run over, its first byte may be any of a sample's, and it is emptied. Modules sold as an MPU-6050 often carry one
of its successors, whose FIFO and filter are others: those are refused, by name where it is known.
"""

from vigil_hal.acceleration import BURST_SAMPLES, CAPACITY, SAMPLE_BYTES, Acceleration, head_of
from vigil_hal.faults import ConfigRefused, WrongPart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vigil_hal.seams import I2C

PART = "MPU6050"
KIND = "accelerometer"
ADDRESSES = (0x68, 0x69)
MOST_HZ = 400_000
OPTIONS = ("head",)

_PART_ID = 0x68
_OTHERS = {
    0x70: "MPU-6500",
    0x71: "MPU-9250",
    0x73: "MPU-9255",
    0x74: "MPU-6515",
    0x12: "ICM-20602",
    0x98: "ICM-20689",
    0xAF: "ICM-20608",
}
_RATE_MILLI_HZ = 25_000
_STUCK_S = 10  # a step is an eighth of a milli-g, and its noise more than one

_DIVIDER = 0x19
_FIFO_ENABLE = 0x23
_USER_CONTROL = 0x6A
_POWER = 0x6B
_FIFO_COUNT = 0x72
_FIFO_DATA = 0x74
_WHO_AM_I = 0x75

_AWAKE = b"\x08\x07"  # its own clock, no thermometer; the gyroscope stands by
_CONFIG = b"\x27\x05\x00\x08"  # a fortieth of 1 kHz; 10 Hz; gyroscope; +-4 g
_ACCELERATION = b"\x08"
_EMPTY = b"\x04"
_RUN = b"\x40"
_DEPTH_BYTES = 1024
_TO_MILLI_G = 125  # 1/1024 of it for each of 8192 steps to 1 g


class Mpu6050(Acceleration):
    """One MPU-6050 on a bus; a `seams.Accelerometer`."""

    def __init__(self, i2c: "I2C", address: int = ADDRESSES[0], head: int = 0) -> None:
        super().__init__(PART, i2c, address, head, _RATE_MILLI_HZ, _STUCK_S)
        self._two = bytearray(2)
        self._four = bytearray(4)
        self._is_odd = False  # the last count was no whole number of samples

    def probe(self) -> None:
        """Check that an MPU-6050 answers. Raises NotAnswering, or WrongPart when its identity is another."""
        self._read(_WHO_AM_I, self._one)
        identity = self._one[0]
        if identity != _PART_ID:
            raise WrongPart(
                "identity 0x%02X at 0x%02X (%s) is no %s (0x%02X); check what is wired there"
                % (identity, self._address, _OTHERS.get(identity, "not known"), PART, _PART_ID)
            )

    def configure(self) -> None:
        """Start measuring, with nothing waiting. Raises ConfigRefused, NotAnswering."""
        self._write(_POWER, _AWAKE)  # first: asleep it may keep nothing
        self._write(_DIVIDER, _CONFIG)
        self._write(_FIFO_ENABLE, _ACCELERATION)
        self._write(_USER_CONTROL, _EMPTY)
        self._write(_USER_CONTROL, _RUN)
        self._read(_DIVIDER, self._four)
        self._read(_POWER, self._two)
        if self._four != _CONFIG or self._two != _AWAKE:
            raise ConfigRefused(
                "%s does not keep its configuration; check its wiring, then switch it off and on" % self._where
            )
        self._is_odd = False

    def drain(self) -> int:
        """Take what waits into `x`, `y`, `z`, the newest 32 samples at most; return how many.

        Samples that were lost or left out count as one of `overruns`. Raises NotAnswering, or Stuck.
        """
        try:
            count = self._drain()
            self._watch(count)
            return count
        except OSError as error:
            fault = self._fault(error)
        raise fault

    def _drain(self) -> int:
        self._i2c.readfrom_mem_into(self._address, _FIFO_COUNT, self._two)
        waiting = self._two[0] << 8 | self._two[1]
        was_odd = self._is_odd
        self._is_odd = waiting % SAMPLE_BYTES != 0  # once, it may be in the middle of writing one
        if waiting >= _DEPTH_BYTES or (was_odd and self._is_odd):
            self._empty()
            return 0
        waiting //= SAMPLE_BYTES
        if waiting > CAPACITY:
            self.overruns += 1
            self._skip(waiting - CAPACITY)
            waiting = CAPACITY
        count = 0
        while waiting:
            length = self._burst(waiting)
            waiting -= length
            self._unpack(length, count)
            count += length
        return count

    def _empty(self) -> None:
        self.overruns += 1
        self._i2c.writeto_mem(self._address, _USER_CONTROL, _EMPTY)
        self._i2c.writeto_mem(self._address, _USER_CONTROL, _RUN)
        self._is_odd = False

    def _skip(self, count: int) -> None:
        while count:
            count -= self._burst(count)

    def _burst(self, waiting: int) -> int:
        """Read as many of the waiting samples as go into one transfer; how many that is."""
        length = min(waiting, BURST_SAMPLES)
        self._i2c.readfrom_mem_into(self._address, _FIFO_DATA, self._bursts[length])
        return length

    def _unpack(self, length: int, count: int) -> None:
        for index in range(length):
            position = index * SAMPLE_BYTES
            self.x[count] = self._value(position)
            self.y[count] = self._value(position + 2)
            self.z[count] = self._value(position + 4)
            count += 1

    def _value(self, position: int) -> int:
        word = self._raw[position] << 8 | self._raw[position + 1]
        return (word - 0x10000 if word >= 0x8000 else word) * _TO_MILLI_G >> 10


def on_board(board: "Any", entry: "dict[str, Any]") -> Mpu6050:
    """Return the driver for an entry of the board's file; `head` is the axis that points to the head ("+y")."""
    return Mpu6050(board.i2c, entry["address"], head_of(entry.get("head", "")))
