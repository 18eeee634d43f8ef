"""A MAX17048 at register level, on a simulated cell that its model knows to the bit. No alerts, no sleep."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, WritableBuffer
    from vigil_hal.simulated.cell import SimulatedCell

_VCELL = 0x02
_SOC = 0x04
_MODE = 0x06
_VERSION = 0x08
_HIBRT = 0x0A
_CONFIG = 0x0C
_VALRT = 0x14
_CRATE = 0x16
_VRESET = 0x18
_STATUS = 0x1A
_CMD = 0xFE

_POWER_ON = {_MODE: 0x0000, _HIBRT: 0x8030, _CONFIG: 0x971C, _VALRT: 0x00FF, _VRESET: 0x9600, _STATUS: 0x0100}
_WRITABLE = (_HIBRT, _CONFIG, _VALRT, _VRESET, _STATUS)
_QUICK_START = 0x4000
_RESET_COMMAND = 0x5400
_CYCLE_MS = 250
_FIRST_MS = 1_000
# Before the first estimate the registers hold what the data sheet does not tell: here what a driver would believe.
_UNTOLD_VCELL = 0xBE00  # 3.8 V
_UNTOLD_SOC = 0x5500  # 85 %
_TICKS_MASK = 0x3FFFFFFF


class SimulatedMax17048:
    """One part.

    What can go wrong, at any time:
    `version`: another part's. `is_stuck`: it answers and measures no more. `is_deaf`: it takes no write.
    `soc_offset`: its model is off by so many 1/256 %. `offset_mv`: what it measures beside the cell's voltage.
    `quick_starts` counts how often it was told to begin anew.
    """

    def __init__(
        self, cell: "SimulatedCell", clock_ms: "Callable[[], int]", *, address: int = 0x36, version: int = 0x0012
    ) -> None:
        self.address = address
        self.version = version
        self.is_stuck = False
        self.is_deaf = False
        self.soc_offset = 0
        self.offset_mv = 0
        self.quick_starts = 0
        self._cell = cell
        self._clock_ms = clock_ms
        self._pointer = 0
        self._random = 1
        self._registers: dict[int, int] = {}
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: power-on values, and nothing is known of the cell for a second."""
        self._registers.clear()
        self._registers.update(_POWER_ON)
        self._registers[_VCELL] = _UNTOLD_VCELL
        self._registers[_SOC] = _UNTOLD_SOC
        self._registers[_CRATE] = 0
        self._last_ms = self._clock_ms()
        self._left_ms = _FIRST_MS  # until the next estimate

    def select(self, register: int) -> None:
        """Set the register pointer."""
        self._pointer = register

    def write(self, data: "ReadableBuffer") -> None:
        """Store one 16-bit word, most significant byte first."""
        self._catch_up()
        if len(data) < 2 or self.is_deaf:
            return
        value = data[0] << 8 | data[1]
        if self._pointer == _CMD and value == _RESET_COMMAND:
            self.brown_out()
        elif self._pointer == _MODE and value & _QUICK_START:
            self.quick_starts += 1
        elif self._pointer in _WRITABLE:
            self._registers[self._pointer] = value

    def read_into(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer with the selected word, repeated."""
        self._catch_up()
        word = self.version if self._pointer == _VERSION else self._registers.get(self._pointer, 0)
        for i in range(len(buffer)):
            buffer[i] = word & 0xFF if i & 1 else word >> 8

    def _catch_up(self) -> None:
        """Live through the time since the last bus access: only its newest estimate can be seen."""
        now_ms = self._clock_ms()
        passed_ms = now_ms - self._last_ms & _TICKS_MASK
        self._last_ms = now_ms
        if passed_ms < self._left_ms:
            self._left_ms -= passed_ms
            return
        self._left_ms = _CYCLE_MS - (passed_ms - self._left_ms) % _CYCLE_MS
        if not self.is_stuck:
            self._estimate()

    def _estimate(self) -> None:
        self._random = (self._random * 1021 + 4093) & 0xFFFFF
        noise = (self._random >> 16) - 8  # its steps of 78 uV
        vcell = ((self._cell.mv(False) + self.offset_mv) * 64 // 5) + noise
        self._registers[_VCELL] = min(max(vcell, 0), 0xFFFF)
        soc = self._cell.charge_ppm * 64 // 2500 + self.soc_offset
        self._registers[_SOC] = min(max(soc, 0), 0xFFFF)
