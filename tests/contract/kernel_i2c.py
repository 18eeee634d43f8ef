"""The kernel's side of /dev/i2c-N: what an adapter makes of smbus2's own ioctl calls, on top of a simulated bus.

smbus2 itself is the real one. What is said to the parts is what a Raspberry Pi's adapter would put on its pins.
"""

import errno
import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from smbus2 import I2cFunc
from smbus2 import smbus2 as smbus

from vigil_hal.simulated.bus import SimulatedI2C
from vigil_host.linux import i2c

FOR_SMBUS_ALONE = I2cFunc.SMBUS_EMUL & ~I2cFunc.SMBUS_PEC
_RDWR_MOST = 42  # messages
_MESSAGE_MOST = 8192  # bytes


class KernelI2C:
    """One adapter. `no_acknowledge`: the number it gives for that; `taken`: addresses that a driver has.

    `calls`: the name of each transfer that was asked for. `timeout_ms`: what it was set to.
    """

    def __init__(
        self,
        wire: SimulatedI2C,
        funcs: int = I2cFunc.I2C | FOR_SMBUS_ALONE,
        no_acknowledge: int = errno.EREMOTEIO,
        taken: tuple[int, ...] = (),
    ) -> None:
        self._wire = wire
        self._funcs = funcs
        self._no_acknowledge = no_acknowledge
        self._taken = taken
        self._address = -1
        self.calls: list[str] = []
        self.timeout_ms = 0

    def ioctl(self, request: int, argument: Any) -> int:
        """Do what one ioctl asks; raises OSError as the kernel does."""
        try:
            return self._do(request, argument)
        except OSError as error:
            number = self._no_acknowledge if error.errno == errno.ENODEV else error.errno
            raise OSError(number, "from the kernel") from None

    def _do(self, request: int, argument: Any) -> int:
        if request == smbus.I2C_FUNCS:
            argument.value = int(self._funcs)
        elif request == smbus.I2C_SLAVE:
            if argument in self._taken:
                raise OSError(errno.EBUSY, "a driver has it")
            self._address = argument
        elif request == i2c.I2C_TIMEOUT:
            self.timeout_ms = argument * 10
        elif request == i2c.I2C_RETRIES:
            assert argument == 0
        elif request == smbus.I2C_SMBUS:
            self._smbus(argument)
        elif request == smbus.I2C_RDWR:
            self._rdwr([argument.msgs[index] for index in range(argument.nmsgs)])
        else:
            raise OSError(errno.ENOTTY, "no such request")
        return 0

    def _smbus(self, transfer: Any) -> None:
        is_read = transfer.read_write == smbus.I2C_SMBUS_READ
        block = transfer.data.contents.block
        if transfer.size == smbus.I2C_SMBUS_QUICK:
            self.calls.append("quick")
            if self._address not in SimulatedI2C.scan(self._wire):
                raise OSError(errno.ENODEV, "")
        elif transfer.size == smbus.I2C_SMBUS_BYTE and is_read:
            self.calls.append("byte")
            byte = bytearray(1)
            SimulatedI2C.readfrom_into(self._wire, self._address, byte)
            transfer.data.contents.byte = byte[0]
        elif transfer.size == smbus.I2C_SMBUS_I2C_BLOCK_DATA:
            self.calls.append("block")
            length = block[0]
            if not 1 <= length <= smbus.I2C_SMBUS_BLOCK_MAX:
                raise OSError(errno.EINVAL, "no such block")
            if is_read:
                self._read(self._address, transfer.command, block, length)
            else:
                SimulatedI2C.writeto_mem(self._wire, self._address, transfer.command, bytes(block[1 : 1 + length]))
        else:
            raise OSError(errno.EOPNOTSUPP, "not emulated")

    def _read(self, address: int, register: int, block: Any, length: int) -> None:
        data = bytearray(length)
        SimulatedI2C.readfrom_mem_into(self._wire, address, register, data)
        block[1 : 1 + length] = [*data]

    def _rdwr(self, messages: list[Any]) -> None:
        if not self._funcs & I2cFunc.I2C:
            raise OSError(errno.EOPNOTSUPP, "for SMBus alone")
        if len(messages) > _RDWR_MOST or any(message.len > _MESSAGE_MOST for message in messages):
            raise OSError(errno.EINVAL, "too much at once")
        self.calls.append("rdwr")
        match [(bool(message.flags & smbus.I2C_M_RD), message) for message in messages]:
            case [(False, out), (True, into)]:
                (register,) = bytes(out)
                data = bytearray(into.len)
                SimulatedI2C.readfrom_mem_into(self._wire, out.addr, register, data)
            case [(True, into)]:
                data = bytearray(into.len)
                SimulatedI2C.readfrom_into(self._wire, into.addr, data)
            case [(False, out)]:
                said = bytes(out)
                if len(said) > 1:
                    SimulatedI2C.writeto_mem(self._wire, out.addr, said[0], said[1:])
                else:
                    SimulatedI2C.writeto(self._wire, out.addr, said)
                return
            case _:
                raise OSError(errno.EINVAL, "what no driver says")
        for index, value in enumerate(data):
            into.buf[index] = value


class Kernel:
    """Its device nodes, by the number of the bus."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._numbers = itertools.count(3)
        self._nodes: dict[str, KernelI2C | OSError] = {}
        self._open: dict[int, KernelI2C] = {}
        monkeypatch.setattr(smbus, "os", SimpleNamespace(open=self._do_open, close=self._open.pop, O_RDWR=2))
        for module in (smbus, i2c):
            monkeypatch.setattr(module, "ioctl", lambda fd, request, argument: self._open[fd].ioctl(request, argument))

    @property
    def open_count(self) -> int:
        """How many nodes are open."""
        return len(self._open)

    def add(self, number: int, node: KernelI2C | OSError) -> None:
        """Make /dev/i2c-`number`, or what comes of opening it."""
        self._nodes[f"/dev/i2c-{number}"] = node

    def _do_open(self, path: str, flags: int) -> int:
        node = self._nodes.get(path, FileNotFoundError(errno.ENOENT, "No such file or directory"))
        if isinstance(node, OSError):
            raise node
        number = next(self._numbers)
        self._open[number] = node
        return number
