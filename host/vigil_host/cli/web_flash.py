"""`vigil web-flash`: write an image onto an ESP32 from a browser on this computer."""

import asyncio
from pathlib import Path

import rich_click as click

from vigil_host.boards.esp_image import chip_of
from vigil_host.boards.problems import ImageError
from vigil_host.cli.problems import in_one_line
from vigil_host.cli.until_stopped import run_until_stopped
from vigil_host.web.flash_page import create_app
from vigil_host.web.server import PortError, WebServer

DEFAULT_PORT = 8421  # beside the bridge's page


@click.command(name="web-flash")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, show_default=True, help="0: any free port."
)
def command(image: Path, port: int) -> None:
    """Write an image onto an ESP32 from a browser: serve a page that does it, until Ctrl-C.

    IMAGE is what `vigil image` made, with MicroPython in it. The page is for a browser on this computer, as it has the
    USB port; it asks nothing of any other. Onto a Pico no page is needed: its image is copied onto its drive.

    Example: **vigil web-flash clip.bin**
    """
    with in_one_line(ImageError, PortError):
        content = _read(image)
        run_until_stopped(_serve(image.name, content, chip_of(content), port))


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise ImageError(f"{image}: {error.strerror}") from None


async def _serve(name: str, content: bytes, chip_name: str, port: int) -> None:
    app, path = create_app(name, content, chip_name)
    server = WebServer(app, port=port)
    address = await server.start()
    try:
        click.echo(f"Open the page {address}{path} in Chrome, Edge or Firefox on this computer. Ctrl-C ends it.")
        await asyncio.Event().wait()
    finally:
        await server.close()
