// What people do on the page: one question at a time, asked in a dialog, and what came of it.

import { keep, recall } from "./kept.js";

// Send one act to the bridge; {ok, text, fields}, where what went wrong is in words too.
export async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.status === 401) location.assign("/login");
    const said = await answer.json();
    return { ok: answer.ok, text: said.text ?? said.error, fields: said.fields ?? {} };
  } catch {
    return { ok: false, text: "Vigil does not answer, so nothing was done. Use the button on the device.", fields: {} };
  }
}

export class Question {
  constructor(dialog, clock) {
    this.dialog = dialog;
    this.clock = clock;
    this.form = dialog.querySelector("form");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.answer();
    });
    dialog.querySelector(".cancel").addEventListener("click", () => dialog.close());
    this.form.elements.minutes.addEventListener("change", () => this.showEnd());
  }

  // asked: title, text, wearer, act (the button's words), path; with beside {yes, no}: what each answer brings about,
  // and with minutes [...]: which may be chosen, and ends: what there is to say of the end;
  // done: called with the answer's text and what was sent; afar: done instead where the reader is not with the wearer.
  ask(asked) {
    this.asked = asked;
    const find = (name) => this.dialog.querySelector(name);
    find("h2").textContent = asked.title;
    find(".ask-text").textContent = asked.text;
    find(".ask-beside").hidden = find(".ask-beside").disabled = !asked.beside;
    find(".ask-beside legend").textContent = `Are you with ${asked.wearer}?`;
    find(".beside-yes").textContent = asked.beside?.yes ?? "";
    find(".beside-no").textContent = asked.beside?.no ?? "";
    find(".ask-minutes").hidden = !asked.minutes;
    this.form.elements.minutes.replaceChildren(...(asked.minutes ?? []).map((each, index) => new Option(inWords(each), each, index === 1, index === 1)));
    find(".go").textContent = asked.act;
    find(".problem").textContent = "";
    for (const radio of this.form.elements.is_beside) radio.checked = false;
    this.form.elements.by.value = recall("name");
    this.showEnd();
    this.dialog.showModal();
    (this.form.elements.by.value ? find("input[type=radio]:enabled") ?? find(".go") : this.form.elements.by).focus();
  }

  showEnd() {
    const end = this.clock() + Number(this.form.elements.minutes.value) * 60_000;
    this.dialog.querySelector(".ask-end").textContent = this.asked?.minutes ? `Ends at ${timeOfDay(end)} at the latest${this.asked.ends}.` : "";
  }

  async answer() {
    const { by, is_beside: beside, minutes } = this.form.elements;
    const body = { by: by.value.trim() };
    if (this.asked.beside && !beside.value) {
      this.dialog.querySelector(".problem").textContent = `Say whether you are with ${this.asked.wearer}.`;
      return;
    }
    if (this.asked.beside) body.is_beside = beside.value === "yes";
    if (this.asked.afar && !body.is_beside) {
      this.dialog.close();
      this.asked.afar();
      return;
    }
    if (this.asked.minutes) body.minutes = Number(minutes.value);
    const go = this.dialog.querySelector(".go");
    go.disabled = true;
    const answer = await post(this.asked.path, body);
    go.disabled = false;
    if (!answer.ok) {
      this.dialog.querySelector(".problem").textContent = answer.text;
      return;
    }
    keep("name", body.by);
    this.dialog.close();
    this.asked.done(answer.text, body);
  }
}

function inWords(minutes) {
  if (minutes < 60) return `${minutes} minutes`;
  return minutes === 60 ? "1 hour" : `${minutes / 60} hours`;
}

export function timeOfDay(utcMs) {
  return new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(utcMs));
}
