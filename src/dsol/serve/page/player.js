// One video: the original with light and boxes over it, what sounds now, the timeline, corrections, downloads.
//
// Found ─▶ Overlay (canvas), objects (buttons over the picture), Timeline           moved by the film's own time

import { fileOf } from "./api.js";
import { Corrections, lay, showCount, showEditor, showHandles } from "./correct.js";
import { OFF_SCREEN, SILENT } from "./found.js";
import { Overlay } from "./overlay.js";
import { Timeline, dot, element, stateWord, valueAt } from "./timeline.js";
import { clock, spoken } from "./times.js";

const MAIN = {
  "localized.mp4": "Annotated video",
  "poster.jpg": "Poster",
  "timeline.png": "Timeline",
  "result.json": "Numbers, JSON",
  "boxes.coco.json": "Boxes, COCO",
};
const FIXED = ["localized.mp4", "poster.jpg"]; // made once, whatever the threshold
const part = (id) => document.getElementById(id);
const film = part("film");
const still = part("still");
const overlay = new Overlay(part("overlay"));
const timeline = new Timeline(part("timeline"), { seek, toggle, play, hear, hide });
const show = { light: true, boxes: true, hidden: new Set() };
let shown = null; // { video, found, corrections }
let formats = {};
let until_s = Infinity; // where a stretch that is played ends
let touched = false; // the visitor has gone somewhere: the film no longer follows the work
let editing = false;
let stillAt_s = 0; // the time, where pictures stand in for a film that the browser does not play
let source = "";
let next = 0; // the picture that is waited for: one at a time, whatever starts the film

// A video is chosen, or more of it is found.

export function open(video, found, known) {
  formats = known;
  if (shown?.video !== video) {
    shown = { video, found: null, corrections: null };
    until_s = Infinity;
    touched = editing = false;
    stillAt_s = 0;
    show.hidden = new Set();
    part("result-title").textContent = video.name;
    film.setAttribute("aria-label", `${video.name}, the original`);
    choose("");
  }
  if (shown.found !== found) {
    shown.found = found;
    shown.corrections = new Corrections(video, found, () => requestAnimationFrame(() => paint()));
    setSlider(found);
    edit(false);
  }
  sources();
  replace();
  progress(video);
  if (part("result").version !== found.version || part("result").of !== found) update();
  else downloads(video, found);
}

export function leave() {
  if (!shown) return;
  shown = null;
  choose("");
  show.hidden = new Set();
}

// Something else is found, or the threshold has moved.
function update() {
  const { video, found } = shown;
  Object.assign(part("result"), { of: found, version: found.version });
  timeline.show(found, show.hidden);
  part("segments").replaceChildren(...segments(found));
  part("correct").hidden = !found.complete;
  downloads(video, found);
  if (!touched) go(found.complete ? 0 : found.times_s.at(-1)); // the work is seen going on
  follow();
}

function progress(video) {
  part("going").hidden = video.state !== "running";
  const bar = part("going-bar");
  bar.max = video.total || 1;
  if (video.total) bar.value = Math.min(video.done, video.total);
  else bar.removeAttribute("value");
  const far = video.total ? `: ${Math.min(video.done, video.total)} of ${video.total} ${video.unit}` : "";
  part("going-step").textContent = `${video.step}${far}`;
}

// The film: the visitor's own file, the original, what stands in for it, or pictures.

function sources() {
  const { video } = shown;
  if (source || film.error) return;
  choose(video.local || fileOf(video.id, "original"));
}

function choose(address) {
  source = address;
  still.hidden = true;
  film.hidden = false;
  if (address) film.src = address;
  else {
    film.removeAttribute("src");
    film.load();
  }
}

film.addEventListener("error", () => {
  if (!shown || !source) return;
  const { video } = shown;
  const other = fileOf(video.id, "watch.mp4");
  if (video.more?.includes("watch.mp4") && source !== other) return choose(other);
  film.hidden = true;
  still.hidden = false;
  picture();
});

const usesStills = () => film.hidden;

function picture() {
  const address = fileOf(shown.video.id, `still-${Math.floor(stillAt_s)}.jpg`);
  if (!still.src.endsWith(address)) still.src = address;
}

still.addEventListener("load", () => paint());
still.addEventListener("error", () => {
  if (shown && shown.video.more?.includes("watch.mp4")) choose(fileOf(shown.video.id, "watch.mp4"));
});

// There is a film that browsers play now.
function replace() {
  if (usesStills() && shown?.video.more?.includes("watch.mp4")) choose(fileOf(shown.video.id, "watch.mp4"));
}

const now = () => (usesStills() ? stillAt_s : film.currentTime);

function go(time_s) {
  if (usesStills()) {
    stillAt_s = time_s;
    picture();
  } else film.currentTime = Number.isFinite(film.duration) ? Math.min(time_s, film.duration) : time_s;
  tell(time_s);
}

function seek(time_s) {
  touched = true;
  until_s = Infinity;
  go(time_s);
}

function toggle() {
  touched = true;
  until_s = Infinity;
  if (film.paused) start();
  else film.pause();
}

const start = () => film.play().catch(() => {}); // it is not there yet

// Plays one stretch of sounding, from its start to its end.
function play(stretch) {
  if (editing) edit(false);
  touched = true;
  go(stretch.start_s);
  until_s = stretch.end_s;
  start();
  part("said").textContent = `Playing ${spoken(stretch.category)}, ${clock(stretch.start_s)} to ${clock(stretch.end_s)}`;
}

// Plays the stretch of a category that is on now, or the next one, or the first.
function hear(k) {
  const own = shown.found.stretches().filter((s) => s.k === k && s.state !== SILENT);
  const time_s = now();
  const stretch = own.find((s) => s.start_s <= time_s && time_s < s.end_s - 0.05) || own.find((s) => s.start_s > time_s) || own[0];
  if (stretch) play(stretch);
}

function hide(k, hidden) {
  if (hidden) show.hidden.add(k);
  else show.hidden.delete(k);
  timeline.draw();
  follow();
}

// While the film runs, with every picture that the browser draws.
function follow() {
  cancelAnimationFrame(next);
  if (!shown) return;
  if (film.currentTime >= until_s) {
    film.pause();
    if (film.currentTime > until_s + 0.1) film.currentTime = until_s;
    until_s = Infinity;
  }
  tell(now());
  if (!film.paused && !film.ended) next = requestAnimationFrame(follow);
}

function tell(time_s) {
  const { found } = shown;
  if (!found) return;
  const sounding = soundingAt(found, time_s);
  const names = sounding.map(({ k, state, score }) => `${spoken(found.categories[k])}${state === OFF_SCREEN ? ", off screen" : ` ${score.toFixed(2)}`}`);
  timeline.at(time_s, `${time_s.toFixed(1)} seconds: ${names.join(", ") || "nothing sounds"}`);
  part("clock").textContent = `${clock(time_s)} / ${clock(found.end_s)}`;
  part("play").ariaLabel = film.paused ? "Play" : "Pause";
  part("play").classList.toggle("on", !film.paused);
  chips(found, sounding, time_s);
  paint(time_s);
}

function chips(found, sounding, time_s) {
  const own = sounding.map(({ k, state, score }) => {
    const told = element("i", { textContent: state === OFF_SCREEN ? "off screen" : score.toFixed(2) });
    return element("span", { className: "chip" }, dot(found.colourOf(k)), spoken(found.categories[k]), told);
  });
  const silence = element("span", { className: "none", textContent: "nothing sounds" });
  part("now").replaceChildren(element("time", { textContent: clock(time_s) }), ...(own.length ? own : [silence]));
}

function soundingAt(found, time_s) {
  const t = found.answer(time_s);
  return found.present
    .filter((k) => found.sounds(k, t))
    .map((k) => ({ k, state: found.state(k, t), score: valueAt(found.times_s, found.scores.get(k) || [], time_s) }));
}

// The picture: where it is, what lies over it.

function area() {
  const screen = part("screen");
  const [wide, high] = usesStills() ? [still.naturalWidth, still.naturalHeight] : [film.videoWidth, film.videoHeight];
  const share = (wide || shown.found.width) / (high || shown.found.height);
  const width = Math.min(screen.clientWidth, screen.clientHeight * share);
  const height = width / share;
  return { left: (screen.clientWidth - width) / 2, top: (screen.clientHeight - height) / 2, width, height };
}

function paint(time_s = now()) {
  if (!shown?.found) return;
  const { found, corrections } = shown;
  const where = area();
  const t = found.answer(time_s);
  const objects = editing || t in corrections.moments ? corrected(t) : gliding(time_s, t);
  overlay.draw(found, time_s, where, { ...show, light: show.light && !editing }, objects);
  if (editing) {
    showHandles(part("handles"), corrections, t, where);
    showEditor(corrections, t);
  }
  showCount(corrections);
  part("objects").hidden = editing;
  if (!editing) buttons(objects, where);
  rim(found, t);
}

function corrected(t) {
  const { found, corrections } = shown;
  return corrections.boxes(t).map(({ category, xywh, sounding }) => {
    const k = found.categories.indexOf(category);
    return { k, name: category, xywh, colour: found.colourOf(k), state: sounding ? 0 : SILENT };
  });
}

// The boxes of an answer, on their way to the next one.
function gliding(time_s, t) {
  const { found, corrections } = shown;
  const [first, second, share] = found.between(time_s);
  const later = found.shown(second);
  return found.shown(t).filter(({ k }) => !show.hidden.has(k)).map((box) => {
    const same = (others) => others.find((o) => o.k === box.k && (o.object === box.object || others.filter((e) => e.k === box.k).length === 1));
    const [from, to] = [same(found.shown(first)) || box, same(later) || box];
    const xywh = from.xywh.map((value, n) => value + share * (to.xywh[n] - value));
    const object = found.name(box);
    const name = corrections.renamed[object] || object;
    return { k: box.k, name, xywh, colour: found.colourOf(box.k), state: found.state(box.k, t), score: found.scores.get(box.k)?.[t] };
  });
}

// A button on each object, to hear it; they stay as long as their number does, so that the focus stays, too.
function buttons(objects, where) {
  const root = part("objects");
  while (root.children.length > objects.length) root.lastChild.remove();
  while (root.children.length < objects.length) {
    const made = element("button", { type: "button" });
    made.addEventListener("click", () => hear(made.k));
    root.append(made);
  }
  objects.forEach(({ k, name, xywh, state }, n) => {
    const each = root.children[n];
    each.k = k;
    const told = `${spoken(name)}, ${stateWord(state) === "silent" ? "silent" : "sounds"}: hear it`;
    if (each.title !== told) each.title = each.ariaLabel = told;
    lay(each, xywh, where);
  });
}

// What sounds off screen, at the rim.
function rim(found, t) {
  const hidden = found.present.filter((k) => !show.hidden.has(k) && found.state(k, t) === OFF_SCREEN);
  const named = hidden.map((k) => element("span", { className: "chip" }, dot(found.colourOf(k)), `${spoken(found.categories[k])}, off screen`));
  part("beyond").replaceChildren(...(show.boxes && !editing ? named : []));
}

// The list, the slider, the corrections, the downloads.

function segments(found) {
  const all = found.stretches().filter((s) => s.state !== SILENT);
  if (!all.length) return [element("li", { className: "quiet", textContent: found.complete ? "Nothing is found to sound." : "Nothing yet." })];
  return all.map((stretch) => {
    const name = element("b", { textContent: spoken(stretch.category) });
    const away = stretch.state === OFF_SCREEN ? ", off screen" : "";
    const times = `${clock(stretch.start_s)} – ${clock(stretch.end_s)}${away}`;
    const when = element("span", { className: "quiet", textContent: times, title: `mean score ${stretch.score.toFixed(2)}` });
    const button = element("button", { type: "button" }, dot(found.colourOf(stretch.k)), name, when);
    button.addEventListener("click", () => play(stretch));
    return element("li", {}, button);
  });
}

function setSlider(found) {
  const slider = part("threshold");
  const rounded = (value) => Math.ceil(100 * value) / 100;
  Object.assign(slider, { min: Math.max(rounded(found.lowest), 0.01), max: 0.99, step: 0.01, value: found.level });
  tellThreshold(found);
}

function tellThreshold(found) {
  const own = found.level === found.threshold;
  part("level").textContent = found.level.toFixed(2);
  part("threshold").ariaValueText = `${found.level.toFixed(2)}${own ? ", the model's" : ""}`;
  part("reset").hidden = own;
  part("reset").ariaLabel = part("reset").title = `Back to the model's ${found.threshold.toFixed(2)}`;
}

function setThreshold(value) {
  const { found } = shown;
  found.at(value);
  part("threshold").value = value;
  tellThreshold(found);
  update();
}

function edit(on) {
  editing = on;
  if (on) {
    film.pause();
    touched = true;
    const t = shown.found.answer(now());
    if (t >= 0) go(shown.found.times_s[t]);
  }
  part("edit").ariaPressed = String(on);
  part("edit").textContent = on ? "Stop correcting" : "Correct this moment";
  part("editor").hidden = !on;
  part("handles").replaceChildren();
  if (shown?.found) paint();
}

const moment = () => shown.found.answer(now());

function step(count) {
  const t = Math.min(Math.max(moment() + count, 0), shown.found.times_s.length - 1);
  seek(shown.found.times_s[t]);
}

function save(text, name) {
  const address = URL.createObjectURL(typeof text === "string" ? new Blob([text], { type: "application/json" }) : text);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const stem = () => shown.video.name.replace(/\.[^.]*$/, "");

// This moment's picture, as it is seen, as PNG.
function snapshot() {
  const canvas = element("canvas", { width: shown.found.width, height: shown.found.height });
  const pen = canvas.getContext("2d");
  pen.drawImage(usesStills() ? still : film, 0, 0, canvas.width, canvas.height);
  const where = area();
  const dense = overlay.canvas.width / overlay.canvas.clientWidth;
  pen.drawImage(overlay.canvas, ...[where.left, where.top, where.width, where.height].map((v) => v * dense), 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => save(blob, `${stem()}.${now().toFixed(2)}s.png`));
}

function downloads(video, found) {
  const query = found.level === found.threshold ? "" : `?threshold=${found.level}`;
  const all = JSON.stringify([video.id, video.state, video.files, video.more, query]);
  const root = part("downloads");
  if (root.of === all) return;
  root.of = all;
  const there = (file) => video.files?.includes(file) || video.more?.includes(file);
  const link = (file, textContent) =>
    element("a", { href: fileOf(video.id, file) + (FIXED.includes(file) ? "" : query), download: `${stem()}.${file}`, textContent });
  const main = Object.entries(MAIN).filter(([file]) => there(file)).map(([file, name]) => link(file, name));
  root.replaceChildren(...main);
  part("formats").hidden = !video.files?.length;
  const rest = Object.entries(formats).filter(([, { files }]) => !files.every((file) => file in MAIN));
  part("format-list").replaceChildren(...rest.map(([name, { files, told }]) =>
    element("li", {}, element("b", { textContent: name }), element("span", { className: "quiet", textContent: told }), ...files.map((file) => link(file, file)))));
}

for (const event of ["play", "pause", "seeked", "ended", "loadeddata"]) film.addEventListener(event, follow);
part("screen").addEventListener("click", (event) => event.target.closest("button") || editing || toggle());
part("play").addEventListener("click", toggle);
part("mute").addEventListener("click", () => {
  film.muted = !film.muted;
  part("mute").ariaPressed = String(film.muted);
});
part("full").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : part("player").requestFullscreen()));
for (const [id, layer] of [["light", "light"], ["boxes", "boxes"]]) {
  part(id).addEventListener("change", (event) => {
    show[layer] = event.target.checked;
    paint();
  });
}
part("threshold").addEventListener("input", (event) => setThreshold(Number(event.target.value)));
part("reset").addEventListener("click", () => {
  setThreshold(shown.found.threshold);
  part("threshold").focus();
});
part("snapshot").addEventListener("click", snapshot);
part("edit").addEventListener("click", () => edit(!editing));
part("before").addEventListener("click", () => step(-1));
part("after").addEventListener("click", () => step(1));
part("add").addEventListener("click", () => shown.corrections.add(moment()));
part("right").addEventListener("click", () => shown.corrections.confirm(moment()));
part("undo").addEventListener("click", () => shown.corrections.undo(moment()));
part("save-corrected").addEventListener("click", () => save(shown.corrections.file(false), `${stem()}.boxes.json`));
part("save-all").addEventListener("click", () => save(shown.corrections.file(true), `${stem()}.boxes.json`));
new ResizeObserver(() => paint()).observe(part("screen"));

// Keys for the whole player, where nothing is typed.
part("player").addEventListener("keydown", (event) => {
  if (event.target.matches("input, button, [role=slider]") && event.key === " ") return;
  if (event.target.matches("input[type=text], input[type=range]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = { " ": toggle, k: toggle, m: () => part("mute").click(), f: () => part("full").click(), l: () => part("light").click(), b: () => part("boxes").click(), ",": () => step(-1), ".": () => step(1) };
  if (!(event.key in keys)) return;
  keys[event.key]();
  event.preventDefault();
});
