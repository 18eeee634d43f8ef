"""`vigil replay`: a recording through simulated part, driver and firmware, one CSV row a second."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vigil_firmware.simulation.replay import replay
from vigil_hal.simulated.recording import Recording, RecordingError, open_recording
from vigil_host.cli.problems import check_readable, fail, in_one_line
from vigil_host.curve_file import CurveError, read_curve
from vigil_host.vm.runner import MicroPythonVm, VmError
from vigil_wire.settings import pack_curve

_OUTPUT_IN_VM = "output.csv"
_INTERVALS_IN_VM = "intervals.csv"
_RECORDING_IN_VM = "recording.csv"


@click.command(name="replay")
@click.argument("recording", type=click.Path(path_type=Path), metavar="FILE.csv")
@click.option(
    "--vm",
    type=click.Choice(["cpython", "micropython"]),
    default="cpython",
    show_default=True,
    help="What runs the firmware. Both give the same bytes.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the rows go, not to the screen.")
@click.option(
    "--intervals",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the pulse intervals go: **time_s,interval_ms,quality**, a row for each.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    metavar="CURVE.toml",
    help="The board's own SpO2 curve, as `vigil calibrate` writes it.",
)
def command(recording: Path, vm: str, output: Path | None, intervals: Path | None, calibration: Path | None) -> None:
    """Show what the device would have shown: one row for each whole second of FILE.csv's own time.

    FILE.csv has the columns **time_s,red,ir** (raw 18-bit counts) and, if there is one, **temperature_c**.
    An empty cell in the output means: no reading. **ratio_milli** is the ratio of ratios, in thousandths, that
    `vigil calibrate` takes; it is there also where the curve has no SpO2 for it.

    Example: **vigil replay finger.csv --output shown.csv**
    """
    check_readable(recording)
    if intervals and output and intervals.resolve() == output.resolve():
        fail(f"{output}: rows and intervals cannot go to the same file")
    with in_one_line(RecordingError, VmError, CurveError):
        curve = read_curve(calibration) if calibration else ()
        source = open_recording(str(recording))
        if source.gaps:
            click.echo(_gaps(recording, source), err=True)
        if vm == "micropython":
            with Console(stderr=True).status("replaying in MicroPython"):  # shows where somebody is watching
                text, intervals_text = _in_vm(recording, pack_curve(curve).hex())
            with _opened(output, recording) as write:
                write(text)
            if intervals:
                with _opened(intervals, recording) as write:
                    write(intervals_text)
        else:
            with contextlib.ExitStack() as stack:
                write = stack.enter_context(_opened(output, recording))
                write_interval = stack.enter_context(_opened(intervals, recording)) if intervals else None
                advance = stack.enter_context(_progress(source, output is not None))
                replay(source, lambda row: (write(row), advance()), 0, write_interval, curve)


def _gaps(recording: Path, source: Recording) -> str:
    first_us, last_us, line = source.gaps[0]
    more = f", and {len(source.gaps) - 1} more" if len(source.gaps) > 1 else ""
    return (
        f"Warning: {recording}, line {line}: nothing was recorded from {first_us / 1e6:g} s to {last_us / 1e6:g} s"
        f"{more}; replayed as a sensor that delivers nothing."
    )


def _in_vm(recording: Path, packed_curve: str) -> tuple[str, str]:
    """Replay in the MicroPython VM; the rows and the pulse intervals are returned as text."""
    written = [_OUTPUT_IN_VM, _INTERVALS_IN_VM]
    result = MicroPythonVm().run(
        "vigil_firmware.simulation.replay:replay_file",
        [_RECORDING_IN_VM, *written, packed_curve],
        {_RECORDING_IN_VM: recording.read_bytes()},
        written,
    )
    files = result.check().files
    return files[_OUTPUT_IN_VM].decode(), files[_INTERVALS_IN_VM].decode()


@contextlib.contextmanager
def _opened(output: Path | None, recording: Path) -> Iterator[Callable[[str], object]]:
    """Give what writes the rows; a file at `output` is replaced once they are all there, and not before."""
    if output is None:
        yield sys.stdout.write
        return
    if output.exists() and output.samefile(recording):
        fail(f"{output}: this is the recording itself; name another file for the output")
    final = output.resolve()
    in_place = final.exists() and not final.is_file()  # a device or a pipe
    fresh = final if in_place else final.with_name(f".{final.name}.{os.getpid()}")
    try:
        with fresh.open("w", encoding="utf-8", newline="") as file:
            yield file.write
        if not in_place:
            fresh.replace(final)
    except OSError as error:
        fail(f"{output}: {error.strerror}")
    finally:
        if not in_place:
            fresh.unlink(missing_ok=True)


@contextlib.contextmanager
def _progress(source: Recording, wanted: bool) -> Iterator[Callable[[], None]]:
    """A bar on stderr, one step a row, where somebody is watching and the rows go elsewhere."""
    console = Console(stderr=True)
    if not (wanted and console.is_terminal):
        yield lambda: None
        return
    rows = (source.end_us - source.start_us) // 1_000_000 + 1
    with Progress(
        TextColumn("replaying"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("replay", total=rows)
        yield lambda: progress.advance(task)
