"""A CircuitPython bus in the shape of `machine.I2C`: `busio.I2C`, on a board or from Blinka on Linux.

Such a bus is shared by locking it. Under CircuitPython, transfers raise what the drivers expect; Blinka passes on what
Linux says, which names a missing acknowledge otherwise.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from vigil_hal.seams import ReadableBuffer, WritableBuffer

    class Busio(Protocol):
        """What is used of `busio.I2C`."""

        def try_lock(self) -> bool:
            """Take the bus; False where somebody else has it."""

        def unlock(self) -> None:
            """Give the bus back."""

        def scan(self) -> list[int]:
            """Return the addresses that acknowledge."""

        def readfrom_into(self, __address: int, __buffer: WritableBuffer) -> None:
            """Fill the buffer from where the part's own pointer stands."""

        def writeto(self, __address: int, __buffer: ReadableBuffer) -> None:
            """Write the buffer."""

        def writeto_then_readfrom(self, __address: int, __out: ReadableBuffer, __into: WritableBuffer) -> None:
            """Write, then read, without giving the bus free in between."""


_EBUSY = 16
_ENODEV = 19
_NO_ACKNOWLEDGE = (6, 121)  # ENXIO, EREMOTEIO: drivers of Linux say one or the other
_TRIES = 100


class BusioI2C:
    """One bus. Where others use it too, `wait` is called between two tries to lock it, of which there are 100.

    Its methods raise OSError: ENODEV (19) on no acknowledge, EBUSY (16) where the lock is never given back, and
    whatever else the bus raises.
    """

    def __init__(self, bus: "Busio", wait: "Callable[[], object] | None" = None) -> None:
        self._bus = bus
        self._wait = wait
        self._register = bytearray(1)

    def scan(self) -> list[int]:
        """Return the addresses that acknowledge."""
        self._lock()
        try:
            return list(self._bus.scan())
        finally:
            self._bus.unlock()

    def readfrom_mem_into(self, address: int, register: int, buffer: "WritableBuffer") -> None:
        """Fill the buffer from a register on, in one transaction."""
        self._lock()
        try:
            self._register[0] = register
            self._bus.writeto_then_readfrom(address, self._register, buffer)
            return
        except OSError as error:
            fault = _as_machine(error)
        finally:
            self._bus.unlock()
        raise fault

    def readfrom_mem(self, address: int, register: int, length: int) -> bytes:
        """Return so many bytes from a register on."""
        buffer = bytearray(length)
        self.readfrom_mem_into(address, register, buffer)
        return bytes(buffer)

    def readfrom_into(self, address: int, buffer: "WritableBuffer") -> None:
        """Fill the buffer from where the part's own pointer stands."""
        self._lock()
        try:
            self._bus.readfrom_into(address, buffer)
            return
        except OSError as error:
            fault = _as_machine(error)
        finally:
            self._bus.unlock()
        raise fault

    def writeto_mem(self, address: int, register: int, data: "ReadableBuffer") -> None:
        """Write the data from a register on, in one transaction."""
        self.writeto(address, bytes((register,)) + bytes(data))

    def writeto(self, address: int, data: "ReadableBuffer") -> int:
        """Write the data; return the number of bytes, which all were acknowledged."""
        self._lock()
        try:
            self._bus.writeto(address, data)
            return len(data)
        except OSError as error:
            fault = _as_machine(error)
        finally:
            self._bus.unlock()
        raise fault

    def _lock(self) -> None:
        for _ in range(_TRIES):
            if self._bus.try_lock():
                return
            if self._wait is not None:
                self._wait()
        raise OSError(_EBUSY, "somebody else keeps the bus locked")


def _as_machine(error: OSError) -> OSError:
    return OSError(_ENODEV, "no acknowledge") if error.errno in _NO_ACKNOWLEDGE else error
