"""What is seen, heard and felt at the device when alarms come and go, and what its button does."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from tests.firmware.bedside import LOW_SPO2, TEST_OVER_S, VERY_LOW, Bedside

from vigil_firmware import alarm_patterns
from vigil_firmware.device import Device
from vigil_firmware.indicators import Indicators
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.pattern_player import PatternPlayer
from vigil_firmware.storage import BLOCK_COUNT
from vigil_firmware.ticks import ticks_add, ticks_diff
from vigil_hal.light import CYAN, OFF, RED, YELLOW
from vigil_hal.panel import Panel
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_hal.simulated.panel import SimulatedPanel, pulses
from vigil_wire import conditions, records
from vigil_wire.conditions import AT_DEVICE, BESIDE_WEARER, HIGH, LOW, MEDIUM, NONE


@pytest.fixture
def bedside(make_rig: Any, first_tick: int) -> Bedside:
    return Bedside(make_rig, first_tick)


@pytest.fixture
def plain(make_rig: Any) -> Bedside:
    return Bedside(make_rig)


def spaces(burst: list[tuple[int, int]]) -> list[int]:
    """The silences between the tones of a burst."""
    return [after[0] - sum(before) for before, after in itertools.pairwise(burst)]


def check_high(burst: list[tuple[int, int]]) -> None:
    """Check a burst against the standard's table."""
    assert len(burst) == 10
    assert all(75 <= length <= 200 for _, length in burst), burst
    found = spaces(burst)
    assert all(50 <= found[index] <= 125 for index in (0, 1, 3, 5, 6, 8)), found
    assert all(found[index] > found[index - 1] + 75 for index in (2, 7)), "the rhythm 3 + 2"
    assert 350 <= found[4] <= 1_300


def check_medium(burst: list[tuple[int, int]]) -> None:
    """Check a burst against the standard's table."""
    assert len(burst) == 3
    assert all(125 <= length <= 250 for _, length in burst), burst
    assert all(125 <= space <= 250 for space in spaces(burst)), spaces(burst)


CHECKS = {HIGH: check_high, MEDIUM: check_medium}
GAPS_S = {HIGH: (2.5, 15), MEDIUM: (2.5, 30)}


def check_bursts(bedside: Bedside, priority: int, since_ms: int) -> None:
    """Check every burst that began since then and is over, and the silences between them."""
    bursts = [burst for burst in bedside.bursts() if burst[0][0] >= since_ms][:-1]
    assert len(bursts) >= 2
    for burst in bursts:
        CHECKS[priority](burst)
    for before, after in itertools.pairwise(bursts):
        least_s, most_s = GAPS_S[priority]
        assert least_s * 1000 <= after[0][0] - sum(before[-1]) <= most_s * 1000


# Blocked for 45 ms, as an erased sector blocks it, three times a second, at instants that wander through every pulse.
ERASING = lambda ms: ms % 337 < 45  # noqa: E731


@pytest.mark.parametrize("priority", [HIGH, MEDIUM])
@pytest.mark.parametrize("late", [lambda ms: False, ERASING], ids=["on time", "flash is erased"])
def test_bursts_have_the_timing_of_the_standard(bedside: Bedside, priority: int, late: Callable[[int], bool]) -> None:
    bedside.begin(priority)
    since_ms = bedside.now_ms
    bedside.run(40, late)
    check_bursts(bedside, priority, since_ms)


@pytest.mark.parametrize("priority", [HIGH, MEDIUM])
def test_steps_alone_keep_to_the_timing(make_rig: Any, first_tick: int, priority: int) -> None:
    bedside = Bedside(make_rig, first_tick, timer_ms=0)
    bedside.begin(priority)
    since_ms = bedside.now_ms
    bedside.run(40)
    check_bursts(bedside, priority, since_ms)


@pytest.mark.parametrize("priority", [HIGH, MEDIUM])
def test_first_pulse_comes_with_the_step_that_raises_the_alarm(bedside: Bedside, priority: int) -> None:
    bedside.begin(priority)
    assert bedside.is_sounding
    assert bedside.parts.vibration.level == 1
    assert ticks_diff(bedside.rig.now(), bedside.parts.buzzer.changes[-1][0]) == 0


def test_low_priority_sounds_once(bedside: Bedside) -> None:
    bedside.begin(LOW)
    since_ms = bedside.now_ms
    bedside.run(40)
    assert [length for _, length in bedside.tones(since_ms)] in ([160, 160], [140, 160], [160, 140], [140, 140])
    assert 125 <= spaces(bedside.tones(since_ms))[0] <= 250


def test_vibration_goes_with_the_sound(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.run(20)
    felt = [(at_ms, length) for at_ms, length, _ in pulses(plain.parts.vibration.changes)]
    assert felt == plain.tones()


@pytest.mark.parametrize(
    ("priority", "colour", "least_mhz", "most_mhz"), [(HIGH, RED, 1_400, 2_800), (MEDIUM, YELLOW, 400, 800)]
)
def test_light_flashes_as_the_priority_says(
    bedside: Bedside, priority: int, colour: int, least_mhz: int, most_mhz: int
) -> None:
    bedside.begin(priority)
    since = len(bedside.parts.leds.changes)
    bedside.run(25)
    flashes = pulses(bedside.parts.leds.changes, since)
    assert {lit for _, _, lit in flashes} == {colour}
    periods = [ticks_diff(after[0], before[0]) for before, after in itertools.pairwise(flashes)]
    assert len(periods) > 8
    assert all(least_mhz <= 1_000_000 // period <= most_mhz for period in periods)
    assert all(20 <= 100 * flash[1] // period <= 60 for flash, period in zip(flashes, periods, strict=False))


def test_light_of_low_priority_is_steady_and_ends_with_it(plain: Bedside) -> None:
    plain.begin(LOW)
    plain.run(10)
    assert plain.parts.leds.changes[-1][1] == CYAN
    assert ticks_diff(plain.rig.now(), plain.parts.leds.changes[-1][0]) >= 9_900
    plain.show()
    plain.until(lambda: plain.alarms.visible == NONE)
    plain.run(1)
    assert plain.parts.leds.colour == OFF


def test_light_goes_on_when_the_alarm_is_acknowledged(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.alarms.acknowledge(conditions.ALL, AT_DEVICE, plain.rig.now())
    since = len(plain.parts.leds.changes)
    plain.run(10)
    assert len(pulses(plain.parts.leds.changes, since)) >= 15


def test_nothing_is_lit_or_heard_without_an_alarm(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    since_ms = plain.now_ms
    lit = len(plain.parts.leds.changes)
    plain.run(300)
    assert plain.tones(since_ms) == []
    assert len(plain.parts.leds.changes) == lit


def test_higher_priority_breaks_into_a_burst(bedside: Bedside) -> None:
    bedside.begin(MEDIUM)
    bedside.show(VERY_LOW)
    bedside.until(lambda: bedside.alarms.audible == HIGH)
    at_ms = bedside.now_ms
    bedside.run(3)
    check_high([tone for tone in bedside.tones(at_ms - 20) if tone[0] >= at_ms - 20][-10:])


@pytest.mark.parametrize("how", ["pause", "acknowledge"])
def test_what_a_person_silences_is_silent_at_once(bedside: Bedside, how: str) -> None:
    bedside.begin(HIGH)
    bedside.run(0.3)
    if how == "pause":
        bedside.alarms.pause_audio(bedside.rig.now())
    else:
        bedside.alarms.acknowledge(conditions.ALL, BESIDE_WEARER, bedside.rig.now())
    bedside.run(0.1)
    since_ms = bedside.now_ms
    assert not bedside.is_sounding
    bedside.run(60)
    assert bedside.tones(since_ms) == []


def test_burst_of_an_alarm_that_ends_by_itself_is_played_to_its_end(plain: Bedside) -> None:
    plain.begin(HIGH)
    since_ms = plain.now_ms
    plain.run(2)
    plain.show()
    plain.until(lambda: plain.alarms.visible == NONE)
    assert plain.indicators._sound.is_playing, "it ends in the middle of a burst, or this proves nothing"
    plain.run(20)
    bursts = plain.bursts(since_ms)
    assert len(bursts) == 2
    check_high(bursts[1])


def test_new_condition_sounds_during_a_pause(bedside: Bedside) -> None:
    bedside.begin(MEDIUM)
    bedside.alarms.pause_audio(bedside.rig.now())
    bedside.run(5)
    assert not bedside.is_sounding
    bedside.show(LOW_SPO2, 1_400)
    bedside.until(lambda: bedside.alarms.audible == HIGH)
    at_ms = bedside.now_ms
    assert bedside.alarms.pause_left_s(bedside.rig.now()) > 60
    bedside.run(3)
    check_high(bedside.tones(at_ms))


def test_same_priority_sounds_during_a_pause(plain: Bedside) -> None:
    plain.begin(MEDIUM)
    plain.alarms.pause_audio(plain.rig.now())
    plain.run(5)
    plain.show(LOW_SPO2, 1_250)
    plain.until(lambda: plain.alarms.audible == MEDIUM)
    at_ms = plain.now_ms
    plain.run(3)
    check_medium(plain.tones(at_ms))


def test_sound_comes_back_when_the_pause_is_over(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.alarms.pause_audio(plain.rig.now())
    paused_ms = plain.now_ms
    plain.run(125)
    assert 119_000 <= plain.tones(paused_ms + 200)[0][0] - paused_ms <= 121_100


def test_reminder_every_two_minutes_while_it_is_silenced(plain: Bedside) -> None:
    plain.begin(MEDIUM)
    plain.alarms.acknowledge(conditions.ALL, AT_DEVICE, plain.rig.now())
    since_ms = plain.now_ms
    plain.run(500)
    reminders = plain.tones(since_ms + 200)
    assert [(at_ms - since_ms + 5_000) // 120_000 for at_ms, _ in reminders] == [1, 2, 3, 4]
    assert all(125 <= length <= 250 for _, length in reminders)


def test_low_priority_has_no_reminder(plain: Bedside) -> None:
    plain.begin(LOW)
    plain.alarms.acknowledge(conditions.ALL, AT_DEVICE, plain.rig.now())
    plain.alarms.begin_standby(10, AT_DEVICE, plain.rig.now())
    since_ms = plain.now_ms + 1_000
    plain.run(300)
    assert plain.tones(since_ms) == []


def test_low_condition_that_began_under_a_worse_one_is_heard_after_it(plain: Bedside) -> None:
    plain.run(560)
    plain.begin(MEDIUM)
    plain.until(lambda: plain.alarms.bits >> conditions.CLOCK_UNSET & 1 == 1)
    assert plain.alarms.audible == MEDIUM
    plain.show()
    plain.until(lambda: plain.alarms.audible == LOW)
    since_ms = plain.now_ms
    plain.run(40)
    assert [len(burst) for burst in plain.bursts(since_ms)][-1] == 2
    assert len(plain.bursts(since_ms)) <= 2, "the rest of a burst of medium priority, and its own"


def test_power_on_tries_each_light_and_sound(bedside: Bedside) -> None:
    bedside.run(1)
    assert bedside.lines == ["{FULL}" * 16] * 8
    bedside.run(TEST_OVER_S)
    assert not bedside.indicators.is_testing
    colours = [colour for _, colour in bedside.parts.leds.changes if colour]
    assert sorted(set(colours), key=colours.index) == [RED, YELLOW, CYAN]
    lengths = [length for _, length in bedside.tones()]
    assert len(lengths) == 5 + 3 + 2
    assert len(pulses(bedside.parts.vibration.changes)) == 10
    assert bedside.tones()[-1][0] < 5_000
    assert not bedside.is_sounding and bedside.parts.leds.colour == OFF
    assert bedside.lines[1] == "SpO2 %  Pulse"


def test_host_may_ask_to_try_the_signals(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    since_ms = plain.now_ms
    plain.monitor.must_try_signals = True
    plain.run(TEST_OVER_S)
    assert not plain.monitor.must_try_signals
    assert len(plain.tones(since_ms)) == 10
    plain.run(10)
    assert len(plain.tones(since_ms)) == 10


def test_alarm_ends_a_self_test(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.monitor.must_try_signals = True
    since_ms = plain.now_ms + 10_000
    plain.run(40)
    assert not plain.indicators.is_testing and not plain.monitor.must_try_signals
    check_bursts(plain, HIGH, since_ms)


def test_alarm_from_before_a_restart_sounds_before_any_self_test(make_rig: Any) -> None:
    bedside = Bedside(make_rig)
    before = Bedside(make_rig)
    before.begin(HIGH)
    bedside.alarms.restore(before.alarms.pack(), bedside.rig.now())
    bedside.show(VERY_LOW)
    bedside.run(3)
    assert bedside.bursts()[0][0][0] == 100
    check_high(bedside.bursts()[0])


@pytest.mark.parametrize("part", ["buzzer", "vibration", "light"])
def test_broken_part_is_named_and_the_others_go_on(plain: Bedside, part: str) -> None:
    plain.run(TEST_OVER_S)
    broken = {
        "buzzer": [plain.parts.buzzer],
        "vibration": [plain.parts.vibration],
        "light": plain.parts.leds.pins,
    }[part]
    for each in broken:
        each.is_broken = True
    plain.begin(HIGH)
    since_ms = plain.now_ms
    plain.run(30)
    assert part in plain.indicators.fault
    if part != "buzzer":
        check_bursts(plain, HIGH, since_ms)
    if part != "vibration":
        assert len(pulses(plain.parts.vibration.changes)) > 20
    if part != "light":
        assert plain.parts.leds.changes[-1][1] in (RED, OFF)
    assert plain.lines[0] == "VERY LOW OXYGEN"
    assert sum(each.calls for each in broken) < 1_000, "tries are bounded"
    for each in broken:
        each.is_broken = False
    since_ms = plain.now_ms
    plain.run(30)
    assert plain.indicators.fault == ""
    check_bursts(plain, HIGH, since_ms + 8_000)


def test_buzzer_that_fails_while_it_sounds_is_silenced_as_soon_as_it_can_be(plain: Bedside) -> None:
    plain.begin(MEDIUM)
    assert plain.is_sounding
    plain.parts.buzzer.is_broken = True
    plain.run(2)
    plain.parts.buzzer.is_broken = False
    plain.run(0.6)
    assert not plain.is_sounding
    assert plain.indicators.fault == ""


def test_device_without_any_part_runs(make_rig: Any) -> None:
    rig = make_rig()
    indicators = Indicators(Panel(), rig.monitor, rig.now())
    for _ in range(100):
        rig.run(1)
        indicators.step(rig.now())
        indicators.tick(rig.now())
    assert indicators.fault == ""


def device_with_panel(rig: Any, bluetooth: Any, parts: SimulatedPanel, lines: list[str]) -> Device:
    return Device(
        rig.bus, None, None, SimulatedFlash(BLOCK_COUNT), (lambda: MemoryStore(3),), bluetooth,
        lambda count: bytes(range(count)), lines.append, 1, rig.now(), parts.panel,
    )  # fmt: skip


def test_device_tells_a_broken_buzzer_once_and_goes_on_measuring(make_rig: Any, bluetooth: Any) -> None:
    rig = make_rig("0,72,84,2,36.7,0.02,1")
    parts = SimulatedPanel(rig.now)
    parts.buzzer.is_broken = True
    lines: list[str] = []
    device = device_with_panel(rig, bluetooth, parts, lines)
    for _ in range(400):
        for _ in range(5):
            rig.elapsed_ms += 20
            device.tick(rig.now())
        device.step(rig.now())
    assert device.monitor.vitals.spo2.has_value
    assert device.monitor.second >= 39
    assert device.monitor.alarms.visible == HIGH
    assert parts.vibration.changes and parts.oled.lines()[0] == "VERY LOW OXYGEN"
    assert [line for line in lines if "fault" in line] == ["fault: the buzzer fails (errno 5); check its wiring"]


def test_device_is_silent_and_dark_once_it_was_switched_off(make_rig: Any, bluetooth: Any) -> None:
    rig = make_rig()
    parts = SimulatedPanel(rig.now)
    device = device_with_panel(rig, bluetooth, parts, [])
    for _ in range(2):
        rig.elapsed_ms += 100
        device.step(rig.now())
    assert parts.leds.colour == RED
    device.switch_off_signals(rig.now())
    assert (parts.leds.colour, parts.vibration.level, parts.buzzer.changes[-1][1]) == (OFF, 0, 0)


# The button.


def test_press_pauses_and_a_later_one_acknowledges(bedside: Bedside) -> None:
    bedside.begin(HIGH)
    bedside.run(2)
    bedside.press()
    assert not bedside.is_sounding
    assert bedside.alarms.pause_left_s(bedside.rig.now()) >= 119
    assert not bedside.alarms.acknowledged_bits
    bedside.run(2)
    bedside.press()
    assert bedside.alarms.acknowledged_bits >> conditions.SPO2_VERY_LOW & 1
    assert bedside.events()[-1][1] == conditions.ACKNOWLEDGED


def test_presses_in_fear_only_pause(bedside: Bedside) -> None:
    bedside.begin(HIGH)
    bedside.run(2)
    for _ in range(6):
        bedside.press(100)
    assert bedside.alarms.pause_left_s(bedside.rig.now()) > 110
    assert not bedside.alarms.acknowledged_bits
    assert bedside.pairings == 0


def test_button_answers_with_a_blip(plain: Bedside) -> None:
    plain.begin(MEDIUM)
    plain.run(2)
    parts = plain.parts
    device_like = plain.button.done
    plain.press()
    assert plain.button.done == device_like + 1
    plain.indicators.confirm(plain.rig.now())
    plain.run(0.2)
    assert pulses(parts.vibration.changes)[-1][1] == 60


def test_press_in_the_first_second_of_a_sound_is_not_meant_for_it(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.press()
    assert plain.alarms.audible == HIGH
    plain.run(1)
    plain.press()
    assert plain.alarms.audible == NONE


def test_press_silences_what_began_during_a_pause_too_but_acknowledges_nothing(plain: Bedside) -> None:
    plain.begin(MEDIUM)
    plain.run(2)
    plain.press()
    plain.show(LOW_SPO2, 1_400)
    plain.until(lambda: plain.alarms.audible == HIGH)
    plain.run(1.5)
    plain.press()
    assert plain.alarms.audible == NONE
    assert not plain.alarms.acknowledged_bits


def test_long_sounding_alarm_can_still_be_paused(plain: Bedside) -> None:
    plain.begin(LOW)
    plain.button._heard_ms = ticks_add(plain.rig.now(), -600_000_000)  # 6.9 days: beyond half the tick's period
    plain.button._is_new = False
    plain.run(1)
    plain.press()
    assert plain.alarms.audible == NONE


def test_hold_begins_standby_and_another_ends_it(bedside: Bedside) -> None:
    bedside.run(TEST_OVER_S)
    bedside.press(2_800)
    assert not bedside.alarms.is_standby
    bedside.press(3_300)
    assert bedside.alarms.standby_left_ms > 479 * 60_000
    bedside.show(None, None)
    bedside.run(5)
    bedside.press(3_300)
    assert not bedside.alarms.is_standby
    assert bedside.pairings == 0


@pytest.mark.parametrize("priority", [HIGH, MEDIUM])
def test_hold_in_fear_begins_no_standby_and_acknowledges_nothing(plain: Bedside, priority: int) -> None:
    plain.begin(priority)
    plain.run(2)
    plain.press(6_000)
    assert not plain.alarms.is_standby
    assert not plain.alarms.acknowledged_bits
    assert plain.alarms.audible == NONE, "it paused, as a press does"


def test_hold_begins_standby_once_the_alarm_was_answered(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.run(2)
    plain.press()
    plain.run(2)
    plain.press()
    plain.press(3_300)
    assert plain.alarms.is_standby


def test_hold_when_the_sensor_came_off_a_wearer_in_danger_begins_no_standby(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.show(910)  # within three points of an emergency
    plain.run(20)
    plain.show(None, None)
    plain.until(lambda: plain.alarms.audible == HIGH)
    plain.run(2)
    plain.press(3_300)
    assert not plain.alarms.is_standby


def test_hold_when_the_sensor_is_off_begins_standby(plain: Bedside) -> None:
    plain.begin(LOW)
    plain.run(2)
    plain.press(3_300)
    assert plain.alarms.is_standby


def test_three_presses_open_pairing_when_nothing_is_wrong(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.press()
    plain.press()
    assert plain.pairings == 0
    plain.press()
    assert plain.pairings == 1
    for _ in range(2):
        plain.press()
    plain.run(3)
    plain.press()
    assert plain.pairings == 1, "too slow"


def test_presses_open_no_pairing_during_an_alarm(plain: Bedside) -> None:
    plain.begin(MEDIUM)
    plain.run(2)
    plain.press()
    plain.run(2)
    plain.press()
    assert plain.alarms.acknowledged_bits
    for _ in range(5):
        plain.press()
    assert plain.pairings == 0


def test_pairing_can_be_opened_while_something_minor_is_active(plain: Bedside) -> None:
    plain.begin(LOW)
    plain.run(2)
    plain.press()
    plain.run(2)
    plain.press()
    for _ in range(3):
        plain.press()
    assert plain.pairings == 1


@pytest.mark.parametrize("bounce_ms", [5, 12, 18])
@pytest.mark.parametrize("offset_ms", [0, 7, 13, 19])
def test_bounces_are_one_press(plain: Bedside, bounce_ms: int, offset_ms: int) -> None:
    plain.run(TEST_OVER_S)
    plain.parts.button.bounce_ms = bounce_ms
    plain.parts.button.press(ticks_add(plain.rig.now(), offset_ms), 120)
    plain.run(0.5)
    assert plain.button._presses == 1


def test_a_spike_is_no_press(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    for _ in range(30):
        plain.parts.button.press(ticks_add(plain.rig.now(), 7), 15)
        plain.run(0.1)
    assert plain.pairings == 0 and plain.button._presses == 0


def test_button_that_sticks_makes_one_press_and_one_hold(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.parts.button.press(plain.rig.now(), 600_000)
    plain.run(590)
    assert [event for _, event in plain.events() if event == conditions.STANDBY_BEGUN] == [conditions.STANDBY_BEGUN]
    assert plain.button.done == 1
    assert plain.pairings == 0


def test_button_that_sticks_does_not_silence_what_comes(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.parts.button.press(plain.rig.now(), 600_000)
    plain.run(5)
    plain.show(VERY_LOW)
    plain.until(lambda: plain.alarms.audible == HIGH)
    since_ms = plain.now_ms
    plain.run(40)
    check_bursts(plain, HIGH, since_ms)


def test_button_that_is_down_when_the_power_comes_is_no_press(plain: Bedside) -> None:
    plain.parts.button.press(plain.rig.now(), 30_000)
    plain.run(40)
    assert plain.button.done == 0
    assert not plain.alarms.is_standby
    for _ in range(3):
        plain.press()
    assert plain.pairings == 1


def test_button_that_cannot_be_read_is_named(plain: Bedside) -> None:
    plain.begin(HIGH)
    since_ms = plain.now_ms
    plain.parts.button.is_broken = True
    plain.run(30)
    assert "button" in plain.button.contact.fault
    check_bursts(plain, HIGH, since_ms)


# The player.


def test_tick_may_interrupt_a_tick(plain: Bedside) -> None:
    """As a timer's callback interrupts the step: the edge is made once."""
    plain.begin(HIGH)
    indicators, sound = plain.indicators, plain.indicators._sound
    tick = sound.tick

    def interrupted(now_ms: int) -> None:
        indicators.tick(now_ms)
        tick(now_ms)

    sound.tick = interrupted  # type: ignore[method-assign]
    since_ms = plain.now_ms
    plain.run(30)
    check_bursts(plain, HIGH, since_ms)


@pytest.mark.parametrize("first_tick", [0, (1 << 30) - 150])
def test_late_edges_make_pulses_longer_and_never_shorter(first_tick: int) -> None:
    player = PatternPlayer(first_tick)
    player.begin(alarm_patterns.BURSTS[MEDIUM], False, first_tick)
    levels = []
    for ms in range(0, 3_000, 20):
        if not 140 <= ms < 400:  # blocked
            player.tick(ticks_add(first_tick, ms))
        levels.append(player.level)
    text = "".join(str(level) for level in levels).rstrip("0")
    runs = [len(run) * 20 for run in text.replace("01", "0 1").replace("10", "1 0").split()]
    assert runs == [400, 140, 140, 140, 140]


def test_harmonics_of_the_tone_are_within_fifteen_decibels() -> None:
    import math

    from vigil_hal.buzzer import DUTY_U16, TONE_HZ

    duty = DUTY_U16 / 65_536
    levels = {n * TONE_HZ: abs(math.sin(n * math.pi * duty)) / n for n in range(1, 20)}
    audible = [level for hz, level in levels.items() if 300 <= hz <= 4_000]
    loudest = max(audible)
    assert 150 <= TONE_HZ <= 1_000
    assert sum(level > 0 and 20 * math.log10(loudest / level) <= 15 for level in audible if level > 1e-9) >= 4


def test_a_record_says_who_silenced_it(plain: Bedside) -> None:
    plain.begin(MEDIUM)
    plain.run(2)
    plain.press()
    plain.run(2)
    plain.press()
    acknowledged = [
        each
        for each in plain.rig.records()
        if each.kind == records.ALARM and each.fields["event"] == conditions.ACKNOWLEDGED
    ]
    assert [each.fields["value"] for each in acknowledged] == [AT_DEVICE]
