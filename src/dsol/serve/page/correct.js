// Correcting: boxes and names of single moments, and boxes.json of what a person has looked at.
//
// Found + corrections ─▶ boxes of a moment ─▶ editor (list) and handles over the picture ─▶ boxes.json

import { SILENT } from "./found.js";
import { element } from "./timeline.js";
import { spoken } from "./times.js";

const NUDGE = 0.01; // of the picture, a press of an arrow key
const SMALLEST = 0.01; // of the picture: width and height of a box
const part = (id) => document.getElementById(id);

export class Corrections {
  // `changed()` is called when what is shown must be drawn anew.
  constructor(video, found, changed) {
    Object.assign(this, { video, found, changed });
    this.key = `dsol.corrections.${video.id}`;
    const { moments = {}, renamed = {} } = JSON.parse(localStorage.getItem(this.key) || "{}");
    this.moments = moments; // answer -> [{ category, xywh, sounding, object }]
    this.renamed = renamed; // name of an object -> category
    this.chosen = 0;
  }

  keep() {
    localStorage.setItem(this.key, JSON.stringify({ moments: this.moments, renamed: this.renamed }));
    this.changed();
  }

  // The boxes of an answer as they now stand.
  boxes(t) {
    return this.moments[t] || this.found.shown(t).map((box) => this.asFound(box, t));
  }

  asFound(box, t) {
    const object = this.found.name(box);
    const category = this.renamed[object] || this.found.categories[box.k];
    return { category, object, xywh: box.xywh, sounding: this.found.state(box.k, t) !== SILENT };
  }

  // The boxes of an answer, to be changed: from now on they are a person's.
  own(t) {
    this.moments[t] ||= this.boxes(t).map((box) => ({ ...box, xywh: [...box.xywh] }));
    return this.moments[t];
  }

  rename(t, place, category, everywhere) {
    const box = this.own(t)[place];
    const { object } = box;
    if (everywhere && object) {
      this.renamed[object] = category;
      for (const boxes of Object.values(this.moments)) for (const each of boxes) if (each.object === object) each.category = category;
    }
    box.category = category;
    this.keep();
  }

  move(t, place, xywh) {
    this.own(t)[place].xywh = within(xywh);
    this.keep();
  }

  sound(t, place, sounding) {
    this.own(t)[place].sounding = sounding;
    this.keep();
  }

  add(t) {
    const boxes = this.own(t);
    const category = boxes.at(-1)?.category || this.found.categories[this.found.present[0] ?? 0];
    boxes.push({ category, object: "", xywh: [0.35, 0.35, 0.3, 0.3], sounding: true });
    this.chosen = boxes.length - 1;
    this.keep();
  }

  remove(t, place) {
    this.own(t).splice(place, 1);
    this.chosen = Math.max(0, Math.min(this.chosen, this.moments[t].length - 1));
    this.keep();
  }

  confirm(t) {
    this.own(t);
    this.keep();
  }

  undo(t) {
    delete this.moments[t];
    this.keep();
  }

  // boxes.json, of the corrected moments or of all.
  file(all) {
    const answers = all ? this.found.times_s.map((_, t) => t) : Object.keys(this.moments).map(Number).sort((a, b) => a - b);
    const frames = answers.map((t) => ({
      video: this.video.name,
      time_s: Math.round(1000 * this.found.times_s[t]) / 1000,
      boxes: this.boxes(t).map(({ category, xywh, sounding }) => ({ category, xywh: xywh.map(rounded), sounding })),
    }));
    const named = frames.flatMap(({ boxes }) => boxes.map(({ category }) => category));
    return JSON.stringify({ categories: [...new Set([...this.found.categories, ...named])], frames }, null, 1);
  }
}

const rounded = (value) => Math.round(1e4 * value) / 1e4;

function within([x, y, w, h]) {
  const [wide, high] = [Math.min(Math.max(w, SMALLEST), 1), Math.min(Math.max(h, SMALLEST), 1)];
  return [Math.min(Math.max(x, 0), 1 - wide), Math.min(Math.max(y, 0), 1 - high), wide, high];
}

// How many moments there are to take along.
export function showCount(corrections) {
  const count = Object.keys(corrections.moments).length;
  part("save-corrected").disabled = !count;
  part("save-corrected").textContent = `boxes.json, ${count} corrected moment${count === 1 ? "" : "s"}`;
}

// The list of boxes below the film, while correcting.
export function showEditor(corrections, t) {
  const { found } = corrections;
  const boxes = corrections.boxes(t);
  const told = t < 0 ? "" : `At ${found.times_s[t].toFixed(2)} s, ${t in corrections.moments ? "corrected" : "as found"}:`;
  if (part("moment").textContent !== told) part("moment").textContent = told; // else it would be read out again
  part("undo").disabled = !(t in corrections.moments);
  part("right").disabled = t in corrections.moments;
  if (part("known").of !== found) part("known").replaceChildren(...found.categories.map((value) => element("option", { value })));
  part("known").of = found;
  const list = part("edited");
  const same = list.of === t && list.children.length === boxes.length && list.contains(document.activeElement);
  list.of = t;
  if (!same) list.replaceChildren(...boxes.map((box, place) => row(corrections, t, box, place)));
  [...list.children].forEach((each, place) => each.classList.toggle("chosen", place === corrections.chosen));
}

function row(corrections, t, box, place) {
  const name = element("input", { type: "text", value: box.category, ariaLabel: `Name of box ${place + 1}` });
  name.setAttribute("list", "known");
  const many = element("input", { type: "checkbox", checked: Boolean(box.object), disabled: !box.object });
  name.addEventListener("change", () => corrections.rename(t, place, name.value.trim() || box.category, many.checked));
  name.addEventListener("focus", () => choose(corrections, place));
  const sounds = element("input", { type: "checkbox", checked: box.sounding });
  sounds.addEventListener("change", () => corrections.sound(t, place, sounds.checked));
  const away = element("button", { type: "button", className: "plain", textContent: "Remove", ariaLabel: `Remove box ${place + 1}, ${box.category}` });
  away.addEventListener("click", () => corrections.remove(t, place));
  const label = (input, words) => element("label", {}, input, words);
  return element("li", {}, name, label(sounds, " sounds"), label(many, " rename everywhere"), away);
}

function choose(corrections, place) {
  corrections.chosen = place;
  corrections.changed();
}

// Handles over the picture: drag or arrow keys move a box, the corner or arrow keys with shift size it.
export function showHandles(root, corrections, t, area) {
  const boxes = corrections.boxes(t);
  while (root.children.length > boxes.length) root.lastChild.remove();
  while (root.children.length < boxes.length) root.append(handle(root, corrections));
  boxes.forEach((box, place) => {
    const each = root.children[place];
    Object.assign(each, { t, place, area });
    each.ariaLabel = `Box ${place + 1}, ${spoken(box.category)}: arrow keys move it, with shift they size it, delete removes it`;
    each.classList.toggle("chosen", place === corrections.chosen);
    lay(each, box.xywh, area);
  });
}

export function lay(each, [x, y, w, h], area) {
  each.style.left = `${area.left + x * area.width}px`;
  each.style.top = `${area.top + y * area.height}px`;
  each.style.width = `${w * area.width}px`;
  each.style.height = `${h * area.height}px`;
}

function handle(root, corrections) {
  const each = element("button", { type: "button", className: "handle" }, element("span", { className: "corner" }));
  let start = null;
  const box = () => corrections.boxes(each.t)[each.place].xywh;
  each.addEventListener("focus", () => choose(corrections, each.place));
  each.addEventListener("pointerdown", (event) => {
    each.setPointerCapture(event.pointerId);
    start = { x: event.clientX, y: event.clientY, xywh: [...box()], corner: event.target.className === "corner" };
    choose(corrections, each.place);
  });
  each.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [dx, dy] = [(event.clientX - start.x) / each.area.width, (event.clientY - start.y) / each.area.height];
    const [x, y, w, h] = start.xywh;
    corrections.move(each.t, each.place, start.corner ? [x, y, w + dx, h + dy] : [x + dx, y + dy, w, h]);
  });
  for (const end of ["pointerup", "pointercancel"]) each.addEventListener(end, () => (start = null));
  each.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-NUDGE, 0], ArrowRight: [NUDGE, 0], ArrowUp: [0, -NUDGE], ArrowDown: [0, NUDGE] };
    const [x, y, w, h] = box();
    if (event.key === "Delete" || event.key === "Backspace") corrections.remove(each.t, each.place);
    else if (!(event.key in steps)) return;
    else if (event.shiftKey) corrections.move(each.t, each.place, [x, y, w + steps[event.key][0], h + steps[event.key][1]]);
    else corrections.move(each.t, each.place, [x + steps[event.key][0], y + steps[event.key][1], w, h]);
    event.preventDefault();
    event.stopPropagation();
  });
  return each;
}

