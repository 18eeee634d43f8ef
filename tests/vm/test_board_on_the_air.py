"""The board's own main.py in the VM, in real time, on the virtual radio."""

import asyncio
import json

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


def test_it_tries_its_signals_and_leaves_none_on_when_it_is_stopped() -> None:
    board = {"i2c": 0, "sda": 21, "scl": 22, "light": [2, 3, 4], "buzzer": 25, "vibration": 26, "button": 0}
    program = f"""
import machine, simulated_board

def interrupt(timer):
    raise KeyboardInterrupt

machine.Timer(3).init(mode=machine.Timer.ONE_SHOT, period=6000, callback=interrupt)
simulated_board.run("{KEY}", 5, "patient", "")
print("tones", sum(hz > 0 for _, _, hz in machine.pwm_writes), machine.pwm_writes[-1][2])
for pin in (2, 3, 4, 26):
    print(pin, sum(level for _, number, level in machine.pin_writes if number == pin) > 0, machine.Pin(pin).value())
"""

    async def main() -> None:
        async with Air() as air:
            device = VmDevice(
                program,
                bluetooth=VirtualBluetooth(air, PERSONALITIES["nimble"]),
                files_in={
                    "main.py": asset("firmware/board/main.py").read_bytes(),
                    "board.json": json.dumps(board).encode(),
                },
            )
            async with device:
                result = (await device.wait()).check()
            assert "stopped for maintenance" in result.stdout
            told = result.stdout.splitlines()[-5:]
            assert told == ["tones 10 0", "2 True 0", "3 True 0", "4 True 0", "26 True 0"]

    asyncio.run(asyncio.wait_for(main(), 30))
