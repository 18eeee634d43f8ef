"""The accelerometer of an MPU-6050 at register level (RM-MPU-6000A-00 Rev 4.2), fed by a source of acceleration.

Sleep, divider, full scale, and a FIFO that takes acceleration alone; no gyroscope, no interrupts, no filter. Asleep it
keeps its registers and takes no others than those of its power, as some parts do.
"""

from vigil_hal.simulated.conversions import Conversions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, WritableBuffer
    from vigil_hal.simulated.accelerometer import AccelerationSource

_POWER = 0x6B
_SLEEP = 0x40
_FIFO_DATA = 0x74
_RANGES_MILLI_G = (2000, 4000, 8000, 16000)


class SimulatedMpu6050(Conversions):
    """One part. It is constructed at the instant `start_us` of the source (default: the source's first).

    `fifo_bytes`: the successors' have 512. `deaf_registers`: registers that acknowledge a write and keep what they had.
    See `Conversions` for what can go wrong.
    """

    def __init__(
        self,
        source: "AccelerationSource",
        clock_ms: "Callable[[], int]",
        *,
        address: int = 0x68,
        identity: int = 0x68,
        fifo_bytes: int = 1024,
        clock_error_ppm: int = 0,
        start_us: int | None = None,
    ) -> None:
        super().__init__(source, clock_ms, start_us, clock_error_ppm)
        self.address = address
        self.identity = identity
        self.deaf_registers: tuple[int, ...] = ()
        self._registers = bytearray(128)
        self._fifo = bytearray(fifo_bytes)
        self._pointer = 0
        self._last_byte = 0
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: power-on values, which is sleep."""
        for register in range(len(self._registers)):
            self._registers[register] = 0
        self._registers[_POWER] = _SLEEP
        self._empty()
        self._set_rate(0)

    def lose_a_byte(self) -> None:
        """Let the FIFO lose the first byte that waits, as a disturbed transfer does."""
        self._catch_up()
        self._fifo_byte()

    def select(self, register: int) -> None:
        """Set the register pointer."""
        self._pointer = register

    def write(self, data: "ReadableBuffer") -> None:
        """Store bytes from the register pointer on."""
        self._catch_up()
        for value in data:
            self._store(self._pointer, value)
            self._pointer = self._pointer + 1 & 0x7F

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer from the register pointer on."""
        self._catch_up()
        for index in range(len(buffer)):
            buffer[index] = self._load(self._pointer)
            if self._pointer != _FIFO_DATA:
                self._pointer = self._pointer + 1 & 0x7F

    def _store(self, register: int, value: int) -> None:
        registers = self._registers
        is_asleep = registers[_POWER] & _SLEEP != 0
        if register in self.deaf_registers or (is_asleep and register not in (_POWER, _POWER + 1)):
            return
        if register == 0x6A and value & 0x04:
            if not value & 0x40:  # it is emptied only while it is off
                self._empty()
            value &= ~0x04
        registers[register] = value
        if register in (0x19, 0x1A, _POWER):
            filtered_hz = 1000 if 1 <= registers[0x1A] & 7 <= 6 else 8000
            self._set_rate(0 if registers[_POWER] & _SLEEP else filtered_hz // (1 + registers[0x19]))

    def _load(self, register: int) -> int:
        if register == 0x75:
            return self.identity
        if register == 0x72:
            return self._waiting >> 8
        if register == 0x73:
            return self._waiting & 0xFF
        if register == _FIFO_DATA:
            return self._fifo_byte()
        return self._registers[register]

    def _empty(self) -> None:
        self._first = 0
        self._waiting = 0

    def _convert(self) -> None:
        if not self._registers[0x6A] & 0x40 or not self._registers[0x23] & 0x08:
            return
        full_scale = _RANGES_MILLI_G[self._registers[0x1C] >> 3 & 3]
        for axis in range(3):
            value = min(max(self._felt[axis] * 32768 // full_scale, -32768), 32767)
            self._put(value >> 8 & 0xFF)
            self._put(value & 0xFF)

    def _put(self, value: int) -> None:
        if self._waiting == len(self._fifo):  # the oldest is lost
            self._first = (self._first + 1) % len(self._fifo)
            self._waiting -= 1
        self._fifo[(self._first + self._waiting) % len(self._fifo)] = value
        self._waiting += 1

    def _fifo_byte(self) -> int:
        """The next byte; an empty FIFO gives the last one again."""
        if self._waiting:
            self._last_byte = self._fifo[self._first]
            self._first = (self._first + 1) % len(self._fifo)
            self._waiting -= 1
        return self._last_byte
