"""What is told of alarms in looking back: every event of each, in its place in time, and by whom it was answered."""

from collections.abc import Callable
from typing import Any

from vigil_host.store.alarms import DEVICE_BUTTON
from vigil_host.web.picture import Picture
from vigil_wire import conditions


def histories(home: Any, run: Callable[..., Any]) -> tuple[list[list[str]], list[str]]:
    """The events of each recent alarm, newest alarm first, and those of none."""
    picture = Picture(home.live, home.alerts, lambda _: {}, home.clock, store=home.store)
    alarms = run(picture.alarms())
    return (
        [[event["text"] for event in alarm["events"]] for alarm in alarms["recent"]],
        [event["text"] for event in alarms["other_events"]],
    )


def test_each_alarm_has_its_own_events_in_order(home: Any, run: Callable[..., Any], utc_ms: int) -> None:
    journal = home.device.journal
    journal.anchor(0)
    journal.alarm(conditions.RAISED, 10_000, conditions.SPO2_LOW)
    journal.alarm(conditions.RAISED, 11_000, conditions.PULSE_RATE_LOW)
    journal.alarm(conditions.AUDIO_PAUSED, 12_000, conditions.ALL, value=120)
    journal.alarm(conditions.ACKNOWLEDGED, 13_000, conditions.SPO2_LOW, value=conditions.AT_DEVICE)
    journal.alarm(conditions.CLEARED, 14_000, conditions.SPO2_LOW)
    journal.alarm(conditions.RAISED, 20_000, conditions.SPO2_LOW)
    journal.alarm(conditions.RISEN, 21_000, conditions.SPO2_LOW)
    journal.alarm(conditions.STANDBY_BEGUN, 22_000, conditions.ALL, value=30)
    home.store.commit(home.device_id, journal.id, journal.records)
    recent, others = histories(home, run)
    assert recent == [
        ["Began", "Became more urgent"],
        ["Began"],
        ["Began", f"Acknowledged by {DEVICE_BUTTON}", "Ended"],
    ]
    assert others == ["Taken off on purpose, for 30 min at most", "Sound paused for 120 s"]
    events = home.store.alarm_events(0)
    assert [event.place.utc_ms for event in events][:2] == [utc_ms + 10_000, utc_ms + 11_000]


def test_who_acknowledged_it_here_is_named(home: Any, run: Callable[..., Any]) -> None:
    journal = home.device.journal
    journal.anchor(0)
    journal.alarm(conditions.RAISED, 10_000)
    home.store.commit(home.device_id, journal.id, journal.records)
    run(home.alerts.refresh())
    (alarm,) = home.alerts.active()
    run(home.alerts.acknowledge(alarm.id, "Ada"))
    assert histories(home, run)[0] == [["Began", "Acknowledged by Ada"]]
    journal.alarm(conditions.ACKNOWLEDGED, 13_000, value=conditions.FROM_AFAR)
    home.store.commit(home.device_id, journal.id, journal.records[-1:])
    assert histories(home, run)[0] == [["Began", "Acknowledged by Ada"]]


def test_an_event_of_an_unknown_kind_is_still_told(home: Any, run: Callable[..., Any]) -> None:
    journal = home.device.journal
    journal.anchor(0)
    journal.alarm(conditions.RAISED, 10_000)
    journal.alarm(99, 11_000)
    home.store.commit(home.device_id, journal.id, journal.records)
    assert histories(home, run)[0] == [["Began", "Event 99"]]
