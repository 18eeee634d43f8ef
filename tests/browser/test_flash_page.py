"""What a person sees who writes an image from the browser. The board's serial port is a stand-in that says nothing."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.conftest import Visit
from tests.host.board_images import esp_image

from vigil_host.boards import image
from vigil_host.boards.description import load
from vigil_host.web.flash_page import create_app
from vigil_host.web.server import WebServer

_NO_WEB_SERIAL = "delete Navigator.prototype.serial"
_SERIAL = """
const port = {
  open: async () => {}, close: async () => {}, getInfo: () => ({}),
  readable: new ReadableStream(), writable: new WritableStream(),
};
const requestPort = async () => {
  if (%s) return port;
  throw new DOMException('nothing chosen', 'NotFoundError');
};
Object.defineProperty(navigator, 'serial', { value: { requestPort } });
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the page for an image, and return its address."""
    board = load("esp32-c3-xiao")
    app, path = create_app("clip.bin", image.build(board, bytes(range(16)), esp_image(board)), board.chip_name)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    server = WebServer(app)
    yield do(server.start()) + path
    do(server.close())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def close(visit: Visit, url: str) -> None:
    """End a visit that asked nothing of others and had no problem."""
    assert [each for each in visit.requests if not each.startswith(url)] == []
    assert visit.problems == []
    visit.context.close()


def test_a_board_is_offered_the_image_once_its_port_is_chosen(browser: Browser, url: str) -> None:
    visit = Visit(browser, url, _SERIAL % "true")
    page = visit.page
    expect(page.get_by_text("The image is a secret, and for one board.")).to_be_visible()
    expect(page.get_by_text("no Web Serial")).to_be_hidden()
    page.get_by_role("button", name="Choose the board").click()
    page.locator("ewt-install-dialog").get_by_text("Install Vigil").click()
    expect(page.get_by_text("All data on the device will be erased.")).to_be_visible()
    expect(page.get_by_role("button", name="Install", exact=True)).to_be_visible()
    close(visit, url)


def test_without_a_port_it_says_what_to_look_at(browser: Browser, url: str) -> None:
    visit = Visit(browser, url, _SERIAL % "false")
    visit.page.get_by_role("button", name="Choose the board").click()
    expect(visit.page.get_by_text("No port selected")).to_be_visible()
    close(visit, url)


def test_a_browser_without_web_serial_is_told_which_one_can(browser: Browser, url: str) -> None:
    visit = Visit(browser, url, _NO_WEB_SERIAL, viewport={"width": 390, "height": 844})
    expect(visit.page.get_by_text("Open this page in Chrome, Edge, or Firefox 151")).to_be_visible()
    expect(visit.page.get_by_role("button")).to_have_count(0)
    expect(visit.page.get_by_text("Press the button below")).to_be_hidden()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
    close(visit, url)


def test_without_scripts_there_is_no_button_that_does_nothing(browser: Browser, url: str) -> None:
    visit = Visit(browser, url, java_script_enabled=False)
    expect(visit.page.get_by_text("The image is a secret, and for one board.")).to_be_visible()
    expect(visit.page.get_by_role("button")).to_have_count(0)
    close(visit, url)
