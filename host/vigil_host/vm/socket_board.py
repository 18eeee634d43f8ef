"""A board behind a TCP socket, for programs that speak to one over a serial port: `socket://127.0.0.1:PORT`.

It is MicroPython's WebAssembly build under Node with the fake modules of `modules/` and a radio that nobody hears. Its
flash is a folder of this machine, of which no more is used than `capacity_bytes`; each start runs its `boot.py` and
`main.py`; Ctrl-C, Ctrl-D, the raw REPL and raw paste do what they do on a board. Its watchdog resets it.
"""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vigil_host.assets import asset
from vigil_host.vm.runner import PACKAGES, VmError, node_binary

POWER_ON, HARD_RESET, WATCHDOG_RESET, SOFT_RESET = 1, 2, 3, 5
"""Why the board started, as `machine.reset_cause()` says it on an ESP32."""

_HERE = Path(__file__).resolve().parent
_LOOK_S = 0.01
_START_S = 60.0


class SocketBoard:
    """One board, a context manager: its power is on within it. `setup` is a program that wires it, at each start.

    That program may use Vigil's simulated parts, which are then not on the board's flash. `frozen` is a folder of what
    is frozen into its MicroPython, as `vigil freeze` makes it.

    `told` is what happened to it: {"start": cause}, {"bitten": time-out in ms}, {"unplugged": True}.
    """

    def __init__(
        self,
        flash: Path,
        *,
        setup: str = "",
        frozen: Path | None = None,
        capacity_bytes: int = 1 << 20,
        platform: str = "esp32",
        machine: str = "Generic ESP32 module with ESP32",
        version: str = "1.28.0",
    ) -> None:
        self.told: list[dict[str, Any]] = []
        built_in = [*sorted((_HERE / "modules").glob("*.py")), *(frozen.iterdir() if frozen else ())]
        uname = (platform, platform, version, f"v{version} on 2026-04-06", machine)
        self._board = {
            "vm": str(asset("vendor/micropython")),
            "modules": [[module.name, str(module)] for module in built_in],
            "wiring": [[package, str(asset(package))] for package in PACKAGES] if setup else [],
            "flash": str(flash),
            "capacity": capacity_bytes,
            "setup": f"import os\nos.uname = lambda: {uname!r}\n{setup}",
        }

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [node_binary(), _HERE / "board.mjs", json.dumps(self._board)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(lambda told: "port" in told)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()

    @property
    def url(self) -> str:
        """What pyserial opens."""
        return f"socket://127.0.0.1:{next(told['port'] for told in self.told if 'port' in told)}"

    @property
    def starts(self) -> list[int]:
        """Why it started, each time."""
        return [told["start"] for told in self.told if "start" in told]

    def unplug_after(self, count: int) -> None:
        """Pull the cable out once so many more bytes came over it; the board can be plugged in again at once."""
        self._command({"unplug_after": count})

    def press_reset(self) -> None:
        """Press its reset button."""
        self._command({"press_reset": True})

    def wait_for(self, is_it: Callable[[dict[str, Any]], bool], within_s: float = _START_S) -> None:
        """Wait until the board has told this; VmError where it does not."""
        end_s = time.monotonic() + within_s
        while not any(map(is_it, self.told)):
            if time.monotonic() > end_s or self._process.poll() is not None:
                raise VmError(f"the board did not do what it should; it told {self.told}")
            time.sleep(_LOOK_S)

    def _command(self, command: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.told.append(json.loads(line))
