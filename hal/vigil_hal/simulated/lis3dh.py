"""An LIS3DH at register level, after its datasheet (DocID17530 Rev 2), fed by a source of acceleration.

Power-down, every rate up to 400 Hz, the four full scales, bypass, FIFO and stream mode; neither interrupts nor filters.
What the FIFO keeps has ten bits, as users of the part report. Where ST's documents can be read in two ways:
`counts_one_less` makes FSS one less than the samples that wait.
"""

from array import array

from vigil_hal.simulated.conversions import Conversions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, WritableBuffer
    from vigil_hal.simulated.accelerometer import AccelerationSource

_RATES_HZ = (0, 1, 10, 25, 50, 100, 200, 400)
_RANGES_MILLI_G = (2048, 4096, 8192, 16384)
_DEPTH = 32
_POWER_ON_CONTROL_1 = 0x07
_LAST_OUT = 0x2D


class SimulatedLis3dh(Conversions):
    """One part. It is constructed at the instant `start_us` of the source (default: the source's first).

    `deaf_registers`: registers that acknowledge a write and keep what they had. See `Conversions` for what else can go
    wrong.
    """

    def __init__(
        self,
        source: "AccelerationSource",
        clock_ms: "Callable[[], int]",
        *,
        address: int = 0x18,
        identity: int = 0x33,
        clock_error_ppm: int = 0,
        start_us: int | None = None,
    ) -> None:
        super().__init__(source, clock_ms, start_us, clock_error_ppm)
        self.address = address
        self.identity = identity
        self.deaf_registers: tuple[int, ...] = ()
        self.counts_one_less = False
        self._registers = bytearray(0x40)
        self._fifo = array("h", bytes(2 * 3 * _DEPTH))
        self._word = array("h", bytes(2 * 3))  # in the output registers
        self._pointer = 0
        self._goes_on = False
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: power-on values, which is power-down."""
        for register in range(len(self._registers)):
            self._registers[register] = 0
        self._registers[0x20] = _POWER_ON_CONTROL_1
        self._first = 0
        self._unread = 0
        self._is_full = False
        self._set_rate(0)

    def select(self, register: int) -> None:
        """Set the register pointer; its top bit lets it go on by itself."""
        self._pointer = register & 0x3F
        self._goes_on = register & 0x80 != 0

    def write(self, data: "ReadableBuffer") -> None:
        """Store bytes from the register pointer on."""
        self._catch_up()
        for value in data:
            self._store(self._pointer, value)
            self._step_pointer()

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer from the register pointer on."""
        self._catch_up()
        for index in range(len(buffer)):
            buffer[index] = self._load(self._pointer)
            self._step_pointer()

    def _step_pointer(self) -> None:
        if not self._goes_on:
            return
        if self._pointer == _LAST_OUT and self._keeps_samples():
            self._pointer = 0x28  # the next sample
        else:
            self._pointer = self._pointer + 1 & 0x3F

    def _store(self, register: int, value: int) -> None:
        if register in self.deaf_registers:
            return
        self._registers[register] = value
        if register == 0x20:
            self._set_rate(_RATES_HZ[value >> 4 & 7])
        if (register == 0x2E and value >> 6 == 0) or (register == 0x24 and not value & 0x40):
            self._unread = 0
            self._is_full = False

    def _load(self, register: int) -> int:
        if register == 0x0F:
            return self.identity
        if register == 0x2F:
            return self._source_register()
        if 0x28 <= register <= _LAST_OUT:
            if register == 0x28 and self._keeps_samples():
                self._pop()
            word = self._word[(register - 0x28) // 2]
            return word >> 8 & 0xFF if register & 1 else word & 0xFF
        return self._registers[register]

    def _source_register(self) -> int:
        unread = self._unread
        if unread == 0:
            return 0x20
        count = min(unread, 31)
        if self.counts_one_less:
            count = unread - 1
        return 0x40 | count if self._is_full else count

    def _keeps_samples(self) -> bool:
        return self._registers[0x24] & 0x40 != 0 and self._registers[0x2E] >> 6 != 0

    def _convert(self) -> None:
        bits = 6 if self._keeps_samples() else 4  # left out of 16
        full_scale = _RANGES_MILLI_G[self._registers[0x23] >> 4 & 3]
        word = self._word
        at = 0
        if self._keeps_samples():
            if self._unread == _DEPTH:
                if self._registers[0x2E] >> 6 == 1:
                    return  # FIFO mode: it stops when it is full
                self._first = (self._first + 1) % _DEPTH
                self._unread -= 1
            word = self._fifo
            at = 3 * ((self._first + self._unread) % _DEPTH)
            self._unread += 1
            self._is_full = self._unread == _DEPTH
        for axis in range(3):
            value = self._felt[axis] * 32768 // full_scale if self._registers[0x20] >> axis & 1 else 0
            word[at + axis] = min(max(value, -32768), 32767) >> bits << bits

    def _pop(self) -> None:
        """The oldest sample goes into the output registers; with none, they keep what they had."""
        if not self._unread:
            return
        for axis in range(3):
            self._word[axis] = self._fifo[3 * self._first + axis]
        self._first = (self._first + 1) % _DEPTH
        self._unread -= 1
        self._is_full = False
