"""A device in the VM in real time: its BLE calls and events, and how it starts, stops and dies."""

import asyncio
import gc
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from vigil_host.vm.runner import VmDevice, VmError

HEAD = "import bluetooth, time\nfrom bluetooth import UUID\nble = bluetooth.BLE()\n"


class RecordingBle:
    """A radio that writes down its calls, the thread they came on, and answers from `answers`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()
        self.answers: dict[str, Any] = {}
        self.handler: Callable[[int, tuple[Any, ...]], Any] | None = None

    def irq(self, handler: Callable[[int, tuple[Any, ...]], Any] | None) -> None:
        self.handler = handler

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self.threads.add(threading.get_ident())
            self.calls.append((name, *args, *named.items()))
            answer = self.answers.get(name)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call


class FakeBluetooth:
    """A `bluetooth` module whose UUIDs are ("UUID", value)."""

    def __init__(self) -> None:
        self.ble = RecordingBle()

    def BLE(self) -> Any:
        return self.ble

    def UUID(self, value: object) -> Any:
        return ("UUID", value)


@pytest.fixture
def radio() -> FakeBluetooth:
    return FakeBluetooth()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail on a child process or an open pipe that outlives its test."""
    before = set(_descriptors())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        yield
        gc.collect()
    assert set(_descriptors()) <= before
    assert _children() == ""


def _descriptors() -> list[str]:
    return [str(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]


def _children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(main, 30))


def finished(program: str, radio: FakeBluetooth | None = None) -> str:
    """Run a program that ends by itself; returns what it printed."""
    printed = []

    async def main() -> None:
        async with VmDevice(program, bluetooth=radio) as device:
            printed.append((await device.wait()).check().stdout)

    run(main())
    return printed[0]


def test_calls_arrive_on_the_loops_thread_with_bytes_uuids_and_keywords(radio: FakeBluetooth) -> None:
    radio.ble.answers = {"active": True, "config": (1, b"\x01\x02"), "gatts_register_services": ((3, 5), (8,))}
    program = """
print(ble.active(True), ble.config("mac"), bluetooth.BLE() is ble)
record = (UUID("6E400001-B5A3-F393-E0A9-E50E24DCCA9E"), bluetooth.FLAG_NOTIFY | bluetooth.FLAG_READ_AUTHENTICATED)
print(ble.gatts_register_services(((UUID(0x1822), (record,)),)))
ble.gap_advertise(200_000, bytearray(b"\\x02\\x01\\x06"), resp_data=None, connectable=True)
ble.gatts_notify(0, 3, memoryview(b"12345678"))
"""
    assert finished(HEAD + program, radio) == "True (1, b'\\x01\\x02') True\n((3, 5), (8,))\n"
    record = (("UUID", "6e400001-b5a3-f393-e0a9-e50e24dcca9e"), 0x0410)
    assert radio.ble.calls == [
        ("active", True),
        ("config", "mac"),
        ("gatts_register_services", ((("UUID", 0x1822), (record,)),)),
        ("gap_advertise", 200_000, b"\x02\x01\x06", ("resp_data", None), ("connectable", True)),
        ("gatts_notify", 0, 3, b"12345678"),
        ("active", False),  # the program has ended
    ]
    assert radio.ble.threads == {threading.get_ident()}


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (OSError(12), "OSError (12,)"),
        (OSError(16, "busy"), "OSError (16,)"),
        (ValueError("unknown config"), "ValueError ('unknown config',)"),
        (TypeError("too few"), "TypeError ('too few',)"),
    ],
)
def test_errors_are_raised_again(radio: FakeBluetooth, error: Exception, shown: str) -> None:
    radio.ble.answers = {"gatts_notify": error}
    program = """
try:
    ble.gatts_notify(0, 3)
except Exception as error:
    print(type(error).__name__, error.args)
"""
    assert finished(HEAD + program, radio) == shown + "\n"


def test_only_the_peripherals_calls_can_be_made(radio: FakeBluetooth) -> None:
    program = "try:\n    ble.__init__ and ble.gattc_read(0, 1)\nexcept AttributeError as error:\n    print(error)\n"
    assert finished(HEAD + program, radio) == "'BLE' object has no attribute 'gattc_read'\n"
    assert radio.ble.calls == [("active", False)]


def test_without_a_radio_there_is_no_device() -> None:
    program = "try:\n    ble.active(True)\nexcept OSError as error:\n    print(error.errno)\n"
    assert finished(HEAD + program) == "19\n"


def test_uuids_compare_and_print_as_on_a_board() -> None:
    program = """
long = UUID("6E400001-B5A3-F393-E0A9-E50E24DCCA9E")
print(UUID(0x1822) == UUID(b"\\x22\\x18"), UUID(0x1822) == UUID(0x1809), {long: 1}[UUID(str(long)[6:-2])])
print(UUID(0x1822), long)
for wrong in (0x10000, -1, "180d", b"123", None):
    try:
        UUID(wrong)
        print("taken:", wrong)
    except ValueError:
        pass
"""
    expected = "True False 1\nUUID(0x1822) UUID('6e400001-b5a3-f393-e0a9-e50e24dcca9e')\n"
    assert finished(HEAD + program) == expected


def test_events_come_in_order_while_the_program_sleeps(radio: FakeBluetooth) -> None:
    program = """
def on_event(event, data):
    print(event, data)
    if event == 2:
        ble.gap_advertise(None)
ble.irq(on_event)
ble.active(True)
print("ready")
start = time.ticks_ms()
time.sleep_ms(400)
print(400 <= time.ticks_diff(time.ticks_ms(), start) < 2000)
"""
    address = bytearray(6)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def send(event: int, *data: Any) -> None:
            assert radio.ble.handler is not None
            radio.ble.handler(event, data)
            address[:] = bytes(6)  # as MicroPython, which reuses the memory of its events

        def on_text(stream: str, text: str) -> None:
            if text == "ready\n":
                address[:] = b"abcdef"
                loop.call_later(0.02, send, 1, 0, 1, memoryview(address))
                loop.call_later(0.05, send, 2, 0, 1 << 40, None)
                loop.call_later(0.05, send, 27, -1)

        async with VmDevice(HEAD + program, bluetooth=radio, on_text=on_text) as device:
            result = (await device.wait()).check()
        assert result.stdout == "ready\n1 (0, 1, b'abcdef')\n2 (0, 1099511627776, None)\n27 (-1,)\nTrue\n"
        assert radio.ble.calls[-2:] == [("gap_advertise", None), ("active", False)]
        assert radio.ble.handler is None

    run(main())


def test_the_handler_of_a_write_reads_what_that_write_wrote(radio: FakeBluetooth) -> None:
    program = """
ble.irq(lambda event, data: print(event, data, ble.gatts_read(8), ble.gatts_read(9)))
print("ready")
time.sleep_ms(200)
print(ble.gatts_read(8))
"""

    def write_twice(stream: str, text: str) -> None:
        if text == "ready\n":
            for value in (b"first", b"second"):
                radio.ble.answers["gatts_read"] = value
                assert radio.ble.handler is not None
                radio.ble.handler(3, (0, 8))
            radio.ble.answers["gatts_read"] = b"now"

    async def main() -> None:
        async with VmDevice(HEAD + program, bluetooth=radio, on_text=write_twice) as device:
            assert (await device.wait()).check().stdout.splitlines() == [
                "ready",
                "3 (0, 8) b'first' b'now'",
                "3 (0, 8) b'second' b'now'",
                "b'now'",
            ]

    run(main())


def test_a_sleeping_device_uses_no_processor() -> None:
    async def main() -> None:
        text: list[str] = []
        program = "import time\nprint('up')\nwhile True: time.sleep_ms(1000)"
        async with VmDevice(program, on_text=lambda stream, line: text.append(line)):
            while not text:
                await asyncio.sleep(0.01)
            before = _processor_ticks(int(_children()))
            await asyncio.sleep(1)
            assert _processor_ticks(int(_children())) - before < 0.3 * os.sysconf("SC_CLK_TCK")

    run(main())


def _processor_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("program", ["while True: pass", "import time\nwhile True: time.sleep_ms(100_000)"])
def test_stop_is_prompt(program: str, radio: FakeBluetooth) -> None:
    async def main() -> None:
        device = VmDevice("print('up')\n" + program, bluetooth=radio)
        await device.start()
        await asyncio.sleep(0.5)
        start = time.perf_counter()
        await device.stop()
        await device.stop()
        assert time.perf_counter() - start < 2
        result = await device.wait()
        assert (result.exit_code, result.stdout, result.stderr) == (-signal.SIGKILL, "up\n", "")

    run(main())


def test_a_traceback_ends_the_device_and_is_kept(radio: FakeBluetooth) -> None:
    async def main() -> None:
        async with VmDevice("def step():\n    raise OSError(5)\nstep()", bluetooth=radio) as device:
            result = await device.wait()
        assert 'File "<string>", line 2, in step\nOSError: [Errno 5] EIO' in result.stderr
        with pytest.raises(VmError, match="Errno 5"):
            result.check()

    run(main())


def test_a_killed_vm_is_a_clean_error(radio: FakeBluetooth) -> None:
    async def main() -> None:
        async with VmDevice("import time\nwhile True: time.sleep_ms(5)", bluetooth=radio) as device:
            await asyncio.sleep(0.3)
            os.kill(int(_children()), signal.SIGKILL)
            with pytest.raises(VmError, match="exit code -9"):
                (await device.wait()).check()

    run(main())


def test_a_fault_of_the_radio_itself_ends_the_device(radio: FakeBluetooth) -> None:
    radio.ble.answers = {"active": KeyError("a bug")}

    async def main() -> None:
        async with VmDevice(HEAD + "ble.active(True)", bluetooth=radio) as device:
            with pytest.raises(KeyError, match="a bug"):
                await device.wait()

    run(main())


def test_ticks_start_where_they_should() -> None:
    async def main() -> None:
        async with VmDevice("import time; print(time.ticks_ms())", start_ticks_ms=(1 << 30) - 5000) as device:
            ticks = int((await device.wait()).stdout)
        assert (1 << 30) - 5000 <= ticks < 1 << 30

    run(main())
