"""A thermometer that reads once a second makes no object, and no frame on the way goes on a board's heap."""

import inspect
from types import ModuleType

import pytest

from vigil_hal import ds18b20, max30205, mcp9808, mlx90614, tmp117
from vigil_host.vm.heap import heap_growth, large_frames
from vigil_host.vm.runner import Runtime

# What answers, and makes no object itself.
_SETUPS = {
    "tmp117": """
from vigil_hal.tmp117 import Tmp117

class Bus:
    def readfrom_mem_into(self, address, register, buffer):
        buffer[0] = 0x21 if register == 1 else 0x12
        buffer[1] = 0xA0

part = Tmp117(Bus())
""",
    "max30205": """
from vigil_hal.max30205 import Max30205

class Bus:
    def readfrom_mem_into(self, address, register, buffer):
        buffer[0] = 0x18 if register == 1 else 0x25
        if register == 0:
            buffer[1] = 0xFF

part = Max30205(Bus())
part.read_centi_c()
""",
    "mlx90614": """
from vigil_hal.mlx90614 import Mlx90614

class Bus:
    def readfrom_mem_into(self, address, register, buffer):
        buffer[0] = 0x94
        buffer[1] = 0x3C
        buffer[2] = 0x07

part = Mlx90614(Bus())
part.read_centi_c()
""",
    "mcp9808": """
from vigil_hal.mcp9808 import Mcp9808

class Bus:
    def readfrom_mem_into(self, address, register, buffer):
        buffer[0] = 0x06 if register == 1 else 0xC2
        buffer[1] = 0x00 if register == 1 else 0x50

part = Mcp9808(Bus())
part.read_centi_c()
part.read_centi_c()
""",
    "ds18b20": """
from vigil_hal.ds18b20 import Ds18b20

PAD = bytes((0x50, 0x02, 0x55, 0x2A, 0x7F, 0xFF, 0x10, 0x10, 0x76))

class Wire:
    bit = 1
    def reset(self):
        return True
    def readbit(self):
        self.bit ^= 1
        return self.bit
    def readinto(self, buffer):
        for index in range(9):
            buffer[index] = PAD[index]
    def writebyte(self, value):
        pass
    def write(self, data):
        pass

part = Ds18b20(Wire())
part.configure()
""",
}
_READ = """
def read():
    assert part.read_centi_c() > 3600
"""
# Run at the start and after a fault, or make the fault.
_RARE = {"probe", "_probe", "configure", "check_rom", "rom_text", "parse_rom", "on_board", "counterfeit", "_wrong"}


@pytest.mark.parametrize("part", _SETUPS)
def test_reading_makes_no_object(runtime: Runtime, part: str) -> None:
    assert heap_growth(runtime, _SETUPS[part] + _READ, "read", calls=100) == 0


@pytest.mark.parametrize("module", [tmp117, max30205, mlx90614, mcp9808, ds18b20], ids=lambda module: module.PART)
def test_frames_of_a_reading_stay_off_the_boards_heap(module: ModuleType) -> None:
    holders = [module, *(each for each in vars(module).values() if inspect.isclass(each))]
    functions = [
        each
        for holder in holders
        for each in vars(holder).values()
        if inspect.isfunction(each) and each.__module__ == module.__name__ and each.__name__ != "__init__"
    ]
    large = large_frames(*functions)
    assert [name for name in large if name.split(".")[-1] not in _RARE] == []
