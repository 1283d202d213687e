// The timeline below the film: one lane a category, its score over time, full colour while it sounds.
//
// result.json and colours ─▶ lanes (SVG) in one slider: click, drag or arrow keys move the film.

import { clock, spoken, ticks } from "./times.js";

const WIDE = 1000; // units of the drawing, stretched to the width of the page
const HIGH = 100;
const MARK = 9; // height of the bar that marks a stretch of sounding
const NARROW = 480; // pixels: a phone's width
const MIST = "#98a2b3";

// The value of one column at a time, linear between two answers, level before the first and after the last.
export function valueAt(times_s, values, time_s) {
  const after = times_s.findIndex((t) => t >= time_s);
  if (after === 0) return values[0];
  if (after < 0) return values.at(-1);
  const share = (time_s - times_s[after - 1]) / (times_s[after] - times_s[after - 1]);
  return values[after - 1] + share * (values[after] - values[after - 1]);
}

// Math.max takes its values as arguments, and an hour has too many.
const largest = (values, least) => values.reduce((a, b) => Math.max(a, b), least);

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

function drawn(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Timeline {
  // `seek(time_s)` is called where the visitor wants to go, `toggle()` where the space bar is pressed.
  constructor(root, result, colours, { seek, toggle }) {
    Object.assign(this, { root, result, colours, seek, toggle });
    this.end_s = Math.max(result.duration_s, result.times_s.at(-1), 0.1);
    this.top = this.topOfLanes();
    const heard = result.categories.filter((category) => category in colours);
    this.unheard = result.categories.filter((category) => !(category in colours));
    this.names = element("div", { className: "names" });
    this.slider = this.makeSlider();
    root.replaceChildren(this.names, this.slider, this.scale(), this.hint());
    this.addRow("sound", MIST, this.soundLane());
    heard.forEach((category) => this.addCategory(category, colours[category]));
    if (this.unheard.length) root.append(this.moreButton());
  }

  // Scores of an unsure model would crawl along the floor of a lane that is 1 high.
  topOfLanes() {
    const highest = largest(this.result.score.flat(), 1.5 * this.result.threshold);
    return [0.25, 0.5, 0.75].find((top) => highest <= top) || 1;
  }

  addRow(name, colour, lane, className = "name") {
    const label = element("span", { textContent: name, title: name });
    this.names.append(element("div", { className }, dot(colour), label));
    this.slider.append(lane);
  }

  addCategory(category, colour, className = "name") {
    this.addRow(spoken(category), colour, this.categoryLane(category, colour), className);
  }

  categoryLane(category, colour) {
    const { result } = this;
    const place = result.categories.indexOf(category);
    const score = result.score.map((row) => row[place]);
    const lane = this.emptyLane();
    lane.append(drawn("path", { d: this.area(score, 0, this.end_s), fill: colour, class: "pale" }));
    for (const segment of result.segments.filter((s) => s.category === category)) {
      lane.append(drawn("path", { d: this.area(score, segment.start_s, segment.end_s), fill: colour }));
      const x = this.x(segment.start_s);
      const width = this.x(segment.end_s) - x;
      lane.append(drawn("rect", { x, width, y: HIGH - MARK, height: MARK, fill: colour }));
    }
    const y = this.y(result.threshold);
    lane.append(drawn("line", { x1: 0, x2: WIDE, y1: y, y2: y, class: "limit" }));
    return lane;
  }

  // Loudness to both sides of the middle; its root, or soft sounds would not be seen.
  soundLane() {
    const loudest = largest(this.result.loudness, 1e-6);
    const lane = this.emptyLane();
    const heights = this.result.loudness.map((l) => 0.45 * HIGH * Math.sqrt(l / loudest));
    heights.push(heights.at(-1)); // level to the end
    const times = [...this.result.times_s, this.end_s];
    const upper = times.map((t, n) => `${this.x(t)},${HIGH / 2 - heights[n]}`);
    const lower = times.map((t, n) => `${this.x(t)},${HIGH / 2 + heights[n]}`).reverse();
    lane.append(drawn("polygon", { points: [...upper, ...lower].join(" "), fill: MIST }));
    return lane;
  }

  emptyLane() {
    return drawn("svg", {
      class: "lane", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", "aria-hidden": "true",
    });
  }

  area(values, start_s, end_s) {
    const times = this.result.times_s;
    const corner = (time_s, value) => `${this.x(time_s)},${this.y(value)}`;
    const points = [corner(start_s, valueAt(times, values, start_s))];
    times.forEach((t, n) => t > start_s && t < end_s && points.push(corner(t, values[n])));
    points.push(corner(end_s, valueAt(times, values, end_s)));
    return `M${this.x(start_s)},${HIGH}L${points.join("L")}L${this.x(end_s)},${HIGH}Z`;
  }

  x(time_s) {
    return Math.round((1e4 * WIDE * time_s) / this.end_s) / 1e4;
  }

  y(score) {
    return Math.round(100 * (HIGH - 0.94 * HIGH * Math.min(score / this.top, 1))) / 100;
  }

  makeSlider() {
    const slider = element("div", { className: "seek", role: "slider", tabIndex: 0, ariaLabel: "Time in the video" });
    slider.ariaValueMin = "0";
    slider.ariaValueMax = this.end_s.toFixed(1);
    const go = (event) => {
      const box = slider.getBoundingClientRect();
      this.seek(Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * this.end_s);
    };
    slider.addEventListener("pointerdown", (event) => {
      slider.setPointerCapture(event.pointerId);
      go(event);
    });
    slider.addEventListener("pointermove", (event) => slider.hasPointerCapture(event.pointerId) && go(event));
    slider.addEventListener("keydown", (event) => this.key(event));
    return slider;
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
    const ends = { Home: 0, End: this.end_s };
    if (event.key in steps) this.seek(Math.min(Math.max(this.now_s + steps[event.key], 0), this.end_s));
    else if (event.key in ends) this.seek(ends[event.key]);
    else if (event.key === " ") this.toggle();
    else return;
    event.preventDefault();
  }

  // Moves the playhead; `told` is what a screen reader says of the moment.
  at(time_s, told) {
    this.now_s = time_s;
    this.slider.style.setProperty("--at", `${(100 * Math.min(time_s / this.end_s, 1)).toFixed(3)}%`);
    this.slider.ariaValueNow = time_s.toFixed(1);
    this.slider.ariaValueText = told;
  }

  scale() {
    const made = element("div", { className: "scale", ariaHidden: "true" });
    for (const time_s of ticks(this.end_s, this.root.clientWidth < NARROW ? 4 : 7)) {
      const className = time_s > 0.96 * this.end_s ? "last" : "";
      const mark = element("span", { className, textContent: clock(time_s, false) });
      mark.style.left = `${(100 * time_s) / this.end_s}%`;
      made.append(mark);
    }
    return made;
  }

  hint() {
    const lane = `A lane is ${this.top} high; dashed: the score from which something counts as sounding, `;
    return element("p", { className: "hint", textContent: `${lane}${this.result.threshold.toFixed(2)}.` });
  }

  moreButton() {
    const many = this.unheard.length;
    const textContent = `Show the ${many === 1 ? "one that does" : `${many} that do`} not sound`;
    const button = element("button", { className: "more", type: "button", textContent });
    button.addEventListener("click", () => {
      this.unheard.forEach((category) => this.addCategory(category, MIST, "name unheard"));
      button.remove();
    });
    return button;
  }
}
