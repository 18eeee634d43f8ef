// The editor of one device's alarm limits. What may be entered, the bridge says, and it has the last word.

import { post } from "./acts.js";
import { keep, recall } from "./kept.js";

export class LimitsEditor {
  constructor(dialog, placed, done) {
    this.dialog = dialog;
    this.placed = placed; // puts a known or bounded instant into words
    this.done = done;
    this.form = dialog.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save();
    });
    dialog.querySelector(".cancel").addEventListener("click", () => dialog.close());
    this.form.elements.profile.addEventListener("change", () => this.choose());
    this.form.addEventListener("input", () => this.mark());
  }

  async open(device, wearer) {
    const answer = await fetch(`/api/devices/${device}/limits`).then((got) => got.json()).catch(() => ({ error: "Vigil does not answer." }));
    if (answer.error) {
      this.done(answer.error);
      return;
    }
    this.device = device;
    this.answer = answer;
    const find = (name) => this.dialog.querySelector(name);
    find("h2").textContent = `Alarm limits for ${wearer}`;
    const { in_force: held } = answer;
    find(".in-force").textContent = held
      ? `In force: ${held.profile}. Set ${held.by ? `by ${held.by}` : "by Vigil itself"}, ${this.placed(held)}.`
      : "What is in force on the device is not known yet.";
    find(".waiting").hidden = answer.waiting_by == null;
    find(".waiting").textContent = `Waiting for the device to confirm what ${answer.waiting_by || "somebody"} asked for, shown below.`;
    const choices = [["", "Single limits, as below"], ...answer.profiles.map(({ name, title }) => [name, title])];
    this.form.elements.profile.replaceChildren(...choices.map(([name, title]) => new Option(title, name)));
    this.form.elements.by.value = recall("name");
    find(".groups").replaceChildren(...answer.groups.map((group) => this.group(group)));
    this.say("", {});
    this.choose();
    this.dialog.showModal();
    this.form.elements.profile.focus();
  }

  group({ title, limits }) {
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = title;
    group.append(legend, ...limits.map((limit) => this.field(limit)));
    return group;
  }

  field(limit) {
    const field = this.dialog.querySelector("template").content.firstElementChild.cloneNode(true);
    const find = (name) => field.querySelector(name);
    const [input, id] = [find("input"), `limit-${limit.key}`];
    Object.assign(input, { id, name: limit.key });
    field.dataset.limit = limit.key;
    find("label").htmlFor = id;
    find("label").textContent = limit.label;
    find(".unit").textContent = limit.unit;
    find(".bounds").id = `${id}-bounds`;
    find(".wrong").id = `${id}-wrong`;
    input.setAttribute("aria-describedby", `${id}-bounds ${id}-wrong`);
    if (limit.is_yes_or_no) {
      input.type = "checkbox";
      input.checked = limit.value;
    } else {
      Object.assign(input, { type: "number", min: limit.least, max: limit.most, step: limit.step, value: limit.value, inputMode: "decimal" });
    }
    return field;
  }

  get limits() {
    return this.answer.groups.flatMap(({ limits }) => limits);
  }

  input(key) {
    return this.form.elements[key];
  }

  value(limit) {
    const input = this.input(limit.key);
    if (limit.is_yes_or_no) return input.checked;
    return input.value.trim() === "" ? null : Number(input.value);
  }

  // Fill in what the chosen profile has; without one, what the device is to have now.
  choose() {
    const profile = this.answer.profiles.find(({ name }) => name === this.form.elements.profile.value);
    this.dialog.querySelector(".for-whom").textContent = profile ? [profile.for_whom, profile.notes].join(" ") : "";
    for (const limit of this.limits) {
      const value = profile ? profile.values[limit.key] : limit.value;
      if (limit.is_yes_or_no) this.input(limit.key).checked = value;
      else this.input(limit.key).value = value;
    }
    this.say("", {});
    this.mark();
  }

  // Beside each field: its bounds, what is in force, and at which reading it acts.
  mark() {
    const { in_force: held, spo2_guard_pct: guard } = this.answer;
    for (const limit of this.limits) {
      const now = held?.values[limit.key];
      const value = this.value(limit);
      const field = this.dialog.querySelector(`[data-limit="${limit.key}"]`);
      const words = limit.is_yes_or_no ? [] : [`${limit.least} to ${limit.most}`];
      if (now !== undefined) words.push(`now ${limit.is_yes_or_no ? (now ? "yes" : "no") : now}`);
      if (limit.is_guarded && guard && value !== null) words.push(`acts below ${value + guard} as read, because oxygen is uncalibrated`);
      field.querySelector(".bounds").textContent = words.join(" · ");
      field.classList.toggle("changed", now !== undefined && now !== value);
    }
  }

  say(problem, fields) {
    this.dialog.querySelector(".problem").textContent = problem;
    let first = null;
    for (const field of this.dialog.querySelectorAll("[data-limit]")) {
      const wrong = fields[field.dataset.limit] ?? "";
      const input = field.querySelector("input");
      field.querySelector(".wrong").textContent = wrong;
      if (wrong) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
      if (wrong) first ??= input;
    }
    this.dialog.querySelector(".by-wrong").textContent = fields.by ?? "";
    if (fields.by) first ??= this.form.elements.by;
    first?.focus();
  }

  async save() {
    const profile = this.form.elements.profile.value;
    const base = this.answer.profiles.find(({ name }) => name === profile)?.values;
    const changed = this.limits.filter((limit) => this.value(limit) !== (base ? base[limit.key] : limit.value));
    const limits = Object.fromEntries(changed.map((limit) => [limit.key, this.value(limit)]));
    const by = this.form.elements.by.value.trim();
    const go = this.dialog.querySelector(".go");
    go.disabled = true;
    const answer = await post(`/api/devices/${this.device}/limits`, { by, profile, limits });
    go.disabled = false;
    if (!answer.ok) {
      this.say(answer.text, answer.fields);
      return;
    }
    keep("name", by);
    this.dialog.close();
    this.done(answer.text);
  }
}
