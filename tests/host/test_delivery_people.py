"""The people file: what is in it or wrong with it, who is told in which order, and the command that changes it."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.host.ntfy import NtfyServer

from vigil_host.cli import main
from vigil_host.delivery import people
from vigil_host.delivery.people import CAREGIVER, People, Person
from vigil_host.delivery.services import name_of, refused

SECRET = "ntfys://ben:s3cretpass@ntfy.example/s3crettopic"
BEN = f'[[person]]\nname = "Ben"\nrole = "caregiver"\nurls = ["{SECRET}"]\n'


def read(folder: Path, text: str) -> tuple[People, list[str]]:
    path = folder / "people.toml"
    path.write_text(text)
    return people.read(path, refused)


def told(known: People, priority: str, wearer: str = "Ada") -> list[tuple[int, str]]:
    return [(after_s, person.name) for after_s, person in known.rungs(priority, wearer)]


def test_everything_said(tmp_path: Path) -> None:
    known, problems = read(
        tmp_path,
        f'[channels]\nkitchen = "mqtt://127.0.0.1/home/kitchen"\n{BEN}quiet_hours = "22:00-07:30"\n'
        'wearers = ["Ada"]\nemergency = true\n[[person]]\nname = "Ada"\nrole = "patient"\nurls = ["kitchen"]\n'
        '[[ladder]]\npriority = "high"\nwearer = "Ada"\nrepeat_s = 60\n'
        'rungs = [{ who = "Ben", after_s = 0 }, { who = "patient", after_s = 30 }]\n',
    )
    assert problems == []
    ben, ada = known.persons
    assert (ben.urls, ben.quiet_minutes, ben.wearers, ben.is_emergency) == ((SECRET,), (1320, 450), ("Ada",), True)
    assert ada.urls == ("mqtt://127.0.0.1/home/kitchen",)
    assert told(known, "high") == [(0, "Ben"), (30, "Ada")]
    assert told(known, "high", "Zoe") == [(0, "Ada")]  # the built-in ladder; Ben is told of Ada alone
    assert stat.S_IMODE((tmp_path / "people.toml").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BEN + BEN, "person 'Ben' is there twice"),
        (BEN.replace("caregiver", "carer"), "person 'Ben' has a role of patient, caregiver, clinician, not 'carer'"),
        (BEN + 'quiet_hours = "22-7"\n', "person 'Ben' has quiet_hours '22-7': they are written \"22:00-07:00\""),
        (BEN + 'quiet_hours = "24:00-07:00"\n', "they are written"),
        (BEN + 'quit_hours = "22:00-07:00"\n', "person 'Ben' has quit_hours, which is not a key Vigil knows"),
        (BEN + 'emergency = "yes"\n', "person 'Ben' has emergency, which is true or false"),
        (
            BEN.replace("ntfys:", "ntyf:"),
            "person 'Ben' has an address, number 1 of its urls, that Apprise does not know",
        ),
        ('[[person]]\nrole = "patient"\n', "person 1 needs a name"),
        ('[channels]\nkitchen = "nosuch://x"\n', "channel 'kitchen' Apprise does not know as an address"),
        ('[peple]\nname = "x"\n', "peple is not a key Vigil knows"),
        ("person = 3\n", "person is written [[person]]"),
        ('[[person]]\nname = "Ben\n', "is not valid TOML: an error at line 2, column 12"),
        ('[[ladder]]\npriority = "urgent"\nrungs = []\n', "ladder 1 has a priority of low, medium, high, not 'urgent'"),
        (
            '[[ladder]]\npriority = "high"\nrungs = [{ who = "Zoe", after_s = 0 }]\n',
            "ladder 1 tells 'Zoe', who is neither",
        ),
        ('[[ladder]]\npriority = "high"\nrungs = [{ who = "patient" }]\n', "has a rung without after_s"),
        (
            '[[ladder]]\npriority = "high"\nrepeat_s = 1\nrungs = [{ who = "patient", after_s = 0 }]\n',
            "repeat_s below 30",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_without_secrets(tmp_path: Path, text: str, problem: str) -> None:
    known, problems = read(tmp_path, text)
    assert len(problems) == 1
    assert problems[0].startswith(str(tmp_path / "people.toml"))
    assert problem in problems[0]
    assert "\n" not in problems[0]
    assert "s3cret" not in problems[0] + repr(known)


def test_one_who_is_written_wrongly_does_not_cost_the_others(tmp_path: Path) -> None:
    known, problems = read(tmp_path, '[[person]]\nname = "Ada"\nrole = "wearer"\n' + BEN)
    assert len(problems) == 1
    assert told(known, "high") == [(0, "Ben")]


def test_built_in_ladders() -> None:
    def person(name: str, role: str, is_emergency: bool = False) -> Person:
        return Person(name, role, ("json://127.0.0.1",), is_emergency=is_emergency)

    carers = [person(name, CAREGIVER) for name in ("Ben", "Cleo", "Dan")]
    known = People((*carers, person("Ada", "patient"), person("Eve", "clinician", True), Person("Finn", CAREGIVER)))
    assert told(known, "high") == [(0, "Ada"), (60, "Ben"), (180, "Cleo"), (300, "Dan"), (300, "Eve")]
    assert told(known, "medium") == [(0, "Ada"), (300, "Ben"), (900, "Cleo")]
    assert told(known, "low") == [(0, "Ada")]
    without_patient = People(tuple(carers))
    assert told(without_patient, "high") == [(0, "Ben"), (120, "Cleo"), (240, "Dan")]
    assert told(without_patient, "low") == [(0, "Ben")]
    assert told(People(), "high") == []


@pytest.mark.parametrize(
    ("hours", "minute", "is_quiet"),
    [
        *(
            ((1320, 420), minute, is_quiet)
            for minute, is_quiet in ((0, True), (420, False), (1319, False), (1320, True))
        ),
        *(((60, 120), minute, is_quiet) for minute, is_quiet in ((0, False), (60, True), (120, False))),
    ],
)
def test_quiet_hours(hours: tuple[int, int], minute: int, is_quiet: bool) -> None:
    assert Person("Ada", "patient", quiet_minutes=hours).is_quiet(minute) is is_quiet


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, and a wide terminal."""
    monkeypatch.setenv("VIGIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path / "data"


def vigil(*args: str) -> Result:
    return CliRunner().invoke(main, args)


def test_people_are_listed_added_put_on_call_and_removed() -> None:
    assert "Nobody is told" in vigil("people").output
    for name in ("Ben", "Cleo"):
        added = vigil("people", "add", name, "--role", "caregiver", "--url", SECRET, "--quiet-hours", "22:00-07:00")
        assert added.exit_code == 0, added.output
    assert vigil("people", "on-call", "Cleo").exit_code == 0
    listed = json.loads(vigil("people", "--json").output)
    assert [each["name"] for each in listed] == ["Cleo", "Ben"]
    assert listed[0]["quiet_hours"] == "22:00-07:00"
    assert listed[0]["services"] == [name_of(SECRET)]
    assert "s3cret" not in vigil("people").output + str(listed)
    assert vigil("people", "remove", "Ben").exit_code == 0
    assert [each["name"] for each in json.loads(vigil("people", "--json").output)] == ["Cleo"]


def test_a_change_that_is_refused_changes_nothing(data_folder: Path) -> None:
    assert vigil("people", "add", "Ben", "--role", "caregiver", "--url", SECRET).exit_code == 0
    before = (data_folder / "people.toml").read_text()
    for args in (
        ("add", "Ben", "--role", "patient"),
        ("add", "Cleo", "--role", "caregiver", "--url", "nosuch://s3cret"),
        ("add", "Cleo", "--role", "caregiver", "--quiet-hours", "late"),
        ("remove", "Zoe"),
    ):
        done = vigil("people", *args)
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
        assert "s3cret" not in done.stderr
    assert (data_folder / "people.toml").read_text() == before


def test_ladders_outlive_a_change(data_folder: Path) -> None:
    data_folder.mkdir()
    ladder = '[[ladder]]\npriority = "low"\nrungs = [{ who = "caregiver 2", after_s = 5 }]\n'
    (data_folder / "people.toml").write_text(BEN + BEN.replace("Ben", "Cleo") + ladder)
    assert vigil("people", "on-call", "Cleo").exit_code == 0
    known, problems = people.read(data_folder / "people.toml", refused)
    assert problems == []
    assert told(known, "low") == [(0, "Ben")]


def test_a_drill_reports_each_way() -> None:
    with NtfyServer() as server:
        server.refusing = {"cleo"}
        for name in ("ada", "ben", "cleo"):
            vigil("people", "add", name, "--role", "caregiver", "--url", server.url(name))
        vigil("people", "add", "Dan", "--role", "clinician")
        done = vigil("alarms", "test", "--json", "--wait", "0")
        results = json.loads(done.stdout)
        assert done.exit_code == 1
        assert [(each["person"], each["ok"]) for each in results["results"]] == [
            ("ada", True),
            ("ben", True),
            ("cleo", False),
        ]
        assert results["results"][2]["problem"]
        assert results["without_address"] == ["Dan"]
        assert server.titles() == ["TEST: Vigil alarm drill"] * 2
        assert all("TEST" in each.body and "no alarm" in each.body for each in server.taken)
        done = vigil("alarms", "test", "--person", "ben", "--wait", "0")
        assert (done.exit_code, "taken" in done.output) == (0, True)


def test_a_drill_with_nobody_to_tell_fails() -> None:
    done = vigil("alarms", "test")
    assert (done.exit_code, done.stderr.startswith("Error: nobody is to be told")) == (1, True)
