// Vigil's page: shows the newest state the bridge has sent, and never an older one as if it were new.
//
// Ages come from the server and grow by what has passed here since; the clock of this machine is used for nothing but
// noticing that it slept. Where no word from the bridge has come for LOST_AFTER_S, no number is shown as current.

import { post, Question, timeOfDay } from "./acts.js";
import { LimitsEditor } from "./limits.js";
import { AlarmSound } from "./sound.js";
import { Trends, bounds } from "./trends.js";

const LOST_AFTER_S = 5;
const REOPEN_AFTER_S = 10;
const SPOKEN_EVERY_S = 30;
const DAY_S = 86400;
const DONE_FOR_MS = 12_000;
const CONFIRMED_WITHIN_MS = 8000;
const PAUSED_HERE_MS = 120_000;

const SIGNALS = {
  spo2: { key: "spo2_pct", title: "Blood oxygen (SpO₂)", name: "blood oxygen", unit: "%", digits: 0, spoken: "percent" },
  pulse_rate: { key: "pulse_rate_bpm", title: "Pulse rate", name: "pulse", unit: "bpm", digits: 0, spoken: "beats per minute" },
  respiration: { key: "respiration_per_min", title: "Respiration", name: "respiration", unit: "/min", digits: 0, spoken: "breaths per minute", byRecord: true },
  temperature: { key: "temperature_c", title: "Temperature", name: "temperature", unit: "°C", digits: 1, spoken: "degrees" },
  perfusion_index: { key: "perfusion_index_pct", title: "Perfusion index", name: "perfusion index", unit: "%", digits: 1, spoken: "percent" },
};
const UNSURE = ["early_estimate", "questionable"];
const QUALIFIED = ["spo2", "pulse_rate"];
const ORDER = { high: 0, medium: 1, low: 2 };

const $ = (id) => document.getElementById(id);
const cards = new Map();
const banners = new Map();
const states = new Map(); // what is not as usual: sound paused, off on purpose
const quietUntil = new Map(); // alarms whose sound is paused on this page only
const sound = new AlarmSound($("sound"), $("mute-mark"));
const question = new Question($("ask"), () => picture.now_utc_ms + elapsed() * 1000);
const limitsEditor = new LimitsEditor($("limits"), placed, say);
let picture = null; // the newest `live` event
let recent = [];
let others = []; // pauses and standby of the last day
let canAct = false;
let hasPeople = false; // who are told of alarms
let asked = null; // of a device, until it confirms: {device, isSo, unlike, until}
let saidUntil = 0;
const unfolded = new Set(); // alarms of the log whose events are shown
let heard = null; // when it came, by both clocks
let opened = 0;
let source = null;
let newestRow = null;
let wasLost = false;
let spokenAt = -Infinity;

// Seconds since the newest word of the bridge. A machine's monotonic clock may stop while it sleeps, so whichever of
// its clocks says more is believed: a wrong step makes a reading old for a second, never young.
function elapsed() {
  if (!heard) return Infinity;
  return Math.max((performance.now() - heard.mono) / 1000, (Date.now() - heard.wall) / 1000);
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setIcon(svg, name) {
  const use = svg.querySelector("use");
  if (use.getAttribute("href") !== `#icon-${name}`) use.setAttribute("href", `#icon-${name}`);
}

function stamp(id) {
  return $(id).content.firstElementChild.cloneNode(true);
}

function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < DAY_S) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / DAY_S)} d ${Math.floor((s % DAY_S) / 3600)} h`;
}

function ago(seconds) {
  return seconds < 2 ? "just now" : `${duration(seconds)} ago`;
}

function clockTime(utcMs) {
  const then = new Date(utcMs);
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const away = Math.abs(picture.now_utc_ms - utcMs);
  if (away > DAY_S * 500) Object.assign(options, { day: "numeric", month: "short" });
  if (away > DAY_S * 300_000) options.year = "numeric";
  return new Intl.DateTimeFormat(undefined, options).format(then);
}

// An instant that is known, or bounded, in words.
function placed({ utc_ms: at, earliest_utc_ms: earliest, latest_utc_ms: latest }) {
  return at == null ? bounds(earliest, latest, clockTime) : clockTime(at);
}

// A number is never rounded to the safe side of a limit: 89.6 % under a limit of 90 % is shown as 89 %.
function shown(value, signal, limits) {
  const scale = 10 ** SIGNALS[signal].digits;
  let rounded = Math.round(value * scale) / scale;
  for (const low of [limits.low, limits.veryLow]) {
    if (low != null && value < low && rounded >= low) rounded = Math.floor(value * scale) / scale;
  }
  for (const high of [limits.high, limits.veryHigh]) {
    if (high != null && value > high && rounded <= high) rounded = Math.ceil(value * scale) / scale;
  }
  return rounded.toFixed(SIGNALS[signal].digits);
}

function limitsOf(view, signal) {
  const [quantity, unit] = [signal, SIGNALS[signal].key.slice(signal.length + 1)];
  const limit = (which) => view.limits[`${quantity}_${which}_${unit}`];
  return { low: limit("low"), high: limit("high"), veryLow: limit("very_low"), veryHigh: limit("very_high") };
}

function limitWords({ low, high }, signal) {
  if (signal === "perfusion_index" || (low === null && high === null)) return "No alarm limit";
  const unit = SIGNALS[signal].unit;
  if (low != null && high != null) return `Alarm outside ${low}\u2060–\u2060${high}\u00a0${unit}`;
  if (low != null) return `Alarm below ${low}\u00a0${unit}`;
  if (high != null) return `Alarm above ${high}\u00a0${unit}`;
  return "Alarm limits unknown";
}

// What may be shown of one measurement now: {value, held, status, name, last, age}; value null means no reading.
// held: the last value where the bridge says that it may still be shown, marked. It is never a reading.
function measure(view, signal, passed) {
  const key = SIGNALS[signal].key;
  const age = view[`${signal}_age_s`] == null ? Infinity : view[`${signal}_age_s`] + passed;
  const shared = { age, last: view[key] ?? view[`last_${key}`], held: null };
  if (passed > LOST_AFTER_S) return { ...shared, value: null, status: "No contact with Vigil", name: "stale" };
  // How long a record lasts is known to the bridge, which withholds what is older.
  if (!SIGNALS[signal].byRecord && view[key] != null && age > picture.stale_after_s) return { ...shared, value: null, status: picture.stale_text, name: "stale" };
  const held = view[key] == null && age <= picture.held_most_s ? view[`held_${key}`] : null;
  return { ...shared, held, value: view[key], status: view[`${signal}_status_text`], name: view[`${signal}_status`] };
}

// A charge that was told once and is not any more is said to be unknown; a device without a gauge says nothing.
function batteryWords(view) {
  if (view.battery_pct != null) return `battery ${Math.round(view.battery_pct)} %`;
  return view.last_battery_pct == null ? "" : `battery unknown, last ${Math.round(view.last_battery_pct)} %`;
}

class Card {
  constructor(view) {
    this.element = stamp("device-template");
    this.tiles = new Map();
    const heading = this.element.querySelector(".wearer");
    heading.id = `wearer-${view.device}`;
    this.element.setAttribute("aria-labelledby", heading.id);
    for (const [signal, words] of Object.entries(SIGNALS)) {
      const tile = stamp("tile-template");
      tile.dataset.signal = signal;
      const title = tile.querySelector("h3");
      title.id = `${signal}-${view.device}`;
      title.textContent = words.title;
      tile.setAttribute("aria-labelledby", title.id);
      tile.querySelector(".unit").textContent = words.unit;
      this.element.querySelector(".tiles").append(tile);
      this.tiles.set(signal, tile);
    }
    const press = (name, act) => this.element.querySelector(name).addEventListener("click", () => act(this.view));
    press(".limits-button", (view) => limitsEditor.open(view.device, view.wearer_name));
    press(".standby-button", askStandby);
    press(".try-button", (view) => act(`/api/devices/${view.device}/try`));
    this.trends = new Trends(view.device, this.element, SIGNALS, stamp);
    $("devices").append(this.element);
  }

  show(view, passed, active) {
    const find = (name) => this.element.querySelector(name);
    const current = passed <= LOST_AFTER_S;
    this.view = view;
    find(".device-acts").hidden = !canAct || !current;
    find(".standby-button").hidden = view.is_standby;
    setText(find(".wearer"), view.wearer_name);
    const line = [
      view.device_name === view.wearer_name ? "" : view.device_name,
      current ? view.link_text : "Link unknown",
      view.age_s == null ? "never heard" : `heard ${ago(view.age_s + passed)}`,
      current ? batteryWords(view) : "",
    ].filter(Boolean);
    setText(find(".device-line"), line.map((part) => part.replaceAll(" ", "\u00a0")).join("\u00a0· "));
    find(".movement").hidden = !current || view.movement_text === "";
    setText(find(".movement span"), view.movement_text);
    setIcon(find(".movement svg"), view.position ?? "unknown");
    for (const [signal, tile] of this.tiles) this.showTile(tile, signal, view, passed, active);
    this.trends.setAge(current);
  }

  showTile(tile, signal, view, passed, active) {
    const find = (name) => tile.querySelector(name);
    const limits = limitsOf(view, signal);
    const now = measure(view, signal, passed);
    const unit = SIGNALS[signal].unit;
    const alarm = passed <= LOST_AFTER_S ? active.find((one) => one.signal === signal) : null;
    const has = now.value != null;
    const outside = has && ((limits.low != null && now.value < limits.low) || (limits.high != null && now.value > limits.high));
    const held = now.held != null;
    tile.dataset.reading = held ? "held" : !has ? "none" : UNSURE.includes(now.name) ? "unsure" : "clear";
    if (alarm) tile.dataset.alarm = alarm.priority;
    else delete tile.dataset.alarm;
    setText(find(".number"), has || held ? shown(now.value ?? now.held, signal, limits) : "—");
    find(".number").toggleAttribute("aria-hidden", !has && !held);
    setText(find(".held"), held ? `held, ${ago(now.age)}` : "");
    const unsure = tile.dataset.reading === "unsure";
    setText(find(".note span"), alarm ? alarm.title : outside ? "Outside the limits" : has ? now.status : "No reading");
    setIcon(find(".note svg"), alarm ? alarm.priority : !has ? "none" : outside ? "medium" : unsure ? "unsure" : "clear");
    setText(find(".status"), alarm || outside || !has ? now.status : "");
    const last = find(".last");
    last.hidden = has || held || now.last == null;
    if (!last.hidden) setText(last, `last ${shown(now.last, signal, limits)} ${unit} · ${ago(now.age)}`);
    find(".curve").hidden = signal !== "spo2";
    if (signal === "spo2") setText(find(".curve"), view.spo2_curve_text);
    const score = has ? view.news2_scores[signal] : null;
    find(".news2").hidden = score == null;
    setText(find(".news2"), `NEWS2 sub-score ${score}${signal === "spo2" && view.news2_scale === 2 ? ", scale 2" : ""}`);
    setText(find(".limits"), limitWords(limits, signal));
    const quality = QUALIFIED.includes(signal) && view.quality != null ? `signal\u00a0${view.quality}\u00a0% · ` : "";
    setText(find(".age"), has ? quality + ago(now.age) : "");
  }
}

function byPriority(one, other) {
  return ORDER[one.priority] - ORDER[other.priority] || (one.onset_utc_ms ?? 0) - (other.onset_utc_ms ?? 0);
}

function showAlarms(passed) {
  const current = passed <= LOST_AFTER_S;
  const everything = [...picture.active].sort(byPriority);
  const active = everything.filter((one) => !one.covered_by);
  const several = picture.devices.length > 1;
  const keys = new Set(active.map(keyOf));
  const paused = new Set(); // devices whose first alarm has the button for the sound
  for (const [key, element] of banners) {
    if (keys.has(key)) continue;
    speak(`${element.querySelector(".alarm-title").textContent}: has ended`);
    element.remove();
    banners.delete(key);
  }
  active.forEach((alarm, position) => {
    const key = keyOf(alarm);
    const element = banners.get(key) ?? newBanner(key);
    if ($("banner").children[position] !== element) $("banner").insertBefore(element, $("banner").children[position] ?? null);
    element.dataset.priority = alarm.priority;
    element.classList.toggle("old", !current);
    element.classList.toggle("answered", current && alarm.acknowledged_by != null);
    setIcon(element.querySelector("svg"), alarm.priority);
    const who = several ? `${alarm.wearer_name}: ` : "";
    setText(element.querySelector(".alarm-title"), who + alarm.title);
    setText(element.querySelector(".alarm-priority"), alarm.priority_text);
    setText(element.querySelector(".alarm-meaning"), (current ? "" : "Last known, may have ended. ") + alarm.meaning);
    setText(element.querySelector(".alarm-do"), current ? alarm.advice : "");
    const advisedBy = alarm.advice_source ? `Advice: ${alarm.advice_source}` : "";
    if (element.querySelector(".alarm-do").title !== advisedBy) element.querySelector(".alarm-do").title = advisedBy;
    showDetails(element, alarm, everything.filter((one) => one.device === alarm.device && one.covered_by === alarm.condition), passed);
    element.querySelector(".alarm-acts").hidden = !canAct || !current;
    element.querySelector(".acknowledge").hidden = alarm.id == null || (alarm.acknowledged_by != null && alarm.source === "bridge");
    setText(element.querySelector(".acknowledge"), alarm.acknowledged_by == null ? "Acknowledge" : "I am there now");
    element.querySelector(".pause").hidden = alarm.source !== "device" || paused.has(alarm.device) || alarm.acknowledged_by != null;
    if (!element.querySelector(".pause").hidden) paused.add(alarm.device);
    const age = alarm.age_s + passed;
    setText(element.querySelector(".alarm-since"), alarm.onset_utc_ms == null ? unplaced(alarm) : `since ${clockTime(alarm.onset_utc_ms)} (${duration(age)})`);
  });
  const reading = picture.devices.some((view) => Object.keys(SIGNALS).some((signal) => measure(view, signal, passed).value != null));
  $("quiet").hidden = !current || active.length > 0 || picture.devices.length === 0;
  setText($("quiet"), reading ? "No alarm now." : "No alarm now, and no reading.");
  showTitle(active, current, several);
}

function keyOf(alarm) {
  return `${alarm.device} ${alarm.condition}`;
}

function newBanner(key) {
  const element = stamp("alarm-template");
  banners.set(key, element);
  const now = () => picture.active.find((one) => keyOf(one) === key);
  element.querySelector(".acknowledge").addEventListener("click", () => now() && askAcknowledge(now()));
  element.querySelector(".pause").addEventListener("click", () => now() && askPause(now()));
  element.querySelector(".snooze").addEventListener("click", () => now() && (snoozeOf(now()) ? act(`/api/alarms/${now().id}/tell`) : askSnooze(now())));
  return element;
}

// What changes while an alarm lasts, so it is shown and not spoken: the value, what it covers, who has answered.
function showDetails(element, alarm, covers, passed) {
  const view = picture.devices.find((one) => one.device === alarm.device);
  const parts = [];
  if (alarm.signal && view) {
    const [unit, limits, now] = [SIGNALS[alarm.signal].unit, limitsOf(view, alarm.signal), measure(view, alarm.signal, passed)];
    const said = (value) => `${shown(value, alarm.signal, limits)}\u00a0${unit}`;
    if (now.value != null) parts.push(`now ${said(now.value)}`);
    else parts.push(`last known${now.last == null ? "" : ` ${said(now.last)}, ${ago(now.age)}`}, no signal`);
    if (alarm.value != null) parts.push(`at the alarm ${said(alarm.value)}`);
  }
  const value = element.querySelector(".alarm-value");
  value.hidden = parts.length === 0;
  setText(value, parts.length ? `${parts[0][0].toUpperCase()}${parts.join(" · ").slice(1)}` : "");
  const also = element.querySelector(".alarm-also");
  also.hidden = covers.length === 0;
  setText(also, `With it: ${covers.map((one) => one.title + (one.onset_utc_ms == null ? "" : ` since ${clockTime(one.onset_utc_ms)}`)).join(", ")}`);
  const [told, snooze] = [picture.told[alarm.id] ?? [], snoozeOf(alarm)];
  const tellings = told.map((one) => [one.person, one.sent_utc_ms == null ? "" : clockTime(one.sent_utc_ms), one.text && `(${one.text})`].filter(Boolean).join(" "));
  const toldWords = tellings.length ? [`Told: ${tellings.join(", ")}`] : [];
  if (snooze) toldWords.push(`messages snoozed by ${snooze.by} until ${timeOfDay(snooze.until_utc_ms)}`);
  element.querySelector(".alarm-told").hidden = toldWords.length === 0;
  setText(element.querySelector(".alarm-told"), toldWords.length ? `${toldWords[0][0].toUpperCase()}${toldWords.join(" · ").slice(1)}` : "");
  element.querySelector(".snooze").hidden = alarm.id == null || (!snooze && (!hasPeople || alarm.acknowledged_by != null));
  setText(element.querySelector(".snooze"), snooze ? "Send messages again" : "Snooze messages");
  const answer = element.querySelector(".alarm-answer");
  const words = [];
  if (alarm.is_latched) words.push(alarm.acknowledged_by == null ? "Over, not acknowledged" : "Over");
  if (alarm.acknowledged_by != null) words.push(`Acknowledged by ${alarm.acknowledged_by}, ${clockTime(alarm.acknowledged_utc_ms)}`);
  answer.hidden = words.length === 0;
  setIcon(answer.querySelector("svg"), alarm.acknowledged_by == null ? "waiting" : "done");
  setText(answer.querySelector("span"), words.join(" · "));
}

// What is not as usual and is no alarm: a device taken off on purpose, a sound that is paused.
function showStates(passed) {
  const wanted = new Map();
  const current = passed <= LOST_AFTER_S;
  for (const view of current ? picture.devices : []) {
    if (view.is_standby) {
      const end = view.standby_s == null ? "" : ` until ${timeOfDay(picture.now_utc_ms + view.standby_s * 1000)} at the latest`;
      wanted.set(`${view.device} standby`, [`${view.wearer_name}: taken off on purpose${end}. Nobody is watched.`, "Watch again", `/api/devices/${view.device}/watch`]);
    }
    if (view.audio_paused_s != null) {
      wanted.set(`${view.device} pause`, [`${view.wearer_name}: sound of the device paused, ${duration(view.audio_paused_s - passed)} left.`, "Sound again", `/api/devices/${view.device}/resume`]);
    }
  }
  for (const [key, element] of states) {
    if (wanted.has(key)) continue;
    element.remove();
    states.delete(key);
  }
  for (const [key, [words, button, path]] of wanted) {
    if (!states.has(key)) {
      const element = stamp("state-template");
      setIcon(element.querySelector("svg"), key.endsWith("standby") ? "standby" : "mute");
      setText(element.querySelector("button"), button);
      element.querySelector("button").addEventListener("click", () => act(path));
      states.set(key, element);
      $("states").append(element);
    }
    setText(states.get(key).querySelector("p"), words);
    states.get(key).querySelector("button").hidden = !canAct;
  }
}

// What is to be heard: alarms that stand alone, that nobody has answered, and that are not paused here; and the loss of
// contact, after which no alarm would come.
function sounding(passed) {
  if (passed > LOST_AFTER_S) return heard ? [{ key: "lost", priority: "medium" }] : [];
  const now = performance.now();
  const keys = new Set(picture.active.map(keyOf));
  for (const [key, { until }] of quietUntil) if (until < now || !keys.has(key)) quietUntil.delete(key);
  const isQuiet = (alarm) => quietUntil.get(keyOf(alarm))?.priority === alarm.priority;
  return picture.active
    .filter((alarm) => !alarm.covered_by && alarm.acknowledged_by == null && !isQuiet(alarm))
    .map((alarm) => ({ key: keyOf(alarm), priority: alarm.priority }));
}

function pauseHere(device) {
  const until = performance.now() + PAUSED_HERE_MS;
  for (const alarm of picture.active) if (alarm.device === device) quietUntil.set(keyOf(alarm), { until, priority: alarm.priority });
}

function askAcknowledge(alarm) {
  const who = alarm.wearer_name;
  const device = alarm.source === "device";
  question.ask({
    title: `Acknowledge: ${alarm.title}`,
    text: `Others see that you take care of this. ${alarm.priority === "high" ? "It sounds again after five minutes, or when it gets worse." : ""}`,
    wearer: who,
    beside: { yes: device ? "The device is silent for this alarm." : "", no: device ? "The device goes on sounding, for whoever is near." : "" },
    act: "Acknowledge",
    path: `/api/alarms/${alarm.id}/acknowledge`,
    done: say,
  });
}

function askPause(alarm) {
  question.ask({
    title: "Pause the sound",
    text: "What is new, or gets worse, sounds all the same.",
    wearer: alarm.wearer_name,
    beside: { yes: "The device and this page pause their sound for up to two minutes.", no: "Only this page is silent, for two minutes. The device goes on sounding." },
    act: "Pause",
    path: `/api/devices/${alarm.device}/pause`,
    done: (text) => {
      pauseHere(alarm.device);
      awaitDevice(alarm.device, (view) => view.audio_paused_s != null, text);
    },
    afar: () => {
      pauseHere(alarm.device);
      say("This page is silent for two minutes. The device goes on sounding.");
    },
  });
}

function askStandby(view) {
  question.ask({
    title: "Taken off on purpose",
    text: `Until it ends, nobody is told when the sensor is off, and ${view.wearer_name} is not watched.`,
    wearer: view.wearer_name,
    beside: { yes: "", no: "Not possible while an alarm about them, or of high priority, is on." },
    minutes: [15, 30, 60, 120, 240, 480],
    ends: ", and as soon as the sensor is worn again",
    act: "Stop watching",
    path: `/api/devices/${view.device}/standby`,
    done: (text) => awaitDevice(view.device, (now) => now.is_standby, text),
  });
}

function askSnooze(alarm) {
  question.ask({
    title: `Snooze messages: ${alarm.title}`,
    text: `Nobody is sent a message about this for a while. The device and this page go on sounding. What gets more urgent, and every other alarm of ${alarm.wearer_name}, is told all the same.`,
    wearer: alarm.wearer_name,
    minutes: alarm.priority === "high" ? [5, 15] : [15, 30, 60, 120],
    ends: "",
    act: "Snooze",
    path: `/api/alarms/${alarm.id}/snooze`,
    done: say,
  });
}

function snoozeOf(alarm) {
  return picture.snoozes.find((one) => one.wearer === alarm.wearer_name && one.condition === alarm.condition);
}

async function act(path) {
  say((await post(path, {})).text);
}

// A device was asked for something: say so, and say where it does not confirm it.
function awaitDevice(device, isSo, text) {
  asked = { device, isSo, until: performance.now() + CONFIRMED_WITHIN_MS };
  say(text);
}

function checkAsked() {
  if (!asked) return;
  const view = picture.devices.find((one) => one.device === asked.device);
  const isConfirmed = view && asked.isSo(view);
  if (!isConfirmed && performance.now() < asked.until) return;
  asked = null;
  say(isConfirmed ? "The device has confirmed it." : "The device has not confirmed it. Look at the device, and use its button.");
}

function say(text) {
  setText($("done"), text);
  saidUntil = performance.now() + DONE_FOR_MS;
  $("done").hidden = false;
  speak(text);
}

// The beginning of an alarm in a boot whose time is not known; nothing of one that has no record yet.
function unplaced({ onset_earliest_utc_ms: earliest, onset_latest_utc_ms: latest }) {
  return earliest == null && latest == null ? "" : `began: ${bounds(earliest, latest, clockTime)}`;
}

function showTitle(active, current, several) {
  let title = "Vigil";
  const first = active[0];
  if (first) title = `${first.title}${several ? `, ${first.wearer_name}` : ""} | Vigil`;
  if (first && first.priority !== "low") title = `⚠ ${title}`;
  if (!current) title = "✕ No contact | Vigil";
  if (document.title !== title) document.title = title;
  const icon = (first && first.priority !== "low") || !current ? "/static/icon-alarm.svg" : "/static/icon.svg";
  const link = document.querySelector("link[rel=icon]");
  if (link.getAttribute("href") !== icon) link.setAttribute("href", icon);
}

function showLog() {
  const several = picture.devices.length > 1;
  $("log").hidden = false;
  $("log-empty").hidden = recent.length > 0;
  $("log-list").replaceChildren(...recent.map((alarm) => {
    const item = document.createElement("li");
    item.dataset.priority = alarm.priority;
    const icon = $("contact").querySelector("svg").cloneNode(true);
    setIcon(icon, alarm.priority);
    const what = document.createElement("p");
    what.textContent = (several ? `${alarm.wearer_name}: ` : "") + alarm.title;
    const note = document.createElement("span");
    note.className = "log-note";
    note.textContent = ` ${alarm.priority_text.toLowerCase()}`;
    what.append(note);
    const when = document.createElement("p");
    when.className = "log-time";
    const instant = (name) => {
      const at = alarm[`${name}_utc_ms`];
      return at == null ? bounds(alarm[`${name}_earliest_utc_ms`], alarm[`${name}_latest_utc_ms`], clockTime) : clockTime(at);
    };
    if (!alarm.is_active && alarm.onset_utc_ms == null && alarm.cleared_utc_ms == null) {
      when.textContent = bounds(alarm.onset_earliest_utc_ms, alarm.cleared_latest_utc_ms, clockTime);
    } else {
      when.textContent = `${instant("onset")} – ${alarm.is_active ? "still on" : instant("cleared")}`;
    }
    if (!alarm.is_active && alarm.onset_utc_ms != null && alarm.cleared_utc_ms != null) {
      when.textContent += ` (${duration((alarm.cleared_utc_ms - alarm.onset_utc_ms) / 1000)})`;
    }
    item.append(icon, what, when);
    if (alarm.events.length) item.append(happened(alarm));
    return item;
  }));
  $("log-more").hidden = others.length === 0;
  $("log-more").querySelector("ul").replaceChildren(...others.map((event) => {
    const item = document.createElement("li");
    item.textContent = `${several ? `${event.wearer_name}: ` : ""}${placed(event)} ${event.text}`;
    return item;
  }));
}

// All that happened to one alarm, folded away; what was unfolded stays so when the list is made anew.
function happened(alarm) {
  const details = document.createElement("details");
  details.open = unfolded.has(alarm.id);
  details.addEventListener("toggle", () => (details.open ? unfolded.add(alarm.id) : unfolded.delete(alarm.id)));
  const summary = document.createElement("summary");
  summary.textContent = alarm.acknowledged_by ? `Acknowledged by ${alarm.acknowledged_by}` : `${alarm.events.length} ${alarm.events.length === 1 ? "event" : "events"}`;
  const list = document.createElement("ul");
  list.append(...alarm.events.map((event) => {
    const item = document.createElement("li");
    item.textContent = `${placed(event)} ${event.text}`;
    return item;
  }));
  details.append(summary, list);
  return details;
}

function showContact(passed) {
  const lost = passed > LOST_AFTER_S;
  const state = lost ? (heard || performance.now() > LOST_AFTER_S * 1000 ? "lost" : "waiting") : "live";
  $("contact").dataset.contact = state;
  setIcon($("contact").querySelector("svg"), state);
  setText($("contact").querySelector("span"), { live: "Live", waiting: "Connecting", lost: "No contact" }[state]);
  const banner = $("lost");
  if (state === "lost" && banner.hidden) {
    banner.hidden = false;
    document.title = "✕ No contact | Vigil";
  }
  if (state !== "lost") banner.hidden = true;
  setText(banner.querySelector(".alarm-since"), heard ? `for ${duration(passed)}` : "");
  if (wasLost && state === "live") speak("Contact with Vigil is back");
  wasLost = state === "lost";
}

// The values for those who listen: at a calm pace, and alarms speak for themselves.
function speakValues(passed) {
  const now = performance.now() / 1000;
  if (now - spokenAt < SPOKEN_EVERY_S || passed > LOST_AFTER_S) return;
  spokenAt = now;
  const words = picture.devices.map((view) => {
    const values = Object.entries(SIGNALS).filter(([signal]) => signal !== "perfusion_index").map(([signal, one]) => {
      const reading = measure(view, signal, passed);
      if (reading.value == null && reading.held == null) return `${one.name}: no reading, ${reading.status}`;
      const words = `${one.name} ${shown(reading.value ?? reading.held, signal, limitsOf(view, signal))} ${one.spoken}`;
      return reading.value == null ? `${words}, held, ${duration(reading.age)} old, ${reading.status}` : words;
    });
    return `${view.wearer_name}: ${values.join("; ")}`;
  });
  speak(words.join(". "));
}

function speak(words) {
  setText($("spoken"), words);
}

function render() {
  const passed = elapsed();
  showContact(passed);
  if (!picture) return;
  const present = new Set(picture.devices.map((view) => view.device));
  for (const [device, card] of cards) {
    if (present.has(device)) continue;
    card.element.remove();
    cards.delete(device);
  }
  for (const view of picture.devices) {
    if (!cards.has(view.device)) cards.set(view.device, new Card(view));
    cards.get(view.device).show(view, passed, picture.active.filter((one) => one.device === view.device).sort(byPriority));
  }
  $("no-device").hidden = picture.devices.length > 0;
  $("rooms").hidden = !picture.rooms_text || passed > LOST_AFTER_S;
  setText($("rooms"), `Rooms: ${picture.rooms_text}`);
  showAlarms(passed);
  showStates(passed);
  sound.want(sounding(passed));
  checkAsked();
  if (performance.now() > saidUntil) $("done").hidden = true;
  speakValues(passed);
}

function take(state) {
  picture = state;
  heard = { mono: performance.now(), wall: Date.now() };
  render();
  for (const view of state.devices) cards.get(view.device).trends.setNow(state.now_utc_ms, view.limits);
}

function takeAlarms(alarms) {
  recent = alarms.recent;
  others = alarms.other_events;
  if (!picture) return;
  picture.active = alarms.active;
  render();
  showLog();
}

function open() {
  source?.close();
  opened = performance.now();
  source = new EventSource(newestRow === null ? "/api/events" : `/api/events?after=${newestRow}`);
  source.addEventListener("live", (event) => take(JSON.parse(event.data)));
  source.addEventListener("alarms", (event) => takeAlarms(JSON.parse(event.data)));
  source.addEventListener("row", (event) => {
    newestRow = Number(event.lastEventId);
    cards.get(JSON.parse(event.data).device)?.trends.changed();
  });
  source.addEventListener("reset", (event) => {
    newestRow = Number(event.lastEventId);
    for (const card of cards.values()) card.trends.changed();
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(start, 2000);
  });
}

// The first picture, and the way back after the stream was refused: a session may have ended meanwhile.
async function start() {
  try {
    const answer = await fetch("/api/state");
    if (answer.status === 401) {
      location.assign("/login");
      return;
    }
    if (answer.ok) {
      const state = await answer.json();
      newestRow = state.newest_row_id;
      $("logout").hidden = !state.can_log_out;
      canAct = state.can_act;
      hasPeople = state.people.length > 0;
      $("people").replaceChildren(...state.people.map((name) => new Option(name)));
      take(state);
      takeAlarms(state);
    }
    open();
  } catch {
    setTimeout(start, 2000);
  }
}

setInterval(() => {
  render();
  // A radio link that went away leaves the stream open and mute.
  if (source && elapsed() > REOPEN_AFTER_S && performance.now() - opened > REOPEN_AFTER_S * 1000) open();
}, 500);
document.addEventListener("visibilitychange", render);
window.addEventListener("pageshow", render);
start();
