"""Alarms: one row for one occurrence, whoever tells of it first; and silence is an alarm."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from vigil_host.alerts import DEVICE_SILENT, RADIO_DEAF, Alerts
from vigil_host.live import Source
from vigil_host.recheck import Recheck
from vigil_host.store import Alarm, Gap, LiveBits, Store
from vigil_host.store.ledger import OVERWRITTEN
from vigil_wire import conditions
from vigil_wire.advert import Content

LOW = 1 << conditions.SPO2_LOW
HIGH_RATE = 1 << conditions.PULSE_RATE_HIGH
RAISED, CLEARED = conditions.RAISED, conditions.CLEARED


def alarms_in(store: Store) -> list[Alarm]:
    return store.alarms_since(0)


def test_record_alone(store: Store, device_id: str, journal: Any, utc_ms: int) -> None:
    sent = [journal.anchor(0, utc_ms), journal.alarm(RAISED, 20_000, onset_ms=10_000)]
    assert store.commit(device_id, 1, sent).alarms_changed
    (alarm,) = store.active_alarms()
    assert (alarm.condition, alarm.priority, alarm.source) == ("spo2_low", "medium", "device")
    assert (alarm.onset_utc_ms, alarm.cleared_utc_ms, alarm.value) == (utc_ms + 10_000, None, 86.5)
    store.commit(device_id, 1, [journal.alarm(CLEARED, 50_000, onset_ms=10_000)])
    assert store.active_alarms() == []
    (alarm,) = alarms_in(store)
    assert (alarm.active, alarm.onset_utc_ms, alarm.cleared_utc_ms) == (False, utc_ms + 10_000, utc_ms + 50_000)


def test_heard_then_record_is_one_row(store: Store, device_id: str, journal: Any, clock: Any, utc_ms: int) -> None:
    store.commit(device_id, 1, [journal.anchor(0, utc_ms)])
    clock.now_s += 21
    for newest in (0, 1, 1):  # content may go out just before its record is written
        store.apply_live_alarms(device_id, LiveBits(LOW, newest))
    (heard,) = store.active_alarms()
    assert (heard.onset_utc_ms, heard.value) == (clock.utc_ms(), None)
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000, onset_ms=10_000)])
    (told,) = alarms_in(store)
    assert (told.id, told.active, told.onset_utc_ms, told.value) == (heard.id, True, utc_ms + 10_000, 86.5)


def test_record_then_heard_is_one_row(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.vitals(0), journal.alarm(RAISED, 20_000)])
    assert not store.apply_live_alarms(device_id, LiveBits(LOW, 1))
    # An advert from before the raise says nothing about it.
    assert not store.apply_live_alarms(device_id, LiveBits(0, 0))
    assert len(store.active_alarms()) == len(alarms_in(store)) == 1


def test_heard_to_end_then_record(store: Store, device_id: str, journal: Any, utc_ms: int) -> None:
    sent = [journal.anchor(0, utc_ms), journal.alarm(RAISED, 20_000), journal.alarm(CLEARED, 50_000)]
    store.apply_live_alarms(device_id, LiveBits(LOW, 1))
    assert store.apply_live_alarms(device_id, LiveBits(0, 2))
    assert store.active_alarms() == []
    store.commit(device_id, 1, sent)
    (alarm,) = alarms_in(store)
    assert (alarm.active, alarm.onset_utc_ms, alarm.cleared_utc_ms) == (False, utc_ms, utc_ms + 50_000)


def test_an_old_advert_does_not_raise_again(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 0), journal.alarm(CLEARED, 5000)])
    assert not store.apply_live_alarms(device_id, LiveBits(LOW, 0))
    assert store.apply_live_alarms(device_id, LiveBits(LOW, 1))
    assert len(alarms_in(store)) == 2


def test_what_happened_out_of_hearing_has_rows_of_its_own(store: Store, device_id: str, journal: Any) -> None:
    for start in (0, 100_000):
        journal.alarm(RAISED, start)
        journal.alarm(CLEARED, start + 50_000)
    journal.alarm(RAISED, 200_000)
    store.apply_live_alarms(device_id, LiveBits(LOW, 4))
    store.commit(device_id, 1, journal.records)
    assert [alarm.active for alarm in alarms_in(store)].count(True) == 1
    assert len(alarms_in(store)) == 3


def test_a_lost_record_leaves_its_row_to_what_was_heard(store: Store, device_id: str, journal: Any) -> None:
    for number in range(20):
        journal.vitals(number)
    store.apply_live_alarms(device_id, LiveBits(LOW, 5))
    store.apply_live_alarms(device_id, LiveBits(0, 7))
    store.apply_live_alarms(device_id, LiveBits(LOW, 20))
    store.commit(device_id, 1, [journal.alarm(RAISED, 200_000)])
    first, second = alarms_in(store)
    assert (first.active, first.value) == (False, None)
    assert (second.active, second.value) == (True, 86.5)


def test_the_past_is_not_shown_as_active(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 0)], live=LiveBits(0, 9))
    assert store.active_alarms() == []
    store.commit(device_id, 1, [journal.alarm(CLEARED, 5000)], live=LiveBits(0, 9))
    assert len(alarms_in(store)) == 1


def test_delivered_twice_is_told_once(store: Store, device_id: str, journal: Any) -> None:
    sent = [journal.alarm(RAISED, 0), journal.alarm(CLEARED, 5000), journal.alarm(RAISED, 9000)]
    store.commit(device_id, 1, sent)
    before = alarms_in(store)
    assert not store.commit(device_id, 1, sent).alarms_changed
    assert alarms_in(store) == before
    assert len(before) == 2


def test_an_end_without_a_beginning_still_tells_of_an_alarm(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.alarm(CLEARED, 5000)])
    (alarm,) = alarms_in(store)
    assert (alarm.condition, alarm.active) == ("spo2_low", False)


def test_raised_twice_is_two_occurrences(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 0), journal.alarm(RAISED, 9000)])
    assert [alarm.active for alarm in alarms_in(store)] == [False, True]


def test_a_boot_ends_what_was_before_it(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 0)])
    store.apply_live_alarms(device_id, LiveBits(LOW | 1 << conditions.SENSOR_OFF, 0))
    store.commit(device_id, 1, [journal.vitals(1), journal.restart()])
    assert store.active_alarms() == []
    assert store.apply_live_alarms(device_id, LiveBits(LOW, 2))


def test_what_was_heard_to_end_ended_at_the_boot_that_is_told_of_later(
    store: Store, device_id: str, journal: Any, clock: Any, utc_ms: int
) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000)])
    clock.now_s += 3600
    store.apply_live_alarms(device_id, LiveBits(0, 2))
    store.commit(device_id, 1, [journal.restart(), journal.anchor(5_000, utc_ms + 5_000)])
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000), journal.alarm(CLEARED, 30_000), journal.restart()])
    assert [alarm.cleared_utc_ms for alarm in alarms_in(store)] == [utc_ms, utc_ms + 30_000]


def test_what_went_on_over_a_boot_and_was_heard_to_end_ended_at_the_next(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    first = [journal.anchor(5_000, utc_ms + 5_000), journal.alarm(RAISED, 20_000), journal.restart(LOW)]
    store.commit(device_id, 1, [*first, journal.anchor(7_000, utc_ms + 3_600_000)])
    store.apply_live_alarms(device_id, LiveBits(0, 5))
    store.commit(device_id, 1, [journal.restart(), journal.anchor(9_000, utc_ms + 7_209_000)])
    assert [alarm.cleared_utc_ms for alarm in alarms_in(store)] == [utc_ms + 7_200_000]


def test_what_was_heard_to_end_stays_so_where_records_are_missing(
    store: Store, device_id: str, journal: Any, clock: Any
) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000)])
    clock.now_s += 3600
    store.apply_live_alarms(device_id, LiveBits(0, 3))
    ended = clock.utc_ms()
    journal.vitals(30_000)
    store.commit(device_id, 1, [journal.restart()], [Gap(1, 1, OVERWRITTEN)])
    assert [alarm.cleared_utc_ms for alarm in alarms_in(store)] == [ended]


def test_an_end_of_which_the_beginning_is_missing_ends_nothing_of_before(
    store: Store, device_id: str, journal: Any, clock: Any, utc_ms: int
) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000)])
    clock.now_s += 3600
    store.apply_live_alarms(device_id, LiveBits(0, 2))
    ended = clock.utc_ms()
    journal.alarm(CLEARED, 30_000)
    boot = journal.restart()
    journal.alarm(RAISED, 30_000)
    sent = [boot, journal.anchor(35_000, utc_ms), journal.alarm(CLEARED, 40_000)]
    store.commit(device_id, 1, sent, [Gap(1, 1, OVERWRITTEN), Gap(3, 3, OVERWRITTEN)])
    assert [alarm.cleared_utc_ms for alarm in alarms_in(store)] == [ended, utc_ms + 5_000]


def test_a_boot_with_a_new_journal_ends_what_was_before_it(store: Store, device_id: str, make_journal: Any) -> None:
    store.commit(device_id, 1, [make_journal(1).alarm(RAISED, 50_000)])
    store.commit(device_id, 2, [make_journal(2).restart()])
    assert store.active_alarms() == []


def test_a_new_journal_ends_what_the_old_one_raised(store: Store, device_id: str, make_journal: Any) -> None:
    old, new = make_journal(1), make_journal(2)
    for number in range(30):
        old.vitals(number)
    store.commit(device_id, 1, [*old.records, old.alarm(RAISED, 50_000)])
    store.commit(device_id, 2, [new.vitals(0)])
    assert store.apply_live_alarms(device_id, LiveBits(0, 0))
    assert store.active_alarms() == []


def test_sequence_numbers_beyond_sixteen_bits(store: Store, device_id: str, journal: Any) -> None:
    def numbered(data: bytes, sequence: int) -> bytes:
        return sequence.to_bytes(4, "little") + data[4:]

    store.commit(device_id, 1, [numbered(journal.alarm(RAISED, 0), 30_000)])
    store.commit(device_id, 1, [numbered(journal.vitals(1), 70_000)])
    assert store.apply_live_alarms(device_id, LiveBits(0, 70_001 & 0xFFFF))
    assert store.active_alarms() == []


def test_the_last_condition_that_adverts_have_room_for(store: Store, device_id: str) -> None:
    store.apply_live_alarms(device_id, LiveBits(1 << 23, 0))
    (alarm,) = store.active_alarms()
    assert (alarm.condition, alarm.priority) == ("panel_fault", "medium")


def test_no_anchor_no_onset_until_there_is_one(store: Store, device_id: str, journal: Any, utc_ms: int) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000, onset_ms=10_000)])
    assert store.active_alarms()[0].onset_utc_ms is None
    store.commit(device_id, 1, [journal.anchor(30_000, utc_ms)])
    assert store.active_alarms()[0].onset_utc_ms == utc_ms - 20_000


def test_since_leaves_out_what_ended_before(store: Store, device_id: str, clock: Any) -> None:
    store.apply_live_alarms(device_id, LiveBits(LOW, 0))
    clock.now_s += 10
    store.apply_live_alarms(device_id, LiveBits(0, 1))
    assert len(store.alarms_since(clock.utc_ms())) == 1
    assert store.alarms_since(clock.utc_ms() + 1) == []


def hear(home: Any, content: Content, source: Source = "link") -> None:
    home.live.update(home.device_id, content, source)
    home.alerts.hear(home.device_id, content, source)


def test_what_is_heard_is_raised_and_cleared(
    home: Any, content: Callable[..., Content], run: Callable[[Any], Any]
) -> None:
    async def scenario() -> None:
        events = home.events.subscribe()
        hear(home, content(alarm_bits=LOW, newest=3))
        await home.alerts.step()
        assert [alarm.condition for alarm in home.alerts.active()] == ["spo2_low"]
        assert await anext(events) == "alarms"
        hear(home, content(alarm_bits=0, newest=3))
        await home.alerts.step()
        assert home.alerts.active() == []
        assert [alarm.active for alarm in home.alerts.since(0)] == [False]

    run(scenario())


def test_adverts_raise_at_once_and_clear_three_together(
    home: Any, content: Callable[..., Content], run: Callable[[Any], Any]
) -> None:
    async def heard(*bits: int) -> list[str]:
        for each in bits:
            hear(home, content(alarm_bits=each), "advert")
            await home.alerts.step()
        return [alarm.condition for alarm in home.alerts.active()]

    async def scenario() -> None:
        assert await heard(LOW) == ["spo2_low"]
        assert await heard(0, 0) == ["spo2_low"]
        assert await heard(LOW, 0, 0) == ["spo2_low"]  # three in a row
        assert await heard(0) == []
        assert await heard(LOW, LOW, HIGH_RATE, HIGH_RATE) == ["spo2_low", "pulse_rate_high"]
        assert await heard(HIGH_RATE) == ["pulse_rate_high"]
        assert len(home.alerts.since(0)) == 3

    run(scenario())


def test_one_word_over_the_link_clears(home: Any, content: Callable[..., Content], run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        hear(home, content(alarm_bits=LOW), "advert")
        await home.alerts.step()
        hear(home, content(alarm_bits=0), "link")
        await home.alerts.step()
        assert home.alerts.active() == []
        hear(home, content(alarm_bits=0), "advert")
        await home.alerts.step()
        assert len(home.alerts.since(0)) == 1

    run(scenario())


def test_a_forgery_by_chance_raises_and_never_clears(
    home: Any, content: Callable[..., Content], run: Callable[[Any], Any]
) -> None:
    async def scenario() -> None:
        hear(home, content(alarm_bits=LOW), "link")
        await home.alerts.step()
        for _ in range(5):
            home.alerts.hear(home.device_id, content(alarm_bits=0), "advert", is_confirmed=False)
            await home.alerts.step()
            assert [alarm.condition for alarm in home.alerts.active()] == ["spo2_low"]
        home.alerts.hear(home.device_id, content(alarm_bits=HIGH_RATE), "advert", is_confirmed=False)
        await home.alerts.step()
        assert len(home.alerts.active()) == 2

    run(scenario())


def test_the_loop_wakes_at_once(
    home: Any, content: Callable[..., Content], run: Callable[[Any], Any], until: Any
) -> None:
    async def scenario() -> None:
        task = asyncio.create_task(home.alerts.run())
        await asyncio.sleep(0.02)
        hear(home, content(alarm_bits=LOW))
        await until(lambda: bool(home.alerts.active()), 0.5)
        task.cancel()

    run(scenario())


def test_silence_is_an_alarm(home: Any, clock: Any, content: Callable[..., Content], run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        home.alerts.watch({home.device_id})
        hear(home, content())
        clock.now_s += 14.9
        await home.alerts.step()
        assert home.alerts.active() == []
        clock.now_s += 0.1
        await home.alerts.step()
        await home.alerts.step()
        (alarm,) = home.alerts.active()
        assert (alarm.condition, alarm.priority, alarm.source) == (DEVICE_SILENT, "medium", "bridge")
        hear(home, content())
        await home.alerts.step()
        assert home.alerts.active() == []

    run(scenario())


def test_silence_of_a_device_in_alarm_is_high(
    home: Any, clock: Any, content: Callable[..., Content], run: Callable[[Any], Any]
) -> None:
    async def scenario() -> None:
        home.alerts.watch({home.device_id})
        hear(home, content(alarm_bits=LOW))
        await home.alerts.step()
        clock.now_s += 15
        await home.alerts.step()
        assert {alarm.condition: alarm.priority for alarm in home.alerts.active()} == {
            "spo2_low": "medium",
            DEVICE_SILENT: "high",
        }

    run(scenario())


def test_a_deaf_radio_is_an_alarm_of_each_device_that_is_not_heard_otherwise(
    home: Any, clock: Any, content: Callable[..., Content], run: Callable[[Any], Any]
) -> None:
    async def scenario() -> None:
        home.alerts.watch({home.device_id})
        hear(home, content())
        home.alerts.set_deaf(True)
        await home.alerts.step()
        assert home.alerts.active() == []  # its link goes on, or a room hears it
        clock.now_s += 15
        await home.alerts.step()
        assert {alarm.condition for alarm in home.alerts.active()} == {DEVICE_SILENT, RADIO_DEAF}
        home.alerts.set_deaf(False)
        await home.alerts.step()
        assert [alarm.condition for alarm in home.alerts.active()] == [DEVICE_SILENT]

    run(scenario())


def test_a_removed_device_is_not_missed(home: Any, clock: Any, run: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        home.alerts.watch({home.device_id})
        clock.now_s += 15
        await home.alerts.step()
        assert len(home.alerts.active()) == 1
        home.alerts.watch(set())
        await home.alerts.step()
        assert home.alerts.active() == []

    run(scenario())


def test_a_restart_finds_the_alarms_as_they_were(
    home: Any, clock: Any, content: Callable[..., Content], run: Callable[[Any], Any]
) -> None:
    async def scenario() -> None:
        home.alerts.watch({home.device_id})
        hear(home, content(alarm_bits=LOW))
        await home.alerts.step()
        before = home.alerts.active()
        again = Alerts(home.store, home.live, home.events, clock)
        assert again.active() == before
        again.hear(home.device_id, content(alarm_bits=LOW), "link")
        await again.step()
        assert again.active() == before
        for quiet in range(3):  # a bridge that has just started does not clear by the first advert it hears
            assert [alarm.condition for alarm in again.active()] == ["spo2_low"], quiet
            again.hear(home.device_id, content(alarm_bits=0), "advert")
            await again.step()
        assert again.active() == []

    run(scenario())


def test_what_a_boot_says_goes_on_is_one_row_until_it_is_cleared(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    store.commit(device_id, 1, [journal.anchor(0, utc_ms), journal.alarm(RAISED, 20_000)])
    boot = journal.restart(alarm_bits=LOW)
    store.commit(device_id, 1, [boot, journal.anchor(5_000, utc_ms + 60_000)])
    (active,) = store.active_alarms()
    assert active.condition == "spo2_low"
    store.apply_live_alarms(device_id, LiveBits(0, 4))  # its end is heard of first
    store.commit(device_id, 1, [journal.alarm(CLEARED, 30_000)])
    (alarm,) = alarms_in(store)
    assert (alarm.id, alarm.active, alarm.cleared_utc_ms) == (active.id, False, utc_ms + 85_000)


def test_a_boot_tells_of_an_alarm_whose_beginning_is_lost(
    store: Store, device_id: str, journal: Any, utc_ms: int
) -> None:
    boot = journal.restart(alarm_bits=1 << conditions.SPO2_VERY_LOW)
    store.commit(device_id, 1, [boot, journal.anchor(5_000, utc_ms)])
    (alarm,) = store.active_alarms()
    assert (alarm.condition, alarm.priority, alarm.onset_utc_ms) == ("spo2_very_low", "high", utc_ms - 5_000)


@pytest.mark.parametrize(
    ("event", "value", "says"),
    [
        (conditions.RISEN, 0, {"priority": "high", "acknowledged_by": None}),
        (conditions.LATCHED, 0, {"is_latched": True}),
        (conditions.ACKNOWLEDGED, conditions.AT_DEVICE, {"acknowledged_by": "the button on the device"}),
        (conditions.ACKNOWLEDGED, conditions.FROM_AFAR, {"acknowledged_by": "Bea"}),  # whose name is known here
        (conditions.SOUNDS_AGAIN, 0, {"acknowledged_by": None, "is_latched": False}),
    ],
)
def test_what_else_happens_to_an_alarm(
    store: Store, device_id: str, journal: Any, event: int, value: int, says: dict[str, Any]
) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000)])
    (alarm,) = store.active_alarms()
    assert store.acknowledge_alarm(alarm.id, "Bea")
    assert not store.acknowledge_alarm(alarm.id, "Cid")
    store.commit(device_id, 1, [journal.alarm(event, 25_000, value=value)])
    (alarm,) = store.active_alarms()
    assert {name: getattr(alarm, name) for name in says} == says


def test_a_pause_of_the_audio_is_no_alarm(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.alarm(conditions.AUDIO_PAUSED, 25_000, condition=conditions.ALL, value=120)])
    assert alarms_in(store) == []


def test_content_ends_nothing_that_it_has_no_bit_for(store: Store, device_id: str, journal: Any) -> None:
    store.commit(device_id, 1, [journal.alarm(RAISED, 20_000, condition=conditions.CLOCK_UNSET)])
    store.apply_live_alarms(device_id, LiveBits(0, 5))
    assert [alarm.condition for alarm in store.active_alarms()] == ["clock_unset"]


def test_the_bridge_raises_what_a_device_ought_to_have_told(
    home: Any, clock: Any, content: Callable[..., Content], run: Callable[[Any], Any], device_id: str
) -> None:
    recheck = Recheck(lambda _device: None, clock)
    alerts = Alerts(home.store, home.live, home.events, clock, recheck)

    async def seconds(count: int, **said: Any) -> None:
        for _ in range(count):
            clock.now_s += 1
            home.live.update(device_id, content(**said), "link")
            alerts.hear(device_id, content(**said), "link")
            await alerts.step()

    async def scenario() -> None:
        alerts.watch({device_id})
        await seconds(20, spo2=800)  # ten of delay, and the device may be ten behind
        assert alerts.active() == []
        await seconds(2, spo2=800)
        (alarm,) = alerts.active()
        assert (alarm.condition, alarm.priority, alarm.source) == ("spo2_very_low", "high", "bridge")
        await seconds(1, spo2=800, alarm_bits=1 << conditions.SPO2_VERY_LOW)  # it says so at last
        (again,) = alerts.active()
        assert (again.id, again.source) == (alarm.id, "device")
        await seconds(30, spo2=970)
        assert alerts.active() == []
        assert [each.condition for each in alarms_in(home.store)] == ["spo2_very_low"]

    run(scenario())


def test_a_device_with_its_own_bridge_is_not_judged_by_limits_that_may_not_be_its_own(
    clock: Any, content: Callable[..., Content], device_id: str
) -> None:
    for is_elsewhere in (False, True):
        recheck = Recheck(lambda _device: None, clock, lambda _device, it=is_elsewhere: it)
        for _ in range(40):
            clock.now_s += 1
            recheck.hear(device_id, content(spo2=800))
            recheck.step()
        assert bool(recheck.missed(device_id)) is not is_elsewhere


def test_an_acknowledgement_holds_five_minutes_and_not_when_it_gets_worse(
    home: Any, clock: Any, content: Callable[..., Content], run: Callable[[Any], Any], device_id: str
) -> None:
    alerts = Alerts(home.store, home.live, home.events, clock, Recheck(lambda _device: None, clock))
    bits = 1 << conditions.SPO2_VERY_LOW

    async def seconds(count: int, spo2: int) -> None:
        for _ in range(count):
            clock.now_s += 1
            home.live.update(device_id, content(), "link")
            alerts.hear(device_id, content(spo2=spo2, alarm_bits=bits), "link")
            await alerts.step()

    async def scenario() -> None:
        alerts.watch({device_id})
        await seconds(15, 880)
        (alarm,) = alerts.active()
        assert await alerts.acknowledge(alarm.id, "Bea")
        await seconds(20, 860)
        assert alerts.active()[0].acknowledged_by == "Bea"
        await seconds(1, 850)  # three points below where it was acknowledged
        assert alerts.active()[0].acknowledged_by is None
        assert await alerts.acknowledge(alarm.id, "Bea")
        await seconds(298, 850)
        assert alerts.active()[0].acknowledged_by == "Bea"
        await seconds(3, 850)
        assert alerts.active()[0].acknowledged_by is None

    run(scenario())
