"""The page for every eye, hand and ear: widths, dark and light, contrast, names, keyboard; and it stays at home."""

import re
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from vigil_wire import conditions, link, statuses
from vigil_wire.settings import Settings

# Each visible text with its colour and the colour behind it, as 0-255 triples, and its size and weight.
TEXTS = """() => {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = rgba(getComputedStyle(each).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest('.unseen, .skip, noscript')) continue;
    const style = getComputedStyle(element);
    found.push({
      text: element.textContent.trim().slice(0, 40),
      front: rgba(style.color), back: behind(element),
      size: parseFloat(style.fontSize), weight: parseInt(style.fontWeight),
    });
  }
  return found;
}"""

# Which tiles and plots lie on one another.
OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll('.tile, .trend')].map((one) => [one.dataset.signal, one]);
  const [left, right] = [(one) => one.getBoundingClientRect().left, (one) => one.getBoundingClientRect().right];
  const [top, bottom] = [(one) => one.getBoundingClientRect().top, (one) => one.getBoundingClientRect().bottom];
  const lie = (one, other) => left(one) < right(other) && top(one) < bottom(other);
  return boxes.flatMap(([name, one], at) => boxes.slice(at + 1)
    .filter(([, other]) => lie(one, other) && lie(other, one)).map(([other]) => `${name} on ${other}`));
}"""
# What of the page does not fit its own box.
SPILLING = """() => [...document.querySelectorAll('.tile, .alarm, .state, .trend, .log li, .top')]
  .filter((box) => box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1)
  .map((box) => box.textContent.trim().slice(0, 60))"""


def luminance(colour: list[int]) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [value / 255 for value in colour[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(front: list[int], back: list[int]) -> float:
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def fill(home: Any) -> None:
    """Have everything on the page at once: four alarms, one of them folded, readings, none of them, trends, a log."""
    home.record([(720, 970, 3660)] * 30)
    home.settings = Settings(temperature_site=1)
    home.say("spo2_low", "spo2_very_low", "temperature_high", spo2=850, temperature=3890)
    home.hand.send(home.devices[0].id, link.alarm_command(link.PAUSE_AUDIO, conditions.ALL, conditions.BESIDE_WEARER))
    home.say(
        "spo2_low",
        "spo2_very_low",
        "temperature_high",
        "no_reading",
        status=(statuses.POOR_SIGNAL, statuses.VALIDATED, statuses.VALIDATED),
        pulse_rate=None,
        spo2=850,
        temperature=3890,
        quality=90,
    )


def settled(page: Page) -> None:
    expect(page.locator("#banner .alarm")).to_have_count(3)
    expect(page.locator(".trend canvas")).to_have_count(4)
    expect(page.locator("#log-list > li")).to_have_count(4)
    expect(page.locator("#mute-mark")).to_be_visible()
    expect(page.locator(".state")).to_have_count(1)


def test_every_text_stands_out_from_its_ground(home: Any, visit: Any) -> None:
    fill(home)
    page = visit().page
    settled(page)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        texts = page.evaluate(TEXTS)
        assert len(texts) > 30
        for text in texts:
            is_large = text["size"] >= 24 or (text["size"] >= 18.66 and text["weight"] >= 700)
            assert contrast(text["front"], text["back"]) >= (3.0 if is_large else 4.5), (scheme, text)


@pytest.mark.parametrize("home", [{"passphrase": "correct horse battery staple"}], indirect=True)
def test_the_login_page_stands_out_from_its_ground(home: Any, visit: Any) -> None:
    page = visit().page
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        for text in page.evaluate(TEXTS):
            assert contrast(text["front"], text["back"]) >= 4.5, (scheme, text)


def test_dark_and_light_follow_the_reader_also_while_looking(home: Any, visit: Any) -> None:
    home.record([(720, 970, 3660)] * 30)
    home.say()
    page = visit(color_scheme="dark").page
    expect(page.locator(".trend canvas")).to_have_count(4)
    ground = "() => getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) != dark
    expect(page.locator(".trend canvas")).to_have_count(4)


def test_nothing_is_wider_than_the_screen_or_its_box(home: Any, visit: Any) -> None:
    fill(home)
    page = visit().page
    settled(page)
    for width in (320, 360, 390, 768, 1000, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        page.wait_for_timeout(200)  # for the plots to follow
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        assert page.evaluate(SPILLING) == [], width
        assert page.evaluate(OVERLAPPING) == [], width


def test_the_four_vital_signs_fit_one_small_screen(home: Any, visit: Any) -> None:
    home.say()
    home.record([(720, 970, 3660)], respiration=143)
    page = visit(viewport={"width": 360, "height": 640}).page
    for signal in ("spo2", "pulse_rate", "respiration", "temperature"):
        number = page.locator(f'.tile[data-signal="{signal}"] .number')
        expect(number).to_be_in_viewport(ratio=1)


def test_it_asks_no_other_host_and_complains_of_nothing(home: Any, visit: Any) -> None:
    fill(home)
    opened = visit()
    settled(opened.page)
    opened.page.get_by_role("radio", name="1 h").check(force=True)
    opened.page.wait_for_timeout(500)
    assert opened.requests
    assert [url for url in opened.requests if not url.startswith(home.url)] == []
    assert opened.problems == []


def test_a_script_put_into_a_name_stays_text(home: Any, visit: Any) -> None:
    home.devices[0] = type(home.devices[0])(home.devices[0].id, "<b>x</b>", "<img src=x onerror=alert(1)>", bytes(16))
    home.say("spo2_low")
    opened = visit()
    expect(opened.page.locator(".wearer")).to_have_text("<img src=x onerror=alert(1)>")
    assert opened.problems == []


def test_headings_names_and_roles_are_in_order(home: Any, visit: Any) -> None:
    fill(home)
    page = visit().page
    settled(page)
    levels = page.evaluate(
        "() => [...document.querySelectorAll('h1,h2,h3')].filter((h) => h.checkVisibility()).map((h) => +h.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.evaluate("() => document.documentElement.lang") == "en"
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    for name in ("Blood oxygen (SpO₂)", "Pulse rate", "Temperature", "Perfusion index", "Recent alarms", "Alarms now"):
        expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
    expect(page.get_by_role("article", name="Anna")).to_be_visible()
    expect(page.get_by_role("group", name="Trends show the last")).to_be_visible()
    for picture in page.get_by_role("img").all():
        assert picture.get_attribute("aria-label") or picture.get_attribute("alt") == ""
    doubled = page.evaluate(
        "() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);"
        " return ids.filter((id, at) => ids.indexOf(id) !== at); }"
    )
    assert doubled == []


def test_it_speaks_values_at_a_calm_pace(home: Any, visit: Any) -> None:
    home.say()
    home.record([(720, 970, 3660)])
    page = visit().page
    spoken = page.get_by_role("status")
    expect(spoken).to_have_text(
        "Anna: blood oxygen 97 percent; pulse 72 beats per minute; respiration 14 breaths per minute; "
        "temperature 36.6 degrees"
    )
    page.evaluate(
        "() => { window.said = 0; new MutationObserver(() => window.said++).observe("
        "document.getElementById('spoken'), { childList: true, characterData: true, subtree: true }); }"
    )
    for step in range(4):
        home.say(spo2=950 + 10 * step)
        expect(page.locator('.tile[data-signal="spo2"] .number')).to_have_text(str(95 + step))
    assert page.evaluate("() => window.said") == 0
    live = page.evaluate("() => [...document.querySelectorAll('.tile, .device')].some((e) => e.closest('[aria-live]'))")
    assert not live


def test_a_held_value_is_spoken_as_held(home: Any, visit: Any) -> None:
    home.say(spo2=824)
    page = visit().page
    home.say(spo2=None, status=(statuses.VALIDATED, statuses.LOW_PERFUSION, statuses.VALIDATED))
    expect(page.locator('.tile[data-signal="spo2"]')).to_have_attribute("data-reading", "held")
    page.evaluate("() => { const now = performance.now.bind(performance); performance.now = () => now() + 60000; }")
    home.say(spo2=None, status=(statuses.VALIDATED, statuses.LOW_PERFUSION, statuses.VALIDATED))
    expect(page.locator("#spoken")).to_have_text(
        re.compile(r"blood oxygen 82 percent, held, \d+ s old, Too little blood flow at the sensor")
    )


def test_an_alarm_is_spoken_once_not_each_second(home: Any, visit: Any) -> None:
    home.say("spo2_low", spo2=850)
    page = visit().page
    expect(page.locator("#banner .alarm")).to_have_count(1)
    page.evaluate(
        "() => { window.said = 0; new MutationObserver(() => window.said++).observe(document.querySelector("
        "'#banner [role=alert]'), { childList: true, characterData: true, attributes: true, subtree: true }); }"
    )
    since = page.locator(".alarm-since").nth(1)
    before = since.text_content()
    expect(since).not_to_have_text(before or "")
    assert page.evaluate("() => window.said") == 0


def test_the_keyboard_reaches_everything_and_shows_where_it_is(home: Any, visit: Any) -> None:
    home.say()
    page = visit().page
    expect(page.locator(".wearer")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Go to the readings")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="10 min")).to_be_focused()
    outline = "() => getComputedStyle(document.activeElement.parentElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="1 h")).to_be_checked()
    expect(page.get_by_role("img", name="last 1 h").first).to_be_visible()


def test_who_wants_no_motion_gets_none(home: Any, visit: Any) -> None:
    home.say("spo2_very_low", spo2=850)
    page = visit(reduced_motion="reduce").page
    icon = page.locator("#banner .alarm > .icon")
    expect(icon).to_be_visible()
    assert icon.evaluate("icon => getComputedStyle(icon).animationName") == "none"
