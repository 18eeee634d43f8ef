"""Telling in the database: what is decided and what is to be sent are written together, and what became of it after.

`decide` is one transaction: a step of an escalation and its messages are both on disk, or neither is. A message is
marked once its service has taken it; what is not marked when the bridge ends is sent by the next one. So nothing is
lost, and what a service took in the moment of a crash may come twice. Every function runs in its caller's transaction;
times that end in `_ms` alone are of `steady.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from vigil_host.delivery import escalation, texts
from vigil_host.delivery.escalation import Telling, Told
from vigil_host.delivery.people import People, Person
from vigil_host.delivery.services import name_of
from vigil_host.limits import settings_in
from vigil_host.store import alarms, queries, schema
from vigil_host.store.queries import Alarm
from vigil_wire import conditions, records
from vigil_wire.settings import PROFILE_NAMES, Settings, SettingsError

DELIVERY_FAILING = "delivery_failing"
BRIDGE_RESTARTED = "bridge_restarted"
NOT_TOLD = (DELIVERY_FAILING, BRIDGE_RESTARTED)
"""Conditions that are shown and kept, and nobody is told of: they say that telling fails, or that it goes on."""

ALARM = "alarm"
ALL_CLEAR = "all_clear"
LATE = "late"
FIRST_RETRY_MS = 5_000
MOST_RETRY_MS = 120_000
MOST_ATTEMPTS = 34
"""After so many, about an hour, a message is not sent any more: it tells of another time."""
_LATE_RUNGS = 2  # who is told of what is over: the wearer, and the first who would have come


class SnoozeError(Exception):
    """What is asked for cannot be snoozed so long; the message is one line that says why."""


@dataclass(frozen=True)
class Scene:
    """The moment of a decision, and whom there is to tell. `is_unusable`: the people file could not be read."""

    people: People
    now_ms: int
    now_utc_ms: int
    minute_of_day: int
    is_unusable: bool = False
    emergency_number: str | None = None


@dataclass(frozen=True)
class Pending:
    """A message to one address that is to be sent now."""

    message_id: int
    service: str
    person: str
    attempts: int
    priority: str
    title: str
    body: str
    kind: str
    decided_utc_ms: int


@dataclass(frozen=True)
class Way:
    """What became of a message at one address. Neither sent nor pending: it was left, and `problem` says why."""

    service: str
    attempts: int
    is_pending: bool
    sent_utc_ms: int | None
    problem: str | None


@dataclass(frozen=True)
class Message:
    """A message to a person, as it was decided. `kind` is alarm, all_clear or late."""

    id: int
    alarm_id: int
    person: str
    kind: str
    priority: str
    decided_utc_ms: int
    title: str
    body: str
    ways: list[Way] = field(default_factory=list)


@dataclass(frozen=True)
class _Case:
    """An alarm, its telling and what telling depends on."""

    alarm: Row[Any]
    telling: Telling
    wearer_id: int | None
    wearer: str


def newest_written_ms(connection: Connection) -> int:
    """Return the newest instant that was written, 0 where there is none."""
    columns = (
        *(schema.telling.c.begun_ms, schema.telling.c.held_ms, schema.telling.c.acknowledged_ms),
        *(schema.telling.c.ended_ms, schema.message.c.decided_ms),
    )
    return max(connection.execute(select(func.max(column))).scalar() or 0 for column in columns)


def decide(connection: Connection, scene: Scene) -> bool:
    """Decide who is to be told of what now, and write it down; says whether an alarm was changed by it."""
    cases = _cases(connection, scene)
    if not cases:
        return False
    active: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(select(schema.alarm).where(schema.alarm.c.ended_utc_ms.is_(None))):
        active[row.device].append(row.condition)
    full = _Alarms(connection, [case.alarm for case in cases])
    changed = False
    late: dict[str, list[_Case]] = defaultdict(list)
    for case in cases:
        if case.alarm.ended_utc_ms is None:
            changed |= _go_on(connection, scene, case, set(active[case.alarm.device]), full)
        elif case.telling.ended_ms is None:
            _leave_pending(connection, case.telling.episode, "it was over")
            _keep(connection, replace(case.telling, ended_ms=scene.now_ms))
        elif _is_late(case.telling) and not _told(connection, case.telling, any_stage=True):
            late[case.wearer].append(case)
        elif scene.now_ms - case.telling.ended_ms >= escalation.RETURN_MS:
            _tell_end(connection, scene, case, full)
    for wearer, those in late.items():
        if scene.now_ms - min(case.telling.begun_ms for case in those) >= escalation.LATE_WAIT_MS:
            _tell_late(connection, scene, wearer, those, full)
    return changed


def pending(connection: Connection, now_ms: int) -> list[Pending]:
    """Return what is to be sent now, the most urgent first."""
    message, delivery = schema.message, schema.delivery
    rows = connection.execute(
        select(message, delivery.c.service, delivery.c.attempts)
        .join(delivery, delivery.c.message == message.c.id)
        .where(delivery.c.next_ms <= now_ms)
        .order_by(message.c.id)
    ).all()
    return [
        Pending(
            row.id,
            row.service,
            row.person,
            row.attempts,
            row.priority,
            row.title,
            row.body,
            row.kind,
            row.decided_utc_ms,
        )
        for row in sorted(rows, key=lambda row: -escalation.rank(row.priority))
    ]


def mark_sent(connection: Connection, sent: Pending, now_utc_ms: int) -> bool:
    """Note that a service has taken a message; says whether an alarm was changed by it."""
    _mark(connection, sent, attempts=sent.attempts + 1, next_ms=None, sent_utc_ms=now_utc_ms, problem=None)
    device = connection.execute(
        select(schema.alarm.c.device)
        .join(schema.message, schema.message.c.alarm == schema.alarm.c.id)
        .where(schema.message.c.id == sent.message_id)
    ).scalar_one()
    return alarms.set_bridge_condition(connection, device, DELIVERY_FAILING, None, now_utc_ms)


def mark_failed(connection: Connection, failed: Pending, problem: str, now_ms: int) -> None:
    """Note that a service has not taken a message, and when it is tried again, if it is."""
    attempts = failed.attempts + 1
    wait_ms = min(FIRST_RETRY_MS << min(failed.attempts, 10), MOST_RETRY_MS)
    _mark(connection, failed, attempts=attempts, problem=problem)
    connection.execute(
        update(schema.delivery)
        .where(_is(failed), schema.delivery.c.next_ms.is_not(None))
        .values(next_ms=None if attempts >= MOST_ATTEMPTS else now_ms + wait_ms)
    )


def leave(connection: Connection, left: Pending, why: str) -> None:
    """Note that a message is not to be sent to an address any more."""
    _mark(connection, left, next_ms=None, problem=why)


def snooze(
    connection: Connection, wearer: str, condition: str, seconds: int, person: str, now_ms: int, now_utc_ms: int
) -> None:
    """Tell nobody of this condition of this wearer for so long, unless it gets a higher priority than it has now.

    Raises SnoozeError.
    """
    wearer_id = connection.execute(select(schema.wearer.c.id).where(schema.wearer.c.name == wearer)).scalar()
    if wearer_id is None:
        raise SnoozeError(f"nobody called {wearer!r} wears a device")
    active = connection.execute(
        select(schema.alarm.c.priority)
        .join(schema.assignment, schema.assignment.c.device == schema.alarm.c.device)
        .where(
            schema.alarm.c.condition == condition,
            schema.alarm.c.ended_utc_ms.is_(None),
            schema.assignment.c.wearer == wearer_id,
            schema.assignment.c.to_utc_ms.is_(None),
        )
    ).scalars()
    priority = max(active, key=escalation.rank, default=_usual_priority(condition))
    most_s = escalation.SNOOZE_MOST_S[priority]
    if not 0 < seconds <= most_s:
        raise SnoozeError(f"an alarm of {priority} priority can be snoozed for 1 to {most_s // 60} minutes")
    connection.execute(
        insert(schema.snooze).values(
            wearer=wearer_id,
            condition=condition,
            priority=priority,
            until_ms=now_ms + seconds * 1000,
            made_utc_ms=now_utc_ms,
            by=person,
        )
    )


def end_snooze(connection: Connection, wearer: str, condition: str, now_ms: int) -> bool:
    """Tell of this condition again; says whether it was snoozed."""
    wearer_id = select(schema.wearer.c.id).where(schema.wearer.c.name == wearer).scalar_subquery()
    done = connection.execute(
        update(schema.snooze)
        .where(
            schema.snooze.c.wearer == wearer_id,
            schema.snooze.c.condition == condition,
            schema.snooze.c.until_ms > now_ms,
        )
        .values(until_ms=now_ms)
    )
    return done.rowcount > 0


def newest_messages(connection: Connection, limit: int, alarm_id: int | None = None) -> list[Message]:
    """Return the newest messages, of one alarm or of all, newest first."""
    wanted = select(schema.message).order_by(schema.message.c.id.desc()).limit(limit)
    if alarm_id is not None:
        wanted = wanted.where(schema.message.c.alarm == alarm_id)
    rows = connection.execute(wanted).all()
    ways: dict[int, list[Way]] = defaultdict(list)
    ids = [row.id for row in rows]
    for row in connection.execute(select(schema.delivery).where(schema.delivery.c.message.in_(ids))):
        way = Way(row.service, row.attempts, row.next_ms is not None, row.sent_utc_ms, row.problem)
        ways[row.message].append(way)
    return [
        Message(
            row.id, row.alarm, row.person, row.kind, row.priority, row.decided_utc_ms, row.title, row.body, ways[row.id]
        )
        for row in rows
    ]


class _Alarms:
    """The alarms of a decision as a message tells them, read when one does."""

    def __init__(self, connection: Connection, rows: Iterable[Row[Any]]) -> None:
        self._connection = connection
        self._since_utc_ms = min((row.ended_utc_ms for row in rows if row.ended_utc_ms is not None), default=None)
        self._found: dict[int, Alarm] | None = None

    def __getitem__(self, alarm_id: int) -> Alarm:
        return self._all()[alarm_id]

    def active(self, device: str) -> list[Alarm]:
        """What is active on a device, but for what is not told."""
        return [
            alarm
            for alarm in self._all().values()
            if alarm.active and alarm.device_id == device and alarm.condition not in NOT_TOLD
        ]

    def _all(self) -> dict[int, Alarm]:
        if self._found is None:
            self._found = {alarm.id: alarm for alarm in queries.alarms(self._connection, self._since_utc_ms)}
        return self._found


def _cases(connection: Connection, scene: Scene) -> list[_Case]:
    """The alarms whose telling is not over, by id; those that are new get one."""
    telling, alarm = schema.telling, schema.alarm
    open_rows = {row.alarm: _telling(row) for row in connection.execute(select(telling).where(telling.c.is_over == 0))}
    newest = connection.execute(select(func.max(telling.c.alarm))).scalar() or 0
    rows = connection.execute(
        select(alarm, schema.wearer.c.id.label("wearer_id"), schema.wearer.c.name.label("wearer_name"))
        .outerjoin(
            schema.assignment,
            and_(schema.assignment.c.device == alarm.c.device, schema.assignment.c.to_utc_ms.is_(None)),
        )
        .outerjoin(schema.wearer, schema.wearer.c.id == schema.assignment.c.wearer)
        .where(or_(alarm.c.id > newest, alarm.c.id.in_(open_rows)))
        .order_by(alarm.c.id)
    ).all()
    cases: dict[int, _Case] = {}
    for row in rows:
        known = open_rows.get(row.id)
        if known is None:
            before = next(
                (
                    case.telling
                    for case in cases.values()
                    if (case.alarm.device, case.alarm.condition) == (row.device, row.condition)
                    and case.alarm.ended_utc_ms is not None
                    and not _is_late(case.telling)
                ),
                None,
            )
            known = _new(row, before, scene.now_ms)
            _keep(connection, known)
            if before is not None:
                _keep(connection, replace(before, is_over=True))
                del cases[before.alarm_id]
        if not known.is_over:
            cases[row.id] = _Case(row, known, row.wearer_id, row.wearer_name or "the wearer")
    return list(cases.values())


def _new(row: Row[Any], before: Telling | None, now_ms: int) -> Telling:
    """The telling of an alarm nobody was told of yet; `before`: the one whose condition has come back."""
    if row.condition in NOT_TOLD:
        return Telling(row.id, row.id, row.priority, now_ms, is_over=True)
    if row.ended_utc_ms is not None and before is None:
        return Telling(row.id, row.id, row.priority, now_ms, ended_ms=now_ms)
    if before is None:
        return Telling(row.id, row.id, row.priority, now_ms)
    stood_ms = (before.ended_ms or now_ms) - before.held_ms if before.held_ms is not None else 0
    stage = before.stage + int(before.acknowledged_ms is not None)
    return Telling(row.id, before.episode, before.priority, before.begun_ms + stood_ms, stage=stage)


def _is_late(telling: Telling) -> bool:
    """Whether an alarm was over when it was learnt of."""
    return telling.ended_ms == telling.begun_ms


def _go_on(connection: Connection, scene: Scene, case: _Case, active: set[str], full: _Alarms) -> bool:
    """The next step for an alarm that is active; says whether the alarm was changed."""
    is_acknowledged = case.alarm.acknowledged_utc_ms is not None
    is_silenced = escalation.is_covered(case.alarm.condition, active) or _is_snoozed(connection, case, scene.now_ms)
    telling = escalation.follow(case.telling, case.alarm.priority, is_acknowledged, is_silenced, scene.now_ms)
    if telling != case.telling:
        _keep(connection, telling)
        if telling.acknowledged_ms is not None and case.telling.acknowledged_ms is None:
            _leave_pending(connection, telling.episode, "it was acknowledged")
    told = _told(connection, telling)
    rungs = scene.people.rungs(telling.priority, case.wearer)
    repeat_s = scene.people.ladder(telling.priority, case.wearer).repeat_s
    for person in escalation.due(telling, rungs, repeat_s, told, scene.minute_of_day, scene.now_ms):
        is_calibrated, profile = _in_force(connection, case.alarm.device)
        title, body = texts.of_alarm(
            full[telling.alarm_id], case.wearer, is_calibrated, profile, scene.emergency_number
        )
        _leave_pending(connection, telling.episode, "a newer message took its place", person.name)
        _write(connection, scene, telling, person, ALARM, telling.priority, title, body)
    is_failing = bool(told) and all(each.is_failing for each in told.values())
    if telling.held_ms is None and (is_failing or scene.is_unusable):
        return alarms.set_bridge_condition(
            connection, case.alarm.device, DELIVERY_FAILING, telling.priority, scene.now_utc_ms
        )
    return False


def _tell_end(connection: Connection, scene: Scene, case: _Case, full: _Alarms) -> None:
    """Tell those who were told that it is over; those whom nothing reached, that it was."""
    others = full.active(case.alarm.device)
    for name, told in _told(connection, case.telling, any_stage=True).items():
        person = scene.people.get(name)
        if person is None or not person.urls:
            continue
        make = texts.all_clear if told.is_sent else texts.unreached
        title, body = make(full[case.alarm.id], case.wearer, others)
        is_urgent = case.telling.priority == "high"
        _write(connection, scene, case.telling, person, ALL_CLEAR, "low", title, body, may_wake=is_urgent)
    _keep(connection, replace(case.telling, is_over=True))


def _tell_late(connection: Connection, scene: Scene, wearer: str, cases: Sequence[_Case], full: _Alarms) -> None:
    """Tell once of alarms that were over when they were learnt of."""
    by_person: dict[Person, list[_Case]] = defaultdict(list)
    for case in cases:
        rungs = scene.people.rungs(case.telling.priority, wearer)
        for _after_s, person in rungs[: 1 if case.telling.priority == "low" else _LATE_RUNGS]:
            by_person[person].append(case)
        _keep(connection, replace(case.telling, is_over=True))
    for person, those in by_person.items():
        others = [alarm for device in {case.alarm.device for case in those} for alarm in full.active(device)]
        title, body = texts.late([full[case.alarm.id] for case in those], wearer, others)
        _write(connection, scene, those[-1].telling, person, LATE, "low", title, body, may_wake=False)


def _write(
    connection: Connection,
    scene: Scene,
    telling: Telling,
    person: Person,
    kind: str,
    priority: str,
    title: str,
    body: str,
    may_wake: bool = True,
) -> None:
    """Write a message to all addresses of a person; one that may not wake them waits for their quiet hours' end."""
    wait_ms = 0
    if not may_wake and person.quiet_minutes and person.is_quiet(scene.minute_of_day):
        wait_ms = (person.quiet_minutes[1] - scene.minute_of_day) % 1440 * 60_000
    message_id = connection.execute(
        insert(schema.message)
        .values(
            alarm=telling.alarm_id,
            person=person.name,
            kind=kind,
            priority=priority,
            stage=telling.stage,
            decided_ms=scene.now_ms,
            decided_utc_ms=scene.now_utc_ms,
            title=title,
            body=body,
        )
        .returning(schema.message.c.id)
    ).scalar_one()
    connection.execute(
        insert(schema.delivery),
        [
            {"message": message_id, "service": name_of(url), "attempts": 0, "next_ms": scene.now_ms + wait_ms}
            for url in person.urls
        ],
    )


def _told(connection: Connection, telling: Telling, any_stage: bool = False) -> dict[str, Told]:
    """By person: what became of the newest message of an episode's stage or, of all stages, whether any was sent."""
    message, delivery = schema.message, schema.delivery
    wanted = (
        select(message, delivery.c.attempts, delivery.c.next_ms, delivery.c.sent_utc_ms)
        .join(schema.telling, schema.telling.c.alarm == message.c.alarm)
        .join(delivery, delivery.c.message == message.c.id)
        .where(schema.telling.c.episode == telling.episode, message.c.kind == ALARM)
        .order_by(message.c.id)
    )
    if not any_stage:
        wanted = wanted.where(message.c.stage == telling.stage)
    by_message: dict[tuple[str, int], list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(wanted):
        by_message[row.person, row.id].append(row)
    told: dict[str, Told] = {}
    for (person, _message_id), ways in by_message.items():
        is_sent = any(way.sent_utc_ms is not None for way in ways)
        if any_stage:
            before = told.get(person)
            told[person] = Told(ways[0].decided_ms, is_sent or (before is not None and before.is_sent), False)
        elif is_sent or any(way.next_ms is not None for way in ways):  # else it was left, and counts for nothing
            is_failing = not is_sent and all(way.attempts > 0 for way in ways if way.next_ms is not None)
            told[person] = Told(ways[0].decided_ms, is_sent, is_failing)
    return told


def _leave_pending(connection: Connection, episode: int, why: str, person: str | None = None) -> None:
    """Send no more of what is pending of an episode, to one person or to all."""
    of_episode = select(schema.telling.c.alarm).where(schema.telling.c.episode == episode)
    messages = select(schema.message.c.id).where(schema.message.c.alarm.in_(of_episode), schema.message.c.kind == ALARM)
    if person is not None:
        messages = messages.where(schema.message.c.person == person)
    connection.execute(
        update(schema.delivery)
        .where(schema.delivery.c.message.in_(messages), schema.delivery.c.next_ms.is_not(None))
        .values(next_ms=None, problem=func.coalesce(schema.delivery.c.problem + "; ", "") + why)
    )


def _is_snoozed(connection: Connection, case: _Case, now_ms: int) -> bool:
    rows = connection.execute(
        select(schema.snooze).where(
            schema.snooze.c.wearer == case.wearer_id,
            schema.snooze.c.condition == case.alarm.condition,
            schema.snooze.c.until_ms > now_ms,
        )
    )
    return any(
        escalation.rank(case.alarm.priority) <= escalation.rank(row.priority)
        and row.until_ms - now_ms <= escalation.SNOOZE_MOST_S[row.priority] * 1000  # else its clock was another one
        for row in rows
    )


def _usual_priority(condition: str) -> str:
    """The priority a condition begins with."""
    if condition in conditions.NAMES:
        return conditions.PRIORITY_NAMES[conditions.PRIORITIES[conditions.NAMES.index(condition)]]
    return "medium"


def _in_force(connection: Connection, device: str) -> tuple[bool, str]:
    """Whether the device's SpO2 is by a curve of its own board, and its profile, as its newest settings say."""
    record = queries.newest_record(connection, device, records.SETTINGS)
    try:
        found = Settings() if record is None else settings_in(record)
    except SettingsError:
        found = Settings()
    return len(found.spo2_curve) > 0, PROFILE_NAMES[found.profile]


def _telling(row: Row[Any]) -> Telling:
    return Telling(
        row.alarm,
        row.episode,
        row.priority,
        row.begun_ms,
        row.held_ms,
        row.acknowledged_ms,
        row.ended_ms,
        row.stage,
        bool(row.is_over),
    )


def _keep(connection: Connection, telling: Telling) -> None:
    values = asdict(telling)
    values["alarm"] = values.pop("alarm_id")
    values["is_over"] = int(telling.is_over)
    connection.execute(
        upsert(schema.telling).values(values).on_conflict_do_update(index_elements=["alarm"], set_=values)
    )


def _is(entry: Pending) -> Any:
    return and_(schema.delivery.c.message == entry.message_id, schema.delivery.c.service == entry.service)


def _mark(connection: Connection, entry: Pending, **values: Any) -> None:
    connection.execute(update(schema.delivery).where(_is(entry)).values(**values))
