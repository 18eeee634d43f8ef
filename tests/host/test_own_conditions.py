"""What the bridge finds about itself: a wrong clock, a device that is heard and never met, a restart."""

from typing import Any

from vigil_host.own_conditions import (
    ANSWERS_UNHEARD,
    BEHIND_MS,
    CLOCK_WRONG,
    JUMPED_S,
    LINK_STALE,
    NOT_ADVERTISING,
    UNHEARD_S,
    ClockWatch,
    LinkWatch,
    OwnConditions,
)

UTC_MS = 1_795_000_000_000


def test_a_clock_that_jumps_is_wrong_for_a_while() -> None:
    for jump_ms in (3_600_000, -3_600_000):
        watch = ClockWatch()
        assert not watch.step(0.0, UTC_MS, None)
        assert not watch.step(5.0, UTC_MS + 5_900, None)  # set right by a second, as happens
        assert watch.step(10.0, UTC_MS + 10_000 + jump_ms, None)
        assert watch.step(10.0 + JUMPED_S - 1, UTC_MS + int(JUMPED_S * 1000) + jump_ms, None)
        assert not watch.step(10.0 + JUMPED_S, UTC_MS + 10_000 + int(JUMPED_S * 1000) + jump_ms, None)


def test_a_clock_that_is_behind_what_is_stored_is_wrong_as_long_as_it_is() -> None:
    watch = ClockWatch()
    assert watch.step(0.0, UTC_MS, UTC_MS + BEHIND_MS + 1)
    assert watch.step(5000.0, UTC_MS + 5_000_000, UTC_MS + 5_000_000 + BEHIND_MS + 1)
    assert not watch.step(5005.0, UTC_MS + 5_005_000, UTC_MS + BEHIND_MS)


def test_a_device_that_is_heard_and_not_met_for_a_quarter_of_an_hour() -> None:
    watch = LinkWatch()
    assert not watch.step("a", "adverts", 0.0)
    assert not watch.step("a", "adverts", 899.0)
    assert watch.step("a", "adverts", 900.0)
    assert not watch.step("b", "adverts", 900.0)
    assert not watch.step("a", "connected", 905.0)
    assert not watch.step("a", "adverts", 910.0)
    assert not watch.step("a", "silent", 1900.0)
    assert not watch.step("a", "adverts", 1910.0)


def test_they_are_alarms_of_low_priority_and_end(home: Any, journal: Any, content: Any, run: Any) -> None:
    def active() -> set[str]:
        return {alarm.condition for alarm in home.store.active_alarms()}

    home.store.commit(home.device_id, 1, [journal.vitals(0)])
    own = OwnConditions(home.store, home.live, home.clock, home.alerts.refresh)
    run(own.step())
    assert active() == {"bridge_restarted"}
    home.clock.now_s += 61
    run(own.step())
    assert active() == set()
    for _ in range(31):
        home.live.update(home.device_id, content(), "advert")
        run(own.step())
        home.clock.now_s += 30
    assert active() == {LINK_STALE}
    assert {alarm.priority for alarm in home.alerts.active()} == {"low"}
    home.live.set_connected(home.device_id, True)
    home.live.update(home.device_id, content(), "link")
    run(own.step())
    assert active() == set()
    home.clock.now_s += 1
    utc_ms = home.clock.utc_ms
    home.clock.utc_ms = lambda: utc_ms() + 3_600_000
    run(own.step())
    assert active() == {CLOCK_WRONG}


def test_the_first_start_of_a_home_is_no_restart(home: Any, run: Any) -> None:
    run(OwnConditions(home.store, home.live, home.clock, home.alerts.refresh).step())
    assert home.store.active_alarms() == []


def test_a_device_whose_record_is_elsewhere_need_not_be_met(home: Any, content: Any, run: Any) -> None:
    own = OwnConditions(home.store, home.live, home.clock, home.alerts.refresh, lambda _device: True)
    for _ in range(31):
        home.live.update(home.device_id, content(), "advert")
        run(own.step())
        home.clock.now_s += 30
    assert home.store.active_alarms() == []


def test_this_computer_is_to_be_on_the_air(home: Any, run: Any) -> None:
    mute = {home.device_id}
    own = OwnConditions(home.store, home.live, home.clock, home.alerts.refresh, is_mute=mute.__contains__)
    run(own.step())
    (alarm,) = home.store.active_alarms()
    assert (alarm.condition, alarm.priority) == (NOT_ADVERTISING, "low")
    mute.clear()
    run(own.step())
    assert home.store.active_alarms() == []


def test_answers_that_get_no_further_are_shown_until_they_do(home: Any, run: Any) -> None:
    unheard: list[str] = []
    own = OwnConditions(home.store, home.live, home.clock, home.alerts.refresh, unheard=lambda: unheard)

    def shown_after(seconds: float) -> set[str]:
        home.clock.now_s += seconds
        run(own.step())
        return {alarm.condition for alarm in home.store.active_alarms()}

    assert shown_after(1000) == set()
    unheard.append("ntfy.example")
    assert shown_after(UNHEARD_S - 1) == set()
    assert shown_after(1) == {ANSWERS_UNHEARD}
    unheard.clear()
    assert shown_after(1) == set()
