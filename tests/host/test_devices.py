"""The devices file: its keys stay secret, a mistyped code is told apart, and it is never half written."""

import os
from pathlib import Path

import pytest

from vigil_host.devices import Devices, DevicesError
from vigil_wire import keys

KEY = bytes(range(16))
CODE = keys.setup_code(KEY)


@pytest.fixture
def devices(tmp_path: Path) -> Devices:
    return Devices(tmp_path / "devices.toml")


def test_added_devices_are_there_again(devices: Devices) -> None:
    added = devices.add(CODE.lower().replace("-", " "), 'Ada "the" \\ Grün', "Band — 1")
    assert (added.id, added.key) == (keys.device_id(KEY), KEY)
    assert Devices(devices.path).list() == devices.list() == [added]


def test_names_by_default(devices: Devices) -> None:
    added = devices.add(CODE)
    assert (added.name, added.wearer) == (f"Vigil {added.id[:4]}", "Wearer")


def test_the_file_is_for_its_owner_alone(devices: Devices) -> None:
    devices.add(CODE)
    assert devices.path.stat().st_mode & 0o777 == 0o600
    devices.path.chmod(0o644)
    Devices(devices.path)
    assert devices.path.stat().st_mode & 0o777 == 0o600


def test_the_key_is_not_in_what_is_printed(devices: Devices) -> None:
    added = devices.add(CODE)
    assert KEY.hex() not in repr(added) and repr(KEY) not in repr(added)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (CODE[:-1], "29 characters, this one has 28"),
        (CODE[:-2] + ("A" if CODE[-2] != "A" else "B") + CODE[-1], "mistyped"),
        (CODE.replace(CODE[0], "!", 1), "no character '!'"),
        ("", "29 characters, this one has 0"),
    ],
)
def test_a_bad_code_is_explained(devices: Devices, code: str, what: str) -> None:
    with pytest.raises(DevicesError, match=what):
        devices.add(code)
    assert not devices.path.exists()


def test_known_already(devices: Devices) -> None:
    devices.add(CODE, name="Band")
    with pytest.raises(DevicesError, match="known already, as 'Band'"):
        devices.add(CODE)


@pytest.mark.parametrize("name", ["", "   ", "two\nlines", "x" * 65])
def test_bad_names(devices: Devices, name: str) -> None:
    with pytest.raises(DevicesError, match="printable characters"):
        devices.add(CODE, wearer=name)
    added = devices.add(CODE)
    with pytest.raises(DevicesError, match="printable characters"):
        devices.rename(added.id, name)


def test_rename_and_remove(devices: Devices) -> None:
    added = devices.add(CODE, name="Band")
    devices.rename("Band", "Wrist")
    assert devices.get("Wrist").id == added.id
    assert devices.remove(added.id).name == "Wrist"
    assert Devices(devices.path).list() == []
    with pytest.raises(DevicesError, match="no device is called 'Wrist'"):
        devices.get("Wrist")


def test_a_name_that_two_have(devices: Devices) -> None:
    devices.add(CODE, name="Band")
    devices.add(keys.setup_code(bytes(16)), name="Band")
    with pytest.raises(DevicesError, match="2 devices are called 'Band'"):
        devices.get("Band")


def test_changes_by_another_program_are_seen(devices: Devices) -> None:
    assert not devices.reload()
    other = Devices(devices.path)
    added = other.add(CODE)
    assert devices.reload() and devices.list() == [added]
    assert not devices.reload()
    other.remove(added.id)
    assert devices.reload() and devices.list() == []
    devices.path.unlink()
    assert devices.reload()


def test_a_file_that_cannot_be_understood_changes_nothing(devices: Devices) -> None:
    added = devices.add(CODE)
    for text in (
        "[[device]",
        '[[device]]\nname = "x"\n',
        '[[device]]\nname = "x"\nwearer = "y"\nkey = "zz"\n',
        "device = 3",
    ):
        devices.path.write_text(text)
        os.utime(devices.path, ns=(1, hash(text) & 0xFFFFFF))
        with pytest.raises(DevicesError, match=r"devices\.toml"):
            devices.reload()
        assert not devices.reload()
        assert devices.list() == [added]


def test_a_failed_write_leaves_the_old_file(devices: Devices, monkeypatch: pytest.MonkeyPatch) -> None:
    devices.add(CODE)
    before = devices.path.read_text()

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DevicesError, match="No space left"):
        devices.rename(devices.list()[0].id, "Other")
    assert devices.path.read_text() == before
    assert devices.list()[0].name != "Other"
    assert [path.name for path in devices.path.parent.iterdir()] == ["devices.toml"]
