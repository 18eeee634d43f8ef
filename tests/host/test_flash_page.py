"""The page that writes an image from a browser: which image it takes, what it serves, and to whom."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient
from tests.host import board_images
from tests.host.board_images import uf2_image

from vigil_host.boards import esp_image, image
from vigil_host.boards.chips import CHIPS
from vigil_host.boards.description import load
from vigil_host.boards.problems import ImageError
from vigil_host.cli import main
from vigil_host.web.flash_page import FAMILIES, create_app, manifest_of

KEY = bytes(range(16))
HERE = "http://127.0.0.1:8421"
DEVKITC = load("esp32-devkitc")


@pytest.fixture(scope="module")
def made() -> bytes:
    """An image for an ESP32-DevKitC, as `vigil image` makes it."""
    return image.build(DEVKITC, KEY, board_images.esp_image(DEVKITC))


@pytest.mark.parametrize(
    ("board_id", "family"),
    [
        ("esp32-devkitc", "ESP32"),
        ("esp32-s3-devkitc-1", "ESP32-S3"),
        ("esp32-c3-xiao", "ESP32-C3"),
        ("esp32-c6-devkitc-1", "ESP32-C6"),
    ],
)
def test_an_image_is_offered_to_its_own_chip_alone(board_id: str, family: str) -> None:
    board = load(board_id)
    manifest = manifest_of(esp_image.chip_of(image.build(board, KEY, board_images.esp_image(board))))
    assert manifest["builds"] == [{"chipFamily": family, "parts": [{"path": "image.bin", "offset": 0}]}]
    assert manifest["name"] and manifest["version"]
    assert not manifest["new_install_prompt_erase"], "what was on the board cannot be kept: it is not asked"


def test_every_esp32_has_a_family() -> None:
    assert set(FAMILIES) == {name for name, chip in CHIPS.items() if chip.port == "esp32"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("pico", "copy the file onto the drive that appears"),
        ("micropython alone", "no image with MicroPython for an ESP32"),
        ("micropython of an S3 alone", "MicroPython without Vigil"),
        ("files alone", "no image with MicroPython for an ESP32"),
        ("cut off", "it has 4194303 of 4194304 bytes"),
        ("cut off early", "no partition table"),
        ("empty", "no image with MicroPython for an ESP32"),
    ],
)
def test_what_would_not_run_is_not_offered(name: str, problem: str, made: bytes) -> None:
    s3 = load("esp32-s3-devkitc-1")
    given = {
        "pico": uf2_image(0xE48BFF56),
        "micropython alone": board_images.esp_image(DEVKITC),
        "micropython of an S3 alone": board_images.esp_image(s3),
        "files alone": made[DEVKITC.files_offset :],
        "cut off": made[:-1],
        "cut off early": made[:0x2000],
        "empty": b"",
    }[name]
    with pytest.raises(ImageError) as caught:
        esp_image.chip_of(given)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_page_and_all_it_names_is_served_and_nothing_to_others(made: bytes) -> None:
    app, path = create_app("<clip>.bin", made, "esp32")
    client = TestClient(app, base_url=HERE)
    page = client.get(f"/{path}")
    assert "<strong>&lt;clip&gt;.bin</strong>" in page.text
    assert "<strong>ESP32</strong>" in page.text
    named = re.findall(r'(?:src|href|manifest)="([^"]+)"', page.text)
    assert {"esp-web-tools/install-button.js", "manifest.json", "flash.css"} <= set(named)
    for each in named:
        assert client.get(f"/{path}{each}").status_code == 200, each
    ((part,),) = (build["parts"] for build in client.get(f"/{path}manifest.json").json()["builds"])
    content = client.get(f"/{path}{part['path']}")
    assert content.content == made
    assert content.headers["Cache-Control"] == "no-store", "it holds a key"
    for other in ("/", "/image.bin", "/manifest.json", "/wrong/image.bin", f"/{path}../image.bin"):
        assert client.get(other).status_code == 404, other
    stranger = TestClient(app, base_url="http://attacker.example:8421")
    assert stranger.get(f"/{path}image.bin").status_code == 403


def test_the_page_may_ask_no_other_host_and_no_other_page_may_read_it(made: bytes) -> None:
    app, path = create_app("clip.bin", made, "esp32")
    headers = TestClient(app, base_url=HERE).get(f"/{path}").headers
    policy = dict(each.strip().partition(" ")[::2] for each in headers["Content-Security-Policy"].split(";"))
    assert policy.pop("style-src-attr") == "'unsafe-inline'"
    assert policy.pop("default-src") == "'self'"
    assert set(policy.values()) <= {"'none'", "'self'"}
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_each_page_has_an_address_of_its_own(made: bytes) -> None:
    paths = {create_app("clip.bin", made, "esp32")[1] for _ in range(3)}
    assert len(paths) == 3
    assert all(len(path) > 20 for path in paths)


def test_the_command_says_where_the_page_is_and_ends_quietly(made: bytes, tmp_path: Path) -> None:
    (tmp_path / "clip.bin").write_bytes(made)
    command = [sys.executable, "-c", "from vigil_host.cli import main; main()", "web-flash", "clip.bin", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = re.search(r"http://127\.0\.0\.1:\d+/\S+/", running.stdout.readline())
        assert said
        with urlopen(said[0]) as page:
            assert b"clip.bin" in page.read()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (0, "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "clip.bin: No such file or directory"), (uf2_image(0xE48BFF59), "hold BOOTSEL"), (b"text", "no image")],
)
def test_what_cannot_be_written_is_one_line(
    content: bytes | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("clip.bin").write_bytes(content)
    done = CliRunner().invoke(main, ["web-flash", "clip.bin"])
    assert done.exit_code == 1
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
