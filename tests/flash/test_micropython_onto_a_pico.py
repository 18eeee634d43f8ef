"""MicroPython onto a Pico: its boot drive, which is a folder here."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.flash.conftest import refused, uf2_image, vigil

from vigil_host.boards.description import load
from vigil_host.boards.file_set import file_set
from vigil_host.flash import flashing, uf2_drive
from vigil_host.vm.socket_board import SocketBoard

pytestmark = pytest.mark.vm
ImageFile = Callable[..., Path]

PICO = load("pico-w")
NEW, OLD = "v1.28.0 on 2026-04-06", "v1.27.0 on 2025-12-09"


@pytest.fixture
def board(flash: Path) -> Iterator[SocketBoard]:
    """A Pico W with Vigil on it, whose sensors are not wired."""
    for path, content in file_set(PICO).items():
        (flash / path).parent.mkdir(parents=True, exist_ok=True)
        (flash / path).write_bytes(content)
    with SocketBoard(flash, platform="rp2", machine="Raspberry Pi Pico W with RP2040") as board:
        yield board


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """The boot drive of an RP2040."""
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    info = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n"
    (folder / "INFO_UF2.TXT").write_text(info)
    return folder


def flashed(board: SocketBoard, image: Path, drive: Path, *more: str) -> tuple[str, ...]:
    where = ("--board", "pico-w", "--port", board.url, "--drive", str(drive))
    return ("flash", *where, "--micropython", str(image), *more)


def test_another_version_goes_onto_the_boot_drive(
    board: SocketBoard, drive: Path, image_file: ImageFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = uf2_image(PICO, OLD)
    monkeypatch.setattr(uf2_drive, "mounted", lambda: [drive.parent, drive])  # it is found, not named
    where = ("--board", "pico-w", "--port", board.url)
    done = vigil("flash", *where, "--micropython", str(image_file(image, "old.uf2")), "--json")
    assert (drive / "vigil.uf2").read_bytes() == image
    outcome = json.loads(done.stdout)
    assert (outcome["micropython"], outcome["copied"]) == ("written", 0)


def test_the_version_that_is_there_is_not_written_again(board: SocketBoard, drive: Path, image_file: ImageFile) -> None:
    done = vigil(*flashed(board, image_file(uf2_image(PICO, NEW), "new.uf2"), drive, "--json"))
    assert json.loads(done.stdout)["micropython"] == "kept"
    assert not (drive / "vigil.uf2").exists()


def test_the_drive_of_another_chip_gets_nothing(board: SocketBoard, drive: Path, image_file: ImageFile) -> None:
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v1.0\r\nModel: Raspberry Pi RP2350\r\nBoard-ID: RP2350\r\n")
    said = refused(vigil(*flashed(board, image_file(uf2_image(PICO, OLD), "old.uf2"), drive)))
    assert "is of an RP2350, and Raspberry Pi Pico W has RPI-RP2: choose --board" in said
    assert not (drive / "vigil.uf2").exists()


def test_without_a_drive_bootsel_is_explained(
    board: SocketBoard, tmp_path: Path, image_file: ImageFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flashing, "_DRIVE_S", 0.1)
    said = refused(vigil(*flashed(board, image_file(uf2_image(PICO, OLD), "old.uf2"), tmp_path)))
    assert "unplug the board, hold its BOOTSEL button, plug it in, and let go of the button" in said


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (uf2_image(PICO)[:-512], "cut off"),
        (uf2_image(load("pico-2-w")), "this image is for rp2350, and Raspberry Pi Pico W has rp2040"),
        (b"\xe9" + bytes(600), "this is no UF2 file"),
    ],
)
def test_a_wrong_image_touches_nothing(
    board: SocketBoard, drive: Path, image_file: ImageFile, image: bytes, expected: str
) -> None:
    assert expected in refused(vigil(*flashed(board, image_file(image, "wrong.uf2"), drive)))
    assert not (drive / "vigil.uf2").exists()
