"""esptool, always as a process of its own: it is under the GPL, and Vigil is not.

What it says is read as lines; the last "fatal error" of it becomes one line of ours.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vigil_host.flash import ports
from vigil_host.flash.problems import FlashError

FAST_BAUD, SLOW_BAUD = 460_800, 115_200
_CHIP = re.compile(r"^Chip type:\s+(ESP32[-\w]*)", re.MULTILINE)
_MAC = re.compile(r"^MAC:\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})", re.MULTILINE)
_FLASH = re.compile(r"^Detected flash size:\s+(\d+)MB", re.MULTILINE)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")
_FATAL = re.compile(
    r"(?:A fatal error occurred|A serial exception error occurred): (.*?)(?:\n\n|\nNote:|\nHint:|\Z)", re.S
)

Percent = Callable[[float], None]


@dataclass(frozen=True)
class Chip:
    """What is on the port: the chip's name as board.toml has it, its MAC, and the MiB of its flash, 0: not known."""

    name: str
    mac: str
    flash_mib: int


class Failed(Exception):
    """esptool ended with an error; the message is what it said."""


def command(port: str, baud: int, *arguments: str) -> list[str]:
    """The process that does this: what a dry run shows is what is run."""
    usual = ("--before", "default-reset", "--after", "hard-reset")
    return [sys.executable, "-m", "esptool", "--port", port, "--baud", str(baud), *usual, *arguments]


def check_installed() -> None:
    """Raise FlashError where esptool is missing."""
    if find_spec("esptool") is None:
        raise FlashError("esptool is missing, which writes an ESP32: pip install 'vigil-vitals[flash]'")


def detect(port: str) -> Chip:
    """What is on the port; FlashError where nothing answers."""
    said = _run_once(port, SLOW_BAUD, ("flash-id",))
    chip, mac, flash = _CHIP.search(said), _MAC.search(said), _FLASH.search(said)
    if chip is None or mac is None:
        raise FlashError(f"esptool did not say what is on {port}: {_last_line(said)}")
    # "ESP32-D0WD-V3" and "ESP32-PICO-D4" are an ESP32; "ESP32-S3 (QFN56)" is an ESP32-S3.
    family = re.match(r"ESP32-(S|C|H|P)(\d+)", chip[1])
    name = f"esp32{family[1].lower()}{family[2]}" if family else "esp32"
    return Chip(name, mac[1], int(flash[1]) if flash else 0)


def read(port: str, offset: int, length: int) -> bytes:
    """What is on the flash."""
    with tempfile.TemporaryDirectory(prefix="vigil-") as folder:
        into = Path(folder, "read.bin")
        run(port, "read-flash", f"{offset:#x}", f"{length:#x}", str(into))
        return into.read_bytes()


def is_written(port: str, offset: int, file: Path) -> bool:
    """Whether this is on the flash already, by its digest."""
    try:
        run(port, *verify_arguments(offset, file), failing="Verification failed")
    except Failed:
        return False
    return True


def verify_arguments(offset: int, file: Path) -> tuple[str, ...]:
    """The arguments that compare a file with the flash."""
    return ("verify-flash", f"{offset:#x}", str(file))


def write_arguments(offset: int, file: Path) -> tuple[str, ...]:
    """The arguments that write a file, as it is."""
    return (
        "write-flash",
        "--flash-mode",
        "keep",
        "--flash-freq",
        "keep",
        "--flash-size",
        "keep",
        f"{offset:#x}",
        str(file),
    )


def erase_arguments(offset: int, length: int) -> tuple[str, ...]:
    """The arguments that erase a part of the flash."""
    return ("erase-region", f"{offset:#x}", f"{length:#x}")


def run(port: str, *arguments: str, percent: Percent | None = None, failing: str = "") -> str:
    """Run esptool, fast and if that fails slowly, and return what it said; FlashError, or Failed where it says so."""
    try:
        return _run_once(port, FAST_BAUD, arguments, percent, failing)
    except FlashError:
        if not ports.is_there(port):
            raise
    return _run_once(port, SLOW_BAUD, arguments, percent, failing)


def _run_once(port: str, baud: int, arguments: Sequence[str], percent: Percent | None = None, failing: str = "") -> str:
    process = subprocess.Popen(
        command(port, baud, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "500", "PYTHONUNBUFFERED": "1"},
    )
    said = ""
    assert process.stdout
    with process:
        try:
            while piece := os.read(process.stdout.fileno(), 4096):
                said += piece.decode(errors="replace").replace("\r", "\n")
                found = _PERCENT.findall(said[-200:])
                if percent is not None and found:
                    percent(float(found[-1]))
        except BaseException:
            process.kill()
            raise
    if process.returncode == 0:
        return said
    fatal = _FATAL.findall(said)
    reason = " ".join(fatal[-1].split()) if fatal else _last_line(said)
    if failing and failing in said:
        raise Failed(reason)
    raise _explained(port, reason)


def _explained(port: str, reason: str) -> FlashError:
    """One line for what esptool said."""
    text = reason.lower()
    if "could not open" in text:
        return ports.cannot_open(port, reason)
    if "failed to connect" in text or "no serial data" in text or "wrong boot mode" in text or "timed out" in text:
        return FlashError(
            f"no chip answers on {port}: hold the board's BOOT button, press and let go of RESET (EN), let go of BOOT, "
            "and run this again"
        )
    if (
        "device disconnected" in text
        or "serial exception" in text
        or "input/output error" in text
        or (not ports.is_there(port))
    ):
        return FlashError(f"{port} is gone: plug the board in and run this again, it goes on where it was")
    return FlashError(f"esptool failed: {reason}")


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or ["it said nothing"])[-1]
