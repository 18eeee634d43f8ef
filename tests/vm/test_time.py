"""Time in the VM: virtual time jumps, wraps at 2^30 and never spins; the watchdog lives in it."""

import time

from vigil_host.vm.runner import MicroPythonVm

WRAP = 1 << 30


def test_sleep_advances_the_clocks_and_nothing_else_does(vm: MicroPythonVm) -> None:
    program = """
import time
wall = time.time()
for _ in range(1000):
    pass
print(time.ticks_ms(), time.ticks_us())
time.sleep_ms(1500)
time.sleep_us(1)
time.sleep(2)
print(time.ticks_ms(), time.ticks_us(), round(time.time() - wall, 3))
"""
    assert vm.run(program).stdout == "0 0\n3501 3501000 3.501\n"


def test_ticks_wrap() -> None:
    program = """
import time
start = time.ticks_ms()
for _ in range(3):
    time.sleep_ms(300)
    print(time.ticks_ms(), time.ticks_diff(time.ticks_ms(), start), time.ticks_add(time.ticks_ms(), -1))
"""
    lines = MicroPythonVm(start_ticks_ms=WRAP - 600, timeout_s=60).run(program).stdout.split("\n")
    assert lines[:3] == [f"{WRAP - 300} 300 {WRAP - 301}", f"0 600 {WRAP - 1}", "300 900 299"]


def test_weeks_of_sleep_take_no_time(vm: MicroPythonVm) -> None:
    start = time.perf_counter()
    program = "import time\nfor _ in range(30): time.sleep_ms(86_400_000)\nprint(time.ticks_ms())"
    assert vm.run(program).stdout == f"{30 * 86_400_000 % WRAP}\n"
    assert time.perf_counter() - start < 20


def test_a_fed_watchdog_is_quiet(vm: MicroPythonVm) -> None:
    program = """
import machine, time
dog = machine.WDT(timeout=1000)
for _ in range(3):
    time.sleep_ms(1000)
    dog.feed()
print(list(machine.watchdog_feeds))
"""
    assert vm.run(program).stdout == "[1000, 2000, 3000]\n"


def test_a_starved_watchdog_resets(vm: MicroPythonVm) -> None:
    program = """
import machine, time
machine.WDT(timeout=1000)
try:
    time.sleep_ms(1001)
except Exception:
    print("caught")
"""
    result = vm.run(program)
    assert result.exit_code == 121
    assert result.stdout == "watchdog: not fed for 1001 ms\n"
