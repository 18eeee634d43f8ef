"""A DS18B20 at the level of its bits and its scratchpad, fed by a signal source. No alarm search, no EEPROM."""

from vigil_hal.simulated.one_wire import crc_of
from vigil_hal.simulated.temperature_conversions import TemperatureConversions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import SignalSource

GENUINE_ROM = bytes((0x28, 0x13, 0x9B, 0xBB, 0x0B, 0x00, 0x00, 0x1F))  # of a part that its owner had from the maker

_READ_ROM = 0x33
_MATCH_ROM = 0x55
_SKIP_ROM = 0xCC
_SEARCH_ROM = 0xF0
_CONVERT = 0x44
_READ_SCRATCHPAD = 0xBE
_WRITE_SCRATCHPAD = 0x4E
_READ_POWER_SUPPLY = 0xB4

_CYCLE_US = 600_000  # a genuine part at room temperature; 750 ms at most
_POWER_ON = (0x50, 0x05, 0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10)

_DEAF, _ROM_COMMAND, _MATCHING, _SEARCHING, _COMMAND, _WRITING = 0, 1, 2, 3, 4, 5


class SimulatedDs18b20:
    """One part, with its own supply; `start_us`: as in TemperatureConversions. Its ROM's CRC is made right.

    What can go wrong, at any time: `is_absent`. `is_parasite`: its supply pin is not connected. `ignores_convert`: no
    conversion begins, and the scratchpad stays as it is. `conversions.is_frozen`: conversions end, and change nothing.
    `damaged`: so many scratchpads to come have a bit turned. `says`: nine bytes read instead of the scratchpad.
    As counterfeits do: `has_fixed_byte_6`, `has_fixed_configuration`, `lets_write_byte_6`.
    """

    def __init__(
        self,
        source: "SignalSource",
        clock_ms: "Callable[[], int]",
        *,
        rom: bytes = GENUINE_ROM,
        start_us: "int | None" = None,
    ) -> None:
        self.rom = rom[:7] + bytes((crc_of(rom[:7]),))
        self.is_absent = False
        self.is_parasite = False
        self.ignores_convert = False
        self.damaged = 0
        self.says: bytes | None = None
        self.has_fixed_byte_6 = False
        self.has_fixed_configuration = False
        self.lets_write_byte_6 = False
        self.conversions = TemperatureConversions(source, clock_ms, _CYCLE_US, start_us)
        self.brown_out()

    def brown_out(self) -> None:
        """Lose the power for a moment: power-on values, 85 C among them."""
        self.scratchpad = bytearray(_POWER_ON)
        self.conversions.stop()
        self._listen(_DEAF)

    def reset(self) -> bool:
        """Return whether it is present; it then awaits a ROM command."""
        if self.is_absent:
            self._listen(_DEAF)
            return False
        self._live()
        self._listen(_ROM_COMMAND)
        return True

    def hear(self, bit: int) -> None:
        """Take a bit that the master says."""
        if self._state == _DEAF:
            return
        if self._state == _SEARCHING:
            self._hear_search(bit)
            return
        self._heard |= bit << self._count
        self._count += 1
        if self._state == _MATCHING:
            if bit != self._rom_bit(self._count - 1):
                self._listen(_DEAF)
            elif self._count == 64:
                self._listen(_COMMAND)
        elif self._count == 8:
            self._hear_byte(self._heard)

    def say(self) -> int:
        """Return a bit; 1 when it has nothing to say."""
        if self.is_absent:
            return 1
        if self._is_asked_if_busy:
            self._live()
            return 0 if self.conversions.is_running else 1
        if self._state == _SEARCHING:
            return self._say_search()
        if self._said >= 8 * len(self._answer):
            return 1
        bit = self._answer[self._said >> 3] >> (self._said & 7) & 1
        self._said += 1
        return bit

    def _hear_byte(self, byte: int) -> None:
        state = self._state
        self._listen(_DEAF)
        if state == _ROM_COMMAND:
            self._hear_rom_command(byte)
        elif state == _COMMAND:
            self._hear_command(byte)
        else:
            self._write(byte)

    def _hear_rom_command(self, byte: int) -> None:
        if byte == _READ_ROM:
            self._listen(_COMMAND, self.rom)
        elif byte == _SKIP_ROM:
            self._listen(_COMMAND)
        elif byte == _MATCH_ROM:
            self._listen(_MATCHING)
        elif byte == _SEARCH_ROM:
            self._listen(_SEARCHING)
            self._search_slot = 0

    def _hear_command(self, byte: int) -> None:
        if byte == _CONVERT:
            if not self.ignores_convert:
                self.conversions.start(single=True)
            self._is_asked_if_busy = True
        elif byte == _READ_SCRATCHPAD:
            self._answer = self._scratchpad_read()
        elif byte == _WRITE_SCRATCHPAD:
            self._listen(_WRITING)
            self._written = 0
        elif byte == _READ_POWER_SUPPLY:
            self._answer = b"\x00" if self.is_parasite else b"\x01"

    def _write(self, byte: int) -> None:
        position = 2 + self._written
        if position == 4:
            if self.lets_write_byte_6:
                self.scratchpad[6] = byte
            if self.has_fixed_configuration:
                byte = self.scratchpad[4]
            byte = byte & 0x60 | 0x1F
        self.scratchpad[position] = byte
        written = self._written + 1
        if written < 3:
            self._listen(_WRITING)
        self._written = written

    def _scratchpad_read(self) -> bytes:
        if self.says is not None:
            return self.says
        said = bytearray(self.scratchpad)
        said.append(crc_of(said))
        if self.damaged:
            self.damaged -= 1
            said[0] ^= 0x08
        return bytes(said)

    def _live(self) -> None:
        centi_c = self.conversions.newest_centi_c()
        if centi_c is None:
            return
        raw = (centi_c * 4 + 12) // 25  # 1/16 C
        self.scratchpad[0] = raw & 0xFF
        self.scratchpad[1] = raw >> 8 & 0xFF
        if not self.has_fixed_byte_6:
            self.scratchpad[6] = 0x10 - (raw & 0x0F)

    def _listen(self, state: int, answer: bytes = b"") -> None:
        self._state = state
        self._heard = 0
        self._count = 0
        self._answer = answer
        self._said = 0
        self._is_asked_if_busy = False

    def _rom_bit(self, index: int) -> int:
        return self.rom[index >> 3] >> (index & 7) & 1

    def _say_search(self) -> int:
        bit = self._rom_bit(self._count)
        if self._search_slot == 1:
            bit ^= 1
        self._search_slot += 1
        return bit

    def _hear_search(self, bit: int) -> None:
        if bit != self._rom_bit(self._count):
            self._listen(_DEAF)
            return
        self._search_slot = 0
        self._count += 1
        if self._count == 64:
            self._listen(_COMMAND)
