// The trend plots of one device: SpO2, pulse rate, respiration and temperature over the last minutes or hours.
//
// The line is the mean, the band behind it least to most, so that a short dip is not averaged away. What was not read
// is a gap. The time axis runs to the bridge's present, so that missing data grows at the right edge.

const DAY = 86400;
const RANGES = [["10 min", 600], ["1 h", 3600], ["24 h", DAY], ["30 days", 30 * DAY], ["10 years", 3653 * DAY]];
const MOST_LISTED = 5;
const PLOTTED = ["spo2", "pulse_rate", "respiration", "temperature"];
// Least span of the value axis, and its bounds, in the signal's unit; `step` is what the span grows by.
const SPANS = {
  spo2: { low: 85, high: 100, step: 5, most: 100 },
  pulse_rate: { low: 40, high: 130, step: 10, most: 300 },
  respiration: { low: 6, high: 30, step: 6, most: 60 },
  temperature: { low: 34.5, high: 39, step: 0.5, most: 60 },
};
const FONT = "12px system-ui, sans-serif";

const dark = matchMedia("(prefers-color-scheme: dark)");

function timeOfDay(seconds, withSeconds) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (withSeconds) options.second = "2-digit";
  return new Intl.DateTimeFormat(undefined, options).format(new Date(seconds * 1000));
}

function date(seconds) {
  const options = { year: "numeric", month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(undefined, options).format(new Date(seconds * 1000));
}

function instant(utcMs) {
  return `${date(utcMs / 1000)}, ${timeOfDay(utcMs / 1000, true)}`;
}

// When something was of which only the bounds are known, or one of them, or none; `said` puts an instant into words.
export function bounds(earliest, latest, said) {
  if (earliest != null && latest != null) return `time between ${said(earliest)} and ${said(latest)}`;
  if (earliest != null) return `time after ${said(earliest)}`;
  return latest == null ? "time unknown" : `time before ${said(latest)}`;
}

// Fills a section's list, and hides it where there is nothing to say.
function list(section, lines) {
  section.hidden = lines.length === 0;
  const listed = lines.slice(0, MOST_LISTED);
  if (lines.length > MOST_LISTED) listed.push(`And ${lines.length - MOST_LISTED} more.`);
  section.querySelector("ul").replaceChildren(...listed.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  }));
}

export class Trends {
  constructor(device, card, signals, stamp) {
    this.device = device;
    this.signals = signals;
    this.range = RANGES[0][1];
    this.limits = {};
    this.now = null;
    this.fetchedAt = -Infinity;
    this.figures = new Map();
    this.gaps = card.querySelector(".gaps");
    this.untimed = card.querySelector(".untimed");
    this.data = null;
    for (const signal of PLOTTED) {
      const figure = stamp("trend-template");
      figure.dataset.signal = signal;
      figure.querySelector("h3").textContent = signals[signal].title;
      card.querySelector(".trends").append(figure);
      this.figures.set(signal, { figure, plot: null, signal });
    }
    const ranges = card.querySelector(".ranges");
    for (const [name, seconds] of RANGES) {
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: `range-${device}`, value: seconds, checked: seconds === this.range });
      input.addEventListener("change", () => this.setRange(seconds, name));
      label.append(input, name);
      ranges.append(label);
    }
    this.rangeName = RANGES[0][0];
    dark.addEventListener("change", () => this.redraw());
    new ResizeObserver(() => this.resize()).observe(card.querySelector(".trends"));
  }

  setRange(seconds, name) {
    this.range = seconds;
    this.rangeName = name;
    this.data = null;
    this.redraw();
    this.fetch();
  }

  // The bridge's present (UTC ms) and the limits in force, once a second.
  setNow(nowMs, limits) {
    const first = this.now === null;
    const limitsChanged = JSON.stringify(limits) !== JSON.stringify(this.limits);
    this.now = nowMs / 1000;
    this.limits = limits;
    if (first) this.fetch();
    if (limitsChanged) this.redraw();
    // One redraw for each half pixel or so that the axis moves.
    if (!document.hidden && (!this.drawnAt || this.now - this.drawnAt > this.range / 600)) this.move();
  }

  setAge(isCurrent) {
    for (const { figure } of this.figures.values()) figure.classList.toggle("old", !isCurrent);
  }

  // New rows are in the store.
  changed() {
    const wait = this.fetchedAt + Math.min(this.range * 4, 120000) - performance.now();
    if (this.waiting) return;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.fetch();
    }, Math.max(0, wait));
  }

  async fetch() {
    if (this.now === null) return;
    this.fetchedAt = performance.now();
    const range = this.range;
    const to = Math.round(this.now * 1000) + 5000;
    const query = new URLSearchParams({ device: this.device, from: to - range * 1000 - 5000, to });
    try {
      const answer = await fetch(`/api/trend?${query}`);
      if (!answer.ok) throw new Error(answer.statusText);
      const data = await answer.json();
      if (range !== this.range) return;
      this.data = data;
      this.draw();
    } catch {
      if (!this.data) for (const { figure } of this.figures.values()) figure.querySelector(".summary").textContent = "could not be loaded";
    }
  }

  columns(signal) {
    const empty = [[], [], [], []];
    if (!this.data) return empty;
    const one = this.data[this.signals[signal].key];
    return [this.data.time_utc_ms.map((ms) => ms / 1000), one.high, one.low, one.mean];
  }

  draw() {
    for (const each of this.figures.values()) {
      const columns = this.columns(each.signal);
      each.span = this.span(each.signal, columns);
      if (each.plot) each.plot.setData(columns);
      else each.plot = this.build(each, columns);
      this.summarise(each, columns);
    }
    this.listUndrawn();
    this.drawnAt = this.now;
  }

  // An instant as this range shows it: the time alone would not tell the day.
  instant(seconds) {
    return this.range <= DAY ? timeOfDay(seconds, true) : `${date(seconds)}, ${timeOfDay(seconds, false)}`;
  }

  // What is in no plot: readings without a known time, and what is missing.
  listUndrawn() {
    list(this.untimed, (this.data?.untimed ?? []).map(({ earliest_utc_ms: earliest, latest_utc_ms: latest, text }) => {
      const when = bounds(earliest, latest, instant);
      return `${when[0].toUpperCase()}${when.slice(1)}: ${text}.`;
    }));
    list(this.gaps, (this.data?.gaps ?? []).map(({ begin_utc_ms: begin, end_utc_ms: end, text }) => (
      begin == null ? `Before ${instant(end)}: ${text}.` : `${instant(begin)} to ${instant(end)}: ${text}.`
    )));
  }

  move() {
    for (const { plot } of this.figures.values()) plot?.setScale("x", this.window());
    this.drawnAt = this.now;
  }

  redraw() {
    for (const each of this.figures.values()) {
      each.plot?.destroy();
      each.plot = null;
    }
    if (this.data || this.now) this.draw();
  }

  resize() {
    for (const { plot, figure } of this.figures.values()) {
      const box = figure.querySelector(".plot");
      if (plot && (plot.width !== box.clientWidth || plot.height !== box.clientHeight)) {
        plot.setSize({ width: box.clientWidth, height: box.clientHeight });
      }
    }
  }

  window() {
    return { min: this.now - this.range, max: this.now };
  }

  limitsOf(signal) {
    const unit = this.signals[signal].key.slice(signal.length + 1);
    return [this.limits[`${signal}_low_${unit}`], this.limits[`${signal}_high_${unit}`]];
  }

  span(signal, [, high, low]) {
    const { step, most, ...span } = SPANS[signal];
    const known = [...high, ...low, ...this.limitsOf(signal)].filter((value) => value != null);
    const least = known.reduce((one, other) => Math.min(one, other), span.low);
    const top = known.reduce((one, other) => Math.max(one, other), span.high);
    return [Math.floor(least / step) * step, Math.min(most, Math.ceil(top / step) * step)];
  }

  summarise({ figure, signal }, [, high, low, mean]) {
    const { unit, digits, title } = this.signals[signal];
    const lows = low.filter((value) => value != null);
    const highs = high.filter((value) => value != null);
    const words = lows.length
      ? `lowest ${Math.min(...lows).toFixed(digits)}, highest ${Math.max(...highs).toFixed(digits)} ${unit}`
      : "no reading in this time";
    figure.querySelector(".summary").textContent = this.data ? words : "loading";
    const gaps = mean.reduce((count, value, index) => count + (value == null && mean[index - 1] != null ? 1 : 0), 0);
    const [lowest, highest] = this.limitsOf(signal);
    const limits = [lowest == null ? "" : `, lower limit ${lowest} ${unit}`, highest == null ? "" : `, upper limit ${highest} ${unit}`].join("");
    figure.querySelector(".plot").setAttribute("aria-label", `${title}, last ${this.rangeName}: ${words}, gaps in the record: ${gaps}${limits}`);
  }

  build(each, columns) {
    const box = each.figure.querySelector(".plot");
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const line = colour(each.signal);
    const { unit, digits } = this.signals[each.signal];
    const readout = each.figure.querySelector(".readout");
    const axis = { stroke: colour("muted"), font: FONT, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
    const options = {
      width: box.clientWidth,
      height: box.clientHeight,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: `cursor-${this.device}` } },
      scales: { x: { range: () => [this.window().min, this.window().max] }, y: { range: () => each.span } },
      axes: [
        { ...axis, size: 24, gap: 4, space: this.range <= DAY ? 70 : 110, values: (plot, splits) => splits.map((at) => (this.range <= DAY ? timeOfDay(at, false) : date(at))) },
        { ...axis, size: 40, gap: 4, space: 30 },
      ],
      series: [
        {},
        { stroke: "transparent", points: { show: false } },
        { stroke: "transparent", points: { show: false } },
        { stroke: line, width: 2, points: { show: true, size: 4, fill: line, filter: alone } },
      ],
      bands: [{ series: [1, 2], fill: `${line}38` }],
      hooks: {
        drawAxes: [(plot) => this.drawLimits(plot, each.signal, colour("limit"))],
        setCursor: [(plot) => {
          const index = plot.cursor.idx;
          const at = index == null ? null : plot.data[0][index];
          const value = index == null ? null : plot.data[3][index];
          readout.textContent = at == null ? "" : `${this.instant(at)}  ${value == null ? "no reading" : `${value.toFixed(digits)} ${unit}`}`;
        }],
      },
    };
    return new uPlot(options, columns, box);
  }

  drawLimits(plot, signal, colour) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    const [low, high] = this.limitsOf(signal);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    for (const [limit, isLow] of [[low, true], [high, false]]) {
      if (limit == null) continue;
      const y = Math.round(plot.valToPos(limit, "y", true));
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.globalAlpha = 0.07;
      if (isLow) ctx.fillRect(bbox.left, y, bbox.width, bbox.top + bbox.height - y);
      else ctx.fillRect(bbox.left, bbox.top, bbox.width, y - bbox.top);
      ctx.globalAlpha = 1;
      ctx.textAlign = "left";
      ctx.textBaseline = isLow ? "bottom" : "top";
      ctx.fillText(`limit ${limit}`, bbox.left + 6 * ratio, y + (isLow ? -3 : 3) * ratio);
    }
    ctx.restore();
  }
}

// Points that have no neighbour to be joined to: without a dot they would not be seen.
function alone(plot, index) {
  const values = plot.data[index];
  return values.map((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? at : -1)).filter((at) => at >= 0);
}
