"""CircuitPython's bus as the drivers see it: its lock, its errors, and what is said on the wire."""

from tests.contract.rigs import Clock, Light, error_number

from vigil_hal.busio_i2c import BusioI2C
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, WritableBuffer


class Busio:
    """`busio.I2C` over what is on a simulated bus. As in CircuitPython, nothing is said without the lock.

    `no_acknowledge`: the error number of a missing acknowledge, 19 in CircuitPython, 121 in Blinka on a Raspberry Pi.
    `wire`: what carries it all.
    """

    def __init__(self, wire: SimulatedI2C, no_acknowledge: int = 19) -> None:
        self.wire = wire
        self.no_acknowledge = no_acknowledge
        self.is_locked = False

    def try_lock(self) -> bool:
        if self.is_locked:
            return False
        self.is_locked = True
        return True

    def unlock(self) -> None:
        if not self.is_locked:
            raise ValueError("Not locked")
        self.is_locked = False

    def scan(self) -> "list[int]":
        self._check()
        return SimulatedI2C.scan(self.wire)

    def readfrom_into(
        self, address: int, buffer: "WritableBuffer", *, start: int = 0, end: "int | None" = None
    ) -> None:
        part = memoryview(buffer)[start : len(buffer) if end is None else end]
        self._say(lambda: SimulatedI2C.readfrom_into(self.wire, address, part))

    def writeto(self, address: int, buffer: "ReadableBuffer", *, start: int = 0, end: "int | None" = None) -> None:
        data = bytes(buffer)[start : len(buffer) if end is None else end]
        if len(data) > 1:
            self._say(lambda: SimulatedI2C.writeto_mem(self.wire, address, data[0], data[1:]))
        else:
            self._say(lambda: SimulatedI2C.writeto(self.wire, address, data))

    def writeto_then_readfrom(self, address: int, out: "ReadableBuffer", into: "WritableBuffer") -> None:
        assert len(out) == 1
        self._say(lambda: SimulatedI2C.readfrom_mem_into(self.wire, address, out[0], into))

    def _check(self) -> None:
        if not self.is_locked:
            raise RuntimeError("Function requires lock")

    def _say(self, call: "Callable[[], object]") -> None:
        self._check()
        try:
            call()
            return
        except OSError as error:
            number = error.errno
        raise OSError(self.no_acknowledge if number == 19 else number, "from the bus")


def case_a_whole_fifo_comes_in_one_burst_with_the_lock_given_back() -> None:
    clock = Clock()
    wire = SimulatedI2C(SimulatedMax30102(Light(80_000, 120_000), clock))
    busio = Busio(wire)
    driver = Max30102(BusioI2C(busio))
    driver.probe()
    driver.configure()
    clock.advance(40 * 32)
    wire.log = []
    assert driver.drain() == 32
    assert [(kind, register, len(data)) for kind, _, register, data in wire.log] == [("r", 0, 7), ("r", 7, 192)]
    assert driver.red[31] == 80_000 and driver.ir[0] == 120_000
    assert not busio.is_locked


def case_lock_is_given_back_after_each_error() -> None:
    busio = Busio(SimulatedI2C())
    bus = BusioI2C(busio)
    for call in (
        lambda: bus.readfrom_mem_into(0x57, 0, bytearray(1)),
        lambda: bus.readfrom_into(0x57, bytearray(1)),
        lambda: bus.writeto_mem(0x57, 0, b"\x00"),
        lambda: bus.writeto(0x57, b"\x00"),
    ):
        assert error_number(call) == 19
        assert not busio.is_locked


def case_missing_acknowledge_has_one_number_whoever_says_it() -> None:
    buses = [BusioI2C(Busio(SimulatedI2C(), number)) for number in (6, 19, 121)]
    assert [error_number(bus.scan) for bus in buses] == [0, 0, 0]
    for call in [lambda bus=bus: bus.writeto(0x57, b"\x00") for bus in buses]:
        assert error_number(call) == 19


def case_bus_that_another_has_locked_is_waited_for_but_not_without_end() -> None:
    busio = Busio(SimulatedI2C())
    busio.try_lock()
    waits: list[int] = []

    def wait() -> None:
        waits.append(1)
        if len(waits) == 3:
            busio.unlock()

    assert BusioI2C(busio, wait).scan() == []
    assert len(waits) == 3
    busio.try_lock()
    assert error_number(BusioI2C(busio).scan) == 16
    assert busio.is_locked, "it is another's"
