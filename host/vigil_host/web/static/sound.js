// The page's own alarm sound: bursts by priority, with the times of the device's (IEC 60601-1-8).
//
// A browser lets a page sound only after its reader has touched it. So the choice is remembered, and where sound was
// wanted before but may not begin yet, the page says so and begins at the first touch.

import { keep, recall } from "./kept.js";

const PULSE = 0.1;
const SPACE = 0.06;
const LONG = 0.15;
const HALF = [PULSE, SPACE, PULSE, SPACE, PULSE, 2 * SPACE + PULSE, PULSE, SPACE, PULSE];
// On and off times in s, in turn; what comes after; the pitch. Low priority sounds once, when it begins.
const BURSTS = {
  high: { times: [...HALF, 0.5, ...HALF], gap: 5, pitch: 660 },
  medium: { times: [LONG, LONG, LONG, LONG, LONG], gap: 7.5, pitch: 520 },
  low: { times: [LONG, LONG, LONG], gap: Infinity, pitch: 440 },
};
const RANK = { low: 1, medium: 2, high: 3 };
const HARMONICS = [0, 1, 0.7, 0.5, 0.35, 0.25];
const LOUDNESS = 0.35;

export class AlarmSound {
  constructor(button, mark) {
    this.button = button;
    this.mark = mark;
    this.context = null;
    this.playing = null; // the priority of the newest burst
    this.known = new Set(); // what was wanted last
    this.nextAt = 0;
    this.isWanted = recall("sound") === "on";
    button.addEventListener("click", () => this.choose(!this.isWanted));
    mark.addEventListener("click", () => (this.isWanted ? this.begin() : this.choose(true)));
    if (this.isWanted) this.begin();
    for (const touch of ["pointerdown", "keydown"]) {
      document.addEventListener(touch, () => this.isWanted && !this.isOn && this.begin());
    }
    this.show();
  }

  get isOn() {
    return this.isWanted && this.context?.state === "running";
  }

  choose(isWanted) {
    this.isWanted = isWanted;
    keep("sound", isWanted ? "on" : "off");
    if (isWanted) this.begin(() => this.playing === null && this.burst("low"));
    else this.stop();
    this.show();
  }

  // Called where a reader touches the page, and at first, when a browser may refuse it.
  begin(then = () => {}) {
    if (!this.context) {
      this.context = new AudioContext();
      this.context.addEventListener("statechange", () => this.show());
    }
    this.context.resume().then(then, () => {}).finally(() => this.show());
  }

  // What is to be heard now: the highest priority of `alarms` ({key, priority}), again and again until they end.
  want(alarms) {
    const highest = alarms.reduce((most, { priority }) => (RANK[priority] > (RANK[most] ?? 0) ? priority : most), null);
    const isNew = alarms.some(({ key }) => !this.known.has(key));
    this.known = new Set(alarms.map(({ key }) => key));
    this.mark.hidden = this.isOn || highest !== "high";
    this.button.dataset.sounding = this.isOn && highest ? highest : "none";
    if (!this.isOn || !highest) {
      if (this.playing) this.stop();
      return;
    }
    const rises = (RANK[highest] ?? 0) > (RANK[this.playing] ?? 0);
    const isDue = this.context.currentTime >= this.nextAt;
    if (rises || (highest === "low" ? isNew : isDue)) this.burst(highest);
    else this.playing = highest;
  }

  burst(priority) {
    this.stop();
    const { times, gap, pitch } = BURSTS[priority];
    this.master = this.context.createGain();
    this.master.gain.value = LOUDNESS;
    this.master.connect(this.context.destination);
    const wave = this.context.createPeriodicWave(new Float32Array(HARMONICS.length), Float32Array.from(HARMONICS));
    let at = this.context.currentTime + 0.02;
    times.forEach((length, index) => {
      if (index % 2 === 0) this.pulse(wave, pitch, at, length);
      at += length;
    });
    this.playing = priority;
    this.nextAt = at + gap;
  }

  // One pulse, which rises and falls over a few milliseconds so that it does not click.
  pulse(wave, pitch, at, length) {
    const [tone, gain] = [this.context.createOscillator(), this.context.createGain()];
    tone.setPeriodicWave(wave);
    tone.frequency.value = pitch;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(1, at + 0.015);
    gain.gain.setValueAtTime(1, at + length - 0.015);
    gain.gain.linearRampToValueAtTime(0, at + length);
    tone.connect(gain).connect(this.master);
    tone.start(at);
    tone.stop(at + length);
  }

  stop() {
    this.master?.disconnect();
    this.master = null;
    this.playing = null;
    this.nextAt = 0;
  }

  show() {
    const state = this.isOn ? "on" : this.isWanted ? "waiting" : "off";
    this.button.dataset.sound = state;
    this.button.setAttribute("aria-pressed", String(this.isWanted));
    const words = { on: "Sound is on", waiting: "Touch the page for sound", off: "Sound is off" };
    this.button.querySelector("span").textContent = words[state];
    this.button.querySelector("use").setAttribute("href", state === "on" ? "#icon-sound" : "#icon-mute");
    this.mark.querySelector("span").textContent = this.isWanted
      ? "This page cannot sound yet: touch here to hear this alarm"
      : "This page makes no sound: touch here to hear this alarm";
  }
}
