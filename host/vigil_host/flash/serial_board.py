"""A board that runs MicroPython, behind a serial port: mpremote's transport, which is used nowhere else.

Whatever runs is stopped by Ctrl-C and not by a soft reset: after Ctrl-C, Vigil's main.py feeds a watchdog that it may
have started, and a soft reset would end that (firmware/board/main.py).
"""

import contextlib
import io
import json
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from vigil_host.flash import ports
from vigil_host.flash.problems import FlashError

_CHUNK_BYTES = 1536
_INTERRUPT_S = 1.0
_MORE_INTERRUPTS = 5
_PROGRAMS = Path(__file__).resolve().parent / "on_board"
_NO_SPACE = ("[Errno 28]", "ENOSPC", "OSError: 28", "OSError: 51")  # 51: the WebAssembly port's
_LONG_S = 60.0


class NoAnswer(FlashError):
    """The port is there, and no MicroPython answers on it."""


class BoardSaid(FlashError):
    """What ran on the board failed; the message is its exception's line."""


class SerialBoard:
    """A board whose MicroPython answers, a context manager; what its line does wrong is a FlashError."""

    def __init__(self, port: str) -> None:
        self._port = port

    def __enter__(self) -> Self:
        """Stop what runs there; NoAnswer where nothing answers as MicroPython does."""
        try:
            self._transport = SerialTransport(self._port)
        except (OSError, TransportError) as error:  # the transport hides why
            raise ports.cannot_open(self._port, _why_not(self._port) or str(error)) from None
        try:
            self._stop_program()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def run(self, program: str, within_s: float = _LONG_S) -> str:
        """Run a program on the board and return what it printed; BoardSaid where it raises."""
        with self._line():
            self._transport.exec_raw_no_follow(program)
            out, err = self._transport.follow(within_s)
            if err:
                raise BoardSaid(_in_one_line(err.decode(errors="replace")))
            return str(out.decode(errors="replace"))
        raise AssertionError  # the line raises

    def ask(self, name: str, **values: object) -> Any:
        """Run the program `on_board/NAME.py` with these globals and return what it printed as JSON."""
        given = "".join(f"{key} = {value!r}\n" for key, value in values.items())
        said = self.run(given + (_PROGRAMS / f"{name}.py").read_text(encoding="utf-8"))
        try:
            return json.loads(said)
        except ValueError:
            raise FlashError(
                f"the board's answer is garbled ({said[:60]!r}): try another cable or USB socket"
            ) from None

    def write(self, path: str, content: bytes, progress: Callable[[int], None]) -> None:
        """Write a file; `progress` gets the bytes of each piece that is there. FlashError where the flash is full."""
        try:
            for start in range(0, max(1, len(content)), _CHUNK_BYTES):
                piece = content[start : start + _CHUNK_BYTES]
                begin = f"from binascii import a2b_base64\n_file = open({path!r}, 'wb')\n" if start == 0 else ""
                end = "\n_file.close()" if start + _CHUNK_BYTES >= len(content) else ""
                self.run(f"{begin}_count = _file.write(a2b_base64({b2a_base64(piece, newline=False)!r})){end}")
                progress(len(piece))
        except BoardSaid as error:
            if any(word in str(error) for word in _NO_SPACE):
                raise FlashError(
                    f"the board's file system is full at {path}: remove files of your own, then run this again"
                ) from None
            raise FlashError(f"{path} cannot be written on the board: {error}") from None

    def soft_reset(self, until: Callable[[str], bool], within_s: float) -> list[str]:
        """Start the board's main.py, and return the lines it prints up to the one that is waited for."""
        with self._line():
            self._transport.exit_raw_repl()
            self._transport.serial.write(b"\x04")
        return self.listen(until, within_s)

    def listen(self, until: Callable[[str], bool], within_s: float) -> list[str]:
        """The lines that the board prints, up to the one that is waited for; fewer where none comes in time."""
        lines: list[str] = []
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            with self._line():
                line = self._transport.read_until(1, b"\n", timeout_overall=end_s - time.monotonic())
            lines.append(line.decode(errors="replace").strip())
            if until(lines[-1]):
                break
        return lines

    def _stop_program(self) -> None:
        """Ctrl-C, wait until the program has ended, then the raw REPL."""
        serial = self._transport.serial
        with self._line():
            for interrupt in (
                b"\r\x03",
                *(b"\r\x02\x03",) * _MORE_INTERRUPTS,
            ):  # it may be in the raw REPL, or still start
                serial.write(interrupt)
                said = self._transport.read_until(1, b">>> ", timeout=_INTERRUPT_S, timeout_overall=2 * _INTERRUPT_S)
                if said.endswith(b">>> "):
                    break
            else:
                raise NoAnswer(
                    f"no MicroPython answers on {self._port}: press the board's reset button and run this again, or "
                    "name an image with --micropython"
                )
            with contextlib.redirect_stdout(io.StringIO()):  # mpremote prints what it did not understand
                self._transport.enter_raw_repl(soft_reset=False)

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # it is gone already
            if self._transport.in_raw_repl:
                self._transport.exit_raw_repl()  # whoever comes next finds a prompt
            self._transport.close()

    @contextlib.contextmanager
    def _line(self) -> Iterator[None]:
        """Make what the line does wrong a FlashError."""
        try:
            yield
        except TransportExecError as error:
            raise BoardSaid(_in_one_line(error.error_output)) from None
        except (OSError, TransportError, IndexError) as error:
            raise FlashError(
                f"the board on {self._port} is gone ({_in_one_line(str(error))}): plug it in and run this again, it "
                "goes on where it was"
            ) from None


def _why_not(port: str) -> str:
    """What the system says when this port is opened; "" for nothing."""
    import serial

    try:
        serial.serial_for_url(port, exclusive=True).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _in_one_line(text: str) -> str:
    """The last line of a traceback, or of anything."""
    return (text.strip().splitlines() or ["no reason given"])[-1].strip()
