"""The files of each board, and images of them: every address and length, and the file system mounted again."""

import hashlib
import json
import runpy
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.host.board_images import esp_image, esp_part, uf2_image, uf2_pages

from vigil_firmware.storage import BLOCK_COUNT, Storage
from vigil_hal.file_blocks import FileBlocks
from vigil_host.boards import file_system, frozen, image, partition_table, uf2
from vigil_host.boards.description import Board, board_ids, load
from vigil_host.boards.drivers import drivers
from vigil_host.boards.file_set import compiled, file_set, sources
from vigil_host.boards.problems import ImageError
from vigil_host.cli import main
from vigil_host.devices import Devices
from vigil_wire import keys

KEY = bytes(range(16))
_BOARDS = {board_id: load(board_id) for board_id in board_ids()}
_FLASHED = [board for board in _BOARDS.values() if board.runs_micropython]
_ESP32 = [board for board in _FLASHED if board.partitions]
_PICO = [board for board in _FLASHED if not board.partitions]
every_flashed = pytest.mark.parametrize("board", _FLASHED, ids=[board.id for board in _FLASHED])
every_esp32 = pytest.mark.parametrize("board", _ESP32, ids=[board.id for board in _ESP32])
every_pico = pytest.mark.parametrize("board", _PICO, ids=[board.id for board in _PICO])
DEVKITC = _BOARDS["esp32-devkitc"]
PICO_W = _BOARDS["pico-w"]


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, and a wide terminal."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "data"


@every_flashed
def test_a_board_gets_what_mip_installs_as_bytecode(board: Board) -> None:
    files = file_set(board)
    listing = json.loads(Path("firmware/package.json").read_text(encoding="utf-8"))
    drivers_of_others = {driver.path for driver in drivers().values()} - {part.driver.path for part in board.parts}
    assert set(files) == {"board.json"} | {
        path.replace(".py", ".mpy") if "/" in path else path
        for path, _ in listing["urls"]
        if path not in drivers_of_others
    }
    for path, content in files.items():
        if path.endswith(".mpy"):
            # M, version 6, no native code (so it runs on every architecture), integers of 31 bits at most.
            assert content[:2] == b"M\x06"
            assert content[2] >> 2 == 0
            assert content[3] <= 31
    assert b"import machine" in files["main.py"]


def test_what_is_frozen_is_what_goes_onto_every_board_as_files(tmp_path: Path) -> None:
    done = vigil("freeze", str(tmp_path / "new" / "folder"))
    assert done.exit_code == 0, done.stderr
    manifest = tmp_path / "new" / "folder" / "manifest.py"
    assert f"FROZEN_MANIFEST={manifest}" in done.stdout
    modules: list[str] = []
    included: list[str] = []
    runpy.run_path(str(manifest), {"include": included.append, "module": modules.append})
    assert included == ["$(PORT_DIR)/boards/manifest.py"]  # the port's own modules stay
    texts = {path: (manifest.parent / path).read_text() for path in modules}
    assert texts.pop("vigil_frozen.py") == f'SOURCES = "{frozen.mark()}"\n'
    assert texts == sources()
    for board in _FLASHED:
        files = {path for path in file_set(board) if path.endswith(".mpy")}
        assert files <= {path.replace(".py", ".mpy") for path in texts}


@pytest.mark.parametrize("board", [DEVKITC, PICO_W], ids=["esp32", "rp2"])
def test_an_image_with_vigil_frozen_in_gets_its_readable_files_only(board: Board) -> None:
    def image_with(mark: str) -> bytes:
        content = mark.encode().rjust(300, b"x").ljust(512, b"x")  # so that it spans two of a UF2 file's blocks
        if board is PICO_W:
            return uf2.write(uf2_pages(_RP2040, [content[:256], content[256:]], 0x10000000))
        return esp_image(board)[:_APP] + esp_part(0, content, 3)

    built = image.build(board, KEY, image_with(frozen.mark()))
    if board is PICO_W:
        blocks = {block.address: block.data for block in uf2.read(built)}
        built = b"".join(blocks.get(0x10000000 + at, bytes(256)) for at in range(0, board.flash_bytes, 256))
    files = built[board.files_offset : board.files_offset + board.files_bytes]
    readable = {"boot.py", "main.py", "board.json"}
    assert set(file_system.unpack(files, board)) == {*readable, *image.provisioned(KEY)}
    with pytest.raises(ImageError, match="another version of Vigil is frozen into this MicroPython"):
        image.build(board, KEY, image_with("vigil-sources-" + "0" * 64))


def test_tracebacks_name_modules_as_the_board_has_them() -> None:
    files = compiled(DEVKITC.chip.architecture)
    assert b"vigil_wire.ccm" in files["vigil_wire/ccm.mpy"]
    assert not [path for path, content in files.items() if str(Path.cwd()).encode() in content]


def test_what_cannot_be_compiled_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.CompletedProcess([], 1, b"", b"Traceback\nSyntaxError: invalid syntax")

    monkeypatch.setattr("vigil_host.boards.file_set.subprocess.run", failing)
    with pytest.raises(ImageError, match=r"mpy-cross cannot compile vigil_hal/.* SyntaxError: invalid syntax"):
        compiled("an architecture that is not in the cache")


def test_a_raspberry_pi_is_not_flashed() -> None:
    with pytest.raises(ImageError, match="Raspberry Pi runs Linux"):
        image.build(_BOARDS["raspberry-pi"], KEY, None)


@every_flashed
def test_the_file_system_comes_back_as_it_was_put_in(board: Board, tmp_path: Path) -> None:
    packed = file_system.pack({**file_set(board), **image.provisioned(KEY)}, board)
    assert len(packed) == board.files_bytes
    found = file_system.unpack(packed, board)
    assert {path: content for path, content in found.items() if not path.startswith("vigil/")} == file_set(board)
    for path, content in found.items():
        if path.startswith("vigil/"):
            (tmp_path / path.removeprefix("vigil/")).write_bytes(content)
    storage = Storage(FileBlocks(str(tmp_path), BLOCK_COUNT), bytes)
    assert (storage.device_key, storage.is_new, storage.problem) == (KEY, False, "")


@every_flashed
def test_the_file_system_is_one_that_micropython_mounts(board: Board) -> None:
    superblock = file_system.pack({}, board)[:4096]
    at = superblock.index(b"littlefs") + 12  # its entry, then the tag of the one that follows
    version, block_bytes, blocks, name_most = struct.unpack_from("<4I", superblock, at)
    assert version == 0x00020000
    assert (block_bytes, blocks, name_most) == (4096, board.files_bytes // 4096, 255)


def test_files_without_room_are_one_line() -> None:
    with pytest.raises(ImageError, match="the files of ESP32-DevKitC have no room in 1024 KiB"):
        file_system.pack({"big": bytes(2 << 20)}, DEVKITC)


def test_the_partition_table_is_laid_out_as_esp_idf_does() -> None:
    table = partition_table.encode(DEVKITC.partitions)
    assert len(table) == 0xC00
    assert table[:32] == bytes.fromhex("aa500102 00900000 00600000") + b"nvs".ljust(16, b"\0") + bytes(4)
    vfs = table[4 * 32 : 5 * 32]
    assert vfs == bytes.fromhex("aa500181 00003000 00001000") + b"vfs".ljust(16, b"\0") + bytes(4)
    assert table[160:176] == b"\xeb\xeb" + b"\xff" * 14
    assert table[176:192] == hashlib.md5(table[:160]).digest()
    assert table[192:] == b"\xff" * (0xC00 - 192)
    assert tuple(partition_table.decode(table)) == DEVKITC.partitions


def test_a_damaged_partition_table_is_not_read() -> None:
    table = bytearray(partition_table.encode(DEVKITC.partitions))
    table[40] ^= 1
    with pytest.raises(ImageError, match="damaged"):
        partition_table.decode(bytes(table))
    with pytest.raises(ImageError, match="no partition table"):
        partition_table.decode(b"\xff" * 0xC00)


@every_esp32
def test_an_esp32_image_has_everything_in_its_place(board: Board) -> None:
    micropython = esp_image(board)
    built = image.build(board, KEY, micropython)
    offset = board.chip.flash_offset
    assert len(built) == board.partitions[-1].end
    assert built[:offset] == b"\xff" * offset
    assert built[offset:0x8000] == micropython[: 0x8000 - offset]
    assert partition_table.decode(built[0x8000:0x9000]) == list(board.partitions)
    assert built[0x9000 : offset + len(micropython)] == micropython[0x9000 - offset :]
    journal = next(each for each in board.partitions if each.label == "vigil")
    assert set(built[journal.offset : journal.end]) == {0xFF}
    files = built[board.files_offset : board.files_offset + board.files_bytes]
    assert set(file_system.unpack(files, board)) == {*file_set(board), *image.provisioned(KEY)}


@every_esp32
def test_without_micropython_an_esp32_image_is_its_files(board: Board) -> None:
    built = image.build(board, KEY, None)
    assert len(built) == board.files_bytes
    assert "main.py" in file_system.unpack(built, board)


@every_pico
@pytest.mark.parametrize("has_micropython", [True, False])
def test_a_pico_image_has_everything_in_its_place(board: Board, has_micropython: bool) -> None:
    family = board.chip.uf2_family
    assert family is not None
    given = uf2_image(family, with_absolute=board.chip_name == "rp2350") if has_micropython else None
    blocks = uf2.read(image.build(board, KEY, given))
    if has_micropython and board.chip_name == "rp2350":
        assert blocks.pop(0) == uf2.Uf2Block(0x10FFFF00, b"\xef" * 256, 0xE48BFF57, 0, 2)
    assert {block.family for block in blocks} == {family}
    assert [block.number for block in blocks] == list(range(len(blocks)))
    assert {block.count for block in blocks} == {len(blocks)}
    flash = {block.address: block.data for block in blocks}
    assert len(flash) == len(blocks)
    start = 0x10000000 + board.files_offset
    files = b"".join(flash.pop(address) for address in range(start, start + board.files_bytes, 256))
    assert "main.py" in file_system.unpack(files, board)
    assert flash == ({0x10000000 + 256 * page: bytes([page]) * 256 for page in range(40)} if has_micropython else {})


def esp(change: Callable[[bytearray], object] = lambda _: None, **more: Any) -> bytes:
    """An image for the DevKitC with something wrong in it."""
    made = bytearray(esp_image(DEVKITC, **more))
    change(made)
    return bytes(made)


def flipped(at: int) -> Callable[[bytearray], object]:
    """Damages one byte."""

    def change(made: bytearray) -> None:
        made[at] ^= 0x10

    return change


_APP = 0x10000 - 0x1000
_WRONG_ESP32 = {
    "empty": (b"", "this is no image for an ESP32"),
    "another kind of file": (b"UF2\n" * 100, "this is no image for an ESP32"),
    "another chip": (esp(chip_id=9), "this image is for esp32s3, and ESP32-DevKitC has esp32: ESP32_GENERIC-"),
    "an unknown chip": (esp(chip_id=77), "this image is for chip 77"),
    "an app alone": (esp_part(0, b"MicroPython " * 400), "no partition table at 0x8000"),
    "cut in the bootloader": (esp()[:600], "cut off within its bootloader, at 600 bytes"),
    "cut before the app": (esp()[: _APP - 4], "cut off within its app"),
    "cut in the app's header": (esp()[: _APP + 20], "cut off within its app"),
    "cut in the app": (esp()[: _APP + 3000], "cut off within its app"),
    "cut in the app's sum": (esp()[:-7], "cut off within its app"),
    "no app": (esp(lambda made: made.__setitem__(_APP, 0xFF)), "no app where it should be"),
    "a damaged app": (esp(flipped(_APP + 900)), "the app of this image is damaged"),
    "a damaged sum": (esp(flipped(-1)), "the app of this image is damaged"),
    "a damaged bootloader": (esp(flipped(200)), "the bootloader of this image is damaged"),
    "two chips": (esp()[:_APP] + esp_part(9, b"MicroPython " * 400), "are for two chips"),
    "too large": (esp(app_bytes=0x1F0000), "the factory partition of ESP32-DevKitC at 0x200000"),
    "too small a flash": (esp(flash_code=1), "this image is for 2 MiB of flash"),
}  # fmt: skip
_RP2040 = 0xE48BFF56
_UF2 = uf2_image(_RP2040)
_WRONG_PICO = {
    "empty": (b"", "this is no UF2 file"),
    "a bin": (bytes(4096), "this is no UF2 file"),
    "another chip": (uf2_image(0xE48BFF59), "this image is for rp2350, and Raspberry Pi Pico W has rp2040"),
    "an unknown chip": (uf2_image(0x12345678), "this image is for family 0x12345678"),
    "two chips": (_UF2 + uf2_image(0xE48BFF59), "holds blocks of another family too, 0xe48bff59"),
    "cut in a block": (_UF2[:-100], "cut off: 20380 bytes are not whole blocks"),
    "cut between blocks": (_UF2[:-1024], "it has 38 of 40 blocks"),
    "a damaged block": (_UF2[:512] + bytes(512) + _UF2[1024:], "block 1 is none"),
    "reaches into the files": (uf2_image(_RP2040, start=0x1012BF00), "the files of Raspberry Pi Pico W begin at"),
    "in front of the flash": (uf2_image(_RP2040, start=0x0FFFFF00), "the files of Raspberry Pi Pico W begin"),
}  # fmt: skip


@pytest.mark.parametrize("case", _WRONG_ESP32)
def test_a_wrong_esp32_image_is_refused_in_one_line(case: str) -> None:
    given, problem = _WRONG_ESP32[case]
    with pytest.raises(ImageError) as caught:
        image.build(DEVKITC, KEY, given)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", _WRONG_PICO)
def test_a_wrong_pico_image_is_refused_in_one_line(case: str) -> None:
    given, problem = _WRONG_PICO[case]
    with pytest.raises(ImageError) as caught:
        image.build(PICO_W, KEY, given)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def vigil(*arguments: str | Path) -> Result:
    """Run the command line."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_an_image_is_made_and_its_device_known(tmp_path: Path, data_folder: Path) -> None:
    given = tmp_path / "ESP32_GENERIC.bin"
    given.write_bytes(esp_image(DEVKITC))
    sha256 = hashlib.sha256(given.read_bytes()).hexdigest()
    output = tmp_path / "clip.bin"
    done = vigil(
        "image", "--board", "esp32-devkitc", "--micropython", given, "--sha256", sha256.upper(),
        "--output", output, "--name", "Clip", "--wearer", "Ada",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert f"MicroPython: ESP32_GENERIC.bin, SHA-256 {sha256}" in done.stdout
    assert "4194304 bytes, to be written at address 0" in done.stdout
    (device,) = Devices(data_folder / "devices.toml").list()
    assert (device.name, device.wearer) == ("Clip", "Ada")
    assert done.stdout.count(keys.setup_code(device.key)) == 1
    files = file_system.unpack(output.read_bytes()[DEVKITC.files_offset :], DEVKITC)
    assert device.key in b"".join(content for path, content in files.items() if path.startswith("vigil/"))
    assert output.stat().st_mode & 0o777 == 0o600, "it holds the key"


def test_each_image_has_a_key_of_its_own(tmp_path: Path, data_folder: Path) -> None:
    for name in ("one.uf2", "two.uf2"):
        done = vigil("image", "--board", "pico-w", "--output", tmp_path / name)
        assert done.exit_code == 0, done.output
        assert "BOOTSEL" in done.stdout
    one, two = Devices(data_folder / "devices.toml").list()
    assert one.key != two.key


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--board", "esp8266"), "no board is called 'esp8266'"),
        (("--board", "raspberry-pi"), "Raspberry Pi runs Linux"),
        (("--board", "pico-w", "--micropython", "missing.uf2"), "missing.uf2: No such file or directory"),
        (("--board", "pico-w", "--micropython", "here.uf2", "--sha256", "ab" * 32), "it is not used"),
        (("--board", "pico-2-w", "--micropython", "here.uf2"), "this image is for rp2040"),
        (("--board", "pico-w", "--sha256", "ab" * 32), "none is named"),
        (("--board", "pico-w", "--wearer", ""), "a wearer has 1 to 64 printable characters"),
    ],
)
def test_nothing_is_left_behind_by_what_fails(
    arguments: tuple[str, ...], problem: str, tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.uf2").write_bytes(_UF2)
    done = vigil("image", "--output", "out.uf2", *arguments)
    assert done.exit_code == 1
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("out.uf2").exists()
    assert Devices(data_folder / "devices.toml").list() == []


def test_an_image_that_is_there_is_left_alone(tmp_path: Path, data_folder: Path) -> None:
    output = tmp_path / "out.uf2"
    output.write_bytes(b"the only copy of somebody's key")
    done = vigil("image", "--board", "pico-w", "--output", output)
    assert done.exit_code == 1
    assert "is there already: name another file" in done.stderr
    assert output.read_bytes() == b"the only copy of somebody's key"
    assert Devices(data_folder / "devices.toml").list() == []


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = vigil("image", "--board", "pico-w", "--output", tmp_path / "no/out.uf2")
    assert "cannot be written: No such file or directory" in done.stderr


def test_boards_are_listed_and_explained() -> None:
    listed = vigil("boards").stdout
    assert all(board_id in listed for board_id in _BOARDS)
    explained = vigil("boards", "pico-w").stdout
    assert "GPIO 4, marked GP4, pin 6" in explained
    assert "<!--" not in explained
    (one,) = json.loads(vigil("boards", "esp32-devkitc", "--json").stdout)
    assert (one["image"], one["flash_offset"], one["can_pair"]) == ("ESP32_GENERIC", 0x1000, True)
    assert one["needed_kib"] > one["free_kib"] > one["needed_frozen_kib"]  # with Bluetooth off
    assert len(json.loads(vigil("boards", "--json").stdout)) == len(_BOARDS)
    unknown = vigil("boards", "esp8266")
    assert (unknown.exit_code, unknown.stderr.count("\n")) == (1, 1)
