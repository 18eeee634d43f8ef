"""A simulated 1-Wire bus in the shape of `onewire.OneWire`, bit by bit, with faults on demand.

The line is low when anybody pulls it low, and the master hears what is on the line.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableSequence
    from typing import Protocol

    from vigil_hal.seams import ReadableBuffer, WritableBuffer

    class OneWirePart(Protocol):
        """A part on the simulated bus."""

        def reset(self) -> bool:
            """Return whether it is present; it then awaits a ROM command."""

        def hear(self, __bit: int) -> None:
            """Take a bit that the master says."""

        def say(self) -> int:
            """Return a bit, in a slot in which the master reads: 1 when it has nothing to say."""


_SEARCH_ROM = 0xF0
_MATCH_ROM = 0x55
_MOST_SEARCHES = 255


class SimulatedOneWire:
    """The bus with its parts.

    `is_low`: while True the line is held low, so that all that is read is 0. `log`: None, or a list that collects
    "reset", and each byte that was said or read as ("w" or "r", byte).
    """

    def __init__(self, *parts: "OneWirePart") -> None:
        self.parts = list(parts)
        self.is_low = False
        self.log: list[object] | None = None

    def reset(self, required: bool = False) -> bool:
        """Return whether anybody is present."""
        if self.log is not None:
            self.log.append("reset")
        present = [part.reset() for part in self.parts]
        return self.is_low or True in present

    def readbit(self) -> int:
        """Return one bit."""
        bit = 0 if self.is_low else 1
        for part in self.parts:
            bit &= part.say()
        return bit

    def writebit(self, value: int) -> None:
        """Say one bit."""
        for part in self.parts:
            part.hear(0 if self.is_low else value)

    def readbyte(self) -> int:
        """Return eight bits, the least significant first."""
        byte = 0
        for i in range(8):
            byte |= self.readbit() << i
        if self.log is not None:
            self.log.append(("r", byte))
        return byte

    def readinto(self, buffer: "WritableBuffer") -> None:
        """Fill the buffer."""
        for i in range(len(buffer)):
            buffer[i] = self.readbyte()

    def writebyte(self, value: int) -> None:
        """Say eight bits, the least significant first."""
        if self.log is not None:
            self.log.append(("w", value))
        for i in range(8):
            self.writebit(value >> i & 1)

    def write(self, data: "ReadableBuffer") -> None:
        """Say all bytes."""
        for byte in data:
            self.writebyte(byte)

    def select_rom(self, rom: "ReadableBuffer") -> None:
        """Let only the part with this ROM listen."""
        self.reset()
        self.writebyte(_MATCH_ROM)
        self.write(rom)

    def scan(self) -> "list[bytearray]":
        """Return each ROM, as far as the parts tell it."""
        found: list[bytearray] = []
        choices: list[int] = []  # at each collision so far: the branch that was taken
        for _ in range(_MOST_SEARCHES):
            rom = self._search(choices)
            if rom is None:
                break
            found.append(rom)
            while choices and choices[-1]:
                choices.pop()
            if not choices:
                break
            choices[-1] = 1
        return found

    def crc8(self, data: "ReadableBuffer") -> int:
        """Return the remainder of the bits, the least significant of each byte first, by x^8 + x^5 + x^4 + 1."""
        return crc_of(data)

    def _search(self, choices: "MutableSequence[int]") -> "bytearray | None":
        if not self.reset():
            return None
        self.writebyte(_SEARCH_ROM)
        rom = bytearray(8)
        collisions = 0
        for i in range(64):
            bit, not_bit = self.readbit(), self.readbit()
            if bit and not_bit:
                return None
            if not bit and not not_bit:
                if collisions == len(choices):
                    choices.append(0)
                bit = choices[collisions]
                collisions += 1
            rom[i >> 3] |= bit << (i & 7)
            self.writebit(bit)
        return rom


def crc_of(data: "ReadableBuffer") -> int:
    """Return the CRC of 1-Wire."""
    crc = 0
    for byte in data:
        for bit in range(8):
            out = (crc ^ byte >> bit) & 1
            crc >>= 1
            if out:
                crc ^= 0x8C
    return crc
