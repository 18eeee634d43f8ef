"""What a person sees who writes an image from the browser, and what reaches a board that speaks as an ESP32 does."""

import asyncio
import base64
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.conftest import Visit
from tests.host.board_images import esp_image

from vigil_host.boards import image
from vigil_host.boards.description import load
from vigil_host.web.flash_page import create_app
from vigil_host.web.server import WebServer

_BOARD = (Path(__file__).parent / "esp32_on_serial.js").read_text(encoding="utf-8")
_NOTHING_CHOSEN = """
const requestPort = async () => { throw new DOMException('nothing chosen', 'NotFoundError'); };
Object.defineProperty(navigator, 'serial', { value: { requestPort } });
"""
_NO_WEB_SERIAL = "delete Navigator.prototype.serial"
_OPENED_TOO_EARLY = "The port is already open."  # ESP Web Tools, after a failure: the page has to be loaded again
_WRITTEN_WITHIN_MS = 90_000  # it unpacks all it sends byte by byte, to foretell how long the board will take


@pytest.fixture(scope="module")
def serve() -> Iterator[Callable[[str], tuple[str, bytes]]]:
    """Return a function that serves the page for an image of a board, and gives its address and the image."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[WebServer] = []

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    def serve(board_id: str) -> tuple[str, bytes]:
        board = load(board_id)
        made = image.build(board, bytes(range(16)), esp_image(board))
        app, path = create_app("clip.bin", made, board.chip_name)
        servers.append(WebServer(app))
        return do(servers[-1].start()) + path, made

    yield serve
    for server in servers:
        do(server.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture(scope="module")
def served(serve: Callable[[str], tuple[str, bytes]]) -> tuple[str, bytes]:
    """The address of the page for an ESP32-DevKitC's image, and the image."""
    return serve("esp32-devkitc")


def install(visit: Visit) -> None:
    """Press what writes the image, up to the last question."""
    visit.page.get_by_role("button", name="Choose the board").click()
    visit.page.locator("ewt-install-dialog").get_by_text("Install Vigil").click()
    expect(visit.page.get_by_text("All data on the device will be erased.")).to_be_visible()
    visit.page.get_by_role("button", name="Install", exact=True).click()


def ends_with(visit: Visit, message: str) -> None:
    """Wait until the dialog says this: a text of its own, outside of all elements."""
    said = visit.page.locator("ewt-page-message")
    expect(said).to_have_js_property("label", message, timeout=_WRITTEN_WITHIN_MS)


def close(visit: Visit, url: str) -> None:
    """End a visit that asked nothing of others and had no problem."""
    assert [each for each in visit.requests if not each.startswith(url)] == []
    assert visit.problems == []
    visit.context.close()


def test_the_image_reaches_the_board_byte_for_byte(browser: Browser, served: tuple[str, bytes]) -> None:
    url, made = served
    visit = Visit(browser, url, _BOARD)
    expect(visit.page.get_by_text("The image is a secret, and for one board.")).to_be_visible()
    expect(visit.page.get_by_text("no Web Serial")).to_be_hidden()
    install(visit)
    ends_with(visit, "Installation complete!")
    board = visit.page.evaluate("board")
    (written,) = board["written"]
    assert (written["address"], written["bytes"]) == (0, len(made))
    assert zlib.decompress(base64.b64decode(written["data"])) == made
    assert (board["erased"], board["wrong"]) == (1, [])
    close(visit, url)


def test_a_board_with_another_chip_is_left_as_it_is(
    browser: Browser, serve: Callable[[str], tuple[str, bytes]]
) -> None:
    url, _ = serve("esp32-c3-xiao")
    visit = Visit(browser, url, _BOARD)
    install(visit)
    ends_with(visit, "Your ESP32 board is not supported.")
    board = visit.page.evaluate("board")
    assert (board["erased"], board["written"]) == (0, [])
    visit.problems = [each for each in visit.problems if each != _OPENED_TOO_EARLY]
    close(visit, url)


def test_without_a_port_it_says_what_to_look_at(browser: Browser, served: tuple[str, bytes]) -> None:
    visit = Visit(browser, served[0], _NOTHING_CHOSEN)
    visit.page.get_by_role("button", name="Choose the board").click()
    expect(visit.page.get_by_text("No port selected")).to_be_visible()
    close(visit, served[0])


def test_a_browser_without_web_serial_is_told_which_one_can(browser: Browser, served: tuple[str, bytes]) -> None:
    visit = Visit(browser, served[0], _NO_WEB_SERIAL, viewport={"width": 390, "height": 844})
    expect(visit.page.get_by_text("Open this page in Chrome, Edge, or Firefox 151")).to_be_visible()
    expect(visit.page.get_by_role("button")).to_have_count(0)
    expect(visit.page.get_by_text("Press the button below")).to_be_hidden()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    close(visit, served[0])


def test_without_scripts_there_is_no_button_that_does_nothing(browser: Browser, served: tuple[str, bytes]) -> None:
    visit = Visit(browser, served[0], java_script_enabled=False)
    expect(visit.page.get_by_text("The image is a secret, and for one board.")).to_be_visible()
    expect(visit.page.get_by_role("button")).to_have_count(0)
    close(visit, served[0])
