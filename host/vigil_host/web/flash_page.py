"""The page that writes an image onto an ESP32 from a browser: ESP Web Tools, its manifest, and the image.

A browser gives pages the serial ports only where they come by TLS or from this computer. The image holds a device's
key: the page's address has a random part, so that others with an account on this computer do not find it.
"""

import html
import secrets
from importlib.metadata import version
from pathlib import Path
from string import Template

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vigil_host.assets import asset
from vigil_host.web.access import Access, Guard

FAMILIES = {"esp32": "ESP32", "esp32s3": "ESP32-S3", "esp32c3": "ESP32-C3", "esp32c6": "ESP32-C6"}
"""What ESP Web Tools calls each chip of `vigil_host.boards.chips`: the `chipFamily` of its documentation."""
_STATIC = Path(__file__).parent / "static"
_ICON_STYLES = "; style-src-attr 'unsafe-inline'"  # ESP Web Tools sizes an icon by an attribute
_FILES = ("flash.css", "login.css", "icon.svg")


def create_app(name: str, image: bytes, chip_name: str) -> tuple[Starlette, str]:
    """The application for an image called `name`, and the page's path, which nobody can guess."""
    path = f"{secrets.token_urlsafe(16)}/"
    text = Template((_STATIC / "flash.html").read_text(encoding="utf-8"))
    page = text.substitute(name=html.escape(name), chip=FAMILIES[chip_name])

    async def show(request: Request) -> Response:
        return HTMLResponse(page)

    async def manifest(request: Request) -> Response:
        return JSONResponse(manifest_of(chip_name))

    async def content(request: Request) -> Response:
        return Response(image, media_type="application/octet-stream")

    async def file(request: Request) -> Response:
        return FileResponse(_STATIC / request.url.path.rpartition("/")[2])

    routes = [Route("/", show), Route("/manifest.json", manifest), Route("/image.bin", content)]
    routes += [Route(f"/{each}", file) for each in _FILES]
    tools = Mount("/esp-web-tools", StaticFiles(directory=asset("vendor/esp-web-tools")))
    app = Starlette(routes=[Mount(f"/{path.rstrip('/')}", routes=[*routes, tools])])
    app.add_middleware(Guard, access=Access(), more_policy=_ICON_STYLES)
    return app, path


def manifest_of(chip_name: str) -> dict[str, object]:
    """What ESP Web Tools is to write, onto which chip, and where: the image begins at address 0."""
    return {
        "name": "Vigil",
        "version": version("vigil-vitals"),
        "new_install_prompt_erase": False,  # no question: the image takes the place of whatever was there
        "new_install_improv_wait_time": 0,  # Vigil's boards do not ask for a Wi-Fi network
        "builds": [{"chipFamily": FAMILIES[chip_name], "parts": [{"path": "image.bin", "offset": 0}]}],
    }
