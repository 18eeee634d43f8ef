"""What stands on the glass of the device's display, and what becomes of a display that does not answer."""

from typing import Any

import pytest
from tests.firmware.bedside import LOW_SPO2, TEST_OVER_S, VERY_LOW, Bedside

from vigil_firmware import alarm_display, display_pages
from vigil_firmware.device import Device
from vigil_firmware.journal_memory import MemoryStore
from vigil_firmware.storage import BLOCK_COUNT
from vigil_hal import screen, ssd1306
from vigil_hal.panel import Panel
from vigil_hal.simulated.flash import SimulatedFlash
from vigil_hal.simulated.panel import SimulatedPanel
from vigil_hal.ssd1306 import BRIGHT, DIM
from vigil_host.vm.heap import large_frames
from vigil_wire import conditions, statuses
from vigil_wire.conditions import AT_DEVICE, HIGH, LOW, MEDIUM

SENT_S = 0.9  # after a second's values, until all is to be seen


@pytest.fixture
def bedside(make_rig: Any, first_tick: int) -> Bedside:
    return Bedside(make_rig, first_tick)


@pytest.fixture
def plain(make_rig: Any) -> Bedside:
    return Bedside(make_rig)


def seen(bedside: Bedside) -> list[str]:
    """What can be read once all is sent."""
    bedside.run(SENT_S)
    return bedside.lines


def test_values_stand_with_how_sure_they_are(bedside: Bedside) -> None:
    bedside.run(TEST_OVER_S)
    assert seen(bedside) == [
        "--:-- UTC {NO_BRIDGE}", "SpO2 %  Pulse", "", "", "  97    72", "+-4 uncalibrated",
        "36.7{DEGREE}C         {SIGNAL_0}", "",
    ]  # fmt: skip
    bedside.monitor.vitals.spo2_is_calibrated = True
    bedside.run(1)
    assert seen(bedside)[5] == ""


def test_status_row_has_clock_bridge_and_silence(plain: Bedside) -> None:
    plain.monitor.anchor_time(9_000, 14 * 3_600_000 + 5 * 60_000)
    plain.monitor.note_host()
    plain.run(TEST_OVER_S)
    assert seen(plain)[0] == "14:05 UTC {BRIDGE}"
    plain.show(None, None)
    plain.until(lambda: plain.alarms.audible == LOW)
    plain.alarms.acknowledge(conditions.ALL, AT_DEVICE, plain.rig.now())
    plain.run(1)
    assert seen(plain)[0] == "14:05 UTC{SILENT}{BRIDGE}"
    assert plain.lines[7] == "Sensor is off"


def test_perfusion_and_signal_stand_beside_the_temperature(plain: Bedside) -> None:
    plain.monitor.vitals.perfusion.publish(1_214, statuses.VALIDATED)
    plain.monitor.vitals.quality = 55
    plain.run(TEST_OVER_S)
    assert seen(plain)[6] == "36.7{DEGREE}C PI 12.1%{SIGNAL_2}"


@pytest.mark.parametrize("status", [*range(statuses.ACQUIRING, len(statuses.NAMES)), statuses.UNAVAILABLE])
def test_reading_that_is_missing_is_dashes_and_the_reason(plain: Bedside, status: int) -> None:
    plain.run(TEST_OVER_S)
    plain.show(None, None, status)
    plain.run(1)
    lines = seen(plain)
    if plain.alarms.visible <= LOW and plain.alarms.audible == 0:
        assert lines[4] == "  --    --"
        assert lines[5] and "uncalibrated" not in lines[5]


@pytest.mark.parametrize("priority", [HIGH, MEDIUM])
def test_alarm_has_its_cause_its_priority_and_its_value(plain: Bedside, priority: int) -> None:
    plain.begin(priority)
    plain.run(1)
    value, cause, name = {HIGH: (85, "VERY LOW OXYGEN", "HIGH"), MEDIUM: (93, "Low oxygen", "MEDIUM")}[priority]
    assert seen(plain) == [
        cause, "", f"{name} alarm", "       SpO2 %", "", f"  {value}", "+-4 uncalibrated", "",
    ]  # fmt: skip
    assert plain.parts.oled.is_lit(127, 0) == (priority == HIGH)


def test_alarm_about_a_temperature_has_its_decimal(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.monitor.vitals.temperature.publish(3_985, statuses.VALIDATED)
    plain.alarms.visible = plain.alarms.audible = HIGH
    plain.indicators._display._named = conditions.TEMPERATURE_VERY_HIGH  # type: ignore[union-attr]  # it has one
    plain.indicators._display._pages.remember()  # type: ignore[union-attr]
    plain.indicators._display._write(plain.rig.now())  # type: ignore[union-attr]
    while not plain.parts.panel.display.show():  # type: ignore[union-attr]
        pass
    assert plain.lines[3:6] == ["       Temp. {DEGREE}C", "", "39.9"]


def test_alarm_counts_what_else_is_active_and_says_what_was_done(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.show(VERY_LOW, 1_400)
    plain.until(lambda: plain.alarms.bits >> conditions.PULSE_RATE_VERY_HIGH & 1 == 1)
    plain.run(1)
    assert seen(plain)[2] == "HIGH alarm +1", "those that a worse one covers are not counted"
    plain.alarms.pause_audio(plain.rig.now())
    plain.run(24)
    assert seen(plain)[7] == "PAUSED 95 s"
    plain.alarms.acknowledge(conditions.ALL, AT_DEVICE, plain.rig.now())
    plain.run(1)
    assert seen(plain)[7] == "acknowledged"


def test_alarms_of_the_same_priority_are_named_in_turn(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.show(VERY_LOW, 1_400)
    plain.until(lambda: plain.alarms.bits >> conditions.PULSE_RATE_VERY_HIGH & 1 == 1)
    named = []
    for _ in range(16):
        plain.run(1)
        named.append(plain.lines[0])
    assert {*named} == {"VERY LOW OXYGEN", "VERY FAST PULSE"}
    assert 7 <= named.count("VERY LOW OXYGEN") <= 9


def test_value_that_is_lost_in_an_alarm_is_the_last_one_and_has_its_age(plain: Bedside) -> None:
    plain.begin(HIGH)
    plain.run(1)
    plain.show(None, None, statuses.POOR_SIGNAL)
    plain.run(12)
    assert plain.alarms.top == conditions.SPO2_VERY_LOW
    lines = seen(plain)
    assert lines[3:7] == ["       SpO2 %", "       no signal", "  -- for 12 s", "last 85 % +-4"]
    plain.indicators._display._pages._last_s[0] -= 110  # type: ignore[union-attr]
    plain.run(1)
    assert seen(plain)[5] == "  -- for 2min"


def test_alarm_about_no_value_has_them_all(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.show(970)
    plain.run(610)
    assert seen(plain)[0] == "Clock is not set"
    assert plain.lines[2:6] == ["LOW alarm", "SpO2 97 % +-4", "Pulse 72 bpm", "36.7{DEGREE}C"]
    plain.show(None, None, statuses.POOR_SIGNAL)
    plain.run(2)
    assert seen(plain)[3:7] == ["SpO2 -- was 97", "Pulse -- was 72", "36.7{DEGREE}C", "lost 3 s ago"]
    plain.show(970)
    plain.run(30)
    plain.alarms.acknowledge(conditions.ALL, AT_DEVICE, plain.rig.now())
    plain.run(1)
    assert seen(plain)[4] == "  97    72"
    assert plain.lines[7] == "Clock is not set"


def test_standby_shows_what_is_left_of_it(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.alarms.begin_standby(480, AT_DEVICE, plain.rig.now())
    plain.show(None, None)
    plain.run(61)
    assert seen(plain)[4:] == ["  --    --", "not watched", "36.7{DEGREE}C", "STANDBY 7:59"]


def test_trial_lights_every_pixel_and_then_says_what_it_is(plain: Bedside) -> None:
    plain.run(1.5)
    assert plain.lines == ["{FULL}" * 16] * 8
    plain.run(1.5)
    assert plain.lines[0] == "Signal test"


def test_passkey_is_shown_until_it_is_used_and_no_alarm_hides_behind_it(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.indicators.passkey = 4_203
    plain.run(1)
    assert plain.lines == ["Code for pairing", "", "", "", "", " 004203".rjust(8), "", ""]
    plain.show(VERY_LOW)
    plain.until(lambda: plain.alarms.audible == HIGH)
    assert seen(plain)[0] == "VERY LOW OXYGEN"
    plain.show()
    plain.until(lambda: plain.alarms.visible == 0)
    plain.indicators.passkey = -1
    plain.run(1)
    assert seen(plain)[4] == "  97    72"


def test_every_cause_and_state_fits(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    display = plain.parts.panel.display
    assert display is not None
    low = ssd1306.Ssd1306(plain.parts.display_bus, height=32)
    for screen_ in (display, low):
        pages = display_pages.Pages(screen_, plain.monitor)
        plain.show(1_000, 2_400)
        plain.monitor.vitals.respiration.publish(400, statuses.VALIDATED)
        pages.remember()
        for number in range(len(conditions.TABLE)):
            for has_value in (True, False):
                plain.show(*((1_000, 2_400) if has_value else (None, None)))
                plain.alarms.visible, plain.alarms.audible, plain.alarms.top = HIGH, HIGH, number
                written = Watched(screen_)
                pages.write_alarm(number, 25, plain.rig.now())
                assert written.lost == ""
                pages.write_values()
                assert written.lost == ""


class Watched:
    """What is written beyond the end of its row."""

    def __init__(self, display: Any) -> None:
        self.lost = ""
        symbol = type(display).symbol

        def watched(code: int) -> None:
            if display._place >= display._end:
                self.lost += chr(code)
            symbol(display, code)

        display.symbol = watched


def test_nothing_is_sent_while_nothing_changes_but_what_mends_it(plain: Bedside) -> None:
    plain.run(100)
    plain.parts.oled.bytes_taken = 0
    plain.run(150)
    anew = plain.parts.oled.bytes_taken // (150 // alarm_display.REFRESH_S)
    assert 1_024 <= anew <= 1_280, "each quarter of a minute all once"


def test_no_step_sends_much_and_none_that_judges_sends_any(plain: Bedside) -> None:
    """A burst is 32 bytes of picture and 3 that place it; beside eight of them, setting up has 24."""
    plain.begin(HIGH)
    most = 0
    for _ in range(400):
        before, second = plain.parts.oled.bytes_taken, plain.monitor.second
        plain.run(0.1)
        sent = plain.parts.oled.bytes_taken - before
        most = max(most, sent)
        if plain.monitor.second != second:
            assert sent == 0
    assert 0 < most <= 8 * 35 + 24


def test_is_dim_while_nothing_is_wrong_and_bright_in_an_alarm(plain: Bedside) -> None:
    plain.run(30)
    assert plain.parts.oled.contrast == BRIGHT
    plain.run(60)
    assert plain.parts.oled.contrast == DIM
    plain.show(LOW_SPO2)
    plain.until(lambda: plain.alarms.visible == MEDIUM)
    plain.run(0.5)
    assert plain.parts.oled.contrast == BRIGHT


def test_figures_move_so_that_they_do_not_burn_in(plain: Bedside) -> None:
    rows = set()
    for _ in range(9):
        plain.run(60)
        plain.alarms.acknowledge(conditions.ALL, AT_DEVICE, plain.rig.now())
        plain.run(2)
        lines = plain.lines
        assert lines[1] != lines[4] and "SpO2 %  Pulse" in (lines[1], lines[4])
        rows.add(next(row for row in (3, 4) if lines[row] == "  97    72"))
    assert rows == {3, 4}


def test_is_dark_once_nobody_steps_any_more(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.indicators.switch_off(plain.rig.now())
    assert not any(map(any, plain.parts.oled.picture()))


def test_what_stood_there_before_a_restart_is_gone_before_anything_new_is_seen(plain: Bedside, make_rig: Any) -> None:
    plain.run(TEST_OVER_S)
    restarted = Bedside(make_rig)
    restarted.parts.display_bus.detach(plain.parts.oled.address)
    restarted.parts.display_bus.attach(plain.parts.oled)
    was_dark = False
    for _ in range(10):
        restarted.run(0.1)
        rows = plain.parts.oled.picture()
        was_dark = was_dark or not any(map(any, rows))
        assert not was_dark or not any(map(any, rows)) or all(map(all, rows)), "dark, then the trial's picture"
    assert was_dark and all(map(all, rows))


# A display that fails.


def test_display_without_power_for_a_moment_shows_again(plain: Bedside) -> None:
    plain.run(TEST_OVER_S)
    plain.parts.oled.brown_out()
    plain.run(alarm_display.REFRESH_S + 2)
    assert plain.lines[4] == "  97    72"
    assert plain.indicators.fault == "", "nobody can know"


@pytest.mark.parametrize("fault", ["unplugged", "nak", "stuck"])
def test_display_that_does_not_answer_is_named_and_shows_all_when_it_is_back(bedside: Bedside, fault: str) -> None:
    bus, oled = bedside.parts.display_bus, bedside.parts.oled
    bedside.run(TEST_OVER_S)
    if fault == "unplugged":
        bus.detach(oled.address)
        oled.brown_out()
    elif fault == "nak":
        bus.nak(oled.address)
    else:
        bus.stuck = True
    bedside.show(960)
    bedside.run(3)
    assert "display" in bedside.indicators.fault
    assert ("SDA" in bedside.indicators.fault) == (fault == "stuck")
    tries: list[int] = []
    bus.before(0, lambda: tries.append(1))
    for _ in range(20):
        bedside.run(1)
        if tries:
            bus.before(0, lambda: tries.append(1))
    assert 3 <= len(tries) <= 5, "a try costs time"
    if fault == "unplugged":
        bus.attach(oled)
    bus.release(oled.address)
    bus.stuck = False
    bedside.run(alarm_display.RETRY_S + 2)
    assert bedside.indicators.fault == ""
    assert bedside.lines[4] == "  96    72"


def device_with(rig: Any, bluetooth: Any, panel: Panel, lines: list[str]) -> Device:
    return Device(
        rig.bus, None, None, SimulatedFlash(BLOCK_COUNT), (lambda: MemoryStore(3),), bluetooth,
        lambda count: bytes(range(count)), lines.append, 1, rig.now(), panel,
    )  # fmt: skip


def live(device: Device, rig: Any, seconds: int) -> None:
    for _ in range(seconds * 10):
        rig.elapsed_ms += 100
        device.step(rig.now())


def test_unplugged_display_is_an_alarm_with_its_cause_and_stops_no_measuring(make_rig: Any, bluetooth: Any) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1")
    parts = SimulatedPanel(rig.now)
    rig.bus.attach(parts.oled)  # beside the oximeter
    lines: list[str] = []
    device = device_with(rig, bluetooth, Panel(display=ssd1306.Ssd1306(rig.bus)), lines)
    live(device, rig, 30)
    assert device.monitor.vitals.spo2.has_value
    assert parts.oled.lines()[4].split() == ["97", "72"]
    rig.bus.detach(parts.oled.address)
    parts.oled.brown_out()
    live(device, rig, 20)
    assert device.monitor.alarms.bits >> conditions.PANEL_FAULT & 1
    assert device.monitor.vitals.spo2.has_value and not device.monitor.sampler.fault
    assert [line for line in lines if "fault" in line] == [
        "fault: the display does not answer (errno 19); check its wiring"
    ]
    assert device.monitor.second == 50
    rig.bus.attach(parts.oled)
    live(device, rig, 80)
    assert not device.monitor.alarms.bits >> conditions.PANEL_FAULT & 1
    assert lines[-1] == "fault: cleared"
    assert parts.oled.lines()[4 if device.monitor.second // 240 % 2 == 0 else 3].split() == ["97", "72"]


def test_low_display_has_the_gist_on_four_rows(make_rig: Any, bluetooth: Any) -> None:
    rig = make_rig("0,72,97,2,36.7,0.02,1", "60,72,97,2,36.7,0.02,0")
    parts = SimulatedPanel(rig.now)
    oled = type(parts.oled)(0x3D, 32)
    rig.bus.attach(oled)
    device = device_with(rig, bluetooth, Panel(display=ssd1306.Ssd1306(rig.bus, 0x3D, 32)), [])
    live(device, rig, 30)
    assert oled.lines()[2:] == ["  97    72", "       uncal+-4"]
    live(device, rig, 60)
    assert oled.lines()[0] == "Sensor is off"
    assert "97" not in oled.lines()[2]


def test_frames_stay_off_the_boards_heap() -> None:
    functions = []
    for owner in (screen.Screen, ssd1306.Ssd1306, alarm_display.AlarmDisplay, display_pages.Pages):
        functions += [value for name, value in vars(owner).items() if callable(value) and name != "__init__"]
    assert large_frames(*functions) == {}
