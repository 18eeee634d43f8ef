"""A simulated I2C bus in the shape of `machine.I2C`, with faults on demand."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from vigil_hal.seams import ReadableBuffer, WritableBuffer

    class Part(Protocol):
        """A part on the simulated bus."""

        @property
        def address(self) -> int:
            """The 7-bit address."""

        def select(self, __register: int) -> None:
            """Set the register pointer, as the first byte of every write does."""

        def write(self, __data: "ReadableBuffer") -> None:
            """Store data bytes from the register pointer on."""

        def read_into(self, __buffer: "WritableBuffer") -> None:
            """Fill the buffer from the register pointer on."""


_BYTE_BITS = 9  # with its acknowledge
_ENDS_BITS = 2  # a start and a stop
_ENODEV = 19
_ETIMEDOUT = 110


class SimulatedI2C:
    """Routes transactions to the parts by address.

    `stuck`: while True every transaction raises OSError(ETIMEDOUT), as with a line held low.
    `garbled`: so many transactions to come carry other bytes than were sent, either way, and are acknowledged.
    `bits`: periods of its clock so far: bytes with their acknowledges, starts and stops.
    `log`: None, or a list that collects every completed transaction as ("r" or "w", address, register,
    bytes); the register is None where the transaction carried none.
    """

    def __init__(self, *parts: "Part") -> None:
        self.stuck = False
        self.garbled = 0
        self.bits = 0
        self.log: list[tuple[str, int, int | None, bytes]] | None = None
        self._parts: dict[int, Part] = {}
        self._nak: set[int] = set()
        self._noise = 1
        self._calls_left = 0
        self._action: Callable[[], object] | None = None
        for part in parts:
            self.attach(part)

    def attach(self, part: "Part") -> None:
        """Connect a part; it keeps whatever state it has (see each part's `brown_out()`)."""
        self._parts[part.address] = part

    def detach(self, address: int) -> None:
        """Disconnect the part at an address."""
        del self._parts[address]

    def nak(self, address: int) -> None:
        """Let nobody acknowledge at an address until `release()`."""
        self._nak.add(address)

    def release(self, address: int) -> None:
        """End `nak()`."""
        self._nak.discard(address)

    def before(self, transactions: int, action: "Callable[[], object]") -> None:
        """Call `action` once, when so many more transactions have begun and before the next one does.

        A fault at any instant within a driver's work: `bus.before(1, part.brown_out)`.
        """
        self._calls_left = transactions
        self._action = action

    def scan(self) -> list[int]:
        """Return the addresses that acknowledge."""
        if self.stuck:
            raise OSError(_ETIMEDOUT, "bus stuck")
        return sorted(address for address in self._parts if address not in self._nak)

    def readfrom_mem_into(self, address: int, register: int, buffer: "WritableBuffer") -> None:
        """Fill the buffer from a register on."""
        part = self._part(address)
        part.select(register)
        part.read_into(buffer)
        self.bits += _ENDS_BITS + 1 + _BYTE_BITS * (3 + len(buffer))  # it is addressed twice, with a start between
        if self.garbled:
            self._garble(buffer)
        if self.log is not None:
            self.log.append(("r", address, register, bytes(buffer)))

    def writeto_mem(self, address: int, register: int, data: "ReadableBuffer") -> None:
        """Write the data from a register on."""
        part = self._part(address)
        part.select(register)
        if self.garbled:
            data = bytearray(data)
            self._garble(data)
        part.write(data)
        self.bits += _ENDS_BITS + _BYTE_BITS * (2 + len(data))
        if self.log is not None:
            self.log.append(("w", address, register, bytes(data)))

    def readfrom_into(self, address: int, buffer: "WritableBuffer") -> None:
        """Fill the buffer from where the part's pointer stands."""
        self._part(address).read_into(buffer)
        self.bits += _ENDS_BITS + _BYTE_BITS * (1 + len(buffer))
        if self.garbled:
            self._garble(buffer)
        if self.log is not None:
            self.log.append(("r", address, None, bytes(buffer)))

    def writeto(self, address: int, data: "ReadableBuffer") -> int:
        """Write a register number and data; return the number of bytes acknowledged."""
        part = self._part(address)
        if self.garbled:
            data = bytearray(data)
            self._garble(data)
        if len(data):
            part.select(data[0])
            part.write(memoryview(data)[1:])
        self.bits += _ENDS_BITS + _BYTE_BITS * (1 + len(data))
        if self.log is not None:
            self.log.append(("w", address, None, bytes(data)))
        return len(data)

    def _garble(self, data: "WritableBuffer") -> None:
        """Turn some bits of every byte: a fixed sequence (a linear congruential generator's high bits)."""
        self.garbled -= 1
        for i in range(len(data)):
            self._noise = (self._noise * 1021 + 4093) & 0xFFFFF
            data[i] ^= (self._noise >> 12) | 1

    def _part(self, address: int) -> "Part":
        if self._action is not None:
            self._calls_left -= 1
            if self._calls_left < 0:
                action = self._action
                self._action = None
                action()
        if self.stuck:
            raise OSError(_ETIMEDOUT, "bus stuck")
        if address in self._nak or address not in self._parts:
            raise OSError(_ENODEV, "no acknowledge")
        return self._parts[address]
