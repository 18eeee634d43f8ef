"""A NOR flash chip in the shape of MicroPython's extended block device; its power can be cut at any operation.

It also fails as parts do: with an error, or silently.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import ReadableBuffer, WritableBuffer

_EIO = 5
_EINVAL = 22
_CHECKED_UNIT = 16

# What a cut leaves of the operation that it hits.
NOTHING = 0
FIRST_HALF = 1
SOME_BITS = 2
ALL = 3  # done, but nobody was told
TEARS = (NOTHING, FIRST_HALF, SOME_BITS, ALL)


class PowerCut(Exception):
    """The power failed during a write or an erase."""


class SimulatedFlash:
    """Erasing sets all bits of a block; programming only clears bits, in whole units of `unit` bytes.

    A part would quietly leave a bit at 0 that a program asks to be 1, or, with units of 16, lose the check code of one
    that is programmed twice, but to zeros: this one refuses with OSError(EIO), for it can only be a mistake. `memory`:
    the content, a bytearray. `erases`: how often each block was erased. `programmed`: bytes programmed; `reads`,
    `operations`: calls that read, and that program or erase.
    """

    def __init__(self, blocks: int, block_size: int = 4096, unit: int = 1) -> None:
        self.block_size = block_size
        self.unit = unit
        self.memory = bytearray(b"\xff" * (blocks * block_size))
        self.erases = [0] * blocks
        self.programmed = 0
        self.reads = 0
        self.operations = 0
        self._operations_left = -1
        self._torn_operation = -1
        self._tear = NOTHING
        self._dice = 1
        self._failing_from = -1
        self._failing_count = 0
        self._worn: set[int] = set()
        self._stuck: dict[int, int] = {}

    def cut_after(self, operations: int) -> None:
        """Cut the power after so many more operations: a byte programmed is one, half a block erased is one.

        The write that is cut leaves its first bytes, the erase its first half; then, and on every later
        write or erase, PowerCut is raised, until `restore()`.
        """
        self._operations_left = operations

    def cut_in(self, operation: int, tear: int, seed: int = 1) -> None:
        """Cut the power in the call that programs or erases when `operations` stands at `operation`.

        `tear`: what is done of it, one of TEARS; `seed` chooses the bits of SOME_BITS. PowerCut is raised then and
        on every later write or erase, until `restore()`.
        """
        self._torn_operation = operation
        self._tear = tear
        self._dice = seed & 0xFFFF

    def fail_in(self, operation: int, count: int = 1, tear: int = NOTHING) -> None:
        """Raise OSError(EIO) in `count` calls that program or erase, from when `operations` stands at `operation`.

        `tear`: what is done of each nevertheless, one of TEARS.
        """
        self._failing_from = operation
        self._failing_count = count
        self._tear = tear

    def wear_out(self, block: int) -> None:
        """From now on a block cannot be erased: OSError(EIO), and it stays as it is."""
        self._worn.add(block)

    def stick(self, position: int, mask: int) -> None:
        """From now on these bits of a byte are 0, whatever is erased or programmed, and nobody is told."""
        self._stuck[position] = mask
        self.memory[position] &= ~mask

    def restore(self) -> None:
        """Give the power back for good, and end `fail_in`."""
        self._operations_left = -1
        self._torn_operation = -1
        self._failing_from = -1

    def readblocks(self, block: int, buffer: "WritableBuffer", offset: int = 0) -> None:
        """Fill the buffer from a byte offset in a block on. Raises OSError(EINVAL) beyond the end."""
        start = self._start(block, offset, len(buffer))
        self.reads += 1
        buffer[:] = self.memory[start : start + len(buffer)]

    def writeblocks(self, block: int, data: "ReadableBuffer", offset: int | None = None) -> None:
        """Program from a byte offset in a block on; without an offset the whole blocks are erased first."""
        start = self._start(block, offset or 0, len(data))
        if start % self.unit or len(data) % self.unit:
            raise OSError(_EINVAL, "not whole program units")
        if offset is None:
            if len(data) % self.block_size:
                raise OSError(_EINVAL, "outside the device")
            for i in range(len(data) // self.block_size):
                self._erase(block + i)
        end = start + len(data)
        data = self._as_taken(start, data)
        if int.from_bytes(bytes(data), "big") & ~int.from_bytes(self.memory[start:end], "big"):
            raise OSError(_EIO, "a program cannot set bits")
        if self.unit == _CHECKED_UNIT and not self._is_fit_for_checks(start, data):
            raise OSError(_EIO, "a unit with a check code is programmed once")
        self._begin_operation(start, data, None)
        self.programmed += len(data)
        if self._operations_left < 0:
            self.memory[start:end] = data
            return
        for i in range(len(data)):
            self._spend()
            self.memory[start + i] = data[i]

    def ioctl(self, operation: int, argument: int) -> int | None:
        """MicroPython's block device operations: 3 sync, 4 block count, 5 block size, 6 erase block."""
        if operation == 4:
            return len(self.erases)
        if operation == 5:
            return self.block_size
        if operation == 6:
            self._start(argument, 0, self.block_size)
            self._erase(argument)
            return 0
        return 0 if operation in (1, 2, 3) else None

    def _start(self, block: int, offset: int, length: int) -> int:
        start = block * self.block_size + offset
        if block < 0 or offset < 0 or start + length > len(self.memory):
            raise OSError(_EINVAL, "outside the device")
        return start

    def _is_fit_for_checks(self, start: int, data: "ReadableBuffer") -> bool:
        """Whether each unit is erased, or becomes zeros."""
        for first in range(0, len(data), _CHECKED_UNIT):
            place = start + first
            is_erased = self.memory[place : place + _CHECKED_UNIT] == self._as_taken(place, b"\xff" * _CHECKED_UNIT)
            if not is_erased and any(data[first : first + _CHECKED_UNIT]):
                return False
        return True

    def _erase(self, block: int) -> None:
        half = self.block_size // 2
        start = block * self.block_size
        self._begin_operation(start, b"\xff" * self.block_size, block)
        for first in (start, start + half):
            self._spend()
            self.memory[first : first + half] = self._as_taken(first, b"\xff" * half)
        self.erases[block] += 1

    def _as_taken(self, start: int, data: "ReadableBuffer") -> "ReadableBuffer":
        """What the chip makes of data, where bits are stuck."""
        if not self._stuck:
            return data
        taken = bytearray(data)
        for position, mask in self._stuck.items():
            if start <= position < start + len(taken):
                taken[position - start] &= ~mask
        return taken

    def _spend(self) -> None:
        if self._operations_left == 0:
            raise PowerCut("the power was cut")
        if self._operations_left > 0:
            self._operations_left -= 1

    def _begin_operation(self, start: int, data: "ReadableBuffer", erased: int | None) -> None:
        """Count it; where the power is to be cut in it, do what is still done of it."""
        here = self.operations
        self.operations += 1
        if erased in self._worn:
            raise OSError(_EIO, "the block cannot be erased")
        if 0 <= self._failing_from <= here < self._failing_from + self._failing_count:
            self._tear_operation(start, data)
            raise OSError(_EIO, "the chip failed")
        if self._torn_operation < 0 or here < self._torn_operation:
            return
        if here == self._torn_operation:
            self._tear_operation(start, data)
            if erased is not None:
                self.erases[erased] += 1
        raise PowerCut("the power was cut")

    def _tear_operation(self, start: int, data: "ReadableBuffer") -> None:
        if self._tear == NOTHING:
            return
        length = len(data) // 2 if self._tear == FIRST_HALF else len(data)
        for i in range(length):
            change = self.memory[start + i] ^ data[i]  # only bits that the operation may change differ
            if self._tear == SOME_BITS:
                change &= self._random_byte()
            self.memory[start + i] ^= change

    def _random_byte(self) -> int:
        """Of a 16-bit linear congruential generator, its high byte."""
        self._dice = (self._dice * 0x6255 + 0x3619) & 0xFFFF
        return self._dice >> 8
