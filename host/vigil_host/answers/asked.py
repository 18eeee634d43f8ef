"""What an answer to a message does now, by what the database says of the message's alarm."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from vigil_host.delivery import escalation
from vigil_host.store import schema

OPEN = "open"
ACKNOWLEDGED = "acknowledged"
OVER = "over"
ASKED_AGAIN = "asked_again"


@dataclass(frozen=True)
class Asked:
    """A message that waits for an answer, or does not any more; `state` says which.

    `alarm_id` is the alarm that an answer acknowledges: the message's own or, where its condition ended and came back
    within the same episode, the one of now. OPEN: an answer acknowledges it. ACKNOWLEDGED: somebody has. OVER: it has
    ended. ASKED_AGAIN: it has been asked anew since, and only an answer to a newer message counts: who keeps an old
    answer cannot hold an alarm acknowledged for ever.
    """

    alarm_id: int
    person: str
    priority: str
    title: str
    body: str
    state: str


def look_up(connection: Connection, message_id: int, decided_utc_s: int) -> Asked | None:
    """Return what there is to answer; None where there was no such message at that second."""
    message, telling, alarm = schema.message, schema.telling, schema.alarm
    asked = connection.execute(
        select(message, telling.c.episode)
        .join(telling, telling.c.alarm == message.c.alarm)
        .where(message.c.id == message_id)
    ).first()
    if asked is None or asked.decided_utc_ms // 1000 != decided_utc_s:
        return None
    now = connection.execute(
        select(telling, alarm.c.ended_utc_ms, alarm.c.acknowledged_utc_ms, alarm.c.priority.label("priority_now"))
        .join(alarm, alarm.c.id == telling.c.alarm)
        .where(telling.c.episode == asked.episode)
        .order_by(telling.c.alarm.desc())
        .limit(1)
    ).one()
    if now.ended_utc_ms is not None:
        state = OVER
    elif now.acknowledged_utc_ms is not None:
        state = ACKNOWLEDGED
    elif (
        now.stage != asked.stage
        or now.acknowledged_ms is not None  # it was acknowledged, and is not any more: it is about to be asked anew
        or escalation.rank(now.priority_now) > escalation.rank(asked.priority)
    ):
        state = ASKED_AGAIN
    else:
        state = OPEN
    return Asked(now.alarm, asked.person, asked.priority, asked.title, asked.body, state)
