"""When people are told of an alarm: rules without clock, database or network. Times are of `steady.py`.

One alarm goes up its ladder of people until it is acknowledged or over. It is *held*, and its time stands still, while
it is acknowledged, snoozed, or covered by a worse condition that is active. A *stage* begins where telling begins anew:
at the start, when the priority rises, and when an acknowledgement is no longer good.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vigil_host.delivery.people import Person
from vigil_wire import conditions

RETURN_MS = 30_000
"""What comes back so soon after its end is the same episode: no all clear between, no new start of the ladder."""
LATE_WAIT_MS = 30_000
"""So long what was over when it was learnt of waits for more of its kind, to be told as one."""
SNOOZE_MOST_S = {"high": 900, "medium": 7200, "low": 7200}
RARER_AFTER = 10
"""What lasts is told more rarely: not sooner than a tenth of the time it has lasted already."""

_COVERED_BY = {conditions.NAMES[what]: conditions.NAMES[by] for what, by in conditions.COVERED_BY.items()}


@dataclass(frozen=True)
class Telling:
    """How far telling has come. `held_ms`, `acknowledged_ms`, `ended_ms`: since when, None: it is not so.

    `episode` is the alarm it began with, where a condition came back soon after its end.
    """

    alarm_id: int
    episode: int
    priority: str
    begun_ms: int
    held_ms: int | None = None
    acknowledged_ms: int | None = None
    ended_ms: int | None = None
    stage: int = 0
    is_over: bool = False


@dataclass(frozen=True)
class Told:
    """What became of the newest message of this stage to one person: when it was decided, and how it went.

    `is_failing`: it was tried, and no address of that person has taken it.
    """

    decided_ms: int
    is_sent: bool
    is_failing: bool


def is_covered(condition: str, active: set[str]) -> bool:
    """Whether a worse condition, active on the same device, speaks for this one."""
    return _COVERED_BY.get(condition) in active


def rank(priority: str) -> int:
    """A number that is greater for a higher priority."""
    return conditions.PRIORITY_NAMES.index(priority)


def follow(telling: Telling, priority: str, is_acknowledged: bool, is_silenced: bool, now_ms: int) -> Telling:
    """Bring the telling of an active alarm in line with the alarm; `is_silenced`: it is covered, or snoozed."""
    if rank(priority) > rank(telling.priority):
        telling = replace(telling, begun_ms=now_ms, held_ms=None, stage=telling.stage + 1)
    telling = replace(telling, priority=priority, ended_ms=None)
    if telling.acknowledged_ms is not None and not is_acknowledged:
        telling = replace(telling, acknowledged_ms=None, stage=telling.stage + 1)
    elif telling.acknowledged_ms is None and is_acknowledged:
        telling = replace(telling, acknowledged_ms=now_ms)
    is_held = is_acknowledged or is_silenced
    if is_held and telling.held_ms is None:
        return replace(telling, held_ms=now_ms)
    if telling.held_ms is not None and not is_held:
        return replace(telling, begun_ms=telling.begun_ms + now_ms - telling.held_ms, held_ms=None)
    return telling


def due(
    telling: Telling,
    rungs: list[tuple[int, Person]],
    repeat_s: int | None,
    told: Mapping[str, Told],
    minute_of_day: int,
    now_ms: int,
) -> list[Person]:
    """Return who is to be told now. Whatever was missed meanwhile is told once.

    `told` is of this stage, by name. Where none of those who were told can be reached, the next is told at once.
    """
    if telling.held_ms is not None or telling.ended_ms is not None:
        return []
    lasted_ms = now_ms - telling.begun_ms
    is_next_wanted = bool(told) and all(each.is_failing for each in told.values())
    found = []
    for after_s, person in rungs:
        last = told.get(person.name)
        if person.is_quiet(minute_of_day) and telling.priority != "high":
            continue
        if last is not None:
            apart_ms = max((repeat_s or 0) * 1000, lasted_ms // RARER_AFTER)
            if repeat_s is not None and now_ms - last.decided_ms >= apart_ms:
                found.append(person)
        elif after_s * 1000 <= lasted_ms or is_next_wanted:
            found.append(person)
            is_next_wanted = False
    return found
