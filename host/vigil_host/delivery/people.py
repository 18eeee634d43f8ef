"""The people who are told of alarms, how each is reached, and in which order: one file, `people.toml`, kept private.

    [channels]                      # names for addresses that several people share; may be left out
    kitchen = "mqtt://127.0.0.1/home/kitchen"

    [[person]]
    name = "Ada"
    role = "patient"                # patient, caregiver, clinician
    urls = ["ntfys://ntfy.example/ada", "kitchen"]    # as Apprise knows them, or a channel's name
    quiet_hours = "22:00-07:00"     # by this machine's clock; high priority is told all the same
    wearers = ["Ada"]               # whose alarms; left out: everybody's
    emergency = false               # true: an emergency contact

    [[ladder]]                      # instead of the one that is built in; wearer may be left out
    priority = "high"
    wearer = "Ada"
    repeat_s = 120                  # left out: told once
    rungs = [{ who = "patient", after_s = 0 }, { who = "caregiver 1", after_s = 60 }]

Who is on call first is the first caregiver in the file. `who` is a role, a role with its place ("caregiver 2"),
"emergency", or a person's name.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vigil_host import private_file
from vigil_wire import conditions

PATIENT = "patient"
CAREGIVER = "caregiver"
ROLES = (PATIENT, CAREGIVER, "clinician")
EMERGENCY = "emergency"
PRIORITIES = conditions.PRIORITY_NAMES[1:]
MAX_NAME_LENGTH = 32
LEAST_REPEAT_S = 30
MOST_AFTER_S = 86_400

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_WHO = re.compile(rf"({'|'.join(ROLES)})( [1-9])?")


class PeopleError(Exception):
    """The people file cannot be used; the message is one line that says where and why, and tells no address."""


@dataclass(frozen=True)
class Person:
    """Somebody who is told. `urls` are secret. `wearers`: whose alarms; empty: everybody's.

    `quiet_minutes` is the first and the first not quiet minute of a day; None: never quiet.
    """

    name: str
    role: str
    urls: tuple[str, ...] = field(default=(), repr=False)
    quiet_minutes: tuple[int, int] | None = None
    wearers: tuple[str, ...] = ()
    is_emergency: bool = False

    @property
    def quiet_hours(self) -> str | None:
        """The quiet hours as they are written."""
        if self.quiet_minutes is None:
            return None
        first, end = self.quiet_minutes
        return f"{first // 60:02}:{first % 60:02}-{end // 60:02}:{end % 60:02}"

    def is_quiet(self, minute_of_day: int) -> bool:
        """Whether it is within this person's quiet hours."""
        if self.quiet_minutes is None:
            return False
        first, end = self.quiet_minutes
        return first <= minute_of_day < end if first < end else minute_of_day >= first or minute_of_day < end


@dataclass(frozen=True)
class Rung:
    """Who is told, and how long after the alarm began."""

    who: str
    after_s: int


@dataclass(frozen=True)
class Ladder:
    """In which order people are told of alarms of one priority, of one wearer or (None) of all.

    Each is told again every `repeat_s` until somebody acknowledges; None: once.
    """

    priority: str
    rungs: tuple[Rung, ...]
    repeat_s: int | None = None
    wearer: str | None = None


LADDERS = (
    Ladder(
        "high",
        (
            Rung(PATIENT, 0),
            Rung("caregiver 1", 60),
            Rung("caregiver 2", 180),
            Rung(CAREGIVER, 300),
            Rung(EMERGENCY, 300),
        ),
        repeat_s=120,
    ),
    Ladder("medium", (Rung(PATIENT, 0), Rung("caregiver 1", 300), Rung("caregiver 2", 900)), repeat_s=900),
    Ladder("low", (Rung(PATIENT, 0),)),
)
"""What holds where the file has no ladder for a priority."""


@dataclass(frozen=True)
class People:
    """What the file says: the people in on-call order, and the home's own ladders."""

    persons: tuple[Person, ...] = ()
    ladders: tuple[Ladder, ...] = ()

    def get(self, name: str) -> Person | None:
        """Return the person of this name."""
        return next((person for person in self.persons if person.name == name), None)

    def ladder(self, priority: str, wearer: str) -> Ladder:
        """Return the ladder for alarms of this priority of this wearer."""
        for owner in (wearer, None):
            for ladder in self.ladders:
                if (ladder.priority, ladder.wearer) == (priority, owner):
                    return ladder
        return next(ladder for ladder in LADDERS if ladder.priority == priority)

    def rungs(self, priority: str, wearer: str) -> list[tuple[int, Person]]:
        """Return whom to tell how many s after the alarm began, each person once, in the order they are told.

        Where nobody can be told at the start, as in a home whose patient has no telephone, all are told sooner by as
        much; where nobody is on the ladder at all, the first who can be reached is.
        """
        reachable = [person for person in self.persons if person.urls and wearer in (person.wearers or (wearer,))]
        found: dict[Person, int] = {}
        for rung in self.ladder(priority, wearer).rungs:
            for person in _meant(rung.who, reachable):
                found[person] = min(rung.after_s, found.get(person, rung.after_s))
        if not found:
            found = dict.fromkeys((*_meant(CAREGIVER, reachable), *reachable)[:1], 0)
        first_s = min(found.values(), default=0)
        return sorted(((after_s - first_s, person) for person, after_s in found.items()), key=lambda each: each[0])


def read(path: Path, refused: Callable[[str], str | None]) -> tuple[People, list[str]]:
    """Return the people in the file, and a line for each entry that cannot be used and is left out.

    `refused` says why an address is not one, None where it is. No file is nobody.
    """
    try:
        path.chmod(0o600)
        root = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return People(), []
    except OSError as error:
        return People(), [f"{path} cannot be read: {error.strerror}"]
    except ValueError as error:  # not TOML, or not UTF-8
        return People(), [f"{path} is not valid TOML: {_without_text(error)}"]
    return _Reader(path, refused).read(root)


def quiet_minutes(hours: str) -> tuple[int, int]:
    """Return the first and the first not quiet minute of a day; raises PeopleError."""
    match = _HOURS.fullmatch(hours)
    first, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
    if first == end:
        raise PeopleError(f'has quiet_hours {hours!r}: they are written "22:00-07:00"')
    return first, end


class PeopleFile:
    """The file as a command changes it: what is not right in it stops the change. Raises PeopleError."""

    def __init__(self, path: Path, refused: Callable[[str], str | None]) -> None:
        self.path = path
        self._refused = refused

    def list(self) -> People:
        """Return all people and ladders."""
        people, problems = read(self.path, self._refused)
        if problems:
            raise PeopleError(problems[0])
        return people

    def add(self, person: Person) -> None:
        """Add a person, last in on-call order."""
        people = self.list()
        self._write(people.ladders, [*people.persons, person])

    def remove(self, name: str) -> None:
        """Forget a person."""
        people = self.list()
        self._known(people, name)
        self._write(people.ladders, [each for each in people.persons if each.name != name])

    def put_on_call(self, name: str) -> None:
        """Make a person the first in on-call order."""
        people = self.list()
        first = self._known(people, name)
        self._write(people.ladders, [first, *(each for each in people.persons if each != first)])

    def _known(self, people: People, name: str) -> Person:
        person = people.get(name)
        if person is None:
            raise PeopleError(f"nobody is called {name!r}: `vigil people` lists them")
        return person

    def _write(self, ladders: Iterable[Ladder], persons: Iterable[Person]) -> None:
        """Replace the file by what reads as these, after reading it once."""
        root = {
            "person": [_person_table(each) for each in persons],
            "ladder": [_ladder_table(each) for each in ladders],
        }
        _people, problems = _Reader(self.path, self._refused).read(json.loads(json.dumps(root)))
        if problems:
            raise PeopleError(problems[0])
        lines = ["# The people who are told of alarms, and how. Keep this file secret.\n"]
        for kind, tables in root.items():
            for table in tables:
                lines.append(f"\n[[{kind}]]\n")
                lines += [f"{key} = {_toml(value)}\n" for key, value in table.items()]
        try:
            private_file.replace(self.path, "".join(lines))
        except OSError as error:
            raise PeopleError(f"{self.path} cannot be written: {error.strerror}") from error


class _Reader:
    """Reads entry by entry; what is wrong with one is noted, and the others are used."""

    def __init__(self, path: Path, refused: Callable[[str], str | None]) -> None:
        self._path = path
        self._refused = refused
        self._channels: dict[str, str] = {}
        self._names: set[str] = set()

    def read(self, root: dict[str, Any]) -> tuple[People, list[str]]:
        problems: list[str] = []
        persons: list[Person] = []
        ladders: list[Ladder] = []
        for key in set(root) - {"channels", "person", "ladder"}:
            problems.append(f"{self._path}: {key} is not a key Vigil knows")
        channels = root.get("channels", {})
        if not isinstance(channels, dict):
            problems.append(f"{self._path}: channels is a table of names and addresses")
            channels = {}
        for name, url in channels.items():
            why = self._refused(url) if isinstance(url, str) else "is text in quotes"
            if why:
                problems.append(f"{self._path}: channel {name!r} {why}")
            else:
                self._channels[name] = url
        for kind, found, make in (("person", persons, self._person), ("ladder", ladders, self._ladder)):
            tables = root.get(kind, [])
            if not isinstance(tables, list):
                problems.append(f"{self._path}: {kind} is written [[{kind}]]")
                continue
            for number, table in enumerate(tables, 1):
                try:
                    found.append(make(table))  # type: ignore[arg-type]  # each makes what its list holds
                except PeopleError as error:
                    named = table.get("name", number) if isinstance(table, dict) else number
                    problems.append(f"{self._path}: {kind} {named!r} {error}")
        return People(tuple(persons), tuple(ladders)), problems

    def _person(self, table: Any) -> Person:
        values = _checked(
            table, {"name": str, "role": str, "urls": list, "quiet_hours": str, "wearers": list, "emergency": bool}
        )
        name, role = values.get("name", ""), values.get("role")
        if not name.strip() or not name.isprintable() or len(name) > MAX_NAME_LENGTH:
            raise PeopleError(f"needs a name of 1 to {MAX_NAME_LENGTH} printable characters")
        if name in self._names:
            raise PeopleError("is there twice")
        if role not in ROLES:
            raise PeopleError(f"has a role of {', '.join(ROLES)}, not {role!r}")
        urls = []
        for number, each in enumerate(_texts("urls", values.get("urls", [])), 1):
            url = self._channels.get(each, each)
            why = self._refused(url)
            if why:
                raise PeopleError(f"has an address, number {number} of its urls, that {why}")
            urls.append(url)
        self._names.add(name)
        hours = values.get("quiet_hours")
        return Person(
            name=name,
            role=role,
            urls=tuple(dict.fromkeys(urls)),
            quiet_minutes=None if hours is None else quiet_minutes(hours),
            wearers=tuple(_texts("wearers", values.get("wearers", []))),
            is_emergency=values.get("emergency", False),
        )

    def _ladder(self, table: Any) -> Ladder:
        values = _checked(table, {"priority": str, "rungs": list, "repeat_s": int, "wearer": str})
        if values.get("priority") not in PRIORITIES:
            raise PeopleError(f"has a priority of {', '.join(PRIORITIES)}, not {values.get('priority')!r}")
        rungs = []
        for each in values.get("rungs", []):
            rung = _checked(each, {"who": str, "after_s": int})
            who, after_s = rung.get("who", ""), rung.get("after_s", -1)
            if not _WHO.fullmatch(who) and who != EMERGENCY and who not in self._names:
                raise PeopleError(f"tells {who!r}, who is neither a role nor a person of this file")
            if not 0 <= after_s <= MOST_AFTER_S:
                raise PeopleError(f"has a rung without after_s, a number of seconds from 0 to {MOST_AFTER_S}")
            rungs.append(Rung(who, after_s))
        if not rungs:
            raise PeopleError("has no rungs")
        repeat_s = values.get("repeat_s")
        if repeat_s is not None and repeat_s < LEAST_REPEAT_S:
            raise PeopleError(f"has a repeat_s below {LEAST_REPEAT_S}")
        return Ladder(values["priority"], tuple(rungs), repeat_s, values.get("wearer"))


def _meant(who: str, persons: list[Person]) -> list[Person]:
    """The people that a rung means."""
    if who == EMERGENCY:
        return [person for person in persons if person.is_emergency]
    role, _, place = who.partition(" ")
    if role in ROLES and _WHO.fullmatch(who):
        of_role = [person for person in persons if person.role == role]
        return of_role[int(place) - 1 : int(place)] if place else of_role
    return [person for person in persons if person.name == who]


def _checked(table: Any, kinds: dict[str, type]) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise PeopleError("is a table")
    names = {str: "text in quotes", int: "a whole number", bool: "true or false", list: "a list"}
    for key, value in table.items():
        if key not in kinds:
            raise PeopleError(f"has {key}, which is not a key Vigil knows")
        if type(value) is not kinds[key]:
            raise PeopleError(f"has {key}, which is {names[kinds[key]]}")
    return table


def _texts(key: str, values: list[Any]) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise PeopleError(f"has {key}, which is a list of texts in quotes")
    return values


def _without_text(error: ValueError) -> str:
    """What is wrong, and where, without the file's own words, which may be secret."""
    at = re.search(r"\(at [^)]*\)", str(error))
    return f"an error {at[0][1:-1]}" if at else "not UTF-8 text"


def _person_table(person: Person) -> dict[str, Any]:
    table: dict[str, Any] = {"name": person.name, "role": person.role, "urls": list(person.urls)}
    if person.quiet_hours is not None:
        table["quiet_hours"] = person.quiet_hours
    if person.wearers:
        table["wearers"] = list(person.wearers)
    if person.is_emergency:
        table["emergency"] = True
    return table


def _ladder_table(ladder: Ladder) -> dict[str, Any]:
    table: dict[str, Any] = {"priority": ladder.priority}
    if ladder.wearer is not None:
        table["wearer"] = ladder.wearer
    if ladder.repeat_s is not None:
        table["repeat_s"] = ladder.repeat_s
    table["rungs"] = [{"who": rung.who, "after_s": rung.after_s} for rung in ladder.rungs]
    return table


def _toml(value: Any) -> str:
    """A value as TOML writes it; text and numbers are as in JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
