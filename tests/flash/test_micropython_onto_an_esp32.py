"""MicroPython and the partition table onto an ESP32: what esptool is asked, and what is then on the flash."""

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.flash.conftest import BOARD, RecordedEsptool, esp32_image, refused, vigil
from tests.flash.test_files_onto_a_board import install

from vigil_host.boards import partition_table
from vigil_host.boards.description import load
from vigil_host.flash import micropython_image, steps
from vigil_host.vm.socket_board import SocketBoard

pytestmark = pytest.mark.vm
ImageFile = Callable[..., Path]

ESP32 = load(BOARD)
IMAGE = esp32_image(ESP32)
_NOT_OPENED = "Could not open X, the port is busy or doesn't exist."
TABLE = slice(partition_table.TABLE_OFFSET, partition_table.TABLE_OFFSET + partition_table.TABLE_BYTES)


@pytest.fixture
def board(flash: Path) -> Iterator[SocketBoard]:
    """A board on which Vigil is already, with simulated sensors."""
    install(flash)
    with SocketBoard(flash) as board:
        yield board


def flashed(board: SocketBoard, image: Path, *more: str) -> tuple[str, ...]:
    return (
        "flash",
        "--board",
        BOARD,
        "--port",
        board.url,
        "--sensors",
        "simulated",
        "--micropython",
        str(image),
        *more,
    )


def without_paths(call: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in call if not word.endswith(".bin"))


def test_another_partition_table_is_written_only_after_asking(
    board: SocketBoard, esptool: RecordedEsptool, image_file: ImageFile
) -> None:
    esptool.write_flash(IMAGE, at=0x1000)
    before = esptool.flash
    image = image_file(IMAGE)
    said = refused(vigil(*flashed(board, image)))
    assert "The new partitions erase them, and the board's journal. Go on?" in said
    assert "--yes" in said
    assert esptool.flash == before

    done = vigil(*flashed(board, image, "--yes", "--json"))
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["micropython"] == "written"
    there = esptool.flash
    assert partition_table.decode(there[TABLE]) == list(ESP32.partitions)
    assert there[0x1000 : TABLE.start] == IMAGE[: TABLE.start - 0x1000]
    assert there[0x9000 : 0x1000 + len(IMAGE)] == IMAGE[0x8000:]
    assert ["erase-region", "0x200000", "0x100000"] in esptool.calls  # all of the journal
    assert ["erase-region", "0x300000", "0x2000"] in esptool.calls
    verbs = [call[0] for call in esptool.calls]
    assert verbs[-6:] == ["flash-id", "read-flash", "erase-region", "erase-region", "verify-flash", "write-flash"]
    planned = [step.command[11:] for step in steps.plan(ESP32, board.url, "X", True) if "esptool" in step.command]
    assert {without_paths(call) for call in esptool.calls} == {without_paths(call) for call in planned}

    again = vigil(*flashed(board, image, "--json"))  # nothing is to be erased: nobody is asked
    assert json.loads(again.stdout)["micropython"] == "kept"
    assert [call[0] for call in esptool.calls][len(verbs) :] == ["flash-id", "read-flash", "verify-flash"]
    assert esptool.flash == there


def test_what_fails_fast_is_written_slowly(board: SocketBoard, esptool: RecordedEsptool, image_file: ImageFile) -> None:
    esptool.write_flash(partition_table.encode(ESP32.partitions), at=partition_table.TABLE_OFFSET)
    esptool.fails("write-flash", "Packet content transfer stopped (received 8 bytes)", 1)
    done = vigil(*flashed(board, image_file(IMAGE)))
    assert done.exit_code == 0, done.stderr
    assert esptool.bauds[-2:] == ["460800", "115200"]
    assert "erase-region" not in [call[0] for call in esptool.calls]


@pytest.mark.parametrize(
    ("verb", "said", "expected"),
    [
        ("flash-id", "Failed to connect to ESP32: No serial data received.", "hold the board's BOOT button"),
        ("write-flash", "Serial data stream stopped: Possible serial noise or corruption.", "esptool failed: Serial"),
        ("flash-id", f"{_NOT_OPENED}\n([Errno 13] could not open port X: [Errno 13] Permission denied: 'X')",
         "sudo usermod -a -G dialout"),
        ("flash-id", f"{_NOT_OPENED}\n([Errno 2] could not open port X: [Errno 2] No such file or directory: 'X')",
         "is not there: plug the board in"),
        ("read-flash", "device disconnected or multiple access on port?", "it goes on where it was"),
    ],
)  # fmt: skip
def test_what_esptool_says_is_one_line_and_it_may_be_run_again(
    bare: SocketBoard, esptool: RecordedEsptool, image_file: ImageFile, verb: str, said: str, expected: str
) -> None:
    esptool.write_flash(partition_table.encode(ESP32.partitions), at=partition_table.TABLE_OFFSET)
    esptool.fails(verb, said)
    assert expected in refused(vigil(*flashed(bare, image_file(IMAGE))))
    assert vigil("devices", "--json").stdout == "[]\n"


def test_another_chip_on_the_port_gets_nothing(
    bare: SocketBoard, esptool: RecordedEsptool, image_file: ImageFile
) -> None:
    esptool.is_a("ESP32-S3", "ESP32-S3 (QFN56)")
    assert "the chip on" in refused(vigil(*flashed(bare, image_file(IMAGE))))
    assert esptool.calls == [["flash-id"]]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (IMAGE[:-40], "cut off"),
        (IMAGE[:-300] + b"\0" + IMAGE[-299:], "damaged"),
        (esp32_image(ESP32, chip_id=9), "this image is for esp32s3, and ESP32-DevKitC has esp32"),
        (b"PK" + bytes(100), "this is no image for an ESP32"),
    ],
)
def test_a_wrong_image_touches_nothing(
    bare: SocketBoard, esptool: RecordedEsptool, image_file: ImageFile, image: bytes, expected: str
) -> None:
    assert expected in refused(vigil(*flashed(bare, image_file(image))))
    assert esptool.calls == []


def test_an_image_with_another_sha256_is_not_used(bare: SocketBoard, image_file: ImageFile) -> None:
    assert "it is not used" in refused(vigil(*flashed(bare, image_file(IMAGE), "--sha256", "0" * 64)))
    assert "64 hex digits" in refused(vigil(*flashed(bare, image_file(IMAGE), "--sha256", "abc")))


def test_an_image_from_the_network_needs_its_sha256_and_is_fetched_once(image_file: ImageFile) -> None:
    folder = image_file(IMAGE).parent
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/micropython.bin"
    digest = hashlib.sha256(IMAGE).hexdigest()
    try:
        assert "--sha256" in refused(vigil("flash", "--board", BOARD, "--port", "X", "--micropython", url))
        assert "it is not used" in refused(
            vigil("flash", "--board", BOARD, "--port", "X", "--micropython", url, "--sha256", "1" * 64)
        )
        assert micropython_image.get(url, digest) == IMAGE
    finally:
        server.shutdown()
        server.server_close()
    assert micropython_image.get(url, digest.upper()) == IMAGE
    assert "cannot be fetched" in refused(
        vigil("flash", "--board", BOARD, "--port", "X", "--micropython", url, "--sha256", "1" * 64)
    )
