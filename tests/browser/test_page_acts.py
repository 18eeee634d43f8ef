"""What a person does on the page: answers an alarm, takes the sensor off on purpose, sets limits, turns sound on."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from vigil_wire import conditions, link, statuses
from vigil_wire.settings import Settings, unpack_fields

PHONE = {"viewport": {"width": 390, "height": 844}}
OFF = {"status": (statuses.SENSOR_OFF,) * 3, "pulse_rate": None, "spo2": None, "temperature": None, "perfusion": None}
IN_FORCE = Settings(temperature_site=1, spo2_low_deci_pct=880, spo2_very_low_deci_pct=850)
# Notes the pitch of every tone that is begun.
EARS = """() => {
  window.tones = [];
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (at) {
    window.tones.push(this.frequency.value);
    return start.call(this, at);
  };
}"""


def answer(page: Page, name: str, is_beside: bool | None = None) -> None:
    """Fill in the question that is open and send it."""
    question = page.get_by_role("dialog")
    question.get_by_label("Who are you?").fill(name)
    if is_beside is not None:
        question.get_by_role("radio", name="Yes." if is_beside else "No.").check()
    question.locator(".go").click()


def test_acknowledging_asks_who_and_whether_they_are_there(home: Any, visit: Any) -> None:
    home.say("spo2_very_low", spo2=824, quality=90)
    opened = visit(**PHONE)
    page = opened.page
    page.get_by_role("button", name="Acknowledge").click()
    question = page.get_by_role("dialog", name="Acknowledge: Very low oxygen")
    expect(question.get_by_role("group", name="Are you with Anna?")).to_be_visible()
    expect(question.get_by_label("Who are you?")).to_be_focused()
    question.locator(".go").click()
    expect(question.get_by_role("alert")).to_have_text("Say whether you are with Anna.")
    question.get_by_role("radio", name="Yes.").check()
    question.locator(".go").click()
    expect(question.get_by_role("alert")).to_contain_text("Say who you are")
    assert home.hand.told == []
    answer(page, "Ada", is_beside=True)
    expect(question).to_be_hidden()
    expect(page.locator("#done")).to_have_text("Acknowledged. The device is told to be silent for this alarm.")
    banner = page.locator("#banner .alarm")
    expect(banner.locator(".alarm-answer")).to_have_text(re.compile(r"Acknowledged by Ada, \d\d:\d\d:\d\d"))
    expect(banner).to_have_attribute("data-priority", "high")
    expect(page.locator("#log-list summary")).to_have_text("Acknowledged by Ada")
    assert home.hand.told == [(link.ACKNOWLEDGE, conditions.SPO2_VERY_LOW, conditions.BESIDE_WEARER, 0)]
    assert [problem for problem in opened.problems if "400" not in problem] == []
    page.reload()
    page.get_by_role("button", name="I am there now").click()
    expect(page.get_by_label("Who are you?").first).to_have_value("Ada")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_from_afar_the_device_goes_on(home: Any, visit: Any) -> None:
    home.say("spo2_very_low", spo2=824, quality=90)
    page = visit().page
    page.get_by_role("button", name="Acknowledge").click()
    answer(page, "Bob", is_beside=False)
    expect(page.locator("#done")).to_contain_text("The device goes on sounding until somebody there")
    assert [by for _, _, by, _ in home.hand.told] == [conditions.FROM_AFAR]


def test_a_covered_alarm_is_folded_under_the_worse_one(home: Any, visit: Any) -> None:
    home.say("spo2_low", "spo2_very_low", spo2=824)
    page = visit().page
    expect(page.locator("#banner .alarm")).to_have_count(1)
    expect(page.locator("#banner .alarm-title")).to_have_text("Very low oxygen")
    expect(page.locator("#banner .alarm-also")).to_have_text(re.compile(r"With it: Low oxygen since \d\d:\d\d:\d\d"))
    home.say("spo2_low", spo2=874)
    expect(page.locator("#banner .alarm-title")).to_have_text("Low oxygen")
    expect(page.locator("#banner .alarm-also")).to_be_hidden()


def test_a_lost_signal_leaves_the_alarm_with_what_was_known_last(home: Any, visit: Any) -> None:
    home.say("spo2_low", spo2=874)
    page = visit().page
    value = page.locator("#banner .alarm-value").first
    expect(value).to_have_text("Now 87\u00a0%")
    home.say("spo2_low", "sensor_off", **OFF)
    expect(value).to_have_text(re.compile(r"^Last known 87\u00a0%, (just now|\d+ s ago), no signal$"))
    expect(page.locator("#banner .alarm-title").first).to_have_text("Low oxygen")


def test_a_latched_alarm_is_over_and_still_wants_an_answer(home: Any, visit: Any) -> None:
    home.say(spo2=965, quality=90)
    page = visit().page
    expect(page.locator("#quiet")).to_be_visible()
    home.tell("spo2_very_low", conditions.RAISED, conditions.LATCHED, value=824)
    home.say("spo2_very_low", spo2=965, quality=90)
    banner = page.locator("#banner .alarm")
    expect(banner.locator(".alarm-answer")).to_have_text("Over, not acknowledged")
    expect(banner.locator(".alarm-value")).to_have_text("Now 97\u00a0% · at the alarm 82\u00a0%")
    page.locator("#log-list summary").click()
    expect(page.locator("#log-list details li")).to_have_text(
        [re.compile("Began$"), re.compile("Over, but kept until acknowledged$")]
    )
    banner.get_by_role("button", name="Acknowledge").click()
    answer(page, "Ada", is_beside=True)
    expect(banner.locator(".alarm-answer")).to_have_text(re.compile("^Over · Acknowledged by Ada"))


def test_the_sound_is_paused_at_the_device_by_who_is_there_and_here_by_anybody(home: Any, visit: Any) -> None:
    home.say("spo2_very_low", spo2=824, quality=90)
    page = visit().page
    page.get_by_role("button", name="Pause sound").click()
    answer(page, "Bob", is_beside=False)
    expect(page.locator("#done")).to_contain_text("This page is silent for two minutes")
    assert home.hand.told == []
    page.get_by_role("button", name="Pause sound").click()
    answer(page, "Ada", is_beside=True)
    state = page.locator(".state")
    expect(state).to_contain_text("Anna: sound of the device paused")
    expect(page.locator("#done")).to_have_text("The device has confirmed it.")
    state.get_by_role("button", name="Sound again").click()
    expect(state).to_have_count(0)
    assert [command for command, *_ in home.hand.told] == [link.PAUSE_AUDIO, link.RESUME_AUDIO]


def test_what_cannot_be_done_is_said_in_the_question(home: Any, visit: Any) -> None:
    home.say("spo2_very_low", spo2=824)
    home.hand.is_reached = False
    page = visit(**PHONE).page
    page.get_by_role("button", name="Pause sound").click()
    answer(page, "Ada", is_beside=True)
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The device cannot be reached now")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Try lights and sounds").click()
    expect(page.locator("#done")).to_contain_text("The device cannot be reached now, so nothing was changed")


def test_taken_off_on_purpose_is_seen_and_ends(home: Any, visit: Any) -> None:
    home.say(quality=90)
    page = visit(**PHONE).page
    page.get_by_role("button", name="Taken off on purpose").click()
    question = page.get_by_role("dialog", name="Taken off on purpose")
    question.get_by_label("For how long?").select_option("2 hours")
    expect(question.locator(".ask-end")).to_have_text(re.compile(r"^Ends at \d\d:\d\d at the latest"))
    answer(page, "Ada", is_beside=True)
    state = page.locator(".state")
    expect(state).to_have_text(re.compile(r"^\s*Anna: taken off on purpose until \d\d:\d\d at the latest\. Nobody is"))
    expect(page.get_by_role("button", name="Taken off on purpose")).to_be_hidden()
    assert home.hand.told == [(link.BEGIN_STANDBY, conditions.ALL, conditions.BESIDE_WEARER, 120)]
    state.get_by_role("button", name="Watch again").click()
    expect(state).to_have_count(0)


def test_standby_is_seen_without_a_link_too(home: Any, visit: Any) -> None:
    home.say(**OFF | {"status": (statuses.STANDBY,) * 3})
    page = visit().page
    expect(page.locator(".state")).to_contain_text("Anna: taken off on purpose. Nobody is watched.")
    expect(page.locator('.tile[data-signal="spo2"] .status')).to_have_text("Taken off on purpose")


def test_limits_are_edited_within_bounds_and_wait_for_the_device(home: Any, visit: Any) -> None:
    home.confirm(IN_FORCE, "Bob")
    home.say()
    opened = visit(**PHONE)
    page = opened.page
    page.get_by_role("button", name="Alarm limits").click()
    editor = page.get_by_role("dialog", name="Alarm limits for Anna")
    expect(editor.locator(".in-force")).to_have_text(
        re.compile(r"^In force: Limits of your own, made from 'adult'\. Set by Bob, \d\d:\d\d:\d\d\.$")
    )
    low = editor.get_by_label("Low oxygen, below", exact=True)
    field = editor.locator('[data-limit="spo2_low_pct"]')
    expect(low).to_have_value("88")
    expect(field.locator(".bounds")).to_contain_text("80 to 99 · now 88 · acts below 90 as read")
    low.fill("84")
    editor.get_by_label("Who are you?").fill("Ada")
    editor.get_by_role("button", name="Set these limits").click()
    expect(field.locator(".wrong")).to_contain_text("must be below")
    expect(low).to_have_attribute("aria-invalid", "true")
    expect(low).to_be_focused()
    assert home.known.list()[0].settings is None
    low.fill("91")
    expect(field).to_have_class(re.compile("changed"))
    editor.get_by_role("button", name="Set these limits").click()
    expect(editor).to_be_hidden()
    expect(page.locator("#done")).to_contain_text("They hold once it confirms them")
    wanted = unpack_fields(home.known.list()[0].settings)
    assert (wanted.spo2_low_deci_pct, wanted.temperature_site) == (910, 1)
    page.get_by_role("button", name="Alarm limits").click()
    expect(editor.locator(".waiting")).to_contain_text("what Ada asked for")
    assert page.evaluate("() => document.querySelector('#limits').scrollWidth") <= 390
    page.keyboard.press("Escape")
    home.confirm(wanted, "Ada")
    page.get_by_role("button", name="Alarm limits").click()
    expect(editor.locator(".in-force")).to_contain_text("Set by Ada")
    expect(editor.locator(".waiting")).to_be_hidden()
    assert [problem for problem in opened.problems if "400" not in problem] == []


def test_a_profile_shows_whom_it_is_for_and_fills_in_its_limits(home: Any, visit: Any) -> None:
    home.confirm(IN_FORCE)
    home.say()
    page = visit().page
    page.get_by_role("button", name="Alarm limits").click()
    editor = page.get_by_role("dialog")
    editor.get_by_label("Limits for").select_option("Night after opioids or sedation")
    expect(editor.locator(".for-whom")).to_contain_text("Respiration is not always available")
    expect(editor.get_by_label("Very low oxygen, below", exact=True)).to_have_value("90")
    expect(editor.get_by_label("High alarms stay until acknowledged")).to_be_checked()
    editor.get_by_label("Who are you?").fill("Ada")
    editor.get_by_role("button", name="Set these limits").click()
    expect(editor).to_be_hidden()
    assert unpack_fields(home.known.list()[0].settings).profile == 4


def test_sound_is_off_until_somebody_turns_it_on_and_that_is_seen(home: Any, visit: Any) -> None:
    home.say("spo2_low", "spo2_very_low", spo2=824, quality=90)
    page = visit().page
    page.evaluate(EARS)
    button, mark = page.locator("#sound"), page.locator("#mute-mark")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(mark).to_contain_text("This page makes no sound")
    assert page.evaluate("() => window.tones") == []
    mark.click()
    expect(button).to_have_attribute("data-sound", "on")
    expect(button).to_have_attribute("data-sounding", "high")
    expect(mark).to_be_hidden()
    page.wait_for_function("() => window.tones.filter((hz) => hz === 660).length === 10")
    page.get_by_role("button", name="Acknowledge").click()
    answer(page, "Ada", is_beside=True)
    expect(button).to_have_attribute("data-sounding", "none")
    home.say("spo2_low", spo2=874, quality=90)  # no longer covered: it sounds for itself
    expect(button).to_have_attribute("data-sounding", "medium")
    button.click()
    expect(button).to_have_attribute("data-sound", "off")
    expect(button).to_have_attribute("data-sounding", "none")
    expect(mark).to_be_hidden()  # nothing of high priority is unanswered


def test_the_choice_of_sound_is_remembered_and_a_pause_here_silences_only_what_it_was_for(
    home: Any, visit: Any
) -> None:
    home.say()
    page = visit().page
    page.locator("#sound").click()
    expect(page.locator("#sound")).to_have_text("Sound is on")
    page.reload()
    expect(page.locator("#sound")).to_have_attribute("aria-pressed", "true")
    page.locator("main").click()
    expect(page.locator("#sound")).to_have_attribute("data-sound", "on")
    home.say("pulse_rate_high", pulse_rate=1250)
    expect(page.locator("#sound")).to_have_attribute("data-sounding", "medium")
    page.get_by_role("button", name="Pause sound").click()
    answer(page, "Bob", is_beside=False)
    expect(page.locator("#sound")).to_have_attribute("data-sounding", "none")
    home.say("pulse_rate_high", "spo2_very_low", pulse_rate=1250, spo2=824)
    expect(page.locator("#sound")).to_have_attribute("data-sounding", "high")


def test_a_lost_bridge_is_heard(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    page.locator("#sound").click()
    expect(page.locator("#sound")).to_have_attribute("data-sound", "on")
    home.stop()
    expect(page.locator("#sound")).to_have_attribute("data-sounding", "medium", timeout=10_000)


@pytest.mark.parametrize("home", [{"people": ("Ben", "Cleo")}], indirect=True)
def test_who_was_told_is_shown_and_messages_can_be_snoozed(home: Any, visit: Any) -> None:
    home.say("spo2_very_low", spo2=824, quality=90)
    page = visit(**PHONE).page
    told = page.locator("#banner .alarm-told")
    expect(told).to_have_text(re.compile(r"^Told: Ben \d\d:\d\d:\d\d$"))
    page.get_by_role("button", name="Snooze messages").click()
    question = page.get_by_role("dialog", name="Snooze messages: Very low oxygen")
    expect(question.get_by_label("For how long?").get_by_role("option")).to_have_text(["5 minutes", "15 minutes"])
    expect(question.get_by_role("group")).to_have_count(0)  # it makes no difference where one is
    assert page.locator("#people option").evaluate_all("all => all.map((each) => each.value)") == ["Ben", "Cleo"]
    answer(page, "Ben")
    expect(page.locator("#done")).to_contain_text("Nobody is told of \u201cVery low oxygen\u201d for 15 minutes")
    expect(told).to_have_text(re.compile(r"^Told: Ben .* · messages snoozed by Ben until \d\d:\d\d$"))
    page.get_by_role("button", name="Send messages again").click()
    expect(told).to_have_text(re.compile(r"^Told: Ben \d\d:\d\d:\d\d$"))
    assert home.hand.told == []


def test_sub_scores_stand_beside_the_values_and_are_never_added_up(home: Any, visit: Any) -> None:
    home.say(spo2=935, pulse_rate=1150)
    page = visit().page
    score = page.locator('.tile[data-signal="spo2"] .news2')
    expect(page.locator('.tile[data-signal="spo2"] .number')).to_have_text("94")
    expect(score).to_be_hidden()  # the settings are not known, so neither is the scale, nor where the sensor sits
    expect(page.locator('.tile[data-signal="temperature"] .news2')).to_be_hidden()
    home.settings = IN_FORCE
    expect(score).to_have_text("NEWS2 sub-score 3")  # 91.5 % after the guard of the general curve
    expect(page.locator('.tile[data-signal="pulse_rate"] .news2')).to_have_text("NEWS2 sub-score 2")
    expect(page.locator('.tile[data-signal="temperature"] .news2')).to_have_text("NEWS2 sub-score 0")
    expect(page.locator("footer details")).to_contain_text("it never adds them up")
    home.settings = Settings(profile=3)
    expect(score).to_have_text("NEWS2 sub-score 0, scale 2")
    expect(page.locator('.tile[data-signal="temperature"] .news2')).to_be_hidden()  # at no core site


@pytest.mark.parametrize("home", [{"wearers": ("Anna", "Bruno")}], indirect=True)
def test_an_answer_is_for_one_wearer_only(home: Any, visit: Any) -> None:
    home.say("spo2_very_low", spo2=824, device=0)
    home.say("spo2_very_low", spo2=834, device=1)
    page = visit().page
    expect(page.locator("#banner .alarm")).to_have_count(2)
    bruno = page.locator("#banner .alarm").filter(has_text="Bruno")
    bruno.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("group", name="Are you with Bruno?")).to_be_visible()
    answer(page, "Ada", is_beside=True)
    expect(bruno.locator(".alarm-answer")).to_contain_text("Acknowledged by Ada")
    expect(page.locator("#banner .alarm").filter(has_text="Anna").locator(".alarm-answer")).to_be_hidden()
