"""`vigil image`: one image for a board, with its files and a key of its own."""

import hashlib
import os
import secrets
from pathlib import Path

import rich_click as click

from vigil_host.boards import image
from vigil_host.boards.description import Board, load
from vigil_host.boards.problems import BoardError, ImageError
from vigil_host.cli import setup_code
from vigil_host.cli.problems import fail, in_one_line
from vigil_host.config import ConfigError, devices_file
from vigil_host.devices import DEFAULT_WEARER, Devices, DevicesError
from vigil_wire import keys


@click.command(name="image")
@click.option("--board", "board_id", required=True, help="The board: `vigil boards` lists them; or your own .toml.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The file to make.")
@click.option("--micropython", type=click.Path(path_type=Path), help="The board's MicroPython, to be part of it.")
@click.option("--sha256", help="What the SHA-256 of that file must be.")
@click.option("--name", help="What to call the device.")
@click.option("--wearer", default=DEFAULT_WEARER, show_default=True, help="Who is to wear it.")
def command(
    board_id: str, output: Path, micropython: Path | None, sha256: str | None, name: str | None, wearer: str
) -> None:
    """Make one image for a board: MicroPython, Vigil's files, and a fresh key, which is made known here.

    The image holds the key: it is for one board, and a secret. MicroPython comes from its own download page; without
    it, the image holds the files alone, for a board that has MicroPython and the same partitions already.

    Example: **vigil image --board pico-w --micropython RPI_PICO_W-VERSION.uf2 --output clip.uf2 --wearer Ada**
    """
    if sha256 is not None and micropython is None:
        fail("--sha256 is that of the file named with --micropython, and none is named")
    with in_one_line(BoardError, ConfigError, DevicesError, ImageError):
        board = load(board_id)
        given = _micropython(micropython, sha256)
        device_key = secrets.token_bytes(keys.KEY_LENGTH)
        built = image.build(board, device_key, given)
        devices = Devices(devices_file())
        _write(output, built)
        try:
            device = devices.add(keys.setup_code(device_key), wearer, name)
        except DevicesError:
            output.unlink()  # nobody would know its key
            raise
    click.echo(f"{output}: {len(built)} bytes, to be written {_where(board, given is not None)}.")
    click.echo(f"Added {device.name} ({device.id}), worn by {device.wearer}.")
    click.echo("Its setup code, which is in the image too, a secret, shown only now:")
    setup_code.show(keys.setup_code(device.key))


def _micropython(path: Path | None, sha256: str | None) -> bytes | None:
    """The file's content, its SHA-256 shown, and checked if it was named."""
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise ImageError(f"{path} has SHA-256 {found}, not {sha256}: it is not used")
    click.echo(f"MicroPython: {path.name}, SHA-256 {found}")
    return content


def _write(output: Path, content: bytes) -> None:
    """Make the file, readable by its owner alone; one that is there is left alone: its key may be in use."""
    try:
        with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise ImageError(f"{output} is there already: name another file") from None
    except OSError as error:
        raise ImageError(f"{output} cannot be written: {error.strerror}") from None


def _where(board: Board, has_micropython: bool) -> str:
    if board.chip.port == "rp2":
        return "onto the drive that appears while BOOTSEL is held at power-on"
    return "at address 0" if has_micropython else f"at {board.files_offset:#x}, for the files alone"
