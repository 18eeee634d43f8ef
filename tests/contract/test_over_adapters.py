"""Every contract case of the drivers, with their buses replaced by the same bus behind an adapter.

What is on the wire is asserted in the cases, to the byte: an adapter may neither add to it nor leave anything out.
"""

import errno
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.contract import rigs
from tests.contract.kernel_i2c import FOR_SMBUS_ALONE, Kernel, KernelI2C

from vigil_hal.busio_i2c import BusioI2C
from vigil_hal.max30102 import Max30102
from vigil_hal.simulated.bus import SimulatedI2C
from vigil_hal.simulated.max30102 import SimulatedMax30102
from vigil_hal.simulated.patient import built_in_patient
from vigil_host.linux.i2c import I2CError, LinuxI2C

_FOLDER = Path(__file__).parent
_NAMES = (
    "cases_bus",
    "cases_lis3dh",
    "cases_max17048",
    "cases_max30102",
    "cases_max30205",
    "cases_mcp9808",
    "cases_mlx90614",
    "cases_mpu6050",
    "cases_ssd1306",
    "cases_tmp117",
)


def _load(name: str) -> ModuleType:
    spec = spec_from_file_location(name, _FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_MODULES = {name: _load(name) for name in _NAMES}
_BUSIO = _load("cases_busio").Busio
_CASES = [(module, name) for module in _MODULES for name in vars(_MODULES[module]) if name.startswith("case_")]


class Adapted(SimulatedI2C):
    """A simulated bus whose transfers go through an adapter: faults and log are those of the wire behind it."""

    adapt: Callable[[SimulatedI2C], Any]

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        adapter = type(self).adapt(self)
        for name in ("scan", "readfrom_mem_into", "readfrom_into", "writeto_mem", "writeto"):
            setattr(self, name, getattr(adapter, name))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def _over_smbus2(kernel: Kernel) -> Callable[[SimulatedI2C], LinuxI2C]:
    def adapt(wire: SimulatedI2C) -> LinuxI2C:
        kernel.add(1, KernelI2C(wire))
        return LinuxI2C(1)

    return adapt


def _over_busio(no_acknowledge: int) -> Callable[[SimulatedI2C], BusioI2C]:
    return lambda wire: BusioI2C(_BUSIO(wire, no_acknowledge))


@pytest.mark.parametrize("adapter", ["smbus2", "circuitpython", "blinka"])
@pytest.mark.parametrize(("module", "name"), _CASES, ids=[".".join(case) for case in _CASES])
def test_case(kernel: Kernel, monkeypatch: pytest.MonkeyPatch, adapter: str, module: str, name: str) -> None:
    adapts = {
        "smbus2": _over_smbus2(kernel),
        "circuitpython": _over_busio(errno.ENODEV),
        "blinka": _over_busio(errno.EREMOTEIO),
    }
    monkeypatch.setattr(Adapted, "adapt", staticmethod(adapts[adapter]), raising=False)
    for place in (rigs, _MODULES[module]):
        monkeypatch.setattr(place, "SimulatedI2C", Adapted, raising=False)
    getattr(_MODULES[module], name)()


# What only Linux has


@pytest.fixture
def memory() -> Any:
    return _MODULES["cases_bus"].Memory(0x10)


def test_more_than_a_block_goes_as_one_burst(kernel: Kernel, memory: Any) -> None:
    adapter = KernelI2C(SimulatedI2C(memory))
    kernel.add(1, adapter)
    bus = LinuxI2C(1)
    assert bus.readfrom_mem(0x10, 0, 32) == bytes(range(32))
    assert bus.readfrom_mem(0x10, 0, 33) == bytes(range(33))
    assert bus.readfrom_mem(0x10, 0, 200) == bytes(range(200))
    bus.writeto_mem(0x10, 0, bytes(reversed(range(32))))
    bus.writeto_mem(0x10, 0, bytes(reversed(range(33))))
    assert adapter.calls == ["block", "rdwr", "rdwr", "block", "rdwr"]
    assert memory.values[:33] == bytes(reversed(range(33)))
    data = bytearray(4)
    bus.writeto(0x10, b"\x05")
    bus.readfrom_into(0x10, data)
    assert data == memory.values[5:9]


def test_a_whole_fifo_is_one_transfer(kernel: Kernel) -> None:
    now_ms = [0]
    adapter = KernelI2C(SimulatedI2C(SimulatedMax30102(built_in_patient(), lambda: now_ms[0])))
    kernel.add(1, adapter)
    driver = Max30102(LinuxI2C(1))
    driver.probe()
    driver.configure()
    now_ms[0] = 32 * 40
    adapter.calls.clear()
    assert driver.drain() == 32
    assert adapter.calls == ["block", "rdwr"]


def test_a_transfer_does_not_hang_for_long(kernel: Kernel, memory: Any) -> None:
    adapter = KernelI2C(SimulatedI2C(memory))
    kernel.add(1, adapter)
    LinuxI2C(1)
    assert 0 < adapter.timeout_ms <= 50


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (errno.ENXIO, errno.ENODEV),
        (errno.EREMOTEIO, errno.ENODEV),
        (errno.EIO, errno.EIO),
        (errno.EAGAIN, errno.EIO),
        (errno.EOPNOTSUPP, errno.EIO),
        (errno.ETIMEDOUT, errno.ETIMEDOUT),
    ],
)
def test_what_the_kernel_says_is_what_a_board_says(kernel: Kernel, said: int, meant: int) -> None:
    kernel.add(1, KernelI2C(SimulatedI2C(), no_acknowledge=said))
    bus = LinuxI2C(1)
    for call in (
        lambda: bus.readfrom_mem(0x57, 0, 1),
        lambda: bus.readfrom_mem(0x57, 0, 40),
        lambda: bus.readfrom_into(0x57, bytearray(1)),
        lambda: bus.writeto_mem(0x57, 0, b"\x00"),
        lambda: bus.writeto(0x57, b"\x00"),
    ):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno == meant


def test_scan_finds_what_answers_and_what_a_driver_has(kernel: Kernel) -> None:
    parts = [_MODULES["cases_bus"].Memory(address) for address in (0x08, 0x48, 0x57, 0x77)]
    adapter = KernelI2C(SimulatedI2C(*parts), taken=(0x20,))
    kernel.add(1, adapter)
    assert LinuxI2C(1).scan() == [0x08, 0x20, 0x48, 0x57, 0x77]
    assert adapter.calls.count("byte") == 24, "an empty write may upset what is at these"


def test_scan_of_a_stuck_bus_says_so(kernel: Kernel) -> None:
    wire = SimulatedI2C()
    wire.stuck = True
    kernel.add(1, KernelI2C(wire))
    with pytest.raises(OSError) as raised:
        LinuxI2C(1).scan()
    assert raised.value.errno == errno.ETIMEDOUT


def test_adapter_for_smbus_alone_is_known_as_that(kernel: Kernel, memory: Any) -> None:
    kernel.add(1, KernelI2C(SimulatedI2C(memory)))
    kernel.add(2, KernelI2C(SimulatedI2C(memory), FOR_SMBUS_ALONE))
    assert LinuxI2C(1).can_burst
    assert not LinuxI2C(2).can_burst
    assert LinuxI2C(2).readfrom_mem(0x10, 0, 32) == bytes(range(32))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOENT, ""), ("no /dev/i2c-7", "raspi-config")),
        (OSError(errno.EACCES, ""), ("/dev/i2c-7", "usermod -aG i2c")),
        (OSError(errno.ENXIO, "No such device or address"), ("/dev/i2c-7", "No such device or address")),
    ],
)
def test_bus_that_cannot_be_opened_is_one_line_with_what_to_do(
    kernel: Kernel, error: OSError, says: tuple[str, ...]
) -> None:
    kernel.add(7, error)
    with pytest.raises(I2CError) as raised:
        LinuxI2C(7)
    text = str(raised.value)
    assert "\n" not in text
    assert all(part in text for part in says), text


def test_closed_bus_gives_its_node_back(kernel: Kernel, memory: Any) -> None:
    kernel.add(1, KernelI2C(SimulatedI2C(memory)))
    bus = LinuxI2C(1)
    assert kernel.open_count == 1
    bus.close()
    assert kernel.open_count == 0
