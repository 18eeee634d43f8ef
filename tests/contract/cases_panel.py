"""Lights, buzzers and button, simulated and driven, and a pattern on them, on every runtime."""

from tests.contract.rigs import Clock, error_number

from vigil_firmware import alarm_patterns
from vigil_firmware.button import Contact
from vigil_firmware.indicators import OutputPart
from vigil_firmware.pattern_player import TICK_MS, PatternPlayer
from vigil_firmware.ticks import ticks_add, ticks_diff
from vigil_hal.buzzer import DUTY_U16, TONE_HZ, ToneBuzzer
from vigil_hal.light import BLUE, CYAN, GREEN, OFF, RED, YELLOW, RgbLight
from vigil_hal.simulated.panel import (
    SimulatedButton,
    SimulatedLeds,
    SimulatedPanel,
    SimulatedPin,
    SimulatedPwm,
    pulses,
)
from vigil_wire.conditions import HIGH


def case_light_shows_each_colour() -> None:
    clock = Clock()
    leds = SimulatedLeds(clock)
    light = RgbLight(leds.pins[0], leds.pins[1], leds.pins[2])
    for colour in (RED, GREEN, BLUE, YELLOW, CYAN, OFF):
        clock.advance(10)
        light.value(colour)
        assert leds.colour == colour
        assert leds.changes[-1] == (clock.now_ms, colour)
    assert len(leds.changes) == 6, "what was lit on the way to a mixed colour is no change"


def case_plain_led_is_lit_for_each_colour() -> None:
    led = SimulatedPin(Clock())
    for colour in (RED, YELLOW, CYAN):
        led.value(OFF)
        led.value(colour)
        assert led.value() == 1


def case_broken_led_raises() -> None:
    leds = SimulatedLeds(Clock())
    leds.pins[2].is_broken = True
    assert error_number(lambda: RgbLight(leds.pins[0], leds.pins[1], leds.pins[2]).value(CYAN)) == 5


def case_buzzer_sounds_while_its_level_is_one() -> None:
    clock = Clock()
    pwm = SimulatedPwm(clock)
    buzzer = ToneBuzzer(pwm)
    assert pwm.changes == []
    buzzer.value(1)
    assert (pwm.freq(), pwm.duty_u16()) == (TONE_HZ, DUTY_U16)
    clock.advance(1500)
    buzzer.value(0)
    assert [(length, hz) for _, length, hz in pulses(pwm.changes)] == [(1500, TONE_HZ)]


def case_buzzer_that_was_set_to_another_tone_comes_back() -> None:
    pwm = SimulatedPwm(Clock())
    buzzer = ToneBuzzer(pwm)
    pwm.freq(5_000)
    buzzer.value(1)
    assert pwm.changes[-1][1] == TONE_HZ


def case_broken_buzzer_and_motor_raise_and_come_back() -> None:
    pwm, motor = SimulatedPwm(Clock()), SimulatedPin(Clock())
    pwm.is_broken = motor.is_broken = True
    assert error_number(lambda: ToneBuzzer(pwm).value(1)) == 5
    assert error_number(lambda: motor.value(1)) == 5
    pwm.is_broken = motor.is_broken = False
    ToneBuzzer(pwm).value(1)
    motor.value(1)
    assert pwm.changes[-1][1] == TONE_HZ and motor.level == 1


def case_button_bounces_at_both_edges() -> None:
    clock = Clock()
    button = SimulatedButton(clock, 10)
    button.press(ticks_add(clock.now_ms, 990), 200)  # across the wrap
    levels = []
    for _ in range(1300):
        levels.append(button.value())
        clock.advance(1)
    assert levels[:990] == [1] * 990
    assert 1 in levels[990:1000] and 0 in levels[990:1000]
    assert levels[1000:1190] == [0] * 190
    assert 1 in levels[1190:1200] and 0 in levels[1190:1200]
    assert levels[1200:] == [1] * 100


def case_contact_makes_one_press_of_it_and_one_hold() -> None:
    clock = Clock()
    button = SimulatedButton(clock, 15)
    contact = Contact(button, clock.now_ms)
    button.press(ticks_add(clock.now_ms, 490), 60_000)
    presses = holds = 0
    for _ in range(3_600):
        clock.advance(TICK_MS)
        contact.tick(clock.now_ms)
        presses += contact.take_press()
        holds += contact.take_hold(clock.now_ms)
    assert (presses, holds) == (1, 1)
    assert not contact.is_down


def case_spike_is_no_press_and_a_contact_that_sticks_is_one() -> None:
    clock = Clock()
    button = SimulatedButton(clock)
    contact = Contact(button, clock.now_ms)
    for number in range(20):
        button.press(ticks_add(clock.now_ms, 200 + 97 * number), 15)
    button.press(ticks_add(clock.now_ms, 4_000), 100_000_000)
    presses = holds = 0
    for _ in range(30_000):
        clock.advance(TICK_MS)
        contact.tick(clock.now_ms)
        presses += contact.take_press()
        holds += contact.take_hold(clock.now_ms)
    assert (presses, holds) == (1, 1)


def case_presses_between_two_looks_are_all_counted() -> None:
    clock = Clock()
    button = SimulatedButton(clock)
    contact = Contact(button, clock.now_ms)
    for number in range(3):
        button.press(ticks_add(clock.now_ms, 200 + 300 * number), 100)
    for _ in range(100):
        clock.advance(TICK_MS)
        contact.tick(clock.now_ms)
    assert [contact.take_press() for _ in range(4)] == [True, True, True, False]


def case_button_that_cannot_be_read_says_so_and_comes_back() -> None:
    clock = Clock()
    button = SimulatedButton(clock)
    contact = Contact(button, clock.now_ms)
    contact.tick(clock.now_ms)
    button.is_broken = True
    contact.tick(clock.now_ms)
    assert "button" in contact.fault
    button.is_broken = False
    contact.tick(clock.now_ms)
    assert contact.fault == ""


def case_part_that_fails_is_named_tried_again_and_comes_back() -> None:
    clock = Clock()
    pin = SimulatedPin(clock)
    part = OutputPart("motor", pin)
    part.set(1, clock.now_ms)
    pin.is_broken = True
    for _ in range(100):
        clock.advance(TICK_MS)
        part.set(0, clock.now_ms)
    assert "motor" in part.fault
    assert pin.calls <= 6, "a try costs time"
    pin.is_broken = False
    clock.advance(500)
    part.set(0, clock.now_ms)
    assert pin.level == 0 and part.fault == ""


def case_burst_of_high_priority_has_its_shape_across_the_wrap() -> None:
    clock = Clock()
    panel = SimulatedPanel(clock)
    assert panel.panel.buzzer is not None
    part = OutputPart("buzzer", panel.panel.buzzer)
    player = PatternPlayer(clock.now_ms)
    player.begin(alarm_patterns.BURSTS[HIGH], False, clock.now_ms)
    while player.is_playing:
        player.tick(clock.now_ms)
        part.set(player.level, clock.now_ms)
        clock.advance(TICK_MS)
    tones = pulses(panel.buzzer.changes)
    assert [length for _, length, _ in tones] == [100] * 10
    silences = []
    for index in range(9):
        silences.append(ticks_diff(tones[index + 1][0], tones[index][0]) - 100)
    assert silences == [60, 60, 220, 60, 500, 60, 60, 220, 60]


def case_what_is_kept_is_bounded() -> None:
    clock = Clock()
    pin = SimulatedPin(clock)
    for number in range(5_000):
        clock.advance(1)
        pin.value(number & 1)
    assert len(pin.changes) <= 2_000
    assert pin.changes[-1] == (clock.now_ms, 1)
