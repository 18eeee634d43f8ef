"""`vigil freeze`: Vigil's packages for a MicroPython that a maker builds, in which they stay in flash."""

from pathlib import Path

import rich_click as click

from vigil_host.boards import frozen
from vigil_host.boards.problems import ImageError
from vigil_host.cli.problems import in_one_line


@click.command(name="freeze")
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> None:
    """Put Vigil's packages and a manifest into FOLDER, to be frozen into a MicroPython that you build yourself.

    For a board with too little memory: what is frozen stays in its flash. The same packages go onto boards as files;
    `vigil flash` and `vigil image` notice them in your image, and copy only boot.py, main.py and board.json.

    Example: **vigil freeze frozen**
    """
    with in_one_line(ImageError):
        manifest = frozen.write(folder)
    click.echo(f"Build MicroPython with FROZEN_MANIFEST={manifest}, then `vigil flash --micropython IMAGE`.")
