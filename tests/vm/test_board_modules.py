"""The fakes of what a board has and the WebAssembly build has not: cryptolib, machine and what `os` lacks."""

import random

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from vigil_host.vm.runner import MicroPythonVm

# FIPS-197, appendix C.1 and C.3
PLAIN = "00112233445566778899aabbccddeeff"
AES_128 = ("000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a")
AES_256 = (
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "8ea2b7ca516745bfeafc49904b496089",
)


@pytest.mark.parametrize(("key", "cipher"), [AES_128, AES_256])
def test_aes_of_the_standard(vm: MicroPythonVm, key: str, cipher: str) -> None:
    program = f"""
from binascii import hexlify, unhexlify
from cryptolib import aes
print(hexlify(aes(unhexlify("{key}"), 1).encrypt(unhexlify("{PLAIN}"))).decode())
"""
    assert vm.run(program).stdout == f"{cipher}\n"


def test_aes_in_place_as_cryptography_does_it(vm: MicroPythonVm) -> None:
    noise = random.Random(1)
    key, data = noise.randbytes(16), noise.randbytes(16 * 50)
    program = """
from cryptolib import aes
buffer = bytearray(open("data", "rb").read())
aes(open("key", "rb").read(), 1).encrypt(memoryview(buffer), buffer)
open("out", "wb").write(buffer)
"""
    result = vm.run(program, files_in={"key": key, "data": data}, files_out=["out"])
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    assert result.check().files["out"] == encryptor.update(data)


@pytest.mark.parametrize(
    "wrong",
    ["aes(bytes(15), 1)", "aes(bytes(16), 2)", "aes(bytes(16), 1).encrypt(bytes(15))"],
)
def test_aes_refuses(vm: MicroPythonVm, wrong: str) -> None:
    assert "ValueError" in vm.run(f"from cryptolib import aes\n{wrong}").stderr


def test_i2c_is_the_attached_bus(vm: MicroPythonVm) -> None:
    program = """
import machine
try:
    machine.I2C(0)
except OSError as error:
    print(error.errno)
machine.attach_i2c("a bus")
print(machine.I2C(0, scl=machine.Pin(22), sda=machine.Pin(21), freq=400000))
"""
    assert vm.run(program).stdout == "19\na bus\n"


def test_pins_are_recorded(vm: MicroPythonVm) -> None:
    program = """
import machine, time
led = machine.Pin(2, machine.Pin.OUT, value=0)
time.sleep_ms(5)
led.on()
print(led.value(), machine.Pin(2, machine.Pin.IN)(), list(machine.pin_writes))
"""
    assert vm.run(program).stdout == "1 1 [(0, 2, 0), (5, 2, 1)]\n"


def test_input_with_a_pull_up_reads_high_until_something_is_written(vm: MicroPythonVm) -> None:
    program = """
import machine
button = machine.Pin(0, machine.Pin.IN, machine.Pin.PULL_UP)
print(button.value(), machine.Pin(1, machine.Pin.IN).value())
machine.Pin(0).value(0)
print(button.value())
"""
    assert vm.run(program).stdout == "1 0\n0\n"


def test_tones_are_recorded(vm: MicroPythonVm) -> None:
    program = """
import machine, time
pwm = machine.PWM(machine.Pin(25), freq=650, duty_u16=0)
time.sleep_ms(5)
pwm.duty_u16(16384)
print(pwm.freq(), pwm.duty_u16(), list(machine.pwm_writes))
"""
    assert vm.run(program).stdout == "650 16384 [(0, 25, 0), (5, 25, 650)]\n"


def test_timers_call_back_on_time_while_the_program_sleeps(vm: MicroPythonVm) -> None:
    program = """
import machine, time
seen = []
once, often = machine.Timer(0), machine.Timer(-1)
once.init(mode=machine.Timer.ONE_SHOT, period=50, callback=lambda timer: seen.append(("once", time.ticks_ms())))
often.init(period=20, callback=lambda timer: seen.append(("often", time.ticks_ms())))
time.sleep_ms(70)
often.deinit()
time.sleep_ms(100)
print(seen, time.ticks_ms())
"""
    expected = [("often", 20), ("often", 40), ("once", 50), ("often", 60)]
    assert vm.run(program).stdout == f"{expected} 170\n"


def test_reset_and_its_cause(vm: MicroPythonVm) -> None:
    program = """
import machine
print(machine.reset_cause() == machine.PWRON_RESET, len(machine.unique_id()))
machine.attach_reset_cause(machine.WDT_RESET)
print(machine.reset_cause() == machine.WDT_RESET)
machine.reset()
"""
    result = vm.run(program)
    assert result.stdout == "True 6\nTrue\n"
    assert result.exit_code == 120


def test_urandom_is_random_and_the_rest_of_os_is_there(vm: MicroPythonVm) -> None:
    program = "import os\nos.mkdir('d')\nprint(os.listdir('d'), len(os.urandom(0)), os.urandom(20) != os.urandom(20))"
    assert vm.run(program).stdout == "[] 0 True\n"
