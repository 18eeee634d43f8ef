"""An I2C bus of this computer in the shape of `machine.I2C`, through smbus2 and the kernel's /dev/i2c-N.

What fits is said as an SMBus transfer, which every adapter can; a longer burst, as the FIFO of a MAX30102 is, goes
through I2C_RDWR. A transfer that hangs ends after 50 ms, which is long enough for a whole FIFO at 50 kHz or more, so
that a bus held low makes the monitor no later than that.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

from smbus2 import I2cFunc, SMBus, i2c_msg

from vigil_hal.seams import TYPE_CHECKING

if TYPE_CHECKING:
    from vigil_hal.seams import ReadableBuffer, WritableBuffer

# Of uapi/linux/i2c-dev.h; smbus2 has no call for them.
I2C_RETRIES = 0x0701
I2C_TIMEOUT = 0x0702  # in units of 10 ms

_TIMEOUT_MS = 50
_SMBUS_MOST = 32  # bytes in one SMBus block
_FIRST_ADDRESS, _LAST_ADDRESS = 0x08, 0x77
# As i2cdetect does it: the empty write that asks who is there upsets some parts at these, which are read instead.
_READ_TO_FIND = (*range(0x30, 0x38), *range(0x50, 0x60))


class I2CError(Exception):
    """The bus cannot be used; the message is one line that says why and what to do."""


class LinuxI2C:
    """The bus /dev/i2c-`number`.

    Transfers raise OSError as on a board: ENODEV (19) on no acknowledge, ETIMEDOUT (110) when the bus is stuck, EIO (5)
    for all else that the kernel may say.
    """

    def __init__(self, number: int) -> None:
        """Raises I2CError."""
        self._node = f"/dev/i2c-{number}"
        try:
            self._bus = SMBus(number)
            assert self._bus.fd is not None  # it is open
            ioctl(self._bus.fd, I2C_TIMEOUT, _TIMEOUT_MS // 10)
            ioctl(self._bus.fd, I2C_RETRIES, 0)
        except OSError as error:
            raise I2CError(_why_not_open(self._node, error)) from error

    @property
    def can_burst(self) -> bool:
        """Whether more than 32 bytes can be had in one transfer; an adapter for SMBus alone cannot."""
        return bool(self._bus.funcs & I2cFunc.I2C)

    def close(self) -> None:
        """Give the bus back."""
        self._bus.close()

    def scan(self) -> list[int]:
        """Return the addresses that acknowledge, and those that a driver of the kernel has taken."""
        return [address for address in range(_FIRST_ADDRESS, _LAST_ADDRESS + 1) if self._is_there(address)]

    def readfrom_mem_into(self, address: int, register: int, buffer: "WritableBuffer") -> None:
        """Fill the buffer from a register on, in one transaction."""
        with _errors_of_a_board():
            if 1 <= len(buffer) <= _SMBUS_MOST:
                buffer[:] = bytes(self._bus.read_i2c_block_data(address, register, len(buffer)))
                return
            read = i2c_msg.read(address, len(buffer))
            self._bus.i2c_rdwr(i2c_msg.write(address, (register,)), read)
            buffer[:] = bytes(read)

    def readfrom_mem(self, address: int, register: int, length: int) -> bytes:
        """Return so many bytes from a register on."""
        buffer = bytearray(length)
        self.readfrom_mem_into(address, register, buffer)
        return bytes(buffer)

    def readfrom_into(self, address: int, buffer: "WritableBuffer") -> None:
        """Fill the buffer from where the part's own pointer stands."""
        with _errors_of_a_board():
            read = i2c_msg.read(address, len(buffer))
            self._bus.i2c_rdwr(read)
            buffer[:] = bytes(read)

    def writeto_mem(self, address: int, register: int, data: "ReadableBuffer") -> None:
        """Write the data from a register on, in one transaction."""
        self.writeto(address, bytes((register, *data)))

    def writeto(self, address: int, data: "ReadableBuffer") -> int:
        """Write the data; return the number of bytes, which all were acknowledged."""
        with _errors_of_a_board():
            if 2 <= len(data) <= 1 + _SMBUS_MOST:
                self._bus.write_i2c_block_data(address, data[0], list(data[1:]))
            else:
                self._bus.i2c_rdwr(i2c_msg.write(address, bytes(data)))
        return len(data)

    def _is_there(self, address: int) -> bool:
        try:
            if address in _READ_TO_FIND:
                self._bus.read_byte(address)
            else:
                self._bus.write_quick(address)
        except OSError as error:
            if error.errno == errno.ETIMEDOUT:  # at each address: nobody would wait for that
                raise
            return error.errno == errno.EBUSY
        return True


@contextmanager
def _errors_of_a_board() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EREMOTEIO):
            raise OSError(errno.ENODEV, "no acknowledge") from error
        if error.errno == errno.ETIMEDOUT:
            raise
        raise OSError(errno.EIO, error.strerror) from error


def _why_not_open(node: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        on = "switch I2C on (`sudo raspi-config nonint do_i2c 0`), then try again"
        others = ", ".join(sorted(str(path) for path in Path("/dev").glob("i2c-*")))
        if others:
            return f"there is no {node}, but {others}: set `i2c` in [monitor], or {on}"
        return f"there is no {node}, nor any other I2C bus: {on}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{node} is not for this user: `sudo usermod -aG i2c $USER`, then log in again"
    return f"{node} cannot be used as an I2C bus: {error.strerror}"
