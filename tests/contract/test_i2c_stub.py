"""The adapter on a real /dev/i2c-N of the kernel's own: i2c-stub, which has parts of bare registers and SMBus alone."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from vigil_hal.max30102 import Max30102
from vigil_host.linux.i2c import I2CError, LinuxI2C

_NAME = "SMBus stub driver"


@pytest.fixture
def stub() -> Iterator[LinuxI2C]:
    """The stub's bus, with a part at 0x57."""
    modprobe = shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if os.geteuid() != 0 or modprobe is None:
        pytest.skip("i2c-stub is loaded by root, with modprobe")
    for module in (["i2c-dev"], ["i2c-stub", "chip_addr=0x57"]):
        if (done := subprocess.run([modprobe, *module], capture_output=True, text=True)).returncode:
            pytest.skip(f"this kernel has no {module[0]}: {done.stderr.strip()}")
    bus = None
    try:
        names = Path("/sys/class/i2c-adapter").glob("i2c-*/name")
        found = [path.parent.name for path in names if path.read_text().startswith(_NAME)]
        if not found:
            pytest.skip("i2c-stub is loaded, and has no bus here")
        try:
            bus = LinuxI2C(int(found[0].removeprefix("i2c-")))
        except I2CError as error:
            pytest.skip(str(error))
        yield bus
    finally:
        if bus is not None:
            bus.close()
        with contextlib.suppress(OSError):
            subprocess.run([modprobe, "-r", "i2c-stub"], capture_output=True)


def test_adapter_on_the_kernels_own_stub(stub: LinuxI2C) -> None:
    assert stub.scan() == [0x57]
    assert not stub.can_burst
    stub.writeto_mem(0x57, 0xFE, b"\x03\x15")
    assert stub.readfrom_mem(0x57, 0xFE, 2) == b"\x03\x15"
    driver = Max30102(stub)
    driver.probe()
    assert driver.revision == 3
    with pytest.raises(OSError) as raised:
        stub.readfrom_mem(0x48, 0, 1)
    assert raised.value.errno == 19
