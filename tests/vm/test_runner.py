"""Programs in the VM: how they end, what they print, files in and out."""

import asyncio
from pathlib import Path

import pytest

from vigil_host.vm import runner
from vigil_host.vm.runner import MicroPythonVm, Runtime, VmDevice, VmError, VmResult


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(7)", 7),
        ("raise SystemExit('no sensor')", 1),
        ("1 // 0", 1),
    ],
)
def test_exit_code(runtime: Runtime, program: str, code: int) -> None:
    assert runtime.run(program).exit_code == code


def test_both_streams_to_the_last_byte(vm: MicroPythonVm) -> None:
    result = vm.run("import sys; print('grün'); print('bad', file=sys.stderr); print('open end', end='')")
    assert result.stdout == "grün\nopen end"
    assert result.stderr == "bad\n"


def test_the_text_of_system_exit_is_an_error_message(vm: MicroPythonVm) -> None:
    assert vm.run("raise SystemExit('no sensor')").stderr == "no sensor\n"


def test_a_traceback_names_the_lines_of_an_imported_module(vm: MicroPythonVm) -> None:
    result = vm.run("import part\npart.read()", files_in={"part.py": b"def read():\n    raise OSError(19)\n"})
    assert 'File "part.py", line 2, in read' in result.stderr
    assert result.stderr.endswith("OSError: [Errno 19] ENODEV\n")
    with pytest.raises(VmError, match=r"exit code 1:\nTraceback"):
        result.check()


def test_exhausted_recursion_is_a_traceback(vm: MicroPythonVm) -> None:
    assert "RuntimeError: maximum recursion depth exceeded" in vm.run("def f(): f()\nf()").stderr


def test_a_script_has_its_arguments(runtime: Runtime, tmp_path: Path) -> None:
    script = tmp_path / "say.py"
    script.write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    assert runtime.run(script, ["--for", "3"]).stdout == "__main__ ['--for', '3']\n"


def test_what_a_function_returns_is_the_exit_code(runtime: Runtime) -> None:
    files = {"sums.py": b"def add(a, b):\n    return a + b\n"}
    assert runtime.run("sums:add", [20, 22], files).exit_code == 42


def test_files_in_and_out(runtime: Runtime) -> None:
    content = bytes(range(256)) * 1000
    program = """
with open("data/in.bin", "rb") as source, open("out.bin", "wb") as sink:
    sink.write(bytes(reversed(source.read())))
"""
    result = runtime.run(program, files_in={"data/in.bin": content}, files_out=["out.bin", "missing"])
    assert result.files == {"out.bin": content[::-1]}


def test_the_portable_packages_are_there(runtime: Runtime) -> None:
    program = "import vigil_hal.faults, vigil_wire.crc, vigil_firmware.ticks, vigil_hal.simulated.bus"
    assert runtime.run(program).stderr == ""


def test_output_is_handed_on_as_it_comes() -> None:
    seen: list[tuple[str, str]] = []
    vm = MicroPythonVm(timeout_s=60, on_text=lambda stream, text: seen.append((stream, text)))
    vm.run("print(1)\nprint(2)")
    assert seen == [("stdout", "1\n"), ("stdout", "2\n")]


def test_an_endless_program_is_given_up() -> None:
    with pytest.raises(VmError, match=r"did not end within 1 s:\nworking"):
        MicroPythonVm(timeout_s=1).run("print('working')\nwhile True: pass")


def test_run_beside_an_event_loop(vm: MicroPythonVm) -> None:
    async def main() -> str:
        return (await asyncio.to_thread(vm.run, "print('here')")).stdout

    assert asyncio.run(main()) == "here\n"


def test_without_node_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(VmError, match=r"pip install 'vigil-vitals\[vm\]'"):
        MicroPythonVm().run("pass")


def test_a_node_that_cannot_run_says_what_it_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho too old >&2\nexit 9\n")
    node.chmod(0o755)
    monkeypatch.setattr(runner, "node_binary", lambda: node)
    result = MicroPythonVm().run("pass")
    assert result.exit_code == 9
    assert result.stderr.startswith("too old\n")


def test_a_program_that_hangs_is_bitten_by_its_watchdog() -> None:
    async def main() -> VmResult:
        device = VmDevice(
            "import machine\nmachine.WDT(timeout=100)\ntry:\n    while True: pass\nexcept BaseException: pass"
        )
        async with device:
            return await device.wait()

    result = asyncio.run(asyncio.wait_for(main(), 60))
    assert result.exit_code == 121
    assert "watchdog: not fed for 100 ms" in result.stdout


def test_garbage_is_collected_between_two_calls(vm: MicroPythonVm) -> None:
    look = "import gc\nprint(gc.mem_alloc() < 100_000)\n"
    program = "import _host, gc\nwaste = bytes(200_000)\nwaste = None\ngc.collect()\n"
    result = vm.run(program + look + f"_host.later({look!r})\n")
    assert (result.exit_code, result.stdout) == (0, "False\nTrue\n")


def test_a_call_that_fails_afterwards_is_an_error(vm: MicroPythonVm) -> None:
    result = vm.run("import _host\n_host.later('1 // 0')\n")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
