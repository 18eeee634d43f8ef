"""The devices file: its keys stay secret, a mistyped code is told apart, and it is never half written."""

import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError

from vigil_host.devices import Devices, DevicesError
from vigil_wire import keys
from vigil_wire.settings import Settings

KEY = bytes(range(16))
CODE = keys.setup_code(KEY)


@pytest.fixture
def devices(tmp_path: Path) -> Devices:
    return Devices(tmp_path / "devices.toml")


def test_added_devices_are_there_again(devices: Devices) -> None:
    added = devices.add(CODE.lower().replace("-", " "), 'Ada "the" \\ Grün', "Band — 1")
    assert (added.id, added.key) == (keys.device_id(KEY), KEY)
    assert Devices(devices.path).list() == devices.list() == [added]


def test_a_device_whose_record_is_elsewhere_stays_so(devices: Devices) -> None:
    devices.add(CODE, "Ada", "Bedroom", listen_only=True)
    (known,) = Devices(devices.path).list()
    assert known.listen_only
    devices.rename("Bedroom", "Room")
    assert Devices(devices.path).get("Room").listen_only
    for wish in (lambda: devices.want_settings("Room", Settings(), "Ada"), lambda: devices.ask_pairing("Room", 0)):
        with pytest.raises(DevicesError, match="only listened to here: do this where its record is kept"):
            wish()
    devices.path.write_text(devices.path.read_text().replace("listen_only = true", 'listen_only = "yes"'))
    with pytest.raises(DevicesError, match="listen_only is true or false, not 'yes'"):
        Devices(devices.path)


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
        '[[device]]\nid = "00000000"\nname = "x"\nwearer = "y"\nkey = "zz"\n',
        '[[device]]\nid = "00000000"\nname = "x"\nwearer = "y"\nkey = "0011"\n',
        '[[device]]\nid = "0000000G"\nname = "x"\nwearer = "y"\nkey = "00112233445566778899aabbccddeeff"\n',
        '[[device]]\nname = "x"\nwearer = "y"\nkey = "00112233445566778899aabbccddeeff"\n',
        2 * '[[device]]\nid = "00000000"\nname = "x"\nwearer = "y"\nkey = "00112233445566778899aabbccddeeff"\n',
        "keyring = 3",
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


def test_a_key_is_replaced_when_the_device_has_shown_that_it_has_the_next(devices: Devices) -> None:
    added = devices.add(CODE, name="Band")
    rotated = devices.rotate("Band")
    assert rotated.possible_keys == (KEY, rotated.next_key)
    assert (rotated.id, rotated.next_key_since) == (added.id, datetime.date.today())
    assert Devices(devices.path).list() == [rotated]
    assert repr(rotated.next_key) not in repr(rotated)
    devices.settle(added.id, KEY)  # it has the old one still
    devices.settle("00000000", bytes(16))  # removed meanwhile
    assert Devices(devices.path).list() == [rotated]
    devices.settle(added.id, rotated.possible_keys[1])
    (settled,) = Devices(devices.path).list()
    assert (settled.id, settled.possible_keys) == (added.id, (rotated.next_key,))
    assert settled.key_since == rotated.next_key_since
    assert KEY.hex() not in devices.path.read_text()
    assert keys.device_id(settled.key) != settled.id
    assert devices.rotate("Band").possible_keys[0] == rotated.next_key


def test_a_key_that_waits_is_not_replaced_by_another(devices: Devices) -> None:
    rotated = devices.rotate(devices.add(CODE, name="Band").id)
    with pytest.raises(DevicesError, match=r"Band \(.*\) has a new key waiting since 20"):
        devices.rotate("Band")
    assert Devices(devices.path).list() == [rotated]


def test_neither_key_of_a_device_makes_another_one(devices: Devices) -> None:
    rotated = devices.rotate(devices.add(CODE, name="Band").id)
    for known in (rotated, None):
        for key in (KEY, rotated.possible_keys[1]):
            with pytest.raises(DevicesError, match="known already, as 'Band'"):
                devices.add(keys.setup_code(key))
        if known:
            devices.settle(known.id, known.possible_keys[1])


def test_what_one_program_has_written_another_does_not_undo(devices: Devices) -> None:
    """A key that is lost while the device has it is a device that nobody hears again."""
    added, other = devices.add(CODE, name="Band"), devices.add(keys.setup_code(bytes(16)), name="Other")
    rotated = Devices(devices.path).rotate(added.id)
    devices.rename(other.id, "Clip")
    assert [(known.name, known.next_key) for known in devices.list()] == [("Band", rotated.next_key), ("Clip", None)]
    Devices(devices.path).settle(added.id, rotated.possible_keys[1])
    devices.remove(other.id)
    assert [known.possible_keys for known in Devices(devices.path).list()] == [(rotated.next_key,)]


def test_a_device_that_is_made_here_has_a_key_of_its_own(devices: Devices) -> None:
    made = [devices.new(name) for name in ("One", "Two")]
    assert made[0].key != made[1].key
    assert [(known.name, known.key_since) for known in Devices(devices.path).list()] == [
        ("One", datetime.date.today()),
        ("Two", datetime.date.today()),
    ]


class FakeKeyring(KeyringBackend):
    """A system's keyring that is a dictionary, or fails as a missing one does."""

    priority: ClassVar[float] = -1  # never the library's own choice

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.is_missing = self.is_forgetful = False

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        if not self.is_forgetful:
            self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[service, username]

    def _check(self) -> None:
        if self.is_missing:
            raise NoKeyringError("No recommended backend was available.\nInstall one.")


@pytest.fixture
def system_keyring() -> Iterator[FakeKeyring]:
    """The system's keyring, for as long as the test lasts."""
    before = keyring.get_keyring()
    fake = FakeKeyring()
    keyring.set_keyring(fake)
    yield fake
    keyring.set_keyring(before)


def test_keys_in_the_keyring_are_in_no_file_and_come_back(devices: Devices, system_keyring: FakeKeyring) -> None:
    added = devices.add(CODE, name="Band")
    devices.keep_keys(in_keyring=True)
    assert [*system_keyring.kept.values()] == [KEY.hex()]
    assert KEY.hex() not in devices.path.read_text()
    assert Devices(devices.path).list() == [added]
    rotated = Devices(devices.path).rotate("Band")
    other = Devices(devices.path).new("Other")
    expected = {key.hex() for key in (*rotated.possible_keys, other.key)}
    assert set(system_keyring.kept.values()) == expected
    assert devices.reload() and devices.list() == [rotated, other]
    assert not [key for key in expected if key in devices.path.read_text()]
    devices.keep_keys(in_keyring=True)  # as it is already
    devices.settle(added.id, rotated.possible_keys[1])
    devices.remove("Other")
    assert [*system_keyring.kept.values()] == [rotated.possible_keys[1].hex()]
    devices.keep_keys(in_keyring=False)
    assert system_keyring.kept == {}
    assert [known.key for known in Devices(devices.path).list()] == [rotated.next_key]


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("is_missing", r"cannot be used: No recommended backend was available\.$"),
        ("is_forgetful", "does not keep what it is given$"),
        ("no library", r"pip install 'vigil-vitals\[keyring\]'$"),
    ],
)
@pytest.mark.parametrize("count", [0, 1])
def test_without_a_keyring_nothing_changes(
    devices: Devices, system_keyring: FakeKeyring, monkeypatch: pytest.MonkeyPatch, fault: str, what: str, count: int
) -> None:
    for _ in range(count):
        devices.add(CODE)
    before = devices.path.read_text() if count else None
    if fault == "no library":
        monkeypatch.setitem(sys.modules, "keyring", None)
    else:
        setattr(system_keyring, fault, True)
    with pytest.raises(DevicesError, match=what) as caught:
        devices.keep_keys(in_keyring=True)
    assert "\n" not in str(caught.value)
    assert system_keyring.kept == {}
    assert (devices.path.read_text() if count else None) == before


def test_a_keyring_that_is_gone_is_said_and_what_was_known_stays(devices: Devices, system_keyring: FakeKeyring) -> None:
    added = devices.add(CODE)
    devices.keep_keys(in_keyring=True)
    system_keyring.is_missing = True
    with pytest.raises(DevicesError, match="keyring cannot be used"):
        Devices(devices.path)
    with pytest.raises(DevicesError, match="nothing was changed: the system's keyring cannot be used"):
        devices.rotate(added.id)
    with pytest.raises(DevicesError, match="keyring cannot be used"):
        devices.remove(added.id)
    system_keyring.is_missing = False
    assert Devices(devices.path).list() == []  # removed, although its key could not be
    assert [*system_keyring.kept.values()] == [KEY.hex()]


def test_a_key_that_is_not_the_one_the_file_means_is_refused(devices: Devices, system_keyring: FakeKeyring) -> None:
    devices.add(CODE)
    devices.keep_keys(in_keyring=True)
    (name,) = system_keyring.kept
    system_keyring.kept[name] = bytes(16).hex()
    with pytest.raises(DevicesError, match="another key under"):
        Devices(devices.path)
    del system_keyring.kept[name]
    with pytest.raises(DevicesError, match=r"devices\.toml cannot be read: .* has no"):
        Devices(devices.path)


def test_a_wish_to_pair_is_kept_until_it_is_taken_out(devices: Devices) -> None:
    device_id = devices.add(CODE, name="Clip").id
    asked = devices.ask_pairing("Clip", 1_795_000_000_400)
    assert asked.pair_before == datetime.datetime(2026, 11, 18, 11, 7, 10, tzinfo=datetime.UTC)
    assert Devices(devices.path).get("Clip") == asked
    assert Devices(devices.path).forget_pairing(device_id)
    assert not devices.forget_pairing(device_id)
    assert not devices.forget_pairing("00000000")
    devices.path.write_text(devices.path.read_text() + "pair_before = 2026-11-18\n")
    with pytest.raises(DevicesError, match="an instant is like 2026-01-31T12:00:00Z"):
        Devices(devices.path)
