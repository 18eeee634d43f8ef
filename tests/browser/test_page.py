"""What a person sees: current values, alarms that come and go, and never an old number as a new one."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from vigil_host.store import Gap
from vigil_host.store.ledger import OVERWRITTEN
from vigil_wire import link, statuses
from vigil_wire.advert import NO_U8

LOST_WITHIN_MS = 10_000
OFF = (statuses.SENSOR_OFF,) * 3
PHONE = {"viewport": {"width": 360, "height": 640}}


def tile(page: Page, signal: str, card: int = 0) -> Any:
    return page.locator(".device").nth(card).locator(f'.tile[data-signal="{signal}"]')


def number(page: Page, signal: str, card: int = 0) -> Any:
    return tile(page, signal, card).locator(".number")


def history(count: int = 60) -> list[tuple[int | None, int | None, int | None] | None]:
    """Ten minutes of rows with a stretch that was not recorded and one without a pulse."""
    rows: list[tuple[int | None, int | None, int | None] | None] = [(720, 970, 3660)] * count
    rows[20:26] = [None] * 6
    rows[40:44] = [(None, None, 3660)] * 4
    return rows


def test_values_come_with_unit_status_age_and_limits_and_follow_the_device(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(number(page, "spo2")).to_have_text("97")
    expect(number(page, "pulse_rate")).to_have_text("72")
    expect(number(page, "temperature")).to_have_text("36.6")
    expect(number(page, "perfusion_index")).to_have_text("2.1")
    for signal, unit in (("spo2", "%"), ("pulse_rate", "bpm"), ("temperature", "°C"), ("perfusion_index", "%")):
        expect(tile(page, signal).locator(".unit")).to_have_text(unit)
        expect(tile(page, signal).locator(".note")).to_have_text("Clear signal")
        expect(tile(page, signal).locator(".age")).to_have_text(re.compile(r"just now|\d s ago"))
    expect(tile(page, "spo2").locator(".limits")).to_have_text("Alarm below 90\u00a0%")
    expect(tile(page, "pulse_rate").locator(".limits")).to_contain_text("50")
    expect(page.locator(".wearer")).to_have_text("Anna")
    expect(page.locator(".device-line")).to_contain_text("Heard\u00a0by\u00a0broadcast")
    expect(page.locator("#quiet")).to_have_text("No alarm now.")
    expect(page.locator("footer")).to_contain_text("Not a medical device")
    home.say(spo2=948, pulse_rate=885)
    expect(number(page, "spo2")).to_have_text("95")
    expect(number(page, "pulse_rate")).to_have_text("89")


def test_respiration_comes_by_record_and_goes_when_no_more_come(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(tile(page, "respiration").locator(".status")).to_have_text("No new record from the device")
    home.record([(720, 970, 3660)] * 3, respiration=143)
    expect(number(page, "respiration")).to_have_text("14")
    expect(tile(page, "respiration").locator(".unit")).to_have_text("/min")
    expect(tile(page, "respiration").locator(".note")).to_have_text("Clear signal")
    expect(tile(page, "respiration").locator(".limits")).to_have_text("No alarm limit")
    home.later(8)  # longer than a value of an advert lasts
    home.say()
    expect(tile(page, "respiration").locator(".age")).to_have_text(re.compile(r"\d+ s ago"))
    expect(number(page, "respiration")).to_have_text("14")
    home.later(20)
    home.say()
    expect(number(page, "respiration")).to_have_text("—")
    expect(tile(page, "respiration").locator(".status")).to_have_text("No new record from the device")
    expect(tile(page, "respiration").locator(".last")).to_contain_text("last 14 /min")
    home.record([(720, 970, 3660)], respiration=None)
    expect(tile(page, "respiration").locator(".status")).to_have_text("Signal too noisy, keep still")


def test_position_and_movement_stand_by_the_wearer_and_go_when_nothing_tells_them(home: Any, visit: Any) -> None:
    message = bytearray(link.LIVE_WITH_MOVEMENT_LENGTH)
    home.say(quality=90)
    page = visit().page
    shown = page.locator(".movement")
    expect(number(page, "spo2")).to_have_text("97")
    expect(shown).to_be_hidden()
    for code, text, icon in (
        (3, "Lying, still", "lying"),
        (2, "Moving", "unknown"),
        (7, "Walking, 104 steps", "upright"),
    ):
        link.pack_movement(message, link.LIVE_LENGTH, code, 120, 104 if code == 7 else 0)
        home.say(quality=90, movement=link.Movement(message))
        expect(shown).to_contain_text(text)
        expect(shown.locator("use")).to_have_attribute("href", f"#icon-{icon}")
    link.pack_movement(message, link.LIVE_LENGTH, 0, -1, 0)
    home.say("accelerometer_fault", quality=90, movement=link.Movement(message))
    expect(shown).to_be_hidden()


def test_a_number_is_never_rounded_to_the_safe_side_of_its_limit(home: Any, visit: Any) -> None:
    home.say(spo2=896, pulse_rate=1204, temperature=3854)
    page = visit().page
    expect(number(page, "spo2")).to_have_text("89")
    expect(number(page, "pulse_rate")).to_have_text("121")
    expect(number(page, "temperature")).to_have_text("38.6")
    expect(tile(page, "spo2").locator(".note")).to_have_text("Outside the limits")
    home.say(spo2=866)  # beyond the limit of an emergency too, which is 87
    expect(number(page, "spo2")).to_have_text("86")


def test_charge_of_the_battery_is_told_and_that_it_is_unknown_too(home: Any, visit: Any) -> None:
    home.say(battery=NO_U8)
    line = visit().page.locator(".device-line")
    expect(line).to_contain_text("heard")
    expect(line).not_to_contain_text("battery")
    home.say(battery=57)
    expect(line).to_contain_text("battery\u00a057\u00a0%")
    home.say(battery=NO_U8)
    expect(line).to_contain_text("battery\u00a0unknown,\u00a0last\u00a057\u00a0%")
    home.say(battery=56)
    expect(line).to_contain_text("battery\u00a056\u00a0%")
    home.stop()
    expect(line).to_contain_text("Link\u00a0unknown", timeout=20_000)
    expect(line).not_to_contain_text("battery")


def test_an_alarm_appears_says_what_it_means_and_clears(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(page.locator("#quiet")).to_be_visible()
    home.say("spo2_very_low", spo2=846)
    alarm = page.get_by_role("alert").filter(has_text="Very low oxygen")
    expect(alarm).to_be_visible()
    expect(alarm).to_contain_text("High priority")
    expect(alarm).to_contain_text("There is far less oxygen in the blood than the limit allows.")
    expect(alarm).to_contain_text("uncalibrated, ±4")
    expect(alarm.locator(".alarm-do")).to_contain_text("Go to the person now.")
    banner = page.locator("#banner .alarm")
    expect(banner).to_have_attribute("data-priority", "high")
    expect(banner.locator("> svg use")).to_have_attribute("href", "#icon-high")
    expect(banner.locator(".alarm-since")).to_have_text(re.compile(r"since \d\d:\d\d:\d\d \(\d+ s\)"))
    expect(banner.locator(".alarm-value")).to_have_text("Now 85\u00a0%")
    expect(tile(page, "spo2").locator(".note")).to_have_text("Very low oxygen")
    expect(page).to_have_title("⚠ Very low oxygen | Vigil")
    expect(page.locator("#log-list li").first).to_contain_text("still on")
    expect(page.locator("#quiet")).to_be_hidden()
    home.say(spo2=965)
    expect(banner).to_have_count(0)
    expect(page).to_have_title("Vigil")
    expect(page.locator("#log-list li")).to_have_count(1)
    expect(page.locator("#log-list li")).to_contain_text(re.compile(r"\d\d:\d\d:\d\d \u2013 \d\d:\d\d:\d\d \(\d+ s\)"))
    expect(page.locator("#quiet")).to_be_visible()


def test_the_gravest_alarm_stands_first(home: Any, visit: Any) -> None:
    home.say("sensor_off", "temperature_high", "pulse_rate_very_low", pulse_rate=390)
    page = visit().page
    banners = page.locator("#banner .alarm")
    expect(banners).to_have_count(3)
    assert [each.get_attribute("data-priority") for each in banners.all()] == ["high", "medium", "low"]
    colours = [each.evaluate("each => getComputedStyle(each).backgroundColor") for each in banners.all()]
    icons = [each.locator("> svg use").get_attribute("href") for each in banners.all()]
    assert len(set(colours)) == len(set(icons)) == 3


def test_no_reading_names_its_cause_and_keeps_the_last_value_small(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(number(page, "spo2")).to_have_text("97")
    home.say("sensor_off", status=OFF, pulse_rate=None, spo2=None, temperature=None, perfusion=None)
    expect(number(page, "spo2")).to_have_text("—")
    expect(tile(page, "spo2").locator(".note")).to_have_text("No reading")
    expect(tile(page, "spo2").locator(".status")).to_have_text("Sensor is off the skin")
    expect(tile(page, "spo2").locator(".last")).to_have_text(re.compile(r"last 97 % · (just now|\d+ s ago)"))
    expect(tile(page, "spo2").locator(".unit")).to_be_hidden()
    home.say(status=(statuses.LOW_PERFUSION,) * 3, pulse_rate=None, spo2=None, temperature=None, perfusion=1)
    expect(tile(page, "pulse_rate").locator(".status")).to_have_text("Too little blood flow at the sensor")


def test_a_value_whose_quality_was_lost_is_held_and_marked_for_ten_seconds(home: Any, visit: Any) -> None:
    lost = {"status": (statuses.POOR_SIGNAL,) * 3} | dict.fromkeys(("pulse_rate", "spo2", "temperature", "perfusion"))
    home.say(spo2=824)
    page = visit(**PHONE).page
    expect(number(page, "spo2")).to_have_text("82")
    colour = number(page, "spo2").evaluate("each => getComputedStyle(each).color")
    home.say(**lost)
    spo2 = tile(page, "spo2")
    expect(spo2).to_have_attribute("data-reading", "held")
    for _ in range(3):
        home.later(2)
        home.say(**lost)
    expect(spo2.locator(".value")).to_have_text(re.compile(r"^82%held, [67] s ago$"))
    expect(spo2.locator(".held")).to_be_visible()
    expect(spo2.locator(".number")).not_to_have_attribute("aria-hidden", "")
    assert number(page, "spo2").evaluate("each => getComputedStyle(each).fontStyle") == "italic"
    assert number(page, "spo2").evaluate("each => getComputedStyle(each).color") != colour
    expect(spo2.locator(".note")).to_have_text("No reading")
    expect(spo2.locator(".status")).to_have_text("Signal too noisy, keep still")
    expect(page.locator("#quiet")).to_have_text("No alarm now, and no reading.")  # a held value is none
    expect(page.locator("#banner .alarm")).to_have_count(0)  # nor is it judged, though below its limit
    expect(spo2).not_to_have_attribute("data-alarm", re.compile(""))
    for _ in range(2):
        home.later(2)
        home.say(**lost)
    expect(number(page, "spo2")).to_have_text("—")
    expect(spo2.locator(".held")).to_have_text("")
    expect(spo2.locator(".last")).to_have_text(re.compile(r"last 82 % · 1\d s ago"))
    expect(spo2).to_have_attribute("data-reading", "none")


def test_nothing_is_held_once_contact_was_lost(home: Any, visit: Any) -> None:
    lost = {"status": (statuses.POOR_SIGNAL,) * 3, "pulse_rate": None, "spo2": None}
    home.say()
    page = visit().page
    expect(number(page, "spo2")).to_have_text("97")
    home.say(**lost)
    expect(tile(page, "spo2")).to_have_attribute("data-reading", "held")
    home.say("sensor_off", status=OFF, pulse_rate=None, spo2=None)
    expect(number(page, "spo2")).to_have_text("—", timeout=1000)
    home.say(**lost)
    expect(tile(page, "spo2").locator(".status")).to_have_text("Signal too noisy, keep still")
    expect(number(page, "spo2")).to_have_text("—")


def test_a_held_value_ends_with_the_contact_to_the_bridge(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(number(page, "spo2")).to_have_text("97")
    home.say(status=(statuses.POOR_SIGNAL,) * 3, pulse_rate=None, spo2=None)
    expect(tile(page, "spo2")).to_have_attribute("data-reading", "held")
    home.stop()
    expect(page.get_by_role("alert").filter(has_text="No contact with Vigil")).to_be_visible(timeout=LOST_WITHIN_MS)
    expect(tile(page, "spo2")).to_have_attribute("data-reading", "none")


def test_quality_is_shown_where_the_record_link_tells_it(home: Any, visit: Any) -> None:
    home.say(quality=93)
    page = visit().page
    expect(tile(page, "pulse_rate").locator(".age")).to_contain_text("signal\u00a093\u00a0%")
    expect(tile(page, "temperature").locator(".age")).not_to_contain_text("signal")


def test_an_uncertain_value_is_marked(home: Any, visit: Any) -> None:
    home.say(status=(statuses.QUESTIONABLE, statuses.EARLY_ESTIMATE, statuses.VALIDATED))
    page = visit().page
    expect(tile(page, "pulse_rate").locator(".note")).to_have_text("Uncertain, weak signal")
    expect(tile(page, "spo2").locator(".note")).to_have_text("Still settling, may change")
    expect(tile(page, "spo2").locator("use")).to_have_attribute("href", "#icon-unsure")


def test_a_device_that_falls_silent_leaves_no_number(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(number(page, "spo2")).to_have_text("97")
    home.hush()
    home.later(125)
    expect(number(page, "spo2")).to_have_text("—")
    expect(tile(page, "spo2").locator(".status")).to_have_text("Device not heard")
    expect(tile(page, "spo2").locator(".last")).to_have_text("last 97 % · 2 min ago")
    expect(page.get_by_role("alert").filter(has_text="Device is silent")).to_be_visible()
    expect(page.locator("#quiet")).to_be_hidden()


def test_a_lost_bridge_is_said_within_ten_seconds_and_nothing_stays_live(home: Any, visit: Any) -> None:
    home.say("spo2_low", spo2=860)
    page = visit().page
    expect(number(page, "spo2")).to_have_text("86")
    home.stop()
    expect(page.get_by_role("alert").filter(has_text="No contact with Vigil")).to_be_visible(timeout=LOST_WITHIN_MS)
    for signal in ("spo2", "pulse_rate", "respiration", "temperature", "perfusion_index"):
        expect(number(page, signal)).to_have_text("—")
    expect(tile(page, "spo2").locator(".last")).to_have_text(re.compile(r"last 86 % · \d+ s ago"))
    expect(page.locator("#contact")).to_have_text("No contact")
    expect(page).to_have_title("✕ No contact | Vigil")
    expect(page.locator("#banner .alarm")).to_have_class("alarm old")
    expect(page.locator("#banner")).to_contain_text("Last known, may have ended.")
    expect(page.locator(".trend.old")).to_have_count(4)
    home.say()
    home.serve()
    expect(number(page, "spo2")).to_have_text("97", timeout=10_000)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#banner .alarm")).to_have_count(0)
    expect(page.locator("#contact")).to_have_text("Live")


def test_a_machine_that_slept_shows_nothing_old(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(number(page, "spo2")).to_have_text("97")
    # The machine sleeps again and again: only its wall clock tells that time has passed since the last word.
    page.evaluate("() => { const now = Date.now; let slept = 0; Date.now = () => now() + 8000 * ++slept; }")
    expect(page.locator("#lost")).to_be_visible()
    expect(number(page, "spo2")).to_have_text("—")


@pytest.mark.parametrize("home", [{"wearers": ("Anna", "Bruno")}], indirect=True)
def test_two_wearers_are_kept_apart(home: Any, visit: Any) -> None:
    home.say(device=0)
    home.say("pulse_rate_high", device=1, pulse_rate=1400)
    page = visit().page
    expect(number(page, "pulse_rate", 0)).to_have_text("72")
    expect(number(page, "pulse_rate", 1)).to_have_text("140")
    expect(page.locator("#banner .alarm-title")).to_have_text("Bruno: Fast pulse")
    expect(tile(page, "pulse_rate", 1)).to_have_attribute("data-alarm", "medium")
    expect(tile(page, "pulse_rate", 0)).not_to_have_attribute("data-alarm", re.compile(""))
    expect(page).to_have_title("⚠ Fast pulse, Bruno | Vigil")


@pytest.mark.parametrize("home", [{"wearers": ()}], indirect=True)
def test_without_a_device_the_page_says_how_to_add_one(home: Any, visit: Any) -> None:
    page = visit().page
    expect(page.locator("#no-device")).to_contain_text("vigil devices add")
    expect(page.locator("#quiet")).to_be_hidden()


def test_trends_are_drawn_with_gaps_and_follow_new_rows(home: Any, visit: Any) -> None:
    home.record(history())
    home.say()
    page = visit().page
    spo2 = page.locator('.trend[data-signal="spo2"]')
    expect(spo2.locator("canvas")).to_have_count(1)
    expect(spo2.locator(".summary")).to_have_text("lowest 97, highest 97 %")
    picture = spo2.get_by_role("img")
    expect(picture).to_have_attribute(
        "aria-label", re.compile("last 10 min: lowest 97, highest 97 %, gaps in the record: 2, lower limit 90 %")
    )
    temperature = page.locator('.trend[data-signal="temperature"]').get_by_role("img")
    expect(temperature).to_have_attribute("aria-label", re.compile("gaps in the record: 1"))
    page.get_by_label("24 h").check(force=True)
    expect(picture).to_have_attribute("aria-label", re.compile("last 24 h"))
    page.get_by_label("10 min").check(force=True)
    home.record([(720, 913, 3660)])
    expect(spo2.locator(".summary")).to_have_text("lowest 91, highest 97 %", timeout=8000)


def test_what_is_missing_from_the_record_is_said_with_its_reason(home: Any, visit: Any) -> None:
    home.record(history())
    home.say()
    page = visit().page
    expect(page.locator('.trend[data-signal="spo2"] canvas')).to_have_count(1)
    expect(page.locator(".gaps")).to_be_hidden()
    home.store.note_gap(home.devices[0].id, 1, Gap(9000, 9011, OVERWRITTEN))
    page.get_by_label("30 days").check(force=True)
    expect(page.locator(".gaps li")).to_have_count(1)
    expect(page.locator(".gaps li")).to_contain_text("12 records overwritten on the device before the bridge had them")
    expect(page.locator('.trend[data-signal="spo2"]').get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("last 30 days: lowest 97, highest 97 %")
    )


def test_what_has_no_known_time_is_listed_and_not_drawn(home: Any, visit: Any) -> None:
    home.record(history())
    home.later(1800)
    home.record([(720, 971, 3660), (721, 846, 3660)], met_a_bridge=False)
    home.later(1800)
    home.record([(722, 972, 3660)])
    home.say()
    page = visit(**PHONE).page
    expect(page.locator("#log-list li .log-time")).to_have_text(
        re.compile(r"^time between \d\d:\d\d:\d\d and \d\d:\d\d:\d\d$")
    )
    expect(page.locator('.trend[data-signal="spo2"] canvas')).to_have_count(1)
    page.get_by_label("24 h").check(force=True)
    instant = r"\d+ \w+ \d{4}, \d\d:\d\d:\d\d"
    expect(page.locator(".untimed li")).to_have_text(
        re.compile(
            f"^Time between {instant} and {instant}: 2 readings, oxygen 84.3 to 97.4 %, pulse 71.7 to 72.4 bpm.$"
        )
    )
    expect(page.locator('.trend[data-signal="spo2"] .summary')).to_have_text("lowest 97, highest 98 %")
    expect(page.locator(".gaps")).to_be_hidden()


@pytest.mark.parametrize("home", [{"passphrase": "correct horse battery staple"}], indirect=True)
def test_logging_in_and_out(home: Any, visit: Any) -> None:
    home.say()
    opened = visit(**PHONE)
    page = opened.page
    expect(page).to_have_url(home.url + "login")
    page.get_by_label("Passphrase").fill("not the passphrase")
    page.get_by_label("Passphrase").press("Enter")
    expect(page.get_by_role("alert")).to_have_text("That is not the passphrase.")
    page.get_by_label("Passphrase").fill("correct horse battery staple")
    page.get_by_role("button", name="Show the readings").click()
    expect(number(page, "spo2")).to_have_text("97")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(home.url + "login")
    assert [problem for problem in opened.problems if "401" not in problem] == []
