"""Draws the pictures of the documentation from the running demo: `python tools/screenshots.py`, a minute and a half.

Needs the `dev` extra and Chromium. They are taken at the instant the page's own alarm is up.
"""

import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

IMAGES = Path(__file__).parent.parent / "docs" / "images"
ALARM_WITHIN_MS = 90_000
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    """Run the demo on a free port, wait for its first alarm, and draw the page wide and narrow."""
    demo = subprocess.Popen(
        [Path(sys.executable).with_name("vigil"), "demo", "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert demo.stderr is not None
        found = re.search(r"http://\S+", demo.stderr.readline())
        if not found:
            sys.exit("the demo did not start")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=QUIET)
            pages = [
                _open(browser, found[0], 1280, 900, "light"),
                _open(browser, found[0], 390, 844, "dark"),
            ]
            expect(pages[0].locator("#banner")).to_contain_text("Very low oxygen", timeout=ALARM_WITHIN_MS)
            pages[0].wait_for_timeout(15_000)
            IMAGES.mkdir(exist_ok=True)
            pages[0].screenshot(path=IMAGES / "page-alarm.png")
            pages[1].screenshot(path=IMAGES / "page-phone.png")
            browser.close()
    finally:
        demo.terminate()
        demo.wait()


def _open(browser: Browser, address: str, width: int, height: int, scheme: Literal["light", "dark"]) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(address)
    return page


if __name__ == "__main__":
    main()
