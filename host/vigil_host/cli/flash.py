"""`vigil flash`: a board, from whatever is on it to one that has said that it works."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import rich_click as click
from rich.console import Console
from rich.progress import Progress

from vigil_host.boards.description import Board, board_ids, load
from vigil_host.boards.problems import BoardError, ImageError
from vigil_host.cli.problems import fail, in_one_line
from vigil_host.config import ConfigError, devices_file
from vigil_host.devices import DEFAULT_WEARER, Devices, DevicesError
from vigil_host.flash import esptool_process, micropython_image, ports, steps
from vigil_host.flash.flashing import Flashing, Outcome, Wish, chip_of
from vigil_host.flash.problems import FlashError
from vigil_host.flash.serial_board import NoAnswer, SerialBoard

_NOBODY = "Simulated patient"


@click.command(name="flash")
@click.option("--board", "board_id", help="The board, by `vigil boards`, or your own .toml. Without it, by its chip.")
@click.option("--port", help="Its serial port, where several boards are on USB.")
@click.option(
    "--micropython", metavar="IMAGE|URL", help="The board's MicroPython; without it, that on the board stays."
)
@click.option("--sha256", help="What the SHA-256 of that image must be; needed for a URL.")
@click.option(
    "--sensors", type=click.Choice(["wired", "simulated"]), default="wired", show_default=True,
    help="simulated: none is needed, the board shows a made patient.",
)  # fmt: skip
@click.option("--drive", type=click.Path(path_type=Path), help="Where a Pico's boot drive is mounted, if not found.")
@click.option("--name", help="What to call the device.")
@click.option("--wearer", help="Who is to wear it.")
@click.option("--dry-run", is_flag=True, help="Show each step, and touch nothing.")
@click.option("--yes", is_flag=True, help="Do not ask: files on the board may be erased.")
@click.option("--json", "as_json", is_flag=True, help="Print what came of it, or the steps, as JSON.")
def command(
    board_id: str | None,
    port: str | None,
    micropython: str | None,
    sha256: str | None,
    sensors: str,
    drive: Path | None,
    name: str | None,
    wearer: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Put Vigil onto a board: MicroPython if it is named, the files, a key of its own; then read its self-test.

    What is right already is left alone, so it may be run again, also after the cable was pulled out. The exit code is 1
    where the board does not say that it is well.

    Example: **vigil flash --board esp32-devkitc --micropython ESP32_GENERIC-VERSION.bin --wearer Ada**
    """
    if sha256 is not None and micropython is None:
        fail("--sha256 is that of the image named with --micropython, and none is named")
    simulated = sensors == "simulated"
    talk = _Talk(yes, as_json)
    with in_one_line(BoardError, ConfigError, DevicesError, FlashError, ImageError):
        board = load(board_id) if board_id else None
        if board and not board.runs_micropython:
            raise BoardError(
                f"{board.name} runs Linux: Vigil is installed on it as on any computer, nothing is flashed"
            )
        if dry_run:
            if board is None:
                raise FlashError("--dry-run looks at no board: name it with --board")
            _show(steps.plan(board, port or "PORT", micropython, simulated), as_json)
            return
        image = micropython_image.get(micropython, sha256) if micropython else None
        found = _port(port, board, image)
        talk.step("port", found)
        board = board or _by_chip(found)
        wish = Wish(image, simulated, name, wearer or (_NOBODY if simulated else DEFAULT_WEARER), drive)
        outcome = Flashing(board, found, wish, Devices(devices_file()), talk).run()
    _tell(outcome, as_json)
    if outcome.self_test != "good":
        raise SystemExit(1)


def _port(wanted: str | None, board: Board | None, image: bytes | None) -> str:
    """The name of the port; a Pico that is to be written need not have one yet."""
    try:
        return ports.find(wanted).name
    except FlashError:
        if wanted is None and image is not None and board and board.chip.port == "rp2" and not ports.usb_ports():
            return "the Pico's port"
        raise


def _by_chip(port: str) -> Board:
    """The board that is on this port, by its chip; FlashError where none or several are known that have it."""
    try:
        with SerialBoard(port) as serial_board:
            chip = chip_of(serial_board.ask("survey"))
    except NoAnswer:
        esptool_process.check_installed()
        chip = esptool_process.detect(port).name
    fitting = [board for board in map(load, board_ids()) if board.chip_name == chip]
    if not fitting:
        raise FlashError(
            f"no board that is known has the chip {chip!r}: `vigil boards` lists them, name it with --board"
        )
    if len(fitting) == 1:
        return fitting[0]
    names = [board.id for board in fitting]
    if not sys.stdin.isatty():
        raise FlashError(f"several boards have the chip {chip}, choose with --board: {', '.join(names)}")
    return load(click.prompt("Which board is it?", type=click.Choice(names), err=True))


def _show(plan: list[steps.Step], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(step) for step in plan]))
        return
    for number, step in enumerate(plan, 1):
        click.echo(f"{number:>2}. {step.step}: {step.what}")
        click.echo(f"    why: {step.why}")
        if step.command:
            click.echo(f"    by:  {' '.join(step.command)}")


def _tell(outcome: Outcome, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(outcome)))
    elif outcome.self_test == "good":
        click.echo(f"{outcome.name} works. Start `vigil bridge`, and open the page that it prints.")
    else:
        click.echo(f"Vigil is on the board, which is not well: {outcome.self_test}")
        click.echo(f"See its wiring with `vigil boards {outcome.board}`, and what it finds with")
        click.echo(f"`vigil doctor --port {outcome.port}`. Then run this again.")


class _Talk:
    """Tells on stderr, so that stdout has the outcome alone."""

    def __init__(self, yes: bool, quiet: bool) -> None:
        self._yes = yes
        self._quiet = quiet

    def step(self, step: str, done: str) -> None:
        if not self._quiet:
            click.echo(f"{step:>11}  {done}", err=True)

    def confirm(self, question: str) -> bool:
        if self._yes:
            return True
        if not sys.stdin.isatty():
            raise FlashError(f"{question} Nobody can be asked here: --yes is yes")
        return click.confirm(question, err=True)

    @contextlib.contextmanager
    def progress(self, what: str, total: float) -> Iterator[Callable[[float], None]]:
        with Progress(console=Console(stderr=True), disable=self._quiet or not total, transient=True) as progress:
            task = progress.add_task(f"{what:>11} ", total=total)
            yield lambda done: progress.advance(task, done)
