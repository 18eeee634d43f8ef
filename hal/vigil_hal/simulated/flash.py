"""A NOR flash chip in the shape of MicroPython's extended block device; its power can be cut at any byte."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vigil_hal.seams import ReadableBuffer, WritableBuffer

_EINVAL = 22


class PowerCut(Exception):
    """The power failed during a write or an erase."""


class SimulatedFlash:
    """Erasing sets all bits of a block; programming only clears bits.

    `memory`: the content, a bytearray. `erases`: how often each block was erased.
    """

    def __init__(self, blocks: int, block_size: int = 4096) -> None:
        self.block_size = block_size
        self.memory = bytearray(b"\xff" * (blocks * block_size))
        self.erases = [0] * blocks
        self._operations_left = -1

    def cut_after(self, operations: int) -> None:
        """Cut the power after so many more operations: a byte programmed is one, half a block erased is one.

        The write that is cut leaves its first bytes, the erase its first half; then, and on every later
        write or erase, PowerCut is raised, until `restore()`.
        """
        self._operations_left = operations

    def restore(self) -> None:
        """Give the power back for good."""
        self._operations_left = -1

    def readblocks(self, block: int, buffer: "WritableBuffer", offset: int = 0) -> None:
        """Fill the buffer from a byte offset in a block on. Raises OSError(EINVAL) beyond the end."""
        start = self._start(block, offset, len(buffer))
        buffer[:] = memoryview(self.memory)[start : start + len(buffer)]

    def writeblocks(self, block: int, data: "ReadableBuffer", offset: int | None = None) -> None:
        """Program from a byte offset in a block on; without an offset the whole blocks are erased first."""
        start = self._start(block, offset or 0, len(data))
        if offset is None:
            if len(data) % self.block_size:
                raise OSError(_EINVAL, "outside the device")
            for i in range(len(data) // self.block_size):
                self._erase(block + i)
        for i in range(len(data)):
            self._spend()
            self.memory[start + i] &= data[i]

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

    def _erase(self, block: int) -> None:
        half = self.block_size // 2
        start = block * self.block_size
        for first in (start, start + half):
            self._spend()
            self.memory[first : first + half] = b"\xff" * half
        self.erases[block] += 1

    def _spend(self) -> None:
        if self._operations_left == 0:
            raise PowerCut("the power was cut")
        if self._operations_left > 0:
            self._operations_left -= 1
