// The timeline below the film: the sound, then one lane a category, drawn on canvas; full colour while it sounds.
//
// Found ─▶ lanes in one slider: drag or arrow keys move the film; a click on a stretch plays it.

import { NOTHING, OFF_SCREEN, SILENT, STATES } from "./found.js";
import { clock, spoken, ticks } from "./times.js";

const NARROW = 480; // pixels: a phone's width
const HIGH = 34; // pixels of a lane
const MIST = "#98a2b3";
const SNOW = "#f5f7fa";
const MARK = 3; // pixels of the bar that marks a stretch of sounding
const STILL = 4; // pixels: a pointer that moves less has clicked

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, attributes);
  made.append(...children);
  return made;
}

export function dot(colour) {
  const made = element("span", { className: "dot", ariaHidden: "true" });
  made.style.background = colour;
  return made;
}

// Math.max takes its values as arguments, and an hour has too many.
const largest = (values, least) => values.reduce((a, b) => Math.max(a, b), least);

export class Timeline {
  // `actions`: seek(time_s), toggle(), play(stretch), hear(category), hide(category, hidden).
  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    this.now_s = 0;
    this.names = element("div", { className: "names" });
    this.slider = this.makeSlider();
    this.marks = element("div", { className: "scale", ariaHidden: "true" });
    this.hint = element("p", { className: "hint" });
    root.replaceChildren(this.names, this.slider, this.marks, this.hint);
    new ResizeObserver(() => this.draw()).observe(root);
  }

  // What is shown from now on; called again whenever more is found or the threshold moves.
  show(found, hidden) {
    Object.assign(this, { found, hidden, end_s: found.end_s, stretches: found.stretches() });
    this.top = this.topOfLanes();
    this.slider.ariaValueMax = this.end_s.toFixed(1);
    this.makeRows();
    this.makeScale();
    this.hint.textContent = `A lane is ${this.top} high; dashed: the score from which something counts as sounding, ${found.level.toFixed(2)}. Click a stretch to play it.`;
    this.draw();
  }

  // Scores of an unsure model would crawl along the floor of a lane that is 1 high.
  topOfLanes() {
    const scores = this.found.present.flatMap((k) => this.found.scores.get(k) || []);
    const highest = largest(scores, 1.5 * this.found.level);
    return [0.25, 0.5, 0.75].find((top) => highest <= top) || 1;
  }

  // Rows stay as long as they are the same, so that the focus stays, too.
  makeRows() {
    const wanted = this.found.present;
    if (this.rows && this.rowsOf === this.found && String(wanted) === String(this.rows)) return;
    const focused = document.activeElement?.closest?.(".names [data-k]");
    this.rows = wanted;
    this.rowsOf = this.found;
    this.names.replaceChildren(soundName(), ...wanted.map((k) => this.name(k)));
    const lanes = [null, ...wanted].map((k) => Object.assign(element("canvas", { className: "lane" }), { k }));
    this.slider.replaceChildren(...lanes);
    if (focused) this.names.querySelector(`[data-k="${focused.dataset.k}"] button`)?.focus();
  }

  name(k) {
    const name = spoken(this.found.categories[k]);
    const box = element("input", { type: "checkbox", checked: !this.hidden.has(k), ariaLabel: `Show ${name}` });
    box.style.accentColor = this.found.colourOf(k);
    box.addEventListener("change", () => this.actions.hide(k, !box.checked));
    const hear = element("button", { type: "button", textContent: name, title: `Hear ${name}`, ariaLabel: `Hear ${name}` });
    hear.addEventListener("click", () => this.actions.hear(k));
    const row = element("div", { className: "name" }, box, dot(this.found.colourOf(k)), hear);
    row.dataset.k = k;
    return row;
  }

  draw() {
    if (!this.found) return;
    for (const lane of this.slider.children) {
      const pen = fresh(lane);
      if (!pen) continue;
      if (lane.k === null) this.drawSound(pen, lane.clientWidth);
      else this.drawCategory(pen, lane.clientWidth, lane.k);
      lane.classList.toggle("off", this.hidden.has(lane.k));
    }
  }

  // Loudness to both sides of the middle; its root, or soft sounds would not be seen.
  drawSound(pen, wide) {
    const { times_s, loudness } = this.found;
    const loudest = largest(loudness, 1e-6);
    const heights = loudness.map((l) => 0.45 * HIGH * Math.sqrt(l / loudest));
    pen.fillStyle = MIST;
    pen.beginPath();
    times_s.forEach((t, n) => pen.lineTo(this.x(t, wide), HIGH / 2 - heights[n]));
    if (times_s.length) pen.lineTo(this.x(this.found.edge(times_s.length), wide), HIGH / 2 - heights.at(-1));
    if (times_s.length) pen.lineTo(this.x(this.found.edge(times_s.length), wide), HIGH / 2 + heights.at(-1));
    times_s.map((t, n) => [t, n]).reverse().forEach(([t, n]) => pen.lineTo(this.x(t, wide), HIGH / 2 + heights[n]));
    pen.fill();
  }

  drawCategory(pen, wide, k) {
    const levels = this.found.lane(k);
    const colour = this.found.colourOf(k);
    pen.fillStyle = colour;
    pen.globalAlpha = 0.3;
    this.fillArea(pen, wide, levels, 0, this.found.edge(levels.length));
    for (const stretch of this.stretches.filter((s) => s.k === k)) {
      pen.globalAlpha = stretch.state === OFF_SCREEN ? 0.55 : stretch.state === SILENT ? 0.15 : 1;
      this.fillArea(pen, wide, levels, stretch.start_s, stretch.end_s);
      const [x, end] = [this.x(stretch.start_s, wide), this.x(stretch.end_s, wide)];
      if (stretch.state === OFF_SCREEN) for (let at = x; at < end; at += 8) pen.fillRect(at, HIGH - MARK, Math.min(4, end - at), MARK);
      else if (stretch.state !== SILENT) pen.fillRect(x, HIGH - MARK, Math.max(end - x, 1), MARK);
    }
    pen.globalAlpha = 0.5;
    pen.strokeStyle = SNOW;
    pen.setLineDash([3, 4]);
    pen.beginPath();
    pen.moveTo(0, this.y(this.found.level));
    pen.lineTo(wide, this.y(this.found.level));
    pen.stroke();
  }

  fillArea(pen, wide, levels, start_s, end_s) {
    const { times_s } = this.found;
    pen.beginPath();
    pen.moveTo(this.x(start_s, wide), HIGH);
    pen.lineTo(this.x(start_s, wide), this.y(valueAt(times_s, levels, start_s)));
    times_s.forEach((t, n) => t > start_s && t < end_s && pen.lineTo(this.x(t, wide), this.y(levels[n])));
    pen.lineTo(this.x(end_s, wide), this.y(valueAt(times_s, levels, end_s)));
    pen.lineTo(this.x(end_s, wide), HIGH);
    pen.fill();
  }

  x(time_s, wide) {
    return (wide * time_s) / this.end_s;
  }

  y(score) {
    return HIGH - 0.94 * HIGH * Math.min(score / this.top, 1);
  }

  makeSlider() {
    const slider = element("div", { className: "seek", role: "slider", tabIndex: 0, ariaLabel: "Time in the video" });
    slider.ariaValueMin = "0";
    let start = null;
    slider.addEventListener("pointerdown", (event) => {
      slider.setPointerCapture(event.pointerId);
      start = { x: event.clientX, lane: event.target, moved: false };
    });
    slider.addEventListener("pointermove", (event) => {
      if (!start) return;
      start.moved ||= Math.abs(event.clientX - start.x) > STILL;
      if (start.moved) this.actions.seek(this.timeAt(event));
    });
    slider.addEventListener("pointerup", (event) => {
      if (start && !start.moved) this.click(start.lane, this.timeAt(event));
      start = null;
    });
    slider.addEventListener("pointercancel", () => (start = null));
    slider.addEventListener("keydown", (event) => this.key(event));
    return slider;
  }

  timeAt(event) {
    const box = this.slider.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * this.end_s;
  }

  click(lane, time_s) {
    const stretch = this.stretches?.find((s) => s.k === lane.k && s.start_s <= time_s && time_s < s.end_s);
    if (stretch) this.actions.play(stretch);
    else this.actions.seek(time_s);
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    const ends = { Home: 0, End: this.end_s };
    if (event.key in steps) this.actions.seek(Math.min(Math.max(this.now_s + steps[event.key], 0), this.end_s));
    else if (event.key in ends) this.actions.seek(ends[event.key]);
    else if (event.key === " ") this.actions.toggle();
    else return;
    event.preventDefault();
  }

  // Moves the playhead; `told` is what a screen reader says of the moment.
  at(time_s, told) {
    this.now_s = time_s;
    this.slider.style.setProperty("--at", `${(100 * Math.min(time_s / (this.end_s || 1), 1)).toFixed(3)}%`);
    this.slider.ariaValueNow = time_s.toFixed(1);
    this.slider.ariaValueText = told;
  }

  makeScale() {
    const marks = ticks(this.end_s, this.root.clientWidth < NARROW ? 4 : 7).map((time_s) => {
      const className = time_s > 0.96 * this.end_s ? "last" : "";
      const mark = element("span", { className, textContent: clock(time_s, false) });
      mark.style.left = `${(100 * time_s) / this.end_s}%`;
      return mark;
    });
    this.marks.replaceChildren(...marks);
  }
}

const soundName = () => element("div", { className: "name" }, dot(MIST), element("span", { textContent: "sound" }));

// A lane's pen on an empty canvas as large as it is shown; null where it is not.
function fresh(lane) {
  const dense = window.devicePixelRatio || 1;
  if (!lane.clientWidth) return null;
  lane.width = Math.round(lane.clientWidth * dense);
  lane.height = Math.round(HIGH * dense);
  const pen = lane.getContext("2d");
  pen.setTransform(dense, 0, 0, dense, 0, 0);
  return pen;
}

// The value of one column at a time, linear between two answers, level before the first and after the last.
export function valueAt(times_s, values, time_s) {
  if (!values.length) return 0;
  const after = times_s.findIndex((t) => t >= time_s);
  if (after === 0) return values[0];
  if (after < 0) return values.at(-1);
  const share = (time_s - times_s[after - 1]) / (times_s[after] - times_s[after - 1]);
  return values[after - 1] + share * (values[after] - values[after - 1]);
}

export const stateWord = (state) => (state === NOTHING ? "" : STATES[state]);
