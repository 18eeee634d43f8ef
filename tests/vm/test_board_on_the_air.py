"""The board's own main.py in the VM, in real time, on the virtual radio."""

import asyncio

import pytest

from vigil_host.assets import asset
from vigil_host.radio.air import Air
from vigil_host.radio.bluetooth import VirtualBluetooth
from vigil_host.radio.personality import PERSONALITIES
from vigil_host.vm.runner import VmDevice

KEY = "00112233445566778899aabbccddeeff"
FILES = {"board.json": b'{"i2c": 0, "sda": 21, "scl": 22}'}


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_it_advertises_until_its_power_is_cut(personality: str) -> None:
    async def main() -> None:
        async with Air() as air:
            device = VmDevice(
                "simulated_board:run",
                [KEY, 5, "patient", ""],
                bluetooth=VirtualBluetooth(air, PERSONALITIES[personality]),
                files_in={"main.py": asset("firmware/board/main.py").read_bytes(), **FILES},
            )
            async with device:
                while air.counters.adverts < 3:
                    await asyncio.sleep(0.02)
            result = await device.wait()
            assert "vigil: device " in result.stdout
            assert result.stderr == ""
            heard = air.counters.adverts
            await asyncio.sleep(0.6)
            assert air.counters.adverts == heard

    asyncio.run(asyncio.wait_for(main(), 30))
