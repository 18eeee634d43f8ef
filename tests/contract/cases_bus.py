"""The simulated I2C bus: the shape of `machine.I2C`, and faults on demand."""

from tests.contract.rigs import error_number

from vigil_hal.simulated.bus import SimulatedI2C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vigil_hal.seams import ReadableBuffer, WritableBuffer


class Memory:
    """A part of 256 bytes with a pointer that moves on."""

    def __init__(self, address: int) -> None:
        self.address = address
        self.values = bytearray(range(256))
        self._pointer = 0

    def select(self, register: int) -> None:
        self._pointer = register

    def write(self, data: "ReadableBuffer") -> None:
        for value in data:
            self.values[self._pointer] = value
            self._pointer += 1

    def read_into(self, buffer: "WritableBuffer") -> None:
        for i in range(len(buffer)):
            buffer[i] = self.values[self._pointer]
            self._pointer += 1


def case_transactions_reach_the_part_with_the_address() -> None:
    one, two = Memory(0x10), Memory(0x20)
    bus = SimulatedI2C(one, two)
    assert bus.scan() == [0x10, 0x20]
    bus.writeto_mem(0x20, 5, b"\xaa\xbb")
    data = bytearray(3)
    bus.readfrom_mem_into(0x20, 4, data)
    assert data == b"\x04\xaa\xbb"
    bus.readfrom_mem_into(0x10, 4, data)
    assert data == b"\x04\x05\x06"


def case_plain_write_sets_the_pointer_and_plain_read_follows_it() -> None:
    bus = SimulatedI2C(Memory(0x10))
    assert bus.writeto(0x10, b"\x07\x99") == 2
    assert bus.writeto(0x10, b"\x06") == 1
    data = bytearray(3)
    bus.readfrom_into(0x10, data)
    assert data == b"\x06\x99\x08"


def case_absent_silenced_and_stuck_have_their_own_error_numbers() -> None:
    part = Memory(0x10)
    bus = SimulatedI2C(part)
    data = bytearray(1)
    calls: list[Callable[[], object]] = [
        lambda: bus.readfrom_mem_into(0x10, 0, data),
        lambda: bus.writeto_mem(0x10, 0, b"\x00"),
        lambda: bus.readfrom_into(0x10, data),
        lambda: bus.writeto(0x10, b"\x00"),
    ]
    for call in calls:
        assert error_number(call) == 0
        bus.nak(0x10)
        assert error_number(call) == 19
        bus.release(0x10)
        bus.detach(0x10)
        assert error_number(call) == 19
        bus.attach(part)
        bus.stuck = True
        assert error_number(call) == 110
        bus.stuck = False
        assert error_number(call) == 0


def case_only_completed_transactions_are_logged() -> None:
    bus = SimulatedI2C(Memory(0x10))
    bus.log = []
    bus.writeto_mem(0x10, 1, b"\x02")
    bus.nak(0x10)
    error_number(lambda: bus.writeto_mem(0x10, 1, b"\x03"))
    bus.release(0x10)
    bus.writeto(0x10, b"\x01")
    bus.readfrom_into(0x10, bytearray(1))
    assert bus.log == [
        ("w", 0x10, 1, b"\x02"),
        ("w", 0x10, None, b"\x01"),
        ("r", 0x10, None, b"\x02"),
    ]


def case_bits_on_the_wire_are_counted() -> None:
    bus = SimulatedI2C(Memory(0x10))
    wire = bus.bits
    bus.readfrom_mem_into(0x10, 5, bytearray(2))
    assert bus.bits - wire == 3 + 9 * 5, "start, address, register, start, address, two bytes, stop"
    wire = bus.bits
    bus.writeto_mem(0x10, 5, b"\x01\x02")
    assert bus.bits - wire == 2 + 9 * 4
    wire = bus.bits
    bus.readfrom_into(0x10, bytearray(3))
    assert bus.bits - wire == 2 + 9 * 4
    wire = bus.bits
    bus.writeto(0x10, b"\x05")
    assert bus.bits - wire == 2 + 9 * 2
